/* logdb_read.h - reads pages from a logdb, each in a transaction of its own, so that a page is a
 * snapshot. Owns its statements, not the connection. One thread at a time. */
#ifndef FRESHET_STORE_LOGDB_READ_H
#define FRESHET_STORE_LOGDB_READ_H

#include "base/page.h"
#include "store/logdb.h"

struct logdb_reader;

/* db, conn: kept. 0 with a new reader in *out, or an err_code with e filled. */
int logdb_reader_new(struct logdb *db, sqlite3 *conn, struct logdb_reader **out, struct err *e);
void logdb_reader_free(struct logdb_reader *r);

/* Fills the empty page. 0 or an err_code: then the page's entries mean nothing. */
int logdb_read(struct logdb_reader *r, const struct page_spec *spec, struct page *page);

#endif
