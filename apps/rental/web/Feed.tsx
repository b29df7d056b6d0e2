import type { FreshetEvent } from '@freshet/client';
import { useSSE } from '@freshet/client/compat/rental';
import { useFreshet } from '@freshet/client/react';
import { Button, Empty, Panel, Switch } from '@kit';
import { useEffect, useMemo, useState } from 'react';
import { type Choice } from './Page';
import { EventLine } from './Latest';
import { TYPES } from './words';

const MOST = 100;

/** What the hub keeps from before this page was opened, oldest first. */
function usePast(): readonly FreshetEvent[] {
  const client = useFreshet();
  const [past, setPast] = useState<readonly FreshetEvent[]>([]);
  useEffect(() => {
    let gone = false;
    async function read() {
      const found: FreshetEvent[] = [];
      try {
        for await (const event of client.history({ since: 'earliest' })) found.push(event);
      } catch {
        return; // live events come all the same
      }
      if (!gone) setPast(found);
    }
    void read();
    return () => {
      gone = true;
    };
  }, [client]);
  return past;
}


/** Which of the ten types are shown. */
export function TypeFilter({ choice, onChange }: { choice: Choice; onChange: (choice: Choice) => void }) {
  return (
    <div className="r-chips" role="group" aria-label="Types of events shown">
      {TYPES.map(({ type, label }) => {
        const on = choice.types.includes(type);
        return (
          <Button key={type} small pressed={on} onClick={() => onChange({ ...choice, types: on ? choice.types.filter((one) => one !== type) : [...choice.types, type] })}>
            {label}
          </Button>
        );
      })}
    </div>
  );
}

/** Everything that happened, newest first: from the hub's history, then as it comes. */
export function Feed({ choice, onChoose, stale }: { choice: Choice; onChoose: (choice: Choice) => void; stale: number | null }) {
  const { events: live } = useSSE({ eventTypes: choice.types });
  const past = usePast();
  const shown = useMemo(() => {
    const known = new Set(live.map(({ id }) => id));
    const before = past.filter(({ id, type }) => !known.has(id) && choice.types.some((one) => one === type));
    return [...before, ...live].slice(-MOST).reverse();
  }, [past, live, choice.types]);
  return (
    <Panel
      title="Activity"
      stale={stale}
      actions={<Switch label="Toasts" checked={choice.toasts} onChange={(toasts) => onChoose({ ...choice, toasts })} />}
    >
      <TypeFilter choice={choice} onChange={onChoose} />
      {!shown.length && <Empty>Nothing of these types has happened yet.</Empty>}
      <ol className="r-feed" aria-label="Activity" tabIndex={0}>
        {shown.map((event, i) => (
          <EventLine key={event.id ?? `n${shown.length - i}`} event={event} />
        ))}
      </ol>
    </Panel>
  );
}
