/* format.c - the forms of streams: envelopes, control events, beats; each made once per event and
 * shared. */
#include "server/api.h"

#include "base/num.h"
#include "json/write.h"

#include <stdio.h>
#include <stdlib.h>

#define BUILTIN (5 * 4)

unsigned format_of(const struct conf *conf, enum envelope envelope, enum heartbeat heartbeat)
{
    return conf->formats[(unsigned)envelope * 4 + (unsigned)heartbeat];
}

unsigned format_of_poll(const struct conf *conf)
{
    return conf->formats[BUILTIN];
}

unsigned format_of_sub(const struct conf *conf)
{
    return conf->formats[BUILTIN + 1];
}

unsigned format_of_route(const struct conf *conf, size_t route)
{
    return conf->formats[BUILTIN + 2 + route];
}

bool heartbeat_parse(struct slice s, enum heartbeat *out)
{
    static const char *const names[] = {"event", "comment", "ping", "none"};
    for (unsigned i = 0; i < 4; i++)
        if (slice_is(s, names[i])) {
            *out = (enum heartbeat)i;
            return true;
        }
    return false;
}

static enum control_form control_of(enum envelope e)
{
    switch (e) {
    case ENVELOPE_NAMED:
        return CONTROL_AS_NAMED;
    case ENVELOPE_FULL:
        return CONTROL_AS_FULL;
    case ENVELOPE_TYPED:
        return CONTROL_AS_TYPED;
    case ENVELOPE_FLAT:
    case ENVELOPE_UPDATE:
        break;
    }
    return CONTROL_AS_FLAT;
}

static struct format builtin(const struct options *o, enum envelope envelope, enum heartbeat beat)
{
    return (struct format){.envelope = envelope,
                           .heartbeat = beat,
                           .beat_ms = beat == BEAT_NONE ? 0 : (uint32_t)o->heartbeat_ms,
                           .control = control_of(envelope),
                           .open_name = "freshet.open",
                           .gap_name = "freshet.gap",
                           .beat_name = "freshet.beat",
                           .close_name = "freshet.close",
                           .time_name = "timestamp"};
}

static struct format of_route(const struct options *o, const struct opt_route *r)
{
    enum envelope envelope = ENVELOPE_NAMED;
    if (r->envelope)
        envelope_parse(slice_str(r->envelope), &envelope);
    struct format f = builtin(o, envelope, (enum heartbeat)r->heartbeat);
    if (r->heartbeat_every_ms && f.heartbeat != BEAT_NONE)
        f.beat_ms = (uint32_t)r->heartbeat_every_ms;
    f.key_name = slice_str(r->key_name);
    f.documented = r->control.open && strcmp(r->control.open, f.open_name) != 0;
    f.iso_time = r->control.time == CONTROL_TIME_ISO;
    if (r->control.envelope == CONTROL_NAMED)
        f.control = CONTROL_AS_NAMED;
    else if (r->control.envelope == CONTROL_TYPED)
        f.control = CONTROL_AS_TYPED;
    else if (r->control.envelope == CONTROL_FLAT)
        f.control = CONTROL_AS_FLAT;
    if (r->control.open)
        f.open_name = r->control.open;
    if (r->control.gap)
        f.gap_name = r->control.gap;
    if (r->control.beat)
        f.beat_name = r->control.beat;
    if (r->control.close)
        f.close_name = r->control.close;
    if (r->control.time_name)
        f.time_name = r->control.time_name;
    f.id_name = r->control.id_name;
    return f;
}

/* ---- the table ---- */

#define TEXTS 7

/* The texts of a format, but for key_name, which is a slice of a text with a NUL. */
static void texts_of(struct format *f, const char **texts[TEXTS])
{
    const char **all[TEXTS] = {&f->open_name, &f->gap_name,  &f->beat_name,  &f->close_name,
                               &f->time_name, &f->id_name, &f->key_name.p};
    memcpy(texts, all, sizeof all);
}

static bool is_same(const struct format *x, const struct format *y)
{
    struct format a = *x, b = *y;
    const char **of_a[TEXTS], **of_b[TEXTS];
    if (a.envelope != b.envelope || a.heartbeat != b.heartbeat || a.beat_ms != b.beat_ms ||
        a.control != b.control || a.documented != b.documented || a.iso_time != b.iso_time ||
        a.poll != b.poll || a.sub != b.sub)
        return false;
    texts_of(&a, of_a);
    texts_of(&b, of_b);
    for (size_t i = 0; i < TEXTS; i++)
        if (!*of_a[i] != !*of_b[i] || (*of_a[i] && strcmp(*of_a[i], *of_b[i]) != 0))
            return false;
    return true;
}

static void free_texts(struct format *f)
{
    const char **texts[TEXTS];
    texts_of(f, texts);
    for (size_t i = 0; i < TEXTS; i++)
        free((void *)(uintptr_t)*texts[i]);
}

/* Adds a copy, with copies of its texts. */
static int add_format(struct server *s, const struct format *f)
{
    struct format *to = &s->formats[s->format_count];
    const char **texts[TEXTS];
    bool copied = true;
    *to = *f;
    texts_of(to, texts);
    for (size_t i = 0; i < TEXTS; i++)
        if (*texts[i])
            copied &= (*texts[i] = slice_dup(slice_str(*texts[i]))) != NULL;
    if (!copied) {
        free_texts(to);
        return -1;
    }
    s->edge_formats[s->format_count++].beat_ms = to->beat_ms;
    return 0;
}

/* The number of f in the table; below 0: no memory, or no room. */
static int take_format(struct server *s, const struct format *f)
{
    for (size_t i = 0; i < s->format_count; i++)
        if (is_same(&s->formats[i], f))
            return (int)i;
    return s->format_count < FORMATS_MAX && add_format(s, f) == 0 ? (int)s->format_count - 1 : -1;
}

static struct format format_number(const struct options *o, size_t i)
{
    if (i >= BUILTIN + 2)
        return of_route(o, &o->routes.v[i - BUILTIN - 2]);
    if (i < BUILTIN)
        return builtin(o, (enum envelope)(i / 4), (enum heartbeat)(i % 4));
    struct format f = builtin(o, ENVELOPE_FULL, BEAT_NONE);
    f.poll = i == BUILTIN;
    f.sub = !f.poll;
    return f;
}

int formats_take(struct server *s, struct conf *conf, struct err *e)
{
    size_t count = BUILTIN + 2 + conf->opts->routes.count;
    conf->formats = calloc(count, sizeof *conf->formats);
    for (size_t i = 0; conf->formats && i < count; i++) {
        struct format f = format_number(conf->opts, i);
        int number = take_format(s, &f);
        if (number < 0)
            return err_set(e, ERR_OVERLOADED,
                           "out of memory, or more than %d forms of streams since the start",
                           FORMATS_MAX);
        conf->formats[i] = (uint16_t)number;
    }
    return conf->formats ? 0 : err_set(e, ERR_OVERLOADED, "out of memory");
}

int formats_init(struct server *s)
{
    s->formats = calloc(FORMATS_MAX, sizeof *s->formats);
    s->edge_formats = calloc(FORMATS_MAX, sizeof *s->edge_formats);
    return s->formats && s->edge_formats ? 0 : -1;
}

void formats_free(struct server *s)
{
    for (size_t i = 0; i < s->format_count; i++)
        free_texts(&s->formats[i]);
    free(s->formats);
    free(s->edge_formats);
}

/* The payload in b as one frame: an HTTP chunk, of which `raw` readers get the inside. */
static struct bytes *as_frame(const struct buf *b)
{
    char head[24];
    if (b->failed || !b->len)
        return NULL;
    size_t head_len = (size_t)snprintf(head, sizeof head, "%zx\r\n", b->len);
    struct bytes *frame = bytes_new(head_len + b->len + 2);
    if (!frame)
        return NULL;
    memcpy(frame->data, head, head_len);
    memcpy(frame->data + head_len, b->p, b->len);
    memcpy(frame->data + head_len + b->len, "\r\n", 2);
    frame->payload_off = (uint32_t)head_len;
    frame->payload_len = (uint32_t)b->len;
    return frame;
}

static struct bytes *as_bytes(const struct buf *b)
{
    struct bytes *bytes = b->failed ? NULL : bytes_new(b->len);
    if (bytes && b->len)
        memcpy(bytes->data, b->p, b->len);
    return bytes;
}

/* Puts a control event around the members in `body` ({...}) as the format has it. */
static void put_control(struct buf *out, const struct format *f, const char *name,
                        struct slice id, uint64_t now_ms, struct slice body)
{
    struct buf data = BUF_INIT;
    struct slice event = SLICE_NONE;
    switch (f->control) {
    case CONTROL_AS_NAMED:
        event = slice_str(name);
        buf_add_slice(&data, body);
        break;
    case CONTROL_AS_FULL:
        buf_add_char(&data, '{');
        if (id.p)
            json_put_member(&data, "id", id);
        json_put_member(&data, "type", slice_str(name));
        json_put_member_u64(&data, "time", now_ms);
        json_put_member_raw(&data, "data", body);
        buf_add_char(&data, '}');
        break;
    case CONTROL_AS_TYPED:
        buf_add_char(&data, '{');
        json_put_member(&data, "type", slice_str(name));
        json_put_member_raw(&data, "data", body);
        buf_add_char(&data, '}');
        break;
    case CONTROL_AS_FLAT:
        buf_add_char(&data, '{');
        json_put_member(&data, "type", slice_str(name));
        if (body.len > 2) {
            buf_add_char(&data, ',');
            buf_add(&data, body.p + 1, body.len - 1);
        } else {
            buf_add_char(&data, '}');
        }
        break;
    }
    if (data.failed)
        out->failed = true;
    else
        sse_put_frame(out, id, event, buf_slice(&data));
    buf_fini(&data);
}

static void put_time(struct buf *out, const struct format *f, const char *name, uint64_t now_ms)
{
    char text[25];
    if (!f->iso_time) {
        json_put_member_u64(out, name, now_ms);
        return;
    }
    num_format_rfc3339(now_ms, text);
    json_put_member(out, name, slice_str(text));
}

static void put_id(struct buf *out, const char *name, pos_t pos, uint32_t epoch)
{
    char text[POS_TEXT_MAX];
    size_t len = pos_format(pos, epoch, text);
    json_put_member(out, name, slice_of(text, len));
}

/* A gap that stands in the log as an event. */
static void put_loss(struct buf *out, const struct format *f, const struct event *e, unsigned flags,
                     uint64_t now_ms)
{
    char text[POS_TEXT_MAX];
    struct slice id = slice_of(text, pos_format(e->pos, e->epoch, text)), data = event_data(e);
    struct buf body = BUF_INIT;
    buf_add(&body, data.p, data.len - 1); /* its last is the brace */
    put_id(&body, "oldest", e->pos, e->epoch);
    buf_add_char(&body, '}');
    put_control(out, f, f->gap_name, flags & FORM_NO_ID ? SLICE_NONE : id, now_ms,
                buf_slice(&body));
    out->failed |= body.failed;
    buf_fini(&body);
}

struct bytes *format_event(void *ctx, unsigned format, const struct event *e, unsigned flags)
{
    struct worker *w = ctx;
    const struct format *f = &w->s->formats[format];
    struct buf *b = &w->frame;
    if (f->sub)
        return api_sub_event(e, flags);
    buf_reset(b);
    if (f->poll) {
        sse_put_full(b, e, flags & FORM_WHOLE);
        return as_bytes(b);
    }
    if (event_is_gap(e)) {
        put_loss(b, f, e, flags, w->now_ms);
        return as_frame(b);
    }
    sse_put_event(b, f->envelope, e, flags & FORM_WHOLE, !(flags & FORM_NO_ID), f->key_name);
    return as_frame(b);
}

static void put_connection(struct buf *out, const char *name, const struct conn *c)
{
    char id[17];
    snprintf(id, sizeof id, "%016llx", (unsigned long long)c->stream.id);
    json_put_member(out, name, slice_str(id));
}

static const char *const verdicts[] = {"new", "resumed", "gap"};

static void put_open_channels(struct buf *out, const struct opening *o)
{
    json_put_name(out, "channels");
    buf_add_char(out, '{');
    for (uint32_t i = 0; i < o->channel_count; i++) {
        if (i)
            buf_add_char(out, ',');
        json_put_string(out, o->channels[i].name);
        buf_add_str(out, ":{");
        json_put_member(out, "resume", slice_str(verdicts[o->channels[i].resume]));
        if (o->channels[i].head)
            put_id(out, "head", o->channels[i].head, o->epoch);
        else
            json_put_member_raw(out, "head", SLICE_LIT("null"));
        buf_add_char(out, '}');
    }
    buf_add_char(out, '}');
}

static void put_opening(struct buf *out, const struct format *f, const struct conn *c,
                        const struct opening *o)
{
    uint64_t now_ms = c->w->now_ms;
    buf_add_char(out, '{');
    if (f->documented) {
        if (f->id_name)
            put_connection(out, f->id_name, c);
        put_time(out, f, f->time_name, now_ms);
    } else {
        put_connection(out, "connection", c);
        json_put_member(out, "tenant", o->tenant);
        json_put_member_u64(out, "time", now_ms);
        json_put_member_u64(out, "heartbeat", f->beat_ms);
        put_open_channels(out, o);
    }
    buf_add_char(out, '}');
}

/* One gap makes the whole a gap. */
static void log_verdict(const struct worker *w, const struct conn *c, const struct opening *o)
{
    enum resume_verdict all = RESUME_NEW;
    for (uint32_t i = 0; i < o->channel_count; i++)
        if (o->channels[i].resume > all)
            all = o->channels[i].resume;
    if (all != RESUME_NEW)
        log_line(w->s->log, LOG_DEBUG, "resume", "connection=%016llx tenant=%.*s verdict=%s",
                 (unsigned long long)c->stream.id, SLICE_FMT(o->tenant), verdicts[all]);
}

struct bytes *format_open(void *ctx, struct reader *r, const struct opening *o)
{
    struct worker *w = ctx;
    struct conn *c = conn_of(r);
    const struct format *f = &w->s->formats[c->format];
    struct buf *b = &w->frame, body = BUF_INIT;
    char text[POS_TEXT_MAX];
    struct slice id = o->has_id ? slice_of(text, pos_format(o->id, o->epoch, text)) : SLICE_NONE;
    buf_reset(b);
    log_verdict(w, c, o);
    put_opening(&body, f, c, o);
    put_control(b, f, f->open_name, id, w->now_ms, buf_slice(&body));
    bool failed = body.failed || b->failed;
    buf_fini(&body);
    struct bytes *bytes = NULL;
    /* the response's head and the opening event are sent as one */
    struct exchange *x = failed ? NULL : conn_exchange(c);
    if (x) {
        if (!c->minor0)
            buf_addf(&x->out, "%zx\r\n", b->len);
        buf_add_slice(&x->out, buf_slice(b));
        if (!c->minor0)
            buf_add_str(&x->out, "\r\n");
        bytes = as_bytes(&x->out);
        buf_fini(&x->out);
    }
    if (c->state == CONN_STREAM)
        conn_settle(c);
    return bytes;
}

static void put_names(struct buf *out, const struct gap *g)
{
    for (uint32_t i = 0; i < g->channel_count; i++) {
        if (out->len)
            buf_add_char(out, ',');
        json_put_string(out, g->channels[i]);
    }
}

/* names: the channels as JSON strings with commas between. */
static void put_gap(struct buf *out, const struct gap *g, struct slice names)
{
    buf_add_char(out, '{');
    json_put_member(out, "reason", slice_str(gap_reason_name(g->reason)));
    json_put_name(out, "channels");
    buf_addf(out, "[%.*s]", SLICE_FMT(names));
    if (g->has_from)
        put_id(out, "from", g->from, g->epoch);
    put_id(out, "oldest", g->oldest, g->epoch);
    buf_add_char(out, '}');
}

/* Several gaps in one answer become one: the first's beginning, the last's end. */
static struct bytes *note_gap(struct poll *p, const struct gap *g)
{
    if (!p->gap_names.len)
        p->gap = *g;
    p->gap.oldest = g->oldest;
    put_names(&p->gap_names, g);
    return p->gap_names.failed ? NULL : bytes_new(0);
}

void format_poll_gap(const struct poll *p, struct buf *out)
{
    if (p->gap_names.len)
        put_gap(out, &p->gap, buf_slice(&p->gap_names));
    else
        buf_add_str(out, "null");
}

struct bytes *format_gap(void *ctx, struct reader *r, const struct gap *g)
{
    struct worker *w = ctx;
    struct conn *c = conn_of(r);
    if (c->poll)
        return note_gap(c->poll, g);
    if (c->sub)
        return api_sub_gap(g);
    const struct format *f = &w->s->formats[c->format];
    struct buf *b = &w->frame, body = BUF_INIT;
    char text[POS_TEXT_MAX];
    struct slice id = g->has_id ? slice_of(text, pos_format(g->id, g->epoch, text)) : SLICE_NONE;
    struct buf names = BUF_INIT;
    buf_reset(b);
    put_names(&names, g);
    put_gap(&body, g, buf_slice(&names));
    put_control(b, f, f->gap_name, id, w->now_ms, buf_slice(&body));
    bool failed = body.failed || names.failed;
    buf_fini(&body);
    buf_fini(&names);
    log_line(w->s->log, LOG_DEBUG, "gap", "connection=%016llx reason=%s channels=%u",
             (unsigned long long)c->stream.id, gap_reason_name(g->reason), g->channel_count);
    return failed ? NULL : as_frame(b);
}

struct bytes *format_beat(void *ctx, unsigned format, const struct beat *beat)
{
    struct worker *w = ctx;
    const struct format *f = &w->s->formats[format];
    struct buf *b = &w->frame, body = BUF_INIT;
    char text[POS_TEXT_MAX];
    buf_reset(b);
    if (f->heartbeat == BEAT_COMMENT) {
        char comment[40];
        snprintf(comment, sizeof comment, "heartbeat %llu", (unsigned long long)w->now_ms);
        sse_put_comment(b, slice_str(comment));
        return as_frame(b);
    }
    buf_add_char(&body, '{');
    if (f->heartbeat == BEAT_PING) {
        put_time(&body, f, "timestamp", w->now_ms);
        buf_add_char(&body, '}');
        put_control(b, f, "ping", SLICE_NONE, w->now_ms, buf_slice(&body));
    } else {
        json_put_member_u64(&body, "time", w->now_ms);
        json_put_name(&body, "heads");
        buf_add_char(&body, '{');
        for (uint32_t i = 0, n = 0; i < beat->channel_count; i++) {
            if (!beat->channels[i].head)
                continue;
            if (n++)
                buf_add_char(&body, ',');
            json_put_string(&body, beat->channels[i].name);
            buf_add_str(&body, ":\"");
            pos_format(beat->channels[i].head, beat->epoch, text);
            buf_add_str(&body, text);
            buf_add_char(&body, '"');
        }
        buf_add_str(&body, "}}");
        struct slice id = slice_of(text, pos_format(beat->upto, beat->epoch, text));
        put_control(b, f, f->beat_name, id, w->now_ms, buf_slice(&body));
    }
    bool failed = body.failed;
    buf_fini(&body);
    return failed ? NULL : as_frame(b);
}

void format_close(const struct worker *w, unsigned format, const char *reason, uint64_t retry_ms,
                  struct buf *out)
{
    const struct format *f = &w->s->formats[format];
    struct buf body = BUF_INIT;
    buf_add_char(&body, '{');
    json_put_member(&body, "reason", slice_str(reason));
    buf_add_char(&body, '}');
    sse_put_retry(out, retry_ms);
    put_control(out, f, f->close_name, SLICE_NONE, w->now_ms, buf_slice(&body));
    buf_fini(&body);
}
