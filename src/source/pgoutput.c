#include "source/pgoutput.h"

#include "base/num.h"

#include <inttypes.h>
#include <stdio.h>

/* What is left to read. bad: something was asked for that was not there; then all reads give 0. */
struct reader {
    struct slice rest;
    bool bad;
};

static struct slice take(struct reader *r, size_t len)
{
    if (r->bad || r->rest.len < len) {
        r->bad = true;
        return SLICE_NONE;
    }
    struct slice s = slice_of(r->rest.p, len);
    r->rest = slice_of(r->rest.p + len, r->rest.len - len);
    return s;
}

static uint64_t take_uint(struct reader *r, size_t bytes)
{
    struct slice s = take(r, bytes);
    uint64_t n = 0;
    for (size_t i = 0; i < s.len; i++)
        n = n << 8 | (unsigned char)s.p[i];
    return n;
}

static char take_char(struct reader *r)
{
    return (char)take_uint(r, 1);
}

/* Text up to a NUL. */
static struct slice take_string(struct reader *r)
{
    const char *end = r->bad || !r->rest.len ? NULL : memchr(r->rest.p, 0, r->rest.len);
    if (!end) {
        r->bad = true;
        return SLICE_NONE;
    }
    struct slice s = take(r, (size_t)(end - r->rest.p));
    take(r, 1);
    return s;
}

/* ---- lists ---- */

static void read_column(struct reader *r, struct pgoutput_column *out)
{
    out->key = take_uint(r, 1) & 1;
    out->name = take_string(r);
    out->type = (uint32_t)take_uint(r, 4);
    take(r, 4); /* the type's modifier */
}

static void read_value(struct reader *r, struct pgoutput_value *out)
{
    char kind = take_char(r);
    out->text = SLICE_NONE;
    if (kind == 'n') {
        out->kind = PGOUTPUT_NULL;
    } else if (kind == 'u') {
        out->kind = PGOUTPUT_UNCHANGED;
    } else if (kind == 't') {
        out->kind = PGOUTPUT_TEXT;
        out->text = take(r, take_uint(r, 4));
    } else { /* 'b', binary, was not asked for */
        r->bad = true;
    }
}

bool pgoutput_column(struct pgoutput_list *list, struct pgoutput_column *out)
{
    struct reader r = {list->rest, list->count == 0};
    if (!r.bad)
        read_column(&r, out);
    *list = (struct pgoutput_list){list->count - !r.bad, r.rest};
    return !r.bad;
}

bool pgoutput_value(struct pgoutput_list *list, struct pgoutput_value *out)
{
    struct reader r = {list->rest, list->count == 0};
    if (!r.bad)
        read_value(&r, out);
    *list = (struct pgoutput_list){list->count - !r.bad, r.rest};
    return !r.bad;
}

bool pgoutput_relation(struct pgoutput_list *list, uint32_t *out)
{
    struct reader r = {list->rest, list->count == 0};
    *out = (uint32_t)take_uint(&r, 4);
    *list = (struct pgoutput_list){list->count - !r.bad, r.rest};
    return !r.bad;
}

/* Walks over a list that is part of a message, so that walking it later can't fail. */

static struct pgoutput_list take_columns(struct reader *r)
{
    struct pgoutput_column column;
    unsigned count = (unsigned)take_uint(r, 2);
    struct pgoutput_list list = {count, r->rest};
    for (unsigned i = 0; i < count && !r->bad; i++)
        read_column(r, &column);
    list.rest.len -= r->rest.len;
    return list;
}

static struct pgoutput_list take_row(struct reader *r)
{
    struct pgoutput_value value;
    unsigned count = (unsigned)take_uint(r, 2);
    struct pgoutput_list list = {count, r->rest};
    for (unsigned i = 0; i < count && !r->bad; i++)
        read_value(r, &value);
    list.rest.len -= r->rest.len;
    return list;
}

/* ---- messages ---- */

static void read_relation(struct reader *r, struct pgoutput *out)
{
    out->relation = (uint32_t)take_uint(r, 4);
    out->schema = take_string(r);
    out->name = take_string(r);
    out->identity = take_char(r);
    out->columns = take_columns(r);
}

/* The rows of insert, update and delete: an old one ('K' or 'O') and a new one ('N'), as far as the
 * kind has them. */
static void read_change(struct reader *r, struct pgoutput *out)
{
    out->relation = (uint32_t)take_uint(r, 4);
    char what = take_char(r);
    if (out->kind != PGOUTPUT_INSERT && (what == 'K' || what == 'O')) {
        out->has_old = true;
        out->old_is_key = what == 'K';
        out->old = take_row(r);
        if (out->kind == PGOUTPUT_DELETE)
            return;
        what = take_char(r);
    }
    if (out->kind == PGOUTPUT_DELETE || what != 'N')
        r->bad = true;
    else
        out->row = take_row(r);
}

static void read_truncate(struct reader *r, struct pgoutput *out)
{
    uint32_t count = (uint32_t)take_uint(r, 4);
    take(r, 1); /* CASCADE, RESTART IDENTITY */
    out->relations = (struct pgoutput_list){count, take(r, (size_t)count * 4)};
}

static void read_message(struct reader *r, struct pgoutput *out)
{
    out->transactional = take_uint(r, 1) & 1;
    out->lsn = take_uint(r, 8);
    out->name = take_string(r);
    out->content = take(r, take_uint(r, 4));
}

static void read_body(struct reader *r, struct pgoutput *out)
{
    switch (out->kind) {
    case PGOUTPUT_BEGIN:
        out->lsn = take_uint(r, 8);
        out->pg_us = (int64_t)take_uint(r, 8);
        out->xid = (uint32_t)take_uint(r, 4);
        break;
    case PGOUTPUT_COMMIT:
        take(r, 1); /* flags, unused */
        out->lsn = take_uint(r, 8);
        out->end = take_uint(r, 8);
        out->pg_us = (int64_t)take_uint(r, 8);
        break;
    case PGOUTPUT_ORIGIN:
        out->lsn = take_uint(r, 8);
        out->name = take_string(r);
        break;
    case PGOUTPUT_RELATION:
        read_relation(r, out);
        break;
    case PGOUTPUT_TYPE:
        take(r, 4);
        out->schema = take_string(r);
        out->name = take_string(r);
        break;
    case PGOUTPUT_INSERT:
    case PGOUTPUT_UPDATE:
    case PGOUTPUT_DELETE:
        read_change(r, out);
        break;
    case PGOUTPUT_TRUNCATE:
        read_truncate(r, out);
        break;
    case PGOUTPUT_MESSAGE:
        read_message(r, out);
        break;
    }
}

int pgoutput_read(struct slice in, struct pgoutput *out, struct err *e)
{
    static const char kinds[] = "BCORYIUDTM"; /* in the order of enum pgoutput_kind */
    struct reader r = {in, false};
    char letter = take_char(&r);
    const char *kind = letter ? strchr(kinds, letter) : NULL;
    if (!kind)
        return err_set(e, ERR_BAD_REQUEST, "a replication message of an unknown kind (%d)",
                       (unsigned char)letter);
    *out = (struct pgoutput){.kind = (enum pgoutput_kind)(kind - kinds)};
    read_body(&r, out);
    if (r.bad || r.rest.len)
        return err_set(e, ERR_BAD_REQUEST, "a replication message of kind %c that is %s", letter,
                       r.bad ? "not whole" : "too long");
    return OK;
}

/* ---- the stream ---- */

int pg_copy_read(struct slice in, struct pg_copy *out, struct err *e)
{
    struct reader r = {in, false};
    char kind = take_char(&r);
    *out = (struct pg_copy){.kind = kind == 'k' ? PG_COPY_KEEPALIVE : PG_COPY_DATA};
    if (kind == 'w') {
        out->start = take_uint(&r, 8);
        out->end = take_uint(&r, 8);
        take(&r, 8); /* the server's clock */
        out->data = r.rest;
    } else if (kind == 'k') {
        out->end = take_uint(&r, 8);
        take(&r, 8);
        out->reply = take_uint(&r, 1) != 0;
        r.bad |= r.rest.len > 0;
    } else {
        r.bad = true;
    }
    return r.bad ? err_set(e, ERR_BAD_REQUEST, "the replication stream is not understood") : OK;
}

static void put_uint64(char *out, uint64_t n)
{
    for (int i = 7; i >= 0; i--, n >>= 8)
        out[i] = (char)(n & 0xff);
}

void pg_status_write(pg_lsn flushed, int64_t pg_us, bool reply, char out[PG_STATUS_BYTES])
{
    out[0] = 'r';
    put_uint64(out + 1, flushed);  /* written */
    put_uint64(out + 9, flushed);  /* flushed */
    put_uint64(out + 17, flushed); /* applied */
    put_uint64(out + 25, (uint64_t)pg_us);
    out[33] = reply;
}

bool pg_lsn_parse(struct slice text, pg_lsn *out)
{
    uint32_t high, low;
    struct slice rest = text, first = slice_cut(&rest, '/');
    if (first.len > 8 || rest.len > 8 || !num_hex32(first, (unsigned)first.len, &high) ||
        !num_hex32(rest, (unsigned)rest.len, &low))
        return false;
    *out = (uint64_t)high << 32 | low;
    return true;
}

void pg_lsn_format(pg_lsn lsn, char out[PG_LSN_TEXT_MAX])
{
    snprintf(out, PG_LSN_TEXT_MAX, "%" PRIX32 "/%" PRIX32, (uint32_t)(lsn >> 32), (uint32_t)lsn);
}
