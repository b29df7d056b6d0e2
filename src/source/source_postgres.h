/* source_postgres.h - a watched query on PostgreSQL (11 or later), by libpq's asynchronous
 * functions on the owner's loop.
 *
 * One connection, read-only. The query runs every `every`, and at once when the database notifies
 * (LISTEN) or the connection is new; what a notification says is not looked at, and those that
 * come while the query runs lead to one more run. Rows become events as diff.h and row.h say;
 * values by their type: whole numbers and `numeric` are numbers with PostgreSQL's own digits,
 * `real` and `double precision` as in row.h, `boolean` true and false, `json` and `jsonb`
 * themselves without white space, `bytea` base64, everything else the text that PostgreSQL writes
 * in UTC, ISO dates.
 *
 * With `lock`, of all hubs on the database that share a log only the one that holds the advisory
 * lock of this name watches; the others wait, look every second, and read the last known rows from
 * the log again when they get it. The lock is the session's: it goes with the connection.
 *
 * Owns its connection; never blocks (but for the look-up of names in a list of several hosts, which
 * libpq does by itself). The password comes from a file that is read at each connection, or is left to
 * libpq (PGPASSWORD, passfile, the URL); it is never repeated in a message. */
#ifndef FRESHET_SOURCE_SOURCE_POSTGRES_H
#define FRESHET_SOURCE_SOURCE_POSTGRES_H

#include "source/source_driver.h"

#define SOURCE_POSTGRES_EVERY_MS 3000    /* default of every_ms */
#define SOURCE_POSTGRES_TIMEOUT_MS 30000 /* default of timeout_ms */

struct source_postgres_conf {
    const char *database; /* libpq's connection string: a URL or key=value pairs */
    const char *password_file; /* NULL: libpq's own ways */
    const char *listen;   /* channel that wakes the source; NULL: none */
    const char *lock;     /* name of the lock that hubs with one log share; NULL: none */
    uint32_t timeout_ms;  /* to connect, and for one query; 0: the default */
    struct source_query_conf query;
};

/* Copies conf and host; borrows the loop until `closed`. Returns new in *out: 0, or ERR_BAD_REQUEST
 * with *e naming the option that is wrong, ERR_OVERLOADED. Whether the database and the query are
 * right shows only when it runs (source_host.state). */
int source_postgres_new(const struct source_postgres_conf *conf, const struct source_host *host,
                        uv_loop_t *loop, struct source **out, struct err *e);

#endif
