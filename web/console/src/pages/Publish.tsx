import { useId, useState, type FormEvent } from 'react';
import { ApiError, call } from '../api';
import { curlOf, jsonFault, publishBody, type Draft } from '../json';
import { useSession } from '../live';
import { Sign, Trouble } from '../parts';
import { Link } from '../router';
import { pathOf } from './Channels';

/** One event by hand, and the same as a command. */
export function Publish() {
  const { tenant, token } = useSession();
  const [draft, setDraft] = useState<Omit<Draft, 'tenant'>>({ channel: '', type: '', key: '', data: '{\n  "hello": "world"\n}', deleted: false, high: false });
  const [done, setDone] = useState<{ id: string; channel: string } | null>(null);
  const [error, setError] = useState<ApiError | null>(null);
  const [copied, setCopied] = useState(false);
  const state = useId();
  const put = (change: Partial<Draft>) => {
    setDraft({ ...draft, ...change });
    setCopied(false);
  };
  const fault = jsonFault(draft.data);
  const body = publishBody({ ...draft, tenant });
  const curl = curlOf(location.origin, body, token !== '');
  const send = async (event: FormEvent) => {
    event.preventDefault();
    if (fault) return;
    setDone(null);
    try {
      const { id } = await call<{ id: string }>('/v1/publish', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body });
      setDone({ id, channel: draft.channel });
      setError(null);
    } catch (failure) {
      setError(failure as ApiError);
    }
  };
  return (
    <>
      <h1>Publish</h1>
      <div className="halves">
        <form className="fields" onSubmit={send}>
          <label>Channel<input required maxLength={128} pattern="[A-Za-z0-9][A-Za-z0-9._:\-]*" title="A-Z a-z 0-9 . _ : -, beginning with a letter or digit" spellCheck={false} value={draft.channel} onChange={(event) => put({ channel: event.target.value })} /></label>
          <div className="pair">
            <label>Type<input maxLength={128} placeholder="message" spellCheck={false} value={draft.type} onChange={(event) => put({ type: event.target.value })} /></label>
            <label>Key<input maxLength={256} placeholder="none" spellCheck={false} value={draft.key} onChange={(event) => put({ key: event.target.value })} /></label>
          </div>
          <label>
            Data
            <textarea rows={10} spellCheck={false} value={draft.data} aria-invalid={fault !== null} aria-describedby={state} onChange={(event) => put({ data: event.target.value })} />
          </label>
          <p id={state} role="status"><Sign ok={!fault}>{fault ?? 'JSON'}</Sign></p>
          <div className="pair">
            <label className="check"><input type="checkbox" checked={draft.high} onChange={(event) => put({ high: event.target.checked })} /> High priority</label>
            <label className="check"><input type="checkbox" checked={draft.deleted} disabled={!draft.key} onChange={(event) => put({ deleted: event.target.checked })} /> The key is gone</label>
          </div>
          <div className="bar">
            <button className="main" disabled={fault !== null}>Publish</button>
            <span role="status">{done && <>Published <Link to={pathOf(done.channel)} className="id">{done.id}</Link></>}</span>
          </div>
          <Trouble error={error} />
        </form>
        <section>
          <h2>The same with curl</h2>
          <pre tabIndex={0} aria-label="curl command">{curl}</pre>
          <button type="button" onClick={() => void navigator.clipboard?.writeText(curl).then(() => setCopied(true))}>{copied ? 'Copied' : 'Copy'}</button>
        </section>
      </div>
    </>
  );
}
