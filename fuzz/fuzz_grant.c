/* Webhook answers and claims. Whatever they say, a grant ends at its tenant, grants names only, and
 * never more than its patterns. */
#include "auth/doc.h"
#include "auth/grant.h"
#include "base/event.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool right)
{
    if (!right)
        abort();
}

static void check_grant(struct grant *g)
{
    struct slice tenant = grant_tenant(g);
    must(!tenant.p || name_is_tenant(tenant));
    must(grant_subject(g).len <= GRANT_TEXT_MAX && grant_jti(g).len <= GRANT_TEXT_MAX);
    must(grant_subscribe_count(g) <= GRANT_PATTERNS_MAX);
    must(!grant_may_subscribe(g, SLICE_LIT("tenant-that-no-input-names"), SLICE_LIT("trips")));
    must(!grant_may_publish(g, SLICE_NONE, SLICE_LIT("trips")));
    must(!grant_any_tenant(g) && grant_admin(g) != GRANT_ADMIN_HUB);
    must(!grant_may_administer(g, SLICE_NONE));
    bool any = false;
    for (size_t i = 0; i < grant_subscribe_count(g); i++) {
        must(grant_pattern_ok(grant_subscribe_at(g, i)));
        any |= grant_pattern_matches(grant_subscribe_at(g, i), SLICE_LIT("trips"));
    }
    must(grant_may_subscribe(g, tenant, SLICE_LIT("trips")) == (any && tenant.p));
    must(!grant_may_subscribe(g, tenant, SLICE_LIT("*")) &&
         !grant_may_subscribe(g, tenant, SLICE_NONE));
    grant_unref(grant_ref(g));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const patterns[] = {"news", "trips.*"};
    static const struct grant_role roles[] = {
        {.name = "DRIVER", .subscribe = patterns, .subscribe_count = 2},
        {.name = "*", .publish = patterns, .publish_count = 1}};
    static const struct grant_claims conf = {
        .subject = "/user/id", .roles = roles, .role_count = 2};
    struct slice text = slice_of((const char *)data, size);
    struct grant *g;
    struct err e = {0};
    uint64_t ttl_ms;
    int rc = grant_from_answer(text, 60000, &g, &ttl_ms, &e);
    must(rc == 0 || (rc == ERR_UNAUTHORIZED && !g && e.detail[0]));
    if (g) {
        must(ttl_ms <= GRANT_TTL_MAX_MS && grant_tenant(g).p != NULL);
        check_grant(g);
        grant_unref(g);
    }
    if (doc_check(text, 8192))
        return 0;
    rc = grant_from_claims(text, &conf, 1, &g, &e);
    must(rc == 0 || (rc == ERR_UNAUTHORIZED && !g && e.detail[0]));
    if (g) {
        check_grant(g);
        grant_unref(g);
    }
    return 0;
}
