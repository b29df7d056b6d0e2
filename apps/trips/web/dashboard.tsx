import { mount, preload, preloadSession, RequireSession, Shell } from '@kit';
import { useState } from 'react';
import { Board } from './Board';
import { Connection, NAV } from './parts';
import { chosenInAddress, pathOf } from './useTrips';
import './trips.css';

preloadSession('trips');
preload(pathOf(chosenInAddress()));

function Page() {
  const [isConnected, setConnected] = useState(false);
  return (
    <Shell app="trips" title="Bus trips" nav={NAV} status={<Connection isConnected={isConnected} />}>
      <RequireSession app="trips">{(session) => <Board session={session} onConnection={setConnected} />}</RequireSession>
    </Shell>
  );
}

mount(<Page />);
