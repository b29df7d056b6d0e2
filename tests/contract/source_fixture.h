/* source_fixture.h - a host for the tests of sources: a log in memory that follows core/source.h
 * to the letter (answers later, never inside the call; one thing in flight) and checks each event
 * that it gets against the state it has. */
#ifndef FRESHET_TESTS_SOURCE_FIXTURE_H
#define FRESHET_TESTS_SOURCE_FIXTURE_H

#include "base/map.h"
#include "base/rng.h"
#include "source/source_driver.h"

#define FIXTURE_CHANNEL "trips"
#define FIXTURE_WAIT_MS 30000 /* a test that waits longer has failed */

struct fixture {
    uv_loop_t loop;
    uv_timer_t tick;   /* ends uv_run now and then */
    uv_timer_t answer; /* completes the load or append in flight */
    struct rng rng;
    struct source_host host;
    struct source *source; /* NULL: none is open */
    bool closing;

    struct map live; /* tenant NUL key -> the latest event, tombstones too */
    size_t rows;     /* live ones that are no tombstones */
    size_t events, batches, loads;

    bool loading, appending; /* in flight */
    void (*load_done)(void *arg, int error);
    void (*load_row)(void *arg, struct slice tenant, const struct event *event);
    void (*append_done)(void *arg, int error, const char *detail);
    void *done_arg;
    struct source_event *batch;
    size_t batch_count;

    bool hold;             /* nothing in flight is completed */
    unsigned fail_appends; /* so many of the next ones fail */
    unsigned fail_loads;
    unsigned fail_percent; /* of the appends, at random */

    bool told, ok; /* the last state, told at all */
    char detail[240];
    unsigned states; /* how often the state was told */
    uint64_t runs, changes, failures;
    struct event *last; /* the last event appended */
};

/* Asserts that what a test needs is there. */
void fixture_init(struct fixture *f, uint64_t seed);

/* Closes the source, if one is open, and everything else. */
void fixture_fini(struct fixture *f);

/* Starts a source made for f->host and f->loop. */
void fixture_start(struct fixture *f, struct source *source);

/* Closes the source and waits for it, completing what it is waiting for. */
void fixture_close(struct fixture *f);

/* Runs the loop until `done(f, arg)`; fails the test after FIXTURE_WAIT_MS. */
void fixture_until(struct fixture *f, bool (*done)(struct fixture *f, void *arg), void *arg,
                   const char *what);

/* Shorthands of fixture_until. */
void fixture_until_ok(struct fixture *f);
void fixture_until_failing(struct fixture *f, const char *detail_has);
void fixture_until_events(struct fixture *f, size_t events);
void fixture_until_runs(struct fixture *f, uint64_t runs);

/* Lets the loop run for some ms, for what must not happen meanwhile. */
void fixture_run_ms(struct fixture *f, unsigned ms);

/* The state of a live row, SLICE_NONE when there is none. */
struct slice fixture_row(const struct fixture *f, const char *tenant, const char *key);

/* ---- a kind of database under the contract ---- */

struct contract_driver {
    const char *label;    /* of the tests */
    const char *name;     /* of the source */
    void *(*begin)(void); /* a database without tables */
    void (*end)(void *db);
    /* Executes statements as another program does, and waits for the end. */
    void (*exec)(void *db, const char *sql);
    /* Makes a source for f; returns what the driver's new function does. */
    int (*open)(void *db, const struct source_query_conf *conf, struct fixture *f,
                struct source **out, struct err *e);
    /* Makes the database unreachable, and reachable again. */
    void (*cut)(void *db);
    void (*mend)(void *db);
};

extern const struct contract_driver contract_sqlite, contract_sqlite_wal, contract_postgres;

/* For SQLite's own tests: the path of the file. */
const char *contract_sqlite_path(void *db);

/* For PostgreSQL's own tests: how to connect, by its socket and by a host name. */
const char *contract_postgres_url(void *db);
const char *contract_postgres_url_by_name(void *db);

#endif
