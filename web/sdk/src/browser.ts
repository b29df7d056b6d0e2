/** The one seam: everything that the client takes from the browser comes in through here. */

/** What the client needs from the world around it. `./testing` has one with a clock of its own. */
export interface Env {
  fetch: typeof fetch;
  eventSource(url: string, init: EventSourceInit): EventSource;
  now(): number;
  random(): number;
  /** Calls back once after `ms`; the result cancels. */
  after(ms: number, then: () => void): () => void;
  /** Calls back before the next frame, or soon where no frames are drawn. */
  frame(then: () => void): void;
  offline(): boolean;
  hidden(): boolean;
  /** Reports what befalls the page; the result ends that. */
  watch(on: (what: PageEvent) => void): () => void;
  /** What `localStorage` holds under a key. */
  setting(key: string): string | null;
}

export type PageEvent = 'hidden' | 'visible' | 'pagehide' | 'pageshow' | 'online' | 'offline';

/** The browser that this runs in; also fit for workers, Node and server rendering. */
export function browserEnv(): Env {
  const page = typeof document === 'undefined' ? null : document;
  const hidden = () => page?.visibilityState === 'hidden';
  const after = (ms: number, then: () => void) => {
    const id = setTimeout(then, ms);
    return () => clearTimeout(id);
  };
  return {
    fetch: (input, init) => fetch(input, init),
    eventSource: (url, init) => new EventSource(url, init),
    now: Date.now,
    random: Math.random,
    after,
    hidden,
    frame(then) {
      if (hidden() || typeof requestAnimationFrame === 'undefined') after(16, then);
      else requestAnimationFrame(then);
    },
    offline: () => typeof navigator !== 'undefined' && navigator.onLine === false,
    watch(on) {
      const offs: (() => void)[] = [];
      const hear = (target: EventTarget, name: string, then: () => void) => {
        target.addEventListener(name, then);
        offs.push(() => target.removeEventListener(name, then));
      };
      if (page) hear(page, 'visibilitychange', () => on(hidden() ? 'hidden' : 'visible'));
      if (typeof addEventListener === 'function')
        for (const name of ['pagehide', 'pageshow', 'online', 'offline'] as const)
          hear(globalThis as unknown as EventTarget, name, () => on(name));
      return () => offs.forEach((off) => off());
    },
    setting(key) {
      try {
        return localStorage.getItem(key);
      } catch {
        return null; // no storage here, or none allowed
      }
    },
  };
}
