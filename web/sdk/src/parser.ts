/** One block of a stream, as the WHATWG specification dispatches it. */
export interface Message {
  /** The `id:` of this very block; `undefined` if it had none. */
  id?: string | undefined;
  /** The `event:` field; empty if there was none. */
  event: string;
  /** The `data:` lines, joined by a line feed. */
  data: string;
}

export interface ParserHandlers {
  message(message: Message): void;
  /** An id in a block without data: a position, but no event. */
  position?(id: string): void;
  /** `retry:`, in ms. */
  retry?(ms: number): void;
  comment?(text: string): void;
}

/**
 * A parser for `text/event-stream` (WHATWG HTML 9.2.6). Feed it decoded text in pieces of any size;
 * the decoder (a `TextDecoder`, streaming) has taken off the byte order mark.
 * LF, CRLF and CR end a line. A lone CR ends it at once: if the next piece starts with LF, that LF
 * belongs to it, so no event waits for the byte after.
 */
export function createParser(on: ParserHandlers): (text: string) => void {
  let rest = '';
  let afterCR = false;
  let id: string | undefined;
  let event = '';
  let data: string | undefined;

  function line(text: string): void {
    if (!text) {
      if (data !== undefined) on.message({ id, event, data });
      else if (id !== undefined) on.position?.(id);
      id = data = undefined;
      event = '';
      return;
    }
    const [, name, value] = /^([^:]*):? ?([^]*)/.exec(text) as unknown as [string, string, string];
    if (name === 'data') data = data === undefined ? value : data + '\n' + value;
    else if (name === 'event') event = value;
    else if (name === 'id' && !value.includes('\0')) id = value;
    else if (name === 'retry' && /^\d+$/.test(value)) on.retry?.(+value);
    else if (!name) on.comment?.(value);
  }

  return (text) => {
    if (!text) return;
    let from = afterCR && text[0] === '\n' ? 1 : 0;
    afterCR = false;
    const ends = /\r\n?|\n/g;
    ends.lastIndex = from;
    for (let end = ends.exec(text); end; end = ends.exec(text)) {
      line(rest + text.slice(from, end.index));
      rest = '';
      from = ends.lastIndex;
      afterCR = end[0] === '\r' && from === text.length;
    }
    rest += text.slice(from);
  };
}
