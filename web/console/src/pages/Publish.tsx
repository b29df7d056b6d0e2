import { useId, useMemo, useRef, useState, type FormEvent } from 'react';
import { ApiError, call, query } from '../api';
import { curlOf, jsonFault, publishBody, type Draft } from '../json';
import { useAsked, useSession } from '../live';
import { Sign, Trouble } from '../parts';
import { Link } from '../router';
import { exampleOf, fieldsOf, has, placeOf, type Schema } from '../schema';
import { pathOf } from './Channels';

interface Listed {
  channel: string;
  type: string;
  schema: Schema | null;
}

const nothing = '{\n  "hello": "world"\n}';

/** What the hub said of data that don't fit: the pointer in `at "/free": type fails`. */
const pointerOf = (error: ApiError | null) => (error?.status === 422 ? /at "((?:[^"\\]|\\.)*)"/.exec(error.message)?.[1] : undefined);

/** What the schema asks for, and what of it the draft has. */
function Fields({ schema, data }: { schema: Schema; data: unknown }) {
  const fields = useMemo(() => fieldsOf(schema), [schema]);
  if (!fields.length) return <p className="quiet">The schema names no members.</p>;
  return (
    <ul className="members" aria-label="Fields">
      {fields.map(({ pointer, name, depth, type, required, note }) => {
        const missing = required && has(data, pointer) === false;
        return (
          <li key={pointer} data-depth={depth}>
            <code>{name}</code> <span className="quiet">{type}</span> {required ? missing ? <Sign ok={false}>missing</Sign> : <span className="tag">required</span> : null}
            {note && <span className="note">{note}</span>}
          </li>
        );
      })}
    </ul>
  );
}

/** One event by hand, and the same as a command. */
export function Publish() {
  const { tenant, token } = useSession();
  const [draft, setDraft] = useState<Omit<Draft, 'tenant'>>({ channel: '', type: '', key: '', data: nothing, deleted: false, high: false });
  const [done, setDone] = useState<{ id: string; channel: string } | null>(null);
  const [error, setError] = useState<ApiError | null>(null);
  const [copied, setCopied] = useState(false);
  const area = useRef<HTMLTextAreaElement>(null);
  const ids = { state: useId(), channels: useId(), types: useId() };
  const valid = /^[A-Za-z0-9][A-Za-z0-9._:-]*$/.test(draft.channel);
  const channels = useAsked<{ channels: { channel: string }[] }>(query('/v1/channels', {}), 30_000).data?.channels ?? [];
  const listed = useAsked<{ schemas: Listed[] }>(query('/v1/schemas', { channel: valid ? draft.channel : undefined }), 30_000).data?.schemas ?? [];
  const types = valid ? listed : [];
  const schema = types.find((one) => one.type === (draft.type || 'message'))?.schema ?? null;
  const put = (change: Partial<Draft>) => {
    setDraft({ ...draft, ...change });
    setCopied(false);
    setError(null);
  };
  const fault = jsonFault(draft.data);
  const data = useMemo(() => (fault ? undefined : (JSON.parse(draft.data) as unknown)), [fault, draft.data]);
  const body = publishBody({ ...draft, tenant });
  const curl = curlOf(location.origin, body, token !== '');
  const pointer = pointerOf(error);
  const unlisted = types.length > 0 && !types.some((one) => one.type === (draft.type || 'message'));
  const show = (where: string) => {
    const [from, to] = placeOf(draft.data, where);
    area.current?.focus();
    area.current?.setSelectionRange(from, to);
  };
  const send = async (event: FormEvent) => {
    event.preventDefault();
    if (fault) return;
    setDone(null);
    try {
      const { id } = await call<{ id: string }>('/v1/publish', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body });
      setDone({ id, channel: draft.channel });
      setError(null);
    } catch (failure) {
      const refused = failure as ApiError;
      setError(refused);
      const where = pointerOf(refused);
      if (where !== undefined) show(where);
    }
  };
  return (
    <>
      <h1>Publish</h1>
      <div className="halves">
        <form className="fields" onSubmit={send}>
          <label>Channel<input required list={ids.channels} maxLength={128} pattern="[A-Za-z0-9][A-Za-z0-9._:\-]*" title="A-Z a-z 0-9 . _ : -, beginning with a letter or digit" spellCheck={false} value={draft.channel} onChange={(event) => put({ channel: event.target.value })} /></label>
          <datalist id={ids.channels}>{[...new Set([...channels.map(({ channel }) => channel), ...listed.map(({ channel }) => channel).filter((name) => !name.includes('*'))])].map((name) => <option key={name} value={name} />)}</datalist>
          <div className="pair">
            <label>Type<input list={ids.types} maxLength={128} placeholder="message" spellCheck={false} value={draft.type} onChange={(event) => put({ type: event.target.value })} /></label>
            <datalist id={ids.types}>{types.map(({ type }) => <option key={type} value={type} />)}</datalist>
            <label>Key<input maxLength={256} placeholder="none" spellCheck={false} value={draft.key} onChange={(event) => put({ key: event.target.value })} /></label>
          </div>
          {unlisted && (
            <p className="notice">
              This channel takes {types.map(({ type }, i) => (
                <span key={type}>{i > 0 && ', '}<button type="button" className="link" onClick={() => put({ type })}>{type}</button></span>
              ))} only.
            </p>
          )}
          <label>
            Data
            <textarea ref={area} rows={12} spellCheck={false} value={draft.data} aria-invalid={fault !== null || pointer !== undefined} aria-describedby={ids.state} onChange={(event) => put({ data: event.target.value })} />
          </label>
          <p id={ids.state} role="status"><Sign ok={!fault}>{fault ?? 'JSON'}</Sign></p>
          <div className="pair">
            <label className="check"><input type="checkbox" checked={draft.high} onChange={(event) => put({ high: event.target.checked })} /> High priority</label>
            <label className="check"><input type="checkbox" checked={draft.deleted} disabled={!draft.key} onChange={(event) => put({ deleted: event.target.checked })} /> The key is gone</label>
          </div>
          <div className="bar">
            <button className="main" disabled={fault !== null}>Publish</button>
            {schema !== null && <button type="button" onClick={() => put({ data: exampleOf(schema) })}>Insert an example</button>}
            <span role="status">{done && <>Published <Link to={pathOf(done.channel)} className="id">{done.id}</Link></>}</span>
          </div>
          <Trouble error={error} />
          {pointer !== undefined && <button type="button" className="start" onClick={() => show(pointer)}>Show {pointer || 'the whole'} in the data</button>}
        </form>
        <section>
          {schema !== null && (
            <>
              <h2>What {draft.type || 'message'} takes</h2>
              <Fields schema={schema} data={data} />
            </>
          )}
          <h2>The same with curl</h2>
          <pre tabIndex={0} aria-label="curl command">{curl}</pre>
          <button type="button" onClick={() => void navigator.clipboard?.writeText(curl).then(() => setCopied(true))}>{copied ? 'Copied' : 'Copy'}</button>
        </section>
      </div>
    </>
  );
}
