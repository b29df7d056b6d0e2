/* Unit tests of json/regex.h: patterns mean what ECMA-262 says, or are refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "json/regex.h"

#include <stdio.h>

static enum regex_verdict search(const char *pattern, struct slice text)
{
    struct regex *re;
    struct err e = {0};
    if (regex_compile(slice_str(pattern), &re, &e))
        fail_msg("%s: %s", pattern, e.detail);
    enum regex_verdict verdict = regex_search(re, text);
    regex_free(re);
    return verdict;
}

static void finds(const char *pattern, const char *text)
{
    if (search(pattern, slice_str(text)) != REGEX_YES)
        fail_msg("/%s/ should be found in \"%s\"", pattern, text);
}

static void misses(const char *pattern, const char *text)
{
    if (search(pattern, slice_str(text)) != REGEX_NO)
        fail_msg("/%s/ should not be found in \"%s\"", pattern, text);
}

static void refuses(const char *pattern, const char *why)
{
    struct regex *re = NULL;
    struct err e = {0};
    if (regex_compile(slice_str(pattern), &re, &e) != ERR_BAD_REQUEST)
        fail_msg("taken: /%s/", pattern);
    assert_null(re);
    if (!strstr(e.detail, why))
        fail_msg("/%s/: \"%s\" doesn't say \"%s\"", pattern, e.detail, why);
}

static void patterns_are_found_anywhere(void **state)
{
    (void)state;
    finds("", "");
    finds("b+", "abbc");
    misses("b", "ac");
    finds("a|", "x");
    finds("^(foo|bar)?baz$", "barbaz");
    misses("^(foo|bar)?baz$", "xbaz");
    finds("^(?<year>\\d{4})-(?:\\d{2})$", "2024-02");
    finds("^a(?=b)", "ab");
    misses("^a(?!b)", "ab");
    finds("^.{2,3}$", "\xc3\xa4\xf0\x9f\x98\x80"); /* characters, not bytes */
    misses("^.{4,}$", "\xc3\xa4\xc3\xa4");
    finds("^a+?b*?c??$", "aabbc");
    finds("^\\/\\-\\.\\\"$", "/-.\"");
    assert_int_equal(search("^a\\0b$", slice_of("a\0b", 3)), REGEX_YES);
    assert_int_equal(search("^a$", slice_of("a\0", 2)), REGEX_NO);
}

static void the_end_is_the_very_end(void **state)
{
    (void)state;
    misses("^abc$", "abc\n");
    misses("^abc$", "\nabc");
    misses("^b$", "a\nb\nc"); /* no line is an end */
}

static void classes_of_characters_are_ascii_but_space(void **state)
{
    (void)state;
    misses("\\d", "\xdf\x80");   /* NKO DIGIT ZERO */
    misses("^\\w$", "\xc3\xa9"); /* e acute */
    finds("^\\W$", "\xc3\xa9");
    finds("^\\D$", "\xdf\x80");
    finds("^[\\W]$", "\xe2\x82\xac");
    finds("\\bword\\b", "a word.");
    misses("\\bword", "sword");
    finds("\xc3\xa9\\bx", "\xc3\xa9x"); /* a boundary: e acute is no word character */
    static const char *const spaces[] = {" ",
                                         "\t",
                                         "\n",
                                         "\v",
                                         "\f",
                                         "\r",
                                         "\xc2\xa0",
                                         "\xef\xbb\xbf",
                                         "\xe2\x80\xa8",
                                         "\xe2\x80\xa9",
                                         "\xe2\x80\x83",
                                         "\xe3\x80\x80",
                                         "\xe1\x9a\x80"};
    for (size_t i = 0; i < sizeof spaces / sizeof *spaces; i++) {
        finds("^\\s$", spaces[i]);
        finds("^[\\sx]$", spaces[i]);
        misses("\\S", spaces[i]);
        misses("[\\S]", spaces[i]);
        finds("^[^\\S]$", spaces[i]);
    }
    static const char *const others[] = {"\x01",         "\x1b", "\xc2\x85",        "\xe1\xa0\x8e",
                                         "\xe2\x80\x8b", "a",    "\xf0\x9f\x98\x80"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        misses("\\s", others[i]);
        finds("^\\S$", others[i]);
        finds("^[\\S]$", others[i]);
        misses("[\\s]", others[i]);
    }
}

static void a_point_is_all_but_line_ends(void **state)
{
    (void)state;
    static const char *const ends[] = {"\n", "\r", "\xe2\x80\xa8", "\xe2\x80\xa9"};
    static const char *const others[] = {"\v", "\f", "\xc2\x85", "a", "\xf0\x9f\x98\x80"};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        misses(".", ends[i]);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        finds("^.$", others[i]);
}

static void escapes_stand_for_characters(void **state)
{
    (void)state;
    finds("^\\t\\n\\v\\f\\r$", "\t\n\v\f\r");
    finds("^\\cC\\cc$", "\x03\x03");
    finds("^\\x41\\u0042\\u{43}$", "ABC");
    finds("^\\ud83d\\ude00$", "\xf0\x9f\x98\x80");
    finds("^\\u{1F600}$", "\xf0\x9f\x98\x80");
    finds("^[\\ud83d\\ude00-\\ud83d\\ude02]$", "\xf0\x9f\x98\x81");
    finds("^[\\b]$", "\b");
    misses("\\v", "\n"); /* not PCRE2's vertical space */
    finds("^\\p{L}+$", "a\xc3\xa9\xce\xb1");
    finds("^\\p{Letter}+$", "\xc3\xa9");
    finds("^\\p{Lu}\\P{Lu}$", "Aa");
    finds("^\\p{gc=Decimal_Number}$", "\xdf\x80");
    finds("^\\p{Script=Greek}$", "\xce\xb1");
    misses("^\\p{sc=Latin}$", "\xce\xb1");
    finds("^[\\p{Lu}_]+$", "A_\xc3\x84");
}

static void classes_have_one_meaning(void **state)
{
    (void)state;
    finds("^[a-c\\d_-]+$", "a0-_c");
    finds("^[-a]+$", "-a");
    finds("^[\\w-]+$", "a-b");
    finds("^[^a-c]$", "d");
    finds("^[[]$", "[");
    finds("^[[:alpha:]\\]$", ":]"); /* no POSIX class: one of [:alph, then ] */
    misses("^[[:alpha:]\\]$", "b]");
    finds("^[.*+?(){}|^$]+$", ".*+?(){}|^$");
    finds("^[\\]\\\\]+$", "]\\");
    finds("^[#x -]+$", "# x-");
    misses("[]", "a");
    finds("^[^]$", "\n");
    finds("^[\xc3\xa4-\xc3\xbc]$", "\xc3\xb6");
    misses("^[\xc3\xa4-\xc3\xbc]$", "\xc3");
}

static void what_ecma_262_does_not_have_is_refused(void **state)
{
    (void)state;
    static const char *const cases[][2] = {{"(*UTF8)a", "nothing to repeat"},
                                           {"(?i)a", "unknown kind of group"},
                                           {"(?>a)", "unknown kind of group"},
                                           {"(?P<a>b)", "unknown kind of group"},
                                           {"(?#c)", "unknown kind of group"},
                                           {"(?R)", "unknown kind of group"},
                                           {"(?1)", "unknown kind of group"},
                                           {"(?(1)a)", "unknown kind of group"},
                                           {"(?|a)", "unknown kind of group"},
                                           {"(?&a)", "unknown kind of group"},
                                           {"(?C1)", "unknown kind of group"},
                                           {"a++", "a repeat of a repeat"},
                                           {"a*+", "a repeat of a repeat"},
                                           {"a??+", "a repeat of a repeat"},
                                           {"a{2}{3}", "a repeat of a repeat"},
                                           {"a**", "a repeat of a repeat"},
                                           {"\\A", "unknown escape"},
                                           {"\\Z", "unknown escape"},
                                           {"\\z", "unknown escape"},
                                           {"\\Qa\\E", "unknown escape"},
                                           {"\\K", "unknown escape"},
                                           {"\\h", "unknown escape"},
                                           {"\\R", "unknown escape"},
                                           {"\\X", "unknown escape"},
                                           {"\\C", "unknown escape"},
                                           {"\\N", "unknown escape"},
                                           {"\\G", "unknown escape"},
                                           {"\\a", "unknown escape"},
                                           {"\\e", "unknown escape"},
                                           {"\\o{7}", "unknown escape"},
                                           {"\\_", "unknown escape"},
                                           {"[\\h]", "unknown escape"},
                                           {"\\p{Xan}", "only general"},
                                           {"\\p{L&}", "not a Unicode property"},
                                           {"\\p{^L}", "not a Unicode property"},
                                           {"\\pL", "\\p needs"},
                                           {"\\p{L", "\\p needs"},
                                           {"\\p{Script=Nowhere}", "pattern"},
                                           {"\\p{a:b}", "not a Unicode property"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        refuses(cases[i][0], cases[i][1]);
}

static void what_the_two_languages_do_differently_is_refused(void **state)
{
    (void)state;
    refuses("(?<=a)b", "lookbehind");
    refuses("(?<!a)b", "lookbehind");
    refuses("(a)\\1", "backreferences");
    refuses("(?<n>a)\\k<n>", "backreferences");
    refuses("\\01", "octal");
    refuses("[\\1]", "unknown escape");
}

static void malformed_patterns_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"(",
                                      ")",
                                      "(a",
                                      "a)",
                                      "[",
                                      "[a",
                                      "[b-a]",
                                      "[\\d-z]",
                                      "[a-\\d]",
                                      "\\",
                                      "a\\",
                                      "[\\",
                                      "*",
                                      "+a",
                                      "?",
                                      "{",
                                      "{1}",
                                      "a{",
                                      "a{x}",
                                      "a{1",
                                      "a{,2}",
                                      "a{2,1}",
                                      "}",
                                      "]",
                                      "|*",
                                      "(?:*)",
                                      "^*",
                                      "$+",
                                      "\\b+",
                                      "(?=a)*",
                                      "(?!a){2}",
                                      "\\x",
                                      "\\x1",
                                      "\\xg1",
                                      "\\u",
                                      "\\u12",
                                      "\\u{}",
                                      "\\u{110000}",
                                      "\\u{12",
                                      "\\ud800",
                                      "\\udc00",
                                      "\\ud800\\u0041",
                                      "\\c1",
                                      "\\c",
                                      "a{1001}",
                                      "a{0,1001}",
                                      "a{99999999999999999999}",
                                      "(?<>a)",
                                      "(?<a",
                                      "(?<a b>c)",
                                      "(?",
                                      "(?:",
                                      "\xff",
                                      "\xed\xa0\x80"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        refuses(bad[i], "pattern");
    struct buf text = BUF_INIT;
    for (int i = 0; i < 51; i++)
        buf_add_char(&text, '(');
    for (int i = 0; i < 51; i++)
        buf_add_char(&text, ')');
    refuses(buf_cstr(&text), "too many groups");
    buf_reset(&text);
    for (int i = 0; i <= REGEX_BYTES_MAX; i++)
        buf_add_char(&text, 'a');
    refuses(buf_cstr(&text), "4096");
    buf_fini(&text);
}

static void slow_patterns_are_given_up(void **state)
{
    (void)state;
    static const char *const slow[] = {"^(a+)+$", "^(a|a)*$", "^(a|aa)+$", "^(a*)*$", "^(x+x+)+$"};
    char text[64];
    for (size_t i = 0; i < sizeof slow / sizeof *slow; i++) {
        memset(text, strchr(slow[i], 'x') ? 'x' : 'a', 60);
        text[60] = '!';
        assert_int_equal(search(slow[i], slice_of(text, 61)), REGEX_TOO_COSTLY);
    }
}

static void honest_patterns_are_not_given_up(void **state)
{
    (void)state;
    struct buf text = BUF_INIT;
    for (int i = 0; i < 65536; i++)
        buf_add_char(&text, (char)('a' + i % 26));
    assert_int_equal(search("^[a-z]+$", buf_slice(&text)), REGEX_YES);
    assert_int_equal(search("^([a-z]+-?)*$", buf_slice(&text)), REGEX_YES);
    assert_int_equal(search("^(?:[a-z]{2})*$", buf_slice(&text)), REGEX_YES);
    assert_int_equal(search("[0-9]", buf_slice(&text)), REGEX_NO);
    assert_int_equal(search("^[a-z]+[0-9]$", buf_slice(&text)), REGEX_NO);
    buf_fini(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(patterns_are_found_anywhere),
        cmocka_unit_test(the_end_is_the_very_end),
        cmocka_unit_test(classes_of_characters_are_ascii_but_space),
        cmocka_unit_test(a_point_is_all_but_line_ends),
        cmocka_unit_test(escapes_stand_for_characters),
        cmocka_unit_test(classes_have_one_meaning),
        cmocka_unit_test(what_ecma_262_does_not_have_is_refused),
        cmocka_unit_test(what_the_two_languages_do_differently_is_refused),
        cmocka_unit_test(malformed_patterns_are_refused),
        cmocka_unit_test(slow_patterns_are_given_up),
        cmocka_unit_test(honest_patterns_are_not_given_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
