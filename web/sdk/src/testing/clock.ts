import type { Env, PageEvent } from '../browser.js';

/** A world whose time, dice, page and network are in the test's hands. */
export interface TestWorld extends Env {
  /** Lets time pass; timers fire in order, and what they start is waited for. */
  advance(ms: number): Promise<void>;
  /** Waits until everything that needs no time has happened. */
  settle(): Promise<void>;
  /** Makes the page hidden, visible, offline and so on. */
  page(what: PageEvent): void;
  /** What `random()` gives. Default 0.5. */
  dice: number;
  /** Settings as in `localStorage`. */
  settings: Record<string, string>;
  /** Timers that wait, as the time left in ms, soonest first. */
  timers(): number[];
}

const turn = () => new Promise<void>((done) => setTimeout(done, 0));

/** A world that stands still until told; `fetch` is where its requests go. */
export function createTestWorld(fetch: typeof globalThis.fetch): TestWorld {
  let now = 1_700_000_000_000;
  let offline = false;
  let waiting: { at: number; then: () => void }[] = [];
  const watchers = new Set<(what: PageEvent) => void>();
  const after = (ms: number, then: () => void) => {
    const timer = { at: now + ms, then };
    waiting.push(timer);
    return () => {
      waiting = waiting.filter((other) => other !== timer);
    };
  };
  async function settle(): Promise<void> {
    for (let i = 0; i < 4; i++) await turn();
  }
  return {
    fetch,
    eventSource() {
      throw new Error('no EventSource in this world');
    },
    now: () => now,
    random(): number {
      return this.dice;
    },
    after,
    frame: (then) => void after(16, then),
    offline: () => offline,
    watch(on) {
      watchers.add(on);
      return () => void watchers.delete(on);
    },
    setting(key) {
      return this.settings[key] ?? null;
    },
    dice: 0.5,
    settings: {},
    settle,
    timers: () => waiting.map(({ at }) => at - now).sort((a, b) => a - b),
    page(what) {
      if (what === 'offline' || what === 'online') offline = what === 'offline';
      for (const on of [...watchers]) on(what);
    },
    async advance(ms) {
      const end = now + ms;
      await settle();
      for (;;) {
        const next = waiting.filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0];
        if (!next) break;
        now = Math.max(now, next.at);
        waiting = waiting.filter((timer) => timer !== next);
        next.then();
        await settle();
      }
      now = end;
    },
  };
}
