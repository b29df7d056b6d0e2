import { Notice, RequireSession, Shell, useSession } from '@kit';
import type { ReactNode } from 'react';
import { StatusDots, Streams } from './streams';
import type { VenueState } from './types';
import { useVenue } from './venue';

const NAV = [
  { href: '/admin/crowd-risk/monitor', label: 'Monitor' },
  { href: '/admin/crowd-risk/testing', label: 'Testing' },
];

function Venue({ children }: { children: (state: VenueState) => ReactNode }) {
  const { state, error } = useVenue();
  if (!state) return error ? <Notice tone="bad">{error}</Notice> : <div className="k-waiting" aria-busy="true" />;
  return (
    <>
      {error && <Notice tone="warn">{error} What is shown was true before.</Notice>}
      {children(state)}
    </>
  );
}

/** A page of the application: signed in, both streams open, the venue at hand. */
export function CrowdPage({ title, fetches, children }: { title: string; fetches?: Parameters<typeof Streams>[0]['fetches']; children: (state: VenueState) => ReactNode }) {
  const { session } = useSession('crowd');
  if (!session)
    return (
      <Shell app="crowd" title={title} nav={NAV}>
        <RequireSession app="crowd">{() => null}</RequireSession>
      </Shell>
    );
  return (
    <Streams {...(fetches && { fetches })}>
      <Shell app="crowd" title={title} nav={NAV} status={<StatusDots />}>
        <Venue>{children}</Venue>
      </Shell>
    </Streams>
  );
}
