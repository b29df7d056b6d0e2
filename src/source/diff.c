#include "source/diff.h"

#include "base/map.h"
#include "base/rng.h"
#include "json/scan.h"

#include <assert.h>
#include <stdlib.h>

#define TENANT_MAX 64
#define KEY_MAX 256
#define NAME_MAX_BYTES (TENANT_MAX + 1 + KEY_MAX)

/* A known row. state NULL: a row that the run in progress added. */
struct row {
    char *state;
    uint32_t state_len;
    uint32_t run; /* the last run that had it */
};

struct tenant {
    uint32_t run;   /* the run that `count` belongs to */
    uint32_t count; /* its rows in that run */
    uint32_t name_len;
    char name[];
};

/* What a commit does to a row: it gets a state, or goes. */
struct change {
    struct row *row;
    char *state; /* owned; NULL: removed */
    uint32_t state_len;
};

struct diff {
    struct diff_conf conf;
    char *texts;        /* what conf's slices point into */
    struct map rows;    /* tenant NUL key -> struct row; neither name can hold a NUL */
    struct map tenants; /* name -> struct tenant, kept until diff_free */
    struct tenant *last_tenant;
    size_t known; /* rows with a state */
    uint32_t run;
    bool part; /* the run has single changes only */
    uint64_t result_bytes;
    struct change *changes;      /* [count], changes[i] is what events[i] tells */
    struct source_event *events; /* [count], one reference of each is the diff's own */
    size_t count, cap;
    struct buf scratch;
};

static int no_memory(struct err *e)
{
    return err_set(e, ERR_OVERLOADED, "no memory for the rows of the query");
}

static struct slice copy_text(char **at, struct slice s)
{
    char *p = *at;
    if (s.len)
        memcpy(p, s.p, s.len);
    *at += s.len;
    return slice_of(p, s.len);
}

struct diff *diff_new(const struct diff_conf *conf)
{
    struct diff *d = calloc(1, sizeof *d);
    if (!d)
        return NULL;
    d->texts =
        malloc(conf->channel.len + conf->added.len + conf->changed.len + conf->removed.len + 1);
    if (!d->texts) {
        free(d);
        return NULL;
    }
    char *at = d->texts;
    d->conf = *conf;
    d->conf.channel = copy_text(&at, conf->channel);
    d->conf.added = copy_text(&at, conf->added);
    d->conf.changed = copy_text(&at, conf->changed);
    d->conf.removed = copy_text(&at, conf->removed);
    uint64_t seed[4];
    rng_system(seed, sizeof seed);
    map_init(&d->rows, seed[0], seed[1]);
    map_init(&d->tenants, seed[2], seed[3]);
    d->scratch = BUF_INIT;
    return d;
}

static void row_free(struct row *row)
{
    if (row)
        free(row->state);
    free(row);
}

void diff_forget(struct diff *d)
{
    size_t at = 0;
    void *row;
    while (map_next(&d->rows, &at, NULL, &row))
        row_free(row);
    uint64_t seed[2] = {d->rows.seed[0], d->rows.seed[1]};
    map_fini(&d->rows);
    map_init(&d->rows, seed[0], seed[1]);
    d->known = 0;
}

void diff_free(struct diff *d)
{
    if (!d)
        return;
    diff_abandon(d);
    diff_forget(d);
    map_fini(&d->rows);
    size_t at = 0;
    void *tenant;
    while (map_next(&d->tenants, &at, NULL, &tenant))
        free(tenant);
    map_fini(&d->tenants);
    buf_fini(&d->scratch);
    free(d->changes);
    free(d->events);
    free(d->texts);
    free(d);
}

/* The name of a row in the map, in out[NAME_MAX_BYTES]; both parts are names, or empty where there
 * was none to ask for: no row has such a name. */
static struct slice join(char *out, struct slice tenant, struct slice key)
{
    if (tenant.len)
        memcpy(out, tenant.p, tenant.len);
    out[tenant.len] = 0;
    if (key.len)
        memcpy(out + tenant.len + 1, key.p, key.len);
    return slice_of(out, tenant.len + 1 + key.len);
}

/* A new row without a state, in the map; NULL for no memory. */
static struct row *row_new(struct diff *d, struct slice name)
{
    struct row *row = calloc(1, sizeof *row);
    if (row && map_put(&d->rows, name, row) < 0) {
        free(row);
        row = NULL;
    }
    return row;
}

int diff_known(struct diff *d, struct slice tenant, struct slice key, struct slice state)
{
    char text[NAME_MAX_BYTES];
    if (!name_is_tenant(tenant) || !name_is_key(key) || state.len > UINT32_MAX)
        return OK; /* not of this source's making: no row of the query can be meant */
    struct slice name = join(text, tenant, key);
    char *copy = slice_dup(state);
    if (!copy)
        return ERR_OVERLOADED;
    struct row *row = map_get(&d->rows, name);
    if (!row && !(row = row_new(d, name))) {
        free(copy);
        return ERR_OVERLOADED;
    }
    if (!row->state)
        d->known++;
    free(row->state);
    row->state = copy;
    row->state_len = (uint32_t)state.len;
    return OK;
}

size_t diff_count(const struct diff *d)
{
    return d->known;
}

void diff_begin(struct diff *d)
{
    assert(d->count == 0);
    d->run++;
    d->part = false;
    d->result_bytes = 0;
    d->last_tenant = NULL;
}

void diff_begin_part(struct diff *d)
{
    diff_begin(d);
    d->part = true;
}

/* The tenant's entry, made when new; NULL for no memory. */
static struct tenant *tenant_get(struct diff *d, struct slice name)
{
    struct tenant *t = d->last_tenant;
    if (t && slice_eq(slice_of(t->name, t->name_len), name))
        return t;
    t = map_get(&d->tenants, name);
    if (!t) {
        t = calloc(1, sizeof *t + name.len);
        if (!t)
            return NULL;
        t->name_len = (uint32_t)name.len;
        memcpy(t->name, name.p, name.len);
        if (map_put(&d->tenants, name, t) < 0) {
            free(t);
            return NULL;
        }
    }
    if (t->run != d->run) {
        t->run = d->run;
        if (!d->part)
            t->count = 0;
    }
    d->last_tenant = t;
    return t;
}

static bool grow(struct diff *d)
{
    if (d->count < d->cap)
        return true;
    size_t cap = d->cap ? d->cap * 2 : 64;
    struct change *changes = realloc(d->changes, cap * sizeof *changes);
    if (!changes)
        return false;
    d->changes = changes;
    struct source_event *events = realloc(d->events, cap * sizeof *events);
    if (!events)
        return false;
    d->events = events;
    d->cap = cap;
    return true;
}

/* As much of a key as fits into a sentence, whole characters. */
static struct slice brief(struct slice key)
{
    size_t n = key.len;
    if (n > 64)
        for (n = 64; n && ((unsigned char)key.p[n] & 0xc0) == 0x80;)
            n--;
    return slice_of(key.p, n);
}

/* Adds one change: an event, and what its commit does to the row. Takes state. */
static int add_change(struct diff *d, struct slice tenant, const struct event_parts *parts,
                      struct row *row, char *state, struct err *e)
{
    struct tenant *t = tenant_get(d, tenant);
    if (!t || !grow(d))
        goto failed;
    struct event *event = event_new(parts);
    if (!event)
        goto failed;
    if (d->conf.event_max && event->bytes > d->conf.event_max) {
        uint32_t bytes = event->bytes;
        event_unref(event);
        free(state);
        struct slice key = brief(parts->key);
        return err_set(e, ERR_TOO_LARGE,
                       "the event of the row with key \"%.*s\" would have %u bytes, the limit "
                       "is %u",
                       SLICE_FMT(key), bytes, d->conf.event_max);
    }
    d->changes[d->count] = (struct change){row, state, (uint32_t)parts->state.len};
    d->events[d->count] = (struct source_event){slice_of(t->name, t->name_len), event};
    d->count++;
    return OK;
failed:
    free(state);
    return no_memory(e);
}

static int add_added(struct diff *d, struct slice tenant, struct slice name, struct slice key,
                     struct slice state, struct err *e)
{
    char *copy = slice_dup(state);
    struct row *row = copy ? row_new(d, name) : NULL;
    if (!row) {
        free(copy);
        return no_memory(e);
    }
    row->run = d->run;
    struct event_parts parts = {d->conf.channel, d->conf.added, key, state, state, false, false};
    int rc = add_change(d, tenant, &parts, row, copy, e);
    if (rc < 0) { /* no change refers to it: abandon would not find it */
        map_remove(&d->rows, name);
        free(row);
    }
    return rc;
}

/* Walks two objects together: `next` gives the member of `other` with this name, found at once
 * when the members of both come in the same order. */
struct twin {
    struct slice other;
    struct json_iter at;
};

static bool twin_find(struct twin *t, struct slice name, struct slice *value)
{
    struct slice other_name;
    if (json_member(&t->at, &other_name, value) && slice_eq(other_name, name))
        return true;
    t->at = json_iter(t->other);
    while (json_member(&t->at, &other_name, value))
        if (slice_eq(other_name, name))
            return true;
    t->at = json_iter(t->other);
    return false;
}

static void put_member(struct buf *out, struct slice raw_name, struct slice value)
{
    buf_add_str(out, out->len > 1 ? ",\"" : "\"");
    buf_add_slice(out, raw_name);
    buf_add_str(out, "\":");
    buf_add_slice(out, value);
}

/* Writes to out the object of the members of `now` that `was` does not have, or has otherwise, and
 * null for those that only `was` has. True when there are any. Values are compared by their text:
 * both were written by the same code. */
static bool put_changes(struct slice was, struct slice now, struct buf *out)
{
    struct slice name, value, other;
    buf_reset(out);
    buf_add_char(out, '{');
    struct slice before = json_kind(was) == JSON_OBJECT ? was : SLICE_LIT("{}");
    struct twin twin = {before, json_iter(before)};
    for (struct json_iter it = json_iter(now); json_member(&it, &name, &value);)
        if (!twin_find(&twin, name, &other) || !slice_eq(value, other))
            put_member(out, name, value);
    twin = (struct twin){now, json_iter(now)};
    for (struct json_iter it = json_iter(before); json_member(&it, &name, &value);)
        if (!twin_find(&twin, name, &other))
            put_member(out, name, SLICE_LIT("null"));
    bool any = out->len > 1;
    buf_add_char(out, '}');
    return any;
}

static int add_changed(struct diff *d, struct slice tenant, struct slice key, struct row *row,
                       struct slice state, struct err *e)
{
    bool any = put_changes(slice_of(row->state, row->state_len), state, &d->scratch);
    char *copy = slice_dup(state);
    if (d->scratch.failed || !copy) {
        free(copy);
        return no_memory(e);
    }
    if (!any) { /* the same fields in another order: known as such from now on */
        free(row->state);
        row->state = copy;
        row->state_len = (uint32_t)state.len;
        return OK;
    }
    struct event_parts parts = {d->conf.channel, d->conf.changed, key,  buf_slice(&d->scratch),
                                state,           false,           false};
    return add_change(d, tenant, &parts, row, copy, e);
}

int diff_row(struct diff *d, struct slice tenant, struct slice key, struct slice state,
             struct err *e)
{
    char text[NAME_MAX_BYTES];
    struct slice show = brief(key);
    if (!name_is_key(key))
        return err_set(e, ERR_BAD_REQUEST,
                       "a row's key is empty, longer than 256 bytes or not plain UTF-8 text");
    if (!name_is_tenant(tenant))
        return err_set(e, ERR_BAD_REQUEST,
                       "the tenant of the row with key \"%.*s\" is no tenant name",
                       SLICE_FMT(show));
    if (state.len > UINT32_MAX / 8)
        return err_set(e, ERR_TOO_LARGE, "the row with key \"%.*s\" is too large", SLICE_FMT(show));
    struct tenant *t = tenant_get(d, tenant);
    if (!t)
        return no_memory(e);
    struct slice name = join(text, tenant, key);
    struct row *row = map_get(&d->rows, name);
    if (row && row->run == d->run)
        return err_set(e, ERR_CONFLICT,
                       "the key \"%.*s\" comes twice in the result of the query (tenant %.*s)",
                       SLICE_FMT(show), SLICE_FMT(tenant));
    if (!d->part || !row)
        t->count++;
    if (t->count > d->conf.keys)
        return err_set(e, ERR_TOO_LARGE, "the query gives more than %u rows (keys) for tenant %.*s",
                       d->conf.keys, SLICE_FMT(tenant));
    d->result_bytes += state.len;
    if (d->conf.result_max && !d->part && d->result_bytes > d->conf.result_max)
        return err_set(e, ERR_TOO_LARGE, "the result of the query has more than %llu bytes",
                       (unsigned long long)d->conf.result_max);
    if (!row)
        return add_added(d, tenant, name, key, state, e);
    row->run = d->run;
    if (slice_eq(slice_of(row->state, row->state_len), state))
        return OK;
    return add_changed(d, tenant, key, row, state, e);
}

static void reverse(struct diff *d, size_t from, size_t to)
{
    while (from + 1 < to) {
        struct change c = d->changes[from];
        struct source_event ev = d->events[from];
        d->changes[from] = d->changes[--to];
        d->events[from++] = d->events[to];
        d->changes[to] = c;
        d->events[to] = ev;
    }
}

static int add_removed(struct diff *d, struct slice tenant, struct slice key, struct row *row,
                       struct err *e)
{
    struct event_parts parts = {
        d->conf.channel, d->conf.removed, key, SLICE_LIT("null"), SLICE_NONE, true, false};
    return add_change(d, tenant, &parts, row, NULL, e);
}

/* Removes the known rows that the run did not have. */
static int drop_others(struct diff *d, struct err *e)
{
    size_t at = 0;
    struct slice name;
    void *value;
    while (map_next(&d->rows, &at, &name, &value)) {
        struct row *row = value;
        if (row->run == d->run)
            continue;
        struct slice key = name, tenant = slice_cut(&key, 0);
        int rc = add_removed(d, tenant, key, row, e);
        if (rc < 0)
            return rc;
    }
    return OK;
}

static struct row *find(struct diff *d, struct slice tenant, struct slice key)
{
    char text[NAME_MAX_BYTES];
    if (tenant.len > TENANT_MAX || key.len > KEY_MAX)
        return NULL;
    return map_get(&d->rows, join(text, tenant, key));
}

bool diff_has_change(struct diff *d, struct slice tenant, struct slice key)
{
    const struct row *row = find(d, tenant, key);
    return row && row->run == d->run;
}

int diff_drop(struct diff *d, struct slice tenant, struct slice key, struct err *e)
{
    struct row *row = find(d, tenant, key);
    if (!row)
        return OK;
    struct tenant *t = tenant_get(d, tenant);
    if (!t)
        return no_memory(e);
    assert(row->run != d->run);
    row->run = d->run;
    t->count -= t->count > 0;
    return add_removed(d, tenant, key, row, e);
}

int diff_drop_all(struct diff *d, struct err *e)
{
    size_t at = 0;
    void *tenant;
    assert(d->count == 0);
    while (map_next(&d->tenants, &at, NULL, &tenant))
        ((struct tenant *)tenant)->count = 0;
    d->run++; /* what this run looked at counts too */
    return drop_others(d, e);
}

struct slice diff_state(struct diff *d, struct slice tenant, struct slice key)
{
    const struct row *row = find(d, tenant, key);
    return row && row->state ? slice_of(row->state, row->state_len) : SLICE_NONE;
}

struct slice diff_tenant(struct diff *d, struct slice key)
{
    size_t at = 0;
    void *value;
    while (map_next(&d->tenants, &at, NULL, &value)) {
        const struct tenant *t = value;
        struct slice name = slice_of(t->name, t->name_len);
        if (find(d, name, key))
            return name;
    }
    return SLICE_NONE;
}

int diff_end(struct diff *d, struct err *e)
{
    size_t others = d->count;
    int rc = drop_others(d, e);
    if (rc < 0)
        return rc;
    /* rotate: the removed ones to the front */
    reverse(d, 0, others);
    reverse(d, others, d->count);
    reverse(d, 0, d->count);
    return OK;
}

const struct source_event *diff_events(const struct diff *d, size_t *count)
{
    *count = d->count;
    return d->events;
}

const struct source_event *diff_take(struct diff *d, size_t *count)
{
    for (size_t i = 0; i < d->count; i++)
        event_ref(d->events[i].event);
    return diff_events(d, count);
}

static void remove_row(struct diff *d, const struct source_event *of)
{
    char text[NAME_MAX_BYTES];
    row_free(map_remove(&d->rows, join(text, of->tenant, event_key(of->event))));
}

void diff_commit(struct diff *d)
{
    for (size_t i = 0; i < d->count; i++) {
        struct change *c = &d->changes[i];
        if (c->state) {
            if (!c->row->state)
                d->known++;
            free(c->row->state);
            c->row->state = c->state;
            c->row->state_len = c->state_len;
        } else {
            remove_row(d, &d->events[i]);
            d->known--;
        }
        event_unref(d->events[i].event);
    }
    d->count = 0;
}

void diff_abandon(struct diff *d)
{
    for (size_t i = 0; i < d->count; i++) {
        struct change *c = &d->changes[i];
        free(c->state);
        if (!c->row->state)
            remove_row(d, &d->events[i]);
        event_unref(d->events[i].event);
    }
    d->count = 0;
}
