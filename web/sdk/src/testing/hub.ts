import type { FreshetEvent, Gap } from '../types.js';

/** What a stream of the test hub was asked for. */
export interface TestStream {
  readonly url: URL;
  readonly lastEventId: string | null;
  readonly channels: readonly string[];
  /** Writes raw text, for instance half an event. */
  write(text: string): void;
  /** Ends it as a server would. */
  end(): void;
  /** Breaks it as a network would. */
  reset(): void;
}

export interface TestHubOptions {
  /** Events kept per channel. Default 100. */
  history?: number;
  /** Ms between beats, as announced; beats are sent by {@link TestHub.beat} only. Default 15000. */
  heartbeat?: number;
  /** Tokens that are let in. Default: everybody is. */
  tokens?: Set<string>;
  /** Clock of the ids. Default `Date.now`. */
  now?: () => number;
  /** Paths other than `/v1/...` that stream fixed channels in the `typed` envelope, opened by `connected`. */
  routes?: Record<string, readonly string[]>;
}

type Stored = FreshetEvent & { id: string; channel: string };
type Live = TestStream & { send(event: Stored): void; named: boolean; route: boolean };

const compare = (a: string, b: string) => {
  const [am, an] = a.split('-').map(Number) as [number, number];
  const [bm, bn] = b.split('-').map(Number) as [number, number];
  return am - bm || an - bn;
};

/**
 * A hub in memory for tests: streams, resume, gaps, polling and publishing, behind a `fetch`. It
 * keeps to the protocol in what it does; it has one tenant and no limits.
 */
export class TestHub {
  /** Every request, in order, as `METHOD path?query`. */
  readonly requests: string[] = [];
  /** Bodies that were published, in order. */
  readonly published: Record<string, unknown>[] = [];
  /** Headers of every request, in order. */
  readonly headers: Headers[] = [];
  /** Answers the next requests instead of the hub, one each. */
  readonly answers: (Response | Error)[] = [];
  tokens: Set<string> | null;
  private live: Live[] = [];
  private log: Stored[] = [];
  private floors = new Map<string, string>();
  private epoch = '5f3a91c2';
  private last: string;
  private isDown = false;
  private count = 0;
  private readonly now: () => number;
  private readonly kept: number;

  constructor(private readonly options: TestHubOptions = {}) {
    this.now = options.now ?? Date.now;
    this.kept = options.history ?? 100;
    this.tokens = options.tokens ?? null;
    this.last = `${this.now()}-0-${this.epoch}`;
  }

  /** Streams that are open now. */
  get streams(): readonly TestStream[] {
    return this.live;
  }

  /** Refuses connections and breaks the open ones, as a killed hub does. */
  down(): void {
    this.isDown = true;
    for (const stream of [...this.live]) stream.reset();
  }
  up(): void {
    this.isDown = false;
  }
  /** Ends all streams in order; the hub stays. */
  drop(): void {
    for (const stream of [...this.live]) stream.end();
  }
  /** Forgets all but the newest `keep` events of a channel. */
  trim(channel: string, keep = 0): void {
    const own = this.log.filter((event) => event.channel === channel);
    const gone = new Set(keep ? own.slice(0, -keep) : own);
    const lastGone = [...gone].pop();
    if (lastGone) this.floors.set(channel, lastGone.id);
    this.log = this.log.filter((event) => !gone.has(event));
  }
  /** Loses the log, as a memory store does at a restart. */
  forget(): void {
    this.log = [];
    this.floors.clear();
    this.epoch = (parseInt(this.epoch, 16) ^ 0x1234567).toString(16).padStart(8, '0');
    this.last = `${this.now()}-0-${this.epoch}`;
  }
  /** Sends a control event to every open stream. */
  control(type: string, data: Record<string, unknown>, id?: string, retry?: number): void {
    for (const stream of this.live)
      stream.write((retry ? `retry: ${retry}\n` : '') + (id ? `id: ${id}\n` : '') + `data: ${JSON.stringify((stream as Live).route ? { type, ...data } : { type, time: this.now(), data })}\n\n`);
  }
  beat(): void {
    for (const stream of this.live) {
      if ((stream as Live).route) stream.write(`: heartbeat ${this.now()}\n\n`);
      else {
        const heads = Object.fromEntries(stream.channels.map((name) => [name, this.head(name)]));
        stream.write(`id: ${this.last}\ndata: ${JSON.stringify({ type: 'freshet.beat', time: this.now(), data: { time: this.now(), heads } })}\n\n`);
      }
    }
  }
  publish(channel: string, type: string, data: unknown, more: { key?: string; silent?: boolean } = {}): string {
    const [ms, n] = this.last.split('-').map(Number) as [number, number];
    const now = this.now();
    const id = now > ms ? `${now}-0-${this.epoch}` : `${ms}-${n + 1}-${this.epoch}`;
    const event: Stored = { id, channel, type, ...(more.key && { key: more.key }), time: now, data };
    this.last = id;
    this.log.push(event);
    const own = this.log.filter((other) => other.channel === channel);
    if (own.length > this.kept) this.trim(channel, this.kept);
    if (!more.silent) for (const stream of this.live) if (stream.channels.includes(channel)) stream.send(event);
    return id;
  }

  /** The hub's network side: give it to a client as `fetch`. */
  readonly fetch = async (input: RequestInfo | URL, init: RequestInit = {}): Promise<Response> => {
    const url = new URL(String(input), 'http://hub.test');
    const headers = new Headers(init.headers);
    this.requests.push(`${init.method ?? 'GET'} ${url.pathname}${url.search}`);
    this.headers.push(headers);
    if (this.isDown) throw new TypeError('connection refused');
    const next = this.answers.shift();
    if (next instanceof Error) throw next;
    if (next) return next;
    if (this.tokens && !this.tokens.has(headers.get('Authorization')?.replace('Bearer ', '') ?? ''))
      return problem(401, 'UNAUTHORIZED', 'send a valid token');
    if (init.method === 'POST') return this.take(JSON.parse(String(init.body)));
    if (url.pathname.endsWith('/events')) return this.poll(url);
    return this.stream(url, headers, init.signal ?? null);
  };

  private take(body: Record<string, unknown>): Response {
    this.published.push(body);
    const channel = typeof body.channel === 'string' ? body.channel : 'events';
    const id = this.publish(channel, String(body.type ?? 'message'), body.data);
    return Response.json({ id, ack: 'memory' });
  }

  private head(channel: string): string | null {
    return this.log.filter((event) => event.channel === channel).pop()?.id ?? this.floors.get(channel) ?? null;
  }

  private channelsOf(url: URL): readonly string[] {
    return this.options.routes?.[url.pathname] ?? url.searchParams.getAll('channel').flatMap((list) => list.split(','));
  }

  /** What a reader at `from` is owed: events and gaps in id order. */
  private owed(channels: readonly string[], from: string): ({ event: Stored } | { gap: Gap; at: string })[] {
    const out: ({ event: Stored; at: string } | { gap: Gap; at: string })[] = [];
    if (from.split('-')[2] !== this.epoch)
      return [{ gap: { reason: 'unknown-id', channels, from }, at: this.last }];
    for (const channel of channels) {
      const floor = this.floors.get(channel);
      if (floor && compare(from, floor) < 0)
        out.push({ gap: { reason: 'trimmed', channels: [channel], from, oldest: floor }, at: floor });
    }
    for (const event of this.log)
      if (channels.includes(event.channel) && compare(event.id, from) > 0) out.push({ event, at: event.id });
    return out.sort((a, b) => compare(a.at, b.at));
  }

  private poll(url: URL): Response {
    const channels = this.channelsOf(url);
    const from = url.searchParams.get('lastEventId') ?? this.start(url.searchParams.get('since'));
    const limit = +(url.searchParams.get('limit') ?? 100);
    const owed = this.owed(channels, from);
    const page = owed.slice(0, limit);
    const gaps = page.flatMap((item) => ('gap' in item ? [item.gap] : []));
    const events = page.flatMap((item) => ('event' in item ? [item.event] : []));
    const cursor = owed.length > limit ? events[events.length - 1]?.id ?? from : this.last;
    return Response.json({ events, cursor, gap: gaps[0] ?? null });
  }

  private start(since: string | null): string {
    return since === 'earliest' ? `0-0-${this.epoch}` : since ?? this.last;
  }

  private stream(url: URL, headers: Headers, signal: AbortSignal | null): Response {
    const channels = this.channelsOf(url);
    const resume = headers.get('Last-Event-ID') ?? url.searchParams.get('lastEventId');
    const route = this.options.routes?.[url.pathname] !== undefined;
    const named = url.searchParams.get('envelope') === 'named';
    const encoder = new TextEncoder();
    let body!: ReadableStreamDefaultController<Uint8Array>;
    const leave = () => {
      this.live = this.live.filter((other) => other !== live);
    };
    const readable = new ReadableStream<Uint8Array>({ start: (controller) => void (body = controller), cancel: leave });
    const live: Live = {
      url, lastEventId: resume, channels, named, route,
      write: (text) => body.enqueue(encoder.encode(text)),
      end: () => {
        leave();
        body.close();
      },
      reset: () => {
        leave();
        body.error(new TypeError('network error'));
      },
      send: (event) => live.write(frame(event, named, route)),
    };
    signal?.addEventListener('abort', () => {
      if (!this.live.includes(live)) return;
      leave();
      body.error(new DOMException('aborted', 'AbortError'));
    });
    this.live.push(live);
    const from = resume ?? this.start(url.searchParams.get('since'));
    const owed = resume || url.searchParams.has('since') ? this.owed(channels, from) : [];
    const gapped = owed.some((item) => 'gap' in item);
    const connection = `c${++this.count}`;
    const heads = Object.fromEntries(channels.map((name) => [name, {
      resume: gapped ? 'gap' : resume ? 'resumed' : 'new', head: this.head(name),
    }]));
    const opening = route
      ? { type: 'connected', data: { clientId: connection, timestamp: new Date(this.now()).toISOString() } }
      : {
          type: 'freshet.open', time: this.now(),
          data: { connection, tenant: 'default', time: this.now(), heartbeat: this.options.heartbeat ?? 15000, channels: heads },
        };
    live.write(`${gapped && owed.length === 1 ? '' : `id: ${from}\n`}data: ${JSON.stringify(opening)}\n\n`);
    for (const item of owed) {
      if ('event' in item) live.send(item.event);
      else live.write(`id: ${item.at}\ndata: ${JSON.stringify({ type: 'freshet.gap', time: this.now(), data: item.gap })}\n\n`);
    }
    return new Response(readable, { headers: { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' } });
  }
}

function frame(event: Stored, named: boolean, route: boolean): string {
  if (named) return `id: ${event.id}\nevent: ${event.type}\ndata: ${JSON.stringify(event.data)}\n\n`;
  const data = route ? { type: event.type, data: event.data } : event;
  return `id: ${event.id}\ndata: ${JSON.stringify(data)}\n\n`;
}

function problem(status: number, error: string, detail: string): Response {
  return new Response(JSON.stringify({ error, status, title: error, detail }), {
    status,
    headers: { 'Content-Type': 'application/problem+json' },
  });
}
