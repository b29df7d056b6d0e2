/* Row changes of logical replication: whatever messages come, in whatever order, the known rows
 * change only by what is told as events. The input is messages, each with a byte of length before
 * it; its lowest bit ends the run. */
#include "source/row_stream.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool right)
{
    if (!right)
        abort();
}

/* Ends a run; the number of rows is what the events say. */
static void commit(struct diff *d)
{
    size_t count, rows = diff_count(d);
    const struct source_event *events = diff_events(d, &count);
    for (size_t i = 0; i < count; i++) {
        const struct event *e = events[i].event;
        bool known = diff_state(d, events[i].tenant, event_key(e)).p != NULL;
        must(name_is_tenant(events[i].tenant) && name_is_key(event_key(e)));
        must(e->deleted ? known : e->has_state);
        rows += !e->deleted && !known;
        rows -= e->deleted;
    }
    diff_commit(d);
    must(diff_count(d) == rows);
    diff_begin_part(d);
}

static bool give(struct row_stream *rs, struct diff *d, const struct pgoutput *m)
{
    struct err e;
    int rc = row_stream_take(rs, m, &e);
    if (rc == ROW_STREAM_FULL) {
        commit(d);
        rc = row_stream_take(rs, m, &e);
        must(rc != ROW_STREAM_FULL);
    }
    return rc == ROW_STREAM_TAKEN;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct diff_conf dc = {.channel = SLICE_LIT("c"),
                           .added = SLICE_LIT("a"),
                           .changed = SLICE_LIT("b"),
                           .removed = SLICE_LIT("r"),
                           .keys = 50};
    struct row_stream_conf rc = {.key = "k", .tenant_column = size % 2 ? "t" : NULL, .tenant = "x"};
    struct diff *d = diff_new(&dc);
    struct row_stream *rs = d ? row_stream_new(&rc, d) : NULL;
    struct slice all = slice_of((const char *)data, size);
    must(rs != NULL);
    static const char *const names[] = {"k", "t", "v"};
    static const uint32_t types[] = {23, 25, 25}, others[] = {3802, 114, 17};
    struct err why;
    row_stream_begin(rs);
    must(row_stream_table(rs, 7, names, size % 3 ? types : others, 3, &why) == OK);
    diff_begin_part(d);
    while (all.len) {
        unsigned char head = (unsigned char)all.p[0];
        size_t len = head / 2u < all.len - 1 ? head / 2u : all.len - 1;
        struct slice in = slice_of(all.p + 1, len);
        struct pgoutput m;
        struct err e;
        all = slice_of(in.p + len, all.len - 1 - len);
        if (pgoutput_read(in, &m, &e) == OK && !give(rs, d, &m))
            break;
        if (head & 1)
            commit(d);
    }
    diff_abandon(d);
    row_stream_free(rs);
    diff_free(d);
    return 0;
}
