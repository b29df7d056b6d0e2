/* db.h - the database of an application: SQLite, or PostgreSQL where one was named. Rows come out as
 * JSON objects, so that a handler is mostly its SQL.
 *
 * One thread (the application's worker) uses a db. Parameters in the SQL are $1, $2, ... in both.
 * `types` says what follows it, a letter a parameter: s const char * (NULL is SQL's NULL),
 * i int64_t, d double, b int as true or false, j json_t * as its text (borrowed).
 * A column's name is the member's name; one that ends in '?' becomes true or false, one that ends
 * in "{}" is JSON text that becomes a value; both endings are cut off. */
#ifndef FRESHET_APPS_DB_H
#define FRESHET_APPS_DB_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct db;

/* All rows. Returns new: an array of objects; NULL after an error (db_error). */
json_t *db_rows(struct db *db, const char *sql, const char *types, ...);
/* The first row. Returns new: an object; NULL when there is none, or after an error. */
json_t *db_row(struct db *db, const char *sql, const char *types, ...);
/* The first column of the first row as a whole number; `otherwise` when there is none, or NULL. */
int64_t db_int(struct db *db, int64_t otherwise, const char *sql, const char *types, ...);
/* Runs a statement. The number of rows it changed, or -1 after an error. */
int64_t db_run(struct db *db, const char *sql, const char *types, ...);

/* A transaction; begin takes the write lock at once (SQLite's IMMEDIATE). 0 or -1. Not nested.
 * rollback after a failed run, or instead of commit. */
int db_begin(struct db *db);
int db_commit(struct db *db);
void db_rollback(struct db *db);

/* What went wrong last; "" when nothing did. Borrows until the next call. */
const char *db_error(const struct db *db);
/* Whether that was a constraint of the schema (a conflict, a check), not a failure. */
bool db_was_constraint(const struct db *db);
bool db_is_postgres(const struct db *db);
const char *db_where(const struct db *db); /* as it was opened */

/* ---- for the host ---- */

/* Opens: a URL postgres://... or a file, which is made from the scripts when it isn't there (whole
 * or not at all). Returns new, or NULL with `why`. */
struct db *db_open(const char *where, const char *const *scripts, char *why, size_t why_size);
/* Whether the file is no longer the one that is open (replaced); then it has been opened anew. */
bool db_reopen_if_replaced(struct db *db);
void db_close(struct db *db); /* NULL is fine */

#endif
