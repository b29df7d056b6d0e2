// Runs the program under test. FRESHET_BIN names it; build/freshet otherwise.
import { spawn } from 'node:child_process';
import net from 'node:net';
import { fileURLToPath } from 'node:url';

export const BIN =
  process.env.FRESHET_BIN ?? fileURLToPath(new URL('../../build/freshet', import.meta.url));

// The environment without variables that would configure the program from outside.
function cleanEnv(extra) {
  const env = Object.fromEntries(
    Object.entries(process.env).filter(([k]) => !k.startsWith('FRESHET_') && k !== 'LOG_LEVEL' && k !== 'DEBUG'),
  );
  return { ...env, ...extra };
}

// Runs to the end. input: text for standard input.
export function run(args, { input = '', env = {}, cwd } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(BIN, args, { env: cleanEnv(env), cwd });
    const out = { code: null, stdout: '', stderr: '' };
    child.stdout.on('data', (d) => (out.stdout += d));
    child.stderr.on('data', (d) => (out.stderr += d));
    child.on('error', reject);
    child.stdin.on('error', () => {});
    child.on('close', (code) => resolve({ ...out, code }));
    child.stdin.end(input);
  });
}

// A program that keeps running. `until(pattern, stream)` waits for a match in what it has printed.
export class Running {
  stdout = '';
  stderr = '';
  code = undefined;
  #waiting = new Set();

  // wrap: a command that runs it, and becomes it.
  constructor(args, { env = {}, cwd, bin = BIN, wrap = [] } = {}) {
    const [command, ...rest] = [...wrap, bin, ...args];
    this.child = spawn(command, rest, { env: cleanEnv(env), cwd });
    for (const name of ['stdout', 'stderr'])
      this.child[name].on('data', (d) => {
        this[name] += d;
        this.#wake();
      });
    this.ended = new Promise((resolve) =>
      this.child.on('close', (code) => {
        this.code = code;
        this.#wake();
        resolve(code);
      }),
    );
  }

  #wake() {
    for (const look of this.#waiting) look();
  }

  until(pattern, stream = 'stdout', ms = 15000) {
    return new Promise((resolve, reject) => {
      const finish = (f, value) => {
        clearTimeout(timer);
        this.#waiting.delete(look);
        f(value);
      };
      const failure = (why) =>
        new Error(`${why} before ${pattern}: ${this.stdout}\n---\n${this.stderr}`);
      const look = () => {
        const m = this[stream].match(pattern);
        if (m) finish(resolve, m);
        else if (this.code !== undefined) finish(reject, failure('it ended'));
      };
      const timer = setTimeout(() => finish(reject, failure(`${ms} ms passed`)), ms);
      this.#waiting.add(look);
      look();
    });
  }

  write(text) {
    this.child.stdin.write(text);
  }

  async stop(signal = 'SIGINT') {
    this.child.kill(signal);
    return this.ended;
  }
}

// A TCP relay to the hub whose connections can be cut.
export class Relay {
  #pairs = new Set();

  constructor(port) {
    this.server = net.createServer((a) => {
      const b = net.connect(port, '127.0.0.1');
      const pair = [a, b];
      this.#pairs.add(pair);
      for (const [x, y] of [[a, b], [b, a]]) {
        x.pipe(y);
        x.on('error', () => {});
        x.on('close', () => (y.destroy(), this.#pairs.delete(pair)));
      }
    });
  }

  async start() {
    await new Promise((done) => this.server.listen(0, '127.0.0.1', done));
    this.url = `http://127.0.0.1:${this.server.address().port}`;
    return this;
  }

  cut() {
    for (const [a, b] of this.#pairs) (a.resetAndDestroy(), b.destroy());
  }

  async stop() {
    this.cut();
    await new Promise((done) => this.server.close(done));
  }
}

// Waits until look() is true, looking again every few milliseconds.
export async function eventually(look, what, ms = 10000) {
  const end = Date.now() + ms;
  while (!look()) {
    if (Date.now() > end) throw new Error(`never: ${what}`);
    await new Promise((done) => setTimeout(done, 5));
  }
}
