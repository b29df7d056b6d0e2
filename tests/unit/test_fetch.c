/* Unit tests of auth/fetch.h, auth/jwks.h and auth/webhook.h, against a small HTTP server on the
 * same loop. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "auth/fetch.h"
#include "auth/jwks.h"
#include "auth/webhook.h"
#include "base/buf.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- the server ---- */

struct server {
    uv_loop_t loop;
    uv_tcp_t listener;
    uv_timer_t watchdog;
    int port;
    const char *answer; /* whole; NULL: never answers */
    unsigned endless;   /* bytes of a body that goes on for so long after the answer */
    unsigned requests;
    char head[4096]; /* of the last request */
    bool closed;
    struct fetch *fetch;
};

struct peer {
    uv_tcp_t tcp;
    uv_write_t write;
    struct server *server;
    size_t len;
    char head[4096];
    char *body;
};

static void on_peer_closed(uv_handle_t *handle)
{
    struct peer *peer = handle->data;
    free(peer->body);
    free(peer);
}

static void peer_close(struct peer *peer)
{
    if (!uv_is_closing((uv_handle_t *)&peer->tcp))
        uv_close((uv_handle_t *)&peer->tcp, on_peer_closed);
}

static void on_written(uv_write_t *write, int status)
{
    peer_close(write->data);
}

static void answer(struct peer *peer)
{
    struct server *s = peer->server;
    s->requests++;
    memcpy(s->head, peer->head, sizeof s->head);
    if (!s->answer)
        return;
    size_t len = strlen(s->answer);
    peer->body = malloc(len + s->endless + 1);
    assert_non_null(peer->body);
    memcpy(peer->body, s->answer, len);
    memset(peer->body + len, 'x', s->endless);
    uv_buf_t buf = uv_buf_init(peer->body, (unsigned)(len + s->endless));
    peer->write.data = peer;
    assert_int_equal(uv_write(&peer->write, (uv_stream_t *)&peer->tcp, &buf, 1, on_written), 0);
}

static void on_alloc(uv_handle_t *handle, size_t size, uv_buf_t *buf)
{
    struct peer *peer = handle->data;
    *buf = uv_buf_init(peer->head + peer->len, (unsigned)(sizeof peer->head - 1 - peer->len));
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct peer *peer = stream->data;
    if (n < 0) {
        peer_close(peer);
        return;
    }
    peer->len += (size_t)n;
    peer->head[peer->len] = 0;
    if (strstr(peer->head, "\r\n\r\n")) {
        uv_read_stop(stream);
        answer(peer);
    }
}

static void on_connection(uv_stream_t *listener, int status)
{
    struct server *s = listener->data;
    struct peer *peer = calloc(1, sizeof *peer);
    assert_true(status == 0 && peer);
    peer->server = s;
    peer->tcp.data = peer;
    assert_int_equal(uv_tcp_init(&s->loop, &peer->tcp), 0);
    assert_int_equal(uv_accept(listener, (uv_stream_t *)&peer->tcp), 0);
    uv_read_start((uv_stream_t *)&peer->tcp, on_alloc, on_read);
}

static void on_watchdog(uv_timer_t *timer)
{
    fprintf(stderr, "nothing happened for 20 s\n");
    abort();
}

static int setup(void **state)
{
    struct server *s = calloc(1, sizeof *s);
    struct sockaddr_in address;
    int len = sizeof address;
    assert_non_null(s);
    assert_int_equal(uv_loop_init(&s->loop), 0);
    uv_tcp_init(&s->loop, &s->listener);
    s->listener.data = s;
    uv_ip4_addr("127.0.0.1", 0, &address);
    assert_int_equal(uv_tcp_bind(&s->listener, (const struct sockaddr *)&address, 0), 0);
    assert_int_equal(uv_listen((uv_stream_t *)&s->listener, 64, on_connection), 0);
    assert_int_equal(uv_tcp_getsockname(&s->listener, (struct sockaddr *)&address, &len), 0);
    s->port = ntohs(address.sin_port);
    uv_timer_init(&s->loop, &s->watchdog);
    uv_timer_start(&s->watchdog, on_watchdog, 20000, 0);
    s->fetch = fetch_new(&s->loop);
    assert_non_null(s->fetch);
    *state = s;
    return 0;
}

static void on_fetch_closed(void *ctx)
{
    *(bool *)ctx = true;
}

static void close_any(uv_handle_t *handle, void *ctx)
{
    if (uv_is_closing(handle))
        return;
    uv_close(handle, handle->type == UV_TCP && handle != ctx ? on_peer_closed : NULL);
}

static int teardown(void **state)
{
    struct server *s = *state;
    if (s->fetch) {
        fetch_close(s->fetch, on_fetch_closed, &s->closed);
        while (!s->closed)
            uv_run(&s->loop, UV_RUN_ONCE);
    }
    uv_walk(&s->loop, close_any, &s->listener);
    uv_run(&s->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&s->loop), 0);
    free(s);
    return 0;
}

#define UNTIL(s, condition)                                                                        \
    while (!(condition))                                                                           \
    uv_run(&(s)->loop, UV_RUN_ONCE)

static const char *url_of(const struct server *s, char out[64])
{
    snprintf(out, 64, "http://127.0.0.1:%d/who", s->port);
    return out;
}

static void on_pause_closed(uv_handle_t *handle)
{
    free(handle);
}

static void on_pause(uv_timer_t *timer)
{
    *(bool *)timer->data = true;
}

/* Lets this much time pass on the loop. */
static void pause_ms(struct server *s, uint64_t ms)
{
    bool over = false;
    uv_timer_t *timer = malloc(sizeof *timer);
    assert_non_null(timer);
    uv_timer_init(&s->loop, timer);
    timer->data = &over;
    uv_timer_start(timer, on_pause, ms, 0);
    UNTIL(s, over);
    uv_close((uv_handle_t *)timer, on_pause_closed);
    uv_run(&s->loop, UV_RUN_NOWAIT);
}

/* ---- fetch ---- */

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

#define OK_HEAD "HTTP/1.1 200 OK\r\nConnection: close\r\n"

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

/* ---- jwks ---- */

#define KEY_A                                                                                      \
    "{\"kty\":\"EC\",\"crv\":\"P-256\",\"kid\":\"a\","                                             \
    "\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","                                       \
    "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}"
#define KEY_B                                                                                      \
    "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"kid\":\"b\","                                          \
    "\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}"
#define ONE_KEY OK_HEAD "\r\n{\"keys\":[" KEY_A "]}"
#define TWO_KEYS OK_HEAD "\r\n{\"keys\":[" KEY_A "," KEY_B "]}"

struct keys_seen {
    unsigned changes, woken;
    size_t count; /* keys of the last set */
    struct jwks *jwks;
};

static void on_changed(void *ctx, struct keyset *set)
{
    struct keys_seen *seen = ctx;
    seen->changes++;
    seen->count = set ? keyset_count(set) : 0;
}

static void on_woken(void *ctx)
{
    struct keys_seen *seen = ctx;
    seen->woken++;
}

static struct jwks *open_jwks(struct server *s, struct jwks_conf conf, struct keys_seen *seen)
{
    char url[64];
    struct jwks *jwks;
    struct err e = {0};
    conf.url = url_of(s, url);
    assert_int_equal(jwks_open(s->fetch, &s->loop, &conf, NULL, on_changed, seen, &jwks, &e), 0);
    seen->jwks = jwks;
    return jwks;
}

static void keys_are_fetched_at_the_start_and_again(void **state)
{
    struct server *s = *state;
    struct keys_seen seen = {0};
    s->answer = ONE_KEY;
    struct jwks *jwks =
        open_jwks(s, (struct jwks_conf){.refresh_ms = 30, .issuer = "https://a.example"}, &seen);
    assert_null(jwks_keys(jwks));
    UNTIL(s, seen.changes == 1);
    assert_int_equal(seen.count, 1);
    assert_true(slice_is(key_issuer(keyset_at(jwks_keys(jwks), 0)), "https://a.example"));
    s->answer = TWO_KEYS;
    UNTIL(s, seen.count == 2);
    assert_non_null(strstr(s->head, "Accept: application/jwk-set+json"));
    jwks_close(jwks);
}

static void keys_serve_on_while_the_issuer_is_down_or_answers_nonsense(void **state)
{
    struct server *s = *state;
    struct keys_seen seen = {0};
    s->answer = ONE_KEY;
    struct jwks *jwks = open_jwks(s, (struct jwks_conf){.refresh_ms = 20, .retry_ms = 5}, &seen);
    UNTIL(s, seen.changes);
    static const char *const bad[] = {
        "",
        "HTTP/1.1 500 No\r\nConnection: close\r\n\r\n",
        OK_HEAD "\r\n<html>",
        OK_HEAD "\r\n{\"keys\":[]}",
        OK_HEAD "\r\n{\"keys\":[{\"kty\":\"oct\",\"k\":\"AAAA\"}]}",
        "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nConnection: close\r\n\r\n"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        unsigned before = s->requests;
        s->answer = bad[i];
        UNTIL(s, s->requests >= before + 2);
        assert_true(jwks_keys(jwks) && keyset_count(jwks_keys(jwks)) == 1 && seen.count == 1);
    }
    s->answer = TWO_KEYS;
    UNTIL(s, seen.count == 2);
    jwks_close(jwks);
}

static void keys_that_are_too_old_are_dropped(void **state)
{
    struct server *s = *state;
    struct keys_seen seen = {0};
    s->answer = ONE_KEY;
    struct jwks *jwks = open_jwks(
        s, (struct jwks_conf){.refresh_ms = 20, .retry_ms = 5, .stale_max_ms = 100}, &seen);
    UNTIL(s, seen.count == 1);
    s->answer = "HTTP/1.1 500 No\r\nConnection: close\r\n\r\n";
    UNTIL(s, seen.count == 0);
    assert_null(jwks_keys(jwks));
    s->answer = ONE_KEY;
    UNTIL(s, seen.count == 1);
    jwks_close(jwks);
}

static void an_unknown_key_is_asked_for_once_in_a_while(void **state)
{
    struct server *s = *state;
    struct keys_seen seen = {0};
    struct jwks_wait waits[100];
    s->answer = ONE_KEY;
    struct jwks *jwks = open_jwks(s, (struct jwks_conf){.unknown_ms = 300}, &seen);
    UNTIL(s, seen.changes == 1);
    unsigned waiting = 0;
    for (int i = 0; i < 100; i++) { /* a flood of forged tokens: one question */
        waits[i] = (struct jwks_wait){.done = on_woken, .ctx = &seen};
        waiting += jwks_refresh(jwks, &waits[i]);
    }
    assert_int_equal(waiting, 100);
    jwks_wait_cancel(&waits[50]);
    UNTIL(s, seen.changes == 2);
    UNTIL(s, seen.woken);
    assert_int_equal(seen.woken, 99);
    assert_int_equal(s->requests, 2);
    assert_false(jwks_refresh(jwks, &waits[0]));
    jwks_wait_cancel(&waits[0]);
    pause_ms(s, 310);
    s->answer = TWO_KEYS;
    assert_true(jwks_refresh(jwks, &waits[0]));
    UNTIL(s, seen.woken == 100);
    assert_int_equal(seen.count, 2);
    jwks_close(jwks);
}

static void waiters_are_woken_also_when_the_fetch_fails(void **state)
{
    struct server *s = *state;
    struct keys_seen seen = {0};
    struct jwks_wait wait = {.done = on_woken, .ctx = &seen};
    s->answer = "";
    struct jwks *jwks = open_jwks(s, (struct jwks_conf){0}, &seen);
    assert_true(jwks_refresh(jwks, &wait)); /* joins the first */
    UNTIL(s, seen.woken);
    assert_true(seen.changes == 0 && jwks_keys(jwks) == NULL);
    jwks_close(jwks);
}

static void on_woken_close(void *ctx)
{
    struct keys_seen *seen = ctx;
    seen->woken++;
    jwks_close(seen->jwks);
}

static void a_waiter_may_close_it(void **state)
{
    struct server *s = *state;
    struct keys_seen seen = {0};
    struct jwks_wait first = {.done = on_woken_close, .ctx = &seen},
                     second = {.done = on_woken, .ctx = &seen};
    s->answer = ONE_KEY;
    struct jwks *jwks = open_jwks(s, (struct jwks_conf){0}, &seen);
    assert_true(jwks_refresh(jwks, &first) && jwks_refresh(jwks, &second));
    UNTIL(s, seen.woken);
    uv_run(&s->loop, UV_RUN_NOWAIT);
    assert_int_equal(seen.woken, 1);
}

static void plain_addresses_need_to_be_allowed(void **state)
{
    struct server *s = *state;
    struct keys_seen seen = {0};
    struct jwks *jwks;
    struct err e = {0};
    struct jwks_conf conf = {.url = "http://issuer.example/jwks"};
    assert_int_equal(jwks_open(s->fetch, &s->loop, &conf, NULL, on_changed, &seen, &jwks, &e),
                     ERR_BAD_REQUEST);
    assert_non_null(strstr(e.detail, "https"));
}

/* ---- webhook ---- */

struct told {
    unsigned times;
    int code;
    char subject[32];
    uint64_t ttl_ms;
    struct webhook *close;
};

static void on_told(void *ctx, int code, struct grant *grant, uint64_t ttl_ms)
{
    struct told *told = ctx;
    told->times++;
    told->code = code;
    told->ttl_ms = ttl_ms;
    assert_int_equal(code == 0, grant != NULL);
    snprintf(told->subject, sizeof told->subject, "%.*s",
             SLICE_FMT(grant ? grant_subject(grant) : SLICE_NONE));
    if (told->close)
        webhook_close(told->close);
}

static struct webhook *open_webhook(struct server *s, struct webhook_conf conf)
{
    char url[64];
    struct webhook *w;
    struct err e = {0};
    conf.url = url_of(s, url);
    assert_int_equal(webhook_open(s->fetch, &s->loop, &conf, NULL, &w, &e), 0);
    return w;
}

/* Asks, waits if need be. */
static struct told ask(struct server *s, struct webhook *w, const char *cookie,
                       const char *authorization, bool fresh)
{
    struct webhook_credential credential = {slice_str(cookie), slice_str(authorization)};
    struct told told = {0};
    struct webhook_wait wait = {.done = on_told, .ctx = &told};
    struct grant *grant;
    uint64_t ttl;
    int rc = webhook_ask(w, &credential, fresh, &wait, &grant, &ttl);
    if (rc == WEBHOOK_WAIT) {
        UNTIL(s, told.times);
        return told;
    }
    assert_int_equal(rc == 0, grant != NULL);
    told.code = rc;
    told.ttl_ms = ttl;
    snprintf(told.subject, sizeof told.subject, "%.*s",
             SLICE_FMT(grant ? grant_subject(grant) : SLICE_NONE));
    grant_unref(grant);
    return told;
}

#define ADA                                                                                        \
    OK_HEAD "\r\n{\"tenant\":\"acme\",\"subject\":\"ada\",\"subscribe\":[\"trips\"],\"ttl\":60}"
#define BOB OK_HEAD "\r\n{\"tenant\":\"acme\",\"subject\":\"bob\",\"ttl\":60}"
#define NO_401 "HTTP/1.1 401 No\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"

static void the_application_is_asked_with_the_requests_own_fields(void **state)
{
    struct server *s = *state;
    struct webhook *w = open_webhook(s, (struct webhook_conf){0});
    s->answer = ADA;
    struct told told = ask(s, w, "session=1; theme=dark", "Bearer x", false);
    assert_true(told.code == 0 && told.ttl_ms == 60000);
    assert_string_equal(told.subject, "ada");
    assert_non_null(strstr(s->head, "\r\nCookie: session=1; theme=dark\r\n"));
    assert_non_null(strstr(s->head, "\r\nAuthorization: Bearer x\r\n"));
    webhook_close(w);
}

static void an_answer_is_kept_for_its_ttl_by_the_whole_credential(void **state)
{
    struct server *s = *state;
    struct webhook *w = open_webhook(s, (struct webhook_conf){0});
    s->answer = ADA;
    assert_int_equal(ask(s, w, "session=1", NULL, false).times, 1);
    s->answer = BOB;
    struct told told = ask(s, w, "session=1", NULL, false);
    assert_true(told.times == 0 && told.code == 0 && told.ttl_ms <= 60000 && told.ttl_ms > 0);
    assert_string_equal(told.subject, "ada");
    static const char *const others[][2] = {
        {"session=2", NULL}, {"session=1 ", NULL}, {"session=", "1"}, {"session=1", "x"},
        {NULL, "session=1"}, {"Session=1", NULL},  {"session", "=1"}};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        told = ask(s, w, others[i][0], others[i][1], false);
        assert_int_equal(told.times, 1);
        assert_string_equal(told.subject, "bob");
    }
    assert_int_equal(s->requests, 8);
    webhook_close(w);
}

static void an_answer_ends_with_its_ttl(void **state)
{
    struct server *s = *state;
    struct webhook *w = open_webhook(s, (struct webhook_conf){0});
    s->answer = OK_HEAD "\r\n{\"tenant\":\"acme\",\"ttl\":1}";
    assert_int_equal(ask(s, w, "session=1", NULL, false).times, 1);
    assert_int_equal(ask(s, w, "session=1", NULL, false).times, 0);
    pause_ms(s, 1010);
    s->answer = NO_401;
    struct told told = ask(s, w, "session=1", NULL, false);
    assert_true(told.times == 1 && told.code == ERR_UNAUTHORIZED);
    s->answer = OK_HEAD "\r\n{\"tenant\":\"acme\",\"ttl\":0}";
    assert_int_equal(ask(s, w, "session=2", NULL, false).times, 1);
    assert_int_equal(ask(s, w, "session=2", NULL, false).times, 1); /* not kept at all */
    webhook_close(w);
}

static void an_open_stream_asks_anew(void **state)
{
    struct server *s = *state;
    struct webhook *w = open_webhook(s, (struct webhook_conf){0});
    s->answer = ADA;
    ask(s, w, "session=1", NULL, false);
    s->answer = NO_401;
    struct told told = ask(s, w, "session=1", NULL, true);
    assert_true(told.times == 1 && told.code == ERR_UNAUTHORIZED);
    assert_int_equal(ask(s, w, "session=1", NULL, false).code,
                     ERR_UNAUTHORIZED); /* the older grant is gone */
    webhook_close(w);
}

static void refusals_are_kept_for_a_moment(void **state)
{
    struct server *s = *state;
    struct webhook *w = open_webhook(s, (struct webhook_conf){.refusal_ms = 100});
    s->answer = NO_401;
    assert_int_equal(ask(s, w, "session=1", NULL, false).code, ERR_UNAUTHORIZED);
    struct told told = ask(s, w, "session=1", NULL, true);
    assert_true(told.times == 0 && told.code == ERR_UNAUTHORIZED && s->requests == 1);
    pause_ms(s, 110);
    s->answer = ADA;
    assert_int_equal(ask(s, w, "session=1", NULL, false).code, 0);
    webhook_close(w);
}

static void whatever_is_no_answer_lets_nobody_in_and_is_not_kept(void **state)
{
    struct server *s = *state;
    struct webhook *w = open_webhook(s, (struct webhook_conf){0});
    static const char *const bad[] = {
        "",
        "HTTP/1.1 500 No\r\nConnection: close\r\n\r\n",
        "HTTP/1.1 204 No\r\nConnection: close\r\n\r\n",
        "HTTP/1.1 201 Yes\r\nConnection: close\r\n\r\n{\"tenant\":\"acme\"}",
        "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nConnection: close\r\n\r\n",
        OK_HEAD "\r\n",
        OK_HEAD "\r\n{}",
        OK_HEAD "\r\n<html>Please log in</html>",
        OK_HEAD "\r\n{\"tenant\":\"*\"}",
        OK_HEAD "\r\n[]"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        s->answer = bad[i];
        struct told told = ask(s, w, "session=1", NULL, false);
        assert_true(told.times == 1 && told.code == ERR_OVERLOADED);
    }
    s->endless = WEBHOOK_ANSWER_MAX;
    s->answer = ADA;
    assert_int_equal(ask(s, w, "session=1", NULL, false).code, ERR_OVERLOADED);
    s->endless = 0;
    assert_int_equal(ask(s, w, "session=1", NULL, false).code, 0);
    s->answer = "";
    assert_int_equal(ask(s, w, "session=1", NULL, true).code, ERR_OVERLOADED);
    assert_int_equal(ask(s, w, "session=1", NULL, false).times, 1); /* and the grant is gone */
    webhook_close(w);
}

static void who_brings_nothing_or_too_much_is_not_asked_about(void **state)
{
    struct server *s = *state;
    struct webhook *w = open_webhook(s, (struct webhook_conf){0});
    s->answer = ADA;
    char *large = malloc(WEBHOOK_CREDENTIAL_MAX + 2);
    assert_non_null(large);
    memset(large, 'a', WEBHOOK_CREDENTIAL_MAX + 1);
    large[WEBHOOK_CREDENTIAL_MAX + 1] = 0;
    assert_int_equal(ask(s, w, NULL, NULL, false).code, ERR_UNAUTHORIZED);
    assert_int_equal(ask(s, w, "", "", false).code, ERR_UNAUTHORIZED);
    assert_int_equal(ask(s, w, large, NULL, false).code, ERR_UNAUTHORIZED);
    assert_int_equal(ask(s, w, "a\r\nX: y", NULL, false).code, ERR_UNAUTHORIZED);
    assert_int_equal(s->requests, 0);
    free(large);
    webhook_close(w);
}

static void only_the_session_cookie_is_sent_where_it_is_named(void **state)
{
    struct server *s = *state;
    struct webhook *w = open_webhook(s, (struct webhook_conf){.cookie = "sid"});
    s->answer = ADA;
    assert_int_equal(ask(s, w, "theme=dark; sid=abc; sids=x", NULL, false).times, 1);
    assert_non_null(strstr(s->head, "\r\nCookie: sid=abc\r\n"));
    assert_int_equal(ask(s, w, "theme=light; sid=abc", NULL, false).times,
                     0); /* the same credential */
    assert_int_equal(ask(s, w, "theme=light", NULL, false).code, ERR_UNAUTHORIZED);
    webhook_close(w);
}

static void many_who_wait_share_one_question(void **state)
{
    struct server *s = *state;
    struct webhook *w = open_webhook(s, (struct webhook_conf){0});
    struct webhook_credential credential = {SLICE_LIT("session=1"), SLICE_NONE};
    struct told told = {0};
    struct webhook_wait waits[200];
    struct grant *grant;
    uint64_t ttl;
    s->answer = ADA;
    for (int i = 0; i < 200; i++) {
        waits[i] = (struct webhook_wait){.done = on_told, .ctx = &told};
        assert_int_equal(webhook_ask(w, &credential, i % 2, &waits[i], &grant, &ttl), WEBHOOK_WAIT);
    }
    webhook_cancel(&waits[7]);
    webhook_cancel(&waits[7]);
    UNTIL(s, told.times);
    assert_true(told.times == 199 && s->requests == 1);
    webhook_close(w);
}

static void a_waiter_may_close_the_webhook(void **state)
{
    struct server *s = *state;
    struct webhook *w = open_webhook(s, (struct webhook_conf){0});
    struct webhook_credential credential = {SLICE_LIT("session=1"), SLICE_NONE};
    struct told closer = {.close = w}, other = {0};
    struct webhook_wait first = {.done = on_told, .ctx = &closer},
                        second = {.done = on_told, .ctx = &other};
    struct grant *grant;
    uint64_t ttl;
    s->answer = ADA;
    assert_int_equal(webhook_ask(w, &credential, false, &first, &grant, &ttl), WEBHOOK_WAIT);
    assert_int_equal(webhook_ask(w, &credential, false, &second, &grant, &ttl), WEBHOOK_WAIT);
    UNTIL(s, closer.times);
    assert_int_equal(other.times, 0);
}

static void the_cache_has_an_end_and_can_forget(void **state)
{
    struct server *s = *state;
    struct webhook *w = open_webhook(s, (struct webhook_conf){.cache_max = 3});
    char cookie[32];
    s->answer = ADA;
    for (int i = 0; i < 5; i++) {
        snprintf(cookie, sizeof cookie, "s=%d", i);
        assert_int_equal(ask(s, w, cookie, NULL, false).times, 1);
    }
    assert_int_equal(ask(s, w, "s=4", NULL, false).times, 0);
    assert_int_equal(ask(s, w, "s=2", NULL, false).times, 0);
    assert_int_equal(ask(s, w, "s=0", NULL, false).times, 1); /* pushed out, pushes out 3 */
    assert_int_equal(ask(s, w, "s=2", NULL, false).times, 0);
    assert_int_equal(ask(s, w, "s=3", NULL, false).times, 1);
    assert_int_equal(webhook_forget(w, SLICE_LIT("other"), SLICE_LIT("ada")), 0);
    assert_int_equal(webhook_forget(w, SLICE_LIT("acme"), SLICE_LIT("bob")), 0);
    assert_int_equal(webhook_forget(w, SLICE_LIT("acme"), SLICE_LIT("ada")), 3);
    assert_int_equal(ask(s, w, "s=2", NULL, false).times, 1);
    assert_int_equal(webhook_forget(w, SLICE_LIT("acme"), SLICE_NONE), 1);
    webhook_close(w);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

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
        TEST(keys_are_fetched_at_the_start_and_again),
        TEST(keys_serve_on_while_the_issuer_is_down_or_answers_nonsense),
        TEST(keys_that_are_too_old_are_dropped),
        TEST(an_unknown_key_is_asked_for_once_in_a_while),
        TEST(waiters_are_woken_also_when_the_fetch_fails),
        TEST(a_waiter_may_close_it),
        TEST(plain_addresses_need_to_be_allowed),
        TEST(the_application_is_asked_with_the_requests_own_fields),
        TEST(an_answer_is_kept_for_its_ttl_by_the_whole_credential),
        TEST(an_answer_ends_with_its_ttl),
        TEST(an_open_stream_asks_anew),
        TEST(refusals_are_kept_for_a_moment),
        TEST(whatever_is_no_answer_lets_nobody_in_and_is_not_kept),
        TEST(who_brings_nothing_or_too_much_is_not_asked_about),
        TEST(only_the_session_cookie_is_sent_where_it_is_named),
        TEST(many_who_wait_share_one_question),
        TEST(a_waiter_may_close_the_webhook),
        TEST(the_cache_has_an_end_and_can_forget),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
