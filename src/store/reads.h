/* reads.h - the reads a store has taken and not answered yet, found by their token.
 *
 * The nodes lie in the specs (page_job), so nothing here can fail. Owner's thread only. */
#ifndef FRESHET_STORE_READS_H
#define FRESHET_STORE_READS_H

#include "base/list.h"
#include "base/page.h"

#define READS_BUCKETS 1024 /* a power of two */

struct reads {
    struct list buckets[READS_BUCKETS];
};

void reads_init(struct reads *r);

/* Adds a read that has just been taken; fills in its job. */
void reads_add(struct reads *r, struct page_spec *spec, void *token);

/* Takes out one read of the token and returns it; NULL when there is none (left). */
struct page_spec *reads_take(struct reads *r, void *token);

/* True when the read is still wanted: it was not taken out. Takes it out. */
bool reads_finish(struct page_spec *spec);

/* The spec whose job's queue link this is. */
struct page_spec *reads_spec(struct list *queue_link);

/* Frees every spec of a queue, and the page it may have got. */
void reads_drop(struct list *queue);

#endif
