/* Unit tests of src/source/diff. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/rng.h"
#include "source/diff.h"

#include <stdio.h>
#include <stdlib.h>

static struct diff *new_diff(uint32_t keys, uint32_t event_max)
{
    struct diff_conf conf = {SLICE_LIT("trips"),
                             SLICE_LIT("trip-added"),
                             SLICE_LIT("trip-updated"),
                             SLICE_LIT("trip-removed"),
                             keys,
                             event_max,
                             0};
    struct diff *d = diff_new(&conf);
    assert_non_null(d);
    return d;
}

static int put(struct diff *d, const char *tenant, const char *key, const char *state,
               struct err *e)
{
    return diff_row(d, slice_str(tenant), slice_str(key), slice_str(state), e);
}

static void must_put(struct diff *d, const char *key, const char *state)
{
    struct err e;
    assert_int_equal(put(d, "acme", key, state, &e), OK);
}

static size_t end(struct diff *d)
{
    struct err e;
    size_t count;
    assert_int_equal(diff_end(d, &e), OK);
    diff_events(d, &count);
    return count;
}

static void assert_slice(struct slice s, const char *text)
{
    if (!slice_is(s, text))
        fail_msg("got %.*s, not %s", SLICE_FMT(s), text);
}

/* One run of one row after another: the changed fields, or "" for no event. */
static void expect_change(const char *was, const char *now, const char *changes)
{
    struct diff *d = new_diff(10, 0);
    assert_int_equal(diff_known(d, SLICE_LIT("acme"), SLICE_LIT("7"), slice_str(was)), OK);
    diff_begin(d);
    must_put(d, "7", now);
    size_t count = end(d);
    assert_int_equal(count, changes[0] ? 1 : 0);
    if (count) {
        const struct source_event *ev = diff_events(d, &count);
        assert_slice(event_type(ev->event), "trip-updated");
        assert_slice(event_data(ev->event), changes);
        assert_slice(event_state(ev->event), now);
        assert_slice(event_key(ev->event), "7");
        assert_slice(ev->tenant, "acme");
        assert_false(ev->event->deleted);
    }
    diff_commit(d);
    diff_begin(d);
    must_put(d, "7", now);
    assert_int_equal(end(d), 0);
    diff_commit(d);
    diff_free(d);
}

static void a_changed_row_tells_only_its_changed_fields(void **state)
{
    (void)state;
    expect_change("{\"id\":7,\"a\":1,\"b\":\"x\"}", "{\"id\":7,\"a\":2,\"b\":\"x\"}", "{\"a\":2}");
    expect_change("{\"id\":7,\"a\":1,\"b\":\"x\"}", "{\"id\":7,\"a\":2,\"b\":\"y\"}",
                  "{\"a\":2,\"b\":\"y\"}");
    expect_change("{\"id\":7,\"a\":1}", "{\"id\":7,\"a\":1}", "");
    expect_change("{\"id\":7,\"q\\\"\":\"}\"}", "{\"id\":7,\"q\\\"\":\"{\"}", "{\"q\\\"\":\"{\"}");
}

static void a_value_of_another_type_is_a_change(void **state)
{
    (void)state;
    expect_change("{\"a\":1}", "{\"a\":\"1\"}", "{\"a\":\"1\"}");
    expect_change("{\"a\":\"1\"}", "{\"a\":1.5}", "{\"a\":1.5}");
    expect_change("{\"a\":1.5}", "{\"a\":null}", "{\"a\":null}");
    expect_change("{\"a\":null}", "{\"a\":\"null\"}", "{\"a\":\"null\"}");
}

static void a_new_column_is_a_change_and_a_dropped_one_becomes_null(void **state)
{
    (void)state;
    expect_change("{\"id\":7}", "{\"id\":7,\"a\":null}", "{\"a\":null}");
    expect_change("{\"id\":7,\"a\":1,\"b\":2}", "{\"id\":7,\"b\":2}", "{\"a\":null}");
    expect_change("{\"id\":7,\"a\":1,\"b\":2}", "{\"c\":3,\"b\":2,\"id\":7}",
                  "{\"c\":3,\"a\":null}");
    expect_change("[1]", "{\"id\":7}", "{\"id\":7}"); /* not of the source's making */
}

static void another_order_of_columns_is_no_change(void **state)
{
    (void)state;
    expect_change("{\"id\":7,\"a\":1,\"b\":{\"x\":[1,2]}}",
                  "{\"b\":{\"x\":[1,2]},\"a\":1,\"id\":7}", "");
    expect_change("{\"a\":1,\"b\":2,\"c\":3}", "{\"c\":3,\"a\":9,\"b\":2}", "{\"a\":9}");
}

static void added_and_removed_rows_are_events(void **state)
{
    (void)state;
    struct diff *d = new_diff(10, 0);
    diff_begin(d);
    must_put(d, "1", "{\"id\":1}");
    assert_int_equal(end(d), 1);
    size_t count;
    const struct source_event *ev = diff_events(d, &count);
    assert_slice(event_channel(ev->event), "trips");
    assert_slice(event_type(ev->event), "trip-added");
    assert_slice(event_data(ev->event), "{\"id\":1}");
    assert_slice(event_state(ev->event), "{\"id\":1}");
    diff_commit(d);
    assert_int_equal(diff_count(d), 1);
    diff_begin(d);
    must_put(d, "2", "{\"id\":2}");
    assert_int_equal(end(d), 2);
    ev = diff_events(d, &count);
    assert_slice(event_type(ev[0].event), "trip-removed"); /* removed ones first */
    assert_slice(event_key(ev[0].event), "1");
    assert_slice(event_data(ev[0].event), "null");
    assert_true(ev[0].event->deleted && !ev[0].event->has_state);
    assert_slice(event_key(ev[1].event), "2");
    diff_commit(d);
    assert_int_equal(diff_count(d), 1);
    diff_free(d);
}

static void a_batch_that_was_not_stored_is_found_again(void **state)
{
    (void)state;
    struct diff *d = new_diff(10, 0);
    assert_int_equal(diff_known(d, SLICE_LIT("acme"), SLICE_LIT("1"), SLICE_LIT("{\"a\":1}")), OK);
    assert_int_equal(diff_known(d, SLICE_LIT("acme"), SLICE_LIT("2"), SLICE_LIT("{\"a\":1}")), OK);
    for (int i = 0; i < 3; i++) {
        size_t count;
        diff_begin(d);
        must_put(d, "1", "{\"a\":5}");
        must_put(d, "3", "{\"a\":1}");
        assert_int_equal(end(d), 3);
        const struct source_event *taken = diff_take(d, &count);
        for (size_t k = 0; k < count; k++) /* as a host does that failed at once */
            event_unref(taken[k].event);
        if (i < 2)
            diff_abandon(d);
    }
    assert_int_equal(diff_count(d), 2);
    diff_commit(d);
    assert_int_equal(diff_count(d), 2); /* 1 and 3 */
    diff_begin(d);
    must_put(d, "1", "{\"a\":5}");
    must_put(d, "3", "{\"a\":1}");
    assert_int_equal(end(d), 0);
    diff_commit(d);
    diff_free(d);
}

static void a_repeated_key_fails_the_run_and_changes_nothing(void **state)
{
    (void)state;
    struct diff *d = new_diff(10, 0);
    struct err e;
    assert_int_equal(diff_known(d, SLICE_LIT("acme"), SLICE_LIT("1"), SLICE_LIT("{\"a\":1}")), OK);
    diff_begin(d);
    must_put(d, "1", "{\"a\":2}");
    must_put(d, "9", "{\"a\":2}");
    assert_int_equal(put(d, "other", "1", "{\"a\":2}", &e), OK); /* another tenant's 1 */
    assert_true(put(d, "acme", "1", "{\"a\":3}", &e) < 0);
    assert_non_null(strstr(e.detail, "\"1\""));
    diff_abandon(d);
    diff_begin(d);
    must_put(d, "9", "{\"a\":2}");
    assert_true(put(d, "acme", "9", "{\"a\":2}", &e) < 0); /* also of a row just added */
    diff_abandon(d);
    diff_begin(d);
    must_put(d, "1", "{\"a\":1}");
    assert_int_equal(end(d), 0);
    diff_commit(d);
    diff_free(d);
}

static void names_of_two_tenants_never_meet(void **state)
{
    (void)state;
    struct diff *d = new_diff(10, 0);
    struct err e;
    diff_begin(d);
    assert_int_equal(put(d, "a", "b-c", "{}", &e), OK);
    assert_int_equal(put(d, "a-b", "c", "{}", &e), OK);
    assert_int_equal(put(d, "ab", "c", "{}", &e), OK);
    assert_int_equal(end(d), 3);
    diff_commit(d);
    assert_true((diff_begin(d), put(d, "a", "", "{}", &e)) < 0);
    diff_abandon(d);
    assert_true((diff_begin(d), put(d, "a", "x\ny", "{}", &e)) < 0);
    diff_abandon(d);
    assert_true((diff_begin(d), put(d, "a b", "x", "{}", &e)) < 0);
    assert_non_null(strstr(e.detail, "tenant"));
    diff_free(d);
}

static void limits_fail_the_run_with_their_number(void **state)
{
    (void)state;
    struct err e;
    struct diff *d = new_diff(2, 60);
    diff_begin(d);
    must_put(d, "1", "{}");
    must_put(d, "2", "{}");
    assert_int_equal(put(d, "other", "3", "{}", &e), OK); /* the limit is a tenant's */
    assert_true(put(d, "acme", "3", "{}", &e) == ERR_TOO_LARGE);
    assert_non_null(strstr(e.detail, "2 rows"));
    diff_abandon(d);
    diff_begin(d);
    assert_true(put(d, "acme", "3", "{\"a\":\"0123456789012345678901234567890123456789\"}", &e) ==
                ERR_TOO_LARGE);
    assert_non_null(strstr(e.detail, "\"3\""));
    diff_free(d);
}

/* ---- random rows against a naive model ---- */

#define MODEL_KEYS 12
#define MODEL_COLUMNS 5

struct model_row {
    bool there;
    int value[MODEL_COLUMNS]; /* index into values, -1: no such column */
};

static const char *const values[] = {
    "1", "\"1\"", "1.5", "null", "\"a,b\"", "\"{\\\"k\\\":1}\"", "true", "[1,{\"x\":2}]"};

static void model_text(struct rng *rng, const struct model_row *row, int key, char out[256])
{
    size_t len = (size_t)snprintf(out, 256, "{\"id\":%d", key);
    int start = (int)rng_below(rng, 4) ? 0 : (int)rng_below(rng, MODEL_COLUMNS);
    for (int i = 0; i < MODEL_COLUMNS; i++) { /* now and then in another order */
        int c = (i + start) % MODEL_COLUMNS;
        if (row->value[c] >= 0)
            len += (size_t)snprintf(out + len, 256 - len, ",\"c%d\":%s", c, values[row->value[c]]);
    }
    snprintf(out + len, 256 - len, "}");
}

static void model_change(struct rng *rng, struct model_row *row)
{
    if (rng_below(rng, 3))
        return;
    row->there = rng_below(rng, 4) != 0;
    for (int c = 0; c < MODEL_COLUMNS; c++)
        if (!rng_below(rng, 3))
            row->value[c] = (int)rng_below(rng, 9) - 1;
}

/* Checks one event of the batch against what was and is; marks the key as told. */
static void model_check(const struct source_event *ev, const struct model_row *was,
                        const struct model_row *now, bool *told)
{
    struct slice data = event_data(ev->event);
    int key = event_key(ev->event).p[0] - 'a';
    assert_true(key >= 0 && key < MODEL_KEYS && !told[key]);
    told[key] = true;
    const struct model_row *w = &was[key], *n = &now[key];
    if (!n->there) {
        assert_true(w->there && ev->event->deleted);
        return;
    }
    if (!w->there) {
        assert_slice(event_type(ev->event), "trip-added");
        return;
    }
    size_t len = 1;
    for (int c = 0; c < MODEL_COLUMNS; c++) {
        char member[64];
        if (w->value[c] == n->value[c])
            continue;
        int m = snprintf(member, sizeof member, "\"c%d\":%s", c,
                         n->value[c] < 0 ? "null" : values[n->value[c]]);
        char *text = slice_dup(data);
        assert_non_null(strstr(text, member));
        free(text);
        len += (size_t)m + 1;
    }
    assert_true(len > 1);
    assert_int_equal(len, data.len); /* and nothing else */
}

static bool model_same(const struct model_row *a, const struct model_row *b)
{
    if (a->there != b->there)
        return false;
    return !a->there || memcmp(a->value, b->value, sizeof a->value) == 0;
}

static void random_rows_agree_with_a_naive_model(void **state)
{
    (void)state;
    struct rng rng;
    rng_init(&rng, 20260121);
    struct diff *d = new_diff(MODEL_KEYS, 0);
    struct model_row known[MODEL_KEYS] = {{0}}, now[MODEL_KEYS] = {{0}};
    for (int step = 0; step < 20000; step++) {
        struct err e;
        size_t count, expected = 0;
        bool told[MODEL_KEYS] = {false};
        diff_begin(d);
        for (int k = 0; k < MODEL_KEYS; k++) {
            char text[256], key[2] = {(char)('a' + k), 0};
            model_change(&rng, &now[k]);
            expected += !model_same(&known[k], &now[k]);
            model_text(&rng, &now[k], k, text);
            if (now[k].there)
                assert_int_equal(put(d, k % 2 ? "acme" : "globex", key, text, &e), OK);
        }
        assert_int_equal(end(d), expected);
        const struct source_event *events = diff_events(d, &count);
        for (size_t i = 0; i < count; i++)
            model_check(&events[i], known, now, told);
        if (rng_below(&rng, 4) == 0) {
            diff_abandon(d);
        } else {
            diff_commit(d);
            memcpy(known, now, sizeof known);
        }
    }
    diff_free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_changed_row_tells_only_its_changed_fields),
        cmocka_unit_test(a_value_of_another_type_is_a_change),
        cmocka_unit_test(a_new_column_is_a_change_and_a_dropped_one_becomes_null),
        cmocka_unit_test(another_order_of_columns_is_no_change),
        cmocka_unit_test(added_and_removed_rows_are_events),
        cmocka_unit_test(a_batch_that_was_not_stored_is_found_again),
        cmocka_unit_test(a_repeated_key_fails_the_run_and_changes_nothing),
        cmocka_unit_test(names_of_two_tenants_never_meet),
        cmocka_unit_test(limits_fail_the_run_with_their_number),
        cmocka_unit_test(random_rows_agree_with_a_naive_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
