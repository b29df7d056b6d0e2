/* logdb_write.h - stores batches in a logdb, a transaction each. Owns its statements and what it
 * remembers of tenants and channels, not the connection. One thread at a time. */
#ifndef FRESHET_STORE_LOGDB_WRITE_H
#define FRESHET_STORE_LOGDB_WRITE_H

#include "core/store.h"
#include "store/logdb.h"

struct logdb_writer;

/* db, conn: kept. 0 with a new writer in *out, or an err_code with e filled. */
int logdb_writer_new(struct logdb *db, sqlite3 *conn, struct logdb_writer **out, struct err *e);
void logdb_writer_free(struct logdb_writer *w);

/* Stores the batch; on an error nothing of it. 0 or an err_code with e filled. */
int logdb_write(struct logdb_writer *w, const struct store_batch *batch, struct err *e);

/* Frames in the write-ahead log after the last transaction. */
uint32_t logdb_writer_wal_pages(const struct logdb_writer *w);

#endif
