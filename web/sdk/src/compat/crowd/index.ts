/** The crowd risk engine's names. */
export {
  AlertProvider, DensityProvider, useAlertConnectionState, useAlerts, useDensity, useDensityConnectionState,
  type AlertEvent, type ConnectionState, type DensityReading, type EmergencyMode, type StreamProviderProps,
} from './contexts';
export { errorHandler, type StreamFailure } from './errors';
export { ConnectionStatus, ConnectionStatusCompact } from '../../react/ui/connection';
export { alertPreset, densityPreset } from '../../presets';
export { closeSharedClients } from '../shared';
