-- Two companies as they stand on the day this is run: fleets, customers, rentals under way, hours
-- of the last two weeks.
begin;

insert into companies (id, name, currency, weekend, yard, lat, lon) values
  ('dune-rental', 'Dune Equipment Rental', 'SAR', 96, 'Dammam yard', 26.3927, 49.9777),  -- Friday, Saturday
  ('fjord-hire',  'Fjord Plant Hire',      'NOK', 65, 'Bergen yard', 60.3913, 5.3221);   -- Saturday, Sunday

with names (t, code, name, city, credit) as (values
  ('dune-rental', 'C-1001', 'Al Noor Contracting',     'Dammam',   6000000),
  ('dune-rental', 'C-1002', 'Eastern Pipeline Works',  'Jubail',   9000000),
  ('dune-rental', 'C-1003', 'Half Moon Bay Hotels',    'Al Khobar', 2500000),
  ('dune-rental', 'C-1004', 'Qatif Road Building',     'Qatif',    5000000),
  ('dune-rental', 'C-1005', 'Red Palm Landscaping',    'Dhahran',  1200000),
  ('dune-rental', 'C-1006', 'Jubail Steel Fabricators', 'Jubail',  7500000),
  ('dune-rental', 'C-1007', 'Oasis Water Systems',     'Hofuf',    3000000),
  ('dune-rental', 'C-1008', 'Gulf Crane and Rigging',  'Dammam',   8000000),
  ('fjord-hire',  'K-201',  'Vestland Bygg',           'Bergen',   5000000),
  ('fjord-hire',  'K-202',  'Nordsjo Marine',          'Askoy',    4000000),
  ('fjord-hire',  'K-203',  'Fana Anlegg',             'Fana',     3000000),
  ('fjord-hire',  'K-204',  'Sotra Tunnel',            'Sotra',    9000000)
)
insert into customers (tenant, code, name, city, email, credit_limit, revision, synced_at)
select t, code, name, city, 'accounts@' || lower(replace(name, ' ', '-')) || '.example', credit, 1,
       unixepoch('now', '-1 day') * 1000
from names;

-- Around the yard, some kilometres apart; hours in tenths, a few close to their next service.
with fleet (t, code, name, category, rate, hours, every, serviced, dlat, dlon, site) as (values
  ('dune-rental', 'EX-01', 'Excavator XC-200',     'Excavators', 145000, 41230, 2500, 40000,  0.010,  0.020, 'Al Noor tower site'),
  ('dune-rental', 'EX-02', 'Excavator XC-200',     'Excavators', 145000, 18870, 2500, 17500, -0.020,  0.040, 'Corniche works'),
  ('dune-rental', 'EX-03', 'Excavator XC-350',     'Excavators', 210000, 9440,  2500, 7600,   0,      0,     'Dammam yard'),
  ('dune-rental', 'WL-01', 'Wheel loader L90',     'Loaders',    120000, 30110, 2500, 27700,  0.030, -0.030, 'Qatif interchange'),
  ('dune-rental', 'WL-02', 'Wheel loader L120',    'Loaders',    138000, 12050, 2500, 10000,  0,      0,     'Dammam yard'),
  ('dune-rental', 'CR-01', 'Mobile crane 50 t',    'Cranes',     320000, 22480, 2000, 20500,  0.060, -0.050, 'Jubail jetty'),
  ('dune-rental', 'CR-02', 'Mobile crane 80 t',    'Cranes',     460000, 7760,  2000, 6000,   0.050,  0.010, 'Refinery unit 4'),
  ('dune-rental', 'GN-01', 'Generator 250 kVA',    'Power',       52000, 60310, 5000, 57000, -0.030,  0.030, 'Half Moon Bay'),
  ('dune-rental', 'GN-02', 'Generator 500 kVA',    'Power',       87000, 15220, 5000, 12000,  0,      0,     'Dammam yard'),
  ('dune-rental', 'AW-01', 'Boom lift 20 m',       'Access',      48000, 8050,  1500, 7000,   0.020, -0.020, 'Dhahran campus'),
  ('dune-rental', 'AW-02', 'Scissor lift 12 m',    'Access',      26000, 4410,  1500, 3000,   0,      0,     'Dammam yard'),
  ('dune-rental', 'TL-01', 'Tower light 9 m',      'Power',        9500, 2210,  5000, 0,       0,      0,     'Dammam yard'),
  ('dune-rental', 'TL-02', 'Tower light 9 m',      'Power',        9500, 1840,  5000, 0,       0,      0,     'Dammam yard'),
  ('dune-rental', 'RL-01', 'Roller 12 t',          'Compaction',  69000, 11900, 2000, 10000, -0.010, -0.010, 'Qatif ring road'),
  ('fjord-hire',  'G-1',   'Mini digger 2.5 t',    'Diggers',     98000, 8240,  1000, 7600,   0.010,  0.020, 'Fana school'),
  ('fjord-hire',  'G-2',   'Digger 8 t',           'Diggers',    185000, 15200, 2500, 13000, -0.020, -0.030, 'Sotra portal'),
  ('fjord-hire',  'D-1',   'Dump truck 10 t',      'Haulage',    160000, 20010, 2500, 18000,  0.020, -0.010, 'Sotra portal'),
  ('fjord-hire',  'L-1',   'Telehandler 14 m',     'Lifting',    150000, 6300,  2000, 5000,   0,      0,     'Bergen yard'),
  ('fjord-hire',  'L-2',   'Boom lift 16 m',       'Lifting',    110000, 3110,  1500, 2000,   0,      0,     'Bergen yard'),
  ('fjord-hire',  'P-1',   'Compressor 10 m3',     'Power',       60000, 9020,  2000, 7700,   0.010, -0.020, 'Askoy quay')
)
insert into equipment (tenant, code, name, category, day_rate, hours, service_every, serviced_at, lat, lon, site, located_at)
select t, code, fleet.name, category, rate, hours, every, serviced, lat + dlat, lon + dlon, site,
       unixepoch('now', '-1 hour') * 1000
from fleet join companies on companies.id = t;

-- Day 0 is today. Some are past their due day already: the dates make them overdue, not this file.
with plan (t, c, e, status, starts, due, back) as (values
  ('dune-rental', 'C-1001', 'EX-01', 'active',    -12,  9, null),
  ('dune-rental', 'C-1003', 'GN-01', 'active',    -9,  -2, null),
  ('dune-rental', 'C-1004', 'WL-01', 'active',    -6,   8, null),
  ('dune-rental', 'C-1002', 'CR-01', 'active',    -4,  12, null),
  ('dune-rental', 'C-1006', 'CR-02', 'active',    -3,   4, null),
  ('dune-rental', 'C-1005', 'AW-01', 'active',    -8,  -1, null),
  ('dune-rental', 'C-1004', 'RL-01', 'active',    -2,   5, null),
  ('dune-rental', 'C-1007', 'EX-02', 'active',    -1,   6, null),
  ('dune-rental', 'C-1008', 'EX-03', 'confirmed',  1,   8, null),
  ('dune-rental', 'C-1002', 'GN-02', 'confirmed',  2,  16, null),
  ('dune-rental', 'C-1006', 'WL-02', 'pending',    3,  10, null),
  ('dune-rental', 'C-1005', 'AW-02', 'pending',    1,   4, null),
  ('dune-rental', 'C-1007', 'WL-02', 'completed', -20, -11, -11),
  ('dune-rental', 'C-1008', 'CR-02', 'completed', -18,  -9, -8),
  ('fjord-hire',  'K-204',  'G-2',   'active',    -10,  10, null),
  ('fjord-hire',  'K-204',  'D-1',   'active',    -10,  -1, null),
  ('fjord-hire',  'K-203',  'G-1',   'active',    -3,   4, null),
  ('fjord-hire',  'K-202',  'P-1',   'active',    -2,   6, null),
  ('fjord-hire',  'K-201',  'L-1',   'confirmed',  1,   5, null),
  ('fjord-hire',  'K-201',  'L-2',   'pending',    2,   6, null)
)
insert into rentals (tenant, customer_id, equipment_id, status, start_on, due_on, returned_on, day_rate, updated_at, updated_by)
select t, customers.id, equipment.id, plan.status, date('now', starts || ' days'), date('now', due || ' days'),
       iif(back is null, null, date('now', back || ' days')), day_rate, unixepoch('now', '-1 hour') * 1000, 'opening balance'
from plan
join customers on customers.tenant = t and customers.code = c
join equipment on equipment.tenant = t and equipment.code = e
order by starts, e;

-- Half of what was agreed on is paid for what is out, all of it for what is back in time.
insert into payments (tenant, rental_id, amount, method, received_at, received_by)
select tenant, id,
       iif(status = 'completed', 1.0, 0.5) * (julianday(due_on) - julianday(start_on) + 1) * day_rate,
       iif(id % 2, 'bank_transfer', 'credit_card'), unixepoch(start_on) * 1000 + 36000000, 'opening balance'
from rentals where status in ('active', 'completed');

insert into orders (tenant, equipment_id, kind, description, opened_at, opened_by)
select tenant, id, 'defect', 'Hydraulic hose leaks at the boom', unixepoch('now', '-20 hours') * 1000, 'opening balance'
from equipment where code in ('AW-02', 'L-2');

insert into employees (tenant, code, name, title, hourly, leave_days) values
  ('dune-rental', 'E-01', 'Amal Haddad',    'Crane operator',   6200, 22),
  ('dune-rental', 'E-02', 'Bashir Omar',    'Excavator operator', 5400, 22),
  ('dune-rental', 'E-03', 'Carlo Reyes',    'Mechanic',         5000, 21),
  ('dune-rental', 'E-04', 'Dina Farouk',    'Dispatcher',       5800, 24),
  ('dune-rental', 'E-05', 'Emeka Obi',      'Driver',           4200, 21),
  ('dune-rental', 'E-06', 'Farida Aziz',    'Yard manager',     7400, 26),
  ('dune-rental', 'E-07', 'Gopal Nair',     'Mechanic',         5100, 21),
  ('fjord-hire',  'F-1',  'Ingrid Solheim', 'Yard manager',    38000, 25),
  ('fjord-hire',  'F-2',  'Jonas Berge',    'Operator',        31000, 25),
  ('fjord-hire',  'F-3',  'Kari Moen',      'Mechanic',        33000, 25),
  ('fjord-hire',  'F-4',  'Lars Eide',      'Driver',          29000, 25);

-- The last fourteen days but weekends; the latest still wait for approval.
with recursive days (n) as (values (1) union all select n + 1 from days where n < 14)
insert into timesheets (tenant, employee_id, day, minutes, status, updated_at)
select e.tenant, e.id, date('now', -n || ' days'), 450 + (e.id * 7 + n * 3) % 5 * 30,
       iif(n <= 3, 'submitted', 'approved'), unixepoch('now', -n || ' days') * 1000
from employees e join companies c on c.id = e.tenant, days
where not (c.weekend >> cast(strftime('%w', 'now', -n || ' days') as integer) & 1)
order by n desc, e.id;

insert into leaves (tenant, employee_id, kind, from_on, to_on, days, status, updated_at)
select tenant, id, 'annual', date('now', '+21 days'), date('now', '+27 days'), 5,
       iif(code in ('E-02', 'F-2'), 'requested', 'approved'), unixepoch('now', '-2 days') * 1000
from employees where code in ('E-02', 'E-05', 'F-2');

insert into notices (tenant, level, message, at, by) values
  ('dune-rental', 'info', 'The yard closes at 18:00 on Thursday', unixepoch('now', '-1 day') * 1000, 'opening balance'),
  ('fjord-hire',  'info', 'New forklift certificates are in the office', unixepoch('now', '-1 day') * 1000, 'opening balance');

commit;
