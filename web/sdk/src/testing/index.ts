import { createClient, type Client } from '../client.js';
import type { ClientOptions } from '../options.js';
import { createTestWorld, type TestWorld } from './clock.js';
import { TestHub, type TestHubOptions } from './hub.js';

export { createTestWorld, type TestWorld } from './clock.js';
export { TestHub, type TestHubOptions, type TestStream } from './hub.js';

/** A client, the hub it talks to, and the world between them. */
export interface TestBench<M extends object> {
  client: Client<M>;
  hub: TestHub;
  world: TestWorld;
}

/** A client on a hub in memory, with time standing still: `advance()` the world to go on. */
export function createTestBench<M extends object = Record<string, unknown>>(
  options: Partial<ClientOptions> = {},
  hubOptions: TestHubOptions = {},
): TestBench<M> {
  const world = createTestWorld((...args) => hub.fetch(...args));
  const hub: TestHub = new TestHub({ now: world.now, ...hubOptions });
  const client = createClient<M>({ url: '/v1/stream', channels: ['a'], ...options }, world);
  return { client, hub, world };
}
