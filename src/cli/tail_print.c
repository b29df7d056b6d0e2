#include "cli/tail_print.h"

#include "base/num.h"
#include "base/utf8.h"
#include "json/scan.h"
#include "json/write.h"

/* The inside of a text member, SLICE_NONE when there is none. */
static struct slice text_of(struct slice object, const char *name)
{
    struct slice value;
    if (!json_get(object, name, &value) || json_kind(value) != JSON_STRING)
        return SLICE_NONE;
    return json_string_raw(value);
}

static void envelope_read(struct tail_event *e)
{
    struct slice id = text_of(e->frame, "id"), flag;
    if (id.p)
        e->id = id;
    e->type = text_of(e->frame, "type");
    e->channel = text_of(e->frame, "channel");
    e->key = text_of(e->frame, "key");
    e->deleted = json_get(e->frame, "deleted", &flag) && json_kind(flag) == JSON_TRUE;
    if (!json_get(e->frame, "time", &e->time))
        e->time = SLICE_NONE;
    if (!json_get(e->frame, "data", &e->data))
        e->data = e->frame;
    e->payload = json_kind(e->data) == JSON_OBJECT ? e->data : e->frame;
}

void tail_event_read(const struct sse_event *sse, struct tail_event *e)
{
    *e = (struct tail_event){.frame = sse->data,
                             .id = sse->id,
                             .type = sse->type,
                             .data = sse->data,
                             .payload = sse->data};
    e->is_json = json_check(sse->data, JSON_DEPTH_MAX, NULL) == 0;
    e->is_envelope = e->is_json && slice_is(sse->type, "message") &&
                     json_kind(sse->data) == JSON_OBJECT && text_of(sse->data, "type").p;
    if (e->is_envelope)
        envelope_read(e);
}

/* Appends text as it is safe on a terminal: no control characters, no line's end. */
static void put_plain(struct buf *out, struct slice s)
{
    for (size_t at = 0; at < s.len;) {
        uint32_t c;
        size_t n = utf8_decode(s.p + at, s.len - at, &c);
        if (n && utf8_is_plain(slice_of(s.p + at, n)))
            buf_add(out, s.p + at, n);
        else if (n)
            buf_addf(out, "\\u%04x", (unsigned)c);
        else
            buf_add_char(out, '?');
        at += n ? n : 1;
    }
}

static void put_word(struct buf *out, struct slice s)
{
    if (s.len)
        put_plain(out, s);
    else
        buf_add_char(out, '-');
    buf_add_char(out, ' ');
}

static void put_time(struct buf *out, struct slice time)
{
    uint64_t ms;
    char text[25];
    if (!time.p || !json_u64(time, 253402300799999, &ms)) { /* the end of the year 9999 */
        put_word(out, time.p && json_kind(time) == JSON_STRING ? json_string_raw(time) : time);
        return;
    }
    num_format_rfc3339(ms, text);
    buf_addf(out, "%s ", text);
}

void tail_put_line(const struct tail_event *e, struct buf *out)
{
    struct buf data = BUF_INIT;
    put_time(out, e->time);
    put_word(out, e->channel);
    put_word(out, e->type);
    put_word(out, e->key);
    if (e->is_json)
        json_compact(e->data, &data);
    put_plain(out, e->deleted ? SLICE_LIT("deleted") : e->is_json ? buf_slice(&data) : e->data);
    buf_add_char(out, '\n');
    out->failed = out->failed || data.failed;
    buf_fini(&data);
}

void tail_put_json(const struct tail_event *e, struct buf *out)
{
    if (e->is_envelope) {
        json_compact(e->frame, out);
    } else {
        buf_add_char(out, '{');
        json_put_member(out, "id", e->id);
        json_put_member(out, "type", e->type);
        json_put_name(out, "data");
        if (e->is_json)
            json_compact(e->data, out);
        else
            json_put_string(out, e->data);
        buf_add_char(out, '}');
    }
    buf_add_char(out, '\n');
}
