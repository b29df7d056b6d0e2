import { useDashboardUpdate } from '@freshet/client/compat/cockpit/DashboardWithSSE';
import { Badge, Empty, Flash, format, Notice, Panel, Tile, Tiles, type Tone } from '@kit';
import { lazy, Suspense } from 'react';
import { useCatchUp, useFetched, type Fetched } from './live';
import { dayText, money, OutcomeList, periodText, Score, Share, signed } from './parts';
import { dimensionLabel, type Glance, type Month, type Q2Q, type Sroi, type Vis } from './types';

const Trend = lazy(() => import('./trend'));

/** A widget's figures: fetched anew whenever an update of the dashboard names it. */
function useFigures<T>(companyId: string, widget: string): Fetched<T> {
  const fetched = useFetched<T>(`/api/companies/${companyId}/${widget}`);
  const connection = useDashboardUpdate((update) => {
    if (!update.widgets || update.widgets.includes(widget)) fetched.reload();
  });
  useCatchUp(connection, fetched.reload);
  return fetched;
}

interface WidgetProps {
  companyId: string;
  stale: number | null;
}

/** Stands in until there is something, and says what went wrong. */
const Waiting = ({ error }: { error: { detail: string } | null }) => (error ? <Notice tone="bad">{error.detail}</Notice> : <div className="c-waiting" aria-busy="true" />);

function Months({ months }: { months: Month[] }) {
  return (
    <figure className="c-trend">
      <figcaption>
        <span className="c-key" data-of="social">
          Social value
        </span>
        <span className="c-key" data-of="cost">
          Investment
        </span>
        <span>by month</span>
      </figcaption>
      <Suspense fallback={<div className="c-plot" />}>
        <Trend months={months} />
      </Suspense>
      <table className="k-hidden">
        <caption>Social value and investment by month</caption>
        <thead>
          <tr>
            <th>Month</th>
            <th>Social value</th>
            <th>Investment</th>
          </tr>
        </thead>
        <tbody>
          {months.map(({ month, socialCents, investmentCents }) => (
            <tr key={month}>
              <th>{month}</th>
              <td>{money(socialCents)}</td>
              <td>{money(investmentCents)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </figure>
  );
}

export function SROIPanel({ companyId, stale }: WidgetProps) {
  const { data, error } = useFigures<Sroi>(companyId, 'sroi');
  const top = Math.max(1, ...(data?.dimensions.map(({ cents }) => cents) ?? []), data?.hoursCents ?? 0);
  return (
    <Panel title="Social return on investment" stale={stale} note={data ? periodText(data.period) : ' '}>
      {!data ? (
        <Waiting error={error} />
      ) : (
        <>
          <p className="c-lead">
            <span className="c-big" data-figure="sroi">
              <Flash value={data.value === null ? '–' : data.value.toFixed(2)} />
            </span>
            <span>
              {data.value === null ? (
                'No programme costs in this period, so there is no return on them.'
              ) : (
                <>
                  <b>{money(data.socialCents)}</b> of social value for <b>{money(data.investmentCents)}</b> invested
                </>
              )}
            </span>
          </p>
          <ul className="c-parts" aria-label="What it is made of">
            <li>
              <span>Volunteer hours</span>
              <Share value={data.hoursCents / top} label="Volunteer hours" colour={3} />
              <span className="c-num">
                <Flash value={money(data.hoursCents)} />
              </span>
            </li>
            {data.dimensions.map(({ dimension, cents, people }) => (
              <li key={dimension} title={`${people} people answered before and after`}>
                <span>{dimensionLabel(dimension)}</span>
                <Share value={cents / top} label={dimensionLabel(dimension)} />
                <span className="c-num">
                  <Flash value={money(cents)} />
                </span>
              </li>
            ))}
          </ul>
          <Months months={data.trend} />
        </>
      )}
    </Panel>
  );
}

const GRADES: Record<string, [Tone, string]> = {
  outstanding: ['good', 'Outstanding'],
  strong: ['good', 'Strong'],
  developing: ['info', 'Developing'],
  early: ['warn', 'Early'],
};

export function VISPanel({ companyId, stale }: WidgetProps) {
  const { data, error } = useFigures<Vis>(companyId, 'vis');
  const [tone, grade] = GRADES[data?.grade ?? ''] ?? ['neutral', 'Not known yet'];
  return (
    <Panel title="Volunteer impact score" stale={stale} note={data ? periodText(data.period) : ' '}>
      {!data ? (
        <Waiting error={error} />
      ) : (
        <>
          <p className="c-lead">
            <span className="c-big" data-figure="vis">
              <Flash value={data.value === null ? '–' : data.value.toFixed(1)} />
            </span>
            <span>
              of 100 <Badge tone={tone}>{grade}</Badge>
            </span>
          </p>
          <ul className="c-parts" data-wide aria-label="What it is made of">
            <li>
              <span>Hours, 30 %</span>
              <Share value={data.hours.score} label="Hours" />
              <span className="c-num">
                {format.number(data.hours.each)} of {format.number(data.hours.target)} h each
              </span>
            </li>
            <li>
              <span>Consistency, 30 %</span>
              <Share value={data.consistency.score} label="Consistency" />
              <span className="c-num">
                {format.number(data.consistency.weeks)} of {data.consistency.of} weeks
              </span>
            </li>
            <li>
              <span>Outcome, 40 %</span>
              <Share value={data.outcome.score} label="Outcome" />
              <span className="c-num">{signed(data.outcome.lift)} on average</span>
            </li>
          </ul>
        </>
      )}
    </Panel>
  );
}

const against = (before: number, digits = 0) => `before: ${format.number(before, digits)}`;

export function AtAGlance({ companyId, stale }: WidgetProps) {
  const { data, error } = useFigures<Glance>(companyId, 'at-a-glance');
  if (!data) return <Waiting error={error} />;
  const { now, before } = data;
  return (
    <div className="c-glance" data-stale={stale ? true : undefined}>
      <Tiles label="The last 90 days at a glance">
        <Tile label="Volunteers" value={now.volunteers} hint={against(before.volunteers)} />
        <Tile label="Hours" value={format.number(now.hours, 2)} hint={against(before.hours, 2)} />
        <Tile label="Activities" value={now.activities} hint={against(before.activities)} />
        <Tile label="Participants" value={now.participants} hint={against(before.participants)} />
        <Tile label="Evidence" value={now.evidence} hint={against(before.evidence)} />
        <Tile label="To review" value={data.evidenceInReview} hint={data.evidenceInReview ? 'pieces of evidence' : 'nothing waits'} />
        <Tile label="Reports ready" value={data.reportsReady} hint={data.reportsUnderWay ? `${data.reportsUnderWay} under way` : 'none under way'} />
      </Tiles>
    </div>
  );
}

export function Q2QFeed({ companyId, stale }: WidgetProps) {
  const { data, error } = useFigures<Q2Q>(companyId, 'q2q');
  return (
    <Panel title="Q2Q: what people say, in numbers" stale={stale} note={data ? `${format.number(data.outcomes.people)} people answered before and after, ${periodText(data.period)}` : ' '}>
      {!data ? (
        <Waiting error={error} />
      ) : (
        <>
          <OutcomeList outcomes={data.outcomes} />
          {data.items.length === 0 ? (
            <Empty>No answers in words yet.</Empty>
          ) : (
            <ol className="c-feed" aria-label="Latest answers" tabIndex={0}>
              {data.items.map((item) => (
                <li key={item.id} data-reading={item.id}>
                  <blockquote>{item.text}</blockquote>
                  <p className="c-meta">
                    <Score {...item} />
                    <span className="k-quiet">
                      {item.phase === 'after' ? 'after' : 'before'} {item.activity}, {dayText(item.day)}
                    </span>
                  </p>
                </li>
              ))}
            </ol>
          )}
        </>
      )}
    </Panel>
  );
}
