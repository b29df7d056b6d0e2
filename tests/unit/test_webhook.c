/* Unit tests of auth/webhook.h, against a small HTTP server on the same loop. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "auth/webhook.h"
#include "http_server.h"

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

static void times_of_the_configuration_hold(void **state)
{
    struct server *s = *state;
    struct webhook *w = open_webhook(s, (struct webhook_conf){.timeout_ms = 150, .ttl_ms = 100});
    s->answer = OK_HEAD "\r\n{\"tenant\":\"acme\"}";
    struct told told = ask(s, w, "session=1", NULL, false);
    assert_true(told.code == 0 && told.ttl_ms == 100);
    pause_ms(s, 110);
    s->answer = NULL;
    uint64_t before = uv_hrtime();
    assert_int_equal(ask(s, w, "session=1", NULL, false).code, ERR_OVERLOADED);
    assert_true((uv_hrtime() - before) / 1000000 < 1900);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_application_is_asked_with_the_requests_own_fields),
        TEST(an_answer_is_kept_for_its_ttl_by_the_whole_credential),
        TEST(an_answer_ends_with_its_ttl),
        TEST(times_of_the_configuration_hold),
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
