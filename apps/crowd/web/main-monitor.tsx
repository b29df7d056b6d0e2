import { mount, preloadSession } from '@kit';
import { Monitor } from './Monitor';
import './crowd.css';
import { preloadVenue } from './venue';

preloadSession('crowd');
preloadVenue();
mount(<Monitor />);
