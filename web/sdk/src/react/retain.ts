import type { Off } from '../types.js';

interface Hold {
  count: number;
  cancel: ReturnType<typeof setTimeout> | undefined;
}
const holds = new WeakMap<object, Hold>();

/**
 * Keeps a client connected while anybody holds it, and a moment longer (`lingerMs`, default 1000):
 * a page that is left for the next, or an effect that StrictMode runs twice, costs no reconnect.
 */
export function retain(client: { connect(): void; disconnect(): void }, lingerMs = 1000): Off {
  const hold = holds.get(client) ?? { count: 0, cancel: undefined };
  holds.set(client, hold);
  clearTimeout(hold.cancel);
  if (!hold.count++) client.connect();
  let held = true;
  return () => {
    if (held && !--hold.count) hold.cancel = setTimeout(() => client.disconnect(), lingerMs);
    held = false;
  };
}
