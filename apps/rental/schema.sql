-- Equipment rental: companies and what belongs to each. Money is whole cents, engine hours are
-- tenths of an hour, working time is whole minutes, days are YYYY-MM-DD (UTC), moments are unix ms.
pragma journal_mode = wal;

create table companies (
  id       text primary key,   -- the tenant: the wall between two companies
  name     text not null,
  currency text not null,
  weekend  integer not null,   -- bit 0 is Sunday
  yard     text not null,
  lat      real not null,
  lon      real not null
);

create table customers (
  id           integer primary key,
  tenant       text not null references companies (id),
  code         text not null,  -- the customer's number in the company's own books
  name         text not null,
  city         text not null,
  email        text not null,
  credit_limit integer not null check (credit_limit >= 0),
  status       text not null default 'active' check (status in ('active', 'suspended')),
  revision     integer not null default 1,  -- of the books: an older one never overwrites
  synced_at    integer not null,
  unique (tenant, code)
);

create table equipment (
  id            integer primary key,
  tenant        text not null references companies (id),
  code          text not null,
  name          text not null,
  category      text not null,
  day_rate      integer not null check (day_rate > 0),
  site          text not null,
  lat           real not null check (lat between -90 and 90),
  lon           real not null check (lon between -180 and 180),
  located_at    integer not null,
  hours         integer not null default 0 check (hours >= 0),
  service_every integer not null default 2500,
  serviced_at   integer not null default 0,  -- engine hours at the last service
  unique (tenant, code)
);

create table rentals (
  id           integer primary key,
  tenant       text not null references companies (id),
  customer_id  integer not null references customers (id),
  equipment_id integer not null references equipment (id),
  status       text not null check (status in ('pending', 'confirmed', 'active', 'overdue', 'completed', 'cancelled')),
  start_on     text not null,
  due_on       text not null,
  returned_on  text,
  day_rate     integer not null check (day_rate > 0),
  overdue_told integer not null default 0,   -- days overdue that were told last
  updated_at   integer not null,
  updated_by   text not null,
  check (start_on <= due_on)
);
create index rentals_by_tenant on rentals (tenant, status);
create index rentals_by_equipment on rentals (equipment_id, status);
create index rentals_by_customer on rentals (customer_id);
create index rentals_by_date on rentals (status, due_on);

create table payments (
  id          integer primary key,
  tenant      text not null references companies (id),
  rental_id   integer not null references rentals (id),
  amount      integer not null check (amount > 0),
  method      text not null check (method in ('credit_card', 'bank_transfer', 'cash', 'cheque')),
  received_at integer not null,
  received_by text not null
);
create index payments_by_rental on payments (rental_id);
create index payments_by_time on payments (tenant, received_at);

create table orders (              -- of the workshop
  id           integer primary key,
  tenant       text not null references companies (id),
  equipment_id integer not null references equipment (id),
  kind         text not null check (kind in ('service', 'defect')),
  description  text not null,
  status       text not null default 'open' check (status in ('open', 'done')),
  opened_at    integer not null,
  opened_by    text not null,
  done_at      integer,
  done_by      text
);
create index orders_by_equipment on orders (equipment_id, status);
create index orders_by_tenant on orders (tenant, status);
-- One service at a time: hours go on counting while the order waits.
create unique index one_service on orders (equipment_id) where kind = 'service' and status = 'open';

create table employees (
  id         integer primary key,
  tenant     text not null references companies (id),
  code       text not null,
  name       text not null,
  title      text not null,
  hourly     integer not null check (hourly > 0),
  leave_days integer not null check (leave_days >= 0),  -- of a year
  unique (tenant, code)
);

create table payrolls (
  id         integer primary key,
  tenant     text not null references companies (id),
  period     text not null,  -- YYYY-MM
  employees  integer not null,
  minutes    integer not null,
  overtime   integer not null,
  total      integer not null,
  run_at     integer not null,
  run_by     text not null
);
create index payrolls_by_tenant on payrolls (tenant, period);

create table timesheets (
  id          integer primary key,
  tenant      text not null references companies (id),
  employee_id integer not null references employees (id),
  day         text not null,
  minutes     integer not null check (minutes between 15 and 960),
  status      text not null default 'submitted' check (status in ('submitted', 'approved', 'rejected', 'paid')),
  payroll_id  integer references payrolls (id),
  updated_at  integer not null,
  unique (employee_id, day),
  check ((status = 'paid') = (payroll_id is not null))
);
create index timesheets_by_tenant on timesheets (tenant, status, day);

create table leaves (
  id          integer primary key,
  tenant      text not null references companies (id),
  employee_id integer not null references employees (id),
  kind        text not null check (kind in ('annual', 'sick', 'unpaid')),
  from_on     text not null,
  to_on       text not null,
  days        integer not null check (days > 0),  -- working days
  status      text not null default 'requested' check (status in ('requested', 'approved', 'rejected', 'cancelled')),
  updated_at  integer not null,
  check (from_on <= to_on)
);
create index leaves_by_tenant on leaves (tenant, status);
create index leaves_by_employee on leaves (employee_id, status);

create table syncs (
  id          integer primary key,
  tenant      text not null references companies (id),
  task        text not null,
  total       integer not null check (total > 0),
  done        integer not null default 0,
  changed     integer not null default 0,
  started_at  integer not null,
  finished_at integer,
  check (done <= total)
);
create index syncs_by_tenant on syncs (tenant, id);

create table notices (
  id      integer primary key,
  tenant  text not null references companies (id),
  level   text not null check (level in ('info', 'warning', 'error')),
  message text not null,
  at      integer not null,
  by      text not null
);
create index notices_by_tenant on notices (tenant, id);
