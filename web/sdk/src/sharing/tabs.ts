import { createEngine } from '../engine.js';
import { joinLeader } from './leader.js';
import type { Share } from './share.js';
import { createTab } from './tab.js';
import type { ToTab } from './wire.js';

/** Options of {@link tabs}. */
export interface TabsOptions {
  /**
   * Tabs with the same name share. Give users of their own a name of their own if two of them can be
   * signed in at once in one browser. Default `'freshet'`.
   */
  name?: string;
  /** Where the worker script is served. Default: beside this module, for bundlers to find. */
  workerUrl?: string | URL;
  /** `'auto'` (default) takes the first that the browser has, in this order. */
  mode?: 'auto' | 'worker' | 'leader' | 'alone';
}

/**
 * One connection for all tabs: a SharedWorker; else, where there are Web Locks, the tab that holds
 * the lock leads and passes events on; else each tab has its own.
 */
export function tabs({ name = 'freshet', workerUrl, mode = 'auto' }: TabsOptions = {}): Share {
  return (request) => {
    const { config } = request;
    const may = (wanted: string) => mode === 'auto' || mode === wanted;
    // A fetch of the application's own can't cross to a worker
    const worker = may('worker') && !config.fetch && config.transport !== 'eventsource' && typeof SharedWorker !== 'undefined';
    const leader = may('leader') && typeof BroadcastChannel !== 'undefined' && typeof navigator !== 'undefined' && !!navigator.locks;
    if (worker) {
      try {
        const shared = workerUrl
          ? new SharedWorker(workerUrl, { name })
          : new SharedWorker(new URL('./worker.js', import.meta.url), { name });
        return createTab(request, (take) => {
          shared.port.onmessage = ({ data }: MessageEvent<ToTab>) => take(data);
          return { post: (message) => shared.port.postMessage(message), close: () => shared.port.close() };
        });
      } catch {
        // blocked by policy: go on below
      }
    }
    if (leader) return createTab(request, (take) => joinLeader(name, request, take));
    return createEngine(request);
  };
}
