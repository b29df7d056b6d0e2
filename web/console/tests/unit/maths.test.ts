import { describe, expect, test } from 'vitest';
import { bytes, capacity, clock, duration, keep, number, percent, perSecond, reconnectRate, type Sample, type Stats } from '../../src/maths';

const sample = (at: number, stats: Partial<Stats>): Sample => ({ at, stats: { uptimeSeconds: at / 1000, ...stats } as Stats });

describe('rates', () => {
  test('are what a counter grew by, over the time of the hub', () => {
    const a = sample(1000, { eventsPublished: 10 });
    const b = { at: 9999, stats: { uptimeSeconds: 3, eventsPublished: 30 } as Stats };
    expect(perSecond(a, b, 'eventsPublished')).toBe(10);
  });
  test('are unknown across a restart, and with one reading', () => {
    expect(perSecond(sample(5000, { eventsPublished: 10 }), sample(1000, { eventsPublished: 1 }), 'eventsPublished')).toBeNull();
    expect(perSecond(sample(1000, { eventsPublished: 10 }), sample(2000, { eventsPublished: 1 }), 'eventsPublished')).toBeNull();
    expect(perSecond(undefined, sample(1000, {}), 'eventsPublished')).toBeNull();
  });
  test('of reconnects: of the readings, else since start', () => {
    const a = sample(1000, { connectionsOpened: 10, reconnects: 5, reconnectRate: 0.5 });
    expect(reconnectRate([a])).toBe(0.5);
    expect(reconnectRate([a, sample(2000, { connectionsOpened: 30, reconnects: 6, reconnectRate: 0.2 })])).toBe(0.05);
    expect(reconnectRate([])).toBe(0);
  });
  test('capacity is unknown without a limit', () => {
    expect(capacity({ totalConnections: 5, maxConnections: 0 } as Stats)).toBeNull();
    expect(capacity({ totalConnections: 5, maxConnections: 20 } as Stats)).toBe(0.25);
  });
  test('readings older than 15 minutes go', () => {
    const old = sample(0, {});
    const young = sample(60_000, {});
    const now = sample(15 * 60_000, {});
    expect(keep([old, young], now)).toEqual([young, now]);
  });
});

describe('formats', () => {
  test.each([[0, '0'], [1.25, '1.3'], [99.94, '99.9'], [12345.6, '12,346'], [null, '–'], [NaN, '–']])('number %s', (value, text) => expect(number(value)).toBe(text));
  test.each([[0, '0 B'], [1023, '1,023 B'], [1536, '1.5 KiB'], [9506816, '9.1 MiB'], [2 ** 50, '1,024 TiB']])('bytes %s', (value, text) => expect(bytes(value)).toBe(text));
  test.each([[0.6, '0 s'], [59, '59 s'], [60, '1 min'], [3600, '1 h'], [12000, '3 h 20 min'], [446400, '5 d 4 h'], [-1, '0 s']])('duration %s', (value, text) => expect(duration(value)).toBe(text));
  test('percent', () => expect([percent(0.074), percent(null)]).toEqual(['7.4 %', '–']));
  test('clock: the date only on another day', () => {
    const at = new Date(2026, 0, 2, 3, 4, 5, 6).getTime();
    expect(clock(at, at)).toBe('03:04:05.006');
    expect(clock(at, at + 86_400_000)).toBe('2026-01-02 03:04:05.006');
  });
});
