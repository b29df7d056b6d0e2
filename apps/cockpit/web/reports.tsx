import { ConnectionStatus, useReportUpdates, useSSEMessage } from '@freshet/client/compat/cockpit';
import { Badge, Button, Dialog, Empty, format, mount, Notice, Panel, preloadSession, Select, Table, type Tone } from '@kit';
import { useState } from 'react';
import { useSend } from './forms';
import { useCatchUp, useFetched } from './live';
import { APP, mayChange, maySeeReports, Page, type ContentProps } from './page';
import { money, OutcomeList, periodText, Share } from './parts';
import { dimensionLabel, type Report, type ReportQueue, type ReportRow, type ReportStatus } from './types';

const STATUS: Record<ReportStatus, [Tone, string]> = {
  queued: ['neutral', 'Waiting'],
  running: ['info', 'Being made'],
  ready: ['good', 'Ready'],
  failed: ['bad', 'Failed'],
};

/** The quarters of the last two years and their years, newest first. */
function periods(now = new Date()): string[] {
  const at = now.getUTCFullYear() * 4 + Math.floor(now.getUTCMonth() / 3);
  const quarters = Array.from({ length: 8 }, (_, i) => `${Math.floor((at - i) / 4)}-Q${((at - i) % 4) + 1}`);
  return [...quarters, String(now.getUTCFullYear()), String(now.getUTCFullYear() - 1)];
}

const periodName = (period: string) => (period.includes('-') ? `${period.slice(5)} ${period.slice(0, 4)}` : period);

function Contents({ report, currency }: { report: Report; currency: string }) {
  const { sroi, vis, outcomes, evidence } = report.content;
  return (
    <div className="c-report">
      {sroi && (
        <section>
          <h3>Social return on investment</h3>
          <p>
            <b className="c-figure">{sroi.value === null ? '–' : sroi.value.toFixed(2)}</b> {money(sroi.socialCents, currency)} of social value for {money(sroi.investmentCents, currency)} invested, {periodText(sroi.period)}.
          </p>
        </section>
      )}
      {vis && (
        <section>
          <h3>Volunteer impact score</h3>
          <p>
            <b className="c-figure">{vis.value === null ? '–' : vis.value.toFixed(1)}</b> of 100: {format.number(vis.volunteers)} volunteers with {format.number(vis.hours.each)} hours each.
          </p>
        </section>
      )}
      {outcomes && (
        <section>
          <h3>Outcomes of {format.number(outcomes.people)} people</h3>
          <OutcomeList outcomes={outcomes} />
        </section>
      )}
      {evidence && (
        <section>
          <h3>Evidence</h3>
          <p>
            {format.number(evidence.counts.verified)} pieces verified, {format.number(evidence.counts.classified)} classified; {evidence.dimensions.map(({ dimension, count }) => `${dimensionLabel(dimension)} ${count}`).join(', ')}.
          </p>
        </section>
      )}
    </div>
  );
}

function ReportDialog({ path, currency, onClose }: { path: string; currency: string; onClose: () => void }) {
  const { data, error } = useFetched<Report>(path);
  return (
    <Dialog open title={data ? `${data.company}: impact report ${periodName(data.period)}` : 'Impact report'} onClose={onClose}>
      {error && <Notice tone="bad">{error.detail}</Notice>}
      {data && <Contents report={data} currency={currency} />}
    </Dialog>
  );
}

/** The newest one that is ready, whole. */
function Latest({ path, currency, stale }: { path: string; currency: string; stale: number | null }) {
  const { data, error } = useFetched<Report>(path);
  return (
    <Panel title={data ? `Latest: impact report ${periodName(data.period)}` : 'Latest report'} stale={stale}>
      {error && <Notice tone="bad">{error.detail}</Notice>}
      {data && <Contents report={data} currency={currency} />}
    </Panel>
  );
}

interface Outcome {
  reportId: number;
  period: string;
  title: string;
  url?: string;
  reason?: string;
}

function Queue({ session, company, connection, stale }: ContentProps) {
  const [period, setPeriod] = useState(periods()[1]!);
  const [shown, setShown] = useState<number | null>(null);
  const [news, setNews] = useState<Outcome | null>(null);
  const base = `/api/companies/${company.id}/reports`;
  const { data, error, reload } = useFetched<ReportQueue>(base);
  const { send, busy, error: refused } = useSend(() => {});
  useCatchUp(connection, reload);
  useReportUpdates<Outcome>(
    company.id,
    (outcome) => {
      setNews(outcome);
      reload();
    },
    { enablePollingFallback: true },
  );
  useSSEMessage(connection, 'report-queue', reload);
  const of = data?.sections ?? 1;
  const latest = data?.reports.find(({ status }) => status === 'ready');
  return (
    <>
      <Panel title="Request a report" actions={<ConnectionStatus connection={connection} showDetails />}>
        {mayChange(session) ? (
          <form
            className="k-row"
            onSubmit={(event) => {
              event.preventDefault();
              setNews(null);
              void send(base, { period });
            }}
          >
            <Select label="Period" value={period} onChange={setPeriod} options={periods().map((value) => ({ value, label: periodName(value) }))} />
            <Button type="submit" kind="main" busy={busy}>
              Request report
            </Button>
          </form>
        ) : (
          <p className="k-quiet">Your role may read reports.</p>
        )}
        {refused && <Notice tone="bad">{refused}</Notice>}
        {news && (
          <Notice tone={news.reason ? 'warn' : 'good'} onDismiss={() => setNews(null)}>
            {news.title} {news.reason ? `failed: ${news.reason}` : 'is ready'}.{' '}
            {!news.reason && (
              <Button kind="quiet" small onClick={() => setShown(news.reportId)}>
                Read it
              </Button>
            )}
          </Notice>
        )}
      </Panel>
      <div className="k-columns" data-split>
        <Panel title="Report queue" stale={stale}>
          {error && <Notice tone="bad">{error.detail}</Notice>}
          {data &&
            (data.reports.length === 0 ? (
              <Empty>No report has been asked for yet.</Empty>
            ) : (
              <Table<ReportRow>
                label="Reports"
                rows={data.reports}
                rowKey={({ id }) => String(id)}
                empty=""
                columns={[
                  { head: 'Period', cell: ({ period: of_ }) => periodName(of_) },
                  {
                    head: 'State',
                    cell: ({ status, reason }) => (
                      <>
                        <Badge tone={STATUS[status][0]}>{STATUS[status][1]}</Badge> {reason && <span className="k-quiet">{reason}</span>}
                      </>
                    ),
                  },
                  { head: 'Sections', cell: ({ done, status, id }) => (status === 'failed' ? '–' : <span className="c-progress"><Share value={done / of} label={`Sections of report ${id}`} /> {done} / {of}</span>) },
                  { head: 'Requested', cell: ({ createdMs }) => format.day(createdMs), wide: true },
                  { head: 'Ended', cell: ({ endedMs }) => format.day(endedMs), wide: true },
                  {
                    head: '',
                    label: 'Read',
                    align: 'end',
                    cell: ({ id, status, period: of_ }) =>
                      status === 'ready' && (
                        <Button small label={`Read report ${periodName(of_)}, number ${id}`} onClick={() => setShown(id)}>
                          Read
                        </Button>
                      ),
                  },
                ]}
              />
            ))}
        </Panel>
        {latest && <Latest path={`${base}/${latest.id}`} currency={company.currency} stale={stale} />}
      </div>
      {shown !== null && <ReportDialog path={`${base}/${shown}`} currency={company.currency} onClose={() => setShown(null)} />}
    </>
  );
}

preloadSession(APP);
mount(
  <Page title="Reports" channel="report-updates" allowed={maySeeReports}>
    {(props) => <Queue {...props} />}
  </Page>,
);
