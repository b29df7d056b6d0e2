/* diff.h - what changed between the last known rows of a watched query and its present result.
 *
 * Owns the known rows: per row its state as compact JSON text, found by tenant and key. A run is
 * diff_begin, diff_row for each row of the result, diff_end; then the events are appended
 * (diff_take) and the outcome told with diff_commit or diff_abandon. Only a commit changes what
 * is known, so that a batch that could not be stored is found again by the next run. Pure; one
 * thread at a time. */
#ifndef FRESHET_SOURCE_DIFF_H
#define FRESHET_SOURCE_DIFF_H

#include "core/source.h"

struct diff_conf {
    struct slice channel;
    struct slice added, changed, removed; /* event types */
    uint32_t keys;                        /* most rows that one tenant may have */
    uint32_t event_max;                   /* most bytes of an event (event->bytes), 0: no limit */
    uint64_t result_max;                  /* most bytes of all states of a result, 0: no limit */
};

struct diff;

/* Copies the texts. Returns new, knowing no rows; NULL for no memory. */
struct diff *diff_new(const struct diff_conf *conf);

/* NULL is fine. */
void diff_free(struct diff *d);

/* Forgets all known rows; between runs only. */
void diff_forget(struct diff *d);

/* A row that the log has, for start-up; the last call for a tenant and key counts. state: compact
 * JSON (checked by whoever let it into the log). Copies. 0 or ERR_OVERLOADED (no memory). */
int diff_known(struct diff *d, struct slice tenant, struct slice key, struct slice state);

/* How many rows are known. */
size_t diff_count(const struct diff *d);

/* Begins a run. The one before was committed or abandoned. */
void diff_begin(struct diff *d);

/* One row of the result; state: a compact JSON object. Copies what it needs. 0, or an error with
 * *e filled that ends the run (diff_abandon): tenant or key is no valid name, the key came
 * before, more rows than `keys`, an event over `event_max`, no memory. */
int diff_row(struct diff *d, struct slice tenant, struct slice key, struct slice state,
             struct err *e);

/* The result is complete: known rows that it did not have are removed. 0 or an error as above. */
int diff_end(struct diff *d, struct err *e);

/* Begins a run of single changes instead of a whole result, after a whole one was committed:
 * diff_row for rows that are new or changed, diff_drop for those that are gone; no diff_end. What
 * is not named stays. */
void diff_begin_part(struct diff *d);

/* True when the run has a change of this row already: commit it first. */
bool diff_has_change(struct diff *d, struct slice tenant, struct slice key);

/* A row that is gone; one that isn't known is nothing. 0 or an error as of diff_row. */
int diff_drop(struct diff *d, struct slice tenant, struct slice key, struct err *e);

/* Drops all rows that are known, in a run without other changes. 0 or an error as of diff_row. */
int diff_drop_all(struct diff *d, struct err *e);

/* The known state of a row: borrowed until a commit; p NULL: the row isn't known. */
struct slice diff_state(struct diff *d, struct slice tenant, struct slice key);

/* The tenant that has a known row of this key, when the key has one tenant at a time; borrowed.
 * p NULL: none has. O(tenants). */
struct slice diff_tenant(struct diff *d, struct slice key);

/* The changes of the run that ended: removed rows first (so that a full channel has room for the
 * added ones), then the others in the order of the result. Borrows until commit or abandon.
 *   added: data and state are the whole row
 *   changed: data is an object of the changed members (null for one that is gone, as in RFC 7396),
 *            state the whole row
 *   removed: a tombstone, data null */
const struct source_event *diff_events(const struct diff *d, size_t *count);

/* As diff_events, with one more reference of each event, the caller's. */
const struct source_event *diff_take(struct diff *d, size_t *count);

/* The events are in the log (or there were none): the result is what is known from now on. */
void diff_commit(struct diff *d);

/* The run failed or its events could not be appended: nothing of it is known. */
void diff_abandon(struct diff *d);

#endif
