/* outbox_host.c - what an outbox asks of the hub: its position, events of messages, and entries
 * that tell of a loss. */
#include "server/source_slot.h"

#include "base/rng.h"
#include "json/scan.h"
#include "json/write.h"

#include <stdlib.h>

static void note_position(void *ctx, const struct store_row *row)
{
    struct source_slot *slot = ctx;
    if (row->kind != STORE_SOURCE || !slice_is(row->name, slot->conf->name))
        return;
    buf_reset(&slot->position);
    buf_add_slice(&slot->position, row->value);
}

int outbox_host_init(struct source_slot *slot)
{
    uint64_t seed[2];
    rng_system(seed, sizeof seed);
    map_init(&slot->tenants, seed[0], seed[1]);
    slot->is_outbox = true;
    struct buf *bufs[] = {&slot->position, &slot->name,    &slot->type,
                          &slot->key,      &slot->channel, &slot->other};
    for (size_t i = 0; i < sizeof bufs / sizeof *bufs; i++)
        *bufs[i] = BUF_INIT;
    hub_each_loaded(slot->s->hub, note_position, slot);
    return slot->position.failed ? ERR_OVERLOADED : 0;
}

void outbox_host_fini(struct source_slot *slot)
{
    size_t at = 0;
    void *name;
    if (!slot->is_outbox)
        return;
    while (map_next(&slot->tenants, &at, NULL, &name))
        free(name);
    map_fini(&slot->tenants);
    struct buf *bufs[] = {&slot->position, &slot->name,    &slot->type,
                          &slot->key,      &slot->channel, &slot->other};
    for (size_t i = 0; i < sizeof bufs / sizeof *bufs; i++)
        buf_fini(bufs[i]);
}

void outbox_host_position(void *ctx, struct buf *out)
{
    struct source_slot *slot = ctx;
    buf_add_slice(out, buf_slice(&slot->position));
}

/* ---- messages ---- */

static bool covers(const struct opt_texts *patterns, struct slice name)
{
    for (size_t i = 0; i < patterns->count; i++)
        if (options_pattern_covers(patterns->v[i], name))
            return true;
    return false;
}

/* A name that lives as long as the source; p NULL: no memory. */
static struct slice keep_tenant(struct source_slot *slot, struct slice name)
{
    char *copy = map_get(&slot->tenants, name);
    if (copy)
        return slice_of(copy, name.len);
    copy = slice_dup(name);
    if (copy && map_put(&slot->tenants, name, copy)) {
        free(copy);
        copy = NULL;
    }
    return slice_of(copy, name.len);
}

/* The text of a string member into out; absent: SLICE_NONE. */
static int take_text(struct slice object, const char *name, struct buf *out, struct slice *to,
                     struct err *e)
{
    struct slice value;
    *to = SLICE_NONE;
    if (!json_get(object, name, &value) || json_kind(value) == JSON_NULL)
        return 0;
    if (json_kind(value) != JSON_STRING)
        return err_set(e, ERR_BAD_REQUEST, "\"%s\" must be a string", name);
    buf_reset(out);
    buf_reserve(out, 1); /* an empty text is one too */
    json_unescape(json_string_raw(value), out);
    *to = buf_slice(out);
    return out->failed ? err_set(e, ERR_OVERLOADED, "out of memory") : 0;
}

static int take_flags(struct source_slot *slot, struct slice object, struct event_wish *w,
                      struct err *e)
{
    struct slice value, priority;
    if (json_get(object, "deleted", &value)) {
        enum json_kind kind = json_kind(value);
        if (kind != JSON_TRUE && kind != JSON_FALSE)
            return err_set(e, ERR_BAD_REQUEST, "\"deleted\" must be true or false");
        w->deleted = kind == JSON_TRUE;
    }
    int rc = take_text(object, "priority", &slot->other, &priority, e);
    w->high = priority.p && slice_is(priority, "high");
    if (!rc && priority.p && !w->high && !slice_is(priority, "normal"))
        return err_set(e, ERR_BAD_REQUEST, "\"priority\" must be \"normal\" or \"high\"");
    return rc;
}

/* Whether the outbox may write there, and the hub would take it. */
static int check_place(const struct source_slot *slot, struct slice tenant,
                       const struct event_wish *w, struct err *e)
{
    const struct opt_source *o = slot->conf;
    if (!tenant.p || !name_is_tenant(tenant))
        return err_set(e, ERR_BAD_REQUEST, "\"tenant\" must be given: 1 to 64 of A-Z a-z 0-9 _ -");
    if (!w->channel.p || !name_is_channel(w->channel))
        return err_set(e, ERR_BAD_REQUEST,
                       "\"channel\" must be given: 1 to 128 of A-Z a-z 0-9 . _ "
                       ": -, first a letter or digit");
    if (!covers(&o->tenants, tenant))
        return err_set(e, ERR_FORBIDDEN, "the outbox may not write tenant %.*s (tenants)",
                       SLICE_FMT(tenant));
    if (!covers(&o->channels, w->channel))
        return err_set(e, ERR_FORBIDDEN, "the outbox may not write channel %.*s (channels)",
                       SLICE_FMT(w->channel));
    const struct channel_conf *conf = conf_channel(slot->s->workers[0].conf, w->channel);
    if (!conf)
        return err_set(e, ERR_NOT_FOUND, "channel %.*s is not configured", SLICE_FMT(w->channel));
    if (conf->owned)
        return err_set(e, ERR_FORBIDDEN, "channel %.*s belongs to another source",
                       SLICE_FMT(w->channel));
    if (w->deleted && !conf->keyed)
        return err_set(e, ERR_BAD_REQUEST,
                       "\"deleted\" has a meaning in keyed channels only, %.*s is not one",
                       SLICE_FMT(w->channel));
    return 0;
}

int outbox_host_message(void *ctx, struct slice text, struct source_event *out, struct err *e)
{
    struct source_slot *slot = ctx;
    struct event_wish w = {.checked = true};
    struct slice tenant;
    int rc = json_check(text, JSON_DEPTH_MAX, e);
    if (!rc && json_kind(text) != JSON_OBJECT)
        return err_set(e, ERR_BAD_REQUEST, "a message is a JSON object");
    if (rc || (rc = take_text(text, "tenant", &slot->name, &tenant, e)) ||
        (rc = take_text(text, "channel", &slot->channel, &w.channel, e)) ||
        (rc = take_text(text, "type", &slot->type, &w.type, e)) ||
        (rc = take_text(text, "key", &slot->key, &w.key, e)) ||
        (rc = take_flags(slot, text, &w, e)) || (rc = check_place(slot, tenant, &w, e)))
        return rc;
    w.data = w.state = SLICE_NONE;
    json_get(text, "data", &w.data);
    json_get(text, "state", &w.state);
    rc = event_make(slot->s->workers[0].conf->opts, &w, &out->event, e);
    if (rc)
        return rc;
    out->tenant = keep_tenant(slot, tenant);
    if (out->tenant.p)
        return 0;
    event_unref(out->event);
    return err_set(e, ERR_OVERLOADED, "out of memory");
}

/* ---- a loss ---- */

/* Entries that tell of it: an event of the hub's own type, kept, trimmed and resumed over like any
 * other, so that whoever returns later is told too. */
struct losses {
    struct source_slot *slot;
    struct source_event *at;
    size_t count, cap;
    bool failed;
};

static void add_loss(struct losses *l, struct slice tenant, struct slice channel)
{
    struct buf data = BUF_INIT;
    struct slice name = keep_tenant(l->slot, tenant);
    if (l->count == l->cap) {
        size_t cap = l->cap ? l->cap * 2 : 64;
        struct source_event *at = realloc(l->at, cap * sizeof *at);
        if (!at) {
            l->failed = true;
            return;
        }
        l->at = at;
        l->cap = cap;
    }
    buf_add_str(&data, "{\"reason\":\"source\",\"channels\":[");
    json_put_string(&data, channel);
    buf_add_str(&data, "]}");
    struct event_parts parts = {
        .channel = channel, .type = slice_str(EVENT_TYPE_GAP), .data = buf_slice(&data)};
    struct event *event = data.failed ? NULL : event_new(&parts);
    buf_fini(&data);
    if (event && name.p) {
        l->at[l->count++] = (struct source_event){name, event};
    } else {
        event_unref(event);
        l->failed = true;
    }
}

static bool has_loss(const struct losses *l, struct slice tenant, struct slice channel)
{
    for (size_t i = l->count; i > 0 && slice_eq(l->at[i - 1].tenant, tenant); i--)
        if (slice_eq(event_channel(l->at[i - 1].event), channel))
            return true;
    return false;
}

static bool add_known(void *ctx, const struct hub_channel_info *info)
{
    struct losses *l = ctx;
    const struct opt_source *o = l->slot->conf;
    const struct channel_conf *conf = conf_channel(l->slot->s->workers[0].conf, info->channel);
    if (!covers(&o->tenants, info->tenant))
        return true;
    if (conf && !conf->owned && covers(&o->channels, info->channel) &&
        !has_loss(l, info->tenant, info->channel))
        add_loss(l, info->tenant, info->channel);
    /* a channel that is named: whether or not anything is kept of it */
    for (size_t i = 0; i < o->channels.count; i++) {
        struct slice name = slice_str(o->channels.v[i]);
        conf = conf_channel(l->slot->s->workers[0].conf, name);
        if (name_is_channel(name) && conf && !conf->owned && !has_loss(l, info->tenant, name))
            add_loss(l, info->tenant, name);
    }
    return !l->failed;
}

void outbox_host_advance(void *ctx, const struct source_event *events, size_t count,
                         struct slice from, struct slice to, bool gap,
                         void (*done)(void *arg, int error, const char *detail), void *arg)
{
    struct source_slot *slot = ctx;
    struct losses l = {.slot = slot};
    if (!slice_eq(buf_slice(&slot->position), from)) {
        sources_decline(
            slot, events, count, ERR_CONFLICT,
            "the position in the store is not the one expected: somebody else writes it", done,
            arg);
        return;
    }
    if (!gap) {
        sources_append(slot, events, count, to, done, arg);
        return;
    }
    hub_each_channel(slot->s->hub, SLICE_NONE, add_known, &l);
    log_line(slot->s->log, LOG_ERROR, "source gap",
             "source=%s channels=%zu detail=\"the slot does not go on where the last position is: "
             "messages may be lost, and the readers are told\"",
             slot->conf->name, l.count);
    if (l.failed || count) { /* a gap stands alone */
        for (size_t i = 0; i < l.count; i++)
            event_unref(l.at[i].event);
        sources_decline(slot, events, count, ERR_OVERLOADED, "out of memory", done, arg);
    } else {
        sources_append(slot, l.at, l.count, to, done, arg);
    }
    free(l.at);
}

void outbox_host_refused(void *ctx, const char *detail)
{
    struct source_slot *slot = ctx;
    slot->refused++;
    log_line(slot->s->log, LOG_ERROR, "source message refused", "source=%s detail=\"%s\"",
             slot->conf->name, detail);
}

void outbox_host_lag(void *ctx, uint64_t bytes)
{
    struct source_slot *slot = ctx;
    slot->lag_bytes = bytes;
}
