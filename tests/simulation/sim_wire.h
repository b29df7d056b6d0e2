/* sim_wire.h - the simulation's frames. */
#ifndef FRESHET_SIM_WIRE_H
#define FRESHET_SIM_WIRE_H

#include "sim.h"

#define FRAME_HEAD 3
#define FRAME_TAIL 2
#define WIRE_BROKEN SIZE_MAX

struct frame_name {
    int channel;
    enum resume_verdict resume;
    pos_t head;
};

struct frame {
    char kind; /* o open, e event, g gap, b beat, c close */
    bool has_id, whole, deleted;
    uint32_t epoch;
    pos_t pos;
    int channel, type, key;    /* type of a gap: its reason; channel of an opening: the tenant */
    pos_t from, oldest, known; /* of a gap; known: where the reader was last seen caught up */
    struct payload payload;
    uint32_t count; /* names that follow */
};

struct bytes *wire_close(void);

/* Takes the first frame of what came: its length, 0 when it isn't whole yet, or WIRE_BROKEN. */
size_t wire_next(const char *in, size_t len, bool raw, struct frame *f, struct frame_name *names);

/* sim_frames.c: a connection's first frame (NULL: a poll, which has none), and all others. */
void frames_open(struct client *c, const struct frame *f, const struct frame_name *names);
void frames_take(struct client *c, const struct frame *f, const struct frame_name *names);

static inline bool in(unsigned mask, int bit)
{
    return bit >= 0 && (mask >> bit & 1);
}

#endif
