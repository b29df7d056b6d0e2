/** Hands events to listeners: isolated from each other, in order, in batches if so wished. */
import type { Env } from './browser.js';
import { FreshetError, FreshetGapError } from './errors.js';
import { bare, passes } from './event.js';
import type { ClientOptions } from './options.js';
import type { FreshetEvent, Gap, Listener, Logger, Off } from './types.js';

/** What those who watch the snapshot listen for: a type that no hub lets through. */
const CHANGED = 'freshet.changed';

export function createDispatcher(
  env: Env,
  options: ClientOptions,
  log: Logger | null,
  delivered: () => void,
) {
  const { batch = false, history, onError } = options;
  const most = history?.maxEvents ?? 100;
  const listeners = new Map<string, Set<Listener>>();
  let recent: readonly FreshetEvent[] = [];
  let waiting: FreshetEvent[] = [];
  let planned = false;

  /** A listener that throws harms no other; one for errors is not told of its own. */
  function guard(call: () => void, quiet?: boolean): void {
    try {
      call();
    } catch (thrown) {
      if (!quiet) report(new FreshetError('listener', `listener: ${thrown}`, { cause: thrown }));
    }
  }
  function emit(type: string, data: unknown, event = bare(type, data)): void {
    listeners.get(type)?.forEach((listener) => guard(() => listener(data, event), type === 'error'));
  }
  function report(error: FreshetError): void {
    log?.warn('freshet:', error.message);
    guard(() => onError?.(error), true);
    emit('error', error);
  }
  const changed = () => emit(CHANGED, null);

  function deliver(event: FreshetEvent): void {
    const { type, data } = event;
    if (type === 'freshet.gap') {
      emit('gap', data, event);
      report(new FreshetGapError('gap', `gap: ${(data as Gap).reason}`, { cause: data }));
    } else if (!/^freshet\.|^ping$/.test(type)) {
      if (!passes(options, event)) return;
      if (most) recent = [...recent, event].slice(-most);
      emit('*', data, event);
    }
    emit(type, data, event);
  }
  function flush(): void {
    const events = waiting;
    waiting = [];
    planned = false;
    for (const event of events) guard(() => deliver(event));
    guard(delivered);
    changed();
  }
  function plan(): void {
    if (batch === false) flush();
    else if (!planned) {
      planned = true;
      if (batch === 'raf') env.frame(flush);
      else env.after(batch, flush);
    }
  }
  function on(type: string, listener: Listener): Off {
    listeners.set(type, (listeners.get(type) ?? new Set()).add(listener));
    return () => off(type, listener);
  }
  const off = (type: string, listener: Listener) => void listeners.get(type)?.delete(listener);
  return {
    report,
    emit,
    changed,
    off,
    /** Tells of a change that has time until the next batch. */
    later: batch === false ? changed : plan,
    queue(events: readonly FreshetEvent[]): void {
      waiting.push(...events);
      if (waiting.length) plan();
      else guard(delivered);
    },
    on,
    once(type: string, listener: Listener): Off {
      const end = on(type, (data, event) => {
        end();
        listener(data, event);
      });
      return end;
    },
    subscribeSnapshot: (listener: () => void): Off => on(CHANGED, listener),
    recent: () => recent,
    clearRecent(): void {
      recent = [];
      changed();
    },
  };
}
