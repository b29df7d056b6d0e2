/* What the sqlite store does beyond the contract: its file, its lock, damage, faults of the disk.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lossy_vfs.h"
#include "store_rig.h"

#include "base/rng.h"

#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const struct rig_driver sqlite_driver = {"sqlite", true, true};

static const char *path_of(const struct rig *r)
{
    return r->spec + strlen("sqlite:");
}

struct content {
    char *p;
    size_t len;
};

static struct content read_whole(const char *path)
{
    struct content c = {NULL, 0};
    struct stat st;
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    assert_int_equal(fstat(fileno(f), &st), 0);
    c.len = (size_t)st.st_size;
    c.p = malloc(c.len + 1);
    assert_non_null(c.p);
    assert_int_equal(fread(c.p, 1, c.len, f), c.len);
    fclose(f);
    return c;
}

static void write_whole(const char *path, const void *p, size_t len)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(p, 1, len, f), len);
    assert_int_equal(fclose(f), 0);
}

/* Opening the rig's file fails like this, and leaves it as it is. */
static void assert_refused(struct rig *r, int code, const char *reason)
{
    struct content before = read_whole(path_of(r)), after;
    struct store *s = NULL;
    struct err e = {.detail = ""};
    assert_int_equal(store_open(r->spec, &r->conf, &s, &e), code);
    assert_null(s);
    if (!strstr(e.detail, reason))
        fail_msg("\"%s\" doesn't say \"%s\"", e.detail, reason);
    assert_non_null(strstr(e.detail, path_of(r)));
    after = read_whole(path_of(r));
    assert_int_equal(before.len, after.len);
    assert_memory_equal(before.p, after.p, before.len);
    free(before.p);
    free(after.p);
}

static void store_events(struct rig *r, pos_t from, pos_t to)
{
    struct rig_batch b = {.count = 0};
    rig_tenant(&b, "t", 7, to, 0);
    for (pos_t pos = from; pos <= to; pos++)
        rig_event(&b, "t", "a", pos);
    rig_store(r, &b);
}

static void its_files_are_private(void **state)
{
    mode_t before = umask(0);
    struct rig *r = rig_new(&sqlite_driver);
    umask(before);
    store_events(r, 1, 10);
    static const char *const suffixes[] = {"", "-wal", "-shm", "-lock"};
    for (size_t i = 0; i < 4; i++) {
        char path[256];
        struct stat st;
        snprintf(path, sizeof path, "%s%s", path_of(r), suffixes[i]);
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode & 0777, 0600);
    }
    rig_free(r);
}

static void a_second_store_is_refused(void **state)
{
    struct rig *r = rig_new(&sqlite_driver);
    char reason[64], link[256], spec[300];
    snprintf(reason, sizeof reason, "process id %d", (int)getpid());
    assert_refused(r, ERR_CONFLICT, reason);
    snprintf(link, sizeof link, "%s/link.db", r->dir);
    snprintf(spec, sizeof spec, "sqlite:%s", link);
    assert_int_equal(symlink(path_of(r), link), 0);
    struct store *s = NULL;
    struct err e;
    assert_int_equal(store_open(spec, NULL, &s, &e), ERR_CONFLICT);
    store_events(r, 1, 10); /* the first one goes on */
    rig_close(r);
    rig_open(r);
    rig_free(r);
}

static void the_lock_of_a_killed_process_is_free(void **state)
{
    struct rig *r = rig_new(&sqlite_driver);
    rig_close(r);
    int ready[2];
    assert_int_equal(pipe(ready), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct store *s;
        struct err e;
        alarm(60); /* doesn't outlive the test, however that ends */
        char byte = store_open(r->spec, NULL, &s, &e) ? 'n' : 'y';
        if (write(ready[1], &byte, 1) == 1)
            pause();
        _exit(1);
    }
    char byte = 0;
    assert_int_equal(read(ready[0], &byte, 1), 1);
    assert_int_equal(byte, 'y');
    char reason[64];
    snprintf(reason, sizeof reason, "process id %d", (int)pid);
    assert_refused(r, ERR_CONFLICT, reason);
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    rig_open(r);
    store_events(r, 1, 10);
    rig_free(r);
    close(ready[0]);
    close(ready[1]);
}

static void paths_that_can_not_be_are_named(void **state)
{
    struct store *s = NULL;
    struct err e;
    assert_int_equal(store_open("sqlite:/nowhere/at/all.db", NULL, &s, &e), ERR_INTERNAL);
    assert_non_null(strstr(e.detail, "/nowhere/at/all.db can't be created: No such file"));
    assert_int_equal(store_open("sqlite:/tmp", NULL, &s, &e), ERR_CONFLICT);
    assert_non_null(strstr(e.detail, "/tmp is no file"));
}

/* Runs SQL on the closed store's file. */
static void change_file(const struct rig *r, const char *sql)
{
    sqlite3 *conn;
    assert_int_equal(sqlite3_open(path_of(r), &conn), SQLITE_OK);
    assert_int_equal(sqlite3_exec(conn, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(conn), SQLITE_OK);
}

static void files_that_are_not_ours_are_left_as_they_are(void **state)
{
    struct rig *r = rig_new(&sqlite_driver);
    rig_close(r);
    change_file(r, "PRAGMA user_version=2");
    assert_refused(r, ERR_CONFLICT, "format 2 of a newer version");
    change_file(r, "PRAGMA user_version=1; PRAGMA application_id=5");
    assert_refused(r, ERR_CONFLICT, "another program");
    unlink(path_of(r));
    change_file(r, "CREATE TABLE trips(id)");
    assert_refused(r, ERR_CONFLICT, "another program");
    unlink(path_of(r));
    write_whole(path_of(r), "the quick brown fox jumps over the lazy dog", 43);
    assert_refused(r, ERR_CONFLICT, "not a database");
    unlink(path_of(r));
    write_whole(path_of(r), "", 0); /* an empty file is a new one */
    rig_open(r);
    rig_free(r);
}

static int count_row(void *ctx, const struct store_row *row)
{
    ++*(size_t *)ctx;
    return 0;
}

static void a_damaged_file_is_named_and_left_as_it_is(void **state)
{
    struct rig *r = rig_new(&sqlite_driver);
    for (pos_t pos = 1; pos <= 20000; pos += 1000)
        store_events(r, pos, pos + 999);
    rig_close(r);
    struct content whole = read_whole(path_of(r));
    write_whole(path_of(r), whole.p, whole.len / 8192 * 4096); /* cut short */
    assert_refused(r, ERR_INTERNAL, "is damaged");

    char *broken = malloc(whole.len);
    assert_non_null(broken);
    memcpy(broken, whole.p, whole.len);
    memset(broken + whole.len / 2, 0x5a, 8192);
    write_whole(path_of(r), broken, whole.len);
    rig_open(r);
    size_t count = 0;
    struct err e = {.detail = ""};
    assert_int_equal(r->store->ops->load(r->store, count_row, &count, &e), ERR_INTERNAL);
    assert_non_null(strstr(e.detail, "is damaged"));
    struct page *page = rig_read(r, rig_spec("t", "a", 100000, 1 << 30));
    assert_int_equal(page->error, ERR_INTERNAL);
    assert_int_equal(page->count, 0);
    assert_false(page->more);
    page_free(page);
    rig_close(r);
    struct content after = read_whole(path_of(r));
    assert_int_equal(after.len, whole.len);
    assert_memory_equal(after.p, broken, whole.len);

    write_whole(path_of(r), whole.p, whole.len);
    change_file(r, "DROP TABLE onces");
    assert_refused(r, ERR_INTERNAL, "is damaged (no such table");
    rig_free(r);
    free(broken);
    free(whole.p);
    free(after.p);
}

/* Bytes turned over at random: an error or not, but never a crash (under the sanitizers). */
static void random_damage_is_survived(void **state)
{
    struct rig *r = rig_new(&sqlite_driver);
    store_events(r, 1, 2000);
    struct rig_batch b = {.count = 0};
    rig_once(&b, "t", "a", "k", "v", 1, 2);
    rig_add(&b, STORE_REVOKE, "t", "sub:1");
    rig_store(r, &b);
    rig_close(r);
    struct content whole = read_whole(path_of(r));
    char *broken = malloc(whole.len);
    assert_non_null(broken);
    struct rng dice;
    rng_init(&dice, 11);
    unsigned failed = 0;
    for (int round = 0; round < 60; round++) {
        memcpy(broken, whole.p, whole.len);
        for (uint64_t n = 1 + rng_below(&dice, 200); n > 0; n--)
            broken[100 + rng_below(&dice, whole.len - 100)] ^= (char)(1 + rng_below(&dice, 255));
        write_whole(path_of(r), broken, whole.len);
        struct err e;
        if (store_open(r->spec, &r->conf, &r->store, &e)) {
            failed++;
            continue;
        }
        rig_close(r);
        rig_open(r);
        size_t count = 0;
        failed += r->store->ops->load(r->store, count_row, &count, &e) != 0;
        struct page *page = rig_read(r, rig_spec("t", "a b", 100000, 1 << 30));
        failed += page->error != 0;
        page_free(page);
        rig_tenant(&b, "t", 7, 3000, 0);
        rig_event(&b, "t", "a", 3000);
        failed += rig_append(r, &b) != 0;
        rig_close(r);
        char path[256];
        snprintf(path, sizeof path, "%s-wal", path_of(r));
        unlink(path);
    }
    assert_true(failed > 0);
    write_whole(path_of(r), whole.p, whole.len);
    rig_open(r);
    rig_free(r);
    free(broken);
    free(whole.p);
}

struct faulty {
    struct rig *rig;
    struct lossy *lossy;
};

static int set_up_faulty(void **state)
{
    struct faulty *f = calloc(1, sizeof *f);
    assert_non_null(f);
    f->lossy = lossy_new("faulty", 1);
    f->rig = rig_new_with(&sqlite_driver, &(struct store_conf){.vfs = "faulty", .wal_pages = 20});
    *state = f;
    return 0;
}

static int tear_down_faulty(void **state)
{
    struct faulty *f = *state;
    rig_free(f->rig);
    lossy_free(f->lossy);
    free(f);
    return 0;
}

static void copy_file(const struct rig *from, const struct rig *to, const char *suffix)
{
    char path[256];
    snprintf(path, sizeof path, "%s%s", path_of(from), suffix);
    struct content c = read_whole(path);
    snprintf(path, sizeof path, "%s%s", path_of(to), suffix);
    write_whole(path, c.p, c.len);
    free(c.p);
}

/* What a killed process would leave holds this. */
static void assert_survives(const struct rig *r, const char *text)
{
    struct rig *copy = rig_new(&sqlite_driver);
    rig_close(copy);
    copy_file(r, copy, "");
    copy_file(r, copy, "-wal");
    rig_open(copy);
    rig_expect(copy, "t", "a", 1000, 1 << 30, text);
    rig_free(copy);
}

/* Whichever call of the append it is that fails. */
static void fail_appends(struct faulty *f, enum lossy_fault fault, int code)
{
    struct rig *r = f->rig;
    struct store_stats stats;
    struct rig_batch b = {.count = 0};
    char text[128] = "a@1 upto=1";
    store_events(r, 1, 1);
    pos_t pos = 1;
    for (unsigned after = 0; after < 40; after++) {
        lossy_fail(f->lossy, fault, after);
        rig_tenant(&b, "t", 7, pos + 100, 0);
        rig_remove(&b, "t", "a", pos);
        for (pos_t at = pos + 1; at <= pos + 100; at++)
            rig_event(&b, "t", "a", at);
        int error = rig_append(r, &b);
        r->store->ops->stats(r->store, &stats);
        assert_int_equal(stats.writable, error == 0);
        lossy_fail(f->lossy, LOSSY_NONE, 0);
        if (!error)
            break;
        assert_int_equal(error, code);
        assert_non_null(strstr(r->detail, path_of(r)));
        assert_string_equal(stats.detail, r->detail);
        rig_expect(r, "t", "a", 1000, 1 << 30, text);
        assert_survives(r, text);
        /* the next one is tried again */
        rig_tenant(&b, "t", 7, pos + 1, 0);
        rig_remove(&b, "t", "a", pos);
        rig_event(&b, "t", "a", ++pos);
        rig_store(r, &b);
        snprintf(text, sizeof text, "a@%llu upto=%llu", (unsigned long long)pos,
                 (unsigned long long)pos);
        rig_expect(r, "t", "a", 1000, 1 << 30, text);
    }
    r->store->ops->stats(r->store, &stats);
    assert_true(stats.append_errors > 0);
    rig_close(r);
    rig_open(r);
}

static void a_full_disk_fails_a_batch_whole(void **state)
{
    fail_appends(*state, LOSSY_DISK_FULL, ERR_STORE_FULL);
}

static void a_bad_write_fails_a_batch_whole(void **state)
{
    fail_appends(*state, LOSSY_BAD_WRITE, ERR_OVERLOADED);
}

static void a_bad_sync_fails_a_batch_whole(void **state)
{
    fail_appends(*state, LOSSY_BAD_SYNC, ERR_OVERLOADED);
}

static void a_bad_read_is_an_error_of_the_page(void **state)
{
    struct faulty *f = *state;
    store_events(f->rig, 1, 1000);
    lossy_fail(f->lossy, LOSSY_BAD_READ, 0);
    struct page *page = rig_read(f->rig, rig_spec("t", "a", 1000, 1 << 30));
    assert_int_equal(page->error, ERR_OVERLOADED);
    assert_int_equal(page->count, 0);
    page_free(page);
    lossy_fail(f->lossy, LOSSY_NONE, 0);
    struct store_stats stats;
    f->rig->store->ops->stats(f->rig->store, &stats);
    assert_int_equal(stats.read_errors, 1);
    page = rig_read(f->rig, rig_spec("t", "a", 1000, 1 << 30));
    assert_int_equal(page->error, 0);
    assert_int_equal(page->count, 1000);
    page_free(page);
}

static void the_write_ahead_log_stays_short_under_readers(void **state)
{
    struct faulty *f = *state; /* for its speed, and 20 pages */
    struct rig *r = f->rig;
    size_t pages = 0;
    uint64_t longest = 0;
    lossy_slow_reads(f->lossy, 100); /* so that there is no moment without a reader */
    for (pos_t n = 0; n < 1500; n++) {
        struct rig_batch b = {.count = 0};
        for (pos_t i = 0; i < 10; i++) {
            rig_event(&b, "t", "a", n * 10 + i + 1);
            if (n > 10)
                rig_remove(&b, "t", "a", (n - 11) * 10 + i + 1);
        }
        rig_append_start(r, &b);
        /* a few reads are always under way */
        for (; pages < n + 16; pages++)
            r->store->ops->read(r->store, rig_spec("t", "a b c d", 1000, 1 << 20), r);
        rig_wait(r, n + 1, pages - 16);
        rig_batch_fini(&b);
        char path[256];
        struct stat st;
        snprintf(path, sizeof path, "%s-wal", path_of(r));
        if (stat(path, &st) == 0 && (uint64_t)st.st_size > longest)
            longest = (uint64_t)st.st_size;
    }
    rig_wait(r, 1500, pages);
    assert_true(longest > 0);
    assert_true(longest < 8 << 20); /* of 20 MiB that are written */
}

/* Batches of ten events each, none of which may take long: the busy timeout is five seconds, so a
 * checkpoint that waited for another program's reader would show. */
static void append_many(struct rig *r, pos_t from, unsigned batches)
{
    for (unsigned n = 0; n < batches; n++) {
        struct timespec a, b;
        clock_gettime(CLOCK_MONOTONIC, &a);
        store_events(r, from + n * 10, from + n * 10 + 9);
        clock_gettime(CLOCK_MONOTONIC, &b);
        assert_true(b.tv_sec - a.tv_sec < 4);
    }
}

static void another_programs_reader_holds_up_nobody(void **state)
{
    struct faulty *f = *state;
    sqlite3 *conn;
    store_events(f->rig, 1, 10);
    assert_int_equal(sqlite3_open(path_of(f->rig), &conn), SQLITE_OK);
    assert_int_equal(sqlite3_exec(conn, "BEGIN; SELECT count(*) FROM events", NULL, NULL, NULL),
                     SQLITE_OK);
    append_many(f->rig, 11, 300);
    assert_int_equal(sqlite3_exec(conn, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(conn), SQLITE_OK);
    append_many(f->rig, 3011, 100);
    struct page *page = rig_read(f->rig, rig_spec("t", "a", 10000, 1 << 30));
    assert_int_equal(page->count, 4010);
    page_free(page);
}

static void another_programs_write_is_waited_for(void **state)
{
    struct faulty *f = *state;
    sqlite3 *conn;
    assert_int_equal(sqlite3_open(path_of(f->rig), &conn), SQLITE_OK);
    assert_int_equal(sqlite3_exec(conn, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    struct rig_batch b = {.count = 0};
    rig_event(&b, "t", "a", 1);
    rig_append_start(f->rig, &b);
    rig_expect(f->rig, "t", "a", 10, 1000, "upto=0"); /* reads go on */
    assert_int_equal(f->rig->stored, 0);
    assert_int_equal(sqlite3_exec(conn, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
    rig_wait(f->rig, 1, 1);
    assert_int_equal(f->rig->errors[0], 0);
    rig_expect(f->rig, "t", "a", 10, 1000, "a@1 upto=1");
    assert_int_equal(sqlite3_close(conn), SQLITE_OK);
    rig_batch_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(its_files_are_private),
        cmocka_unit_test(a_second_store_is_refused),
        cmocka_unit_test(the_lock_of_a_killed_process_is_free),
        cmocka_unit_test(paths_that_can_not_be_are_named),
        cmocka_unit_test(files_that_are_not_ours_are_left_as_they_are),
        cmocka_unit_test(a_damaged_file_is_named_and_left_as_it_is),
        cmocka_unit_test(random_damage_is_survived),
        cmocka_unit_test_setup_teardown(a_full_disk_fails_a_batch_whole, set_up_faulty,
                                        tear_down_faulty),
        cmocka_unit_test_setup_teardown(a_bad_write_fails_a_batch_whole, set_up_faulty,
                                        tear_down_faulty),
        cmocka_unit_test_setup_teardown(a_bad_sync_fails_a_batch_whole, set_up_faulty,
                                        tear_down_faulty),
        cmocka_unit_test_setup_teardown(a_bad_read_is_an_error_of_the_page, set_up_faulty,
                                        tear_down_faulty),
        cmocka_unit_test_setup_teardown(another_programs_reader_holds_up_nobody, set_up_faulty,
                                        tear_down_faulty),
        cmocka_unit_test_setup_teardown(another_programs_write_is_waited_for, set_up_faulty,
                                        tear_down_faulty),
        cmocka_unit_test_setup_teardown(the_write_ahead_log_stays_short_under_readers,
                                        set_up_faulty, tear_down_faulty),
    };
    return cmocka_run_group_tests_name("sqlite", tests, NULL, NULL);
}
