/* jwt.h - signed tokens: compact JWS (RFC 7515) holding JWT claims (RFC 7519), verified as RFC 8725
 * advises, and signed for trying out.
 *
 * The key decides the algorithm. A token's header only picks among the keys we have, and its
 * `alg` has to be the key's own. Claims are read only after the signature was found right. Pure:
 * the time is an argument; any thread. Never puts a token or a claim's value into a message. */
#ifndef FRESHET_AUTH_JWT_H
#define FRESHET_AUTH_JWT_H

#include "auth/keys.h"

#define JWT_BYTES_MAX 8192
#define JWT_LEEWAY_MAX_MS 5000
#define JWT_TRIES_MAX 8 /* keys tried for one token: a flood of tokens must stay cheap */

/* What is asked of a token besides its signature. Borrowed during the call. */
struct jwt_conf {
    const char *const *issuers; /* `iss` has to be one of them; none: any, or none */
    size_t issuer_count;
    const char *const *audiences; /* `aud` has to name one of them; none: a token must name none
                                     (RFC 7519 section 4.1.3) */
    size_t audience_count;
    uint64_t leeway_ms;   /* for clocks that differ; above JWT_LEEWAY_MAX_MS counts as that */
    bool allow_no_expiry; /* a token without `exp` is taken */
};

/* Why a token was refused: for logs and metrics; the client is told only that it was. */
enum jwt_reason {
    JWT_VALID,
    JWT_MALFORMED, /* not a compact JWS of JSON, or a claim of a wrong kind */
    JWT_TOO_LARGE,
    JWT_HEADER,      /* `crit`, an embedded key, an algorithm or type that isn't taken */
    JWT_UNKNOWN_KEY, /* no key of ours has its `kid` and `alg`: newer keys might */
    JWT_SIGNATURE,
    JWT_NO_EXPIRY,
    JWT_EXPIRED,
    JWT_NOT_YET,
    JWT_ISSUER,
    JWT_AUDIENCE,
    JWT_NO_MEMORY
};

struct jwt {
    enum jwt_reason reason;
    struct buf claims;     /* the payload: JSON that doc_check passed; valid tokens only */
    uint64_t expiry_ms;    /* unix; when `exp` is, without leeway; 0: never */
    const struct key *key; /* borrowed from the set; valid tokens only */
};

/* Verifies token. Fills *out, which jwt_fini ends in any case. Returns 0, ERR_UNAUTHORIZED, or
 * ERR_INTERNAL for no memory; e (may be NULL) says what was wrong. now_ms: unix time. */
int jwt_verify(struct slice token, const struct keyset *set, const struct jwt_conf *conf,
               uint64_t now_ms, struct jwt *out, struct err *e);

void jwt_fini(struct jwt *jwt); /* NULL is fine */

/* A word for logs and metrics, such as "expired". Static memory. */
const char *jwt_reason_name(enum jwt_reason reason);

/* Appends a token of these claims (one JSON object), signed by key. 0; ERR_BAD_REQUEST when key
 * can't sign or the token would pass JWT_BYTES_MAX; ERR_INTERNAL. */
int jwt_sign(const struct key *key, struct slice claims, struct buf *out, struct err *e);

#endif
