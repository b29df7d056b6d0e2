export {
  ConnectionStatus, ConnectionStatusBadge, ConnectionStatusBanner, ConnectionStatusCompact,
  type ConnectionStatusBannerProps, type ConnectionStatusProps,
} from './connection.js';
export { EventLog, SSEStatus, SSEStatusCompact, Toaster, type EventLogProps, type SSEStatusProps, type ToasterProps } from './log.js';
export type { ConnectionLike, StatusProps } from './status.js';
