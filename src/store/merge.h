/* merge.h - makes the page of a read out of sorted sequences, one a channel, and their floors.
 *
 * The order and the cut that page.h promises are made here, once for all drivers. Lazy: of each
 * sequence only what the page takes and one event more is looked at. Pure; any thread. */
#ifndef FRESHET_STORE_MERGE_H
#define FRESHET_STORE_MERGE_H

#include "base/err.h"
#include "base/page.h"

/* Where the events come from. `channel` is an index into the spec's channels. */
struct merge_input {
    void *ctx;
    /* Goes to the channel's next kept event: first to the first above the spec's `after` for it.
     * 1 with *pos and *bytes set; 0 when there is none up to the page's upto; or an err_code. */
    int (*next)(void *ctx, uint32_t channel, pos_t *pos, uint32_t *bytes);
    /* The event `next` has gone to, as a new reference in *out. 0 or an err_code. */
    int (*event)(void *ctx, uint32_t channel, struct event **out);
};

/* Fills the empty page, whose upto is the tenant's last position; a cut lowers it.
 * floors: of the spec's channels, borrowed. 0 or an err_code: then the page's entries mean
 * nothing. */
int merge_page(const struct page_spec *spec, const pos_t *floors, const struct merge_input *in,
               struct page *page);

/* A heap of sequences, by the position each has come to. */
struct merge_item {
    pos_t pos;
    uint32_t channel;
    uint32_t bytes;
    bool floor;
};

struct merge_heap {
    struct merge_item *items; /* the caller's, with room for all that is pushed */
    size_t count;
};

void merge_push(struct merge_heap *h, struct merge_item item);

/* Puts item in the place of the least one (items[0]). h must not be empty. */
void merge_replace(struct merge_heap *h, struct merge_item item);

/* Removes the least one. h must not be empty. */
void merge_pop(struct merge_heap *h);

#endif
