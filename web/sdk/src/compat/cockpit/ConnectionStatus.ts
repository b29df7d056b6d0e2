// The cockpit imports this one as a default
export { ConnectionStatus as default } from '../../react/ui/connection.js';
export { ConnectionStatusBadge, ConnectionStatusBanner, ConnectionStatusCompact } from '../../react/ui/connection.js';
