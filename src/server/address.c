/* address.c - how many streams one address and one user has, and how fast one publisher publishes,
 * where that is limited. */
#include "server/inside.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <sys/socket.h>

struct slice address_of(int fd, char text[ADDRESS_TEXT])
{
    struct sockaddr_storage peer;
    socklen_t len = sizeof peer;
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)&peer;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&peer;
    const void *from = NULL;
    int family = AF_INET;
    if (getpeername(fd, (struct sockaddr *)&peer, &len))
        return SLICE_NONE;
    if (peer.ss_family == AF_INET) {
        from = &v4->sin_addr;
    } else if (peer.ss_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr)) {
        from = v6->sin6_addr.s6_addr + 12;
    } else if (peer.ss_family == AF_INET6) {
        from = &v6->sin6_addr;
        family = AF_INET6;
    }
    return from && inet_ntop(family, from, text, ADDRESS_TEXT) ? slice_str(text) : SLICE_NONE;
}

/* Counts one more under that name in a map of the server's. */
static int enter(struct server *s, struct map *map, struct slice name, uint64_t max,
                 struct tenant_use **out)
{
    int rc = ERR_OVERLOADED;
    pthread_mutex_lock(&s->tenants_lock);
    struct tenant_use *use = map_get(map, name);
    if (!use && (use = calloc(1, sizeof *use + name.len + 1))) {
        use->len = name.len;
        memcpy(use->name, name.p, name.len);
        if (map_put(map, slice_of(use->name, use->len), use)) {
            free(use);
            use = NULL;
        }
    }
    if (use)
        rc = (uint64_t)atomic_load(&use->streams) < max ? 0 : ERR_TOO_MANY_CONNECTIONS;
    if (use && !rc) {
        atomic_fetch_add(&use->streams, 1);
        *out = use;
    }
    pthread_mutex_unlock(&s->tenants_lock);
    return rc;
}

static void leave(struct server *s, struct map *map, struct tenant_use *use)
{
    if (!use)
        return;
    pthread_mutex_lock(&s->tenants_lock);
    if (atomic_fetch_sub(&use->streams, 1) == 1) {
        map_remove(map, slice_of(use->name, use->len));
        free(use);
    }
    pthread_mutex_unlock(&s->tenants_lock);
}

int address_enter(struct server *s, int fd, uint64_t max, struct tenant_use **out)
{
    char text[ADDRESS_TEXT];
    *out = NULL;
    if (!max)
        return 0;
    struct slice address = address_of(fd, text);
    return address.p ? enter(s, &s->addresses, address, max, out) : 0;
}

void address_leave(struct server *s, struct tenant_use *use)
{
    leave(s, &s->addresses, use);
}

/* Names that join to the same text are told apart by the NUL between them. */
struct slice user_name(struct slice tenant, struct slice subject, char text[USER_TEXT])
{
    if (!subject.len || tenant.len + 1 + subject.len > USER_TEXT)
        return SLICE_NONE;
    if (tenant.len)
        memcpy(text, tenant.p, tenant.len);
    text[tenant.len] = 0;
    memcpy(text + tenant.len + 1, subject.p, subject.len);
    return slice_of(text, tenant.len + 1 + subject.len);
}

int user_enter(struct server *s, struct slice user, uint64_t max, struct tenant_use **out)
{
    *out = NULL;
    return max && user.p ? enter(s, &s->users, user, max, out) : 0;
}

void user_leave(struct server *s, struct tenant_use *use)
{
    leave(s, &s->users, use);
}

/* ---- publishers ---- */

struct publisher_use {
    struct quota quota;
    size_t len;
    char name[];
};

/* Those whose bucket is full again need not be remembered. */
static void sweep(struct server *s, uint64_t now_ms)
{
    size_t at = 0;
    struct slice name;
    void *value;
    if (now_ms < s->publishers_sweep_ms)
        return;
    s->publishers_sweep_ms = now_ms + 60000;
    while (map_next(&s->publishers, &at, &name, &value)) {
        struct publisher_use *use = value;
        uint64_t missing = use->quota.burst * 1000 - use->quota.milli;
        if ((now_ms - use->quota.at_ms) * use->quota.per_second < missing)
            continue;
        map_remove(&s->publishers, name);
        free(use);
        at = 0; /* removing moves entries */
    }
}

bool publisher_take(struct worker *w, struct slice user, uint64_t events, uint64_t *wait_ms)
{
    struct server *s = w->s;
    uint64_t now_ms = w->mono_ms;
    const struct opt_limits *o = &w->conf->opts->limits;
    bool may = true;
    *wait_ms = 1000;
    if (!o->publisher_per_second || !user.p)
        return true;
    pthread_mutex_lock(&s->tenants_lock);
    sweep(s, now_ms);
    struct publisher_use *use = map_get(&s->publishers, user);
    if (!use && (use = calloc(1, sizeof *use + user.len))) {
        use->len = user.len;
        memcpy(use->name, user.p, user.len);
        quota_init(&use->quota, o->publisher_per_second, o->publisher_burst, now_ms);
        if (map_put(&s->publishers, slice_of(use->name, use->len), use)) {
            free(use);
            use = NULL;
        }
    }
    if (use && (use->quota.per_second != o->publisher_per_second ||
                use->quota.burst != o->publisher_burst)) /* by a reload */
        quota_change(&use->quota, o->publisher_per_second, o->publisher_burst, now_ms);
    may = use && quota_take(&use->quota, events, now_ms, wait_ms);
    pthread_mutex_unlock(&s->tenants_lock);
    return may;
}

void publishers_use_free(struct server *s)
{
    size_t at = 0;
    void *value;
    while (map_next(&s->publishers, &at, NULL, &value))
        free(value);
    map_fini(&s->publishers);
}
