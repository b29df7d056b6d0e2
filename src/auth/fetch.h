/* fetch.h - small HTTP questions to a fixed address, on libcurl's multi interface driven by a libuv
 * loop: key sets and webhooks.
 *
 * Fails closed: no redirects, no proxies from the environment, HTTP and HTTPS only, certificates
 * checked, two seconds in all unless said otherwise, a ceiling on the answer. Belongs to its loop's
 * thread; never blocks it. Never logs an address, a header or a body. */
#ifndef FRESHET_AUTH_FETCH_H
#define FRESHET_AUTH_FETCH_H

#include "base/err.h"
#include "base/slice.h"

#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#define FETCH_TIMEOUT_MS 2000
#define FETCH_TIMEOUT_MAX_MS 60000
#define FETCH_IN_FLIGHT_MAX 64
#define FETCH_HEADERS_MAX 8

struct fetch;
struct fetch_call;

/* How a call ended. */
struct fetch_result {
    int status;        /* of the answer; 0: there was none, see error */
    struct slice body; /* borrowed during the callback */
    const char *error; /* why there was no answer: static memory; NULL when there was one */
};

typedef void (*fetch_done)(void *ctx, const struct fetch_result *result);

struct fetch_header {
    const char *name;
    struct slice value;
};

/* One question, GET. Borrowed during fetch_start. */
struct fetch_request {
    const char *url;
    const struct fetch_header *headers;
    size_t header_count; /* at most FETCH_HEADERS_MAX */
    size_t body_max;     /* ceiling of the answer, bytes: more is an error */
    uint64_t timeout_ms; /* in all, names and connection too; 0: FETCH_TIMEOUT_MS */
    const char *ca_file; /* certificates to trust, PEM; NULL: the system's */
};

/* Returns new, NULL for no memory. Keeps loop. */
struct fetch *fetch_new(uv_loop_t *loop);

/* Ends every call without its callback, then closes; `closed` (may be NULL) runs from the loop when
 * all is gone, and the memory with it. */
void fetch_close(struct fetch *fetch, void (*closed)(void *ctx), void *ctx);

/* Starts a call; done runs later, once, from the loop, never within fetch_start. Returns 0 and
 * *call, which is valid until done has run; ERR_OVERLOADED when FETCH_IN_FLIGHT_MAX are under way;
 * ERR_BAD_REQUEST for a header value with control characters or an address that can't be asked;
 * ERR_INTERNAL for no memory. */
int fetch_start(struct fetch *fetch, const struct fetch_request *request, fetch_done done,
                void *ctx, struct fetch_call **call);

/* Ends a call; done doesn't run. NULL is fine. */
void fetch_cancel(struct fetch_call *call);

/* 0 when the address can be asked: http or https with a host, no control characters, no fragment;
 * plain http only to the loopback unless plain_ok. Else ERR_BAD_REQUEST with e saying why. */
int fetch_check_url(const char *url, bool plain_ok, struct err *e);

#endif
