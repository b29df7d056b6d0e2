/** A trip as the server tells it. */
export interface Trip {
  id: string;
  origin: string;
  destination: string;
  /** Local time, 2026-01-21T09:30. */
  departure: string;
  capacity: number;
  availableSlots: number;
  bookingHalted: boolean;
  bookingsCount: number;
  priceCents: number;
}

export interface Dashboard {
  company: { id: string; name: string };
  trips: readonly Trip[];
}

export interface Booking {
  id: number;
  tripId: string;
  name: string;
  seats: number;
  soldAt: 'counter' | 'online';
  status: 'paid' | 'refunded';
  bookedAt: string;
}

/** One line of what just happened. */
export interface Change {
  n: number;
  at: number;
  tripId: string;
  text: string;
}

/** The company's figures. They follow from its trips: no change costs a request. */
export function totals(trips: readonly Trip[]) {
  const sum = (of: (trip: Trip) => number) => trips.reduce((all, trip) => all + of(trip), 0);
  const capacity = sum((trip) => trip.capacity);
  const free = sum((trip) => trip.availableSlots);
  return {
    trips: trips.length,
    free,
    sold: capacity - free,
    occupancy: capacity ? (capacity - free) / capacity : null,
    bookings: sum((trip) => trip.bookingsCount),
    revenue: sum((trip) => (trip.capacity - trip.availableSlots) * trip.priceCents) / 100,
    halted: trips.filter((trip) => trip.bookingHalted).length,
    soldOut: trips.filter((trip) => trip.availableSlots === 0).length,
  };
}

const pad = (n: number) => String(n).padStart(2, '0');
export const localDay = (date: Date) => `${date.getFullYear()}-${pad(date.getMonth() + 1)}-${pad(date.getDate())}`;
export const localMoment = (date: Date) => `${localDay(date)}T${pad(date.getHours())}:${pad(date.getMinutes())}`;

export const dayOf = (trip: Trip) => trip.departure.slice(0, 10);
export const clockOf = (trip: Trip) => trip.departure.slice(11);

/** Today, Tomorrow, or Fri 23 Jan. */
export function dayName(day: string, now = new Date()): string {
  if (day === localDay(now)) return 'Today';
  const next = new Date(now);
  next.setDate(now.getDate() + 1);
  if (day === localDay(next)) return 'Tomorrow';
  return new Date(`${day}T12:00`).toLocaleDateString('en-GB', { weekday: 'short', day: 'numeric', month: 'short' });
}

export type Sales = 'open' | 'halted' | 'sold out' | 'departed';

export function salesOf(trip: Trip, now = localMoment(new Date())): Sales {
  if (trip.departure <= now) return 'departed';
  if (trip.bookingHalted) return 'halted';
  return trip.availableSlots === 0 ? 'sold out' : 'open';
}

/** What a change says to people. */
export function describe(before: Trip | undefined, changes: Record<string, unknown>): string {
  const parts: string[] = [];
  const { availableSlots, bookingHalted } = changes;
  if (typeof availableSlots === 'number') {
    const by = before ? availableSlots - before.availableSlots : 0;
    const seats = (n: number) => `${n} ${n === 1 ? 'seat' : 'seats'}`;
    if (by < 0) parts.push(`${seats(-by)} sold, ${availableSlots} left`);
    else if (by > 0) parts.push(`${seats(by)} given back, ${availableSlots} left`);
    else parts.push(`${availableSlots} left`);
  }
  if (typeof bookingHalted === 'boolean') parts.push(bookingHalted ? 'sales halted' : 'sales open again');
  return parts.join(', ') || 'changed';
}
