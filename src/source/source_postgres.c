#include "source/source_postgres.h"

#include "source/pg_lookup.h"
#include "source/pg_password.h"
#include "source/pg_value.h"
#include "source/row.h"
#include "source/watch.h"

#include <assert.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>

#define NO_CONNECTION "no connection to the database"
#define LOCK_RETRY_MS 1000
#define ROWS_A_TURN 500 /* rows that are taken before other things of the loop have their turn */

enum link {
    LINK_OFF,        /* no connection */
    LINK_LOOKUP,     /* for the address of the host */
    LINK_CONNECTING, /* libpq's handshake */
    LINK_SETUP,      /* the session's settings and LISTEN were sent */
    LINK_LOCK,       /* the lock was asked for */
    LINK_STANDBY,    /* another has it */
    LINK_READY,      /* nothing is asked */
    LINK_QUERY,      /* the query was sent */
};

/* A poll handle lives until its close callback, longer than the connection it is for. */
struct poll_handle {
    uv_poll_t poll;
    struct source_postgres *source; /* NULL: closed */
    struct source_postgres *owner;
};

struct source_postgres {
    struct source base;
    struct watch watch;
    uv_loop_t *loop;
    uv_timer_t
        timer;      /* LINK_READY and LINK_OFF: when the run begins; else when it takes too long */
    uv_idle_t idle; /* more rows are in libpq's buffer */
    struct poll_handle *poll;
    unsigned handles; /* open or closing ones */
    bool stopping;    /* the run in flight is not wanted any more */
    void (*closed)(void *arg);
    void *closed_arg;

    struct pg_lookup *lookup; /* LINK_LOOKUP */
    PGconn *conn;
    enum link link;
    bool running;  /* a run is in flight */
    bool notified; /* since the query was last sent, or the connection is new */
    bool locked;   /* this connection holds the lock */
    bool columns;  /* the columns of this result are known */
    bool too_long; /* the time of the run is over */
    struct err why;
    uint64_t sent_ms; /* loop time of the last query */
    struct row_text row;
    struct buf text; /* scratch: a value without white space */

    /* never change */
    char *database, *password_file, *listen, *lock, *query, *key, *tenant_column, *tenant;
    uint32_t every_ms, timeout_ms;
};

static void on_socket(uv_poll_t *handle, int status, int events);
static void on_timer(uv_timer_t *timer);

/* ---- handles ---- */

static void release(struct source_postgres *s)
{
    row_text_fini(&s->row);
    buf_fini(&s->text);
    watch_fini(&s->watch);
    free(s->database);
    free(s->password_file);
    free(s->listen);
    free(s->lock);
    free(s->query);
    free(s->key);
    free(s->tenant_column);
    free(s->tenant);
    free(s);
}

/* One of the handles is closed. */
static void handle_gone(struct source_postgres *s)
{
    if (--s->handles)
        return;
    void (*closed)(void *arg) = s->closed;
    void *arg = s->closed_arg;
    release(s);
    if (closed)
        closed(arg);
}

static void on_handle_closed(uv_handle_t *handle)
{
    handle_gone(handle->data);
}

static void on_poll_closed(uv_handle_t *handle)
{
    struct poll_handle *p = handle->data;
    struct source_postgres *s = p->owner;
    free(p);
    handle_gone(s);
}

static void poll_close(struct source_postgres *s)
{
    struct poll_handle *p = s->poll;
    s->poll = NULL;
    if (!p)
        return;
    p->source = NULL;
    uv_poll_stop(&p->poll);
    uv_close((uv_handle_t *)&p->poll, on_poll_closed);
}

/* Watches the connection's socket for `events`. 0 or ERR_OVERLOADED. */
static int poll_for(struct source_postgres *s, int events)
{
    if (!s->poll) {
        struct poll_handle *p = calloc(1, sizeof *p);
        if (!p || uv_poll_init(s->loop, &p->poll, PQsocket(s->conn)) < 0) {
            free(p);
            return ERR_OVERLOADED;
        }
        p->poll.data = p;
        p->source = p->owner = s;
        s->poll = p;
        s->handles++;
    }
    return uv_poll_start(&s->poll->poll, events, on_socket) < 0 ? ERR_OVERLOADED : OK;
}

/* ---- the connection ---- */

static void disconnect(struct source_postgres *s)
{
    uv_idle_stop(&s->idle);
    pg_lookup_cancel(s->lookup);
    s->lookup = NULL;
    poll_close(s); /* before libpq closes the descriptor */
    PQfinish(s->conn);
    s->conn = NULL;
    s->locked = false;
    s->link = LINK_OFF;
}

/* One line of libpq's message. */
static struct slice first_line(const char *text)
{
    struct slice rest = slice_str(text ? text : "");
    struct slice line = slice_trim(slice_cut(&rest, '\n'));
    if (line.len > 180)
        line.len = 180;
    return line.len ? line : SLICE_LIT("the connection was lost");
}

static int result_error(const PGresult *result, const char *what, struct err *e)
{
    const char *text = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    struct slice line = first_line(text ? text : PQresultErrorMessage(result));
    return err_set(e, ERR_INTERNAL, "%s: %.*s", what, SLICE_FMT(line));
}

/* The run has ended. */
static void finish_run(struct source_postgres *s, int error, const char *detail)
{
    bool queried = s->link == LINK_QUERY;
    uv_idle_stop(&s->idle);
    uv_timer_stop(&s->timer);
    s->running = false;
    if (error)
        disconnect(s); /* whatever it was: start from nothing next time */
    else
        s->link = LINK_READY;
    watch_ran(&s->watch, error, detail, queried);
}

static void fail_link(struct source_postgres *s, const char *what)
{
    char text[240];
    struct slice line = first_line(s->conn ? PQerrorMessage(s->conn) : NULL);
    if (s->too_long)
        line = SLICE_LIT("no answer in time");
    snprintf(text, sizeof text, "%s: %.*s", what, SLICE_FMT(line));
    if (s->running)
        finish_run(s, ERR_INTERNAL, text);
    else
        disconnect(s); /* between runs: the next one connects anew */
}

/* Sends what libpq has to send, and listens for the answer. */
static void flush(struct source_postgres *s)
{
    int left = PQflush(s->conn);
    if (left < 0)
        fail_link(s, "the connection to the database was lost");
    else if (poll_for(s, left ? UV_READABLE | UV_WRITABLE : UV_READABLE) < 0)
        fail_link(s, "the connection can't be watched");
}

static void send_query(struct source_postgres *s)
{
    s->link = LINK_QUERY;
    s->notified = false;
    s->columns = false;
    s->sent_ms = uv_now(s->loop);
    diff_begin(s->watch.diff);
    uv_timer_start(&s->timer, on_timer, (uint64_t)s->timeout_ms + 1000, 0);
    /* the extended protocol takes one statement only */
    if (!PQsendQueryParams(s->conn, s->query, 0, NULL, NULL, NULL, NULL, 0) ||
        !PQsetSingleRowMode(s->conn))
        fail_link(s, "the query could not be sent");
    else
        flush(s);
}

static void send_lock(struct source_postgres *s)
{
    static const char sql[] = "SELECT pg_try_advisory_lock(hashtextextended($1, 0))";
    const char *const values[] = {s->lock};
    s->link = LINK_LOCK;
    uv_timer_start(&s->timer, on_timer, s->timeout_ms, 0);
    if (PQsendQueryParams(s->conn, sql, 1, NULL, values, NULL, NULL, 0))
        flush(s);
    else
        fail_link(s, "the lock could not be asked for");
}

/* Settings under which equal values have equal texts, and which keep the session from harm. */
static void send_setup(struct source_postgres *s)
{
    char *name = s->listen ? PQescapeIdentifier(s->conn, s->listen, strlen(s->listen)) : NULL;
    s->link = LINK_SETUP;
    buf_reset(&s->text);
    buf_addf(&s->text,
             PG_VALUE_SETTINGS "SET statement_timeout=%u;"
             "SET default_transaction_read_only=on;",
             s->timeout_ms);
    if (name)
        buf_addf(&s->text, "LISTEN %s;", name);
    bool failed = s->text.failed || (s->listen && !name);
    PQfreemem(name);
    if (failed || !PQsendQuery(s->conn, buf_cstr(&s->text)))
        fail_link(s, "the database session could not be set up");
    else
        flush(s);
}

static void connect_step(struct source_postgres *s)
{
    /* each step may close the socket and open another under the same number */
    poll_close(s);
    PostgresPollingStatusType step = PQconnectPoll(s->conn);
    if (step == PGRES_POLLING_OK)
        send_setup(s);
    else if (step == PGRES_POLLING_FAILED ||
             poll_for(s, step == PGRES_POLLING_WRITING ? UV_WRITABLE : UV_READABLE) < 0)
        fail_link(s, NO_CONNECTION);
}

/* Notices are for people at a terminal. */
static void on_notice(void *arg, const PGresult *result)
{
    (void)arg;
    (void)result;
}

/* host, hostaddr: in place of those of the connection string, unless NULL. */
static void connect_to(struct source_postgres *s, const char *host, const char *hostaddr)
{
    char password[PG_PASSWORD_MAX + 1];
    struct err e;
    if (pg_password_read(s->password_file, password, &e) < 0) {
        finish_run(s, e.code, e.detail);
        return;
    }
    const char *const names[] = {"dbname", "client_encoding", "fallback_application_name",
                                 "host",   "hostaddr",        "password",
                                 NULL};
    const char *const values[] = {s->database, "UTF8", "freshet", host, hostaddr,
                                  password[0] ? password : NULL, NULL};
    s->conn = PQconnectStartParams(names, values, 1);
    pg_password_forget(password);
    s->link = LINK_CONNECTING;
    s->notified = true; /* what happened before is not known */
    if (s->conn)
        PQsetNoticeReceiver(s->conn, on_notice, NULL);
    if (!s->conn || PQstatus(s->conn) == CONNECTION_BAD || PQsetnonblocking(s->conn, 1) < 0 ||
        poll_for(s, UV_WRITABLE) < 0)
        fail_link(s, NO_CONNECTION);
}

static void on_lookup(void *arg, const char *host, const char *hostaddr, const char *error)
{
    struct source_postgres *s = arg;
    s->lookup = NULL;
    if (error) {
        char text[240];
        snprintf(text, sizeof text, "%s: its host: %s", NO_CONNECTION, error);
        finish_run(s, ERR_INTERNAL, text);
    } else {
        connect_to(s, host, hostaddr);
    }
}

static void connect_begin(struct source_postgres *s)
{
    uv_timer_start(&s->timer, on_timer, s->timeout_ms, 0);
    s->link = LINK_LOOKUP;
    int rc = pg_lookup_start(s->loop, s->database, on_lookup, s, &s->lookup);
    if (rc < 0)
        fail_link(s, NO_CONNECTION);
    else if (rc > 0)
        connect_to(s, NULL, NULL);
}

/* ---- the result ---- */

static void put_value(struct source_postgres *s, const PGresult *result, int i)
{
    struct slice text = slice_of(PQgetvalue(result, 0, i), (size_t)PQgetlength(result, 0, i));
    if (PQgetisnull(result, 0, i))
        row_put_null(&s->row);
    else
        pg_value_put(&s->row, PQftype(result, i), text, &s->text);
}

static int set_columns(struct source_postgres *s, const PGresult *result, struct err *e)
{
    int count = PQnfields(result);
    if (count == 0)
        return err_set(e, ERR_BAD_REQUEST, "the query is no statement that reads rows");
    const char **names = calloc((size_t)count, sizeof *names);
    if (!names)
        return err_set(e, ERR_OVERLOADED, "no memory for the columns of the query");
    for (int i = 0; i < count; i++)
        names[i] = PQfname(result, i);
    int rc = row_text_columns(&s->row, names, (unsigned)count, s->key, s->tenant_column, e);
    free(names);
    s->columns = rc == OK;
    return rc;
}

static int take_row(struct source_postgres *s, const PGresult *result, struct err *e)
{
    struct row_text *row = &s->row;
    row_text_begin(row);
    for (unsigned i = 0; i < row->columns; i++)
        put_value(s, result, (int)i);
    int rc = row_text_end(row, e);
    if (rc < 0)
        return rc;
    struct slice tenant = s->tenant_column ? buf_slice(&row->tenant_text) : slice_str(s->tenant);
    return diff_row(s->watch.diff, tenant, buf_slice(&row->key_text), buf_slice(&row->object), e);
}

/* One piece of the answer to the query. 0 or an error with *e. */
static int take_result(struct source_postgres *s, const PGresult *result, struct err *e)
{
    ExecStatusType status = PQresultStatus(result);
    if (status != PGRES_SINGLE_TUPLE && status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK)
        return result_error(result, "the query failed", e);
    int rc = s->columns ? OK : set_columns(s, result, e);
    return rc == OK && status == PGRES_SINGLE_TUPLE ? take_row(s, result, e) : rc;
}

static int take_any(struct source_postgres *s, const PGresult *result, struct err *e)
{
    ExecStatusType status = PQresultStatus(result);
    if (s->link == LINK_QUERY)
        return take_result(s, result, e);
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
        return result_error(result, "the database session could not be set up", e);
    if (s->link == LINK_LOCK)
        s->locked = PQntuples(result) == 1 && strcmp(PQgetvalue(result, 0, 0), "t") == 0;
    return OK;
}

/* The lock was answered: with it the log has to be read first, without it somebody else watches. */
static void end_lock(struct source_postgres *s)
{
    if (s->locked) {
        uv_timer_stop(&s->timer);
        s->link = LINK_READY;
        s->running = false;
        watch_reload(&s->watch);
    } else {
        s->link = LINK_STANDBY;
        uv_timer_start(&s->timer, on_timer, LOCK_RETRY_MS, 0);
        watch_waits(&s->watch, "waiting: another hub watches this database");
    }
}

/* What was asked is answered to the end. */
static void end_results(struct source_postgres *s)
{
    if (s->link == LINK_LOCK) {
        end_lock(s);
    } else if (s->link == LINK_SETUP) {
        if (s->lock)
            send_lock(s);
        else
            send_query(s);
    } else {
        int rc = diff_end(s->watch.diff, &s->why);
        finish_run(s, rc, s->why.detail);
    }
}

static void take_notifications(struct source_postgres *s)
{
    PGnotify *n;
    while ((n = PQnotifies(s->conn))) {
        s->notified = true;
        PQfreemem(n);
    }
}

static void on_idle(uv_idle_t *idle);

/* Takes what has arrived of the answer, some rows at a time. */
static void take_results(struct source_postgres *s)
{
    uv_idle_stop(&s->idle);
    for (int i = 0; i < ROWS_A_TURN; i++) {
        if (PQisBusy(s->conn))
            return;
        PGresult *result = PQgetResult(s->conn);
        int rc = result ? take_any(s, result, &s->why) : OK;
        PQclear(result);
        if (rc < 0) {
            finish_run(s, rc, s->why.detail);
            return;
        }
        if (result)
            continue;
        /* what came with the end of the answer lies in libpq's buffer: the socket won't tell */
        take_notifications(s);
        end_results(s);
        return;
    }
    uv_idle_start(&s->idle, on_idle);
}

static void on_idle(uv_idle_t *idle)
{
    take_results(idle->data);
}

static void on_socket(uv_poll_t *handle, int status, int events)
{
    struct poll_handle *p = handle->data;
    struct source_postgres *s = p->source;
    if (!s)
        return;
    if (s->link == LINK_CONNECTING) {
        connect_step(s);
        return;
    }
    if (status < 0 || !PQconsumeInput(s->conn)) {
        fail_link(s, "the connection to the database was lost");
        return;
    }
    if (events & UV_WRITABLE) {
        flush(s);
        if (!s->conn)
            return;
    }
    take_notifications(s);
    if (s->link != LINK_READY && s->link != LINK_STANDBY)
        take_results(s);
    else if (s->link == LINK_READY && s->notified && s->running)
        uv_timer_start(&s->timer, on_timer, 0, 0);
}

/* ---- runs ---- */

static void on_timer(uv_timer_t *timer)
{
    struct source_postgres *s = timer->data;
    if (s->stopping) {
        finish_run(s, ERR_DRAINING, "stopped");
    } else if (s->link == LINK_OFF) {
        connect_begin(s);
    } else if (s->link == LINK_READY) {
        send_query(s);
    } else if (s->link == LINK_STANDBY) {
        send_lock(s);
    } else {
        s->too_long = true;
        fail_link(s, s->link == LINK_QUERY ? "the query failed" : NO_CONNECTION);
    }
}

static void run_begin(void *driver, bool now)
{
    struct source_postgres *s = driver;
    uint64_t delay = 0, elapsed = uv_now(s->loop) - s->sent_ms;
    s->running = true;
    s->too_long = false;
    /* `every` from query to query, but a slow query leaves the database half of it in peace */
    if (!now && !s->notified && s->link == LINK_READY)
        delay = elapsed < s->every_ms / 2 ? s->every_ms - elapsed : s->every_ms / 2;
    uv_timer_start(&s->timer, on_timer, delay, 0);
}

static bool run_hurry(void *driver)
{
    struct source_postgres *s = driver;
    if (s->link == LINK_READY || s->link == LINK_OFF)
        uv_timer_start(&s->timer, on_timer, 0, 0);
    return s->link != LINK_QUERY;
}

static void run_stop(void *driver)
{
    struct source_postgres *s = driver;
    s->stopping = true;
    uv_timer_start(&s->timer, on_timer, 0, 0);
}

static const struct watch_ops watch_ops = {run_begin, run_hurry, run_stop};

static struct source_postgres *from(struct source *base)
{
    return (struct source_postgres *)(void *)base;
}

static void postgres_start(struct source *base)
{
    watch_start(&from(base)->watch);
}

static void postgres_kick(struct source *base)
{
    watch_kick(&from(base)->watch);
}

static void on_watch_ended(void *driver)
{
    struct source_postgres *s = driver;
    disconnect(s);
    uv_close((uv_handle_t *)&s->timer, on_handle_closed);
    uv_close((uv_handle_t *)&s->idle, on_handle_closed);
}

static void postgres_close(struct source *base, void (*closed)(void *arg), void *arg)
{
    struct source_postgres *s = from(base);
    s->closed = closed;
    s->closed_arg = arg;
    watch_end(&s->watch, on_watch_ended);
}

static const struct source_ops postgres_ops = {"postgres", postgres_start, postgres_kick,
                                               postgres_close};

static bool copy(char **to, const char *text)
{
    return !text || (*to = slice_dup(slice_str(text))) != NULL;
}

/* Checks what only PostgreSQL has. */
static int check(const struct source_postgres_conf *conf, struct err *e)
{
    char *why = NULL;
    if (!conf->database || !conf->database[0])
        return err_set(e, ERR_BAD_REQUEST,
                       "database is missing: a postgres:// URL or libpq's key=value pairs");
    PQconninfoOption *options = PQconninfoParse(conf->database, &why);
    if (!options) { /* its text may repeat what stands in the string: a password too */
        PQfreemem(why);
        return err_set(e, ERR_BAD_REQUEST,
                       "database is neither a postgres:// URL nor libpq's key=value pairs");
    }
    PQconninfoFree(options);
    if (conf->listen && (!conf->listen[0] || strlen(conf->listen) > 63))
        return err_set(e, ERR_BAD_REQUEST, "listen is the name of a channel, at most 63 bytes");
    return watch_check(&conf->query, e);
}

int source_postgres_new(const struct source_postgres_conf *conf, const struct source_host *host,
                        uv_loop_t *loop, struct source **out, struct err *e)
{
    struct source_query_conf q = conf->query;
    int rc = check(conf, e);
    if (rc < 0)
        return rc;
    if (!q.every_ms)
        q.every_ms = SOURCE_POSTGRES_EVERY_MS;
    struct source_postgres *s = calloc(1, sizeof *s);
    if (!s)
        return err_set(e, ERR_OVERLOADED, "no memory for the source");
    s->base.ops = &postgres_ops;
    s->loop = loop;
    s->every_ms = q.every_ms;
    s->timeout_ms = conf->timeout_ms ? conf->timeout_ms : SOURCE_POSTGRES_TIMEOUT_MS;
    row_text_init(&s->row);
    s->text = BUF_INIT;
    if (!copy(&s->database, conf->database) || !copy(&s->password_file, conf->password_file) || !copy(&s->listen, conf->listen) ||
        !copy(&s->lock, conf->lock) || !copy(&s->query, q.query) || !copy(&s->key, q.key) ||
        !copy(&s->tenant_column, q.tenant_column) || !copy(&s->tenant, q.tenant) ||
        watch_init(&s->watch, &q, host, loop, &watch_ops, s) < 0) {
        release(s);
        return err_set(e, ERR_OVERLOADED, "no memory for the source");
    }
    uv_timer_init(loop, &s->timer);
    uv_idle_init(loop, &s->idle);
    s->timer.data = s->idle.data = s;
    s->handles = 2;
    *out = &s->base;
    return OK;
}
