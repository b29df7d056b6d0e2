-- The database of car parks: who operates which, what stands in them, who may, what it costs.
-- Times are unix milliseconds; penalties whole units of the operator's currency.

create table operators (
  tenant   text primary key,  -- the wall between two operators
  name     text not null,
  currency text not null check (length(currency) = 3)
);

create table lots (
  id            text primary key,
  tenant        text not null references operators (tenant),
  name          text not null,
  address       text not null,
  total_slots   integer not null check (total_slots between 1 and 100000),
  occupied      integer not null default 0 check (occupied between 0 and 200000),
  warn_percent  integer not null default 90 check (warn_percent between 2 and 100),
  clear_percent integer not null default 85 check (clear_percent between 1 and 99),
  warned        integer not null default 0,  -- what was said of it and isn't over (rules.h)
  grave         integer not null default 0,
  breached      integer not null default 0,
  counted_ms    integer not null default 0,  -- the latest count by a camera: an older one is late
  updated_ms    integer not null,            -- of `occupied`; only ever grows
  check (clear_percent < warn_percent)
);
create index lots_by_tenant on lots (tenant, name);

-- How full a lot was, a row a quarter of a minute in which something changed.
create table counts (
  lot      text not null references lots (id),
  at_ms    integer not null,
  occupied integer not null,
  primary key (lot, at_ms)
) without rowid;

create table devices (
  id              text primary key,  -- the subject of its token
  tenant          text not null references operators (tenant),
  lot             text not null references lots (id),
  kind            text not null check (kind in ('camera', 'gate')),
  name            text not null,
  offline_after_s integer not null default 300 check (offline_after_s > 0),
  last_seen_ms    integer not null default 0,
  offline         integer not null default 0
);
create index devices_by_lot on devices (tenant, lot);

create table contractors (
  id      text primary key,
  tenant  text not null references operators (tenant),
  name    text not null,
  rate    integer not null check (rate >= 0)  -- what a vehicle too many costs
);

create table violations (
  id         integer primary key,
  tenant     text not null references operators (tenant),
  lot        text not null references lots (id),
  contractor text not null references contractors (id),
  type       text not null check (type in ('overparking', 'unauthorized_vehicle', 'capacity_breach')),
  plate      text,                 -- none: of no single vehicle
  allocated  integer not null,
  actual     integer not null,
  excess     integer not null,
  duration_s integer not null default 0,
  penalty    integer not null check (penalty >= 0),
  status     text not null default 'pending' check (status in ('pending', 'acknowledged', 'resolved')),
  created_ms integer not null,
  ended_ms   integer,              -- null: it goes on
  changed_ms integer not null,
  changed_by text
);
create index violations_by_time on violations (tenant, created_ms);

create table allocations (
  contractor text not null references contractors (id),
  lot        text not null references lots (id),
  capacity   integer not null check (capacity between 0 and 100000),
  max_stay_s integer not null default 0 check (max_stay_s >= 0),  -- 0: as long as it likes
  breach     integer references violations (id),                  -- under way
  primary key (contractor, lot)
) without rowid;

create table vehicles (
  tenant     text not null references operators (tenant),
  plate      text not null,
  contractor text not null references contractors (id),
  primary key (tenant, plate)
) without rowid;

create table visits (
  id           integer primary key,
  tenant       text not null references operators (tenant),
  lot          text not null references lots (id),
  plate        text not null,
  contractor   text references contractors (id),
  entered_ms   integer not null,
  exited_ms    integer,                               -- null: it is inside
  duration_s   integer,                               -- null: nobody saw it leave
  overstay     integer references violations (id),
  unauthorized integer references violations (id)
);
create unique index visits_inside on visits (tenant, plate) where exited_ms is null;
create index visits_of_contractors on visits (contractor, lot) where exited_ms is null;
create index visits_by_lot on visits (lot, exited_ms);

create table gate_events (
  id         integer primary key,
  tenant     text not null references operators (tenant),
  lot        text not null references lots (id),
  device     text references devices (id),            -- null: entered by hand
  by_name    text,
  event      text not null check (event in ('vehicle_entry', 'vehicle_exit')),
  plate      text not null,
  contractor text references contractors (id),
  at_ms      integer not null,                        -- when it passed
  told_ms    integer not null,                        -- the lot's updated_ms: the timestamp that was published
  duration_s integer,
  ref        text                                     -- the device's own id of it: sent twice, taken once
);
create index gate_events_by_time on gate_events (tenant, told_ms);
create index gate_events_by_lot on gate_events (lot, told_ms);
create unique index gate_events_once on gate_events (device, ref) where ref is not null;

create table alerts (
  id         integer primary key,
  tenant     text not null references operators (tenant),
  lot        text not null references lots (id),
  type       text not null check (type in
               ('capacity_warning', 'capacity_breach', 'camera_offline', 'violation_detected')),
  severity   text not null check (severity in ('low', 'medium', 'high', 'critical')),
  contractor text references contractors (id),
  device     text references devices (id),
  violation  integer references violations (id),
  message    text not null,
  status     text not null default 'active' check (status in ('active', 'acknowledged', 'resolved')),
  created_ms integer not null,
  changed_ms integer not null,
  changed_by text
);
create index alerts_by_time on alerts (tenant, created_ms);
create index alerts_open on alerts (tenant, lot, type) where status <> 'resolved';
