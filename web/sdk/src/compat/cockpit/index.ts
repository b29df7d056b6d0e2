/** The corporate cockpit's names. */
export { createSSEClient, PollingFallback, type ConnectionState, type PollingFallbackOptions, type SSEClientOptions } from './client';
export {
  useDashboardUpdates, useEvidenceUpdates, useReportUpdates, useSSEConnection, useSSEMessage,
  type SSEConnection, type UseSSEConnectionOptions,
} from './hooks';
export { DashboardWithSSE, useDashboardUpdate, type DashboardUpdate, type DashboardWithSSEProps } from './dashboard';
export { ConnectionStatus, ConnectionStatusBadge, ConnectionStatusBanner, ConnectionStatusCompact } from '../../react/ui/connection';
export { cockpitPreset } from '../../presets';
export { closeSharedClients } from '../shared';
