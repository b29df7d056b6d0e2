export { createClient, type Client, type LifecycleMap } from './client.js';
export type { ClientOptions } from './options.js';
export { isFresh } from './event.js';
export { createParser, type Message, type ParserHandlers } from './parser.js';
export { browserEnv, type Env, type PageEvent } from './browser.js';
export {
  FreshetError, FreshetHttpError, FreshetAuthError, FreshetContentTypeError, FreshetParseError,
  FreshetTimeoutError, FreshetExhaustedError, FreshetGapError, type ErrorCode,
} from './errors.js';
export type * from './types.js';
