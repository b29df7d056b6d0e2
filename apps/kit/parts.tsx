import { useEffect, useRef, type ReactNode } from 'react';
import { format } from './format';
import { Icon, type IconName } from './icon';

export type Tone = 'neutral' | 'good' | 'warn' | 'bad' | 'info';

/** A word of state: sign, text and colour, never colour alone. `icon` replaces the tone's sign; `null` leaves it out (then the text says it all). */
export function Badge({ tone = 'neutral', icon, children }: { tone?: Tone; icon?: IconName | null; children: ReactNode }) {
  const sign = icon === undefined ? (tone === 'neutral' ? null : tone) : icon;
  return (
    <span className="k-badge" data-tone={tone}>
      {sign && <Icon name={sign} />}
      {children}
    </span>
  );
}

export interface ButtonProps {
  /** Default `plain`. `main` is the one to press, `danger` the one to think about. */
  kind?: 'plain' | 'main' | 'danger' | 'quiet';
  /** Default `button`. */
  type?: 'button' | 'submit';
  small?: boolean;
  disabled?: boolean;
  /** Waits for an answer: can't be pressed again, and says so. */
  busy?: boolean;
  /** For a button that stays down. */
  pressed?: boolean;
  /** Replaces the text for screen readers; begins with what is shown. */
  label?: string;
  title?: string;
  onClick?: () => void;
  children: ReactNode;
}

export function Button({ kind = 'plain', type = 'button', small, disabled, busy, pressed, label, title, onClick, children }: ButtonProps) {
  return (
    <button type={type} className="k-button" data-kind={kind} data-small={small || undefined} disabled={disabled || busy} aria-busy={busy || undefined} aria-pressed={pressed} aria-label={label} title={title} onClick={onClick}>
      {children}
    </button>
  );
}

/** A button that shows only a sign; `label` is its name and tooltip. */
export function IconButton({ icon, label, disabled, pressed, onClick }: { icon: IconName; label: string; disabled?: boolean; pressed?: boolean; onClick?: () => void }) {
  return (
    <button type="button" className="k-icon" disabled={disabled} aria-pressed={pressed} aria-label={label} title={label} onClick={onClick}>
      <Icon name={icon} />
    </button>
  );
}

/** Its text, with a brief wash of colour when `value` changes; none on the first showing and none under reduced motion. */
export function Flash({ value, children }: { value: unknown; children?: ReactNode }) {
  const host = useRef<HTMLSpanElement>(null);
  const before = useRef(value);
  useEffect(() => {
    if (Object.is(before.current, value)) return;
    before.current = value;
    if (!matchMedia('(prefers-reduced-motion: reduce)').matches)
      host.current?.animate([{ backgroundColor: 'var(--flash)' }, { backgroundColor: 'var(--flash)', offset: 0.25 }, { backgroundColor: 'transparent' }], { duration: 1200, easing: 'ease-out' });
  }, [value]);
  return (
    <span className="k-flash" ref={host}>
      {children ?? (typeof value === 'number' ? format.number(value) : ((value ?? '–') as ReactNode))}
    </span>
  );
}

export interface TileProps {
  label: string;
  /** Numbers are written by `format.number`; `null` and `undefined` are a dash. */
  value: number | string | null | undefined;
  unit?: string;
  /** Colours the value, and needs a `hint` that says why. */
  tone?: Tone;
  /** A quiet line below. */
  hint?: ReactNode;
}

/** One reading: label, number, unit, hint. Inside of {@link Tiles}. */
export function Tile({ label, value, unit, tone = 'neutral', hint }: TileProps) {
  return (
    <div className="k-tile" data-tone={tone}>
      <dt>{label}</dt>
      <dd>
        <span className="k-value">
          <Flash value={value ?? '–'} />
          {unit && <span className="k-unit"> {unit}</span>}
        </span>
        {hint !== undefined && hint !== null && <span className="k-hint">{hint}</span>}
      </dd>
    </div>
  );
}

/** A row of readings, ruled like a ledger; wraps where the page is narrow. */
export const Tiles = ({ label, children }: { label?: string; children: ReactNode }) => (
  <dl className="k-tiles" aria-label={label}>
    {children}
  </dl>
);

export interface MeterProps {
  value: number;
  max: number;
  /** From here on (a value, not a share) it is a warning; at `max` it is bad. Default: never. */
  warnAt?: number;
  /** Its name for screen readers. */
  label: string;
  /** The numbers beside it. Default: `value / max`; `null`: none. */
  text?: ReactNode;
}

/** How full something is. */
export function Meter({ value, max, warnAt = Infinity, label, text }: MeterProps) {
  const tone = max > 0 && value >= max ? 'bad' : value >= warnAt ? 'warn' : 'info';
  const share = max > 0 ? Math.min(1, Math.max(0, value / max)) : 0;
  return (
    <span className="k-meter" data-tone={tone}>
      <svg viewBox="0 0 100 6" preserveAspectRatio="none" role="meter" aria-label={label} aria-valuenow={value} aria-valuemin={0} aria-valuemax={max} aria-valuetext={`${format.number(value)} of ${format.number(max)}`}>
        <rect className="k-meter-all" width="100" height="6" />
        <rect className="k-meter-now" width={share * 100} height="6" />
      </svg>
      {text === undefined ? (
        <span className="k-meter-text">
          {format.number(value)} / {format.number(max)}
        </span>
      ) : (
        text
      )}
    </span>
  );
}
