// The dashboard and the counter in Chromium, each in a window of its own, on a real database.
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import path from 'node:path';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';
import { accessible, Apps, clickTime, figures, fits, launch, open, patience, shows, timeToText, until } from '../../tests/lib.mjs';

describe('trips in two windows', () => {
  let apps, browser, windows;

  before(async () => {
    apps = await Apps.start({ apps: ['trips'], world: false });
    browser = await launch();
  });
  after(async () => {
    await browser?.close();
    await apps?.end();
  });
  beforeEach(() => (windows = []));
  afterEach(async () => {
    await Promise.all(windows.map((window) => window.close()));
    for (const { complaints } of windows) assert.deepEqual(complaints, [], 'the console has no error, and nothing the CSP refused');
  });

  async function visit(where, login, options) {
    const window = await open(browser, apps, where, { login: ['trips', login], ...options });
    windows.push(window);
    return window.page;
  }
  const dashboard = async (login = 'northway-admin', options = {}) => {
    const page = await visit(`/trips/${options.query ?? ''}`, login, options);
    await page.locator('tr[data-key]').first().waitFor();
    await badge(page).filter({ hasText: 'Real-time' }).waitFor();
    return page;
  };
  const counter = async (login = 'northway-cashier', options = {}) => {
    const page = await visit('/trips/cashier/', login, options);
    await page.locator('.t-choices button').first().waitFor();
    await badge(page).filter({ hasText: 'Real-time' }).waitFor();
    return page;
  };
  const badge = (page) => page.locator('.k-status [role=status]');
  const row = (page, id) => page.locator(`tr[data-key="${id}"]`);
  const free = (page, id) => row(page, id).locator('.t-seats b');
  const tile = (page, label) => page.locator('.k-tile').filter({ has: page.locator('dt', { hasText: new RegExp(`^${label}$`) }) }).locator('.k-value');
  const number = async (locator) => Number((await locator.textContent()).replace(/[^\d.-]/g, ''));
  const day = (id) => (id[3] === '1' ? 'Today' : id[3] === '2' ? 'Tomorrow' : null);
  /** Picks a trip of the third day or tomorrow at the counter. */
  async function choose(page, id) {
    const name = day(id);
    await page.getByRole('tab').filter({ hasText: name ?? /\d/ }).first().click();
    await page.locator(`.t-choices button[data-key="${id}"]`).click();
    await page.locator('.t-facts', { hasText: id }).waitFor();
  }
  const sell = (page) => page.getByRole('button', { name: /^(Sell|Book) \d/ });
  /** How green and how grey the badge's text is. */
  const colour = async (page) => {
    const [r, g, b] = (await badge(page).evaluate((node) => getComputedStyle(node).color)).match(/[\d.]+/g).map(Number);
    return { green: g > r + 20 && g > b + 20, grey: Math.max(r, g, b) - Math.min(r, g, b) < 30 };
  };
  const mark = (page) => page.evaluate(() => (window.notReloaded = true));
  const notReloaded = (page) => page.evaluate(() => window.notReloaded === true);

  test('a green Real-time badge appears on the dashboard', async () => {
    const page = await dashboard();
    assert.equal(await badge(page).textContent().then((text) => text.replace(/^\W+/, '')), 'Real-time');
    assert.deepEqual(await colour(page), { green: true, grey: false });
    assert.ok((await badge(page).locator('.fr-dot').count()) === 1, 'and a sign beside the words');
  });

  test('a ticket sold in the cashier portal is on the dashboard within three seconds, without a refresh', async () => {
    const [office, desk] = [await dashboard(), await counter()];
    await mark(office);
    await choose(desk, 'nw-301');
    const [left, bookings] = [await number(free(office, 'nw-301')), await number(row(office, 'nw-301').locator('[data-head=Bookings]'))];
    const figuresBefore = await Promise.all(['Seats free', 'Seats sold', 'Bookings', 'Revenue'].map((label) => number(tile(office, label))));
    const ms = await timeToText(free(office, 'nw-301'), left - 1, () => clickTime(sell(desk)));
    assert.ok(ms < 3000, `${ms} ms`);
    await shows(row(office, 'nw-301').locator('[data-head=Bookings]'), bookings + 1);
    const price = 12.5;
    await shows(tile(office, 'Seats free'), figuresBefore[0] - 1);
    await shows(tile(office, 'Seats sold'), figuresBefore[1] + 1);
    await shows(tile(office, 'Bookings'), figuresBefore[2] + 1);
    assert.ok(Math.abs((await number(tile(office, 'Revenue'))) - figuresBefore[3] - price) <= 1);
    await shows(desk.getByTestId('free').locator('.k-flash'), left - 1);
    await desk.getByText(/1 seat sold to Walk-in/).waitFor();
    await office.locator('.t-changes li', { hasText: 'nw-301' }).first().waitFor();
    assert.ok(await notReloaded(office), 'no page refresh');
    assert.ok((await colour(office)).green, 'the badge stays green');
  });

  test('from the click to the other window’s number: median at most 100 ms', async (t) => {
    const [office, desk] = [await dashboard(), await counter()];
    await choose(desk, 'nw-302');
    let left = await number(free(office, 'nw-302'));
    const times = [];
    for (let i = 0; i < 15; i++) {
      left -= 1;
      times.push(await timeToText(free(office, 'nw-302'), left, () => clickTime(sell(desk))));
      await shows(desk.getByTestId('free').locator('.k-flash'), left);
      await desk.locator('button[type=submit]:not([disabled])').waitFor();
    }
    const { median, longest } = figures(times);
    t.diagnostic(`click to the other window: median ${median} ms, longest ${longest} ms`);
    assert.ok(median <= patience(100), `median ${median} ms`);
    assert.ok(longest < 3000, `longest ${longest} ms`);
  });

  test('an online booking, a refund and a halt show on the dashboard', async () => {
    const [office, desk] = [await dashboard(), await counter()];
    await choose(desk, 'nw-303');
    const left = await number(free(office, 'nw-303'));
    await desk.getByRole('tab', { name: 'Online booking' }).click();
    await desk.getByLabel('Name, as in the web shop').fill('Web Traveller');
    await desk.getByLabel('Seats', { exact: true }).fill('3');
    await sell(desk).click();
    await shows(free(office, 'nw-303'), left - 3);
    const booking = desk.locator('tr').filter({ hasText: 'Web Traveller' });
    await booking.filter({ hasText: 'Online' }).waitFor();
    await booking.getByRole('button', { name: /^Refund Web Traveller/ }).click();
    await shows(free(office, 'nw-303'), left);
    await booking.filter({ hasText: 'Refunded' }).waitFor();
    await desk.getByRole('switch', { name: 'Halt sales' }).click();
    await row(office, 'nw-303').locator('.k-badge', { hasText: 'Halted' }).waitFor();
    assert.equal(await row(office, 'nw-303').locator('.k-badge svg').count(), 1, 'told by more than colour');
    await desk.getByRole('tab', { name: 'Counter', exact: true }).click();
    await sell(desk).click();
    await desk.getByRole('alert').filter({ hasText: 'halted' }).waitFor();
    await desk.getByRole('switch', { name: 'Halt sales' }).click();
    await row(office, 'nw-303').locator('.k-badge', { hasText: 'Open' }).waitFor();
  });

  test('the last seat, pressed in two windows at once: one sale and one clear conflict', async () => {
    apps.sql('trips', "update trips set available_slots = 1 where id = 'nw-304';");
    const desks = [await counter(), await counter('northway-admin')];
    for (const desk of desks) {
      await choose(desk, 'nw-304');
      await shows(desk.getByTestId('free').locator('.k-flash'), 1);
    }
    await Promise.all(desks.map((desk) => sell(desk).click()));
    await until(async () => (await Promise.all(desks.map((desk) => desk.locator('.k-notice').count()))).every(Boolean), 'both were told');
    const told = await Promise.all(desks.map((desk) => desk.locator('.k-notice').first().textContent()));
    assert.equal(told.filter((text) => /1 seat sold/.test(text)).length, 1, told.join(' | '));
    assert.equal(told.filter((text) => /last seat of this trip has just been sold/.test(text)).length, 1, told.join(' | '));
    for (const desk of desks) await shows(desk.getByTestId('free').locator('.k-flash'), 0);
  });

  test('two companies with logins of their own never see each other', async () => {
    const [north, lake] = [await dashboard(), await dashboard('lakeline-admin')];
    for (const [page, prefix, name] of [[north, 'nw-', 'Northway Coaches'], [lake, 'll-', 'Lakeline Buses']]) {
      const ids = await page.locator('.t-id').allTextContents();
      assert.ok(ids.length >= 3 && ids.every((id) => id.startsWith(prefix)), ids.join());
      await page.getByRole('heading', { name }).waitFor();
    }
    const before = await lake.locator('main').innerText();
    const left = await number(free(north, 'nw-305'));
    apps.sql('trips', "insert into bookings (trip_id, name) values ('nw-305', 'North');");
    await shows(free(north, 'nw-305'), left - 1);
    apps.sql('trips', "insert into bookings (trip_id, name) values ('ll-301', 'Lake');");
    await lake.locator('.t-changes li', { hasText: 'll-301' }).waitFor();
    assert.ok(!(await lake.locator('main').innerText()).includes('nw-'));
    assert.ok(!before.includes('nw-'));
  });

  test('a trip that is added or taken off makes every window fetch anew', async () => {
    const [office, second] = [await dashboard(), await dashboard()];
    const trips = await number(tile(second, 'Trips'));
    await office.getByRole('button', { name: 'Add a trip' }).click();
    await office.getByLabel('From').fill('<img src=x onerror=document.title=1>');
    await office.getByLabel('To').fill('<b>&amp;</b>');
    await office.getByRole('button', { name: 'Add the trip' }).click();
    const fresh = second.locator('tr[data-key]').filter({ hasText: '<b>&amp;</b>' });
    await fresh.waitFor();
    await shows(tile(second, 'Trips'), trips + 1);
    assert.equal(await second.locator('img').count(), 0, 'text is text');
    assert.match(await second.title(), /Bus trips/);
    const id = await fresh.getAttribute('data-key');
    await office.getByRole('button', { name: `Take off ${id}` }).click();
    await fresh.waitFor({ state: 'detached' });
    await shows(tile(second, 'Trips'), trips);
  });

  test('only chosen trips are followed when some are chosen', async () => {
    const page = await dashboard();
    await page.getByRole('button', { name: 'Choose trips' }).click();
    for (const id of ['nw-306', 'nw-307']) await page.getByRole('checkbox', { name: `Follow ${id}` }).check();
    const [stream] = await Promise.all([page.waitForRequest(/company-trips/), page.getByRole('button', { name: 'Follow 2' }).click()]);
    assert.match(stream.url(), /key=nw-306&key=nw-307/);
    await page.getByRole('heading', { name: '2 chosen trips' }).waitFor();
    await until(async () => (await page.locator('tr[data-key]').count()) === 2, 'two rows');
    await badge(page).filter({ hasText: 'Real-time' }).waitFor();
    const left = await number(free(page, 'nw-306'));
    apps.sql('trips', "insert into bookings (trip_id, name) values ('nw-301', 'Not followed'); insert into bookings (trip_id, name) values ('nw-306', 'Followed');");
    await shows(free(page, 'nw-306'), left - 1);
    assert.ok((await page.locator('.t-changes li').allTextContents()).every((text) => text.includes('nw-306')));
    await page.reload({ waitUntil: 'commit' });
    await page.getByRole('heading', { name: '2 chosen trips' }).waitFor();
    await page.getByRole('button', { name: 'Follow all' }).click();
    await row(page, 'nw-301').waitFor();
  });

  for (const signal of ['SIGTERM', 'SIGKILL']) {
    test(`the server stops and starts (${signal}): the badge turns grey, then green again, and nothing is missing`, async () => {
      const page = await dashboard();
      const said = [];
      page.on('console', (message) => said.push(message.text()));
      const left = await number(free(page, 'nw-202'));
      await mark(page);
      await apps.stop(signal);
      await badge(page).filter({ hasText: 'Connecting...' }).waitFor();
      assert.deepEqual(await colour(page), { green: false, grey: true });
      await page.locator('.k-stale', { hasText: /stale since \d\d:\d\d:\d\d/ }).waitFor();
      assert.equal(await number(free(page, 'nw-202')), left, 'what is known stays on screen');
      apps.sql('trips', "insert into bookings (trip_id, name) values ('nw-202', 'Meanwhile');");
      await apps.run();
      await badge(page).filter({ hasText: 'Real-time' }).waitFor({ timeout: 15_000 });
      assert.ok((await colour(page)).green);
      await shows(free(page, 'nw-202'), left - 1);
      await page.locator('.k-stale').waitFor({ state: 'detached' });
      assert.ok(await notReloaded(page));
      assert.ok(said.some((text) => text === 'Attempting to reconnect SSE...'), said.join());
      assert.ok(said.some((text) => /^SSE connected at \d{4}-/.test(text)), said.join());
      assert.ok(said.some((text) => /^SSE error:/.test(text)), said.join());
    });
  }

  test('a hub that lost its log sends the page what is there now', async () => {
    const page = await dashboard();
    await apps.stop();
    apps.sql('trips', "update trips set available_slots = 3 where id = 'nw-307';");
    for (const end of ['', '-wal', '-shm', '-lock']) rmSync(path.join(apps.dir, `hub.db${end}`), { force: true });
    await apps.run();
    await badge(page).filter({ hasText: 'Real-time' }).waitFor({ timeout: 15_000 });
    await shows(free(page, 'nw-307'), 3);
    apps.sql('trips', "update trips set available_slots = 30 where id = 'nw-307';");
    await shows(free(page, 'nw-307'), 30);
  });

  test('a hidden tab lets its stream go, and catches up when it is seen again', async () => {
    const as = await apps.login('operator', 'operator');
    const streams = async () => (await apps.request('/v1/stats', { as })).body.connectionsByTenant.northway ?? 0;
    await until(async () => (await streams()) === 0, 'no stream of earlier tests');
    const page = await dashboard();
    assert.equal(await streams(), 1, 'one connection, also in development mode');
    const turn = (hidden) => page.evaluate((value) => {
      Object.defineProperty(document, 'hidden', { value, configurable: true });
      Object.defineProperty(document, 'visibilityState', { value: value ? 'hidden' : 'visible', configurable: true });
      document.dispatchEvent(new Event('visibilitychange'));
    }, hidden);
    const left = await number(free(page, 'nw-203'));
    await turn(true);
    await until(async () => (await streams()) === 0, 'the stream is gone');
    apps.sql('trips', "insert into bookings (trip_id, name) values ('nw-203', 'Unseen');");
    await turn(false);
    await shows(free(page, 'nw-203'), left - 1);
    await badge(page).filter({ hasText: 'Real-time' }).waitFor();
  });

  test('a lost network is taken up again when it is back', async () => {
    const page = await dashboard();
    const left = await number(free(page, 'nw-204'));
    await page.context().setOffline(true);
    await apps.stop(); // a browser's offline mode leaves open connections alone
    await badge(page).filter({ hasText: 'Connecting...' }).waitFor();
    await apps.run();
    apps.sql('trips', "insert into bookings (trip_id, name) values ('nw-204', 'Offline');");
    const began = Date.now();
    await page.context().setOffline(false);
    await badge(page).filter({ hasText: 'Real-time' }).waitFor();
    assert.ok(Date.now() - began < 3000, 'at once, not after the next delay of five seconds');
    await shows(free(page, 'nw-204'), left - 1);
  });

  test('many tabs of one company all follow', async () => {
    const window = await open(browser, apps, '/trips/', { login: ['trips', 'northway-admin'] });
    windows.push(window);
    const pages = [window.page, await window.context.newPage(), await window.context.newPage()];
    for (const page of pages.slice(1)) await page.goto(`${apps.url}/trips/`, { waitUntil: 'commit' });
    for (const page of pages) await badge(page).filter({ hasText: 'Real-time' }).waitFor();
    const left = await number(free(pages[0], 'nw-206'));
    apps.sql('trips', "insert into bookings (trip_id, name) values ('nw-206', 'Everywhere');");
    for (const page of pages) await shows(free(page, 'nw-206'), left - 1);
  });

  test('signing in by a demo login, and out again', async () => {
    const window = await open(browser, apps, '/trips/', {});
    windows.push(window);
    const { page } = window;
    assert.equal(await page.locator('[role=status]', { hasText: 'Real-time' }).count(), 0);
    await page.getByRole('button', { name: 'Sign in as Lakeline kiosk, lakeline' }).click();
    await row(page, 'll-201').waitFor();
    assert.equal(await page.getByRole('button', { name: 'Add a trip' }).count(), 0, 'a cashier plans no trips');
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByRole('heading', { name: 'Sign in as' }).waitFor();
    assert.equal((await apps.request('/api/trips/session')).status, 401);
  });

  test('the first data is on screen within 300 ms of opening', async (t) => {
    const times = [];
    for (const where of ['/trips/', '/trips/cashier/', '/trips/', '/trips/cashier/', '/trips/']) {
      const window = await open(browser, apps, '/icon.svg', { login: ['trips', 'northway-admin'] });
      windows.push(window);
      await window.page.addInitScript(() => {
        new MutationObserver((_, observer) => {
          if (!document.querySelector('tr[data-key], .t-choices button')) return;
          observer.disconnect();
          window.firstData = performance.now();
        }).observe(document, { childList: true, subtree: true });
      });
      await window.page.goto(apps.url + where, { waitUntil: 'commit' });
      times.push(await until(() => window.page.evaluate(() => window.firstData), 'data'));
    }
    const { median, longest } = figures(times);
    t.diagnostic(`first data: median ${median} ms, longest ${longest} ms`);
    assert.ok(median <= patience(300), `median ${median} ms`);
  });

  test('with nobody acting, no number changes for a minute', async () => {
    const window = await open(browser, apps, '/icon.svg', { login: ['trips', 'northway-admin'] });
    windows.push(window);
    await window.page.clock.install();
    await window.page.goto(`${apps.url}/trips/`, { waitUntil: 'commit' });
    await window.page.clock.resume();
    await badge(window.page).filter({ hasText: 'Real-time' }).waitFor();
    const before = await window.page.locator('body').innerText();
    await window.page.clock.fastForward('01:00'); // all timers of a minute
    await badge(window.page).filter({ hasText: 'Real-time' }).waitFor();
    assert.equal(await window.page.locator('body').innerText(), before);
  });

  test('with the database replaced, the page shows the new one', async () => {
    const page = await dashboard();
    apps.replaceDatabase('trips', "update trips set origin = 'Newtown', available_slots = 7 where id = 'nw-305'; update companies set name = 'Northway Replaced' where id = 'northway';");
    await shows(free(page, 'nw-305'), 7, 10_000);
    await row(page, 'nw-305').filter({ hasText: 'Newtown' }).waitFor({ timeout: 10_000 });
    await page.getByRole('heading', { name: 'Northway Replaced' }).waitFor();
    const left = 6;
    apps.sql('trips', "insert into bookings (trip_id, name) values ('nw-305', 'In the new one');");
    await shows(free(page, 'nw-305'), left);
  });

  test('travellers are turned on and off on the page', async () => {
    const page = await dashboard();
    await page.getByRole('switch', { name: /Travellers/ }).click();
    await page.getByLabel('Acts a second', { exact: true }).fill('30');
    await page.locator('.t-changes li').nth(3).waitFor();
    await page.getByRole('switch', { name: /Travellers/ }).click();
    await page.getByText('Travellers: off').waitFor();
    await until(async () => (await page.evaluate(() => fetch('/api/trips/world').then((answer) => answer.json()))).running === false, 'off');
  });

  test('what changed flashes, unless motion is unwanted', async () => {
    const [page, calm] = [await dashboard(), await dashboard('northway-admin', { reducedMotion: 'reduce' })];
    const left = await number(free(page, 'nw-207'));
    for (const one of [page, calm])
      await one.evaluate(() => {
        const { animate } = Element.prototype;
        window.flashes = 0;
        Element.prototype.animate = function (...how) {
          window.flashes += 1;
          return animate.apply(this, how);
        };
      });
    apps.sql('trips', "insert into bookings (trip_id, name) values ('nw-207', 'Flash');");
    await Promise.all([page, calm].map((one) => shows(free(one, 'nw-207'), left - 1)));
    await until(() => page.evaluate(() => window.flashes > 0), 'a flash');
    assert.equal(await calm.evaluate(() => window.flashes), 0);
  });

  for (const [name, make] of [['dashboard', (options) => dashboard('northway-admin', options)], ['counter', (options) => counter('northway-cashier', options)]]) {
    test(`the ${name} has room from 360 to 1440 pixels, and axe finds nothing, light and dark`, async () => {
      for (const colorScheme of ['light', 'dark']) {
        const page = await make({ colorScheme, reducedMotion: 'reduce' });
        await accessible(page);
        await fits(page, colorScheme === 'light' ? [360, 480, 768, 1024, 1440] : [360]);
        await accessible(page);
      }
    });
  }

  test('the counter works with the keyboard alone', async () => {
    const page = await counter();
    await choose(page, 'nw-307');
    const left = await number(page.getByTestId('free').locator('.k-flash'));
    await page.getByLabel('Name', { exact: true }).focus();
    await page.keyboard.type('By Keyboard');
    await page.keyboard.press('Enter');
    await shows(page.getByTestId('free').locator('.k-flash'), left - 1);
    await page.getByText(/1 seat sold to By Keyboard/).waitFor();
    await page.getByRole('tab', { name: 'Counter', exact: true }).focus();
    await page.keyboard.press('ArrowRight');
    assert.equal(await page.getByRole('tab', { name: 'Online booking' }).getAttribute('aria-selected'), 'true');
    assert.equal(await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle), 'solid');
  });
});
