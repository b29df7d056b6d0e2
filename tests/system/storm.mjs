// A reconnect storm and a connection flood, too large for every test run: tools/check runs it.
// usage: storm.mjs [STREAMS]     default 10000
//
// All streams are opened from several loopback addresses, the hub is killed and started again on the
// same store, all come back at once with their last id, and each has to get exactly what was
// published meanwhile. Then as many connections that say nothing flood it, and it goes on serving.
import assert from 'node:assert/strict';
import net from 'node:net';
import { Hub } from './lib/hub.mjs';
import { auth, bearer } from './lib/token.mjs';

const COUNT = Number(process.argv[2] ?? 10000);
const claims = { tenant: 'acme', sub: 'storm', subscribe: ['*'], publish: ['*'] };
const headers = bearer(claims);
const source = (i) => `127.0.0.${2 + (i % 8)}`;

// One stream: only its last id and how many events it has got are kept.
class Client {
  lastId = '';
  events = 0;
  open(port, i) {
    return new Promise((resolve, reject) => {
      this.socket = net.connect({ port, host: '127.0.0.1', localAddress: source(i) });
      const resume = this.lastId ? `Last-Event-ID: ${this.lastId}\r\n` : '';
      this.socket.write(`GET /v1/stream?channel=trips HTTP/1.1\r\nHost: hub\r\nAuthorization: ${headers.Authorization}\r\n${resume}\r\n`);
      this.socket.on('error', reject);
      this.socket.on('data', (d) => {
        const text = d.toString();
        for (const m of text.matchAll(/^id: ?(.+)$/gm)) this.lastId = m[1].trim();
        this.events += text.match(/^event: ?message$/gm)?.length ?? 0;
        if (/freshet\.gap/.test(text)) reject(new Error(`a gap: ${text}`));
        if (/freshet\.open/.test(text)) resolve();
      });
    });
  }
}

async function openAll(clients, port, atOnce) {
  let next = 0;
  await Promise.all(Array.from({ length: atOnce }, async () => {
    while (next < clients.length) {
      const i = next++;
      await clients[i].open(port, i);
    }
  }));
}

async function all(clients, events, ms) {
  const end = Date.now() + ms;
  while (clients.some((c) => c.events < events)) {
    if (Date.now() > end) throw new Error(`${clients.filter((c) => c.events < events).length} streams lack events`);
    await new Promise((done) => setTimeout(done, 50));
  }
  assert.ok(clients.every((c) => c.events === events), 'no stream has more than was published');
}

const hub = await Hub.start({
  config: { auth: auth(), store: 'sqlite:hub.db', log: { level: 'error' }, limits: { connections: COUNT + 100, connections_per_tenant: 0 } },
  dev: false,
});
try {
  const clients = Array.from({ length: COUNT }, () => new Client());
  let begin = performance.now();
  await openAll(clients, hub.port, 500);
  console.log(`opened ${COUNT} streams in ${Math.round(performance.now() - begin)} ms`);
  for (let i = 0; i < 5; i++) await hub.publish({ channel: 'trips', data: i, ack: 'durable' }, headers);
  await all(clients, 5, 30000);
  for (const c of clients) c.socket.removeAllListeners('error').on('error', () => {});
  await hub.kill();
  for (const c of clients) c.socket.destroy();
  await hub.run();
  for (let i = 0; i < 5; i++) await hub.publish({ channel: 'trips', data: i, ack: 'durable' }, headers);
  begin = performance.now();
  await openAll(clients, hub.port, 2000);
  await all(clients, 10, 30000);
  console.log(`all back with what they missed in ${Math.round(performance.now() - begin)} ms`);
  for (const c of clients) {
    c.socket.removeAllListeners('error').on('error', () => {});
    c.socket.destroy();
  }
  const silent = [];
  for (let i = 0; i < Math.min(COUNT, 9000); i++) {
    const s = net.connect({ port: hub.port, host: '127.0.0.1', localAddress: source(i) });
    s.on('error', () => {});
    silent.push(s);
    if (i % 500 === 0) {
      begin = performance.now();
      assert.equal((await hub.get('/v1/events?channel=trips', headers)).status, 200);
      assert.ok(performance.now() - begin < 2000, 'served while it is flooded');
    }
  }
  for (const s of silent) s.destroy();
  console.log(`served through ${silent.length} silent connections`);
} finally {
  await hub.stop();
}
