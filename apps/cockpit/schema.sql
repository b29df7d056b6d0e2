-- The cockpit's data. Days are "2026-01-21" (UTC), money is cents, scores are 0 to 1.
create table companies (
  id           text primary key,
  name         text not null,
  currency     text not null default 'EUR',
  hour_cents   integer not null check (hour_cents > 0),  -- what an hour of volunteering is worth
  target_hours integer not null check (target_hours > 0) -- of a volunteer in a year
) strict;

-- Who volunteers, by pseudonym: no names are needed for any figure.
create table volunteers (
  company_id text not null references companies (id),
  id         text not null,
  primary key (company_id, id)
) strict, without rowid;

create table activities (
  id              integer primary key,
  company_id      text not null references companies (id),
  title           text not null check (length(title) between 1 and 120),
  program         text not null check (program in ('language', 'mentorship', 'upskilling', 'buddy')),
  day             text not null,                                -- it starts
  cost_cents      integer not null check (cost_cents >= 0),
  places          integer not null check (places > 0),         -- participants
  planned_minutes integer not null check (planned_minutes > 0)
) strict;
create index activities_by_day on activities (company_id, day);

create table hours (
  id           integer primary key,
  company_id   text not null,
  volunteer_id text not null,
  activity_id  integer not null references activities (id),
  day          text not null,
  minutes      integer not null check (minutes between 15 and 720),
  logged_ms    integer not null,
  foreign key (company_id, volunteer_id) references volunteers (company_id, id)
) strict;
create index hours_by_day on hours (company_id, day, volunteer_id, minutes);
create index hours_by_activity on hours (activity_id, minutes);

-- A participant answers before and after an activity: up to five ratings, and a text. `confidence`
-- of what the rules read in the text is null until they have; a dimension without a rating takes
-- the text's score where they are sure.
create table questionnaires (
  id            integer primary key,
  company_id    text not null references companies (id),
  activity_id   integer not null references activities (id),
  participant   text not null check (length(participant) between 1 and 40),
  phase         text not null check (phase in ('before', 'after')),
  day           text not null,
  answer        text not null default '' check (length(answer) <= 1000),
  confidence    real, -- the five scores
  belonging     real,
  language      real,
  job_readiness real,
  well_being    real,
  read_dimension  text,
  read_score      real,
  read_confidence real,
  created_ms    integer not null,
  unique (activity_id, participant, phase)
) strict;
create index questionnaires_by_day on questionnaires (company_id, phase, day);
create index questionnaires_unread on questionnaires (id) where read_confidence is null;

create table evidence (
  id          integer primary key,
  company_id  text not null references companies (id),
  activity_id integer not null references activities (id),
  kind        text not null check (kind in ('quote', 'observation', 'document')),
  text        text not null check (length(text) between 1 and 1000),
  day         text not null,
  status      text not null default 'new' check (status in ('new', 'classified', 'review', 'verified', 'rejected')),
  dimension   text,
  score       real,
  confidence  real, -- null until the rules have read it
  created_ms  integer not null,
  updated_ms  integer not null
) strict;
create index evidence_by_company on evidence (company_id, id);
create index evidence_by_day on evidence (company_id, day);
create index evidence_unread on evidence (id) where confidence is null;

create table reports (
  id         integer primary key,
  company_id text not null references companies (id),
  period     text not null, -- 2026 or 2026-Q3
  status     text not null default 'queued' check (status in ('queued', 'running', 'ready', 'failed')),
  done       integer not null default 0, -- sections made
  content    text not null default '{}', -- JSON: section -> figures
  reason     text,                       -- why it failed
  created_ms integer not null,
  ended_ms   integer
) strict;
create index reports_by_company on reports (company_id, id);
create unique index reports_under_way on reports (company_id, period) where status in ('queued', 'running');
create index reports_to_do on reports (id) where status in ('queued', 'running');
