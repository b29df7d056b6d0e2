import { StrictMode, type ReactNode } from 'react';
import { createRoot } from 'react-dom/client';
import { applyTheme } from './theme';

/** Draws the page into `#root`, in the theme that was chosen. */
export function mount(page: ReactNode): void {
  applyTheme();
  createRoot(document.getElementById('root')!).render(<StrictMode>{page}</StrictMode>);
}
