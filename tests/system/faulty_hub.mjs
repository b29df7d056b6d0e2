// A small event stream server that can be told to do wrong: what `freshet bench` must notice.
// GET /sub/C follows a channel, POST /pub/C publishes the body as it is.
import http from 'node:http';

// faults: { lose, repeat, swap, gap }: the number of the message (from 1, over the whole server)
// with which the first reader is treated wrongly; `forget`: a resume starts at the latest event.
// framing: 'lf', 'cr', 'crlf', 'lines' (the data in several lines), 'dribble' (a byte at a time),
// 'unchunked'.
export class FaultyHub {
  #readers = [];
  #log = [];
  #held;

  constructor({ faults = {}, framing = 'lf' } = {}) {
    this.faults = faults;
    this.framing = framing;
    this.server = http.createServer((q, a) => (q.method === 'GET' ? this.#follow(q, a) : this.#publish(q, a)));
  }

  async start() {
    await new Promise((done) => this.server.listen(0, '127.0.0.1', done));
    this.url = `http://127.0.0.1:${this.server.address().port}`;
    return this;
  }

  async stop() {
    this.server.closeAllConnections();
    await new Promise((done) => this.server.close(done));
  }

  #follow(q, a) {
    a.useChunkedEncodingByDefault = this.framing !== 'unchunked';
    a.writeHead(200, { 'Content-Type': 'text/event-stream' });
    const reader = { answer: a, channel: q.url.slice(5) };
    this.#write(reader, ': hello\n\n');
    const last = Number(q.headers['last-event-id'] ?? NaN);
    if (last && !this.faults.forget)
      for (const e of this.#log.slice(last)) if (e.channel === reader.channel) this.#send(reader, e);
    this.#readers.push(reader);
    a.on('close', () => (this.#readers = this.#readers.filter((r) => r !== reader)));
  }

  async #publish(q, a) {
    let body = '';
    for await (const part of q) body += part;
    const event = { id: this.#log.length + 1, channel: q.url.slice(5), body };
    this.#log.push(event);
    this.#readers
      .filter((r) => r.channel === event.channel)
      .forEach((r, i) => (i === 0 ? this.#sendToFirst(r, event) : this.#send(r, event)));
    a.writeHead(200, { 'Content-Length': 0 }).end();
  }

  #sendToFirst(reader, event) {
    const { lose, repeat, swap, gap } = this.faults;
    if (event.id === lose) return;
    if (event.id === gap) return this.#write(reader, `event: freshet.gap\ndata: {}\n\n`);
    if (event.id === swap) return void (this.#held = event);
    this.#send(reader, event);
    if (event.id === repeat) this.#send(reader, event);
    if (this.#held) this.#send(reader, this.#held);
    this.#held = undefined;
  }

  #send(reader, { id, body }) {
    const data = this.framing === 'lines' ? `data: {\ndata:${body}\ndata: }\n` : `data: ${body}\n`;
    this.#write(reader, `id: ${id}\n${data}\n`);
  }

  #write(reader, text) {
    if (this.framing === 'cr') text = text.replaceAll('\n', '\r');
    if (this.framing === 'crlf') text = text.replaceAll('\n', '\r\n');
    if (this.framing === 'dribble') for (const byte of text) reader.answer.write(byte);
    else reader.answer.write(text);
  }
}
