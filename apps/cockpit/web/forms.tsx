import { api, ApiError, Button, Dialog, Empty, Field, Notice, NumberField, Select, Tabs, TextField } from '@kit';
import { useEffect, useState, type FormEvent, type ReactNode } from 'react';
import { useFetched } from './live';
import { dimensionLabel, DIMENSIONS, type Activity, type Dimension, type Unanswered } from './types';

/** Sends a form; `error` is what the server refused. */
export function useSend(onSent: () => void) {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<string | null>(null);
  async function send(path: string, body: unknown, method = 'POST'): Promise<boolean> {
    setBusy(true);
    try {
      await api(path, { method, ...(body === undefined ? {} : { body }) });
      setError(null);
      onSent();
      return true;
    } catch (failed) {
      setError(failed instanceof ApiError ? failed.detail : String(failed));
      return false;
    } finally {
      setBusy(false);
    }
  }
  return { send, busy, error };
}

function Form({ error, onSubmit, children }: { error: string | null; onSubmit: () => void; children: ReactNode }) {
  return (
    <form
      className="k-form"
      onSubmit={(event: FormEvent) => {
        event.preventDefault();
        onSubmit();
      }}
    >
      {error && <Notice tone="bad">{error}</Notice>}
      {children}
    </form>
  );
}

/** The activities that still take something, and the one that is chosen. */
export function useActivities(companyId: string) {
  const { data } = useFetched<{ activities: Activity[] }>(`/api/companies/${companyId}/activities?open=true`);
  const activities = data?.activities ?? [];
  const [chosen, setChosen] = useState('');
  const id = activities.some((one) => String(one.id) === chosen) ? chosen : String(activities[0]?.id ?? '');
  return { activities, loaded: data !== null, id, choose: setChosen };
}

interface DialogProps {
  companyId: string;
  open: boolean;
  onClose: () => void;
}

function HoursForm({ companyId, onClose }: Omit<DialogProps, 'open'>) {
  const { activities, loaded, id, choose } = useActivities(companyId);
  const [volunteer, setVolunteer] = useState('');
  const [hours, setHours] = useState(2);
  const { send, busy, error } = useSend(onClose);
  if (loaded && !activities.length) return <Empty>No activity takes hours at the moment.</Empty>;
  return (
    <Form error={error} onSubmit={() => void send(`/api/companies/${companyId}/hours`, { volunteerId: volunteer.trim(), activityId: Number(id), hours })}>
      <Select
        label="Activity"
        value={id}
        onChange={choose}
        options={activities.map((one) => ({ value: String(one.id), label: `${one.title} (${Math.floor(one.minutesLeft / 60)} h left)` }))}
      />
      <TextField label="Volunteer" value={volunteer} onChange={setVolunteer} placeholder="v-001" maxLength={40} required hint="A pseudonym; somebody new is added by it." />
      <NumberField label="Hours today" value={hours} onChange={setHours} min={0.25} max={12} step={0.25} />
      <div className="c-end">
        <Button type="submit" kind="main" busy={busy}>
          Log hours
        </Button>
      </div>
    </Form>
  );
}

export const HoursDialog = ({ companyId, open, onClose }: DialogProps) => (
  <Dialog open={open} title="Log volunteer hours" onClose={onClose}>
    <HoursForm companyId={companyId} onClose={onClose} />
  </Dialog>
);

type Ratings = Partial<Record<Dimension, string>>;
const RATINGS = [
  { value: '', label: '–' },
  { value: '1', label: '1, not at all' },
  { value: '2', label: '2' },
  { value: '3', label: '3' },
  { value: '4', label: '4' },
  { value: '5', label: '5, very much' },
];

function Who({ phase, companyId, value, onChange }: { phase: 'before' | 'after'; companyId: string; value: [string, string]; onChange: (value: [string, string]) => void }) {
  const { activities } = useActivities(companyId);
  const { data } = useFetched<{ unanswered: Unanswered[] }>(`/api/companies/${companyId}/unanswered`);
  const [activity, participant] = value;
  const open = activities.filter(({ placesLeft }) => placesLeft > 0);
  const waiting = data?.unanswered ?? [];
  useEffect(() => {
    if (phase === 'before' && !activity && open[0]) onChange([String(open[0].id), participant]);
    if (phase === 'after' && !participant && waiting[0]) onChange([String(waiting[0].activityId), waiting[0].participant]);
  });
  if (phase === 'before')
    return (
      <>
        <Select label="Activity" value={activity} onChange={(id) => onChange([id, participant])} options={open.map((one) => ({ value: String(one.id), label: `${one.title} (${one.placesLeft} places)` }))} />
        <TextField label="Participant" value={participant} onChange={(text) => onChange([activity, text])} placeholder="p-001" maxLength={40} required hint="A pseudonym: the answers carry no name." />
      </>
    );
  if (data && !waiting.length) return <Empty>Nobody is to answer a second time at the moment.</Empty>;
  return (
    <Select
      label="Participant"
      value={`${activity} ${participant}`}
      onChange={(both) => onChange(both.split(' ') as [string, string])}
      options={waiting.map((one) => ({ value: `${one.activityId} ${one.participant}`, label: `${one.participant}, ${one.activity}` }))}
    />
  );
}

function QuestionnaireForm({ companyId, onClose }: Omit<DialogProps, 'open'>) {
  const [phase, setPhase] = useState<'before' | 'after'>('after');
  const [who, setWho] = useState<[string, string]>(['', '']);
  const [ratings, setRatings] = useState<Ratings>({});
  const [answer, setAnswer] = useState('');
  const { send, busy, error } = useSend(onClose);
  const submit = () =>
    send(`/api/companies/${companyId}/questionnaires`, {
      phase,
      activityId: Number(who[0]),
      participant: who[1].trim(),
      answer: answer.trim(),
      ratings: Object.fromEntries(Object.entries(ratings).flatMap(([name, value]) => (value ? [[name, Number(value)]] : []))),
    });
  return (
    <Form error={error} onSubmit={() => void submit()}>
      <Tabs
        label="Questionnaire"
        chosen={phase}
        onChoose={(next) => {
          setPhase(next);
          setWho(['', '']);
        }}
        tabs={[
          { id: 'before', label: 'Before an activity' },
          { id: 'after', label: 'After it' },
        ]}
      />
      <Who phase={phase} companyId={companyId} value={who} onChange={setWho} />
      <div className="c-ratings">
        {DIMENSIONS.map((dimension) => (
          <Select key={dimension} label={dimensionLabel(dimension)} value={ratings[dimension] ?? ''} options={RATINGS} onChange={(value) => setRatings({ ...ratings, [dimension]: value })} />
        ))}
      </div>
      <TextField label="In your own words" value={answer} onChange={setAnswer} rows={3} maxLength={500} hint="Where a rating is missing and the words are clear, they are counted instead." />
      <div className="c-end">
        <Button type="submit" kind="main" busy={busy}>
          Send answers
        </Button>
      </div>
    </Form>
  );
}

export const QuestionnaireDialog = ({ companyId, open, onClose }: DialogProps) => (
  <Dialog open={open} title="Questionnaire" onClose={onClose}>
    <QuestionnaireForm companyId={companyId} onClose={onClose} />
  </Dialog>
);

const KINDS = ['quote', 'observation', 'document'] as const;

function EvidenceForm({ companyId, onClose }: Omit<DialogProps, 'open'>) {
  const { activities, loaded, id, choose } = useActivities(companyId);
  const [kind, setKind] = useState<(typeof KINDS)[number]>('observation');
  const [text, setText] = useState('');
  const { send, busy, error } = useSend(onClose);
  if (loaded && !activities.length) return <Empty>There is no recent activity to add evidence to.</Empty>;
  return (
    <Form error={error} onSubmit={() => void send(`/api/companies/${companyId}/evidence`, { activityId: Number(id), kind, text: text.trim() })}>
      <Select label="Activity" value={id} onChange={choose} options={activities.map((one) => ({ value: String(one.id), label: one.title }))} />
      <Select label="Kind" value={kind} onChange={setKind} options={KINDS.map((one) => ({ value: one, label: one[0]!.toUpperCase() + one.slice(1) }))} />
      <Field label="What was seen or said" hint="Read at once: which outcome it speaks of, and how sure that is.">
        {(props) => <textarea {...props} rows={4} maxLength={500} required value={text} onChange={(event) => setText(event.target.value)} />}
      </Field>
      <div className="c-end">
        <Button type="submit" kind="main" busy={busy}>
          Submit
        </Button>
      </div>
    </Form>
  );
}

export const EvidenceDialog = ({ companyId, open, onClose }: DialogProps) => (
  <Dialog open={open} title="Submit evidence" onClose={onClose}>
    <EvidenceForm companyId={companyId} onClose={onClose} />
  </Dialog>
);
