#include "auth/keys_own.h"

#include <openssl/crypto.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>

struct keyset {
    atomic_uint refs;
    size_t count;
    struct key *keys[KEYSET_MAX];
};

static const char *const alg_names[] = {"HS256", "RS256", "ES256", "EdDSA"};

struct key *key_new(enum key_alg alg)
{
    struct key *key = calloc(1, sizeof *key);
    if (!key)
        return NULL;
    atomic_init(&key->refs, 1);
    key->alg = alg;
    return key;
}

void key_unref(struct key *key)
{
    if (!key || atomic_fetch_sub_explicit(&key->refs, 1, memory_order_acq_rel) != 1)
        return;
    EVP_PKEY_free(key->pkey);
    if (key->secret)
        OPENSSL_cleanse(key->secret, key->secret_len);
    free(key->secret);
    free(key->name);
    free(key->kid);
    free(key->issuer);
    free(key);
}

struct key *key_ref(const struct key *key)
{
    struct key *counted = (struct key *)(uintptr_t)key; /* its count is all that changes */
    atomic_fetch_add_explicit(&counted->refs, 1, memory_order_relaxed);
    return counted;
}

static bool same_issuer(const struct key *a, const struct key *b)
{
    return slice_eq(key_issuer(a), key_issuer(b)) && !a->issuer == !b->issuer;
}

static bool is_same(const struct key *a, const struct key *b)
{
    if (a == b)
        return true;
    if (a->alg != b->alg || !same_issuer(a, b) || !a->secret != !b->secret)
        return false;
    if (a->secret)
        return a->secret_len == b->secret_len &&
               CRYPTO_memcmp(a->secret, b->secret, a->secret_len) == 0;
    return a->pkey && b->pkey && EVP_PKEY_eq(a->pkey, b->pkey) == 1;
}

bool keyset_holds(const struct keyset *set, const struct key *key)
{
    for (size_t i = 0; i < set->count; i++)
        if (is_same(set->keys[i], key))
            return true;
    return false;
}

struct keyset *keyset_new(void)
{
    struct keyset *set = calloc(1, sizeof *set);
    if (set)
        atomic_init(&set->refs, 1);
    return set;
}

struct keyset *keyset_ref(struct keyset *set)
{
    atomic_fetch_add_explicit(&set->refs, 1, memory_order_relaxed);
    return set;
}

void keyset_unref(struct keyset *set)
{
    if (!set || atomic_fetch_sub_explicit(&set->refs, 1, memory_order_acq_rel) != 1)
        return;
    for (size_t i = 0; i < set->count; i++)
        key_unref(set->keys[i]);
    free(set);
}

int keyset_put(struct keyset *set, struct key *key, struct err *e)
{
    if (set->count == KEYSET_MAX) {
        key_unref(key);
        return err_set(e, ERR_BAD_REQUEST, "more than %d keys", KEYSET_MAX);
    }
    set->keys[set->count++] = key;
    return 0;
}

int keyset_add_all(struct keyset *set, const struct keyset *from, struct err *e)
{
    for (size_t i = 0; i < from->count; i++) {
        atomic_fetch_add_explicit(&from->keys[i]->refs, 1, memory_order_relaxed);
        int rc = keyset_put(set, from->keys[i], e);
        if (rc)
            return rc;
    }
    return 0;
}

size_t keyset_count(const struct keyset *set)
{
    return set->count;
}

const struct key *keyset_at(const struct keyset *set, size_t i)
{
    return set->keys[i];
}

const struct key *keyset_signer(const struct keyset *set, const char *name)
{
    for (size_t i = 0; i < set->count; i++) {
        const struct key *key = set->keys[i];
        if (key->can_sign && (!name || (key->name && strcmp(key->name, name) == 0)))
            return key;
    }
    return NULL;
}

struct slice key_id(const struct key *key)
{
    return slice_str(key->kid);
}

struct slice key_issuer(const struct key *key)
{
    return slice_str(key->issuer);
}

const char *key_alg_name(const struct key *key)
{
    return alg_names[key->alg];
}

bool key_alg_named(struct slice name, enum key_alg *alg)
{
    for (unsigned i = 0; i < sizeof alg_names / sizeof *alg_names; i++) {
        if (slice_is(name, alg_names[i])) {
            *alg = (enum key_alg)i;
            return true;
        }
    }
    *alg = KEY_EDDSA;
    return slice_is(name, "Ed25519");
}

bool key_is_alg(const struct key *key, struct slice alg)
{
    enum key_alg named;
    return key_alg_named(alg, &named) && named == key->alg;
}

bool key_alg_of(EVP_PKEY *pkey, enum key_alg *alg, const char **why)
{
    *why = "it is neither RSA, P-256 nor Ed25519";
    if (EVP_PKEY_is_a(pkey, "RSA")) {
        *alg = KEY_RS256;
        int bits = EVP_PKEY_get_bits(pkey);
        *why =
            bits < KEY_RSA_BITS_MIN ? "RSA keys need 2048 bits" : "RSA keys have at most 8192 bits";
        return bits >= KEY_RSA_BITS_MIN && bits <= KEY_RSA_BITS_MAX;
    }
    if (EVP_PKEY_is_a(pkey, "ED25519")) {
        *alg = KEY_EDDSA;
        return true;
    }
    char curve[32];
    size_t len = 0;
    *alg = KEY_ES256;
    return EVP_PKEY_is_a(pkey, "EC") && EVP_PKEY_get_group_name(pkey, curve, sizeof curve, &len) &&
           strcmp(curve, "prime256v1") == 0;
}

int keys_read_file(const char *path, struct buf *out, struct err *e)
{
    FILE *f = fopen(path, "rb");
    if (!f)
        return err_set(e, ERR_BAD_REQUEST, "%s can't be opened", path);
    setvbuf(f, NULL, _IONBF, 0); /* no second copy of a secret in stdio's memory */
    size_t start = out->len, got = 1;
    while (got && out->len - start <= KEYS_DOC_MAX && buf_reserve(out, 4096)) {
        got = fread(out->p + out->len, 1, 4096, f);
        out->len += got;
    }
    bool bad = ferror(f) || out->failed, large = out->len - start > KEYS_DOC_MAX;
    fclose(f);
    if (bad)
        return err_set(e, ERR_BAD_REQUEST, "%s can't be read", path);
    return large ? err_set(e, ERR_BAD_REQUEST, "%s is too large for a key file", path) : 0;
}

/* Asks nobody for a passphrase: a server has no terminal to ask at. */
static int no_passphrase(char *p, int len, int writing, void *ctx)
{
    return -1;
}

static EVP_PKEY *read_pem(struct slice text, bool *private)
{
    if (text.len > KEYS_DOC_MAX)
        return NULL;
    BIO *in = BIO_new_mem_buf(text.p, (int)text.len);
    if (!in)
        return NULL;
    *private = false;
    EVP_PKEY *pkey = PEM_read_bio_PUBKEY(in, NULL, no_passphrase, NULL);
    if (!pkey && BIO_reset(in) == 1) {
        *private = true;
        pkey = PEM_read_bio_PrivateKey(in, NULL, no_passphrase, NULL);
    }
    BIO_free(in);
    return pkey;
}

static const char *label(const struct key_conf *conf)
{
    return conf->name ? conf->name : "(unnamed)";
}

static int use_pem(struct key *key, const struct key_conf *conf, struct slice text, struct err *e)
{
    const char *why;
    key->pkey = read_pem(text, &key->can_sign);
    if (!key->pkey)
        return err_set(e, ERR_BAD_REQUEST,
                       "key %s: no PUBLIC KEY or PRIVATE KEY in PEM form without a passphrase",
                       label(conf));
    if (!key_alg_of(key->pkey, &key->alg, &why))
        return err_set(e, ERR_BAD_REQUEST, "key %s: %s", label(conf), why);
    if (conf->algorithm && !key_is_alg(key, slice_str(conf->algorithm)))
        return err_set(e, ERR_BAD_REQUEST, "key %s: the key is for %s, not for %s", label(conf),
                       key_alg_name(key), conf->algorithm);
    return 0;
}

static int use_secret(struct key *key, const struct key_conf *conf, struct slice text,
                      struct err *e)
{
    if (conf->secret_file && text.len && text.p[text.len - 1] == '\n')
        text.len -= text.len > 1 && text.p[text.len - 2] == '\r' ? 2 : 1;
    if (conf->algorithm && !key_is_alg(key, slice_str(conf->algorithm)))
        return err_set(e, ERR_BAD_REQUEST, "key %s: a secret is for HS256, not for %s", label(conf),
                       conf->algorithm);
    if (slice_starts(text, "-----BEGIN"))
        return err_set(e, ERR_BAD_REQUEST,
                       "key %s: a PEM key is no secret; give it as pem or pem_file", label(conf));
    if (text.len == 0 || (text.len < KEY_SECRET_MIN && !conf->allow_short_secret))
        return err_set(e, ERR_BAD_REQUEST, "key %s: an HS256 secret needs %d bytes, this has %zu",
                       label(conf), KEY_SECRET_MIN, text.len);
    key->secret = malloc(text.len);
    if (!key->secret)
        return err_set(e, ERR_INTERNAL, "no memory");
    memcpy(key->secret, text.p, text.len);
    key->secret_len = text.len;
    key->can_sign = true;
    return 0;
}

/* Fills the key from wherever conf says. One of the five is given. */
static int use_material(struct key *key, const struct key_conf *conf, struct err *e)
{
    const char *path = conf->secret_file ? conf->secret_file : conf->pem_file;
    const char *text = conf->secret ? conf->secret : conf->pem;
    bool pem = conf->pem || conf->pem_file;
    struct buf file = BUF_INIT;
    int rc = 0;
    if (path) {
        rc = keys_read_file(path, &file, e);
    } else if (conf->secret_env && !(text = getenv(conf->secret_env))) {
        rc = err_set(e, ERR_BAD_REQUEST, "key %s: the environment has no %s", label(conf),
                     conf->secret_env);
    }
    if (!rc) {
        struct slice material = path ? buf_slice(&file) : slice_str(text);
        rc = (pem ? use_pem : use_secret)(key, conf, material, e);
    }
    if (file.p)
        OPENSSL_cleanse(file.p, file.cap);
    buf_fini(&file);
    return rc;
}

static bool copy_text(char **out, const char *text)
{
    *out = text ? slice_dup(slice_str(text)) : NULL;
    return *out || !text;
}

int keyset_add(struct keyset *set, const struct key_conf *conf, struct err *e)
{
    int given =
        !!conf->secret + !!conf->secret_file + !!conf->secret_env + !!conf->pem + !!conf->pem_file;
    enum key_alg alg = KEY_HS256;
    if (given != 1)
        return err_set(e, ERR_BAD_REQUEST, "key %s: give one secret or one PEM key", label(conf));
    if (conf->algorithm && !key_alg_named(slice_str(conf->algorithm), &alg))
        return err_set(e, ERR_BAD_REQUEST, "key %s: the algorithm is HS256, RS256, ES256 or EdDSA",
                       label(conf));
    if (conf->kid && (!*conf->kid || strlen(conf->kid) > KEY_ID_MAX))
        return err_set(e, ERR_BAD_REQUEST, "key %s: kid is 1 to %d bytes", label(conf), KEY_ID_MAX);
    struct key *key = key_new(KEY_HS256);
    if (!key || !copy_text(&key->name, conf->name) || !copy_text(&key->kid, conf->kid) ||
        !copy_text(&key->issuer, conf->issuer)) {
        key_unref(key);
        return err_set(e, ERR_INTERNAL, "no memory");
    }
    int rc = use_material(key, conf, e);
    if (rc) {
        key_unref(key);
        return rc;
    }
    return keyset_put(set, key, e);
}
