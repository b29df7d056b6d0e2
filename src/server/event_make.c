/* event_make.c - from texts to an event: what a publisher may say, checked in one place. */
#include "server/inside.h"

#include "base/utf8.h"
#include "json/scan.h"
#include "json/schema.h"

static int bad(struct err *e, int code, const char *what)
{
    return err_set(e, code, "%s", what);
}

static int check_names(const struct event_wish *w, struct err *e)
{
    if (!name_is_channel(w->channel))
        return bad(e, ERR_BAD_REQUEST,
                   "a channel is 1 to 128 of A-Z a-z 0-9 . _ : -, first a letter or digit");
    if (w->type.p && !name_is_type(w->type))
        return bad(e, ERR_BAD_REQUEST,
                   "a type is 1 to 128 bytes of text without control characters");
    if (w->type.p && name_is_reserved_type(w->type))
        return bad(e, ERR_BAD_REQUEST,
                   "types freshet.*, open and error are the hub's own: choose another");
    if (w->key.p && !name_is_key(w->key))
        return bad(e, ERR_BAD_REQUEST,
                   "a key is 1 to 256 bytes of text without control characters");
    if (w->deleted && !w->key.p)
        return bad(e, ERR_BAD_REQUEST, "\"deleted\" needs a \"key\"");
    if (!w->data.p && !w->deleted)
        return bad(e, ERR_BAD_REQUEST, "\"data\" is missing (null is fine)");
    if (w->once.p && (!w->once.len || w->once.len > ONCE_KEY_BYTES || !utf8_is_plain(w->once)))
        return bad(e, ERR_BAD_REQUEST,
                   "an idempotency key is 1 to 256 bytes of text without control characters");
    return 0;
}

/* The channel's own rules: which types it takes, and what their data looks like. A tombstone has
 * no data to look at. The state takes the data's place, so it has to look the same. */
static int check_rules(const struct options *o, const struct event_parts *p, struct err *e)
{
    const struct opt_channel *c = o->typed ? options_channel(o, p->channel) : NULL;
    const struct opt_event *rule = NULL;
    int rc = 0;
    if (!c || !c->events.count)
        return 0;
    for (size_t i = 0; i < c->events.count && !rule; i++)
        if (slice_is(p->type, c->events.v[i].type))
            rule = &c->events.v[i];
    if (!rule)
        return bad(e, ERR_SCHEMA_MISMATCH, "this channel takes other types of events only");
    if (rule->compiled && !p->deleted)
        rc = schema_check(rule->compiled, p->data, e);
    if (!rc && rule->compiled && p->state.p)
        rc = schema_check(rule->compiled, p->state, e);
    return rc;
}

int event_make(const struct options *o, const struct event_wish *w, struct event **out,
               struct err *e)
{
    struct buf data = BUF_INIT, state = BUF_INIT;
    int rc = check_names(w, e);
    if (!rc && !w->checked && w->data.p)
        rc = json_check(w->data, JSON_DEPTH_MAX, e);
    if (!rc && !w->checked && w->state.p)
        rc = json_check(w->state, JSON_DEPTH_MAX, e);
    if (rc)
        return rc;
    if (w->data.p)
        json_compact(w->data, &data);
    else
        buf_add_str(&data, "null");
    if (w->state.p)
        json_compact(w->state, &state);
    struct event_parts parts = {.channel = w->channel,
                                .type = w->type.p ? w->type : slice_str("message"),
                                .key = w->key,
                                .data = buf_slice(&data),
                                .state = w->state.p ? buf_slice(&state) : SLICE_NONE,
                                .deleted = w->deleted,
                                .high = w->high};
    size_t bytes = parts.channel.len + parts.type.len + parts.key.len + parts.data.len +
                   parts.state.len;
    *out = NULL;
    if (data.failed || state.failed)
        rc = bad(e, ERR_OVERLOADED, "out of memory");
    else if (bytes > o->limits.event_bytes)
        rc = bad(e, ERR_TOO_LARGE, "the event is too large (limits.event_bytes)");
    else if ((rc = check_rules(o, &parts, e)))
        ; /* e says why */
    else if (!(*out = event_new(&parts)))
        rc = bad(e, ERR_OVERLOADED, "out of memory");
    buf_fini(&data);
    buf_fini(&state);
    return rc;
}

void event_digest(const struct event *e, uint64_t out[2])
{
    static const uint64_t seeds[2][2] = {{0x66726573, 0x686574}, {0x6f6e6365, 0x6b6579}};
    struct slice data = event_data(e);
    size_t len = (size_t)(data.p - e->text) + e->data_len + e->state_len + 2;
    uint64_t flags = (uint64_t)e->deleted | (uint64_t)e->high << 1 | (uint64_t)e->has_key << 2 |
                     (uint64_t)e->has_state << 3;
    for (int i = 0; i < 2; i++)
        out[i] = map_hash(seeds[i], e->text, len) ^ flags * 0x9e3779b97f4a7c15u;
}
