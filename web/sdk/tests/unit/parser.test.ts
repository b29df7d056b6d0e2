import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { createParser, type Message } from '../../src/parser';
import streams from '../fixtures/sse/streams.json';

interface Seen {
  messages: Message[];
  positions: string[];
  comments: string[];
  retries: number[];
}

/** Parses bytes that arrive in the given pieces. */
function parse(pieces: Uint8Array[]): Seen {
  const seen: Seen = { messages: [], positions: [], comments: [], retries: [] };
  const push = createParser({
    message: (message) => seen.messages.push(message),
    position: (id) => seen.positions.push(id),
    comment: (text) => seen.comments.push(text),
    retry: (ms) => seen.retries.push(ms),
  });
  const decoder = new TextDecoder();
  for (const piece of pieces) push(decoder.decode(piece, { stream: true }));
  return seen;
}

describe.each([['LF', '\n'], ['CRLF', '\r\n'], ['CR', '\r']])('with %s as line end', (_, end) => {
  it.each(streams)('$name: whole, split at every byte, and byte by byte', (fixture) => {
    const bytes = new TextEncoder().encode(fixture.stream.replace(/\n/g, end));
    const want = { positions: [], comments: [], retries: [], messages: fixture.messages, ...pick(fixture) };
    expect(parse([bytes])).toEqual(want);
    for (let at = 0; at <= bytes.length; at++) expect(parse([bytes.slice(0, at), bytes.slice(at)])).toEqual(want);
    expect(parse([...bytes].map((byte) => Uint8Array.of(byte)))).toEqual(want);
  });
});

interface Shared {
  name: string;
  stream: string;
  anyLineEnd?: boolean;
  events: { id: string; event: string; data: string }[];
  retry: number | null;
  lastId: string;
  comments: string[];
}

/** What an EventSource would have given: the id of an event is the last one that came. */
function asEventSource(pieces: Uint8Array[]): Omit<Shared, 'name' | 'stream' | 'anyLineEnd'> {
  const seen: Omit<Shared, 'name' | 'stream' | 'anyLineEnd'> = { events: [], retry: null, lastId: '', comments: [] };
  const push = createParser({
    message({ id = seen.lastId, event, data }) {
      seen.lastId = id;
      seen.events.push({ id, event: event || 'message', data });
    },
    position: (id) => (seen.lastId = id),
    comment: (text) => seen.comments.push(text),
    retry: (ms) => (seen.retry = ms),
  });
  const decoder = new TextDecoder();
  for (const piece of pieces) push(decoder.decode(piece, { stream: true }));
  return seen;
}

// What the hub's own reader and the fuzzers are held to
const shared = JSON.parse(readFileSync(new URL('../../../../tests/fixtures/sse/streams.json', import.meta.url), 'utf8')) as Shared[];
describe("the repository's fixtures", () => {
  it.each(shared)('$name', ({ stream, anyLineEnd, events, retry, lastId, comments }) => {
    for (const end of anyLineEnd ? ['\n', '\r\n', '\r'] : ['\n']) {
      const bytes = new TextEncoder().encode(anyLineEnd ? stream.replace(/\n/g, end) : stream);
      for (let at = 0; at <= bytes.length; at++)
        expect(asEventSource([bytes.slice(0, at), bytes.slice(at)]), `split at ${at}`).toEqual({ events, retry, lastId, comments });
    }
  });
});

function pick({ positions, comments, retries }: Partial<Seen>) {
  return { ...(positions && { positions }), ...(comments && { comments }), ...(retries && { retries }) };
}

const text = (...pieces: string[]) => parse(pieces.map((piece) => new TextEncoder().encode(piece)));

describe('a lone CR', () => {
  it('holds no event back', () => {
    expect(text('data: 1\r\r').messages).toHaveLength(1);
  });
  it('takes the LF that follows in the next piece with it, and only that one', () => {
    expect(text('data: 1\r', '\n', 'data: 2\r\n', '\r\n').messages.map(({ data }) => data)).toEqual(['1\n2']);
    expect(text('data: 1\r', '\n', '\n', 'data: 2\n\n').messages.map(({ data }) => data)).toEqual(['1', '2']);
  });
  it('is not forgotten over an empty piece', () => {
    expect(text('data: 1\r', '', '\ndata: 2\n\n').messages.map(({ data }) => data)).toEqual(['1\n2']);
  });
});

it('mixed line ends in one stream', () => {
  expect(text('id: 1\rdata: a\r\ndata: b\n\rdata: c\r\n\r\n').messages).toEqual([
    { id: '1', event: '', data: 'a\nb' },
    { event: '', data: 'c' },
  ]);
});

it('a megabyte in small pieces takes no quadratic time', () => {
  const big = 'x'.repeat(1 << 20);
  const bytes = new TextEncoder().encode(`data: ${big}\n\n`);
  const pieces: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += 64) pieces.push(bytes.slice(at, at + 64));
  const started = performance.now();
  expect(parse(pieces).messages[0]!.data).toHaveLength(1 << 20);
  expect(performance.now() - started).toBeLessThan(2000);
});
