#include "io/transport.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

static bool would_wait(void)
{
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR || errno == ENOBUFS;
}

static ssize_t plain_read(struct transport *t, void *p, size_t len)
{
    ssize_t n = recv(t->fd, p, len, 0);
    if (n >= 0)
        return n;
    return would_wait() ? -1 : -2;
}

static ssize_t plain_write(struct transport *t, const struct iovec *iov, int count)
{
    ssize_t n;
    if (count == 1) {
        n = send(t->fd, iov->iov_base, iov->iov_len, MSG_NOSIGNAL);
    } else {
        struct msghdr m = {.msg_iov = (struct iovec *)(uintptr_t)iov, .msg_iovlen = (size_t)count};
        n = sendmsg(t->fd, &m, MSG_NOSIGNAL);
    }
    if (n >= 0)
        return n;
    return would_wait() ? 0 : -1;
}

static bool plain_alive(struct transport *t, uint32_t silent_ms)
{
    struct tcp_info info;
    socklen_t len = sizeof info;
    if (getsockopt(t->fd, IPPROTO_TCP, TCP_INFO, &info, &len) < 0)
        return true; /* not TCP */
    return info.tcpi_unacked == 0 || info.tcpi_last_ack_recv < silent_ms;
}

static void plain_end(struct transport *t)
{
    shutdown(t->fd, SHUT_WR);
}

static void plain_close(struct transport *t)
{
    close(t->fd);
    t->fd = -1;
}

void transport_plain(struct transport *t, int fd)
{
    static const struct transport_ops ops = {plain_read, plain_write, plain_alive, plain_end,
                                             plain_close};
    *t = (struct transport){&ops, fd};
}
