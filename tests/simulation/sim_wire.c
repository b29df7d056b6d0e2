/* What goes over the wire: small binary records, between marks when they go in chunks. */
#include "sim_wire.h"

#include <stdlib.h>

static struct bytes *pack(const struct frame *f, const struct frame_name *names)
{
    size_t payload = sizeof *f + f->count * sizeof *names;
    struct bytes *b = bytes_new(FRAME_HEAD + payload + FRAME_TAIL);
    b->payload_off = FRAME_HEAD;
    b->payload_len = (uint32_t)payload;
    memcpy(b->data, "<<<", FRAME_HEAD);
    memcpy(b->data + FRAME_HEAD, f, sizeof *f);
    if (names)
        memcpy(b->data + FRAME_HEAD + sizeof *f, names, f->count * sizeof *names);
    memcpy(b->data + FRAME_HEAD + payload, ">>", FRAME_TAIL);
    return b;
}

struct bytes *wire_form(void *ctx, unsigned format, const struct event *e, unsigned flags)
{
    (void)ctx, (void)format;
    bool whole = flags & FORM_WHOLE;
    struct frame f = {.kind = 'e',
                      .has_id = !(flags & FORM_NO_ID),
                      .whole = whole,
                      .deleted = e->deleted,
                      .epoch = e->epoch,
                      .pos = e->pos,
                      .channel = SIM_CHANNEL(event_channel(e)),
                      .type = sim_index(sim_types, 2, event_type(e)),
                      .key = e->has_key ? sim_index(sim_keys, KEYS, event_key(e)) : -1};
    memcpy(&f.payload, whole ? event_state(e).p : event_data(e).p, sizeof f.payload);
    return pack(&f, NULL);
}

static uint32_t name_channels(struct frame_name *out, const struct opening_channel *in, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        out[i] = (struct frame_name){SIM_CHANNEL(in[i].name), in[i].resume, in[i].head};
    return n;
}

struct bytes *wire_open(void *ctx, struct reader *r, const struct opening *o)
{
    (void)ctx, (void)r;
    struct frame_name names[CHANNELS];
    struct frame f = {.kind = 'o',
                      .has_id = o->has_id,
                      .epoch = o->epoch,
                      .pos = o->id,
                      .channel = SIM_TENANT(o->tenant),
                      .count = name_channels(names, o->channels, o->channel_count)};
    return pack(&f, names);
}

struct bytes *wire_gap(void *ctx, struct reader *r, const struct gap *g)
{
    (void)ctx;
    struct frame_name names[CHANNELS];
    struct frame f = {.kind = 'g',
                      .has_id = g->has_id,
                      .epoch = g->epoch,
                      .pos = g->id,
                      .type = (int)g->reason,
                      .from = g->from,
                      .oldest = g->oldest,
                      .known = CONN_OF(r)->known,
                      .count = g->channel_count};
    for (uint32_t i = 0; i < g->channel_count; i++)
        names[i] = (struct frame_name){SIM_CHANNEL(g->channels[i]), 0, 0};
    return pack(&f, names);
}

struct bytes *wire_beat(void *ctx, unsigned format, const struct beat *b)
{
    (void)ctx, (void)format;
    struct frame_name names[CHANNELS];
    struct frame f = {.kind = 'b',
                      .has_id = true,
                      .epoch = b->epoch,
                      .pos = b->upto,
                      .count = name_channels(names, b->channels, b->channel_count)};
    return pack(&f, names);
}

struct bytes *wire_close(void)
{
    struct frame f = {.kind = 'c'};
    return pack(&f, NULL);
}

size_t wire_next(const char *in, size_t len, bool raw, struct frame *f, struct frame_name *names)
{
    size_t head = raw ? 0 : FRAME_HEAD, tail = raw ? 0 : FRAME_TAIL;
    if (len < head + sizeof *f)
        return 0;
    memcpy(f, in + head, sizeof *f);
    size_t payload = sizeof *f + f->count * sizeof *names;
    if (f->count > CHANNELS || (!raw && memcmp(in, "<<<", FRAME_HEAD)))
        return WIRE_BROKEN;
    if (len < head + payload + tail)
        return 0;
    memcpy(names, in + head + sizeof *f, f->count * sizeof *names);
    if (!raw && memcmp(in + head + payload, ">>", FRAME_TAIL))
        return WIRE_BROKEN;
    return head + payload + tail;
}
