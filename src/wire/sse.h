/* sse.h - the event stream format (WHATWG HTML, section 9.2), out and in, and the envelopes of
 * docs/protocol.md. Pure; one thread at a time. */
#ifndef FRESHET_WIRE_SSE_H
#define FRESHET_WIRE_SSE_H

#include "base/buf.h"
#include "base/err.h"
#include "base/event.h"

enum envelope { ENVELOPE_NAMED, ENVELOPE_FULL, ENVELOPE_TYPED, ENVELOPE_FLAT, ENVELOPE_UPDATE };

/* false when s names none ("named", "full", ...). */
bool envelope_parse(struct slice s, enum envelope *out);
const char *envelope_name(enum envelope e);

/* Appends a frame: `id:` unless id is SLICE_NONE, `event:` unless name is SLICE_NONE, `data:`
 * lines (one for each line of data: CRLF, LF and lone CR end one), the empty line. Empty data
 * gives one empty `data:` line. id and name hold no C0 control characters (checked by assert). A
 * frame is appended whole or, when out has no room, not at all. */
void sse_put_frame(struct buf *out, struct slice id, struct slice name, struct slice data);

/* Appends `: text` and the empty line; text without line ends. */
void sse_put_comment(struct buf *out, struct slice text);

/* Appends `retry: ms` and the line's end, no empty line: it goes before a frame. */
void sse_put_retry(struct buf *out, uint64_t ms);

/* Appends one event as one frame, whole or not at all. The event's data and state are compact JSON.
 * whole: the state stands in for the data. with_id: whether the frame has an `id:` line (in
 * `full` the id is in the JSON either way). key_name: for ENVELOPE_UPDATE, the member that holds
 * the key ("key" when SLICE_NONE).
 * - named: event: type; data: the JSON, or a JSON string's text.
 * - update: {"type":"update","changes":[{"type":T,KEYNAME:KEY,"changes":DATA}],"timestamp":ms};
 *   a tombstone, and an event whose data is null, has no "changes" member; an event without key
 *   has no KEYNAME member. */
void sse_put_event(struct buf *out, enum envelope envelope, const struct event *e, bool whole,
                   bool with_id, struct slice key_name);

/* The JSON object of ENVELOPE_FULL (polling's form): {"id","channel","type","key"?,"time",
 * "deleted"?: true,"data"}. "deleted" only for tombstones. Whole or not at all. */
void sse_put_full(struct buf *out, const struct event *e, bool whole);

/* Reading a stream. Feed it bytes as they come; it gives events as the WHATWG algorithm
 * dispatches them, and calls them at the empty line, also after a lone CR. Bytes that are not UTF-8
 * are handed on as they are. */
struct sse_event {
    struct slice id;   /* last event id as of this event */
    struct slice type; /* "message" when the stream named none */
    struct slice data; /* lines joined with LF */
};

struct sse_reader {
    struct buf seen_id; /* last event id: as of the last empty line, also of one without data */
    uint64_t retry_ms;  /* the last one the stream named */
    bool has_retry;
    size_t max_bytes; /* ceiling on one event; beyond it sse_read fails */
    struct buf line, data, type, id; /* private, as what follows */
    bool started, after_cr;
    unsigned bom;
};

/* max_bytes: for the name, the data and the present line of one event together; 0 for none. */
void sse_reader_init(struct sse_reader *r, size_t max_bytes);
void sse_reader_fini(struct sse_reader *r);

/* Feeds p[0..len); calls on_event for each event (borrowed for the call). Returns 0, or
 * ERR_TOO_LARGE when an event passes max_bytes, ERR_INTERNAL for no memory, or what on_event
 * returned when not 0 (then the rest of the bytes is lost: only sse_reader_fini follows).
 * on_comment may be NULL; it gets the text without the one space after the colon. */
int sse_read(struct sse_reader *r, const char *p, size_t len,
             int (*on_event)(void *ctx, const struct sse_event *e),
             void (*on_comment)(void *ctx, struct slice text), void *ctx);

#endif
