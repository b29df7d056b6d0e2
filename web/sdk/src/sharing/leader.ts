import type { State } from '../machine.js';
import { createHolder } from './holder.js';
import type { EngineParts } from '../engine.js';
import type { Link } from './tab.js';
import type { ToHolder, ToTab } from './wire.js';

/** Waits for the lock; whoever has it holds the connection and broadcasts what comes. */
export function joinLeader(name: string, { env }: EngineParts, take: (message: ToTab) => void): Link {
  const air = new BroadcastChannel(`freshet:${name}`);
  let holder: ReturnType<typeof createHolder> | null = null;
  let last: State | null = null;
  let resign = () => {};
  const toTab = (message: ToTab) => {
    air.postMessage(message);
    take(message);
  };
  air.onmessage = ({ data }: MessageEvent<ToTab | ToHolder>) => {
    if ('from' in data) holder?.take(data);
    else {
      if (data.do === 'state') last = { ...data.state, error: null };
      take(data);
    }
  };
  const stand = () => {
    const abort = new AbortController();
    let left = false;
    const leading = () =>
      new Promise<void>((done) => {
        if (left) return done();
        holder = createHolder(env, toTab, last);
        resign = () => {
          holder?.close();
          holder = null;
          done();
        };
        toTab({ to: null, do: 'who' });
      });
    resign = () => {
      left = true;
      abort.abort();
    };
    navigator.locks.request(`freshet:${name}`, { signal: abort.signal }, leading).catch(() => {});
  };
  stand();
  let away = false;
  const unwatch = env.watch((what) => {
    if (what === 'pagehide') resign(); // a page that is put away must not lead
    if (what === 'pageshow' && away) stand();
    if (what.startsWith('page')) away = what === 'pagehide';
  });
  return {
    post(message) {
      if (holder) holder.take(message);
      else air.postMessage(message);
    },
    close() {
      unwatch();
      resign();
      air.close();
    },
  };
}
