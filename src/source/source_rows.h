/* source_rows.h - the rows of PostgreSQL tables (15 or later) by logical replication: the same
 * events as those of a watched query over these tables, as each transaction commits.
 *
 * One connection. All rows are read in the snapshot of a temporary replication slot and what
 * differs from the last known rows is appended as one batch; then what the slot tells of is. The
 * slot goes with the connection, so that a hub that is dead holds nothing of the server's log, and
 * a new connection begins with all rows again: what happened meanwhile is the difference, and a
 * crash before the first rows are complete starts over. So does what can't be told from the stream
 * alone: a table whose columns changed, TRUNCATE where the publication has several tables, a
 * deleted row whose replica identity does not hold the key.
 *
 * No replica identity is forced: changed fields, unchanged TOAST values and the tenant of a deleted
 * row come from the known rows. Values as in source_postgres.h; generated columns are left out.
 * Owns its connection; never blocks (but as said in pg_link.h). */
#ifndef FRESHET_SOURCE_SOURCE_ROWS_H
#define FRESHET_SOURCE_SOURCE_ROWS_H

#include "source/source_driver.h"

#define SOURCE_ROWS_TIMEOUT_MS 30000 /* default of timeout_ms */

struct source_rows_conf {
    const char *database;      /* libpq's connection string: a URL or key=value pairs */
    const char *password_file; /* NULL: libpq's own ways */
    const char *publication;   /* 1 to 63 bytes; made for `tables` when it is missing */
    const char *const *tables; /* name or schema.name, as in the catalog */
    size_t table_count;        /* 0: the publication must be there */
    uint32_t timeout_ms;       /* to connect, and for a server to show that it is there */
    struct source_query_conf query; /* without `query`; every_ms has no meaning */
};

/* Copies conf and host; borrows the loop until `closed`. Returns new in *out: 0, or ERR_BAD_REQUEST
 * with *e naming the option that is wrong, ERR_OVERLOADED. Whether the database is right shows only
 * when it runs (source_host.state). */
int source_rows_new(const struct source_rows_conf *conf, const struct source_host *host,
                    uv_loop_t *loop, struct source **out, struct err *e);

#endif
