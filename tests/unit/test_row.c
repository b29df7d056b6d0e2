/* Unit tests of src/source/row. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/rng.h"
#include "source/row.h"
#include "json/scan.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static void assert_slice(struct slice s, const char *text)
{
    if (!slice_is(s, text))
        fail_msg("got %.*s, not %s", SLICE_FMT(s), text);
}

static void expect_real(double d, const char *text)
{
    struct buf b = BUF_INIT;
    row_real(&b, d);
    assert_slice(buf_slice(&b), text);
    buf_fini(&b);
}

static void floating_point_is_written_as_ecmascript_does(void **state)
{
    (void)state;
    expect_real(0.0, "0");
    expect_real(-0.0, "-0");
    expect_real(1.0, "1");
    expect_real(0.1, "0.1");
    expect_real(-12.5, "-12.5");
    expect_real(1.0 / 3, "0.3333333333333333");
    expect_real(0.1 + 0.2, "0.30000000000000004");
    expect_real(100, "100");
    expect_real(123456.789, "123456.789");
    expect_real(9007199254740993.0, "9007199254740992");
    expect_real(1e20, "100000000000000000000");
    expect_real(1e21, "1e+21");
    expect_real(123e20, "1.23e+22");
    expect_real(0.000001, "0.000001");
    expect_real(0.0000012, "0.0000012");
    expect_real(1e-7, "1e-7");
    expect_real(DBL_MAX, "1.7976931348623157e+308");
    expect_real(DBL_MIN, "2.2250738585072014e-308");
    expect_real(5e-324, "5e-324");
    expect_real(INFINITY, "null");
    expect_real(NAN, "null");
}

static void every_double_reads_back_as_itself(void **state)
{
    (void)state;
    struct rng rng;
    rng_init(&rng, 7);
    for (int i = 0; i < 300000; i++) {
        uint64_t bits = rng_next(&rng);
        double d, back;
        if (i % 3 == 0) /* what tables hold: a few decimals */
            d = (double)(int64_t)(bits % 20000001 - 10000000) / 1000;
        else
            memcpy(&d, &bits, sizeof d);
        if (!isfinite(d))
            continue;
        struct buf b = BUF_INIT;
        row_real(&b, d);
        back = strtod(buf_cstr(&b), NULL);
        if (back != d || b.len > 25)
            fail_msg("%a became %s", d, buf_cstr(&b));
        assert_int_equal(json_check(buf_slice(&b), 1, NULL), OK);
        buf_fini(&b);
    }
}

static void numbers_that_come_as_text_are_written_the_same(void **state)
{
    (void)state;
    static const char *const names[] = {"k"};
    static const char *const cases[][2] = {{"12.5", "12.5"},
                                           {"0", "0"},
                                           {"-0", "-0"},
                                           {"100", "100"},
                                           {"1e-07", "1e-7"},
                                           {"1e+22", "1e+22"},
                                           {"-0.00123", "-0.00123"},
                                           {"1e-05", "0.00001"},
                                           {"1.5e+10", "15000000000"},
                                           {"NaN", "null"},
                                           {"Infinity", "null"},
                                           {"-Infinity", "null"},
                                           {"1.7976931348623157e+308", "1.7976931348623157e+308"},
                                           {"5e-324", "5e-324"}};
    struct row_text r;
    struct err e;
    row_text_init(&r);
    assert_int_equal(row_text_columns(&r, names, 1, "k", NULL, &e), OK);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char want[64];
        row_text_begin(&r);
        row_put_real_text(&r, slice_str(cases[i][0]));
        (void)row_text_end(&r, &e); /* null is no key */
        snprintf(want, sizeof want, "{\"k\":%s}", cases[i][1]);
        assert_slice(buf_slice(&r.object), want);
    }
    struct rng rng;
    rng_init(&rng, 9);
    for (int i = 0; i < 100000; i++) { /* as from the number itself */
        uint64_t bits = rng_next(&rng);
        double d;
        memcpy(&d, &bits, sizeof d);
        struct buf direct = BUF_INIT;
        if (isfinite(d)) {
            row_real(&direct, d);
            row_text_begin(&r);
            row_put_real_text(&r, buf_slice(&direct));
            assert_true(slice_eq(buf_slice(&r.key_text), buf_slice(&direct)));
        }
        buf_fini(&direct);
    }
    row_text_fini(&r);
}

static void a_row_is_an_object_in_the_order_of_its_columns(void **state)
{
    (void)state;
    static const char *const names[] = {"id", "comp\"any", "a", "b", "c", "d", "e"};
    struct row_text r;
    struct err e;
    row_text_init(&r);
    assert_int_equal(row_text_columns(&r, names, 7, "id", "comp\"any", &e), OK);
    for (int i = 0; i < 2; i++) {
        row_text_begin(&r);
        row_put_int(&r, INT64_MIN);
        row_put_text(&r, SLICE_LIT("acme"));
        row_put_real(&r, 1.5);
        row_put_null(&r);
        row_put_text(&r, SLICE_LIT("a\"\n\0\xc3\xa9"));
        row_put_bytes(&r, SLICE_LIT("\xff\x00\x01\x02"));
        row_put_real(&r, NAN);
        assert_int_equal(row_text_end(&r, &e), OK);
        assert_slice(buf_slice(&r.object),
                     "{\"id\":-9223372036854775808,\"a\":1.5,\"b\":null,"
                     "\"c\":\"a\\\"\\n\\u0000\xc3\xa9\",\"d\":\"/wABAg==\",\"e\":null}");
        assert_slice(buf_slice(&r.key_text), "-9223372036854775808");
        assert_slice(buf_slice(&r.tenant_text), "acme");
    }
    row_text_fini(&r);
}

static void the_key_is_the_text_of_its_value(void **state)
{
    (void)state;
    static const char *const names[] = {"k"};
    struct row_text r;
    struct err e;
    row_text_init(&r);
    assert_int_equal(row_text_columns(&r, names, 1, "k", "k", &e), OK);
    row_text_begin(&r);
    row_put_real(&r, 2.50);
    assert_int_equal(row_text_end(&r, &e), OK);
    assert_slice(buf_slice(&r.key_text), "2.5");
    assert_slice(buf_slice(&r.tenant_text), "2.5");
    assert_slice(buf_slice(&r.object), "{\"k\":2.5}"); /* the key stays, also as tenant */
    row_text_begin(&r);
    row_put_bytes(&r, SLICE_LIT("abc"));
    assert_int_equal(row_text_end(&r, &e), OK);
    assert_slice(buf_slice(&r.key_text), "YWJj");
    row_text_begin(&r);
    row_put_text(&r, SLICE_LIT("a\"b"));
    assert_int_equal(row_text_end(&r, &e), OK);
    assert_slice(buf_slice(&r.key_text), "a\"b");
    row_text_fini(&r);
}

static void what_cannot_be_written_names_row_and_column(void **state)
{
    (void)state;
    static const char *const names[] = {"note", "id", "company"};
    struct row_text r;
    struct err e;
    row_text_init(&r);
    assert_int_equal(row_text_columns(&r, names, 3, "id", "company", &e), OK);
    row_text_begin(&r);
    row_put_text(&r, SLICE_LIT("\xff"));
    row_put_int(&r, 42);
    row_put_text(&r, SLICE_LIT("acme"));
    assert_int_equal(row_text_end(&r, &e), ERR_BAD_REQUEST);
    assert_non_null(strstr(e.detail, "\"42\""));
    assert_non_null(strstr(e.detail, "\"note\""));
    row_text_begin(&r);
    row_put_null(&r);
    row_put_null(&r);
    row_put_text(&r, SLICE_LIT("acme"));
    assert_int_equal(row_text_end(&r, &e), ERR_BAD_REQUEST);
    assert_non_null(strstr(e.detail, "key"));
    row_text_begin(&r);
    row_put_null(&r);
    row_put_int(&r, 42);
    row_put_null(&r);
    assert_int_equal(row_text_end(&r, &e), ERR_BAD_REQUEST);
    assert_non_null(strstr(e.detail, "tenant"));
    row_text_fini(&r);
}

static void columns_are_checked_before_any_row(void **state)
{
    (void)state;
    static const char *const twice[] = {"id", "a", "id"}, *const bad[] = {"id", "\xff"};
    struct row_text r;
    struct err e;
    row_text_init(&r);
    assert_int_equal(row_text_columns(&r, twice, 3, "id", NULL, &e), ERR_BAD_REQUEST);
    assert_non_null(strstr(e.detail, "twice"));
    assert_int_equal(row_text_columns(&r, bad, 2, "id", NULL, &e), ERR_BAD_REQUEST);
    assert_int_equal(row_text_columns(&r, twice, 2, "nope", NULL, &e), ERR_BAD_REQUEST);
    assert_non_null(strstr(e.detail, "\"nope\""));
    assert_int_equal(row_text_columns(&r, twice, 2, "id", "company", &e), ERR_BAD_REQUEST);
    assert_int_equal(row_text_columns(&r, twice, 2, "id", NULL, &e), OK);
    row_text_fini(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(floating_point_is_written_as_ecmascript_does),
        cmocka_unit_test(every_double_reads_back_as_itself),
        cmocka_unit_test(numbers_that_come_as_text_are_written_the_same),
        cmocka_unit_test(a_row_is_an_object_in_the_order_of_its_columns),
        cmocka_unit_test(the_key_is_the_text_of_its_value),
        cmocka_unit_test(what_cannot_be_written_names_row_and_column),
        cmocka_unit_test(columns_are_checked_before_any_row),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
