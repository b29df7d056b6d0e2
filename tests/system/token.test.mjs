// freshet token: what it mints is taken by a hub of the same configuration.
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test, { after, before, describe } from 'node:test';
import { Hub } from './lib/hub.mjs';
import { SECRET, auth, hash } from './lib/token.mjs';
import { run } from './run.mjs';

const claims = (token) => JSON.parse(Buffer.from(token.split('.')[1], 'base64url'));

describe('freshet token', () => {
  let hub;
  const config = {
    auth: auth({ claims: { tenant: 'company_id', subscribe: 'channels' }, audience: 'hub', issuer: 'https://issuer.example' }),
  };
  before(async () => (hub = await Hub.start({ config, dev: false })));
  after(() => hub.stop());
  const mint = async (...args) => {
    const r = await run(['token', ...args]);
    assert.equal(r.code, 0, r.stderr);
    return r.stdout.trim();
  };

  test('a token by the configuration has its claims, and the hub takes it', async () => {
    const token = await mint('--config', hub.path('hub.yaml'), '--tenant', 'acme', '--subject', 'ann', '--subscribe', 'trips',
      '--subscribe', 'news.*', '--publish', 'trips', '--role', 'driver', '--expires', '30m');
    const c = claims(token);
    assert.deepEqual([c.company_id, c.sub, c.channels, c.publish, c.role, c.aud, c.iss],
      ['acme', 'ann', ['trips', 'news.*'], ['trips'], 'driver', 'hub', 'https://issuer.example']);
    assert.equal(c.exp - c.iat, 1800);
    const headers = { Authorization: `Bearer ${token}` };
    assert.equal((await hub.get('/v1/events?channel=trips&channel=news.x', headers)).status, 200);
    assert.equal((await hub.get('/v1/events?channel=secret', headers)).status, 403);
    assert.equal((await hub.get('/v1/stats', headers)).status, 403);
    const admin = await mint('--config', hub.path('hub.yaml'), '--tenant', 'acme', '--admin');
    assert.equal((await hub.get('/v1/stats', { Authorization: `Bearer ${admin}` })).status, 200);
  });

  test('a key by itself: a secret, a file with it, a private key', async () => {
    const dir = mkdtempSync(path.join(tmpdir(), 'freshet-token-'));
    try {
      writeFileSync(path.join(dir, 'secret'), `${SECRET}\n`);
      for (const key of [SECRET, path.join(dir, 'secret')]) {
        const token = await mint('--key', key, '--tenant', 'acme', '--subscribe', '*');
        assert.equal(JSON.parse(Buffer.from(token.split('.')[0], 'base64url')).alg, 'HS256');
      }
      for (const [type, options, alg] of [['ed25519', {}, 'EdDSA'], ['ec', { namedCurve: 'P-256' }, 'ES256'], ['rsa', { modulusLength: 2048 }, 'RS256']]) {
        const { privateKey, publicKey } = generateKeyPairSync(type, options);
        writeFileSync(path.join(dir, 'key.pem'), privateKey.export({ type: 'pkcs8', format: 'pem' }));
        writeFileSync(path.join(dir, 'public.pem'), publicKey.export({ type: 'spki', format: 'pem' }));
        const token = await mint('--key', path.join(dir, 'key.pem'), '--tenant', 'acme', '--subscribe', '*');
        const other = await Hub.start({ config: { auth: { keys: [{ name: 'main', algorithm: alg, public_key_file: path.join(dir, 'public.pem') }] } }, dev: false });
        try {
          assert.equal((await other.get('/v1/events?channel=a', { Authorization: `Bearer ${token}` })).status, 200, alg);
        } finally {
          await other.stop();
        }
      }
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  });

  test('a publishing key comes with its line for the configuration', async () => {
    const [key, line] = (await mint('--publisher', 'booking', '--tenant', 'acme', '--publish', 'trips')).split('\n');
    assert.match(key, /^fpk_[A-Za-z0-9_-]{43}$/);
    assert.equal(line, `- {name: "booking", secret_hash: "${hash(key)}", tenant: "acme", channels: ["trips"]}`);
  });

  test('wrong usage is named', async () => {
    for (const args of [[], ['--key', SECRET, '--expires', 'never'], ['--key', SECRET, '--tenant', 'a b'], ['--publisher', 'x']])
      assert.equal((await run(['token', ...args])).code, 2, args.join(' '));
    assert.equal((await run(['token', '--key', 'short', '--tenant', 'a'])).code, 1);
  });
});
