import { useEffect, useId, useState, type ReactNode } from 'react';
import { IconButton } from './parts';

/** A label with its field, and a line below that helps or, as `error`, says what is wrong. */
export function Field({ label, hint, error, children }: { label: string; hint?: ReactNode; error?: ReactNode; children: (props: { id: string; 'aria-describedby': string | undefined; 'aria-invalid': true | undefined }) => ReactNode }) {
  const id = useId();
  const told = error ?? hint;
  return (
    <div className="k-field" data-bad={error ? true : undefined}>
      <label htmlFor={id}>{label}</label>
      {children({ id, 'aria-describedby': told ? `${id}-told` : undefined, 'aria-invalid': error ? true : undefined })}
      {told && <small id={`${id}-told`}>{told}</small>}
    </div>
  );
}

export interface TextFieldProps {
  label: string;
  value: string;
  onChange: (value: string) => void;
  /** Default `text`. */
  type?: 'text' | 'search' | 'email' | 'password';
  hint?: ReactNode;
  error?: ReactNode;
  placeholder?: string;
  maxLength?: number;
  required?: boolean;
  /** More than one line. */
  rows?: number;
}

export function TextField({ label, value, onChange, type = 'text', hint, error, placeholder, maxLength = 200, required, rows }: TextFieldProps) {
  return (
    <Field label={label} hint={hint} error={error}>
      {(props) =>
        rows ? (
          <textarea {...props} rows={rows} value={value} placeholder={placeholder} maxLength={maxLength} required={required} onChange={(event) => onChange(event.target.value)} />
        ) : (
          <input {...props} type={type} value={value} placeholder={placeholder} maxLength={maxLength} required={required} autoComplete="off" onChange={(event) => onChange(event.target.value)} />
        )
      }
    </Field>
  );
}

export interface SelectProps<Value extends string> {
  label: string;
  value: Value;
  options: readonly (Value | { value: Value; label: string; disabled?: boolean })[];
  onChange: (value: Value) => void;
  hint?: ReactNode;
  disabled?: boolean;
}

export function Select<Value extends string>({ label, value, options, onChange, hint, disabled }: SelectProps<Value>) {
  return (
    <Field label={label} hint={hint}>
      {(props) => (
        <select {...props} value={value} disabled={disabled} onChange={(event) => onChange(event.target.value as Value)}>
          {options.map((option) => {
            const one = typeof option === 'string' ? { value: option, label: option } : option;
            return (
              <option key={one.value} value={one.value} disabled={'disabled' in one ? one.disabled : undefined}>
                {one.label}
              </option>
            );
          })}
        </select>
      )}
    </Field>
  );
}

export interface NumberFieldProps {
  label: string;
  value: number;
  onChange: (value: number) => void;
  min?: number;
  max?: number;
  /** Default 1. */
  step?: number;
  hint?: ReactNode;
  error?: ReactNode;
}

/** A number with buttons for less and more; what is typed is taken when it is a number within the bounds. */
export function NumberField({ label, value, onChange, min = -Infinity, max = Infinity, step = 1, hint, error }: NumberFieldProps) {
  const [text, setText] = useState(String(value));
  useEffect(() => setText(String(value)), [value]);
  const take = (typed: string) => {
    const number = Number(typed);
    if (typed.trim() !== '' && Number.isFinite(number)) onChange(Math.min(max, Math.max(min, number)));
  };
  const by = (steps: number) => onChange(Math.min(max, Math.max(min, Number((value + steps * step).toFixed(6)))));
  return (
    <Field label={label} hint={hint} error={error}>
      {(props) => (
        <span className="k-number">
          <IconButton icon="minus" label={`${label}: less`} disabled={value <= min} onClick={() => by(-1)} />
          <input
            {...props}
            inputMode="decimal"
            autoComplete="off"
            value={text}
            onChange={(event) => {
              setText(event.target.value);
              const number = Number(event.target.value);
              if (event.target.value.trim() !== '' && number >= min && number <= max) onChange(number);
            }}
            onBlur={() => (take(text), setText(String(value)))}
            onKeyDown={({ key }) => key === 'ArrowUp' ? by(1) : key === 'ArrowDown' && by(-1)}
          />
          <IconButton icon="plus" label={`${label}: more`} disabled={value >= max} onClick={() => by(1)} />
        </span>
      )}
    </Field>
  );
}

/** On or off, at once. */
export function Switch({ label, checked, onChange, disabled }: { label: ReactNode; checked: boolean; onChange: (checked: boolean) => void; disabled?: boolean }) {
  return (
    <label className="k-switch">
      <input type="checkbox" role="switch" checked={checked} disabled={disabled} onChange={(event) => onChange(event.target.checked)} />
      <span aria-hidden="true" />
      {label}
    </label>
  );
}
