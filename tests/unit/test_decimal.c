/* Unit tests of json/decimal.h and json/value.h: numbers are what their digits say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/rng.h"
#include "json/decimal.h"
#include "json/value.h"

#include <stdio.h>
#include <stdlib.h>

static struct dec dec(const char *text)
{
    struct dec d;
    assert_true(dec_parse(slice_str(text), &d));
    return d;
}

static int cmp(const char *a, const char *b)
{
    struct dec x = dec(a), y = dec(b);
    int order = dec_cmp(&x, &y);
    assert_int_equal(dec_cmp(&y, &x), -order);
    assert_int_equal(order == 0, dec_hash(&x) == dec_hash(&y));
    return order;
}

static void spellings_of_one_number_are_equal(void **state)
{
    (void)state;
    static const char *const sets[][6] = {
        {"0", "-0", "0.0", "0e5", "-0.000e-9", "0e99999999999999999999"},
        {"10", "1e1", "10.0", "0.1e2", "100e-1", "0.0000001e8"},
        {"-1.5", "-15e-1", "-0.15E+1", "-1.50", "-1500e-3", "-0.00015e4"},
        {"9007199254740993", "9007199254740993.0", "9.007199254740993e15", "90071992547409930e-1",
         "9007199254740993.000000", "9007199254740993e0"}};
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++)
        for (size_t j = 0; j < 6; j++)
            assert_int_equal(cmp(sets[i][0], sets[i][j]), 0);
}

static void numbers_are_ordered_beyond_what_a_double_tells(void **state)
{
    (void)state;
    static const char *const rising[] = {"-1e400",
                                         "-10.1",
                                         "-10",
                                         "-9.99",
                                         "-1e-400",
                                         "0",
                                         "1e-401",
                                         "1e-400",
                                         "0.09",
                                         "0.1",
                                         "0.10000000000000000000001",
                                         "1",
                                         "1.1",
                                         "2",
                                         "10",
                                         "11",
                                         "9007199254740992",
                                         "9007199254740993",
                                         "9007199254740993.1",
                                         "1e399",
                                         "1e400",
                                         "1e999999999999999"};
    for (size_t i = 0; i < sizeof rising / sizeof *rising; i++)
        for (size_t j = 0; j < sizeof rising / sizeof *rising; j++)
            assert_int_equal(cmp(rising[i], rising[j]), i < j ? -1 : i > j);
}

static void order_and_multiples_agree_with_whole_numbers(void **state)
{
    (void)state;
    struct rng rng;
    rng_init(&rng, 7);
    for (int i = 0; i < 20000; i++) {
        long long a = (long long)rng_below(&rng, 200001) - 100000,
                  m = (long long)rng_below(&rng, 999) + 1;
        int shift = (int)rng_below(&rng, 5);
        char ta[40], tm[40];
        snprintf(ta, sizeof ta, "%llde%d", a, -shift);
        snprintf(tm, sizeof tm, "%llde%d", m, -shift);
        struct dec x = dec(ta), y = dec(tm);
        assert_int_equal(dec_cmp(&x, &y), a < m ? -1 : a > m);
        assert_int_equal(dec_is_multiple(&x, &y), a % m == 0);
        long long unit = 1;
        for (int s = 0; s < shift; s++)
            unit *= 10;
        assert_int_equal(dec_is_integer(&x), a % unit == 0);
        uint64_t whole;
        assert_int_equal(dec_floor_u64(&x, 0, UINT64_MAX, &whole), a >= 0);
        assert_true(a < 0 || whole == (uint64_t)(a / unit));
    }
}

static void whole_parts_are_cut_off_within_bounds(void **state)
{
    (void)state;
    uint64_t n;
    struct dec d = dec("18446744073709551615.99");
    assert_true(dec_floor_u64(&d, 0, UINT64_MAX, &n) && n == UINT64_MAX);
    assert_false(dec_floor_u64(&d, 1, UINT64_MAX, &n));
    assert_false(dec_floor_u64(&d, 0, UINT64_MAX - 1, &n));
    d = dec("18446744073709551616");
    assert_false(dec_floor_u64(&d, 0, UINT64_MAX, &n));
    d = dec("1.2345");
    assert_true(dec_floor_u64(&d, 3, 2000, &n) && n == 1234);
    d = dec("1e400");
    assert_false(dec_floor_u64(&d, 0, UINT64_MAX, &n));
    d = dec("9e-400");
    assert_true(dec_floor_u64(&d, 3, 5, &n) && n == 0);
}

static void exponents_have_an_end(void **state)
{
    (void)state;
    struct dec d;
    assert_true(dec_parse(slice_str("1e999999999999999"), &d));
    assert_true(dec_parse(slice_str("1e-0000000000000000000000999999999999999"), &d));
    assert_false(dec_parse(slice_str("1e1000000000000000"), &d));
    assert_false(dec_parse(slice_str("1e-99999999999999999999999"), &d));
}

static bool equal(const char *a, const char *b)
{
    uint64_t steps = 1000;
    bool same = value_equal(slice_str(a), slice_str(b), &steps);
    if (same)
        assert_true(value_hash(slice_str(a)) == value_hash(slice_str(b)));
    return same;
}

static void values_are_equal_by_meaning(void **state)
{
    (void)state;
    assert_true(equal("{\"a\":[1,{\"b\":null}],\"c\":\"\\u0041\"}",
                      "{\"\\u0063\":\"A\",\"a\":[1.0,{\"b\":null}]}"));
    assert_false(equal("{\"a\":1}", "{\"a\":1,\"b\":1}"));
    assert_false(equal("{\"a\":1,\"b\":1}", "{\"a\":1}"));
    assert_false(equal("[1,2]", "[1]"));
    assert_false(equal("[]", "{}"));
    assert_false(equal("false", "null"));
    assert_false(equal("\"a\"", "\"a \""));
    assert_true(equal("\"\\ud83d\\ude00\\/\\n\"", "\"\xf0\x9f\x98\x80/\\u000a\""));
    uint64_t none = 0;
    assert_false(value_equal(slice_str("1"), slice_str("1"), &none));
    assert_int_equal(value_chars(slice_str("a\\n\\ud83d\\ude00\xc3\xa4\\u00e4")), 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spellings_of_one_number_are_equal),
        cmocka_unit_test(numbers_are_ordered_beyond_what_a_double_tells),
        cmocka_unit_test(order_and_multiples_agree_with_whole_numbers),
        cmocka_unit_test(whole_parts_are_cut_off_within_bounds),
        cmocka_unit_test(exponents_have_an_end),
        cmocka_unit_test(values_are_equal_by_meaning),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
