// The front door: what runs here, with one live number each, and the way into the console.
import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';
import { accessible, Apps, fits, launch, open, shows, until } from './lib.mjs';

describe('the gallery', () => {
  let apps, browser, windows;

  before(async () => {
    apps = await Apps.start({ world: false });
    browser = await launch();
  });
  after(async () => {
    await browser?.close();
    await apps?.end();
  });
  beforeEach(() => (windows = []));
  afterEach(async () => {
    await Promise.all(windows.map((window) => window.close()));
    for (const { complaints } of windows) assert.deepEqual(complaints, []);
  });
  async function visit(options) {
    const window = await open(browser, apps, '/', options);
    windows.push(window);
    await window.page.locator('.g-row').first().waitFor();
    return window.page;
  }
  const row = (page, name) => page.locator(`.g-row[data-app="${name}"]`);
  const number = (page, name) => row(page, name).locator('.g-number');

  test('it leads to the five and to the console, each with a sentence and a number', async () => {
    const page = await visit();
    for (const name of ['trips', 'cockpit', 'rental', 'parking', 'crowd', 'console']) {
      await row(page, name).waitFor();
      assert.ok((await row(page, name).locator('p').first().textContent()).length > 20, name);
      await shows(number(page, name), /^[\d,.–-]+$/);
      const { status, headers } = await apps.request(await row(page, name).getByRole('link').getAttribute('href'));
      if (name === 'console') continue; // it is built from another folder
      assert.ok(status === 200 || (status === 301 && headers.get('location').endsWith('/')), `${name}: ${status}`);
    }
    assert.equal(await page.locator('.g-row').count(), 6);
  });

  test('a number changes without a reload when what it counts changes', async () => {
    const page = await visit();
    const read = async () => Number((await number(page, 'trips').textContent()).replace(/\D/g, ''));
    await until(read, 'a number');
    const before = await read();
    apps.sql('trips', "insert into bookings (trip_id, name, seats) values ('nw-301', 'Gallery', 2);");
    await until(async () => (await read()) === before - 2, 'two seats less');
    const streams = async () => Number(await number(page, 'console').textContent());
    await until(async () => (await streams()) >= 1, 'its own stream');
  });

  test('the rows lead by mouse and by keyboard', async () => {
    const page = await visit();
    await page.keyboard.press('Tab');
    await page.keyboard.press('Tab');
    assert.equal(await page.evaluate(() => document.activeElement.textContent), await row(page, 'trips').getByRole('link').textContent());
    await page.keyboard.press('Enter');
    await page.waitForURL(/\/trips\/$/);
    await page.getByRole('heading', { name: 'Sign in as' }).waitFor();
    await page.getByRole('link', { name: 'All applications' }).click();
    await row(page, 'crowd').click({ position: { x: 5, y: 5 } }); // anywhere in the row
    await page.waitForURL(/crowd/);
  });

  test('the operator signs in by one press', async () => {
    const page = await visit();
    await page.getByRole('button', { name: 'Sign in as Operator' }).click();
    await page.waitForURL(/\/console\//);
    const { cookies } = await page.context().storageState();
    const token = cookies.find(({ name }) => name === 'freshet_token');
    assert.ok(token?.httpOnly);
    assert.equal((await apps.request('/v1/stats', { as: { cookie: `freshet_token=${token.value}` } })).status, 200);
  });

  test('without a server it shows what it knew, marked, and goes on when it is back', async () => {
    const page = await visit();
    await shows(number(page, 'trips'), /^[\d,]+$/);
    const before = await number(page, 'trips').textContent();
    await apps.stop();
    await page.locator('.k-stale', { hasText: /stale since/ }).waitFor({ timeout: 10_000 });
    assert.equal(await number(page, 'trips').textContent(), before);
    apps.sql('trips', "insert into bookings (trip_id, name, seats) values ('nw-302', 'Gallery', 1);");
    await apps.run();
    await page.locator('.k-stale').waitFor({ state: 'detached', timeout: 40_000 });
    await until(async () => (await number(page, 'trips').textContent()) !== before, 'the new number');
  });

  test('one application alone has its own page as the first', async () => {
    const alone = await Apps.start({ apps: ['trips'], world: false });
    try {
      const { status, headers } = await alone.request('/');
      assert.deepEqual([status, headers.get('location')], [302, '/trips/']);
    } finally {
      await alone.end();
    }
  });

  test('the theme is chosen by a button, and kept', async () => {
    const page = await visit({ colorScheme: 'light' });
    const back = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    const light = await back();
    await page.getByRole('button', { name: /^Theme/ }).click();
    assert.equal(await back(), light);
    await page.getByRole('button', { name: 'Theme: light' }).click();
    const dark = await back();
    assert.notEqual(dark, light);
    await page.reload({ waitUntil: 'commit' });
    await page.locator('.g-row').first().waitFor();
    assert.equal(await back(), dark);
  });

  test('it has room from 360 to 1440 pixels, and axe finds nothing, light and dark', async () => {
    for (const colorScheme of ['light', 'dark']) {
      const page = await visit({ colorScheme, reducedMotion: 'reduce' });
      await accessible(page);
      await fits(page);
    }
  });
});
