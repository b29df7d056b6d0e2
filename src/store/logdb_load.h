/* logdb_load.h - reports all that a logdb holds, for the owner's index: see load() in
 * core/store.h. Of events only the short columns are read. Blocks. */
#ifndef FRESHET_STORE_LOGDB_LOAD_H
#define FRESHET_STORE_LOGDB_LOAD_H

#include "core/store.h"
#include "store/logdb.h"

/* conn: borrowed, nobody else uses it meanwhile. 0, what `row` returned when that is not 0, or an
 * err_code with e filled. */
int logdb_load(struct logdb *db, sqlite3 *conn, int (*row)(void *ctx, const struct store_row *row),
               void *ctx, struct err *e);

#endif
