/** The client on streams that others serve: whatever keeps to the specification can be followed. */
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, request, type ServerResponse } from 'node:http';
import { connect, createServer as createNetServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSession } from 'better-sse';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { createClient, type Client, type ClientOptions } from '../../src/index.js';

/** A server of another make: what is published comes to those who follow, also after an interruption. */
interface Other {
  url: string;
  publish(type: string | null, data: unknown): void | Promise<void>;
  /** Breaks all connections off. */
  cut(): void;
  /** The `Last-Event-ID` of each request for the stream. */
  resumed: (string | undefined)[];
  close(): Promise<void>;
}

interface Kept {
  id: string;
  type: string | null;
  data: string;
}

const listen = async (server: Server): Promise<string> => {
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
};

/** Twenty lines of Node, as they are found in many projects. */
async function plainNode(): Promise<Other> {
  const log: Kept[] = [];
  const open = new Set<ServerResponse>();
  const resumed: (string | undefined)[] = [];
  const write = (response: ServerResponse, { id, type, data }: Kept) =>
    response.write(`id: ${id}\n${type ? `event: ${type}\n` : ''}data: ${data}\n\n`);
  const server = createServer((asked, response) => {
    const last = asked.headers['last-event-id'] as string | undefined;
    resumed.push(last);
    response.writeHead(200, { 'Content-Type': 'text/event-stream; charset=utf-8', 'Cache-Control': 'no-cache' });
    response.write('retry: 50\n\n: hello\n\n');
    log.slice(last ? +last : log.length).forEach((event) => write(response, event));
    open.add(response);
    response.on('close', () => open.delete(response));
  });
  return {
    url: await listen(server),
    resumed,
    publish(type, data) {
      const event = { id: String(log.length + 1), type, data: JSON.stringify(data) };
      log.push(event);
      for (const response of open) write(response, event);
    },
    cut: () => server.closeAllConnections(),
    async close() {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    },
  };
}

async function betterSse(): Promise<Other> {
  const log: Kept[] = [];
  const sessions = new Set<Awaited<ReturnType<typeof createSession>>>();
  const resumed: (string | undefined)[] = [];
  const server = createServer(async (asked, response) => {
    const session = await createSession(asked, response, { retry: 50, keepAlive: 20 });
    const last = session.lastId;
    resumed.push(last || undefined);
    sessions.add(session);
    session.once('disconnected', () => sessions.delete(session));
    for (const { id, type, data } of log.slice(last ? +last : log.length)) session.push(JSON.parse(data), type ?? undefined, id);
  });
  return {
    url: await listen(server),
    resumed,
    publish(type, data) {
      const event = { id: String(log.length + 1), type, data: JSON.stringify(data) };
      log.push(event);
      for (const session of sessions) session.push(data, type ?? undefined, event.id);
    },
    cut: () => server.closeAllConnections(),
    async close() {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    },
  };
}

const NCHAN = ['/usr/lib/nginx/modules/ngx_nchan_module.so', '/usr/sbin/nginx'] as const;

/** Nginx with Nchan on a socket of its own, behind a relay that has a port and can be cut. */
async function nchan(): Promise<Other> {
  const dir = mkdtempSync(join(tmpdir(), 'freshet-nchan-'));
  const socket = join(dir, 'nginx.sock');
  writeFileSync(join(dir, 'nginx.conf'), `
load_module ${NCHAN[0]};
daemon off; master_process off; pid ${dir}/nginx.pid; error_log ${dir}/error.log warn;
events { worker_connections 64; }
http {
  access_log off; client_body_temp_path ${dir}/body; proxy_temp_path ${dir}/proxy; fastcgi_temp_path ${dir}/fastcgi;
  uwsgi_temp_path ${dir}/uwsgi; scgi_temp_path ${dir}/scgi;
  server {
    listen unix:${socket};
    location /publish { nchan_publisher; nchan_channel_id test; nchan_message_buffer_length 100; nchan_message_timeout 5m; }
    location / { nchan_subscriber eventsource; nchan_channel_id test; nchan_eventsource_ping_interval 1; }
  }
}`);
  const child: ChildProcess = spawn(NCHAN[1], ['-p', dir, '-c', join(dir, 'nginx.conf'), '-e', join(dir, 'error.log')], { stdio: 'ignore' });
  const ended = new Promise((done) => child.once('exit', done));
  await vi.waitFor(() => expect(existsSync(socket)).toBe(true), 20000);
  const resumed: (string | undefined)[] = [];
  const open = new Set<Socket>();
  const relay = createNetServer((near) => {
    const far = connect(socket);
    open.add(near);
    near.on('data', (head: Buffer) => /^GET/.test(head.toString()) && resumed.push(/last-event-id: *(.*)/i.exec(head.toString())?.[1]));
    for (const [a, b] of [[near, far], [far, near]] as const) {
      a.pipe(b);
      a.on('error', () => {});
      a.on('close', () => {
        b.destroy();
        open.delete(near);
      });
    }
  });
  const url = await listen(relay);
  return {
    url,
    resumed,
    async publish(type, data) {
      const status = await new Promise((done, failed) => {
        const headers = { 'Content-Type': 'text/plain', ...(type && { 'X-EventSource-Event': type }) };
        request({ socketPath: socket, path: '/publish', method: 'POST', headers, agent: false }, (answer) => answer.resume().on('end', () => done(answer.statusCode)))
          .on('error', failed)
          .end(JSON.stringify(data));
      });
      expect([201, 202]).toContain(status);
    },
    cut: () => open.forEach((one) => one.resetAndDestroy()),
    async close() {
      open.forEach((one) => one.destroy());
      await new Promise((done) => relay.close(done));
      child.kill('SIGKILL');
      await ended;
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

const clients: Client[] = [];
const ends: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  for (const end of ends.splice(0)) await end();
});

/** A client for a stream that is no Freshet hub's, and what it gets. */
function follow(url: string, options: Partial<ClientOptions> = {}) {
  const client = createClient({ url, envelope: null, retry: { initialDelay: 50, jitter: 0 }, ...options });
  const got: [string, unknown][] = [];
  client.on('*', (data, { type }) => got.push([type, data]));
  clients.push(client);
  client.connect();
  return { client, got };
}
const patience = { timeout: 15000, interval: 10 };

const others: [string, () => Promise<Other>, boolean][] = [
  ['a plain Node server', plainNode, true],
  ['better-sse', betterSse, true],
  ['Nchan', nchan, NCHAN.every((file) => existsSync(file))],
];

describe.each(others)('%s', (_name, make, present) => {
  it.skipIf(!present)('is followed: events with and without a name, in order; after a cut nothing is lost or repeated', async () => {
    const other = await make();
    ends.push(other.close);
    const { client, got } = follow(other.url);
    await vi.waitFor(() => expect(client.getSnapshot().isConnected).toBe(true), patience);
    const all: [string, unknown][] = [];
    const publish = async (type: string | null, data: unknown) => {
      await other.publish(type, data);
      all.push([type ?? 'message', data]);
    };
    await publish('tick', { n: 1 });
    await publish(null, { text: 'a line\nand another, é € 😀' });
    await publish('tock', ['x', null, 2]);
    await vi.waitFor(() => expect(got).toEqual(all), patience);

    const before = other.resumed.length;
    const last = client.getSnapshot().lastEventId;
    expect(last).toBeTruthy();
    other.cut();
    await publish('tick', { n: 2 });
    await publish(null, { n: 3 });
    await vi.waitFor(() => expect(got).toEqual(all), patience);
    expect(other.resumed[before]).toBe(last);

    other.cut();
    await vi.waitFor(() => expect(client.getSnapshot().status).toBe('reconnecting'), patience);
    await vi.waitFor(() => expect(client.getSnapshot().isConnected).toBe(true), patience);
    await publish('tick', { n: 4 });
    await vi.waitFor(() => expect(got).toEqual(all), patience);
  });
});

/** Serves the same bytes to everybody, a few at a time, then says nothing more. */
async function serveBytes(bytes: Buffer, step: number): Promise<{ url: string; heads: string[]; cut(): void }> {
  const heads: string[] = [];
  const open = new Set<Socket>();
  const server = createNetServer((socket) => {
    open.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => open.delete(socket));
    socket.once('data', async (head: Buffer) => {
      heads.push(head.toString());
      socket.write('HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n');
      for (let at = 0; at < bytes.length && !socket.destroyed; at += step) {
        socket.write(bytes.subarray(at, at + step));
        await new Promise((done) => setImmediate(done));
      }
    });
  });
  const url = await listen(server);
  ends.push(async () => {
    open.forEach((socket) => socket.destroy());
    await new Promise((done) => server.close(done));
  });
  return { url, heads, cut: () => open.forEach((socket) => socket.resetAndDestroy()) };
}

const lines = (ids: boolean) => [
  ': a comment first', '', 'retry: 20', '', ...(ids ? ['id: 1'] : []), 'event: tick', 'data: {"n":1}', '', ': in between', 'data: two', 'data:  lines', '', 'event: nothing', '',
  ...(ids ? ['id: é3'] : []), 'data: "é € 😀"', ':', 'unknown: field', '', 'data', '', 'data: last', '', '',
];
const meant = [['tick', { n: 1 }], ['message', 'two\n lines'], ['message', 'é € 😀'], ['message', ''], ['message', 'last']];

describe.each([['LF', '\n'], ['CRLF', '\r\n'], ['CR', '\r']])('a raw stream with %s', (_name, end) => {
  it.each([
    ['from the first byte on', '', 1, true],
    ['with a byte order mark', '\uFEFF', 1, true],
    ['in one piece', '\uFEFF', 1e6, true],
    ['without ids', '', 3, false],
  ] as const)('%s', async (_how, mark, step, ids) => {
    const { url, heads, cut } = await serveBytes(Buffer.from(mark + lines(ids).join(end)), step);
    const { client, got } = follow(url);
    await vi.waitFor(() => expect(got).toEqual(meant), patience);
    expect(client.getSnapshot().lastEventId).toBe(ids ? 'é3' : null);
    cut();
    // This server begins anew each time; without ids of the hub's form nothing is taken for a repeat
    await vi.waitFor(() => expect(got).toEqual([...meant, ...meant]), patience);
    expect(Buffer.from(/last-event-id: (.*)\r/i.exec(heads[1]!)?.[1] ?? '').toString()).toBe(ids ? 'é3' : '');
  });
});

it('what is no stream is refused, once', async () => {
  let asked = 0;
  const server = createServer((_request, response) => {
    asked++;
    response.writeHead(200, { 'Content-Type': 'text/html' }).end('<p>data: no');
  });
  const url = await listen(server);
  ends.push(async () => {
    server.closeAllConnections();
    await new Promise((done) => server.close(done));
  });
  const { client, got } = follow(url);
  await vi.waitFor(() => expect(client.getSnapshot()).toMatchObject({ status: 'failed', error: { code: 'content-type' } }), patience);
  expect([got, asked]).toEqual([[], 1]);
});
