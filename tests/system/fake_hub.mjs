// A hub of a few lines: enough of the protocol for the client commands to talk to, and it can be
// told to misbehave.
import http from 'node:http';

const EPOCH = '0badcafe';

export class FakeHub {
  events = []; // {id, channel, type, key, time, data: text of JSON}
  requests = []; // {method, url, headers, body}
  streams = new Set();
  answers = []; // [status, headers, body] to give to the next requests instead
  retry = null; // ms, sent with the opening event
  #n = 0;

  async start() {
    this.server = http.createServer((req, res) => this.#serve(req, res));
    await new Promise((done) => this.server.listen(0, '127.0.0.1', done));
    this.url = `http://127.0.0.1:${this.server.address().port}`;
    return this;
  }

  async stop() {
    this.server.closeAllConnections();
    await new Promise((done) => this.server.close(done));
  }

  // Ends every stream, after sending what is given.
  closeStreams(last = '') {
    for (const { res } of this.streams) res.end(last);
  }

  // Sends text to every stream as it is.
  send(text) {
    for (const { res } of this.streams) res.write(text);
  }

  async #serve(req, res) {
    const url = new URL(req.url, this.url);
    const chunks = [];
    for await (const c of req) chunks.push(c);
    const body = Buffer.concat(chunks).toString();
    this.requests.push({ method: req.method, url, headers: req.headers, body });
    const planned = this.answers.shift();
    if (planned) {
      res.writeHead(planned[0], planned[1]);
      res.end(planned[2]);
    } else if (url.pathname === '/v1/publish') this.#publish(req, body, res);
    else if (url.pathname === '/v1/stream') this.#stream(req, url, res);
    else if (url.pathname === '/v1/stats') {
      res.writeHead(200, { 'content-type': 'application/json' });
      res.end('{"totalConnections": 2, "connectionsByTenant": {"acme": 2, "a\\u001bb": 0},\n "name": "x"}');
    } else {
      res.writeHead(404, { 'content-type': 'text/plain' });
      res.end('nothing here');
    }
  }

  #publish(req, body, res) {
    const lines = req.headers['content-type'] === 'application/x-ndjson';
    const texts = lines ? body.split('\n').filter((l) => l) : [body];
    const acks = texts.map((text) => {
      const e = JSON.parse(text);
      // The data as it was written: everything after the last member's name.
      const data = text.slice(text.indexOf('"data":') + 7, -1);
      const time = 1642518927000 + this.#n;
      const id = `${time}-${this.#n++}-${EPOCH}`;
      this.#append({ ...e, id, time, data, type: e.type ?? 'message' });
      return { id, ack: 'memory' };
    });
    res.writeHead(200, { 'content-type': 'application/json' });
    res.end(JSON.stringify(lines ? acks : acks[0]));
  }

  #append(e) {
    this.events.push(e);
    for (const s of this.streams) this.#give(s, e);
  }

  #give({ res, query }, e) {
    const asked = (name) => query.getAll(name);
    if (!asked('channel').includes(e.channel)) return;
    if (asked('type').length && !asked('type').includes(e.type)) return;
    if (asked('key').length && !asked('key').includes(e.key)) return;
    const head = { id: e.id, channel: e.channel, type: e.type, key: e.key, time: e.time };
    if (e.deleted) head.deleted = true;
    res.write(`id: ${e.id}\ndata: ${JSON.stringify(head).slice(0, -1)},"data":${e.data}}\n\n`);
  }

  #stream(req, url, res) {
    const query = url.searchParams;
    const stream = { res, query };
    const last = req.headers['last-event-id'];
    const at = this.events.findIndex((e) => e.id === last) + 1;
    const from = last ? at : query.get('since') === 'earliest' ? 0 : this.events.length;
    res.writeHead(200, { 'content-type': 'text/event-stream' });
    const retry = this.retry === null ? '' : `retry: ${this.retry}\n`;
    const id = last ?? this.events[from - 1]?.id ?? `0-0-${EPOCH}`;
    res.write(`${retry}id: ${id}\ndata: {"type":"freshet.open","data":{"heartbeat":15000}}\n\n`);
    for (const e of this.events.slice(from)) this.#give(stream, e);
    this.streams.add(stream);
    res.on('close', () => this.streams.delete(stream));
  }
}
