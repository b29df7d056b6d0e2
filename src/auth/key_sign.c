/* Signing and verifying with one key (RFC 7518 section 3, RFC 8037 section 3.1). */
#include "auth/keys_own.h"

#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/hmac.h>

#define ES256_HALF 32 /* bytes of r and of s */
#define ED25519_SIG 64

static bool hmac_of(const struct key *key, struct slice text, unsigned char out[32])
{
    unsigned len = 0;
    /* An empty key would be one that everybody has. */
    return key->secret_len && key->secret_len <= KEYS_DOC_MAX &&
           HMAC(EVP_sha256(), key->secret, (int)key->secret_len, (const unsigned char *)text.p,
                text.len, out, &len) &&
           len == 32;
}

static bool hmac_verify(const struct key *key, struct slice text, struct slice sig)
{
    unsigned char want[32];
    bool ok = sig.len == sizeof want && hmac_of(key, text, want) &&
              CRYPTO_memcmp(want, sig.p, sizeof want) == 0;
    OPENSSL_cleanse(want, sizeof want);
    return ok;
}

static const EVP_MD *digest_of(const struct key *key)
{
    return key->alg == KEY_EDDSA ? NULL : EVP_sha256();
}

static bool evp_verify(const struct key *key, struct slice text, const unsigned char *sig,
                       size_t sig_len)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool ok = ctx && EVP_DigestVerifyInit(ctx, NULL, digest_of(key), NULL, key->pkey) == 1 &&
              EVP_DigestVerify(ctx, sig, sig_len, (const unsigned char *)text.p, text.len) == 1;
    EVP_MD_CTX_free(ctx);
    return ok;
}

/* True when n is above 0 and below the order of P-256 (FIPS 186-5 section 6.4.2). */
static bool es256_in_range(const unsigned char n[ES256_HALF])
{
    static const unsigned char order[ES256_HALF] = {0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00,
                                                    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                                    0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84,
                                                    0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51};
    unsigned char any = 0;
    for (size_t i = 0; i < ES256_HALF; i++)
        any |= n[i];
    return any && memcmp(n, order, ES256_HALF) < 0;
}

/* r and s, each 32 bytes (RFC 7518 section 3.4), as the DER that OpenSSL takes. */
static bool es256_verify(const struct key *key, struct slice text, struct slice sig)
{
    const unsigned char *raw = (const unsigned char *)sig.p;
    if (sig.len != 2 * ES256_HALF || !es256_in_range(raw) || !es256_in_range(raw + ES256_HALF))
        return false;
    ECDSA_SIG *parts = ECDSA_SIG_new();
    BIGNUM *r = BN_bin2bn(raw, ES256_HALF, NULL),
           *s = BN_bin2bn(raw + ES256_HALF, ES256_HALF, NULL);
    unsigned char *der = NULL;
    bool ok = false;
    if (!parts || !r || !s || !ECDSA_SIG_set0(parts, r, s)) {
        BN_free(r);
        BN_free(s);
        goto out;
    }
    int len = i2d_ECDSA_SIG(parts, &der);
    ok = len > 0 && evp_verify(key, text, der, (size_t)len);
out:
    OPENSSL_free(der);
    ECDSA_SIG_free(parts);
    return ok;
}

bool key_verify(const struct key *key, struct slice text, struct slice sig)
{
    switch (key->alg) {
    case KEY_HS256:
        return hmac_verify(key, text, sig);
    case KEY_ES256:
        return es256_verify(key, text, sig);
    case KEY_RS256:
        return sig.len == (size_t)EVP_PKEY_get_size(key->pkey) &&
               evp_verify(key, text, (const unsigned char *)sig.p, sig.len);
    case KEY_EDDSA:
        return sig.len == ED25519_SIG &&
               evp_verify(key, text, (const unsigned char *)sig.p, sig.len);
    }
    return false;
}

/* DER to r and s of 32 bytes each. */
static bool es256_raw(const unsigned char *der, size_t len, unsigned char out[2 * ES256_HALF])
{
    ECDSA_SIG *parts = d2i_ECDSA_SIG(NULL, &der, (long)len);
    bool ok = parts && BN_bn2binpad(ECDSA_SIG_get0_r(parts), out, ES256_HALF) == ES256_HALF &&
              BN_bn2binpad(ECDSA_SIG_get0_s(parts), out + ES256_HALF, ES256_HALF) == ES256_HALF;
    ECDSA_SIG_free(parts);
    return ok;
}

static int evp_sign(const struct key *key, struct slice text, struct buf *sig)
{
    unsigned char made[KEY_RSA_BITS_MAX / 8], raw[2 * ES256_HALF];
    size_t len = sizeof made;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool ok = ctx && EVP_DigestSignInit(ctx, NULL, digest_of(key), NULL, key->pkey) == 1 &&
              EVP_DigestSign(ctx, made, &len, (const unsigned char *)text.p, text.len) == 1;
    EVP_MD_CTX_free(ctx);
    if (!ok)
        return ERR_INTERNAL;
    if (key->alg != KEY_ES256) {
        buf_add(sig, made, len);
    } else {
        if (!es256_raw(made, len, raw))
            return ERR_INTERNAL;
        buf_add(sig, raw, sizeof raw);
    }
    return sig->failed ? ERR_INTERNAL : 0;
}

int key_sign(const struct key *key, struct slice text, struct buf *sig)
{
    if (!key->can_sign)
        return ERR_BAD_REQUEST;
    if (key->alg != KEY_HS256)
        return evp_sign(key, text, sig);
    unsigned char mac[32];
    if (!hmac_of(key, text, mac))
        return ERR_INTERNAL;
    buf_add(sig, mac, sizeof mac);
    return sig->failed ? ERR_INTERNAL : 0;
}
