import { mount, preloadSession } from '@kit';
import './crowd.css';
import { Testing } from './Testing';
import { preloadVenue } from './venue';

preloadSession('crowd');
preloadVenue();
mount(<Testing />);
