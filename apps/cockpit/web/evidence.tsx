import { ConnectionStatusCompact, useEvidenceUpdates } from '@freshet/client/compat/cockpit';
import { Badge, Button, Empty, format, IconButton, mount, Notice, Panel, preloadSession, Select, Tabs, TextField, type Tone } from '@kit';
import { useState } from 'react';
import { EvidenceDialog, useSend } from './forms';
import { useCatchUp, useFetched } from './live';
import { APP, mayChange, Page, type ContentProps } from './page';
import { dayText, Score, Share } from './parts';
import { dimensionLabel, DIMENSIONS, type Dimension, type Evidence, type EvidencePage, type EvidenceStatus } from './types';

const STATUS: Record<EvidenceStatus, [Tone, string]> = {
  new: ['neutral', 'New'],
  classified: ['info', 'Classified'],
  review: ['warn', 'To review'],
  verified: ['good', 'Verified'],
  rejected: ['bad', 'Rejected'],
};
type Filter = EvidenceStatus | 'all';
const FILTERS: Filter[] = ['all', 'review', 'classified', 'verified', 'rejected'];

function Item({ item, path, editable }: { item: Evidence; path: string; editable: boolean }) {
  const [dimension, setDimension] = useState<Dimension | ''>('');
  const { send, busy, error } = useSend(() => {});
  const [tone, label] = STATUS[item.status];
  const name = dimension || item.dimension;
  const undecided = item.status === 'review' || item.status === 'rejected';
  return (
    <li className="c-item" data-evidence={item.id} data-status={item.status}>
      <p className="c-text">{item.text}</p>
      <p className="c-meta">
        <Badge tone={tone}>{label}</Badge>
        {item.status !== 'new' && <Score {...item} />}
        <span className="k-quiet">
          {item.kind}, {item.activity}, {dayText(item.day)}
        </span>
      </p>
      {editable && item.status !== 'new' && (
        <div className="c-verdict">
          {undecided && (
            <Select<Dimension | ''>
              label="Speaks of"
              value={dimension || item.dimension || ''}
              onChange={setDimension}
              options={[...(item.dimension ? [] : [{ value: '' as const, label: 'Choose' }]), ...DIMENSIONS.map((value) => ({ value, label: dimensionLabel(value) }))]}
            />
          )}
          {item.status !== 'verified' && (
            <Button small busy={busy} disabled={!name} label={`Verify evidence ${item.id}`} onClick={() => void send(path, { status: 'verified', dimension: name }, 'PATCH')}>
              Verify
            </Button>
          )}
          {item.status !== 'rejected' && (
            <Button small busy={busy} label={`Reject evidence ${item.id}`} onClick={() => void send(path, { status: 'rejected' }, 'PATCH')}>
              Reject
            </Button>
          )}
          <IconButton icon="close" label={`Delete evidence ${item.id}`} disabled={busy} onClick={() => void send(path, undefined, 'DELETE')} />
        </div>
      )}
      {error && <Notice tone="bad">{error}</Notice>}
    </li>
  );
}

function Explorer({ session, company, connection, stale }: ContentProps) {
  const [status, setStatus] = useState<Filter>('all');
  const [dimension, setDimension] = useState<Dimension | ''>('');
  const [text, setText] = useState('');
  const [limit, setLimit] = useState(25);
  const [open, setOpen] = useState(false);
  const base = `/api/companies/${company.id}/evidence`;
  const query = new URLSearchParams({ limit: String(limit), ...(status !== 'all' && { status }), ...(dimension && { dimension }), ...(text.trim() && { q: text.trim() }) });
  const { data, error, reload } = useFetched<EvidencePage>(`${base}?${query}`);
  useCatchUp(connection, reload);
  useEvidenceUpdates(company.id, reload, { enablePollingFallback: true });
  const counts = data?.counts;
  const most = Math.max(1, ...(data?.dimensions.map(({ count }) => count) ?? []));
  return (
    <div className="k-columns" data-split>
      <Panel
        title="Evidence explorer"
        stale={stale}
        actions={
          <>
            <ConnectionStatusCompact connection={connection} />
            {mayChange(session) && (
              <Button kind="main" onClick={() => setOpen(true)}>
                Submit evidence
              </Button>
            )}
          </>
        }
      >
        <Tabs
          label="Status"
          chosen={status}
          onChoose={setStatus}
          tabs={FILTERS.map((id) => ({ id, label: `${id === 'all' ? 'All' : STATUS[id][1]} ${counts ? format.number(id === 'all' ? counts.total : counts[id]) : ''}` }))}
        />
        <div className="c-filters">
          <TextField type="search" label="Find" value={text} onChange={setText} placeholder="a word of the text" />
          <Select<Dimension | ''> label="Speaks of" value={dimension} onChange={setDimension} options={[{ value: '', label: 'Any outcome' }, ...DIMENSIONS.map((value) => ({ value, label: dimensionLabel(value) }))]} />
        </div>
        {error && <Notice tone="bad">{error.detail}</Notice>}
        {data && data.items.length === 0 && <Empty>{status === 'all' && !dimension && !text ? 'No evidence yet. What is submitted here, or by a system of the company, is read and classified at once.' : 'Nothing matches.'}</Empty>}
        <ol className="c-items" aria-label="Evidence">
          {data?.items.map((item) => <Item key={item.id} item={item} path={`${base}/${item.id}`} editable={mayChange(session)} />)}
        </ol>
        {data?.more && limit < 100 && <Button onClick={() => setLimit(Math.min(100, limit + 25))}>Show more</Button>}
      </Panel>
      <Panel title="By outcome" note="Classified and verified" stale={stale}>
        <ul className="c-parts" aria-label="Evidence by outcome">
          {DIMENSIONS.map((name) => {
            const count = data?.dimensions.find((one) => one.dimension === name)?.count ?? 0;
            return (
              <li key={name}>
                <span>{dimensionLabel(name)}</span>
                <Share value={count / most} label={dimensionLabel(name)} />
                <span className="c-num">{format.number(count)}</span>
              </li>
            );
          })}
        </ul>
      </Panel>
      <EvidenceDialog companyId={company.id} open={open} onClose={() => setOpen(false)} />
    </div>
  );
}

preloadSession(APP);
mount(
  <Page title="Evidence" channel="evidence-updates">
    {(props) => <Explorer {...props} />}
  </Page>,
);
