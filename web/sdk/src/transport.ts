import type { Env } from './browser.js';
import { FreshetError } from './errors.js';
import { createParser, type Message } from './parser.js';
import type { Target } from './request.js';
import type { FreshetEvent } from './types.js';

/** What a stream reports to whoever opened it. */
export interface StreamHandlers {
  opened(): void;
  event(event: FreshetEvent): void;
  message(message: Message): void;
  position(id: string): void;
  retry(ms: number): void;
  /** All that has come so far has been handed over. */
  settled(): void;
  /** Anything that was thrown. */
  failed(thrown: unknown): void;
}

export const ended = () => new FreshetError('ended', 'stream ended', { retryable: true });

/** Opens a stream with `fetch`; the result closes it. */
export function openFetch(env: Env, target: Target, lastEventId: string | null, on: StreamHandlers): () => void {
  const abort = new AbortController();
  const headers: Record<string, string> = { Accept: 'text/event-stream', ...target.headers };
  // A header is bytes: UTF-8, as the specification says; one character a byte is what these two make of it
  if (lastEventId) headers['Last-Event-ID'] = unescape(encodeURIComponent(lastEventId));

  async function run(): Promise<void> {
    const response = await env.fetch(target.url, {
      headers, credentials: target.credentials!, cache: 'no-store', signal: abort.signal,
    });
    if (response.status !== 200 || !/^text\/event-stream\s*(;|$)/i.test(response.headers.get('Content-Type')!))
      throw await (await import('./rest.js')).refusal(response, env.now());
    on.opened();
    const parse = createParser(on);
    const decoder = new TextDecoder();
    const reader = response.body!.getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) throw ended();
      parse(decoder.decode(value, { stream: true }));
      on.settled();
    }
  }
  run().catch((thrown) => {
    on.failed(thrown);
    abort.abort();
  });
  return () => abort.abort();
}
