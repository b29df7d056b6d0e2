-- The database of small bus companies: a ticket system's own. Freshet only reads it.
create table companies (
  id   text primary key,   -- the tenant: the wall between two companies
  name text not null
);

-- What runs each day: trips are made from it, some days ahead.
create table lines (
  line        text primary key, -- nw-01: the company's letters and a number
  company_id  text not null references companies (id),
  origin      text not null,
  destination text not null,
  leaves      text not null,    -- HH:MM
  capacity    integer not null check (capacity > 0),
  price_cents integer not null check (price_cents >= 0),
  demand      integer not null default 0 -- bookings of the first day of a new database
);

create table trips (
  id              text primary key,
  company_id      text not null references companies (id),
  origin          text not null,
  destination     text not null,
  departs_at      text not null,  -- local time, YYYY-MM-DDTHH:MM
  capacity        integer not null check (capacity > 0),
  available_slots integer not null check (available_slots between 0 and capacity),
  booking_halted  boolean not null default false check (booking_halted in (false, true)),
  price_cents     integer not null default 0 check (price_cents >= 0)
);
create index trips_by_company on trips (company_id, departs_at);

create table bookings (
  id        integer primary key,
  trip_id   text not null references trips (id) on delete cascade,
  name      text not null,
  seats     integer not null default 1 check (seats > 0),
  sold_at   text not null default 'counter' check (sold_at in ('counter', 'online')),
  status    text not null default 'paid' check (status in ('paid', 'refunded')),
  booked_at text not null default (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
);
create index bookings_by_trip on bookings (trip_id, status);

-- A booking takes its seats; one that is refunded or deleted gives them back. Whoever writes.
create trigger booking_made after insert on bookings when new.status = 'paid' begin
  update trips set available_slots = available_slots - new.seats where id = new.trip_id;
end;
create trigger booking_deleted after delete on bookings when old.status = 'paid' begin
  update trips set available_slots = available_slots + old.seats where id = old.trip_id;
end;
create trigger booking_changed after update of status, seats on bookings begin
  update trips set available_slots = available_slots
    + case when old.status = 'paid' then old.seats else 0 end
    - case when new.status = 'paid' then new.seats else 0 end
  where id = new.trip_id;
end;
