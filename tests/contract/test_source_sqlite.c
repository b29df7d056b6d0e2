/* What only a source on SQLite has to stand: the file's own ways, and values of any type in any
 * column. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "source_fixture.h"

#include "base/buf.h"
#include "source/source_sqlite.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define NOBODY 65534

struct world {
    void *db;
    char other[128];
    struct fixture f;
    struct source_query_conf conf;
};

static int world_begin(void **state)
{
    const struct contract_driver *driver = *state;
    struct world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    w->db = driver->begin();
    const char *path = contract_sqlite_path(w->db);
    const char *slash = strrchr(path, '/');
    snprintf(w->other, sizeof w->other, "%.*s/other.db", (int)(slash - path), path);
    driver->exec(w->db, "create table t(k, v); insert into t values (1, 'a'), (2, 'b')");
    fixture_init(&w->f, 99);
    w->conf = (struct source_query_conf){.query = "select k, v from t",
                                         .key = "k",
                                         .tenant = "acme",
                                         .channel = FIXTURE_CHANNEL,
                                         .every_ms = 20,
                                         .keys = 1000};
    *state = w;
    return 0;
}

static int world_end(void **state)
{
    struct world *w = *state;
    fixture_fini(&w->f);
    contract_sqlite.end(w->db);
    free(w);
    return 0;
}

static void exec(struct world *w, const char *sql)
{
    contract_sqlite.exec(w->db, sql);
}

static void start(struct world *w)
{
    struct source *source = NULL;
    struct err e;
    assert_int_equal(contract_sqlite.open(w->db, &w->conf, &w->f, &source, &e), OK);
    fixture_start(&w->f, source);
}

static void start_ok(struct world *w)
{
    start(w);
    fixture_until_ok(&w->f);
    assert_int_equal(w->f.events, 2);
}

static void expect_row(struct world *w, const char *key, const char *text)
{
    struct slice got = fixture_row(&w->f, "acme", key);
    if (!slice_is(got, text))
        fail_msg("row %s is %.*s, not %s", key, SLICE_FMT(got), text);
}

/* A connection that stays open, as an application has. */
static sqlite3 *application(struct world *w)
{
    sqlite3 *c = NULL;
    assert_int_equal(sqlite3_open(contract_sqlite_path(w->db), &c), SQLITE_OK);
    return c;
}

static void app_exec(sqlite3 *c, const char *sql)
{
    int rc = sqlite3_exec(c, sql, NULL, NULL, NULL);
    if (rc != SQLITE_OK)
        fail_msg("%s: %s", sql, sqlite3_errmsg(c));
}

/* ---- values ---- */

static void a_value_is_its_type(void **state)
{
    struct world *w = *state;
    start_ok(w);
    static const char *const steps[][2] = {
        {"1", "{\"v\":1}"},
        {"'1'", "{\"v\":\"1\"}"},
        {"1.5", "{\"v\":1.5}"},
        {"null", "{\"v\":null}"},
        {"x'00ff10'", "{\"v\":\"AP8Q\"}"},
        {"9223372036854775807", "{\"v\":9223372036854775807}"},
        {"0.1 + 0.2", "{\"v\":0.30000000000000004}"},
        {"9e999", "{\"v\":null}"},
        {"'line' || char(10) || '\"q\" ' || char(233)", "{\"v\":\"line\\n\\\"q\\\" \xc3\xa9\"}"},
    };
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        char sql[128];
        snprintf(sql, sizeof sql, "update t set v = %s where k = 2", steps[i][0]);
        exec(w, sql);
        fixture_until_events(&w->f, 3 + i);
        struct slice data = event_data(w->f.last);
        if (!slice_is(data, steps[i][1]))
            fail_msg("%s became %.*s", steps[i][0], SLICE_FMT(data));
    }
}

static void text_that_is_not_utf8_names_row_and_column(void **state)
{
    struct world *w = *state;
    start_ok(w);
    exec(w, "update t set v = cast(x'61ff' as text) where k = 2");
    fixture_until_failing(&w->f, "\"2\"");
    assert_non_null(strstr(w->f.detail, "\"v\""));
    exec(w, "update t set v = 'c' where k = 2");
    fixture_until_events(&w->f, 3);
}

static void one_and_the_text_one_are_the_same_key(void **state)
{
    struct world *w = *state;
    start_ok(w);
    exec(w, "insert into t values ('1', 'x')");
    fixture_until_failing(&w->f, "\"1\"");
    exec(w, "delete from t where typeof(k) = 'text'");
    fixture_until_ok(&w->f);
    exec(w, "update t set k = '1' where k = 1"); /* the key stays, its value is another */
    fixture_until_events(&w->f, 3);
    expect_row(w, "1", "{\"k\":\"1\",\"v\":\"a\"}");
    assert_true(slice_is(event_data(w->f.last), "{\"k\":\"1\"}"));
}

/* ---- the query ---- */

static void only_a_query_that_reads_is_run(void **state)
{
    struct world *w = *state;
    static const char *const bad[][2] = {{"delete from t returning k, v", "reads"},
                                         {"begin", "reads"},
                                         {"select k, v from t where k = ?", "parameters"},
                                         {"-- nothing", "statement"}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        w->conf.query = bad[i][0];
        start(w);
        fixture_until_failing(&w->f, bad[i][1]);
        fixture_close(&w->f);
    }
    w->conf.query = "select k, v from t; ";
    start_ok(w);
}

static void wrong_options_are_named(void **state)
{
    struct world *w = *state;
    struct source *source = NULL;
    struct err e;
    struct source_query_conf good = w->conf, bad[6] = {good, good, good, good, good, good};
    bad[0].query = "";
    bad[1].key = NULL;
    bad[2].tenant = "a b";
    bad[3].tenant_column = "v"; /* and a constant */
    bad[4].added = "open";
    bad[5].keys = 0;
    static const char *const names[6] = {"query", "key", "tenant", "tenant", "types.added", "keys"};
    for (size_t i = 0; i < 6; i++) {
        assert_int_equal(contract_sqlite.open(w->db, &bad[i], &w->f, &source, &e), ERR_BAD_REQUEST);
        assert_non_null(strstr(e.detail, names[i]));
    }
}

static void a_long_query_does_not_hold_up_the_end(void **state)
{
    struct world *w = *state;
    w->conf.query = "with recursive n(k) as (select 1 union all select k + 1 from n) "
                    "select k, 1 as v from n where k < 0";
    start(w);
    fixture_run_ms(&w->f, 50);
    fixture_close(&w->f); /* would never come */
    assert_int_equal(w->f.events, 0);
}

/* ---- the file ---- */

static void make_other(struct world *w, const char *sql)
{
    sqlite3 *c = NULL;
    unlink(w->other);
    assert_int_equal(sqlite3_open(w->other, &c), SQLITE_OK);
    app_exec(c, sql);
    sqlite3_close(c);
}

/* Makes the other file as large and as old as the watched one. */
static void disguise_other(struct world *w)
{
    struct stat now, other;
    assert_int_equal(stat(contract_sqlite_path(w->db), &now), 0);
    struct timespec times[2] = {now.st_atim, now.st_mtim};
    assert_int_equal(utimensat(AT_FDCWD, w->other, times, 0), 0);
    assert_int_equal(stat(w->other, &other), 0);
    assert_int_equal(now.st_size, other.st_size);
}

static void a_replaced_file_is_seen(void **state)
{
    struct world *w = *state;
    start_ok(w);
    for (int i = 0; i < 3; i++) {
        char sql[128];
        snprintf(sql, sizeof sql, "create table t(k, v); insert into t values (1,'a'),(2,'r%d')",
                 i);
        make_other(w, sql);
        disguise_other(w);
        assert_int_equal(rename(w->other, contract_sqlite_path(w->db)), 0);
        fixture_until_events(&w->f, 3 + (size_t)i);
    }
    exec(w, "update t set v = 'again' where k = 1"); /* and watched from then on */
    fixture_until_events(&w->f, 6);
}

static void copy_file(const char *from, const char *to)
{
    char block[4096];
    ssize_t n;
    int in = open(from, O_RDONLY), out = open(to, O_WRONLY | O_TRUNC);
    assert_true(in >= 0 && out >= 0);
    while ((n = read(in, block, sizeof block)) > 0)
        assert_true(write(out, block, (size_t)n) == n);
    close(in);
    close(out);
}

static bool has_row_2(struct fixture *f, void *text)
{
    return f->ok && slice_is(fixture_row(f, "acme", "2"), text);
}

static void a_file_written_over_is_seen(void **state)
{
    struct world *w = *state;
    /* made by as many transactions as the first: SQLite itself takes it for the same */
    make_other(w, "create table t(k, v); insert into t values (1, 'a'), (2, 'B')");
    start_ok(w);
    copy_file(w->other, contract_sqlite_path(w->db));
    fixture_until(&w->f, has_row_2, "{\"k\":2,\"v\":\"B\"}", "the other file's rows");
}

static void a_file_that_is_no_database_is_told(void **state)
{
    struct world *w = *state;
    start_ok(w);
    FILE *file = fopen(w->other, "w");
    assert_non_null(file);
    for (int i = 0; i < 500; i++)
        fputs("this is not a database ", file);
    fclose(file);
    contract_sqlite.cut(w->db);
    assert_int_equal(rename(w->other, contract_sqlite_path(w->db)), 0);
    fixture_until_failing(&w->f, "not a database");
    contract_sqlite.mend(w->db);
    exec(w, "update t set v = 'c' where k = 2");
    fixture_until_events(&w->f, 3);
    fixture_until_ok(&w->f);
}

static void a_locked_database_is_told_and_heals(void **state)
{
    struct world *w = *state;
    start_ok(w);
    sqlite3 *app = application(w);
    app_exec(app, "PRAGMA locking_mode=EXCLUSIVE; BEGIN EXCLUSIVE; update t set v='c' where k=2");
    fixture_until_failing(&w->f, "locked");
    assert_int_equal(w->f.events, 2);
    app_exec(app, "COMMIT");
    sqlite3_close(app);
    fixture_until_ok(&w->f);
    fixture_until_events(&w->f, 3);
}

static void a_database_locked_at_start_heals_too(void **state)
{
    struct world *w = *state;
    sqlite3 *app = application(w);
    app_exec(app, "PRAGMA locking_mode=EXCLUSIVE; BEGIN EXCLUSIVE; create table u(x); COMMIT");
    start(w);
    fixture_until_failing(&w->f, "locked");
    sqlite3_close(app);
    fixture_until_ok(&w->f);
    assert_int_equal(w->f.events, 2);
}

static void a_transaction_that_a_killed_program_left_half_written_is_never_seen(void **state)
{
    struct world *w = *state;
    const char *path = contract_sqlite_path(w->db);
    char journal[128], other_journal[160];
    snprintf(journal, sizeof journal, "%s-journal", path);
    snprintf(other_journal, sizeof other_journal, "%s-journal", w->other);
    exec(w, "with recursive n(i) as (select 3 union all select i + 1 from n where i < 500) "
            "insert into t select i, hex(zeroblob(200)) from n");
    sqlite3 *app = application(w);
    /* so small a cache that changed pages reach the file before the commit */
    app_exec(app, "PRAGMA cache_size=5; BEGIN; update t set v = 'half' || v");
    int fd = open(w->other, O_WRONLY | O_CREAT, 0644),
        fd2 = open(other_journal, O_WRONLY | O_CREAT, 0644);
    assert_true(fd >= 0 && fd2 >= 0);
    close(fd);
    close(fd2);
    copy_file(path, w->other);
    copy_file(journal, other_journal);
    app_exec(app, "ROLLBACK");
    sqlite3_close(app);
    /* as it is found after the kill */
    assert_int_equal(rename(other_journal, journal), 0);
    assert_int_equal(rename(w->other, path), 0);
    start(w);
    fixture_until_failing(&w->f, "killed");
    assert_int_equal(w->f.events, 0);
    exec(w, "insert into t values (1000, 'after')"); /* the program is back */
    fixture_until_events(&w->f, 501);
    fixture_until_ok(&w->f);
    expect_row(w, "2", "{\"k\":2,\"v\":\"b\"}");
}

static void the_application_is_never_locked_out_of_a_wal_database(void **state)
{
    struct world *w = *state;
    w->conf.every_ms = 2;
    start_ok(w);
    sqlite3 *app = application(w);
    app_exec(app, "PRAGMA synchronous=OFF"); /* and no busy_timeout: any lock is an error */
    for (int i = 0; i < 300; i++) {
        char sql[64];
        snprintf(sql, sizeof sql, "update t set v = %d where k = 2", i);
        app_exec(app, sql);
        fixture_run_ms(&w->f, 1);
    }
    sqlite3_close(app);
    fixture_until(&w->f, has_row_2, "{\"k\":2,\"v\":299}", "the last update");
}

static void a_commit_during_the_query_is_not_missed(void **state)
{
    struct world *w = *state;
    w->conf.query = "select k, v from t, (with recursive n(i) as (select 1 union all select i + 1 "
                    "from n where i < 100000) select max(i) as i from n) where i > 0";
    w->conf.every_ms = 5;
    start_ok(w);
    for (int i = 0; i < 12; i++) { /* the query takes some 20 ms: most of these meet it */
        char sql[64], text[64];
        snprintf(sql, sizeof sql, "update t set v = %d where k = 1", i);
        exec(w, sql);
        fixture_run_ms(&w->f, 6 + (unsigned)i);
        snprintf(sql, sizeof sql, "update t set v = %d where k = 2", i);
        exec(w, sql);
        snprintf(text, sizeof text, "{\"k\":2,\"v\":%d}", i);
        fixture_until(&w->f, has_row_2, text, "the commit during the query");
    }
}

static void an_unchanged_database_is_not_queried(void **state)
{
    struct world *w = *state;
    start_ok(w);
    exec(w, "update t set v = 'c' where k = 2");
    fixture_until_events(&w->f, 3);
    uint64_t runs;
    int tries = 0;
    do { /* a checkpoint may be looked at once more */
        runs = w->f.runs;
        fixture_run_ms(&w->f, 200);
    } while (w->f.runs != runs && ++tries < 10);
    fixture_run_ms(&w->f, 1000); /* some hundred looks */
    assert_int_equal(w->f.runs, runs);
    /* a transaction that changes nothing of the result runs it and tells nothing */
    exec(w, "create table u(x)");
    fixture_until_runs(&w->f, runs + 1);
    assert_int_equal(w->f.events, 3);
}

/* Takes the right to write to the folder from this process, or gives it back. */
static void set_writable(const struct world *w, bool writable)
{
    const char *path = contract_sqlite_path(w->db);
    char folder[128];
    snprintf(folder, sizeof folder, "%.*s", (int)(strrchr(path, '/') - path), path);
    bool root = getuid() == 0;
    if (root && writable)
        assert_int_equal(seteuid(0), 0);
    assert_int_equal(chmod(folder, writable ? 0755 : 0555), 0);
    assert_int_equal(chmod(path, writable ? 0644 : 0444), 0);
    if (root && !writable)
        assert_int_equal(seteuid(NOBODY), 0);
}

static void a_reader_without_permission_to_write_is_enough(void **state)
{
    struct world *w = *state;
    sqlite3 *app = application(w); /* keeps what a WAL needs in place */
    app_exec(app, "insert into t values (3, 'c')");
    set_writable(w, false);
    start(w);
    fixture_until_events(&w->f, 3);
    set_writable(w, true);
    app_exec(app, "update t set v = 'x' where k = 3");
    set_writable(w, false);
    fixture_until_events(&w->f, 4);
    fixture_close(&w->f);
    set_writable(w, true);
    sqlite3_close(app);
}

static void sources_share_a_file(void **state)
{
    struct world *w = *state;
    struct fixture second;
    struct source *source = NULL;
    struct err e;
    fixture_init(&second, 5);
    assert_int_equal(contract_sqlite.open(w->db, &w->conf, &second, &source, &e), OK);
    fixture_start(&second, source);
    start_ok(w);
    fixture_until_events(&second, 2);
    exec(w, "update t set v = 'c' where k = 2");
    fixture_until_events(&w->f, 3);
    fixture_until_events(&second, 3);
    fixture_fini(&second);
}

#define BOTH(test)                                                                                 \
    {"rollback: " #test, test, world_begin, world_end, (void *)(uintptr_t)&contract_sqlite},       \
    {                                                                                              \
        "WAL: " #test, test, world_begin, world_end, (void *)(uintptr_t)&contract_sqlite_wal       \
    }
#define ROLLBACK(test)                                                                             \
    {                                                                                              \
#test, test, world_begin, world_end, (void *)(uintptr_t)&contract_sqlite                   \
    }
#define WAL(test)                                                                                  \
    {                                                                                              \
#test, test, world_begin, world_end, (void *)(uintptr_t)&contract_sqlite_wal               \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        ROLLBACK(a_value_is_its_type),
        ROLLBACK(text_that_is_not_utf8_names_row_and_column),
        ROLLBACK(one_and_the_text_one_are_the_same_key),
        ROLLBACK(only_a_query_that_reads_is_run),
        ROLLBACK(wrong_options_are_named),
        ROLLBACK(a_long_query_does_not_hold_up_the_end),
        ROLLBACK(a_replaced_file_is_seen),
        ROLLBACK(a_file_written_over_is_seen),
        ROLLBACK(a_file_that_is_no_database_is_told),
        ROLLBACK(a_locked_database_is_told_and_heals),
        ROLLBACK(a_transaction_that_a_killed_program_left_half_written_is_never_seen),
        BOTH(a_database_locked_at_start_heals_too),
        WAL(the_application_is_never_locked_out_of_a_wal_database),
        WAL(a_commit_during_the_query_is_not_missed),
        BOTH(an_unchanged_database_is_not_queried),
        BOTH(a_reader_without_permission_to_write_is_enough),
        BOTH(sources_share_a_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
