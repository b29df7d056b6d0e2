/** Runs the machine: carries out its effects, and turns what arrives into events. */
import type { Env } from './browser.js';
import { asError, type FreshetError } from './errors.js';
import { interpret, isPosition, type Json } from './event.js';
import { initialState, step, type Effect, type Input, type MachineConfig, type Received, type State, type TimerName } from './machine.js';
import type { Message } from './parser.js';
import type { Poll } from './polling.js';
import type { Resolve } from './request.js';
import { openFetch, type StreamHandlers } from './transport.js';
import type { FreshetEvent, Gap, Params } from './types.js';

/** What an engine is told once. Plain data but for `poll`, so that it can cross to a worker. */
export interface EngineConfig {
  machine: MachineConfig;
  /** Event names that a native `EventSource` must listen for; `null`: use `fetch`. */
  names: readonly string[] | null;
  openEvent: string;
  query: Params;
  lastEventId: string | null;
  poll: Poll | null;
}

export interface EngineHooks {
  state(state: State): void;
  /** New events in order; control events of the hub among them. */
  events(events: FreshetEvent[]): void;
  error(error: FreshetError): void;
}

export type Command = 'connect' | 'disconnect' | 'reconnect' | 'fresh';

/** A connection, in this tab or in another. */
export interface Engine {
  state(): State;
  send(command: Command): void;
  follow(channels: readonly string[]): void;
  close(): void;
}

/** What one piece of the stream brings. */
interface Inbox {
  events: FreshetEvent[];
  what: Received;
}

/** How many ids are remembered to recognise a repeat. */
const REMEMBERED = 1000;

export function createEngine(config: EngineConfig, env: Env, resolve: Resolve, hooks: EngineHooks): Engine {
  let state = initialState(config.lastEventId, env.offline());
  let channels: readonly string[] = [];
  let closeStream = () => {};
  let stopPolling = () => {};
  /** Ids of late, with the number of the connection that brought them. */
  const seen = new Map<string, number>();
  let round = 0;
  const timers = new Map<TimerName, () => void>();
  const query = (): Params => ({ ...config.query, channel: channels });

  function send(input: Input): void {
    const before = state;
    const [next, effects] = step(config.machine, before, input, env.now(), env.random());
    state = next;
    effects.forEach(perform);
    if (next.error && next.error !== before.error) hooks.error(next.error);
    if (next !== before) hooks.state(next);
  }

  function perform([what, name, ms]: Effect): void {
    if (what === 'open') open(name as State['token']);
    else if (what === 'abort') closeStream();
    else if (what === 'stopPolling') stopPolling();
    else if (what === 'poll') {
      stopPolling = config.poll!.start({
        env, resolve, query,
        cursor: () => state.lastEventId,
        page({ events, cursor, gap }) {
          const inbox: Inbox = { events: [], what: {} };
          round++;
          if (gap) take({ id: null, channel: null, type: 'freshet.gap', time: null, data: gap }, inbox);
          for (const event of events) take(event, inbox);
          if (cursor) inbox.what.lastEventId = cursor;
          send({ type: 'polled' });
          deliver(inbox);
        },
        failed: (error) => send({ type: 'pollFailed', error }),
      });
    } else {
      timers.get(name as TimerName)?.();
      if (ms != null) timers.set(name as TimerName, env.after(ms, () => send({ type: 'timer', name: name as TimerName })));
    }
  }

  async function open(token: State['token']): Promise<void> {
    const { conn, lastEventId } = state;
    let inbox: Inbox = { events: [], what: {} };
    const on: StreamHandlers = {
      opened() {
        round++;
        send({ type: 'opened', conn });
      },
      message(message: Message) {
        if (message.id !== undefined) inbox.what.lastEventId = message.id;
        take(interpret(message), inbox);
      },
      position: (id) => (inbox.what.lastEventId = id),
      retry: (ms) => (inbox.what.serverRetry = ms),
      settled() {
        const full = inbox;
        inbox = { events: [], what: {} };
        if (conn === state.conn) deliver(full);
      },
      finished: () => send({ type: 'finished', conn }),
      failed: (thrown) => send({ type: 'failed', conn, error: asError(thrown) }),
    };
    try {
      const target = await resolve(token, query());
      const { names } = config;
      const start = names ? (await import('./eventsource.js')).openEventSource : openFetch;
      if (conn === state.conn) closeStream = start(env, target, lastEventId, on, names!);
    } catch (thrown) {
      on.failed(thrown);
    }
  }

  function deliver({ events, what }: Inbox): void {
    send({ type: 'received', conn: state.conn, what });
    if (events.length) hooks.events(events);
  }

  function take(event: FreshetEvent, { events, what }: Inbox): void {
    const { type, id, channel } = event;
    const data = event.data as Json | null;
    const note = (name: string, more: object) => {
      const list: Record<string, object> = (what.channels = what.channels ?? { ...state.channels });
      list[name] = { head: null, received: null, resume: null, ...list[name], ...more };
    };
    if (type === 'freshet.beat') {
      for (const [name, head] of Object.entries(data?.heads ?? {})) note(name, { head });
      return;
    }
    if (type === config.openEvent || type === 'freshet.open') {
      const told = Object.entries((data?.channels ?? {}) as Record<string, { resume: string; head: string }>);
      for (const [name, { resume, head }] of told) note(name, { resume, head });
      what.clientId = (data?.connection ?? data?.clientId ?? null) as string | null;
      what.heartbeat = (data?.heartbeat ?? null) as number | null;
      what.resumed = told.length > 0 && told.every(([, { resume }]) => resume === 'resumed');
    } else if (type === 'freshet.gap') {
      what.stale = true;
      seen.clear();
    } else if (type === 'freshet.close') {
      const { reason } = data as unknown as Gap;
      what.token = reason === 'token-expired' ? 'expired' : reason === 'revoked' ? 'rejected' : null;
    } else if (type !== 'ping' && isPosition(id)) {
      if ((seen.get(id) ?? round) !== round) return;
      seen.set(id, round);
      if (seen.size > REMEMBERED) seen.delete(seen.keys().next().value!);
      if (channel) note(channel, { received: id });
    }
    events.push(event);
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
