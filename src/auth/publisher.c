#include "auth/publisher.h"

#include "auth/b64url.h"
#include "base/num.h"
#include "base/rng.h"
#include "base/utf8.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdatomic.h>
#include <stdlib.h>

#define HASH_BYTES 32

struct publisher {
    unsigned char hash[HASH_BYTES];
    struct grant *grant; /* its subject is the publisher's name */
};

struct publishers {
    atomic_uint refs;
    size_t count;
    struct publisher *at;
};

struct publishers *publishers_new(void)
{
    struct publishers *set = calloc(1, sizeof *set);
    if (set)
        atomic_init(&set->refs, 1);
    return set;
}

struct publishers *publishers_ref(struct publishers *set)
{
    atomic_fetch_add_explicit(&set->refs, 1, memory_order_relaxed);
    return set;
}

void publishers_unref(struct publishers *set)
{
    if (!set || atomic_fetch_sub_explicit(&set->refs, 1, memory_order_acq_rel) != 1)
        return;
    for (size_t i = 0; i < set->count; i++)
        grant_unref(set->at[i].grant);
    free(set->at);
    free(set);
}

size_t publishers_count(const struct publishers *set)
{
    return set->count;
}

static bool hash_of(struct slice key, unsigned char out[HASH_BYTES])
{
    return EVP_Digest(key.len ? key.p : "", key.len, out, NULL, EVP_sha256(), NULL) == 1;
}

static bool parse_hash(struct slice text, unsigned char out[HASH_BYTES])
{
    if (slice_starts(text, "sha256:"))
        text = slice_of(text.p + 7, text.len - 7);
    if (text.len != 2 * HASH_BYTES)
        return false;
    for (size_t i = 0; i < HASH_BYTES; i++) {
        uint32_t byte;
        if (!num_hex32(slice_of(text.p + 2 * i, 2), 2, &byte))
            return false;
        out[i] = (unsigned char)byte;
    }
    return true;
}

static int make_grant(const struct publisher_conf *conf, struct grant **out, struct err *e)
{
    struct slice patterns[GRANT_PATTERNS_MAX];
    if (conf->channel_count > GRANT_PATTERNS_MAX)
        return err_set(e, ERR_BAD_REQUEST, "publisher %s: more than %d channel patterns",
                       conf->name, GRANT_PATTERNS_MAX);
    for (size_t i = 0; i < conf->channel_count; i++)
        patterns[i] = slice_str(conf->channels[i]);
    bool all = strcmp(conf->tenant, "*") == 0;
    struct grant_parts parts = {
        .tenant = all ? SLICE_NONE : slice_str(conf->tenant),
        .subject = slice_str(conf->name),
        .publish = patterns,
        .publish_count = conf->channel_count,
        .any_tenant = all,
    };
    struct err why = {0};
    int rc = grant_new(&parts, out, &why);
    return rc ? err_set(e, rc, "publisher %s: %s", conf->name, why.detail) : 0;
}

static bool label_ok(struct slice name)
{
    return name.len >= 1 && name.len <= 64 && utf8_is_plain(name);
}

/* Makes room for one more. */
static bool reserve(struct publishers *set)
{
    struct publisher *grown = realloc(set->at, (set->count + 1) * sizeof *grown);
    if (grown)
        set->at = grown;
    return grown != NULL;
}

int publishers_add(struct publishers *set, const struct publisher_conf *conf, struct err *e)
{
    struct publisher p = {{0}, NULL};
    if (!label_ok(slice_str(conf->name)))
        return err_set(e, ERR_BAD_REQUEST, "a publisher needs a name of 1 to 64 characters");
    if (!conf->tenant)
        return err_set(e, ERR_BAD_REQUEST, "publisher %s: a tenant is needed, or \"*\" for all",
                       conf->name);
    if (!conf->secret_hash || !parse_hash(slice_str(conf->secret_hash), p.hash))
        return err_set(e, ERR_BAD_REQUEST,
                       "publisher %s: secret_hash is the SHA-256 of its key, 64 hex digits",
                       conf->name);
    if (set->count == PUBLISHERS_MAX)
        return err_set(e, ERR_BAD_REQUEST, "more than %d publishers", PUBLISHERS_MAX);
    for (size_t i = 0; i < set->count; i++)
        if (slice_is(grant_subject(set->at[i].grant), conf->name) ||
            CRYPTO_memcmp(set->at[i].hash, p.hash, HASH_BYTES) == 0)
            return err_set(e, ERR_BAD_REQUEST, "publisher %s: its name or key is there already",
                           conf->name);
    int rc = make_grant(conf, &p.grant, e);
    if (rc)
        return rc;
    if (!reserve(set)) {
        grant_unref(p.grant);
        return err_set(e, ERR_INTERNAL, "no memory");
    }
    set->at[set->count++] = p;
    return 0;
}

struct grant *publishers_find(const struct publishers *set, struct slice key)
{
    unsigned char hash[HASH_BYTES];
    struct grant *found = NULL;
    if (!key.len || key.len > PUBLISHER_KEY_MAX || !hash_of(key, hash))
        return NULL;
    for (size_t i = 0; i < set->count; i++)
        if (CRYPTO_memcmp(set->at[i].hash, hash, HASH_BYTES) == 0)
            found = set->at[i].grant;
    return found;
}

bool publisher_hash(struct slice key, char out[PUBLISHER_HASH_TEXT])
{
    static const char hex[] = "0123456789abcdef";
    unsigned char hash[HASH_BYTES];
    if (!hash_of(key, hash))
        return false;
    for (size_t i = 0; i < HASH_BYTES; i++) {
        out[2 * i] = hex[hash[i] >> 4];
        out[2 * i + 1] = hex[hash[i] & 15];
    }
    out[2 * HASH_BYTES] = 0;
    return true;
}

void publisher_mint(char out[PUBLISHER_KEY_TEXT])
{
    unsigned char random[32];
    rng_system(random, sizeof random);
    struct slice prefix = SLICE_LIT("fpk_");
    memcpy(out, prefix.p, prefix.len);
    b64url_write(random, sizeof random, out + prefix.len);
    OPENSSL_cleanse(random, sizeof random);
}
