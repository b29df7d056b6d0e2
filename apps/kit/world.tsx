import { useEffect, useRef, useState } from 'react';
import { api, ApiError } from './api';
import { NumberField, Switch } from './fields';

interface World {
  running: boolean;
  perSecond: number;
}

/** Turns the application's world on and off (what acts on it through the same endpoints as real devices), and says how fast it goes. */
export function WorldControl({ app, label = 'World' }: { app: string; label?: string }) {
  const [world, setWorld] = useState<World | null>(null);
  const [error, setError] = useState<string | null>(null);
  useEffect(() => {
    const read = () => {
      if (!document.hidden)
        void api<World>(`/api/${app}/world`).then(setWorld, (failed: unknown) => setError(failed instanceof ApiError ? failed.detail : String(failed)));
    };
    read();
    document.addEventListener('visibilitychange', read);
    return () => document.removeEventListener('visibilitychange', read);
  }, [app]);
  // one after the other: a change of the rate must not arrive after the turning off that followed it
  const line = useRef<Promise<unknown>>(Promise.resolve());
  const waiting = useRef(0);
  function change(part: Partial<World>) {
    setWorld((before) => before && { ...before, ...part });
    waiting.current += 1;
    line.current = line.current.then(async () => {
      try {
        const told = await api<World>(`/api/${app}/world`, { body: part });
        waiting.current -= 1;
        if (!waiting.current) setWorld(told); // else what was chosen since is on the screen already
        setError(null);
      } catch (failed) {
        waiting.current -= 1;
        setError(failed instanceof ApiError ? failed.detail : String(failed));
      }
    });
  }
  if (!world) return null;
  return (
    <div className="k-world" role="group" aria-label={label}>
      <Switch label={`${label}: ${world.running ? 'on' : 'off'}`} checked={world.running} onChange={(running) => change({ running })} />
      <NumberField label="Acts a second" value={world.perSecond} min={0.1} max={100} step={world.perSecond < 1 ? 0.1 : 1} onChange={(perSecond) => change({ perSecond })} {...(error ? { error } : {})} />
    </div>
  );
}
