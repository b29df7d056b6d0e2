import { poll } from '@freshet/client/polling';
import type { ClientOptions } from '@freshet/client';
import { FreshetProvider } from '@freshet/client/react';
import { rentalClient, SSEProvider, SSEStatusCompact, useSSE, type SSEEventType } from '@freshet/client/compat/rental';
import { tabs } from '@freshet/client/sharing';
import { preloadSession, RequireSession, Shell, useSession, type Session } from '@kit';
import { useMemo, useState, type ReactNode } from 'react';
import './rental.css';
import { TYPES } from './words';

preloadSession('rental');

const NAV = [
  { href: '/rental/', label: 'Dashboard' },
  { href: '/rental/rentals/', label: 'Rentals' },
  { href: '/rental/equipment/', label: 'Equipment' },
  { href: '/rental/people/', label: 'People' },
  { href: '/rental/customers/', label: 'Customers' },
  { href: '/sse-test/', label: 'SSE test' },
];

/** All tabs of a user share one connection; after five failed tries the page polls, and looks for the stream again. */
const optionsOf = ({ tenant, login }: Session): Partial<ClientOptions> => ({
  channels: ['rental'],
  eventsUrl: '/api/rental/events',
  retry: { maxRetries: 5 },
  onExhausted: poll({ interval: 5000, probeEvery: 30000 }),
  share: tabs({ name: `rental ${tenant} ${login}` }),
});

export interface Choice {
  /** Types that are shown and make toasts. */
  types: readonly SSEEventType[];
  toasts: boolean;
}

const ALL = TYPES.map(({ type }) => type);
/** Places and progress come so often that they are shown only to those who ask for them. */
const USUAL: Choice = { types: ALL.filter((type) => type !== 'equipment_location_updated' && type !== 'sync_progress'), toasts: true };
const KEY = 'rental-shown';

function stored(): Choice {
  try {
    const { types, toasts } = JSON.parse(localStorage.getItem(KEY) ?? 'null') as Choice;
    return { types: ALL.filter((type) => types.includes(type)), toasts: toasts !== false };
  } catch {
    return USUAL; // nothing, or not ours
  }
}

/** What this browser's user wants to see of events; kept over page loads. */
export function useChoice(): [Choice, (choice: Choice) => void] {
  const [choice, setChoice] = useState(stored);
  return [
    choice,
    (next) => {
      localStorage.setItem(KEY, JSON.stringify(next));
      setChoice(next);
    },
  ];
}

/** The one place where toasts come from. */
export function Toasts({ types, toasts }: Choice) {
  useSSE({ eventTypes: types, showToasts: toasts });
  return null;
}

export interface PageProps {
  title: string;
  /** The page shows its own toasts. */
  ownToasts?: boolean;
  children: (session: Session) => ReactNode;
}

function StoredToasts() {
  const [choice] = useChoice();
  return <Toasts {...choice} />;
}

function Connected({ session, title, ownToasts, children }: PageProps & { session: Session }) {
  const options = useMemo(() => optionsOf(session), [session]);
  const client = rentalClient(100, options);
  return (
    <SSEProvider enabled maxEvents={100} showToasts={false} client={options}>
      <FreshetProvider client={client} autoConnect={false}>
        {!ownToasts && <StoredToasts />}
        <Shell app="rental" title={title} nav={NAV} status={<SSEStatusCompact />}>
          {children(session)}
        </Shell>
      </FreshetProvider>
    </SSEProvider>
  );
}

/** A page's frame: session, the one connection, its state in the header, toasts. */
export function Page(props: PageProps) {
  const { session } = useSession('rental');
  if (session) return <Connected {...props} session={session} />;
  return (
    <Shell app="rental" title={props.title} nav={NAV}>
      <RequireSession app="rental">{() => null}</RequireSession>
    </Shell>
  );
}
