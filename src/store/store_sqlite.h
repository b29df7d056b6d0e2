/* store_sqlite.h - logs in a SQLite file: WAL, synchronous=FULL, so what was reported stored
 * outlives a power loss. See core/store.h.
 *
 * Owns the file (exclusively among hubs, by a lock beside it) and its threads: one that writes,
 * some that read, one that checkpoints. A batch is one transaction, committed at once: there is
 * no commit timer, and store_batch.sync makes no difference. The threads block all signals; `wake`
 * may be called until close has returned. */
#ifndef FRESHET_STORE_STORE_SQLITE_H
#define FRESHET_STORE_STORE_SQLITE_H

#include "store/store_open.h"

/* path: of the file, created with mode 0600 if need be; "-wal", "-shm" and "-lock" lie beside it.
 * conf: borrowed. Blocks until the file has been opened and checked.
 * 0 with a new store in *out, or an err_code with e filled and the file left as it is:
 * ERR_CONFLICT when another process has it, or when it is not a database of this program or of a
 * newer version; ERR_INTERNAL when it can't be read or is damaged. */
int store_sqlite_open(const char *path, const struct store_conf *conf, struct store **out,
                      struct err *e);

#endif
