/* pg_setup.h - the statements that make PostgreSQL wake a source: a function and, per table, one
 * statement-level trigger that notifies after insert, update, delete and truncate. Nothing of the
 * data travels in the notification, and all notifications of one transaction are one. Pure; any
 * thread. */
#ifndef FRESHET_SOURCE_PG_SETUP_H
#define FRESHET_SOURCE_PG_SETUP_H

#include "base/buf.h"
#include "base/err.h"

/* Appends the statements, one transaction, safe to run again. tables: [count], `name` or
 * `schema.name` as they stand in the catalog (nothing is folded to lower case); listen: the
 * channel that the source listens on, at most 55 bytes. 0, ERR_BAD_REQUEST with *e naming what is
 * wrong, or ERR_OVERLOADED. */
int pg_setup_sql(const char *const *tables, size_t count, const char *listen, struct buf *out,
                 struct err *e);

#endif
