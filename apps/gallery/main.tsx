import { createClient } from '@freshet/client';
import { mount } from '@kit';
import { Gallery } from './Gallery';
import './gallery.css';
import type { AppNumber } from './numbers';

const client = createClient<{ number: AppNumber }>({ url: '/api/apps/stream' });
mount(<Gallery client={client} />);
