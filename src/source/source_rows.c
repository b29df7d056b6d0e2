#include "source/source_rows.h"

#include "base/buf.h"
#include "base/rng.h"
#include "source/pg_link.h"
#include "source/pg_value.h"
#include "source/row_stream.h"
#include "source/watch.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define BATCH_EVENTS 4096
#define TURN 1000 /* messages or rows that are taken before the loop has its turn */
#define TICK_MS 1000
#define STATUS_MS 10000 /* the server is asked for a sign of life */
#define RETRY_FIRST_MS 500
#define RETRY_MAX_MS 5000
#define PG_EPOCH_S 946684800 /* 2000-01-01 */

enum step {
    STEP_OFF, /* no connection; the timer begins one */
    STEP_CONNECTING,
    STEP_SETTINGS,
    STEP_LOOK,   /* whether the publication is there */
    STEP_MAKE,   /* it is being made */
    STEP_BEGIN,  /* the transaction whose snapshot is the slot's */
    STEP_SLOT,   /* the slot, being made: it waits for the transactions that are open */
    STEP_TABLES, /* which there are: a statement for each */
    STEP_ROWS,   /* those of a table */
    STEP_COMMIT, /* the end of the transaction */
    STEP_FIRST,  /* the first rows are being stored */
    STEP_START,  /* the stream was asked for */
    STEP_STREAM,
};

struct source_rows {
    struct source base;
    struct source_host host;
    uv_loop_t *loop;
    uv_timer_t timer; /* STEP_OFF: the next attempt; else the time that is left, or the tick */
    uv_idle_t idle;   /* more is in libpq's buffer */
    unsigned handles; /* of its own: timer and idle */
    struct rng rng;
    bool started, ending;
    bool loading, loaded, load_failed; /* the last known rows */
    bool appending;
    void (*closed)(void *arg);
    void *closed_arg;
    uint32_t retry_ms;
    char detail[240]; /* what the host was told last */
    int shown;        /* -1 nothing, 0 failing, 1 ok */

    struct pg_link link;
    PGresult *answer; /* to the command, until its end is there too */
    enum step step;
    struct diff *diff;
    struct row_stream *stream;
    struct row_text row; /* of the table that is being read */
    bool columns;        /* its columns are known */
    struct buf tables;   /* statements that read the tables, each with a NUL */
    size_t at_table;
    unsigned table_count;
    struct buf scratch;
    char slot[40];
    uint64_t heard_ms, asked_ms;
    pg_lsn server_end, read, confirmed, confirming;
    bool in_transaction;
    char *held; /* a message that waits for the append in flight */
    size_t held_len;

    /* never change */
    char *database, *password_file, *publication, *key, *tenant_column, *tenant, *channel;
    struct buf make; /* what makes the publication's list of tables; empty: it must be there */
    uint32_t timeout_ms;
};

static void on_timer(uv_timer_t *timer);
static void on_idle(uv_idle_t *idle);
static void pump(struct source_rows *s);

/* ---- handles ---- */

static void release(struct source_rows *s)
{
    diff_free(s->diff);
    row_stream_free(s->stream);
    row_text_fini(&s->row);
    buf_fini(&s->tables);
    buf_fini(&s->scratch);
    buf_fini(&s->make);
    free(s->database);
    free(s->password_file);
    free(s->publication);
    free(s->key);
    free(s->tenant_column);
    free(s->tenant);
    free(s->channel);
    free(s);
}

/* When nothing is left that is open or closing. */
static void release_at_end(struct source_rows *s)
{
    if (s->handles || s->link.handles)
        return;
    void (*closed)(void *arg) = s->closed;
    void *arg = s->closed_arg;
    release(s);
    if (closed)
        closed(arg);
}

static void on_handle_closed(uv_handle_t *handle)
{
    struct source_rows *s = handle->data;
    s->handles--;
    release_at_end(s);
}

static void on_link_handle_gone(void *owner)
{
    release_at_end(owner);
}

/* ---- failing and starting over ---- */

static void show(struct source_rows *s, bool ok, const char *detail)
{
    if (s->ending || (s->shown == ok && strcmp(s->detail, detail) == 0))
        return;
    s->shown = ok;
    snprintf(s->detail, sizeof s->detail, "%s", detail);
    s->host.state(s->host.ctx, ok, s->detail);
}

static void disconnect(struct source_rows *s)
{
    uv_idle_stop(&s->idle);
    uv_timer_stop(&s->timer);
    PQclear(s->answer);
    s->answer = NULL;
    pg_link_close(&s->link);
    PQfreemem(s->held);
    s->held = NULL;
    s->step = STEP_OFF;
    if (!s->appending)
        diff_abandon(s->diff);
}

/* Ends the connection, says why, and begins again later: longer each time, with jitter. */
static void fail(struct source_rows *s, const char *detail)
{
    disconnect(s);
    if (s->ending)
        return;
    s->host.count(s->host.ctx, 0, 0, 1);
    show(s, false, detail);
    s->retry_ms = s->retry_ms ? s->retry_ms * 2 : RETRY_FIRST_MS;
    if (s->retry_ms > RETRY_MAX_MS)
        s->retry_ms = RETRY_MAX_MS;
    uv_update_time(s->loop);
    uv_timer_start(&s->timer, on_timer, s->retry_ms - rng_below(&s->rng, s->retry_ms / 2 + 1), 0);
}

/* Reads all rows again, which is no failure. */
static void start_over(struct source_rows *s)
{
    disconnect(s);
    if (!s->ending)
        uv_timer_start(&s->timer, on_timer, 0, 0);
}

/* what: static, with libpq's reason behind it. */
static void fail_link(struct source_rows *s, const char *what, const PGresult *result)
{
    char text[240];
    const char *why = result ? PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY) : NULL;
    struct slice line = pg_first_line(why            ? why
                                      : s->link.conn ? PQerrorMessage(s->link.conn)
                                                     : NULL);
    snprintf(text, sizeof text, "%s: %.*s", what, SLICE_FMT(line));
    fail(s, text);
}

/* ---- asking ---- */

/* Sends what libpq has to send, and listens unless a message waits. False when it failed. */
static bool flush(struct source_rows *s)
{
    int left = PQflush(s->link.conn);
    int events = (s->held || s->appending ? 0 : UV_READABLE) | (left > 0 ? UV_WRITABLE : 0);
    if (left >= 0 && pg_link_poll(&s->link, events) == OK)
        return true;
    fail_link(s, "the connection to the database was lost", NULL);
    return false;
}

/* Sends s->scratch, whose answer is that of `step`. */
static void ask(struct source_rows *s, enum step step)
{
    s->step = step;
    if (step == STEP_SLOT)
        uv_timer_stop(&s->timer);
    else
        uv_timer_start(&s->timer, on_timer, s->timeout_ms, 0);
    buf_add_char(&s->scratch, 0);
    if (s->scratch.failed)
        fail(s, "no memory for a command");
    else if (!PQsendQuery(s->link.conn, s->scratch.p) ||
             (step == STEP_ROWS && !PQsetSingleRowMode(s->link.conn)))
        fail_link(s, "a command could not be sent", NULL);
    else
        flush(s);
}

static void put_quoted(struct source_rows *s, bool literal, const char *text)
{
    size_t len = strlen(text);
    char *quoted = literal ? PQescapeLiteral(s->link.conn, text, len)
                           : PQescapeIdentifier(s->link.conn, text, len);
    buf_add_str(&s->scratch, quoted ? quoted : "");
    s->scratch.failed |= !quoted;
    PQfreemem(quoted);
}

static void ask_text(struct source_rows *s, enum step step, const char *before, const char *literal,
                     const char *after)
{
    buf_reset(&s->scratch);
    buf_add_str(&s->scratch, before);
    if (literal)
        put_quoted(s, true, literal);
    buf_add_str(&s->scratch, after);
    ask(s, step);
}

static void ask_make(struct source_rows *s)
{
    buf_reset(&s->scratch);
    buf_add_str(&s->scratch, "CREATE PUBLICATION ");
    put_quoted(s, false, s->publication);
    buf_add_str(&s->scratch, " FOR TABLE ");
    struct slice rest = buf_slice(&s->make);
    for (bool first = true; rest.len; first = false) {
        const char *table = rest.p, *dot = strchr(table, '.');
        slice_cut(&rest, 0);
        buf_add_str(&s->scratch, first ? "" : ", ");
        if (dot) {
            char schema[256];
            snprintf(schema, sizeof schema, "%.*s", (int)(dot - table), table);
            put_quoted(s, false, schema);
            buf_add_char(&s->scratch, '.');
        }
        put_quoted(s, false, dot ? dot + 1 : table);
    }
    ask(s, STEP_MAKE);
}

static void ask_slot(struct source_rows *s)
{
    snprintf(s->slot, sizeof s->slot, "freshet_rows_%016" PRIx64, rng_next(&s->rng));
    buf_reset(&s->scratch);
    buf_addf(&s->scratch, "CREATE_REPLICATION_SLOT \"%s\" TEMPORARY LOGICAL pgoutput USE_SNAPSHOT",
             s->slot);
    ask(s, STEP_SLOT);
}

/* One statement a table, made by the server: its columns in their order, its row filter. */
static void ask_tables(struct source_rows *s)
{
    ask_text(
        s, STEP_TABLES,
        "SELECT format('SELECT %s FROM ONLY %I.%I%s', string_agg(format('%I', a.attname), ', ' "
        "ORDER BY a.attnum), p.schemaname, p.tablename, CASE WHEN p.rowfilter IS NULL THEN '' "
        "ELSE ' WHERE ' || p.rowfilter END) FROM pg_publication_tables p JOIN pg_namespace n "
        "ON n.nspname = p.schemaname JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = "
        "p.tablename JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT "
        "a.attisdropped AND a.attgenerated = '' AND (p.attnames IS NULL OR a.attname = "
        "ANY(p.attnames)) WHERE p.pubname = ",
        s->publication, " GROUP BY p.schemaname, p.tablename, p.rowfilter");
}

static void ask_rows(struct source_rows *s)
{
    const char *sql = s->tables.p + s->at_table;
    s->columns = false;
    s->at_table += strlen(sql) + 1;
    ask_text(s, STEP_ROWS, sql, NULL, "");
}

static void ask_stream(struct source_rows *s)
{
    char *name = PQescapeIdentifier(s->link.conn, s->publication, strlen(s->publication));
    char *list =
        name ? PQescapeLiteral(s->link.conn, name, strlen(name)) : NULL; /* a list of names */
    buf_reset(&s->scratch);
    buf_addf(&s->scratch,
             "START_REPLICATION SLOT \"%s\" LOGICAL 0/0 (proto_version '1', publication_names %s)",
             s->slot, list ? list : "");
    s->scratch.failed |= !list;
    PQfreemem(list);
    PQfreemem(name);
    ask(s, STEP_START);
}

/* ---- the store ---- */

static void end_now(struct source_rows *s)
{
    disconnect(s);
    uv_close((uv_handle_t *)&s->timer, on_handle_closed);
    uv_close((uv_handle_t *)&s->idle, on_handle_closed);
}

static void send_status(struct source_rows *s, bool wants_reply)
{
    char status[PG_STATUS_BYTES];
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    int64_t us = ((int64_t)now.tv_sec - PG_EPOCH_S) * 1000000 + now.tv_nsec / 1000;
    pg_status_write(s->confirmed, us, wants_reply, status);
    if (wants_reply)
        s->asked_ms = uv_now(s->loop);
    if (PQputCopyData(s->link.conn, status, sizeof status) < 0)
        fail_link(s, "the connection to the database was lost", NULL);
    else
        flush(s);
}

static void settled(struct source_rows *s)
{
    s->confirmed = s->confirming;
    s->host.lag(s->host.ctx, s->server_end > s->confirmed ? s->server_end - s->confirmed : 0);
    if (s->step == STEP_FIRST) {
        ask_stream(s);
    } else if (s->step == STEP_STREAM) {
        diff_begin_part(s->diff);
        send_status(s, false);
        if (s->step == STEP_STREAM)
            pump(s);
    }
}

static void on_appended(void *arg, int error, const char *detail)
{
    struct source_rows *s = arg;
    char text[240];
    size_t count;
    s->appending = false;
    diff_events(s->diff, &count);
    if (error)
        diff_abandon(s->diff);
    else
        diff_commit(s->diff);
    if (s->ending) {
        end_now(s);
    } else if (error) {
        snprintf(text, sizeof text, "the changes could not be stored: %.180s",
                 detail && detail[0] ? detail : err_title(error));
        fail(s, text);
    } else {
        s->host.count(s->host.ctx, 0, count, 0);
        settled(s);
    }
}

/* Appends the changes of the run. */
static void append(struct source_rows *s)
{
    size_t count;
    const struct source_event *events = diff_take(s->diff, &count);
    s->confirming = s->in_transaction ? s->confirmed : s->read;
    s->appending = true;
    s->host.append(s->host.ctx, events, count, SLICE_NONE, on_appended, s);
}

/* ---- the first rows ---- */

static int take_columns(struct source_rows *s, const PGresult *r, struct err *e)
{
    int count = PQnfields(r);
    const char **names = calloc((size_t)count + 1, sizeof *names);
    uint32_t *types = calloc((size_t)count + 1, sizeof *types);
    int rc =
        names && types ? OK : err_set(e, ERR_OVERLOADED, "no memory for the columns of a table");
    for (int i = 0; rc == OK && i < count; i++) {
        names[i] = PQfname(r, i);
        types[i] = PQftype(r, i);
    }
    if (rc == OK)
        rc = row_text_columns(&s->row, names, (unsigned)count, s->key, s->tenant_column, e);
    if (rc == OK) /* the stream calls a table by its oid */
        rc = row_stream_table(s->stream, PQftable(r, 0), names, types, (unsigned)count, e);
    free(names);
    free(types);
    s->columns = rc == OK;
    return rc;
}

static int take_row(struct source_rows *s, const PGresult *r, struct err *e)
{
    row_text_begin(&s->row);
    for (int i = 0; i < PQnfields(r); i++) {
        struct slice text = slice_of(PQgetvalue(r, 0, i), (size_t)PQgetlength(r, 0, i));
        if (PQgetisnull(r, 0, i))
            row_put_null(&s->row);
        else
            pg_value_put(&s->row, PQftype(r, i), text, &s->scratch);
    }
    int rc = row_text_end(&s->row, e);
    if (rc < 0)
        return rc;
    struct slice tenant = s->tenant_column ? buf_slice(&s->row.tenant_text) : slice_str(s->tenant);
    return diff_row(s->diff, tenant, buf_slice(&s->row.key_text), buf_slice(&s->row.object), e);
}

static void next_table(struct source_rows *s)
{
    struct err e;
    size_t count;
    if (s->at_table < s->tables.len) {
        ask_rows(s);
        return;
    }
    if (diff_end(s->diff, &e) < 0) {
        fail(s, e.detail);
        return;
    }
    s->step = STEP_FIRST;
    uv_timer_stop(&s->timer);
    diff_events(s->diff, &count);
    s->host.count(s->host.ctx, 1, 0, 0);
    if (count) {
        append(s);
    } else {
        diff_commit(s->diff);
        settled(s);
    }
}

static void take_tables(struct source_rows *s, const PGresult *r)
{
    buf_reset(&s->tables);
    s->at_table = 0;
    s->table_count = (unsigned)PQntuples(r);
    for (int i = 0; i < PQntuples(r); i++) {
        buf_add_str(&s->tables, PQgetvalue(r, i, 0));
        buf_add_char(&s->tables, 0);
    }
    if (s->tables.failed) {
        fail(s, "no memory for the tables");
    } else if (!s->table_count) {
        fail(s, "the publication has no tables");
    } else {
        diff_begin(s->diff);
        row_stream_begin(s->stream);
        ask_rows(s);
    }
}

static void take_answer(struct source_rows *s, enum step step, const PGresult *r)
{
    switch (step) {
    case STEP_SETTINGS:
        ask_text(s, STEP_LOOK,
                 "SELECT count(*) FROM pg_publication WHERE pubname = ", s->publication, "");
        break;
    case STEP_LOOK:
        if (PQntuples(r) == 1 && strcmp(PQgetvalue(r, 0, 0), "0") != 0)
            ask_text(s, STEP_BEGIN, "BEGIN READ ONLY ISOLATION LEVEL REPEATABLE READ", NULL, "");
        else if (s->make.len)
            ask_make(s);
        else
            fail(s, "the publication is not there: make it, or name the tables");
        break;
    case STEP_MAKE:
        ask_text(s, STEP_BEGIN, "BEGIN READ ONLY ISOLATION LEVEL REPEATABLE READ", NULL, "");
        break;
    case STEP_BEGIN:
        ask_slot(s);
        break;
    case STEP_SLOT:
        if (PQntuples(r) != 1 || !pg_lsn_parse(slice_str(PQgetvalue(r, 0, 1)), &s->read))
            fail(s, "the slot could not be made");
        else
            ask_tables(s);
        break;
    case STEP_TABLES:
        take_tables(s, r);
        break;
    case STEP_ROWS:
        if (s->at_table < s->tables.len)
            next_table(s);
        else
            ask_text(s, STEP_COMMIT, "COMMIT", NULL, "");
        break;
    case STEP_COMMIT:
        next_table(s);
        break;
    default:
        break;
    }
}

static const char *what_failed(enum step step)
{
    return step == STEP_MAKE                          ? "the publication could not be made"
           : step == STEP_SLOT                        ? "the replication slot could not be made"
           : step == STEP_ROWS || step == STEP_TABLES ? "the tables could not be read"
           : step == STEP_START                       ? "the replication could not be started"
                                                      : "the database could not be asked";
}

static void stream_begun(struct source_rows *s)
{
    s->step = STEP_STREAM;
    s->retry_ms = 0;
    s->heard_ms = s->asked_ms = uv_now(s->loop);
    s->in_transaction = false;
    diff_begin_part(s->diff);
    show(s, true, "");
    uv_timer_start(&s->timer, on_timer, TICK_MS, TICK_MS);
    pump(s);
}

/* One result. False when the step has ended with it. */
static bool take_result(struct source_rows *s, enum step step, const PGresult *r)
{
    struct err e;
    int rc = OK;
    ExecStatusType status = PQresultStatus(r);
    if (status == PGRES_COPY_BOTH && step == STEP_START) {
        stream_begun(s);
        return false;
    }
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK && status != PGRES_SINGLE_TUPLE) {
        fail_link(s, what_failed(step), r);
        return false;
    }
    if (step == STEP_ROWS && status != PGRES_COMMAND_OK && !s->columns)
        rc = take_columns(s, r, &e);
    if (rc == OK && step == STEP_ROWS && status == PGRES_SINGLE_TUPLE)
        rc = take_row(s, r, &e);
    if (rc < 0)
        fail(s, e.detail);
    return rc == OK;
}

/* The answer to a command: results, then none. */
static void take_results(struct source_rows *s)
{
    uv_idle_stop(&s->idle);
    for (int i = 0; i < TURN && !PQisBusy(s->link.conn); i++) {
        PGresult *r = PQgetResult(s->link.conn);
        if (!r) {
            PGresult *answer = s->answer;
            s->answer = NULL;
            if (answer)
                take_answer(s, s->step, answer);
            PQclear(answer);
            return;
        }
        PQclear(s->answer);
        s->answer = r;
        if (!take_result(s, s->step, r))
            return;
        if (i == TURN - 1)
            uv_idle_start(&s->idle, on_idle);
    }
}

/* ---- the stream ---- */

/* One message of the plugin. An enum row_stream_result, or below 0: the connection has ended. */
static int take_data(struct source_rows *s, struct slice data)
{
    struct pgoutput m;
    struct err e;
    int rc = pgoutput_read(data, &m, &e);
    if (rc == OK && m.kind == PGOUTPUT_BEGIN)
        s->in_transaction = true;
    if (rc == OK && m.kind == PGOUTPUT_COMMIT) {
        s->in_transaction = false;
        s->read = m.end > s->read ? m.end : s->read;
    }
    if (rc == OK)
        rc = row_stream_take(s->stream, &m, &e);
    if (rc < 0)
        fail(s, e.detail);
    else if (rc == ROW_STREAM_ANEW)
        start_over(s);
    return rc == ROW_STREAM_ANEW ? -1 : rc;
}

/* One CopyData message, as take_data. */
static int take_copy(struct source_rows *s, struct slice in)
{
    struct pg_copy copy;
    struct err e;
    if (pg_copy_read(in, &copy, &e) < 0) {
        fail(s, e.detail);
        return -1;
    }
    s->heard_ms = uv_now(s->loop);
    s->server_end = copy.end > s->server_end ? copy.end : s->server_end;
    if (copy.kind == PG_COPY_DATA)
        return take_data(s, copy.data);
    if (!s->in_transaction && copy.end > s->read)
        s->read = copy.end;
    if (copy.reply)
        send_status(s, false);
    return s->link.conn ? ROW_STREAM_TAKEN : -1;
}

static size_t change_count(const struct source_rows *s)
{
    size_t count;
    diff_events(s->diff, &count);
    return count;
}

/* The next message: that which waited, or one that has arrived. 1 taken, 0 none or it waits, -1 the
 * connection has ended. */
static int take_next(struct source_rows *s)
{
    char *p = s->held;
    int len = (int)s->held_len;
    s->held = NULL;
    if (!p)
        len = PQgetCopyData(s->link.conn, &p, 1);
    if (len == 0)
        return 0;
    if (len < 0) {
        PGresult *r = PQisBusy(s->link.conn) ? NULL : PQgetResult(s->link.conn);
        fail_link(s, "the replication ended", r);
        PQclear(r);
        return -1;
    }
    int rc = take_copy(s, slice_of(p, (size_t)len));
    if (rc == ROW_STREAM_FULL) {
        s->held = p;
        s->held_len = (size_t)len;
        return 0;
    }
    PQfreemem(p);
    return rc < 0 ? -1 : 1;
}

/* Takes what has arrived, some messages at a time, and stores the changes. Nothing is read while an
 * append is in flight: the diff is of one run. */
static void pump(struct source_rows *s)
{
    uv_idle_stop(&s->idle);
    if (s->appending)
        return;
    int taken = 1;
    for (int i = 0; i < TURN && taken > 0 && change_count(s) < BATCH_EVENTS; i++) {
        taken = take_next(s);
        if (taken == 0 && s->held && !change_count(s)) { /* rows that had not really changed */
            diff_commit(s->diff);
            diff_begin_part(s->diff);
            taken = 1;
        }
    }
    if (taken < 0)
        return;
    if (change_count(s)) {
        append(s);
    } else if (!s->in_transaction) {
        s->confirmed = s->read;
        if (taken > 0)
            uv_idle_start(&s->idle, on_idle);
    } else if (taken > 0) {
        uv_idle_start(&s->idle, on_idle);
    }
    if (s->step == STEP_STREAM)
        flush(s);
}

static void on_idle(uv_idle_t *idle)
{
    struct source_rows *s = idle->data;
    if (s->step == STEP_STREAM)
        pump(s);
    else
        take_results(s);
}

/* ---- the connection ---- */

static void on_ready(void *owner, int status, int events)
{
    struct source_rows *s = owner;
    if (status < 0 || ((events & UV_READABLE) && !PQconsumeInput(s->link.conn))) {
        fail_link(s, "the connection to the database was lost", NULL);
        return;
    }
    if ((events & UV_WRITABLE) && !flush(s))
        return;
    if (s->step == STEP_STREAM)
        pump(s);
    else if (s->step != STEP_FIRST)
        take_results(s);
}

static void on_connected(void *owner)
{
    ask_text(owner, STEP_SETTINGS, PG_VALUE_SETTINGS, NULL, "");
}

static void on_not_connected(void *owner, const char *detail)
{
    fail(owner, detail);
}

static const struct pg_link_ops link_ops = {on_connected, on_not_connected, on_ready,
                                            on_link_handle_gone};

/* ---- the last known rows ---- */

static void on_row(void *arg, struct slice tenant, const struct event *event)
{
    struct source_rows *s = arg;
    if (event->deleted || !event->has_key || s->ending)
        return;
    struct slice state = event->has_state ? event_state(event) : event_data(event);
    s->load_failed |= diff_known(s->diff, tenant, event_key(event), state) < 0;
}

static void on_loaded(void *arg, int error)
{
    struct source_rows *s = arg;
    s->loading = false;
    if (s->ending) {
        end_now(s);
    } else if (error || s->load_failed) {
        diff_forget(s->diff);
        fail(s, "the last known rows could not be read from the store");
    } else {
        s->loaded = true;
        uv_timer_start(&s->timer, on_timer, 0, 0);
    }
}

static void attempt(struct source_rows *s)
{
    if (!s->loaded) {
        s->loading = true;
        s->load_failed = false;
        s->host.load(s->host.ctx, slice_str(s->channel), on_row, on_loaded, s);
        return;
    }
    s->step = STEP_CONNECTING;
    s->server_end = s->read = s->confirmed = 0;
    uv_timer_start(&s->timer, on_timer, s->timeout_ms, 0);
    pg_link_open(&s->link);
}

static void tick(struct source_rows *s)
{
    uint64_t now = uv_now(s->loop);
    if (!s->appending && now - s->heard_ms > s->timeout_ms + STATUS_MS)
        fail(s, "the connection to the database was lost: no sign of life");
    else if (now - s->asked_ms >= STATUS_MS)
        send_status(s, true);
}

static void on_timer(uv_timer_t *timer)
{
    struct source_rows *s = timer->data;
    if (s->step == STEP_STREAM)
        tick(s);
    else if (s->step == STEP_OFF && s->appending)
        uv_timer_start(&s->timer, on_timer, RETRY_FIRST_MS, 0); /* its outcome is what is known */
    else if (s->step == STEP_OFF)
        attempt(s);
    else
        fail(s, s->step == STEP_CONNECTING ? "no connection to the database: no answer in time"
                                           : "the database could not be asked: no answer in time");
}

/* ---- the driver ---- */

static struct source_rows *from(struct source *base)
{
    return (struct source_rows *)(void *)base;
}

static void rows_start(struct source *base)
{
    struct source_rows *s = from(base);
    if (s->started || s->ending)
        return;
    s->started = true;
    uv_timer_start(&s->timer, on_timer, 0, 0);
}

static void rows_kick(struct source *base)
{
    struct source_rows *s = from(base);
    if (s->started && !s->ending && !s->loading && s->step == STEP_OFF)
        uv_timer_start(&s->timer, on_timer, 0, 0);
}

static void rows_close(struct source *base, void (*closed)(void *arg), void *arg)
{
    struct source_rows *s = from(base);
    s->closed = closed;
    s->closed_arg = arg;
    s->ending = true;
    if (s->appending || s->loading)
        disconnect(s);
    else
        end_now(s);
}

static const struct source_ops rows_ops = {"postgres", rows_start, rows_kick, rows_close};

static bool copy(char **to, const char *text)
{
    return !text || (*to = slice_dup(slice_str(text))) != NULL;
}

static int check(const struct source_rows_conf *conf, struct err *e)
{
    struct source_query_conf q = conf->query;
    PQconninfoOption *options = conf->database ? PQconninfoParse(conf->database, NULL) : NULL;
    if (!options)
        return err_set(e, ERR_BAD_REQUEST,
                       "database is neither a postgres:// URL nor libpq's key=value pairs");
    PQconninfoFree(options);
    if (!conf->publication || !conf->publication[0] || strlen(conf->publication) > 63)
        return err_set(e, ERR_BAD_REQUEST, "publication has 1 to 63 bytes");
    for (size_t i = 0; i < conf->table_count; i++)
        if (!conf->tables[i][0] || strlen(conf->tables[i]) > 127)
            return err_set(e, ERR_BAD_REQUEST, "a table is name or schema.name");
    q.query = "of tables";
    return watch_check(&q, e);
}

/* What is known of rows, and how they are told. */
static bool make_diff(struct source_rows *s, const struct source_query_conf *q)
{
    char types[3][160];
    const char *given[3] = {q->added, q->changed, q->removed};
    static const char *const defaults[3] = {"-added", "-updated", "-removed"};
    for (int i = 0; i < 3; i++)
        snprintf(types[i], sizeof types[i], "%s%s", given[i] ? given[i] : q->channel,
                 given[i] ? "" : defaults[i]);
    struct diff_conf dc = {.channel = slice_str(q->channel),
                           .added = slice_str(types[0]),
                           .changed = slice_str(types[1]),
                           .removed = slice_str(types[2]),
                           .keys = q->keys,
                           .event_max = q->event_max,
                           .result_max = q->result_max ? q->result_max : 256u << 20};
    struct row_stream_conf rc = {s->key, s->tenant_column, s->tenant};
    s->diff = diff_new(&dc);
    s->stream = s->diff ? row_stream_new(&rc, s->diff) : NULL;
    return s->stream != NULL;
}

int source_rows_new(const struct source_rows_conf *conf, const struct source_host *host,
                    uv_loop_t *loop, struct source **out, struct err *e)
{
    uint64_t seed;
    int rc = check(conf, e);
    if (rc < 0)
        return rc;
    struct source_rows *s = calloc(1, sizeof *s);
    if (!s)
        return err_set(e, ERR_OVERLOADED, "no memory for the source");
    s->base.ops = &rows_ops;
    s->host = *host;
    s->loop = loop;
    s->shown = -1;
    s->tables = s->scratch = s->make = BUF_INIT;
    row_text_init(&s->row);
    s->timeout_ms = conf->timeout_ms ? conf->timeout_ms : SOURCE_ROWS_TIMEOUT_MS;
    for (size_t i = 0; i < conf->table_count; i++) {
        buf_add_str(&s->make, conf->tables[i]);
        buf_add_char(&s->make, 0);
    }
    const struct source_query_conf *q = &conf->query;
    if (s->make.failed || !copy(&s->database, conf->database) ||
        !copy(&s->password_file, conf->password_file) ||
        !copy(&s->publication, conf->publication) || !copy(&s->key, q->key) ||
        !copy(&s->tenant_column, q->tenant_column) || !copy(&s->tenant, q->tenant) ||
        !copy(&s->channel, q->channel) || !make_diff(s, q)) {
        release(s);
        return err_set(e, ERR_OVERLOADED, "no memory for the source");
    }
    s->link.ops = &link_ops;
    s->link.owner = s;
    s->link.loop = loop;
    s->link.conf = (struct pg_link_conf){s->database, s->password_file, true};
    rng_system(&seed, sizeof seed);
    rng_init(&s->rng, seed);
    uv_timer_init(loop, &s->timer);
    uv_idle_init(loop, &s->idle);
    s->timer.data = s->idle.data = s;
    s->handles = 2;
    *out = &s->base;
    return OK;
}
