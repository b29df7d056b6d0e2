import { Field } from '@kit';

export const DayField = ({ label, value, onChange, min, max }: { label: string; value: string; onChange: (value: string) => void; min?: string; max?: string }) => (
  <Field label={label}>{(props) => <input {...props} type="date" value={value} min={min} max={max} required onChange={(event) => onChange(event.target.value)} />}</Field>
);

/** A number that is typed; `pattern` is what the browser accepts. */
export const Typed = ({ label, value, onChange, pattern = '[0-9]+([.][0-9]{1,2})?', hint }: { label: string; value: string; onChange: (value: string) => void; pattern?: string; hint?: string }) => (
  <Field label={label} hint={hint}>
    {(props) => <input {...props} inputMode="decimal" autoComplete="off" value={value} required pattern={pattern} onChange={(event) => onChange(event.target.value)} />}
  </Field>
);
