/** The rental company's names. */
export { rentalClient, createCustomEvent, SSEEvents, SSE_EVENT_TYPES, type SSEEventType } from './events.js';
export { useSSE, type UseSSEOptions, type UseSSEResult } from './hooks.js';
export * from './context.js';
export { rentalPreset } from '../../presets.js';
export { closeSharedClients } from '../shared.js';
