/* watch.h - what every watched query does on its owner's loop, whatever the database: read the
 * last known rows from the log, run, append the difference, remember it, run again; and when
 * something fails, say so, wait (longer each time, with jitter) and start over.
 *
 *   load -> run -> append -> run ...        one of them at a time
 *   any of them failing: wait, then again   (load when the rows are not loaded yet, else run)
 *
 * Owns the diff, the timer and the order of things; the driver owns the database. Never blocks.
 * All on the loop's thread. */
#ifndef FRESHET_SOURCE_WATCH_H
#define FRESHET_SOURCE_WATCH_H

#include "base/rng.h"
#include "source/diff.h"
#include "source/source_driver.h"

/* The wait after a failure begins with `every` or a second, whichever is less, and doubles with
 * each failure up to 5 s, or up to `every` where that is longer, but at most a minute. */
#define WATCH_RETRY_FIRST_MS 1000
#define WATCH_RETRY_MAX_MS 5000
#define WATCH_RETRY_CEILING_MS 60000

/* What a driver does for its watch. */
struct watch_ops {
    /* Begins one run, which ends with one call of watch_ran, never inside this call. now: query at
     * once; otherwise as soon as there may be something new, or watch_ops.hurry. */
    void (*run)(void *driver, bool now);

    /* A run is in flight: if it still waits for something new, it is to query at once. Returns
     * true when it will; false when the query is under way already. */
    bool (*hurry)(void *driver);

    /* A run is in flight and not wanted any more: it is to end soon, with watch_ran. */
    void (*stop)(void *driver);
};

enum watch_phase {
    WATCH_NEW,
    WATCH_LOADING,
    WATCH_RUNNING,
    WATCH_APPENDING,
    WATCH_WAITING, /* for the next attempt after a failure */
    WATCH_ENDED,
};

struct watch {
    const struct watch_ops *ops;
    void *driver;
    struct source_host host;
    struct diff *diff;
    uv_loop_t *loop;
    uv_timer_t timer; /* from start to end */
    struct rng rng;
    enum watch_phase phase;
    bool loaded;      /* the last known rows are known */
    bool load_failed; /* no memory for one of them */
    bool kicked;      /* the next run is to query at once */
    bool ending;
    int shown;        /* what the host was told: -1 nothing, 0 failing, 1 ok */
    char detail[240]; /* and why */
    uint32_t every_ms, retry_ms;
    char *channel;
    void (*ended)(void *driver);
};

/* Checks conf as every driver needs it. 0, or ERR_BAD_REQUEST with e naming the option. */
int watch_check(const struct source_query_conf *conf, struct err *e);

/* conf (checked) and host are copied. 0, or ERR_OVERLOADED (no memory). */
int watch_init(struct watch *w, const struct source_query_conf *conf,
               const struct source_host *host, uv_loop_t *loop, const struct watch_ops *ops,
               void *driver);

void watch_start(struct watch *w);
void watch_kick(struct watch *w);

/* The run ended on the loop's thread. error 0: w->diff is between diff_end and diff_commit, and its
 * events are appended now. Otherwise: the run failed for the reason `detail`, w->diff is as after
 * diff_begin or before it. queried: the query was sent, the run counts. */
void watch_ran(struct watch *w, int error, const char *detail, bool queried);

/* The run in flight can't go on for a while, by intention: that is its state now, and no failure.
 */
void watch_waits(struct watch *w, const char *detail);

/* The run in flight has ended before it queried, and others may have written to the log: the last
 * known rows are read again before the next one. */
void watch_reload(struct watch *w);

/* Ends: `ended` is called once (inside the call when it was never started), with nothing in flight
 * and the timer closed; the memory is released by watch_fini after that. */
void watch_end(struct watch *w, void (*ended)(void *driver));

/* After `ended`, or after watch_init alone failed. */
void watch_fini(struct watch *w);

#endif
