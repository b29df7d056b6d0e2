import type { FreshetEvent } from '../../types.js';

const SHOWN_MS = 5000;

/** Words for a toast. */
export function toastText({ type, data }: Pick<FreshetEvent, 'type' | 'data'>): string {
  const told = (data ?? {}) as Record<string, unknown>;
  const words = type.replace(/_/g, ' ');
  const detail = ['message', 'status', 'equipment', 'amount'].map((name) => told[name]).find((value) => value !== undefined);
  return words[0]!.toUpperCase() + words.slice(1) + (detail === undefined ? '' : `: ${String(detail)}`);
}

/** Shows a toast as text, wherever the page is; a screen reader announces it. */
export function showToast(text: string): void {
  let box = document.getElementById('freshet-toasts');
  if (!box) {
    box = document.createElement('div');
    box.id = 'freshet-toasts';
    box.className = 'fr-toasts';
    box.setAttribute('role', 'log');
    box.setAttribute('aria-live', 'polite');
    box.setAttribute('aria-label', 'Notifications');
    document.body.append(box);
  }
  const toast = document.createElement('div');
  toast.className = 'fr-toast';
  toast.textContent = text;
  box.append(toast);
  setTimeout(() => toast.remove(), SHOWN_MS);
}
