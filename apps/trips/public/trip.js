// What a trip's numbers mean to somebody who sells seats. Pure.

export const SALES = {
  open: { text: 'Open', path: 'M8 3a5 5 0 1 0 0 10a5 5 0 1 0 0-10' },
  few: { text: 'Few left', path: 'M8 2.5 14 13H2zM8 6.5v3M8 11v.5' },
  full: { text: 'Full', path: 'M3 3h10v10H3zM5.5 8l2 2 3.5-4' },
  halted: { text: 'Halted', path: 'M5.5 3v10M10.5 3v10' },
  departed: { text: 'Departed', path: 'M2 8h11M9 4l4 4-4 4' },
};

const FEW = 0.1; // of the capacity

// The state of sales of a trip at `now`: a key of SALES.
export function sales(trip, now) {
  if (new Date(trip.departure) < now) return 'departed';
  if (trip.bookingHalted) return 'halted';
  if (trip.availableSlots <= 0) return 'full';
  return trip.availableSlots <= trip.capacity * FEW ? 'few' : 'open';
}

const NAMES = {
  availableSlots: 'seats free', bookingsCount: 'bookings', capacity: 'seats',
  departure: 'departs', origin: 'from', destination: 'to',
};

// The changed fields in words: ['seats free 12 → 11, bookings 30 → 31'].
export function describe(was, is, fields) {
  const parts = fields.map((name) => {
    if (name === 'bookingHalted') return is[name] ? 'sales halted' : 'sales open again';
    const value = (v) => (name === 'departure' ? String(v ?? '–').replace('T', ' ') : String(v ?? '–'));
    return `${NAMES[name] ?? name} ${value(was[name])}\u00a0→\u00a0${value(is[name])}`;
  });
  return [parts.join(', ')];
}
