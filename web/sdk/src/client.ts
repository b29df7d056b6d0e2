import { browserEnv, type Env } from './browser.js';
import { createDispatcher } from './dispatch.js';
import { createEngine, type EngineHooks } from './engine.js';
import { FreshetError } from './errors.js';
import { passes } from './event.js';
import { pollOf } from './machine.js';
import { toSettings, type ClientOptions } from './options.js';
import { createResolve } from './request.js';
import type {
  EventMap, FreshetEvent, Gap, HistoryOptions, Listener, Off, PublishOptions, Snapshot, SubscribeOptions,
} from './types.js';

/** What {@link Client.on} can name besides the application's own event types. */
export interface LifecycleMap {
  /** Every event of the application. */
  '*': unknown;
  /** A stream has been opened. */
  open: Snapshot;
  /** Something failed; also what will be retried. */
  error: FreshetError;
  /** Events were lost. */
  gap: Gap;
  /** The status has changed. */
  status: Snapshot;
}

type Names<M> = (keyof M & string) | keyof LifecycleMap;
type DataOf<M, T> = T extends keyof LifecycleMap ? LifecycleMap[T] : T extends keyof M ? M[T] : unknown;

type On<M, T extends string> = Listener<DataOf<M, T>, T extends '*' ? string : T>;

/** A connection to a hub, with its listeners. */
export interface Client<M extends object = EventMap> {
  /** Connects, unless that is so already. */
  connect(): void;
  /** Ends the connection; listeners stay. */
  disconnect(): void;
  /** Connects anew at once, also out of `failed`. */
  reconnect(): void;
  /** Ends everything and lets go of the page. */
  close(): void;
  on<T extends Names<M>>(type: T, listener: On<M, T>): Off;
  off<T extends Names<M>>(type: T, listener: On<M, T>): void;
  once<T extends Names<M>>(type: T, listener: On<M, T>): Off;
  /** Follows a channel, also one that was not in `channels`. */
  subscribe(channel: string, listener: (event: FreshetEvent) => void, options?: SubscribeOptions): Off;
  /** Publishes one event. Resolves to its id. */
  publish<T extends keyof M & string>(type: T, data: M[T], options?: PublishOptions): Promise<string | null>;
  /** Reads kept events from the hub, oldest first. */
  history(options?: HistoryOptions): AsyncIterableIterator<FreshetEvent>;
  /** The last events that came, oldest first. A new array with each change. */
  recent(): readonly FreshetEvent[];
  clearRecent(): void;
  /** Says that the application has made good what a gap lost: `stale` goes. */
  markFresh(): void;
  getSnapshot(): Snapshot;
  /** Calls back when the snapshot or {@link Client.recent} has changed. */
  subscribeSnapshot(listener: () => void): Off;
}

export function createClient<M extends object = EventMap>(options: ClientOptions, env: Env = browserEnv()): Client<M> {
  const config = toSettings(options);
  const { fetch, persist, share, states, events: type } = config;
  const world = fetch ? { ...env, fetch } : env;
  if (config.start === 'poll' && !pollOf(config)) throw new FreshetError('config', 'no onExhausted: poll()');
  config.lastEventId = config.lastEventId ?? persist?.storage.getItem(persist.key) ?? undefined;

  const log = config.logger ?? (env.setting(config.debugKey ?? 'freshet-debug') === 'true' ? console : null);
  const resolve = createResolve(config);
  const { report, emit, changed, later, queue, ...api } = createDispatcher(world, config, log, () => {
    const { lastEventId } = engine.state();
    if (persist && lastEventId !== null) persist.storage.setItem(persist.key, lastEventId);
  });
  /** One entry a subscription. */
  const followed = [...(config.channels ?? [])];
  const names = () => [...new Set(followed)];
  const ends = new AbortController();
  let shown: Snapshot | null = null;

  function show(next: Snapshot): void {
    const before = shown?.status;
    shown = next;
    if (before === next.status) return later();
    log?.debug('freshet:', next.status);
    emit('status', next);
    if (next.isConnected) emit('open', next);
    changed();
  }
  const hooks: EngineHooks = {
    state(state) {
      const { error, status } = state;
      const failed = states === 'error' ? { ...state, status: 'error' as const } : state;
      if (error && error !== shown?.error) {
        report(error);
        if (status === 'reconnecting' && failed !== state) show(failed);
      }
      show(status === 'failed' ? failed : state);
    },
    events(events) {
      log?.debug('freshet:', events);
      queue(events);
    },
  };
  const parts = { config, env: world, resolve, hooks };
  const engine = share?.(parts) ?? createEngine(parts);
  engine.follow(names());

  /** Several subscriptions in one go cost one reconnect: the first to be carried out takes all. */
  const follow = () => world.after(0, () => engine.follow(names()));

  return {
    ...(api as Pick<Client<M>, 'on' | 'off' | 'once' | 'recent' | 'clearRecent' | 'subscribeSnapshot'>),
    connect: () => engine.send('connect'),
    disconnect: () => engine.send('disconnect'),
    reconnect: () => engine.send('reconnect'),
    close() {
      ends.abort();
      engine.close();
    },
    subscribe(channel, listener, wanted = {}) {
      const { signal } = wanted;
      const off = api.on('*', (_, event) => {
        const here = event.channel ? event.channel === channel : names().length < 2;
        if (here && passes(wanted, event)) listener(event);
      });
      let held = 1;
      const end = () => {
        followed.splice(followed.indexOf(channel), held);
        held = 0;
        off();
        follow();
      };
      followed.push(channel);
      follow();
      if (signal?.aborted) end();
      signal?.addEventListener('abort', end);
      return end;
    },
    publish: async (name, data, more) =>
      (await import('./rest.js')).publish(world, resolve, name, data, { channel: names()[0], ...more }, ends.signal),
    async *history(more) {
      yield* (await import('./rest.js')).history(world, resolve, { channels: names(), ...more }, { type }, ends.signal);
    },
    markFresh: () => engine.send('fresh'),
    getSnapshot: () => (shown = shown ?? engine.state()),
  };
}
