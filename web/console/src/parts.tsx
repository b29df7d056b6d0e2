import type { ReactNode } from 'react';
import type { ApiError } from './api';

/** What went wrong, in the hub's words. */
export function Trouble({ error }: { error: ApiError | null }) {
  if (!error) return null;
  return (
    <p className="notice bad" role="alert">
      <b>{error.status === 403 ? 'Not granted.' : error.status === 0 ? 'No answer.' : `Refused (${error.status}).`}</b> {error.message}
    </p>
  );
}

/** A table that scrolls inside of itself where the page is narrow; with the keyboard too. */
export function Table({ label, head, children }: { label: string; head: readonly (string | readonly [string, 'n'])[]; children: ReactNode }) {
  return (
    <div className="scroll" tabIndex={0} role="region" aria-label={label}>
      <table>
        <thead>
          <tr>
            {head.map((cell) => {
              const [name, kind] = typeof cell === 'string' ? [cell, ''] : cell;
              return (
                <th key={name} scope="col" className={kind}>
                  {name}
                </th>
              );
            })}
          </tr>
        </thead>
        <tbody>{children}</tbody>
      </table>
    </div>
  );
}

/** State in words, with a sign and a colour. */
export function Sign({ ok, children }: { ok: boolean; children: ReactNode }) {
  return (
    <span className={ok ? 'sign ok' : 'sign bad'}>
      <span aria-hidden="true">{ok ? '✓' : '!'}</span> {children}
    </span>
  );
}
