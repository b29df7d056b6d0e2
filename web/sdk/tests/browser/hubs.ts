/** The hubs that the browser tests run against: one in memory, and the real one. */
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { TestHub } from '../../src/testing/index.js';

export interface Hub {
  readonly name: string;
  port(): number;
  start(): Promise<void>;
  /** Kills it: connections break, new ones are refused. */
  kill(): Promise<void>;
  publish(channel: string, type: string, data: unknown): Promise<string>;
  close(): Promise<void>;
}

async function serveFetch(hub: TestHub, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const abort = new AbortController();
  response.on('close', () => abort.abort());
  const headers = Object.entries(request.headers).filter((pair): pair is [string, string] => typeof pair[1] === 'string');
  const answer = await hub.fetch(request.url!, {
    method: request.method!, headers, signal: abort.signal, ...(chunks.length && { body: Buffer.concat(chunks).toString() }),
  });
  response.writeHead(answer.status, Object.fromEntries(answer.headers));
  response.flushHeaders();
  try {
    for await (const chunk of answer.body ?? []) response.write(chunk);
    response.end();
  } catch {
    response.destroy();
  }
}

/** A hub in memory on a port of its own; its log outlives its restarts. */
export function memoryHub(): Hub & { hub: TestHub } {
  const hub = new TestHub({ heartbeat: 15000 });
  let server: Server | null = null;
  let port = 0;
  return {
    name: 'a hub in memory',
    hub,
    port: () => port,
    async start() {
      const next = createServer((request, response) => void serveFetch(hub, request, response));
      await new Promise<void>((done, failed) => {
        next.once('error', failed);
        next.listen(port, '127.0.0.1', done);
      });
      server = next;
      port = (next.address() as AddressInfo).port;
    },
    async kill() {
      const old = server;
      server = null;
      old?.closeAllConnections();
      await new Promise<void>((done) => (old ? old.close(() => done()) : done()));
    },
    publish: async (channel, type, data) => hub.publish(channel, type, data),
    close() {
      return this.kill();
    },
  };
}

/** Where the real hub is: `FRESHET_BIN`, else what the build at the top of the repository made. */
export const binary = process.env.FRESHET_BIN ?? resolve(import.meta.dirname, '../../../../build/freshet');
export const hasBinary = existsSync(binary);
if (process.env.FRESHET_BIN && !hasBinary) throw new Error(`FRESHET_BIN: there is no ${binary}`);
if (!hasBinary) console.warn(`no hub at ${binary}: only the hub in memory is tested`);

/** The real hub with a store on disk, so that a killed one comes back with its log; `config` is YAML. */
export function realHub(config?: string): Hub {
  const dir = mkdtempSync(join(tmpdir(), 'freshet-'));
  const file = join(dir, 'hub.yaml');
  if (config) writeFileSync(file, config);
  let child: ChildProcess | null = null;
  let port = 0;
  return {
    name: 'the real hub',
    port: () => port,
    async start() {
      const next = spawn(binary, ['serve', '--dev', '--listen', `127.0.0.1:${port}`, '--store', `sqlite:${join(dir, 'hub.db')}`, ...(config ? ['--config', file] : [])], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      child = next;
      port = await new Promise<number>((done, failed) => {
        let text = '';
        next.once('error', failed);
        next.once('exit', (code, signal) => failed(new Error(`the hub ended with ${signal ?? code}: ${text}`)));
        next.stdout!.on('data', (chunk: Buffer) => {
          text += chunk.toString();
          const found = /listening on http:\/\/[^:]+:(\d+)/.exec(text);
          if (found) done(+found[1]!);
        });
      });
    },
    async kill() {
      const old = child;
      child = null;
      if (!old) return;
      if (old.exitCode !== null || old.signalCode !== null)
        throw new Error(`the hub had ended by itself: ${old.signalCode ?? `status ${old.exitCode}`}`);
      const gone = new Promise((done) => old.once('exit', done));
      old.kill('SIGKILL');
      await gone;
    },
    async publish(channel, type, data) {
      const response = await fetch(`http://127.0.0.1:${port}/v1/publish`, {
        method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ channel, type, data }),
      });
      if (!response.ok) throw new Error(`publish: ${response.status} ${await response.text()}`);
      return ((await response.json()) as { id: string }).id;
    },
    async close() {
      await this.kill();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}
