import type { Env } from '../browser.js';
import { createEngine, type Engine } from '../engine.js';
import { FreshetTimeoutError, asError } from '../errors.js';
import type { State } from '../machine.js';
import { poll } from '../polling.js';
import type { FreshetEvent } from '../types.js';
import type { Resolve, Target } from '../request.js';
import { packError, unpackError, type ToHolder, type ToTab } from './wire.js';

/** How long a tab has to answer before the next one is asked, in ms. */
const ANSWER_MS = 5000;

/**
 * Holds one connection for many tabs, in a worker or in the tab that leads. It runs while at least
 * one tab wants it and follows every channel that any of them follows. Addresses and tokens are the
 * tabs' to give: it asks the one that spoke last, then the others.
 */
export function createHolder(env: Env, send: (message: ToTab) => void, lastState: State | null = null) {
  const tabs = new Map<string, { channels: readonly string[]; wants: boolean }>();
  const calls = new Map<number, { done(target: Target): void; failed(error: unknown): void }>();
  let engine: Engine | null = null;
  let count = 0;

  const tell = (to: string | null, { error, ...state }: State) =>
    send({ to, do: 'state', state, error: error && packError(error) });

  const resolve: Resolve = async (reason, query, beside) => {
    const asked = [...tabs.keys()].reverse();
    for (const to of asked) {
      const call = ++count;
      let cancel = () => {};
      const target = await new Promise<Target | null>((done, failed) => {
        calls.set(call, { done, failed });
        cancel = env.after(ANSWER_MS, () => done(null));
        send({ to, do: 'resolve', call, reason, query, beside });
      }).finally(() => {
        cancel();
        calls.delete(call);
      });
      if (target) return target;
      tabs.delete(to); // a tab that is gone without a word
    }
    throw new FreshetTimeoutError('timeout', 'no tab answered', { retryable: true });
  };

  function update(): void {
    const all = [...tabs.values()];
    engine?.follow([...new Set(all.flatMap(({ channels }) => channels))]);
    engine?.send(all.some(({ wants }) => wants) ? 'connect' : 'disconnect');
  }

  return {
    take(message: ToHolder): void {
      const { from } = message;
      const tab = tabs.get(from) ?? { channels: [], wants: false };
      switch (message.do) {
        case 'hello': {
          const { polling, renews, lastEventId, ...config } = message.config;
          tabs.delete(from);
          tabs.set(from, { ...tab, channels: message.channels });
          const hooks = {
            state: (state: State) => tell(null, state),
            events: (events: FreshetEvent[]) => {
              if (events.length) send({ to: null, do: 'events', events });
            },
          };
          if (!engine) {
            const from = lastState?.lastEventId ?? lastEventId;
            const settings = {
              ...config,
              url: '', // the tabs have it
              ...(from !== null && { lastEventId: from }),
              ...(renews && { getToken: () => null }),
              ...(polling && { onExhausted: poll(polling) }),
            };
            engine = createEngine({ config: settings, env, resolve, hooks });
          }
          tell(from, engine.state());
          return update();
        }
        case 'bye':
          tabs.delete(from);
          return update();
        case 'follow':
          tabs.set(from, { ...tab, channels: message.channels });
          return update();
        case 'connect':
        case 'disconnect':
          tabs.set(from, { ...tab, wants: message.do === 'connect' });
          return update();
        case 'resolved': {
          const call = calls.get(message.call);
          if (message.target) call?.done(message.target);
          else call?.failed(message.error ? unpackError(message.error) : asError('no target'));
          return;
        }
        case 'visible': // the tab may have slept, and the holder with it
          return void (env as { wake?: () => void }).wake?.();
        default:
          tabs.set(from, { ...tab, wants: true });
          engine?.send(message.do);
      }
    },
    close: () => engine?.close(),
  };
}
