-- Two companies, three days of trips from the day this is run, and the bookings so far.
begin;

insert into companies (id, name) values
  ('northway', 'Northway Coaches'),
  ('lakeline', 'Lakeline Buses');

with plan (id, company_id, origin, destination, day, at, capacity, halted) as (values
  ('nw-101', 'northway', 'Aldbrook',   'Castleford Mill', 0, '06:10', 49, 0),
  ('nw-102', 'northway', 'Aldbrook',   'Port Ellery',     0, '07:45', 49, 0),
  ('nw-103', 'northway', 'Castleford Mill', 'Aldbrook',   0, '09:30', 49, 0),
  ('nw-104', 'northway', 'Port Ellery', 'Aldbrook',       0, '12:15', 33, 0),
  ('nw-105', 'northway', 'Aldbrook',   'Hartsmere',       0, '14:40', 33, 1),
  ('nw-106', 'northway', 'Hartsmere',  'Port Ellery',     0, '17:05', 49, 0),
  ('nw-107', 'northway', 'Aldbrook',   'Port Ellery',     0, '21:30', 57, 0),
  ('nw-201', 'northway', 'Aldbrook',   'Castleford Mill', 1, '06:10', 49, 0),
  ('nw-202', 'northway', 'Aldbrook',   'Port Ellery',     1, '07:45', 49, 0),
  ('nw-203', 'northway', 'Castleford Mill', 'Aldbrook',   1, '09:30', 49, 0),
  ('nw-204', 'northway', 'Port Ellery', 'Aldbrook',       1, '12:15', 33, 0),
  ('nw-205', 'northway', 'Aldbrook',   'Hartsmere',       1, '14:40', 33, 0),
  ('nw-206', 'northway', 'Hartsmere',  'Port Ellery',     1, '17:05', 49, 0),
  ('nw-301', 'northway', 'Aldbrook',   'Castleford Mill', 2, '06:10', 49, 0),
  ('nw-302', 'northway', 'Aldbrook',   'Port Ellery',     2, '07:45', 57, 0),
  ('nw-303', 'northway', 'Port Ellery', 'Hartsmere',      2, '13:20', 33, 0),
  ('ll-11',  'lakeline', 'Sorrel Bay', 'Upper Dunmoor',   0, '08:00', 29, 0),
  ('ll-12',  'lakeline', 'Upper Dunmoor', 'Sorrel Bay',   0, '11:30', 29, 0),
  ('ll-13',  'lakeline', 'Sorrel Bay', 'Ferry Landing',   0, '16:20', 19, 0),
  ('ll-21',  'lakeline', 'Sorrel Bay', 'Upper Dunmoor',   1, '08:00', 29, 0),
  ('ll-22',  'lakeline', 'Upper Dunmoor', 'Sorrel Bay',   1, '11:30', 29, 1),
  ('ll-23',  'lakeline', 'Sorrel Bay', 'Ferry Landing',   1, '16:20', 19, 0)
)
insert into trips (id, company_id, origin, destination, departs_at, capacity, available_slots, booking_halted)
select id, company_id, origin, destination,
       strftime('%Y-%m-%d', 'now', 'localtime', '+' || day || ' days') || 'T' || at,
       capacity, capacity, halted
from plan;

-- How many bookings each trip has so far; each is of one to three seats.
with recursive sold (trip_id, n) as (values
  ('nw-101', 22), ('nw-102', 24), ('nw-103', 9),  ('nw-104', 15), ('nw-105', 11), ('nw-106', 23),
  ('nw-107', 12), ('nw-201', 13), ('nw-202', 19), ('nw-203', 6),  ('nw-204', 8),  ('nw-205', 4),
  ('nw-206', 10), ('nw-301', 5),  ('nw-302', 7),  ('nw-303', 1),
  ('ll-11', 12),  ('ll-12', 8),   ('ll-13', 9),   ('ll-21', 5),   ('ll-22', 6),   ('ll-23', 2)
), each_booking (trip_id, i, n) as (
  select trip_id, 1, n from sold
  union all
  select trip_id, i + 1, n from each_booking where i < n
), people (p, name) as (values
  (0, 'A. Marsh'), (1, 'B. Oduya'), (2, 'C. Lindqvist'), (3, 'D. Kaya'), (4, 'E. Romero'),
  (5, 'F. Tanaka'), (6, 'G. Novak'), (7, 'H. Byrne'), (8, 'I. Santos'), (9, 'J. Weiss'), (10, 'K. Abebe')
)
insert into bookings (trip_id, name, seats, sold_at)
select trip_id, name, 1 + (i * 5 % 3 + i % 2 * 2) % 3, iif(i % 3 = 0, 'online', 'counter')
from each_booking join people on p = (i * 7 + n) % 11
order by trip_id, i;

commit;
