#include "auth/jwks.h"

#include <stdlib.h>

#define REFRESH_MS 600000u
#define RETRY_MS 5000u
#define UNKNOWN_MS 10000u
#define STALE_MAX_MS 86400000u

struct jwks {
    struct fetch *fetch;
    const struct log *log;
    uv_timer_t timer;
    char *name, *url, *issuer, *ca_file;
    uint64_t refresh_ms, retry_ms, unknown_ms, stale_max_ms;
    jwks_changed changed;
    void *ctx;
    struct keyset *set;
    uint64_t good_ms;    /* loop time of the last good answer */
    uint64_t unknown_at; /* loop time of the last fetch for an unknown key */
    bool asked_unknown;  /* there was one */
    uint64_t wait_ms;    /* until the next try after a failure */
    struct fetch_call *call;
    struct list waiting, waking;
};

static void start(struct jwks *j);

static void on_timer(uv_timer_t *timer)
{
    start(timer->data);
}

/* Runs everybody who waits; a waiter may wait again, for the next fetch. */
static void wake_all(struct jwks *j)
{
    list_splice(&j->waking, &j->waiting);
    for (struct list *node; (node = list_pop(&j->waking));) {
        struct jwks_wait *wait = LIST_ENTRY(node, struct jwks_wait, node);
        wait->done(wait->ctx);
    }
}

/* Takes the reference. */
static void use(struct jwks *j, struct keyset *set)
{
    struct keyset *old = j->set;
    j->set = set;
    j->changed(j->ctx, set);
    keyset_unref(old);
}

static void failed(struct jwks *j, const char *why)
{
    uint64_t now = uv_now(j->timer.loop);
    log_line(j->log, LOG_WARN, "jwks fetch failed", "name=%s keys=%s why=\"%s\"", j->name,
             j->set ? "stale" : "none", why);
    uv_timer_start(&j->timer, on_timer, j->wait_ms, 0);
    j->wait_ms = j->wait_ms * 2 < j->refresh_ms ? j->wait_ms * 2 : j->refresh_ms;
    if (j->set && now - j->good_ms >= j->stale_max_ms)
        use(j, NULL);
}

static void succeeded(struct jwks *j, struct keyset *set)
{
    log_line(j->log, LOG_DEBUG, "jwks fetched", "name=%s keys=%zu", j->name, keyset_count(set));
    j->good_ms = uv_now(j->timer.loop);
    j->wait_ms = j->retry_ms;
    uv_timer_start(&j->timer, on_timer, j->refresh_ms, 0);
    use(j, set);
}

static void on_answer(void *ctx, const struct fetch_result *result)
{
    struct jwks *j = ctx;
    struct err e = {0};
    struct keyset *set = NULL;
    j->call = NULL;
    if (result->error) {
        failed(j, result->error);
    } else if (result->status != 200) {
        failed(j, "the status of the answer is not 200");
    } else if (!(set = keyset_new()) || keyset_add_jwks(set, result->body, j->issuer, &e)) {
        keyset_unref(set);
        failed(j, set ? e.detail : "no memory");
    } else {
        succeeded(j, set);
    }
    wake_all(j);
}

static void start(struct jwks *j)
{
    const struct fetch_header accept = {"Accept",
                                        SLICE_LIT("application/jwk-set+json, application/json")};
    struct fetch_request request = {.url = j->url,
                                    .headers = &accept,
                                    .header_count = 1,
                                    .body_max = KEYS_DOC_MAX,
                                    .ca_file = j->ca_file};
    if (!j->call && fetch_start(j->fetch, &request, on_answer, j, &j->call))
        failed(j, "the call can't be started");
}

static bool copy(char **out, const char *text)
{
    *out = text ? slice_dup(slice_str(text)) : NULL;
    return *out || !text;
}

static void destroy(struct jwks *j)
{
    keyset_unref(j->set);
    free(j->name);
    free(j->url);
    free(j->issuer);
    free(j->ca_file);
    free(j);
}

int jwks_open(struct fetch *fetch, uv_loop_t *loop, const struct jwks_conf *conf,
              const struct log *log, jwks_changed changed, void *ctx, struct jwks **out,
              struct err *e)
{
    *out = NULL;
    int rc = fetch_check_url(conf->url, conf->plain_ok, e);
    if (rc)
        return rc;
    struct jwks *j = calloc(1, sizeof *j);
    if (!j)
        return err_set(e, ERR_INTERNAL, "no memory");
    if (!copy(&j->name, conf->name ? conf->name : "jwks") || !copy(&j->url, conf->url) ||
        !copy(&j->issuer, conf->issuer) || !copy(&j->ca_file, conf->ca_file)) {
        destroy(j);
        return err_set(e, ERR_INTERNAL, "no memory");
    }
    j->fetch = fetch;
    j->log = log;
    j->changed = changed;
    j->ctx = ctx;
    j->refresh_ms = conf->refresh_ms ? conf->refresh_ms : REFRESH_MS;
    j->retry_ms = j->wait_ms = conf->retry_ms ? conf->retry_ms : RETRY_MS;
    j->unknown_ms = conf->unknown_ms ? conf->unknown_ms : UNKNOWN_MS;
    j->stale_max_ms = conf->stale_max_ms ? conf->stale_max_ms : STALE_MAX_MS;
    list_init(&j->waiting);
    list_init(&j->waking);
    uv_timer_init(loop, &j->timer);
    j->timer.data = j;
    start(j);
    *out = j;
    return 0;
}

static void on_closed(uv_handle_t *handle)
{
    destroy(handle->data);
}

void jwks_close(struct jwks *j)
{
    fetch_cancel(j->call);
    list_splice(&j->waking, &j->waiting);
    LIST_EACH(&j->waking, node, next)
    list_remove(node);
    uv_close((uv_handle_t *)&j->timer, on_closed);
}

struct keyset *jwks_keys(const struct jwks *j)
{
    return j->set;
}

bool jwks_refresh(struct jwks *j, struct jwks_wait *wait)
{
    uint64_t now = uv_now(j->timer.loop);
    list_init(&wait->node);
    if (!j->call) {
        if (j->asked_unknown && now - j->unknown_at < j->unknown_ms)
            return false;
        j->asked_unknown = true;
        j->unknown_at = now;
        start(j);
    }
    if (!j->call)
        return false;
    list_push_back(&j->waiting, &wait->node);
    return true;
}

void jwks_wait_cancel(struct jwks_wait *wait)
{
    list_remove(&wait->node);
}
