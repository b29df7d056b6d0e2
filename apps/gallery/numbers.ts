import type { Client } from '@freshet/client';
import { api, ApiError } from '@kit';
import { useEffect, useState, useSyncExternalStore } from 'react';

/** One application as the server lists it. */
export interface AppEntry {
  name: string;
  title: string;
  sentence: string;
  path: string;
  /** What `value` counts. */
  label: string;
  value?: number | null;
}

/** The data of a `number` event. */
export interface AppNumber {
  name: string;
  value: number;
  label: string;
}

export interface Entry extends AppEntry {
  /** What it was since the page was opened, newest last. */
  past: readonly number[];
}

/** How many values a line shows. */
const PAST = 60;

const put = (entry: Entry, { value, label }: AppNumber): Entry => (value === entry.value && label === entry.label ? entry : { ...entry, value, label, past: [...entry.past, value].slice(-PAST) });

/** The list of what runs here with its live numbers. */
export function useNumbers(client: Client<{ number: AppNumber }>) {
  const [entries, setEntries] = useState<readonly Entry[] | null>(null);
  const [error, setError] = useState<string | null>(null);
  useEffect(() => {
    const early: AppNumber[] = [];
    let listed = false;
    async function list() {
      try {
        // also gives this visitor the cookie that the stream asks for
        const { apps } = await api<{ apps: AppEntry[] }>('/api/apps');
        const fresh = apps.map((one): Entry => ({ ...one, past: typeof one.value === 'number' ? [one.value] : [] }));
        setEntries(fresh.map((entry) => early.filter(({ name }) => name === entry.name).reduce(put, entry)));
        listed = true;
        setError(null);
        client.connect();
        client.markFresh();
      } catch (failed) {
        setError(failed instanceof ApiError ? failed.detail : String(failed));
        retry = setTimeout(list, 3000);
      }
    }
    let retry: ReturnType<typeof setTimeout> | undefined;
    const offs = [
      client.on('number', (told) => {
        if (listed) setEntries((before) => before?.map((entry) => (entry.name === told.name ? put(entry, told) : entry)) ?? null);
        else early.push(told);
      }),
      client.on('gap', () => void list()),
    ];
    void list();
    return () => {
      clearTimeout(retry);
      offs.forEach((off) => off());
      client.disconnect();
    };
  }, [client]);
  return { entries, error, snapshot: useSyncExternalStore(client.subscribeSnapshot, client.getSnapshot) };
}
