/* event.h - one event: immutable once it has an id, shared between threads by counted reference.
 *
 * Owner, stores, sources and edges all hold the same object. It is one block of memory: the
 * struct and its texts behind it. Until the owner gives it an id (event_publishable) only one
 * thread has it, and only the owner writes to it. */
#ifndef FRESHET_BASE_EVENT_H
#define FRESHET_BASE_EVENT_H

#include "base/pos.h"

#include <stdatomic.h>

struct event {
    pos_t pos;      /* position in the tenant's log; 0 before the owner gave one */
    pos_t prev;     /* where the key's previous event is; 0 when the key has none; POS_MAX when
                       it may have had one that was removed: then nobody is known to have it */
    uint32_t epoch; /* of the tenant's log */
    atomic_uint refs;
    uint32_t bytes; /* what it counts for against limits: all texts together */
    uint32_t data_len, state_len;
    uint16_t channel_len, type_len, key_len;
    bool has_key, has_state;
    bool deleted; /* a tombstone */
    bool high;    /* priority high */
    bool keyed;   /* its channel is keyed */
    char text[];  /* channel, type, key, data, state, each followed by a NUL */
};

/* What an event is made of. Borrowed during event_new. */
struct event_parts {
    struct slice channel, type;
    struct slice key;   /* p NULL: none */
    struct slice data;  /* compact JSON, never empty */
    struct slice state; /* compact JSON, p NULL: none */
    bool deleted, high;
};

/* An event of this type tells that something may be missing before it in its channel: made by the
 * hub alone, past every filter, shown to readers as a gap. data: {"reason":...,"channels":[...]} */
#define EVENT_TYPE_GAP "freshet.gap"

/* Returns new, with one reference and without an id; NULL for no memory or texts over the limits
 * of the fields (names are checked by the callers, this only guards). */
struct event *event_new(const struct event_parts *parts);

struct event *event_ref(struct event *e); /* any thread; returns e */
void event_unref(struct event *e);        /* any thread; NULL is fine */

/* Borrow: valid as long as the event. */
static inline struct slice event_channel(const struct event *e)
{
    return slice_of(e->text, e->channel_len);
}

static inline struct slice event_type(const struct event *e)
{
    return slice_of(e->text + e->channel_len + 1, e->type_len);
}

/* SLICE_NONE when it has no key. */
static inline struct slice event_key(const struct event *e)
{
    return e->has_key ? slice_of(e->text + e->channel_len + e->type_len + 2, e->key_len)
                      : SLICE_NONE;
}

static inline struct slice event_data(const struct event *e)
{
    return slice_of(e->text + e->channel_len + e->type_len + e->key_len + 3, e->data_len);
}

/* SLICE_NONE when it has no state. */
static inline struct slice event_state(const struct event *e)
{
    return e->has_state ? slice_of(event_data(e).p + e->data_len + 1, e->state_len) : SLICE_NONE;
}

/* True when e is an event of a key in a keyed channel: only such events supersede. */
static inline bool event_supersedes(const struct event *e)
{
    return e->keyed && e->has_key;
}

static inline bool event_is_gap(const struct event *e)
{
    return slice_is(event_type(e), EVENT_TYPE_GAP);
}

/* Names, as docs/protocol.md has them. */
bool name_is_tenant(struct slice s);  /* 1 to 64 of A-Z a-z 0-9 _ - */
bool name_is_channel(struct slice s); /* 1 to 128 of A-Z a-z 0-9 . _ : -, first a letter or digit */
bool name_is_type(struct slice s);    /* 1 to 128 bytes of plain UTF-8 (utf8_is_plain) */
bool name_is_key(struct slice s);     /* 1 to 256 bytes of plain UTF-8 */
/* Types that only the hub may send: `freshet.*`, `open`, `error`. */
bool name_is_reserved_type(struct slice s);

#endif
