import type { Engine } from '../engine.js';
import { asError } from '../errors.js';
import { bare } from '../event.js';
import { initialState, pollOf, type State } from '../machine.js';
import { fetchPage } from '../rest.js';
import type { FreshetEvent } from '../types.js';
import type { EngineParts } from '../engine.js';
import { packError, unpackError, type ToHolder, type ToTab } from './wire.js';

/** The way to whoever holds the connection. */
export interface Link {
  post(message: ToHolder): void;
  close(): void;
}

/** Most events in one page of catching up. */
const PAGE = 1000;

/** The tab's end of a shared connection: an engine that runs elsewhere. */
export function createTab(
  { config, env, resolve, hooks }: EngineParts,
  join: (take: (message: ToTab) => void) => Link,
): Engine {
  const from = Array.from({ length: 4 }, () => env.random().toString(36).slice(2)).join('');
  const ends = new AbortController();
  let state = initialState(config.lastEventId ?? null);
  let channels: readonly string[] = [];
  let wants = false;
  /** Up to where this tab has been served; the shared stream may have gone on without it. */
  let mark = config.lastEventId ?? null;
  let synced = false;
  let waiting: FreshetEvent[] | null = null;
  /** Each tab makes good its own losses. */
  let stale = false;

  function take(message: ToTab): void {
    if (message.to !== null && message.to !== from) return;
    if (message.do === 'who') greet();
    else if (message.do === 'resolve') {
      const { call, reason, query, beside } = message;
      resolve(reason, query, beside).then(
        (target) => link.post({ from, do: 'resolved', call, target: { ...target, url: absolute(target.url) } }),
        (thrown) => link.post({ from, do: 'resolved', call, error: packError(asError(thrown)) }),
      );
    } else if (message.do === 'state') {
      const next = { ...message.state, error: message.error && unpackError(message.error) };
      sync(next.lastEventId);
      show(next);
    } else if (wants) deliver(message.events);
  }
  function deliver(events: readonly FreshetEvent[]): void {
    const own = events.filter(({ channel }) => !channel || channels.includes(channel));
    if (waiting) return void waiting.push(...own);
    if (own.some(({ type }) => type === 'freshet.gap')) show(state, true);
    if (own.length) hooks.events(own);
  }
  /** Compares where this tab is with where the shared stream is, and fetches what lies between. */
  function sync(at: string | null): void {
    if (!wants) return;
    if (!synced && mark !== null && at !== null && mark !== at) void catchUp(mark);
    synced = true;
    mark = at ?? mark;
  }
  async function catchUp(since: string): Promise<void> {
    waiting = [];
    const events: FreshetEvent[] = [];
    const tellGap = (data: unknown) => events.push(bare('freshet.gap', data));
    try {
      for (let cursor: string | null = since; cursor !== null; ) {
        const query = { type: config.events, envelope: null, channel: channels, lastEventId: cursor, limit: PAGE };
        const page = await fetchPage(env, resolve, query, ends.signal);
        if (page.gap) tellGap(page.gap);
        events.push(...page.events);
        cursor = page.events.length < PAGE ? null : page.cursor;
      }
    } catch {
      tellGap({ reason: 'shared', channels, from: since });
    }
    const fetched = new Set(events.map(({ id }) => id));
    const live: FreshetEvent[] = waiting;
    waiting = null;
    if (wants) deliver([...events, ...live.filter(({ id }) => id === null || !fetched.has(id))]);
  }
  /** A tab that wants no connection shows none, whatever the others have. */
  function show(next: State, isStale = stale): void {
    stale = isStale;
    // Errors are copied on their way: the same one stays the same
    const error = next.error?.message === state.error?.message ? state.error : next.error;
    const status = !wants ? 'disconnected' : next.status === 'disconnected' ? 'connecting' : next.status;
    state = { ...next, error: wants ? error : null, stale, status, isConnected: status === 'connected', transport: wants ? next.transport : null };
    hooks.state(state);
    if (wants && !waiting) hooks.events([]);
  }
  const { retry, connectTimeout, heartbeatTimeout, start, openEvent, envelope, events, hiddenGraceMs, whenHidden } = config;
  const poll = pollOf(config);
  const wire = {
    retry, connectTimeout, heartbeatTimeout, start, openEvent, envelope, events, hiddenGraceMs,
    renews: !!config.getToken,
    polling: poll ? { interval: poll.interval, probeEvery: poll.probeEvery, wait: poll.wait, limit: poll.limit } : null,
  };
  function greet(): void {
    link.post({ from, do: 'hello', config: { ...wire, lastEventId: mark }, channels });
    if (wants) link.post({ from, do: 'connect' });
  }
  let cancelHidden = () => {};
  const unwatch = env.watch((what) => {
    cancelHidden();
    if (what === 'pagehide') {
      synced = false;
      link.post({ from, do: 'bye' });
    } else if (what === 'pageshow') greet();
    else if (what === 'hidden' && whenHidden === 'close') cancelHidden = env.after(hiddenGraceMs, () => link.post({ from, do: 'disconnect' }));
    else if (what === 'visible') {
      if (wants) link.post({ from, do: 'connect' });
      link.post({ from, do: 'visible' });
    }
  });
  const joined = join(take);
  const link: Link = {
    ...joined,
    post: (message) => {
      if (!ends.signal.aborted) joined.post(message);
    },
  };
  greet();
  return {
    state: () => state,
    send(command) {
      if (command === 'fresh') return show(state, false);
      const wanted = wants;
      wants = command !== 'disconnect';
      if (!wants) synced = false;
      link.post({ from, do: command });
      if (wants !== wanted) {
        if (wants) greet(); // to learn where the shared stream is
        show(wants ? { ...state, status: 'connecting' } : state);
      }
    },
    follow(next) {
      channels = next;
      link.post({ from, do: 'follow', channels });
    },
    close() {
      wants = false;
      link.post({ from, do: 'bye' });
      ends.abort();
      unwatch();
      cancelHidden();
      joined.close();
    },
  };
}

/** A worker has another address to start from. */
const absolute = (url: string) => (typeof location === 'undefined' ? url : new URL(url, location.href).href);
