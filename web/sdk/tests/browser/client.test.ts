/** The client in Chromium, against a hub in memory and against the real one. */
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Client } from '../../src/index.js';
import { launch } from './chromium.js';
import { hasBinary, memoryHub, realHub, type Hub } from './hubs.js';
import { startSite, type Site } from './site.js';

declare const client: Client;
declare const got: unknown[];
declare const gaps: { reason: string }[];
declare const asked: string[];

let browser: Browser;
beforeAll(async () => {
  browser = await launch();
});
afterAll(() => browser?.close());

interface TraceEvent {
  name: string;
  pid: number;
  tid: number;
  /** Microseconds of the processor. */
  tdur?: number;
  args?: { name?: string };
}

/**
 * How long the tasks of pages' main threads took in a trace, in ms of processor time: what other
 * programs take of a busy machine is not the page's.
 */
function tasks(trace: Buffer): number[] {
  const { traceEvents } = JSON.parse(trace.toString()) as { traceEvents: TraceEvent[] };
  const mains = new Set(traceEvents.filter(({ name, args }) => name === 'thread_name' && args?.name === 'CrRendererMain').map(({ pid, tid }) => `${pid} ${tid}`));
  return traceEvents.filter(({ name, pid, tid, tdur }) => /RunTask$/.test(name) && tdur !== undefined && mains.has(`${pid} ${tid}`)).map(({ tdur }) => tdur! / 1000);
}

const hubs: [string, () => Hub][] = [['a hub in memory', memoryHub]];
if (hasBinary) hubs.push(['the real hub', realHub]);

describe.each(hubs)('with %s', (_, makeHub) => {
  let hub: Hub;
  let site: Site;
  let context: BrowserContext;
  let failures: string[];
  beforeEach(async () => {
    hub = makeHub();
    await hub.start();
    site = await startSite(hub);
    context = await browser.newContext();
    failures = [];
    context.on('weberror', (error) => failures.push(String(error.error())));
  });
  afterEach(async () => {
    await context.close();
    await site.close();
    await hub.close();
    expect(failures).toEqual([]);
  });

  async function open(query = ''): Promise<Page> {
    const page = await context.newPage();
    await page.goto(`${site.url}/?${query}`);
    return page;
  }
  const connected = (page: Page, transport = 'sse') =>
    page.waitForFunction((way) => client.getSnapshot().isConnected && client.getSnapshot().transport === way, transport);
  /** Waits for so many events; all that came, in order. */
  async function events(page: Page, count: number): Promise<unknown[]> {
    await page.waitForFunction((n) => got.length >= n, count);
    return page.evaluate(() => got);
  }

  it('connects and gets events in order, in any characters', async () => {
    const page = await open();
    await connected(page);
    for (const data of [{ n: 1 }, 'é € 😀', [null, true]]) await hub.publish('a', 'x', data);
    expect(await events(page, 3)).toEqual([{ n: 1 }, 'é € 😀', [null, true]]);
  });

  it('does so over a native EventSource too', async () => {
    const page = await open('transport=eventsource');
    await connected(page);
    await hub.publish('a', 'x', 1);
    expect(await events(page, 1)).toEqual([1]);
    site.resetStreams();
    await hub.publish('a', 'x', 2);
    expect(await events(page, 2)).toEqual([1, 2]);
  });

  it('publishes, and reads history', async () => {
    const page = await open();
    await connected(page);
    const id = await page.evaluate(() => client.publish('x', 'from the page'));
    expect(id).toMatch(/^\d+-\d+-[0-9a-f]{8}$/);
    expect(await events(page, 1)).toEqual(['from the page']);
    await hub.publish('a', 'x', 2);
    await events(page, 2); // what has been delivered is kept
    const past = await page.evaluate(async () => {
      const all: unknown[] = [];
      for await (const event of client.history({ last: 2 })) all.push(event.data);
      return all;
    });
    expect(past).toEqual(['from the page', 2]);
  });

  it('a hub killed and back within a second is found again within 1.5 s, nothing lost or repeated', async () => {
    const page = await open();
    await connected(page);
    await hub.publish('a', 'x', 1);
    await events(page, 1);
    await hub.kill();
    await page.waitForFunction(() => client.getSnapshot().status === 'reconnecting');
    await hub.start();
    const back = Date.now();
    await hub.publish('a', 'x', 2);
    await connected(page);
    expect(Date.now() - back).toBeLessThan(1500);
    await hub.publish('a', 'x', 3);
    expect(await events(page, 3)).toEqual([1, 2, 3]);
    expect(await page.evaluate(() => client.getSnapshot().resumed)).toBe(true);
  });

  it('a hub that was gone for longer is found again within the present step of the backoff', async () => {
    const page = await open();
    await connected(page);
    await hub.publish('a', 'x', 1);
    await events(page, 1);
    await hub.kill();
    await page.waitForFunction(() => client.getSnapshot().attempt >= 3);
    await hub.start();
    const back = Date.now();
    const attempt = await page.evaluate(() => client.getSnapshot().attempt);
    expect(attempt).toBeGreaterThanOrEqual(3);
    await hub.publish('a', 'x', 2);
    await connected(page);
    expect(Date.now() - back).toBeLessThan(1000 * 2 ** (attempt - 2) + 500);
    await hub.publish('a', 'x', 3);
    expect(await events(page, 3)).toEqual([1, 2, 3]);
  });

  it('closes when hidden, comes back when seen, with what it missed', async () => {
    const page = await open('hidden=0');
    await connected(page);
    const see = (state: string) =>
      page.evaluate((value) => {
        Object.defineProperty(document, 'visibilityState', { configurable: true, get: () => value });
        document.dispatchEvent(new Event('visibilitychange'));
      }, state);
    await see('hidden');
    await page.waitForFunction(() => client.getSnapshot().paused === 'hidden');
    await expect.poll(() => site.openStreams()).toBe(0);
    await hub.publish('a', 'x', 'missed');
    await see('visible');
    expect(await events(page, 1)).toEqual(['missed']);
  });

  it('back and forward: a page that is loaded anew goes on where it was', async () => {
    const page = await open('persist');
    await connected(page);
    await hub.publish('a', 'x', 1);
    await events(page, 1);
    await page.goto('about:blank');
    await expect.poll(() => site.openStreams()).toBe(0);
    await hub.publish('a', 'x', 2);
    await page.goBack();
    expect(await events(page, 1)).toEqual([2]);
  });

  it('a page that is put into the back/forward cache lets go, and goes on when it is shown', async () => {
    // Playwright can't follow a page into the cache, so it is told what a cached page is told
    const page = await open();
    await connected(page);
    const tell = (type: string) => page.evaluate((name) => dispatchEvent(new PageTransitionEvent(name, { persisted: true })), type);
    await tell('pagehide');
    await expect.poll(() => site.openStreams()).toBe(0);
    await hub.publish('a', 'x', 'missed');
    await tell('pageshow');
    expect(await events(page, 1)).toEqual(['missed']);
  });

  it('keeps its place over a reload', async () => {
    const page = await open('persist');
    await connected(page);
    await hub.publish('a', 'x', 1);
    await events(page, 1);
    await page.goto('about:blank');
    await hub.publish('a', 'x', 2);
    await page.goto(`${site.url}/?persist`);
    expect(await events(page, 1)).toEqual([2]);
  });

  it('without sharing six tabs take all connections of HTTP/1.1, and the seventh does not load', async () => {
    const pages: Page[] = [];
    for (let i = 0; i < 6; i++) pages.push(await open());
    await Promise.all(pages.map((page) => connected(page)));
    expect(site.openStreams()).toBe(6);
    const seventh = await context.newPage();
    await expect(seventh.goto(site.url, { timeout: 1500, waitUntil: 'commit' })).rejects.toThrow('Timeout');
    await pages[0]!.close();
    await seventh.waitForURL(`${site.url}/`); // goes on by itself
    await connected(seventh);
  });

  it.each(['worker', 'leader'])('twenty tabs have one connection (%s) and so the seventh works, also when the first closes', async (mode) => {
    const pages: Page[] = [];
    for (let i = 0; i < 20; i++) pages.push(await open(`share=${mode}`));
    await Promise.all(pages.map((page) => connected(page)));
    expect(site.openStreams()).toBe(1);
    await hub.publish('a', 'x', 1);
    expect(await Promise.all(pages.map((page) => events(page, 1)))).toEqual(pages.map(() => [1]));
    await pages[0]!.close();
    await hub.publish('a', 'x', 2);
    expect(await Promise.all(pages.slice(1).map((page) => events(page, 2)))).toEqual(pages.slice(1).map(() => [1, 2]));
    await expect.poll(() => site.openStreams()).toBe(1);
  }, 90000);

  it('under StrictMode there is one connection', async () => {
    const page = await open('ui');
    await connected(page);
    await hub.publish('a', 'x', 1);
    await events(page, 1);
    expect(site.requests.filter((line) => line.includes('/v1/stream'))).toHaveLength(1);
  });

  it('falls back to polling and returns to streaming, nothing lost or repeated', async () => {
    const page = await open('poll');
    await connected(page);
    await hub.publish('a', 'x', 1);
    await events(page, 1);
    site.weather.refuseStreams = 502;
    site.resetStreams();
    await connected(page, 'polling');
    await hub.publish('a', 'x', 2);
    await events(page, 2);
    site.weather.refuseStreams = 0;
    await connected(page);
    await hub.publish('a', 'x', 3);
    expect(await events(page, 3)).toEqual([1, 2, 3]);
  });

  it('a refused token is renewed once, an expired one too', async () => {
    site.weather.token = 'good';
    const page = await open('tokens=bad,good,better');
    await connected(page);
    site.weather.token = 'better';
    site.resetStreams();
    await page.waitForFunction(() => asked.length === 3);
    await connected(page);
    expect(await page.evaluate(() => asked)).toEqual(['initial', 'rejected', 'expired']);
    site.weather.token = 'none';
    site.resetStreams();
    await page.waitForFunction(() => client.getSnapshot().status === 'failed');
  });

  it('shows a gap as stale', async () => {
    const page = await open('ui');
    await connected(page);
    await hub.publish('a', 'x', 'first');
    await events(page, 1);
    site.weather.refuseStreams = 503;
    site.resetStreams();
    await page.waitForFunction(() => client.getSnapshot().status === 'reconnecting');
    for (let n = 0; n < 130; n++) await hub.publish('a', 'x', n);
    site.weather.refuseStreams = 0;
    await page.waitForFunction(() => client.getSnapshot().stale);
    expect(await page.evaluate(() => gaps.map(({ reason }) => reason))).toEqual(['trimmed']);
    await expect.poll(() => page.locator('.fr-badge').textContent()).toContain('out of date');
    const all = await events(page, 101);
    expect(all[all.length - 1]).toBe(129);
  });

  describe('through a bad network', () => {
    it('a delay of 300 ms changes nothing but the time', async () => {
      site.weather.delay = 300;
      const page = await open();
      await connected(page);
      await hub.publish('a', 'x', 1);
      expect(await events(page, 1)).toEqual([1]);
    });
    it.each([['an event', 'middle'], ['a character', '😀'], ['an id line', 'id:']])('cut in the middle of %s', async (_name, text) => {
      const page = await open();
      await connected(page);
      site.weather.cutAfter = text;
      const data = `begin middle 😀 end`;
      await hub.publish('a', 'x', data);
      await hub.publish('a', 'x', 2);
      expect(await events(page, 2)).toEqual([data, 2]);
      expect(site.requests.filter((line) => line.includes('/v1/stream')).length).toBeGreaterThan(1);
    });
    it('resets, again and again, while events are published', async () => {
      const page = await open();
      await connected(page);
      for (let n = 0; n < 30; n++) {
        await hub.publish('a', 'x', n);
        if (n % 10 === 9) {
          await events(page, n + 1 - (n % 3));
          site.resetStreams();
        }
      }
      expect(await events(page, 30)).toEqual(Array.from({ length: 30 }, (_x, n) => n));
    });
  });

  it('text from events stays text', async () => {
    const page = await open('ui');
    await connected(page);
    await hub.publish('a', 'x', { message: '<img src=x onerror="window.hacked=1"><b id=evil>' });
    await events(page, 1);
    await page.locator('.fr-toast').waitFor();
    expect(await page.locator('#evil, img').count()).toBe(0);
    expect(await page.evaluate(() => 'hacked' in window)).toBe(false);
  });

  it('an event is on screen within 50 ms of being published (median)', async () => {
    const page = await open('ui');
    await connected(page);
    await page.evaluate(() => {
      const shown: number[] = [];
      // In the list, and a frame with it handed to the compositor
      const drawn = () => document.querySelector('.fr-log li code')?.textContent === String(shown.length);
      const look = () => void requestAnimationFrame(() => (drawn() ? requestAnimationFrame(() => shown.push(Date.now())) : look()));
      client.on('tick', look);
      Object.assign(window, { shown });
    });
    let median = Infinity;
    // A machine that does much else at the moment gets a second and a third chance
    for (let round = 0; round < 3 && median >= 50; round++) {
      const took: number[] = [];
      for (let n = round * 21; n < round * 21 + 21; n++) {
        const before = Date.now();
        await hub.publish('a', 'tick', n);
        await page.waitForFunction((count) => (window as unknown as { shown: number[] }).shown.length > count, n);
        took.push((await page.evaluate(() => (window as unknown as { shown: number[] }).shown.slice(-1)[0]!)) - before);
      }
      took.sort((a, b) => a - b);
      console.log(`published to on screen: median ${took[10]} ms, worst ${took[20]} ms`);
      median = took[10]!;
    }
    expect(median).toBeLessThan(50);
  });

  it('a thousand events a second do not freeze the page: no task takes 50 ms', async () => {
    const page = await open('ui&batch');
    await connected(page);
    const second = async (from: number) => {
      for (let n = 0, start = performance.now(); n < 1000; n += 10) {
        await new Promise((done) => setTimeout(done, Math.max(0, start + n - performance.now()))); // the rate is what is tested
        await Promise.all(Array.from({ length: 10 }, (_x, i) => hub.publish('a', 'x', from + n + i)));
      }
    };
    await second(0); // the page's code has been compiled, as on a page that has been open for a while
    await events(page, 1000);
    const longest: number[] = [];
    for (let from = 1000; from < 4000; from += 1000) {
      await browser.startTracing(page, { categories: ['toplevel', 'disabled-by-default-devtools.timeline'] });
      await second(from);
      await events(page, from + 1000);
      const took = tasks(await browser.stopTracing());
      expect(took.length).toBeGreaterThan(100);
      longest.push(Math.max(...took));
    }
    longest.sort((a, b) => a - b);
    console.log(`longest task in each of three seconds: ${longest.map((ms) => ms.toFixed(1)).join(', ')} ms`);
    expect(longest[1]).toBeLessThan(50);
    const all = (await page.evaluate(() => got)) as number[]; // ten are on their way at a time
    expect(all.sort((a, b) => a - b)).toEqual(Array.from({ length: 4000 }, (_x, n) => n));
  }, 60000);

  it.each(['light', 'dark'] as const)('the components are accessible (%s)', async (colorScheme) => {
    const page = await open('ui');
    await page.emulateMedia({ colorScheme });
    await page.addStyleTag({ url: '/dist/react/ui/ui.css' });
    if (colorScheme === 'dark') await page.evaluate(() => (document.body.style.background = '#1d1f21') && (document.body.style.color = '#f2f2f2'));
    const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
    const check = async () => {
      const found = (await page.evaluate(`${axe}; document.getAnimations().forEach((a) => a.cancel()); axe.run()`)) as {
        violations: { id: string; nodes: { html: string; failureSummary: string }[] }[];
      };
      expect(found.violations.flatMap(({ id, nodes }) => nodes.map(({ html, failureSummary }) => `${id}: ${html} ${failureSummary}`))).toEqual([]);
    };
    await connected(page);
    await hub.publish('a', 'x', { message: 'hello' });
    await events(page, 1);
    await page.getByRole('button', { name: 'Connection details' }).first().click();
    await check();
    await hub.kill();
    await page.waitForFunction(() => client.getSnapshot().status === 'reconnecting');
    await check();
    await page.evaluate(() => client.disconnect());
    await check();
  });
});
