import { useEffect, useId, useRef, type KeyboardEvent, type ReactNode } from 'react';
import { Icon } from './icon';
import { IconButton, type Tone } from './parts';
import { Stale } from './stale';

export interface PanelProps {
  title: string;
  /** Buttons and fields at the right of the title. */
  actions?: ReactNode;
  /** Since when what it shows may be old (unix ms); `null` or none: it is live. */
  stale?: number | null;
  /** A quiet line below the title. */
  note?: ReactNode;
  children: ReactNode;
}

/** A part of the page with its title. */
export function Panel({ title, actions, stale, note, children }: PanelProps) {
  const id = useId();
  return (
    <section className="k-panel" aria-labelledby={id} data-stale={stale ? true : undefined}>
      <header>
        <h2 id={id}>{title}</h2>
        {stale ? <Stale since={stale} /> : null}
        {actions && <div className="k-actions">{actions}</div>}
        {note && <p className="k-quiet">{note}</p>}
      </header>
      {children}
    </section>
  );
}

export interface Column<Row> {
  /** Its heading; `''` with a `label` for a column of buttons. */
  head: string;
  /** For readers and narrow screens when `head` is empty. */
  label?: string;
  cell: (row: Row) => ReactNode;
  /** `end` for numbers. */
  align?: 'end';
  /** The column that names the row. Default: the first. */
  names?: boolean;
  /** On a narrow screen it stands without its heading: what it shows says enough. */
  bare?: boolean;
  /** Isn't shown below 720 px of the table's own width. */
  wide?: boolean;
}

export interface TableProps<Row> {
  columns: readonly Column<Row>[];
  rows: readonly Row[];
  rowKey: (row: Row) => string;
  /** What stands there when there is no row. */
  empty: ReactNode;
  /** The table's name for screen readers. */
  label?: string;
  /** More of a row: `data-*` attributes. */
  rowProps?: (row: Row) => Record<`data-${string}`, string | undefined>;
}

/** A table; where it has less than 560 px, each row becomes a small card with the headings as labels. */
export function Table<Row>({ columns, rows, rowKey, empty, label, rowProps }: TableProps<Row>) {
  if (!rows.length) return <Empty>{empty}</Empty>;
  const naming = Math.max(0, columns.findIndex(({ names }) => names));
  return (
    <div className="k-table">
      <table role="table" aria-label={label}>
        <thead role="rowgroup">
          <tr role="row">
            {columns.map(({ head, label: name, align, wide }) => (
              <th key={head || name} role="columnheader" scope="col" data-align={align} data-wide={wide || undefined}>
                {head || <span className="k-hidden">{name}</span>}
              </th>
            ))}
          </tr>
        </thead>
        <tbody role="rowgroup">
          {rows.map((row) => (
            <tr key={rowKey(row)} role="row" data-key={rowKey(row)} {...rowProps?.(row)}>
              {columns.map(({ head, label: name, cell, align, wide, bare }, i) =>
                i === naming ? (
                  <th key={head || name} role="rowheader" scope="row" data-align={align} data-wide={wide || undefined}>
                    {cell(row)}
                  </th>
                ) : (
                  <td key={head || name} role="cell" data-head={bare ? undefined : head} data-align={align} data-wide={wide || undefined}>
                    {cell(row)}
                  </td>
                ),
              )}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** What stands where nothing is. */
export const Empty = ({ children }: { children: ReactNode }) => <p className="k-empty">{children}</p>;

/** A sentence that matters now. Bad ones are announced at once. */
export function Notice({ tone = 'info', children, onDismiss }: { tone?: Tone; children: ReactNode; onDismiss?: () => void }) {
  return (
    <div className="k-notice" data-tone={tone} role={tone === 'bad' ? 'alert' : 'status'}>
      <Icon name={tone} />
      <div>{children}</div>
      {onDismiss && <IconButton icon="close" label="Dismiss" onClick={onDismiss} />}
    </div>
  );
}

/** A modal window while `open`; Escape, the cross and the backdrop close it. */
export function Dialog({ open, title, onClose, children }: { open: boolean; title: string; onClose: () => void; children: ReactNode }) {
  const box = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => {
    if (open && !box.current?.open) box.current?.showModal();
    if (!open && box.current?.open) box.current.close();
  }, [open]);
  return (
    <dialog ref={box} className="k-dialog" aria-labelledby={id} onClose={onClose} onClick={(event) => event.target === box.current && onClose()}>
      {open && (
        <div className="k-dialog-box">
          <header>
            <h2 id={id}>{title}</h2>
            <IconButton icon="close" label="Close" onClick={onClose} />
          </header>
          {children}
        </div>
      )}
    </dialog>
  );
}

export interface TabsProps<Id extends string> {
  tabs: readonly { id: Id; label: ReactNode }[];
  chosen: Id;
  onChoose: (id: Id) => void;
  /** Their name for screen readers. */
  label: string;
  /** What the chosen tab shows. */
  children?: ReactNode;
}

/** Tabs by the WAI-ARIA pattern: arrows, Home and End move. */
export function Tabs<Id extends string>({ tabs, chosen, onChoose, label, children }: TabsProps<Id>) {
  const id = useId();
  function onKey(event: KeyboardEvent<HTMLDivElement>) {
    const at = tabs.findIndex((tab) => tab.id === chosen);
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: tabs.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    const next = tabs[(to + tabs.length) % tabs.length]!;
    onChoose(next.id);
    document.getElementById(`${id}-${next.id}`)?.focus();
  }
  return (
    <>
      <div className="k-tabs" role="tablist" aria-label={label} onKeyDown={onKey}>
        {tabs.map((tab) => (
          <button key={tab.id} id={`${id}-${tab.id}`} type="button" role="tab" aria-selected={tab.id === chosen} aria-controls={children ? `${id}-panel` : undefined} tabIndex={tab.id === chosen ? 0 : -1} onClick={() => onChoose(tab.id)}>
            {tab.label}
          </button>
        ))}
      </div>
      {children && (
        <div id={`${id}-panel`} role="tabpanel" aria-labelledby={`${id}-${chosen}`} className="k-tabpanel">
          {children}
        </div>
      )}
    </>
  );
}
