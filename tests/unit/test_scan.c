/* Unit tests of src/json/scan. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "json/scan.h"

#include <stdio.h>
#include <stdlib.h>

/* json_check of a copy without a byte to spare behind it. */
static int check(const char *p, size_t len, struct err *e)
{
    char *copy = malloc(len ? len : 1);
    assert_non_null(copy);
    memcpy(copy, p, len);
    int rc = json_check(slice_of(copy, len), JSON_DEPTH_MAX, e);
    free(copy);
    return rc;
}

static void well_formed_text_is_taken(void **state)
{
    (void)state;
    static const char *const good[] = {
        "0",
        "-0",
        "10",
        "-1.5e+10",
        "1E-2",
        "1e2",
        "0.1",
        "9007199254740993",
        "123456789012345678901234567890",
        "\"\"",
        "\"a\"",
        "true",
        "false",
        "null",
        "[]",
        "{}",
        " \t\r\n[ 1 , 2 ] \n",
        "{\"a\":{\"a\":1},\"b\":[{\"a\":1},{\"a\":2}]}",
        "{\"\":1}",
        "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0000\\uD83D\\uDE00\"",
        "\"Gr\xc3\xbc\xc3\x9f \xf0\x9f\x98\x80\"",
        "\"\x7f\"",
        "\"\xef\xbf\xbe\"",
        "{\"a\":1,\"A\":2,\"a \":3}",
        "\"\xe2\x80\xa8\"",
    };
    struct err e;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        if (check(good[i], strlen(good[i]), &e) != 0)
            fail_msg("%s: %s", good[i], e.detail);
}

static void malformed_text_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        " ",
        "+1",
        "01",
        "-",
        "-01",
        "1.",
        ".5",
        "1e",
        "1e+",
        "0x1",
        "1a",
        "NaN",
        "Infinity",
        "tru",
        "True",
        "nul",
        "nulll",
        "[",
        "[1",
        "[1,",
        "[1,]",
        "[,1]",
        "[1 2]",
        "[1}",
        "{",
        "{\"a\"",
        "{\"a\":",
        "{\"a\":1",
        "{\"a\":1,",
        "{\"a\":1,}",
        "{a:1}",
        "{\"a\" 1}",
        "{1:1}",
        "{,}",
        "{\"a\":}",
        "{'a':1}",
        "\"",
        "\"a",
        "\"\\",
        "\"\\x\"",
        "\"\\u\"",
        "\"\\u12\"",
        "\"\\u123g\"",
        "\"\n\"",
        "\"\t\"",
        "\"\\ud800\"",
        "\"\\ud800\\u0041\"",
        "\"\\udc00\"",
        "\"\\ud800\\ud800\"",
        "\"\\ud800x\"",
        "1 2",
        "{} {}",
        "[]]",
        "}",
        "]",
        ":",
        ",",
        "// c\n1",
        "/**/1",
        "\xef\xbb\xbf 1",
        "\v1",
        "\"\x80\"",
        "\"\xc3\"",
        "\"\xc0\x80\"",
        "\"\xed\xa0\x80\"",
        "\"\xf5\x80\x80\x80\"",
        "\"\xc3\xbc\xff\"",
        "\xff",
        "\"abcdefg\x01hijklmnop\"",
        "\"abcdefgh\x1f\"",
        "\"\\U0041\"",
        "\"\\",
        "[\"a\\\"]",
    };
    struct err e;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (check(bad[i], strlen(bad[i]), &e) != ERR_BAD_REQUEST)
            fail_msg("taken: %s", bad[i]);
    assert_int_equal(check("1\0", 2, &e), ERR_BAD_REQUEST);
    assert_int_equal(check("\"a\0\"", 4, &e), ERR_BAD_REQUEST);
    assert_int_equal(json_check(SLICE_NONE, 1, NULL), ERR_BAD_REQUEST);
}

static void no_beginning_of_a_value_is_a_value(void **state)
{
    (void)state;
    static const char text[] =
        "{\"a\":[1.5,true,false,null,\"\\u00fc\\ud83d\\ude00\xc3\xbc\"],\"b\":{}}";
    for (size_t n = 0; n < sizeof text - 1; n++)
        assert_int_equal(check(text, n, NULL), ERR_BAD_REQUEST);
    assert_int_equal(check(text, sizeof text - 1, NULL), 0);
}

static void the_place_of_a_mistake_is_named(void **state)
{
    (void)state;
    struct err e;
    assert_int_equal(check("{\"a\":1,\"a\":2}", 13, &e), ERR_BAD_REQUEST);
    assert_string_equal(e.detail, "JSON, byte 7: this member is there twice");
    check("[1,\"\\x\"]", 8, &e);
    assert_string_equal(e.detail, "JSON, byte 4: no such escape");
    check("[1,2", 4, &e);
    assert_string_equal(e.detail, "JSON, byte 4: a comma or ] is missing");
}

static void nesting_is_bounded(void **state)
{
    (void)state;
    char text[200];
    for (size_t depth = 1; depth <= 40; depth++) {
        for (int object = 0; object < 2; object++) {
            struct buf b = BUF_INIT;
            for (size_t i = 0; i < depth; i++)
                buf_add_str(&b, object ? "{\"a\":" : "[");
            buf_add_str(&b, "1");
            for (size_t i = 0; i < depth; i++)
                buf_add_char(&b, object ? '}' : ']');
            assert_int_equal(json_check(buf_slice(&b), 32, NULL),
                             depth <= 32 ? 0 : ERR_BAD_REQUEST);
            assert_int_equal(json_check(buf_slice(&b), 1000, NULL),
                             depth <= 32 ? 0 : ERR_BAD_REQUEST);
            assert_int_equal(json_check(buf_slice(&b), 3, NULL), depth <= 3 ? 0 : ERR_BAD_REQUEST);
            buf_fini(&b);
        }
    }
    memset(text, '[', sizeof text);
    assert_int_equal(check(text, sizeof text, NULL), ERR_BAD_REQUEST);
    assert_int_equal(json_check(slice_str("1"), 0, NULL), 0);
    assert_int_equal(json_check(slice_str("[[],[],{\"a\":[]}]"), 3, NULL), 0);
}

static void repeated_members_are_found_however_they_are_written(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "{\"a\":1,\"a\":1}",
        "{\"a\":1,\"\\u0061\":1}",
        "{\"\\u0061\":1,\"b\":2,\"a\":1}",
        "{\"\xc3\xbc\":1,\"\\u00FC\":1}",
        "{\"\\ud83d\\ude00\":1,\"\xf0\x9f\x98\x80\":2}",
        "{\"/\":1,\"\\/\":1}",
        "{\"\":1,\"\":2}",
        "[{\"x\":{\"a\":1,\"b\":2,\"a\":3}}]",
        "{\"x\":{\"y\":1},\"x\":2}",
        "{\"\\n\":1,\"\\u000a\":2}",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (json_check(slice_str(bad[i]), 32, NULL) != ERR_BAD_REQUEST)
            fail_msg("taken: %s", bad[i]);
    assert_int_equal(
        json_check(slice_str("{\"\\\\u0061\":1,\"a\":2,\"\\u00e4\":3,\"\\u00c4\":4}"), 32, NULL),
        0);
}

/* {"m0":{...},"m1":{...}, ...}, each inner object with a few members, one name maybe repeated. */
static void large_object(struct buf *b, unsigned count, unsigned repeat_at, unsigned repeated)
{
    buf_reset(b);
    buf_add_char(b, '{');
    for (unsigned i = 0; i < count; i++) {
        buf_addf(b, "%s\"m%u\":{\"m0\":1,\"m1\":[],\"m2\":{}}", i ? "," : "",
                 i == repeat_at ? repeated : i * 7919 % 100003);
    }
    buf_add_char(b, '}');
}

static void repeated_members_of_large_objects_are_found(void **state)
{
    (void)state;
    struct buf b = BUF_INIT;
    for (unsigned count = 1; count < 120; count++) {
        large_object(&b, count, UINT32_MAX, 0);
        assert_int_equal(json_check(buf_slice(&b), 32, NULL), 0);
        for (unsigned at = 1; at < count; at += 5) {
            large_object(&b, count, at, (at - 1) * 7919 % 100003);
            assert_int_equal(json_check(buf_slice(&b), 32, NULL), ERR_BAD_REQUEST);
        }
    }
    large_object(&b, 20000, UINT32_MAX, 0);
    assert_int_equal(json_check(buf_slice(&b), 32, NULL), 0);
    large_object(&b, 20000, 19999, 0);
    assert_int_equal(json_check(buf_slice(&b), 32, NULL), ERR_BAD_REQUEST);
    buf_fini(&b);
}

static void kinds_are_told(void **state)
{
    (void)state;
    assert_int_equal(json_kind(slice_str(" {}")), JSON_OBJECT);
    assert_int_equal(json_kind(slice_str("[]")), JSON_ARRAY);
    assert_int_equal(json_kind(slice_str("\n\"\"")), JSON_STRING);
    assert_int_equal(json_kind(slice_str("-1")), JSON_NUMBER);
    assert_int_equal(json_kind(slice_str("true")), JSON_TRUE);
    assert_int_equal(json_kind(slice_str("false")), JSON_FALSE);
    assert_int_equal(json_kind(slice_str("null")), JSON_NULL);
    assert_int_equal(json_kind(SLICE_NONE), JSON_NULL);
}

static void members_and_elements_are_walked(void **state)
{
    (void)state;
    struct slice text =
        slice_str(" { \"a\" : [1, \"]}\" , {\"x\":\"\\\"}\"} ] ,\n\"b\\\"\":\t-1.50 , "
                  "\"c\" : \"\\\\\",\"\":null } ");
    struct slice name, value;
    assert_int_equal(json_check(text, 32, NULL), 0);
    struct json_iter it = json_iter(text);
    assert_true(json_member(&it, &name, &value));
    assert_true(slice_is(name, "a") && slice_is(value, "[1, \"]}\" , {\"x\":\"\\\"}\"} ]"));
    struct json_iter in = json_iter(value);
    assert_true(json_element(&in, &value) && slice_is(value, "1"));
    assert_true(json_element(&in, &value) && slice_is(value, "\"]}\""));
    assert_true(json_element(&in, &value) && slice_is(value, "{\"x\":\"\\\"}\"}"));
    assert_false(json_element(&in, &value));
    assert_false(json_element(&in, &value));
    assert_true(json_member(&it, &name, &value));
    assert_true(slice_is(name, "b\\\"") && slice_is(value, "-1.50") && json_name_is(name, "b\""));
    assert_true(json_member(&it, &name, &value));
    assert_true(slice_is(name, "c") && slice_is(value, "\"\\\\\""));
    assert_true(json_member(&it, &name, &value));
    assert_true(name.len == 0 && slice_is(value, "null"));
    assert_false(json_member(&it, &name, &value));
    static const char *const nothing[] = {"{}", "[ ]", " { } ", "1", "\"a\"", ""};
    for (size_t i = 0; i < sizeof nothing / sizeof *nothing; i++) {
        it = json_iter(slice_str(nothing[i]));
        assert_false(json_member(&it, &name, &value));
        assert_false(json_element(&it, &value));
    }
}

static void a_member_is_found_by_its_name(void **state)
{
    (void)state;
    struct slice object = slice_str("{\"x\":{\"a\":1},\"\\u0061\":2,\"ab\":3}"), value = SLICE_NONE;
    assert_true(json_get(object, "a", &value) && slice_is(value, "2"));
    assert_false(json_get(object, "b", &value));
    assert_true(slice_is(value, "2"));
    assert_true(json_get(object, "ab", &value) && slice_is(value, "3"));
    assert_false(json_get(slice_str("[1]"), "a", &value));
    assert_false(json_name_is(slice_str("\\u0061b"), "a"));
    assert_false(json_name_is(slice_str("\\u0061"), "ab"));
    assert_true(json_name_is(SLICE_NONE, ""));
}

static void strings_are_unescaped(void **state)
{
    (void)state;
    struct buf b = BUF_INIT;
    struct slice raw = json_string_raw(
        slice_str("\"a\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\u20AC\\ud83d\\ude00z\\u0000\""));
    json_unescape(raw, &b);
    static const char expected[] = "a\"\\/\b\f\n\r\t\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80z\0";
    assert_int_equal(b.len, sizeof expected - 1);
    assert_memory_equal(b.p, expected, sizeof expected - 1);
    assert_true(json_string_raw(slice_str("\"\"")).len == 0 &&
                json_string_raw(slice_str("\"\"")).p);
    assert_null(json_string_raw(slice_str("1")).p);
    buf_fini(&b);
}

static void compaction_drops_white_space_and_nothing_else(void **state)
{
    (void)state;
    struct buf b = BUF_INIT;
    struct slice text =
        slice_str(" { \"a b\" : [ 0.1 , 1.10 ,\t1e2,\r\n9007199254740993 , 1E+02, -0 ] ,"
                  " \"\\u0041 \\\" \" : \" \\\\\" , \"c\":{ } } ");
    assert_int_equal(json_check(text, 32, NULL), 0);
    json_compact(text, &b);
    assert_string_equal(buf_cstr(&b), "{\"a b\":[0.1,1.10,1e2,9007199254740993,1E+02,-0],"
                                      "\"\\u0041 \\\" \":\" \\\\\",\"c\":{}}");
    buf_reset(&b);
    buf_add_str(&b, "x");
    json_compact(SLICE_NONE, &b);
    assert_string_equal(buf_cstr(&b), "x");
    buf_fini(&b);
}

static void whole_numbers_are_read(void **state)
{
    (void)state;
    uint64_t n;
    assert_true(json_u64(slice_str("0"), 10, &n) && n == 0);
    assert_true(json_u64(slice_str("18446744073709551615"), UINT64_MAX, &n) && n == UINT64_MAX);
    static const char *const bad[] = {
        "-1", "-0", "1.0", "1e2", "11", "\"1\"", "null", "", "18446744073709551616"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(json_u64(slice_str(bad[i]), 10, &n));
}

static void unchecked_text_is_survived(void **state)
{
    (void)state;
    static const char *const torn[] = {"{\"a",    "{\"a\\",    "{\"a\"", "{\"a\":", "{\"a\":\"b",
                                       "[\"\\",   "[{[",       "{",      "[",       "\"",
                                       "\"\\u12", "{\"a\":]}", "{a}",    "[,,]",    "}"};
    struct buf b = BUF_INIT;
    for (size_t i = 0; i < sizeof torn / sizeof *torn; i++) {
        struct slice name, value, text = slice_str(torn[i]);
        struct json_iter it = json_iter(text);
        for (int n = 0; n < 10 && json_member(&it, &name, &value); n++)
            json_name_is(name, "a");
        it = json_iter(text);
        for (int n = 0; n < 10 && json_element(&it, &value); n++)
            json_kind(value);
        json_unescape(json_string_raw(text), &b);
        json_compact(text, &b);
    }
    buf_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(well_formed_text_is_taken),
        cmocka_unit_test(malformed_text_is_refused),
        cmocka_unit_test(no_beginning_of_a_value_is_a_value),
        cmocka_unit_test(the_place_of_a_mistake_is_named),
        cmocka_unit_test(nesting_is_bounded),
        cmocka_unit_test(repeated_members_are_found_however_they_are_written),
        cmocka_unit_test(repeated_members_of_large_objects_are_found),
        cmocka_unit_test(kinds_are_told),
        cmocka_unit_test(members_and_elements_are_walked),
        cmocka_unit_test(a_member_is_found_by_its_name),
        cmocka_unit_test(strings_are_unescaped),
        cmocka_unit_test(compaction_drops_white_space_and_nothing_else),
        cmocka_unit_test(whole_numbers_are_read),
        cmocka_unit_test(unchecked_text_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
