/* source_outbox.h - the outbox of a PostgreSQL database (14 or later): messages that applications
 * write in their own transactions, SELECT pg_logical_emit_message(true, 'freshet', '{...}'), become
 * events when the transaction commits, in the order of the commits, each once.
 *
 * One connection for logical replication with the plugin pgoutput, through a named slot, which is
 * made when it is missing (and with it an empty publication of the same name, which the plugin
 * wants to be told). The position, `outbox <system id> <slot> <lsn> <n>`, is stored in one
 * transaction with the events, by compare-and-set on the one before: everything of the
 * transactions whose commit stands before lsn has been read, and the first n messages of the one
 * that stands there. The server is told that it may forget what lies before a position only after
 * that position is stored. At start:
 *
 *   no position is stored       begins where the slot is
 *   it goes with the slot       goes on from there
 *   the slot is gone, was lost (max_slot_wal_keep_size), is ahead of the position, or the database
 *   is another or went back     a gap, told in every channel; begins with what there is from now
 *
 * A message that can't be an event is passed over (source_host.refused), and so is one outside of
 * a transaction. Owns its connection; never blocks (but for the look-up of names in a list of
 * several hosts, which libpq does by itself). Passwords as in source_postgres.h. */
#ifndef FRESHET_SOURCE_SOURCE_OUTBOX_H
#define FRESHET_SOURCE_SOURCE_OUTBOX_H

#include "source/source_driver.h"

#define SOURCE_OUTBOX_TIMEOUT_MS 30000 /* default of timeout_ms */

struct source_outbox_conf {
    const char *database;      /* libpq's connection string: a URL or key=value pairs */
    const char *password_file; /* NULL: libpq's own ways */
    const char *slot;          /* 1 to 63 of a-z 0-9 _ */
    const char *prefix;        /* of the messages that are events */
    uint32_t timeout_ms;       /* to connect, and for a server to show that it is there */
};

/* Copies conf and host, which has all of its functions but load and append; borrows the loop until
 * `closed`. Returns new in *out: 0, or ERR_BAD_REQUEST with *e naming the option that is wrong,
 * ERR_OVERLOADED. Whether the database is right shows only when it runs (source_host.state). */
int source_outbox_new(const struct source_outbox_conf *conf, const struct source_host *host,
                      uv_loop_t *loop, struct source **out, struct err *e);

#endif
