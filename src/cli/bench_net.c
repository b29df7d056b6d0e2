#include "cli/bench.h"

#include "base/num.h"
#include "cli/command.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define SOURCES 250 /* loopback addresses to connect from */

uint64_t bench_now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * SECOND_NS + (uint64_t)t.tv_nsec;
}

/* Cuts "host:port", "[v6]:port" or "host". Writes into host and port; false when they don't fit. */
static bool split_host(struct slice s, char *host, size_t host_size, char *port, size_t port_size)
{
    struct slice name = s, number = SLICE_NONE;
    if (s.len && s.p[0] == '[') {
        name = slice_cut(&s, ']');
        name = slice_of(name.p + 1, name.len - 1);
        if (s.len && s.p[0] == ':')
            number = slice_of(s.p + 1, s.len - 1);
    } else {
        name = slice_cut(&s, ':');
        number = s;
    }
    if (!name.len || name.len >= host_size || number.len >= port_size)
        return false;
    memcpy(host, name.p, name.len);
    host[name.len] = 0;
    if (number.len)
        memcpy(port, number.p, number.len);
    if (number.len)
        port[number.len] = 0;
    return true;
}

static int resolve(struct bench_target *t, const char *url, const char *default_port)
{
    char host[256], port[8] = "";
    struct addrinfo hint = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM}, *found = NULL;
    if (!split_host(slice_str(t->host), host, sizeof host, port, sizeof port))
        return command_fail(BENCH_NAME, EXIT_USAGE, "%s: names no host", url);
    int rc = getaddrinfo(host, port[0] ? port : default_port, &hint, &found);
    if (rc != 0 || found->ai_addrlen > sizeof t->addr) {
        freeaddrinfo(found);
        return command_fail(BENCH_NAME, EXIT_FAILED, "%s: %s", url, gai_strerror(rc));
    }
    memcpy(&t->addr, found->ai_addr, found->ai_addrlen);
    t->addr_len = found->ai_addrlen;
    freeaddrinfo(found);
    return -1;
}

int target_init(struct bench_target *t, const char *url)
{
    *t = (struct bench_target){.redis = strncmp(url, "redis://", 8) == 0};
    if (!t->redis && strncmp(url, "http://", 7) != 0)
        return command_fail(BENCH_NAME, EXIT_USAGE,
                            "%s: only http:// and redis:// are spoken here", url);
    const char *rest = strstr(url, "://") + 3;
    size_t len = strcspn(rest, "/");
    t->path = rest[len] ? rest + len : "/";
    t->host = slice_dup(slice_of(rest, len));
    if (!t->host)
        return command_fail(BENCH_NAME, EXIT_FAILED, "out of memory");
    return resolve(t, url, t->redis ? "6379" : "80");
}

void target_fini(struct bench_target *t)
{
    free(t->host);
    t->host = NULL;
}

int target_socket(const struct bench_target *t, uint32_t index, bool blocking)
{
    int one = 1, kind = SOCK_STREAM | SOCK_CLOEXEC | (blocking ? 0 : SOCK_NONBLOCK);
    int fd = socket(t->addr.ss_family, kind, 0);
    if (fd < 0)
        return -1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    struct sockaddr_in to;
    if (t->addr.ss_family != AF_INET)
        return fd;
    memcpy(&to, &t->addr, sizeof to);
    if (ntohl(to.sin_addr.s_addr) >> 24 != 127)
        return fd;
    struct sockaddr_in from = {.sin_family = AF_INET};
    from.sin_addr.s_addr = htonl(0x7f000101u + index % SOURCES);
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
    (void)!bind(fd, (struct sockaddr *)&from, sizeof from); /* else it goes without */
    return fd;
}

static void take_field(struct answer *a, struct slice name, struct slice value)
{
    if (slice_is_nocase(name, "content-length"))
        a->has_length = num_u64(value, UINT64_MAX, &a->length);
    else if (slice_is_nocase(name, "transfer-encoding"))
        a->chunked = slice_is_nocase(value, "chunked");
    else if (slice_is_nocase(name, "connection"))
        a->close = slice_is_nocase(value, "close");
}

size_t answer_head_len(const char *p, size_t len)
{
    for (size_t at = 0; at < len;) {
        const char *lf = memchr(p + at, '\n', len - at);
        if (!lf)
            return 0;
        at = (size_t)(lf - p) + 1;
        if (at >= 4 && memcmp(p + at - 4, "\r\n\r\n", 4) == 0)
            return at;
    }
    return 0;
}

int answer_read(const char *p, size_t len, struct answer *out)
{
    size_t head = answer_head_len(p, len);
    uint64_t status;
    *out = (struct answer){0};
    if (head == 0)
        return len > 64 * 1024 ? -1 : 0;
    struct slice rest = slice_of(p, head - 4), line = slice_cut(&rest, '\n');
    if (line.len < 12 || memcmp(line.p, "HTTP/1.", 7) != 0 ||
        !num_u64(slice_of(line.p + 9, 3), 999, &status))
        return -1;
    out->status = (int)status;
    out->close = line.p[7] == '0';
    while (rest.len) {
        struct slice value = slice_cut(&rest, '\n'), name = slice_cut(&value, ':');
        if (value.len && value.p[value.len - 1] == '\r')
            value.len--;
        take_field(out, name, slice_trim(value));
    }
    return (int)head;
}
