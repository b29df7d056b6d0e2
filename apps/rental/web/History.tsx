import { useSSE, useSSEContext } from '@freshet/client/compat/rental';
import { EventLog } from '@freshet/client/react/ui';
import { Panel } from '@kit';
import { TypeFilter } from './Feed';
import type { Choice } from './Page';

/** The events that came while this page was open, at most 100, of the chosen types. */
export function EventHistory({ choice, onChoose }: { choice: Choice; onChoose: (choice: Choice) => void }) {
  const { events } = useSSE({ eventTypes: choice.types });
  const { clearEvents } = useSSEContext();
  return (
    <Panel title={`Event history (${events.length})`} note="The last 100 that came while this page was open, newest first.">
      <TypeFilter choice={choice} onChange={onChoose} />
      <EventLog events={events} onClear={clearEvents} label="Event history" />
    </Panel>
  );
}
