#include "store/logdb.h"

#include "base/num.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_SHOWN 120 /* bytes of a path in an error: the reason after it must fit too */

/* Positions are stored so that they sort as signed numbers (logdb_from_pos). Events come first by
 * channel: a page is a merge of stretches of it. Their short columns come before the texts, so
 * that load() doesn't touch the pages a long text overflows to. */
static const char schema[] =
    "CREATE TABLE tenants(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE,"
    " epoch INTEGER NOT NULL, pos INTEGER NOT NULL, floor INTEGER NOT NULL);"
    "CREATE TABLE channels(id INTEGER PRIMARY KEY, tenant INTEGER NOT NULL, name TEXT NOT NULL,"
    " floor INTEGER NOT NULL, UNIQUE(tenant, name));"
    "CREATE TABLE events(channel INTEGER NOT NULL, pos INTEGER NOT NULL, prev INTEGER NOT NULL,"
    " bytes INTEGER NOT NULL, flags INTEGER NOT NULL, key TEXT, type TEXT NOT NULL,"
    " data TEXT NOT NULL, state TEXT, PRIMARY KEY(channel, pos)) WITHOUT ROWID;"
    "CREATE TABLE onces(tenant INTEGER NOT NULL, channel TEXT NOT NULL, key TEXT NOT NULL,"
    " value BLOB NOT NULL, pos INTEGER NOT NULL, time_ms INTEGER NOT NULL,"
    " PRIMARY KEY(tenant, channel, key)) WITHOUT ROWID;"
    "CREATE TABLE sources(name TEXT PRIMARY KEY NOT NULL, value BLOB NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE revoked(tenant TEXT NOT NULL, name TEXT NOT NULL, time_ms INTEGER NOT NULL,"
    " PRIMARY KEY(tenant, name)) WITHOUT ROWID;";

static int system_error(struct err *e, const char *path, const char *what, int number)
{
    char reason[80];
    if (strerror_r(number, reason, sizeof reason))
        snprintf(reason, sizeof reason, "error %d", number);
    return err_set(e, number == ENOSPC ? ERR_STORE_FULL : ERR_INTERNAL, "%.*s %s: %s", PATH_SHOWN,
                   path, what, reason);
}

/* The disk, the file system or the number of descriptors fails the hub, which did nothing wrong: it
 * may be over when somebody comes again. */
static bool is_of_the_disk(int rc, sqlite3 *conn)
{
    int number = conn ? sqlite3_system_errno(conn) : 0;
    return (rc & 0xff) == SQLITE_IOERR || (rc & 0xff) == SQLITE_READONLY ||
           ((rc & 0xff) == SQLITE_CANTOPEN && (number == EMFILE || number == ENFILE));
}

int logdb_error(struct logdb *db, sqlite3 *conn, int rc, struct err *e)
{
    const char *reason = conn ? sqlite3_errmsg(conn) : sqlite3_errstr(rc);
    struct err unread;
    if (!e)
        e = &unread;
    switch (rc & 0xff) {
    case SQLITE_FULL:
        return err_set(e, ERR_STORE_FULL, "%.*s can't grow: the disk is full", PATH_SHOWN,
                       db->path);
    case SQLITE_NOMEM:
        return err_set(e, ERR_OVERLOADED, "no memory left to work on the store");
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return err_set(e, ERR_OVERLOADED, "%.*s is locked by another program", PATH_SHOWN,
                       db->path);
    case SQLITE_CONSTRAINT:
        return err_set(e, ERR_INTERNAL, "an event at this position is stored already");
    case SQLITE_NOTADB:
        return err_set(e, ERR_CONFLICT, "%.*s is not a database; it was left as it is", PATH_SHOWN,
                       db->path);
    case SQLITE_CORRUPT:
        atomic_store(&db->damaged, true);
        return err_set(e, ERR_INTERNAL,
                       "%.*s is damaged (%.60s): put a copy in its place, or move it away",
                       PATH_SHOWN, db->path, reason);
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
        if (conn && sqlite3_system_errno(conn) > 0)
            system_error(e, db->path, "can't be used", sqlite3_system_errno(conn));
        else
            err_set(e, ERR_INTERNAL, "%.*s can't be used: %.80s", PATH_SHOWN, db->path, reason);
        break;
    default:
        err_set(e, ERR_INTERNAL, "%.*s can't be used: %.80s", PATH_SHOWN, db->path, reason);
    }
    if (e->code == ERR_INTERNAL && is_of_the_disk(rc, conn))
        e->code = ERR_OVERLOADED;
    return e->code;
}

/* Writes our process id into the lock file, for whom it keeps out. Where that fails, an error
 * there is only less clear. */
static bool note_pid(int fd)
{
    char text[24];
    int len = snprintf(text, sizeof text, "%ld\n", (long)getpid());
    return ftruncate(fd, 0) == 0 && pwrite(fd, text, (size_t)len, 0) == len;
}

static int in_use(struct err *e, const char *path, int fd)
{
    char text[24] = "";
    ssize_t len = pread(fd, text, sizeof text - 1, 0);
    struct slice rest = slice_of(text, len > 0 ? (size_t)len : 0);
    uint64_t pid;
    if (!num_u64(slice_cut(&rest, '\n'), INT_MAX, &pid))
        return err_set(e, ERR_CONFLICT, "%.*s is in use by another hub", PATH_SHOWN, path);
    return err_set(e, ERR_CONFLICT, "%.*s is in use by the hub with process id %d", PATH_SHOWN,
                   path, (int)pid);
}

/* flock() rather than fcntl(): it also keeps out a second store of the same process, and isn't
 * lost when somebody closes another descriptor of the file. */
static int take_lock(struct logdb *db, struct err *e)
{
    size_t cap = strlen(db->path) + sizeof "-lock";
    char *path = malloc(cap);
    if (!path)
        return err_set(e, ERR_OVERLOADED, "no memory for the store");
    snprintf(path, cap, "%s-lock", db->path);
    int error = 0;
    db->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (db->lock_fd < 0)
        error = system_error(e, path, "can't be created", errno);
    else if (flock(db->lock_fd, LOCK_EX | LOCK_NB) == 0)
        (void)note_pid(db->lock_fd);
    else if (errno == EWOULDBLOCK)
        error = in_use(e, db->path, db->lock_fd);
    else
        error = system_error(e, path, "can't be locked", errno);
    free(path);
    return error;
}

/* SQLite would create the file readable to all; its other files take after it. */
static int find_file(struct logdb *db, const char *path, struct err *e)
{
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd >= 0)
        close(fd);
    else if (errno != EEXIST)
        return system_error(e, path, "can't be created", errno);
    struct stat st;
    if (stat(path, &st))
        return system_error(e, path, "can't be opened", errno);
    if (!S_ISREG(st.st_mode))
        return err_set(e, ERR_CONFLICT, "%.*s is no file", PATH_SHOWN, path);
    db->path = realpath(path, NULL);
    return db->path ? 0 : system_error(e, path, "can't be opened", errno);
}

int logdb_init(struct logdb *db, const char *path, const struct store_conf *conf, struct err *e)
{
    *db = (struct logdb){.lock_fd = -1, .no_sync = conf->unsafe_no_sync};
    atomic_init(&db->damaged, false);
    if (!sqlite3_threadsafe())
        return err_set(e, ERR_INTERNAL, "this SQLite library was built without threads");
    int error = 0;
    if (conf->vfs && !(db->vfs = slice_dup(slice_str(conf->vfs))))
        error = err_set(e, ERR_OVERLOADED, "no memory for the store");
    if (!error)
        error = find_file(db, path, e);
    if (!error)
        error = take_lock(db, e);
    if (error)
        logdb_fini(db);
    return error;
}

void logdb_fini(struct logdb *db)
{
    if (!db)
        return;
    if (db->lock_fd >= 0)
        close(db->lock_fd); /* the file stays: removing it would let two hubs hold two locks */
    db->lock_fd = -1;
    free(db->path);
    free(db->vfs);
    db->path = db->vfs = NULL;
}

int logdb_connect(struct logdb *db, sqlite3 **out, struct err *e)
{
    int rc = sqlite3_open_v2(db->path, out, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, db->vfs);
    if (!*out)
        return err_set(e, ERR_OVERLOADED, "no memory for the store");
    if (rc == SQLITE_OK)
        rc = sqlite3_extended_result_codes(*out, 1);
    if (rc == SQLITE_OK)
        rc = sqlite3_db_config(*out, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_busy_timeout(*out, 5000); /* other programs; we are never in our own way */
    if (rc == SQLITE_OK)
        rc = sqlite3_exec(*out,
                          "PRAGMA trusted_schema=OFF; PRAGMA cell_size_check=ON;"
                          "PRAGMA wal_autocheckpoint=0; PRAGMA journal_size_limit=67108864",
                          NULL, NULL, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_exec(*out,
                          db->no_sync ? "PRAGMA synchronous=NORMAL" : "PRAGMA synchronous=FULL",
                          NULL, NULL, NULL);
    if (rc == SQLITE_OK && !sqlite3_db_readonly(*out, "main"))
        return 0;
    int error = rc == SQLITE_OK ? system_error(e, db->path, "can't be written", EACCES)
                                : logdb_error(db, *out, rc, e);
    sqlite3_close(*out);
    *out = NULL;
    return error;
}

/* The first column of the first row as a number. */
static int number_of(sqlite3 *conn, const char *sql, int64_t *out)
{
    sqlite3_stmt *stmt;
    int rc = sqlite3_prepare_v2(conn, sql, -1, &stmt, NULL);
    if (rc != SQLITE_OK)
        return rc;
    rc = sqlite3_step(stmt);
    if (rc == SQLITE_ROW)
        *out = sqlite3_column_int64(stmt, 0);
    int end = sqlite3_finalize(stmt);
    return rc == SQLITE_ROW ? SQLITE_OK : end;
}

static int create(struct logdb *db, sqlite3 *conn, struct err *e)
{
    char *sql = sqlite3_mprintf("BEGIN IMMEDIATE; PRAGMA application_id=%d; PRAGMA user_version=%d;"
                                "%s COMMIT",
                                LOGDB_APPLICATION_ID, LOGDB_VERSION, schema);
    if (!sql)
        return err_set(e, ERR_OVERLOADED, "no memory for the store");
    int rc = sqlite3_exec(conn, sql, NULL, NULL, NULL), error = 0;
    sqlite3_free(sql);
    if (rc != SQLITE_OK) {
        error = logdb_error(db, conn, rc, e);
        sqlite3_exec(conn, "ROLLBACK", NULL, NULL, NULL);
    }
    return error;
}

/* WAL is a property of the file; the mode a file really has got is the statement's answer. */
static int use_wal(struct logdb *db, sqlite3 *conn, struct err *e)
{
    sqlite3_stmt *stmt = NULL;
    int rc = sqlite3_prepare_v2(conn, "PRAGMA journal_mode=WAL", -1, &stmt, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(stmt);
    bool wal = rc == SQLITE_ROW && slice_is(logdb_column(stmt, 0), "wal");
    int error = rc != SQLITE_ROW ? logdb_error(db, conn, rc, e) : 0;
    sqlite3_finalize(stmt);
    if (!error && !wal)
        error = err_set(e, ERR_INTERNAL,
                        "%.*s can't be used: its file system has no shared memory for a WAL",
                        PATH_SHOWN, db->path);
    return error;
}

int logdb_check(struct logdb *db, sqlite3 *conn, struct err *e)
{
    int64_t id = 0, version = 0, tables = 0;
    int rc = number_of(conn, "SELECT count(*) FROM sqlite_schema", &tables);
    if (rc == SQLITE_OK)
        rc = number_of(conn, "PRAGMA application_id", &id);
    if (rc == SQLITE_OK)
        rc = number_of(conn, "PRAGMA user_version", &version);
    if (rc != SQLITE_OK)
        return logdb_error(db, conn, rc, e);
    if (id == 0 && version == 0 && tables == 0) {
        int error = create(db, conn, e);
        return error ? error : use_wal(db, conn, e);
    }
    if (id != LOGDB_APPLICATION_ID)
        return err_set(e, ERR_CONFLICT,
                       "%.*s is a database of another program; it was left as it is", PATH_SHOWN,
                       db->path);
    if (version > LOGDB_VERSION)
        return err_set(
            e, ERR_CONFLICT,
            "%.*s has format %d of a newer version, this one knows %d; it was left as it is",
            PATH_SHOWN, db->path, (int)version, LOGDB_VERSION);
    if (version != LOGDB_VERSION)
        return logdb_error(db, NULL, SQLITE_CORRUPT, e);
    return use_wal(db, conn, e);
}

int logdb_prepare(struct logdb *db, sqlite3 *conn, const char *const *sql, size_t count,
                  sqlite3_stmt **stmts, struct err *e)
{
    for (size_t i = 0; i < count; i++)
        stmts[i] = NULL;
    for (size_t i = 0; i < count; i++) {
        int rc = sqlite3_prepare_v3(conn, sql[i], -1, SQLITE_PREPARE_PERSISTENT, &stmts[i], NULL);
        if (rc == SQLITE_OK)
            continue;
        /* a statement that doesn't fit the schema: the file isn't what it says it is */
        int error = logdb_error(db, conn, rc == SQLITE_ERROR ? SQLITE_CORRUPT : rc, e);
        logdb_finalize(stmts, count);
        return error;
    }
    return 0;
}

void logdb_finalize(sqlite3_stmt **stmts, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        sqlite3_finalize(stmts[i]);
        stmts[i] = NULL;
    }
}

int logdb_bind_text(sqlite3_stmt *stmt, int index, struct slice s)
{
    return sqlite3_bind_text64(stmt, index, s.p, s.len, SQLITE_STATIC, SQLITE_UTF8);
}

int logdb_bind_blob(sqlite3_stmt *stmt, int index, struct slice s)
{
    return sqlite3_bind_blob64(stmt, index, s.p, s.len, SQLITE_STATIC);
}

/* As bytes: asking for text makes a copy with a NUL. */
struct slice logdb_column(sqlite3_stmt *stmt, int index)
{
    if (sqlite3_column_type(stmt, index) == SQLITE_NULL)
        return SLICE_NONE;
    const char *p = sqlite3_column_blob(stmt, index);
    int len = sqlite3_column_bytes(stmt, index);
    return slice_of(p ? p : "", p ? (size_t)len : 0);
}
