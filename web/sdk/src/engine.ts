/** Runs the machine: carries out its effects, and turns what arrives into events. */
import type { Env } from './browser.js';
import { asError } from './errors.js';
import { interpret, isPosition } from './event.js';
import { initialState, pollOf, step, type Effect, type Input, type Received, type State, type TimerName } from './machine.js';
import type { Settings } from './options.js';
import type { Resolve } from './request.js';
import { openFetch, type StreamHandlers } from './transport.js';
import type { FreshetEvent, Params, TokenReason } from './types.js';

export interface EngineHooks {
  state(state: State): void;
  /** New events in order, control events of the hub among them; none where only the position moved. */
  events(events: FreshetEvent[]): void;
}

/** What an engine works with. */
export interface EngineParts {
  config: Settings;
  env: Env;
  resolve: Resolve;
  hooks: EngineHooks;
}

/** What the hub's own events say. */
interface Told {
  connection?: string;
  clientId?: string;
  heartbeat?: number;
  heads?: State['heads'];
  channels?: Record<string, { resume: string; head: string | null }>;
  reason?: string;
}

export type Command = 'connect' | 'disconnect' | 'reconnect' | 'fresh';

/** A connection, in this tab or in another. */
export interface Engine {
  state(): State;
  send(command: Command): void;
  follow(channels: readonly string[]): void;
  close(): void;
}

/** How many ids are remembered to recognise a repeat. */
const REMEMBERED = 1000;

export function createEngine({ config, env, resolve, hooks }: EngineParts): Engine {
  let state = initialState(config.lastEventId ?? null, env.offline());
  let channels: readonly string[] = [];
  let closeStream = () => {};
  let stopPolling = () => {};
  /** Ids of late: what a reconnect brings again is dropped. */
  const seen = new Set<string>();
  const timers = new Map<unknown, () => void>();
  const query = (): Params => ({ envelope: config.envelope, type: config.events, channel: channels });

  function send(input: Input): void {
    const before = state;
    const [next, effects] = step(config, before, input, env.now(), env.random());
    state = next;
    effects.forEach(perform);
    if (next !== before) hooks.state(next);
  }

  function perform([what, how]: Effect): void {
    if (what === 'open') void open(how as TokenReason | null);
    else if (what === 'abort') closeStream();
    else if (what === 'stopPolling') stopPolling();
    else if (what === 'poll') stopPolling = pollOf(config)!.start({ env, resolve, query, cursor: () => state.lastEventId, on: listen() });
    else {
      timers.get(what)?.();
      if (how !== undefined) timers.set(what, env.after(how as number, () => send({ type: 'timer', name: what as TimerName })));
    }
  }

  /** Takes what a stream brings; without the number of one, what polls bring. */
  function listen(conn?: number): StreamHandlers {
    let events: FreshetEvent[] = [];
    let what: Received = {};
    /** Takes note of an event; the application gets all but beats and repeats. */
    function event(given: FreshetEvent): void {
      const { type, id, data } = given;
      const told = (data ?? {}) as Told;
      const learn = (name: string, head: string | null) => (what.heads = { ...(what.heads ?? state.heads), [name]: head });
      if (type === 'freshet.beat') {
        for (const name in told.heads) learn(name, told.heads[name]!);
        return;
      }
      if (type === config.openEvent || type === 'freshet.open') {
        what.clientId = told.connection ?? told.clientId ?? null;
        what.heartbeat = told.heartbeat;
        what.resumed = !!told.channels;
        for (const name in told.channels) {
          learn(name, told.channels[name]!.head);
          if (told.channels[name]!.resume !== 'resumed') what.resumed = false;
        }
      } else if (type === 'freshet.gap') {
        what.stale = true;
        seen.clear();
      } else if (type === 'freshet.close') {
        if (/expired|revoked/.test(told.reason!)) what.token = 'expired';
      } else if (type !== 'ping' && isPosition(id)) {
        if (seen.has(id)) return;
        seen.add(id);
        if (seen.size > REMEMBERED) seen.delete(seen.values().next().value!);
      }
      events.push(given);
    }
    return {
      event,
      opened: () => send({ type: 'opened', conn }),
      message(message) {
        if (message.id !== undefined) what.lastEventId = message.id;
        event(interpret(message));
      },
      position: (id) => (what.lastEventId = id),
      retry: (ms) => (what.serverRetry = ms),
      settled() {
        const [all, news] = [events, what];
        events = [];
        what = {};
        if ((conn ?? state.conn) !== state.conn) return;
        send({ type: 'received', conn: state.conn, what: news });
        hooks.events(all);
      },
      failed: (thrown) => send({ type: 'failed', conn, error: asError(thrown) }),
    };
  }

  async function open(token: TokenReason | null): Promise<void> {
    const { conn, lastEventId } = state;
    const on = listen(conn);
    try {
      const target = await resolve(token, query());
      const start = config.transport === 'eventsource' ? (await import('./eventsource.js')).openEventSource : openFetch;
      if (conn === state.conn) closeStream = start(env, target, lastEventId, on, config);
    } catch (thrown) {
      on.failed(thrown);
    }
  }

  const unwatch = env.watch((type) => send({ type }));
  return {
    state: () => state,
    send: (type) => send({ type }),
    follow(next) {
      const more = next.some((name) => !channels.includes(name));
      channels = next;
      if (more) send({ type: 'refresh' });
    },
    close() {
      send({ type: 'disconnect' });
      unwatch();
    },
  };
}
