// Compiled, not run: what must type-check does, and what must not is marked.
import { createClient, type Client, type FreshetEvent, type Snapshot } from '../../src/index.js';
import { poll } from '../../src/polling.js';
import { FreshetProvider, useConnection, useLiveQuery } from '../../src/react/index.js';
import { tabs } from '../../src/sharing/index.js';
import { createSSEClient } from '../../src/compat/parking.js';
import { sseManager } from '../../src/server/index.js';

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
const same = <A, B>(..._: Equal<A, B> extends true ? [] : [never]): void => {};

interface Trips {
  'trip-updated': { tripId: string; seats: number };
  'trip-removed': { tripId: string };
}
const client = createClient<Trips>({ url: '/v1/stream', share: tabs(), onExhausted: poll(), retry: { jitter: 'full' } });

client.on('trip-updated', (data, event) => {
  same<typeof data, { tripId: string; seats: number }>();
  same<typeof event.type, 'trip-updated'>();
});
client.on('*', (data, event) => {
  same<typeof data, unknown>();
  same<typeof event.type, string>();
});
client.on('status', (snapshot) => same<typeof snapshot, Snapshot>());
client.on('error', ({ code, retryable }) => [code, retryable]);
void client.publish('trip-removed', { tripId: '1' });
same<Awaited<ReturnType<typeof client.publish>>, string | null>();
async () => {
  for await (const event of client.history({ last: 1 })) same<typeof event, FreshetEvent>();
};

// @ts-expect-error no such event
client.on('trip-update', () => {});
// @ts-expect-error seats is missing
void client.publish('trip-updated', { tripId: '1' });
// @ts-expect-error neither full nor a number
createClient({ url: '/', retry: { jitter: 'some' } });
// @ts-expect-error no such transport
createClient({ url: '/', transport: 'websocket' });
// @ts-expect-error an address is needed
createClient({});
// @ts-expect-error snapshots don't change
client.getSnapshot().status = 'connected';

// Without a map, every type is allowed and its data unknown
const loose: Client = createClient({ url: () => '/v1/stream' });
loose.on('anything', (data) => same<typeof data, unknown>());

void FreshetProvider({ client });
void FreshetProvider({ client: loose });
export function useTypes() {
  same<ReturnType<typeof useConnection<boolean>>, boolean>();
  const { data } = useLiveQuery({ channel: 'trips', fetcher: async () => [1], apply: (list) => list });
  same<typeof data, number[] | undefined>();
}

createSSEClient().onAlert(({ severity, createdAt }) => {
  same<typeof severity, 'low' | 'medium' | 'high' | 'critical'>();
  same<typeof createdAt, Date>();
});
same<typeof sseManager extends { addConnection: unknown } ? true : false, false>();
