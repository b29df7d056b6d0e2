/** Standard clients on our hub: each gets named and unnamed events in order, and goes on where it was after the hub was killed. */
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { EventSource as NodeEventSource } from 'eventsource';
import { createEventSource } from 'eventsource-client';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { createParser } from '../../src/index.js';
import { launch } from '../browser/chromium.js';
import { hasBinary, realHub } from '../browser/hubs.js';

interface Heard {
  stream: string;
  event: string;
  data: string;
  id: string;
}
type Streams = Record<'named' | 'unnamed', string>;
/** Follows both streams; the result ends that. */
type Start = (streams: Streams, report: (heard: Heard) => void) => Promise<() => unknown> | (() => unknown);

// ---- pages

const desks = new Map<string, (heard: Heard) => void>();
let site = '';
const server = createServer((request, response) => {
  const { pathname, search } = new URL(request.url!, 'http://site.test');
  if (pathname === '/page.js') return void response.writeHead(200, { 'Content-Type': 'text/javascript' }).end(script);
  if (pathname !== '/report') return void response.writeHead(200, { 'Content-Type': 'text/html' }).end('<!doctype html><meta charset="utf-8"><script type="module" src="/page.js"></script>');
  let body = '';
  request.on('data', (text) => (body += text));
  request.on('end', () => {
    desks.get(search)?.(JSON.parse(body) as Heard);
    response.end();
  });
});
let script = '';
beforeAll(async () => {
  const { outputFiles } = await build({
    entryPoints: [join(import.meta.dirname, 'pages/clients.ts')], bundle: true, format: 'esm', target: 'es2020', write: false, logLevel: 'error',
  });
  script = outputFiles[0]!.text;
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  site = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(async () => {
  server.closeAllConnections();
  await new Promise((done) => server.close(done));
});

/** A page in a browser: what it reports arrives here. */
function pageWith(client: string, open: (url: string) => Promise<() => unknown>): Start {
  return async (streams, report) => {
    const search = `?${new URLSearchParams({ client, ...streams })}`;
    desks.set(search, report);
    const close = await open(`${site}/${search}`);
    return async () => {
      desks.delete(search);
      await close();
    };
  };
}

async function chromium(url: string): Promise<() => unknown> {
  const browser = await launch();
  await (await browser.newPage()).goto(url, { waitUntil: 'commit' });
  return () => browser.close();
}

const FIREFOX = '/usr/bin/firefox-esr';
const PREFERENCES = {
  'browser.shell.checkDefaultBrowser': false, 'browser.startup.homepage_override.mstone': 'ignore', 'app.update.enabled': false,
  'datareporting.policy.dataSubmissionEnabled': false, 'toolkit.telemetry.enabled': false, 'network.captive-portal-service.enabled': false,
  'network.connectivity-service.enabled': false, 'extensions.update.enabled': false, 'app.normandy.enabled': false, 'browser.safebrowsing.downloads.remote.enabled': false,
};

async function firefox(url: string): Promise<() => unknown> {
  const profile = mkdtempSync(join(tmpdir(), 'freshet-firefox-'));
  writeFileSync(join(profile, 'user.js'), Object.entries(PREFERENCES).map(([name, value]) => `user_pref("${name}", ${JSON.stringify(value)});\n`).join(''));
  const env = { ...process.env, HOME: profile, MOZ_DISABLE_CONTENT_SANDBOX: '1' };
  const child = spawn(FIREFOX, ['--headless', '--no-remote', '--profile', profile, url], { stdio: 'ignore', env });
  const ended = new Promise((done) => child.once('close', done));
  return async () => {
    child.kill('SIGKILL');
    await ended;
    rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
  };
}

// ---- programs

const each = (streams: Streams, start: (stream: string, url: string) => () => void) => {
  const ends = Object.entries(streams).map(([stream, url]) => start(stream, url));
  return () => ends.forEach((end) => end());
};

const eventsource: Start = (streams, report) =>
  each(streams, (stream, url) => {
    const source = new NodeEventSource(url);
    for (const event of ['freshet.open', 'freshet.gap', 'tick', 'message'])
      source.addEventListener(event, ({ data, lastEventId }) => report({ stream, event, data: data as string, id: lastEventId }));
    return () => source.close();
  });

const eventsourceClient: Start = (streams, report) =>
  each(streams, (stream, url) => {
    const source = createEventSource({ url, onMessage: ({ event = 'message', data, id = '' }) => report({ stream, event, data, id }) });
    return () => source.close();
  });

/** What a shell does: `curl`, and again with the last id when it ends. */
const curl: Start = (streams, report) =>
  each(streams, (stream, url) => {
    let last = '';
    let over = false;
    let child: ChildProcess;
    let timer: NodeJS.Timeout;
    const run = () => {
      child = spawn('curl', ['--silent', '--no-buffer', '--header', `Last-Event-ID: ${last}`, url], { stdio: ['ignore', 'pipe', 'ignore'] });
      const decoder = new TextDecoder();
      const parse = createParser({
        message({ id = last, event, data }) {
          last = id;
          report({ stream, event: event || 'message', data, id });
        },
        position: (id) => (last = id),
      });
      child.stdout!.on('data', (bytes: Buffer) => parse(decoder.decode(bytes, { stream: true })));
      child.once('close', () => {
        if (!over) timer = setTimeout(run, 50);
      });
    };
    run();
    return () => {
      over = true;
      clearTimeout(timer);
      child.kill();
    };
  });

const clients: [string, Start, boolean][] = [
  ['EventSource in Chromium', pageWith('native', chromium), true],
  ['EventSource in Firefox', pageWith('native', firefox), existsSync(FIREFOX)],
  ['event-source-polyfill', pageWith('event-source-polyfill', chromium), true],
  ['@microsoft/fetch-event-source', pageWith('fetch-event-source', chromium), true],
  ['eventsource', eventsource, true],
  ['eventsource-client', eventsourceClient, true],
  ['curl', curl, existsSync('/usr/bin/curl')],
];

describe.skipIf(!hasBinary).concurrent('on our hub', () => {
  for (const [name, start, present] of clients) it.skipIf(!present)(`${name} gets events in order, with and without names, and all of them over a restart`, () => matrix(start), 120000);
});

async function matrix(start: Start): Promise<void> {
  const hub = realHub(`origins: ["${site}"]\n`);
  await hub.start();
  const heard: Heard[] = [];
  const base = `http://127.0.0.1:${hub.port()}/v1/stream?channel=m`;
  const stop = await start({ named: base, unnamed: `${base}&envelope=typed` }, (one) => heard.push(one));
  try {
    /** Ids, types and data of the application's events on each stream, in the order in which they came. */
    const events = () => ({
      named: heard.filter(({ stream, event }) => stream === 'named' && !event.startsWith('freshet.')).map(({ id, event, data }) => [id, event, JSON.parse(data)]),
      unnamed: heard.filter(({ stream }) => stream === 'unnamed').map(({ id, event, data }) => [id, event, JSON.parse(data)]).filter(([, , { type }]) => !type.startsWith('freshet.')),
    });
    const opened = (stream: string) => heard.filter((one) => one.stream === stream && (one.event === 'freshet.open' || one.data.includes('"freshet.open"')));
    const until = (look: () => void) => vi.waitFor(look, { timeout: 60000, interval: 20 });
    await until(() => expect([opened('named').length, opened('unnamed').length]).toEqual([1, 1]));

    const sent: [string, string, number][] = [];
    const publish = async (type: string, n: number) => void sent.push([await hub.publish('m', type, n), type, n]);
    const complete = () =>
      until(() => expect(events()).toEqual({ named: sent, unnamed: sent.map(([id, type, data]) => [id, 'message', { type, data }]) }));
    for (let n = 0; n < 6; n++) await publish(n % 2 ? 'message' : 'tick', n);
    await complete();

    await hub.kill();
    await hub.start();
    for (let n = 6; n < 12; n++) await publish(n % 2 ? 'message' : 'tick', n);
    await complete();
    await publish('tick', 12);
    await complete();

    expect(opened('named').length).toBeGreaterThan(1);
    expect(heard.filter(({ event, data }) => event === 'freshet.gap' || data.includes('"freshet.gap"'))).toEqual([]);
  } finally {
    await stop();
    await hub.close();
  }
}
