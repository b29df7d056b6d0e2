export { createClient, type Client, type LifecycleMap } from './client';
export type { ClientOptions } from './options';
export { isFresh } from './event';
export { createParser, type Message, type ParserHandlers } from './parser';
export { browserEnv, type Env, type PageEvent } from './browser';
export {
  FreshetError, FreshetHttpError, FreshetAuthError, FreshetContentTypeError, FreshetParseError,
  FreshetTimeoutError, FreshetExhaustedError, FreshetGapError, type ErrorCode,
} from './errors';
export type * from './types';
