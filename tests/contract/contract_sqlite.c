/* SQLite under the contract of sources: a database in a temporary folder, written to through
 * connections of its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "source_fixture.h"

#include "source/source_sqlite.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct database {
    char folder[64], path[96], away[96];
};

static void *begin(void)
{
    struct database *db = calloc(1, sizeof *db);
    assert_non_null(db);
    snprintf(db->folder, sizeof db->folder, "/tmp/freshet-source-XXXXXX");
    assert_non_null(mkdtemp(db->folder));
    snprintf(db->path, sizeof db->path, "%s/bus.db", db->folder);
    snprintf(db->away, sizeof db->away, "%s/away.db", db->folder);
    return db;
}

static void end(void *arg)
{
    static const char *const names[] = {"bus.db",         "bus.db-wal", "bus.db-shm",
                                        "bus.db-journal", "away.db",    "other.db"};
    struct database *db = arg;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char path[128];
        snprintf(path, sizeof path, "%s/%s", db->folder, names[i]);
        unlink(path);
    }
    assert_int_equal(rmdir(db->folder), 0); /* the source left nothing else behind */
    free(db);
}

static void exec(void *arg, const char *sql)
{
    struct database *db = arg;
    sqlite3 *c = NULL;
    char *why = NULL;
    assert_int_equal(sqlite3_open(db->path, &c), SQLITE_OK);
    sqlite3_busy_timeout(c, 10000);
    if (sqlite3_exec(c, "PRAGMA synchronous=OFF", NULL, NULL, &why) != SQLITE_OK ||
        sqlite3_exec(c, sql, NULL, NULL, &why) != SQLITE_OK)
        fail_msg("%s: %s", sql, why);
    sqlite3_close(c);
}

static int open_source(void *arg, const struct source_query_conf *conf, struct fixture *f,
                       struct source **out, struct err *e)
{
    struct database *db = arg;
    struct source_sqlite_conf c = {db->path, *conf};
    return source_sqlite_new(&c, &f->host, &f->loop, out, e);
}

static void cut(void *arg)
{
    struct database *db = arg;
    assert_int_equal(rename(db->path, db->away), 0);
}

static void mend(void *arg)
{
    struct database *db = arg;
    assert_int_equal(rename(db->away, db->path), 0);
}

const char *contract_sqlite_path(void *arg)
{
    struct database *db = arg;
    return db->path;
}

static void *begin_wal(void)
{
    void *db = begin();
    exec(db, "PRAGMA journal_mode=WAL");
    return db;
}

const struct contract_driver contract_sqlite = {"sqlite, rollback", "sqlite", begin, end, exec,
                                                open_source,        cut,      mend};
const struct contract_driver contract_sqlite_wal = {"sqlite, WAL", "sqlite",    begin_wal, end,
                                                    exec,          open_source, cut,       mend};
