export interface StreamFailure {
  error: unknown;
  source: string;
  context: Record<string, unknown>;
  time: number;
}

const listeners = new Set<(failure: StreamFailure) => void>();

/** Where failures of the streams go: logged, and passed on to those who listen. */
export const errorHandler = {
  handleDataStreamError(error: unknown, source: string, context: Record<string, unknown> = {}): void {
    console.error(`[${source}]`, error, context);
    const failure = { error, source, context, time: Date.now() };
    listeners.forEach((listener) => listener(failure));
  },
  onError(listener: (failure: StreamFailure) => void): () => void {
    listeners.add(listener);
    return () => void listeners.delete(listener);
  },
};
