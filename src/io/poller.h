/* poller.h - readiness of many descriptors for one loop: an epoll set of our own inside libuv's, so
 * that a descriptor costs a word of its owner's and not a handle of 160 bytes, and no system call
 * when it closes. The loop's thread. */
#ifndef FRESHET_IO_POLLER_H
#define FRESHET_IO_POLLER_H

#include <stdbool.h>
#include <sys/epoll.h>
#include <uv.h>

#define POLLER_BATCH 256

enum { POLLER_IN = 1, POLLER_OUT = 2, POLLER_BROKEN = 4 };

struct poller {
    uv_poll_t outer;
    int fd;
    /* data: as it was added; events: of POLLER_*, BROKEN with whatever else there is. */
    void (*ready)(void *data, unsigned events);
    struct epoll_event batch[POLLER_BATCH];
    int at, count; /* in the batch, while it is worked through */
};

/* 0, or -1 when the kernel has no room. The memory is the caller's. */
int poller_init(struct poller *p, uv_loop_t *loop, void (*ready)(void *data, unsigned events));

/* Ends it; closed_cb (may be NULL) when the memory is the caller's again. */
void poller_close(struct poller *p, uv_close_cb closed_cb);

/* Watches fd for events (level-triggered). 0, or -1 when the kernel has no room. */
int poller_add(struct poller *p, int fd, unsigned events, void *data);
/* From now on for these instead of `before`; 0: for nothing at all. */
void poller_change(struct poller *p, int fd, unsigned before, unsigned events, void *data);
/* fd is about to be closed, which ends its being watched: data is not called with what is already
 * known any more. No other descriptor may be a copy of fd. */
void poller_forget(struct poller *p, const void *data);

#endif
