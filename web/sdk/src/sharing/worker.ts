/** The SharedWorker: one connection for all tabs of an origin that use the same name. */
import { browserEnv, type PageEvent } from '../browser.js';
import { createHolder } from './holder.js';
import type { ToHolder } from './wire.js';

const ports = new Map<string, MessagePort>();
const watchers = new Set<(what: PageEvent) => void>();
const browser = browserEnv();
const env = {
  ...browser,
  watch(on: (what: PageEvent) => void) {
    const off = browser.watch(on);
    watchers.add(on);
    return () => {
      watchers.delete(on);
      off();
    };
  },
  /** Workers know nothing of visibility; a tab that becomes visible says so. */
  wake: () => watchers.forEach((on) => on('visible')),
};
const holder = createHolder(env, (message) => {
  if (message.to === null) for (const port of ports.values()) port.postMessage(message);
  else ports.get(message.to)?.postMessage(message);
});

addEventListener('connect', (event) => {
  const port = (event as MessageEvent).ports[0]!;
  port.onmessage = ({ data }: MessageEvent<ToHolder>) => {
    if (data.do === 'bye') ports.delete(data.from);
    else ports.set(data.from, port);
    holder.take(data);
  };
});
