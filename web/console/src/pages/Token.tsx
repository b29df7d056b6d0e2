import { useState } from 'react';
import { decodeToken } from '../json';
import { clock, duration } from '../maths';
import { Sign } from '../parts';

const times = ['exp', 'nbf', 'iat'] as const;
const names = { exp: 'Ends', nbf: 'Valid from', iat: 'Issued' };

function When({ claim, seconds }: { claim: (typeof times)[number]; seconds: number }) {
  const away = seconds - Date.now() / 1000;
  const text = `${clock(seconds * 1000).replace(/\.\d+$/, '')}, ${away < 0 ? `${duration(-away)} ago` : `in ${duration(away)}`}`;
  const bad = (claim === 'exp' && away < 0) || (claim === 'nbf' && away > 0);
  return <div><dt>{names[claim]}</dt><dd>{claim === 'iat' ? text : <Sign ok={!bad}>{text}</Sign>}</dd></div>;
}

/** Takes a token apart, in this page. */
export function Token() {
  const [text, setText] = useState('');
  const decoded = decodeToken(text);
  return (
    <>
      <h1>Token</h1>
      <div className="halves">
        <div className="fields">
          <label>
            A token to take apart
            <textarea rows={10} spellCheck={false} autoComplete="off" value={text} onChange={(event) => setText(event.target.value)} />
          </label>
          <p className="quiet">Read here, sent nowhere. Its signature is not checked: only the hub can.</p>
        </div>
        <section aria-live="polite">
          {decoded ? (
            <>
              <h2>Claims</h2>
              <dl className="facts">
                {times.map((claim) => typeof decoded.claims[claim] === 'number' && Number.isFinite(new Date((decoded.claims[claim] as number) * 1000).getTime()) && <When key={claim} claim={claim} seconds={decoded.claims[claim] as number} />)}
              </dl>
              <pre tabIndex={0} aria-label="Claims">{JSON.stringify(decoded.claims, null, 2)}</pre>
              <h2>Header</h2>
              <pre tabIndex={0} aria-label="Header">{JSON.stringify(decoded.header, null, 2)}</pre>
            </>
          ) : (
            <p className="empty">{text.trim() ? 'This is no JSON Web Token: three parts with dots between.' : 'Its header and claims appear here.'}</p>
          )}
        </section>
      </div>
    </>
  );
}
