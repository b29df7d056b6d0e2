/** What the server answers; money is cents, engine hours are tenths, days are YYYY-MM-DD. */
export type RentalStatus = 'pending' | 'confirmed' | 'active' | 'overdue' | 'completed' | 'cancelled';

export interface Rental {
  id: number;
  status: RentalStatus;
  start_on: string;
  due_on: string;
  returned_on: string | null;
  day_rate: number;
  customer_id: number;
  customer: string;
  equipment_id: number;
  equipment: string;
  updated_at: number;
  updated_by: string;
  owed: number;
  paid: number;
  balance: number;
  days_overdue: number;
}

export interface Place {
  id: number;
  code: string;
  name: string;
  site: string;
  lat: number;
  lon: number;
  out: boolean;
  order_open: boolean;
}

export interface Run {
  id: number;
  task: string;
  total: number;
  done: number;
  changed: number;
  started_at: number;
  finished_at: number | null;
}

export interface NoticeRow {
  id: number;
  level: 'info' | 'warning' | 'error';
  message: string;
  at: number;
  by: string;
}

export interface Metrics {
  equipment: number;
  equipment_out: number;
  orders_open: number;
  paid_today: number;
  timesheets_waiting: number;
  leaves_waiting: number;
  customers: number;
  customers_suspended: number;
  rentals_active: number;
  rentals_overdue: number;
  rentals_pending: number;
  rentals_confirmed: number;
  outstanding: number;
}

export interface Overview {
  today: string;
  company: { id: string; name: string; currency: string; yard: string; lat: number; lon: number };
  metrics: Metrics;
  overdue: Rental[];
  categories: { category: string; equipment: number; out: number }[];
  syncs: Run[];
  notices: NoticeRow[];
  equipment: Place[];
}

export interface Machine extends Omit<Place, 'out'> {
  category: string;
  day_rate: number;
  located_at: number;
  hours: number;
  service_every: number;
  serviced_at: number;
  hours_left: number;
  rental_id: number | null;
  due_on: string | null;
  customer: string | null;
  state: 'available' | 'reserved' | 'rented' | 'maintenance';
}

export interface Order {
  id: number;
  equipment_id: number;
  equipment: string;
  kind: 'service' | 'defect';
  description: string;
  status: 'open' | 'done';
  opened_at: number;
  opened_by: string;
  done_at: number | null;
  done_by: string | null;
}

export interface Employee {
  id: number;
  code: string;
  name: string;
  title: string;
  hourly: number;
  leave_days: number;
  leave_taken: number;
}

export interface Timesheet {
  id: number;
  employee_id: number;
  employee: string;
  day: string;
  minutes: number;
  status: 'submitted' | 'approved' | 'rejected' | 'paid';
}

export interface Leave {
  id: number;
  employee: string;
  kind: 'annual' | 'sick' | 'unpaid';
  from_on: string;
  to_on: string;
  days: number;
  status: 'requested' | 'approved' | 'rejected' | 'cancelled';
}

export interface Payroll {
  id: number;
  period: string;
  employees: number;
  minutes: number;
  overtime: number;
  total: number;
  run_at: number;
  run_by: string;
}

export interface People {
  employees: Employee[];
  timesheets: Timesheet[];
  leaves: Leave[];
  preview: Omit<Payroll, 'id' | 'run_at' | 'run_by'>;
  payrolls: Payroll[];
  currency: string;
}

export interface Customer {
  id: number;
  code: string;
  name: string;
  city: string;
  email: string;
  credit_limit: number;
  status: 'active' | 'suspended';
  synced_at: number;
  out: number;
  open: number;
}
