import type { Env } from '../browser.js';
import type { Engine, EngineConfig, EngineHooks } from '../engine.js';
import type { Resolve } from '../request.js';

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
