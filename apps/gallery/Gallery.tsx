import type { Client } from '@freshet/client';
import { api, ApiError, Button, Flash, format, Mark, Notice, Sparkline, Stale, ThemeSwitch, useStaleSince, type DemoLogin } from '@kit';
import { useEffect, useState } from 'react';
import { useNumbers, type AppNumber, type Entry } from './numbers';

function Live({ entry }: { entry: Entry }) {
  return (
    <span className="g-live">
      <span className="g-number">
        <Flash value={format.number(entry.value)} />
      </span>
      <span className="g-label">{entry.label}</span>
      <span className="g-past">
        <Sparkline fit values={entry.past} label={`${entry.title}, since this page was opened`} />
      </span>
    </span>
  );
}

/** One application: the whole row leads to it. */
const Row = ({ entry }: { entry: Entry }) => (
  <li className="g-row" data-app={entry.name}>
    <div className="g-what">
      <h2>
        <a href={entry.path}>{entry.title}</a>
      </h2>
      <p>{entry.sentence}</p>
    </div>
    <Live entry={entry} />
  </li>
);

/** The hub's own page has its operator as its application. */
const isConsole = ({ name }: Entry) => name === 'operator';

/** The console's row: signing in as its operator is one press. */
function ConsoleRow({ entry }: { entry: Entry }) {
  const [logins, setLogins] = useState<readonly DemoLogin[]>([]);
  const [error, setError] = useState<string | null>(null);
  useEffect(() => {
    void api<{ logins: DemoLogin[] }>('/api/operator/logins').then(({ logins }) => setLogins(logins), () => setLogins([]));
  }, []);
  async function open({ login, password }: DemoLogin) {
    try {
      await api('/api/operator/login', { body: { login, password } });
      location.href = entry.path;
    } catch (failed) {
      setError(failed instanceof ApiError ? failed.detail : String(failed));
    }
  }
  return (
    <li className="g-row" data-app="console">
      <div className="g-what">
        <h2>
          <a href={entry.path}>{entry.title}</a>
        </h2>
        <p>{entry.sentence}</p>
        {logins.map((one) => (
          <p key={one.login} className="g-operator">
            <Button small onClick={() => void open(one)}>
              Sign in as {one.name}
            </Button>
            <code>
              {one.login} / {one.password}
            </code>
          </p>
        ))}
        {error && <Notice tone="bad">{error}</Notice>}
      </div>
      <Live entry={entry} />
    </li>
  );
}

/** The front door: what runs here, with one live number each. */
export function Gallery({ client }: { client: Client<{ number: AppNumber }> }) {
  const { entries, error, snapshot } = useNumbers(client);
  const since = useStaleSince(snapshot, 3000);
  return (
    <div className="g-page">
      <header>
        <Mark />
        <h1>Freshet</h1>
        <p>What happens on the server reaches every open page that may see it: at once, in order, without loss. Each of these is a small product that works that way; open one in two windows.</p>
        <ThemeSwitch />
      </header>
      <main>
        {error && <Notice tone="bad">{error}</Notice>}
        {since !== null && entries && <Stale since={since} />}
        {entries && (
          <ul aria-label="Applications" data-stale={since !== null || undefined}>
            {entries.filter((entry) => !isConsole(entry)).map((entry) => (
              <Row key={entry.name} entry={entry} />
            ))}
            {entries.filter(isConsole).map((entry) => (
              <ConsoleRow key={entry.name} entry={entry} />
            ))}
          </ul>
        )}
      </main>
    </div>
  );
}
