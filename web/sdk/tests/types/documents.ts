// The types that the documents list, as they list them.
import type { Alert, CapacityUpdate, Violation } from '../../src/compat/parking.js';
import type { SSEEventType as Offered } from '../../src/compat/rental/index.js';

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
const same = <A, B>(..._: Same<A, B> extends true ? [] : [never]): void => {};
/** One object type for an intersection, so that members are compared and not how they were put together. */
type Plain<T> = { [K in keyof T]: T[K] };

type SSEEventType =
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
same<Offered, SSEEventType>();

same<Plain<CapacityUpdate>, {
  parkingLotId: string;
  totalSlots: number;
  occupied: number;
  empty: number;
  occupancyRate: number;
  timestamp: Date;
  // Optional fields for gate events
  event?: 'vehicle_entry' | 'vehicle_exit';
  plateNumber?: string;
  duration?: number;
}>();

same<Plain<Alert>, {
  _id: string;
  type: 'capacity_warning' | 'capacity_breach' | 'camera_offline' | 'violation_detected';
  severity: 'low' | 'medium' | 'high' | 'critical';
  parkingLotId: string;
  contractorId?: string;
  message: string;
  status: 'active' | 'acknowledged' | 'resolved';
  createdAt: Date;
}>();

same<Plain<Violation>, {
  _id: string;
  contractorId: string;
  parkingLotId: string;
  violationType: 'overparking' | 'unauthorized_vehicle' | 'capacity_breach';
  timestamp: Date;
  details: {
    allocatedCapacity: number;
    actualOccupancy: number;
    excessVehicles: number;
    duration: number;
  };
  penalty: number;
  status: 'pending' | 'acknowledged' | 'resolved';
}>();
