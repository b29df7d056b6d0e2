import { describe, expect, test } from 'vitest';
import { exampleOf, fieldsOf, has, placeOf, type Schema } from '../../src/schema';

const lot: Schema = {
  type: 'object', required: ['lot', 'free'], additionalProperties: false,
  properties: {
    lot: { type: 'string', description: 'Name of the lot', maxLength: 20 },
    free: { type: 'integer', minimum: 0, maximum: 5000 },
    level: { enum: ['low', 'high'] },
    tags: { type: 'array', items: { type: 'string' } },
    place: { $ref: '#/$defs/place' },
    parts: { type: 'array', minItems: 2, items: { $ref: '#/$defs/place' } },
  },
  $defs: { place: { type: 'object', required: ['lat'], properties: { lat: { type: 'number', exclusiveMinimum: -90, maximum: 90 } } } },
};

describe('an example', () => {
  const of = (schema: Schema) => JSON.parse(exampleOf(schema)) as unknown;
  test('has every member, in kind and within its bounds', () => {
    expect(of(lot)).toEqual({ lot: 'lot', free: 0, level: 'low', tags: ['tags'], place: { lat: -89.5 }, parts: [{ lat: -89.5 }, { lat: -89.5 }] });
  });
  test.each<[Schema, unknown]>([
    [true, {}], [{ const: 7 }, 7], [{ type: ['null', 'string'] }, null], [{ type: 'string', minLength: 6 }, 'textxx'],
    [{ type: 'integer', multipleOf: 5, minimum: 7 }, 10], [{ type: 'number', maximum: -3 }, -3], [{ oneOf: [{ type: 'boolean' }, { type: 'null' }] }, true],
    [{ allOf: [{ type: 'object', properties: { a: { type: 'null' } } }], required: ['b'] }, { a: null, b: 'anything' }],
    [{ type: 'string', format: 'email' }, 'someone@example.com'], [{ default: { x: 1 } }, { x: 1 }], [{ type: 'array' }, []],
  ])('%j', (schema, example) => expect(of(schema)).toEqual(example));
  test('of a schema that contains itself comes to an end', () => {
    expect(exampleOf({ $ref: '#/$defs/node', $defs: { node: { type: 'object', properties: { next: { $ref: '#/$defs/node' } } } } }).length).toBeLessThan(2000);
  });
});

test('fields are listed with what is asked of them, those of members below them', () => {
  const fields = fieldsOf(lot);
  expect(fields.map(({ pointer }) => pointer)).toEqual(['/lot', '/free', '/level', '/tags', '/place', '/place/lat', '/parts', '/parts/0/lat']);
  expect(fields[0]).toMatchObject({ name: 'lot', type: 'string', required: true, note: 'Name of the lot; at most 20 characters' });
  expect(fields[1]!.note).toBe('0 to 5000');
  expect(fields[3]).toMatchObject({ type: 'list of string', required: false });
  expect(fields[5]).toMatchObject({ depth: 1, note: 'at most 90; above -90' });
});

test('what is missing is known, what lies in it is not', () => {
  const data = { lot: 'a', place: {} };
  expect(['/lot', '/free', '/place/lat', '/parts/0/lat'].map((pointer) => has(data, pointer))).toEqual([true, false, false, null]);
  expect(has(7, '/lot')).toBeNull();
});

test('a place in the text is found, in whatever way the text is written', () => {
  const text = '{ "a/b": [1, {"x" : "y\\"}" }],\n "c~d":  {"e":[true , -1.5e3]} }';
  const part = (pointer: string) => text.slice(...placeOf(text, pointer));
  expect(part('/a~1b/1/x')).toBe('"y\\"}"');
  expect(part('/c~0d/e/1')).toBe('-1.5e3');
  expect(part('/a~1b/0')).toBe('1');
  expect(part('/c~0d/missing')).toBe('{"e":[true , -1.5e3]}');
  expect(part('')).toBe(text);
  expect(placeOf('{"a":', '/a')).toEqual([5, 5]); // where it breaks off
});
