/* Unit tests of auth/jwt.h: the claims of rightly signed tokens. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "jwt_keys.h"

static void an_expiry_is_needed_unless_its_absence_is_allowed(void **state)
{
    struct keys *k = *state;
    struct jwt_conf lax = {.allow_no_expiry = true};
    assert_int_equal(judge_claims(k->hs, "{}"), JWT_NO_EXPIRY);
    assert_int_equal(judge_claims_with(k->hs, "{}", &lax, NOW), JWT_VALID);
    assert_int_equal(judge_claims_with(k->hs, "{\"exp\":1}", &lax, NOW), JWT_EXPIRED);
    assert_int_equal(judge_claims_with(k->hs, "{\"exp\":\"never\"}", &lax, NOW), JWT_MALFORMED);
    assert_int_equal(judge_claims_with(k->hs, "{\"exp\":null}", &lax, NOW), JWT_MALFORMED);
}

static void an_expiry_is_a_number_of_seconds_of_our_age(void **state)
{
    struct keys *k = *state;
    static const char *const bad[] = {"\"1800000060\"",
                                      "-1",
                                      "-1800000060",
                                      "null",
                                      "true",
                                      "[1800000060]",
                                      "{}",
                                      "1e400",
                                      "1e999999999999999999",
                                      "253402300800",
                                      "99999999999999999999999999",
                                      "1800000060000000000"};
    char claims[96];
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        snprintf(claims, sizeof claims, "{\"exp\":%s}", bad[i]);
        assert_int_equal(judge_claims(k->hs, claims), JWT_MALFORMED);
        snprintf(claims, sizeof claims, "{\"exp\":1800000060,\"nbf\":%s}", bad[i]);
        assert_int_equal(judge_claims(k->hs, claims), JWT_MALFORMED);
        snprintf(claims, sizeof claims, "{\"exp\":1800000060,\"iat\":%s}", bad[i]);
        assert_int_equal(judge_claims(k->hs, claims), JWT_MALFORMED);
    }
    assert_int_equal(judge_claims(k->hs, "{\"exp\":1800000000.5}"), JWT_VALID);
    assert_int_equal(judge_claims(k->hs, "{\"exp\":1.80000006e9}"), JWT_VALID);
    assert_int_equal(judge_claims(k->hs, "{\"exp\":0}"), JWT_EXPIRED);
    assert_int_equal(judge_claims(k->hs, "{\"exp\":1e-400}"), JWT_EXPIRED);
}

static void times_are_judged_to_the_millisecond_with_at_most_5_s_of_leeway(void **state)
{
    struct keys *k = *state;
    struct jwt_conf none = {0}, three = {.leeway_ms = 3000}, lots = {.leeway_ms = UINT64_MAX};
    const char *exp = "{\"exp\":1800000000}", *nbf = "{\"exp\":1900000000,\"nbf\":1800000000}";
    assert_int_equal(judge_claims_with(k->hs, exp, &none, NOW - 1), JWT_VALID);
    assert_int_equal(judge_claims_with(k->hs, exp, &none, NOW), JWT_EXPIRED);
    assert_int_equal(judge_claims_with(k->hs, exp, &three, NOW + 2999), JWT_VALID);
    assert_int_equal(judge_claims_with(k->hs, exp, &three, NOW + 3000), JWT_EXPIRED);
    assert_int_equal(judge_claims_with(k->hs, exp, &lots, NOW + 4999), JWT_VALID);
    assert_int_equal(judge_claims_with(k->hs, exp, &lots, NOW + 5000), JWT_EXPIRED);
    assert_int_equal(judge_claims_with(k->hs, nbf, &none, NOW), JWT_VALID);
    assert_int_equal(judge_claims_with(k->hs, nbf, &none, NOW - 1), JWT_NOT_YET);
    assert_int_equal(judge_claims_with(k->hs, nbf, &lots, NOW - 5000), JWT_VALID);
    assert_int_equal(judge_claims_with(k->hs, nbf, &lots, NOW - 5001), JWT_NOT_YET);
}

static void the_issuer_has_to_be_one_of_ours(void **state)
{
    struct keys *k = *state;
    const char *const ours[] = {"https://a.example/", "https://b.example/"};
    struct jwt_conf conf = {.issuers = ours, .issuer_count = 2};
    assert_int_equal(
        judge_claims_with(k->hs, "{\"exp\":1800000060,\"iss\":\"https://b.example/\"}", &conf, NOW),
        JWT_VALID);
    static const char *const bad[] = {"", ",\"iss\":\"https://a.example\"",
                                      ",\"iss\":\"HTTPS://a.example/\"",
                                      ",\"iss\":\"https://a.example/\\u0000\"", ",\"iss\":\"\""};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char claims[128];
        snprintf(claims, sizeof claims, "{\"exp\":1800000060%s}", bad[i]);
        assert_int_equal(judge_claims_with(k->hs, claims, &conf, NOW), JWT_ISSUER);
    }
    assert_int_equal(judge_claims_with(k->hs,
                                       "{\"exp\":1800000060,\"iss\":[\"https://a.example/\"]}",
                                       &conf, NOW),
                     JWT_MALFORMED);
}

static void a_key_vouches_for_its_own_issuer_only(void **state)
{
    (void)state;
    struct keyset *set =
        set_of((struct key_conf){.name = "a", .secret = SECRET, .issuer = "https://a.example/"});
    assert_int_equal(judge_claims(set, "{\"exp\":1800000060,\"iss\":\"https://a.example/\"}"),
                     JWT_VALID);
    assert_int_equal(judge_claims(set, "{\"exp\":1800000060,\"iss\":\"https://b.example/\"}"),
                     JWT_ISSUER);
    assert_int_equal(judge_claims(set, "{\"exp\":1800000060}"), JWT_ISSUER);
    keyset_unref(set);
}

static void the_audience_has_to_name_us(void **state)
{
    struct keys *k = *state;
    const char *const ours[] = {"freshet", "https://live.example"};
    struct jwt_conf conf = {.audiences = ours, .audience_count = 2};
    static const struct {
        const char *aud;
        enum jwt_reason with, without; /* an audience configured */
    } cases[] = {
        {"", JWT_AUDIENCE, JWT_VALID},
        {",\"aud\":\"freshet\"", JWT_VALID, JWT_AUDIENCE},
        {",\"aud\":[\"other\",\"https://live.example\"]", JWT_VALID, JWT_AUDIENCE},
        {",\"aud\":[\"freshet\",\"other\"]", JWT_VALID, JWT_AUDIENCE},
        {",\"aud\":\"other\"", JWT_AUDIENCE, JWT_AUDIENCE},
        {",\"aud\":[]", JWT_AUDIENCE, JWT_AUDIENCE},
        {",\"aud\":\"Freshet\"", JWT_AUDIENCE, JWT_AUDIENCE},
        {",\"aud\":[\"freshet\",1]", JWT_MALFORMED, JWT_MALFORMED},
        {",\"aud\":{\"freshet\":true}", JWT_MALFORMED, JWT_MALFORMED},
        {",\"aud\":[[\"freshet\"]]", JWT_MALFORMED, JWT_MALFORMED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char claims[128];
        snprintf(claims, sizeof claims, "{\"exp\":1800000060%s}", cases[i].aud);
        assert_int_equal(judge_claims_with(k->hs, claims, &conf, NOW), cases[i].with);
        assert_int_equal(judge_claims(k->hs, claims), cases[i].without);
    }
}

static void claims_are_one_json_object(void **state)
{
    struct keys *k = *state;
    static const char *const bad[] = {"[]",
                                      "1",
                                      "\"x\"",
                                      "null",
                                      "{\"exp\":1800000060}{}",
                                      "{\"exp\":01800000060}",
                                      "\xef\xbb\xbf{\"exp\":1800000060}",
                                      "{\"exp\":1800000060,\"a\":\"\xc0\x80\"}",
                                      "{exp:1800000060}",
                                      "{\"exp\":NaN}"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(judge_claims(k->hs, bad[i]), JWT_MALFORMED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_expiry_is_needed_unless_its_absence_is_allowed),
        cmocka_unit_test(an_expiry_is_a_number_of_seconds_of_our_age),
        cmocka_unit_test(times_are_judged_to_the_millisecond_with_at_most_5_s_of_leeway),
        cmocka_unit_test(the_issuer_has_to_be_one_of_ours),
        cmocka_unit_test(a_key_vouches_for_its_own_issuer_only),
        cmocka_unit_test(the_audience_has_to_name_us),
        cmocka_unit_test(claims_are_one_json_object),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
