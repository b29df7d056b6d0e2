/* JWK Sets (RFC 7517, RFC 7518 section 6, RFC 8037 section 2) into keys. */
#include "auth/b64url.h"
#include "auth/doc.h"
#include "auth/keys_own.h"
#include "json/scan.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/param_build.h>
#include <stdlib.h>

/* Appends the bytes of a base64url member. False when it is missing or malformed. */
static bool bytes_of(struct slice jwk, const char *name, struct buf *out)
{
    struct slice value;
    return json_get(jwk, name, &value) && json_kind(value) == JSON_STRING &&
           json_string_raw(value).len > 0 && b64url_decode(json_string_raw(value), out) == 0;
}

/* Makes a public key from parameters; takes build. NULL when they make no key. */
static EVP_PKEY *from_params(const char *type, OSSL_PARAM_BLD *build)
{
    OSSL_PARAM *params = build ? OSSL_PARAM_BLD_to_param(build) : NULL;
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    EVP_PKEY *pkey = NULL;
    if (params && ctx && EVP_PKEY_fromdata_init(ctx) == 1 &&
        EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_PUBLIC_KEY, params) != 1)
        pkey = NULL;
    EVP_PKEY_CTX_free(ctx);
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(build);
    return pkey;
}

static EVP_PKEY *rsa_of(struct slice jwk)
{
    struct buf n = BUF_INIT, e = BUF_INIT;
    BIGNUM *bn_n = NULL, *bn_e = NULL;
    EVP_PKEY *pkey = NULL;
    if (!bytes_of(jwk, "n", &n) || !bytes_of(jwk, "e", &e) || n.len > KEY_RSA_BITS_MAX / 8 ||
        e.len > 8)
        goto out;
    bn_n = BN_bin2bn((const unsigned char *)n.p, (int)n.len, NULL);
    bn_e = BN_bin2bn((const unsigned char *)e.p, (int)e.len, NULL);
    /* With an exponent of 1 everybody could sign. */
    if (!bn_n || !bn_e || !BN_is_odd(bn_n) || !BN_is_odd(bn_e) || BN_is_one(bn_e))
        goto out;
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    if (build && OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, bn_n) &&
        OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, bn_e))
        pkey = from_params("RSA", build);
    else
        OSSL_PARAM_BLD_free(build);
out:
    BN_free(bn_n);
    BN_free(bn_e);
    buf_fini(&n);
    buf_fini(&e);
    return pkey;
}

static bool on_curve(EVP_PKEY *pkey)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, pkey, NULL);
    bool ok = ctx && EVP_PKEY_public_check(ctx) == 1;
    EVP_PKEY_CTX_free(ctx);
    return ok;
}

static EVP_PKEY *ec_of(struct slice jwk)
{
    struct slice curve;
    struct buf point = BUF_INIT; /* 04, x, y: SEC 1 section 2.3.3 */
    EVP_PKEY *pkey = NULL;
    buf_add_char(&point, 4);
    if (!json_get(jwk, "crv", &curve) || !doc_is(curve, "P-256") || !bytes_of(jwk, "x", &point) ||
        point.len != 33 || !bytes_of(jwk, "y", &point) || point.len != 65)
        goto out;
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    if (build &&
        OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0) &&
        OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, point.p, point.len))
        pkey = from_params("EC", build);
    else
        OSSL_PARAM_BLD_free(build);
    if (pkey && !on_curve(pkey)) {
        EVP_PKEY_free(pkey);
        pkey = NULL;
    }
out:
    buf_fini(&point);
    return pkey;
}

static EVP_PKEY *okp_of(struct slice jwk)
{
    struct slice curve;
    struct buf x = BUF_INIT;
    EVP_PKEY *pkey = NULL;
    if (json_get(jwk, "crv", &curve) && doc_is(curve, "Ed25519") && bytes_of(jwk, "x", &x) &&
        x.len == 32)
        pkey =
            EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, (const unsigned char *)x.p, x.len);
    buf_fini(&x);
    return pkey;
}

/* True when the JWK is meant for checking signatures and holds nothing secret. */
static bool meant_for_us(struct slice jwk)
{
    struct slice value;
    /* A published private key can't vouch for anything; `k` is a shared secret. */
    if (json_get(jwk, "d", &value) || json_get(jwk, "k", &value))
        return false;
    if (json_get(jwk, "use", &value) && !doc_is(value, "sig"))
        return false;
    if (!json_get(jwk, "key_ops", &value))
        return true;
    if (json_kind(value) != JSON_ARRAY)
        return false;
    struct json_iter it = json_iter(value);
    for (struct slice op; json_element(&it, &op);)
        if (doc_is(op, "verify"))
            return true;
    return false;
}

static EVP_PKEY *pkey_of(struct slice jwk)
{
    struct slice kind;
    if (!json_get(jwk, "kty", &kind))
        return NULL;
    return doc_is(kind, "RSA")   ? rsa_of(jwk)
           : doc_is(kind, "EC")  ? ec_of(jwk)
           : doc_is(kind, "OKP") ? okp_of(jwk)
                                 : NULL;
}

/* True when `alg` is absent, or names what the key is for. */
static bool alg_agrees(struct slice jwk, const struct key *key)
{
    struct slice alg;
    return !json_get(jwk, "alg", &alg) ||
           (json_kind(alg) == JSON_STRING && key_is_alg(key, json_string_raw(alg)));
}

/* Reads `kid`. False when it is there and is no text of 1 to KEY_ID_MAX bytes. */
static bool kid_of(struct slice jwk, struct buf *out)
{
    int rc = doc_member(jwk, "kid", out);
    return rc == 0 ||
           (rc == 1 && out->len > 0 && out->len <= KEY_ID_MAX && !memchr(out->p, 0, out->len));
}

static bool kid_taken(const struct keyset *set, size_t from, struct slice kid)
{
    for (size_t i = from; i < keyset_count(set); i++)
        if (slice_eq(key_id(keyset_at(set, i)), kid))
            return true;
    return false;
}

/* Adds one JWK, or skips it. first: where the document's keys begin in the set. */
static int add_jwk(struct keyset *set, size_t first, struct slice jwk, const char *issuer,
                   struct err *e)
{
    struct buf kid = BUF_INIT;
    const char *why;
    EVP_PKEY *pkey = NULL;
    struct key *key = NULL;
    int rc = 0;
    if (json_kind(jwk) != JSON_OBJECT || !meant_for_us(jwk) || !kid_of(jwk, &kid) ||
        (kid.len && kid_taken(set, first, buf_slice(&kid))) || !(pkey = pkey_of(jwk)))
        goto out;
    key = key_new(KEY_RS256);
    if (!key) {
        rc = err_set(e, ERR_INTERNAL, "no memory");
        goto out;
    }
    key->pkey = pkey;
    pkey = NULL;
    if (!key_alg_of(key->pkey, &key->alg, &why) || !alg_agrees(jwk, key))
        goto out;
    key->kid = kid.len ? slice_dup(buf_slice(&kid)) : NULL;
    key->issuer = issuer ? slice_dup(slice_str(issuer)) : NULL;
    if ((kid.len && !key->kid) || (issuer && !key->issuer)) {
        rc = err_set(e, ERR_INTERNAL, "no memory");
        goto out;
    }
    rc = keyset_put(set, key, e);
    key = NULL;
out:
    key_unref(key);
    EVP_PKEY_free(pkey);
    buf_fini(&kid);
    return rc;
}

int keyset_add_jwks(struct keyset *set, struct slice document, const char *issuer, struct err *e)
{
    struct slice keys;
    if (doc_check(document, KEYS_DOC_MAX) || !json_get(document, "keys", &keys) ||
        json_kind(keys) != JSON_ARRAY)
        return err_set(e, ERR_BAD_REQUEST, "it is not a JWK Set: an object with an array \"keys\"");
    size_t first = keyset_count(set);
    struct json_iter it = json_iter(keys);
    for (struct slice jwk; json_element(&it, &jwk);) {
        int rc = add_jwk(set, first, jwk, issuer, e);
        if (rc)
            return rc;
    }
    if (keyset_count(set) == first)
        return err_set(e, ERR_BAD_REQUEST,
                       "no key of the JWK Set can be used: RSA from 2048 bits, P-256 or Ed25519, "
                       "public, for signatures");
    return 0;
}
