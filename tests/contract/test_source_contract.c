/* The contract of sources: what every driver of a watched query does, on a real database. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "source_fixture.h"

#include "base/buf.h"

#include <stdio.h>
#include <stdlib.h>

/* Without a primary key: a result may hold a key twice. */
#define TABLE                                                                                      \
    "create table trips(id integer, company text, status text, seats integer, "                    \
    "price double precision)"
#define QUERY "select id, company, status, seats, price from trips"
#define EVERY_MS 30

struct world {
    const struct contract_driver *driver;
    void *db;
    struct fixture f;
    struct source_query_conf conf;
};

static int world_begin(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    w->driver = *state;
    w->db = w->driver->begin();
    w->driver->exec(w->db, TABLE);
    fixture_init(&w->f, 4711);
    w->conf = (struct source_query_conf){.query = QUERY,
                                         .key = "id",
                                         .tenant_column = "company",
                                         .channel = FIXTURE_CHANNEL,
                                         .every_ms = EVERY_MS,
                                         .keys = 1000};
    *state = w;
    return 0;
}

static int world_end(void **state)
{
    struct world *w = *state;
    fixture_fini(&w->f);
    w->driver->end(w->db);
    free(w);
    return 0;
}

static void exec(struct world *w, const char *sql)
{
    w->driver->exec(w->db, sql);
}

static void start(struct world *w)
{
    struct source *source = NULL;
    struct err e;
    if (w->driver->open(w->db, &w->conf, &w->f, &source, &e) != OK)
        fail_msg("%s", e.detail);
    assert_string_equal(source->ops->name, w->driver->name);
    fixture_start(&w->f, source);
}

/* Starts on two rows of acme and one of globex, and waits for them. */
static void start_with_rows(struct world *w)
{
    exec(w, "insert into trips values (1, 'acme', 'on time', 40, 12.5), (2, 'acme', 'late', 30, "
            "0.1), (1, 'globex', 'on time', 7, 3)");
    start(w);
    fixture_until_events(&w->f, 3);
    fixture_until_ok(&w->f);
}

static void expect_row(struct world *w, const char *tenant, const char *key, const char *text)
{
    struct slice got = fixture_row(&w->f, tenant, key);
    if (!slice_eq(got, slice_str(text)))
        fail_msg("row %s of %s is %.*s, not %s", key, tenant, SLICE_FMT(got), text);
}

static void expect_last(struct world *w, const char *type, const char *data)
{
    struct slice t = event_type(w->f.last), d = event_data(w->f.last);
    if (!slice_is(t, type) || !slice_is(d, data))
        fail_msg("the last event is %.*s %.*s", SLICE_FMT(t), SLICE_FMT(d));
}

/* ---- what it tells ---- */

static void the_first_run_adds_every_row_of_every_tenant(void **state)
{
    struct world *w = *state;
    start_with_rows(w);
    expect_row(w, "acme", "1", "{\"id\":1,\"status\":\"on time\",\"seats\":40,\"price\":12.5}");
    expect_row(w, "acme", "2", "{\"id\":2,\"status\":\"late\",\"seats\":30,\"price\":0.1}");
    expect_row(w, "globex", "1", "{\"id\":1,\"status\":\"on time\",\"seats\":7,\"price\":3}");
    assert_int_equal(w->f.batches, 1);
    assert_int_equal(w->f.changes, 3);
}

static void an_empty_result_is_ready_too(void **state)
{
    struct world *w = *state;
    start(w);
    fixture_until_ok(&w->f);
    assert_int_equal(w->f.events, 0);
}

static void a_changed_row_tells_the_changed_fields(void **state)
{
    struct world *w = *state;
    start_with_rows(w);
    exec(w, "update trips set status = 'gone', seats = 39 where id = 1 and company = 'acme'");
    fixture_until_events(&w->f, 4);
    expect_last(w, "trips-updated", "{\"status\":\"gone\",\"seats\":39}");
    expect_row(w, "acme", "1", "{\"id\":1,\"status\":\"gone\",\"seats\":39,\"price\":12.5}");
    exec(w, "update trips set price = null where id = 2");
    fixture_until_events(&w->f, 5);
    expect_last(w, "trips-updated", "{\"price\":null}");
    exec(w, "update trips set price = -1e-7 where id = 2");
    fixture_until_events(&w->f, 6);
    expect_last(w, "trips-updated", "{\"price\":-1e-7}");
}

static void a_deleted_row_is_a_tombstone_and_may_come_back(void **state)
{
    struct world *w = *state;
    start_with_rows(w);
    exec(w, "delete from trips where id = 2");
    fixture_until_events(&w->f, 4);
    expect_last(w, "trips-removed", "null");
    assert_null(fixture_row(&w->f, "acme", "2").p);
    exec(w, "insert into trips values (2, 'acme', 'back', 1, 1)");
    fixture_until_events(&w->f, 5);
    expect_last(w, "trips-added", "{\"id\":2,\"status\":\"back\",\"seats\":1,\"price\":1}");
}

static void a_row_that_moves_leaves_one_tenant_and_joins_the_other(void **state)
{
    struct world *w = *state;
    start_with_rows(w);
    exec(w, "update trips set company = 'globex' where id = 2");
    fixture_until_events(&w->f, 5);
    assert_null(fixture_row(&w->f, "acme", "2").p);
    assert_non_null(fixture_row(&w->f, "globex", "2").p);
}

static void a_constant_tenant_keeps_all_columns(void **state)
{
    struct world *w = *state;
    w->conf.tenant_column = NULL;
    w->conf.tenant = "all";
    exec(w, "insert into trips values (5, 'acme', 'x', 1, 1)");
    start(w);
    fixture_until_events(&w->f, 1);
    expect_row(w, "all", "5",
               "{\"id\":5,\"company\":\"acme\",\"status\":\"x\",\"seats\":1,\"price\":1}");
}

static void many_changes_of_one_transaction_are_one_batch(void **state)
{
    struct world *w = *state;
    start(w);
    fixture_until_ok(&w->f);
    struct buf sql = BUF_INIT;
    buf_add_str(&sql, "insert into trips values ");
    for (int i = 0; i < 500; i++)
        buf_addf(&sql, "%s(%d, 'acme', 's', %d, 1)", i ? "," : "", i, i);
    exec(w, buf_cstr(&sql));
    buf_fini(&sql);
    fixture_until_events(&w->f, 500);
    assert_int_equal(w->f.batches, 1);
    exec(w, "update trips set seats = seats + 1 where id < 100");
    fixture_until_events(&w->f, 600);
    assert_int_equal(w->f.batches, 2);
}

static void a_kick_runs_the_query_at_once(void **state)
{
    struct world *w = *state;
    w->conf.every_ms = 3600000;
    start_with_rows(w);
    uint64_t runs = w->f.runs;
    w->f.source->ops->kick(w->f.source);
    fixture_until_runs(&w->f, runs + 1);
    exec(w, "update trips set seats = 3 where id = 2");
    w->f.source->ops->kick(w->f.source);
    fixture_until_events(&w->f, 4);
}

/* ---- restarts ---- */

static void a_restart_tells_exactly_what_changed_meanwhile(void **state)
{
    struct world *w = *state;
    start_with_rows(w);
    fixture_close(&w->f);
    start(w);
    fixture_until_ok(&w->f);
    assert_int_equal(w->f.events, 3); /* nothing */
    fixture_close(&w->f);
    exec(w, "update trips set seats = 1 where id = 2; delete from trips where company = 'globex';"
            "insert into trips values (9, 'acme', 'new', 1, 1)");
    start(w);
    fixture_until_events(&w->f, 6);
    assert_int_equal(w->f.batches, 2);
    assert_int_equal(w->f.rows, 3);
}

static void another_order_of_columns_changes_nothing(void **state)
{
    struct world *w = *state;
    start_with_rows(w);
    fixture_close(&w->f);
    w->conf.query = "select price, seats, id, status, company from trips";
    start(w);
    fixture_until_ok(&w->f);
    assert_int_equal(w->f.events, 3);
    exec(w, "update trips set seats = 1 where id = 2");
    fixture_until_events(&w->f, 4);
    expect_last(w, "trips-updated", "{\"seats\":1}");
}

static void another_query_tells_new_and_lost_columns(void **state)
{
    struct world *w = *state;
    exec(w, "insert into trips values (5, 'acme', 'x', 1, 1)");
    start(w);
    fixture_until_events(&w->f, 1);
    fixture_close(&w->f);
    w->conf.query = "select id, company, status, seats, 7 as gate from trips";
    start(w);
    fixture_until_events(&w->f, 2);
    expect_last(w, "trips-updated", "{\"gate\":7,\"price\":null}");
    expect_row(w, "acme", "5", "{\"id\":5,\"status\":\"x\",\"seats\":1,\"gate\":7}");
}

static void a_source_closes_at_any_moment(void **state)
{
    struct world *w = *state;
    struct source *source = NULL;
    struct err e;
    exec(w, "insert into trips values (5, 'acme', 'x', 1, 1)");
    assert_int_equal(w->driver->open(w->db, &w->conf, &w->f, &source, &e), OK);
    w->f.source = source; /* never started */
    fixture_close(&w->f);
    start(w); /* while loading */
    assert_true(w->f.loading);
    fixture_close(&w->f);
    for (int i = 0; i < 30; i++) { /* wherever it is */
        start(w);
        fixture_run_ms(&w->f, (unsigned)i);
        fixture_close(&w->f);
    }
    start(w);
    fixture_until_ok(&w->f);
    assert_int_equal(w->f.events, 1);
}

/* ---- failures ---- */

static void a_failing_append_is_made_again(void **state)
{
    struct world *w = *state;
    exec(w, "insert into trips values (5, 'acme', 'x', 1, 1)");
    w->f.fail_appends = 2;
    start(w);
    fixture_until_failing(&w->f, "no space left");
    fixture_until_events(&w->f, 1);
    fixture_until_ok(&w->f);
    assert_int_equal(w->f.failures, 2);
    w->f.fail_appends = 1;
    exec(w, "update trips set seats = 2");
    fixture_until_failing(&w->f, "stored");
    fixture_until_ok(&w->f);
    fixture_until_events(&w->f, 2);
    expect_last(w, "trips-updated", "{\"seats\":2}");
    assert_int_equal(w->f.failures, 3);
    assert_int_equal(w->f.changes, 2); /* only what was stored counts */
}

static void a_log_that_cannot_be_read_is_read_later(void **state)
{
    struct world *w = *state;
    start_with_rows(w);
    fixture_close(&w->f);
    w->f.fail_loads = 2;
    start(w);
    fixture_until_failing(&w->f, "store");
    fixture_until_ok(&w->f);
    assert_int_equal(w->f.events, 3);
}

static void a_failing_query_heals_when_it_can(void **state)
{
    struct world *w = *state;
    start_with_rows(w);
    exec(w, "alter table trips rename to hidden");
    fixture_until_failing(&w->f, "trips");
    exec(w, "update hidden set seats = 1 where id = 2");
    exec(w, "alter table hidden rename to trips");
    fixture_until_ok(&w->f);
    assert_int_equal(w->f.events, 4);
    expect_last(w, "trips-updated", "{\"seats\":1}");
}

static void a_wrong_query_is_told_and_tried_again(void **state)
{
    struct world *w = *state;
    w->conf.query = "selec id from trips";
    start(w);
    fixture_until_failing(&w->f, "syntax");
    fixture_close(&w->f);
    w->conf.query = "select id, company from trips; select 1";
    start(w);
    fixture_until_failing(&w->f, "query");
    fixture_close(&w->f);
    w->conf.query = "select company from trips";
    start(w);
    fixture_until_failing(&w->f, "\"id\"");
    fixture_close(&w->f);
    w->conf.query = "select id, company, id from trips";
    start(w);
    fixture_until_failing(&w->f, "twice");
    assert_int_equal(w->f.events, 0);
}

static void a_database_that_is_away_comes_back(void **state)
{
    struct world *w = *state;
    w->driver->cut(w->db);
    start(w); /* not there at start */
    fixture_until_failing(&w->f, "");
    w->driver->mend(w->db);
    fixture_until_ok(&w->f);
    exec(w, "insert into trips values (5, 'acme', 'x', 1, 1)");
    fixture_until_events(&w->f, 1);
    w->driver->cut(w->db);
    fixture_until_failing(&w->f, "");
    w->driver->mend(w->db);
    exec(w, "update trips set seats = 2");
    fixture_until_events(&w->f, 2);
    fixture_until_ok(&w->f);
}

/* Breaks the rows by one statement, mends them by another: told, nothing published, healed. */
static void breaks_and_heals(struct world *w, const char *breaks, const char *told,
                             const char *heals)
{
    size_t events = w->f.events;
    uint64_t failures = w->f.failures;
    exec(w, breaks);
    fixture_until_failing(&w->f, told);
    assert_true(w->f.failures > failures);
    assert_int_equal(w->f.events, events);
    exec(w, heals);
    fixture_until_ok(&w->f);
    assert_int_equal(w->f.events, events);
}

static void rows_that_cannot_be_told_fail_the_run_and_lose_nothing(void **state)
{
    struct world *w = *state;
    start_with_rows(w);
    breaks_and_heals(w, "insert into trips values (2, 'acme', 'twice', 1, 1)", "\"2\"",
                     "delete from trips where status = 'twice'");
    breaks_and_heals(w, "insert into trips values (null, 'acme', 'bad', 1, 1)", "key",
                     "delete from trips where status = 'bad'");
    breaks_and_heals(w, "insert into trips values (3, null, 'bad', 1, 1)", "tenant",
                     "delete from trips where status = 'bad'");
    breaks_and_heals(w, "insert into trips values (3, 'not a tenant', 'bad', 1, 1)", "tenant",
                     "delete from trips where status = 'bad'");
    exec(w, "insert into trips values (4, 'acme', 'good', 1, 1)");
    fixture_until_events(&w->f, 4);
}

static void more_rows_than_keys_fail_the_run(void **state)
{
    struct world *w = *state;
    w->conf.keys = 2;
    start_with_rows(w);
    breaks_and_heals(w, "insert into trips values (3, 'acme', 'more', 1, 1)", "2 rows",
                     "delete from trips where status = 'more'");
    exec(w, "insert into trips values (2, 'globex', 'fits', 1, 1)");
    fixture_until_events(&w->f, 4);
    /* one goes, one comes: the channel is never over its limit */
    exec(w, "update trips set id = 8 where company = 'globex' and id = 2");
    fixture_until_events(&w->f, 6);
    expect_last(w, "trips-added", "{\"id\":8,\"status\":\"fits\",\"seats\":1,\"price\":1}");
}

static void an_event_over_the_limit_fails_the_run(void **state)
{
    struct world *w = *state;
    w->conf.event_max = 300;
    start_with_rows(w);
    breaks_and_heals(w,
                     "update trips set status = '0123456789012345678901234567890123456789012345678"
                     "901234567890123456789012345678901234567890123456789012345678901234567890123'"
                     "|| status || status || status || status || status || status || status where "
                     "id = 2",
                     "\"2\"", "update trips set status = 'late' where id = 2");
}

/* ---- a writer with dice ---- */

#define MODEL_KEYS 25

struct model_row {
    bool there;
    int tenant, status, seats, price;
};

static void model_step(struct world *w, struct model_row *rows)
{
    struct rng *rng = &w->f.rng;
    struct buf sql = BUF_INIT;
    buf_add_str(&sql, "begin;");
    for (uint64_t n = 1 + rng_below(rng, 4); n > 0; n--) {
        int k = (int)rng_below(rng, MODEL_KEYS);
        struct model_row *row = &rows[k],
                         now = {true, (int)rng_below(rng, 2), (int)rng_below(rng, 3),
                                (int)rng_below(rng, 50), (int)rng_below(rng, 99)};
        if (row->there && rng_below(rng, 3)) {
            now.tenant = rng_below(rng, 4) ? row->tenant : now.tenant;
            buf_addf(&sql,
                     "update trips set company='t%d', status='s%d', seats=%d, price=%d.5 "
                     "where id=%d;",
                     now.tenant, now.status, now.seats, now.price, k);
        } else if (row->there) {
            now.there = false;
            buf_addf(&sql, "delete from trips where id=%d;", k);
        } else {
            buf_addf(&sql, "insert into trips values (%d, 't%d', 's%d', %d, %d.5);", k, now.tenant,
                     now.status, now.seats, now.price);
        }
        *row = now;
    }
    buf_add_str(&sql, "commit;");
    exec(w, buf_cstr(&sql));
    buf_fini(&sql);
}

struct model_end {
    struct world *w;
    const struct model_row *rows;
};

static bool model_reached(struct fixture *f, void *arg)
{
    const struct model_end *m = arg;
    size_t count = 0;
    for (int k = 0; k < MODEL_KEYS; k++) {
        const struct model_row *row = &m->rows[k];
        char text[128], key[8], tenant[8];
        snprintf(key, sizeof key, "%d", k);
        snprintf(tenant, sizeof tenant, "t%d", row->tenant);
        snprintf(text, sizeof text, "{\"id\":%d,\"status\":\"s%d\",\"seats\":%d,\"price\":%d.5}", k,
                 row->status, row->seats, row->price);
        if (row->there && !slice_is(fixture_row(f, tenant, key), text))
            return false;
        count += row->there;
    }
    return count == f->rows && f->ok;
}

static void whatever_a_writer_does_the_log_ends_with_its_rows(void **state)
{
    struct world *w = *state;
    struct rng *rng = &w->f.rng;
    struct model_row rows[MODEL_KEYS] = {{0}};
    w->conf.every_ms = 4;
    start(w);
    for (int step = 0; step < 400; step++) {
        model_step(w, rows);
        w->f.fail_percent = (unsigned)rng_below(rng, 3) * 20;
        w->f.hold = rng_below(rng, 10) == 0;
        fixture_run_ms(&w->f, (unsigned)rng_below(rng, 8));
        if (rng_below(rng, 20) == 0) {
            fixture_close(&w->f);
            start(w);
        }
        if (rng_below(rng, 60) == 0) { /* the database dies, and comes back with all of it */
            w->driver->cut(w->db);
            fixture_run_ms(&w->f, (unsigned)rng_below(rng, 20));
            w->driver->mend(w->db);
        }
        if (w->f.source && rng_below(rng, 10) == 0)
            w->f.source->ops->kick(w->f.source);
    }
    w->f.fail_percent = 0;
    w->f.hold = false;
    struct model_end m = {w, rows};
    fixture_until(&w->f, model_reached, &m, "the rows of the model");
    size_t events = w->f.events;
    w->f.source->ops->kick(w->f.source);
    fixture_until_runs(&w->f, w->f.runs + 1);
    assert_int_equal(w->f.events, events);
}

typedef void test_function(void **state);

struct named_test {
    const char *name;
    test_function *run;
};

#define NAMED(test)                                                                                \
    {                                                                                              \
#test, test                                                                                \
    }

static const struct named_test contract[] = {
    NAMED(the_first_run_adds_every_row_of_every_tenant),
    NAMED(an_empty_result_is_ready_too),
    NAMED(a_changed_row_tells_the_changed_fields),
    NAMED(a_deleted_row_is_a_tombstone_and_may_come_back),
    NAMED(a_row_that_moves_leaves_one_tenant_and_joins_the_other),
    NAMED(a_constant_tenant_keeps_all_columns),
    NAMED(many_changes_of_one_transaction_are_one_batch),
    NAMED(a_kick_runs_the_query_at_once),
    NAMED(a_restart_tells_exactly_what_changed_meanwhile),
    NAMED(another_order_of_columns_changes_nothing),
    NAMED(another_query_tells_new_and_lost_columns),
    NAMED(a_source_closes_at_any_moment),
    NAMED(a_failing_append_is_made_again),
    NAMED(a_log_that_cannot_be_read_is_read_later),
    NAMED(a_failing_query_heals_when_it_can),
    NAMED(a_wrong_query_is_told_and_tried_again),
    NAMED(a_database_that_is_away_comes_back),
    NAMED(rows_that_cannot_be_told_fail_the_run_and_lose_nothing),
    NAMED(more_rows_than_keys_fail_the_run),
    NAMED(an_event_over_the_limit_fails_the_run),
    NAMED(whatever_a_writer_does_the_log_ends_with_its_rows),
};

/* The build defines PG_BIN where there is a PostgreSQL server to test with. */
#ifdef PG_BIN
static const struct contract_driver *const drivers[] = {&contract_sqlite, &contract_sqlite_wal,
                                                        &contract_postgres};
#else
static const struct contract_driver *const drivers[] = {&contract_sqlite, &contract_sqlite_wal};
#endif

#define CONTRACT_TESTS (sizeof contract / sizeof *contract)
#define DRIVERS (sizeof drivers / sizeof *drivers)

int main(void)
{
    struct CMUnitTest tests[CONTRACT_TESTS * DRIVERS];
    char names[CONTRACT_TESTS * DRIVERS][128];
    for (size_t i = 0; i < CONTRACT_TESTS * DRIVERS; i++) {
        const struct contract_driver *driver = drivers[i / CONTRACT_TESTS];
        const struct named_test *t = &contract[i % CONTRACT_TESTS];
        snprintf(names[i], sizeof names[i], "%s: %s", driver->label, t->name);
        tests[i] = (struct CMUnitTest){names[i], t->run, world_begin, world_end,
                                       (void *)(uintptr_t)driver};
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
