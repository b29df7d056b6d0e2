/* logdb.h - the SQLite file in which logs lie: its lock, its connections, its schema, and its
 * errors in words. Used by store_sqlite alone; each connection by one thread at a time. */
#ifndef FRESHET_STORE_LOGDB_H
#define FRESHET_STORE_LOGDB_H

#include "base/err.h"
#include "base/pos.h"
#include "store/store_open.h"

#include <sqlite3.h>
#include <stdatomic.h>

#define LOGDB_APPLICATION_ID 0x46726573 /* "Fres", at offset 68 of the file */
#define LOGDB_VERSION 1                 /* of the schema, in user_version */

/* events.flags */
#define LOGDB_DELETED 1
#define LOGDB_HIGH 2
#define LOGDB_KEYED 4
#define LOGDB_STATE 8 /* has a state */

struct logdb {
    char *path; /* absolute, without links */
    char *vfs;  /* NULL: the default */
    int lock_fd;
    bool no_sync;
    atomic_bool damaged; /* SQLite said so once: nothing is checkpointed any more */
};

/* Finds or creates the file and locks it against other processes (and other stores of this one).
 * 0 or an err_code with e filled. */
int logdb_init(struct logdb *db, const char *path, const struct store_conf *conf, struct err *e);
void logdb_fini(struct logdb *db);

/* A new connection. It won't checkpoint when it is closed. */
int logdb_connect(struct logdb *db, sqlite3 **out, struct err *e);

/* Looks whether the file is ours and whole as far as that is cheap; makes the schema in an empty
 * one. */
int logdb_check(struct logdb *db, sqlite3 *conn, struct err *e);

/* Prepares count statements into stmts, in the order of sql. On an error all are NULL. */
int logdb_prepare(struct logdb *db, sqlite3 *conn, const char *const *sql, size_t count,
                  sqlite3_stmt **stmts, struct err *e);
void logdb_finalize(sqlite3_stmt **stmts, size_t count);

/* What went wrong with conn in words; rc: SQLite's result code. The err_code of it. */
int logdb_error(struct logdb *db, sqlite3 *conn, int rc, struct err *e);

/* Positions as SQLite's signed integers, in the same order. */
static inline int64_t logdb_from_pos(pos_t pos)
{
    return (int64_t)(pos ^ (uint64_t)1 << 63);
}

static inline pos_t logdb_to_pos(int64_t n)
{
    return (uint64_t)n ^ (uint64_t)1 << 63;
}

/* Binds s as text or bytes, not copied; SLICE_NONE as NULL. */
int logdb_bind_text(sqlite3_stmt *stmt, int index, struct slice s);
int logdb_bind_blob(sqlite3_stmt *stmt, int index, struct slice s);

/* A column's bytes, borrowed until the next step; SLICE_NONE for NULL. */
struct slice logdb_column(sqlite3_stmt *stmt, int index);

#endif
