import { useSyncExternalStore } from 'react';

/** A stream of this page that can be cut: what runs is broken off, and every new attempt fails, as when the network is gone. */
export class Fault {
  #cut = false;
  readonly #running = new Set<TransformStreamDefaultController<Uint8Array>>();
  readonly #watchers = new Set<() => void>();

  set(cut: boolean): void {
    this.#cut = cut;
    if (cut) this.#running.forEach((stream) => stream.error(this.#failure()));
    this.#running.clear();
    this.#watchers.forEach((watcher) => watcher());
  }

  readonly isCut = () => this.#cut;
  readonly watch = (watcher: () => void) => {
    this.#watchers.add(watcher);
    return () => void this.#watchers.delete(watcher);
  };
  #failure = () => new TypeError('cut on the testing page');

  /** In place of the browser's fetch. Requests that are no streams, such as polls, go through. */
  readonly fetch: typeof fetch = async (input, init) => {
    const streaming = /-stream(\?|$)/.test(String(input));
    if (streaming && this.#cut) throw this.#failure();
    const answer = await fetch(input, init);
    if (!streaming || !answer.body) return answer;
    let mine: TransformStreamDefaultController<Uint8Array> | undefined;
    const gate = new TransformStream<Uint8Array, Uint8Array>({
      start: (stream) => void this.#running.add((mine = stream)),
      flush: () => void (mine && this.#running.delete(mine)),
    });
    return new Response(answer.body.pipeThrough(gate), answer);
  };
}

export const useIsCut = (fault: Fault): boolean => useSyncExternalStore(fault.watch, fault.isCut);
