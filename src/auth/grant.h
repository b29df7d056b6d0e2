/* grant.h - who somebody is and what they may do: one immutable object, whatever it was made from
 * (a token's claims, a webhook's answer, a publishing key, a configuration).
 *
 * Nothing is granted that isn't said. A grant is one block of memory shared by counted reference;
 * any thread may ask it. It knows patterns and no channels, so that a channel that doesn't exist
 * and one that isn't granted are the same question with the same answer. */
#ifndef FRESHET_AUTH_GRANT_H
#define FRESHET_AUTH_GRANT_H

#include "base/err.h"
#include "base/slice.h"

#include <stddef.h>
#include <stdint.h>

#define GRANT_PATTERNS_MAX 256    /* to subscribe, and as many to publish */
#define GRANT_TEXT_MAX 256        /* bytes of a subject, a role and a token id */
#define GRANT_TTL_MAX_MS 3600000u /* of a webhook's answer */

struct grant;

enum grant_admin {
    GRANT_ADMIN_NONE,
    GRANT_ADMIN_TENANT, /* of its own tenant */
    GRANT_ADMIN_HUB     /* of the whole hub */
};

/* What a grant is made of. Borrowed during grant_new. */
struct grant_parts {
    struct slice tenant;  /* SLICE_NONE: none, which grants nothing unless any_tenant */
    struct slice subject; /* SLICE_NONE: unknown */
    struct slice jti;     /* the token's id, for revocation */
    const struct slice *subscribe, *publish; /* patterns */
    size_t subscribe_count, publish_count;
    bool any_tenant;    /* crosses the wall between tenants */
    bool admin;         /* of the hub when any_tenant, else of the tenant */
    uint64_t expiry_ms; /* unix, 0: none */
};

/* A role that a token may name, and what that adds to its claims. Borrowed. */
struct grant_role {
    const char *name; /* "*": every valid token */
    bool any_tenant, admin;
    const char *const *subscribe, *const *publish; /* patterns */
    size_t subscribe_count, publish_count;
};

/* Where the claims of a token say what: names of members, or JSON pointers (RFC 6901) when they
 * start with '/'. NULL: the default in brackets. Borrowed during the call. */
struct grant_claims {
    const char *tenant;    /* ["tenant"] a text, or a whole number, taken as its digits */
    const char *subject;   /* ["sub"] likewise */
    const char *subscribe; /* ["subscribe"] a list of patterns, or one text of them with spaces */
    const char *publish;   /* ["publish"] likewise */
    const char *role;      /* ["role"] a text or a list of texts */
    const char *admin;     /* ["admin"] true, or anything else for no */
    const struct grant_role *roles;
    size_t role_count;
};

/* A pattern: a channel name, or the start of one followed by one `*`; "*" alone is every channel.
 */
bool grant_pattern_ok(struct slice pattern);
bool grant_pattern_matches(struct slice pattern, struct slice channel);

/* Returns new in *out. 0; ERR_BAD_REQUEST with e naming what is malformed: the tenant's name, a
 * pattern, a text too long or with control characters, too many patterns; ERR_INTERNAL. */
int grant_new(const struct grant_parts *parts, struct grant **out, struct err *e);

/* Makes the grant of a verified token. claims: JSON that doc_check passed. A claim that is absent
 * grants nothing; one of a wrong kind refuses the whole token. expiry_ms: of the token.
 * Returns new in *out. 0, ERR_UNAUTHORIZED with e, ERR_INTERNAL. */
int grant_from_claims(struct slice claims, const struct grant_claims *conf, uint64_t expiry_ms,
                      struct grant **out, struct err *e);

/* Makes the grant of a webhook's answer: {"tenant","subject","subscribe":[],"publish":[],"admin",
 * "ttl"}, all but tenant optional, ttl in seconds (ttl_default_ms without it; at most
 * GRANT_TTL_MAX_MS either way). Other members are ignored. Such a grant never crosses tenants and
 * never expires by itself: ask again after *ttl_ms. Returns new in *out. 0, ERR_UNAUTHORIZED with
 * e, ERR_INTERNAL. */
int grant_from_answer(struct slice answer, uint64_t ttl_default_ms, struct grant **out,
                      uint64_t *ttl_ms, struct err *e);

struct grant *grant_ref(struct grant *grant); /* returns grant */
void grant_unref(struct grant *grant);        /* NULL is fine */

/* The two questions. Names that are no names are not granted. A NULL grant grants nothing. */
bool grant_may_subscribe(const struct grant *grant, struct slice tenant, struct slice channel);
bool grant_may_publish(const struct grant *grant, struct slice tenant, struct slice channel);

/* True when the grant reaches into that tenant at all. */
bool grant_has_tenant(const struct grant *grant, struct slice tenant);

/* What it may see and do as an administrator of that tenant; SLICE_NONE asks for the whole hub. */
bool grant_may_administer(const struct grant *grant, struct slice tenant);
enum grant_admin grant_admin(const struct grant *grant);

/* Borrow: valid as long as the grant. SLICE_NONE where there is none, also of a NULL grant. */
struct slice grant_tenant(const struct grant *grant);
struct slice grant_subject(const struct grant *grant);
struct slice grant_jti(const struct grant *grant);
bool grant_any_tenant(const struct grant *grant);
uint64_t grant_expiry_ms(const struct grant *grant);

/* Walks the patterns to subscribe (for what a client may be told about itself). Borrows. */
size_t grant_subscribe_count(const struct grant *grant);
struct slice grant_subscribe_at(const struct grant *grant, size_t i);

#endif
