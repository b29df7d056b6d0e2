#include "source/source_sqlite.h"

#include "source/row.h"
#include "source/watch.h"

#include <assert.h>
#include <errno.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/stat.h>

#define BUSY_MS 500 /* how long a look or a query waits for a lock */
#define BUSY_STEP_MS 5
#define PROGRESS_OPS 10000 /* virtual machine steps between looks at `stopping` */
#define REOPEN_TRIES 3
#define LOOK_PERCENT 60 /* of `every` from look to look: the rest is for query and append */

struct source_sqlite {
    struct source base;
    /* the loop's */
    struct watch watch;
    uv_async_t async;
    uv_thread_t thread;
    void (*closed)(void *arg);
    void *closed_arg;

    /* between both, under mutex */
    uv_mutex_t mutex;
    uv_cond_t cond;
    bool task, now;   /* a run is wanted; at once */
    bool quit, ended; /* the thread is to end; has ended */
    bool answered;    /* a run has ended like this: */
    bool queried;
    struct err outcome;
    atomic_bool stopping; /* the run in flight is not wanted any more */

    /* the thread's (and during a run watch.diff) */
    sqlite3 *db;
    sqlite3_stmt *version_stmt; /* PRAGMA data_version */
    bool unseen;                /* the connection is new: what it shows was not looked at */
    struct stat file;           /* what was opened */
    int64_t version;
    struct row_text row;

    /* never change */
    char *database, *query, *key, *tenant_column, *tenant;
    uint32_t look_ms;
};

/* ---- the thread: the database ---- */

static void db_close(struct source_sqlite *s)
{
    sqlite3_finalize(s->version_stmt);
    sqlite3_close_v2(s->db);
    s->version_stmt = NULL;
    s->db = NULL;
}

/* Says why SQLite could not do it. Returns a code below 0. */
static int db_error(struct source_sqlite *s, int rc, const char *what, struct err *e)
{
    int primary = rc & 0xff;
    if (primary == SQLITE_INTERRUPT)
        return err_set(e, ERR_DRAINING, "stopped");
    if (primary == SQLITE_NOMEM)
        return err_set(e, ERR_OVERLOADED, "no memory to read %.150s", s->database);
    if (primary == SQLITE_BUSY || primary == SQLITE_LOCKED)
        return err_set(e, ERR_OVERLOADED, "%s: %.120s is locked by another program", what,
                       s->database);
    if (rc == SQLITE_READONLY_ROLLBACK || rc == SQLITE_READONLY_RECOVERY)
        return err_set(
            e, ERR_OVERLOADED,
            "%s: a program was killed while it wrote to %.80s; it can be read again when "
            "a program that may write has opened it",
            what, s->database);
    const char *text = s->db ? sqlite3_errmsg(s->db) : sqlite3_errstr(rc);
    return err_set(e, ERR_INTERNAL, "%s: %.160s", what, text);
}

static int on_progress(void *arg)
{
    struct source_sqlite *s = arg;
    return atomic_load(&s->stopping);
}

static int on_busy(void *arg, int tries)
{
    struct source_sqlite *s = arg;
    if (tries >= BUSY_MS / BUSY_STEP_MS || atomic_load(&s->stopping))
        return 0;
    sqlite3_sleep(BUSY_STEP_MS);
    return 1;
}

static int file_look(struct source_sqlite *s, struct stat *st, struct err *e)
{
    if (stat(s->database, st) == 0)
        return OK;
    char why[64];
    uv_strerror_r(uv_translate_sys_error(errno), why, sizeof why);
    db_close(s); /* it is another file when it comes back */
    return err_set(e, ERR_NOT_FOUND, "the database file %.120s is not there: %s", s->database, why);
}

static bool same_file(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

static bool same_content(const struct stat *a, const struct stat *b)
{
    return a->st_size == b->st_size && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
           a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* Opens the file that has the name now. *st: how it looked before. */
static int db_open(struct source_sqlite *s, struct stat *st, struct err *e)
{
    for (int i = 0; i < REOPEN_TRIES; i++) {
        struct stat after;
        int rc = sqlite3_open_v2(
            s->database, &s->db,
            SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE, NULL);
        if (rc != SQLITE_OK) {
            rc = db_error(s, rc, "the database can't be opened", e);
            db_close(s);
            return rc;
        }
        rc = file_look(s, &after, e);
        if (rc < 0)
            return rc;
        bool same = same_file(st, &after);
        if (same) {
            sqlite3_extended_result_codes(s->db, 1);
            sqlite3_busy_handler(s->db, on_busy, s);
            sqlite3_progress_handler(s->db, PROGRESS_OPS, on_progress, s);
            s->file = *st;
            s->unseen = true;
            return OK;
        }
        db_close(s);
        *st = after;
    }
    return err_set(e, ERR_OVERLOADED, "the database file %.150s is replaced all the time",
                   s->database);
}

static int read_version(struct source_sqlite *s, int64_t *version, struct err *e)
{
    int rc = SQLITE_OK;
    if (!s->version_stmt)
        rc = sqlite3_prepare_v2(s->db, "PRAGMA data_version", -1, &s->version_stmt, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(s->version_stmt);
    if (rc == SQLITE_ROW)
        *version = sqlite3_column_int64(s->version_stmt, 0);
    int result = rc == SQLITE_ROW ? OK : db_error(s, rc, "the database can't be read", e);
    sqlite3_reset(s->version_stmt); /* releases the read lock */
    return result;
}

/* Looks at the file and at the database's version; *changed: the query has to run. */
static int look(struct source_sqlite *s, bool *changed, struct err *e)
{
    struct stat st;
    int64_t version = 0;
    int rc = file_look(s, &st, e);
    if (rc < 0)
        return rc;
    if (s->db && !same_file(&st, &s->file))
        db_close(s);
    if (!s->db && (rc = db_open(s, &st, e)) < 0)
        return rc;
    if ((rc = read_version(s, &version, e)) < 0)
        return rc;
    /* Other bytes under the same version are a checkpoint, or a file that was written over from
     * outside of SQLite: then what the connection has in its cache means nothing. */
    if (!s->unseen && version == s->version && !same_content(&st, &s->file)) {
        db_close(s);
        if ((rc = db_open(s, &st, e)) < 0 || (rc = read_version(s, &version, e)) < 0)
            return rc;
    }
    *changed = s->unseen || version != s->version;
    s->unseen = false;
    s->version = version;
    s->file = st;
    return OK;
}

static int prepare(struct source_sqlite *s, sqlite3_stmt **stmt, struct err *e)
{
    const char *rest = NULL;
    int rc = sqlite3_prepare_v2(s->db, s->query, -1, stmt, &rest);
    if (rc != SQLITE_OK)
        return db_error(s, rc, "the query failed", e);
    while (*rest == ' ' || *rest == '\t' || *rest == '\r' || *rest == '\n' || *rest == ';')
        rest++;
    if (!*stmt || *rest)
        return err_set(e, ERR_BAD_REQUEST, "the query is not one statement");
    if (!sqlite3_stmt_readonly(*stmt) || sqlite3_column_count(*stmt) == 0)
        return err_set(e, ERR_BAD_REQUEST, "the query is no statement that reads rows");
    if (sqlite3_bind_parameter_count(*stmt) > 0)
        return err_set(e, ERR_BAD_REQUEST,
                       "the query has parameters: there are no values for them");
    return OK;
}

static int set_columns(struct source_sqlite *s, sqlite3_stmt *stmt, struct err *e)
{
    int count = sqlite3_column_count(stmt);
    const char **names = calloc((size_t)count, sizeof *names);
    if (!names)
        return err_set(e, ERR_OVERLOADED, "no memory for the columns of the query");
    int rc = OK;
    for (int i = 0; i < count && rc == OK; i++)
        if (!(names[i] = sqlite3_column_name(stmt, i)))
            rc = err_set(e, ERR_OVERLOADED, "no memory for the columns of the query");
    if (rc == OK)
        rc = row_text_columns(&s->row, names, (unsigned)count, s->key, s->tenant_column, e);
    free(names);
    return rc;
}

/* A column that its table declares BOOLEAN holds 0 and 1 and means false and true. */
static bool is_truth(sqlite3_stmt *stmt, int i)
{
    const char *declared = sqlite3_column_decltype(stmt, i);
    sqlite3_int64 n = sqlite3_column_int64(stmt, i);
    struct slice type = slice_str(declared);
    return (n == 0 || n == 1) &&
           (slice_is_nocase(type, "boolean") || slice_is_nocase(type, "bool"));
}

static bool put_value(struct row_text *row, sqlite3_stmt *stmt, int i)
{
    int type = sqlite3_column_type(stmt, i);
    if (type == SQLITE_NULL) {
        row_put_null(row);
    } else if (type == SQLITE_INTEGER && is_truth(stmt, i)) {
        row_put_json(row, slice_str(sqlite3_column_int64(stmt, i) ? "true" : "false"));
    } else if (type == SQLITE_INTEGER) {
        row_put_int(row, sqlite3_column_int64(stmt, i));
    } else if (type == SQLITE_FLOAT) {
        row_put_real(row, sqlite3_column_double(stmt, i));
    } else {
        const char *p = type == SQLITE_TEXT ? (const char *)sqlite3_column_text(stmt, i)
                                            : sqlite3_column_blob(stmt, i);
        int len = sqlite3_column_bytes(stmt, i);
        if (!p && len) /* no memory to convert it */
            return false;
        struct slice value = slice_of(p ? p : "", (size_t)len);
        if (type == SQLITE_TEXT)
            row_put_text(row, value);
        else
            row_put_bytes(row, value);
    }
    return true;
}

static int take_row(struct source_sqlite *s, sqlite3_stmt *stmt, struct err *e)
{
    struct row_text *row = &s->row;
    row_text_begin(row);
    for (unsigned i = 0; i < row->columns; i++)
        if (!put_value(row, stmt, (int)i))
            return err_set(e, ERR_OVERLOADED, "no memory for a row of the query");
    int rc = row_text_end(row, e);
    if (rc < 0)
        return rc;
    struct slice tenant = s->tenant_column ? buf_slice(&row->tenant_text) : slice_str(s->tenant);
    return diff_row(s->watch.diff, tenant, buf_slice(&row->key_text), buf_slice(&row->object), e);
}

/* Runs the query into the diff. The statement is made anew each time: changes are rare, and the
 * schema may be one of them. */
static int run_query(struct source_sqlite *s, struct err *e)
{
    sqlite3_stmt *stmt = NULL;
    bool first = true;
    diff_begin(s->watch.diff);
    int rc = prepare(s, &stmt, e);
    while (rc == OK) {
        int step = sqlite3_step(stmt);
        if (step != SQLITE_ROW && step != SQLITE_DONE)
            rc = db_error(s, step, "the query failed", e);
        else if (first) /* the first step may have met another schema: only now they are certain */
            rc = set_columns(s, stmt, e);
        first = false;
        if (rc < 0 || step == SQLITE_DONE)
            break;
        rc = take_row(s, stmt, e);
    }
    sqlite3_finalize(stmt); /* releases the read lock before the rows are compared to the end */
    return rc < 0 ? rc : diff_end(s->watch.diff, e);
}

/* ---- the thread: runs ---- */

/* Sleeps until the next look is due, or something else is wanted. Returns true when the query is to
 * run at once. */
static bool sleep_until_look(struct source_sqlite *s)
{
    uv_mutex_lock(&s->mutex);
    if (!s->now && !atomic_load(&s->stopping))
        uv_cond_timedwait(&s->cond, &s->mutex, (uint64_t)s->look_ms * 1000000);
    bool now = s->now;
    uv_mutex_unlock(&s->mutex);
    return now;
}

/* Waits for a change (or not, when now), then runs the query. */
static int run(struct source_sqlite *s, bool now, bool *queried, struct err *e)
{
    for (;;) {
        bool changed;
        int rc = look(s, &changed, e);
        if (rc < 0)
            return rc;
        if (atomic_load(&s->stopping))
            return err_set(e, ERR_DRAINING, "stopped");
        if (changed || now)
            break;
        now = sleep_until_look(s);
    }
    uv_mutex_lock(&s->mutex);
    s->task = false; /* too late to hurry it */
    uv_mutex_unlock(&s->mutex);
    *queried = true;
    return run_query(s, e);
}

static void thread_main(void *arg)
{
    struct source_sqlite *s = arg;
    uv_mutex_lock(&s->mutex);
    while (!s->quit) {
        if (!s->task) {
            uv_cond_wait(&s->cond, &s->mutex);
            continue;
        }
        bool now = s->now, queried = false;
        struct err outcome = {OK, -1, ""};
        uv_mutex_unlock(&s->mutex);
        int rc = run(s, now, &queried, &outcome);
        if (rc < 0) /* whatever it was: start from nothing next time */
            db_close(s);
        uv_mutex_lock(&s->mutex);
        s->task = s->now = false;
        s->answered = true;
        s->queried = queried;
        s->outcome = outcome;
        s->outcome.code = rc;
        uv_mutex_unlock(&s->mutex);
        uv_async_send(&s->async);
        uv_mutex_lock(&s->mutex);
    }
    uv_mutex_unlock(&s->mutex);
    db_close(s);
    uv_mutex_lock(&s->mutex);
    s->ended = true;
    uv_mutex_unlock(&s->mutex);
    uv_async_send(&s->async);
}

/* ---- the loop ---- */

static void release(struct source_sqlite *s)
{
    uv_cond_destroy(&s->cond);
    uv_mutex_destroy(&s->mutex);
    row_text_fini(&s->row);
    watch_fini(&s->watch);
    free(s->database);
    free(s->query);
    free(s->key);
    free(s->tenant_column);
    free(s->tenant);
    free(s);
}

static void on_async_closed(uv_handle_t *handle)
{
    struct source_sqlite *s = handle->data;
    void (*closed)(void *arg) = s->closed;
    void *arg = s->closed_arg;
    release(s);
    if (closed)
        closed(arg);
}

static void on_async(uv_async_t *async)
{
    struct source_sqlite *s = async->data;
    uv_mutex_lock(&s->mutex);
    bool answered = s->answered, ended = s->ended, queried = s->queried;
    struct err outcome = s->outcome;
    s->answered = false;
    uv_mutex_unlock(&s->mutex);
    if (answered)
        watch_ran(&s->watch, outcome.code, outcome.detail, queried);
    if (ended && !uv_is_closing((uv_handle_t *)async)) {
        uv_thread_join(&s->thread); /* it has nothing left to do */
        uv_close((uv_handle_t *)async, on_async_closed);
    }
}

static void run_begin(void *driver, bool now)
{
    struct source_sqlite *s = driver;
    uv_mutex_lock(&s->mutex);
    s->task = true;
    s->now = now;
    uv_cond_signal(&s->cond);
    uv_mutex_unlock(&s->mutex);
}

static bool run_hurry(void *driver)
{
    struct source_sqlite *s = driver;
    uv_mutex_lock(&s->mutex);
    bool waits = s->task;
    if (waits)
        s->now = true;
    uv_cond_signal(&s->cond);
    uv_mutex_unlock(&s->mutex);
    return waits;
}

static void run_stop(void *driver)
{
    struct source_sqlite *s = driver;
    uv_mutex_lock(&s->mutex);
    atomic_store(&s->stopping, true);
    uv_cond_signal(&s->cond);
    uv_mutex_unlock(&s->mutex);
}

static const struct watch_ops watch_ops = {run_begin, run_hurry, run_stop};

static struct source_sqlite *from(struct source *base)
{
    return (struct source_sqlite *)(void *)base;
}

static void sqlite_start(struct source *base)
{
    watch_start(&from(base)->watch);
}

static void sqlite_kick(struct source *base)
{
    watch_kick(&from(base)->watch);
}

static void on_watch_ended(void *driver)
{
    struct source_sqlite *s = driver;
    uv_mutex_lock(&s->mutex);
    s->quit = true;
    uv_cond_signal(&s->cond);
    uv_mutex_unlock(&s->mutex);
}

static void sqlite_close(struct source *base, void (*closed)(void *arg), void *arg)
{
    struct source_sqlite *s = from(base);
    s->closed = closed;
    s->closed_arg = arg;
    watch_end(&s->watch, on_watch_ended);
}

static const struct source_ops sqlite_ops = {"sqlite", sqlite_start, sqlite_kick, sqlite_close};

static bool copy(char **to, const char *text)
{
    return !text || (*to = slice_dup(slice_str(text))) != NULL;
}

static struct source_sqlite *allocate(const struct source_sqlite_conf *conf)
{
    const struct source_query_conf *q = &conf->query;
    struct source_sqlite *s = calloc(1, sizeof *s);
    if (!s || uv_mutex_init(&s->mutex) < 0) {
        free(s);
        return NULL;
    }
    if (uv_cond_init(&s->cond) < 0) {
        uv_mutex_destroy(&s->mutex);
        free(s);
        return NULL;
    }
    row_text_init(&s->row);
    atomic_init(&s->stopping, false);
    s->base.ops = &sqlite_ops;
    if (copy(&s->database, conf->database) && copy(&s->query, q->query) && copy(&s->key, q->key) &&
        copy(&s->tenant_column, q->tenant_column) && copy(&s->tenant, q->tenant))
        return s;
    release(s);
    return NULL;
}

int source_sqlite_new(const struct source_sqlite_conf *conf, const struct source_host *host,
                      uv_loop_t *loop, struct source **out, struct err *e)
{
    struct source_query_conf q = conf->query;
    if (!conf->database || !conf->database[0])
        return err_set(e, ERR_BAD_REQUEST, "database is missing: the path of the SQLite file");
    int rc = watch_check(&q, e);
    if (rc < 0)
        return rc;
    if (!q.every_ms)
        q.every_ms = SOURCE_SQLITE_EVERY_MS;
    struct source_sqlite *s = allocate(conf);
    if (!s)
        return err_set(e, ERR_OVERLOADED, "no memory for the source");
    s->look_ms = q.every_ms > 1 ? (uint32_t)((uint64_t)q.every_ms * LOOK_PERCENT / 100) : 1;
    s->async.data = s;
    if (watch_init(&s->watch, &q, host, loop, &watch_ops, s) < 0) {
        release(s);
        return err_set(e, ERR_OVERLOADED, "no memory for the source");
    }
    if (uv_async_init(loop, &s->async, on_async) < 0) {
        release(s);
        return err_set(e, ERR_INTERNAL, "no descriptor for the source");
    }
    if (uv_thread_create(&s->thread, thread_main, s) < 0) {
        uv_close((uv_handle_t *)&s->async, on_async_closed); /* releases it */
        return err_set(e, ERR_INTERNAL, "no thread for the source");
    }
    *out = &s->base;
    return OK;
}
