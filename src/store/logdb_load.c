#include "store/logdb_load.h"

#include "base/buf.h"
#include "store/merge.h"

#include <stdlib.h>

enum load_stmt {
    L_BEGIN,
    L_END,
    L_TENANTS,
    L_CHANNELS,
    L_TENANT_CHANNELS,
    L_EVENTS,
    L_ONCES,
    L_SOURCES,
    L_REVOKED,
    L_COUNT
};

static const char *const statements[L_COUNT] = {
    [L_BEGIN] = "BEGIN",
    [L_END] = "COMMIT",
    [L_TENANTS] = "SELECT name, epoch, pos, floor, id FROM tenants ORDER BY id",
    [L_CHANNELS] = "SELECT t.name, c.name, c.floor FROM channels c JOIN tenants t ON t.id=c.tenant",
    [L_TENANT_CHANNELS] = "SELECT id, name FROM channels WHERE tenant=?1",
    [L_EVENTS] = "SELECT pos, prev, bytes, flags, key, type FROM events WHERE channel=?1"
                 " ORDER BY pos",
    [L_ONCES] = "SELECT t.name, o.channel, o.key, o.value, o.pos, o.time_ms"
                " FROM onces o JOIN tenants t ON t.id=o.tenant",
    [L_SOURCES] = "SELECT name, value FROM sources",
    [L_REVOKED] = "SELECT tenant, name, time_ms FROM revoked",
};

/* What the index needs of an event; its texts lie in loading.texts. */
struct loaded_event {
    pos_t pos, prev;
    size_t text; /* offset of type and key */
    uint32_t bytes;
    uint16_t type_len, key_len;
    uint8_t flags;
    bool has_key;
};

/* A channel of the tenant being loaded: a sorted stretch of loading.events. */
struct loaded_channel {
    struct slice name; /* after all were read; before, only its len */
    size_t text;
    int64_t id;
    size_t next, end;
};

struct loading {
    struct logdb *db;
    sqlite3 *conn;
    sqlite3_stmt *stmts[L_COUNT];
    int (*row)(void *ctx, const struct store_row *row);
    void *ctx;
    struct err *e;
    /* of one tenant */
    struct loaded_channel *channels;
    size_t channel_count, channel_cap;
    struct loaded_event *events;
    size_t event_count, event_cap;
    struct buf texts;
};

static int no_memory(struct loading *l)
{
    return err_set(l->e, ERR_OVERLOADED, "no memory left to load the store");
}

/* SQLITE_ROW is fine, SQLITE_DONE is the end: 1, 0 or an err_code. */
static int next_row(struct loading *l, enum load_stmt which)
{
    int rc = sqlite3_step(l->stmts[which]);
    if (rc == SQLITE_ROW)
        return 1;
    int error = rc == SQLITE_DONE ? 0 : logdb_error(l->db, l->conn, rc, l->e);
    sqlite3_reset(l->stmts[which]);
    return error;
}

static struct slice column(struct loading *l, enum load_stmt which, int index)
{
    return logdb_column(l->stmts[which], index);
}

static pos_t column_pos(struct loading *l, enum load_stmt which, int index)
{
    return logdb_to_pos(sqlite3_column_int64(l->stmts[which], index));
}

/* An empty text stands for one that isn't there. */
static struct slice or_none(struct slice s)
{
    return s.len ? s : SLICE_NONE;
}

/* Fills `row` from the statement's present row. */
typedef void (*make_row)(struct loading *l, struct store_row *row);

static void make_tenant(struct loading *l, struct store_row *row)
{
    row->kind = STORE_TENANT;
    row->tenant = column(l, L_TENANTS, 0);
    row->epoch = (uint32_t)sqlite3_column_int64(l->stmts[L_TENANTS], 1);
    row->pos = column_pos(l, L_TENANTS, 2);
    row->floor = column_pos(l, L_TENANTS, 3);
}

static void make_channel(struct loading *l, struct store_row *row)
{
    row->kind = STORE_CHANNEL;
    row->tenant = column(l, L_CHANNELS, 0);
    row->name = column(l, L_CHANNELS, 1);
    row->floor = column_pos(l, L_CHANNELS, 2);
}

static void make_once(struct loading *l, struct store_row *row)
{
    row->kind = STORE_ONCE;
    row->tenant = column(l, L_ONCES, 0);
    row->name = column(l, L_ONCES, 1);
    row->key = column(l, L_ONCES, 2);
    row->value = or_none(column(l, L_ONCES, 3));
    row->pos = column_pos(l, L_ONCES, 4);
    row->time_ms = (uint64_t)sqlite3_column_int64(l->stmts[L_ONCES], 5);
}

static void make_source(struct loading *l, struct store_row *row)
{
    row->kind = STORE_SOURCE;
    row->name = column(l, L_SOURCES, 0);
    row->value = or_none(column(l, L_SOURCES, 1));
}

static void make_revoked(struct loading *l, struct store_row *row)
{
    row->kind = STORE_REVOKE;
    row->tenant = or_none(column(l, L_REVOKED, 0));
    row->name = column(l, L_REVOKED, 1);
    row->time_ms = (uint64_t)sqlite3_column_int64(l->stmts[L_REVOKED], 2);
}

static int report_all(struct loading *l, enum load_stmt which, make_row make)
{
    int got;
    while ((got = next_row(l, which)) > 0) {
        struct store_row row = {.epoch = 0};
        make(l, &row);
        int stop = l->row(l->ctx, &row);
        if (stop) {
            sqlite3_reset(l->stmts[which]);
            return stop;
        }
    }
    return got;
}

/* Room for one element more in an array that doubles. False for no memory. */
static bool room(void *array, size_t count, size_t *cap, size_t size)
{
    if (count < *cap)
        return true;
    size_t grown = *cap ? *cap * 2 : 256;
    void *old, *p;
    memcpy(&old, array, sizeof old);
    p = realloc(old, grown * size);
    if (!p)
        return false;
    memcpy(array, &p, sizeof p);
    *cap = grown;
    return true;
}

static int gather_channels(struct loading *l, int64_t tenant)
{
    l->channel_count = l->event_count = 0;
    buf_reset(&l->texts);
    int got, rc = sqlite3_bind_int64(l->stmts[L_TENANT_CHANNELS], 1, tenant);
    if (rc != SQLITE_OK)
        return logdb_error(l->db, l->conn, rc, l->e);
    while ((got = next_row(l, L_TENANT_CHANNELS)) > 0) {
        if (!room(&l->channels, l->channel_count, &l->channel_cap, sizeof *l->channels))
            return no_memory(l);
        struct slice name = column(l, L_TENANT_CHANNELS, 1);
        l->channels[l->channel_count++] =
            (struct loaded_channel){.name = {NULL, name.len},
                                    .text = l->texts.len,
                                    .id = sqlite3_column_int64(l->stmts[L_TENANT_CHANNELS], 0)};
        buf_add_slice(&l->texts, name);
    }
    return got;
}

static int gather_event(struct loading *l)
{
    if (!room(&l->events, l->event_count, &l->event_cap, sizeof *l->events))
        return no_memory(l);
    sqlite3_stmt *stmt = l->stmts[L_EVENTS];
    struct slice key = logdb_column(stmt, 4), type = logdb_column(stmt, 5);
    if (key.len > UINT16_MAX || type.len > UINT16_MAX)
        return logdb_error(l->db, NULL, SQLITE_CORRUPT, l->e);
    l->events[l->event_count++] =
        (struct loaded_event){.pos = logdb_to_pos(sqlite3_column_int64(stmt, 0)),
                              .prev = (pos_t)sqlite3_column_int64(stmt, 1),
                              .text = l->texts.len,
                              .bytes = (uint32_t)sqlite3_column_int64(stmt, 2),
                              .type_len = (uint16_t)type.len,
                              .key_len = (uint16_t)key.len,
                              .flags = (uint8_t)sqlite3_column_int(stmt, 3),
                              .has_key = key.p != NULL};
    buf_add_slice(&l->texts, type);
    buf_add_slice(&l->texts, key);
    return 0;
}

static int gather_events(struct loading *l)
{
    for (size_t i = 0; i < l->channel_count; i++) {
        struct loaded_channel *c = &l->channels[i];
        int got, rc = sqlite3_bind_int64(l->stmts[L_EVENTS], 1, c->id);
        if (rc != SQLITE_OK)
            return logdb_error(l->db, l->conn, rc, l->e);
        c->next = l->event_count;
        while ((got = next_row(l, L_EVENTS)) > 0) {
            int error = gather_event(l);
            if (error)
                return error;
        }
        if (got)
            return got;
        c->end = l->event_count;
    }
    if (l->texts.failed)
        return no_memory(l);
    for (size_t i = 0; i < l->channel_count; i++)
        l->channels[i].name.p = l->texts.p + l->channels[i].text;
    return 0;
}

static int report_event(struct loading *l, const struct store_row *tenant,
                        const struct loaded_channel *c, const struct loaded_event *from)
{
    const char *text = l->texts.p + from->text;
    struct event_parts parts = {.channel = c->name,
                                .type = slice_of(text, from->type_len),
                                .deleted = from->flags & LOGDB_DELETED,
                                .high = from->flags & LOGDB_HIGH};
    if (from->has_key)
        parts.key = slice_of(text + from->type_len, from->key_len);
    if (from->flags & LOGDB_STATE)
        parts.state = SLICE_LIT("");
    struct event *event = event_new(&parts);
    if (!event)
        return no_memory(l);
    event->pos = from->pos;
    event->prev = from->prev;
    event->bytes = from->bytes;
    event->epoch = tenant->epoch;
    event->keyed = from->flags & LOGDB_KEYED;
    struct store_row row = {.kind = STORE_EVENT, .tenant = tenant->tenant, .event = event};
    int stop = l->row(l->ctx, &row);
    event_unref(event);
    return stop;
}

static struct merge_item item_of(const struct loading *l, uint32_t channel)
{
    const struct loaded_channel *c = &l->channels[channel];
    return (struct merge_item){.pos = l->events[c->next].pos, .channel = channel};
}

/* Merges the channels' stretches by position. */
static int report_events(struct loading *l, const struct store_row *tenant)
{
    struct merge_heap h = {.items = calloc(l->channel_count + 1, sizeof *h.items)};
    if (!h.items)
        return no_memory(l);
    for (uint32_t i = 0; i < l->channel_count; i++)
        if (l->channels[i].next < l->channels[i].end)
            merge_push(&h, item_of(l, i));
    int stop = 0;
    while (h.count > 0 && !stop) {
        uint32_t channel = h.items[0].channel;
        struct loaded_channel *c = &l->channels[channel];
        stop = report_event(l, tenant, c, &l->events[c->next++]);
        if (c->next < c->end)
            merge_replace(&h, item_of(l, channel));
        else
            merge_pop(&h);
    }
    free(h.items);
    return stop;
}

static int load_events(struct loading *l)
{
    int got;
    while ((got = next_row(l, L_TENANTS)) > 0) {
        struct store_row tenant = {.epoch = 0};
        make_tenant(l, &tenant);
        int error = gather_channels(l, sqlite3_column_int64(l->stmts[L_TENANTS], 4));
        if (!error)
            error = gather_events(l);
        if (!error)
            error = report_events(l, &tenant);
        if (error)
            return error;
    }
    return got;
}

int logdb_load(struct logdb *db, sqlite3 *conn, int (*row)(void *ctx, const struct store_row *row),
               void *ctx, struct err *e)
{
    struct loading l = {.db = db, .conn = conn, .row = row, .ctx = ctx, .e = e};
    int error = logdb_prepare(db, conn, statements, L_COUNT, l.stmts, e);
    if (error)
        return error;
    error = next_row(&l, L_BEGIN);
    if (!error)
        error = report_all(&l, L_TENANTS, make_tenant);
    if (!error)
        error = report_all(&l, L_CHANNELS, make_channel);
    if (!error)
        error = load_events(&l);
    if (!error)
        error = report_all(&l, L_ONCES, make_once);
    if (!error)
        error = report_all(&l, L_SOURCES, make_source);
    if (!error)
        error = report_all(&l, L_REVOKED, make_revoked);
    for (int i = L_TENANTS; i < L_COUNT; i++)
        sqlite3_reset(l.stmts[i]);
    int end = next_row(&l, L_END);
    logdb_finalize(l.stmts, L_COUNT);
    free(l.channels);
    free(l.events);
    buf_fini(&l.texts);
    return error ? error : end;
}
