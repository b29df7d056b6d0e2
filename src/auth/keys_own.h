/* keys_own.h - what keys.c, jwk.c and key_sign.c share; nobody else includes it. */
#ifndef FRESHET_AUTH_KEYS_OWN_H
#define FRESHET_AUTH_KEYS_OWN_H

#include "auth/keys.h"

#include <openssl/evp.h>
#include <stdatomic.h>

struct key {
    atomic_uint refs;
    enum key_alg alg;
    bool can_sign;
    EVP_PKEY *pkey;        /* NULL for HS256 */
    unsigned char *secret; /* HS256 */
    size_t secret_len;
    char *name, *kid, *issuer; /* NULL where there is none */
};

/* Returns new with one reference and nothing in it, NULL for no memory. */
struct key *key_new(enum key_alg alg);

/* Takes the reference, also when it fails. */
int keyset_put(struct keyset *set, struct key *key, struct err *e);

/* The algorithm an asymmetric key has by its kind: true and *alg, false for a kind, curve or size
 * that isn't taken. why gets what is wrong with it. */
bool key_alg_of(EVP_PKEY *pkey, enum key_alg *alg, const char **why);

#endif
