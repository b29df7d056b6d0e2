import type { Env } from '../browser';
import type { Engine, EngineConfig, EngineHooks } from '../engine';
import type { Resolve } from '../request';

/** What a client hands to whoever shares its connection. */
export interface ShareRequest {
  config: EngineConfig;
  env: Env;
  resolve: Resolve;
  hooks: EngineHooks;
  fetch: typeof fetch | undefined;
}

/** Makes an engine that may be another tab's; see `tabs()`. */
export type Share = (request: ShareRequest) => Engine;
