/* turn.h - what a driver without threads needs to be a store: the queue of batches and reads, and
 * a drain that works them off in the same turn.
 *
 * The driver's struct starts with a struct turn; its store_ops use the turn_ functions for append,
 * read, cancel, drain and stats. Owner's thread only. */
#ifndef FRESHET_STORE_TURN_H
#define FRESHET_STORE_TURN_H

#include "core/store.h"
#include "store/reads.h"

#define TURN_BATCHES 16 /* appends that may wait; the owner has one in flight */

struct turn;

struct turn_ops {
    /* Stores the whole batch, or nothing of it. 0 or an err_code with e filled. */
    int (*apply)(struct turn *t, const struct store_batch *batch, struct err *e);
    /* Fills the empty page. 0 or an err_code. */
    int (*answer)(struct turn *t, const struct page_spec *spec, struct page *page);
};

struct turn {
    struct store base;
    const struct turn_ops *ops;
    const struct store_batch *batches[TURN_BATCHES]; /* a ring */
    unsigned first, count;
    struct list waiting; /* reads */
    struct reads reads;
    struct store_stats stats;
};

void turn_init(struct turn *t, const struct store_ops *store_ops, const struct turn_ops *ops);

/* Drops what is queued; doesn't free t. */
void turn_fini(struct turn *t);

/* The store_ops of the same names. */
void turn_append(struct store *s, const struct store_batch *batch);
void turn_read(struct store *s, struct page_spec *spec, void *token);
void turn_cancel(struct store *s, void *token);
bool turn_drain(struct store *s);
void turn_stats(struct store *s, struct store_stats *out);

#endif
