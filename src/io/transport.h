/* transport.h - a byte stream to one peer, that never waits. Plain sockets today; a stream with
 * encryption is another set of functions over the same struct. One thread at a time. */
#ifndef FRESHET_IO_TRANSPORT_H
#define FRESHET_IO_TRANSPORT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

struct transport;

struct transport_ops {
    /* Bytes read; 0 at the end of the stream; -1 when it would wait; -2 when it is dead. */
    ssize_t (*read)(struct transport *t, void *p, size_t len);
    /* Bytes taken, at least 1; 0 when it would wait; -1 when it is dead. */
    ssize_t (*write)(struct transport *t, const struct iovec *iov, int count);
    /* False when the peer has not acknowledged anything for silent_ms although something is on
     * its way to it. A peer that is slow but there is alive. */
    bool (*alive)(struct transport *t, uint32_t silent_ms);
    /* Nothing more will be written; the peer sees the end of the stream. */
    void (*end)(struct transport *t);
    void (*close)(struct transport *t);
};

struct transport {
    const struct transport_ops *ops;
    int fd; /* owned; what is polled for readiness */
};

/* Takes fd, which must not block. */
void transport_plain(struct transport *t, int fd);

#endif
