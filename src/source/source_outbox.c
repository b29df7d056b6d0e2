#include "source/source_outbox.h"

#include "base/rng.h"
#include "source/outbox_position.h"
#include "source/pg_link.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define BATCH_EVENTS 4096
#define BATCH_BYTES (8 * 1024 * 1024)
#define MESSAGES_A_TURN 2000 /* read before other things of the loop have their turn */
#define TICK_MS 1000
#define STATUS_MS 10000 /* the server is asked for a sign of life */
#define IDLE_MS 5000    /* a position without events is stored at most so often */
#define RETRY_FIRST_MS 500
#define RETRY_MAX_MS 5000
#define PG_EPOCH_S 946684800 /* 2000-01-01 */

enum step {
    STEP_OFF, /* no connection; the timer begins one */
    STEP_CONNECTING,
    STEP_IDENTIFY,    /* which database is it, and where is its log */
    STEP_INSPECT,     /* what is known of the slot */
    STEP_PUBLICATION, /* being made */
    STEP_DROP,        /* a slot that the server has given up */
    STEP_CREATE,      /* a slot being made: it waits for the transactions that are open */
    STEP_BEGIN,       /* the place where it begins is being stored */
    STEP_START,       /* the stream was asked for */
    STEP_STREAM,
};

struct source_outbox {
    struct source base;
    struct source_host host;
    uv_loop_t *loop;
    uv_timer_t timer; /* STEP_OFF: the next attempt; else the time that is left, or the tick */
    uv_idle_t idle;   /* more messages are in libpq's buffer */
    unsigned handles; /* of its own: timer and idle */
    struct rng rng;
    bool started, ending;
    bool appending; /* an advance is in flight */
    void (*closed)(void *arg);
    void *closed_arg;
    uint32_t retry_ms;
    char detail[240]; /* what the host was told last */
    int shown;        /* -1 nothing, 0 failing, 1 ok */

    struct pg_link link;
    PGresult *answer; /* to the command, until its end is there too */
    enum step step;
    struct outbox_server server;
    bool has_publication, given_up, fresh;
    uint64_t heard_ms, asked_ms, stored_ms;

    struct buf stored; /* the position as it is in the store, "" for none */
    struct buf storing;
    struct outbox_position start; /* of this connection: what lies before it was read before */
    struct outbox_position at;    /* what was read last, with all before it */
    pg_lsn confirmed;             /* what the server may forget */
    pg_lsn confirming;            /* once the append in flight is stored */
    pg_lsn whole;                 /* at.lsn when no transaction is half read */
    pg_lsn commit;                /* of the transaction that is being read; 0: none */
    uint64_t messages;            /* read of it */
    struct source_event *events;  /* [count], a reference each */
    size_t count, bytes;
    size_t appended; /* events of the append in flight */

    /* never change */
    char *database, *password_file, *slot, *prefix;
    uint32_t timeout_ms;
};

static void on_timer(uv_timer_t *timer);
static void on_idle(uv_idle_t *idle);

/* ---- handles ---- */

static void release(struct source_outbox *s)
{
    buf_fini(&s->stored);
    buf_fini(&s->storing);
    free(s->events);
    free(s->database);
    free(s->password_file);
    free(s->slot);
    free(s->prefix);
    free(s);
}

/* When nothing is left that is open or closing. */
static void release_at_end(struct source_outbox *s)
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
    struct source_outbox *s = handle->data;
    s->handles--;
    release_at_end(s);
}

static void on_link_handle_gone(void *owner)
{
    release_at_end(owner);
}

/* ---- what the host is told ---- */

static void show(struct source_outbox *s, bool ok, const char *detail)
{
    if (s->ending || (s->shown == ok && strcmp(s->detail, detail) == 0))
        return;
    s->shown = ok;
    snprintf(s->detail, sizeof s->detail, "%s", detail);
    s->host.state(s->host.ctx, ok, s->detail);
}

static void show_lag(struct source_outbox *s)
{
    s->host.lag(s->host.ctx, s->server.end > s->confirmed ? s->server.end - s->confirmed : 0);
}

/* ---- the connection ---- */

static void drop_events(struct source_outbox *s)
{
    for (size_t i = 0; i < s->count; i++)
        event_unref(s->events[i].event);
    s->count = s->bytes = 0;
}

static void disconnect(struct source_outbox *s)
{
    uv_idle_stop(&s->idle);
    uv_timer_stop(&s->timer);
    PQclear(s->answer);
    s->answer = NULL;
    pg_link_close(&s->link);
    s->step = STEP_OFF;
    drop_events(s);
}

/* Ends the connection, says why, and begins again later: longer each time, with jitter. */
static void fail(struct source_outbox *s, const char *detail)
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

/* what: static, with libpq's reason behind it. */
static void fail_link(struct source_outbox *s, const char *what, const PGresult *result)
{
    char text[240];
    const char *why = result ? PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY) : NULL;
    struct slice line = pg_first_line(why            ? why
                                      : s->link.conn ? PQerrorMessage(s->link.conn)
                                                     : NULL);
    snprintf(text, sizeof text, "%s: %.*s", what, SLICE_FMT(line));
    fail(s, text);
}

static bool is_full(const struct source_outbox *s)
{
    return s->count >= BATCH_EVENTS || s->bytes >= BATCH_BYTES;
}

/* Sends what libpq has to send, and listens unless there is no room. False when it failed. */
static bool flush(struct source_outbox *s)
{
    int left = PQflush(s->link.conn);
    int events = (is_full(s) ? 0 : UV_READABLE) | (left ? UV_WRITABLE : 0);
    if (left < 0 || pg_link_poll(&s->link, events) < 0) {
        fail_link(s, "the connection to the database was lost", NULL);
        return false;
    }
    return true;
}

/* Sends a command whose answer is that of `step`. sql.failed: no memory. */
static void ask(struct source_outbox *s, enum step step, const struct buf *sql)
{
    s->step = step;
    /* a slot can be made only when the transactions that are open have ended */
    if (step == STEP_CREATE)
        uv_timer_stop(&s->timer);
    else
        uv_timer_start(&s->timer, on_timer, s->timeout_ms, 0);
    if (sql->failed)
        fail(s, "no memory for a command");
    else if (!PQsendQuery(s->link.conn, sql->p))
        fail_link(s, "a command could not be sent", NULL);
    else
        flush(s);
}

static void ask_text(struct source_outbox *s, enum step step, const char *text)
{
    struct buf sql = BUF_INIT;
    buf_addf(&sql, "%s", text);
    buf_add_char(&sql, 0);
    ask(s, step, &sql);
    buf_fini(&sql);
}

/* The slot's name has letters, digits and _ only (check): it needs no quotes inside of them. */
static void ask_about_slot(struct source_outbox *s)
{
    struct buf sql = BUF_INIT;
    buf_addf(&sql,
             "SELECT (SELECT count(*) FROM pg_publication WHERE pubname = '%s'), s.plugin, "
             "s.database = current_database(), s.confirmed_flush_lsn, s.wal_status FROM (SELECT 1) "
             "x LEFT JOIN pg_replication_slots s ON s.slot_name = '%s'",
             s->slot, s->slot);
    buf_add_char(&sql, 0);
    ask(s, STEP_INSPECT, &sql);
    buf_fini(&sql);
}

static void ask_for_stream(struct source_outbox *s)
{
    struct buf sql = BUF_INIT;
    char lsn[PG_LSN_TEXT_MAX];
    pg_lsn_format(s->start.lsn, lsn);
    buf_addf(&sql,
             "START_REPLICATION SLOT \"%s\" LOGICAL %s (proto_version '1', publication_names "
             "'\"%s\"', messages 'true')",
             s->slot, lsn, s->slot);
    buf_add_char(&sql, 0);
    ask(s, STEP_START, &sql);
    buf_fini(&sql);
}

/* ---- the store ---- */

static void pump(struct source_outbox *s);

static void end_now(struct source_outbox *s)
{
    disconnect(s);
    uv_close((uv_handle_t *)&s->timer, on_handle_closed);
    uv_close((uv_handle_t *)&s->idle, on_handle_closed);
}

static int64_t pg_now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return ((int64_t)now.tv_sec - PG_EPOCH_S) * 1000000 + now.tv_nsec / 1000;
}

/* Tells the server what it may forget. ask: it is to show that it is there. */
static void send_status(struct source_outbox *s, bool wants_reply)
{
    char status[PG_STATUS_BYTES];
    pg_status_write(s->confirmed, pg_now_us(), wants_reply, status);
    s->asked_ms = wants_reply ? uv_now(s->loop) : s->asked_ms;
    if (PQputCopyData(s->link.conn, status, sizeof status) < 0)
        fail_link(s, "the connection to the database was lost", NULL);
    else
        flush(s);
}

static void on_advanced(void *arg, int error, const char *detail)
{
    struct source_outbox *s = arg;
    char text[240];
    s->appending = false;
    if (s->ending) {
        end_now(s);
        return;
    }
    if (error) {
        snprintf(text, sizeof text, "the events could not be stored: %.180s",
                 detail && detail[0] ? detail : err_title(error));
        fail(s, text);
        return;
    }
    struct buf swap = s->stored;
    s->stored = s->storing;
    s->storing = swap;
    s->confirmed = s->confirming;
    s->stored_ms = uv_now(s->loop);
    s->host.count(s->host.ctx, 0, s->appended, 0);
    show_lag(s);
    if (s->step == STEP_BEGIN)
        ask_for_stream(s);
    else if (s->step == STEP_STREAM)
        send_status(s, false);
    if (s->step == STEP_STREAM)
        pump(s);
}

/* Stores the events read so far, and that all up to s->at was read. */
static void advance(struct source_outbox *s, bool gap)
{
    char text[OUTBOX_POSITION_MAX];
    outbox_position_format(&s->at, text);
    buf_reset(&s->storing);
    buf_add_str(&s->storing, text);
    if (s->storing.failed) {
        fail(s, "no memory for the position");
        return;
    }
    size_t count = s->count;
    s->appending = true;
    s->appended = count;
    s->confirming = s->whole;
    s->count = s->bytes = 0; /* the references are the host's */
    s->host.advance(s->host.ctx, s->events, count, buf_slice(&s->stored), buf_slice(&s->storing),
                    gap, on_advanced, s);
}

/* ---- before the stream ---- */

static void take_identity(struct source_outbox *s, const PGresult *r)
{
    if (PQntuples(r) != 1 || PQnfields(r) < 3 ||
        !pg_lsn_parse(slice_str(PQgetvalue(r, 0, 2)), &s->server.end)) {
        fail(s, "the database does not say which it is");
        return;
    }
    snprintf(s->server.system, sizeof s->server.system, "%s", PQgetvalue(r, 0, 0));
    ask_about_slot(s);
}

/* The slot is there: from where, and was anything lost? */
static void begin_at(struct source_outbox *s)
{
    struct outbox_position stored;
    bool any = s->stored.len > 0;
    if (any && !outbox_position_parse(buf_slice(&s->stored), &stored))
        stored = (struct outbox_position){.lsn = 0}; /* of no database: a loss */
    enum outbox_start how =
        outbox_judge(any ? &stored : NULL, s->slot, s->fresh, &s->server, &s->start);
    s->at = s->start;
    s->whole = s->confirmed = s->start.n ? s->server.confirmed : s->start.lsn;
    s->commit = 0;
    if (how == OUTBOX_GO_ON) {
        ask_for_stream(s);
        return;
    }
    s->step = STEP_BEGIN;
    uv_timer_stop(&s->timer);
    advance(s, how == OUTBOX_LOST);
}

/* What is missing is made; then it begins. */
static void make_next(struct source_outbox *s)
{
    struct buf sql = BUF_INIT;
    enum step step = STEP_CREATE;
    if (!s->has_publication) {
        buf_addf(&sql, "CREATE PUBLICATION \"%s\"", s->slot);
        step = STEP_PUBLICATION;
    } else if (s->given_up) {
        buf_addf(&sql, "DROP_REPLICATION_SLOT \"%s\"", s->slot);
        step = STEP_DROP;
    } else if (!s->server.has_slot) {
        buf_addf(&sql, "CREATE_REPLICATION_SLOT \"%s\" LOGICAL pgoutput NOEXPORT_SNAPSHOT",
                 s->slot);
        show(s, false, "the replication slot is being made, which waits for open transactions");
    } else {
        begin_at(s);
        return;
    }
    buf_add_char(&sql, 0);
    ask(s, step, &sql);
    buf_fini(&sql);
}

static void take_slot(struct source_outbox *s, const PGresult *r)
{
    if (PQntuples(r) != 1 || PQnfields(r) != 5) {
        fail(s, "the database does not say what slots it has");
        return;
    }
    s->has_publication = strcmp(PQgetvalue(r, 0, 0), "0") != 0;
    s->server.has_slot = !PQgetisnull(r, 0, 1) || !PQgetisnull(r, 0, 4);
    s->given_up = s->server.has_slot && strcmp(PQgetvalue(r, 0, 4), "lost") == 0;
    s->fresh = false;
    if (s->server.has_slot &&
        (strcmp(PQgetvalue(r, 0, 1), "pgoutput") != 0 || strcmp(PQgetvalue(r, 0, 2), "t") != 0))
        fail(s,
             "the slot of this name is another's (plugin or database): name another with `slot`");
    else if (s->server.has_slot && !s->given_up &&
             !pg_lsn_parse(slice_str(PQgetvalue(r, 0, 3)), &s->server.confirmed))
        fail(s, "the slot has no position");
    else
        make_next(s);
}

/* CREATE_REPLICATION_SLOT answers with the place where the slot begins. */
static void take_made_slot(struct source_outbox *s, const PGresult *r)
{
    if (PQntuples(r) != 1 || PQnfields(r) < 2 ||
        !pg_lsn_parse(slice_str(PQgetvalue(r, 0, 1)), &s->server.confirmed)) {
        fail(s, "the slot could not be made");
        return;
    }
    s->server.has_slot = s->fresh = true;
    if (s->server.end < s->server.confirmed)
        s->server.end = s->server.confirmed;
    make_next(s);
}

static void stream_begun(struct source_outbox *s)
{
    s->step = STEP_STREAM;
    s->retry_ms = 0;
    s->heard_ms = s->asked_ms = s->stored_ms = uv_now(s->loop);
    s->host.count(s->host.ctx, 1, 0, 0);
    show(s, true, "");
    show_lag(s);
    uv_timer_start(&s->timer, on_timer, TICK_MS, TICK_MS);
    pump(s);
}

static void take_answer(struct source_outbox *s, enum step step, const PGresult *r)
{
    switch (step) {
    case STEP_IDENTIFY:
        take_identity(s, r);
        break;
    case STEP_INSPECT:
        take_slot(s, r);
        break;
    case STEP_PUBLICATION:
        s->has_publication = true;
        make_next(s);
        break;
    case STEP_DROP:
        s->given_up = s->server.has_slot = false;
        make_next(s);
        break;
    case STEP_CREATE:
        take_made_slot(s, r);
        break;
    default:
        break;
    }
}

static const char *what_failed(enum step step)
{
    switch (step) {
    case STEP_PUBLICATION:
        return "the publication could not be made";
    case STEP_DROP:
    case STEP_CREATE:
        return "the replication slot could not be made";
    case STEP_START:
        return "the replication could not be started";
    default:
        return "the database could not be asked";
    }
}

/* The answer to a command: one result, then none. */
static void take_results(struct source_outbox *s)
{
    enum step step = s->step;
    while (!PQisBusy(s->link.conn)) {
        PGresult *r = PQgetResult(s->link.conn), *answer = s->answer;
        ExecStatusType status = r ? PQresultStatus(r) : PGRES_COMMAND_OK;
        s->answer = r;
        if (!r) { /* the end */
            if (answer)
                take_answer(s, step, answer);
            PQclear(answer);
            return;
        }
        PQclear(answer);
        if (status == PGRES_COPY_BOTH && step == STEP_START) {
            stream_begun(s);
            return;
        }
        if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) {
            fail_link(s, what_failed(step), r);
            return;
        }
    }
}

/* ---- the stream ---- */

static bool was_read(const struct source_outbox *s)
{
    return s->commit < s->start.lsn || (s->commit == s->start.lsn && s->messages <= s->start.n);
}

static bool add_event(struct source_outbox *s, struct slice text)
{
    struct source_event ev;
    struct err e;
    int rc = s->host.message(s->host.ctx, text, &ev, &e);
    if (rc == ERR_OVERLOADED) {
        fail(s, "no memory for an event");
        return false;
    }
    if (rc < 0) {
        s->host.refused(s->host.ctx, e.detail);
        return true;
    }
    s->events[s->count++] = ev;
    s->bytes += ev.event->bytes;
    return true;
}

static bool take_message(struct source_outbox *s, const struct pgoutput *m)
{
    bool ours = slice_is(m->name, s->prefix);
    if (!m->transactional) {
        if (ours)
            s->host.refused(s->host.ctx, "a message outside of a transaction: the first argument "
                                         "of pg_logical_emit_message must be true");
        return true;
    }
    s->messages++; /* all of them: the prefix may be another one day */
    if (was_read(s))
        return true;
    s->at.lsn = s->commit;
    s->at.n = s->messages;
    return !ours || add_event(s, m->content);
}

/* One of the plugin's messages. False when the connection has ended. */
static bool take_data(struct source_outbox *s, struct slice data)
{
    struct pgoutput m;
    struct err e;
    if (pgoutput_read(data, &m, &e) < 0) {
        fail(s, e.detail);
        return false;
    }
    if (m.kind == PGOUTPUT_BEGIN) {
        s->commit = m.lsn;
        s->messages = 0;
    } else if (m.kind == PGOUTPUT_COMMIT) {
        s->commit = 0;
        if (m.end > s->at.lsn) {
            s->at.lsn = s->whole = m.end;
            s->at.n = 0;
        }
    } else if (m.kind == PGOUTPUT_MESSAGE) {
        return take_message(s, &m);
    }
    return true;
}

/* One CopyData message. False when the connection has ended. */
static bool take_copy(struct source_outbox *s, struct slice in)
{
    struct pg_copy copy;
    struct err e;
    if (pg_copy_read(in, &copy, &e) < 0) {
        fail(s, e.detail);
        return false;
    }
    s->heard_ms = uv_now(s->loop);
    if (copy.end > s->server.end)
        s->server.end = copy.end;
    if (copy.kind == PG_COPY_DATA)
        return take_data(s, copy.data);
    /* all commits before it were sent */
    if (!s->commit && copy.end > s->at.lsn) {
        s->at.lsn = s->whole = copy.end;
        s->at.n = 0;
    }
    if (copy.reply)
        send_status(s, false);
    return s->link.conn != NULL;
}

static void stream_ended(struct source_outbox *s)
{
    PGresult *r = PQisBusy(s->link.conn) ? NULL : PQgetResult(s->link.conn);
    fail_link(s, "the replication ended", r);
    PQclear(r);
}

/* Takes what has arrived, some messages at a time, and hands it on. */
static void pump(struct source_outbox *s)
{
    uv_idle_stop(&s->idle);
    for (int i = 0; i < MESSAGES_A_TURN && !is_full(s); i++) {
        char *p = NULL;
        int len = PQgetCopyData(s->link.conn, &p, 1);
        if (len == 0)
            break;
        if (len < 0) {
            stream_ended(s);
            return;
        }
        bool there = take_copy(s, slice_of(p, (size_t)len));
        PQfreemem(p);
        if (!there)
            return;
        if (i == MESSAGES_A_TURN - 1)
            uv_idle_start(&s->idle, on_idle);
    }
    if (s->count && !s->appending)
        advance(s, false);
    if (s->step == STEP_STREAM)
        flush(s);
}

static void on_idle(uv_idle_t *idle)
{
    pump(idle->data);
}

/* Once a second while streaming. */
static void tick(struct source_outbox *s)
{
    uint64_t now = uv_now(s->loop);
    struct outbox_position stored;
    if (!is_full(s) && now - s->heard_ms > s->timeout_ms + STATUS_MS) {
        fail(s, "the connection to the database was lost: no sign of life");
        return;
    }
    /* commits without messages move on too, so that the server can forget */
    if (!s->appending && !s->count && now - s->stored_ms >= IDLE_MS &&
        outbox_position_parse(buf_slice(&s->stored), &stored) && s->at.lsn > stored.lsn)
        advance(s, false);
    if (now - s->asked_ms >= STATUS_MS)
        send_status(s, true);
}

static void on_ready(void *owner, int status, int events)
{
    struct source_outbox *s = owner;
    if (status < 0 || ((events & UV_READABLE) && !PQconsumeInput(s->link.conn))) {
        fail_link(s, "the connection to the database was lost", NULL);
        return;
    }
    if ((events & UV_WRITABLE) && !flush(s))
        return;
    if (s->step == STEP_STREAM)
        pump(s);
    else if (s->step != STEP_BEGIN)
        take_results(s);
}

static void on_connected(void *owner)
{
    ask_text(owner, STEP_IDENTIFY, "IDENTIFY_SYSTEM");
}

static void on_not_connected(void *owner, const char *detail)
{
    fail(owner, detail);
}

static const struct pg_link_ops link_ops = {on_connected, on_not_connected, on_ready,
                                            on_link_handle_gone};

static void connect_begin(struct source_outbox *s)
{
    buf_reset(&s->stored);
    s->host.position(s->host.ctx, &s->stored);
    uv_timer_start(&s->timer, on_timer, s->timeout_ms, 0);
    s->step = STEP_CONNECTING;
    if (s->stored.failed)
        fail(s, "no memory for the position");
    else
        pg_link_open(&s->link);
}

static void on_timer(uv_timer_t *timer)
{
    struct source_outbox *s = timer->data;
    if (s->step == STEP_STREAM)
        tick(s);
    else if (s->step == STEP_OFF && s->appending)
        uv_timer_start(&s->timer, on_timer, RETRY_FIRST_MS, 0); /* its outcome is the position */
    else if (s->step == STEP_OFF)
        connect_begin(s);
    else
        fail(s, s->step == STEP_CONNECTING ? "no connection to the database: no answer in time"
                                           : "the database could not be asked: no answer in time");
}

/* ---- the driver ---- */

static struct source_outbox *from(struct source *base)
{
    return (struct source_outbox *)(void *)base;
}

static void outbox_start(struct source *base)
{
    struct source_outbox *s = from(base);
    if (s->started || s->ending)
        return;
    s->started = true;
    uv_timer_start(&s->timer, on_timer, 0, 0);
}

static void outbox_kick(struct source *base)
{
    struct source_outbox *s = from(base);
    if (s->started && !s->ending && s->step == STEP_OFF)
        uv_timer_start(&s->timer, on_timer, 0, 0);
}

static void outbox_close(struct source *base, void (*closed)(void *arg), void *arg)
{
    struct source_outbox *s = from(base);
    s->closed = closed;
    s->closed_arg = arg;
    s->ending = true;
    if (s->appending)
        disconnect(s);
    else
        end_now(s);
}

static const struct source_ops outbox_ops = {"postgres-outbox", outbox_start, outbox_kick,
                                             outbox_close};

static bool copy(char **to, const char *text)
{
    return !text || (*to = slice_dup(slice_str(text))) != NULL;
}

static int check(const struct source_outbox_conf *conf, struct err *e)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789_";
    PQconninfoOption *options = conf->database ? PQconninfoParse(conf->database, NULL) : NULL;
    if (!options)
        return err_set(e, ERR_BAD_REQUEST,
                       "database is neither a postgres:// URL nor libpq's key=value pairs");
    PQconninfoFree(options);
    if (!conf->slot || !conf->slot[0] || strlen(conf->slot) > OUTBOX_NAME_MAX ||
        strspn(conf->slot, letters) != strlen(conf->slot))
        return err_set(e, ERR_BAD_REQUEST, "slot has 1 to 63 of a-z 0-9 _");
    if (!conf->prefix || !conf->prefix[0])
        return err_set(e, ERR_BAD_REQUEST, "prefix is missing");
    return OK;
}

int source_outbox_new(const struct source_outbox_conf *conf, const struct source_host *host,
                      uv_loop_t *loop, struct source **out, struct err *e)
{
    uint64_t seed;
    int rc = check(conf, e);
    if (rc < 0)
        return rc;
    struct source_outbox *s = calloc(1, sizeof *s);
    if (!s)
        return err_set(e, ERR_OVERLOADED, "no memory for the source");
    s->base.ops = &outbox_ops;
    s->host = *host;
    s->loop = loop;
    s->shown = -1;
    s->stored = s->storing = BUF_INIT;
    s->timeout_ms = conf->timeout_ms ? conf->timeout_ms : SOURCE_OUTBOX_TIMEOUT_MS;
    s->events = calloc(BATCH_EVENTS, sizeof *s->events);
    if (!s->events || !copy(&s->database, conf->database) ||
        !copy(&s->password_file, conf->password_file) || !copy(&s->slot, conf->slot) ||
        !copy(&s->prefix, conf->prefix)) {
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
