/* keys.h - the keys that tokens are signed with: from the configuration, from files and the
 * environment, from JWKS documents (RFC 7517).
 *
 * Each key has one algorithm for good; a token never chooses it. A set is built by one thread and
 * doesn't change afterwards; then any thread may use it, by counted reference. Sets share keys.
 * Never prints or logs a secret; wipes what it read. Reads files only in keyset_add and
 * keys_read_file. */
#ifndef FRESHET_AUTH_KEYS_H
#define FRESHET_AUTH_KEYS_H

#include "base/buf.h"
#include "base/err.h"

#include <stdint.h>

enum key_alg { KEY_HS256, KEY_RS256, KEY_ES256, KEY_EDDSA };

#define KEYSET_MAX 64       /* keys in a set */
#define KEYS_DOC_MAX 262144 /* bytes of a JWKS document or key file */
#define KEY_ID_MAX 256      /* bytes of a key id */
#define KEY_SECRET_MIN 32   /* bytes of an HS256 secret, RFC 7518 section 3.2 */
#define KEY_RSA_BITS_MIN 2048
#define KEY_RSA_BITS_MAX 8192

struct key;
struct keyset;

/* One configured key. Texts are borrowed during keyset_add, NULL where not given. Exactly one of
 * secret, secret_file, secret_env, pem, pem_file. */
struct key_conf {
    const char *name;        /* for messages; also what keyset_signer looks for */
    const char *kid;         /* the `kid` of its tokens; NULL: tokens with any, or none */
    const char *algorithm;   /* HS256, RS256, ES256, EdDSA; NULL: HS256 for a secret, else what the
                                PEM key is */
    const char *issuer;      /* this key vouches only for tokens with this `iss`; NULL: for any */
    const char *secret;      /* text */
    const char *secret_file; /* its whole content, less one line end */
    const char *secret_env;  /* the name of an environment variable */
    const char *pem;         /* PUBLIC KEY, or PRIVATE KEY to sign with as well */
    const char *pem_file;
    bool allow_short_secret; /* secrets of 1 to 31 bytes; for trying out only */
};

/* Returns new, empty, one reference; NULL for no memory. */
struct keyset *keyset_new(void);
struct keyset *keyset_ref(struct keyset *set);
void keyset_unref(struct keyset *set); /* NULL is fine */

/* Adds a configured key. 0; ERR_BAD_REQUEST with e saying what is wrong with which key: unknown
 * algorithm, a short or empty secret, a PEM text as a secret, an RSA key under 2048 bits, a curve
 * other than P-256, a key that isn't of the algorithm; ERR_INTERNAL for no memory. */
int keyset_add(struct keyset *set, const struct key_conf *conf, struct err *e);

/* Adds the usable keys of a JWK Set. A JWK without `alg` has the one of its kind: RSA RS256, P-256
 * ES256, Ed25519 EdDSA. Skipped (RFC 7517 section 5): `oct` and other kinds, an `alg` that isn't of
 * the kind, `use` other than sig, `key_ops` without verify, keys with a private part, RSA keys
 * under 2048 bits, points not on the curve, a `kid` that an earlier key of the document has.
 * issuer: as in key_conf; borrowed.
 * 0; ERR_BAD_REQUEST when the document is malformed or no key in it is usable (the set may have
 * got none or some of them: drop it); ERR_INTERNAL for no memory. */
int keyset_add_jwks(struct keyset *set, struct slice document, const char *issuer, struct err *e);

/* Adds references to all keys of `from`. 0, or ERR_BAD_REQUEST when that is more than KEYSET_MAX.
 */
int keyset_add_all(struct keyset *set, const struct keyset *from, struct err *e);

size_t keyset_count(const struct keyset *set);

/* Keeps a key longer than its set. key_unref takes NULL. */
struct key *key_ref(const struct key *key);
void key_unref(struct key *key);

/* True when the set has this very key: what it verifies, whatever it is called. */
bool keyset_holds(const struct keyset *set, const struct key *key);

/* Borrow: valid as long as the set. i below keyset_count. */
const struct key *keyset_at(const struct keyset *set, size_t i);

/* The first key that can sign, of that name where name isn't NULL; NULL when there is none. */
const struct key *keyset_signer(const struct keyset *set, const char *name);

struct slice key_id(const struct key *key);      /* SLICE_NONE without */
struct slice key_issuer(const struct key *key);  /* SLICE_NONE without */
const char *key_alg_name(const struct key *key); /* as in the `alg` of a token */

/* True and *alg for the name of a supported algorithm, to the byte. */
bool key_alg_named(struct slice name, enum key_alg *alg);

/* True when `alg`, out of a token, names this key's algorithm ("Ed25519" is EdDSA's newer name,
 * RFC 9864). */
bool key_is_alg(const struct key *key, struct slice alg);

/* True when sig is this key's signature of text, as RFC 7518 section 3 and RFC 8037 have it; the
 * HMAC is compared in constant time. Any thread. */
bool key_verify(const struct key *key, struct slice text, struct slice sig);

/* Appends the signature of text. 0, ERR_BAD_REQUEST for a key that can't sign, ERR_INTERNAL. */
int key_sign(const struct key *key, struct slice text, struct buf *sig);

/* Appends a file of at most KEYS_DOC_MAX bytes. 0, ERR_BAD_REQUEST with e naming the path. */
int keys_read_file(const char *path, struct buf *out, struct err *e);

#endif
