/** What is wrong with a JSON text, with its place; null: nothing. */
export function jsonFault(text: string): string | null {
  if (!text.trim()) return 'Data is missing: any JSON value, {} for none.';
  try {
    JSON.parse(text);
    return null;
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    const at = /position (\d+)/.exec(why)?.[1];
    const told = why.replace(/ \(line.*$/, '').replace(/ in JSON.*$/, '').replace(/, .* is not valid JSON$/, '');
    if (at === undefined) return `Not JSON: ${told}.`;
    const before = text.slice(0, Number(at)).split('\n');
    return `Not JSON at line ${before.length}, column ${(before.at(-1)?.length ?? 0) + 1}: ${told}.`;
  }
}

/** What the publish form says. */
export interface Draft {
  channel: string;
  type: string;
  key: string;
  tenant: string;
  /** JSON as it was written: numbers keep their digits. */
  data: string;
  deleted: boolean;
  high: boolean;
}

/** The body of POST /v1/publish. */
export function publishBody(draft: Draft): string {
  const parts: [string, string][] = [['channel', JSON.stringify(draft.channel)]];
  if (draft.tenant) parts.push(['tenant', JSON.stringify(draft.tenant)]);
  if (draft.type) parts.push(['type', JSON.stringify(draft.type)]);
  if (draft.key) parts.push(['key', JSON.stringify(draft.key)]);
  if (draft.deleted) parts.push(['deleted', 'true']);
  if (draft.high) parts.push(['priority', '"high"']);
  parts.push(['data', draft.data.trim()]);
  return `{${parts.map(([name, value]) => `"${name}":${value}`).join(',')}}`;
}

/** The same as a command for a shell. The token itself is not in it. */
export function curlOf(origin: string, body: string, withToken: boolean): string {
  const quoted = `'${body.replaceAll("'", `'\\''`)}'`;
  const token = withToken ? ` \\\n  -H "Authorization: Bearer $FRESHET_TOKEN"` : '';
  return `curl ${origin}/v1/publish${token} \\\n  -H 'Content-Type: application/json' \\\n  -d ${quoted}`;
}

export interface Decoded {
  header: Record<string, unknown>;
  claims: Record<string, unknown>;
}

function part(text: string): Record<string, unknown> {
  const binary = atob(text.replaceAll('-', '+').replaceAll('_', '/'));
  const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(Uint8Array.from(binary, (c) => c.charCodeAt(0))));
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Error('no object');
  return value as Record<string, unknown>;
}

/** Header and claims of a JWT, unchecked; null where it is none. */
export function decodeToken(text: string): Decoded | null {
  const pieces = text.trim().replace(/^Bearer\s+/i, '').split('.');
  if (pieces.length !== 3) return null;
  try {
    return { header: part(pieces[0]!), claims: part(pieces[1]!) };
  } catch {
    return null;
  }
}
