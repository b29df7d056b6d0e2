/* publisher.h - publishing keys: how servers, which have no user and no token, publish.
 *
 * A key is a random text (publisher_mint makes one of 256 bits); the configuration holds only its
 * SHA-256. A plain hash is enough because the key is random: there is no dictionary to try against
 * 128 bits or more. It would not be enough for a password, so don't use one.
 *
 * A set is built by one thread, doesn't change afterwards, and is shared by counted reference with
 * any thread. Revoking a key is building a new set without it. */
#ifndef FRESHET_AUTH_PUBLISHER_H
#define FRESHET_AUTH_PUBLISHER_H

#include "auth/grant.h"

#define PUBLISHERS_MAX 1024
#define PUBLISHER_HASH_TEXT 65 /* 64 hex digits and a NUL */
#define PUBLISHER_KEY_TEXT 48  /* what publisher_mint writes, with a NUL */
#define PUBLISHER_KEY_MAX 512  /* bytes of a presented key */

struct publishers;

/* Borrowed during publishers_add. */
struct publisher_conf {
    const char *name;            /* who publishes: the subject of the grant, and in logs */
    const char *secret_hash;     /* SHA-256 of the key, 64 hex digits, "sha256:" before it or not */
    const char *tenant;          /* the one tenant, or "*" for all */
    const char *const *channels; /* patterns (grant.h); none: publishes nowhere */
    size_t channel_count;
};

/* Returns new, empty, one reference; NULL for no memory. */
struct publishers *publishers_new(void);
struct publishers *publishers_ref(struct publishers *set);
void publishers_unref(struct publishers *set); /* NULL is fine */

/* Adds one. 0; ERR_BAD_REQUEST with e naming the publisher and what is wrong with it: the hash's
 * form, the tenant, a pattern, a name or hash that is there already; ERR_INTERNAL. */
int publishers_add(struct publishers *set, const struct publisher_conf *conf, struct err *e);

/* The grant of whoever presents this key, NULL for a key that isn't known: to publish on its
 * channels, nothing else. Takes the same time whichever key matches, or none. Borrows: valid as
 * long as the set; grant_ref to keep it. */
struct grant *publishers_find(const struct publishers *set, struct slice key);

size_t publishers_count(const struct publishers *set);

/* The hash of a key, as secret_hash wants it. False when there is no memory. */
bool publisher_hash(struct slice key, char out[PUBLISHER_HASH_TEXT]);

/* Writes a new random key: "fpk_" and 43 characters. */
void publisher_mint(char out[PUBLISHER_KEY_TEXT]);

#endif
