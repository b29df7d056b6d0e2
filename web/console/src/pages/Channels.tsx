import { useState, type FormEvent } from 'react';
import { query } from '../api';
import { useAsked, useSession } from '../live';
import { bytes, clock, number } from '../maths';
import { Table, Trouble } from '../parts';
import { Link, navigate } from '../router';

export interface Listed {
  channel: string;
  head: string | null;
  oldest: string | null;
  events: number;
  keys: number;
  bytes: number;
  keyed: boolean;
  subscribers: number;
  /** Events a second, over the last 5 s. */
  rate: number;
  published: number;
}

/** When an id was given, from its first number. */
export const timeOf = (id: string | null) => (id ? clock(Number(id.split('-')[0])) : '–');
export const pathOf = (channel: string) => `/channels/${encodeURIComponent(channel)}`;

function Rows({ rows }: { rows: Listed[] }) {
  return (
    <Table label="Channels" head={['Channel', ['Subscribers', 'n'], ['Events/s', 'n'], ['Kept', 'n'], ['Bytes', 'n'], ['Keys', 'n'], 'Newest', 'Oldest']}>
      {rows.map((row) => (
        <tr key={row.channel}>
          <th scope="row">
            <Link to={pathOf(row.channel)}>{row.channel}</Link>
          </th>
          <td data-is="Subscribers" className="n">{number(row.subscribers)}</td>
          <td data-is="Events/s" className="n" title={`${number(row.published)} since the start`}>{number(row.rate)}</td>
          <td data-is="Kept" className="n">{number(row.events)}</td>
          <td data-is="Bytes" className="n">{bytes(row.bytes)}</td>
          <td data-is="Keys" className="n">{row.keyed ? number(row.keys) : '–'}</td>
          <td data-is="Newest" className="id" title={row.head ?? ''}>{timeOf(row.head)}</td>
          <td data-is="Oldest" className="id" title={row.oldest ?? ''}>{timeOf(row.oldest)}</td>
        </tr>
      ))}
    </Table>
  );
}

/** The tenant's channels. */
export function Channels() {
  const { tenant } = useSession();
  const [wanted, setWanted] = useState('');
  const { data, error } = useAsked<{ channels: Listed[] }>(query('/v1/channels', {}), 2000);
  const all = [...(data?.channels ?? [])].sort((a, b) => a.channel.localeCompare(b.channel));
  const rows = all.filter((row) => row.channel.includes(wanted.trim()));
  const open = (event: FormEvent) => {
    event.preventDefault();
    if (wanted.trim()) navigate(pathOf(rows.length === 1 ? rows[0]!.channel : wanted.trim()));
  };
  return (
    <>
      <h1>Channels</h1>
      <form className="bar" onSubmit={open}>
        <label>
          Find or name a channel
          <input type="search" value={wanted} spellCheck={false} onChange={(event) => setWanted(event.target.value)} />
        </label>
        <button disabled={!wanted.trim()}>Open</button>
        <span className="quiet">{data && `${rows.length} of ${all.length}${tenant ? ` of ${tenant}` : ''}`}</span>
      </form>
      <Trouble error={error} />
      {rows.length > 0 && <Rows rows={rows} />}
      {data && all.length === 0 && <p className="empty">No channels yet. A channel comes to be when something is published to it or follows it.</p>}
      {all.length > 0 && rows.length === 0 && <p className="empty">None has “{wanted}” in its name. Open follows it anyway.</p>}
    </>
  );
}
