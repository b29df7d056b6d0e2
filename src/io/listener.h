/* listener.h - a listening socket on a loop. Keeps one descriptor in reserve, so that running out
 * of them is an answer to the peer, not a spinning accept. The loop's thread. */
#ifndef FRESHET_IO_LISTENER_H
#define FRESHET_IO_LISTENER_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

struct listener {
    uv_poll_t poll;
    int fd, reserve;
    uint16_t port; /* the one it got */
    bool closing;
    /* Takes fd: a connected socket that doesn't block. */
    void (*accepted)(void *ctx, int fd);
    /* There was no descriptor for it: takes fd, is to answer and close at once. */
    void (*crowded)(void *ctx, int fd);
    void *ctx;
};

/* Binds and listens. host: an address or a name, without brackets. Sockets that come from it have
 * TCP_NODELAY, and TCP_NOTSENT_LOWAT of 16 KiB, so that a stuck reader's backlog stays with us.
 * 0, or ERR_BAD_REQUEST with e filled. */
int listener_open(struct listener *l, uv_loop_t *loop, const char *host, uint16_t port,
                  struct err *e);

/* Stops accepting at once; closed_cb (may be NULL) when the memory is the caller's again. */
void listener_close(struct listener *l, uv_close_cb closed_cb);

#endif
