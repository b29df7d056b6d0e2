/* Unit tests of auth/grant.h and auth/publisher.h: who may do what, and that nobody else may. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "auth/grant.h"
#include "auth/publisher.h"
#include "base/buf.h"

#include <pthread.h>
#include <stdio.h>

static const struct grant_claims plain;

static struct grant *claims(const char *text, const struct grant_claims *conf)
{
    struct grant *g;
    struct err e = {0};
    int rc = grant_from_claims(slice_str(text), conf, 5000, &g, &e);
    assert_true(rc == 0 ? g != NULL : g == NULL && rc == ERR_UNAUTHORIZED && e.detail[0]);
    return g;
}

static bool subscribes(const struct grant *g, const char *tenant, const char *channel)
{
    return grant_may_subscribe(g, slice_str(tenant), slice_str(channel));
}

static bool publishes(const struct grant *g, const char *tenant, const char *channel)
{
    return grant_may_publish(g, slice_str(tenant), slice_str(channel));
}

static void patterns_are_names_or_starts_of_names(void **state)
{
    (void)state;
    static const char *const good[] = {"*", "trips", "trips*", "trips.*", "a", "a:b-c_d.e", "9*"};
    static const char *const bad[] = {"",    "**", "*a",       "a*b", "a**",    ".a", "-*", "a b",
                                      "a/b", "a?", "\xc3\xa4", "a\n", "tr*ps*", " *", "* "};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_true(grant_pattern_ok(slice_str(good[i])));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(grant_pattern_ok(slice_str(bad[i])));
    char name[131];
    memset(name, 'a', sizeof name);
    name[129] = '*';
    assert_true(grant_pattern_ok(slice_of(name, 128)));
    assert_true(grant_pattern_ok(slice_of(name + 1, 129))); /* 128 and the star */
    assert_false(grant_pattern_ok(slice_of(name, 129)));
    assert_false(grant_pattern_ok(slice_of(name, 130)));
}

static void a_pattern_matches_to_the_byte(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *channel;
        bool matches;
    } cases[] = {
        {"trips", "trips", true},    {"trips", "Trips", false},   {"trips", "trips2", false},
        {"trips", "trip", false},    {"trips*", "trips", true},   {"trips*", "trips.north", true},
        {"trips.*", "trips", false}, {"trips.*", "trips.", true}, {"trips.*", "tripsx", false},
        {"*", "anything", true},     {"a:b*", "a.b", false},      {"a.b", "axb", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(
            grant_pattern_matches(slice_str(cases[i].pattern), slice_str(cases[i].channel)),
            cases[i].matches);
}

static void nothing_is_granted_that_is_not_said(void **state)
{
    (void)state;
    static const char *const empty[] = {
        "{}",
        "{\"tenant\":\"acme\"}",
        "{\"tenant\":\"acme\",\"subscribe\":[]}",
        "{\"subscribe\":[\"*\"],\"publish\":[\"*\"],\"admin\":true}",
        "{\"tenant\":null,\"subscribe\":[\"*\"],\"publish\":\"*\"}",
        "{\"tenant\":\"\",\"subscribe\":[\"*\"],\"publish\":\"*\"}",
        "{\"tenant\":\"acme\",\"admin\":\"true\",\"role\":\"SUPER_ADMIN\"}",
        "{\"tenant\":\"acme\",\"admin\":1,\"role\":[\"*\"]}",
        "{\"Tenant\":\"acme\",\"Subscribe\":[\"*\"]}"};
    for (size_t i = 0; i < sizeof empty / sizeof *empty; i++) {
        struct grant *g = claims(empty[i], &plain);
        assert_false(subscribes(g, "acme", "trips") || publishes(g, "acme", "trips"));
        assert_false(subscribes(g, "", "trips") || subscribes(g, "default", "trips"));
        assert_int_equal(grant_admin(g), GRANT_ADMIN_NONE);
        assert_false(grant_may_administer(g, SLICE_NONE) ||
                     grant_may_administer(g, SLICE_LIT("acme")));
        grant_unref(g);
    }
    assert_false(subscribes(NULL, "acme", "trips") || publishes(NULL, "acme", "trips"));
    assert_false(grant_has_tenant(NULL, SLICE_LIT("acme")));
    assert_int_equal(grant_admin(NULL), GRANT_ADMIN_NONE);
}

static void a_grant_ends_at_its_tenant(void **state)
{
    (void)state;
    struct grant *g = claims("{\"tenant\":\"acme\",\"sub\":\"ada\",\"jti\":\"t-1\",\"admin\":true,"
                             "\"subscribe\":[\"*\"],\"publish\":[\"trips.*\",\"lots\"]}",
                             &plain);
    assert_true(subscribes(g, "acme", "trips") && publishes(g, "acme", "lots"));
    assert_true(publishes(g, "acme", "trips.n") && !publishes(g, "acme", "trips"));
    static const char *const others[] = {"Acme",   "acme2", "acm",   "", "acme ",
                                         "acme\n", "*",     "other", "a"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        assert_false(subscribes(g, others[i], "trips") || publishes(g, others[i], "lots"));
        assert_false(grant_may_administer(g, slice_str(others[i])));
        assert_false(grant_has_tenant(g, slice_str(others[i])));
    }
    assert_int_equal(grant_admin(g), GRANT_ADMIN_TENANT);
    assert_true(grant_may_administer(g, SLICE_LIT("acme")) && !grant_may_administer(g, SLICE_NONE));
    assert_true(slice_is(grant_tenant(g), "acme") && slice_is(grant_subject(g), "ada"));
    assert_true(slice_is(grant_jti(g), "t-1") && grant_expiry_ms(g) == 5000);
    assert_true(grant_subscribe_count(g) == 1 && slice_is(grant_subscribe_at(g, 0), "*"));
    grant_unref(g);
}

static void names_that_are_no_names_are_not_granted(void **state)
{
    (void)state;
    struct grant *g =
        claims("{\"tenant\":\"acme\",\"subscribe\":[\"*\"],\"publish\":[\"*\"]}", &plain);
    static const char *const bad[] = {"", ".x", "a b", "a/b", "a%2f", "a\n", "\xc3\xa4", "*"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(subscribes(g, "acme", bad[i]) || publishes(g, "acme", bad[i]));
    assert_false(grant_may_subscribe(g, SLICE_LIT("acme"), slice_of("a\0b", 3)));
    grant_unref(g);
}

static void names_that_join_to_the_same_text_stay_apart(void **state)
{
    (void)state;
    struct grant *g = claims("{\"tenant\":\"a\",\"subscribe\":[\"b:c\"]}", &plain);
    assert_true(subscribes(g, "a", "b:c"));
    assert_false(subscribes(g, "a:b", "c") || subscribes(g, "ab", ":c") || subscribes(g, "a", "c"));
    grant_unref(g);
    g = claims("{\"tenant\":\"a\",\"subscribe\":[\"b-c\"]}", &plain);
    assert_false(subscribes(g, "a-b", "c") || subscribes(g, "a", "b_c") ||
                 subscribes(g, "a", "b.c"));
    grant_unref(g);
}

static void claims_are_found_where_the_configuration_says(void **state)
{
    (void)state;
    struct grant_claims conf = {.tenant = "company_id",
                                .subject = "/user/id",
                                .subscribe = "https://live.example/channels",
                                .publish = "/user/a~1b~0c",
                                .admin = "/user/boss"};
    struct grant *g =
        claims("{\"company_id\":42,\"tenant\":\"evil\",\"sub\":\"x\",\"subscribe\":[\"*\"],"
               "\"https://live.example/channels\":\"trips lots.*\","
               "\"user\":{\"id\":7,\"a/b~c\":[\"in\"],\"boss\":true}}",
               &conf);
    assert_true(slice_is(grant_tenant(g), "42") && slice_is(grant_subject(g), "7"));
    assert_true(subscribes(g, "42", "trips") && subscribes(g, "42", "lots.a"));
    assert_false(subscribes(g, "42", "other") || subscribes(g, "evil", "trips"));
    assert_true(publishes(g, "42", "in") && !publishes(g, "42", "trips"));
    assert_int_equal(grant_admin(g), GRANT_ADMIN_TENANT);
    grant_unref(g);
    conf.tenant = "/user";
    assert_null(claims("{\"user\":{}}", &conf));
    conf.tenant = "/user/id/deeper";
    g = claims("{\"user\":{\"id\":\"x\"}}", &conf);
    assert_null(grant_tenant(g).p);
    grant_unref(g);
}

static void a_claim_of_a_wrong_kind_refuses_the_token(void **state)
{
    (void)state;
    static const char *const bad[] = {"{\"tenant\":{}}",
                                      "{\"tenant\":[\"acme\"]}",
                                      "{\"tenant\":true}",
                                      "{\"tenant\":-1}",
                                      "{\"tenant\":1.5}",
                                      "{\"tenant\":\"a b\"}",
                                      "{\"tenant\":\"a/b\"}",
                                      "{\"tenant\":\"*\"}",
                                      "{\"tenant\":\"acme\\u0000\"}",
                                      "{\"sub\":\"a\\nb\"}",
                                      "{\"sub\":{}}",
                                      "{\"jti\":[]}",
                                      "{\"jti\":\"a\\u2028\"}",
                                      "{\"subscribe\":[1]}",
                                      "{\"subscribe\":{\"a\":1}}",
                                      "{\"subscribe\":true}",
                                      "{\"subscribe\":[\"a*b\"]}",
                                      "{\"subscribe\":[\"\"]}",
                                      "{\"subscribe\":[[\"a\"]]}",
                                      "{\"publish\":[null]}",
                                      "{\"publish\":\"a,b\"}",
                                      "{\"publish\":7}",
                                      "{\"role\":7}",
                                      "{\"role\":[7]}",
                                      "{\"role\":{}}"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_null(claims(bad[i], &plain));
    char text[512];
    snprintf(text, sizeof text, "{\"sub\":\"%0257d\"}", 0);
    assert_null(claims(text, &plain));
    snprintf(text, sizeof text, "{\"tenant\":\"%065d\"}", 0);
    assert_null(claims(text, &plain));
}

static void so_many_patterns_and_no_more(void **state)
{
    (void)state;
    for (int over = 0; over < 2; over++) {
        struct buf text = BUF_INIT;
        buf_add_str(&text, "{\"subscribe\":[");
        for (int i = 0; i < GRANT_PATTERNS_MAX + over; i++)
            buf_addf(&text, "%s\"c%d\"", i ? "," : "", i);
        buf_add_str(&text, "]}");
        struct grant *g = claims(buf_cstr(&text), &plain);
        assert_int_equal(g == NULL, over);
        grant_unref(g);
        buf_fini(&text);
    }
}

static void a_role_adds_what_it_says(void **state)
{
    (void)state;
    static const char *const driver[] = {"trips", "lots.*"}, *const all[] = {"*"},
                             *const news[] = {"news"};
    const struct grant_role roles[] = {
        {.name = "SUPER_ADMIN",
         .any_tenant = true,
         .admin = true,
         .subscribe = all,
         .subscribe_count = 1},
        {.name = "DRIVER",
         .subscribe = driver,
         .subscribe_count = 2,
         .publish = driver,
         .publish_count = 1},
        {.name = "*", .subscribe = news, .subscribe_count = 1},
    };
    struct grant_claims conf = {.roles = roles, .role_count = 3};
    struct grant *g = claims("{\"tenant\":\"acme\",\"role\":\"DRIVER\"}", &conf);
    assert_true(subscribes(g, "acme", "trips") && subscribes(g, "acme", "lots.1"));
    assert_true(publishes(g, "acme", "trips") && !publishes(g, "acme", "lots.1"));
    assert_true(subscribes(g, "acme", "news") && !subscribes(g, "other", "trips"));
    assert_int_equal(grant_admin(g), GRANT_ADMIN_NONE);
    grant_unref(g);
    g = claims("{\"tenant\":\"acme\",\"role\":[\"guest\",\"SUPER_ADMIN\"]}", &conf);
    assert_true(subscribes(g, "other", "trips") && !publishes(g, "other", "trips"));
    assert_true(grant_any_tenant(g) && grant_may_administer(g, SLICE_NONE));
    assert_false(subscribes(g, "not a tenant", "trips"));
    grant_unref(g);
    static const char *const others[] = {
        "super_admin", "SUPER_ADMIN ", "SUPER", "SUPER_ADMIN\\u0000", "*", ""};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        char text[96];
        snprintf(text, sizeof text, "{\"tenant\":\"acme\",\"role\":\"%s\"}", others[i]);
        g = claims(text, &conf);
        assert_false(grant_any_tenant(g) || subscribes(g, "acme", "trips"));
        assert_true(subscribes(g, "acme", "news")); /* any valid token */
        grant_unref(g);
    }
}

/* ---- webhook answers ---- */

static struct grant *answer(const char *text, uint64_t *ttl_ms)
{
    struct grant *g;
    struct err e = {0};
    int rc = grant_from_answer(slice_str(text), 60000, &g, ttl_ms, &e);
    assert_true(rc == 0 ? g != NULL : g == NULL && rc == ERR_UNAUTHORIZED && e.detail[0]);
    return g;
}

static void an_answer_grants_what_it_says(void **state)
{
    (void)state;
    uint64_t ttl;
    struct grant *g = answer("{\"tenant\":\"acme\",\"subject\":\"ada\",\"subscribe\":[\"trips\"],"
                             "\"publish\":[],\"admin\":false,\"ttl\":30,\"more\":{}}",
                             &ttl);
    assert_true(ttl == 30000 && subscribes(g, "acme", "trips") && !publishes(g, "acme", "trips"));
    assert_false(subscribes(g, "other", "trips"));
    assert_true(slice_is(grant_subject(g), "ada") && grant_expiry_ms(g) == 0);
    grant_unref(g);
    g = answer("{\"tenant\":\"acme\",\"subject\":null}", &ttl);
    assert_true(ttl == 60000 && !subscribes(g, "acme", "trips") && grant_subject(g).p == NULL);
    grant_unref(g);
    g = answer("{\"tenant\":\"acme\",\"ttl\":999999999,\"admin\":true}", &ttl);
    assert_true(ttl == GRANT_TTL_MAX_MS && grant_admin(g) == GRANT_ADMIN_TENANT);
    assert_false(grant_may_administer(g, SLICE_NONE) || grant_any_tenant(g));
    grant_unref(g);
    g = answer("{\"tenant\":7,\"ttl\":0}", &ttl);
    assert_true(ttl == 0 && slice_is(grant_tenant(g), "7"));
    grant_unref(g);
}

static void a_malformed_answer_grants_nothing(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      "{}",
                                      "[]",
                                      "null",
                                      "true",
                                      "\"acme\"",
                                      "<html>",
                                      "{\"tenant\":null}",
                                      "{\"tenant\":\"\"}",
                                      "{\"tenant\":\"*\"}",
                                      "{\"tenant\":\"acme\",\"subscribe\":\"trips\"}",
                                      "{\"tenant\":\"acme\",\"subscribe\":[\"*a\"]}",
                                      "{\"tenant\":\"acme\",\"publish\":{}}",
                                      "{\"tenant\":\"acme\",\"ttl\":\"30\"}",
                                      "{\"tenant\":\"acme\",\"ttl\":-1}",
                                      "{\"tenant\":\"acme\",\"ttl\":1.5}",
                                      "{\"tenant\":\"acme\",\"admin\":\"true\"}",
                                      "{\"tenant\":\"acme\",\"admin\":1}",
                                      "{\"tenant\":\"acme\",\"tenant\":\"other\"}",
                                      "{\"tenant\":\"acme\"}x",
                                      "{\"tenant\":\"acme\"",
                                      "{\"tenant\":\"acme\",\"a\":[[[[[[[[1]]]]]]]]}"};
    uint64_t ttl;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_null(answer(bad[i], &ttl));
}

static void *use(void *arg)
{
    struct grant *g = arg;
    for (int i = 0; i < 20000; i++) {
        grant_ref(g);
        if (!subscribes(g, "acme", "trips") || subscribes(g, "other", "trips"))
            return arg;
        grant_unref(g);
    }
    grant_unref(g);
    return NULL;
}

static void a_grant_is_shared_between_threads(void **state)
{
    (void)state;
    struct grant *g = claims("{\"tenant\":\"acme\",\"subscribe\":[\"trips\"]}", &plain);
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, use, grant_ref(g)), 0);
    grant_unref(g);
    for (int i = 0; i < 4; i++) {
        void *bad;
        assert_int_equal(pthread_join(threads[i], &bad), 0);
        assert_null(bad);
    }
}

/* ---- publishing keys ---- */

static int add(struct publishers *set, const char *name, const char *hash, const char *tenant,
               const char *channel)
{
    struct err e = {0};
    struct publisher_conf conf = {name, hash, tenant, &channel, channel ? 1 : 0};
    int rc = publishers_add(set, &conf, &e);
    assert_true(rc == 0 || (rc == ERR_BAD_REQUEST && e.detail[0]));
    return rc;
}

static void a_publishing_key_publishes_on_its_channels_and_does_nothing_else(void **state)
{
    (void)state;
    char key[PUBLISHER_KEY_TEXT], other[PUBLISHER_KEY_TEXT], hash[PUBLISHER_HASH_TEXT];
    publisher_mint(key);
    publisher_mint(other);
    assert_string_not_equal(key, other);
    assert_int_equal(strlen(key), PUBLISHER_KEY_TEXT - 1);
    assert_true(publisher_hash(slice_str(key), hash));
    struct publishers *set = publishers_new();
    assert_non_null(set);
    assert_int_equal(add(set, "booking-api", hash, "acme", "trips.*"), 0);
    const struct grant *g = publishers_find(set, slice_str(key));
    assert_non_null(g);
    assert_true(publishes(g, "acme", "trips.n") && !publishes(g, "acme", "lots"));
    assert_false(publishes(g, "other", "trips.n") || subscribes(g, "acme", "trips.n"));
    assert_int_equal(grant_admin(g), GRANT_ADMIN_NONE);
    assert_true(slice_is(grant_subject(g), "booking-api"));
    assert_null(publishers_find(set, slice_str(other)));
    assert_null(publishers_find(set, slice_of(key, strlen(key) - 1)));
    assert_null(publishers_find(set, slice_str(hash))); /* the hash is no key */
    assert_null(publishers_find(set, SLICE_NONE));
    publishers_unref(set);
}

static void the_hash_is_sha256(void **state)
{
    (void)state;
    char hash[PUBLISHER_HASH_TEXT];
    assert_true(publisher_hash(SLICE_LIT("abc"), hash)); /* FIPS 180-2 appendix B.1 */
    assert_string_equal(hash, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

#define EMPTY_HASH "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define ABC_HASH "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

static void malformed_publishers_are_refused(void **state)
{
    (void)state;
    struct publishers *set = publishers_new();
    assert_non_null(set);
    static const char *const hashes[] = {
        NULL,
        "",
        "abc",
        "sha1:" ABC_HASH,
        ABC_HASH "00",
        "sha256:",
        "zz7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"};
    for (size_t i = 0; i < sizeof hashes / sizeof *hashes; i++)
        assert_int_equal(add(set, "a", hashes[i], "acme", "x"), ERR_BAD_REQUEST);
    assert_int_equal(add(set, NULL, ABC_HASH, "acme", "x"), ERR_BAD_REQUEST);
    assert_int_equal(add(set, "", ABC_HASH, "acme", "x"), ERR_BAD_REQUEST);
    assert_int_equal(add(set, "a\n", ABC_HASH, "acme", "x"), ERR_BAD_REQUEST);
    assert_int_equal(add(set, "a", ABC_HASH, NULL, "x"), ERR_BAD_REQUEST);
    assert_int_equal(add(set, "a", ABC_HASH, "", "x"), ERR_BAD_REQUEST);
    assert_int_equal(add(set, "a", ABC_HASH, "a b", "x"), ERR_BAD_REQUEST);
    assert_int_equal(add(set, "a", ABC_HASH, "acme", "x*y"), ERR_BAD_REQUEST);
    assert_int_equal(publishers_count(set), 0);
    assert_int_equal(add(set, "a", "sha256:" ABC_HASH, "acme", "x"), 0);
    assert_int_equal(add(set, "a", EMPTY_HASH, "acme", "x"), ERR_BAD_REQUEST);
    assert_int_equal(add(set, "b", ABC_HASH, "acme", "x"), ERR_BAD_REQUEST);
    assert_int_equal(add(set, "b", EMPTY_HASH, "acme", NULL), 0);
    assert_null(
        publishers_find(set, SLICE_LIT(""))); /* an empty key is nobody's, whatever its hash */
    assert_int_equal(
        add(set, "c", "0000000000000000000000000000000000000000000000000000000000000000", "*", "*"),
        0);
    assert_int_equal(publishers_count(set), 3);
    publishers_unref(set);
}

static void a_publisher_of_all_tenants_says_so(void **state)
{
    (void)state;
    struct publishers *set = publishers_new();
    assert_non_null(set);
    assert_int_equal(add(set, "bus", ABC_HASH, "*", "trips"), 0);
    const struct grant *g = publishers_find(set, SLICE_LIT("abc"));
    assert_true(publishes(g, "acme", "trips") && publishes(g, "other", "trips"));
    assert_false(publishes(g, "acme", "lots") || publishes(g, "no tenant", "trips"));
    assert_int_equal(grant_admin(g), GRANT_ADMIN_NONE);
    publishers_unref(set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(patterns_are_names_or_starts_of_names),
        cmocka_unit_test(a_pattern_matches_to_the_byte),
        cmocka_unit_test(nothing_is_granted_that_is_not_said),
        cmocka_unit_test(a_grant_ends_at_its_tenant),
        cmocka_unit_test(names_that_are_no_names_are_not_granted),
        cmocka_unit_test(names_that_join_to_the_same_text_stay_apart),
        cmocka_unit_test(claims_are_found_where_the_configuration_says),
        cmocka_unit_test(a_claim_of_a_wrong_kind_refuses_the_token),
        cmocka_unit_test(so_many_patterns_and_no_more),
        cmocka_unit_test(a_role_adds_what_it_says),
        cmocka_unit_test(an_answer_grants_what_it_says),
        cmocka_unit_test(a_malformed_answer_grants_nothing),
        cmocka_unit_test(a_grant_is_shared_between_threads),
        cmocka_unit_test(a_publishing_key_publishes_on_its_channels_and_does_nothing_else),
        cmocka_unit_test(the_hash_is_sha256),
        cmocka_unit_test(malformed_publishers_are_refused),
        cmocka_unit_test(a_publisher_of_all_tenants_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
