#include "store/store_sqlite.h"

#include "store/gate.h"
#include "store/logdb.h"
#include "store/logdb_load.h"
#include "store/logdb_read.h"
#include "store/logdb_write.h"
#include "store/reads.h"

#include <assert.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

#define BATCHES 16 /* appends queued or not reported; the owner has one in flight */
#define PAGES_A_DRAIN 64
#define READERS_MAX 16
#define READERS 2
#define WAL_PAGES 1000
#define RESTART_AFTER 4 /* times wal_pages: then the log is begun anew by force */

struct outcome {
    int error;
    char detail[240];
};

struct reader_thread {
    struct store_sqlite *store;
    sqlite3 *conn;
    struct logdb_reader *reader;
    pthread_t thread;
};

struct store_sqlite {
    struct store base;
    struct logdb db;
    sqlite3 *write_conn, *checkpoint_conn;
    struct logdb_writer *writer;
    struct reader_thread readers[READERS_MAX];
    unsigned reader_count; /* made, not necessarily started */
    uint32_t wal_limit;    /* pages */
    pthread_t write_thread, checkpoint_thread;
    unsigned threads; /* started: the writer, the checkpointer, then readers */
    bool has_locks;

    /* Batches and reads are inside; a checkpoint that begins the log anew is alone. */
    struct gate gate;

    struct reads reads; /* the owner's thread only */

    pthread_mutex_t lock; /* for all below */
    pthread_cond_t batch_queued, read_queued, checkpoint_due;
    const struct store_batch *batches[BATCHES]; /* a ring: what is to be stored */
    unsigned batch_first, batch_count;
    struct outcome outcomes[BATCHES]; /* a ring: what is to be reported */
    unsigned outcome_first, outcome_count;
    struct list reads_queued, reads_done;
    bool checkpoint_wanted, closing;
    struct store_stats stats;
};

/* Whether drain() has nothing to do. With the lock held. */
static bool nothing_done(const struct store_sqlite *s)
{
    return s->outcome_count == 0 && list_empty(&s->reads_done);
}

static void wake(const struct store_sqlite *s)
{
    if (s->base.wake)
        s->base.wake(s->base.wake_ctx);
}

static void append(struct store *store, const struct store_batch *batch)
{
    struct store_sqlite *s = (struct store_sqlite *)store;
    pthread_mutex_lock(&s->lock);
    assert(s->batch_count + s->outcome_count < BATCHES);
    s->batches[(s->batch_first + s->batch_count++) % BATCHES] = batch;
    pthread_cond_signal(&s->batch_queued);
    pthread_mutex_unlock(&s->lock);
}

/* Takes the first batch off the queue and puts its outcome onto the other. With the lock held. */
static void note_outcome(struct store_sqlite *s, int error, const struct err *e, size_t events)
{
    s->batch_first = (s->batch_first + 1) % BATCHES;
    s->batch_count--;
    struct outcome *o = &s->outcomes[(s->outcome_first + s->outcome_count++) % BATCHES];
    o->error = error;
    snprintf(o->detail, sizeof o->detail, "%s", error ? e->detail : "");
    s->stats.appends++;
    s->stats.append_errors += error != 0;
    s->stats.events += events;
    s->stats.writable = error == 0;
    snprintf(s->stats.detail, sizeof s->stats.detail, "%.*s", (int)sizeof s->stats.detail - 1,
             o->detail);
}

static size_t count_events(const struct store_batch *batch)
{
    size_t n = 0;
    for (size_t i = 0; i < batch->count; i++)
        n += batch->rows[i].kind == STORE_EVENT;
    return n;
}

static void *write_main(void *arg)
{
    struct store_sqlite *s = arg;
    uint32_t checkpointed = 0; /* length of the log when a checkpoint was last asked for */
    pthread_mutex_lock(&s->lock);
    for (;;) {
        while (s->batch_count == 0 && !s->closing)
            pthread_cond_wait(&s->batch_queued, &s->lock);
        if (s->batch_count == 0)
            break;
        const struct store_batch *batch = s->batches[s->batch_first];
        pthread_mutex_unlock(&s->lock);

        struct err e = {.detail = ""};
        gate_enter(&s->gate);
        int error = logdb_write(s->writer, batch, &e);
        gate_leave(&s->gate);
        size_t events = error ? 0 : count_events(batch);
        uint32_t pages = logdb_writer_wal_pages(s->writer);
        if (pages < checkpointed)
            checkpointed = 0; /* the log has begun anew */

        pthread_mutex_lock(&s->lock);
        bool idle = nothing_done(s);
        note_outcome(s, error, &e, events);
        if (pages - checkpointed >= s->wal_limit) {
            checkpointed = pages;
            s->checkpoint_wanted = true;
            pthread_cond_signal(&s->checkpoint_due);
        }
        if (idle) {
            pthread_mutex_unlock(&s->lock);
            wake(s);
            pthread_mutex_lock(&s->lock);
        }
    }
    pthread_mutex_unlock(&s->lock);
    return NULL;
}

/* A checkpoint copies what is committed into the file while others go on. Where the log has become
 * long all the same (it can only begin anew in a moment when nobody reads it and all of it has been
 * copied), that moment is made: all wait while the little that came meanwhile is copied. What
 * fails is tried again when the log has grown on; nothing is lost by it. */
static void checkpoint(struct store_sqlite *s)
{
    int pages = 0;
    if (atomic_load(&s->db.damaged))
        return;
    sqlite3_wal_checkpoint_v2(s->checkpoint_conn, NULL, SQLITE_CHECKPOINT_PASSIVE, &pages, NULL);
    if (pages < 0 || (uint32_t)pages < RESTART_AFTER * s->wal_limit)
        return;
    gate_close(&s->gate);
    sqlite3_wal_checkpoint_v2(s->checkpoint_conn, NULL, SQLITE_CHECKPOINT_RESTART, NULL, NULL);
    gate_open(&s->gate);
}

static void *checkpoint_main(void *arg)
{
    struct store_sqlite *s = arg;
    pthread_mutex_lock(&s->lock);
    for (;;) {
        while (!s->checkpoint_wanted && !s->closing)
            pthread_cond_wait(&s->checkpoint_due, &s->lock);
        if (s->closing)
            break;
        s->checkpoint_wanted = false;
        pthread_mutex_unlock(&s->lock);
        checkpoint(s);
        pthread_mutex_lock(&s->lock);
    }
    pthread_mutex_unlock(&s->lock);
    return NULL;
}

static void read_page(struct store_sqlite *s, const struct reader_thread *r, struct page_spec *spec)
{
    struct page *page;
    while (!(page = page_new())) /* an answer is owed: wait until there is memory for one */
        nanosleep(&(struct timespec){0, 10000000}, NULL);
    gate_enter(&s->gate);
    page->error = logdb_read(r->reader, spec, page);
    gate_leave(&s->gate);
    if (page->error) {
        for (; page->count > 0; page->count--)
            event_unref(page->entries[page->count - 1].event);
        page->more = false;
    }
    spec->job.page = page;
}

static void *read_main(void *arg)
{
    struct reader_thread *r = arg;
    struct store_sqlite *s = r->store;
    pthread_mutex_lock(&s->lock);
    for (;;) {
        while (list_empty(&s->reads_queued) && !s->closing)
            pthread_cond_wait(&s->read_queued, &s->lock);
        if (s->closing)
            break;
        struct page_spec *spec = reads_spec(list_pop(&s->reads_queued));
        if (!spec->job.cancelled) {
            pthread_mutex_unlock(&s->lock);
            read_page(s, r, spec);
            pthread_mutex_lock(&s->lock);
            s->stats.reads++;
            s->stats.read_errors += spec->job.page->error != 0;
        }
        bool idle = nothing_done(s);
        list_push_back(&s->reads_done, &spec->job.queue);
        if (idle) {
            pthread_mutex_unlock(&s->lock);
            wake(s);
            pthread_mutex_lock(&s->lock);
        }
    }
    pthread_mutex_unlock(&s->lock);
    return NULL;
}

static void read_log(struct store *store, struct page_spec *spec, void *token)
{
    struct store_sqlite *s = (struct store_sqlite *)store;
    reads_add(&s->reads, spec, token);
    pthread_mutex_lock(&s->lock);
    list_push_back(&s->reads_queued, &spec->job.queue);
    pthread_cond_signal(&s->read_queued);
    pthread_mutex_unlock(&s->lock);
}

/* Where the read is now is a thread's business; it comes back through drain, which drops it. */
static void cancel(struct store *store, void *token)
{
    struct store_sqlite *s = (struct store_sqlite *)store;
    struct page_spec *spec;
    while ((spec = reads_take(&s->reads, token))) {
        pthread_mutex_lock(&s->lock);
        spec->job.cancelled = true;
        pthread_mutex_unlock(&s->lock);
    }
}

static void report_read(struct store_sqlite *s, struct page_spec *spec)
{
    void *token = spec->job.token;
    struct page *page = spec->job.page;
    bool wanted = reads_finish(spec);
    free(spec);
    if (wanted)
        s->base.done.page(s->base.done.ctx, token, page);
    else
        page_free(page);
}

static bool drain(struct store *store)
{
    struct store_sqlite *s = (struct store_sqlite *)store;
    struct outcome outcomes[BATCHES];
    struct list reads;
    list_init(&reads);
    pthread_mutex_lock(&s->lock);
    unsigned count = s->outcome_count;
    for (unsigned i = 0; i < count; i++)
        outcomes[i] = s->outcomes[(s->outcome_first + i) % BATCHES];
    s->outcome_first = (s->outcome_first + count) % BATCHES;
    s->outcome_count = 0;
    for (unsigned i = 0; i < PAGES_A_DRAIN && !list_empty(&s->reads_done); i++)
        list_push_back(&reads, list_pop(&s->reads_done));
    bool more = !list_empty(&s->reads_done);
    pthread_mutex_unlock(&s->lock);
    for (unsigned i = 0; i < count; i++)
        s->base.done.stored(s->base.done.ctx, outcomes[i].error, outcomes[i].detail);
    while (!list_empty(&reads))
        report_read(s, reads_spec(list_pop(&reads)));
    return more;
}

static uint64_t file_bytes(const char *path, const char *suffix)
{
    char name[4096];
    struct stat st;
    int len = snprintf(name, sizeof name, "%s%s", path, suffix);
    return len > 0 && (size_t)len < sizeof name && stat(name, &st) == 0 ? (uint64_t)st.st_size : 0;
}

static void stats(struct store *store, struct store_stats *out)
{
    struct store_sqlite *s = (struct store_sqlite *)store;
    pthread_mutex_lock(&s->lock);
    *out = s->stats;
    pthread_mutex_unlock(&s->lock);
    out->bytes = file_bytes(s->db.path, "") + file_bytes(s->db.path, "-wal");
}

/* On the writer's connection: its thread has nothing to do before the first append. */
static int load(struct store *store, int (*row)(void *ctx, const struct store_row *row), void *ctx,
                struct err *e)
{
    struct store_sqlite *s = (struct store_sqlite *)store;
    return logdb_load(&s->db, s->write_conn, row, ctx, e);
}

static void stop_threads(struct store_sqlite *s)
{
    pthread_mutex_lock(&s->lock);
    s->closing = true;
    pthread_cond_broadcast(&s->batch_queued);
    pthread_cond_broadcast(&s->read_queued);
    pthread_cond_broadcast(&s->checkpoint_due);
    pthread_mutex_unlock(&s->lock);
    if (s->threads > 0)
        pthread_join(s->write_thread, NULL);
    if (s->threads > 1)
        pthread_join(s->checkpoint_thread, NULL);
    for (unsigned i = 2; i < s->threads; i++)
        pthread_join(s->readers[i - 2].thread, NULL);
}

/* The last connection checkpoints what is left; a damaged file is left as it is. */
static void close_connections(struct store_sqlite *s)
{
    for (unsigned i = 0; i < s->reader_count; i++) {
        logdb_reader_free(s->readers[i].reader);
        sqlite3_close(s->readers[i].conn);
    }
    sqlite3_close(s->checkpoint_conn);
    bool had_writer = s->writer != NULL;
    logdb_writer_free(s->writer);
    if (had_writer && !atomic_load(&s->db.damaged))
        sqlite3_db_config(s->write_conn, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, NULL);
    sqlite3_close(s->write_conn);
}

/* Also of one that was not opened wholly. */
static void close_sqlite(struct store *store)
{
    struct store_sqlite *s = (struct store_sqlite *)store;
    if (!s)
        return;
    if (s->has_locks)
        stop_threads(s);
    reads_drop(&s->reads_queued);
    reads_drop(&s->reads_done);
    close_connections(s);
    logdb_fini(&s->db);
    if (s->has_locks) {
        pthread_cond_destroy(&s->checkpoint_due);
        pthread_cond_destroy(&s->read_queued);
        pthread_cond_destroy(&s->batch_queued);
        pthread_mutex_destroy(&s->lock);
        gate_fini(&s->gate);
    }
    free(s);
}

static int no_resources(struct err *e)
{
    return err_set(e, ERR_OVERLOADED, "no memory or threads for the store");
}

static int make_locks(struct store_sqlite *s, struct err *e)
{
    if (gate_init(&s->gate))
        return no_resources(e);
    if (pthread_mutex_init(&s->lock, NULL))
        goto gate;
    if (pthread_cond_init(&s->batch_queued, NULL))
        goto lock;
    if (pthread_cond_init(&s->read_queued, NULL))
        goto batch_queued;
    if (pthread_cond_init(&s->checkpoint_due, NULL))
        goto read_queued;
    s->has_locks = true;
    return 0;
read_queued:
    pthread_cond_destroy(&s->read_queued);
batch_queued:
    pthread_cond_destroy(&s->batch_queued);
lock:
    pthread_mutex_destroy(&s->lock);
gate:
    gate_fini(&s->gate);
    return no_resources(e);
}

static int connect_all(struct store_sqlite *s, unsigned readers, struct err *e)
{
    int error = logdb_connect(&s->db, &s->write_conn, e);
    if (!error)
        error = logdb_check(&s->db, s->write_conn, e);
    if (!error)
        error = logdb_connect(&s->db, &s->checkpoint_conn, e);
    if (!error) /* it must not wait for another program's reader while all wait for it */
        sqlite3_busy_timeout(s->checkpoint_conn, 0);
    while (!error && s->reader_count < readers) {
        struct reader_thread *r = &s->readers[s->reader_count++];
        r->store = s;
        error = logdb_connect(&s->db, &r->conn, e);
        if (!error)
            error = logdb_reader_new(&s->db, r->conn, &r->reader, e);
    }
    if (!error)
        error = logdb_writer_new(&s->db, s->write_conn, &s->writer, e);
    return error;
}

static int start_threads(struct store_sqlite *s, struct err *e)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(&s->write_thread, NULL, write_main, s);
    s->threads += !failed;
    if (!failed) {
        failed = pthread_create(&s->checkpoint_thread, NULL, checkpoint_main, s);
        s->threads += !failed;
    }
    for (unsigned i = 0; i < s->reader_count && !failed; i++) {
        failed = pthread_create(&s->readers[i].thread, NULL, read_main, &s->readers[i]);
        s->threads += !failed;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return failed ? no_resources(e) : 0;
}

int store_sqlite_open(const char *path, const struct store_conf *conf, struct store **out,
                      struct err *e)
{
    static const struct store_ops ops = {
        .name = "sqlite",
        .durable = true,
        .load = load,
        .append = append,
        .read = read_log,
        .cancel = cancel,
        .drain = drain,
        .stats = stats,
        .close = close_sqlite,
    };
    struct store_sqlite *s = calloc(1, sizeof *s);
    if (!s)
        return no_resources(e);
    s->base.ops = &ops;
    s->stats.writable = true;
    s->wal_limit = conf->wal_pages ? conf->wal_pages : WAL_PAGES;
    s->db.lock_fd = -1;
    list_init(&s->reads_queued);
    list_init(&s->reads_done);
    reads_init(&s->reads);
    unsigned readers = conf->readers ? conf->readers : READERS;
    int error = make_locks(s, e);
    if (!error)
        error = logdb_init(&s->db, path, conf, e);
    if (!error)
        error = connect_all(s, readers < READERS_MAX ? readers : READERS_MAX, e);
    if (!error)
        error = start_threads(s, e);
    if (error) {
        close_sqlite(&s->base);
        return error;
    }
    *out = &s->base;
    return 0;
}
