/* pg_lookup.h - the address of the host in a libpq connection string, looked up on libuv's thread
 * pool, because libpq itself would block the loop for it. A single host name is looked up; lists of
 * hosts, addresses, socket folders and names from a service file are left to libpq. All on the
 * loop's thread. */
#ifndef FRESHET_SOURCE_PG_LOOKUP_H
#define FRESHET_SOURCE_PG_LOOKUP_H

#include <uv.h>

struct pg_lookup;

/* host and hostaddr: lists of the same length for libpq, borrowed; NULL and error (static) when
 * there is no address. */
typedef void pg_lookup_done(void *arg, const char *host, const char *hostaddr, const char *error);

/* Starts the look-up for a valid connection string (and PGHOST, where that is what counts).
 * Returns 1 when there is nothing to look up, 0 with *out when `done` will be called once, later;
 * or ERR_OVERLOADED. */
int pg_lookup_start(uv_loop_t *loop, const char *conninfo, pg_lookup_done *done, void *arg,
                    struct pg_lookup **out);

/* `done` will not be called; the look-up frees itself when it ends. NULL is fine. */
void pg_lookup_cancel(struct pg_lookup *l);

#endif
