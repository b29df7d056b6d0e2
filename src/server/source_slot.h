/* source_slot.h - a configured source as the server has it; what an outbox asks of the hub. Private
 * to sources.c and outbox_host.c. All on the first loop's thread. */
#ifndef FRESHET_SERVER_SOURCE_SLOT_H
#define FRESHET_SERVER_SOURCE_SLOT_H

#include "server/inside.h"

#include "core/source.h"
#include "source/source_driver.h"

struct rows_read;
struct append;

struct source_slot {
    struct server *s;
    struct rows_read *read; /* one of each at a time: there before they are needed */
    struct append *append;
    const struct opt_source *conf;
    struct source_slot *parked; /* the next in the server's list */
    struct conf *from; /* that it was made under: conf's texts */
    struct source *source;
    struct opt_source *added; /* owned; NULL: conf is the configuration's */
    bool ok, told, started, closed;
    bool leaving; /* closed by a reload */
    char detail[240];
    uint64_t runs, changes, failures;
    /* an outbox's */
    uint64_t refused, lag_bytes;
    struct buf position;                        /* as it is in the store */
    struct buf name, type, key, channel, other; /* scratch: texts of a message */
    struct map tenants;                         /* names that events borrowed: name -> its copy */
    bool is_outbox;                             /* the map is there */
};

/* sources.c: for those that make slots. Returns new: opened, not started, not in the server's list.
 * NULL with e. added: taken; NULL: o is of `from`. */
struct source_slot *sources_slot_new(struct server *s, const struct opt_source *o,
                                     struct opt_source *added, struct conf *from, struct err *e);
/* Its source is closed, or was never opened. NULL is fine. */
void sources_slot_free(struct source_slot *slot);
void sources_slot_start(struct source_slot *slot);
/* Room in the server's list for so many more. 0 or -1. */
int sources_reserve(struct server *s, size_t more);
/* What the slot's options come to. Borrows from them. */
struct source_query_conf sources_query_conf(const struct source_slot *slot);

/* source_host.append; ctx: the slot. */
void sources_append(void *ctx, const struct source_event *events, size_t count,
                    struct slice position, void (*done)(void *arg, int error, const char *detail),
                    void *arg);

/* The answer that nothing was appended, later. Takes the events' references. detail: static. */
void sources_decline(struct source_slot *slot, const struct source_event *events, size_t count,
                     int error, const char *detail,
                     void (*done)(void *arg, int error, const char *detail), void *arg);

/* Reads the stored position. 0 or ERR_OVERLOADED. */
int outbox_host_init(struct source_slot *slot);
void outbox_host_fini(struct source_slot *slot); /* fine for all slots */

/* source_host's functions for an outbox; ctx: the slot. */
void outbox_host_position(void *ctx, struct buf *out);
int outbox_host_message(void *ctx, struct slice text, struct source_event *out, struct err *e);
void outbox_host_advance(void *ctx, const struct source_event *events, size_t count,
                         struct slice from, struct slice to, bool gap,
                         void (*done)(void *arg, int error, const char *detail), void *arg);
void outbox_host_refused(void *ctx, const char *detail);
void outbox_host_lag(void *ctx, uint64_t bytes);

#endif
