// The page of live trips in a real browser, on a real database that the sqlite3 shell writes to.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';
import { launch, Sample } from './sample.mjs';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

describe('the page of live trips', () => {
  let sample, browser, context, page, complaints;

  before(async () => {
    sample = await Sample.start();
    browser = await launch();
  });
  after(async () => {
    await browser?.close();
    await sample?.end();
  });
  beforeEach(async () => {
    complaints = [];
    [context, page] = await visit('northway');
  });
  afterEach(async () => {
    await context.close();
    assert.deepEqual(complaints, [], 'the console stays empty: no error, nothing the CSP refused');
  });

  async function visit(company, options = {}) {
    const ctx = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
    const p = await ctx.newPage();
    p.on('pageerror', (error) => complaints.push(error.message));
    p.on('console', (message) => {
      // the browser itself notes a stream that broke off; the tests that stop the hub mean it
      const broken = /net::ERR_(CONNECTION_REFUSED|INCOMPLETE_CHUNKED_ENCODING|EMPTY_RESPONSE)/;
      if (['error', 'warning'].includes(message.type()) && !broken.test(message.text()))
        complaints.push(message.text());
    });
    await p.goto(`${sample.url}/?company=${company}`);
    await p.getByRole('status').filter({ hasText: 'Real-time' }).waitFor();
    return [ctx, p];
  }

  const row = (id, p = page) => p.locator('.trip').filter({ has: p.locator('.id', { hasText: new RegExp(`^${id}$`) }) });
  const free = (id, p = page) => row(id, p).locator('.seats b');
  const count = (company) => Number(sample.sql(`select count(*) from trips where company_id = '${company}';`));

  // Resolves when the locator's text is `text`.
  async function shows(locator, text, timeout = 5000) {
    await locator.filter({ hasText: new RegExp(`^${text}$`) }).waitFor({ timeout });
  }

  // Has the page note when the locator's text becomes `text`, then runs the change. The time from
  // the commit to the text on screen, in ms of one clock.
  async function timeToScreen(locator, text, change) {
    const seen = locator.evaluate(
      (node, wanted) =>
        new Promise((resolve, reject) => {
          const observer = new MutationObserver(check);
          const late = setTimeout(() => reject(new Error(`still ${node.textContent}`)), 5000);
          function check() {
            if (node.textContent !== wanted) return;
            observer.disconnect();
            clearTimeout(late);
            requestAnimationFrame(() => resolve(Date.now()));
          }
          observer.observe(node, { characterData: true, childList: true, subtree: true });
          check();
        }),
      text,
    );
    await locator.evaluate(() => 0); // the observer above is in place: calls are served in order
    change();
    const committed = Date.now();
    return (await seen) - committed;
  }

  test('shows every trip of the company as it is now', async () => {
    await page.locator('.trip').nth(count('northway') - 1).waitFor();
    assert.equal(await page.locator('.trip').count(), count('northway'));
    const [seats, capacity, bookings] = sample
      .sql("select available_slots, capacity, (select count(*) from bookings where trip_id = t.id) from trips t where id = 'nw-204';")
      .split('|');
    await shows(free('nw-204'), seats);
    assert.equal(await row('nw-204').locator('.of').textContent(), ` / ${capacity}`);
    assert.equal(await row('nw-204').locator('.count').textContent(), bookings);
    assert.match(await row('nw-204').locator('.route').textContent(), /Port Ellery.*Aldbrook/);
    assert.equal(await page.locator('#sum-free').textContent(), sample.sql("select sum(available_slots) from trips where company_id = 'northway';"));
  });

  test('a sold seat is on screen within a second', async (t) => {
    const times = [];
    await free('nw-301').waitFor();
    let left = Number(await free('nw-301').textContent());
    for (let i = 0; i < 10; i++) {
      left -= 1;
      const ms = await timeToScreen(free('nw-301'), String(left), () =>
        sample.sql("insert into bookings (trip_id, name) values ('nw-301', 'Test');"),
      );
      assert.ok(ms < 1000, `${ms} ms from the commit to the screen`);
      times.push(Math.max(0, ms));
    }
    times.sort((a, b) => a - b);
    t.diagnostic(`from the end of the sqlite3 shell to the screen: median ${times[5]} ms, longest ${times[9]} ms`);
    await shows(row('nw-301').locator('.count'), sample.sql("select count(*) from bookings where trip_id = 'nw-301';"));
    await page.locator('#log li').filter({ hasText: 'nw-301' }).first().waitFor();
  });

  test('a halt shows, and is told apart by more than colour', async () => {
    await row('nw-302').waitFor();
    sample.sql("update trips set booking_halted = 1 where id = 'nw-302';");
    await row('nw-302').locator('.sales', { hasText: 'Halted' }).waitFor();
    assert.equal(await row('nw-302').locator('.sales svg').count(), 1);
    sample.sql("update trips set booking_halted = 0 where id = 'nw-302';");
    await row('nw-302').locator('.sales', { hasText: 'Open' }).waitFor();
  });

  test('what changed flashes, unless motion is unwanted', async () => {
    const animations = (p) => row('nw-303', p).locator('.seats').evaluate((cell) => cell.getAnimations().length);
    const [still, stillPage] = await visit('northway', { reducedMotion: 'reduce' });
    await free('nw-303').waitFor();
    await free('nw-303', stillPage).waitFor();
    const left = Number(await free('nw-303').textContent()) - 1;
    sample.sql("insert into bookings (trip_id, name) values ('nw-303', 'Test');");
    await shows(free('nw-303'), String(left));
    await shows(free('nw-303', stillPage), String(left));
    assert.ok((await animations(page)) > 0);
    assert.equal(await animations(stillPage), 0);
    await still.close();
  });

  test('added and removed trips come and go', async () => {
    const trip = (id, from) =>
      `insert into trips (id, company_id, origin, destination, departs_at, capacity, available_slots)
       values ('${id}', 'northway', '${from}', 'Aldbrook', strftime('%Y-%m-%dT07:00', 'now', '+4 days'), 20, 20);`;
    await page.locator('.trip').nth(count('northway') - 1).waitFor();
    sample.sql(trip('nw-401', 'Far Hollow'));
    await row('nw-401').waitFor();
    assert.match(await row('nw-401').locator('.route').textContent(), /Far Hollow/);
    assert.equal(await page.locator('.trip').count(), count('northway'));
    assert.equal(await page.locator('.trip').last().locator('.id').textContent(), 'nw-401', 'in order of departure');
    sample.sql("delete from trips where id = 'nw-401';");
    await row('nw-401').waitFor({ state: 'detached' });
    assert.equal(await page.locator('tbody').filter({ hasText: 'Far Hollow' }).count(), 0);
  });

  test('HTML in a name is text', async () => {
    sample.sql(`insert into trips (id, company_id, origin, destination, departs_at, capacity, available_slots)
      values ('nw-402', 'northway', '<img src=x onerror="document.title=1">', '<b>&amp;</b>', strftime('%Y-%m-%dT07:00', 'now', '+4 days'), 20, 20);`);
    await row('nw-402').waitFor();
    const route = row('nw-402').locator('.route');
    assert.equal(await route.textContent(), '<img src=x onerror="document.title=1">→<b>&amp;</b>');
    await page.locator('#log li').filter({ hasText: '<img src=x' }).waitFor();
    assert.equal(await page.locator('img').count(), 0);
    assert.match(await page.title(), /Northway/);
    sample.sql("delete from trips where id = 'nw-402';");
    await row('nw-402').waitFor({ state: 'detached' });
  });

  test('two companies never see each other', async () => {
    const [other, otherPage] = await visit('lakeline');
    await otherPage.locator('.trip').nth(count('lakeline') - 1).waitFor();
    await page.locator('.trip').nth(count('northway') - 1).waitFor();
    sample.sql(`update trips set available_slots = 9 where id = 'll-21';
                update trips set available_slots = 9 where id = 'nw-206';`);
    await shows(free('ll-21', otherPage), '9');
    await shows(free('nw-206'), '9');
    for (const [p, prefix, company] of [[page, 'nw-', 'northway'], [otherPage, 'll-', 'lakeline']]) {
      const ids = await p.locator('.trip .id').allTextContents();
      assert.equal(ids.length, count(company));
      assert.ok(ids.every((id) => id.startsWith(prefix)), ids.join());
      const log = await p.locator('#log li').allTextContents();
      assert.ok(log.length > 0 && log.every((entry) => entry.includes(prefix)), log.join());
    }
    await other.close();
  });

  test('the switch shows the other company, and only that', async () => {
    await row('nw-101').waitFor();
    await page.getByLabel('Company').selectOption('lakeline');
    await row('ll-11').waitFor();
    await page.locator('.trip').nth(count('lakeline') - 1).waitFor();
    assert.equal(await page.locator('.trip').count(), count('lakeline'));
    assert.match(page.url(), /company=lakeline/);
    sample.sql("update trips set available_slots = 7 where id = 'll-22';");
    await shows(free('ll-22'), '7');
  });

  test('the filter leaves what matches', async () => {
    await row('nw-201').waitFor();
    await page.getByRole('searchbox').fill('hartsmere');
    await row('nw-201').waitFor({ state: 'detached' });
    const routes = await page.locator('.trip .route').allTextContents();
    assert.ok(routes.length > 0 && routes.every((route) => route.includes('Hartsmere')), routes.join());
    await page.getByRole('searchbox').fill('nowhere at all');
    await page.getByText('No trip matches the filter.').waitFor();
  });

  for (const signal of ['SIGTERM', 'SIGKILL']) {
    test(`nothing is lost while the hub is away (${signal})`, async () => {
      await row('nw-202').waitFor();
      const badge = page.getByRole('status');
      const before = { seats: Number(await free('nw-202').textContent()), rows: await page.locator('.trip').count() };
      await sample.stop(signal);
      await badge.filter({ hasText: 'Connecting...' }).waitFor();
      assert.equal(await badge.getAttribute('data-state'), 'connecting');
      sample.sql(`insert into bookings (trip_id, name) values ('nw-202', 'Meanwhile');
        delete from trips where id = 'nw-20${signal === 'SIGTERM' ? 3 : 5}';
        insert into trips (id, company_id, origin, destination, departs_at, capacity, available_slots)
        values ('nw-${signal}', 'northway', 'Aldbrook', 'Hartsmere', strftime('%Y-%m-%dT07:00', 'now', '+5 days'), 20, 20);`);
      assert.equal(Number(await free('nw-202').textContent()), before.seats, 'what is known stays on screen');
      await sample.run();
      await badge.filter({ hasText: 'Real-time' }).waitFor({ timeout: 20_000 });
      await shows(free('nw-202'), String(before.seats - 1));
      await row(`nw-${signal}`).waitFor();
      await row(signal === 'SIGTERM' ? 'nw-203' : 'nw-205').waitFor({ state: 'detached' });
      assert.equal(await page.locator('.trip').count(), before.rows);
      sample.sql("update trips set available_slots = available_slots - 1 where id = 'nw-202';");
      await shows(free('nw-202'), String(before.seats - 2));
    });
  }

  test('a hub that lost its log sends the page what is there now', async () => {
    await row('nw-204').waitFor();
    await sample.stop();
    sample.sql("delete from trips where id = 'nw-204'; update trips set available_slots = 3 where id = 'nw-206';");
    sample.forget();
    await sample.run();
    await page.getByRole('status').filter({ hasText: 'Real-time' }).waitFor({ timeout: 20_000 });
    await shows(free('nw-206'), '3');
    await row('nw-204').waitFor({ state: 'detached' });
    assert.equal(await page.locator('.trip').count(), count('northway'));
  });

  test('no width needs sideways scrolling, and no text is cut', async () => {
    sample.sql(`update trips set origin = '${'Llanfairpwllgwyngyllgogerychwyrndrobwllllantysiliogogogoch'}' where id = 'nw-206';`);
    await row('nw-206').filter({ hasText: 'Llanfair' }).waitFor();
    for (const width of [320, 360, 480, 703, 705, 768, 1024, 1119, 1121, 1440]) {
      await page.setViewportSize({ width, height: 800 });
      const sizes = await page.evaluate(() => ({
        page: document.documentElement.scrollWidth,
        cut: [...document.querySelectorAll('.trip > *, .badge, .sums dd, .log p')].filter((n) => n.scrollWidth > n.clientWidth + 1 && getComputedStyle(n).display !== 'inline').map((n) => n.className),
      }));
      assert.ok(sizes.page <= width, `${sizes.page} pixels of content at ${width}`);
      assert.deepEqual(sizes.cut, [], `at ${width}`);
    }
  });

  for (const colorScheme of ['light', 'dark']) {
    for (const width of [360, 1280]) {
      test(`axe finds nothing to complain about, ${colorScheme}, ${width} wide`, async () => {
        const [ctx, p] = await visit('northway', { colorScheme, viewport: { width, height: 900 }, reducedMotion: 'reduce' });
        await row('nw-206', p).waitFor();
        sample.sql("update trips set available_slots = available_slots - 1, booking_halted = 1 - booking_halted where id = 'nw-302';");
        await p.locator('#log li').first().waitFor();
        await p.evaluate(AXE); // by the debugger, which the page's CSP does not bind
        const { violations, passes } = await p.evaluate(() =>
          globalThis.axe.run({ runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] }),
        );
        assert.deepEqual(violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.target).join(' ')}`), []);
        assert.ok(passes.some((rule) => rule.id === 'color-contrast'));
        await ctx.close();
      });
    }
  }

  test('the keyboard reaches everything that can be used', async () => {
    await row('nw-206').waitFor();
    const reached = [];
    for (let i = 0; i < 2; i++) {
      await page.keyboard.press('Tab');
      reached.push(await page.evaluate(() => document.activeElement.id));
    }
    assert.deepEqual(reached, ['company', 'find']);
    const outline = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
    assert.equal(outline, 'solid');
  });
});
