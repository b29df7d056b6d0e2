/* tail_print.h - an event of a stream, read from whatever envelope it came in, as a line. Pure;
 * one thread. */
#ifndef FRESHET_CLI_TAIL_PRINT_H
#define FRESHET_CLI_TAIL_PRINT_H

#include "wire/sse.h"

struct tail_event {
    bool is_json;       /* the frame's data is JSON */
    bool is_envelope;   /* it is an object with a text `type` */
    struct slice frame; /* the frame's data */
    struct slice id;
    struct slice channel, type, key; /* without quotes, as escaped in the JSON; SLICE_NONE: none */
    struct slice time;               /* JSON; SLICE_NONE: none */
    struct slice data;               /* JSON, or the frame's text when it is none */
    struct slice payload;            /* where a control event has its members */
    bool deleted;
};

/* Reads the frame. *e borrows from it. */
void tail_event_read(const struct sse_event *sse, struct tail_event *e);

/* Appends `time channel type key data`, with - for what is not there; no control characters. */
void tail_put_line(const struct tail_event *e, struct buf *out);

/* Appends one line of JSON: the envelope as it came, or one made of id, type and data. */
void tail_put_json(const struct tail_event *e, struct buf *out);

#endif
