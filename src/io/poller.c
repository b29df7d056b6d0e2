#include "io/poller.h"

#include <unistd.h>

static uint32_t wanted(unsigned events)
{
    return (events & POLLER_IN ? (uint32_t)EPOLLIN : 0) |
           (events & POLLER_OUT ? (uint32_t)EPOLLOUT : 0);
}

static unsigned happened(uint32_t events)
{
    /* a hang-up is read as the end of the stream */
    return (events & (EPOLLIN | EPOLLHUP | EPOLLRDHUP) ? (unsigned)POLLER_IN : 0) |
           (events & EPOLLOUT ? (unsigned)POLLER_OUT : 0) |
           (events & EPOLLERR ? (unsigned)POLLER_BROKEN : 0);
}

/* One batch: what is still ready wakes the outer loop again, after what else it has to do. */
static void on_outer(uv_poll_t *outer, int status, int events)
{
    struct poller *p = outer->data;
    (void)status;
    (void)events;
    p->count = epoll_wait(p->fd, p->batch, POLLER_BATCH, 0);
    for (p->at = 0; p->at < p->count; p->at++) {
        const struct epoll_event *e = &p->batch[p->at];
        if (e->data.ptr)
            p->ready(e->data.ptr, happened(e->events));
    }
    p->count = 0;
}

int poller_init(struct poller *p, uv_loop_t *loop, void (*ready)(void *data, unsigned events))
{
    p->ready = ready;
    p->at = p->count = 0;
    p->fd = epoll_create1(EPOLL_CLOEXEC);
    if (p->fd < 0)
        return -1;
    if (uv_poll_init(loop, &p->outer, p->fd)) {
        close(p->fd);
        return -1;
    }
    p->outer.data = p;
    return uv_poll_start(&p->outer, UV_READABLE, on_outer) ? -1 : 0;
}

void poller_close(struct poller *p, uv_close_cb closed_cb)
{
    uv_poll_stop(&p->outer);
    uv_close((uv_handle_t *)&p->outer, closed_cb);
    close(p->fd);
}

int poller_add(struct poller *p, int fd, unsigned events, void *data)
{
    struct epoll_event e = {.events = wanted(events), .data.ptr = data};
    return epoll_ctl(p->fd, EPOLL_CTL_ADD, fd, &e);
}

void poller_change(struct poller *p, int fd, unsigned before, unsigned events, void *data)
{
    struct epoll_event e = {.events = wanted(events), .data.ptr = data};
    /* a hang-up is told whatever is asked for, so nothing means not being in the set */
    int how = !events ? EPOLL_CTL_DEL : before ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
    epoll_ctl(p->fd, how, fd, &e);
}

void poller_forget(struct poller *p, const void *data)
{
    for (int i = p->at + 1; i < p->count; i++)
        if (p->batch[i].data.ptr == data)
            p->batch[i].data.ptr = NULL;
}
