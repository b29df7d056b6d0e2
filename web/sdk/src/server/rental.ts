/** The ten events of the rental company. */
export type SSEEventType =
  | 'rental_status_updated'
  | 'payment_received'
  | 'maintenance_required'
  | 'rental_overdue'
  | 'equipment_location_updated'
  | 'timesheet_updated'
  | 'payroll_processed'
  | 'leave_request_updated'
  | 'system_notification'
  | 'sync_progress';

export type CreateEvent = (type: SSEEventType, data: unknown) => Promise<string | null>;

/** One function per event, on top of one that publishes. */
export const makeEvents = (create: CreateEvent) => ({
  rentalStatusUpdated: (rental_id: number | string, status: string, updated_by?: string) =>
    create('rental_status_updated', { rental_id, status, updated_by }),
  paymentReceived: (rental_id: number | string, amount: number, method?: string) =>
    create('payment_received', { rental_id, amount, method }),
  maintenanceRequired: (equipment: string, description: string) => create('maintenance_required', { equipment, description }),
  rentalOverdue: (rental_id: number | string, days_overdue: number, customer?: string) =>
    create('rental_overdue', { rental_id, days_overdue, customer }),
  equipmentLocationUpdated: (equipment: string, location: unknown) => create('equipment_location_updated', { equipment, location }),
  timesheetUpdated: (timesheet_id: number | string, status: string, employee?: string) =>
    create('timesheet_updated', { timesheet_id, status, employee }),
  payrollProcessed: (period: string, employees: number, total?: number) => create('payroll_processed', { period, employees, total }),
  leaveRequestUpdated: (request_id: number | string, status: string, employee?: string) =>
    create('leave_request_updated', { request_id, status, employee }),
  systemNotification: (message: string, level: 'info' | 'warning' | 'error' = 'info') => create('system_notification', { message, level }),
  syncProgress: (task: string, progress: number, total?: number) => create('sync_progress', { task, progress, total }),
});
