/** The site under test: pages, the built package, and a proxy to the hub that can be made to misbehave. */
import { readFile } from 'node:fs/promises';
import { createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { extname, join, resolve } from 'node:path';
import { build, type Plugin } from 'esbuild';
import type { Hub } from './hubs.js';

const root = resolve(import.meta.dirname, '../..');
const types: Record<string, string> = { '.js': 'text/javascript', '.css': 'text/css', '.html': 'text/html' };

/** How the proxy treats streams. */
export interface Weather {
  /** Held back for so long, in ms. */
  delay: number;
  /** Streams are answered with this status and not passed on; 0: passed on. */
  refuseStreams: number;
  /** Only requests with this token pass; others get 401. */
  token: string | null;
  /** The next stream is broken off after the first byte of this text has passed in an event. */
  cutAfter: string | null;
}

export interface Site {
  url: string;
  weather: Weather;
  /** Requests of the client to the hub, in order. */
  requests: string[];
  /** Streams that are open through the proxy. */
  openStreams(): number;
  /** Resets all open streams, as a router that forgets them would. */
  resetStreams(): void;
  close(): Promise<void>;
}

/** The package as it is built, for pages. */
const usePackage: Plugin = {
  name: 'package',
  setup({ onResolve }) {
    onResolve({ filter: /^@freshet\/client/ }, ({ path }) => {
      const entry = path.slice('@freshet/client'.length + 1) || 'index';
      const folders = ['react', 'react/ui', 'sharing', 'testing', 'compat/cockpit', 'compat/rental', 'compat/crowd'];
      return { path: join(root, 'dist', folders.includes(entry) ? `${entry}/index.js` : `${entry}.js`) };
    });
  },
};

async function bundle(): Promise<Map<string, string>> {
  const { outputFiles } = await build({
    entryPoints: [join(import.meta.dirname, 'pages/app.tsx')], bundle: true, format: 'esm', target: 'es2020', jsx: 'automatic', write: false,
    splitting: true, outdir: '/pages', plugins: [usePackage], define: { 'process.env.NODE_ENV': '"development"' }, logLevel: 'error',
  });
  return new Map(outputFiles.map(({ path, text }) => [path, text]));
}

const page = (title: string) => `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>${title}</title>
<meta http-equiv="Content-Security-Policy" content="default-src 'self'; style-src 'self'">
<link rel="stylesheet" href="/dist/react/ui/ui.css"></head>
<body><main><h1>${title}</h1><div id="app"></div></main><script type="module" src="/pages/app.js"></script></body></html>`;

export async function startSite(hub: Hub): Promise<Site> {
  const files = await bundle();
  const weather: Weather = { delay: 0, refuseStreams: 0, token: null, cutAfter: null };
  const requests: string[] = [];
  const streams = new Set<Socket>();

  function pass(request: IncomingMessage, response: ServerResponse): void {
    requests.push(`${request.method} ${request.url}`);
    const isStream = /stream/.test(request.url!);
    if (weather.token && request.headers.authorization !== `Bearer ${weather.token}`) return void response.writeHead(401).end();
    if (isStream && weather.refuseStreams) return void response.writeHead(weather.refuseStreams).end();
    const out = httpRequest({ host: '127.0.0.1', port: hub.port(), path: request.url, method: request.method, headers: request.headers });
    const broken = () => request.socket.destroy();
    out.on('error', broken);
    response.on('close', () => {
      out.destroy();
      streams.delete(request.socket);
    });
    out.on('response', (answer) => {
      if (isStream) streams.add(request.socket);
      const later = (then: () => void) => (weather.delay ? setTimeout(then, weather.delay) : then());
      later(() => {
        response.writeHead(answer.statusCode!, answer.headers);
        response.flushHeaders();
      });
      let cut = false;
      answer.on('data', (chunk: Buffer) => {
        if (cut) return;
        const at = weather.cutAfter ? chunk.indexOf(weather.cutAfter) : -1;
        if (at < 0) return void later(() => response.write(chunk));
        weather.cutAfter = null;
        cut = true;
        later(() => response.write(chunk.subarray(0, at + 1), () => setTimeout(broken, 20)));
      });
      answer.on('end', () => later(() => response.end()));
      answer.on('error', broken);
    });
    request.pipe(out);
  }

  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url!, 'http://site.test');
    if (/^\/(v1|api)\//.test(pathname)) return pass(request, response);
    const send = (type: string, text: string | Buffer) => response.writeHead(200, { 'Content-Type': type }).end(text);
    if (files.has(pathname)) return send('text/javascript', files.get(pathname)!);
    if (pathname === '/pages/worker.js') return send('text/javascript', await readFile(join(root, 'dist/sharing/worker.js')));
    if (pathname.startsWith('/dist/')) return send(types[extname(pathname)] ?? 'text/plain', await readFile(join(root, pathname)));
    send('text/html; charset=utf-8', page(pathname === '/' ? 'Start' : pathname.slice(1)));
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    weather,
    requests,
    openStreams: () => streams.size,
    resetStreams: () => streams.forEach((socket) => socket.resetAndDestroy()),
    async close() {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    },
  };
}
