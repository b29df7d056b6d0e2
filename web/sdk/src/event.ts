import type { Message } from './parser.js';
import type { FreshetEvent, Snapshot, SubscribeOptions } from './types.js';

/** Any JSON object. */
export type Json = Record<string, unknown>;

/** `true` for ids of the form `<unix-ms>-<n>-<epoch>`: only those say where an event stands. */
export const isPosition = (id: string | null): id is string => /^\d+-\d+-[0-9a-f]{8}$/.test(id!);

/** An event of which no more is known. */
export const bare = (type: string, data: unknown, id: string | null = null): FreshetEvent => ({ id, channel: null, type, time: null, data });

/** `true` if it is one of these types, and the filter lets it through. */
export const passes = ({ events, filter }: SubscribeOptions, event: FreshetEvent): boolean =>
  (!events || events.includes(event.type)) && (!filter || filter(event));

/**
 * What a message says, in any envelope. The type is `event:` if set, else the JSON's `type`; the
 * data is `data.data` when the object is exactly `{type,data}`, and in the hub's own events.
 */
export function interpret({ id: given, event, data: text }: Message): FreshetEvent {
  const id = given ?? null;
  let data: unknown = text;
  try {
    data = JSON.parse(text);
  } catch {
    // plain text is its own data
  }
  const told = data as Json | null;
  if (event || typeof told?.type !== 'string') return bare(event || 'message', data, id);
  if ('channel' in told && 'time' in told) return { ...(told as unknown as FreshetEvent), id: (told.id as string) ?? id };
  const wrapped = 'data' in told && (Object.keys(told).length === 2 || /^freshet\./.test(told.type));
  return bare(told.type, wrapped ? told.data : data, id);
}

/** `true` if position `a` is at or before `b`, in the same epoch. */
export function reached(a: string, b: string | null): boolean {
  if (!isPosition(a) || !isPosition(b)) return a === b;
  const [ams, an, ae] = a.split('-');
  const [bms, bn, be] = b.split('-');
  return ae === be && (+ams! < +bms! || (ams === bms && +an! <= +bn!));
}

/** `true` when everything of the channel that the hub told of has been read. */
export function isFresh({ heads, lastEventId }: Snapshot, channel: string): boolean {
  const head = heads[channel];
  return head === null || (head !== undefined && reached(head, lastEventId));
}
