import { createSSEClient, type SSEClient } from '@freshet/client/compat/parking';
import type { Snapshot } from '@freshet/client';
import { tabs } from '@freshet/client/sharing';
import { api, ApiError } from '@kit';
import { useEffect, useMemo, useSyncExternalStore } from 'react';
import { after, type Data, type Told } from './model';

export interface View {
  data: Data | null;
  error: ApiError | null;
}

/** What a page shows: fetched when it opens and whenever the stream says that it has to be, moved on by events. */
export class Live {
  view: View = { data: null, error: null };
  readonly client: SSEClient;
  readonly #listeners = new Set<() => void>();
  /** Events that came while the whole was being fetched: it may be older than they are. */
  #since: Told[] | null = null;
  #again = false;
  #connected = false;
  /** The stream began for this tab: from further back than the fetch beside it. */
  #began = false;
  #joins = 0;
  #soon: ReturnType<typeof setTimeout> | undefined;

  constructor(
    readonly path: string,
    /** Who is signed in: the tabs of one person share a stream, of which a browser allows six. */
    login: string,
    lot?: string,
  ) {
    this.client = createSSEClient({ share: tabs({ name: `parking ${login} ${lot ?? ''}` }), ...(lot ? { params: { lot } } : {}) });
    this.client.onCapacityUpdate(({ timestamp, ...rest }) => this.#told({ type: 'capacity_update', data: { ...rest, timestamp: timestamp.toISOString() } }));
    this.client.onAlert(({ createdAt, ...rest }) => this.#told({ type: 'alert', data: { ...rest, createdAt: createdAt.toISOString() } }));
    this.client.onViolation(({ timestamp, ...rest }) => this.#told({ type: 'violation', data: { ...rest, timestamp: timestamp.toISOString() } }));
    this.client.onGap(() => void this.load());
    this.client.onConnected(() => (this.#began = true));
    this.client.subscribeSnapshot(() => {
      const { isConnected } = this.client.getSnapshot();
      if (isConnected && !this.#connected) setTimeout(() => this.#joined(), 0); // after `connected`
      this.#connected = isConnected;
    });
    // not of the document: the hub's word that the database has to be asked again
    (this.client as unknown as { on(type: string, cb: () => void): void }).on('refresh', () => this.#loadSoon());
  }

  readonly subscribe = (cb: () => void) => {
    this.#listeners.add(cb);
    return () => this.#listeners.delete(cb);
  };

  #set(change: Partial<View>) {
    this.view = { ...this.view, ...change };
    this.#listeners.forEach((cb) => cb());
  }

  #told(told: Told) {
    this.#since?.push(told);
    const { data } = this.view;
    const next = data && after(data, told);
    if (next !== data) this.#set({ data: next });
  }

  /** Connected: after an outage, or to a stream that another tab had already opened. */
  #joined() {
    if (this.#joins++ || !this.#began || this.view.error) void this.load();
  }

  #loadSoon(ms = 30) {
    clearTimeout(this.#soon);
    this.#soon = setTimeout(() => void this.load(), ms);
  }

  readonly load = async (): Promise<void> => {
    if (this.#since) {
      this.#again = true;
      return;
    }
    this.#since = [];
    try {
      const { lot, ...rest } = await api<Data & { lot?: Data['lots'][number] }>(this.path);
      const fetched: Data = lot ? { ...rest, lots: [lot] } : rest;
      this.#set({ data: this.#since.reduce(after, fetched), error: null });
      this.client.markFresh();
    } catch (error) {
      const failed = error instanceof ApiError ? error : new ApiError(0, 'failed', String(error));
      // a server that is only being restarted: what is on screen is marked as stale, and stays
      if (this.view.data && (failed.status === 0 || failed.status === 503)) this.#loadSoon(2000);
      else this.#set({ error: failed });
    }
    this.#since = null;
    if (this.#again) {
      this.#again = false;
      await this.load();
    }
  };

  open(): () => void {
    void this.load();
    this.client.connect();
    return () => {
      clearTimeout(this.#soon);
      this.client.disconnect();
    };
  }
}

/** The page's data, its connection and the way to try again. */
export function useLive(path: string, login: string, lot?: string): View & { connection: Snapshot; live: Live } {
  const live = useMemo(() => new Live(path, login, lot), [path, login, lot]);
  useEffect(() => live.open(), [live]);
  const view = useSyncExternalStore(live.subscribe, () => live.view);
  const connection = useSyncExternalStore(live.client.subscribeSnapshot, live.client.getSnapshot);
  return { ...view, connection, live };
}
