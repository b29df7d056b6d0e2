-- A year of three companies, up to the day it is made. Nothing in it is a figure of a page: scores of
-- texts, classes of evidence and contents of reports are worked out from these rows at the first start.
insert into companies (id, name, hour_cents, target_hours) values
  ('acme-corp', 'Acme Corporation', 3200, 24),
  ('globex', 'Globex', 2900, 20),
  ('test-company', 'Test Company', 3000, 16);

create temp table sizes (company text primary key, volunteers int, activities int, every int, people int, evidence int, seed int);
insert into sizes values ('acme-corp', 48, 24, 15, 9, 56, 11), ('globex', 26, 14, 25, 7, 30, 29), ('test-company', 6, 3, 100, 3, 2, 47);

create temp table n (n int primary key);
insert into n with recursive c (n) as (values (0) union all select n + 1 from c where n < 999) select n from c;

insert into volunteers select company, printf('v-%03d', n + 1) from sizes, n where n < volunteers;

create temp table programs (i int primary key, program text, title text, cost int);
insert into programs values
  (0, 'language', 'Language cafe', 210000), (1, 'mentorship', 'Mentoring round', 340000), (2, 'upskilling', 'CV and interview clinic', 280000),
  (3, 'buddy', 'Buddy walks', 150000), (4, 'language', 'Reading circle', 190000), (5, 'upskilling', 'First steps in spreadsheets', 300000),
  (6, 'mentorship', 'Career talks', 250000), (7, 'buddy', 'Cooking together', 230000);

-- The newest activity is the one with n = 0; it is still taking place
insert into activities (company_id, title, program, day, cost_cents, places, planned_minutes)
select company, title || ' ' || (activities - n), program, date('now', printf('-%d days', n * every + 2)),
       cost + (n * 7919 + seed) % 9 * 10000, people + 3, 3600
from sizes, n join programs on i = (n + seed) % 8 where n < activities
order by company, n desc;

create temp table a (id int primary key, company text, k int, day text, people int, volunteers int, seed int);
insert into a select x.id, x.company_id, row_number() over (partition by x.company_id order by x.id), x.day, s.people, s.volunteers, s.seed
from activities x join sizes s on s.company = x.company_id;

-- Sixteen entries an activity over its first twelve days
insert into hours (company_id, volunteer_id, activity_id, day, minutes, logged_ms)
select company, printf('v-%03d', (k * 5 + n * 7 + n / 3) % volunteers + 1), id, d, 75 + (n * 31 + k * 17 + seed) % 8 * 15,
       cast(strftime('%s', d) as integer) * 1000 + 64800000
from (select a.*, n, date(day, printf('+%d days', n * 3 / 4)) as d from a, n where n < 16)
where d <= date('now');

create temp table texts (i int primary key, before text, after text);
insert into texts values
  (0, 'My vocabulary is small and conversation is difficult.', 'My vocabulary improved and a conversation with neighbours is easier.'),
  (1, 'I feel alone in this town.', 'I have friends here now and feel welcome in the community.'),
  (2, 'I don''t know how to write a CV or find a job.', 'I wrote a CV, had an interview and learned what recruiters ask for.'),
  (3, 'I am shy and afraid to speak up.', 'I gained confidence and spoke up in front of the group.'),
  (4, 'I worry a lot and hardly sleep.', 'I sleep better, there is less stress and I feel calm.'),
  (5, '', 'It was fine.'),
  (6, 'Grammar is hard for me.', 'I learned grammar and my language is much better.'),
  (7, 'I have no colleagues to ask about work.', 'My mentor helped me with applications and I have a job interview on Monday.'),
  (8, 'I am stressed about money.', 'Still stress at home, but cooking together was good.'),
  (9, 'I want to learn.', 'Thank you for everything!'),
  (10, 'Nobody includes me.', 'They include me, we cook together every Friday.'),
  (11, 'I lost confidence after a year without work.', 'I am proud of what I can do and believe in myself more.');

create temp table p as
  select a.id as activity, company, k, n, day, printf('p-%d-%02d', a.id, n + 1) as person, (k * 5 + n * 7 + seed) % 12 as t,
         k * 37 + n * 101 + seed as r
  from a, n where n < people;

insert into questionnaires (company_id, activity_id, participant, phase, day, answer, confidence, belonging, language, job_readiness, well_being, created_ms)
select company, activity, person, 'before', day, before, r % 3 / 4.0, (r / 3) % 4 / 4.0, (r / 5) % 3 / 4.0, (r / 7) % 3 / 4.0, (r / 2) % 4 / 4.0,
       cast(strftime('%s', day) as integer) * 1000 + 32400000
from p join texts on i = t;

-- One to three weeks later most answer again; a third rates nothing in language, one in nine is worse off in well-being
insert into questionnaires (company_id, activity_id, participant, phase, day, answer, confidence, belonging, language, job_readiness, well_being, created_ms)
select company, activity, person, 'after', d, after, min(1, r % 3 / 4.0 + r % 5 % 3 * 0.25), min(1, (r / 3) % 4 / 4.0 + (r % 5 > 1) * 0.25),
       iif(r % 3 = 0, null, min(1, (r / 5) % 3 / 4.0 + (r % 7) / 3 * 0.25)), min(1, (r / 7) % 3 / 4.0 + (r % 2) * 0.25),
       max(0, (r / 2) % 4 / 4.0 + iif(r % 9 = 0, -0.25, (r % 4 > 1) * 0.25)),
       cast(strftime('%s', d) as integer) * 1000 + 57600000
from (select p.*, date(day, printf('+%d days', 6 + n * 2)) as d from p) join texts on i = t
where d <= date('now') and r % 10 > 0;

create temp table seen (i int primary key, kind text, text text);
insert into seen values
  (0, 'quote', 'My mentor helped me to write applications, and I start my first job on Monday.'),
  (1, 'observation', 'Half of the group spoke up in the plenary; in the first week nobody dared to.'),
  (2, 'quote', 'I can follow a conversation at the doctor''s now, my language improved so much.'),
  (3, 'document', 'Attendance list of the evening, signed by the hosts.'),
  (4, 'observation', 'Three families exchanged phone numbers and meet as friends, the community grows together.'),
  (5, 'quote', 'There is less stress at home and I sleep better since the walks.'),
  (6, 'document', 'Certificate: introduction to spreadsheets, 12 hours, skills for office employment.'),
  (7, 'quote', 'The room was too small.'),
  (8, 'observation', 'Two participants did a practice interview and gained confidence.'),
  (9, 'quote', 'I still feel lonely in the evenings, but I belong to the team here.'),
  (10, 'observation', 'Vocabulary test: grammar and pronunciation are better than in March.'),
  (11, 'quote', 'I am proud. I never believed I could.');

insert into evidence (company_id, activity_id, kind, text, day, status, created_ms, updated_ms)
select company, id, kind, text, d, iif(h % 4 = 0 and i not in (3, 7), 'verified', 'new'), ms, ms
from (select s.company, a.id, n as h, min(date('now'), date(a.day, printf('+%d days', n % 12 + 1))) as d, (n * 5 + n / 24 * 7 + n / 12 + s.seed) % 12 as x,
             cast(strftime('%s', min(date('now'), date(a.day, printf('+%d days', n % 12 + 1)))) as integer) * 1000 + n * 1000 as ms
      from sizes s join n on n < s.evidence join a on a.company = s.company and a.k = n % s.activities + 1)
join seen on i = x order by ms;

-- Verified is what somebody has looked at: their reading stands; the others are read at the first start
insert into reports (company_id, period, created_ms)
select company, strftime('%Y', 'now', printf('-%d months', m * 3)) || '-Q' || ((cast(strftime('%m', 'now', printf('-%d months', m * 3)) as integer) + 2) / 3),
       cast(strftime('%s', 'now', printf('-%d months', m * 3)) as integer) * 1000
from sizes, (select 2 as m union select 1) order by m desc, company;

drop table seen; drop table p; drop table texts; drop table a; drop table programs; drop table n; drop table sizes;
