/* store.h - the port to where logs live. Drivers: memory, sqlite, null (src/store); all pass one
 * contract test.
 *
 * The owner decides what is kept; a store does what it is told, atomically, and reads back.
 * - append(batch) is queued and never completes inside the call. Completions come in the order of
 *   the appends, as inputs to the owner: through `done`, called from `drain`.
 * - One append is in flight at a time (the owner sees to it); reads may be many.
 * - A batch is one transaction: all of it is stored, or none of it.
 * - read() answers through `done` too. A page is a consistent snapshot: it never shows half a
 *   batch. It may show a batch whose completion has not been reported yet.
 * - load() is called once, before anything else, and blocks.
 *
 * Threads: all functions are called on the owner's thread. A driver calls `wake` when drain() has
 * something to do: from a thread of its own, or, if it has none, inside append() and read().
 * `done` is only ever called inside drain(); from there everything but drain and close may be
 * called. */
#ifndef FRESHET_CORE_STORE_H
#define FRESHET_CORE_STORE_H

#include "base/err.h"
#include "base/page.h"

enum store_kind {
    STORE_TENANT,       /* upsert: tenant, epoch, pos = last position given, floor = base floor */
    STORE_CHANNEL,      /* upsert: tenant, name = channel, floor */
    STORE_CHANNEL_GONE, /* remove: tenant, name = channel; its events are gone already */
    STORE_EVENT,        /* insert: tenant, event (pos, prev and keyed as in the event) */
    STORE_REMOVE,       /* remove the event at pos: tenant, name = channel. Absent: nothing */
    STORE_ONCE,         /* upsert an idempotency key: tenant, name = channel, key = the publisher's
                           key, value = digest of the body, pos = id given, time_ms = expiry */
    STORE_ONCE_GONE,    /* remove one: tenant, name = channel, key */
    STORE_SOURCE,       /* upsert: name = source, value = its position (opaque bytes) */
    STORE_REVOKE,       /* upsert: name = what is revoked ("jti:..." or "sub:..."), tenant (the pair
                           names it), time_ms = when it may be forgotten */
    STORE_REVOKE_GONE,  /* remove: name, tenant */
    STORE_REVOKE_OVER,  /* remove all whose time_ms is this one's or before */
};

/* An event's tenant or channel that has no row yet comes into being with it (epoch as in the event;
 * the tenant's base floor); an event beyond its tenant's pos raises that.
 *
 * One row of a batch or of what load() found. Fields a kind doesn't use are zero. */
struct store_row {
    enum store_kind kind;
    uint32_t epoch;
    pos_t pos, floor;
    uint64_t time_ms; /* unix ms */
    struct slice tenant, name, key, value;
    struct event *event;
};

/* Rows in the order they are to be applied. Rows and the slices in them stay the owner's and
 * valid until the completion is reported. */
struct store_batch {
    size_t count;
    const struct store_row *rows;
    bool sync; /* false: the batch holds nothing that anybody waits for */
};

struct store_done {
    /* The append before all others not reported yet has been stored (error 0), or not at all
     * (error, detail). */
    void (*stored)(void *ctx, int error, const char *detail);
    /* Answer to read(token). Takes the page: page_free it. */
    void (*page)(void *ctx, void *token, struct page *page);
    void *ctx;
};

struct store_stats {
    uint64_t appends, append_errors; /* batches */
    uint64_t events;                 /* rows inserted since start */
    uint64_t reads, read_errors;     /* pages */
    uint64_t bytes;                  /* on disk or in memory, as far as the driver knows */
    bool writable;                   /* the last append succeeded, or none was tried */
    char detail[200];                /* why not, "" otherwise */
};

struct store;

struct store_ops {
    const char *name; /* "memory", "sqlite", "null" */
    bool durable;     /* a stored batch outlives the process and a power loss */

    /* Reports all that is stored, in this order: tenants, channels, events by position within
     * each tenant, idempotency keys, sources, revocations. Rows are borrowed for the call to
     * `row`; event is borrowed too, and its texts data and state may be absent (lengths kept in
     * event->bytes): only the owner's index is made from them. Ends early with what `row`
     * returned when that is not 0. 0 or an err_code with e filled. */
    int (*load)(struct store *s, int (*row)(void *ctx, const struct store_row *row), void *ctx,
                struct err *e);

    /* Queues the batch. Borrows it until its completion. */
    void (*append)(struct store *s, const struct store_batch *batch);

    /* Queues a read. Takes spec (free()). */
    void (*read)(struct store *s, struct page_spec *spec, void *token);

    /* Forgets a read: its answer will not come. Unknown tokens are fine. */
    void (*cancel)(struct store *s, void *token);

    /* Reports what has completed. True when more can be reported at once. */
    bool (*drain)(struct store *s);

    void (*stats)(struct store *s, struct store_stats *out);

    /* Finishes what is queued (appends are stored, reads are dropped), then frees the store. */
    void (*close)(struct store *s);
};

/* Every driver's struct starts with this. */
struct store {
    const struct store_ops *ops;
    struct store_done done;      /* set by the owner before the first call */
    void (*wake)(void *ctx);     /* set by who runs the owner's loop; NULL: drain is polled */
    void *wake_ctx;
};

#endif
