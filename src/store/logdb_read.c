#include "store/logdb_read.h"

#include "store/merge.h"

#include <stdlib.h>

enum read_stmt { R_BEGIN, R_END, R_TENANT, R_CHANNEL, R_COUNT };

static const char *const statements[R_COUNT] = {
    [R_BEGIN] = "BEGIN",
    [R_END] = "COMMIT",
    [R_TENANT] = "SELECT id, epoch, pos, floor FROM tenants WHERE name=?1",
    [R_CHANNEL] = "SELECT id, floor FROM channels WHERE tenant=?1 AND name=?2",
};

/* One a channel, stepped as the merge asks for more: the long texts of an event are only read
 * when it is taken. */
static const char *const cursor_sql =
    "SELECT pos, bytes, prev, flags, type, key, data, state FROM events"
    " WHERE channel=?1 AND pos>?2 AND pos<=?3 ORDER BY pos";

struct logdb_reader {
    struct logdb *db;
    sqlite3 *conn;
    sqlite3_stmt *stmts[R_COUNT];
    sqlite3_stmt **cursors; /* kept from page to page */
    size_t cursor_count;
    /* of the page being read */
    const struct page_spec *spec;
    uint32_t epoch;
};

int logdb_reader_new(struct logdb *db, sqlite3 *conn, struct logdb_reader **out, struct err *e)
{
    struct logdb_reader *r = calloc(1, sizeof *r);
    if (!r)
        return err_set(e, ERR_OVERLOADED, "no memory for the store");
    r->db = db;
    r->conn = conn;
    int error = logdb_prepare(db, conn, statements, R_COUNT, r->stmts, e);
    if (error) {
        logdb_reader_free(r);
        return error;
    }
    *out = r;
    return 0;
}

void logdb_reader_free(struct logdb_reader *r)
{
    if (!r)
        return;
    logdb_finalize(r->cursors, r->cursor_count);
    free(r->cursors);
    logdb_finalize(r->stmts, R_COUNT);
    free(r);
}

static int failed(struct logdb_reader *r, int rc)
{
    return logdb_error(r->db, r->conn, rc, NULL);
}

/* Makes sure of `count` cursors. */
static int grow(struct logdb_reader *r, size_t count)
{
    if (count <= r->cursor_count)
        return 0;
    sqlite3_stmt **cursors = realloc(r->cursors, count * sizeof *cursors);
    if (!cursors)
        return ERR_OVERLOADED;
    r->cursors = cursors;
    while (r->cursor_count < count) {
        int error = logdb_prepare(r->db, r->conn, &cursor_sql, 1, &cursors[r->cursor_count], NULL);
        if (error)
            return error;
        r->cursor_count++;
    }
    return 0;
}

static int next_event(void *ctx, uint32_t channel, pos_t *pos, uint32_t *bytes)
{
    struct logdb_reader *r = ctx;
    sqlite3_stmt *stmt = r->cursors[channel];
    int rc = sqlite3_step(stmt);
    if (rc == SQLITE_DONE)
        return 0;
    if (rc != SQLITE_ROW)
        return failed(r, rc);
    *pos = logdb_to_pos(sqlite3_column_int64(stmt, 0));
    *bytes = (uint32_t)sqlite3_column_int64(stmt, 1);
    return 1;
}

static int take_event(void *ctx, uint32_t channel, struct event **out)
{
    struct logdb_reader *r = ctx;
    sqlite3_stmt *stmt = r->cursors[channel];
    int flags = sqlite3_column_int(stmt, 3);
    struct event_parts parts = {.channel = r->spec->channels[channel].name,
                                .type = logdb_column(stmt, 4),
                                .key = logdb_column(stmt, 5),
                                .data = logdb_column(stmt, 6),
                                .state = logdb_column(stmt, 7),
                                .deleted = flags & LOGDB_DELETED,
                                .high = flags & LOGDB_HIGH};
    struct event *event = event_new(&parts);
    if (!event)
        return ERR_OVERLOADED;
    event->pos = logdb_to_pos(sqlite3_column_int64(stmt, 0));
    event->prev = (pos_t)sqlite3_column_int64(stmt, 2);
    event->epoch = r->epoch;
    event->keyed = flags & LOGDB_KEYED;
    *out = event;
    return 0;
}

/* Finds a channel's row and starts its cursor; one without a row has no events. */
static int open_channel(struct logdb_reader *r, int64_t tenant, uint32_t channel, pos_t upto,
                        pos_t *floor)
{
    const struct page_channel *c = &r->spec->channels[channel];
    sqlite3_stmt *stmt = r->stmts[R_CHANNEL], *cursor = r->cursors[channel];
    int rc = sqlite3_bind_int64(stmt, 1, tenant);
    rc |= logdb_bind_text(stmt, 2, c->name);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(stmt);
    if (rc == SQLITE_ROW) {
        *floor = logdb_to_pos(sqlite3_column_int64(stmt, 1));
        rc = sqlite3_bind_int64(cursor, 1, sqlite3_column_int64(stmt, 0));
    } else if (rc == SQLITE_DONE) {
        rc = sqlite3_bind_null(cursor, 1);
    }
    sqlite3_reset(stmt);
    rc |= sqlite3_bind_int64(cursor, 2, logdb_from_pos(c->after));
    rc |= sqlite3_bind_int64(cursor, 3, logdb_from_pos(upto));
    return rc == SQLITE_OK ? 0 : failed(r, rc);
}

/* Finds the tenant's row: page->epoch and upto, *id, *floor. 1, 0 when there is none. */
static int open_tenant(struct logdb_reader *r, struct page *page, int64_t *id, pos_t *floor)
{
    sqlite3_stmt *stmt = r->stmts[R_TENANT];
    int rc = logdb_bind_text(stmt, 1, r->spec->tenant);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(stmt);
    if (rc == SQLITE_ROW) {
        *id = sqlite3_column_int64(stmt, 0);
        page->epoch = r->epoch = (uint32_t)sqlite3_column_int64(stmt, 1);
        page->upto = logdb_to_pos(sqlite3_column_int64(stmt, 2));
        *floor = logdb_to_pos(sqlite3_column_int64(stmt, 3));
    }
    sqlite3_reset(stmt);
    return rc == SQLITE_ROW ? 1 : rc == SQLITE_DONE ? 0 : failed(r, rc);
}

/* All of a page but the transaction around it. */
static int fill(struct logdb_reader *r, struct page *page)
{
    uint32_t n = r->spec->channel_count;
    int64_t tenant = 0;
    pos_t base = 0;
    int got = open_tenant(r, page, &tenant, &base);
    if (got <= 0)
        return got;
    pos_t *floors = calloc((size_t)n + 1, sizeof *floors);
    int error = floors ? grow(r, n) : ERR_OVERLOADED;
    for (uint32_t i = 0; i < n && !error; i++) {
        floors[i] = base;
        error = open_channel(r, tenant, i, page->upto, &floors[i]);
    }
    struct merge_input in = {r, next_event, take_event};
    if (!error)
        error = merge_page(r->spec, floors, &in, page);
    for (uint32_t i = 0; i < n && i < r->cursor_count; i++)
        sqlite3_reset(r->cursors[i]);
    free(floors);
    return error;
}

int logdb_read(struct logdb_reader *r, const struct page_spec *spec, struct page *page)
{
    r->spec = spec;
    int rc = sqlite3_step(r->stmts[R_BEGIN]);
    sqlite3_reset(r->stmts[R_BEGIN]);
    int error = rc == SQLITE_DONE ? fill(r, page) : failed(r, rc);
    rc = sqlite3_step(r->stmts[R_END]);
    sqlite3_reset(r->stmts[R_END]);
    r->spec = NULL;
    if (!error && rc != SQLITE_DONE)
        error = failed(r, rc);
    return error;
}
