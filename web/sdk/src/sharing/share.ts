import type { Engine, EngineParts } from '../engine.js';

/** Makes an engine that may be another tab's; see `tabs()`. */
export type Share = (request: EngineParts) => Engine;
