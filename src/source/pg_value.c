#include "source/pg_value.h"

#include "json/scan.h"

#include <libpq-fe.h>

#define JSON_DEPTH_IN_ROW (JSON_DEPTH_MAX - 2) /* an event's data and the row are around it */

/* PostgreSQL's numbers of its types (pg_type.dat), fixed since ever. */
enum pg_type {
    PG_BOOL = 16,
    PG_BYTEA = 17,
    PG_INT8 = 20,
    PG_INT2 = 21,
    PG_INT4 = 23,
    PG_OID = 26,
    PG_JSON = 114,
    PG_FLOAT4 = 700,
    PG_FLOAT8 = 701,
    PG_NUMERIC = 1700,
    PG_JSONB = 3802,
};

static void put_json(struct row_text *row, struct slice value, struct buf *scratch)
{
    struct err e;
    buf_reset(scratch);
    if (json_check(value, JSON_DEPTH_IN_ROW, &e) < 0) {
        row_put_bad(row, "JSON that can't be published (a member twice, or nested too deep)");
        return;
    }
    json_compact(value, scratch);
    if (scratch->failed)
        row_put_bad(row, "JSON that there is no memory for");
    else
        row_put_json(row, buf_slice(scratch));
}

static void put_bytes(struct row_text *row, struct slice text, struct buf *scratch)
{
    size_t len = 0;
    buf_reset(scratch);
    buf_add_slice(scratch, text);
    buf_add_char(scratch, 0);
    unsigned char *bytes =
        scratch->failed ? NULL : PQunescapeBytea((const unsigned char *)scratch->p, &len);
    if (bytes)
        row_put_bytes(row, slice_of((const char *)bytes, len));
    else
        row_put_bad(row, "bytes that there is no memory for");
    PQfreemem(bytes);
}

void pg_value_put(struct row_text *row, uint32_t type, struct slice text, struct buf *scratch)
{
    switch (type) {
    case PG_INT2:
    case PG_INT4:
    case PG_INT8:
    case PG_OID:
        row_put_json(row, text);
        break;
    case PG_BOOL:
        row_put_json(row, slice_is(text, "t") ? SLICE_LIT("true") : SLICE_LIT("false"));
        break;
    case PG_NUMERIC: /* digits, NaN or Infinity */
        if (memchr(text.p, 'N', text.len) || memchr(text.p, 'y', text.len))
            row_put_null(row);
        else
            row_put_json(row, text);
        break;
    case PG_FLOAT4:
    case PG_FLOAT8:
        row_put_real_text(row, text);
        break;
    case PG_JSON:
    case PG_JSONB:
        put_json(row, text, scratch);
        break;
    case PG_BYTEA:
        put_bytes(row, text, scratch);
        break;
    default:
        row_put_text(row, text);
    }
}
