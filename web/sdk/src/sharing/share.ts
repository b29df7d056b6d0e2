import type { Env } from '../browser.js';
import type { Engine, EngineHooks } from '../engine.js';
import type { Settings } from '../options.js';
import type { Resolve } from '../request.js';

/** What a client hands to whoever shares its connection. */
export interface ShareRequest {
  config: Settings;
  env: Env;
  resolve: Resolve;
  hooks: EngineHooks;
}

/** Makes an engine that may be another tab's; see `tabs()`. */
export type Share = (request: ShareRequest) => Engine;
