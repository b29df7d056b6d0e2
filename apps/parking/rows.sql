-- Two operators at the moment they begin: their lots with the cars that stand there, their devices,
-- and the contractors they let places to. What happens from here on is told by cameras and gates.
insert into operators values ('citypark', 'City Park', 'EUR'), ('quayside', 'Quayside Parking', 'EUR');

insert into lots (id, tenant, name, address, total_slots, updated_ms) values
  ('lot_central', 'citypark', 'Central Station', 'Station Road 1',  60, 0),
  ('lot_market',  'citypark', 'Market Square',   'Market Square 12', 40, 0),
  ('lot_museum',  'citypark', 'Museum Garden',   'Linden Avenue 3', 32, 0),
  ('lot_ring',    'citypark', 'North Ring P+R',  'Ring Road 88',   120, 0),
  ('lot_pier',    'quayside', 'Pier 7',          'Harbour Front 7', 50, 0),
  ('lot_fish',    'quayside', 'Fish Market',     'Net Street 2',    24, 0),
  ('lot_cruise',  'quayside', 'Cruise Terminal', 'Terminal Way 1',  90, 0);

-- Two cameras and a gate a lot; the small lots have one camera.
insert into devices (id, tenant, lot, kind, name, offline_after_s)
  select 'cam-' || substr(id, 5) || '-1', tenant, id, 'camera', 'North camera', 15 from lots
  union all
  select 'cam-' || substr(id, 5) || '-2', tenant, id, 'camera', 'South camera', 15 from lots where total_slots >= 40
  union all
  select 'gate-' || substr(id, 5), tenant, id, 'gate', 'Main gate', 300 from lots;

insert into contractors (id, tenant, name, rate) values
  ('con_swift',  'citypark', 'Swift Couriers',      25),
  ('con_medi',   'citypark', 'MediCare Visits',     40),
  ('con_bright', 'citypark', 'Brightway Cleaning',  20),
  ('con_pilots', 'quayside', 'Harbour Pilots',      45),
  ('con_frost',  'quayside', 'Frostline Logistics', 30),
  ('con_isla',   'quayside', 'Isla Tours',          25);

insert into allocations (contractor, lot, capacity, max_stay_s) values
  ('con_swift',  'lot_central', 5, 900),  ('con_swift',  'lot_market', 4, 900),
  ('con_medi',   'lot_museum',  5, 0),    ('con_medi',   'lot_central', 3, 14400),
  ('con_bright', 'lot_ring',    8, 0),    ('con_bright', 'lot_market', 3, 7200),
  ('con_pilots', 'lot_pier',    6, 0),
  ('con_frost',  'lot_fish',    4, 900),  ('con_frost',  'lot_cruise', 5, 3600),
  ('con_isla',   'lot_cruise', 10, 0),    ('con_isla',   'lot_pier',   3, 14400);

-- Their vehicles.
insert into vehicles (tenant, plate, contractor)
  with fleet (contractor, prefix, size) as (values
      ('con_swift', 'SWF', 16), ('con_medi', 'MED', 14), ('con_bright', 'BRW', 18),
      ('con_pilots', 'PIL', 12), ('con_frost', 'FRL', 16), ('con_isla', 'ISL', 20)),
    n (i) as (select 1 union all select i + 1 from n where i < 20)
  select c.tenant, printf('%s %02d', f.prefix, n.i), c.id
  from fleet f join n on n.i <= f.size join contractors c on c.id = f.contractor;

-- The cars that are inside: of contractors first, then of the public.
insert into visits (tenant, lot, plate, contractor, entered_ms)
  with inside (lot, prefix, first, last) as (values
      ('lot_central', 'SWF', 1, 4), ('lot_market', 'SWF', 5, 7), ('lot_museum', 'MED', 1, 4),
      ('lot_central', 'MED', 5, 6), ('lot_ring', 'BRW', 1, 7), ('lot_market', 'BRW', 8, 9),
      ('lot_pier', 'PIL', 1, 5), ('lot_fish', 'FRL', 1, 3), ('lot_cruise', 'FRL', 4, 7),
      ('lot_cruise', 'ISL', 1, 8), ('lot_pier', 'ISL', 9, 10)),
    n (i) as (select 1 union all select i + 1 from n where i < 20)
  select l.tenant, l.id, v.plate, v.contractor,
         cast((julianday('now') - 2440587.5) * 86400000 as integer) - 60000 * (2 + n.i)
  from inside s join n on n.i between s.first and s.last join lots l on l.id = s.lot
    join vehicles v on v.tenant = l.tenant and v.plate = printf('%s %02d', s.prefix, n.i);

insert into visits (tenant, lot, plate, entered_ms)
  with cars (lot, count) as (values
      ('lot_central', 43), ('lot_market', 27), ('lot_museum', 16), ('lot_ring', 62),
      ('lot_pier', 34), ('lot_fish', 15), ('lot_cruise', 41)),
    n (i) as (select 0 union all select i + 1 from n where i < 61)
  select l.tenant, l.id,
         printf('%s%s %d', char(65 + (l.rowid * 5 + n.i) % 26), char(65 + (l.rowid + n.i * 7) % 26),
                1000 + (l.rowid * 1237 + n.i * 149) % 9000),
         cast((julianday('now') - 2440587.5) * 86400000 as integer) - 60000 * (3 + (n.i * 37) % 180)
  from cars c join n on n.i < c.count join lots l on l.id = c.lot;

update lots set
  occupied = (select count(*) from visits v where v.lot = lots.id),
  updated_ms = cast((julianday('now') - 2440587.5) * 86400000 as integer);

insert into counts (lot, at_ms, occupied) select id, updated_ms, occupied from lots;
