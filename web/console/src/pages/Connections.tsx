import { useState } from 'react';
import { ApiError, call, query } from '../api';
import { useAsked } from '../live';
import { clock, duration } from '../maths';
import { Sign, Table, Trouble } from '../parts';

interface Open {
  id: string;
  tenant: string;
  subject: string | null;
  address: string;
  channels: string[];
  opened: number;
  lagging: boolean;
  why?: string;
  position: string;
}

function Row({ row, onEnd }: { row: Open; onEnd: (id: string) => void }) {
  const [sure, setSure] = useState(false);
  return (
    <tr>
      <th scope="row" className="id">{row.id}</th>
      <td data-is="Tenant">{row.tenant}</td>
      <td data-is="Subject">{row.subject ?? '–'}</td>
      <td data-is="Address" className="id">{row.address}</td>
      <td data-is="Channels">{row.channels.join(', ')}</td>
      <td data-is="Open for" title={clock(row.opened)}>{duration((Date.now() - row.opened) / 1000)}</td>
      <td data-is="State"><Sign ok={!row.lagging}>{row.lagging ? (row.why ?? 'behind') : 'up to date'}</Sign></td>
      <td>
        {sure ? (
          <button type="button" className="danger" onClick={() => onEnd(row.id)} onBlur={() => setSure(false)} autoFocus>Really end it</button>
        ) : (
          <button type="button" aria-label={`Disconnect ${row.id}`} onClick={() => setSure(true)}>Disconnect</button>
        )}
      </td>
    </tr>
  );
}

/** The open streams, a page at a time. */
export function Connections() {
  const [channel, setChannel] = useState('');
  const [text, setText] = useState('');
  const [pages, setPages] = useState<string[]>(['']);
  const [failed, setFailed] = useState<ApiError | null>(null);
  const { data, error, again } = useAsked<{ connections: Open[]; next: string | null }>(query('/v1/connections', { channel: channel.trim(), after: pages.at(-1), limit: 50 }), 3000);
  const end = async (id: string) => {
    try {
      await call(`/v1/connections/${encodeURIComponent(id)}`, { method: 'DELETE' });
      setFailed(null);
    } catch (failure) {
      setFailed(failure as ApiError);
    }
    again();
  };
  const wanted = text.trim().toLowerCase();
  const rows = (data?.connections ?? []).filter((row) => `${row.id} ${row.tenant} ${row.subject} ${row.address} ${row.why ?? ''}`.toLowerCase().includes(wanted));
  return (
    <>
      <h1>Connections</h1>
      <div className="bar">
        <label>
          Channel
          <input type="search" value={channel} spellCheck={false} onChange={(event) => { setChannel(event.target.value); setPages(['']); }} />
        </label>
        <label>
          On this page
          <input type="search" value={text} placeholder="subject, address, id" spellCheck={false} onChange={(event) => setText(event.target.value)} />
        </label>
        <button type="button" disabled={pages.length === 1} onClick={() => setPages(pages.slice(0, -1))}>Back</button>
        <button type="button" disabled={!data?.next} onClick={() => setPages([...pages, data!.next!])}>Next</button>
      </div>
      <Trouble error={failed ?? error} />
      {rows.length > 0 && (
        <Table label="Connections" head={['Id', 'Tenant', 'Subject', 'Address', 'Channels', 'Open for', 'State', 'Action']}>
          {rows.map((row) => <Row key={row.id} row={row} onEnd={end} />)}
        </Table>
      )}
      {data && rows.length === 0 && <p className="empty">No open streams here.</p>}
    </>
  );
}
