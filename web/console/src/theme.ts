import { useEffect, useLayoutEffect, useState } from 'react';

export type Theme = 'auto' | 'light' | 'dark';
const KEY = 'freshet-console-theme';

function read(): Theme {
  try {
    const kept = localStorage.getItem(KEY);
    return kept === 'light' || kept === 'dark' ? kept : 'auto';
  } catch {
    return 'auto';
  }
}

/** The chosen theme, and how to choose another. `shown` changes with the system's as well. */
export function useTheme() {
  const [theme, setTheme] = useState(read);
  const [dark, setDark] = useState(() => matchMedia('(prefers-color-scheme: dark)').matches);
  useEffect(() => {
    const media = matchMedia('(prefers-color-scheme: dark)');
    const changed = () => setDark(media.matches);
    media.addEventListener('change', changed);
    return () => media.removeEventListener('change', changed);
  }, []);
  const shown: 'light' | 'dark' = theme === 'auto' ? (dark ? 'dark' : 'light') : theme;
  // before the effects of the charts, which read colours
  useLayoutEffect(() => {
    document.documentElement.dataset.theme = theme;
    try {
      localStorage.setItem(KEY, theme);
    } catch {
      // then it is not kept
    }
  }, [theme]);
  return { theme, setTheme, shown };
}
