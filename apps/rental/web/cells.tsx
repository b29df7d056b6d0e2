import type { ReactNode } from 'react';

/** A small line below what a cell says. */
export const Below = ({ children }: { children: ReactNode }) => <small className="r-below">{children}</small>;

/** What must not be broken over lines: a day, an amount. */
export const Solid = ({ children }: { children: ReactNode }) => <span className="r-solid">{children}</span>;

/** "Generator 250 kVA GN-01", whose code stays in one piece. */
export function Named({ children }: { children: string }) {
  const at = children.lastIndexOf(' ') + 1;
  return (
    <>
      {children.slice(0, at)}
      <Solid>{children.slice(at)}</Solid>
    </>
  );
}
