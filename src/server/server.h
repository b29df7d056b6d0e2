/* server.h - a running hub: network loops, the owner, stores, sources, routes. Owns all of them.
 *
 * One thread a loop; the owner and the sources live on the first. server_stop may be called from
 * any thread, also from a signal handler's loop; all else from the thread that made it. */
#ifndef FRESHET_SERVER_SERVER_H
#define FRESHET_SERVER_SERVER_H

#include "base/err.h"
#include "base/log.h"
#include "options/options.h"

struct server;

/* Returns new: opens the store, loads it, binds the addresses. Takes opts, keeps log. NULL with e
 * filled when something of that fails (opts is freed then too). */
struct server *server_new(struct options *opts, const struct log *log, struct err *e);

/* "ADDR:PORT" of listening address number i, with the port it got. Borrowed; NULL beyond the
 * last. */
const char *server_address(const struct server *s, size_t i);

/* Runs until stopped; returns 0, or an err_code when a loop could not run. */
int server_run(struct server *s);

/* One turn of the first loop, waiting at most wait_ms. 1: there is more to come; 0: it has stopped;
 * -1: a thread could not be started. */
int server_step(struct server *s, uint32_t wait_ms);

/* Begins to drain: readiness off, streams are told to come back elsewhere, what is acknowledged is
 * stored; then server_run returns. A second call ends at once. Any thread. */
void server_stop(struct server *s);

/* Reads the configuration anew. Any thread, and signal handlers. */
void server_reload(struct server *s);

void server_free(struct server *s);

#endif
