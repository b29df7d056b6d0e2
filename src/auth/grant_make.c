/* Grants from what others say: the claims of a token, the answer of a webhook. */
#include "auth/doc.h"
#include "auth/grant.h"
#include "base/buf.h"
#include "json/scan.h"

#include <stdlib.h>

/* A stretch of draft.texts: a pointer would not survive its growth. */
struct range {
    size_t at, len;
};

struct ranges {
    size_t count;
    struct range at[GRANT_PATTERNS_MAX];
};

/* A grant being put together. */
struct draft {
    struct buf texts;
    struct range tenant, subject, jti; /* len 0: none */
    struct ranges subscribe, publish;
    bool any_tenant, admin;
};

static int refuse(struct err *e, const char *what)
{
    return err_set(e, ERR_UNAUTHORIZED, "%s", what);
}

static int no_memory(struct err *e)
{
    return err_set(e, ERR_INTERNAL, "no memory");
}

/* A name or an id: a text, or a whole number not below 0, taken as its digits. Null is none. */
static int read_id(struct draft *d, struct slice value, struct range *out, struct err *e)
{
    out->at = d->texts.len;
    uint64_t number;
    if (json_kind(value) == JSON_NUMBER && json_u64(value, UINT64_MAX, &number))
        buf_add_u64(&d->texts, number);
    else if (json_kind(value) != JSON_NULL && doc_text(value, &d->texts) == ERR_BAD_REQUEST)
        return refuse(e, "the tenant, subject or jti is neither a text nor a whole number");
    if (d->texts.failed)
        return no_memory(e);
    out->len = d->texts.len - out->at;
    return 0;
}

static int add_pattern(struct draft *d, struct ranges *list, size_t at, struct err *e)
{
    if (d->texts.failed)
        return no_memory(e);
    if (list->count == GRANT_PATTERNS_MAX)
        return refuse(e, "more than 256 channel patterns");
    list->at[list->count++] = (struct range){at, d->texts.len - at};
    return 0;
}

/* Patterns in one text with spaces between, as OAuth has its scopes (RFC 6749 section 3.3). */
static int add_words(struct draft *d, struct ranges *list, struct slice value, struct err *e)
{
    struct buf text = BUF_INIT;
    int rc = doc_text(value, &text) ? no_memory(e) : 0;
    struct slice rest = buf_slice(&text);
    while (!rc && rest.len) {
        struct slice word = slice_cut(&rest, ' ');
        size_t at = d->texts.len;
        buf_add_slice(&d->texts, word);
        rc = word.len ? add_pattern(d, list, at, e) : 0;
    }
    buf_fini(&text);
    return rc;
}

static int read_patterns(struct draft *d, struct ranges *list, struct slice value, bool words,
                         struct err *e)
{
    if (words && json_kind(value) == JSON_STRING)
        return add_words(d, list, value, e);
    if (json_kind(value) != JSON_ARRAY)
        return refuse(e, "the channel patterns are not a list of texts");
    struct json_iter it = json_iter(value);
    for (struct slice one; json_element(&it, &one);) {
        size_t at = d->texts.len;
        if (doc_text(one, &d->texts) == ERR_BAD_REQUEST)
            return refuse(e, "the channel patterns are not a list of texts");
        int rc = add_pattern(d, list, at, e);
        if (rc)
            return rc;
    }
    return 0;
}

static int add_list(struct draft *d, struct ranges *list, const char *const *patterns, size_t count,
                    struct err *e)
{
    for (size_t i = 0; i < count; i++) {
        size_t at = d->texts.len;
        buf_add_str(&d->texts, patterns[i]);
        int rc = add_pattern(d, list, at, e);
        if (rc)
            return rc;
    }
    return 0;
}

/* Adds what the roles of that name grant. */
static int apply_role(struct draft *d, const struct grant_claims *conf, struct slice name,
                      struct err *e)
{
    for (size_t i = 0; i < conf->role_count; i++) {
        const struct grant_role *role = &conf->roles[i];
        if (!slice_is(name, role->name))
            continue;
        d->any_tenant |= role->any_tenant;
        d->admin |= role->admin;
        int rc = add_list(d, &d->subscribe, role->subscribe, role->subscribe_count, e);
        if (!rc)
            rc = add_list(d, &d->publish, role->publish, role->publish_count, e);
        if (rc)
            return rc;
    }
    return 0;
}

static int read_role(struct draft *d, const struct grant_claims *conf, struct slice value,
                     struct err *e)
{
    struct buf name = BUF_INIT;
    int rc = doc_text(value, &name);
    if (rc == ERR_BAD_REQUEST)
        rc = refuse(e, "the role is neither a text nor a list of texts");
    else if (rc)
        rc = no_memory(e);
    else
        rc = apply_role(d, conf, buf_slice(&name), e);
    buf_fini(&name);
    return rc;
}

static int read_roles(struct draft *d, const struct grant_claims *conf, struct slice value,
                      struct err *e)
{
    if (json_kind(value) != JSON_ARRAY)
        return read_role(d, conf, value, e);
    struct json_iter it = json_iter(value);
    int rc = 0;
    for (struct slice one; !rc && json_element(&it, &one);)
        rc = read_role(d, conf, one, e);
    return rc;
}

static struct slice text_of(const struct draft *d, struct range r)
{
    return r.len ? slice_of(d->texts.p + r.at, r.len) : SLICE_NONE;
}

/* Turns the draft into a grant. What grant_new finds malformed came in the token or the answer. */
static int finish(const struct draft *d, uint64_t expiry_ms, struct grant **out, struct err *e)
{
    struct slice patterns[2 * GRANT_PATTERNS_MAX];
    for (size_t i = 0; i < d->subscribe.count; i++)
        patterns[i] = text_of(d, d->subscribe.at[i]);
    for (size_t i = 0; i < d->publish.count; i++)
        patterns[d->subscribe.count + i] = text_of(d, d->publish.at[i]);
    struct grant_parts parts = {
        .tenant = text_of(d, d->tenant),
        .subject = text_of(d, d->subject),
        .jti = text_of(d, d->jti),
        .subscribe = patterns,
        .subscribe_count = d->subscribe.count,
        .publish = patterns + d->subscribe.count,
        .publish_count = d->publish.count,
        .any_tenant = d->any_tenant,
        .admin = d->admin,
        .expiry_ms = expiry_ms,
    };
    int rc = grant_new(&parts, out, e);
    if (rc != ERR_BAD_REQUEST)
        return rc;
    if (e)
        e->code = ERR_UNAUTHORIZED;
    return ERR_UNAUTHORIZED;
}

static const char *or_default(const char *path, const char *name)
{
    return path ? path : name;
}

static int read_claims(struct draft *d, struct slice claims, const struct grant_claims *conf,
                       struct err *e)
{
    struct slice value;
    int rc = 0;
    if (doc_find(claims, or_default(conf->tenant, "tenant"), &value))
        rc = read_id(d, value, &d->tenant, e);
    if (!rc && doc_find(claims, or_default(conf->subject, "sub"), &value))
        rc = read_id(d, value, &d->subject, e);
    if (!rc && doc_find(claims, "jti", &value))
        rc = read_id(d, value, &d->jti, e);
    if (!rc && doc_find(claims, or_default(conf->subscribe, "subscribe"), &value))
        rc = read_patterns(d, &d->subscribe, value, true, e);
    if (!rc && doc_find(claims, or_default(conf->publish, "publish"), &value))
        rc = read_patterns(d, &d->publish, value, true, e);
    if (doc_find(claims, or_default(conf->admin, "admin"), &value))
        d->admin = json_kind(value) == JSON_TRUE;
    if (!rc && doc_find(claims, or_default(conf->role, "role"), &value))
        rc = read_roles(d, conf, value, e);
    return rc ? rc : apply_role(d, conf, SLICE_LIT("*"), e);
}

int grant_from_claims(struct slice claims, const struct grant_claims *conf, uint64_t expiry_ms,
                      struct grant **out, struct err *e)
{
    *out = NULL;
    struct draft *d = calloc(1, sizeof *d);
    if (!d)
        return no_memory(e);
    int rc = read_claims(d, claims, conf, e);
    if (!rc)
        rc = finish(d, expiry_ms, out, e);
    buf_fini(&d->texts);
    free(d);
    return rc;
}

/* *ttl_ms: the default when it comes in. */
static int read_ttl(struct slice answer, uint64_t *ttl_ms, struct err *e)
{
    struct slice value;
    uint64_t seconds;
    if (doc_find(answer, "ttl", &value)) {
        if (!json_u64(value, UINT64_MAX, &seconds))
            return refuse(e, "ttl is not a whole number of seconds");
        *ttl_ms = seconds < GRANT_TTL_MAX_MS / 1000 ? seconds * 1000 : GRANT_TTL_MAX_MS;
    }
    *ttl_ms = *ttl_ms < GRANT_TTL_MAX_MS ? *ttl_ms : GRANT_TTL_MAX_MS;
    return 0;
}

static int read_answer(struct draft *d, struct slice answer, struct err *e)
{
    struct slice value;
    int rc;
    if (!doc_find(answer, "tenant", &value))
        return refuse(e, "the answer names no tenant");
    rc = read_id(d, value, &d->tenant, e);
    if (!rc && !d->tenant.len)
        rc = refuse(e, "the answer names no tenant");
    if (!rc && doc_find(answer, "subject", &value))
        rc = read_id(d, value, &d->subject, e);
    if (!rc && doc_find(answer, "subscribe", &value))
        rc = read_patterns(d, &d->subscribe, value, false, e);
    if (!rc && doc_find(answer, "publish", &value))
        rc = read_patterns(d, &d->publish, value, false, e);
    if (!rc && doc_find(answer, "admin", &value)) {
        d->admin = json_kind(value) == JSON_TRUE;
        if (!d->admin && json_kind(value) != JSON_FALSE)
            rc = refuse(e, "admin is neither true nor false");
    }
    return rc;
}

int grant_from_answer(struct slice answer, uint64_t ttl_default_ms, struct grant **out,
                      uint64_t *ttl_ms, struct err *e)
{
    *out = NULL;
    *ttl_ms = ttl_default_ms;
    if (doc_check(answer, 65536))
        return refuse(e, "the answer is not one small JSON object");
    struct draft *d = calloc(1, sizeof *d);
    if (!d)
        return no_memory(e);
    int rc = read_answer(d, answer, e);
    if (!rc)
        rc = read_ttl(answer, ttl_ms, e);
    if (!rc)
        rc = finish(d, 0, out, e);
    buf_fini(&d->texts);
    free(d);
    return rc;
}
