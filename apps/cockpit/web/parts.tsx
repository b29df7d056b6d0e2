import { Badge, format, type Tone } from '@kit';
import { dimensionLabel, type Outcomes, type Period } from './types';

/** A share as a bar; its numbers stand beside it. */
export const Share = ({ value, label, colour = 1 }: { value: number; label: string; colour?: 1 | 2 | 3 | 4 }) => (
  <span className="c-share" data-colour={colour} role="img" aria-label={`${label}: ${format.percent(value)}`}>
    <span style={{ inlineSize: `${Math.max(0, Math.min(1, value)) * 100}%` }} />
  </span>
);

export const money = (cents: number, currency = 'EUR') => format.money(Math.round(cents / 100), currency);
export const signed = (value: number, digits = 2) => `${value > 0 ? '+' : value < 0 ? '−' : ''}${Math.abs(value).toFixed(digits)}`;

const date = (day: string) => new Date(`${day}T12:00:00Z`).toLocaleDateString('en-GB', { day: 'numeric', month: 'short', year: 'numeric', timeZone: 'UTC' });
/** A day as people write it: 21 Jan 2026. */
export const dayText = date;
/** `to` is the first day after it. */
export const periodText = ({ from, to }: Period) => `${date(from)} to ${date(new Date(Date.parse(to) - 86400000).toISOString().slice(0, 10))}`;

/** A score of a text: how well it goes, and how sure the reading is. */
export function Score({ dimension, score, confidence }: { dimension: string | null; score: number | null; confidence: number | null }) {
  if (dimension === null) return <Badge>No dimension</Badge>;
  const tone: Tone = score === null || score === 0.5 ? 'neutral' : score > 0.5 ? 'good' : 'bad';
  return (
    <span className="c-score">
      <Badge tone={tone} icon={tone === 'good' ? 'up' : tone === 'bad' ? 'down' : 'neutral'}>
        {dimensionLabel(dimension)}
        {score !== null && ` ${score.toFixed(2)}`}
      </Badge>
      {confidence !== null && <span className="k-quiet">{format.percent(confidence)} sure</span>}
    </span>
  );
}

/** Before and after by dimension, as a line from one to the other. */
export function OutcomeList({ outcomes }: { outcomes: Outcomes }) {
  return (
    <ul className="c-outcomes" aria-label="Outcomes before and after">
      {outcomes.dimensions.map(({ dimension, people, before, after, lift }) => (
        <li key={dimension} data-dimension={dimension}>
          <span>{dimensionLabel(dimension)}</span>
          <span className="c-line" data-worse={after < before || undefined} role="img" aria-label={people ? `from ${before.toFixed(2)} to ${after.toFixed(2)}` : 'no answers'}>
            {people > 0 && (
              <>
                <i style={{ insetInlineStart: `${Math.min(before, after) * 100}%`, inlineSize: `${Math.abs(after - before) * 100}%` }} />
                <b style={{ insetInlineStart: `${before * 100}%` }} data-end="before" />
                <b style={{ insetInlineStart: `${after * 100}%` }} data-end="after" />
              </>
            )}
          </span>
          <span className="c-num">{people ? signed(lift) : '–'}</span>
          <span className="k-quiet c-num">{format.number(people)}</span>
        </li>
      ))}
    </ul>
  );
}
