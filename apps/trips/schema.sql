-- The database of a small bus company's ticket system: the application's own, Freshet only reads it.
pragma journal_mode = wal; -- selling a ticket never waits for whoever is reading

create table companies (
  id   text primary key,   -- the tenant: the wall between two companies
  name text not null
);

create table trips (
  id              text primary key,
  company_id      text not null references companies (id),
  origin          text not null,
  destination     text not null,
  departs_at      text not null,  -- local time, YYYY-MM-DDTHH:MM
  capacity        integer not null check (capacity > 0),
  available_slots integer not null check (available_slots between 0 and capacity),
  booking_halted  boolean not null default 0 check (booking_halted in (0, 1))
);
create index trips_by_company on trips (company_id, departs_at);

create table bookings (
  id      integer primary key,
  trip_id text not null references trips (id) on delete cascade,
  name    text not null,
  seats   integer not null default 1 check (seats > 0),
  sold_at text not null default 'counter' check (sold_at in ('counter', 'online'))
);
create index bookings_by_trip on bookings (trip_id);

-- A booking takes its seats, a cancelled one gives them back.
create trigger booking_made after insert on bookings begin
  update trips set available_slots = available_slots - new.seats where id = new.trip_id;
end;
create trigger booking_cancelled after delete on bookings begin
  update trips set available_slots = available_slots + old.seats where id = old.trip_id;
end;
