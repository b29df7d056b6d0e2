-- Two companies and what they run each day; the program makes trips from it (timetable.c).
-- For both databases; it may run again.
insert into companies (id, name) values
  ('northway', 'Northway Coaches'),
  ('lakeline', 'Lakeline Buses')
on conflict do nothing;

insert into lines (line, company_id, origin, destination, leaves, capacity, price_cents, demand) values
  ('nw-01', 'northway', 'Aldbrook',        'Castleford Mill', '06:10', 49, 1250, 22),
  ('nw-02', 'northway', 'Aldbrook',        'Port Ellery',     '07:45', 49, 1800, 24),
  ('nw-03', 'northway', 'Castleford Mill', 'Aldbrook',        '09:30', 49, 1250, 9),
  ('nw-04', 'northway', 'Port Ellery',     'Aldbrook',        '12:15', 33, 1800, 15),
  ('nw-05', 'northway', 'Aldbrook',        'Hartsmere',       '14:40', 33, 950,  11),
  ('nw-06', 'northway', 'Hartsmere',       'Port Ellery',     '17:05', 49, 1400, 23),
  ('nw-07', 'northway', 'Aldbrook',        'Port Ellery',     '21:30', 57, 1600, 12),
  ('ll-01', 'lakeline', 'Sorrel Bay',      'Upper Dunmoor',   '08:00', 29, 700,  12),
  ('ll-02', 'lakeline', 'Upper Dunmoor',   'Sorrel Bay',      '11:30', 29, 700,  8),
  ('ll-03', 'lakeline', 'Sorrel Bay',      'Ferry Landing',   '16:20', 19, 1100, 9)
on conflict do nothing;
