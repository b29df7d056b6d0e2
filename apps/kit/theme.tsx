import { useLayoutEffect, useState, useSyncExternalStore } from 'react';
import { Icon } from './icon';

type Theme = 'auto' | 'light' | 'dark';
const KEY = 'freshet-theme';
const NEXT: Record<Theme, Theme> = { auto: 'light', light: 'dark', dark: 'auto' };
const NAMES: Record<Theme, string> = { auto: 'as the system', light: 'light', dark: 'dark' };

function kept(): Theme {
  try {
    const value = localStorage.getItem(KEY);
    return value === 'light' || value === 'dark' ? value : 'auto';
  } catch {
    return 'auto';
  }
}

const listeners = new Set<() => void>();
let current: Theme = 'auto';

/** Puts the chosen theme on the page; before anything is drawn. */
export function applyTheme(theme: Theme = kept()): void {
  current = theme;
  if (theme === 'auto') delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  listeners.forEach((cb) => cb());
}

function watch(cb: () => void) {
  const media = matchMedia('(prefers-color-scheme: dark)');
  listeners.add(cb);
  media.addEventListener('change', cb);
  return () => {
    listeners.delete(cb);
    media.removeEventListener('change', cb);
  };
}

/** What is shown, for drawings that read colours: they are drawn anew when it changes. */
export const useShownTheme = (): 'light' | 'dark' =>
  useSyncExternalStore(watch, () => (current === 'dark' || (current === 'auto' && matchMedia('(prefers-color-scheme: dark)').matches) ? 'dark' : 'light'));

/** A button that goes through: as the system, light, dark. */
export function ThemeSwitch() {
  const [theme, setTheme] = useState(kept);
  useLayoutEffect(() => {
    applyTheme(theme);
    try {
      if (theme === 'auto') localStorage.removeItem(KEY);
      else localStorage.setItem(KEY, theme);
    } catch {
      // then it is not kept
    }
  }, [theme]);
  return (
    <button type="button" className="k-icon" onClick={() => setTheme(NEXT[theme])} aria-label={`Theme: ${NAMES[theme]}`} title={`Theme: ${NAMES[theme]}`}>
      <Icon name={theme} />
    </button>
  );
}
