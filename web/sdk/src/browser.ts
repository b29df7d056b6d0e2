/** The one seam: everything that the client takes from the browser comes in through here. */

/** What the client needs from the world around it. `./testing` has one with a clock of its own. */
export interface Env {
  fetch: typeof fetch;
  /** Takes the place of `new EventSource()`. */
  eventSource?(url: string, init: EventSourceInit): EventSource;
  now(): number;
  random(): number;
  /** Calls back once after `ms`; the result cancels. */
  after(ms: number, then: () => void): () => void;
  /** Calls back before the next frame; where none is drawn, a little later. */
  frame(then: () => void): void;
  offline(): boolean;
  /** Reports what befalls the page; the result ends that. */
  watch(on: (what: PageEvent) => void): () => void;
  /** What `localStorage` holds under a key. */
  setting(key: string): string | null;
}

export type PageEvent = 'hidden' | 'visible' | 'pagehide' | 'pageshow' | 'online' | 'offline';

const EVENTS = ['pagehide', 'pageshow', 'online', 'offline'] as const;

/** The browser that this runs in; also fit for workers, Node and server rendering. */
export function browserEnv(): Env {
  // Each of these may be missing
  const here: Partial<Pick<Window, 'document' | 'navigator' | 'addEventListener' | 'removeEventListener'>> = globalThis;
  const { document: page, navigator: device } = here;
  const hidden = () => page?.visibilityState === 'hidden';
  const after = (ms: number, then: () => void) => {
    const id = setTimeout(then, ms);
    return () => clearTimeout(id);
  };
  return {
    fetch: (input, init) => fetch(input, init),
    now: Date.now,
    random: Math.random,
    after,
    frame(then) {
      const end = after(250, then); // a tab that is hidden meanwhile draws no frame
      if (!hidden())
        requestAnimationFrame(() => {
          end();
          then();
        });
    },
    offline: () => device?.onLine === false,
    watch(on) {
      const hear = ({ type }: Event) => on(type[0] === 'v' ? (hidden() ? 'hidden' : 'visible') : (type as PageEvent));
      const each = (how: 'addEventListener' | 'removeEventListener') => {
        page?.[how]('visibilitychange', hear);
        for (const name of EVENTS) here[how]?.(name, hear);
      };
      each('addEventListener');
      return () => each('removeEventListener');
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
