// Tokens and publishing keys, made by Node's own cryptography: not by the hub's code.
import { createHash, createHmac } from 'node:crypto';

export const SECRET = 'a secret of the tests that is long enough to be taken';

const part = (value) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');
const now = () => Math.floor(Date.now() / 1000);

export function sign(claims, { secret = SECRET, header = {} } = {}) {
  const text = `${part({ alg: 'HS256', typ: 'JWT', ...header })}.${part({ iat: now(), exp: now() + 3600, ...claims })}`;
  return `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`;
}

export const bearer = (claims, options) => ({ Authorization: `Bearer ${sign(claims, options)}` });
export const hash = (key) => createHash('sha256').update(key).digest('hex');

// What a hub needs to take them.
export const auth = (more = {}) => ({ keys: [{ name: 'main', algorithm: 'HS256', secret: SECRET }], ...more });
