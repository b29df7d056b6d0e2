#define _GNU_SOURCE
#include "io/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ACCEPTS_A_TURN 64
#define BACKLOG 4096
#define NOTSENT_LOWAT (16 * 1024)
/* A peer whose host has vanished while nothing is sent to it is noticed after four minutes. What has
 * beats is never silent for so long. */
#define KEEP_IDLE_S 120
#define KEEP_EVERY_S 30
#define KEEP_COUNT 4

static void accept_crowded(struct listener *l)
{
    if (l->reserve >= 0)
        close(l->reserve);
    int fd = accept4(l->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0)
        l->crowded(l->ctx, fd);
    l->reserve = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    struct listener *l = poll->data;
    (void)status;
    (void)events;
    for (int i = 0; i < ACCEPTS_A_TURN && !l->closing; i++) {
        int fd = accept4(l->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            l->accepted(l->ctx, fd);
        } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            accept_crowded(l);
            return;
        } else if (errno != EINTR && errno != ECONNABORTED) {
            return;
        }
    }
}

static int try_listen(const struct addrinfo *ai)
{
    int one = 1, lowat = NOTSENT_LOWAT;
    int fd = socket(ai->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (ai->ai_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one);
    /* sockets inherit these from the one that they are accepted on */
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &lowat, sizeof lowat);
    int idle = KEEP_IDLE_S, every = KEEP_EVERY_S, count = KEEP_COUNT;
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &every, sizeof every);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof count);
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one);
    if (bind(fd, ai->ai_addr, ai->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0)
        return fd;
    int saved = errno;
    close(fd);
    errno = saved;
    return -1;
}

static uint16_t bound_port(int fd)
{
    struct sockaddr_storage a;
    socklen_t len = sizeof a;
    if (getsockname(fd, (struct sockaddr *)&a, &len))
        return 0;
    return a.ss_family == AF_INET6 ? ntohs(((struct sockaddr_in6 *)&a)->sin6_port)
                                   : ntohs(((struct sockaddr_in *)&a)->sin_port);
}

int listener_open(struct listener *l, uv_loop_t *loop, const char *host, uint16_t port,
                  struct err *e)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE}, *list = NULL;
    char service[8];
    snprintf(service, sizeof service, "%u", port);
    int rc = getaddrinfo(host, service, &hints, &list);
    if (rc)
        return err_set(e, ERR_BAD_REQUEST, "can't listen on %s: %s", host, gai_strerror(rc));
    l->fd = -1;
    for (struct addrinfo *ai = list; ai && l->fd < 0; ai = ai->ai_next)
        l->fd = try_listen(ai);
    int saved = errno;
    freeaddrinfo(list);
    if (l->fd < 0)
        return err_set(e, ERR_BAD_REQUEST, "can't listen on %s port %u: %s%s", host, port,
                       strerror(saved),
                       saved == EADDRINUSE ? "; choose another port with --listen" : "");
    l->port = bound_port(l->fd);
    l->closing = false;
    l->reserve = open("/dev/null", O_RDONLY | O_CLOEXEC);
    uv_poll_init(loop, &l->poll, l->fd);
    l->poll.data = l;
    uv_poll_start(&l->poll, UV_READABLE, on_readable);
    return 0;
}

void listener_close(struct listener *l, uv_close_cb closed_cb)
{
    l->closing = true;
    uv_poll_stop(&l->poll);
    uv_close((uv_handle_t *)&l->poll, closed_cb);
    close(l->fd);
    if (l->reserve >= 0)
        close(l->reserve);
}
