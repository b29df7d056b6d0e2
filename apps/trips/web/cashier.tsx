import { mount, preload, preloadSession, RequireSession, Shell } from '@kit';
import { useState } from 'react';
import { Counter } from './Counter';
import { Connection, NAV } from './parts';
import { pathOf } from './useTrips';
import './trips.css';

preloadSession('trips');
preload(pathOf([]));

function Page() {
  const [isConnected, setConnected] = useState(false);
  return (
    <Shell app="trips" title="Ticket counter" nav={NAV} status={<Connection isConnected={isConnected} />}>
      <RequireSession app="trips">{() => <Counter onConnection={setConnected} />}</RequireSession>
    </Shell>
  );
}

mount(<Page />);
