import { FreshetError, asError } from '../errors.js';
import { httpError } from '../rest.js';

/** Where the hub is, for an application's own backend. */
export interface PublisherOptions {
  /** Default: the environment's `FRESHET_URL`, else `http://127.0.0.1:4000`. */
  url?: string;
  /** Default: the environment's `FRESHET_TOKEN`, else none. */
  token?: string | (() => string | Promise<string>);
  /** Takes the place of the global `fetch`. */
  fetch?: typeof fetch;
  /** A request may take this long, in ms. Default 10000. */
  timeout?: number;
  /** Told of what failed and nobody waited for. Default: `console.error`. */
  onError?: (error: FreshetError) => void;
}

/** What the hub takes as one event. */
export interface Publication {
  channel: string;
  type?: string;
  data: unknown;
  key?: string;
  state?: unknown;
  deleted?: boolean;
  priority?: 'normal' | 'high';
  tenant?: string;
  ack?: 'memory' | 'durable';
  idempotencyKey?: string;
}

export interface Published {
  id: string;
  ack: 'memory' | 'durable';
}

/** The hub's figures; more than these are there. */
export interface Stats {
  totalConnections: number;
  connectionsByTenant: Record<string, number>;
  connectionsByCompany: Record<string, number>;
  connectionsByChannel: Record<string, number>;
  connectionsByTransport: Record<string, number>;
  historySize: number;
  [figure: string]: unknown;
}

export interface Publisher {
  publish(event: Publication): Promise<Published>;
  /** All of them, or none. */
  publishAll(events: readonly Publication[]): Promise<Published[]>;
  stats(): Promise<Stats>;
  /** Ends a client's connection; the client may come back. */
  disconnect(connectionId: string): Promise<void>;
  report(error: FreshetError): void;
}

const environment = (name: string): string | undefined =>
  (globalThis as { process?: { env: Record<string, string | undefined> } }).process?.env[name];

export function createPublisher(options: PublisherOptions = {}): Publisher {
  const { fetch: send = fetch, timeout = 10000, onError = (error) => console.error('freshet:', error.message) } = options;

  async function request(method: string, path: string, body?: unknown): Promise<unknown> {
    const base = (options.url ?? environment('FRESHET_URL') ?? 'http://127.0.0.1:4000').replace(/\/$/, '');
    const given = options.token ?? environment('FRESHET_TOKEN');
    const token = typeof given === 'function' ? await given() : given;
    const abort = new AbortController();
    const timer = setTimeout(() => abort.abort(), timeout);
    try {
      const response = await send(base + path, {
        method,
        signal: abort.signal,
        headers: { ...(token && { Authorization: `Bearer ${token}` }), ...(body !== undefined && { 'Content-Type': 'application/json' }) },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      });
      if (!response.ok) throw await httpError(response, Date.now());
      return response.status === 204 ? null : await response.json();
    } catch (thrown) {
      throw asError(thrown);
    } finally {
      clearTimeout(timer);
    }
  }
  return {
    publish: (event) => request('POST', '/v1/publish', event) as Promise<Published>,
    publishAll: (events) => request('POST', '/v1/publish', events) as Promise<Published[]>,
    stats: () => request('GET', '/v1/stats') as Promise<Stats>,
    disconnect: async (id) => void (await request('DELETE', `/v1/connections/${encodeURIComponent(id)}`)),
    report: onError,
  };
}
