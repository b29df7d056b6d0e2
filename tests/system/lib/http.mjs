// HTTP/1.1 over a bare socket: bytes out as they are given, answers in by RFC 9112, strictly.
import net from 'node:net';

// Reads answers out of a growing buffer. methods: of the requests, so that an answer to HEAD has no
// body.
export class Answers {
  #buf = Buffer.alloc(0);
  #methods;
  done = [];
  ended = false;

  constructor(methods = []) {
    this.#methods = [...methods];
  }

  push(chunk) {
    this.#buf = Buffer.concat([this.#buf, chunk]);
    while (this.#one());
  }

  end() {
    this.ended = true;
    this.#one();
  }

  get rest() {
    return this.#buf;
  }

  #one() {
    const at = this.#buf.indexOf('\r\n\r\n');
    if (at < 0) return false;
    const [first, ...lines] = this.#buf.subarray(0, at).toString('latin1').split('\r\n');
    const m = first.match(/^HTTP\/1\.1 (\d{3}) ([ -~]*)$/);
    if (!m) throw new Error(`no status line: ${first}`);
    const answer = { status: Number(m[1]), headers: {}, lines };
    for (const line of lines) {
      const f = line.match(/^([!#$%&'*+.^_`|~0-9A-Za-z-]+): (.*)$/);
      if (!f) throw new Error(`no field line: ${line}`);
      const name = f[1].toLowerCase();
      answer.headers[name] = name in answer.headers ? `${answer.headers[name]}, ${f[2]}` : f[2];
    }
    let used = at + 4;
    if (answer.status >= 200) {
      const method = this.#methods[this.done.filter((a) => a.status >= 200).length] ?? 'GET';
      const body = this.#body(answer, method, used);
      if (!body) return false;
      [answer.body, used] = body;
      answer.text = answer.body.toString();
      if (/json/.test(answer.headers['content-type'] ?? '') && answer.text) answer.json = JSON.parse(answer.text);
    }
    this.#buf = this.#buf.subarray(used);
    this.done.push(answer);
    return true;
  }

  #body(answer, method, from) {
    const { headers, status } = answer;
    if (method === 'HEAD' || status === 204 || status === 304) return [Buffer.alloc(0), from];
    if ('content-length' in headers && 'transfer-encoding' in headers) throw new Error('two lengths');
    if ('content-length' in headers) {
      if (!/^\d+$/.test(headers['content-length'])) throw new Error(`length ${headers['content-length']}`);
      const to = from + Number(headers['content-length']);
      return this.#buf.length < to ? null : [this.#buf.subarray(from, to), to];
    }
    if (headers['transfer-encoding'] === 'chunked') return chunks(this.#buf, from);
    if (!this.ended) return null;
    return [this.#buf.subarray(from), this.#buf.length];
  }
}

function chunks(buf, from) {
  const parts = [];
  for (;;) {
    const line = buf.indexOf('\r\n', from);
    if (line < 0) return null;
    const size = buf.subarray(from, line).toString();
    if (!/^[0-9a-f]+$/i.test(size)) throw new Error(`chunk size ${size}`);
    const to = line + 2 + parseInt(size, 16);
    if (buf.length < to + 2) return null;
    if (buf.subarray(to, to + 2).toString() !== '\r\n') throw new Error('chunk without end');
    parts.push(buf.subarray(line + 2, to));
    from = to + 2;
    if (to === line + 2) return [Buffer.concat(parts), from];
  }
}

export function connect(port) {
  return new Promise((resolve, reject) => {
    const socket = net.connect({ port, host: '127.0.0.1', noDelay: true, allowHalfOpen: true }, () => resolve(socket));
    socket.on('error', reject);
  });
}

const turn = () => new Promise((done) => setImmediate(done));

// Sends bytes (a text, a Buffer, or a list that goes out piece by piece) and reads `count` answers,
// or all until the hub closes. methods: see Answers. half: ends our side after sending.
export async function send(port, bytes, { count = Infinity, methods, ms = 10000, half = false } = {}) {
  const socket = await connect(port);
  const answers = new Answers(methods);
  let failure;
  const finished = new Promise((resolve) => {
    const timer = setTimeout(() => {
      failure = new Error(`${answers.done.length} answers within ${ms} ms, then ${answers.rest}`);
      resolve();
    }, ms);
    const end = () => (clearTimeout(timer), resolve());
    socket.on('data', (d) => {
      try {
        answers.push(d);
      } catch (e) {
        failure = e;
      }
      if (failure || answers.done.filter((a) => a.status >= 200).length >= count) end();
    });
    socket.on('end', () => {
      answers.end();
      end();
    });
    socket.on('error', (e) => {
      answers.error = e;
      answers.end();
      end();
    });
  });
  for (const piece of Array.isArray(bytes) ? bytes : [bytes]) {
    if (socket.destroyed || socket.errored) break;
    socket.write(piece);
    if (Array.isArray(bytes)) await turn();
  }
  if (half) socket.end();
  await finished;
  socket.destroy();
  if (failure) throw failure;
  return answers.done;
}

export function head(method, target, headers = {}, version = '1.1') {
  const all = { Host: 'hub', ...headers };
  const lines = Object.entries(all).filter(([, v]) => v !== null).map(([k, v]) => `${k}: ${v}\r\n`);
  return `${method} ${target} HTTP/${version}\r\n${lines.join('')}\r\n`;
}

export async function request(port, method, target, headers = {}, body = '', options = {}) {
  const bytes = Buffer.from(body);
  const length = body === '' && method !== 'POST' ? {} : { 'Content-Length': bytes.length };
  const answers = await send(port, Buffer.concat([Buffer.from(head(method, target, { ...length, ...headers })), bytes]),
    { count: 1, methods: [method], ...options });
  return answers.at(-1);
}

export const get = (port, target, headers, options) => request(port, 'GET', target, headers, '', options);

export const post = (port, target, body, headers) =>
  request(port, 'POST', target, { 'Content-Type': 'application/json', ...headers },
    typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body));
