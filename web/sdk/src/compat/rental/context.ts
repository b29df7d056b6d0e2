import { createContext, createElement as h, useContext, useMemo, type ReactNode } from 'react';
import { SSEStatus as StatusPanel, SSEStatusCompact as StatusDot } from '../../react/ui/log.js';
import type { FreshetEvent } from '../../types.js';
import type { SSEEventType } from './events.js';
import { useSSE, type UseSSEOptions, type UseSSEResult } from './hooks.js';

const Context = createContext<UseSSEResult | null>(null);

export interface SSEProviderProps extends Pick<UseSSEOptions, 'enabled' | 'maxEvents' | 'showToasts' | 'client'> {
  children?: ReactNode;
}

/** One connection, one history and one set of toasts for the whole application. */
export function SSEProvider({ children, enabled = true, maxEvents = 100, showToasts = true, client = {} }: SSEProviderProps) {
  return h(Context.Provider, { value: useSSE({ enabled, maxEvents, showToasts, client }) }, children);
}

/** What the {@link SSEProvider} holds, with `sendEvent`. */
export function useSSEContext(): UseSSEResult {
  const value = useContext(Context);
  if (!value) throw new Error('useSSEContext needs an SSEProvider above it');
  return value;
}

const eventsHook = (...types: SSEEventType[]) => (): readonly FreshetEvent[] => {
  const { events } = useSSEContext();
  return useMemo(() => events.filter(({ type }) => types.includes(type as SSEEventType)), [events]);
};

export const useRentalEvents = eventsHook('rental_status_updated', 'rental_overdue');
export const usePaymentEvents = eventsHook('payment_received');
export const useMaintenanceEvents = eventsHook('maintenance_required');
export const useEquipmentEvents = eventsHook('maintenance_required', 'equipment_location_updated');
export const useTimesheetEvents = eventsHook('timesheet_updated');
export const usePayrollEvents = eventsHook('payroll_processed');
export const useLeaveEvents = eventsHook('leave_request_updated');
export const useSystemNotifications = eventsHook('system_notification');
export const useSyncProgress = eventsHook('sync_progress');

/** State, controls, history and last error of the provider's connection. */
export function SSEStatus({ showHistory = true }: { showHistory?: boolean }) {
  const { connect, disconnect, reconnect, events, clearEvents, ...connection } = useSSEContext();
  return h(StatusPanel, {
    connection, onConnect: connect, onDisconnect: disconnect, onReconnect: reconnect,
    ...(showHistory && { events, onClear: clearEvents }),
  });
}

export const SSEStatusCompact = () => h(StatusDot, { connection: useSSEContext() });
