/** The corporate cockpit's names. */
export { createSSEClient, PollingFallback, type ConnectionState, type PollingFallbackOptions, type SSEClientOptions } from './client.js';
export {
  useDashboardUpdates, useEvidenceUpdates, useReportUpdates, useSSEConnection, useSSEMessage,
  type SSEConnection, type UseSSEConnectionOptions,
} from './hooks.js';
export { DashboardWithSSE, useDashboardUpdate, type DashboardUpdate, type DashboardWithSSEProps } from './dashboard.js';
export { ConnectionStatus, ConnectionStatusBadge, ConnectionStatusBanner, ConnectionStatusCompact } from '../../react/ui/connection.js';
export { cockpitPreset } from '../../presets.js';
export { closeSharedClients } from '../shared.js';
