/** What tabs and the holder of the shared connection say to each other. */
import { FreshetError, type ErrorCode } from '../errors.js';
import type { Command } from '../engine.js';
import type { State } from '../machine.js';
import type { Settings } from '../options.js';
import type { PollOptions } from '../polling.js';
import type { Target } from '../request.js';
import type { FreshetEvent, Params, TokenReason } from '../types.js';

/** An engine's configuration as it crosses to a worker: `poll` is made again from its options there. */
export type WireConfig = Pick<Settings, 'retry' | 'connectTimeout' | 'heartbeatTimeout' | 'start' | 'openEvent' | 'envelope' | 'events' | 'hiddenGraceMs'> & {
  lastEventId: string | null;
  /** The tabs have tokens to give. */
  renews: boolean;
  polling: Required<PollOptions> | null;
};

export interface WireError {
  code: ErrorCode;
  message: string;
  retryable: boolean;
  status?: number | undefined;
  retryAfter?: number | undefined;
}

export type ToHolder = { from: string } & (
  | { do: 'hello'; config: WireConfig; channels: readonly string[] }
  | { do: 'follow'; channels: readonly string[] }
  | { do: Command | 'visible' | 'bye' }
  | { do: 'resolved'; call: number; target?: Target; error?: WireError }
);

export type ToTab = { to: string | null } & (
  | { do: 'state'; state: Omit<State, 'error'>; error: WireError | null }
  | { do: 'events'; events: FreshetEvent[] }
  | { do: 'resolve'; call: number; reason: TokenReason | null; query: Params; beside?: 'events' | 'publish' | undefined }
  | { do: 'who' }
);

export const packError = ({ code, message, retryable, status, retryAfter }: FreshetError): WireError => ({
  code, message, retryable, status, retryAfter,
});

export const unpackError = ({ code, message, ...extra }: WireError): FreshetError => {
  const known = Object.entries(extra).filter(([, value]) => value !== undefined);
  return new FreshetError(code, message, Object.fromEntries(known));
};
