import { act, createElement, type ReactNode } from 'react';
import { createRoot, type Root } from 'react-dom/client';
import { TestHub, type TestHubOptions } from '../../src/testing/index.js';

(globalThis as { IS_REACT_ACT_ENVIRONMENT?: boolean }).IS_REACT_ACT_ENVIRONMENT = true;
let roots: Root[] = [];

/** Renders into the page. */
export async function render(node: ReactNode): Promise<HTMLElement> {
  const box = document.createElement('div');
  document.body.append(box);
  const root = createRoot(box);
  roots.push(root);
  await act(async () => root.render(node));
  return box;
}
export async function unmount(): Promise<void> {
  await act(async () => roots.forEach((root) => root.unmount()));
  roots = [];
  document.body.replaceChildren();
}

/** Waits, while React works, until it holds; fails after two seconds. */
export async function until(holds: () => unknown): Promise<void> {
  const end = Date.now() + 30000;
  for (;;) {
    await act(async () => new Promise((done) => setTimeout(done, 5)));
    let last: unknown;
    try {
      if (holds()) return;
    } catch (error) {
      last = error;
    }
    if (Date.now() > end) throw last ?? new Error(`still not: ${String(holds)}\n${document.body.innerHTML}`);
  }
}

/** Puts a hub in memory behind the global `fetch`. */
export function serve(options?: TestHubOptions): TestHub {
  const hub = new TestHub(options);
  globalThis.fetch = hub.fetch;
  return hub;
}
export { act, createElement };
