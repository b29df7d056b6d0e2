import { createClient, type FreshetEvent, type Gap, type Snapshot } from '@freshet/client';
import { useEffect, useRef, useState } from 'react';
import { ApiError, call, getSession, query } from '../api';
import { useAsked, useSession } from '../live';
import { bytes, clock, number } from '../maths';
import { Sign, Trouble } from '../parts';
import { Link } from '../router';
import { timeOf, type Listed } from './Channels';

/** What a tail shows at most; older events go. */
const SHOWN = 300;

/** One event; opens to its data in full. Everything in it is text. */
function Event({ event }: { event: FreshetEvent }) {
  const data = JSON.stringify(event.data);
  return (
    <li>
      <details>
        <summary>
          <span className="time">{clock(event.time)}</span>
          <span className="type">{event.type}</span>
          {event.key !== undefined && <span className="tag">{event.key}</span>}
          {event.deleted && <span className="tag gone">deleted</span>}
          <span className="data">{data}</span>
        </summary>
        <p className="id">{event.id ?? 'no id'}</p>
        <pre>{JSON.stringify(event.data, null, 2)}</pre>
      </details>
    </li>
  );
}

const words: Record<string, string> = { connected: 'Live', connecting: 'Connecting', reconnecting: 'Reconnecting', failed: 'Refused', disconnected: 'Not connected' };

interface Seen {
  event: FreshetEvent;
  at: number;
}

function Tail({ channel }: { channel: string }) {
  const { tenant, token } = useSession();
  const [since, setSince] = useState('latest');
  const [wanted, setWanted] = useState('');
  const [paused, setPaused] = useState(false);
  const [seen, setSeen] = useState<Seen[]>([]);
  const [count, setCount] = useState(0);
  const [gap, setGap] = useState<Gap | null>(null);
  const [state, setState] = useState<Snapshot | null>(null);
  const hold = useRef(false);
  hold.current = paused;
  useEffect(() => {
    let waiting: Seen[] = [];
    let next = 0;
    let frame = 0;
    setSeen([]);
    setCount(0);
    setGap(null);
    const show = () => {
      frame = 0;
      const batch = waiting;
      waiting = [];
      setCount(next);
      if (!hold.current) setSeen((old) => [...batch.reverse(), ...old].slice(0, SHOWN));
    };
    const client = createClient({ url: '/v1/stream', channels: [channel], params: { since, tenant }, getToken: () => getSession().token || null });
    client.on('*', (_, event) => {
      waiting.push({ event, at: next++ });
      if (waiting.length > SHOWN) waiting.shift();
      frame ||= requestAnimationFrame(show);
    });
    client.on('gap', setGap);
    const off = client.subscribeSnapshot(() => setState(client.getSnapshot()));
    client.connect();
    return () => {
      cancelAnimationFrame(frame);
      off();
      client.close();
    };
  }, [channel, since, tenant, token]);
  const text = wanted.trim().toLowerCase();
  const rows = text ? seen.filter(({ event }) => `${event.type} ${event.key ?? ''} ${JSON.stringify(event.data)}`.toLowerCase().includes(text)) : seen;
  const status = String(state?.status ?? 'connecting');
  return (
    <section aria-labelledby="live">
      <h2 id="live">Live</h2>
      <div className="bar">
        <label>
          From
          <select value={since} onChange={(event) => setSince(event.target.value)}>
            <option value="latest">now on</option>
            <option value="1m">the last minute</option>
            <option value="10m">the last 10 minutes</option>
            <option value="1h">the last hour</option>
            <option value="earliest">all that is kept</option>
          </select>
        </label>
        <label>
          Show only
          <input type="search" value={wanted} placeholder="type, key or data" spellCheck={false} onChange={(event) => setWanted(event.target.value)} />
        </label>
        <button type="button" aria-pressed={paused} onClick={() => setPaused(!paused)}>
          {paused ? 'Go on' : 'Pause'}
        </button>
        <button type="button" onClick={() => setSeen([])}>Clear</button>
        <span role="status">
          <Sign ok={status === 'connected'}>{paused ? 'Paused' : (words[status] ?? status)}</Sign>
        </span>
        <span className="quiet">{number(count)} received</span>
      </div>
      {state?.error && status !== 'connected' && <p className="notice bad">{state.error.message}</p>}
      {gap && <p className="notice">Some events are no longer kept ({gap.reason}): what is shown is not all.</p>}
      {rows.length ? (
        <ol className="events" aria-label="Live events, newest first">{rows.map(({ event, at }) => <Event key={at} event={event} />)}</ol>
      ) : (
        <p className="empty">{text && seen.length ? 'Nothing matches.' : 'Nothing yet. Events appear here as they are published.'}</p>
      )}
    </section>
  );
}

interface Polled {
  events: FreshetEvent[];
  cursor: string;
  gap: Gap | null;
}

const PAGE = 50;

function History({ channel }: { channel: string }) {
  const [since, setSince] = useState('earliest');
  const [page, setPage] = useState<Polled | null>(null);
  const [error, setError] = useState<ApiError | null>(null);
  const read = async (from: Record<string, string>) => {
    try {
      setPage(await call<Polled>(query('/v1/events', { channel, limit: PAGE, ...from })));
      setError(null);
    } catch (failure) {
      setError(failure as ApiError);
    }
  };
  return (
    <section aria-labelledby="history">
      <h2 id="history">History</h2>
      <div className="bar">
        <label>
          From
          <select value={since} onChange={(event) => setSince(event.target.value)}>
            <option value="earliest">the oldest kept</option>
            <option value="24h">24 hours ago</option>
            <option value="1h">an hour ago</option>
            <option value="10m">10 minutes ago</option>
          </select>
        </label>
        <button type="button" onClick={() => read({ since })}>Read</button>
        {page && page.events.length === PAGE && (
          <button type="button" onClick={() => read({ lastEventId: page.cursor })}>Next {PAGE}</button>
        )}
      </div>
      <Trouble error={error} />
      {page?.gap && <p className="notice">Some events are no longer kept ({page.gap.reason}).</p>}
      {page && page.events.length > 0 && (
        <ol className="events" aria-label="Kept events, oldest first">{page.events.map((event) => <Event key={event.id} event={event} />)}</ol>
      )}
      {page && page.events.length === 0 && <p className="empty">Nothing more is kept.</p>}
    </section>
  );
}

/** What the channel list says of it. */
function Facts({ channel }: { channel: string }) {
  useSession();
  const { data } = useAsked<{ channels: Listed[] }>(query('/v1/channels', {}), 3000);
  const row = data?.channels.find((one) => one.channel === channel);
  if (!row) return null;
  return (
    <dl className="facts">
      <div><dt>Subscribers</dt><dd>{number(row.subscribers)}</dd></div>
      <div><dt>Events/s</dt><dd>{number(row.rate)}</dd></div>
      <div><dt>Kept</dt><dd>{number(row.events)} events, {bytes(row.bytes)}</dd></div>
      <div><dt>Since</dt><dd>{timeOf(row.oldest)}</dd></div>
    </dl>
  );
}

/** One channel: its events as they come, and those that are kept. */
export function Channel({ name }: { name: string }) {
  return (
    <>
      <p className="back"><Link to="/channels">Channels</Link></p>
      <h1 className="id">{name}</h1>
      <Facts channel={name} />
      <Tail channel={name} />
      <History channel={name} />
    </>
  );
}
