/* source_sqlite.h - a watched query on a SQLite database that other programs write to.
 *
 * Every 60 % of `every` one thread of the source looks at the file (replaced?) and at
 * `PRAGMA data_version` (changed?), some ten system calls; only after a change it runs the query,
 * on the same connection, after the version was read: what is committed in between is found by the
 * next look. Rows become events as diff.h and row.h say.
 *
 * Opens the file read-only. Between looks it holds no lock on a database with a rollback journal,
 * and on one in WAL mode only what every reader's open connection holds there: the application can
 * write at any time, but not change the journal mode or take locking_mode=EXCLUSIVE. Creates
 * nothing but what SQLite itself needs to read a database in WAL mode: its -wal and -shm file.
 * Where these are missing and the folder can't be written, the database can't be read until the
 * application opens it. Owns its connection and its thread; touches the loop only to hand over
 * results. */
#ifndef FRESHET_SOURCE_SOURCE_SQLITE_H
#define FRESHET_SOURCE_SOURCE_SQLITE_H

#include "source/source_driver.h"

#define SOURCE_SQLITE_EVERY_MS 100 /* default of every_ms */

struct source_sqlite_conf {
    const char *database; /* path of the file; it need not exist yet */
    struct source_query_conf query;
};

/* Copies conf and host; borrows the loop until `closed`. Returns new in *out: 0, or ERR_BAD_REQUEST
 * with *e naming the option that is wrong, ERR_OVERLOADED. Whether the query is right shows only
 * when it runs (source_host.state). */
int source_sqlite_new(const struct source_sqlite_conf *conf, const struct source_host *host,
                      uv_loop_t *loop, struct source **out, struct err *e);

#endif
