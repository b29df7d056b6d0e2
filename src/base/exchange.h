/* exchange.h - what the owner and the edges hand each other.
 *
 * Between them lies one first-in-first-out mailbox in each direction for each edge. Everything
 * here is handed over whole: one thread has it at a time. Handles (`void *`) belong to the edge;
 * the owner gives them back and never looks inside. A handle stays valid until the owner has
 * answered the unfollow that drops it. */
#ifndef FRESHET_BASE_EXCHANGE_H
#define FRESHET_BASE_EXCHANGE_H

#include "base/page.h"

/* A channel as a feed follows it. */
struct follow_channel {
    struct slice name;
    void *handle; /* the edge's */
    pos_t floor;  /* answer: highest position ever removed */
    pos_t head;   /* answer: position of its last event, 0 when it never had one */
    bool keyed;   /* answer */
};

enum follow_kind {
    FOLLOW_START, /* from the answer on, every later commit of the channels arrives, in order */
    FOLLOW_SYNC,  /* no change: answered once everything up to `want` that will be committed is */
    FOLLOW_STOP   /* from the answer on the handles are not used any more */
};

/* A request of an edge to the owner, and its answer: the same object comes back. Texts are in the
 * same block; free() it. */
struct follow {
    struct follow *next; /* for whoever has it */
    void *room[3];       /* for who carries it from thread to thread, so that sending can't fail */
    enum follow_kind kind;
    struct slice tenant;
    void *tenant_handle, *feed;
    void *reader;   /* the edge's: who asked, NULL for the feed itself */
    unsigned edge;  /* the owner's note of who asked */
    pos_t want;     /* FOLLOW_SYNC */
    int error;      /* answer: 0, or an err_code (no memory, too many tenants) */
    uint32_t epoch; /* answer */
    pos_t upto;     /* answer: last committed position of the tenant */
    uint32_t count;
    struct follow_channel channels[];
};

/* One event of a delivery, or with event NULL a channel's floor that moved without one. */
struct delivery_entry {
    struct event *event; /* one reference */
    void *channel;       /* the edge's handle */
    pos_t floor;         /* the channel's, after this commit */
};

/* What one commit means for one tenant on one edge: all events of followed channels, in order. */
struct delivery {
    struct delivery *next; /* for whoever has it */
    void *tenant;          /* the edge's handle */
    pos_t upto;            /* everything of the tenant up to here is committed */
    uint64_t at_us;        /* when it was published, monotonic; 0 unknown */
    size_t bytes;          /* of the events */
    uint32_t count;
    struct delivery_entry entries[];
};

/* Returns new with copies of the names; NULL for no memory. */
struct follow *follow_new(enum follow_kind kind, struct slice tenant, const struct slice *channels,
                          size_t count);

/* Frees the delivery and its references to events. NULL is fine. */
void delivery_free(struct delivery *d);

#endif
