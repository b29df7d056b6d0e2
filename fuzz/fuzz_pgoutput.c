/* Logical replication: any bytes are read without harm, and what is taken for a message can be
 * walked to its end, inside of the bytes that were given. */
#include "source/outbox_position.h"
#include "source/pgoutput.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool right)
{
    if (!right)
        abort();
}

static void inside(struct slice part, struct slice all)
{
    must(part.len == 0 || (part.p >= all.p && part.p + part.len <= all.p + all.len));
}

static void walk_row(struct pgoutput_list list, struct slice all)
{
    struct pgoutput_value value;
    unsigned count = list.count, seen = 0;
    for (; pgoutput_value(&list, &value); seen++)
        inside(value.text, all);
    must(seen == count && list.rest.len == 0);
}

static void walk(const struct pgoutput *m, struct slice all)
{
    struct pgoutput_list list = m->columns;
    struct pgoutput_column column;
    unsigned count = list.count, seen = 0;
    for (; pgoutput_column(&list, &column); seen++)
        inside(column.name, all);
    must(seen == count && list.rest.len == 0);
    walk_row(m->old, all);
    walk_row(m->row, all);
    uint32_t relation;
    list = m->relations;
    for (count = list.count, seen = 0; pgoutput_relation(&list, &relation); seen++)
        ;
    must(seen == count && list.rest.len == 0);
    inside(m->schema, all);
    inside(m->name, all);
    inside(m->content, all);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice all = slice_of((const char *)data, size);
    struct pg_copy copy;
    struct pgoutput m;
    struct err e;
    pg_lsn lsn, back;
    if (pg_copy_read(all, &copy, &e) == OK)
        inside(copy.data, all);
    if (pgoutput_read(all, &m, &e) == OK)
        walk(&m, all);
    if (pg_lsn_parse(all, &lsn)) {
        char text[PG_LSN_TEXT_MAX];
        pg_lsn_format(lsn, text);
        must(pg_lsn_parse(slice_str(text), &back) && back == lsn);
    }
    struct outbox_position at, again;
    if (outbox_position_parse(all, &at)) {
        char text[OUTBOX_POSITION_MAX];
        outbox_position_format(&at, text);
        must(outbox_position_parse(slice_str(text), &again) && again.lsn == at.lsn &&
             again.n == at.n);
    }
    return 0;
}
