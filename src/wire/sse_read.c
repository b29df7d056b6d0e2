#include "wire/sse.h"

#include "base/num.h"

struct handlers {
    int (*on_event)(void *ctx, const struct sse_event *e);
    void (*on_comment)(void *ctx, struct slice text);
    void *ctx;
};

void sse_reader_init(struct sse_reader *r, size_t max_bytes)
{
    *r = (struct sse_reader){.max_bytes = max_bytes};
}

void sse_reader_fini(struct sse_reader *r)
{
    if (!r)
        return;
    buf_fini(&r->line);
    buf_fini(&r->data);
    buf_fini(&r->type);
    buf_fini(&r->id);
    buf_fini(&r->seen_id);
}

static int set(struct buf *b, struct slice s)
{
    buf_reset(b);
    buf_add_slice(b, s);
    return b->failed ? ERR_INTERNAL : 0;
}

static int dispatch(struct sse_reader *r, const struct handlers *h)
{
    int rc = set(&r->seen_id, buf_slice(&r->id));
    struct sse_event e = {buf_slice(&r->seen_id), buf_slice(&r->type), buf_slice(&r->data)};
    if (rc == 0 && e.data.len) {
        e.data.len--; /* the last line's LF */
        if (e.type.len == 0)
            e.type = SLICE_LIT("message");
        rc = h->on_event(h->ctx, &e);
    }
    buf_reset(&r->data);
    buf_reset(&r->type);
    return rc;
}

static int take_field(struct sse_reader *r, struct slice name, struct slice value)
{
    uint64_t ms;
    if (slice_is(name, "data")) {
        if (!buf_reserve(&r->data, value.len + 1))
            return ERR_INTERNAL;
        buf_add_slice(&r->data, value);
        buf_add_char(&r->data, '\n');
    } else if (slice_is(name, "event")) {
        return set(&r->type, value);
    } else if (slice_is(name, "id")) {
        if (value.len == 0 || !memchr(value.p, 0, value.len))
            return set(&r->id, value);
    } else if (slice_is(name, "retry") && num_u64(value, UINT64_MAX, &ms)) {
        r->retry_ms = ms;
        r->has_retry = true;
    }
    return 0;
}

static int take_line(struct sse_reader *r, struct slice line, const struct handlers *h)
{
    if (line.len == 0)
        return dispatch(r, h);
    bool colon = memchr(line.p, ':', line.len) != NULL;
    struct slice value = line, name = slice_cut(&value, ':');
    if (colon && value.len && value.p[0] == ' ')
        value = slice_of(value.p + 1, value.len - 1);
    if (!colon || name.len)
        return take_field(r, name, value);
    if (h->on_comment)
        h->on_comment(h->ctx, value);
    return 0;
}

/* Whether the event so far and `extra` more bytes of the present line are within the ceiling. */
static bool fits(const struct sse_reader *r, size_t extra)
{
    size_t have = r->line.len + r->data.len + r->type.len;
    return r->max_bytes == 0 || (have <= r->max_bytes && extra <= r->max_bytes - have);
}

/* Drops one byte order mark at the start of the stream. Returns how many bytes of p it took; a
 * mark that turns out not to be one becomes the beginning of the first line. */
static size_t skip_bom(struct sse_reader *r, const char *p, size_t len)
{
    static const char bom[3] = {'\xef', '\xbb', '\xbf'};
    size_t at = 0;
    while (at < len && r->bom < 3 && p[at] == bom[r->bom]) {
        at++;
        r->bom++;
    }
    if (at == len && r->bom < 3)
        return at;
    r->started = true;
    if (r->bom < 3)
        buf_add(&r->line, bom, r->bom);
    return at;
}

/* One line, or the part of it that is there, from p[0..len). Returns the bytes used; *rc is 0, or
 * why the reading ends. */
static size_t read_line(struct sse_reader *r, const char *p, size_t len, const struct handlers *h,
                        int *rc)
{
    const char *lf = memchr(p, '\n', len);
    const char *cr = memchr(p, '\r', lf ? (size_t)(lf - p) : len);
    const char *stop = cr ? cr : lf;
    size_t n = stop ? (size_t)(stop - p) : len;
    if (!fits(r, n)) {
        *rc = ERR_TOO_LARGE;
        return 0;
    }
    if (!stop || r->line.len) {
        buf_add(&r->line, p, n);
        if (r->line.failed)
            *rc = ERR_INTERNAL;
        if (!stop || *rc)
            return n;
    }
    *rc = take_line(r, r->line.len ? buf_slice(&r->line) : slice_of(p, n), h);
    buf_reset(&r->line);
    r->after_cr = *stop == '\r';
    return n + 1;
}

int sse_read(struct sse_reader *r, const char *p, size_t len,
             int (*on_event)(void *ctx, const struct sse_event *e),
             void (*on_comment)(void *ctx, struct slice text), void *ctx)
{
    const struct handlers h = {on_event, on_comment, ctx};
    size_t at = r->started ? 0 : skip_bom(r, p, len);
    int rc = r->line.failed ? ERR_INTERNAL : 0;
    while (at < len && rc == 0) {
        if (r->after_cr) {
            r->after_cr = false;
            if (p[at] == '\n') {
                at++;
                continue;
            }
        }
        at += read_line(r, p + at, len - at, &h, &rc);
    }
    return rc;
}
