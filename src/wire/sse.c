#include "wire/sse.h"

#include "json/scan.h"
#include "json/write.h"

#include <assert.h>

static const char *const names[] = {
    [ENVELOPE_NAMED] = "named", [ENVELOPE_FULL] = "full",     [ENVELOPE_TYPED] = "typed",
    [ENVELOPE_FLAT] = "flat",   [ENVELOPE_UPDATE] = "update",
};

bool envelope_parse(struct slice s, enum envelope *out)
{
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (slice_is(s, names[i])) {
            *out = (enum envelope)i;
            return true;
        }
    }
    return false;
}

const char *envelope_name(enum envelope e)
{
    return names[e];
}

/* Where the line at p ends: at a CR, a LF or `end`. */
static const char *line_end(const char *p, const char *end)
{
    const char *lf = memchr(p, '\n', (size_t)(end - p));
    const char *cr = memchr(p, '\r', (size_t)((lf ? lf : end) - p));
    return cr ? cr : lf ? lf : end;
}

static bool has_line_end(struct slice s)
{
    return s.len && line_end(s.p, s.p + s.len) != s.p + s.len;
}

static bool is_one_line(struct slice s)
{
    for (size_t i = 0; i < s.len; i++)
        if ((unsigned char)s.p[i] < 0x20)
            return false;
    return true;
}

static char *put(char *at, const char *p, size_t len)
{
    memcpy(at, p, len);
    return at + len;
}

static size_t field_size(struct slice s, size_t label_len)
{
    return s.p ? label_len + s.len + 1 : 0;
}

static char *put_field(char *at, const char *label, size_t label_len, struct slice s)
{
    if (!s.p)
        return at;
    at = put(at, label, label_len);
    at = s.len ? put(at, s.p, s.len) : at;
    *at++ = '\n';
    return at;
}

/* The size of data as `data:` lines. */
static size_t lines_size(struct slice data)
{
    size_t size = data.len + 7;
    for (size_t i = 0; i < data.len; i++)
        if (data.p[i] == '\n' || data.p[i] == '\r')
            size += 6;
    return size;
}

static char *put_lines(char *at, struct slice data)
{
    const char *p = data.p, *end = p + data.len;
    for (;;) {
        const char *stop = line_end(p, end);
        at = put_field(at, "data: ", 6, slice_of(p, (size_t)(stop - p)));
        if (stop == end)
            return at;
        p = stop + (*stop == '\r' && end - stop > 1 && stop[1] == '\n' ? 2 : 1);
    }
}

void sse_put_frame(struct buf *out, struct slice id, struct slice name, struct slice data)
{
    assert(is_one_line(id) && is_one_line(name));
    bool many = has_line_end(data);
    size_t size = field_size(id, 4) + field_size(name, 7) + 1;
    size += many ? lines_size(data) : data.len + 7;
    if (!buf_reserve(out, size))
        return;
    char *at = out->p + out->len;
    at = put_field(at, "id: ", 4, id);
    at = put_field(at, "event: ", 7, name);
    at = many ? put_lines(at, data) : put_field(at, "data: ", 6, data.len ? data : slice_of("", 0));
    *at++ = '\n';
    out->len = (size_t)(at - out->p);
}

void sse_put_comment(struct buf *out, struct slice text)
{
    assert(!has_line_end(text));
    if (!buf_reserve(out, text.len + 4))
        return;
    buf_add(out, ": ", 2);
    buf_add_slice(out, text);
    buf_add(out, "\n\n", 2);
}

void sse_put_retry(struct buf *out, uint64_t ms)
{
    if (!buf_reserve(out, 28))
        return;
    buf_add(out, "retry: ", 7);
    buf_add_u64(out, ms);
    buf_add_char(out, '\n');
}

/* The pieces of one event's frame, put into the buffer in one go: all of it or nothing. */
#define PIECES_MAX 24

struct pieces {
    struct slice at[PIECES_MAX];
    size_t count, size;
    struct buf type, key, data; /* texts that had to be made anew */
    bool failed;
};

static void add(struct pieces *ps, struct slice s)
{
    assert(ps->count < PIECES_MAX);
    ps->at[ps->count++] = s;
    ps->size += s.len;
}

#define ADD(ps, text) add(ps, SLICE_LIT(text))

/* s as a JSON string; `made` holds it where there is something to escape. */
static void add_string(struct pieces *ps, struct slice s, struct buf *made)
{
    bool plain = true;
    for (size_t i = 0; i < s.len && plain; i++) {
        unsigned char c = (unsigned char)s.p[i];
        plain = c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
    }
    if (plain) {
        ADD(ps, "\"");
        add(ps, s);
        ADD(ps, "\"");
        return;
    }
    buf_reset(made);
    json_put_string(made, s);
    ps->failed |= made->failed;
    add(ps, buf_slice(made));
}

static void pieces_flush(struct pieces *ps, struct buf *out)
{
    if (ps->failed)
        out->failed = true;
    if (!buf_reserve(out, ps->size))
        return;
    char *at = out->p + out->len;
    for (size_t i = 0; i < ps->count; i++)
        if (ps->at[i].len)
            at = put(at, ps->at[i].p, ps->at[i].len);
    out->len = (size_t)(at - out->p);
}

static void pieces_fini(struct pieces *ps)
{
    buf_fini(&ps->type);
    buf_fini(&ps->key);
    buf_fini(&ps->data);
}

static struct slice payload(const struct event *e, bool whole)
{
    return whole && e->has_state ? event_state(e) : event_data(e);
}

static void add_full(struct pieces *ps, const struct event *e, struct slice data, struct slice id,
                     struct slice time)
{
    ADD(ps, "{\"id\":\"");
    add(ps, id);
    ADD(ps, "\",\"channel\":\"");
    add(ps, event_channel(e));
    ADD(ps, "\",\"type\":");
    add_string(ps, event_type(e), &ps->type);
    if (e->has_key) {
        ADD(ps, ",\"key\":");
        add_string(ps, event_key(e), &ps->key);
    }
    ADD(ps, ",\"time\":");
    add(ps, time);
    if (e->deleted)
        ADD(ps, ",\"deleted\":true");
    ADD(ps, ",\"data\":");
    add(ps, data);
    ADD(ps, "}");
}

static void add_typed(struct pieces *ps, const struct event *e, struct slice data)
{
    ADD(ps, "{\"type\":");
    add_string(ps, event_type(e), &ps->type);
    ADD(ps, ",\"data\":");
    add(ps, data);
    ADD(ps, "}");
}

/* The members of the object but those named "type", each with a comma before it, into ps->data. */
static void strip_type(struct pieces *ps, struct slice object)
{
    struct slice name, value;
    struct json_iter it = json_iter(object);
    while (json_member(&it, &name, &value)) {
        if (json_name_is(name, "type"))
            continue;
        buf_add(&ps->data, ",\"", 2);
        buf_add_slice(&ps->data, name);
        buf_add(&ps->data, "\":", 2);
        buf_add_slice(&ps->data, value);
    }
    ps->failed |= ps->data.failed;
}

static void add_flat(struct pieces *ps, const struct event *e, struct slice data)
{
    struct slice found;
    if (json_kind(data) != JSON_OBJECT) {
        add_typed(ps, e, data);
        return;
    }
    ADD(ps, "{\"type\":");
    add_string(ps, event_type(e), &ps->type);
    if (json_get(data, "type", &found)) {
        strip_type(ps, data);
        add(ps, buf_slice(&ps->data));
        ADD(ps, "}");
    } else if (data.len > 2) {
        ADD(ps, ",");
        add(ps, slice_of(data.p + 1, data.len - 1));
    } else {
        ADD(ps, "}");
    }
}

static void add_update(struct pieces *ps, const struct event *e, struct slice data,
                       struct slice key_name, struct slice time)
{
    ADD(ps, "{\"type\":\"update\",\"changes\":[{\"type\":");
    add_string(ps, event_type(e), &ps->type);
    if (e->has_key) {
        ADD(ps, ",");
        add_string(ps, key_name.p ? key_name : SLICE_LIT("key"), &ps->data);
        ADD(ps, ":");
        add_string(ps, event_key(e), &ps->key);
    }
    if (!e->deleted && json_kind(data) != JSON_NULL) {
        ADD(ps, ",\"changes\":");
        add(ps, data);
    }
    ADD(ps, "}],\"timestamp\":");
    add(ps, time);
    ADD(ps, "}");
}

static struct slice format_time(const struct event *e, char digits[20])
{
    uint64_t ms = pos_ms(e->pos);
    size_t at = 20;
    do {
        digits[--at] = (char)('0' + ms % 10);
        ms /= 10;
    } while (ms);
    return slice_of(digits + at, 20 - at);
}

static void put_named(struct buf *out, const struct event *e, struct slice data, struct slice id)
{
    if (json_kind(data) != JSON_STRING) {
        sse_put_frame(out, id, event_type(e), data);
        return;
    }
    struct slice raw = json_string_raw(data);
    if (raw.len == 0 || !memchr(raw.p, '\\', raw.len)) {
        sse_put_frame(out, id, event_type(e), raw);
        return;
    }
    struct buf text = BUF_INIT;
    json_unescape(raw, &text);
    if (text.failed)
        out->failed = true;
    sse_put_frame(out, id, event_type(e), buf_slice(&text));
    buf_fini(&text);
}

void sse_put_event(struct buf *out, enum envelope envelope, const struct event *e, bool whole,
                   bool with_id, struct slice key_name)
{
    char id_text[POS_TEXT_MAX], digits[20];
    struct slice id = slice_of(id_text, pos_format(e->pos, e->epoch, id_text));
    struct slice data = payload(e, whole);
    if (envelope == ENVELOPE_NAMED) {
        put_named(out, e, data, with_id ? id : SLICE_NONE);
        return;
    }
    struct pieces ps;
    ps.count = ps.size = 0;
    ps.type = ps.key = ps.data = BUF_INIT;
    ps.failed = false;
    if (with_id) {
        ADD(&ps, "id: ");
        add(&ps, id);
        ADD(&ps, "\n");
    }
    ADD(&ps, "data: ");
    if (envelope == ENVELOPE_FULL)
        add_full(&ps, e, data, id, format_time(e, digits));
    else if (envelope == ENVELOPE_TYPED)
        add_typed(&ps, e, data);
    else if (envelope == ENVELOPE_FLAT)
        add_flat(&ps, e, data);
    else
        add_update(&ps, e, data, key_name, format_time(e, digits));
    ADD(&ps, "\n\n");
    pieces_flush(&ps, out);
    pieces_fini(&ps);
}

void sse_put_full(struct buf *out, const struct event *e, bool whole)
{
    char id_text[POS_TEXT_MAX], digits[20];
    struct pieces ps;
    ps.count = ps.size = 0;
    ps.type = ps.key = ps.data = BUF_INIT;
    ps.failed = false;
    add_full(&ps, e, payload(e, whole), slice_of(id_text, pos_format(e->pos, e->epoch, id_text)),
             format_time(e, digits));
    pieces_flush(&ps, out);
    pieces_fini(&ps);
}
