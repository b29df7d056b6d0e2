/* pg_link.h - a connection to PostgreSQL on a loop: looks up the host, connects, watches the
 * socket. Asynchronous throughout (but for the look-up of names in a list of several hosts, which
 * libpq does by itself). All on the loop's thread. */
#ifndef FRESHET_SOURCE_PG_LINK_H
#define FRESHET_SOURCE_PG_LINK_H

#include "base/slice.h"

#include <libpq-fe.h>
#include <stdbool.h>
#include <uv.h>

struct pg_link_poll;
struct pg_lookup;

struct pg_link_ops {
    /* The handshake is done: the link is the caller's to use. */
    void (*connected)(void *owner);
    /* There is no connection; the link is closed. detail: one sentence, without secrets. */
    void (*failed)(void *owner, const char *detail);
    /* After `connected`: the socket is ready. status as of uv_poll_cb. */
    void (*ready)(void *owner, int status, int events);
    /* A handle that the link had is closed: see `handles`. */
    void (*handle_gone)(void *owner);
};

/* What to connect to; the texts are the owner's. */
struct pg_link_conf {
    const char *database;      /* a URL or key=value pairs */
    const char *password_file; /* NULL: libpq's own ways */
    bool replication;          /* a connection for logical replication */
};

struct pg_link {
    const struct pg_link_ops *ops;
    void *owner;
    uv_loop_t *loop;
    struct pg_link_conf conf;
    /* the link's own; zero at first */
    PGconn *conn; /* NULL: no connection */
    bool connecting;
    unsigned handles; /* open or closing: the owner's memory stays while there are any */
    struct pg_link_poll *poll;
    struct pg_lookup *lookup;
};

/* Begins to connect; the link is closed. connected or failed follow, maybe inside the call. */
void pg_link_open(struct pg_link *l);

/* Ends the connection, or the attempt. Nothing is called afterwards but handle_gone. */
void pg_link_close(struct pg_link *l);

/* Watches the socket for UV_READABLE, UV_WRITABLE, or nothing. 0 or ERR_OVERLOADED. */
int pg_link_poll(struct pg_link *l, int events);

/* One line of libpq's message, of 180 bytes at most. */
struct slice pg_first_line(const char *text);

#endif
