import { expect, test } from 'vitest';
import { curlOf, decodeToken, jsonFault, publishBody, type Draft } from '../../src/json';

const draft: Draft = { channel: 'trips', type: '', key: '', tenant: '', data: '{"n":1.0}', deleted: false, high: false };

test('JSON is checked, with the place of the fault', () => {
  expect(jsonFault('{"a":1}')).toBeNull();
  expect(jsonFault('7')).toBeNull();
  expect(jsonFault(' ')).toMatch(/missing/);
  expect(jsonFault('{\n  "a": 1,\n}')).toMatch(/line 3, column 1/);
});

test('the body keeps the digits as written and leaves out what is not set', () => {
  expect(publishBody({ ...draft, data: ' {"n":12345678901234567890.0} ' })).toBe('{"channel":"trips","data":{"n":12345678901234567890.0}}');
  expect(publishBody({ ...draft, type: 'x', key: 'k"', tenant: 't', deleted: true, high: true, data: 'null' }))
    .toBe('{"channel":"trips","tenant":"t","type":"x","key":"k\\"","deleted":true,"priority":"high","data":null}');
});

test('curl: quotes survive the shell, the token is a variable', () => {
  const text = curlOf('http://h', `{"a":"it's"}`, true);
  expect(text).toContain(`-d '{"a":"it'\\''s"}'`);
  expect(text).toContain('$FRESHET_TOKEN');
  expect(curlOf('http://h', '{}', false)).not.toContain('Authorization');
});

test('a token is taken apart, and what is none is not', () => {
  const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const token = `${part({ alg: 'HS256' })}.${part({ company_id: 'Zürich', exp: 1 })}.sig`;
  expect(decodeToken(`Bearer ${token}`)).toEqual({ header: { alg: 'HS256' }, claims: { company_id: 'Zürich', exp: 1 } });
  for (const bad of ['', 'a.b', 'a.b.c', `${part(1)}.${part({})}.x`, '%%%.%%%.x']) expect(decodeToken(bad)).toBeNull();
});
