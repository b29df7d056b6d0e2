#include "auth/grant.h"

#include "base/event.h"
#include "base/utf8.h"

#include <stdatomic.h>
#include <stdlib.h>

struct grant {
    atomic_uint refs;
    bool any_tenant, admin;
    uint64_t expiry_ms;
    struct slice tenant, subject, jti; /* into the texts behind the patterns */
    size_t subscribe_count, publish_count;
    struct slice patterns[]; /* to subscribe, then to publish; then their texts */
};

bool grant_pattern_ok(struct slice pattern)
{
    if (slice_is(pattern, "*"))
        return true;
    if (pattern.len && pattern.p[pattern.len - 1] == '*')
        pattern.len--;
    return name_is_channel(pattern);
}

bool grant_pattern_matches(struct slice pattern, struct slice channel)
{
    if (!pattern.len || pattern.p[pattern.len - 1] != '*')
        return slice_eq(pattern, channel);
    size_t start = pattern.len - 1;
    return channel.len >= start && (start == 0 || memcmp(channel.p, pattern.p, start) == 0);
}

static bool text_ok(struct slice text)
{
    return text.len <= GRANT_TEXT_MAX && utf8_is_plain(text);
}

static int check_parts(const struct grant_parts *parts, struct err *e)
{
    if (parts->tenant.p && !name_is_tenant(parts->tenant))
        return err_set(e, ERR_BAD_REQUEST, "the tenant is not 1 to 64 of A-Z a-z 0-9 _ -");
    if (!text_ok(parts->subject) || !text_ok(parts->jti))
        return err_set(e, ERR_BAD_REQUEST,
                       "the subject or the token's id is over %d bytes or has control characters",
                       GRANT_TEXT_MAX);
    if (parts->subscribe_count > GRANT_PATTERNS_MAX || parts->publish_count > GRANT_PATTERNS_MAX)
        return err_set(e, ERR_BAD_REQUEST, "more than %d channel patterns", GRANT_PATTERNS_MAX);
    for (size_t i = 0; i < parts->subscribe_count + parts->publish_count; i++) {
        struct slice pattern = i < parts->subscribe_count
                                   ? parts->subscribe[i]
                                   : parts->publish[i - parts->subscribe_count];
        if (!grant_pattern_ok(pattern))
            return err_set(e, ERR_BAD_REQUEST,
                           "channel pattern %zu is neither a channel nor the start of one and *",
                           i);
    }
    return 0;
}

/* Copies text to *at and moves on. */
static struct slice put(char **at, struct slice text)
{
    if (!text.p)
        return SLICE_NONE;
    if (text.len)
        memcpy(*at, text.p, text.len);
    struct slice copy = slice_of(*at, text.len);
    *at += text.len;
    return copy;
}

int grant_new(const struct grant_parts *parts, struct grant **out, struct err *e)
{
    *out = NULL;
    int rc = check_parts(parts, e);
    if (rc)
        return rc;
    size_t patterns = parts->subscribe_count + parts->publish_count;
    size_t texts = parts->tenant.len + parts->subject.len + parts->jti.len;
    for (size_t i = 0; i < parts->subscribe_count; i++)
        texts += parts->subscribe[i].len;
    for (size_t i = 0; i < parts->publish_count; i++)
        texts += parts->publish[i].len;
    struct grant *g = malloc(sizeof *g + patterns * sizeof g->patterns[0] + texts + 1);
    if (!g)
        return err_set(e, ERR_INTERNAL, "no memory");
    atomic_init(&g->refs, 1);
    g->any_tenant = parts->any_tenant;
    g->admin = parts->admin;
    g->expiry_ms = parts->expiry_ms;
    g->subscribe_count = parts->subscribe_count;
    g->publish_count = parts->publish_count;
    char *at = (char *)&g->patterns[patterns];
    g->tenant = put(&at, parts->tenant);
    g->subject = put(&at, parts->subject);
    g->jti = put(&at, parts->jti);
    for (size_t i = 0; i < parts->subscribe_count; i++)
        g->patterns[i] = put(&at, parts->subscribe[i]);
    for (size_t i = 0; i < parts->publish_count; i++)
        g->patterns[parts->subscribe_count + i] = put(&at, parts->publish[i]);
    *out = g;
    return 0;
}

struct grant *grant_ref(struct grant *grant)
{
    atomic_fetch_add_explicit(&grant->refs, 1, memory_order_relaxed);
    return grant;
}

void grant_unref(struct grant *grant)
{
    if (grant && atomic_fetch_sub_explicit(&grant->refs, 1, memory_order_acq_rel) == 1)
        free(grant);
}

bool grant_has_tenant(const struct grant *grant, struct slice tenant)
{
    return grant && name_is_tenant(tenant) &&
           (grant->any_tenant || (grant->tenant.p && slice_eq(grant->tenant, tenant)));
}

static bool may(const struct grant *grant, struct slice tenant, struct slice channel,
                const struct slice *patterns, size_t count)
{
    /* All is asked in any case: a refusal takes as long whatever it is for. */
    bool found = false, named = name_is_channel(channel), reached = grant_has_tenant(grant, tenant);
    for (size_t i = 0; i < count; i++)
        found |= grant_pattern_matches(patterns[i], channel);
    return found && named && reached;
}

bool grant_may_subscribe(const struct grant *grant, struct slice tenant, struct slice channel)
{
    return grant && may(grant, tenant, channel, grant->patterns, grant->subscribe_count);
}

bool grant_may_publish(const struct grant *grant, struct slice tenant, struct slice channel)
{
    return grant && may(grant, tenant, channel, grant->patterns + grant->subscribe_count,
                        grant->publish_count);
}

enum grant_admin grant_admin(const struct grant *grant)
{
    if (!grant || !grant->admin)
        return GRANT_ADMIN_NONE;
    return grant->any_tenant ? GRANT_ADMIN_HUB
           : grant->tenant.p ? GRANT_ADMIN_TENANT
                             : GRANT_ADMIN_NONE;
}

bool grant_may_administer(const struct grant *grant, struct slice tenant)
{
    enum grant_admin admin = grant_admin(grant);
    return admin == GRANT_ADMIN_HUB ||
           (admin == GRANT_ADMIN_TENANT && slice_eq(grant->tenant, tenant));
}

struct slice grant_tenant(const struct grant *grant)
{
    return grant ? grant->tenant : SLICE_NONE;
}

struct slice grant_subject(const struct grant *grant)
{
    return grant ? grant->subject : SLICE_NONE;
}

struct slice grant_jti(const struct grant *grant)
{
    return grant ? grant->jti : SLICE_NONE;
}

bool grant_any_tenant(const struct grant *grant)
{
    return grant->any_tenant;
}

uint64_t grant_expiry_ms(const struct grant *grant)
{
    return grant->expiry_ms;
}

size_t grant_subscribe_count(const struct grant *grant)
{
    return grant->subscribe_count;
}

struct slice grant_subscribe_at(const struct grant *grant, size_t i)
{
    return grant->patterns[i];
}
