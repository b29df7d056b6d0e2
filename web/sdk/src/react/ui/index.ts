export {
  ConnectionStatus, ConnectionStatusBadge, ConnectionStatusBanner, ConnectionStatusCompact,
  type ConnectionStatusBannerProps, type ConnectionStatusProps,
} from './connection';
export { EventLog, SSEStatus, SSEStatusCompact, Toaster, type EventLogProps, type SSEStatusProps, type ToasterProps } from './log';
export type { ConnectionLike, StatusProps } from './status';
