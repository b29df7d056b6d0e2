/* address.c - how many streams come from one address, where that is limited. */
#include "server/inside.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <sys/socket.h>

/* The peer's address without its port; an IPv4 address that came in over IPv6 is the same. */
static struct slice address_of(int fd, char text[INET6_ADDRSTRLEN])
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
    return from && inet_ntop(family, from, text, INET6_ADDRSTRLEN) ? slice_str(text) : SLICE_NONE;
}

int address_enter(struct server *s, int fd, uint64_t max, struct tenant_use **out)
{
    char text[INET6_ADDRSTRLEN];
    int rc = ERR_OVERLOADED;
    *out = NULL;
    if (!max)
        return 0;
    struct slice address = address_of(fd, text);
    if (!address.p)
        return 0;
    pthread_mutex_lock(&s->tenants_lock);
    struct tenant_use *use = map_get(&s->addresses, address);
    if (!use && (use = calloc(1, sizeof *use + address.len + 1))) {
        use->len = address.len;
        memcpy(use->name, address.p, address.len);
        if (map_put(&s->addresses, address, use)) {
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

void address_leave(struct server *s, struct tenant_use *use)
{
    if (!use)
        return;
    pthread_mutex_lock(&s->tenants_lock);
    if (atomic_fetch_sub(&use->streams, 1) == 1) {
        map_remove(&s->addresses, slice_of(use->name, use->len));
        free(use);
    }
    pthread_mutex_unlock(&s->tenants_lock);
}
