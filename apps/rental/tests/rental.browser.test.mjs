// The rental application in Chromium: what its document asks a person to do, done by two windows.
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';
import { accessible, Apps, clickTime, figures, fits, launch, open, shows, timeToText, until } from '../../tests/lib.mjs';

let apps, browser, manager, viewer;
const day = (days) => new Date(Date.now() + days * 86_400_000).toISOString().slice(0, 10);
const LABELS = ['Rentals', 'Overdue', 'Payments', 'Maintenance', 'Locations', 'Timesheets', 'Payroll', 'Leave', 'Notices', 'Sync'];
const TYPES = ['rental_status_updated', 'rental_overdue', 'payment_received', 'maintenance_required', 'equipment_location_updated',
  'timesheet_updated', 'payroll_processed', 'leave_request_updated', 'system_notification', 'sync_progress'];
const PAGES = ['/rental/', '/rental/rentals/', '/rental/equipment/', '/rental/people/', '/rental/customers/', '/sse-test'];

before(async () => {
  apps = await Apps.start({ apps: ['rental'] });
  browser = await launch();
  manager = await apps.login('rental', 'dune-manager');
  viewer = await apps.login('rental', 'dune-viewer');
  await post('/api/rental/world', { running: false, perSecond: 1 });
});
after(async () => {
  await browser?.close();
  await apps?.end();
});

const post = (where, body, as = manager) => apps.request(where, { as, body });
const get = async (where, as = manager) => (await apps.request(where, { as })).body;
const broadcast = (type, data) => post('/api/sse', { type, data });
const connections = async () => (await get('/api/rental/stats')).totalConnections;

/** Windows that a test which failed has left open: the next one counts connections. */
const left = new Set();
afterEach(async () => {
  await Promise.all([...left].map((win) => win.close()));
  left.clear();
});

/** A window of somebody, connected. keep: it outlives its test. */
async function window(where, login = 'dune-manager', { keep, ...more } = {}) {
  const win = await open(browser, apps, where, { login: ['rental', login], allow: /403|409|422|429|503/, ...more });
  if (!keep) left.add(win);
  await connected(win.page);
  return win;
}
const connected = (page, timeout = 10_000) => page.locator('.k-status [data-tone=good]').waitFor({ timeout });
/** Turns on the types that are off in the beginning. */
async function showAll(page) {
  const chips = page.getByRole('group', { name: 'Types of events shown' });
  for (const name of LABELS) {
    const chip = chips.getByRole('button', { name, exact: true });
    if ((await chip.getAttribute('aria-pressed')) === 'false') await chip.click();
  }
}
/** A switch is turned by its label, as a person does. */
const flip = (page, name) => page.locator('.k-switch').filter({ hasText: name }).click();
const history = (page) => page.getByRole('list', { name: 'Event history' });
/** When (unix ms, of its own page) a list gets another row. */
const arrival = (list) =>
  list.evaluate(
    (node) =>
      new Promise((resolve) => {
        const count = node.children.length;
        const observer = new MutationObserver(() => {
          if (node.children.length <= count) return;
          observer.disconnect();
          resolve(performance.timeOrigin + performance.now());
        });
        observer.observe(node, { childList: true });
      }),
  );
const feed = (page) => page.getByRole('list', { name: 'Activity' });
/** The number in a tile of the dashboard's header. */
const metric = (page, label) => page.locator('.r-metrics .k-tile').filter({ has: page.locator('dt', { hasText: new RegExp(`^${label}$`) }) }).locator('.k-value');
const row = (page, table, text) => page.getByRole('table', { name: table }).getByRole('row').filter({ hasText: text });
const quietly = (win) => assert.deepEqual(win.complaints, []);

describe('/sse-test', () => {
  it('in several tabs of /sse-test, what one sends appears in the others within two seconds', async (t) => {
    const first = await window('/sse-test');
    const tab = await first.context.newPage();
    await tab.goto(`${apps.url}/sse-test`, { waitUntil: 'commit' });
    await connected(tab);
    const other = await window('/sse-test', 'dune-viewer');
    const times = [];
    for (const [from, to] of [[first.page, other.page], [tab, first.page], [first.page, tab]]) {
      const seen = arrival(history(to));
      await history(to).evaluate(() => 0); // it waits already: calls are served in order
      const began = await clickTime(from.getByRole('button', { name: 'Send event', exact: true }));
      times.push((await seen) - began);
      const text = await history(to).locator('li').first().textContent();
      assert.match(text, /rental_status_updated.*"rental_id":123,"status":"active","updated_by":"John Doe"/);
    }
    t.diagnostic(`from tab to tab: ${JSON.stringify(figures(times))}`);
    assert.ok(figures(times).longest < 2000, JSON.stringify(times));
    quietly(first);
    quietly(other);
    await first.close();
    await other.close();
  });

  it('each of the ten types can be sent, and is in the other window\'s event history', async () => {
    const here = await window('/sse-test');
    const there = await window('/sse-test', 'dune-viewer');
    await showAll(there.page);
    for (const [i, name] of LABELS.entries()) {
      await here.page.getByRole('button', { name: `${name}: send an example` }).click();
      await history(there.page).locator('li').first().filter({ hasText: TYPES[i] }).waitFor({ timeout: 5000 });
    }
    await here.page.getByRole('button', { name: 'Send custom event' }).click();
    await history(there.page).locator('li').first().filter({ hasText: 'Equipment returned in good condition' }).waitFor({ timeout: 5000 });
    await here.page.getByLabel('Type', { exact: true }).selectOption('payment_received');
    await here.page.getByLabel('Data (JSON)').fill('{"rental_id": 77, "amount": 9.5}');
    await here.page.getByRole('button', { name: 'Send event', exact: true }).click();
    await history(there.page).locator('li').first().filter({ hasText: '"rental_id":77,"amount":9.5' }).waitFor({ timeout: 5000 });
    await here.page.getByText(/Sent as \d+-\d+-/).waitFor();
    quietly(here);
    quietly(there);
    await here.close();
    await there.close();
  });

  it('a broadcast without the role, or against the schema, is refused in words', async () => {
    const win = await window('/sse-test', 'dune-viewer');
    const send = win.page.getByRole('button', { name: 'Send event', exact: true });
    await send.click();
    await win.page.getByRole('alert').filter({ hasText: /403.*not granted/i }).waitFor();
    await win.close();
    const ours = await window('/sse-test');
    await ours.page.getByLabel('Data (JSON)').fill('{"rental_id": 1, "status": "flying"}');
    await ours.page.getByRole('button', { name: 'Send event', exact: true }).click();
    await ours.page.getByRole('alert').filter({ hasText: /422.*status/ }).waitFor();
    await ours.page.getByLabel('Data (JSON)').fill('{');
    await ours.page.getByRole('button', { name: 'Send event', exact: true }).click();
    await ours.page.getByRole('alert').filter({ hasText: 'not JSON' }).waitFor();
    quietly(ours);
    await ours.close();
  });

  it('the connection is shown, disconnected, connected and reconnected by its controls', async () => {
    const win = await window('/sse-test');
    const panel = win.page.getByRole('region', { name: 'Real-time connection' });
    await shows(panel.getByRole('status'), /Connected/);
    await panel.getByRole('button', { name: 'Disconnect', exact: true }).click();
    await shows(panel.getByRole('status'), /Disconnected/);
    await broadcast('system_notification', { message: 'while it was off' });
    await panel.getByRole('button', { name: 'Connect', exact: true }).click();
    await shows(panel.getByRole('status'), /Connected/);
    await history(win.page).locator('li').first().filter({ hasText: 'while it was off' }).waitFor({ timeout: 5000 });
    await panel.getByRole('button', { name: 'Reconnect' }).click();
    await shows(panel.getByRole('status'), /Connected/);
    quietly(win);
    await win.close();
  });

  it('the event history keeps the last 100 and can be cleared', async () => {
    const win = await window('/sse-test');
    await showAll(win.page);
    const many = Array.from({ length: 130 }, (_, i) => ({ type: 'sync_progress', data: { task: `number ${i + 1}`, progress: i } }));
    assert.equal((await post('/api/sse', many)).status, 200);
    await history(win.page).locator('li').first().filter({ hasText: 'number 130' }).waitFor({ timeout: 5000 });
    assert.equal(await history(win.page).locator('li').count(), 100);
    await history(win.page).locator('li').last().filter({ hasText: 'number 31' }).waitFor();
    await win.page.getByRole('button', { name: 'Clear' }).click();
    await win.page.getByText('No events yet').waitFor();
    quietly(win);
    await win.close();
  });

  it('types are filtered, toasts go by the same filter and can be turned off', async () => {
    const win = await window('/sse-test');
    const { page } = win;
    const toasts = page.locator('.fr-toast');
    await broadcast('payment_received', { rental_id: 5, amount: 10, message: 'first' });
    await toasts.filter({ hasText: 'Payment received: first' }).waitFor({ timeout: 5000 });
    await page.getByRole('group', { name: 'Types of events shown' }).getByRole('button', { name: 'Payments' }).click();
    await broadcast('payment_received', { rental_id: 5, amount: 10, message: 'second' });
    await broadcast('system_notification', { message: 'third' });
    await toasts.filter({ hasText: 'third' }).waitFor({ timeout: 5000 });
    assert.equal(await toasts.filter({ hasText: 'second' }).count(), 0);
    assert.equal(await history(page).locator('li').filter({ hasText: 'payment_received' }).count(), 0);
    await flip(page, 'Toasts');
    await broadcast('system_notification', { message: 'fourth' });
    await history(page).locator('li').first().filter({ hasText: 'fourth' }).waitFor();
    assert.equal(await toasts.filter({ hasText: 'fourth' }).count(), 0);
    await page.reload({ waitUntil: 'commit' }); // the choice outlives the page
    await connected(page);
    assert.equal(await page.getByRole('switch', { name: 'Toasts' }).isChecked(), false);
    quietly(win);
    await win.close();
  });

  it('what events carry is shown as text', async () => {
    const win = await window('/sse-test');
    const evil = '<img src=x onerror=alert(1)><b>bold</b>';
    await broadcast('system_notification', { message: evil });
    await history(win.page).locator('li').first().filter({ hasText: evil }).waitFor({ timeout: 5000 });
    await win.page.locator('.fr-toast').filter({ hasText: evil }).waitFor();
    assert.equal(await win.page.locator('img, .fr-toast b').count(), 0);
    quietly(win);
    await win.close();
  });

  it("localStorage['sse-debug'] logs to the console", async () => {
    const win = await window('/sse-test');
    const said = [];
    win.page.on('console', (message) => message.text().startsWith('freshet:') && said.push(message.text()));
    await win.page.evaluate(() => localStorage.setItem('sse-debug', 'true'));
    await win.page.reload({ waitUntil: 'commit' });
    await until(() => said.some((text) => text.includes('connected')), 'a line of the log');
    assert.equal(await win.page.getByRole('switch', { name: /Debug/ }).isChecked(), true);
    await win.close();
  });

  it('a manager reads connections, rates and refused events, and the types in the page', async () => {
    const win = await window('/sse-test');
    await broadcast('payroll_processed', { period: '2026-01', employees: 1 });
    await row(win.page, 'Events by type', 'Payroll').waitFor();
    await win.page.getByRole('button', { name: 'Read the figures' }).click();
    for (const figure of ['Active connections', 'Events published', 'Events refused', 'Events that failed', 'Events a second']) await row(win.page, 'Figures of the hub', figure).waitFor();
    quietly(win);
    await win.close();
    const other = await window('/sse-test', 'dune-viewer');
    assert.equal(await other.page.getByText('Monitoring').count(), 0);
    await other.close();
  });
});

describe('the connection', () => {
  it('when the hub stops, pages say since when they are stale and the last error; when it is back, so are they', async () => {
    const dashboard = await window('/rental/', 'dune-viewer');
    const test = await window('/sse-test');
    await apps.stop();
    await dashboard.page.getByText(/stale since \d\d:\d\d:\d\d/).first().waitFor({ timeout: 8000 });
    await dashboard.page.locator('.k-status [data-tone=good]').waitFor({ state: 'detached' });
    await test.page.getByText(/Last error: /).waitFor({ timeout: 8000 });
    assert.notEqual(await metric(dashboard.page, 'Out on rental').textContent(), '');
    await apps.run();
    await Promise.all([connected(dashboard.page, 15_000), connected(test.page, 15_000)]);
    await dashboard.page.getByText(/stale since/).first().waitFor({ state: 'detached' });
    await broadcast('system_notification', { message: 'back again' });
    await feed(dashboard.page).getByText('back again').first().waitFor({ timeout: 5000 });
    await dashboard.close();
    await test.close();
    await post('/api/rental/world', { running: false, perSecond: 1 }); // it begins anew with the process
  });

  it('a page that is loaded again is connected again', async () => {
    const win = await window('/rental/');
    await win.page.reload({ waitUntil: 'commit' });
    await connected(win.page);
    await broadcast('system_notification', { message: 'after the reload' });
    await feed(win.page).getByText('after the reload').first().waitFor({ timeout: 5000 });
    quietly(win);
    await win.close();
  });

  it('eight tabs of one user share one connection, and it ends with the last of them', async () => {
    await until(async () => (await connections()) === 0, 'earlier windows to be gone');
    const win = await window('/sse-test');
    const pages = [win.page];
    for (let i = 0; i < 7; i++) {
      const page = await win.context.newPage();
      await page.goto(`${apps.url}${PAGES[i % PAGES.length]}`, { waitUntil: 'commit' });
      pages.push(page);
    }
    await Promise.all(pages.map((page) => connected(page, 20_000)));
    assert.equal(await connections(), 1);
    const toast = pages.map((page) => page.locator('.fr-toast').filter({ hasText: 'to all tabs' }).waitFor({ timeout: 10_000 }));
    await broadcast('system_notification', { message: 'to all tabs' });
    await Promise.all(toast);
    await win.close();
    await until(async () => (await connections()) === 0, 'the connection to be cleaned up');
  });

  it('going through all pages leaves one connection', async () => {
    await until(async () => (await connections()) === 0, 'earlier windows to be gone');
    const win = await window('/rental/');
    for (const where of [...PAGES, '/rental/']) {
      await win.page.goto(apps.url + where, { waitUntil: 'commit' });
      await connected(win.page);
    }
    await until(async () => (await connections()) === 1, 'one connection');
    quietly(win);
    await win.close();
  });

  it('a tab that goes to the background lets go of the stream, and misses nothing when it is back', async () => {
    const win = await window('/sse-test');
    const { page } = win;
    await page.clock.install();
    const visible = (state) =>
      page.evaluate((to) => {
        Object.defineProperty(document, 'visibilityState', { configurable: true, get: () => to });
        Object.defineProperty(document, 'hidden', { configurable: true, get: () => to === 'hidden' });
        document.dispatchEvent(new Event('visibilitychange'));
      }, state);
    assert.equal(await connections(), 1);
    await visible('hidden');
    await page.clock.fastForward(31_000);
    await until(async () => (await connections()) === 0, 'the stream to be let go');
    await broadcast('system_notification', { message: 'in the meantime' });
    await visible('visible');
    await history(page).locator('li').filter({ hasText: 'in the meantime' }).waitFor({ timeout: 8000 });
    assert.equal(await history(page).locator('li').filter({ hasText: 'in the meantime' }).count(), 1);
    await win.close();
  });

  it('where no stream is to be had the page polls the hub', async () => {
    const context = await browser.newContext();
    const [name, value] = viewer.cookie.split('=');
    await context.addCookies([{ name, value, url: apps.url }]);
    await context.addInitScript(() => {
      delete window.SharedWorker; // the tab's own connection: a worker's requests can't be stopped here
      Object.defineProperty(navigator, 'locks', { value: undefined });
    });
    await context.route(/\/api\/sse(\?|$)/, (route) => (route.request().method() === 'GET' ? route.abort() : route.continue()));
    const page = await context.newPage();
    await page.clock.install();
    await page.goto(`${apps.url}/sse-test`, { waitUntil: 'commit' });
    const state = page.getByRole('region', { name: 'Real-time connection' }).getByRole('status');
    await state.waitFor();
    await until(async () => {
      await page.clock.fastForward(2000); // the five tries lie up to 16 s apart
      return /Connected \(polling\)/.test(await state.textContent());
    }, 'polling', 20_000);
    await broadcast('system_notification', { message: 'by polling' });
    await page.clock.fastForward(5000);
    await history(page).locator('li').filter({ hasText: 'by polling' }).waitFor({ timeout: 8000 });
    await context.close();
  });
});

describe('the dashboard', () => {
  it('shows key metrics and the connection in its header, and the other window\'s payment within two seconds', async () => {
    const here = await window('/rental/rentals/');
    const there = await window('/rental/', 'dune-viewer');
    for (const label of ['Out on rental', 'Overdue', 'Fleet in use', 'Paid today', 'Outstanding', 'Workshop orders', 'To decide on']) assert.match(await metric(there.page, label).textContent(), /\d/, label);
    const { metrics } = await get('/api/rental/overview');
    const times = [];
    let paid = metrics.paid_today;
    const rental = (await get('/api/rental/rentals')).rentals.find(({ balance }) => balance > 100_000);
    await here.page.getByRole('button', { name: `Payment for rental ${rental.id}` }).click();
    for (const amount of ['11.00', '12.00', '13.00']) {
      paid += Number(amount) * 100;
      const wanted = new Intl.NumberFormat('en-GB', { style: 'currency', currency: 'SAR', minimumFractionDigits: paid % 100 ? 2 : 0 }).format(paid / 100);
      await here.page.getByLabel(/^Amount/).fill(amount);
      const button = here.page.getByRole('button', { name: 'Take the payment' });
      times.push(await timeToText(metric(there.page, 'Paid today'), wanted, () => clickTime(button)));
      await button.and(here.page.locator(':not([aria-busy])')).waitFor();
    }
    assert.ok(figures(times).longest < 2000, JSON.stringify(times));
    await feed(there.page).getByText(`paid SAR 13.00 for rental ${rental.id}`).first().waitFor();
    quietly(here);
    quietly(there);
    await here.close();
    await there.close();
  });

  it('a newcomer\'s activity feed has what happened before, newest first', async () => {
    await post('/api/rental/notices', { message: 'Before anybody looked', level: 'info' });
    const win = await window('/rental/');
    await feed(win.page).locator('li').first().filter({ hasText: 'Before anybody looked' }).waitFor({ timeout: 5000 });
    assert.match(await feed(win.page).locator('li').first().textContent(), /^\d\d:\d\d:\d\d/);
    quietly(win);
    await win.close();
  });

  it('first data is on screen within 300 ms of opening', async (t) => {
    const win = await window('/rental/');
    const times = [];
    await win.page.addInitScript(() => {
      const observer = new MutationObserver(() => {
        if (!document.querySelector('.k-tile .k-value')) return;
        observer.disconnect();
        requestAnimationFrame(() => (window.firstData = performance.now()));
      });
      observer.observe(document, { childList: true, subtree: true });
    });
    for (let i = 0; i < 7; i++) {
      await win.page.goto(`${apps.url}/rental/?${i}`, { waitUntil: 'commit' });
      times.push(await win.page.waitForFunction(() => window.firstData).then((handle) => handle.jsonValue()));
    }
    t.diagnostic(`first data: ${JSON.stringify(figures(times))}`);
    assert.ok(Math.min(...times) < 300, `${times.map(Math.round)}`);
    await win.close();
  });

  it('with the world off no number changes; with another database the page shows it', async () => {
    const win = await window('/rental/');
    await metric(win.page, 'Outstanding').waitFor();
    await win.page.locator('.fr-toast').first().waitFor({ state: 'detached', timeout: 10_000 }).catch(() => {});
    const text = () => win.page.locator('main').innerText();
    await until(async () => {
      const before = await text();
      await new Promise((resolve) => setTimeout(resolve, 300));
      return before === (await text());
    }, 'the page to be at rest');
    const before = await text();
    await new Promise((resolve) => setTimeout(resolve, 4000)); // several looks at the dates, and a tick of all that ticks
    assert.equal(await text(), before);
    apps.replaceDatabase('rental', "update companies set name = 'Dune Two' where id = 'dune-rental'; update equipment set name = 'Renamed' where code = 'EX-01';");
    await win.page.getByText('Dune Two').waitFor({ timeout: 5000 });
    quietly(win);
    await win.close();
  });

  it('the world is turned on and off on the page, and machines move on the map', async () => {
    const win = await window('/rental/');
    const place = (page) => page.locator('.r-spot[data-machines*="EX-01"]').getAttribute('transform');
    await win.page.locator('.r-spot').first().waitFor();
    const { id, lat, lon } = (await get('/api/rental/overview')).equipment.find(({ code }) => code === 'EX-01');
    const before = await place(win.page);
    await post(`/api/rental/equipment/${id}/location`, { lat: lat + 0.02, lon: lon + 0.02 });
    await until(async () => (await place(win.page)) !== before, 'the machine on the map');
    await flip(win.page, /World/);
    await until(async () => (await get('/api/rental/world')).running, 'the world to run');
    await flip(win.page, /World/);
    await until(async () => !(await get('/api/rental/world')).running, 'the world to rest');
    quietly(win);
    await win.close();
  });
});

describe('each type of event from its screen', () => {
  let there;
  before(async () => {
    there = await window('/rental/', 'dune-viewer', { keep: true });
    await showAll(there.page);
  });
  after(() => there.close());
  const told = (label, text) => feed(there.page).locator('li').filter({ has: there.page.locator('.k-badge', { hasText: new RegExp(`^${label}$`) }) }).filter({ hasText: text }).first().waitFor({ timeout: 5000 });

  it('a rental made, confirmed, handed over, made late and taken back is seen in the other window', async () => {
    const win = await window('/rental/rentals/', 'dune-dispatch');
    const { page } = win;
    await page.getByRole('button', { name: 'New rental' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('Customer').selectOption({ label: 'Eastern Pipeline Works' });
    await dialog.getByLabel('Equipment').selectOption({ label: 'Tower light 9 m TL-01, available' });
    await dialog.getByLabel('Due day').fill(day(5));
    await dialog.getByRole('button', { name: 'Make the rental' }).click();
    const line = row(page, 'Rentals', 'TL-01');
    await line.filter({ hasText: 'pending' }).waitFor();
    await told('Rentals', /is pending: Tower light 9 m TL-01 for Eastern Pipeline Works/);
    const id = await line.getAttribute('data-key');
    await page.getByRole('button', { name: `Confirm rental ${id}` }).click();
    await told('Rentals', `Rental ${id} is confirmed`);
    await page.getByRole('button', { name: `Hand over rental ${id}` }).click();
    await told('Rentals', `Rental ${id} is active`);
    apps.sql('rental', `update rentals set start_on = date('now', '-4 days') where id = ${id};`);
    await page.getByRole('button', { name: `Due day of rental ${id}` }).click();
    await page.getByRole('dialog').getByLabel('Due day').evaluate((node) => node.removeAttribute('min'));
    await page.getByRole('dialog').getByLabel('Due day').fill(day(-2));
    await page.getByRole('button', { name: 'Set the due day' }).click();
    await told('Overdue', `Rental ${id} is 2 days overdue`);
    await line.filter({ hasText: 'overdue 2 days' }).waitFor();
    await row(there.page, 'Overdue rentals', 'TL-01').waitFor();
    await page.getByRole('button', { name: `Take back rental ${id}` }).click();
    await told('Rentals', `Rental ${id} is completed`);
    await row(there.page, 'Overdue rentals', 'TL-01').waitFor({ state: 'detached' });
    quietly(win);
    await win.close();
  });

  it('a payment, and one that is too much', async () => {
    const win = await window('/rental/rentals/', 'dune-dispatch');
    const { page } = win;
    const rental = (await get('/api/rental/rentals')).rentals.find(({ balance }) => balance > 50_000);
    await page.getByRole('button', { name: `Payment for rental ${rental.id}` }).click();
    await page.getByLabel(/^Amount/).fill(String(rental.balance / 100 + 1));
    await page.getByRole('button', { name: 'Take the payment' }).click();
    await page.getByRole('alert').filter({ hasText: 'more than what is open' }).waitFor();
    await page.getByLabel(/^Amount/).fill('21.50');
    await page.getByLabel('Paid by').selectOption('cash');
    await page.getByRole('button', { name: 'Take the payment' }).click();
    await told('Payments', `paid SAR 21.50 for rental ${rental.id}`);
    await row(page, 'Payments so far', '21.50').filter({ hasText: 'Cash' }).waitFor();
    await page.getByRole('button', { name: 'Close' }).click();
    await page.getByRole('list', { name: 'Since this page was opened' }).getByText(`paid SAR 21.50 for rental ${rental.id}`).waitFor();
    quietly(win);
    await win.close();
  });

  it('a defect, the workshop\'s answer and a machine\'s place', async () => {
    const win = await window('/rental/equipment/', 'dune-dispatch');
    const { page } = win;
    await page.getByRole('button', { name: 'Defect of TL-02' }).click();
    await page.getByLabel('What is wrong').fill('The mast sticks');
    await page.getByRole('button', { name: 'Send it to the workshop' }).click();
    await told('Maintenance', 'Tower light 9 m TL-02 needs the workshop: The mast sticks');
    await row(page, 'Equipment', 'TL-02').filter({ hasText: 'maintenance' }).waitFor();
    await row(page, 'Workshop orders', 'The mast sticks').getByRole('button', { name: /^Done/ }).click();
    await told('Maintenance', 'is back from the workshop: The mast sticks');
    await row(page, 'Equipment', 'TL-02').filter({ hasText: 'available' }).waitFor();
    await page.getByRole('button', { name: 'Place of TL-02' }).click();
    await page.getByLabel('Site').fill('Harbour gate');
    await page.getByLabel('Latitude').fill('26.5');
    await page.getByRole('button', { name: 'Report where it is' }).click();
    await told('Locations', 'Tower light 9 m TL-02 is at Harbour gate');
    await row(page, 'Equipment', 'TL-02').filter({ hasText: '26.5000' }).waitFor();
    quietly(win);
    await win.close();
  });

  it('hours handed in and approved, payroll, leave asked for and approved', async () => {
    const win = await window('/rental/people/', 'dune-people');
    const { page } = win;
    await page.getByLabel('Employee').selectOption({ label: 'Gopal Nair, mechanic' });
    await page.getByLabel('Day', { exact: true }).fill(day(-60));
    await page.getByLabel('Hours', { exact: true }).fill('7.75');
    await page.getByRole('button', { name: 'Hand in' }).click();
    await told('Timesheets', `Gopal Nair, ${day(-60)}: 7.75 hours submitted`);
    await page.getByRole('button', { name: `Approve Gopal Nair, ${day(-60)}` }).click();
    await told('Timesheets', `Gopal Nair, ${day(-60)}: 7.75 hours approved`);
    await page.getByRole('button', { name: /^Approve all/ }).click();
    await page.getByText(/^0 timesheets wait/).waitFor({ timeout: 15_000 });
    await page.getByRole('tab', { name: 'Payroll' }).click();
    await page.getByLabel('Month').fill(day(-60).slice(0, 7));
    await shows(page.locator('.k-tile').filter({ hasText: 'Employees' }).locator('.k-value'), '1');
    await page.getByRole('button', { name: 'Run payroll' }).click();
    await told('Payroll', `Payroll of ${day(-60).slice(0, 7)}: SAR 395.25 for 1 employees`);
    await row(page, 'Payrolls', day(-60).slice(0, 7)).filter({ hasText: 'SAR 395.25' }).waitFor();
    await page.getByRole('tab', { name: 'Leave' }).click();
    await page.getByLabel('Employee').selectOption({ label: 'Gopal Nair, mechanic' });
    await page.getByLabel('Kind').selectOption('sick');
    await page.getByLabel('First day').fill(day(40));
    await page.getByLabel('Last day').fill(day(46));
    const crossing = day(40).slice(0, 4) !== day(46).slice(0, 4);
    if (crossing) {
      await page.getByLabel('First day').fill(day(20));
      await page.getByLabel('Last day').fill(day(26));
    }
    await page.getByRole('button', { name: 'Request' }).click();
    await told('Leave', 'Gopal Nair: sick leave of 5 days requested');
    await page.getByRole('button', { name: /Approve leave of Gopal Nair/ }).click();
    await told('Leave', 'Gopal Nair: sick leave of 5 days approved');
    await page.getByRole('table', { name: 'Leave requests' }).getByText('approved').first().waitFor();
    quietly(win);
    await win.close();
  });

  it('customers imported from a list, with progress, and a customer suspended by the credit limit', async () => {
    const win = await window('/rental/customers/', 'dune-dispatch');
    const { page } = win;
    const lines = Array.from({ length: 25 }, (_, i) => `L-${i}, Listed ${i}, Jubail, l${i}@l.example, 1000`);
    await page.getByLabel(/A customer a line/).fill(`code, name, city, email, limit\n${lines.join('\n')}`);
    await page.getByRole('button', { name: 'Import' }).click();
    for (const done of ['0 of 25', '10 of 25', '20 of 25', '25 of 25']) await told('Sync', `Customers from a list: ${done}`);
    await page.getByLabel('Code, name or city').fill('Listed 24');
    await row(page, 'Customers', 'Listed 24').waitFor();
    await page.getByLabel(/A customer a line/).fill('nonsense');
    await page.getByRole('button', { name: 'Import' }).click();
    await page.getByRole('alert').filter({ hasText: 'Line 1 is not' }).waitFor();
    await page.getByLabel('Code, name or city').fill('Eastern');
    await page.getByRole('button', { name: 'Credit limit of Eastern Pipeline Works' }).click();
    await page.getByLabel(/^Credit limit \(/).fill('1');
    await page.getByRole('button', { name: 'Set the limit' }).click();
    await told('Notices', 'Eastern Pipeline Works is suspended');
    await row(page, 'Customers', 'Eastern').filter({ hasText: 'suspended' }).waitFor();
    await page.getByRole('button', { name: 'Credit limit of Eastern Pipeline Works' }).click();
    await page.getByLabel(/^Credit limit \(/).fill('90000');
    await page.getByRole('button', { name: 'Set the limit' }).click();
    await told('Notices', 'Eastern Pipeline Works may rent again');
    quietly(win);
    await win.close();
  });

  it('a notice to everybody, as a toast in the other window', async () => {
    const win = await window('/rental/', 'dune-people');
    await win.page.getByLabel('Tell everybody').fill('Fire drill at ten');
    await win.page.getByLabel('Level').selectOption('warning');
    await win.page.getByRole('button', { name: 'Send' }).click();
    await there.page.locator('.fr-toast').filter({ hasText: 'System notification: Fire drill at ten' }).waitFor({ timeout: 5000 });
    await told('Notices', 'Fire drill at ten');
    await there.page.getByRole('list', { name: 'Notices' }).getByText('Fire drill at ten').waitFor();
    quietly(win);
    await win.close();
  });

  it('a viewer is offered nothing to do, and the other company sees nothing of all this', async () => {
    const fjord = await window('/rental/', 'fjord-manager');
    assert.equal(await feed(fjord.page).getByText(/Fire drill|TL-0|Eastern|Gopal/).count(), 0);
    await fjord.page.getByText('Fjord Plant Hire').waitFor();
    await fjord.close();
    const view = await window('/rental/rentals/', 'dune-viewer');
    await row(view.page, 'Rentals', 'active').first().waitFor();
    assert.equal(await view.page.locator('main .k-button').count(), 0);
    await view.close();
  });
});

describe('every page', () => {
  for (const where of PAGES)
    it(`${where} fits from 360 to 1440 pixels and is accessible in both themes`, async () => {
      for (const colorScheme of ['light', 'dark']) {
        const win = await window(where, 'dune-manager', { colorScheme, reducedMotion: 'reduce' });
        await win.page.locator('main .k-panel').first().waitFor();
        await accessible(win.page);
        if (colorScheme === 'light') await fits(win.page);
        quietly(win);
        await win.close();
      }
    });
});
