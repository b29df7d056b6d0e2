import { useState } from 'react';
import { useAsked } from '../live';
import { Table, Trouble } from '../parts';

interface Option {
  name: string;
  value: unknown;
  origin: 'default' | 'file' | 'env' | 'flag';
  reload: boolean;
  help: string;
}

const origins = { default: 'default', file: 'file', env: 'environment', flag: 'flag' };
const HIDDEN = '(hidden)';

/** What the hub keeps to itself is marked as such: it never was in the answer. */
function Value({ value }: { value: unknown }) {
  if (value === null) return <span className="quiet">not set</span>;
  if (value === HIDDEN) return <span className="tag">hidden</span>;
  if (Array.isArray(value) && value.length === 0) return <span className="quiet">none</span>;
  if (Array.isArray(value) && value.every((one) => typeof one !== 'object')) return <span className="id">{value.join(', ')}</span>;
  if (typeof value === 'object') return <Entries entries={[value].flat() as Record<string, unknown>[]} />;
  return <span className="id">{String(value)}</span>;
}

/** A list of entries: each with its members, by its name. */
function Entries({ entries }: { entries: Record<string, unknown>[] }) {
  return (
    <ul className="entries">
      {entries.map((entry, i) => {
        const title = ['name', 'path', 'type'].find((name) => typeof entry[name] === 'string');
        return (
          <li key={i}>
            <details>
              <summary>{title ? String(entry[title]) : i + 1}</summary>
              <dl>
                {Object.entries(entry).filter(([name, value]) => name !== title && value !== null).map(([name, value]) => (
                  <div key={name}><dt>{name}</dt><dd><Value value={value} /></dd></div>
                ))}
              </dl>
            </details>
          </li>
        );
      })}
    </ul>
  );
}

/** The options in force, where each comes from, and which a reload takes. */
export function Config() {
  const { data, error } = useAsked<{ file: string | null; options: Option[] }>('/v1/config', 10_000);
  const [wanted, setWanted] = useState('');
  const [all, setAll] = useState(false);
  const text = wanted.trim().toLowerCase();
  const options = data?.options ?? [];
  const rows = options.filter(({ name, help, origin }) => (all || text !== '' || origin !== 'default') && `${name} ${help}`.toLowerCase().includes(text));
  return (
    <>
      <h1>Configuration</h1>
      <Trouble error={error} />
      {data && (
        <>
          <p>{data.file ? <>From <code>{data.file}</code>. </> : 'No configuration file. '}<span className="quiet">Secrets never leave the hub.</span></p>
          <div className="bar">
            <label>
              Find an option
              <input type="search" value={wanted} placeholder="name or words" spellCheck={false} onChange={(event) => setWanted(event.target.value)} />
            </label>
            <label className="check"><input type="checkbox" checked={all} onChange={(event) => setAll(event.target.checked)} /> Defaults too</label>
            <span className="quiet" role="status">{rows.length} of {options.length}</span>
          </div>
          {rows.length > 0 ? (
            <Table label="Options" head={['Option', 'Value', 'From', 'A change takes']}>
              {rows.map(({ name, value, origin, reload, help }) => (
                <tr key={name} className="option">
                  <th scope="row"><code>{name}</code><span className="note">{help}</span></th>
                  <td data-is="Value" className="wide"><Value value={value} /></td>
                  <td data-is="From">{origin === 'default' ? <span className="quiet">default</span> : origins[origin]}</td>
                  <td data-is="A change takes" className="quiet">{reload ? 'a reload' : 'a restart'}</td>
                </tr>
              ))}
            </Table>
          ) : (
            <p className="empty">{text ? 'No option has that in its name or description.' : 'Nothing is set: all options have their defaults.'}</p>
          )}
        </>
      )}
    </>
  );
}
