/** The rental company's names. */
export { createCustomEvent, SSEEvents, SSE_EVENT_TYPES, type SSEEventType } from './events';
export { useSSE, type UseSSEOptions, type UseSSEResult } from './hooks';
export * from './context';
export { rentalPreset } from '../../presets';
export { closeSharedClients } from '../shared';
