import { createContext, createElement as h, useContext, useState, type ReactNode } from 'react';
import { ConnectionStatus, ConnectionStatusBanner } from '../../react/ui/connection.js';
import type { FreshetEvent } from '../../types.js';
import { useSSEConnection, useSSEMessage, type SSEConnection } from './hooks.js';

/** What a `dashboard-update` tells. */
export interface DashboardUpdate {
  /** The widgets that are to be fetched anew. */
  widgets?: string[];
  reason?: string;
  timestamp?: string;
  [member: string]: unknown;
}

const Context = createContext<SSEConnection | null>(null);

export interface DashboardWithSSEProps {
  companyId: string;
  /** Default `dashboard-updates`. */
  channel?: string;
  /** Default `true`. */
  showStatus?: boolean;
  /** Default `true`. */
  enablePollingFallback?: boolean;
  children?: ReactNode;
}

/** A dashboard with one connection for all of its widgets, and the state of it in the corner. */
export function DashboardWithSSE(props: DashboardWithSSEProps) {
  const { companyId, channel = 'dashboard-updates', showStatus = true, enablePollingFallback = true, children } = props;
  const connection = useSSEConnection({ companyId, channel, enablePollingFallback });
  const [banner, setBanner] = useState(true);
  const broken = connection.status === 'failed';
  return h(Context.Provider, { value: connection },
    showStatus && h(ConnectionStatus, { connection, position: 'top-right', showDetails: true }),
    showStatus && broken && banner && h(ConnectionStatusBanner, { connection, onDismiss: () => setBanner(false) }),
    children);
}

/** Calls back for each update of the dashboard around this widget. */
export function useDashboardUpdate<Data = DashboardUpdate>(callback: (update: Data, event: FreshetEvent) => void): SSEConnection {
  const connection = useContext(Context);
  if (!connection) throw new Error('useDashboardUpdate needs a DashboardWithSSE above it');
  useSSEMessage<Data>(connection, 'dashboard-update', callback);
  return connection;
}
