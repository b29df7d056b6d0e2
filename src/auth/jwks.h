/* jwks.h - the keys of an issuer, kept fresh from its JWKS address.
 *
 * Fetched at the start, again every few minutes, and when a token names a key that isn't known: the
 * last at most once in a while, so that forged tokens can't make the hub hammer the issuer. While
 * the issuer is down, or answers nonsense, the last good keys serve on, for a day at most.
 * Belongs to the fetch's loop and thread; the key sets it hands out may be used by any thread. */
#ifndef FRESHET_AUTH_JWKS_H
#define FRESHET_AUTH_JWKS_H

#include "auth/fetch.h"
#include "auth/keys.h"
#include "base/list.h"
#include "base/log.h"

struct jwks;

/* Texts are copied. A time of 0 is the default in brackets. */
struct jwks_conf {
    const char *name;   /* for log lines */
    const char *url;    /* as fetch_check_url has it */
    const char *issuer; /* its keys vouch only for tokens with this `iss`; NULL: any */
    const char *ca_file;
    bool plain_ok;         /* http beyond the loopback is taken */
    uint64_t refresh_ms;   /* between fetches while all is well [10 min] */
    uint64_t retry_ms;     /* after a failure; doubles up to refresh_ms [5 s] */
    uint64_t unknown_ms;   /* between fetches for unknown keys, at least [10 s] */
    uint64_t stale_max_ms; /* keys older than that are dropped [24 h] */
};

/* Runs whenever the keys changed: set is a new set, or NULL when there are none any more. Keep it
 * with keyset_ref. */
typedef void (*jwks_changed)(void *ctx, struct keyset *set);

/* Somebody who waits for newer keys. Lives in the waiter's memory until `done` ran or
 * jwks_wait_cancel. */
struct jwks_wait {
    struct list node;
    void (*done)(void *ctx);
    void *ctx;
};

/* Starts; the first fetch is under way when it returns. Keeps fetch and log (which may be NULL).
 * 0 and *out; ERR_BAD_REQUEST with e for an address that can't be asked; ERR_INTERNAL. */
int jwks_open(struct fetch *fetch, uv_loop_t *loop, const struct jwks_conf *conf,
              const struct log *log, jwks_changed changed, void *ctx, struct jwks **out,
              struct err *e);

/* Ends, without running `changed` or any waiter again; frees itself from the loop. Before
 * fetch_close. */
void jwks_close(struct jwks *jwks);

/* The present keys; NULL when there are none. Borrows: until the loop runs on. */
struct keyset *jwks_keys(const struct jwks *jwks);

/* Asks for newer keys, because a token names one that isn't known. True: wait->done will run, from
 * the loop, when a fetch has ended, well or not. False: there was one a moment ago; the token is
 * refused as it is. Fill in done and ctx before. */
bool jwks_refresh(struct jwks *jwks, struct jwks_wait *wait);

/* Waits no longer. Harmless when done ran already, or jwks_refresh said false. */
void jwks_wait_cancel(struct jwks_wait *wait);

#endif
