/** What went wrong, for programs. */
export type ErrorCode =
  | 'network'
  | 'ended'
  | 'http'
  | 'auth'
  | 'content-type'
  | 'parse'
  | 'timeout'
  | 'exhausted'
  | 'gap'
  | 'listener'
  | 'config';

/** The base of every error that this package reports or throws. */
export class FreshetError extends Error {
  /** `true` when trying again may help. */
  retryable = false;
  /** The HTTP status, where there was one. */
  status?: number;
  /** What the server asked to wait, in ms. */
  retryAfter?: number;
  /** The error below this one. */
  cause?: unknown;

  constructor(
    readonly code: ErrorCode,
    message: string,
    extra?: { retryable?: boolean; status?: number; retryAfter?: number; cause?: unknown },
  ) {
    super(message);
    this.name = 'FreshetError';
    Object.assign(this, extra);
  }
}

/** The server answered with an error status. */
export class FreshetHttpError extends FreshetError {}
/** 401 or 403, or no token could be had. */
export class FreshetAuthError extends FreshetError {}
/** The answer is no event stream. */
export class FreshetContentTypeError extends FreshetError {}
/** An answer that can't be read. */
export class FreshetParseError extends FreshetError {}
/** Nothing came for too long. */
export class FreshetTimeoutError extends FreshetError {}
/** The last retry failed; `cause` has its error. */
export class FreshetExhaustedError extends FreshetError {}
/** Events were lost; the `gap` event has the details. */
export class FreshetGapError extends FreshetError {}

/** @internal anything that was thrown, as a FreshetError */
export function asError(thrown: unknown): FreshetError {
  return thrown instanceof FreshetError
    ? thrown
    : new FreshetError('network', `${(thrown as Error)?.message ?? thrown}`, {
        retryable: true,
        cause: thrown,
      });
}
