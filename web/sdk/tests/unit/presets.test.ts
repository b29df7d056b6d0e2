import { describe, expect, it, vi } from 'vitest';
import type { ClientOptions } from '../../src/options.js';
import { poll } from '../../src/polling.js';
import { alertPreset, cockpitPreset, densityPreset, parkingPreset, tripsPreset } from '../../src/presets.js';
import { createTestBench } from '../../src/testing/index.js';

/** The delays between tries while the hub is gone, until it gives up or `most` are seen. */
async function delays(preset: Partial<ClientOptions>, most: number) {
  const { client, hub, world } = createTestBench({ channels: [], ...preset }, { routes: { [preset.url as string]: ['x'] } });
  client.connect();
  await world.settle();
  expect(client.getSnapshot().status).toBe('connected');
  hub.down();
  await world.settle();
  const seen: number[] = [];
  while (seen.length < most && client.getSnapshot().nextRetryAt !== null) {
    seen.push(client.getSnapshot().nextRetryAt! - world.now());
    await world.advance(seen[seen.length - 1]!);
  }
  return { seen, client, hub, world };
}

describe('the documented delays, exactly', () => {
  it('trips: every 5 s, never giving up', async () => {
    expect((await delays(tripsPreset, 20)).seen).toEqual(Array(20).fill(5000));
  });
  it('cockpit: 1 to 30 s, ten times', async () => {
    const { seen, client } = await delays(cockpitPreset, 99);
    expect(seen).toEqual([1000, 2000, 4000, 8000, 16000, 30000, 30000, 30000, 30000, 30000]);
    expect(client.getSnapshot().status).toBe('failed');
  });
  it('parking: 2, 4, 8, 16, 32 s, then it stops', async () => {
    const { seen, client } = await delays(parkingPreset, 99);
    expect(seen).toEqual([2000, 4000, 8000, 16000, 32000]);
    expect(client.getSnapshot().status).toBe('failed');
  });
  it('crowd alerts: 1, 2, 4, 8, 16 s, then it stops with error', async () => {
    const { seen, client } = await delays(alertPreset, 99);
    expect(seen).toEqual([1000, 2000, 4000, 8000, 16000]);
    expect(client.getSnapshot().status).toBe('error');
  });
  it('crowd density: the same, then polling every 5 s', async () => {
    const eventsUrl = '/v1/events?channel=x';
    const { seen, client, hub, world } = await delays({ ...densityPreset, eventsUrl, onExhausted: poll({ interval: 5000 }) }, 99);
    expect(seen).toEqual([1000, 2000, 4000, 8000, 16000]);
    hub.up();
    await world.advance(5000);
    await vi.waitFor(() => expect(client.getSnapshot()).toMatchObject({ status: 'connected', transport: 'polling' }));
    hub.publish('x', 'density', 1);
    await world.advance(5000);
    expect(client.recent().map(({ type }) => type)).toContain('density');
  });
});

it('trips closes as soon as the tab is hidden, and is back when it is seen', async () => {
  const { client, world } = createTestBench({ channels: [], ...tripsPreset }, { routes: { [tripsPreset.url]: ['x'] } });
  client.connect();
  await world.settle();
  world.page('hidden');
  await world.advance(0);
  expect(client.getSnapshot()).toMatchObject({ status: 'disconnected', paused: 'hidden' });
  world.page('visible');
  await world.settle();
  expect(client.getSnapshot().status).toBe('connected');
});

it("a route's opening event gives the client its name, and a resume is no repeat of it", async () => {
  const { client, hub, world } = createTestBench({ channels: [], ...parkingPreset }, { routes: { [parkingPreset.url]: ['x'] } });
  const opened = vi.fn();
  client.on('connected', opened);
  client.connect();
  await world.settle();
  expect(client.getSnapshot().clientId).toBe('c1');
  hub.publish('x', 'alert', 1);
  await world.settle();
  hub.drop();
  await world.advance(2000);
  expect(opened).toHaveBeenCalledTimes(2);
});

it('comments on a route feed the watchdog', async () => {
  const { client, hub, world } = createTestBench({ channels: [], ...tripsPreset }, { routes: { [tripsPreset.url]: ['x'] } });
  client.connect();
  for (let i = 0; i < 4; i++) {
    await world.advance(30000);
    hub.beat();
  }
  await world.settle();
  expect(hub.requests).toHaveLength(1);
  await world.advance(75000);
  expect(client.getSnapshot().status).toBe('reconnecting');
});
