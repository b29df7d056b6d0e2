/* source.h - the port to where events come from besides publishing: a watched query, an outbox.
 * Drivers (src/source) run on the owner's loop and hand batches to the hub.
 *
 * A source owns its keyed channels: nobody else publishes there. Its last known rows are the
 * latest-of-key states in the log, read back at start; appending a change and remembering it are
 * one transaction. One run is in flight at a time, and the next begins only after the append of
 * the one before was reported. */
#ifndef FRESHET_CORE_SOURCE_H
#define FRESHET_CORE_SOURCE_H

#include "base/buf.h"
#include "base/err.h"
#include "base/event.h"

/* One change found by a source. Takes nothing: the events' references are taken by append. */
struct source_event {
    struct slice tenant;
    struct event *event;
};

/* What a driver calls. All on the owner's thread. */
struct source_host {
    void *ctx;

    /* Calls `row` with the latest live event of each key of the source's channel, in any order,
     * for every tenant; borrows. For start-up. Returns 0, or an err_code (store not readable):
     * then try again later. May answer later: `done` is called exactly once, after the last row,
     * never inside the call. */
    void (*load)(void *ctx, struct slice channel,
                 void (*row)(void *arg, struct slice tenant, const struct event *event),
                 void (*done)(void *arg, int error), void *arg);

    /* Appends a batch of one source as one transaction together with the source's position
     * (position.p NULL: unchanged). Takes one reference of each event, the array is borrowed.
     * `done` is called exactly once, never inside the call, with 0 or an err_code and its detail;
     * after an error nothing of the batch is in the log. */
    void (*append)(void *ctx, const struct source_event *events, size_t count,
                   struct slice position, void (*done)(void *arg, int error, const char *detail),
                   void *arg);

    /* The source's state changed: ready to be served, or why not (detail, one sentence). Shown by
     * /readyz, the statistics and one log line per change. */
    void (*state)(void *ctx, bool ok, const char *detail);

    /* Counters, added to the source's metrics. */
    void (*count)(void *ctx, uint64_t runs, uint64_t changes, uint64_t failures);

    /* What an outbox needs besides; a watched query calls none of these. */

    /* Appends the position that is in the store to out, nothing when there is none. */
    void (*position)(void *ctx, struct buf *out);

    /* Makes the event that a message (JSON text, not looked at yet) asks for, with one reference,
     * the caller's; its tenant is borrowed until the source is closed. 0; ERR_OVERLOADED: no
     * memory; or another error with *e: such an event may not be. */
    int (*message)(void *ctx, struct slice text, struct source_event *out, struct err *e);

    /* As append, when the position in the store is `from` still (empty: none); it becomes `to`.
     * ERR_CONFLICT: it is another, nothing was appended. gap: an entry that tells of a loss comes
     * first, in each channel that the source may write. */
    void (*advance)(void *ctx, const struct source_event *events, size_t count, struct slice from,
                    struct slice to, bool gap,
                    void (*done)(void *arg, int error, const char *detail), void *arg);

    /* A message was passed over. Counted, and one log line. */
    void (*refused)(void *ctx, const char *detail);

    /* So many bytes the database has to keep for this source. */
    void (*lag)(void *ctx, uint64_t bytes);
};

#endif
