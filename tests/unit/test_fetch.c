/* Unit tests of auth/fetch.h, against a small HTTP server on the same loop. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "auth/fetch.h"
#include "http_server.h"

struct seen {
    unsigned calls;
    int status;
    char body[256];
    const char *error;
    struct server *close; /* close its fetch from within */
};

static void on_seen(void *ctx, const struct fetch_result *result)
{
    struct seen *seen = ctx;
    seen->calls++;
    seen->status = result->status;
    seen->error = result->error;
    snprintf(seen->body, sizeof seen->body, "%.*s", SLICE_FMT(result->body));
    if (seen->close) {
        fetch_close(seen->close->fetch, on_fetch_closed, &seen->close->closed);
        seen->close->fetch = NULL;
    }
}

static int start(struct server *s, struct seen *seen, size_t body_max, struct fetch_call **call)
{
    char url[64];
    struct fetch_request request = {.url = url_of(s, url), .body_max = body_max};
    return fetch_start(s->fetch, &request, on_seen, seen, call);
}

static struct seen get(struct server *s, const char *text, size_t body_max)
{
    struct seen seen = {0};
    struct fetch_call *call;
    s->answer = text;
    assert_int_equal(start(s, &seen, body_max, &call), 0);
    assert_int_equal(seen.calls, 0);
    UNTIL(s, seen.calls);
    return seen;
}

static void an_answer_comes_with_its_status_and_body(void **state)
{
    struct server *s = *state;
    struct seen seen = get(s, OK_HEAD "Content-Length: 5\r\n\r\nhello", 100);
    assert_true(seen.status == 200 && !seen.error);
    assert_string_equal(seen.body, "hello");
    assert_non_null(strstr(s->head, "GET /who HTTP/1.1\r\n"));
    seen = get(s, "HTTP/1.1 403 No\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", 100);
    assert_true(seen.status == 403 && !seen.error && seen.calls == 1);
}

static void redirects_are_not_followed(void **state)
{
    struct server *s = *state;
    char text[200];
    snprintf(text, sizeof text,
             "HTTP/1.1 302 Found\r\nConnection: close\r\nLocation: "
             "http://127.0.0.1:%d/other\r\nContent-Length: 0\r\n\r\n",
             s->port);
    struct seen seen = get(s, text, 100);
    assert_int_equal(seen.status, 302);
    assert_int_equal(s->requests, 1);
}

static void an_answer_over_the_ceiling_is_none(void **state)
{
    struct server *s = *state;
    struct seen seen = get(s, OK_HEAD "Content-Length: 101\r\n\r\n", 100);
    assert_true(seen.status == 0);
    assert_string_equal(seen.error, "the answer is too large");
    s->endless = 101; /* without a length */
    seen = get(s, OK_HEAD "\r\n", 100);
    assert_string_equal(seen.error, "the answer is too large");
    s->endless = 100;
    seen = get(s, OK_HEAD "\r\n", 100);
    assert_true(seen.status == 200 && !seen.error);
}

static void what_is_no_http_is_an_error(void **state)
{
    struct server *s = *state;
    static const char *const bad[] = {
        "", "hello\r\n\r\n", OK_HEAD "Content-Length: 10\r\n\r\nshort",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct seen seen = get(s, bad[i], 100);
        assert_true(seen.status == 0 && seen.error && seen.calls == 1);
    }
}

static void silence_ends_after_two_seconds(void **state)
{
    struct server *s = *state;
    uint64_t before = uv_hrtime();
    struct seen seen = get(s, NULL, 100);
    uint64_t took_ms = (uv_hrtime() - before) / 1000000;
    assert_string_equal(seen.error, "no answer in time");
    assert_true(took_ms >= 1900 && took_ms < 8000);
}

static void nobody_there_is_an_error(void **state)
{
    struct server *s = *state;
    uv_close((uv_handle_t *)&s->listener, NULL);
    uv_run(&s->loop, UV_RUN_NOWAIT);
    struct seen seen = get(s, NULL, 100);
    assert_string_equal(seen.error, "nobody answers at that address");
}

static void proxies_of_the_environment_are_not_asked(void **state)
{
    struct server *s = *state;
    assert_int_equal(setenv("http_proxy", "http://127.0.0.1:1/", 1), 0);
    assert_int_equal(setenv("all_proxy", "http://127.0.0.1:1/", 1), 0);
    struct seen seen = get(s, OK_HEAD "Content-Length: 0\r\n\r\n", 100);
    assert_int_equal(seen.status, 200);
    unsetenv("http_proxy");
    unsetenv("all_proxy");
}

static void a_cancelled_call_reports_nothing(void **state)
{
    struct server *s = *state;
    struct seen gone = {0}, seen = {0};
    struct fetch_call *call;
    s->answer = OK_HEAD "Content-Length: 0\r\n\r\n";
    assert_int_equal(start(s, &gone, 100, &call), 0);
    fetch_cancel(call);
    assert_int_equal(start(s, &gone, 100, &call), 0);
    UNTIL(s, s->requests);
    fetch_cancel(call);
    fetch_cancel(NULL);
    assert_int_equal(start(s, &seen, 100, &call), 0);
    UNTIL(s, seen.calls);
    assert_int_equal(gone.calls, 0);
}

static void closing_ends_calls_silently_also_from_a_callback(void **state)
{
    struct server *s = *state;
    struct seen gone = {0}, seen = {.close = s};
    struct fetch_call *call;
    s->answer = OK_HEAD "Content-Length: 0\r\n\r\n";
    assert_int_equal(start(s, &seen, 100, &call), 0);
    UNTIL(s, s->requests);
    s->answer = NULL;
    for (int i = 0; i < 5; i++)
        assert_int_equal(start(s, &gone, 100, &call), 0);
    UNTIL(s, s->closed);
    assert_true(seen.calls == 1 && gone.calls == 0);
}

static void so_many_calls_and_no_more(void **state)
{
    struct server *s = *state;
    struct seen seen = {0};
    struct fetch_call *call;
    s->answer = OK_HEAD "Content-Length: 0\r\n\r\n";
    for (int i = 0; i < FETCH_IN_FLIGHT_MAX; i++)
        assert_int_equal(start(s, &seen, 100, &call), 0);
    assert_int_equal(start(s, &seen, 100, &call), ERR_OVERLOADED);
    UNTIL(s, seen.calls == FETCH_IN_FLIGHT_MAX);
    assert_int_equal(start(s, &seen, 100, &call), 0);
    UNTIL(s, seen.calls == FETCH_IN_FLIGHT_MAX + 1);
}

static void header_values_can_not_bring_lines_of_their_own(void **state)
{
    struct server *s = *state;
    static const char *const bad[] = {"a\r\nX: y", "a\nb", "a\rb", "a\x7f", "a\x01"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char url[64];
        struct seen seen = {0};
        struct fetch_call *call;
        struct fetch_header header = {"Cookie", slice_str(bad[i])};
        struct fetch_request request = {
            .url = url_of(s, url), .headers = &header, .header_count = 1, .body_max = 10};
        assert_int_equal(fetch_start(s->fetch, &request, on_seen, &seen, &call), ERR_BAD_REQUEST);
        header.value = slice_of("a\0b", 3);
        assert_int_equal(fetch_start(s->fetch, &request, on_seen, &seen, &call), ERR_BAD_REQUEST);
    }
}

static void addresses_are_judged(void **state)
{
    (void)state;
    static const char *const good[] = {"https://a.example/.well-known/jwks.json",
                                       "http://127.0.0.1:80/x", "http://[::1]/",
                                       "http://localhost:3000/who?x=1"};
    static const char *const plain[] = {"http://app:3000/who", "http://127.evil.example/",
                                        "http://localhost.example/", "http://10.0.0.1/"};
    static const char *const bad[] = {"",
                                      "a",
                                      "/x",
                                      "file:///etc/passwd",
                                      "ftp://a/",
                                      "gopher://a/",
                                      "https://",
                                      "https://a/#f",
                                      "https://a/\r\nX: y",
                                      "https://a b/",
                                      "dict://a/"};
    struct err e = {0};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_int_equal(fetch_check_url(good[i], false, &e), 0);
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++) {
        assert_int_equal(fetch_check_url(plain[i], false, &e), ERR_BAD_REQUEST);
        assert_int_equal(fetch_check_url(plain[i], true, &e), 0);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        e.detail[0] = 0;
        assert_int_equal(fetch_check_url(bad[i], true, &e), ERR_BAD_REQUEST);
        assert_true(e.detail[0]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_answer_comes_with_its_status_and_body),
        TEST(redirects_are_not_followed),
        TEST(an_answer_over_the_ceiling_is_none),
        TEST(what_is_no_http_is_an_error),
        TEST(silence_ends_after_two_seconds),
        TEST(nobody_there_is_an_error),
        TEST(proxies_of_the_environment_are_not_asked),
        TEST(a_cancelled_call_reports_nothing),
        TEST(closing_ends_calls_silently_also_from_a_callback),
        TEST(so_many_calls_and_no_more),
        TEST(header_values_can_not_bring_lines_of_their_own),
        cmocka_unit_test(addresses_are_judged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
