// The crowd application's pages in Chromium.
import assert from 'node:assert/strict';
import { availableParallelism, loadavg } from 'node:os';
import { after, before, beforeEach, describe, test } from 'node:test';
import { accessible, clickTime, figures, fits, launch, open, shows, timeToText, until } from '../../tests/lib.mjs';
import { API, atOnce, calm, GATE, people, start, state, still } from './help.mjs';

const MONITOR = '/admin/crowd-risk/monitor';
const TESTING = '/admin/crowd-risk/testing';
let apps, mara, ines, cameras, browser;
const windows = [];

const post = (where, as, body = {}) => apps.request(`${API}/${where}`, { as, body });
const dot = (page, stream) => page.locator(`.c-dots [data-stream="${stream}"] .fr-status`);
const dotIs = (page, stream, name, timeout = 8000) => page.locator(`.c-dots [data-stream="${stream}"] .fr-status[data-state="${name}"]`).waitFor({ timeout });
const zone = (page, id) => page.locator(`.c-plan [data-zone="${id}"]`);
const label = (page, id) => page.locator(`.c-plan [data-label="${id}"]`);
const cell = (page, id, n) => page.locator(`tr[data-key="${id}"] td`).nth(n); // level, density, people, area, changed
const banner = (page, status) => page.locator(`.c-emergency[data-status="${status}"]`);
const panel = (page, title) => page.locator('.k-panel', { has: page.getByRole('heading', { name: title, exact: true }) });

/** A window that is closed after the test; its console has to be quiet. */
async function look(where = MONITOR, login = 'mara', more = {}) {
  const window = await open(browser, apps, where, { login: ['crowd', login], ...more });
  windows.push(window);
  return window.page;
}
/** The same, with both streams connected. */
async function live(where, login, more) {
  const page = await look(where, login, more);
  await Promise.all(['density', 'alerts'].map((stream) => dotIs(page, stream, 'connected')));
  return page;
}
const ALLOWED = { allow: /\[sse-(connection|parse)\]|503/ }; // what a server that is stopping answers

before(async () => {
  ({ apps, mara, ines, cameras } = await start());
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await apps?.end();
});
beforeEach(() => calm(apps, mara, cameras));

/** A test, after which its windows are closed and were without complaint. */
function check(title, body) {
  test(title, async (t) => {
    try {
      await body(t);
      assert.deepEqual(windows.flatMap(({ complaints }) => complaints), []);
    } finally {
      await Promise.all(windows.splice(0).map((window) => window.close()));
    }
  });
}

describe('the monitor', () => {
  check('both indicators are green, and densities and alerts come in as they happen', async () => {
    const page = await live();
    await atOnce(apps, mara, 'gate-a');
    for (const stream of ['density', 'alerts']) assert.equal(await dot(page, stream).getAttribute('title'), 'Connected');
    const green = await dot(page, 'density').locator('.fr-dot').evaluate((node) => node.dataset.tone);
    assert.equal(green, 'good');
    await people(apps, cameras, { 'gate-a': 500 });
    await shows(cell(page, 'gate-a', 2), '500');
    await shows(cell(page, 'gate-a', 1), '1.23');
    await people(apps, cameras, { 'gate-a': GATE.high });
    await shows(page.locator('.c-alert b'), 'Gate A');
    await shows(page.locator('.c-alert .k-badge'), 'high');
  });

  check('a zone’s level is colour, pattern and words, and a reader hears it', async () => {
    const page = await live();
    await people(apps, cameras, { 'gate-a': GATE.critical, 'gate-b': GATE.warning });
    await page.locator('.c-plan [data-zone="gate-a"][data-level="critical"]').waitFor();
    assert.equal(await zone(page, 'gate-a').getAttribute('aria-label'), 'Gate A: 1,630 people, 4.02 per square metre, critical');
    await shows(label(page, 'gate-a').locator('.c-level'), 'critical');
    const fills = {};
    for (const id of ['gate-a', 'gate-b', 'gate-c']) fills[id] = await zone(page, id).evaluate((node) => [getComputedStyle(node.querySelector('.c-ground')).fill, node.querySelector('.c-pattern')?.getAttribute('fill') ?? null]);
    assert.equal(new Set(Object.values(fills).map(String)).size, 3);
    assert.deepEqual(Object.values(fills).map(([, pattern]) => pattern), ['url(#plan-critical)', 'url(#plan-warning)', null]);
    await page.setViewportSize({ width: 360, height: 800 });
    assert.equal(await label(page, 'gate-a').locator('.c-short').textContent(), '4.02!!!');
    const size = await label(page, 'gate-a').locator('.c-short').evaluate((node) => parseFloat(getComputedStyle(node).fontSize) * node.getScreenCTM().a);
    assert.ok(size >= 11, `${size} pixels`);
  });

  check('the plan is drawn from the database’s geometry, with a table beside it', async () => {
    const page = await live();
    const { zones } = await state(apps, mara);
    for (const { id, corners } of zones) {
      const drawn = await zone(page, id).locator('.c-edge').getAttribute('d');
      assert.equal(drawn, `M${corners.map(([x, y]) => `${x} ${y}`).join('L')}Z`);
    }
    assert.equal(await page.getByRole('table', { name: 'Zones' }).getByRole('row').count(), zones.length + 1);
  });

  check('emergency mode is on every screen at once, entered and left', async (t) => {
    const [one, other, testing, theirs] = await Promise.all([live(), live(MONITOR, 'leon'), live(TESTING), live(MONITOR, 'ines')]);
    const times = [];
    for (let i = 0; i < 3; i++) {
      await one.getByRole('button', { name: 'Enter emergency mode…' }).click();
      await one.getByLabel('Reason').fill('Fire alarm in the <b>north</b> stand');
      const button = one.getByRole('dialog').getByRole('button', { name: 'Enter emergency mode' });
      await other.evaluate(() => {
        window.entered = new Promise((resolve) => {
          const watch = new MutationObserver(() => document.querySelector('.c-emergency[data-status=active]') && resolve(performance.timeOrigin + performance.now()));
          watch.observe(document.body, { childList: true, subtree: true });
        });
      });
      const clicked = await clickTime(button);
      times.push((await other.evaluate(() => window.entered)) - clicked);
      for (const page of [one, other, testing]) {
        await banner(page, 'active').waitFor({ timeout: 2000 });
        await shows(banner(page, 'active').locator('p').first(), 'Fire alarm in the <b>north</b> stand');
        assert.match(await page.title(), /^EMERGENCY/);
      }
      assert.equal(await other.getByRole('button', { name: 'End emergency mode' }).count(), 0); // a steward
      await testing.getByRole('button', { name: 'End emergency mode' }).click();
      for (const page of [one, other, testing]) await banner(page, 'active').waitFor({ state: 'detached', timeout: 2000 });
    }
    assert.equal(await theirs.locator('.c-emergency').count(), 0); // another venue
    assert.doesNotMatch(await theirs.title(), /EMERGENCY/);
    t.diagnostic(`from the click to the other window, ms: ${JSON.stringify(figures(times))}`);
    assert.ok(Math.max(...times) < 2000, `${times}`);
  });

  check('a count is on the plan within two seconds', async (t) => {
    const page = await live();
    const times = [];
    for (let i = 1; i <= 8; i++)
      times.push(
        await timeToText(cell(page, 'gate-a', 2), 600 + i, async () => {
          const began = Date.now();
          await people(apps, cameras, { 'gate-a': 600 + i });
          return began;
        }),
      );
    t.diagnostic(`from sending a count to its number, ms: ${JSON.stringify(figures(times))}`);
    assert.ok(Math.max(...times) < 2000, `${times}`);
  });

  check('an alert is acknowledged in one window and seen so in the other', async () => {
    const [one, other] = await Promise.all([live(MONITOR, 'mara', { allow: /resolve - Failed.*409/ }), live(MONITOR, 'leon')]);
    await atOnce(apps, mara, 'gate-a');
    await people(apps, cameras, { 'gate-a': GATE.high });
    await one.getByRole('button', { name: 'Resolve the alert of Gate A' }).click();
    await one.getByText('the zone is still above its warning threshold').waitFor();
    await other.getByRole('button', { name: 'Acknowledge the alert of Gate A' }).click();
    await shows(one.locator('.c-status'), 'acknowledged');
    await one.getByText('by Leon Adeyemi').waitFor();
    await people(apps, cameras, { 'gate-a': 0 });
    for (const page of [one, other]) await page.getByText('No open alert').waitFor();
  });

  check('a proposed emergency is declined by a controller', async () => {
    const page = await live();
    await atOnce(apps, mara, 'gate-a', 'gate-b', 'gate-c');
    await people(apps, cameras, { 'gate-a': GATE.high, 'gate-b': GATE.high, 'gate-c': GATE.high });
    await banner(page, 'proposed').getByText('Several zones are at high density at once.').waitFor();
    await banner(page, 'proposed').getByRole('button', { name: 'Decline' }).click();
    await banner(page, 'proposed').waitFor({ state: 'detached' });
  });

  check('thresholds and counts by hand are a controller’s; the keyboard reaches them', async () => {
    const [page, other] = await Promise.all([live(), live(MONITOR, 'leon')]);
    await zone(page, 'gate-d').focus();
    await page.keyboard.press('Enter');
    const detail = panel(page, 'Gate D');
    await detail.getByLabel('Counted by hand').fill('700');
    await detail.getByLabel('Counted by hand').press('Enter');
    await shows(cell(other, 'gate-d', 2), '700');
    await detail.getByRole('button', { name: 'Thresholds…' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('Warning from', { exact: true }).fill('1.5');
    await dialog.getByRole('button', { name: 'Save' }).click();
    await other.locator('.c-plan [data-zone="gate-d"][data-level="warning"]').waitFor();
    await zone(other, 'gate-d').click();
    assert.equal(await panel(other, 'Gate D').getByRole('button').count(), 0);
    await atOnce(apps, mara, 'gate-d');
  });

  check('with the cameras off no number changes; turned on in the page, they count', async () => {
    const page = await live();
    const text = () => page.locator('main').innerText();
    await page.getByText('Counting: off').waitFor(); // the last that the page asks for
    const before = await text();
    const end = Date.now() + 2500;
    while (Date.now() < end) assert.equal(await text(), before);
    await page.getByRole('switch', { name: /Counting/ }).locator('xpath=..').click();
    await until(async () => (await cell(page, 'gate-a', 2).innerText()) !== '0', 'a number that changes');
    await page.getByRole('switch', { name: /Counting/ }).locator('xpath=..').click();
    await page.getByText('Counting: off').waitFor();
    await still(apps, mara);
  });

  check('the database replaced, the page shows the new one', async () => {
    const page = await live();
    apps.replaceDatabase('crowd', "update zones set name = 'Gate Alpha' where id = 'gate-a'; update counts set people = 321 where zone = 'gate-a' and venue = 'kestrel-park';");
    await page.getByRole('button', { name: 'Gate Alpha', exact: true }).waitFor();
    await shows(cell(page, 'gate-a', 2), '321');
    apps.replaceDatabase('crowd', "update zones set name = 'Gate A' where id = 'gate-a';");
    await page.getByRole('button', { name: 'Gate A', exact: true }).waitFor();
  });

  check('without a session the page offers the demo logins, and shows the venue of who signs in', async () => {
    const window = await open(browser, apps, MONITOR, { allow: /\/state - Failed.*401|\/logout/ });
    windows.push(window);
    await window.page.getByRole('button', { name: 'Sign in as Ines Duarte, harbour-expo' }).click();
    await window.page.getByRole('heading', { name: 'Density, Harbour Expo' }).waitFor();
    await dotIs(window.page, 'alerts', 'connected');
    await window.page.getByRole('button', { name: 'Sign out' }).click();
    await window.page.getByRole('button', { name: 'Sign in as Mara Quist, kestrel-park' }).waitFor();
  });
});

describe('connections', () => {
  check('each client has two connections, one each; several tabs are independent, and leaving ends them', async () => {
    const open_ = async () => (await apps.request(`${API}/connections`, { as: mara })).body.connectionsByChannel ?? {};
    await until(async () => Object.keys(await open_()).length === 0, 'no stream');
    const page = await look();
    const requests = [];
    page.on('request', (request) => /-stream/.test(request.url()) && requests.push(request.url()));
    await Promise.all(['density', 'alerts'].map((stream) => dotIs(page, stream, 'connected')));
    assert.deepEqual(await open_(), { density: 1, 'crowd-alerts': 1 });
    const { context } = windows[0];
    const second = await context.newPage(); // tabs of one browser
    await second.goto(apps.url + MONITOR, { waitUntil: 'commit' });
    await dotIs(second, 'alerts', 'connected');
    assert.deepEqual(await open_(), { density: 2, 'crowd-alerts': 2 });
    await people(apps, cameras, { 'gate-a': 44 });
    for (const one of [page, second]) await shows(cell(one, 'gate-a', 2), '44');
    await second.close();
    await until(async () => (await open_()).density === 1, 'the streams of the closed tab to end');
    await people(apps, cameras, { 'gate-a': 45 });
    await shows(cell(page, 'gate-a', 2), '45');
    assert.match(apps.log, /stream opened .*first=density/);
    assert.match(apps.log, /stream opened .*first=crowd-alerts/);
    assert.ok(requests.length <= 2, `${requests}`); // remounts of StrictMode open nothing anew
  });

  check('the server stopped: yellow and stale; started again: green by itself', async () => {
    const page = await live(MONITOR, 'mara', ALLOWED);
    const before = await cell(page, 'gate-b', 2).innerText();
    await apps.stop();
    for (const stream of ['density', 'alerts']) {
      await dotIs(page, stream, 'reconnecting');
      const look_ = await dot(page, stream).locator('.fr-dot').evaluate((node) => [node.dataset.tone, getComputedStyle(node).animationName]);
      assert.deepEqual(look_, ['wait', 'fr-pulse']);
    }
    await page.getByText(/stale since \d\d:\d\d:\d\d/).first().waitFor();
    assert.equal(await cell(page, 'gate-b', 2).innerText(), before); // not blank
    await apps.run();
    await still(apps, mara);
    for (const stream of ['density', 'alerts']) await dotIs(page, stream, 'connected', 12_000);
    await page.getByText('stale since').first().waitFor({ state: 'detached' });
    await people(apps, cameras, { 'gate-b': 91 });
    await shows(cell(page, 'gate-b', 2), '91');
    await panel(page, 'Stream errors').locator('li', { hasText: 'sse-connection' }).first().waitFor();
  });

  check('five failed attempts, 1, 2, 4, 8 and 16 s apart: density polls real data every 5 s, alerts stop with an error', async () => {
    const page = await look('/robots.txt', 'mara', { allow: /\[sse-connection\]|404/ });
    await page.clock.install();
    await page.clock.pauseAt(Date.now() + 60_000); // time passes only when it is told to
    await page.route(/-stream$/, (route) => route.abort());
    const tries = { density: 0, alert: 0 };
    page.on('request', (request) => {
      const [, name] = /(density|alert)-stream$/.exec(request.url()) ?? [];
      if (name) tries[name]++;
    });
    await page.addInitScript(() => {
      const real = window.fetch;
      window.polls = [];
      window.fetch = (input, init) => {
        if (/density-poll/.test(String(input))) window.polls.push(Date.now());
        return real(input, init);
      };
    });
    await page.goto(apps.url + TESTING, { waitUntil: 'commit' });
    const row = (stream) => page.locator(`.c-streams [data-stream="${stream}"]`);
    await page.clock.runFor(50);
    await row('density').waitFor();
    for (const [i, seconds] of [1, 2, 4, 8, 16].entries()) {
      for (const stream of ['density', 'alerts']) await row(stream).getByText(`try ${i + 1} of 5`).waitFor();
      assert.deepEqual(tries, { density: i + 1, alert: i + 1 });
      await page.clock.runFor(seconds * 1000 - 100);
      assert.deepEqual(tries, { density: i + 1, alert: i + 1 }, `not before ${seconds} s`);
      await page.clock.runFor(150);
      await until(() => tries.density === i + 2 && tries.alert === i + 2, `try ${i + 2}`);
    }
    await row('density').getByText('Polling every 5 seconds').waitFor();
    await dotIs(page, 'density', 'connected');
    await page.locator('.c-dots').getByText('polling').waitFor();
    await dotIs(page, 'alerts', 'error');
    assert.equal(await dot(page, 'alerts').locator('.fr-dot').evaluate((node) => node.dataset.tone), 'bad'); // red
    await page.getByRole('alert').getByText('stopped after five failed attempts').waitFor();
    await panel(page, 'Stream errors').locator('li', { hasText: 'exhausted' }).waitFor();
    const errors = await panel(page, 'Stream errors').locator('li').count();
    assert.ok(errors >= 5);
    // real readings, by polling
    const messages = async () => (await page.locator('.fr-log li').allInnerTexts()).join('\n');
    for (const number of [1111, 1112]) {
      await people(apps, cameras, { 'gate-a': number });
      await until(async () => {
        await page.clock.runFor(500);
        return (await messages()).includes(`"people":${number}`);
      }, `the reading of ${number}`);
    }
    const polls = await page.evaluate(() => window.polls);
    assert.ok(polls.length >= 3);
    for (let i = 1; i < polls.length; i++) assert.ok(polls[i] - polls[i - 1] >= 5000 && polls[i] - polls[i - 1] <= 7500, `${polls}`);
    // the stream again: density by its own probe within a minute, alerts when somebody says so
    await page.unroute(/-stream$/);
    await page.getByRole('button', { name: 'Connect again' }).click();
    await dotIs(page, 'alerts', 'connected');
    const tried = tries.density;
    let seconds = 0;
    for (; tries.density === tried && seconds < 61; seconds++) await page.clock.runFor(1000);
    assert.ok(seconds <= 60, 'the stream is tried again within a minute');
    await row('density').getByText('Connected, streaming').waitFor();
    await page.locator('.c-dots').getByText('polling').waitFor({ state: 'detached' });
  });

  check('a message that is no JSON is told to the error handler and shown', async () => {
    const page = await look('/robots.txt', 'mara', { allow: /\[sse-(connection|parse)\]|404/ });
    await page.route(/density-stream$/, (route) => route.fulfill({ contentType: 'text/event-stream', body: 'data: {"type":"connected","timestamp":1}\n\ndata: not <b>JSON</b>\n\n' }));
    const said = [];
    page.on('console', (message) => said.push(message.text()));
    await page.goto(apps.url + MONITOR, { waitUntil: 'commit' });
    const line = panel(page, 'Stream errors').locator('li', { hasText: 'sse-parse' }).first();
    await line.getByText('not <b>JSON</b>').waitFor();
    assert.ok(said.some((text) => text.startsWith('[sse-parse]')), `${said}`);
    await dotIs(page, 'alerts', 'connected'); // the other stream has nothing to do with it
  });
});

describe('the testing page', () => {
  check('triggers density violations, and stops them', async () => {
    const [page, monitor] = await Promise.all([live(TESTING), live()]);
    await atOnce(apps, mara, 'gate-a');
    const violation = panel(page, 'Density violation');
    await violation.getByLabel('Zone').selectOption('gate-a');
    await violation.getByLabel('Held at').selectOption('high');
    await violation.getByRole('button', { name: 'Trigger violation' }).click();
    await monitor.locator('.c-plan [data-zone="gate-a"][data-level="high"]').waitFor();
    await monitor.locator('.c-alert[data-severity="high"]', { hasText: 'test' }).waitFor();
    await shows(panel(page, 'Running tests').locator('tbody th'), 'Gate A');
    await page.getByRole('button', { name: 'Stop the test in Gate A' }).click();
    await page.getByText('Every zone shows what its camera counts.').waitFor();
    await monitor.locator('.c-plan [data-zone="gate-a"][data-level="normal"]').waitFor();
  });

  check('simulates threshold breaches', async () => {
    const [page, monitor] = await Promise.all([live(TESTING), live()]);
    await atOnce(apps, mara, 'gate-b');
    const breach = panel(page, 'Threshold breach');
    await breach.getByLabel('Zone').selectOption('gate-b');
    await breach.getByLabel('Seconds', { exact: true }).fill('5');
    await breach.getByRole('button', { name: 'Simulate breach' }).click();
    await shows(panel(page, 'Running tests').locator('tbody th'), 'Gate B');
    await monitor.locator('.c-alert[data-severity="critical"]', { hasText: 'Gate B' }).waitFor();
    const messages = await panel(page, 'Messages').innerText();
    for (const level of ['warning', 'high', 'critical']) assert.match(messages, new RegExp(`alert .*"zoneId":"gate-b".*"severity":"${level}"`));
  });

  check('tests the making and delivery of an alert; its text is text', async () => {
    const [page, monitor] = await Promise.all([live(TESTING), live(MONITOR, 'leon')]);
    const form = panel(page, 'Test alert');
    await form.getByLabel('Zone').selectOption('gate-c');
    await form.getByLabel('Severity').selectOption('critical');
    await form.getByLabel('Message').fill('<img src=x onerror="window.owned=1"> drill');
    await form.getByRole('button', { name: 'Send test alert' }).click();
    await form.getByText(/arrived after \d+ ms/).waitFor();
    const [, ms] = /arrived after (\d+) ms/.exec(await form.innerText());
    assert.ok(Number(ms) < 2000);
    await monitor.locator('.c-alert', { hasText: '<img src=x onerror="window.owned=1"> drill' }).waitFor();
    assert.equal(await monitor.evaluate(() => window.owned), undefined);
    assert.equal(await monitor.locator('.c-alert img').count(), 0);
  });

  check('verifies that messages are delivered on both streams', async (t) => {
    const page = await live(TESTING);
    const delivery = panel(page, 'Message delivery');
    await delivery.getByLabel('Messages on each stream', { exact: true }).fill('100');
    await delivery.getByRole('button', { name: 'Verify delivery' }).click();
    for (const stream of ['density', 'alerts']) {
      const row = delivery.locator(`tr[data-key="${stream}"]`);
      await row.getByText('all, in order').waitFor();
      assert.match(await row.innerText(), /100\s+100/);
      const [, longest] = /(\d+) ms\D+(\d+) ms/.exec(await row.innerText()).slice(1);
      t.diagnostic(`${stream}, 100 messages, longest: ${longest} ms`);
      assert.ok(Number(longest) < 2000);
    }
    await delivery.getByRole('button', { name: 'Count again' }).click();
    await delivery.getByText(/density 1, alerts 1/).waitFor();
  });

  check('cuts and mends the streams of this page', async () => {
    const page = await live(TESTING, 'mara', ALLOWED);
    for (const stream of ['density', 'alerts']) {
      await page.getByRole('button', { name: `Cut the ${stream} stream` }).click();
      await dotIs(page, stream, 'reconnecting');
      await panel(page, 'Stream errors').getByText('cut on the testing page').first().waitFor();
      await page.getByRole('button', { name: `Mend the ${stream} stream` }).click();
      await dotIs(page, stream, 'connected');
    }
  });

  check('a steward sees what tests bring, and has no controls', async () => {
    const page = await live(TESTING, 'leon');
    await page.getByText('Only a controller may run tests.').waitFor();
    assert.equal(await page.getByRole('button', { name: /Trigger|Simulate|Send|Verify|Enter emergency/ }).count(), 0);
    await post('testing/violation', mara, { zone: 'gate-a', level: 'warning', seconds: 30 });
    await shows(panel(page, 'Running tests').locator('tbody th'), 'Gate A');
  });
});

describe('the pages', () => {
  check('fit from 360 to 1440 pixels, and are accessible in both themes, calm and in an emergency', async () => {
    for (const where of [MONITOR, TESTING]) {
      const page = await live(where);
      await fits(page);
      await accessible(page);
    }
    await post('emergency/enter', mara, { reason: 'A reason of some length that has to wrap on a narrow screen without making it wider than it is' });
    await post('testing/alert', mara, { zone: 'gate-a', severity: 'critical', message: 'Averylongwordwithoutanyspacethathastobebrokensomewhere'.repeat(2) });
    await people(apps, cameras, { 'gate-a': GATE.critical, 'gate-b': GATE.high, 'gate-c': GATE.warning });
    for (const where of [MONITOR, TESTING]) {
      const page = await live(where, 'mara', { colorScheme: 'dark' });
      await banner(page, 'active').waitFor();
      await fits(page);
      await accessible(page);
    }
  });

  check('load at most 135 kB of JavaScript, and show data within 300 ms of opening', async (t) => {
    const times = [];
    for (const where of [MONITOR, TESTING, MONITOR, TESTING, MONITOR, MONITOR, MONITOR, MONITOR]) {
      if (times.length > 2 && Math.min(...times) <= 300) break; // the first ones pay for reading files and compiling
      const page = await look('/robots.txt', 'mara', { allow: /404/ });
      await page.addInitScript(() => {
        const watch = new MutationObserver(() => {
          if (!document.querySelector('.k-tiles, .k-table, .k-empty')) return;
          window.firstData = performance.now();
          watch.disconnect();
        });
        watch.observe(document, { childList: true, subtree: true });
      });
      await page.goto(apps.url + where, { waitUntil: 'commit' });
      times.push(await until(() => page.evaluate(() => window.firstData ?? 0), 'data'));
      const bytes = await page.evaluate(() => performance.getEntriesByType('resource').filter(({ name }) => /\.js$/.test(name) && !/plot/.test(name)).reduce((sum, { encodedBodySize }) => sum + encodedBodySize, 0));
      assert.ok(bytes > 30_000 && bytes <= 120_000 + 15_000, `${bytes} bytes`);
    }
    t.diagnostic(`to the first data, ms: ${times.map(Math.round)}`);
    // where others use the machine too, the figure says little of the pages
    const busy = loadavg()[0] > 2 * availableParallelism();
    assert.ok(Math.min(...times) <= (busy ? 1500 : 300), `${times}`);
  });
});
