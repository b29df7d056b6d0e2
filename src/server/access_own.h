/* access_own.h - what access.c (who is this), revoked.c (revocations) and guard.c (open streams)
 * share. Private to these. */
#ifndef FRESHET_SERVER_ACCESS_OWN_H
#define FRESHET_SERVER_ACCESS_OWN_H

#include "auth/fetch.h"
#include "auth/jwks.h"
#include "auth/jwt.h"
#include "auth/publisher.h"
#include "auth/webhook.h"
#include "server/access.h"

struct access_conf {
    struct keyset *keys;
    struct publishers *publishers;
    struct jwt_conf jwt;
    const char *issuer, *audience;
    struct grant_claims claims;
    struct grant_role *roles;
};

struct access {
    pthread_mutex_t lock;    /* of keys, revoked and its times */
    struct server *s;
    struct keyset *keys;     /* those of the configuration, and the issuer's */
    struct map revoked;      /* tenant, NUL, "jti:ID" or "sub:NAME" -> struct revoked */
    uint64_t next_sweep_ms;
    uint64_t tidy_ms; /* when the store is to forget what is over; 0: it has none. Locked too */
    struct fetch *fetch; /* these three: the first loop's */
    struct jwks *jwks;
    struct webhook *webhook;
    struct list asking;      /* of the first loop: who waits for the application or the issuer */
    struct list rechecking;  /* likewise, of open streams */
    struct grant *everybody; /* with dev */
};

/* True when g was revoked. issued_ms: when it was issued, or its application last asked; 0:
 * unknown: then a revoked subject stays revoked. Any thread. */
bool revoked_has(const struct worker *w, const struct grant *g, uint64_t issued_ms);
void revoked_free(struct access *a);

/* The questions of open streams that wait for a webhook's answer: the present one is asked. */
void guard_ask_anew(struct server *s);
/* The questions that will not be answered any more. After the loops. */
void guard_free_rechecks(struct access *a);

#endif
