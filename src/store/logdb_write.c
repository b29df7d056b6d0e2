#include "store/logdb_write.h"

#include "base/map.h"
#include "base/rng.h"

#include <stdlib.h>

_Static_assert(LOGDB_VERSION == 1, "W_OVERWRITE says it too");

#define REMEMBERED 200000 /* channels; beyond that the memory is emptied */

enum write_stmt {
    W_BEGIN,
    W_COMMIT,
    W_ROLLBACK,
    W_OVERWRITE,
    W_TENANT_FIND,
    W_TENANT_ADD,
    W_TENANT_SET,
    W_CHANNEL_FIND,
    W_CHANNEL_ADD,
    W_CHANNEL_SET,
    W_CHANNEL_DROP,
    W_CHANNEL_EMPTY,
    W_EVENT_ADD,
    W_EVENT_DROP,
    W_ONCE_SET,
    W_ONCE_DROP,
    W_SOURCE_SET,
    W_REVOKE_SET,
    W_REVOKE_DROP,
    W_REVOKE_OVER,
    W_COUNT
};

static const char *const statements[W_COUNT] = {
    [W_BEGIN] = "BEGIN IMMEDIATE",
    [W_COMMIT] = "COMMIT",
    [W_ROLLBACK] = "ROLLBACK",
    [W_OVERWRITE] = "PRAGMA user_version=1",
    [W_TENANT_FIND] = "SELECT id, epoch, pos, floor FROM tenants WHERE name=?1",
    [W_TENANT_ADD] = "INSERT INTO tenants(name, epoch, pos, floor) VALUES(?1, ?2, ?3, ?4)",
    [W_TENANT_SET] = "UPDATE tenants SET epoch=?2, pos=?3, floor=?4 WHERE id=?1",
    [W_CHANNEL_FIND] = "SELECT id FROM channels WHERE tenant=?1 AND name=?2",
    [W_CHANNEL_ADD] = "INSERT INTO channels(tenant, name, floor) VALUES(?1, ?2, ?3)",
    [W_CHANNEL_SET] = "UPDATE channels SET floor=?2 WHERE id=?1",
    [W_CHANNEL_DROP] = "DELETE FROM channels WHERE id=?1",
    [W_CHANNEL_EMPTY] = "DELETE FROM events WHERE channel=?1",
    [W_EVENT_ADD] = "INSERT INTO events(channel, pos, prev, bytes, flags, key, type, data, state)"
                    " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    [W_EVENT_DROP] = "DELETE FROM events WHERE channel=?1 AND pos=?2",
    [W_ONCE_SET] = "INSERT OR REPLACE INTO onces(tenant, channel, key, value, pos, time_ms)"
                   " VALUES(?1, ?2, ?3, ?4, ?5, ?6)",
    [W_ONCE_DROP] = "DELETE FROM onces WHERE tenant=?1 AND channel=?2 AND key=?3",
    [W_SOURCE_SET] = "INSERT OR REPLACE INTO sources(name, value) VALUES(?1, ?2)",
    [W_REVOKE_SET] = "INSERT OR REPLACE INTO revoked(tenant, name, time_ms) VALUES(?1, ?2, ?3)",
    [W_REVOKE_DROP] = "DELETE FROM revoked WHERE tenant=?1 AND name=?2",
    [W_REVOKE_OVER] = "DELETE FROM revoked WHERE time_ms<=?1",
};

struct known_channel {
    int64_t id;
};

/* A tenant's row as it is in the transaction; written back before the commit when it changed. */
struct known_tenant {
    int64_t id;
    uint32_t epoch;
    pos_t pos, floor;
    bool changed;
    struct known_tenant *next_changed;
    struct map channels; /* to struct known_channel */
};

struct logdb_writer {
    struct logdb *db;
    sqlite3 *conn;
    sqlite3_stmt *stmts[W_COUNT];
    struct map tenants; /* to struct known_tenant */
    struct known_tenant *changed;
    size_t channel_count; /* remembered */
    uint64_t seed[2];
    uint32_t wal_pages;
};

static int on_commit(void *ctx, sqlite3 *conn, const char *name, int pages)
{
    struct logdb_writer *w = ctx;
    w->wal_pages = (uint32_t)pages;
    return SQLITE_OK;
}

int logdb_writer_new(struct logdb *db, sqlite3 *conn, struct logdb_writer **out, struct err *e)
{
    struct logdb_writer *w = calloc(1, sizeof *w);
    if (!w)
        return err_set(e, ERR_OVERLOADED, "no memory for the store");
    w->db = db;
    w->conn = conn;
    rng_system(w->seed, sizeof w->seed);
    map_init(&w->tenants, w->seed[0], w->seed[1]);
    int error = logdb_prepare(db, conn, statements, W_COUNT, w->stmts, e);
    if (error) {
        logdb_writer_free(w);
        return error;
    }
    sqlite3_wal_hook(conn, on_commit, w);
    *out = w;
    return 0;
}

/* What is remembered may only be what is in the file: emptied when a transaction failed. */
static void forget_all(struct logdb_writer *w)
{
    void *tenant, *channel;
    for (size_t at = 0; map_next(&w->tenants, &at, NULL, &tenant);) {
        struct known_tenant *t = tenant;
        for (size_t in = 0; map_next(&t->channels, &in, NULL, &channel);)
            free(channel);
        map_fini(&t->channels);
        free(t);
    }
    map_fini(&w->tenants);
    w->changed = NULL;
    w->channel_count = 0;
}

void logdb_writer_free(struct logdb_writer *w)
{
    if (!w)
        return;
    sqlite3_wal_hook(w->conn, NULL, NULL);
    logdb_finalize(w->stmts, W_COUNT);
    forget_all(w);
    free(w);
}

uint32_t logdb_writer_wal_pages(const struct logdb_writer *w)
{
    return w->wal_pages;
}

/* Runs a statement that gives no rows. `rc`: of its bindings, taken together. */
static int run(struct logdb_writer *w, enum write_stmt which, int rc)
{
    if (rc != SQLITE_OK)
        return rc;
    rc = sqlite3_step(w->stmts[which]);
    sqlite3_reset(w->stmts[which]);
    return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

static void change_tenant(struct logdb_writer *w, struct known_tenant *t)
{
    if (t->changed)
        return;
    t->changed = true;
    t->next_changed = w->changed;
    w->changed = t;
}

/* Looks the tenant up in the file. SQLITE_OK with t filled, SQLITE_NOTFOUND, or what failed. */
static int read_tenant(struct logdb_writer *w, struct slice name, struct known_tenant *t)
{
    sqlite3_stmt *stmt = w->stmts[W_TENANT_FIND];
    int rc = logdb_bind_text(stmt, 1, name);
    if (rc != SQLITE_OK)
        return rc;
    rc = sqlite3_step(stmt);
    if (rc == SQLITE_ROW) {
        t->id = sqlite3_column_int64(stmt, 0);
        t->epoch = (uint32_t)sqlite3_column_int64(stmt, 1);
        t->pos = logdb_to_pos(sqlite3_column_int64(stmt, 2));
        t->floor = logdb_to_pos(sqlite3_column_int64(stmt, 3));
    }
    sqlite3_reset(stmt);
    return rc == SQLITE_ROW ? SQLITE_OK : rc == SQLITE_DONE ? SQLITE_NOTFOUND : rc;
}

static int add_tenant(struct logdb_writer *w, struct slice name, struct known_tenant *t)
{
    sqlite3_stmt *stmt = w->stmts[W_TENANT_ADD];
    int rc = logdb_bind_text(stmt, 1, name);
    rc |= sqlite3_bind_int64(stmt, 2, t->epoch);
    rc |= sqlite3_bind_int64(stmt, 3, logdb_from_pos(t->pos));
    rc |= sqlite3_bind_int64(stmt, 4, logdb_from_pos(t->floor));
    rc = run(w, W_TENANT_ADD, rc);
    t->id = sqlite3_last_insert_rowid(w->conn);
    return rc;
}

/* The tenant, from memory or the file; made when `add` and there is none (else *out is NULL). */
static int find_tenant(struct logdb_writer *w, struct slice name, bool add, uint32_t epoch,
                       struct known_tenant **out)
{
    *out = map_get(&w->tenants, name);
    if (*out)
        return SQLITE_OK;
    struct known_tenant *t = calloc(1, sizeof *t);
    if (!t)
        return SQLITE_NOMEM;
    map_init(&t->channels, w->seed[0], w->seed[1]);
    int rc = read_tenant(w, name, t);
    if (rc == SQLITE_NOTFOUND && add) {
        t->epoch = epoch;
        rc = add_tenant(w, name, t);
    }
    if (rc == SQLITE_OK && map_put(&w->tenants, name, t))
        rc = SQLITE_NOMEM;
    if (rc != SQLITE_OK) {
        free(t);
        return rc == SQLITE_NOTFOUND ? SQLITE_OK : rc;
    }
    *out = t;
    return SQLITE_OK;
}

/* SQLITE_OK with *id, SQLITE_NOTFOUND, or what failed. */
static int read_channel(struct logdb_writer *w, const struct known_tenant *t, struct slice name,
                        int64_t *id)
{
    sqlite3_stmt *stmt = w->stmts[W_CHANNEL_FIND];
    int rc = sqlite3_bind_int64(stmt, 1, t->id);
    rc |= logdb_bind_text(stmt, 2, name);
    if (rc != SQLITE_OK)
        return rc;
    rc = sqlite3_step(stmt);
    if (rc == SQLITE_ROW)
        *id = sqlite3_column_int64(stmt, 0);
    sqlite3_reset(stmt);
    return rc == SQLITE_ROW ? SQLITE_OK : rc == SQLITE_DONE ? SQLITE_NOTFOUND : rc;
}

static int add_channel(struct logdb_writer *w, const struct known_tenant *t, struct slice name,
                       int64_t *id)
{
    sqlite3_stmt *stmt = w->stmts[W_CHANNEL_ADD];
    int rc = sqlite3_bind_int64(stmt, 1, t->id);
    rc |= logdb_bind_text(stmt, 2, name);
    rc |= sqlite3_bind_int64(stmt, 3, logdb_from_pos(t->floor));
    rc = run(w, W_CHANNEL_ADD, rc);
    *id = sqlite3_last_insert_rowid(w->conn);
    return rc;
}

/* As find_tenant; a new channel starts at its tenant's base floor. */
static int find_channel(struct logdb_writer *w, struct known_tenant *t, struct slice name, bool add,
                        struct known_channel **out)
{
    *out = map_get(&t->channels, name);
    if (*out)
        return SQLITE_OK;
    struct known_channel *c = calloc(1, sizeof *c);
    if (!c)
        return SQLITE_NOMEM;
    int rc = read_channel(w, t, name, &c->id);
    if (rc == SQLITE_NOTFOUND && add)
        rc = add_channel(w, t, name, &c->id);
    if (rc == SQLITE_OK && map_put(&t->channels, name, c))
        rc = SQLITE_NOMEM;
    if (rc != SQLITE_OK) {
        free(c);
        return rc == SQLITE_NOTFOUND ? SQLITE_OK : rc;
    }
    w->channel_count++;
    *out = c;
    return SQLITE_OK;
}

/* Both at once, without making any. *c is NULL when there is no such channel. */
static int find_both(struct logdb_writer *w, const struct store_row *row, struct known_tenant **t,
                     struct known_channel **c)
{
    *c = NULL;
    int rc = find_tenant(w, row->tenant, false, 0, t);
    return rc == SQLITE_OK && *t ? find_channel(w, *t, row->name, false, c) : rc;
}

static int put_tenant(struct logdb_writer *w, const struct store_row *row)
{
    struct known_tenant *t;
    int rc = find_tenant(w, row->tenant, true, row->epoch, &t);
    if (rc != SQLITE_OK)
        return rc;
    t->epoch = row->epoch;
    t->pos = row->pos;
    t->floor = row->floor;
    change_tenant(w, t);
    return SQLITE_OK;
}

static int put_channel(struct logdb_writer *w, const struct store_row *row)
{
    struct known_tenant *t;
    struct known_channel *c;
    int rc = find_tenant(w, row->tenant, true, 0, &t);
    if (rc == SQLITE_OK)
        rc = find_channel(w, t, row->name, true, &c);
    if (rc != SQLITE_OK)
        return rc;
    sqlite3_stmt *stmt = w->stmts[W_CHANNEL_SET];
    rc = sqlite3_bind_int64(stmt, 1, c->id);
    rc |= sqlite3_bind_int64(stmt, 2, logdb_from_pos(row->floor));
    return run(w, W_CHANNEL_SET, rc);
}

static int drop_channel(struct logdb_writer *w, const struct store_row *row)
{
    struct known_tenant *t;
    struct known_channel *c;
    int rc = find_both(w, row, &t, &c);
    if (rc != SQLITE_OK || !c)
        return rc;
    int64_t id = c->id;
    free(map_remove(&t->channels, row->name));
    w->channel_count--;
    rc = run(w, W_CHANNEL_EMPTY, sqlite3_bind_int64(w->stmts[W_CHANNEL_EMPTY], 1, id));
    if (rc != SQLITE_OK)
        return rc;
    return run(w, W_CHANNEL_DROP, sqlite3_bind_int64(w->stmts[W_CHANNEL_DROP], 1, id));
}

static int put_event(struct logdb_writer *w, const struct store_row *row)
{
    const struct event *event = row->event;
    struct known_tenant *t;
    struct known_channel *c;
    int rc = find_tenant(w, row->tenant, true, event->epoch, &t);
    if (rc == SQLITE_OK)
        rc = find_channel(w, t, event_channel(event), true, &c);
    if (rc != SQLITE_OK)
        return rc;
    if (event->pos > t->pos) {
        t->pos = event->pos;
        change_tenant(w, t);
    }
    int flags = (event->deleted ? LOGDB_DELETED : 0) | (event->high ? LOGDB_HIGH : 0) |
                (event->keyed ? LOGDB_KEYED : 0) | (event->has_state ? LOGDB_STATE : 0);
    sqlite3_stmt *stmt = w->stmts[W_EVENT_ADD];
    rc = sqlite3_bind_int64(stmt, 1, c->id);
    rc |= sqlite3_bind_int64(stmt, 2, logdb_from_pos(event->pos));
    rc |= sqlite3_bind_int64(stmt, 3, (int64_t)event->prev);
    rc |= sqlite3_bind_int64(stmt, 4, event->bytes);
    rc |= sqlite3_bind_int(stmt, 5, flags);
    rc |= logdb_bind_text(stmt, 6, event_key(event));
    rc |= logdb_bind_text(stmt, 7, event_type(event));
    rc |= logdb_bind_text(stmt, 8, event_data(event));
    rc |= logdb_bind_text(stmt, 9, event_state(event));
    return run(w, W_EVENT_ADD, rc);
}

static int drop_event(struct logdb_writer *w, const struct store_row *row)
{
    struct known_tenant *t;
    struct known_channel *c;
    int rc = find_both(w, row, &t, &c);
    if (rc != SQLITE_OK || !c)
        return rc;
    sqlite3_stmt *stmt = w->stmts[W_EVENT_DROP];
    rc = sqlite3_bind_int64(stmt, 1, c->id);
    rc |= sqlite3_bind_int64(stmt, 2, logdb_from_pos(row->pos));
    return run(w, W_EVENT_DROP, rc);
}

/* A slice that is not there is stored as an empty one. */
static struct slice or_empty(struct slice s)
{
    return s.p ? s : SLICE_LIT("");
}

/* Idempotency keys outlive their channel: they have its name. */
static int put_once(struct logdb_writer *w, const struct store_row *row)
{
    struct known_tenant *t;
    int rc = find_tenant(w, row->tenant, true, 0, &t);
    if (rc != SQLITE_OK)
        return rc;
    sqlite3_stmt *stmt = w->stmts[W_ONCE_SET];
    rc = sqlite3_bind_int64(stmt, 1, t->id);
    rc |= logdb_bind_text(stmt, 2, row->name);
    rc |= logdb_bind_text(stmt, 3, row->key);
    rc |= logdb_bind_blob(stmt, 4, or_empty(row->value));
    rc |= sqlite3_bind_int64(stmt, 5, logdb_from_pos(row->pos));
    rc |= sqlite3_bind_int64(stmt, 6, (int64_t)row->time_ms);
    return run(w, W_ONCE_SET, rc);
}

static int drop_once(struct logdb_writer *w, const struct store_row *row)
{
    struct known_tenant *t;
    int rc = find_tenant(w, row->tenant, false, 0, &t);
    if (rc != SQLITE_OK || !t)
        return rc;
    sqlite3_stmt *stmt = w->stmts[W_ONCE_DROP];
    rc = sqlite3_bind_int64(stmt, 1, t->id);
    rc |= logdb_bind_text(stmt, 2, row->name);
    rc |= logdb_bind_text(stmt, 3, row->key);
    return run(w, W_ONCE_DROP, rc);
}

static int put_source(struct logdb_writer *w, const struct store_row *row)
{
    sqlite3_stmt *stmt = w->stmts[W_SOURCE_SET];
    int rc = logdb_bind_text(stmt, 1, row->name);
    rc |= logdb_bind_blob(stmt, 2, or_empty(row->value));
    return run(w, W_SOURCE_SET, rc);
}

static int put_revoke(struct logdb_writer *w, const struct store_row *row)
{
    sqlite3_stmt *stmt = w->stmts[W_REVOKE_SET];
    int rc = logdb_bind_text(stmt, 1, or_empty(row->tenant));
    rc |= logdb_bind_text(stmt, 2, row->name);
    rc |= sqlite3_bind_int64(stmt, 3, (int64_t)row->time_ms);
    return run(w, W_REVOKE_SET, rc);
}

static int drop_revoke(struct logdb_writer *w, const struct store_row *row)
{
    sqlite3_stmt *stmt = w->stmts[W_REVOKE_DROP];
    int rc = logdb_bind_text(stmt, 1, or_empty(row->tenant));
    rc |= logdb_bind_text(stmt, 2, row->name);
    return run(w, W_REVOKE_DROP, rc);
}

static int drop_revokes_over(struct logdb_writer *w, const struct store_row *row)
{
    int rc = sqlite3_bind_int64(w->stmts[W_REVOKE_OVER], 1, (int64_t)row->time_ms);
    return run(w, W_REVOKE_OVER, rc);
}

static int write_row(struct logdb_writer *w, const struct store_row *row)
{
    switch (row->kind) {
    case STORE_TENANT:
        return put_tenant(w, row);
    case STORE_CHANNEL:
        return put_channel(w, row);
    case STORE_CHANNEL_GONE:
        return drop_channel(w, row);
    case STORE_EVENT:
        return put_event(w, row);
    case STORE_REMOVE:
        return drop_event(w, row);
    case STORE_ONCE:
        return put_once(w, row);
    case STORE_ONCE_GONE:
        return drop_once(w, row);
    case STORE_SOURCE:
        return put_source(w, row);
    case STORE_REVOKE:
        return put_revoke(w, row);
    case STORE_REVOKE_GONE:
        return drop_revoke(w, row);
    case STORE_REVOKE_OVER:
        return drop_revokes_over(w, row);
    }
    return SQLITE_MISUSE;
}

static int write_tenants(struct logdb_writer *w)
{
    int rc = SQLITE_OK;
    sqlite3_stmt *stmt = w->stmts[W_TENANT_SET];
    while (w->changed && rc == SQLITE_OK) {
        struct known_tenant *t = w->changed;
        w->changed = t->next_changed;
        t->changed = false;
        rc = sqlite3_bind_int64(stmt, 1, t->id);
        rc |= sqlite3_bind_int64(stmt, 2, t->epoch);
        rc |= sqlite3_bind_int64(stmt, 3, logdb_from_pos(t->pos));
        rc |= sqlite3_bind_int64(stmt, 4, logdb_from_pos(t->floor));
        rc = run(w, W_TENANT_SET, rc);
    }
    return rc;
}

/* A commit that failed at its sync may lie whole in the write-ahead log, and a crash would bring
 * the batch back: a transaction that changes nothing is written over it. */
int logdb_write(struct logdb_writer *w, const struct store_batch *batch, struct err *e)
{
    if (w->channel_count > REMEMBERED)
        forget_all(w);
    int rc = run(w, W_BEGIN, SQLITE_OK);
    for (size_t i = 0; i < batch->count && rc == SQLITE_OK; i++)
        rc = write_row(w, &batch->rows[i]);
    if (rc == SQLITE_OK)
        rc = write_tenants(w);
    bool committing = rc == SQLITE_OK;
    if (committing)
        rc = run(w, W_COMMIT, SQLITE_OK);
    if (rc == SQLITE_OK)
        return 0;
    int error = logdb_error(w->db, w->conn, rc, e);
    if (!sqlite3_get_autocommit(w->conn))
        run(w, W_ROLLBACK, SQLITE_OK);
    if (committing)
        run(w, W_OVERWRITE, SQLITE_OK);
    forget_all(w);
    return error;
}
