import { ConnectionStatus } from '@freshet/client/compat/trips';
import { Badge, Flash, Meter, type Session } from '@kit';
import type { ReactNode } from 'react';
import { salesOf, type Trip } from './model';

export const NAV = [
  { href: '/trips/', label: 'Dashboard' },
  { href: '/trips/cashier/', label: 'Counter' },
] as const;

export const Connection = ({ isConnected }: { isConnected: boolean }) => <ConnectionStatus isConnected={isConnected} />;

const TONES = { open: 'good', halted: 'warn', 'sold out': 'info', departed: 'neutral' } as const;
const WORDS = { open: 'Open', halted: 'Halted', 'sold out': 'Sold out', departed: 'Departed' } as const;

export function SalesBadge({ trip }: { trip: Trip }) {
  const sales = salesOf(trip);
  return (
    <Flash value={sales}>
      <Badge tone={TONES[sales]} {...(sales === 'halted' ? { icon: 'pause' as const } : {})}>
        {WORDS[sales]}
      </Badge>
    </Flash>
  );
}

/** Free seats of all, with how full it is. */
export const Seats = ({ trip }: { trip: Trip }) => (
  <Meter
    value={trip.capacity - trip.availableSlots}
    max={trip.capacity}
    warnAt={trip.capacity * 0.9}
    label={`Seats sold of ${trip.id}`}
    text={
      <span className="t-seats">
        <b>
          <Flash value={trip.availableSlots} />
        </b>
        <span className="k-quiet"> / {trip.capacity}</span>
      </span>
    }
  />
);

export const Route = ({ trip }: { trip: Trip }) => (
  <span className="t-route">
    {trip.origin} <span aria-hidden="true">→</span> <span className="k-hidden">to</span> {trip.destination}
  </span>
);

export const isAdmin = (session: Session): boolean => session.role === 'admin';

export const Line = ({ children }: { children: ReactNode }) => <p className="t-line">{children}</p>;
