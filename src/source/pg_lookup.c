#include "source/pg_lookup.h"

#include "base/buf.h"
#include "base/err.h"

#include <libpq-fe.h>
#include <netdb.h>
#include <stdlib.h>

#define ADDRESSES_MAX 8

struct pg_lookup {
    uv_getaddrinfo_t req;
    pg_lookup_done *done; /* NULL: cancelled */
    void *arg;
    char *host;
};

static bool is_host_name(const char *host)
{
    unsigned char address[16];
    return host && host[0] && host[0] != '/' && host[0] != '@' && !strchr(host, ',') &&
           uv_inet_pton(AF_INET, host, address) != 0 && uv_inet_pton(AF_INET6, host, address) != 0;
}

/* Returns new: the host name that libpq would look up; NULL when there is none, or no memory. */
static char *host_of(const char *conninfo)
{
    const char *host = NULL, *address = NULL, *service = NULL;
    PQconninfoOption *options = PQconninfoParse(conninfo, NULL);
    for (PQconninfoOption *o = options; o && o->keyword; o++) {
        if (strcmp(o->keyword, "host") == 0)
            host = o->val;
        else if (strcmp(o->keyword, "hostaddr") == 0)
            address = o->val;
        else if (strcmp(o->keyword, "service") == 0)
            service = o->val;
    }
    if (!address)
        address = getenv("PGHOSTADDR");
    if (!host && !service)
        host = getenv("PGHOST");
    char *copy = !address && is_host_name(host) ? slice_dup(slice_str(host)) : NULL;
    PQconninfoFree(options);
    return copy;
}

static void put_address(struct buf *hosts, struct buf *addresses, const char *host,
                        const struct addrinfo *a)
{
    char text[64];
    int rc = a->ai_family == AF_INET
                 ? uv_ip4_name((const struct sockaddr_in *)(const void *)a->ai_addr, text, 64)
             : a->ai_family == AF_INET6
                 ? uv_ip6_name((const struct sockaddr_in6 *)(const void *)a->ai_addr, text, 64)
                 : -1;
    if (rc < 0)
        return;
    buf_add_str(hosts, hosts->len ? "," : "");
    buf_add_str(hosts, host); /* repeated: it is what a certificate is checked against */
    buf_add_str(addresses, addresses->len ? "," : "");
    buf_add_str(addresses, text);
}

static void on_addresses(uv_getaddrinfo_t *req, int status, struct addrinfo *list)
{
    struct pg_lookup *l = req->data;
    struct buf hosts = BUF_INIT, addresses = BUF_INIT;
    int count = 0;
    for (const struct addrinfo *a = list; a && count < ADDRESSES_MAX; a = a->ai_next, count++)
        put_address(&hosts, &addresses, l->host, a);
    if (!l->done)
        ; /* cancelled */
    else if (status < 0)
        l->done(l->arg, NULL, NULL, uv_strerror(status));
    else if (hosts.failed || addresses.failed || !addresses.len)
        l->done(l->arg, NULL, NULL, "no address for it");
    else
        l->done(l->arg, buf_cstr(&hosts), buf_cstr(&addresses), NULL);
    buf_fini(&hosts);
    buf_fini(&addresses);
    uv_freeaddrinfo(list);
    free(l->host);
    free(l);
}

int pg_lookup_start(uv_loop_t *loop, const char *conninfo, pg_lookup_done *done, void *arg,
                    struct pg_lookup **out)
{
    char *host = host_of(conninfo);
    if (!host)
        return 1;
    struct pg_lookup *l = calloc(1, sizeof *l);
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    if (!l) {
        free(host);
        return ERR_OVERLOADED;
    }
    l->req.data = l;
    l->done = done;
    l->arg = arg;
    l->host = host;
    if (uv_getaddrinfo(loop, &l->req, on_addresses, host, NULL, &hints) < 0) {
        free(host);
        free(l);
        return 1; /* no name that can be looked up: libpq says why */
    }
    *out = l;
    return 0;
}

void pg_lookup_cancel(struct pg_lookup *l)
{
    if (!l)
        return;
    l->done = NULL;
    uv_cancel((uv_req_t *)&l->req); /* when it has not begun; else it ends by itself */
}
