/* webhook.h - asks an existing application "who is this?": its session cookies, and what it may do.
 *
 * One GET to a fixed address with the request's own Cookie and Authorization fields. 200 and an
 * answer (grant.h, grant_from_answer) grants; 401 or 403 refuses; anything else, no answer in
 * time, a redirect, too much or nonsense, fails: nobody gets in because the application is
 * down. Answers are cached for their `ttl` by a hash of the whole credential, refusals for a
 * moment; the credential itself is not kept. Many who wait for the same answer share one question.
 * Belongs to the fetch's loop and thread; grants may be used by any thread. */
#ifndef FRESHET_AUTH_WEBHOOK_H
#define FRESHET_AUTH_WEBHOOK_H

#include "auth/fetch.h"
#include "auth/grant.h"
#include "base/list.h"
#include "base/log.h"

#define WEBHOOK_ANSWER_MAX 65536 /* bytes */
#define WEBHOOK_CREDENTIAL_MAX 16384

struct webhook;

/* Texts are copied. 0 is the default in brackets. */
struct webhook_conf {
    const char *url;    /* as fetch_check_url has it; plain http is taken */
    const char *cookie; /* send only the cookie of this name; NULL: the whole field */
    const char *ca_file;
    uint64_t timeout_ms; /* for an answer [2 s] */
    uint64_t ttl_ms;     /* how long an answer without a ttl holds [60 s] */
    size_t cache_max;    /* answers kept [10000] */
    uint64_t refusal_ms; /* how long a refusal is kept [2 s] */
};

/* The fields of a request, as they came; SLICE_NONE where there is none. Borrowed. */
struct webhook_credential {
    struct slice cookie, authorization;
};

/* Somebody who waits for an answer. Lives in the waiter's memory until `done` ran or
 * webhook_cancel. done: code is 0 with the grant (borrowed; grant_ref to keep) and how long it
 * holds (ms, from now: then ask again); ERR_UNAUTHORIZED: refused; ERR_OVERLOADED: no usable
 * answer. */
struct webhook_wait {
    struct list node;
    void (*done)(void *ctx, int code, struct grant *grant, uint64_t ttl_ms);
    void *ctx;
};

/* Keeps fetch and log (which may be NULL). 0 and *out; ERR_BAD_REQUEST with e; ERR_INTERNAL. */
int webhook_open(struct fetch *fetch, uv_loop_t *loop, const struct webhook_conf *conf,
                 const struct log *log, struct webhook **out, struct err *e);

/* Ends without running any waiter, frees at once. Before fetch_close. */
void webhook_close(struct webhook *webhook);

/* Asks. WEBHOOK_WAIT: wait->done will run later, from the loop. Otherwise the answer, from the
 * cache or because nothing needs to be asked: 0 with *grant (a reference for the caller) and
 * *ttl_ms; ERR_UNAUTHORIZED: refused, or there is no credential; ERR_OVERLOADED: too many
 * questions are under way; ERR_INTERNAL. fresh: don't take a cached grant (an open stream asks
 * again), but share a question that is under way. */
enum { WEBHOOK_WAIT = 1 };
int webhook_ask(struct webhook *webhook, const struct webhook_credential *credential, bool fresh,
                struct webhook_wait *wait, struct grant **grant, uint64_t *ttl_ms);

/* Waits no longer. Harmless when done ran already, or webhook_ask answered at once. */
void webhook_cancel(struct webhook_wait *wait);

/* Forgets the cached grants of a subject (of all subjects where it is SLICE_NONE) of a tenant:
 * after a revocation. Returns how many. */
size_t webhook_forget(struct webhook *webhook, struct slice tenant, struct slice subject);

#endif
