/* jwt_keys.h - keys of each kind, tokens that they truly sign, and verdicts, for the tests of
 * auth/jwt.h. Included behind cmocka. */
#ifndef FRESHET_TESTS_JWT_KEYS_H
#define FRESHET_TESTS_JWT_KEYS_H

#include "auth/b64url.h"
#include "auth/jwt.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>

#define SECRET "0123456789abcdef0123456789abcdef"
#define NOW 1800000000000u /* ms */
#define GOOD_CLAIMS "{\"sub\":\"ada\",\"exp\":1800000060}"

/* Keys of each kind, made once. */
struct keys {
    struct keyset *hs, *rs, *es, *ed, *all;
    char *rsa_public_pem;
};

static inline char *pem_of(EVP_PKEY *pkey, bool private)
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
    assert_non_null(text);
    return text;
}

static inline struct keyset *set_of(struct key_conf conf)
{
    struct keyset *set = keyset_new();
    struct err e;
    assert_non_null(set);
    assert_int_equal(keyset_add(set, &conf, &e), 0);
    return set;
}

static inline struct keyset *set_of_pkey(EVP_PKEY *pkey, const char *kid)
{
    char *pem = pem_of(pkey, true);
    struct keyset *set = set_of((struct key_conf){.name = kid, .pem = pem, .kid = kid});
    free(pem);
    EVP_PKEY_free(pkey);
    return set;
}

static inline int setup(void **state)
{
    struct keys *k = calloc(1, sizeof *k);
    assert_non_null(k);
    EVP_PKEY *rsa = EVP_RSA_gen(2048);
    k->rsa_public_pem = pem_of(rsa, false);
    k->hs = set_of((struct key_conf){.name = "hs", .secret = SECRET, .kid = "hs"});
    k->rs = set_of_pkey(rsa, "rs");
    k->es = set_of_pkey(EVP_EC_gen("P-256"), "es");
    k->ed = set_of_pkey(EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"), "ed");
    k->all = keyset_new();
    assert_non_null(k->all);
    assert_int_equal(keyset_add_all(k->all, k->hs, NULL), 0);
    assert_int_equal(keyset_add_all(k->all, k->rs, NULL), 0);
    assert_int_equal(keyset_add_all(k->all, k->es, NULL), 0);
    assert_int_equal(keyset_add_all(k->all, k->ed, NULL), 0);
    *state = k;
    return 0;
}

static inline int teardown(void **state)
{
    struct keys *k = *state;
    keyset_unref(k->hs);
    keyset_unref(k->rs);
    keyset_unref(k->es);
    keyset_unref(k->ed);
    keyset_unref(k->all);
    free(k->rsa_public_pem);
    free(k);
    return 0;
}

static inline const struct key *only(const struct keyset *set)
{
    return keyset_at(set, 0);
}

/* A token of this header and these claims, truly signed by the set's first key. */
static inline struct buf forge(const struct keyset *set, struct slice header, struct slice claims)
{
    struct buf token = BUF_INIT, sig = BUF_INIT;
    b64url_encode(header.p, header.len, &token);
    buf_add_char(&token, '.');
    b64url_encode(claims.p, claims.len, &token);
    assert_int_equal(key_sign(only(set), buf_slice(&token), &sig), 0);
    buf_add_char(&token, '.');
    b64url_encode(sig.p, sig.len, &token);
    assert_false(token.failed);
    buf_fini(&sig);
    return token;
}

static inline enum jwt_reason judge_with(struct slice token, const struct keyset *set,
                                         const struct jwt_conf *conf, uint64_t now_ms)
{
    struct jwt jwt;
    struct err e = {0};
    int rc = jwt_verify(token, set, conf, now_ms, &jwt, &e);
    assert_int_equal(rc == 0, jwt.reason == JWT_VALID);
    if (rc) {
        assert_int_equal(rc, ERR_UNAUTHORIZED);
        assert_true(e.detail[0]);
        assert_null(jwt.key);
        assert_int_equal(jwt.claims.len, 0);
    }
    enum jwt_reason reason = jwt.reason;
    jwt_fini(&jwt);
    return reason;
}

static inline enum jwt_reason judge(struct slice token, const struct keyset *set)
{
    return judge_with(token, set, &(struct jwt_conf){0}, NOW);
}

static inline enum jwt_reason judge_header(const struct keyset *set, const char *header)
{
    struct buf token = forge(set, slice_str(header), SLICE_LIT(GOOD_CLAIMS));
    enum jwt_reason reason = judge(buf_slice(&token), set);
    buf_fini(&token);
    return reason;
}

static inline enum jwt_reason judge_claims_with(const struct keyset *set, const char *claims,
                                                const struct jwt_conf *conf, uint64_t now_ms)
{
    struct buf token = forge(set, SLICE_LIT("{\"alg\":\"HS256\"}"), slice_str(claims));
    enum jwt_reason reason = judge_with(buf_slice(&token), set, conf, now_ms);
    buf_fini(&token);
    return reason;
}

static inline enum jwt_reason judge_claims(const struct keyset *set, const char *claims)
{
    return judge_claims_with(set, claims, &(struct jwt_conf){0}, NOW);
}

#endif
