/** What a JSON Schema asks for, as far as a person who writes an event by hand wants to know it. */
export type Schema = boolean | { readonly [keyword: string]: unknown };

type Members = Record<string, unknown>;
const isObject = (value: unknown): value is Members => typeof value === 'object' && value !== null && !Array.isArray(value);

/** Schemas that contain themselves are followed this far. */
const DEEP = 5;

/** The schema with `$ref` followed and `allOf` taken together; what refers outside stays as it is. */
function resolve(schema: unknown, root: Schema, depth = 0): Members {
  if (!isObject(schema)) return {};
  const { $ref, allOf, ...own } = schema;
  if (depth > DEEP) return own;
  const parts: Members[] = [];
  if (typeof $ref === 'string' && $ref.startsWith('#')) parts.push(resolve(at(root, $ref.slice(1)), root, depth + 1));
  if (Array.isArray(allOf)) parts.push(...allOf.map((part) => resolve(part, root, depth + 1)));
  return [...parts, own].reduce<Members>((all, part) => ({
    ...all,
    ...part,
    ...(all.properties && part.properties ? { properties: { ...all.properties, ...part.properties } } : {}),
    ...(all.required && part.required ? { required: [...(all.required as string[]), ...(part.required as string[])] } : {}),
  }), {});
}

/** What a JSON pointer leads to. */
function at(value: unknown, pointer: string): unknown {
  return steps(pointer).reduce<unknown>((from, step) => (typeof from === 'object' && from !== null ? (from as Members)[step] : undefined), value);
}

/** The names in a JSON pointer (RFC 6901). */
const steps = (pointer: string) => pointer.split('/').slice(1).map((step) => decodeURIComponent(step.replaceAll('~1', '/').replaceAll('~0', '~')));

/** The branch that an example takes and whose fields are listed. */
function choose(schema: unknown, root: Schema): Members {
  const own = resolve(schema, root);
  const branch = (own.oneOf ?? own.anyOf) as unknown[] | undefined;
  if (!Array.isArray(branch)) return own;
  const { oneOf, anyOf, ...rest } = own;
  return resolve({ allOf: [rest, branch[0]] }, root);
}

const typeOf = (schema: Members): string => {
  const type = Array.isArray(schema.type) ? schema.type[0] : schema.type;
  if (typeof type === 'string') return type;
  const known: unknown[] = 'const' in schema ? [schema.const] : ((schema.enum as unknown[] | undefined) ?? []);
  if (known.length && known.every((one) => typeof one === typeof known[0])) return known[0] === null ? 'null' : typeof known[0];
  return schema.properties ? 'object' : schema.items ? 'array' : 'any';
};

const dates: Record<string, () => string> = {
  'date-time': () => new Date().toISOString(),
  date: () => new Date().toISOString().slice(0, 10),
  time: () => new Date().toISOString().slice(11),
  email: () => 'someone@example.com',
  uuid: () => '00000000-0000-4000-8000-000000000000',
  uri: () => 'https://example.com/',
  ipv4: () => '192.0.2.1',
  hostname: () => 'example.com',
};

function exampleNumber(schema: Members, whole: boolean): number {
  const of = (name: string) => (typeof schema[name] === 'number' ? (schema[name] as number) : undefined);
  const step = of('multipleOf') ?? (whole ? 1 : 0.5);
  const above = of('exclusiveMinimum');
  const least = of('minimum') ?? (above === undefined ? undefined : above + step);
  const below = of('exclusiveMaximum');
  const most = of('maximum') ?? (below === undefined ? undefined : below - step);
  const wanted = least ?? Math.min(whole ? 1 : 1.5, most ?? Infinity);
  const round = Math.ceil(wanted / step) * step;
  return most !== undefined && round > most ? Math.floor(most / step) * step : round;
}

function exampleText(schema: Members, name: string): string {
  const made = dates[schema.format as string]?.();
  if (made) return made;
  const least = (schema.minLength as number) ?? 0;
  const most = (schema.maxLength as number) ?? Infinity;
  const text = name || 'text';
  return text.padEnd(least, 'x').slice(0, most);
}

function build(schema: unknown, root: Schema, name: string, depth: number): unknown {
  const own = choose(schema, root);
  if ('const' in own) return own.const;
  if ('default' in own) return own.default;
  if (Array.isArray(own.examples) && own.examples.length) return own.examples[0];
  if (Array.isArray(own.enum)) return own.enum[0];
  switch (typeOf(own)) {
    case 'object': {
      const all = (own.properties ?? {}) as Members;
      const needed = (own.required ?? []) as string[];
      const names = depth > DEEP ? needed : [...Object.keys(all), ...needed.filter((one) => !(one in all))];
      return Object.fromEntries(names.map((one) => [one, build(all[one], root, one, depth + 1)]));
    }
    case 'array': {
      const first = (own.prefixItems as unknown[] | undefined) ?? [];
      const most = (own.maxItems as number) ?? Infinity;
      const least = Math.max((own.minItems as number) ?? 0, own.items && depth < DEEP ? 1 : 0);
      const count = Math.min(most, Math.max(first.length, least));
      return Array.from({ length: count }, (_, i) => build(first[i] ?? own.items, root, name, depth + 1));
    }
    case 'string':
      return exampleText(own, name);
    case 'integer':
      return exampleNumber(own, true);
    case 'number':
      return exampleNumber(own, false);
    case 'boolean':
      return true;
    case 'null':
      return null;
    default:
      return depth ? 'anything' : {};
  }
}

/** Data that fits the schema, for a person to change. Patterns are not solved. */
export const exampleOf = (schema: Schema): string => JSON.stringify(build(schema, schema, '', 0), null, 2);

/** One line of what a schema says. */
export interface Field {
  /** JSON pointer to it; `/0` stands for each element of a list. */
  pointer: string;
  name: string;
  depth: number;
  type: string;
  required: boolean;
  /** What is said about it and what bounds it. */
  note: string;
}

const bounds = (schema: Members): string[] => {
  const of = (name: string) => schema[name];
  const range = (least: unknown, most: unknown, unit: string) =>
    least !== undefined && most !== undefined ? `${least} to ${most}${unit}` : least !== undefined ? `at least ${least}${unit}` : most !== undefined ? `at most ${most}${unit}` : '';
  return [
    'const' in schema ? `always ${JSON.stringify(schema.const)}` : '',
    Array.isArray(schema.enum) ? `one of ${schema.enum.map((one) => JSON.stringify(one)).join(', ')}` : '',
    range(of('minimum'), of('maximum'), ''),
    of('exclusiveMinimum') !== undefined ? `above ${of('exclusiveMinimum')}` : '',
    of('exclusiveMaximum') !== undefined ? `below ${of('exclusiveMaximum')}` : '',
    of('multipleOf') !== undefined ? `a multiple of ${of('multipleOf')}` : '',
    range(of('minLength'), of('maxLength'), ' characters'),
    range(of('minItems'), of('maxItems'), ' elements'),
    typeof of('format') === 'string' ? String(of('format')) : '',
    typeof of('pattern') === 'string' ? `matches ${String(of('pattern'))}` : '',
    schema.additionalProperties === false ? 'no other members' : '',
  ];
};

/** The members that a schema names, those of members indented below them. */
export function fieldsOf(root: Schema, schema: unknown = root, pointer = '', depth = 0): Field[] {
  const own = choose(schema, root);
  const needed = (own.required ?? []) as string[];
  const members = Object.entries((own.properties ?? {}) as Members);
  return members.flatMap(([name, member]) => {
    const told = choose(member, root);
    const list = typeOf(told) === 'array' && told.items ? choose(told.items, root) : null;
    const here = `${pointer}/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`;
    const types = Array.isArray(told.type) ? told.type.join(' or ') : typeOf(told);
    const note = [typeof told.description === 'string' ? told.description : '', ...bounds(told)].filter(Boolean).join('; ');
    const field = { pointer: here, name, depth, type: list ? `list of ${typeOf(list)}` : types, required: needed.includes(name), note };
    const below = depth >= DEEP ? [] : list ? fieldsOf(root, list, `${here}/0`, depth + 1) : fieldsOf(root, told, here, depth + 1);
    return [field, ...below];
  });
}

/** Whether the data have what a pointer names; `null` where that can't be said, in what is missing itself. */
export function has(data: unknown, pointer: string): boolean | null {
  const names = steps(pointer);
  const last = names.pop()!;
  const parent = names.reduce<unknown>((from, step) => (typeof from === 'object' && from !== null ? (from as Members)[step] : undefined), data);
  return typeof parent === 'object' && parent !== null ? last in parent : null;
}

/** Where the value that a pointer names stands in a JSON text, from and to; the nearest one above it where it is missing. */
export function placeOf(text: string, pointer: string): [number, number] {
  let i = 0;
  const space = () => {
    while (/\s/.test(text[i] ?? '')) i++;
  };
  const string = (): string => {
    const from = i++;
    while (i < text.length && text[i] !== '"') i += text[i] === '\\' ? 2 : 1;
    return JSON.parse(text.slice(from, ++i)) as string;
  };
  let found: [number, number] = [0, text.length];
  function value(path: string[] | null): void {
    space();
    const from = i;
    const step = path?.[0];
    if (text[i] === '{' || text[i] === '[') {
      const end = text[i++] === '{' ? '}' : ']';
      for (let n = 0; i < text.length; n++) {
        space();
        if (text[i] === end) break;
        const name = end === '}' ? string() : String(n);
        space();
        if (end === '}') i++; // the colon
        value(name === step ? path!.slice(1) : null);
        space();
        if (text[i] === ',') i++;
      }
      i++;
    } else if (text[i] === '"') string();
    else while (i < text.length && !/[\s,\]}]/.test(text[i]!)) i++;
    // The innermost one on the way ends first
    if (path && (path.length === 0 || found[1] - found[0] === text.length)) found = [from, i];
  }
  try {
    value(steps(pointer));
  } catch {
    // no JSON: then the whole of it
  }
  return found;
}
