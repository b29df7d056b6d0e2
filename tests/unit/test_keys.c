/* Unit tests of auth/keys.h: which keys are taken, and for which algorithm. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "auth/b64url.h"
#include "auth/keys.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define SECRET "0123456789abcdef0123456789abcdef"
#define EC_XY                                                                                      \
    "\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","                                       \
    "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\""
#define ED_X "\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\""
#define RSA_N                                                                                      \
    "\"n\":\"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEz" \
    "P1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSX" \
    "ndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJ" \
    "H7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ\""

/* A PEM text of a fresh key; the caller frees it. */
static char *pem_of(EVP_PKEY *pkey, bool private)
{
    assert_non_null(pkey);
    BIO *out = BIO_new(BIO_s_mem());
    assert_non_null(out);
    assert_int_equal(private ? PEM_write_bio_PrivateKey(out, pkey, NULL, NULL, 0, NULL, NULL)
                             : PEM_write_bio_PUBKEY(out, pkey),
                     1);
    char *p;
    long len = BIO_get_mem_data(out, &p);
    char *text = slice_dup(slice_of(p, (size_t)len));
    BIO_free(out);
    EVP_PKEY_free(pkey);
    assert_non_null(text);
    return text;
}

static int add(struct key_conf conf, struct keyset **out)
{
    struct err e = {0};
    *out = keyset_new();
    assert_non_null(*out);
    if (!conf.name)
        conf.name = "main";
    int rc = keyset_add(*out, &conf, &e);
    if (rc)
        assert_true(e.detail[0]);
    assert_null(strstr(e.detail, SECRET));
    return rc;
}

static void refuses(struct key_conf conf)
{
    struct keyset *set;
    assert_int_equal(add(conf, &set), ERR_BAD_REQUEST);
    assert_int_equal(keyset_count(set), 0);
    keyset_unref(set);
}

static void takes(struct key_conf conf, const char *alg, bool signs)
{
    struct keyset *set;
    assert_int_equal(add(conf, &set), 0);
    assert_string_equal(key_alg_name(keyset_at(set, 0)), alg);
    assert_int_equal(keyset_signer(set, NULL) != NULL, signs);
    keyset_unref(set);
}

static void a_secret_is_for_hs256_and_nothing_else(void **state)
{
    (void)state;
    takes((struct key_conf){.secret = SECRET}, "HS256", true);
    takes((struct key_conf){.secret = SECRET, .algorithm = "HS256"}, "HS256", true);
    static const char *const others[] = {"RS256", "ES256", "EdDSA", "none", "HS384", "hs256", ""};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        refuses((struct key_conf){.secret = SECRET, .algorithm = others[i]});
}

static void short_and_empty_secrets_are_refused(void **state)
{
    (void)state;
    refuses((struct key_conf){.secret = ""});
    refuses((struct key_conf){.secret = "0123456789abcdef0123456789abcde"});
    takes((struct key_conf){.secret = "short", .allow_short_secret = true}, "HS256", true);
    refuses((struct key_conf){.secret = "", .allow_short_secret = true});
}

static void one_source_of_a_key_is_needed(void **state)
{
    (void)state;
    refuses((struct key_conf){.algorithm = "HS256"});
    refuses((struct key_conf){.secret = SECRET, .secret_env = "HOME"});
    refuses((struct key_conf){.secret_env = "FRESHET_TEST_NOT_SET"});
    refuses((struct key_conf){.secret_file = "/nonexistent/key"});
    refuses((struct key_conf){.secret = SECRET, .kid = ""});
}

static void secrets_come_from_environment_and_files(void **state)
{
    (void)state;
    assert_int_equal(setenv("FRESHET_TEST_SECRET", SECRET, 1), 0);
    takes((struct key_conf){.secret_env = "FRESHET_TEST_SECRET"}, "HS256", true);
    char path[] = "/tmp/freshet-key-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    FILE *f = fdopen(fd, "wb");
    assert_non_null(f);
    fputs(SECRET "\r\n", f); /* the line end is not part of it */
    fclose(f);
    struct keyset *from_file, *from_text;
    assert_int_equal(add((struct key_conf){.secret_file = path}, &from_file), 0);
    assert_int_equal(add((struct key_conf){.secret = SECRET}, &from_text), 0);
    struct buf sig = BUF_INIT;
    assert_int_equal(key_sign(keyset_at(from_file, 0), SLICE_LIT("x"), &sig), 0);
    assert_true(key_verify(keyset_at(from_text, 0), SLICE_LIT("x"), buf_slice(&sig)));
    buf_fini(&sig);
    keyset_unref(from_file);
    keyset_unref(from_text);
    unlink(path);
}

static void a_pem_key_is_never_a_secret(void **state)
{
    (void)state;
    char *pem = pem_of(EVP_RSA_gen(2048), false);
    refuses((struct key_conf){.secret = pem, .algorithm = "HS256"});
    refuses((struct key_conf){.pem = pem, .algorithm = "HS256"});
    free(pem);
}

static void a_pem_key_has_the_algorithm_of_its_kind(void **state)
{
    (void)state;
    char *rsa = pem_of(EVP_RSA_gen(2048), false), *rsa_private = pem_of(EVP_RSA_gen(2048), true);
    char *ec = pem_of(EVP_EC_gen("P-256"), false);
    char *ed = pem_of(EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"), true);
    takes((struct key_conf){.pem = rsa}, "RS256", false);
    takes((struct key_conf){.pem = rsa_private, .algorithm = "RS256"}, "RS256", true);
    takes((struct key_conf){.pem = ec}, "ES256", false);
    takes((struct key_conf){.pem = ed, .algorithm = "EdDSA"}, "EdDSA", true);
    refuses((struct key_conf){.pem = rsa, .algorithm = "ES256"});
    refuses((struct key_conf){.pem = ec, .algorithm = "RS256"});
    refuses((struct key_conf){.pem = ed, .algorithm = "ES256"});
    refuses(
        (struct key_conf){.pem = "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"});
    refuses((struct key_conf){.pem = "no key"});
    free(rsa);
    free(rsa_private);
    free(ec);
    free(ed);
}

static void weak_and_foreign_pem_keys_are_refused(void **state)
{
    (void)state;
    char *small = pem_of(EVP_RSA_gen(1024), false), *p384 = pem_of(EVP_EC_gen("P-384"), false);
    char *k1 = pem_of(EVP_EC_gen("secp256k1"), false);
    char *ed448 = pem_of(EVP_PKEY_Q_keygen(NULL, NULL, "ED448"), false);
    char *x25519 = pem_of(EVP_PKEY_Q_keygen(NULL, NULL, "X25519"), false);
    refuses((struct key_conf){.pem = small});
    refuses((struct key_conf){.pem = p384});
    refuses((struct key_conf){.pem = k1});
    refuses((struct key_conf){.pem = ed448});
    refuses((struct key_conf){.pem = x25519});
    free(small);
    free(p384);
    free(k1);
    free(ed448);
    free(x25519);
}

/* How many keys of a set {"keys":[jwks]} are taken; -1 when the document is refused. */
static int usable(const char *jwks)
{
    char text[8192];
    snprintf(text, sizeof text, "{\"keys\":[%s]}", jwks);
    struct keyset *set = keyset_new();
    assert_non_null(set);
    struct err e;
    int rc = keyset_add_jwks(set, slice_str(text), NULL, &e);
    int count = (int)keyset_count(set);
    keyset_unref(set);
    return rc ? -1 : count;
}

static const char *alg_of(const char *jwk)
{
    static const char *const names[] = {"HS256", "RS256", "ES256", "EdDSA"};
    char text[8192];
    snprintf(text, sizeof text, "{\"keys\":[%s]}", jwk);
    struct keyset *set = keyset_new();
    assert_non_null(set);
    const char *found = NULL;
    if (keyset_add_jwks(set, slice_str(text), NULL, NULL) == 0)
        for (size_t i = 0; i < 4; i++)
            if (key_is_alg(keyset_at(set, 0), slice_str(names[i])))
                found = names[i];
    keyset_unref(set);
    return found;
}

static void a_jwk_without_alg_has_the_one_of_its_kind(void **state)
{
    (void)state;
    assert_string_equal(alg_of("{\"kty\":\"RSA\"," RSA_N ",\"e\":\"AQAB\"}"), "RS256");
    assert_string_equal(alg_of("{\"kty\":\"EC\",\"crv\":\"P-256\"," EC_XY "}"), "ES256");
    assert_string_equal(alg_of("{\"kty\":\"OKP\",\"crv\":\"Ed25519\"," ED_X "}"), "EdDSA");
    assert_string_equal(
        alg_of("{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"alg\":\"Ed25519\"," ED_X "}"), "EdDSA");
}

static void a_jwk_of_another_algorithm_is_skipped(void **state)
{
    (void)state;
    static const char *const algs[] = {"\"HS256\"",    "\"none\"",  "\"RS512\"",
                                       "\"RSA-OAEP\"", "\"ES256\"", "\"rs256\"",
                                       "256",          "null",      "[\"RS256\"]"};
    char jwk[2048];
    for (size_t i = 0; i < sizeof algs / sizeof *algs; i++) {
        snprintf(jwk, sizeof jwk, "{\"kty\":\"RSA\",\"alg\":%s," RSA_N ",\"e\":\"AQAB\"}", algs[i]);
        assert_int_equal(usable(jwk), -1);
    }
    assert_int_equal(usable("{\"kty\":\"EC\",\"crv\":\"P-256\",\"alg\":\"RS256\"," EC_XY "}"), -1);
}

static void shared_secrets_and_private_keys_in_a_jwks_are_skipped(void **state)
{
    (void)state;
    assert_int_equal(
        usable("{\"kty\":\"oct\",\"k\":\"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY\"}"), -1);
    assert_int_equal(usable("{\"kty\":\"oct\",\"alg\":\"RS256\",\"k\":\"AAAA\"}"), -1);
    assert_int_equal(usable("{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"k\":\"AAAA\"," ED_X "}"), -1);
    assert_int_equal(
        usable("{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"d\":\"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZ"
               "cDusAxyuf2A\"," ED_X "}"),
        -1);
    assert_int_equal(
        usable("{\"kty\":\"oct\",\"k\":\"AAAA\"},{\"kty\":\"OKP\",\"crv\":\"Ed25519\"," ED_X "}"),
        1);
}

static void keys_for_other_uses_are_skipped(void **state)
{
    (void)state;
#define ED "{\"kty\":\"OKP\",\"crv\":\"Ed25519\"," ED_X
    assert_int_equal(usable(ED ",\"use\":\"sig\"}"), 1);
    assert_int_equal(usable(ED ",\"use\":\"enc\"}"), -1);
    assert_int_equal(usable(ED ",\"key_ops\":[\"verify\"]}"), 1);
    assert_int_equal(usable(ED ",\"key_ops\":[\"encrypt\"]}"), -1);
    assert_int_equal(usable(ED ",\"key_ops\":\"verify\"}"), -1);
}

static void malformed_key_material_is_skipped(void **state)
{
    (void)state;
    assert_int_equal(usable("{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\"}"), -1); /* 17 bits */
    assert_int_equal(usable("{\"kty\":\"RSA\"," RSA_N ",\"e\":\"AQ\"}"), -1);        /* e = 1 */
    assert_int_equal(usable("{\"kty\":\"RSA\"," RSA_N ",\"e\":\"Ag\"}"), -1);        /* e = 2 */
    assert_int_equal(usable("{\"kty\":\"RSA\"," RSA_N "}"), -1);
    assert_int_equal(usable("{\"kty\":\"RSA\"," RSA_N ",\"e\":\"AQAB=\"}"), -1);
    assert_int_equal(usable("{\"kty\":\"RSA\"," RSA_N ",\"e\":65537}"), -1);
    /* not on the curve, the zero point, a short half, another curve */
    assert_int_equal(usable("{\"kty\":\"EC\",\"crv\":\"P-256\","
                            "\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
                            "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a4\"}"),
                     -1);
    assert_int_equal(usable("{\"kty\":\"EC\",\"crv\":\"P-256\","
                            "\"x\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\","
                            "\"y\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}"),
                     -1);
    assert_int_equal(usable("{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AAAA\",\"y\":\"AAAA\"}"),
                     -1);
    assert_int_equal(usable("{\"kty\":\"EC\",\"crv\":\"P-384\"," EC_XY "}"), -1);
    assert_int_equal(usable("{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"AAAA\"}"), -1);
    assert_int_equal(usable("{\"kty\":\"OKP\",\"crv\":\"X25519\"," ED_X "}"), -1);
    assert_int_equal(usable("{\"kty\":\"EC\",\"crv\":\"Ed25519\"," ED_X "}"), -1);
    assert_int_equal(usable("{}"), -1);
    assert_int_equal(usable("\"key\""), -1);
    assert_int_equal(usable("null," ED "}"), 1);
}

static void key_ids_are_texts_and_the_first_of_a_name_wins(void **state)
{
    (void)state;
    assert_int_equal(usable(ED ",\"kid\":\"a\"}," ED ",\"kid\":\"a\"}"), 1);
    assert_int_equal(usable(ED ",\"kid\":\"a\"}," ED ",\"kid\":\"A\"}"), 2);
    assert_int_equal(usable(ED ",\"kid\":1}"), -1);
    assert_int_equal(usable(ED ",\"kid\":\"\"}"), -1);
    assert_int_equal(usable(ED ",\"kid\":\"a\\u0000b\"}"), -1);
    assert_int_equal(usable(ED ",\"kid\":\"a\",\"kid\":\"b\"}"), -1); /* a member twice */
}

static void other_documents_are_no_jwks(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      "[]",
                                      "{}",
                                      "{\"keys\":{}}",
                                      "{\"keys\":[]}",
                                      "keys",
                                      "{\"keys\":[" ED "}]}x",
                                      "{\"keys\":[" ED "}],\"keys\":[]}"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct keyset *set = keyset_new();
        assert_non_null(set);
        struct err e = {0};
        assert_int_equal(keyset_add_jwks(set, slice_str(bad[i]), NULL, &e), ERR_BAD_REQUEST);
        assert_true(e.detail[0]);
        keyset_unref(set);
    }
}

static void a_set_holds_so_many_keys(void **state)
{
    (void)state;
    struct keyset *set = keyset_new(), *sum = keyset_new();
    assert_true(set && sum);
    struct key_conf conf = {.name = "main", .secret = SECRET, .issuer = "https://a.example"};
    for (int i = 0; i < KEYSET_MAX; i++)
        assert_int_equal(keyset_add(set, &conf, NULL), 0);
    struct err e;
    assert_int_equal(keyset_add(set, &conf, &e), ERR_BAD_REQUEST);
    assert_int_equal(keyset_add_all(sum, set, &e), 0);
    assert_int_equal(keyset_add_all(sum, set, &e), ERR_BAD_REQUEST);
    keyset_unref(set); /* the sum keeps the keys alive */
    assert_true(slice_is(key_issuer(keyset_at(sum, 0)), "https://a.example"));
    assert_ptr_equal(keyset_signer(sum, "main"), keyset_at(sum, 0));
    assert_null(keyset_signer(sum, "other"));
    keyset_unref(sum);
}

static bool decodes(const char *text)
{
    struct buf out = BUF_INIT;
    int rc = b64url_decode(slice_str(text), &out);
    buf_fini(&out);
    return rc == 0;
}

static void base64url_has_one_spelling(void **state)
{
    (void)state;
    assert_true(decodes("") && decodes("QQ") && decodes("QUI") && decodes("QUJD") &&
                decodes("_-8"));
    static const char *const bad[] = {"Q",     "A",         "QUJDA", "QQ==", "QQ=", "QR",
                                      "QUJ",   "QUL",       "+/8",   "QQ\n", " QQ", "Q Q",
                                      "QUJDR", "Q\xc3\xa4", "QQ.",   "Q*"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(decodes(bad[i]));
    unsigned char all[259];
    for (size_t i = 0; i < sizeof all; i++)
        all[i] = (unsigned char)(i * 7);
    for (size_t len = 0; len < sizeof all; len++) {
        struct buf text = BUF_INIT, back = BUF_INIT;
        b64url_encode(all, len, &text);
        assert_int_equal(b64url_decode(buf_slice(&text), &back), 0);
        assert_int_equal(back.len, len);
        assert_true(len == 0 || memcmp(back.p, all, len) == 0);
        buf_fini(&text);
        buf_fini(&back);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_secret_is_for_hs256_and_nothing_else),
        cmocka_unit_test(short_and_empty_secrets_are_refused),
        cmocka_unit_test(one_source_of_a_key_is_needed),
        cmocka_unit_test(secrets_come_from_environment_and_files),
        cmocka_unit_test(a_pem_key_is_never_a_secret),
        cmocka_unit_test(a_pem_key_has_the_algorithm_of_its_kind),
        cmocka_unit_test(weak_and_foreign_pem_keys_are_refused),
        cmocka_unit_test(a_jwk_without_alg_has_the_one_of_its_kind),
        cmocka_unit_test(a_jwk_of_another_algorithm_is_skipped),
        cmocka_unit_test(shared_secrets_and_private_keys_in_a_jwks_are_skipped),
        cmocka_unit_test(keys_for_other_uses_are_skipped),
        cmocka_unit_test(malformed_key_material_is_skipped),
        cmocka_unit_test(key_ids_are_texts_and_the_first_of_a_name_wins),
        cmocka_unit_test(other_documents_are_no_jwks),
        cmocka_unit_test(a_set_holds_so_many_keys),
        cmocka_unit_test(base64url_has_one_spelling),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
