/* row_stream.h - row changes of logical replication as changes of known rows (diff.h): inserted,
 * updated, deleted, truncated. What a change leaves out (TOAST values that are the same, the
 * tenant of a deleted row) comes from the known rows.
 *
 * Knows what the tables look like; the diff is the driver's. Pure; one thread at a time. */
#ifndef FRESHET_SOURCE_ROW_STREAM_H
#define FRESHET_SOURCE_ROW_STREAM_H

#include "source/diff.h"
#include "source/pgoutput.h"

struct row_stream;

struct row_stream_conf {
    const char *key;           /* column */
    const char *tenant_column; /* NULL: `tenant` for all rows */
    const char *tenant;
};

/* conf's texts and the diff are kept. Returns new; NULL for no memory. */
struct row_stream *row_stream_new(const struct row_stream_conf *conf, struct diff *diff);
void row_stream_free(struct row_stream *rs); /* NULL is fine */

/* Forgets the tables. */
void row_stream_begin(struct row_stream *rs);

/* A table of the stream to come, as its rows were read: its number and its columns, borrowed. A
 * stream that has other tables, or these with other columns, is read anew. 0 or an error. */
int row_stream_table(struct row_stream *rs, uint32_t id, const char *const *names,
                     const uint32_t *types, unsigned count, struct err *e);

enum row_stream_result {
    ROW_STREAM_TAKEN,
    ROW_STREAM_FULL, /* nothing was taken: commit the run, begin the next, give it again */
    ROW_STREAM_ANEW, /* it can't be told what this means: read all rows again */
};

/* One message, between diff_begin_part and the commit. An enum row_stream_result, or an error with
 * *e. */
int row_stream_take(struct row_stream *rs, const struct pgoutput *m, struct err *e);

#endif
