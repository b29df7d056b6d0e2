import type { FreshetEvent } from '@freshet/client';
import { Badge, Empty, format, Panel } from '@kit';
import { labelOf } from './words';

const MOST = 6;

function sentence({ data }: FreshetEvent): string {
  const { message } = (data ?? {}) as { message?: unknown };
  return typeof message === 'string' ? message : JSON.stringify(data);
}

/** One event: when, which kind, what it says. */
export const EventLine = ({ event }: { event: FreshetEvent }) => (
  <li>
    <time dateTime={event.time ? new Date(event.time).toISOString() : undefined}>{event.time ? format.time(event.time) : ''}</time>
    <span>
      <Badge tone={event.type === 'rental_overdue' ? 'bad' : 'neutral'} icon={null}>
        {labelOf(event.type)}
      </Badge>{' '}
      {sentence(event)}
    </span>
  </li>
);

/** The last events of a page's own kinds, newest first; the lists are each in order of time. */
export function Latest({ events }: { events: readonly (readonly FreshetEvent[])[] }) {
  const rows = events
    .flat()
    .sort((a, b) => (b.time ?? 0) - (a.time ?? 0))
    .slice(0, MOST);
  return (
    <Panel title="Since this page was opened">
      {rows.length ? (
        <ol className="r-feed" aria-label="Since this page was opened">
          {rows.map((event, i) => (
            <EventLine key={event.id ?? i} event={event} />
          ))}
        </ol>
      ) : (
        <Empty>Nothing has happened here yet.</Empty>
      )}
    </Panel>
  );
}
