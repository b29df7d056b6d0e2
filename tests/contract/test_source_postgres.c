/* What only a source on PostgreSQL has to stand: notifications, types, and a server's ways to say
 * no. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "source_fixture.h"

#include "base/buf.h"
#include "source/pg_setup.h"
#include "source/source_postgres.h"

#include <stdio.h>
#include <stdlib.h>

struct world {
    void *db;
    struct fixture f;
    struct source_postgres_conf conf;
};

static int world_begin(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    w->db = contract_postgres.begin();
    contract_postgres.exec(w->db, "create table t(k text, v int); insert into t values ('a', 1)");
    fixture_init(&w->f, 77);
    w->conf = (struct source_postgres_conf){.database = contract_postgres_url(w->db),
                                            .listen = "Odd \"name",
                                            .query = {.query = "select k, v from t",
                                                      .key = "k",
                                                      .tenant = "acme",
                                                      .channel = FIXTURE_CHANNEL,
                                                      .every_ms = 3600000,
                                                      .keys = 20000}};
    *state = w;
    return 0;
}

static int world_end(void **state)
{
    struct world *w = *state;
    fixture_fini(&w->f);
    contract_postgres.end(w->db);
    free(w);
    return 0;
}

static void exec(struct world *w, const char *sql)
{
    contract_postgres.exec(w->db, sql);
}

static void start(struct world *w)
{
    struct source *source = NULL;
    struct err e;
    if (source_postgres_new(&w->conf, &w->f.host, &w->f.loop, &source, &e) != OK)
        fail_msg("%s", e.detail);
    fixture_start(&w->f, source);
}

static void expect_row(struct world *w, const char *key, const char *text)
{
    struct slice got = fixture_row(&w->f, "acme", key);
    if (!slice_is(got, text))
        fail_msg("row %s is %.*s, not %s", key, SLICE_FMT(got), text);
}

static void a_notification_wakes_it(void **state)
{
    struct world *w = *state;
    start(w);
    fixture_until_ok(&w->f);
    for (int i = 0; i < 20; i++) { /* the interval is an hour */
        char sql[128];
        snprintf(sql, sizeof sql, "begin; update t set v = %d; notify \"Odd \"\"name\"; commit",
                 100 + i);
        exec(w, sql);
        fixture_until_events(&w->f, 2 + (size_t)i);
    }
}

static bool has_last(struct fixture *f, void *text)
{
    return slice_is(fixture_row(f, "acme", "a"), text);
}

static void a_burst_of_commits_is_a_few_runs_and_nothing_is_missed(void **state)
{
    struct world *w = *state;
    start(w);
    fixture_until_ok(&w->f);
    uint64_t runs = w->f.runs;
    for (int round = 0; round < 10; round++) {
        char text[64];
        for (int i = 0; i <= 30; i++) {
            char sql[128];
            snprintf(sql, sizeof sql, "update t set v = %d; notify \"Odd \"\"name\"",
                     round * 1000 + i + 5000);
            exec(w, sql);
        }
        snprintf(text, sizeof text, "{\"k\":\"a\",\"v\":%d}", round * 1000 + 5030);
        fixture_until(&w->f, has_last, text, "the last commit");
    }
    fixture_run_ms(&w->f, 50); /* the loop stood still during the commits: they came at once */
    assert_true(w->f.runs - runs <= 30);
}

static void a_notification_at_any_moment_is_not_missed(void **state)
{
    struct world *w = *state;
    start(w);
    fixture_until_ok(&w->f);
    for (int round = 0; round < 60; round++) { /* while it queries, appends, waits */
        char sql[128], text[64];
        for (int i = 0; i < 3; i++) {
            snprintf(sql, sizeof sql, "update t set v = %d; notify \"Odd \"\"name\"",
                     round * 10 + i + 5000);
            exec(w, sql);
            for (uint64_t turns = rng_below(&w->f.rng, 6); i < 2 && turns > 0; turns--)
                uv_run(&w->f.loop, UV_RUN_ONCE);
        }
        snprintf(text, sizeof text, "{\"k\":\"a\",\"v\":%d}", round * 10 + 5002);
        fixture_until(&w->f, has_last, text, "the last commit");
    }
}

static void without_a_notification_it_runs_at_its_interval(void **state)
{
    struct world *w = *state;
    w->conf.listen = NULL;
    w->conf.query.every_ms = 20;
    start(w);
    fixture_until_ok(&w->f);
    fixture_until_runs(&w->f, w->f.runs + 3);
    exec(w, "update t set v = 2");
    fixture_until_events(&w->f, 2);
}

static void values_are_what_their_types_say(void **state)
{
    struct world *w = *state;
    exec(w, "create type mood as enum ('fine');"
            "create table v(k int, b bool, i8 int8, n numeric, f4 float4, f8 float8, nan float8, "
            "j json, jb jsonb, x bytea, ts timestamptz, d date, u uuid, m mood, arr int[], nn "
            "numeric, iv interval, t text);"
            "insert into v values (1, true, 9223372036854775807, 1.10, 0.1, 1e-7, 'NaN', "
            "'{\"a\" : [1, 1e2 ]}', '{\"b\": 1.50}', '\\x00ff10', '2026-01-21 10:00:00.5+02', "
            "'2026-01-21', '00000000-0000-0000-0000-00000000000a', 'fine', '{1,2}', 'NaN', '90 "
            "min', E'a\\n\"b')");
    w->conf.query.query = "select * from v";
    start(w);
    fixture_until_events(&w->f, 1);
    expect_row(w, "1",
               "{\"k\":1,\"b\":true,\"i8\":9223372036854775807,\"n\":1.10,\"f4\":0.1,\"f8\":1e-7,"
               "\"nan\":null,\"j\":{\"a\":[1,1e2]},\"jb\":{\"b\":1.50},\"x\":\"AP8Q\","
               "\"ts\":\"2026-01-21 08:00:00.5+00\",\"d\":\"2026-01-21\","
               "\"u\":\"00000000-0000-0000-0000-00000000000a\",\"m\":\"fine\",\"arr\":\"{1,2}\","
               "\"nn\":null,\"iv\":\"PT1H30M\",\"t\":\"a\\n\\\"b\"}");
}

static void json_that_cannot_be_published_names_row_and_column(void **state)
{
    struct world *w = *state;
    exec(w, "create table j(k int, v json); insert into j values (7, '{\"a\":1,\"a\":2}')");
    w->conf.query.query = "select k, v from j";
    w->conf.query.every_ms = 20;
    start(w);
    fixture_until_failing(&w->f, "\"7\"");
    assert_non_null(strstr(w->f.detail, "\"v\""));
    exec(w, "update j set v = '{}'");
    fixture_until_events(&w->f, 1);
}

static void a_connection_that_is_cut_comes_back_and_misses_nothing(void **state)
{
    struct world *w = *state;
    start(w);
    fixture_until_ok(&w->f);
    for (int i = 0; i < 5; i++) {
        char sql[128];
        snprintf(sql, sizeof sql, "update t set v = %d", 50 + i); /* nobody notifies */
        exec(w, sql);
        exec(w, "select pg_terminate_backend(pid) from pg_stat_activity where application_name = "
                "'freshet' and datname = current_database()");
        fixture_until_events(&w->f, 2 + (size_t)i);
        fixture_until_ok(&w->f);
    }
    assert_true(w->f.failures >= 5);
}

static void permission_denied_is_told_and_heals(void **state)
{
    struct world *w = *state;
    char url[256];
    exec(w, "create role reader login");
    snprintf(url, sizeof url, "%s", contract_postgres_url(w->db));
    char *user = strstr(url, "user=postgres");
    assert_non_null(user);
    memcpy(user, "user=reader  ", 13);
    w->conf.database = url;
    start(w);
    fixture_until_failing(&w->f, "permission denied");
    exec(w, "grant select on t to reader");
    fixture_until_events(&w->f, 1);
    fixture_until_ok(&w->f);
    fixture_close(&w->f);
    exec(w, "drop owned by reader; drop role reader");
}

static void the_session_cannot_write(void **state)
{
    struct world *w = *state;
    w->conf.query.query = "delete from t returning k, v";
    start(w);
    fixture_until_failing(&w->f, "read-only");
    fixture_close(&w->f);
    w->conf.query.query = "select k, v from t;";
    start(w);
    fixture_until_events(&w->f, 1); /* it is still there */
}

static void a_query_without_an_end_is_told(void **state)
{
    struct world *w = *state;
    w->conf.timeout_ms = 100;
    w->conf.query.query = "select 'a' as k, pg_sleep(600)::text as v";
    start(w);
    fixture_until_failing(&w->f, "timeout");
    fixture_close(&w->f);
    w->conf.timeout_ms = 0;
    start(w);
    fixture_run_ms(&w->f, 50);
    fixture_close(&w->f); /* does not wait for it */
}

static void nobody_at_the_address_is_told(void **state)
{
    struct world *w = *state;
    w->conf.database = "postgres://u:secret@127.0.0.1:1/x";
    start(w);
    fixture_until_failing(&w->f, "no connection to the database");
    assert_null(strstr(w->f.detail, "secret"));
}

static void a_host_is_found_by_its_name(void **state)
{
    struct world *w = *state;
    w->conf.database = contract_postgres_url_by_name(w->db);
    start(w);
    fixture_until_events(&w->f, 1);
    fixture_close(&w->f);
    for (int i = 0; i < 5; i++) { /* closing while it is looked up, or any time after */
        start(w);
        for (int turns = 0; turns < i; turns++)
            uv_run(&w->f.loop, UV_RUN_ONCE);
        fixture_close(&w->f);
    }
    /* longer than a name may be: nobody is asked for it */
    w->conf.database =
        "host=0123456789012345678901234567890123456789012345678901234567890123456789";
    start(w);
    fixture_until_failing(&w->f, "no connection to the database");
}

static void the_triggers_wake_it_after_every_kind_of_change(void **state)
{
    struct world *w = *state;
    static const char *const tables[] = {"public.t", "Odd \"table"};
    static const char *const bad[] = {"public.", ""};
    struct buf sql = BUF_INIT;
    struct err e;
    exec(w, "create table \"Odd \"\"table\"(k text, v int)");
    w->conf.listen = "o'dd\\ \"channel";
    w->conf.query.query = "select k, v from t union all select k, v from \"Odd \"\"table\"";
    assert_int_equal(pg_setup_sql(bad, 1, w->conf.listen, &sql, &e), ERR_BAD_REQUEST);
    assert_int_equal(pg_setup_sql(bad + 1, 1, w->conf.listen, &sql, &e), ERR_BAD_REQUEST);
    assert_int_equal(pg_setup_sql(tables, 0, w->conf.listen, &sql, &e), ERR_BAD_REQUEST);
    assert_int_equal(pg_setup_sql(tables, 2, "", &sql, &e), ERR_BAD_REQUEST);
    buf_reset(&sql);
    assert_int_equal(pg_setup_sql(tables, 2, w->conf.listen, &sql, &e), OK);
    exec(w, buf_cstr(&sql));
    exec(w, buf_cstr(&sql)); /* safe to run again */
    buf_fini(&sql);
    start(w);
    fixture_until_events(&w->f, 1);
    fixture_until_ok(&w->f);
    static const char *const changes[] = {"insert into \"Odd \"\"table\" values ('b', 1)",
                                          "update t set v = 5", "delete from \"Odd \"\"table\"",
                                          "truncate t"};
    for (size_t i = 0; i < 4; i++) {
        exec(w, changes[i]);
        fixture_until_events(&w->f, 2 + i);
    }
    assert_int_equal(w->f.rows, 0);
}

static bool is_waiting(struct fixture *f, void *arg)
{
    (void)arg;
    return f->told && f->ok && strstr(f->detail, "another hub");
}

static bool has_more_loads(struct fixture *f, void *loads)
{
    return f->loads > *(size_t *)loads && f->ok;
}

static void one_of_two_hubs_watches_and_the_other_takes_over(void **state)
{
    struct world *w = *state;
    struct fixture second;
    struct source *source = NULL;
    struct err e;
    w->conf.lock = "trips of the one log";
    start(w);
    fixture_until_events(&w->f, 1);
    fixture_init(&second, 5);
    assert_int_equal(source_postgres_new(&w->conf, &second.host, &second.loop, &source, &e), OK);
    fixture_start(&second, source);
    fixture_until(&second, is_waiting, NULL, "the second to wait");
    exec(w, "update t set v = 2; notify \"Odd \"\"name\"");
    fixture_until_events(&w->f, 2);
    fixture_run_ms(&second, 1500); /* it asks again meanwhile */
    assert_int_equal(second.events + second.runs, 0);
    size_t loads = second.loads;
    fixture_close(&w->f);
    uint64_t since = uv_hrtime();
    fixture_until_events(&second, 1);
    assert_true(uv_hrtime() - since < 5000000000u);
    assert_int_equal(second.loads, loads + 1); /* what the first told meanwhile is in the log */
    /* who loses the connection has lost the lock, and can't know who had it since */
    loads = second.loads;
    exec(w, "select pg_terminate_backend(pid) from pg_stat_activity where application_name = "
            "'freshet' and datname = current_database()");
    fixture_until(&second, has_more_loads, &loads, "the log to be read again");
    assert_int_equal(second.events, 1);
    fixture_fini(&second);
}

static void wrong_options_are_named(void **state)
{
    struct world *w = *state;
    struct source *source = NULL;
    struct err e;
    w->conf.database = "postgres://u:secret@[::1";
    assert_int_equal(source_postgres_new(&w->conf, &w->f.host, &w->f.loop, &source, &e),
                     ERR_BAD_REQUEST);
    assert_non_null(strstr(e.detail, "database"));
    assert_null(strstr(e.detail, "secret"));
    w->conf.database = "dbname=x";
    w->conf.listen = "";
    assert_int_equal(source_postgres_new(&w->conf, &w->f.host, &w->f.loop, &source, &e),
                     ERR_BAD_REQUEST);
    assert_non_null(strstr(e.detail, "listen"));
}

static void ten_thousand_rows_come_in_turns(void **state)
{
    struct world *w = *state;
    exec(w, "delete from t; insert into t select 'row ' || i, i from generate_series(1, 10000) i");
    start(w);
    fixture_until_events(&w->f, 10000);
    assert_int_equal(w->f.batches, 1);
    exec(w, "update t set v = v + 1 where v % 100 = 0; notify \"Odd \"\"name\"");
    fixture_until_events(&w->f, 10100);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, world_begin, world_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_notification_wakes_it),
        TEST(a_burst_of_commits_is_a_few_runs_and_nothing_is_missed),
        TEST(a_notification_at_any_moment_is_not_missed),
        TEST(without_a_notification_it_runs_at_its_interval),
        TEST(values_are_what_their_types_say),
        TEST(json_that_cannot_be_published_names_row_and_column),
        TEST(a_connection_that_is_cut_comes_back_and_misses_nothing),
        TEST(permission_denied_is_told_and_heals),
        TEST(the_session_cannot_write),
        TEST(a_query_without_an_end_is_told),
        TEST(nobody_at_the_address_is_told),
        TEST(a_host_is_found_by_its_name),
        TEST(the_triggers_wake_it_after_every_kind_of_change),
        TEST(one_of_two_hubs_watches_and_the_other_takes_over),
        TEST(wrong_options_are_named),
        TEST(ten_thousand_rows_come_in_turns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
