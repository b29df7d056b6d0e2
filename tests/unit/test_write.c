/* Unit tests of src/json/write. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "json/scan.h"
#include "json/write.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static void strings_are_escaped(void **state)
{
    (void)state;
    static const struct {
        const char *text, *json;
    } cases[] = {
        {"", "\"\""},
        {"abc", "\"abc\""},
        {"a\"b\\c/d", "\"a\\\"b\\\\c/d\""},
        {"\b\t\n\v\f\r\x01\x1f\x7f", "\"\\b\\t\\n\\u000b\\f\\r\\u0001\\u001f\\u007f\""},
        {"\xe2\x80\xa8\xe2\x80\xa9\xe2\x80\xaa", "\"\\u2028\\u2029\xe2\x80\xaa\""},
        {"\xc3\xbc\xf0\x9f\x98\x80", "\"\xc3\xbc\xf0\x9f\x98\x80\""},
        {"a\xffz\xc3", "\"a\xef\xbf\xbdz\xef\xbf\xbd\""},
        {"\xed\xa0\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
    };
    struct buf b = BUF_INIT;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        buf_reset(&b);
        json_put_string(&b, slice_str(cases[i].text));
        assert_string_equal(buf_cstr(&b), cases[i].json);
    }
    buf_reset(&b);
    json_put_string(&b, SLICE_NONE);
    assert_string_equal(buf_cstr(&b), "\"\"");
    buf_fini(&b);
}

static void any_text_comes_back_by_unescaping(void **state)
{
    (void)state;
    struct buf json = BUF_INIT, back = BUF_INIT;
    for (int a = 0; a < 128; a++) {
        for (int c = 0; c < 128; c++) {
            char text[3] = {(char)a, (char)c, 'z'};
            buf_reset(&json);
            buf_reset(&back);
            json_put_string(&json, slice_of(text, 3));
            assert_int_equal(json_check(buf_slice(&json), 1, NULL), 0);
            json_unescape(json_string_raw(buf_slice(&json)), &back);
            assert_int_equal(back.len, 3);
            assert_memory_equal(back.p, text, 3);
        }
    }
    buf_fini(&json);
    buf_fini(&back);
}

static void members_get_their_commas(void **state)
{
    (void)state;
    struct buf b = BUF_INIT;
    buf_add_char(&b, '{');
    json_put_member(&b, "a", slice_str("x{"));
    json_put_member_u64(&b, "b", UINT64_MAX);
    json_put_member_bool(&b, "c", true);
    json_put_name(&b, "d");
    buf_add_str(&b, "[{");
    json_put_member_bool(&b, "e", false);
    buf_add_str(&b, "}]");
    json_put_member_raw(&b, "f", slice_str("{}"));
    json_put_name(&b, "g");
    json_put_double(&b, 0.5);
    buf_add_char(&b, '}');
    assert_string_equal(buf_cstr(&b), "{\"a\":\"x{\",\"b\":18446744073709551615,\"c\":true,"
                                      "\"d\":[{\"e\":false}],\"f\":{},\"g\":0.5}");
    assert_int_equal(json_check(buf_slice(&b), 3, NULL), 0);
    buf_fini(&b);
}

static void doubles_have_at_most_six_decimals(void **state)
{
    (void)state;
    static const struct {
        double d;
        const char *text;
    } cases[] = {
        {0, "0"},
        {-0.0, "0"},
        {0.1, "0.1"},
        {-1.25, "-1.25"},
        {1234567, "1234567"},
        {0.000001, "0.000001"},
        {0.0000004, "0"},
        {-0.0000004, "0"},
        {0.9999996, "1"},
        {2.9999995001, "3"},
        {1.0 / 3, "0.333333"},
        {9007199254740993.0, "9007199254740992"},
        {18446744073709549568.0, "18446744073709549568"},
        {18446744073709551616.0, "1.8446744073709552e+19"},
        {-1e300, "-1.0000000000000001e+300"},
        {NAN, "null"},
        {INFINITY, "null"},
        {-INFINITY, "null"},
    };
    struct buf b = BUF_INIT;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        buf_reset(&b);
        json_put_double(&b, cases[i].d);
        assert_string_equal(buf_cstr(&b), cases[i].text);
        assert_int_equal(json_check(buf_slice(&b), 1, NULL), 0);
    }
    for (int i = -5000000; i < 5000000; i += 997) {
        buf_reset(&b);
        json_put_double(&b, i / 1e6);
        assert_true(strtod(buf_cstr(&b), NULL) == i / 1e6);
    }
    buf_fini(&b);
}

static void a_full_buffer_takes_nothing_more(void **state)
{
    (void)state;
    struct buf b = BUF_INIT;
    b.max = 6;
    json_put_string(&b, slice_str("abcd"));
    assert_false(b.failed);
    json_put_name(&b, "x");
    assert_true(b.failed);
    assert_int_equal(b.len, 6);
    buf_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(strings_are_escaped),
        cmocka_unit_test(any_text_comes_back_by_unescaping),
        cmocka_unit_test(members_get_their_commas),
        cmocka_unit_test(doubles_have_at_most_six_decimals),
        cmocka_unit_test(a_full_buffer_takes_nothing_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
