/* Event streams. Any bytes read the same however they are split; whatever is written as a frame
 * or as an event comes out as exactly one event with the same fields, up to line ends. */
#include "wire/sse.h"
#include "json/scan.h"
#include "json/write.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool right)
{
    if (!right)
        abort();
}

struct seen {
    struct buf log;            /* all that came, in a form of its own */
    struct buf id, type, data; /* of the last event */
    unsigned events;
};

static int on_event(void *ctx, const struct sse_event *e)
{
    struct seen *s = ctx;
    buf_addf(&s->log, "e%zu,%zu,%zu:", e->id.len, e->type.len, e->data.len);
    buf_add_slice(&s->log, e->id);
    buf_add_slice(&s->log, e->type);
    buf_add_slice(&s->log, e->data);
    buf_reset(&s->id);
    buf_reset(&s->type);
    buf_reset(&s->data);
    buf_add_slice(&s->id, e->id);
    buf_add_slice(&s->type, e->type);
    buf_add_slice(&s->data, e->data);
    s->events++;
    return 0;
}

static void on_comment(void *ctx, struct slice text)
{
    struct seen *s = ctx;
    buf_addf(&s->log, "c%zu:", text.len);
    buf_add_slice(&s->log, text);
}

static void seen_fini(struct seen *s)
{
    buf_fini(&s->log);
    buf_fini(&s->id);
    buf_fini(&s->type);
    buf_fini(&s->data);
}

static int read_stream(struct slice stream, size_t step, size_t max, struct seen *s)
{
    struct sse_reader r;
    int rc = 0;
    sse_reader_init(&r, max);
    for (size_t at = 0; at < stream.len && rc == 0; at += step) {
        size_t n = stream.len - at < step ? stream.len - at : step;
        char *copy = malloc(n);
        must(copy != NULL);
        memcpy(copy, stream.p + at, n);
        rc = sse_read(&r, copy, n, on_event, on_comment, s);
        free(copy);
    }
    buf_addf(&s->log, "r%d,%llu", r.has_retry, (unsigned long long)r.retry_ms);
    buf_add_slice(&s->log, buf_slice(&r.seen_id));
    sse_reader_fini(&r);
    return rc;
}

static void any_split_reads_the_same(struct slice stream, size_t step, size_t max)
{
    struct seen a = {.events = 0}, b = {.events = 0};
    int rc = read_stream(stream, stream.len + 1, max, &a);
    must(rc == 0 || rc == ERR_TOO_LARGE);
    must(read_stream(stream, step, max, &b) == rc);
    must(slice_eq(buf_slice(&a.log), buf_slice(&b.log)));
    seen_fini(&a);
    seen_fini(&b);
}

/* s with CRLF and CR as LF. */
static void unify(struct slice s, struct buf *out)
{
    for (size_t i = 0; i < s.len; i++) {
        if (s.p[i] == '\r' && i + 1 < s.len && s.p[i + 1] == '\n')
            continue;
        buf_add_char(out, s.p[i] == '\r' ? '\n' : s.p[i]);
    }
}

/* s without control characters: what an id or a name may be. */
static void plain(struct slice s, struct buf *out)
{
    for (size_t i = 0; i < s.len; i++)
        if ((unsigned char)s.p[i] >= 0x20)
            buf_add_char(out, s.p[i]);
}

static void a_frame_is_one_event(struct slice id, struct slice name, struct slice data, size_t step)
{
    struct buf out = BUF_INIT, expected = BUF_INIT, plain_id = BUF_INIT, plain_name = BUF_INIT;
    struct seen s = {.events = 0};
    plain(id, &plain_id);
    plain(name, &plain_name);
    unify(data, &expected);
    sse_put_retry(&out, step);
    sse_put_comment(&out, buf_slice(&plain_id));
    sse_put_frame(&out, buf_slice(&plain_id), buf_slice(&plain_name), data);
    must(!out.failed && read_stream(buf_slice(&out), step, 0, &s) == 0);
    must(s.events == 1);
    must(slice_eq(buf_slice(&s.id), buf_slice(&plain_id)));
    must(plain_name.len ? slice_eq(buf_slice(&s.type), buf_slice(&plain_name))
                        : slice_is(buf_slice(&s.type), "message"));
    must(slice_eq(buf_slice(&s.data), buf_slice(&expected)));
    seen_fini(&s);
    buf_fini(&out);
    buf_fini(&expected);
    buf_fini(&plain_id);
    buf_fini(&plain_name);
}

/* The text of member `name` of object is `text`. */
static void must_have(struct slice object, const char *name, struct slice text)
{
    struct slice value;
    struct buf found = BUF_INIT;
    must(json_get(object, name, &value) && json_kind(value) == JSON_STRING);
    json_unescape(json_string_raw(value), &found);
    must(slice_eq(buf_slice(&found), text));
    buf_fini(&found);
}

static void look_at(enum envelope envelope, const struct event *e, struct slice id, struct seen *s)
{
    struct slice data = buf_slice(&s->data), value;
    must(s->events == 1 && slice_eq(buf_slice(&s->id), id));
    if (envelope == ENVELOPE_NAMED) {
        struct buf text = BUF_INIT, expected = BUF_INIT;
        if (json_kind(event_data(e)) == JSON_STRING)
            json_unescape(json_string_raw(event_data(e)), &text);
        else
            buf_add_slice(&text, event_data(e));
        unify(buf_slice(&text), &expected);
        must(slice_eq(data, buf_slice(&expected)) && slice_eq(buf_slice(&s->type), event_type(e)));
        buf_fini(&text);
        buf_fini(&expected);
        return;
    }
    must(slice_is(buf_slice(&s->type), "message") && json_check(data, JSON_DEPTH_MAX, NULL) == 0);
    bool open = envelope == ENVELOPE_FLAT && json_kind(event_data(e)) == JSON_OBJECT;
    if (envelope == ENVELOPE_UPDATE) {
        must_have(data, "type", SLICE_LIT("update"));
        return;
    }
    must_have(data, "type", event_type(e));
    must(open || (json_get(data, "data", &value) && slice_eq(value, event_data(e))));
    if (envelope == ENVELOPE_FULL) {
        must_have(data, "id", id);
        must_have(data, "key", event_key(e));
    }
}

static void an_event_is_one_event(struct slice type, struct slice json, size_t step)
{
    struct event_parts parts = {.channel = SLICE_LIT("c"), .type = type, .key = type, .data = json};
    struct event *e = event_new(&parts);
    must(e != NULL);
    e->pos = pos_make(step * 1000, (uint32_t)step);
    char id[POS_TEXT_MAX];
    size_t id_len = pos_format(e->pos, e->epoch, id);
    for (int envelope = ENVELOPE_NAMED; envelope <= ENVELOPE_UPDATE; envelope++) {
        struct buf out = BUF_INIT;
        struct seen s = {.events = 0};
        sse_put_event(&out, (enum envelope)envelope, e, false, true, SLICE_NONE);
        must(!out.failed && read_stream(buf_slice(&out), step, 0, &s) == 0);
        look_at((enum envelope)envelope, e, slice_of(id, id_len), &s);
        seen_fini(&s);
        buf_fini(&out);
    }
    event_unref(e);
}

/* data as an event's data: compact JSON if it is JSON of which the envelopes leave room for their
 * own levels, else as a JSON string. */
static void as_json(struct slice data, struct buf *out)
{
    if (json_check(data, JSON_DEPTH_MAX - 3, NULL) == 0)
        json_compact(data, out);
    else
        json_put_string(out, data);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    size_t step = (size_t)data[0] % 32 + 1, head = data[1] % 16;
    struct slice rest = slice_of((const char *)data + 2, size - 2);
    any_split_reads_the_same(rest, step, 0);
    any_split_reads_the_same(rest, step, 24);
    if (head > rest.len)
        head = rest.len;
    struct slice text = slice_of(rest.p + head, rest.len - head);
    a_frame_is_one_event(slice_of(rest.p, head / 2), slice_of(rest.p + head / 2, head - head / 2),
                         text, step);
    struct buf type = BUF_INIT, json = BUF_INIT;
    struct slice name = slice_of(rest.p, head);
    as_json(text, &json);
    an_event_is_one_event(name_is_type(name) ? name : SLICE_LIT("x"), buf_slice(&json), step);
    buf_fini(&type);
    buf_fini(&json);
    return 0;
}
