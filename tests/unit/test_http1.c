/* Unit tests of src/wire/http1: request heads, bodies, responses, dates. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fixture.h"
#include "wire/http1.h"

static const struct http1_limits limits = {16384, 8192, HTTP1_HEADERS_MAX};

static int read_text(const char *text, struct http1_request *r, struct err *e)
{
    return http1_read(text, strlen(text), &limits, r, e);
}

/* http1_read of a copy without a byte to spare behind it, so that a sanitizer sees any read too
 * far. */
static int read_exact(const char *p, size_t len, struct http1_request *r, struct err *e)
{
    char *copy = malloc(len ? len : 1);
    assert_non_null(copy);
    memcpy(copy, p, len);
    int rc = http1_read(copy, len, &limits, r, e);
    free(copy);
    return rc;
}

static void good_request(const char *name, struct slice content)
{
    struct http1_request r;
    struct err e;
    int rc = http1_read(content.p, content.len, &limits, &r, &e);
    if (rc != (int)content.len)
        fail_msg("%s: %d, %s", name, rc, rc < 0 ? e.detail : "");
    for (size_t n = 0; n < content.len; n++)
        if ((rc = read_exact(content.p, n, &r, &e)) != 0)
            fail_msg("%s: %d for the first %zu bytes", name, rc, n);
}

static void good_requests_are_read_whole_and_never_early(void **state)
{
    (void)state;
    assert_true(fixture_each("http1/good", good_request) >= 16);
}

static void bad_request(const char *name, struct slice content)
{
    struct http1_request r;
    struct err e;
    int rc = http1_read(content.p, content.len, &limits, &r, &e);
    if (rc >= 0 || err_status(rc) != (int)strtol(name, NULL, 10))
        fail_msg("%s: %d, %s", name, rc, rc < 0 ? e.detail : "");
    size_t step = content.len > 2000 ? 97 : 1;
    bool refused = false;
    for (size_t n = 0; n < content.len; n += step) {
        int early = read_exact(content.p, n, &r, &e);
        if (early != 0 && early != rc)
            fail_msg("%s: %d for the first %zu bytes, %d for all", name, early, n, rc);
        if (refused && early == 0)
            fail_msg("%s: taken back at %zu bytes", name, n);
        refused = early < 0;
    }
}

static void bad_requests_get_their_status_however_they_are_split(void **state)
{
    (void)state;
    assert_true(fixture_each("http1/bad", bad_request) >= 60);
}

static void the_parts_of_a_request_are_found(void **state)
{
    (void)state;
    struct http1_request r;
    struct err e;
    const char *text = "POST /v1/publish?a=b HTTP/1.1\r\nhOsT: hub.example:4000\r\nX-A:1\r\n"
                       "x-a: 2\t\r\nContent-Length: 12\r\nExpect: 100-continue\r\n\r\nnot the head";
    int rc = read_text(text, &r, &e);
    assert_int_equal(rc, (int)strlen(text) - 12);
    assert_true(r.method == HTTP1_POST && slice_is(r.method_text, "POST"));
    assert_true(slice_is(r.target, "/v1/publish?a=b"));
    assert_int_equal(r.minor, 1);
    assert_true(r.keep_alive && !r.chunked && r.has_length && r.expect_continue);
    assert_true(r.length == 12);
    assert_true(slice_is(r.host, "hub.example:4000"));
    assert_int_equal(r.field_count, 5);
    assert_true(slice_is(http1_field(&r, "X-A"), "1"));
    assert_int_equal(http1_field_count(&r, "x-A"), 2);
    assert_null(http1_field(&r, "X-B").p);
    assert_int_equal(http1_field_count(&r, "X-B"), 0);
}

static void a_request_leaves_nothing_behind_for_the_next(void **state)
{
    (void)state;
    struct http1_request r;
    struct err e;
    assert_true(read_text("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n"
                          "Expect: 100-continue\r\n\r\n",
                          &r, &e) > 0);
    assert_true(r.chunked && r.expect_continue && !r.has_length);
    assert_true(read_text("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 7\r\n\r\n", &r, &e) > 0);
    assert_true(!r.chunked && !r.expect_continue && r.has_length && r.length == 7);
    assert_true(read_text("GET / HTTP/1.0\r\n\r\n", &r, &e) > 0);
    assert_true(!r.chunked && !r.has_length && r.length == 0 && !r.keep_alive && r.minor == 0);
    assert_null(r.host.p);
    assert_int_equal(r.field_count, 0);
}

static void pipelined_requests_are_read_one_by_one(void **state)
{
    (void)state;
    struct http1_request r;
    struct err e;
    const char *text = "GET /1 HTTP/1.1\r\nHost: a\r\n\r\n\r\nGET /22 HTTP/1.1\r\nHost: a\r\n\r\n";
    int first = read_text(text, &r, &e);
    assert_true(first > 0 && slice_is(r.target, "/1"));
    int second = read_text(text + first, &r, &e);
    assert_true(slice_is(r.target, "/22"));
    assert_int_equal((size_t)(first + second), strlen(text));
}

static void the_connection_is_kept_as_version_and_field_say(void **state)
{
    (void)state;
    static const struct {
        const char *version, *connection;
        bool keep;
    } cases[] = {
        {"1.1", "X: y", true},
        {"1.1", "Connection: close", false},
        {"1.1", "Connection: keep-alive, Close", false},
        {"1.1", "Connection: a\r\nConnection: close", false},
        {"1.1", "Connection: closed", true},
        {"1.0", "X: y", false},
        {"1.0", "Connection: Keep-Alive", true},
        {"1.0", "Connection: keep-alive, close", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[200];
        struct http1_request r;
        struct err e;
        snprintf(text, sizeof text, "GET / HTTP/%s\r\nHost: a\r\n%s\r\n\r\n", cases[i].version,
                 cases[i].connection);
        assert_true(read_text(text, &r, &e) > 0);
        assert_int_equal(r.keep_alive, cases[i].keep);
    }
}

static void the_host_of_an_absolute_target_wins(void **state)
{
    (void)state;
    struct http1_request r;
    struct err e;
    assert_true(read_text("GET http://real:1?x HTTP/1.1\r\nHost: other\r\n\r\n", &r, &e) > 0);
    assert_true(slice_is(r.host, "real:1"));
    assert_true(read_text("GET /a?b=http://no HTTP/1.1\r\nHost: other\r\n\r\n", &r, &e) > 0);
    assert_true(slice_is(r.host, "other"));
}

static void an_expectation_means_nothing_in_http10(void **state)
{
    (void)state;
    struct http1_request r;
    struct err e;
    assert_true(read_text("POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n",
                          &r, &e) > 0);
    assert_false(r.expect_continue);
}

/* "GET /aaa HTTP/1.1" with a target of n bytes and fields more fields, in out. */
static void build(struct buf *out, size_t target, unsigned fields)
{
    buf_reset(out);
    buf_add_str(out, "GET /");
    for (size_t i = 1; i < target; i++)
        buf_add_char(out, 'a');
    buf_add_str(out, " HTTP/1.1\r\nHost: a\r\n");
    for (unsigned i = 1; i < fields; i++)
        buf_add_str(out, "x: y\r\n");
    buf_add_str(out, "\r\n");
}

static void limits_are_exact(void **state)
{
    (void)state;
    struct http1_request r;
    struct err e;
    struct buf b = BUF_INIT;
    build(&b, 20, 3);
    struct http1_limits l = {b.len, 20, 3};
    assert_int_equal(http1_read(b.p, b.len, &l, &r, &e), (int)b.len);
    l.head_bytes--;
    assert_int_equal(http1_read(b.p, b.len, &l, &r, &e), ERR_HEADERS_TOO_LARGE);
    assert_int_equal(http1_read(b.p, b.len - 1, &l, &r, &e), ERR_HEADERS_TOO_LARGE);
    assert_int_equal(http1_read(b.p, b.len - 2, &l, &r, &e), 0);
    l = (struct http1_limits){b.len, 19, 3};
    assert_int_equal(http1_read(b.p, b.len, &l, &r, &e), ERR_URI_TOO_LONG);
    assert_int_equal(http1_read(b.p, 4 + 19, &l, &r, &e), 0);
    assert_int_equal(http1_read(b.p, 4 + 20, &l, &r, &e), ERR_URI_TOO_LONG);
    l = (struct http1_limits){b.len, 20, 2};
    assert_int_equal(http1_read(b.p, b.len, &l, &r, &e), ERR_HEADERS_TOO_LARGE);
    l = (struct http1_limits){10, 100, 2};
    assert_int_equal(http1_read(b.p, b.len, &l, &r, &e), ERR_URI_TOO_LONG);
    build(&b, 1, HTTP1_HEADERS_MAX);
    l = (struct http1_limits){65536, 100, 1000};
    assert_int_equal(http1_read(b.p, b.len, &l, &r, &e), (int)b.len);
    build(&b, 1, HTTP1_HEADERS_MAX + 1);
    assert_int_equal(http1_read(b.p, b.len, &l, &r, &e), ERR_HEADERS_TOO_LARGE);
    buf_fini(&b);
}

/* Puts every byte in the place of '@' and counts the requests that are read. */
static unsigned bytes_taken(const char *request)
{
    char text[200];
    size_t len = strlen(request);
    unsigned taken = 0;
    memcpy(text, request, len);
    char *at = memchr(text, '@', len);
    assert_non_null(at);
    for (int c = 0; c < 256; c++) {
        struct http1_request r;
        struct err e;
        *at = (char)c;
        taken += http1_read(text, len, &limits, &r, &e) > 0;
    }
    return taken;
}

static void every_byte_has_its_places(void **state)
{
    (void)state;
    /* 77 characters of a token; a colon ends the name early. */
    assert_int_equal(bytes_taken("GET / HTTP/1.1\r\nHost: a\r\nX@Y: z\r\n\r\n"), 77 + 1);
    /* 94 visible characters, space and tab, 128 of obs-text. */
    assert_int_equal(bytes_taken("GET / HTTP/1.1\r\nHost: a\r\nX: y@zzzzzzzzz\r\n\r\n"),
                     94 + 2 + 128);
    assert_int_equal(bytes_taken("GET / HTTP/1.1\r\nHost: a\r\nX: y@\r\n\r\n"), 94 + 2 + 128);
    /* visible but '#'. */
    assert_int_equal(bytes_taken("GET /@ HTTP/1.1\r\nHost: a\r\n\r\n"), 93);
}

/* The body that comes out of text when it is fed `step` bytes at a time; *used as its length. */
static int feed_body(struct http1_body *b, const char *text, size_t len, size_t step,
                     struct buf *out, size_t *used)
{
    *used = 0;
    buf_reset(out);
    while (*used < len && !http1_body_done(b)) {
        struct slice data;
        struct err e;
        size_t n = len - *used < step ? len - *used : step;
        char *copy = malloc(n);
        assert_non_null(copy);
        memcpy(copy, text + *used, n);
        int rc = http1_body_read(b, copy, n, &data, &e);
        if (rc > 0)
            buf_add_slice(out, data);
        free(copy);
        if (rc < 0)
            return rc;
        assert_true(rc > 0);
        *used += (size_t)rc;
    }
    return 0;
}

static void a_body_with_a_length_ends_there(void **state)
{
    (void)state;
    struct http1_request r = {.has_length = true, .length = 5};
    struct http1_body b;
    struct slice data;
    http1_body_init(&b, &r);
    assert_false(http1_body_done(&b));
    assert_int_equal(http1_body_read(&b, "ab", 2, &data, NULL), 2);
    assert_true(slice_is(data, "ab"));
    assert_int_equal(http1_body_read(&b, "cdeGET /", 8, &data, NULL), 3);
    assert_true(slice_is(data, "cde") && http1_body_done(&b));
    assert_int_equal(http1_body_read(&b, "GET /", 5, &data, NULL), 0);
    r.length = 0;
    http1_body_init(&b, &r);
    assert_true(http1_body_done(&b));
}

static void a_chunked_body_comes_out_however_it_is_split(void **state)
{
    (void)state;
    static const char text[] =
        "5\r\nhello\r\n1;a=b;c=\"d e\"\r\n,\r\n00A\r\n 23456789\n\r\nb\r\n\r\n0\r\n\r\n"
        "0123\r\n0\r\nX-T: 1\r\nY:\r\n\r\nGET /";
    struct http1_request r = {.chunked = true};
    struct buf out = BUF_INIT;
    size_t used;
    for (size_t step = 1; step < sizeof text; step++) {
        struct http1_body b;
        http1_body_init(&b, &r);
        assert_int_equal(feed_body(&b, text, sizeof text - 1, step, &out, &used), 0);
        assert_true(http1_body_done(&b));
        assert_int_equal(used, sizeof text - 1 - 5);
        assert_string_equal(buf_cstr(&out), "hello, 23456789\n\r\n0\r\n\r\n0123");
    }
    buf_fini(&out);
}

static void malformed_chunks_are_refused_however_they_are_split(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "\r\n",
        ";a\r\n",
        "g\r\n",
        "-1\r\n",
        "+1\r\na\r\n",
        "0x1\r\na\r\n",
        "1 \r\na\r\n",
        " 1\r\na\r\n",
        "1\na\r\n",
        "1\r\na\n",
        "1\r\nab\r\n",
        "1\r\na\rx",
        "1\rxa",
        "1;\n\r\na\r\n",
        "1;\x01\r\na\r\n",
        "0\r\n\n",
        "0\r\n\rx",
        "0\r\n: x\r\n",
        "0\r\nA : x\r\n",
        "0\r\n A: x\r\n",
        "0\r\nA: \x7f\r\n",
        "0\r\nA: x\nB: y\r\n",
        "0\r\nA\r\n\r\n",
        "10000000000000000\r\n",
        "00000000000000001\r\na\r\n",
    };
    struct http1_request r = {.chunked = true};
    struct buf out = BUF_INIT;
    size_t used;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        for (size_t step = 1; step <= strlen(bad[i]); step++) {
            struct http1_body b;
            http1_body_init(&b, &r);
            if (feed_body(&b, bad[i], strlen(bad[i]), step, &out, &used) != ERR_BAD_REQUEST)
                fail_msg("taken: %s", bad[i]);
        }
    }
    buf_fini(&out);
}

static void extensions_and_trailers_are_bounded_in_all(void **state)
{
    (void)state;
    struct http1_request r = {.chunked = true};
    struct buf text = BUF_INIT, out = BUF_INIT;
    size_t used;
    for (int i = 0; i < 1100; i++)
        buf_add_str(&text, "1;234567890123456\r\na\r\n");
    struct http1_body b;
    http1_body_init(&b, &r);
    assert_int_equal(feed_body(&b, text.p, text.len, 1000, &out, &used), ERR_BAD_REQUEST);
    assert_true(out.len > 900);
    buf_reset(&text);
    buf_add_str(&text, "0\r\n");
    for (int i = 0; i < 2100; i++)
        buf_add_str(&text, "a: 3456\r\n");
    http1_body_init(&b, &r);
    assert_int_equal(feed_body(&b, text.p, text.len, 1000, &out, &used), ERR_BAD_REQUEST);
    buf_fini(&text);
    buf_fini(&out);
}

static void responses_are_written(void **state)
{
    (void)state;
    static const struct {
        struct http1_response r;
        const char *text;
    } cases[] = {
        {{.status = 200,
          .minor = 1,
          .keep_alive = true,
          .content_type = "text/plain",
          .length = 12},
         "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 12\r\n\r\n"},
        {{.status = 404, .minor = 1, .extra = {"Vary: Origin\r\n", 14}},
         "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\nVary: "
         "Origin\r\n\r\n"},
        {{.status = 200, .minor = 1, .keep_alive = true, .chunked = true},
         "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"},
        {{.status = 200, .minor = 0, .keep_alive = true, .chunked = true},
         "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"},
        {{.status = 200, .minor = 0, .keep_alive = true, .length = 1},
         "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nConnection: keep-alive\r\n\r\n"},
        {{.status = 204, .minor = 1, .keep_alive = true}, "HTTP/1.1 204 No Content\r\n\r\n"},
        {{.status = 304, .minor = 1, .keep_alive = true, .no_length = true},
         "HTTP/1.1 304 Not Modified\r\n\r\n"},
        {{.status = 100, .minor = 1}, "HTTP/1.1 100 Continue\r\n\r\n"},
        {{.status = 599, .minor = 1, .keep_alive = true},
         "HTTP/1.1 599 \r\nContent-Length: 0\r\n\r\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buf b = BUF_INIT;
        http1_write_head(&b, &cases[i].r);
        assert_string_equal(buf_cstr(&b), cases[i].text);
        buf_fini(&b);
    }
}

static void every_status_of_the_table_has_a_phrase(void **state)
{
    (void)state;
    for (int code = -1; code >= -ERR_INDEX_COUNT; code--)
        assert_true(http1_phrase(err_status(code))[0] != 0);
    assert_string_equal(http1_phrase(799), "");
}

static void dates_are_written_and_read_in_three_forms(void **state)
{
    (void)state;
    char text[30];
    uint64_t s;
    http1_date(784111777, text);
    assert_string_equal(text, "Sun, 06 Nov 1994 08:49:37 GMT");
    http1_date(0, text);
    assert_string_equal(text, "Thu, 01 Jan 1970 00:00:00 GMT");
    http1_date(UINT64_MAX, text);
    assert_string_equal(text, "Fri, 31 Dec 9999 23:59:59 GMT");
    static const char *const same[] = {"Sun, 06 Nov 1994 08:49:37 GMT",
                                       "Sunday, 06-Nov-94 08:49:37 GMT",
                                       "Sun Nov  6 08:49:37 1994"};
    for (size_t i = 0; i < 3; i++)
        assert_true(http1_date_parse(slice_str(same[i]), &s) && s == 784111777);
    assert_true(http1_date_parse(slice_str("Friday, 20-Nov-26 00:00:00 GMT"), &s) &&
                s == 1795132800);
    for (uint64_t t = 0; t < 4000000000u; t += 8640001) {
        http1_date(t, text);
        assert_true(http1_date_parse(slice_str(text), &s) && s == t);
    }
    static const char *const bad[] = {"",
                                      "Sun, 06 Nov 1994 08:49:37",
                                      "Sun, 06 Nix 1994 08:49:37 GMT",
                                      "Sun, 06 Nov 1994 08:49:37 CET",
                                      "Sun, 06 Nov 1994 24:49:37 GMT",
                                      "Sun, 31 Nov 1994 08:49:37 GMT",
                                      "1994-11-06T08:49:37Z",
                                      "Sun Nov  6 08:49:37 94  ",
                                      ",                       "};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(http1_date_parse(slice_str(bad[i]), &s));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_requests_are_read_whole_and_never_early),
        cmocka_unit_test(bad_requests_get_their_status_however_they_are_split),
        cmocka_unit_test(the_parts_of_a_request_are_found),
        cmocka_unit_test(a_request_leaves_nothing_behind_for_the_next),
        cmocka_unit_test(pipelined_requests_are_read_one_by_one),
        cmocka_unit_test(the_connection_is_kept_as_version_and_field_say),
        cmocka_unit_test(the_host_of_an_absolute_target_wins),
        cmocka_unit_test(an_expectation_means_nothing_in_http10),
        cmocka_unit_test(limits_are_exact),
        cmocka_unit_test(every_byte_has_its_places),
        cmocka_unit_test(a_body_with_a_length_ends_there),
        cmocka_unit_test(a_chunked_body_comes_out_however_it_is_split),
        cmocka_unit_test(malformed_chunks_are_refused_however_they_are_split),
        cmocka_unit_test(extensions_and_trailers_are_bounded_in_all),
        cmocka_unit_test(responses_are_written),
        cmocka_unit_test(every_status_of_the_table_has_a_phrase),
        cmocka_unit_test(dates_are_written_and_read_in_three_forms),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
