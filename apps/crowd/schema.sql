-- Venues, their floor plans, what cameras counted, and what came of it. Times are unix milliseconds,
-- lengths metres. A venue is a tenant: every row names it, and no query goes without it.

create table venues (
  id               text primary key,
  name             text not null,
  width            real not null check (width > 0),   -- of the plan
  depth            real not null check (depth > 0),
  -- When emergency mode is proposed or entered (rules.h, struct crowd_emergency_rules).
  enter_zones      integer not null default 2 check (enter_zones > 0),
  enter_density    real not null default 6 check (enter_density > 0),
  propose_zones    integer not null default 3 check (propose_zones > 0),
  propose_after_ms integer not null default 15000 check (propose_after_ms >= 0),
  automatic        integer not null default 1 check (automatic in (0, 1)),
  ignored          integer not null default 0 check (ignored between 0 and 2) -- enum crowd_danger
);

create table cameras (
  venue text not null references venues (id),
  id    text not null,
  name  text not null,
  primary key (venue, id)
);

create table zones (
  venue      text not null references venues (id),
  id         text not null,
  name       text not null,
  kind       text not null check (kind in ('gate', 'way', 'place')), -- in and out, to pass, to be
  camera     text not null,
  corners    text not null check (json_valid(corners)),  -- [[x,y],...] in metres
  usable     real not null check (usable > 0 and usable <= 1), -- share of the area one can stand on
  warning    real not null,
  high       real not null,
  critical   real not null,
  hysteresis real not null default 0.1,
  hold_ms    integer not null default 3000,
  release_ms integer not null default 8000,
  primary key (venue, id),
  foreign key (venue, camera) references cameras (venue, id)
);

create table fixtures ( -- what is on the plan, and nobody's zone
  venue   text not null references venues (id),
  name    text not null,
  corners text not null check (json_valid(corners)),
  primary key (venue, name)
);

create table passages ( -- between two zones; people walk both ways
  venue text not null references venues (id),
  a     text not null,
  b     text not null,
  width real not null check (width > 0),
  x     real not null,
  y     real not null,
  primary key (venue, a, b),
  foreign key (venue, a) references zones (venue, id),
  foreign key (venue, b) references zones (venue, id)
);

create table counts ( -- the latest of each zone, and what the rules remember of it
  venue      text not null,
  zone       text not null,
  people     integer not null check (people >= 0),
  counted_ms integer not null, -- also of counts that changed nothing
  changed_ms integer not null,
  source     text not null check (source in ('camera', 'manual', 'test')),
  seen       integer not null default 0 check (seen between 0 and 3),
  confirmed  integer not null default 0 check (confirmed between 0 and 3),
  since1     integer not null default 0,
  since2     integer not null default 0,
  since3     integer not null default 0,
  primary key (venue, zone),
  foreign key (venue, zone) references zones (venue, id)
);

create table readings ( -- each change, for a day
  id      integer primary key autoincrement,
  venue   text not null,
  zone    text not null,
  at_ms   integer not null,
  people  integer not null,
  density real not null,
  level   integer not null,
  source  text not null
);
create index readings_by_zone on readings (venue, zone, at_ms);
create index readings_by_time on readings (at_ms);

create table alerts (
  id              integer primary key autoincrement,
  venue           text not null,
  zone            text not null,
  origin          text not null check (origin in ('rule', 'hand')),
  test            integer not null check (test in (0, 1)),
  severity        integer not null check (severity between 1 and 3),
  status          integer not null check (status between 0 and 2), -- enum crowd_alert_status
  message         text not null,
  density         real not null,  -- when it was raised or escalated
  peak            real not null,  -- the highest since
  threshold       real not null,
  raised_ms       integer not null,
  acknowledged_ms integer,
  acknowledged_by text,
  resolved_ms     integer,
  resolved_by     text, -- null: the rules
  foreign key (venue, zone) references zones (venue, id)
);
create unique index alerts_open on alerts (venue, zone) where origin = 'rule' and status < 2;
create index alerts_by_venue on alerts (venue, status, id);

create table emergencies (
  id          integer primary key autoincrement,
  venue       text not null references venues (id),
  status      text not null check (status in ('proposed', 'active', 'over')),
  reason      text not null,
  automatic   integer not null check (automatic in (0, 1)),
  test        integer not null default 0 check (test in (0, 1)),
  proposed_ms integer,
  entered_ms  integer,
  entered_by  text, -- null: the rules
  ended_ms    integer,
  ended_by    text  -- null: the rules withdrew a proposal
);
create unique index emergencies_open on emergencies (venue) where status <> 'over';

create table tests ( -- of the testing controls: while one runs, its zone's cameras are not believed
  venue         text not null,
  zone          text not null,
  kind          text not null check (kind in ('violation', 'breach')),
  level         integer not null check (level between 1 and 3),
  from_people   integer not null,
  to_people     integer not null,
  begin_ms      integer not null,
  end_ms        integer not null,
  next_ms       integer not null,
  started_by    text not null,
  camera_people integer not null, -- the latest real count, to go back to
  camera_source text not null,
  primary key (venue, zone),
  foreign key (venue, zone) references zones (venue, id)
);
