// The console in Chromium, served by the real hub. SHOTS=FOLDER keeps a picture of each page.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { connect } from 'node:net';
import path from 'node:path';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';
import { build, Hub, launch, sign } from './hub.mjs';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const EVIL = '<img src=x onerror="window.harmed = true"><script>window.harmed = true</script>';
const PAGES = ['', '/channels', '/channels/lots', '/connections', '/system', '/config', '/publish', '/token'];
const HASH = '0123456789abcdef'.repeat(4);
const LOT = {
  type: 'object', required: ['lot', 'free'], additionalProperties: false,
  properties: {
    lot: { type: 'string', description: 'Name of the lot', maxLength: 20 },
    free: { type: 'integer', minimum: 0, maximum: 5000 },
    level: { enum: ['low', 'high'] },
    place: { type: 'object', required: ['lat'], properties: { lat: { type: 'number', minimum: -90, maximum: 90 } } },
    tags: { type: 'array', items: { type: 'string' } },
  },
};
const CONFIG = {
  publishers: [{ name: 'booking-api', secret_hash: HASH, tenant: 'silent', channels: ['trips'] }],
  channels: [{ name: 'parking', keyed: true, events: { 'lot-changed': { schema: 'lot.json' }, note: {} } }],
};

// Asks until look() is true.
async function until(look, what, ms = 5000) {
  for (const end = Date.now() + ms; !(await look()); ) {
    assert.ok(Date.now() < end, `never: ${what}`);
    await new Promise((done) => setTimeout(done, 20));
  }
}

let dir, browser;
before(async () => {
  dir = build();
  browser = await launch();
});
after(async () => {
  await browser?.close();
  if (dir) rmSync(dir, { recursive: true, force: true });
});

test('the first page is at most 120 kB of JavaScript, gzipped, further ones 15 kB', () => {
  const size = (name) => statSync(path.join(dir, 'assets', `${name}.gz`)).size;
  const scripts = readdirSync(path.join(dir, 'assets')).filter((name) => name.endsWith('.js'));
  const first = scripts.filter((name) => /^(index|Chart)-/.test(name));
  assert.equal(first.length, 2);
  assert.ok(first.reduce((sum, name) => sum + size(name), 0) <= 120_000);
  for (const name of scripts) {
    const file = path.join(dir, 'assets', name);
    const bytes = first.includes(name) ? 0 : statSync(`${file}.gz`, { throwIfNoEntry: false })?.size ?? statSync(file).size;
    assert.ok(bytes <= 15_000, `${name}: ${bytes}`);
  }
});

describe('the console', () => {
  let hub, context, page, complaints;
  before(async () => {
    hub = await Hub.start(dir, { config: CONFIG, files: { 'lot.json': LOT } });
  });
  after(() => hub?.stop());
  beforeEach(async () => {
    complaints = [];
    context = await browser.newContext({ viewport: { width: 1440, height: 900 } });
    page = await visit(context);
  });
  afterEach(async () => {
    await context.close();
    assert.deepEqual(complaints, [], 'the browser has nothing to complain of: no error, nothing the CSP refused');
  });

  async function visit(ctx) {
    const p = await ctx.newPage();
    p.on('pageerror', (error) => complaints.push(error.message));
    p.on('console', (message) => {
      // a hub without that endpoint: the console asks to find out
      if (/404/.test(message.text()) && /\/v1\/connections/.test(message.location().url)) return;
      if (/422/.test(message.text()) && /\/v1\/publish/.test(message.location().url)) return; // what a test refuses on purpose
      if (['error', 'warning'].includes(message.type())) complaints.push(`${message.text()} ${message.location().url}`);
    });
    return p;
  }

  const open = (where, p = page) => p.goto(`${hub.url}/console${where}`);
  const reading = (name) => page.locator('.reading').filter({ has: page.locator('dt', { hasText: new RegExp(`^${name}$`) }) });

  test('the overview moves when events are published and streams open', async () => {
    await open('');
    await reading('Events in').waitFor();
    await page.locator('.plot canvas').first().waitFor();
    const before = Number((await reading('Events in').locator('.note').innerText()).split(' ')[0]);
    const stop = new AbortController();
    const stream = await fetch(`${hub.url}/v1/stream?channel=moving`, { signal: stop.signal });
    await hub.publish(Array.from({ length: 40 }, (_, n) => ({ channel: 'moving', data: { n } })));
    await reading('Events in').locator('.note', { hasText: `${before + 40} since start` }).waitFor();
    await reading('Events out').locator('.note', { hasText: /^(4\d|[5-9]\d|\d{3}) since start/ }).waitFor();
    await reading('Connections').locator('.value', { hasText: /^1$/ }).waitFor();
    assert.equal(stream.status, 200);
    stop.abort();
    await reading('Connections').locator('.value', { hasText: /^0$/ }).waitFor();
  });

  test('the charts keep their 15 minutes over a reload', async () => {
    await open('');
    await reading('Events in').waitFor();
    await until(() => page.evaluate(() => performance.now() > 3000), 'some readings', 15000);
    // a rate needs two readings, and only one more is to be had
    let more = 0;
    await page.route('**/v1/stats', (route) => (more++ ? undefined : route.continue()));
    await page.reload();
    await until(async () => more > 1, 'one new reading');
    assert.match(await reading('Events in').locator('.value').innerText(), /^[\d.,]+$/);
    assert.equal(await page.evaluate(() => sessionStorage.getItem('freshet-console-samples')), null);
  });

  test('reconnects over 10 % are warned of, in words', async () => {
    const [{ id }] = await hub.publish([{ channel: 'again', data: 1 }]);
    for (let i = 0; i < 4; i++) {
      const stop = new AbortController();
      await fetch(`${hub.url}/v1/stream?channel=again`, { signal: stop.signal, headers: { 'Last-Event-ID': id } });
      stop.abort();
    }
    await open('');
    await reading('Reconnects').locator('.note', { hasText: 'over 10 %' }).waitFor();
  });

  test('channels: found, opened, tailed, replayed, their history read', async () => {
    await hub.publish([1, 2, 3].map((n) => ({ channel: 'lots', type: 'lot-changed', key: `lot-${n}`, data: { n } })));
    await open('/channels');
    await page.getByRole('link', { name: 'lots', exact: true }).click();
    await page.getByRole('status').filter({ hasText: 'Live' }).waitFor();
    const live = page.getByRole('list', { name: 'Live events, newest first' });
    await hub.publish({ channel: 'lots', type: 'lot-changed', key: 'lot-9', data: { n: 'live-one' } });
    await live.getByText('live-one').first().waitFor();
    assert.equal(await live.getByRole('listitem').count(), 1);
    await page.getByLabel('From').first().selectOption('10m');
    await live.getByText('lot-1', { exact: true }).waitFor();
    assert.ok((await live.getByRole('listitem').first().innerText()).includes('live-one'), 'newest first');
    await page.getByLabel('Show only').fill('lot-2');
    await live.getByText('lot-1', { exact: true }).waitFor({ state: 'detached' });
    assert.equal(await live.getByRole('listitem').count(), 1);
    await page.getByRole('button', { name: 'Read' }).click();
    const kept = page.getByRole('list', { name: 'Kept events, oldest first' });
    await kept.getByText('live-one').first().waitFor();
    assert.ok((await kept.getByRole('listitem').count()) >= 4);
    await kept.getByRole('listitem').first().locator('summary').press('Enter');
    await kept.locator('pre').first().waitFor({ state: 'visible' });
  });

  test('text from events is text', async () => {
    await hub.publish({ channel: 'evil', type: EVIL.slice(0, 100), key: EVIL, data: { text: EVIL } });
    await open('/channels/evil');
    await page.getByLabel('From').first().selectOption('earliest');
    const live = page.getByRole('list', { name: 'Live events, newest first' });
    await live.getByRole('listitem').waitFor();
    await live.locator('summary').click();
    await page.getByRole('button', { name: 'Read' }).click();
    await page.getByRole('list', { name: 'Kept events, oldest first' }).getByRole('listitem').waitFor();
    assert.ok((await live.innerText()).includes('<img src=x onerror='));
    assert.equal(await page.locator('main img, main script').count(), 0);
    assert.equal(await page.evaluate(() => window.harmed), undefined);
  });

  test('publish: checks JSON, shows the curl command, sends; digits stay as written', async () => {
    await open('/publish');
    const button = page.getByRole('button', { name: 'Publish' });
    await page.getByLabel('Channel', { exact: true }).fill('by-hand');
    await page.getByLabel('Type', { exact: true }).fill('greeting');
    await page.getByLabel('Data').fill('{"a": 1,}');
    await page.getByText(/^.*Not JSON at line 1, column 9/).waitFor();
    assert.ok(await button.isDisabled());
    await page.getByLabel('Data').fill(`{"a":12345678901234567890,"b":"it's"}`);
    const curl = await page.getByLabel('curl command').innerText();
    assert.ok(curl.includes(`${hub.url}/v1/publish`) && curl.includes(`it'\\''s`), curl);
    await button.click();
    await page.getByText(/^Published/).waitFor();
    const answer = await (await fetch(`${hub.url}/v1/events?channel=by-hand&since=earliest`)).text();
    assert.match(answer, /"type":"greeting".*"data":\{"a":12345678901234567890,"b":"it's"\}/);
  });

  test('publish knows the schema: lists fields, inserts an example that the hub takes, shows where it refuses', async () => {
    await open('/publish');
    await page.getByLabel('Channel', { exact: true }).fill('parking');
    await page.getByText('This channel takes').waitFor();
    await page.getByRole('button', { name: 'lot-changed', exact: true }).click();
    const fields = page.getByRole('list', { name: 'Fields' });
    await fields.getByText('Name of the lot; at most 20 characters').waitFor();
    assert.deepEqual(await fields.locator('code').allInnerTexts(), ['lot', 'free', 'level', 'place', 'lat', 'tags']);
    assert.equal(await fields.getByText('missing').count(), 2);
    const data = page.getByRole('textbox', { name: 'Data' });
    await page.getByRole('button', { name: 'Insert an example' }).click();
    assert.equal(await fields.getByText('missing').count(), 0);
    await page.getByRole('button', { name: 'Publish', exact: true }).click();
    await page.getByText(/^Published/).waitFor();
    await data.fill('{"lot": "a", "free": 3,\n "place": {"lat": "north"}}');
    await page.getByRole('button', { name: 'Publish', exact: true }).click();
    await page.getByRole('alert').filter({ hasText: '/place/lat' }).waitFor();
    assert.equal(await data.evaluate((area) => area.value.slice(area.selectionStart, area.selectionEnd)), '"north"');
    assert.equal(await data.getAttribute('aria-invalid'), 'true');
    await data.press('Home');
    await page.getByRole('button', { name: 'Show /place/lat in the data' }).click();
    assert.equal(await data.evaluate((area) => area.value.slice(area.selectionStart, area.selectionEnd)), '"north"');
  });

  test('configuration: what is set and where, defaults on request, secrets hidden', async () => {
    await open('/config');
    const table = page.getByRole('region', { name: 'Options' });
    await table.getByText('publishers', { exact: true }).waitFor();
    await table.locator('summary', { hasText: 'booking-api' }).click();
    await table.getByText('hidden', { exact: true }).waitFor();
    assert.ok(!(await page.content()).includes(HASH));
    assert.equal(await table.getByText('limits.keep_alive').count(), 0);
    await page.getByLabel('Find an option').fill('keep_alive');
    await table.getByText('limits.keep_alive').waitFor();
    await page.getByLabel('Find an option').fill('');
    await page.getByLabel('Defaults too').check();
    await table.getByText('limits.keep_alive').waitFor();
  });

  test('tenants: also those that nobody is connected to; channels: events a second', async () => {
    await hub.publish([{ tenant: 'quiet', channel: 'theirs', data: 1 }]);
    await open('/system');
    const tenants = page.getByRole('region', { name: 'Tenants' });
    for (const name of ['silent', 'quiet']) assert.equal(await tenants.getByRole('row', { name }).getByRole('cell').first().innerText(), '0');
    await tenants.getByRole('button', { name: 'Show channels of quiet' }).click();
    await page.getByRole('link', { name: 'theirs' }).waitFor();
    await page.getByRole('combobox', { name: 'Tenant' }).fill('');
    await hub.publish(Array.from({ length: 100 }, (_, n) => ({ channel: 'busy', data: n })));
    const rate = page.getByRole('row', { name: 'busy' }).getByRole('cell').nth(1);
    await until(async () => Number(await rate.innerText().catch(() => 0)) > 0, 'a rate for the busy channel');
    await page.getByRole('link', { name: 'busy' }).click();
    await page.locator('.facts').getByText('Events/s').waitFor();
  });

  test('connections: a page at a time, found by channel, and why one lags', async () => {
    const stop = new AbortController();
    const streams = await Promise.all(Array.from({ length: 55 }, () => fetch(`${hub.url}/v1/stream?channel=many`, { signal: stop.signal })));
    const { hostname, port } = new URL(hub.url);
    const stuck = connect({ host: hostname, port, onread: { buffer: Buffer.alloc(1024), callback: () => false } }); // reads once, then never
    stuck.write(`GET /v1/stream?channel=flood HTTP/1.1\r\nHost: ${hostname}\r\n\r\n`);
    await until(async () => (await (await fetch(`${hub.url}/v1/connections?channel=flood`)).json()).connections.length === 1, 'the stuck reader is there');
    for (let n = 0; n < 30; n++) await hub.publish(Array.from({ length: 15 }, () => ({ channel: 'flood', data: 'x'.repeat(60000) })));
    await open('/connections');
    await page.getByLabel('Channel', { exact: true }).fill('many');
    await until(async () => (await page.locator('tbody tr').count()) === 50, 'the first 50');
    await page.getByRole('button', { name: 'Next' }).click();
    await until(async () => (await page.locator('tbody tr').count()) === 5, 'the last 5');
    await page.getByRole('button', { name: 'Back' }).click();
    await until(async () => (await page.locator('tbody tr').count()) === 50, 'the first 50 again');
    await page.getByLabel('Channel', { exact: true }).fill('flood');
    const state = page.locator('tbody tr .sign.bad');
    await state.waitFor({ timeout: 15000 });
    assert.match(await state.innerText(), /^! [a-z ]{4,}/);
    await open('');
    await reading('Lagging').locator('.note', { hasText: 'behind the log' }).waitFor();
    assert.equal(streams.length, 55);
    stop.abort();
    stuck.destroy();
  });

  test('a token is taken apart without a request', async () => {
    await open('/token');
    const asked = [];
    page.on('request', (request) => asked.push(request));
    const token = sign({ company_id: 'acme', channels: ['lots'] });
    await page.getByLabel('A token to take apart').fill(token);
    await page.getByLabel('Claims').getByText('acme').waitFor();
    assert.ok(asked.every((request) => !JSON.stringify([request.url(), request.headers(), request.postData()]).includes(token)));
  });

  test('system: the store and its health', async () => {
    await open('/system');
    await page.getByText(/^.*Ready$/).waitFor();
    await page.getByText('takes events').waitFor();
  });

  test('the keyboard alone goes from page to page, and back goes back', async () => {
    await open('');
    await reading('Uptime').waitFor();
    await page.keyboard.press('Tab');
    assert.equal(await page.evaluate(() => document.activeElement.textContent), 'To the content');
    await page.getByRole('link', { name: 'Channels' }).focus();
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Channels', level: 1 }).waitFor();
    assert.equal(new URL(page.url()).pathname, '/console/channels');
    await page.reload();
    await page.getByRole('heading', { name: 'Channels', level: 1 }).waitFor();
    await page.goBack();
    await page.getByRole('heading', { name: 'Overview' }).waitFor();
  });

  test('the theme can be chosen, stays chosen, and the charts go along', async () => {
    await open('');
    await page.locator('.plot canvas').nth(3).waitFor();
    // the strongest grey on a drawing: that of its rules and its writing
    const brightest = () =>
      page.locator('.plot canvas').first().evaluate((canvas) => {
        const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
        let most = 0;
        for (let i = 0; i < data.length; i += 4) if (data[i + 3] === 255) most = Math.max(most, (data[i] + data[i + 1] + data[i + 2]) / 3);
        return most;
      });
    const theme = page.getByLabel('Theme');
    await theme.selectOption('dark');
    await page.reload();
    await page.locator('.plot canvas').nth(3).waitFor();
    assert.equal(await theme.inputValue(), 'dark');
    await until(async () => (await brightest()) < 200, 'no light rules on a dark page');
    await theme.selectOption('light');
    await until(async () => (await brightest()) > 200, 'light rules on a light page');
    await theme.selectOption('dark');
    await until(async () => (await brightest()) < 200, 'dark rules again, without a reload');
  });

  test('connections: shown where the hub lists them, else not', async () => {
    const there = (await fetch(`${hub.url}/v1/connections?limit=1`)).status === 200;
    await open('');
    await reading('Uptime').waitFor();
    if (!there) {
      assert.equal(await page.getByRole('link', { name: 'Connections' }).count(), 0);
      return;
    }
    const stop = new AbortController();
    const stream = await fetch(`${hub.url}/v1/stream?channel=kicked`, { signal: stop.signal });
    await page.getByRole('link', { name: 'Connections' }).click();
    await page.getByLabel('Channel', { exact: true }).fill('kicked');
    await page.getByRole('button', { name: /^Disconnect / }).click();
    await page.getByRole('button', { name: 'Really end it' }).click();
    assert.match(await stream.text(), /"reason":"kicked"/);
    await page.getByText('No open streams here.').waitFor();
  });

  for (const colorScheme of ['light', 'dark'])
    for (const width of [1440, 360])
      test(`${colorScheme}, ${width} px: axe finds nothing, nothing scrolls sideways`, async () => {
        await hub.publish([
          { channel: 'lots', type: 'lot-changed', key: 'lot-1', data: { lot: 'a', free: 3, level: 2, note: 'a long text that has to be cut somewhere, '.repeat(6) } },
          { channel: 'a-channel-with-quite-a-long-name:and.more_of-it', data: EVIL },
        ]);
        const ctx = await browser.newContext({ viewport: { width, height: 900 }, colorScheme });
        const p = await visit(ctx);
        const stop = new AbortController();
        // held: an answer that nobody holds is let go, and its stream with it
        const stream = await fetch(`${hub.url}/v1/stream?channel=lots`, { signal: stop.signal });
        const listed = (await fetch(`${hub.url}/v1/connections?limit=1`)).status === 200;
        for (const where of PAGES) {
          await open(where, p);
          await p.locator('main h1').waitFor();
          if (where === '') await p.locator('.plot canvas').nth(3).waitFor();
          if (where === '/channels') await p.locator('td').first().waitFor();
          if (where === '/connections' && listed) await p.locator('td').first().waitFor();
          if (where === '/system') await p.getByText('takes events').waitFor();
          if (where === '/config') {
            await p.getByLabel('Defaults too').check();
            await p.locator('summary', { hasText: 'booking-api' }).click();
          }
          if (where === '/publish') {
            await p.getByLabel('Channel', { exact: true }).fill('parking');
            await p.getByRole('combobox', { name: 'Type' }).fill('lot-changed');
            await p.getByRole('list', { name: 'Fields' }).waitFor();
          }
          if (where === '/channels/lots') {
            await p.getByLabel('From').first().selectOption('earliest');
            await p.getByRole('button', { name: 'Read' }).click();
            await p.getByRole('list', { name: 'Live events, newest first' }).getByRole('listitem').first().waitFor();
            await p.getByRole('list', { name: 'Kept events, oldest first' }).locator('summary').first().click();
          }
          if (where === '/token') await p.getByLabel('A token to take apart').fill(sign({ company_id: 'acme', channels: ['lots'], admin: true }));
          if (process.env.SHOTS) await p.screenshot({ path: path.join(process.env.SHOTS, `${where.replaceAll('/', '_') || 'overview'}-${width}-${colorScheme}.png`), fullPage: true });
          if (where === '/connections') assert.ok((await p.getByRole('button', { name: /^Disconnect / }).first().boundingBox()).x < width - 40, 'to be reached without scrolling sideways');
          const { wide, text } = await p.evaluate(() => ({ wide: document.documentElement.scrollWidth, text: document.body.innerText.slice(0, 40) }));
          assert.ok(wide <= width, `${where} is ${wide} px wide (${text})`);
          await p.evaluate(AXE);
          const found = await p.evaluate(() => window.axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'] }));
          assert.deepEqual(found.violations.map((v) => `${where} ${v.id}: ${v.nodes.map((n) => n.html).join(' | ')}`), []);
        }
        assert.equal(stream.status, 200);
        stop.abort();
        await ctx.close();
      });
});

test('capacity over 80 % is warned of, in words', async () => {
  const hub = await Hub.start(dir, { config: { limits: { connections: 5 } } });
  const page = await browser.newPage();
  const stop = new AbortController();
  const streams = await Promise.all(Array.from({ length: 5 }, () => fetch(`${hub.url}/v1/stream?channel=full`, { signal: stop.signal })));
  await page.goto(`${hub.url}/console`);
  const capacity = page.locator('.reading').filter({ hasText: 'Capacity' });
  await capacity.locator('.note', { hasText: 'over 80 % of 5' }).waitFor();
  assert.ok(streams.every(({ status }) => status === 200));
  stop.abort();
  await capacity.locator('.note', { hasText: /^of 5$/ }).waitFor();
  await page.close();
  await hub.stop();
});

test('the page runs no script but its own files, by its policy and in fact', async () => {
  const hub = await Hub.start(dir);
  const answer = await fetch(`${hub.url}/console`);
  const policy = answer.headers.get('Content-Security-Policy');
  const scripts = /script-src ([^;]*)/.exec(policy)?.[1] ?? /default-src ([^;]*)/.exec(policy)[1];
  assert.equal(scripts.trim(), "'self'");
  assert.deepEqual((await answer.text()).match(/<script[^>]*>[^<]|\son\w+=/g), null);
  const page = await browser.newPage();
  await page.goto(`${hub.url}/console`);
  await page.locator('.reading').first().waitFor();
  await page.evaluate(() => {
    const script = document.createElement('script');
    script.textContent = 'window.harmed = true';
    document.body.append(script);
  });
  assert.equal(await page.evaluate(() => window.harmed), undefined);
  await page.close();
  await hub.stop();
});

describe('a hub that wants tokens', () => {
  let hub, page;
  before(async () => {
    hub = await Hub.start(dir, { dev: false });
    page = await browser.newPage();
  });
  after(async () => {
    await page?.close();
    await hub?.stop();
  });

  test('asks for one, refuses a wrong one, takes a good one over a reload, tails with it, forgets it', async () => {
    const token = sign({ tenant: 'acme', admin: true, subscribe: ['*'], publish: ['*'] });
    await page.goto(`${hub.url}/console`);
    await page.getByRole('heading', { name: 'A token, please' }).waitFor();
    await page.getByRole('textbox', { name: 'Token' }).fill('nonsense');
    await page.getByRole('button', { name: 'Open the console' }).click();
    await page.getByRole('alert').waitFor();
    await page.getByRole('textbox', { name: 'Token' }).fill(token);
    await page.getByRole('button', { name: 'Open the console' }).click();
    await page.getByRole('heading', { name: 'Overview' }).waitFor();
    await page.locator('.reading').first().waitFor();
    await page.goto(`${hub.url}/console/channels/lots`);
    await page.getByRole('status').filter({ hasText: 'Live' }).waitFor();
    await hub.publish({ channel: 'lots', data: 'behind the door' }, { Authorization: `Bearer ${token}` });
    await page.getByRole('list', { name: 'Live events, newest first' }).getByText('behind the door').first().waitFor();
    assert.ok(!page.url().includes(token));
    await page.reload();
    await page.getByRole('status').filter({ hasText: 'Live' }).waitFor();
    await page.getByRole('button', { name: 'Forget token' }).click();
    await page.getByRole('heading', { name: 'A token, please' }).waitFor();
  });

  test('a token that is no administrator\'s follows what it may, and is told what it may not', async () => {
    const p = await browser.newPage();
    await p.goto(`${hub.url}/console/channels`);
    await p.getByRole('textbox', { name: 'Token' }).fill(sign({ tenant: 'acme', subscribe: ['lots'] }));
    await p.getByRole('button', { name: 'Open the console' }).click();
    await p.getByRole('alert').filter({ hasText: 'administrator' }).waitFor();
    await p.getByLabel('Find or name a channel').fill('lots');
    await p.getByRole('button', { name: 'Open', exact: true }).click();
    await p.getByRole('status').filter({ hasText: 'Live' }).waitFor();
    for (const [where, heading] of [['', 'Overview'], ['/config', 'Configuration'], ['/connections', 'Connections'], ['/system', 'System']]) {
      await p.goto(`${hub.url}/console${where}`);
      await p.getByRole('heading', { name: heading, level: 1 }).waitFor();
      await p.getByRole('alert').filter({ hasText: 'Not granted' }).first().waitFor();
      assert.equal(await p.locator('.reading, tbody tr').count(), 0);
    }
    await p.goto(`${hub.url}/console/channels/secret`);
    await p.getByRole('status').filter({ hasText: 'Refused' }).waitFor();
    await p.close();
  });
});
