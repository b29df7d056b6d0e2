/* sources.c - the configured sources: what they need of the hub, and what is told of them. All on
 * the first loop's thread. */
#include "server/source_slot.h"

#include "io/clock.h"
#include "source/source_sqlite.h"
#include "json/write.h"
#ifdef FRESHET_POSTGRES
#include "source/source_outbox.h"
#include "source/source_postgres.h"
#include "source/source_rows.h"
#endif
#include "wire/prom.h"

#include <stdio.h>
#include <stdlib.h>

#define SOURCES_ADDED_MAX 64 /* by freshet_source_add */

/* ---- reading the last known rows ---- */

/* Reading a channel of one tenant after the other. */
struct rows_read {
    struct msg msg;
    struct server *s;
    struct slice channel;
    struct buf tenants; /* names, each with a NUL */
    size_t at;
    pos_t after;
    int error;
    void (*row)(void *arg, struct slice tenant, const struct event *event);
    void (*done)(void *arg, int error);
    void *arg;
};

static void read_on(struct rows_read *rr);

static void run_rows_done(struct msg *m, void *ctx)
{
    struct rows_read *rr = (struct rows_read *)m;
    (void)ctx;
    buf_fini(&rr->tenants);
    rr->done(rr->arg, rr->error);
}

static void finish_read(struct rows_read *rr, int error)
{
    rr->error = error;
    rr->msg.run = run_rows_done;
    owner_post(&rr->s->workers[0], &rr->msg);
}

void sources_page(void *token, struct page *page)
{
    struct rows_read *rr = token;
    struct slice tenant = slice_str(rr->tenants.p + rr->at);
    if (!page || page->error) {
        finish_read(rr, page ? page->error : ERR_OVERLOADED);
        page_free(page);
        return;
    }
    for (uint32_t i = 0; i < page->count; i++) {
        const struct event *e = page->entries[i].event;
        if (e && e->has_key && !e->deleted)
            rr->row(rr->arg, tenant, e);
    }
    rr->after = page->upto;
    if (!page->more) {
        rr->at += tenant.len + 1;
        rr->after = 0;
    }
    page_free(page);
    read_on(rr);
}

static void read_on(struct rows_read *rr)
{
    if (rr->at >= rr->tenants.len) {
        finish_read(rr, 0);
        return;
    }
    struct page_spec *spec =
        page_spec_new(slice_str(rr->tenants.p + rr->at), &rr->channel, 1, rr->after);
    if (!spec) {
        finish_read(rr, ERR_OVERLOADED);
        return;
    }
    spec->max_events = 1000;
    spec->max_bytes = 4 * 1024 * 1024;
    hub_read(rr->s->hub, OWNER_EDGE, spec, rr);
}

static bool note_tenant(void *ctx, const struct hub_channel_info *info)
{
    struct rows_read *rr = ctx;
    if (slice_eq(info->channel, rr->channel)) {
        buf_add_slice(&rr->tenants, info->tenant);
        buf_add_char(&rr->tenants, 0);
    }
    return true;
}

static void host_load(void *ctx, struct slice channel,
                      void (*row)(void *arg, struct slice tenant, const struct event *event),
                      void (*done)(void *arg, int error), void *arg)
{
    struct source_slot *slot = ctx;
    struct rows_read *rr = slot->read;
    buf_fini(&rr->tenants);
    *rr = (struct rows_read){.s = slot->s};
    rr->channel = slice_str(slot->conf->channel);
    (void)channel;
    rr->row = row;
    rr->done = done;
    rr->arg = arg;
    hub_each_channel(slot->s->hub, SLICE_NONE, note_tenant, rr);
    if (rr->tenants.failed)
        finish_read(rr, ERR_OVERLOADED);
    else
        read_on(rr);
}

/* ---- appending ---- */

/* One batch: a publish for each tenant, one transaction. */
struct append {
    struct msg msg;
    struct source_slot *slot;
    uint32_t left; /* publishes not released */
    struct err err;
    struct store_row position;
    char *position_text;
    struct publish *publishes;
    uint32_t count;
    void (*done)(void *arg, int error, const char *detail);
    void *arg;
};

/* Empty, for the next. */
static void append_reset(struct append *a)
{
    for (uint32_t i = 0; i < a->count; i++) {
        free((void *)(uintptr_t)a->publishes[i].tenant.p);
        free(a->publishes[i].events);
        free(a->publishes[i].ids);
    }
    free(a->publishes);
    free(a->position_text);
    *a = (struct append){.slot = a->slot};
}

static void run_append_done(struct msg *m, void *ctx)
{
    struct append *a = (struct append *)m;
    (void)ctx;
    struct err err = a->err;
    void (*done)(void *arg, int error, const char *detail) = a->done;
    void *arg = a->arg;
    if (!err.code && a->position_text) {
        size_t len = a->position.value.len;
        buf_fini(&a->slot->position);
        a->slot->position = (struct buf){.p = a->position_text, .len = len, .cap = len};
        a->position_text = NULL;
    }
    append_reset(a);
    done(arg, err.code, err.detail);
}

static void append_finish(struct append *a)
{
    a->msg.run = run_append_done;
    owner_post(&a->slot->s->workers[0], &a->msg);
}

void sources_released(struct publish *p)
{
    struct append *a = p->token;
    if (p->err.code && !a->err.code)
        a->err = p->err;
    if (--a->left == 0)
        append_finish(a);
}

/* The publish of a tenant, made when it is the first of its. NULL: no memory. */
static struct publish *publish_of(struct append *a, struct slice tenant, size_t room)
{
    for (uint32_t i = a->count; i > 0; i--)
        if (slice_eq(a->publishes[i - 1].tenant, tenant))
            return &a->publishes[i - 1];
    struct publish *p = &a->publishes[a->count];
    char *name = slice_dup(tenant);
    p->tenant = slice_of(name, tenant.len);
    p->events = calloc(room + 1, sizeof *p->events);
    p->ids = calloc(room + 1, sizeof *p->ids);
    p->durable = true;
    p->by_source = true;
    p->at_us = clock_monotonic_us();
    p->token = a;
    a->count++;
    return name && p->events && p->ids ? p : NULL;
}

static size_t count_tenants(const struct source_event *events, size_t count)
{
    size_t changes = 1;
    for (size_t i = 1; i < count; i++)
        changes += !slice_eq(events[i].tenant, events[i - 1].tenant);
    return changes; /* at least as many as there are tenants */
}

static bool fill(struct append *a, const struct source_event *events, size_t count,
                 struct slice position)
{
    a->publishes = calloc(count_tenants(events, count), sizeof *a->publishes);
    if (!a->publishes)
        return false;
    for (size_t i = 0; i < count; i++) {
        struct publish *p = publish_of(a, events[i].tenant, count);
        if (!p)
            return false;
        p->events[p->count++] = event_ref(events[i].event);
    }
    if (!a->count && !publish_of(a, slice_str(a->slot->s->workers[0].conf->opts->tenant), 0))
        return false;
    for (uint32_t i = 0; i + 1 < a->count; i++)
        a->publishes[i].also = &a->publishes[i + 1];
    if (position.p) {
        a->position_text = slice_dup(position);
        if (!a->position_text)
            return false;
        a->position = (struct store_row){.kind = STORE_SOURCE,
                                         .name = slice_str(a->slot->conf->name),
                                         .value = slice_of(a->position_text, position.len)};
        a->publishes[0].rows = &a->position;
        a->publishes[0].row_count = 1;
    }
    return true;
}

void sources_append(void *ctx, const struct source_event *events, size_t count,
                    struct slice position, void (*done)(void *arg, int error, const char *detail),
                    void *arg)
{
    struct source_slot *slot = ctx;
    struct append *a = slot->append;
    a->done = done;
    a->arg = arg;
    if (!fill(a, events, count, position)) {
        for (uint32_t i = 0; i < a->count; i++)
            for (uint32_t j = 0; j < a->publishes[i].count; j++)
                event_unref(a->publishes[i].events[j]);
        err_set(&a->err, ERR_OVERLOADED, "out of memory");
        append_finish(a);
    } else if (!count && !position.p) {
        append_finish(a);
    } else {
        a->left = a->count;
        hub_publish(slot->s->hub, &a->publishes[0], clock_unix_ms());
    }
    for (size_t i = 0; i < count; i++)
        event_unref(events[i].event);
}

void sources_decline(struct source_slot *slot, const struct source_event *events, size_t count,
                     int error, const char *detail,
                     void (*done)(void *arg, int error, const char *detail), void *arg)
{
    struct append *a = slot->append;
    a->done = done;
    a->arg = arg;
    err_set(&a->err, error, "%s", detail);
    for (size_t i = 0; i < count; i++)
        event_unref(events[i].event);
    append_finish(a);
}

static void host_state(void *ctx, bool ok, const char *detail)
{
    struct source_slot *slot = ctx;
    const struct log *log = slot->s->log;
    bool news = !slot->told || ok != slot->ok || strcmp(detail, slot->detail) != 0;
    slot->told = true;
    slot->ok = ok;
    snprintf(slot->detail, sizeof slot->detail, "%s", detail);
    if (!news)
        return;
    char text[320];
    snprintf(text, sizeof text, "SSE update check error: %s", detail);
    if (ok)
        log_line(log, LOG_INFO, "source well", "source=%s", slot->conf->name);
    else
        log_line(log, LOG_ERROR, text, "source=%s", slot->conf->name);
}

static void host_count(void *ctx, uint64_t runs, uint64_t changes, uint64_t failures)
{
    struct source_slot *slot = ctx;
    slot->runs += runs;
    slot->changes += changes;
    slot->failures += failures;
}

/* ---- life ---- */

struct source_query_conf sources_query_conf(const struct source_slot *slot)
{
    const struct opt_source *o = slot->conf;
    const struct options *opts = slot->from->opts;
    const struct channel_conf *channel = conf_channel(slot->from, slice_str(o->channel));
    return (struct source_query_conf){.query = o->query,
                                      .key = o->key,
                                      .tenant_column = o->tenant,
                                      .tenant = o->tenant         ? NULL
                                                : o->tenant_value ? o->tenant_value
                                                                  : opts->tenant,
                                      .channel = o->channel,
                                      .added = o->types.added,
                                      .changed = o->types.changed,
                                      .removed = o->types.removed,
                                      .every_ms = (uint32_t)o->every_ms,
                                      .keys = channel ? channel->keys : 10000,
                                      .event_max = (uint32_t)opts->limits.event_bytes};
}

#ifdef FRESHET_POSTGRES
static int open_postgres(struct source_slot *slot, const struct source_host *host, struct err *e)
{
    const struct opt_source *o = slot->conf;
    struct source_postgres_conf conf = {.database = o->database,
                                        .password_file = o->password_file,
                                        .listen = o->listen,
                                        .lock = o->lock,
                                        .timeout_ms = (uint32_t)o->timeout_ms,
                                        .query = sources_query_conf(slot)};
    return source_postgres_new(&conf, host, &slot->s->workers[0].loop, &slot->source, e);
}

static int open_rows(struct source_slot *slot, const struct source_host *host, struct err *e)
{
    const struct opt_source *o = slot->conf;
    struct source_rows_conf conf = {.database = o->database,
                                    .password_file = o->password_file,
                                    .publication = o->publication,
                                    .tables = o->tables.v,
                                    .table_count = o->tables.count,
                                    .timeout_ms = (uint32_t)o->timeout_ms,
                                    .query = sources_query_conf(slot)};
    return source_rows_new(&conf, host, &slot->s->workers[0].loop, &slot->source, e);
}

static int open_outbox(struct source_slot *slot, const struct source_host *host, struct err *e)
{
    const struct opt_source *o = slot->conf;
    struct source_outbox_conf conf = {.database = o->database,
                                      .password_file = o->password_file,
                                      .slot = o->slot,
                                      .prefix = o->prefix,
                                      .timeout_ms = (uint32_t)o->timeout_ms};
    if (outbox_host_init(slot))
        return err_set(e, ERR_OVERLOADED, "out of memory");
    return source_outbox_new(&conf, host, &slot->s->workers[0].loop, &slot->source, e);
}
#endif

static int open_sqlite(struct source_slot *slot, const struct source_host *host, struct err *e)
{
    struct source_sqlite_conf conf = {.database = slot->conf->database,
                                      .query = sources_query_conf(slot)};
    return source_sqlite_new(&conf, host, &slot->s->workers[0].loop, &slot->source, e);
}

static int open_source(struct source_slot *slot, struct err *e)
{
    struct source_host host = {.ctx = slot,
                               .load = host_load,
                               .append = sources_append,
                               .state = host_state,
                               .count = host_count,
                               .position = outbox_host_position,
                               .message = outbox_host_message,
                               .advance = outbox_host_advance,
                               .refused = outbox_host_refused,
                               .lag = outbox_host_lag};
    switch (slot->conf->type) {
    case SOURCE_TYPE_SQLITE:
        return open_sqlite(slot, &host, e);
#ifdef FRESHET_POSTGRES
    case SOURCE_TYPE_POSTGRES:
        return slot->conf->mode == SOURCE_MODE_REPLICATION ? open_rows(slot, &host, e)
                                                           : open_postgres(slot, &host, e);
    case SOURCE_TYPE_POSTGRES_OUTBOX:
        return open_outbox(slot, &host, e);
#endif
    default:
        return err_set(
            e, ERR_BAD_REQUEST,
            "source %s: this hub is built without libpq, so PostgreSQL can't be a source",
            slot->conf->name);
    }
}

static void source_texts_free(struct opt_source *o)
{
    if (!o)
        return;
    const char *texts[] = {o->name,          o->database,      o->query,   o->key,
                           o->tenant,        o->tenant_value,  o->channel, o->types.added,
                           o->types.changed, o->types.removed, o->listen};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        free((void *)(uintptr_t)texts[i]);
    free(o);
}

void sources_slot_free(struct source_slot *slot)
{
    if (!slot)
        return;
    source_texts_free(slot->added);
    outbox_host_fini(slot);
    if (slot->read)
        buf_fini(&slot->read->tenants);
    free(slot->read);
    if (slot->append)
        append_reset(slot->append);
    free(slot->append);
    conf_unref(slot->from);
    free(slot);
}

struct source_slot *sources_slot_new(struct server *s, const struct opt_source *o,
                                     struct opt_source *added, struct conf *from, struct err *e)
{
    struct source_slot *slot = calloc(1, sizeof *slot);
    if (!slot) {
        source_texts_free(added);
        err_set(e, ERR_OVERLOADED, "out of memory");
        return NULL;
    }
    slot->s = s;
    slot->conf = o;
    slot->added = added;
    slot->from = conf_ref(from);
    snprintf(slot->detail, sizeof slot->detail, "not read yet");
    slot->read = calloc(1, sizeof *slot->read);
    slot->append = calloc(1, sizeof *slot->append);
    int rc = slot->read && slot->append ? open_source(slot, e)
                                        : err_set(e, ERR_OVERLOADED, "out of memory");
    if (rc == 0) {
        slot->append->slot = slot;
        return slot;
    }
    sources_slot_free(slot);
    return NULL;
}

int sources_reserve(struct server *s, size_t more)
{
    size_t cap = s->source_count + more;
    if (cap <= s->source_cap)
        return 0;
    struct source_slot **list = realloc(s->sources, cap * sizeof *list);
    if (!list)
        return -1;
    s->sources = list;
    s->source_cap = cap;
    return 0;
}

int sources_init(struct server *s, struct err *e)
{
    const struct opt_sources *list = &s->conf->opts->sources;
    if (sources_reserve(s, list->count))
        return err_set(e, ERR_OVERLOADED, "out of memory");
    for (size_t i = 0; i < list->count; i++) {
        struct source_slot *slot = sources_slot_new(s, &list->v[i], NULL, s->conf, e);
        if (!slot)
            return e->code;
        s->sources[s->source_count++] = slot;
    }
    return 0;
}

/* A copy whose texts live as long as the hub. */
static struct opt_source *copy_source(const struct opt_source *o)
{
    struct opt_source *copy = malloc(sizeof *copy);
    if (!copy)
        return NULL;
    *copy = *o;
    const char **texts[] = {&copy->name,          &copy->database,    &copy->query,
                            &copy->key,           &copy->tenant,      &copy->tenant_value,
                            &copy->channel,       &copy->types.added, &copy->types.changed,
                            &copy->types.removed, &copy->listen};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (*texts[i] && !(*texts[i] = slice_dup(slice_str(*texts[i]))))
            return NULL; /* at start-up, without memory: what was copied goes with the process */
    return copy;
}

int sources_add(struct server *s, const struct opt_source *o, struct err *e)
{
    struct conf *conf = s->conf;
    if (!o->name || !o->database || !o->query || !o->key || !o->channel)
        return err_set(e, ERR_BAD_REQUEST,
                       "a source needs a name, a database, a query, a key and a channel");
    const struct opt_channel *channel = options_channel(conf->opts, slice_str(o->channel));
    if (!channel || !channel->keyed)
        return err_set(e, ERR_BAD_REQUEST, "source %s: configure channel %s, keyed", o->name,
                       o->channel);
    if (s->source_count >= conf->opts->sources.count + SOURCES_ADDED_MAX)
        return err_set(e, ERR_BAD_REQUEST, "at most %d sources can be added", SOURCES_ADDED_MAX);
    struct opt_source *copy = copy_source(o);
    if (!copy || sources_reserve(s, 1)) {
        source_texts_free(copy);
        return err_set(e, ERR_OVERLOADED, "out of memory");
    }
    struct source_slot *slot = sources_slot_new(s, copy, copy, conf, e);
    if (!slot)
        return e->code;
    s->sources[s->source_count++] = slot;
    conf->channel_confs[channel - conf->opts->channels.v].owned = true;
    return 0;
}

void sources_slot_start(struct source_slot *slot)
{
    slot->started = true;
    slot->source->ops->start(slot->source);
}

void sources_start(struct server *s)
{
    for (size_t i = 0; i < s->source_count; i++)
        sources_slot_start(s->sources[i]);
}

static void on_closed(void *arg)
{
    struct source_slot *slot = arg;
    slot->closed = true;
}

void sources_close(struct server *s)
{
    for (size_t i = 0; i < s->source_count; i++) {
        struct source_slot *slot = s->sources[i];
        if (slot->source)
            slot->source->ops->close(slot->source, on_closed, slot);
        slot->source = NULL;
    }
}

bool sources_closed(const struct server *s)
{
    for (size_t i = 0; i < s->source_count; i++)
        if (!s->sources[i]->closed)
            return false;
    return true;
}

void sources_free(struct server *s)
{
    for (size_t i = 0; i < s->source_count; i++)
        sources_slot_free(s->sources[i]);
    free(s->sources);
    while (s->parked) {
        struct source_slot *slot = s->parked;
        s->parked = slot->parked;
        sources_slot_free(slot);
    }
}

/* ---- looking ---- */

bool sources_health(struct server *s, struct buf *out)
{
    bool all = true;
    for (size_t i = 0; i < s->source_count; i++) {
        const struct source_slot *slot = s->sources[i];
        if (slot->leaving)
            continue;
        json_put_name(out, slot->conf->name);
        buf_add_char(out, '{');
        json_put_member_bool(out, "ok", slot->ok);
        if (!slot->ok)
            json_put_member(out, "detail", slice_str(slot->detail));
        json_put_member_u64(out, "runs", slot->runs);
        json_put_member_u64(out, "changes", slot->changes);
        json_put_member_u64(out, "failures", slot->failures);
        if (slot->conf->type == SOURCE_TYPE_POSTGRES_OUTBOX) {
            json_put_member_u64(out, "refused", slot->refused);
            json_put_member_u64(out, "lagBytes", slot->lag_bytes);
        }
        buf_add_char(out, '}');
        all &= slot->ok;
    }
    return all;
}

static void put_counters(const struct server *s, struct buf *out, const char *name,
                         const char *type, const char *help, size_t member)
{
    prom_put_head(out, name, type, help);
    for (size_t i = 0; i < s->source_count; i++) {
        const struct source_slot *slot = s->sources[i];
        if (slot->leaving)
            continue;
        const char *const labels[] = {"source", slot->conf->name, NULL};
        uint64_t values[] = {slot->ok,       slot->runs,    slot->changes,
                             slot->failures, slot->refused, slot->lag_bytes};
        prom_put_sample(out, name, labels, (double)values[member]);
    }
}

void sources_put_prometheus(const struct server *s, struct buf *out)
{
    if (!s->source_count)
        return;
    put_counters(s, out, "freshet_source_up", "gauge", "1 when the source is well.", 0);
    put_counters(s, out, "freshet_source_runs_total", "counter", "Queries run.", 1);
    put_counters(s, out, "freshet_source_changes_total", "counter", "Changes found.", 2);
    put_counters(s, out, "freshet_source_failures_total", "counter", "Runs that failed.", 3);
    put_counters(s, out, "freshet_source_refused_total", "counter",
                 "Messages of an outbox that could not be events.", 4);
    put_counters(s, out, "freshet_source_lag_bytes", "gauge",
                 "Bytes of its log that the database keeps for an outbox's slot.", 5);
}
