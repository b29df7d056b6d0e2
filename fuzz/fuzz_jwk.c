/* JWK Sets. Every key that is taken has an algorithm that isn't a shared secret's, an id of its
 * own, and doesn't sign; nothing in a document makes a signature of zeros right. */
#include "auth/keys.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool right)
{
    if (!right)
        abort();
}

static void check_key(const struct keyset *set, size_t i)
{
    static const char zeros[1024];
    const struct key *key = keyset_at(set, i);
    struct buf sig = BUF_INIT;
    must(!key_is_alg(key, SLICE_LIT("HS256")) && key_id(key).len <= KEY_ID_MAX);
    must(slice_is(key_issuer(key), "https://a.example/"));
    must(key_sign(key, SLICE_LIT("x"), &sig) == ERR_BAD_REQUEST);
    static const size_t lens[] = {0, 32, 64, 256, 1024};
    for (size_t n = 0; n < sizeof lens / sizeof *lens; n++)
        must(!key_verify(key, SLICE_LIT("x"), slice_of(zeros, lens[n])) ||
             key_is_alg(key, SLICE_LIT("EdDSA")));
    for (size_t j = 0; key_id(key).p && j < i; j++)
        must(!slice_eq(key_id(key), key_id(keyset_at(set, j))));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct keyset *set = keyset_new();
    struct err e = {0};
    must(set != NULL);
    int rc = keyset_add_jwks(set, slice_of((const char *)data, size), "https://a.example/", &e);
    must(rc == 0 || (rc == ERR_BAD_REQUEST && e.detail[0]));
    must(rc || keyset_count(set) > 0);
    must(keyset_count(set) <= KEYSET_MAX);
    for (size_t i = 0; i < keyset_count(set); i++)
        check_key(set, i);
    keyset_unref(set);
    return 0;
}
