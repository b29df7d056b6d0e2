/* page.h - a stretch of one tenant's log, as read from a store.
 *
 * A page (after, upto] holds, in order of position, every kept event of the asked channels in it
 * and every floor in it. A floor is a virtual entry at its own position: "of this channel, events
 * up to here have been removed". At one position events come before floors, and floors count
 * for no limit. Owns its entries; handed from thread to thread, used by one at a time. */
#ifndef FRESHET_BASE_PAGE_H
#define FRESHET_BASE_PAGE_H

#include "base/event.h"
#include "base/list.h"

struct page_channel {
    struct slice name;
    pos_t after; /* events and floors of this channel at or below it are not asked for */
};

/* A read on its way through a store: it lies in the spec, so that queueing one can't fail. The
 * store's alone, from read() to the answer. */
struct page_job {
    struct list queue, bucket;
    void *token;
    struct page *page;
    bool cancelled;
};

/* What to read. Owns its texts (page_spec_new). */
struct page_spec {
    struct page_job job;
    struct slice tenant;
    uint32_t max_events; /* at least 1 */
    uint32_t max_bytes;  /* of event->bytes; the first event always fits */
    uint32_t channel_count;
    struct page_channel channels[]; /* names differ */
};

struct page_entry {
    pos_t pos;
    struct event *event; /* one reference; NULL for a floor */
    uint32_t channel;    /* index into the spec's channels */
};

struct page {
    pos_t upto;       /* all that matches up to here is in the page */
    pos_t seen;       /* the tenant's last position when it was read: what it shows is as of then */
    bool more;        /* it was cut by max_events or max_bytes: upto is the last entry's position */
    bool owes_floor;  /* it was cut, and there are floors beyond upto */
    int error;        /* 0, or an err_code: the read failed and the page is empty */
    uint32_t epoch;   /* of the tenant's log; 0 where the store does not know the tenant */
    uint32_t count, cap;
    struct page_entry *entries;
};

/* Returns new with copies of the names (in the same block, free() it); NULL for no memory.
 * tenant, names[count]: borrowed. after: of every channel; change channels[i].after as needed. */
struct page_spec *page_spec_new(struct slice tenant, const struct slice *names, size_t count,
                                pos_t after);

/* Returns new and empty; NULL for no memory. */
struct page *page_new(void);

/* Frees the page and its references to events. NULL is fine. */
void page_free(struct page *p);

/* Adds an entry; takes one reference to event (which may be NULL), also when it fails.
 * 0, or -1 for no memory. */
int page_add(struct page *p, pos_t pos, struct event *event, uint32_t channel);

#endif
