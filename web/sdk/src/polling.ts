import type { Env } from './browser.js';
import { asError } from './errors.js';
import { bare } from './event.js';
import type { Resolve } from './request.js';
import { fetchPage } from './rest.js';
import type { StreamHandlers } from './transport.js';
import type { Params } from './types.js';

/** Options of {@link poll}. Times in milliseconds. */
export interface PollOptions {
  /** Rest between two polls. Default 5000. */
  interval?: number;
  /** How often the stream is tried again meanwhile. Default 60000. */
  probeEvery?: number;
  /** How long the hub may hold a poll until there is something, at most 60000. Default 0. */
  wait?: number;
  /** Most events in one answer, at most 1000. Default 100. */
  limit?: number;
}

/** What a poll works with. */
export interface PollContext {
  env: Env;
  resolve: Resolve;
  query(): Params;
  cursor(): string | null;
  on: Pick<StreamHandlers, 'opened' | 'event' | 'position' | 'settled' | 'failed'>;
}

/** Polling, ready to be handed to a client. */
export interface Poll extends Required<PollOptions> {
  /** Starts it; the result stops it. */
  start(context: PollContext): () => void;
}

/**
 * Polling for a client that can't stream: `onExhausted: poll()`. It goes on from the stream's last
 * id, and the stream from its cursor, so that nothing is lost or repeated between the two.
 */
export function poll(options: PollOptions = {}): Poll {
  const settings = { interval: 5000, probeEvery: 60000, wait: 0, limit: 100, ...options };
  return { ...settings, start: (context) => startPolling(settings, context) };
}

function startPolling({ interval, wait, limit }: Required<PollOptions>, context: PollContext): () => void {
  const { on } = context;
  const abort = new AbortController();
  let cancel = () => {};

  async function once(): Promise<number> {
    const cursor = context.cursor();
    const query: Params = {
      ...context.query(),
      envelope: null,
      limit,
      ...(wait > 0 && { wait: `${Math.ceil(wait / 1000)}s` }),
      ...(cursor ? { lastEventId: cursor } : {}),
    };
    try {
      const { events, cursor: reached, gap } = await fetchPage(context.env, context.resolve, query, abort.signal);
      if (abort.signal.aborted) return interval;
      on.opened();
      if (gap) on.event(bare('freshet.gap', gap));
      events.forEach(on.event);
      if (reached) on.position(reached);
      on.settled();
      return events.length >= limit ? 0 : interval;
    } catch (thrown) {
      const error = asError(thrown);
      if (!abort.signal.aborted) on.failed(error);
      return error.retryAfter ?? interval;
    }
  }
  function turn(): void {
    void once().then((rest) => {
      if (!abort.signal.aborted) cancel = context.env.after(rest, turn);
    });
  }
  turn();
  return () => {
    abort.abort();
    cancel();
  };
}
