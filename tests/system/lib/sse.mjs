// A reader of event streams over a bare socket: HTTP/1.1 chunks or HTTP/1.0 until close, then the
// WHATWG algorithm, with comments and retry kept.
import assert from 'node:assert/strict';
import { connect, head } from './http.mjs';

export class Stream {
  events = [];
  comments = [];
  lastId = '';
  retry = undefined;
  closed = false;
  chunks = []; // payload of each HTTP chunk
  raw = '';
  #at = 0;
  #wire = Buffer.alloc(0);
  #text = Buffer.alloc(0);
  #waiting = new Set();
  #event = { data: [], event: '', id: undefined };

  // stay: keeps its side open when the hub has ended.
  constructor(socket, { stay = false } = {}) {
    this.socket = socket;
    socket.on('data', (d) => this.#push(d));
    socket.on('error', () => this.#end());
    socket.on('end', () => {
      if (!stay) socket.end();
      this.#end();
    });
    socket.on('close', () => this.#end());
  }

  #end() {
    this.closed = true;
    this.#wake();
  }

  #wake() {
    for (const look of this.#waiting) look();
  }

  #push(d) {
    this.#wire = Buffer.concat([this.#wire, d]);
    if (!this.headers && !this.#head()) return;
    if (this.headers['transfer-encoding'] === 'chunked') this.#dechunk();
    else if ('content-length' in this.headers) this.body = this.#wire.toString();
    else {
      this.#text = Buffer.concat([this.#text, this.#wire]);
      this.#wire = Buffer.alloc(0);
    }
    this.#parse();
    this.#wake();
  }

  #head() {
    const at = this.#wire.indexOf('\r\n\r\n');
    if (at < 0) return false;
    const [first, ...lines] = this.#wire.subarray(0, at).toString().split('\r\n');
    this.status = Number(first.split(' ')[1]);
    this.headers = {};
    for (const line of lines) {
      const [, name, value] = line.match(/^([^:]+): (.*)$/);
      const key = name.toLowerCase();
      this.headers[key] = key in this.headers ? `${this.headers[key]}, ${value}` : value;
    }
    this.#wire = this.#wire.subarray(at + 4);
    return true;
  }

  #dechunk() {
    for (;;) {
      const line = this.#wire.indexOf('\r\n');
      if (line < 0) return;
      const size = parseInt(this.#wire.subarray(0, line).toString(), 16);
      if (this.#wire.length < line + 2 + size + 2) return;
      const payload = this.#wire.subarray(line + 2, line + 2 + size);
      this.#wire = this.#wire.subarray(line + 2 + size + 2);
      if (!size) {
        this.terminated = true;
        continue;
      }
      this.chunks.push(payload.toString());
      this.#text = Buffer.concat([this.#text, payload]);
    }
  }

  #parse() {
    let at;
    while ((at = this.#text.indexOf('\n')) >= 0) {
      let line = this.#text.subarray(0, at).toString();
      this.#text = this.#text.subarray(at + 1);
      this.raw += `${line}\n`;
      assert.ok(!line.includes('\r'), 'the hub ends lines with LF alone');
      if (line === '') this.#dispatch();
      else if (line.startsWith(':')) this.comments.push(line.slice(1).trimStart());
      else this.#field(line);
    }
  }

  #field(line) {
    const colon = line.indexOf(':');
    const name = colon < 0 ? line : line.slice(0, colon);
    let value = colon < 0 ? '' : line.slice(colon + 1);
    if (value.startsWith(' ')) value = value.slice(1);
    if (name === 'data') this.#event.data.push(value);
    else if (name === 'event') this.#event.event = value;
    else if (name === 'id') this.#event.id = this.lastId = value;
    else if (name === 'retry') this.retry = Number(value);
    else throw new Error(`unknown field: ${line}`);
  }

  #dispatch() {
    const { data, event, id } = this.#event;
    this.#event = { data: [], event: '', id: undefined };
    if (!data.length) return;
    // id: as in this block, undefined without; lastId: what a browser would send back
    this.events.push({ event: event || 'message', data: data.join('\n'), id, lastId: this.lastId });
  }

  until(look, what, ms = 10000) {
    return new Promise((resolve, reject) => {
      const finish = (f, v) => {
        clearTimeout(timer);
        this.#waiting.delete(check);
        f(v);
      };
      const check = () => {
        const found = look();
        if (found) finish(resolve, found);
        else if (this.closed) finish(reject, new Error(`the stream ended before ${what}; it had ${this.raw}`));
      };
      const timer = setTimeout(() => finish(reject, new Error(`no ${what} within ${ms} ms; it had ${this.raw}`)), ms);
      this.#waiting.add(check);
      check();
    });
  }

  // The next event, whatever it is.
  async next(ms) {
    await this.until(() => this.events.length > this.#at, 'event', ms);
    return this.events[this.#at++];
  }

  // The next count events that are no beats.
  async take(count, ms) {
    const list = [];
    while (list.length < count) {
      const e = await this.next(ms);
      if (e.event !== 'freshet.beat') list.push(e);
    }
    return list;
  }

  // The opening event, read as JSON, with its id.
  async opening() {
    const e = await this.next();
    assert.equal(e.event, 'freshet.open');
    return { ...JSON.parse(e.data), id: e.id };
  }

  async ended(ms) {
    await this.until(() => this.closed, 'end', ms);
  }

  close() {
    this.socket.destroy();
  }
}

// Opens a stream; resolves when the head of the answer is there.
export async function open(port, target, { headers = {}, version = '1.1', method = 'GET' } = {}) {
  const socket = await connect(port);
  const stream = new Stream(socket);
  socket.write(head(method, target, { Accept: 'text/event-stream', ...headers }, version));
  await stream.until(() => stream.headers, 'head');
  return stream;
}
