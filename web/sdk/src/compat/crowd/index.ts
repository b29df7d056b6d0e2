/** The crowd risk engine's names. */
export {
  AlertProvider, DensityProvider, useAlertConnectionState, useAlerts, useDensity, useDensityConnectionState,
  type AlertEvent, type ConnectionState, type DensityReading, type EmergencyMode, type StreamProviderProps,
} from './contexts.js';
export { errorHandler, type StreamFailure } from './errors.js';
export { ConnectionStatus, ConnectionStatusCompact } from '../../react/ui/connection.js';
export { alertPreset, densityPreset } from '../../presets.js';
export { closeSharedClients } from '../shared.js';
