// It brings no types of its own
declare module 'event-source-polyfill' {
  export const EventSourcePolyfill: typeof EventSource;
}
