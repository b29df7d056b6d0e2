-- Two venues, as their cameras left them before anybody looked.
begin;

insert into venues (id, name, width, depth) values
  ('kestrel-park', 'Kestrel Park', 200, 150),
  ('harbour-expo', 'Harbour Expo', 180, 120);

insert into cameras (venue, id, name) values
  ('kestrel-park', 'k-north',  'North roof'),
  ('kestrel-park', 'k-east',   'East mast'),
  ('kestrel-park', 'k-south',  'South roof'),
  ('kestrel-park', 'k-west',   'West mast'),
  ('harbour-expo', 'h-quay',   'Quay'),
  ('harbour-expo', 'h-north',  'North halls'),
  ('harbour-expo', 'h-south',  'South halls'),
  ('harbour-expo', 'h-east',   'East wing');

insert into zones (venue, id, name, kind, camera, corners, usable, warning, high, critical) values
  ('kestrel-park', 'gate-a', 'Gate A', 'gate', 'k-north', '[[4,4],[48,4],[48,26],[28,26],[28,42],[4,42]]', 0.3, 2.0, 3.0, 4.0),
  ('kestrel-park', 'gate-b', 'Gate B', 'gate', 'k-east',  '[[152,4],[196,4],[196,42],[172,42],[172,26],[152,26]]', 0.3, 2.0, 3.0, 4.0),
  ('kestrel-park', 'gate-c', 'Gate C', 'gate', 'k-south', '[[172,108],[196,108],[196,146],[152,146],[152,124],[172,124]]', 0.3, 2.0, 3.0, 4.0),
  ('kestrel-park', 'gate-d', 'Gate D', 'gate', 'k-west',  '[[4,108],[28,108],[28,124],[48,124],[48,146],[4,146]]', 0.3, 2.0, 3.0, 4.0),
  ('kestrel-park', 'north-way', 'North concourse', 'way', 'k-north', '[[50,4],[150,4],[150,24],[50,24]]', 0.28, 2.0, 3.0, 4.0),
  ('kestrel-park', 'east-way',  'East concourse',  'way', 'k-east',  '[[172,44],[196,44],[196,106],[172,106]]', 0.28, 2.0, 3.0, 4.0),
  ('kestrel-park', 'south-way', 'South concourse', 'way', 'k-south', '[[50,126],[150,126],[150,146],[50,146]]', 0.28, 2.0, 3.0, 4.0),
  ('kestrel-park', 'west-way',  'West concourse',  'way', 'k-west',  '[[4,44],[28,44],[28,106],[4,106]]', 0.28, 2.0, 3.0, 4.0),
  ('kestrel-park', 'north-stand', 'North stand', 'place', 'k-north', '[[32,28],[168,28],[146,50],[54,50]]', 0.85, 2.6, 3.4, 4.2),
  ('kestrel-park', 'east-stand',  'East stand',  'place', 'k-east',  '[[170,30],[170,120],[148,98],[148,52]]', 0.85, 2.6, 3.4, 4.2),
  ('kestrel-park', 'south-stand', 'South stand', 'place', 'k-south', '[[54,100],[146,100],[168,122],[32,122]]', 0.85, 2.6, 3.4, 4.2),
  ('kestrel-park', 'west-stand',  'West stand',  'place', 'k-west',  '[[30,30],[52,52],[52,98],[30,120]]', 0.85, 2.6, 3.4, 4.2),

  ('harbour-expo', 'quay',     'Quay entrance', 'gate',  'h-quay',  '[[4,34],[30,34],[30,86],[4,86]]', 0.3, 2.0, 3.0, 4.0),
  ('harbour-expo', 'foyer',    'Foyer',         'way',   'h-quay',  '[[32,44],[78,44],[78,76],[32,76]]', 0.28, 2.0, 3.0, 4.0),
  ('harbour-expo', 'arcade',   'Arcade',        'way',   'h-quay',  '[[80,44],[138,44],[138,76],[80,76]]', 0.28, 2.0, 3.0, 4.0),
  ('harbour-expo', 'hall-1',   'Hall 1',        'place', 'h-north', '[[32,4],[84,4],[84,42],[32,42]]', 0.55, 2.2, 3.0, 3.8),
  ('harbour-expo', 'hall-2',   'Hall 2',        'place', 'h-north', '[[86,4],[138,4],[138,42],[86,42]]', 0.55, 2.2, 3.0, 3.8),
  ('harbour-expo', 'hall-3',   'Hall 3',        'place', 'h-south', '[[32,78],[84,78],[84,116],[32,116]]', 0.55, 2.2, 3.0, 3.8),
  ('harbour-expo', 'hall-4',   'Hall 4',        'place', 'h-south', '[[86,78],[138,78],[138,116],[86,116]]', 0.55, 2.2, 3.0, 3.8),
  ('harbour-expo', 'food',     'Food court',    'way',   'h-north', '[[140,4],[176,4],[176,42],[140,42]]', 0.28, 1.8, 2.6, 3.5),
  ('harbour-expo', 'stage',    'Auditorium',    'place', 'h-east',  '[[146,44],[170,44],[176,50],[176,84],[170,90],[146,90],[140,84],[140,50]]', 0.8, 2.6, 3.4, 4.2),
  ('harbour-expo', 'east-exit', 'East doors',   'gate',  'h-east',  '[[140,92],[176,92],[176,116],[140,116]]', 0.3, 2.0, 3.0, 4.0);

insert into fixtures (venue, name, corners) values
  ('kestrel-park', 'Pitch',   '[[56,54],[144,54],[144,96],[56,96]]'),
  ('harbour-expo', 'Harbour', '[[4,4],[30,4],[30,32],[4,32]]'),
  ('harbour-expo', 'Depot',   '[[4,88],[30,88],[30,116],[4,116]]');

insert into passages (venue, a, b, width, x, y) values
  ('kestrel-park', 'gate-a', 'north-way', 9,  49, 15),
  ('kestrel-park', 'gate-a', 'west-way',  9,  16, 43),
  ('kestrel-park', 'gate-b', 'north-way', 9,  151, 15),
  ('kestrel-park', 'gate-b', 'east-way',  9,  184, 43),
  ('kestrel-park', 'gate-c', 'east-way',  9,  184, 107),
  ('kestrel-park', 'gate-c', 'south-way', 9,  151, 135),
  ('kestrel-park', 'gate-d', 'south-way', 9,  49, 135),
  ('kestrel-park', 'gate-d', 'west-way',  9,  16, 107),
  ('kestrel-park', 'north-way', 'north-stand', 20, 100, 26),
  ('kestrel-park', 'east-way',  'east-stand',  16, 171, 75),
  ('kestrel-park', 'south-way', 'south-stand', 20, 100, 124),
  ('kestrel-park', 'west-way',  'west-stand',  16, 29, 75),

  ('harbour-expo', 'quay',   'foyer',  10, 31, 60),
  ('harbour-expo', 'foyer',  'hall-1', 7,  56, 43),
  ('harbour-expo', 'foyer',  'hall-3', 7,  56, 77),
  ('harbour-expo', 'foyer',  'arcade', 10, 79, 60),
  ('harbour-expo', 'arcade', 'hall-2', 7,  112, 43),
  ('harbour-expo', 'arcade', 'hall-4', 7,  112, 77),
  ('harbour-expo', 'arcade', 'stage',  8,  139, 60),
  ('harbour-expo', 'hall-2', 'food',   8,  139, 24),
  ('harbour-expo', 'hall-4', 'east-exit', 8, 139, 104),
  ('harbour-expo', 'stage',  'east-exit', 8, 158, 91);

with before (venue, zone, people) as (values
  ('kestrel-park', 'gate-a', 352), ('kestrel-park', 'gate-b', 296), ('kestrel-park', 'gate-c', 318),
  ('kestrel-park', 'gate-d', 241), ('kestrel-park', 'north-way', 434), ('kestrel-park', 'east-way', 302),
  ('kestrel-park', 'south-way', 398), ('kestrel-park', 'west-way', 277),
  ('kestrel-park', 'north-stand', 2140), ('kestrel-park', 'east-stand', 1105),
  ('kestrel-park', 'south-stand', 1905), ('kestrel-park', 'west-stand', 998),
  ('harbour-expo', 'quay', 285), ('harbour-expo', 'foyer', 321), ('harbour-expo', 'arcade', 333),
  ('harbour-expo', 'hall-1', 1102), ('harbour-expo', 'hall-2', 918), ('harbour-expo', 'hall-3', 840),
  ('harbour-expo', 'hall-4', 476), ('harbour-expo', 'food', 248), ('harbour-expo', 'stage', 1455),
  ('harbour-expo', 'east-exit', 96)
), moment (ms) as (select cast((julianday('now') - 2440587.5) * 86400000 as integer))
insert into counts (venue, zone, people, counted_ms, changed_ms, source, since1, since2, since3)
select venue, zone, people, ms, ms, 'camera', ms, ms, ms from before, moment;

commit;
