import { createClient } from '@freshet/client';
import { mount } from '@kit';
import { Gallery } from './Gallery';
import './gallery.css';
import type { AppNumber } from './numbers';

// A browser has six connections to a site for all of its tabs: one that nobody sees gives its own back.
const client = createClient<{ number: AppNumber }>({ url: '/api/apps/stream', whenHidden: 'close', hiddenGraceMs: 5000 });
mount(<Gallery client={client} />);
