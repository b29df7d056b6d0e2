/* Unit tests of src/wire/url: targets, percent-decoding, queries, cookies. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "wire/url.h"

static void targets_are_cut_into_path_and_query(void **state)
{
    (void)state;
    static const struct {
        const char *target, *path, *query;
    } cases[] = {
        {"/", "/", NULL},
        {"/a/b?c=d?e", "/a/b", "c=d?e"},
        {"/a?", "/a", ""},
        {"//a", "//a", NULL},
        {"*", "*", NULL},
        {"http://h", "/", NULL},
        {"HTTPS://h:1/x?y", "/x", "y"},
        {"http://h?y", "/", "y"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct slice path, query;
        assert_int_equal(url_split(slice_str(cases[i].target), &path, &query, NULL), 0);
        assert_true(slice_is(path, cases[i].path));
        assert_int_equal(query.p != NULL, cases[i].query != NULL);
        assert_true(slice_is(query, cases[i].query));
    }
    static const char *const bad[] = {"",   "a",  "ftp://h/", "http:///a", "http://u@h/",
                                      "**", "?a", "/a#b",     "h:443",     "http:/h"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct slice path, query;
        struct err e;
        assert_int_equal(url_split(slice_str(bad[i]), &path, &query, &e), ERR_BAD_REQUEST);
    }
}

static void percent_escapes_are_decoded(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool plus;
        const char *decoded;
    } cases[] = {
        {"", true, ""},
        {"abc", true, "abc"},
        {"a+b%20c", true, "a b c"},
        {"a+b%20c", false, "a+b c"},
        {"%47r%c3%BC%C3%9fe", false,
         "Gr\xc3\xbc\xc3\x9f"
         "e"},
        {"%2525%2B", true, "%25+"},
    };
    struct buf b = BUF_INIT;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        buf_reset(&b);
        buf_add_char(&b, '>');
        assert_int_equal(url_decode(slice_str(cases[i].text), cases[i].plus, &b, NULL), 0);
        assert_string_equal(buf_cstr(&b) + 1, cases[i].decoded);
    }
    buf_fini(&b);
}

static void what_does_not_decode_to_text_is_refused_and_leaves_nothing(void **state)
{
    (void)state;
    static const char *const bad[] = {"%",    "%2",        "a%zz",  "%2g", "%00", "%c3", "%ff",
                                      "\xff", "%ed%a0%80", "a%c3b", "%-1", "%+1", "% 1"};
    struct buf b = BUF_INIT;
    buf_add_str(&b, "x");
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct err e;
        assert_int_equal(url_decode(slice_str(bad[i]), true, &b, &e), ERR_BAD_REQUEST);
        assert_string_equal(buf_cstr(&b), "x");
    }
    assert_int_equal(url_decode(slice_of("a\0b", 3), true, &b, NULL), ERR_BAD_REQUEST);
    b.max = 4;
    assert_int_equal(url_decode(slice_str("abcdef"), true, &b, NULL), ERR_INTERNAL);
    buf_fini(&b);
}

static void encoding_keeps_the_unreserved_only(void **state)
{
    (void)state;
    struct buf b = BUF_INIT;
    url_encode(slice_str("AZaz09-._~ /+%&=\xc3\xbc"), &b);
    assert_string_equal(buf_cstr(&b), "AZaz09-._~%20%2F%2B%25%26%3D%C3%BC");
    buf_fini(&b);
}

static void pairs_of_a_query_come_in_order(void **state)
{
    (void)state;
    struct slice query = slice_str("&a=1&&b&c==d&=e&a=2&"), name, value;
    static const char *const expected[][2] = {
        {"a", "1"}, {"b", ""}, {"c", "=d"}, {"", "e"}, {"a", "2"}};
    for (size_t i = 0; i < 5; i++) {
        assert_true(url_query_next(&query, &name, &value));
        assert_true(slice_is(name, expected[i][0]) && slice_is(value, expected[i][1]));
        assert_int_equal(value.p != NULL, i != 1);
    }
    assert_false(url_query_next(&query, &name, &value));
    assert_false(url_query_next(&query, &name, &value));
    query = SLICE_NONE;
    assert_false(url_query_next(&query, &name, &value));
}

static void cookies_are_walked(void **state)
{
    (void)state;
    struct slice field = slice_str("a=1; b=\"2 3\";c=;;junk; =x; d==y; e=\"; f=\"\""), name, value;
    static const char *const expected[][2] = {{"a", "1"},  {"b", "2 3"}, {"c", ""},
                                              {"d", "=y"}, {"e", "\""},  {"f", ""}};
    for (size_t i = 0; i < 6; i++) {
        assert_true(cookie_next(&field, &name, &value));
        assert_true(slice_is(name, expected[i][0]) && slice_is(value, expected[i][1]));
    }
    assert_false(cookie_next(&field, &name, &value));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(targets_are_cut_into_path_and_query),
        cmocka_unit_test(percent_escapes_are_decoded),
        cmocka_unit_test(what_does_not_decode_to_text_is_refused_and_leaves_nothing),
        cmocka_unit_test(encoding_keeps_the_unreserved_only),
        cmocka_unit_test(pairs_of_a_query_come_in_order),
        cmocka_unit_test(cookies_are_walked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
