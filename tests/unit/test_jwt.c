/* Unit tests of auth/jwt.h: signatures, forms and headers; vectors of the RFCs, and one of each
 * attack. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "jwt_keys.h"

#include <pthread.h>

/* ---- what is taken ---- */

static void tokens_of_every_algorithm_are_taken(void **state)
{
    struct keys *k = *state;
    const struct keyset *const sets[] = {k->hs, k->rs, k->es, k->ed};
    for (size_t i = 0; i < 4; i++) {
        struct buf token = BUF_INIT;
        struct jwt jwt;
        assert_int_equal(jwt_sign(only(sets[i]), SLICE_LIT(GOOD_CLAIMS), &token, NULL), 0);
        assert_int_equal(
            jwt_verify(buf_slice(&token), k->all, &(struct jwt_conf){0}, NOW, &jwt, NULL), 0);
        assert_true(slice_is(buf_slice(&jwt.claims), GOOD_CLAIMS));
        assert_true(jwt.expiry_ms == 1800000060000u);
        assert_ptr_equal(jwt.key, only(sets[i]));
        jwt_fini(&jwt);
        buf_fini(&token);
    }
}

#define RFC_PAYLOAD                                                                                \
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVl" \
    "fQ"

static void the_vectors_of_rfc_7515_verify(void **state)
{
    (void)state;
    static const char jwks[] = "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\","
                               "\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
                               "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"},"
                               "{\"kty\":\"RSA\",\"n\":\"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_"
                               "wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw"
                               "-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_"
                               "YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg"
                               "0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-"
                               "UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5"
                               "ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_"
                               "h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpo"
                               "Q\",\"e\":\"AQAB\"}]}";
    static const char es256[] =
        "eyJhbGciOiJFUzI1NiJ9." RFC_PAYLOAD
        ".DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
    static const char rs256[] =
        "eyJhbGciOiJSUzI1NiJ9." RFC_PAYLOAD
        ".cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_"
        "O8W2Fp5"
        "jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_"
        "nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb"
        "1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-"
        "eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QO"
        "YEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";
    struct keyset *set = keyset_new();
    assert_non_null(set);
    assert_int_equal(keyset_add_jwks(set, slice_str(jwks), NULL, NULL), 0);
    assert_int_equal(keyset_count(set), 2);
    uint64_t then = 1300819379999u;
    assert_int_equal(judge_with(slice_str(es256), set, &(struct jwt_conf){0}, then), JWT_VALID);
    assert_int_equal(judge_with(slice_str(rs256), set, &(struct jwt_conf){0}, then), JWT_VALID);
    assert_int_equal(judge_with(slice_str(rs256), set, &(struct jwt_conf){0}, then + 1),
                     JWT_EXPIRED);
    keyset_unref(set);
}

static void the_vector_of_rfc_8037_verifies(void **state)
{
    (void)state;
    static const char jwks[] = "{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\","
                               "\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}]}";
    struct slice text = SLICE_LIT("eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc");
    struct buf sig = BUF_INIT;
    struct keyset *set = keyset_new();
    assert_non_null(set);
    assert_int_equal(keyset_add_jwks(set, slice_str(jwks), NULL, NULL), 0);
    assert_int_equal(
        b64url_decode(SLICE_LIT("hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5"
                                "BhVsPt9g7sVvpAr_MuM0KAg"),
                      &sig),
        0);
    assert_true(key_verify(only(set), text, buf_slice(&sig)));
    sig.p[0] ^= 1;
    assert_false(key_verify(only(set), text, buf_slice(&sig)));
    buf_fini(&sig);
    keyset_unref(set);
}

/* ---- signatures ---- */

static void one_changed_bit_anywhere_is_refused(void **state)
{
    struct keys *k = *state;
    const struct keyset *const sets[] = {k->hs, k->rs, k->es, k->ed};
    for (size_t i = 0; i < 4; i++) {
        struct buf token = BUF_INIT;
        assert_int_equal(jwt_sign(only(sets[i]), SLICE_LIT(GOOD_CLAIMS), &token, NULL), 0);
        for (size_t at = 0; at < token.len; at += i == 1 ? 7 : 1) {
            token.p[at] ^= 1;
            assert_int_not_equal(judge(buf_slice(&token), k->all), JWT_VALID);
            token.p[at] ^= 1;
        }
        assert_int_equal(judge(buf_slice(&token), k->all), JWT_VALID);
        buf_fini(&token);
    }
}

static void unsigned_tokens_are_refused_in_every_spelling(void **state)
{
    struct keys *k = *state;
    static const char *const algs[] = {"none", "None", "NONE", "nOnE", "", "null", "none\\u0000"};
    for (size_t i = 0; i < sizeof algs / sizeof *algs; i++) {
        char header[64];
        snprintf(header, sizeof header, "{\"alg\":\"%s\"}", algs[i]);
        assert_int_equal(judge_header(k->hs, header), JWT_HEADER);
        struct buf token = BUF_INIT;
        b64url_encode(header, strlen(header), &token);
        buf_add_char(&token, '.');
        b64url_encode(GOOD_CLAIMS, strlen(GOOD_CLAIMS), &token);
        assert_int_equal(judge(buf_slice(&token), k->all), JWT_MALFORMED); /* two parts */
        buf_add_char(&token, '.');
        assert_int_equal(judge(buf_slice(&token), k->all), JWT_MALFORMED); /* an empty third */
        buf_fini(&token);
    }
}

static void a_public_key_is_never_an_hmac_secret(void **state)
{
    struct keys *k = *state;
    /* The attacker's own HMAC key is the RSA key's public PEM text, with and without line end. */
    struct slice pem = slice_str(k->rsa_public_pem);
    for (size_t cut = 0; cut < 2; cut++) {
        struct buf token = BUF_INIT;
        unsigned char mac[32];
        size_t len = 0;
        struct slice header = SLICE_LIT("{\"alg\":\"HS256\",\"kid\":\"rs\"}");
        b64url_encode(header.p, header.len, &token);
        buf_add_char(&token, '.');
        b64url_encode(GOOD_CLAIMS, strlen(GOOD_CLAIMS), &token);
        assert_non_null(EVP_Q_mac(NULL, "HMAC", NULL, "SHA256", NULL, pem.p, pem.len - cut,
                                  (const unsigned char *)token.p, token.len, mac, sizeof mac,
                                  &len));
        buf_add_char(&token, '.');
        b64url_encode(mac, len, &token);
        assert_int_equal(judge(buf_slice(&token), k->rs), JWT_UNKNOWN_KEY);
        assert_int_equal(judge(buf_slice(&token), k->all), JWT_UNKNOWN_KEY);
        buf_fini(&token);
    }
}

static void an_empty_hmac_key_signs_nothing(void **state)
{
    struct keys *k = *state;
    struct buf token = BUF_INIT;
    unsigned char mac[32];
    size_t len = 0;
    struct slice header = SLICE_LIT("{\"alg\":\"HS256\"}");
    b64url_encode(header.p, header.len, &token);
    buf_add_char(&token, '.');
    b64url_encode(GOOD_CLAIMS, strlen(GOOD_CLAIMS), &token);
    assert_non_null(EVP_Q_mac(NULL, "HMAC", NULL, "SHA256", NULL, "", 0,
                              (const unsigned char *)token.p, token.len, mac, sizeof mac, &len));
    buf_add_char(&token, '.');
    b64url_encode(mac, len, &token);
    assert_int_equal(judge(buf_slice(&token), k->hs), JWT_SIGNATURE);
    buf_fini(&token);
}

/* The verdict on a token of this algorithm with these bytes as its signature. */
static enum jwt_reason judge_sig(const struct keyset *set, const void *sig, size_t len)
{
    char header[64];
    int n = snprintf(header, sizeof header, "{\"alg\":\"%s\"}", key_alg_name(only(set)));
    struct buf token = BUF_INIT;
    b64url_encode(header, (size_t)n, &token);
    buf_add_char(&token, '.');
    b64url_encode(GOOD_CLAIMS, strlen(GOOD_CLAIMS), &token);
    buf_add_char(&token, '.');
    b64url_encode(sig, len, &token);
    enum jwt_reason reason = judge(buf_slice(&token), set);
    buf_fini(&token);
    return reason;
}

/* The true signature of the text that judge_sig makes. */
static struct buf true_sig(const struct keyset *set)
{
    char header[64];
    int n = snprintf(header, sizeof header, "{\"alg\":\"%s\"}", key_alg_name(only(set)));
    struct buf text = BUF_INIT, sig = BUF_INIT;
    b64url_encode(header, (size_t)n, &text);
    buf_add_char(&text, '.');
    b64url_encode(GOOD_CLAIMS, strlen(GOOD_CLAIMS), &text);
    assert_int_equal(key_sign(only(set), buf_slice(&text), &sig), 0);
    assert_int_equal(judge_sig(set, sig.p, sig.len), JWT_VALID);
    buf_fini(&text);
    return sig;
}

static void es256_halves_of_zero_or_out_of_range_are_refused(void **state)
{
    struct keys *k = *state;
    static const unsigned char order[32] = {0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00,
                                            0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                            0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84,
                                            0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51};
    struct buf sig = true_sig(k->es);
    unsigned char bad[64];
    for (int half = 0; half < 2; half++) {
        memcpy(bad, sig.p, 64);
        memset(bad + half * 32, 0, 32);
        assert_int_equal(judge_sig(k->es, bad, 64), JWT_SIGNATURE);
        memcpy(bad + half * 32, order, 32);
        assert_int_equal(judge_sig(k->es, bad, 64), JWT_SIGNATURE);
        memset(bad + half * 32, 0xff, 32);
        assert_int_equal(judge_sig(k->es, bad, 64), JWT_SIGNATURE);
    }
    memset(bad, 0, 64);
    assert_int_equal(judge_sig(k->es, bad, 64), JWT_SIGNATURE);
    memcpy(bad, order, 32);
    memcpy(bad + 32, order, 32);
    assert_int_equal(judge_sig(k->es, bad, 64), JWT_SIGNATURE);
    memset(bad, 0, 64);
    bad[31] = bad[63] = 1;
    assert_int_equal(judge_sig(k->es, bad, 64), JWT_SIGNATURE);
    buf_fini(&sig);
}

static void es256_signatures_are_raw_and_never_der(void **state)
{
    struct keys *k = *state;
    struct buf sig = true_sig(k->es);
    unsigned char der[72] = {0x30, 70, 2, 33, 0};
    memcpy(der + 5, sig.p, 32);
    der[37] = 2;
    der[38] = 33;
    memcpy(der + 40, sig.p + 32, 32);
    assert_int_equal(judge_sig(k->es, der, 72), JWT_SIGNATURE);
    buf_fini(&sig);
}

static void signatures_of_other_lengths_are_refused(void **state)
{
    struct keys *k = *state;
    const struct keyset *const sets[] = {k->hs, k->rs, k->es, k->ed};
    for (size_t i = 0; i < 4; i++) {
        struct buf sig = true_sig(sets[i]);
        size_t len = sig.len;
        assert_int_equal(judge_sig(sets[i], sig.p, len - 1), JWT_SIGNATURE);
        assert_int_equal(judge_sig(sets[i], sig.p + 1, len - 1), JWT_SIGNATURE);
        assert_int_equal(judge_sig(sets[i], sig.p, 1), JWT_SIGNATURE);
        buf_add_char(&sig, 0);
        assert_int_equal(judge_sig(sets[i], sig.p, len + 1), JWT_SIGNATURE);
        memmove(sig.p + 1, sig.p, len);
        sig.p[0] = 0;
        assert_int_equal(judge_sig(sets[i], sig.p, len + 1), JWT_SIGNATURE);
        buf_fini(&sig);
    }
}

static void ed25519_signatures_have_one_form(void **state)
{
    struct keys *k = *state;
    static const unsigned char order[32] = {0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58,
                                            0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14,
                                            0,    0,    0,    0,    0,    0,    0,    0,
                                            0,    0,    0,    0,    0,    0,    0,    0x10};
    struct buf sig = true_sig(k->ed);
    unsigned carry = 0;
    for (size_t i = 0; i < 32; i++) { /* S + L stands for the same point */
        carry += (unsigned char)sig.p[32 + i] + (unsigned)order[i];
        sig.p[32 + i] = (char)(unsigned char)carry;
        carry >>= 8;
    }
    assert_int_equal(judge_sig(k->ed, sig.p, 64), JWT_SIGNATURE);
    buf_fini(&sig);
}

/* ---- the form of a token ---- */

static void tokens_have_one_spelling(void **state)
{
    struct keys *k = *state;
    struct buf token = BUF_INIT, other = BUF_INIT;
    assert_int_equal(jwt_sign(only(k->hs), SLICE_LIT(GOOD_CLAIMS), &token, NULL), 0);
    static const char *const tails[] = {"=", "==", ".", ".x", "\n", " ", "A", "\r\n", "#", ".."};
    for (size_t i = 0; i < sizeof tails / sizeof *tails; i++) {
        buf_reset(&other);
        buf_add_slice(&other, buf_slice(&token));
        buf_add_str(&other, tails[i]);
        assert_int_not_equal(judge(buf_slice(&other), k->hs), JWT_VALID);
    }
    static const char *const heads[] = {" ", ".", "x.", "Bearer ", "\xef\xbb\xbf"};
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
        buf_reset(&other);
        buf_add_str(&other, heads[i]);
        buf_add_slice(&other, buf_slice(&token));
        assert_int_equal(judge(buf_slice(&other), k->hs), JWT_MALFORMED);
    }
    /* 32 bytes end in a character of 4 bits: the other 2 have to be zero. */
    buf_reset(&other);
    buf_add_slice(&other, buf_slice(&token));
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    char *last = other.p + other.len - 1;
    *last = alphabet[strchr(alphabet, *last) - alphabet + 1];
    assert_int_equal(judge(buf_slice(&other), k->hs), JWT_MALFORMED);
    for (size_t n = 0; n < token.len; n++)
        assert_int_not_equal(judge(slice_of(token.p, n), k->hs), JWT_VALID);
    buf_fini(&token);
    buf_fini(&other);
}

static void other_shapes_are_refused(void **state)
{
    struct keys *k = *state;
    static const char *const bad[] = {"",
                                      ".",
                                      "..",
                                      "...",
                                      "a",
                                      "a.b",
                                      "a.b.c",
                                      "a..c",
                                      ".b.c",
                                      "a.b.",
                                      "e30.e30.e30",
                                      "e30.e30.e30.e30",
                                      "e30.e30.e30.e30.e30",
                                      "{}.{}.{}"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(judge(slice_str(bad[i]), k->all), JWT_MALFORMED);
}

static void a_token_has_at_most_8_kib(void **state)
{
    struct keys *k = *state;
    char claims[JWT_BYTES_MAX];
    /* 20 characters of header, 43 of signature, 2 points */
    for (size_t body = 6094; body <= 6097; body++) {
        int n = snprintf(claims, sizeof claims, "{\"exp\":1800000060}");
        memset(claims + n, ' ', sizeof claims - (size_t)n);
        struct buf token = forge(k->hs, SLICE_LIT("{\"alg\":\"HS256\"}"), slice_of(claims, body));
        assert_int_equal(token.len, 65 + (body * 4 + 2) / 3);
        assert_int_equal(judge(buf_slice(&token), k->hs),
                         token.len > JWT_BYTES_MAX ? JWT_TOO_LARGE : JWT_VALID);
        assert_int_equal(body == 6096, token.len == JWT_BYTES_MAX + 1);
        buf_fini(&token);
        struct buf out = BUF_INIT;
        assert_int_equal(jwt_sign(only(k->hs), slice_of(claims, body + 500), &out, NULL),
                         ERR_BAD_REQUEST);
        buf_fini(&out);
    }
}

/* ---- headers ---- */

static void the_algorithm_is_spelt_to_the_byte(void **state)
{
    struct keys *k = *state;
    assert_int_equal(judge_header(k->hs, "{\"alg\":\"HS256\"}"), JWT_VALID);
    static const char *const bad[] = {"hs256",  "Hs256",        "HS256 ", " HS256", "HS512",
                                      "HS25",   "HS256\\u0000", "RS512",  "PS256",  "ES384",
                                      "ES256K", "dir",          "A128KW"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char header[64];
        snprintf(header, sizeof header, "{\"alg\":\"%s\"}", bad[i]);
        assert_int_equal(judge_header(k->hs, header), JWT_HEADER);
    }
    static const char *const kinds[] = {"{}",
                                        "{\"alg\":256}",
                                        "{\"alg\":null}",
                                        "{\"alg\":[\"HS256\"]}",
                                        "{\"Alg\":\"HS256\"}",
                                        "[]",
                                        "\"HS256\"",
                                        "",
                                        "{\"alg\":\"HS256\"} x",
                                        "{\"alg\":\"HS256\",}"};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        assert_int_equal(judge_header(k->hs, kinds[i]), JWT_MALFORMED);
}

static void the_algorithm_is_the_keys_not_the_tokens(void **state)
{
    struct keys *k = *state;
    /* rightly signed by each key, under another key's algorithm */
    const struct keyset *const sets[] = {k->hs, k->rs, k->es, k->ed};
    for (size_t i = 0; i < 4; i++) {
        for (size_t j = 0; j < 4; j++) {
            char header[64];
            snprintf(header, sizeof header, "{\"alg\":\"%s\"}", key_alg_name(only(sets[j])));
            struct buf token = forge(sets[i], slice_str(header), SLICE_LIT(GOOD_CLAIMS));
            assert_int_equal(judge(buf_slice(&token), k->all), i == j ? JWT_VALID : JWT_SIGNATURE);
            assert_int_equal(judge(buf_slice(&token), sets[i]),
                             i == j ? JWT_VALID : JWT_UNKNOWN_KEY);
            buf_fini(&token);
        }
    }
}

static void extensions_and_embedded_keys_are_refused(void **state)
{
    struct keys *k = *state;
    static const char *const more[] = {"\"crit\":[\"exp\"]",
                                       "\"crit\":[]",
                                       "\"crit\":null",
                                       "\"crit\":\"exp\"",
                                       "\"crit\":[\"b64\"],\"b64\":false",
                                       "\"cri\\u0074\":[\"x\"]",
                                       "\"b64\":false",
                                       "\"jwk\":{\"kty\":\"oct\",\"k\":\"AAAA\"}",
                                       "\"jku\":\"https://evil.example/keys\"",
                                       "\"x5u\":\"https://evil.example/cert\"",
                                       "\"x5c\":[\"MIIB\"]",
                                       "\"jwk\":null"};
    for (size_t i = 0; i < sizeof more / sizeof *more; i++) {
        char header[160];
        snprintf(header, sizeof header, "{\"alg\":\"HS256\",%s}", more[i]);
        assert_int_equal(judge_header(k->hs, header), JWT_HEADER);
    }
    assert_int_equal(judge_header(k->hs, "{\"alg\":\"HS256\",\"x5t\":\"AAAA\",\"cty\":\"x\"}"),
                     JWT_VALID);
}

static void repeated_members_and_depth_are_refused(void **state)
{
    struct keys *k = *state;
    assert_int_equal(judge_header(k->hs, "{\"alg\":\"none\",\"alg\":\"HS256\"}"), JWT_MALFORMED);
    assert_int_equal(judge_header(k->hs, "{\"alg\":\"HS256\",\"al\\u0067\":\"none\"}"),
                     JWT_MALFORMED);
    assert_int_equal(judge_header(k->hs, "{\"alg\":\"HS256\",\"a\":[[[[[[[1]]]]]]]}"), JWT_VALID);
    assert_int_equal(judge_header(k->hs, "{\"alg\":\"HS256\",\"a\":[[[[[[[[1]]]]]]]]}"),
                     JWT_MALFORMED);
    assert_int_equal(judge_header(k->hs, "{\"alg\":\"HS256\",\"a\":\"\xff\"}"), JWT_MALFORMED);
    assert_int_equal(judge_claims(k->hs, "{\"exp\":1800000060,\"exp\":1900000000}"), JWT_MALFORMED);
    char deep[4200] = "{\"exp\":1800000060,\"a\":";
    size_t at = strlen(deep);
    memset(deep + at, '[', 2000);
    memset(deep + at + 2000, ']', 2000);
    deep[at + 4000] = '}';
    assert_int_equal(judge_claims(k->hs, deep), JWT_MALFORMED);
}

static void the_type_is_an_access_or_none(void **state)
{
    struct keys *k = *state;
    static const char *const good[] = {"\"JWT\"", "\"jwt\"", "\"at+jwt\"",
                                       "\"application/at+JWT\""};
    static const char *const bad[] = {"\"logout+jwt\"", "\"dpop+jwt\"", "\"JWS\"", "1",
                                      "null",           "\"\""};
    char header[96];
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        snprintf(header, sizeof header, "{\"alg\":\"HS256\",\"typ\":%s}", good[i]);
        assert_int_equal(judge_header(k->hs, header), JWT_VALID);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        snprintf(header, sizeof header, "{\"alg\":\"HS256\",\"typ\":%s}", bad[i]);
        assert_int_equal(judge_header(k->hs, header), JWT_HEADER);
    }
}

static void a_key_id_picks_among_our_keys_only(void **state)
{
    struct keys *k = *state;
    assert_int_equal(judge_header(k->hs, "{\"alg\":\"HS256\",\"kid\":\"hs\"}"), JWT_VALID);
    assert_int_equal(judge_header(k->hs, "{\"alg\":\"HS256\",\"kid\":\"h\\u0073\"}"), JWT_VALID);
    static const char *const unknown[] = {"HS",
                                          "hs ",
                                          "es",
                                          "../../../../dev/null",
                                          "hs' or '1'='1",
                                          "hs\\u0000",
                                          "/etc/passwd",
                                          "https://evil.example/k"};
    char header[512];
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++) {
        snprintf(header, sizeof header, "{\"alg\":\"HS256\",\"kid\":\"%s\"}", unknown[i]);
        assert_int_equal(judge_header(k->hs, header), JWT_UNKNOWN_KEY);
    }
    static const char *const kinds[] = {"1", "null", "[\"hs\"]", "{}", "true"};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        snprintf(header, sizeof header, "{\"alg\":\"HS256\",\"kid\":%s}", kinds[i]);
        assert_int_equal(judge_header(k->hs, header), JWT_HEADER);
    }
    snprintf(header, sizeof header, "{\"alg\":\"HS256\",\"kid\":\"%0257d\"}", 0);
    assert_int_equal(judge_header(k->hs, header), JWT_HEADER);
}

static void the_id_of_a_key_binds_even_when_another_key_signed(void **state)
{
    struct keys *k = *state;
    struct keyset *two = set_of((struct key_conf){.name = "a", .secret = SECRET "A", .kid = "a"});
    struct keyset *b = set_of((struct key_conf){.name = "b", .secret = SECRET "B", .kid = "b"});
    assert_int_equal(keyset_add_all(two, b, NULL), 0);
    struct buf token =
        forge(b, SLICE_LIT("{\"alg\":\"HS256\",\"kid\":\"a\"}"), SLICE_LIT(GOOD_CLAIMS));
    assert_int_equal(judge(buf_slice(&token), two), JWT_SIGNATURE);
    buf_fini(&token);
    token = forge(b, SLICE_LIT("{\"alg\":\"HS256\"}"), SLICE_LIT(GOOD_CLAIMS));
    assert_int_equal(judge(buf_slice(&token), two), JWT_VALID); /* without one, each is tried */
    buf_fini(&token);
    keyset_unref(two);
    keyset_unref(b);
    (void)k;
}

static void only_a_private_key_signs(void **state)
{
    struct keys *k = *state;
    struct keyset *set = set_of((struct key_conf){.name = "p", .pem = k->rsa_public_pem});
    struct buf out = BUF_INIT;
    struct err e = {0};
    assert_int_equal(jwt_sign(only(set), SLICE_LIT(GOOD_CLAIMS), &out, &e), ERR_BAD_REQUEST);
    assert_true(e.detail[0]);
    assert_int_equal(jwt_sign(only(k->hs), SLICE_LIT("[]"), &out, &e), ERR_BAD_REQUEST);
    buf_fini(&out);
    keyset_unref(set);
}

struct verifying {
    const struct keyset *set;
    struct slice tokens[3];
};

static void *verify_often(void *arg)
{
    const struct verifying *v = arg;
    struct jwt jwt;
    for (int i = 0; i < 300; i++) {
        int rc = jwt_verify(v->tokens[i % 3], v->set, &(struct jwt_conf){0}, NOW, &jwt, NULL);
        jwt_fini(&jwt);
        if (rc)
            return arg;
    }
    return NULL;
}

static void one_set_serves_several_threads(void **state)
{
    struct keys *k = *state;
    const struct keyset *const sets[] = {k->rs, k->es, k->ed};
    struct verifying v = {.set = k->all};
    struct buf tokens[3];
    pthread_t threads[4];
    for (size_t i = 0; i < 3; i++) {
        tokens[i] = BUF_INIT;
        assert_int_equal(jwt_sign(only(sets[i]), SLICE_LIT(GOOD_CLAIMS), &tokens[i], NULL), 0);
        v.tokens[i] = buf_slice(&tokens[i]);
    }
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, verify_often, &v), 0);
    for (size_t i = 0; i < 4; i++) {
        void *bad;
        assert_int_equal(pthread_join(threads[i], &bad), 0);
        assert_null(bad);
    }
    for (size_t i = 0; i < 3; i++)
        buf_fini(&tokens[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tokens_of_every_algorithm_are_taken),
        cmocka_unit_test(the_vectors_of_rfc_7515_verify),
        cmocka_unit_test(the_vector_of_rfc_8037_verifies),
        cmocka_unit_test(one_changed_bit_anywhere_is_refused),
        cmocka_unit_test(unsigned_tokens_are_refused_in_every_spelling),
        cmocka_unit_test(a_public_key_is_never_an_hmac_secret),
        cmocka_unit_test(an_empty_hmac_key_signs_nothing),
        cmocka_unit_test(es256_halves_of_zero_or_out_of_range_are_refused),
        cmocka_unit_test(es256_signatures_are_raw_and_never_der),
        cmocka_unit_test(signatures_of_other_lengths_are_refused),
        cmocka_unit_test(ed25519_signatures_have_one_form),
        cmocka_unit_test(tokens_have_one_spelling),
        cmocka_unit_test(other_shapes_are_refused),
        cmocka_unit_test(a_token_has_at_most_8_kib),
        cmocka_unit_test(the_algorithm_is_spelt_to_the_byte),
        cmocka_unit_test(the_algorithm_is_the_keys_not_the_tokens),
        cmocka_unit_test(extensions_and_embedded_keys_are_refused),
        cmocka_unit_test(repeated_members_and_depth_are_refused),
        cmocka_unit_test(the_type_is_an_access_or_none),
        cmocka_unit_test(a_key_id_picks_among_our_keys_only),
        cmocka_unit_test(the_id_of_a_key_binds_even_when_another_key_signed),
        cmocka_unit_test(only_a_private_key_signs),
        cmocka_unit_test(one_set_serves_several_threads),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
