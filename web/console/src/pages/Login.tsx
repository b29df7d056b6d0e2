import { useState, type FormEvent } from 'react';
import { ApiError, call, getSession, setSession } from '../api';
import { Trouble } from '../parts';

/** Asks for a token. It is kept in this tab alone and sent as Authorization. */
export function Login() {
  const [text, setText] = useState('');
  const refused = getSession().token !== '';
  const [error, setError] = useState<ApiError | null>(refused ? new ApiError(401, 'The token has ended or is not valid any more.') : null);
  const enter = async (event: FormEvent) => {
    event.preventDefault();
    const token = text.trim().replace(/^Bearer\s+/i, '');
    try {
      await call('/v1/stats', { token, also: [403] });
      setSession({ token });
    } catch (failure) {
      setError(failure as ApiError);
    }
  };
  return (
    <form className="login" onSubmit={enter}>
      <h1>A token, please</h1>
      <p>
        This hub asks for one. The overview, channels and connections need an administrator's: <code>freshet token --admin …</code>
      </p>
      <label>
        Token
        <textarea rows={5} required autoFocus spellCheck={false} autoComplete="off" value={text} onChange={(event) => setText(event.target.value)} />
      </label>
      <Trouble error={error} />
      <button className="main">Open the console</button>
      <p className="quiet">It stays in this tab and is gone when the tab is closed.</p>
    </form>
  );
}
