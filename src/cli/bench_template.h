/* bench_template.h - texts with places to fill in, and the mark that each published message
 * carries: which run, channel and number it is, and when it was sent. Pure; any thread. */
#ifndef FRESHET_CLI_BENCH_TEMPLATE_H
#define FRESHET_CLI_BENCH_TEMPLATE_H

#include "base/buf.h"

struct mark {
    uint32_t run;     /* tells this run's messages from an earlier one's */
    uint32_t channel; /* below MARK_CHANNELS_MAX */
    uint32_t number;  /* within the channel, from 1 */
    uint64_t sent_ns; /* monotonic */
};

#define MARK_LEN 45 /* bytes */
#define MARK_CHANNELS_MAX (1u << 20)

/* Appends the mark, then letters up to `size` bytes in all: nothing that JSON or a URL would
 * escape. */
void mark_put(struct buf *out, const struct mark *m, size_t size);

/* Finds the first mark in text. False when there is none. */
bool mark_find(struct slice text, struct mark *out);

struct template_values {
    const char *prefix; /* of channel names */
    uint32_t channel;   /* %CH% is prefix and number */
    uint32_t follow;    /* %CHS%: this many names from `channel` on, with commas between */
    uint32_t channels;  /* in all; after the last comes number 0 */
    uint32_t conn;      /* %CONN% */
    struct slice message; /* %MSG% */
};

/* Appends the template with %CH%, %CHS%, %CONN% and %MSG% filled in; all else as it is. */
void template_put(struct buf *out, const char *text, const struct template_values *v);

/* True when `place` ("%CH%") is in the text. */
bool template_has(const char *text, const char *place);

#endif
