/* Unit tests of auth/jwks.h, against a small HTTP server on the same loop. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "auth/jwks.h"
#include "http_server.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(keys_are_fetched_at_the_start_and_again),
        TEST(keys_serve_on_while_the_issuer_is_down_or_answers_nonsense),
        TEST(keys_that_are_too_old_are_dropped),
        TEST(an_unknown_key_is_asked_for_once_in_a_while),
        TEST(waiters_are_woken_also_when_the_fetch_fails),
        TEST(a_waiter_may_close_it),
        TEST(plain_addresses_need_to_be_allowed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
