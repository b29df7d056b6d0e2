// @vitest-environment happy-dom
import { afterEach, describe, expect, it, vi } from 'vitest';
import { browserEnv } from '../../src/browser.js';

const hide = (state: string) => {
  Object.defineProperty(document, 'visibilityState', { configurable: true, get: () => state });
  document.dispatchEvent(new Event('visibilitychange'));
};
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
  hide('visible');
});

describe('the seam to the browser', () => {
  it('reports what befalls the page, until told to stop', () => {
    const seen: string[] = [];
    const stop = browserEnv().watch((what) => seen.push(what));
    hide('hidden');
    hide('visible');
    for (const name of ['pagehide', 'pageshow', 'offline', 'online']) dispatchEvent(new Event(name));
    stop();
    hide('hidden');
    dispatchEvent(new Event('online'));
    expect(seen).toEqual(['hidden', 'visible', 'pagehide', 'pageshow', 'offline', 'online']);
  });
  it('a frame that is never drawn holds nothing back for long', () => {
    vi.useFakeTimers();
    vi.stubGlobal('requestAnimationFrame', () => 0);
    const then = vi.fn();
    browserEnv().frame(then);
    vi.advanceTimersByTime(250);
    expect(then).toHaveBeenCalledOnce();
  });
  it('hidden tabs ask for no frame', () => {
    const frame = vi.fn();
    vi.stubGlobal('requestAnimationFrame', frame);
    hide('hidden');
    browserEnv().frame(() => {});
    expect(frame).not.toHaveBeenCalled();
  });
  it('storage that is not allowed is no storage', () => {
    vi.stubGlobal('localStorage', { getItem: () => {
      throw new Error('denied');
    } });
    expect(browserEnv().setting('x')).toBeNull();
  });
  it('timers can be taken back', () => {
    vi.useFakeTimers();
    const then = vi.fn();
    browserEnv().after(10, then)();
    vi.advanceTimersByTime(20);
    expect(then).not.toHaveBeenCalled();
  });
  it('knows that it is offline', () => {
    vi.stubGlobal('navigator', { onLine: false });
    expect(browserEnv().offline()).toBe(true);
  });
});
