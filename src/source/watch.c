#include "source/watch.h"

#include "base/buf.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#define RESULT_MAX (256ull << 20) /* bytes of a result without an option */

static void next(struct watch *w);
static void attempt(struct watch *w);

static int check_type(const char *type, const char *option, struct err *e)
{
    if (type && (!name_is_type(slice_str(type)) || name_is_reserved_type(slice_str(type))))
        return err_set(e, ERR_BAD_REQUEST, "types.%s is no event type that can be published",
                       option);
    return OK;
}

int watch_check(const struct source_query_conf *conf, struct err *e)
{
    if (!conf->query || !conf->query[0])
        return err_set(e, ERR_BAD_REQUEST, "query is missing");
    if (!conf->key || !conf->key[0])
        return err_set(e, ERR_BAD_REQUEST, "key is missing: the column that names a row");
    if (!conf->channel || !name_is_channel(slice_str(conf->channel)))
        return err_set(e, ERR_BAD_REQUEST, "channel is no channel name");
    if (!conf->tenant == !conf->tenant_column)
        return err_set(e, ERR_BAD_REQUEST,
                       "either a column with the tenant or one tenant for all rows is needed");
    if (conf->tenant && !name_is_tenant(slice_str(conf->tenant)))
        return err_set(e, ERR_BAD_REQUEST, "the tenant is no tenant name");
    if (conf->keys < 1)
        return err_set(e, ERR_BAD_REQUEST, "keys is at least 1");
    int rc = check_type(conf->added, "added", e);
    if (rc == OK)
        rc = check_type(conf->changed, "changed", e);
    if (rc == OK)
        rc = check_type(conf->removed, "removed", e);
    /* the default types are a little longer than the channel */
    if (rc == OK && strlen(conf->channel) > 118 && !(conf->added && conf->changed && conf->removed))
        return err_set(e, ERR_BAD_REQUEST, "types are needed for a channel name this long");
    return rc;
}

int watch_init(struct watch *w, const struct source_query_conf *conf,
               const struct source_host *host, uv_loop_t *loop, const struct watch_ops *ops,
               void *driver)
{
    *w = (struct watch){.ops = ops, .driver = driver, .host = *host, .shown = -1};
    struct buf types[3] = {BUF_INIT, BUF_INIT, BUF_INIT};
    const char *given[3] = {conf->added, conf->changed, conf->removed};
    static const char *const defaults[3] = {"-added", "-updated", "-removed"};
    for (int i = 0; i < 3; i++) {
        buf_add_str(&types[i], given[i] ? given[i] : conf->channel);
        buf_add_str(&types[i], given[i] ? "" : defaults[i]);
    }
    struct diff_conf dc = {slice_str(conf->channel),
                           buf_slice(&types[0]),
                           buf_slice(&types[1]),
                           buf_slice(&types[2]),
                           conf->keys,
                           conf->event_max,
                           conf->result_max ? conf->result_max : RESULT_MAX};
    if (!types[0].failed && !types[1].failed && !types[2].failed) {
        w->diff = diff_new(&dc);
        w->channel = slice_dup(slice_str(conf->channel));
    }
    for (int i = 0; i < 3; i++)
        buf_fini(&types[i]);
    if (!w->diff || !w->channel) {
        watch_fini(w);
        return ERR_OVERLOADED;
    }
    uint64_t seed;
    rng_system(&seed, sizeof seed);
    rng_init(&w->rng, seed);
    w->every_ms = conf->every_ms;
    w->loop = loop;
    return OK;
}

void watch_fini(struct watch *w)
{
    diff_free(w->diff);
    free(w->channel);
    w->diff = NULL;
    w->channel = NULL;
}

/* Tells the host when what it knows is no longer so. */
static void show(struct watch *w, bool ok, const char *detail)
{
    if (w->shown == ok && strcmp(w->detail, detail) == 0)
        return;
    w->shown = ok;
    snprintf(w->detail, sizeof w->detail, "%s", detail);
    w->host.state(w->host.ctx, ok, w->detail);
}

static void on_timer(uv_timer_t *timer)
{
    struct watch *w = timer->data;
    if (w->phase == WATCH_WAITING)
        attempt(w);
}

static uint32_t least(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

/* Something failed and was counted: show it, try again later. */
static void fail(struct watch *w, const char *detail)
{
    if (w->ending) {
        next(w);
        return;
    }
    w->phase = WATCH_WAITING;
    show(w, false, detail && detail[0] ? detail : "unknown error");
    w->retry_ms = w->retry_ms ? w->retry_ms * 2 : least(w->every_ms, WATCH_RETRY_FIRST_MS);
    w->retry_ms = least(w->retry_ms, w->every_ms > WATCH_RETRY_MAX_MS
                                         ? least(w->every_ms, WATCH_RETRY_CEILING_MS)
                                         : WATCH_RETRY_MAX_MS);
    /* half of it is left to chance, so that many sources don't come back together */
    uint64_t delay = w->retry_ms - rng_below(&w->rng, w->retry_ms / 2 + 1);
    uv_update_time(w->timer.loop);
    uv_timer_start(&w->timer, on_timer, delay, 0);
}

static void on_row(void *arg, struct slice tenant, const struct event *event)
{
    struct watch *w = arg;
    if (event->deleted || !event->has_key || w->load_failed || w->ending)
        return;
    struct slice state = event->has_state ? event_state(event) : event_data(event);
    if (diff_known(w->diff, tenant, event_key(event), state) < 0)
        w->load_failed = true;
}

static void on_loaded(void *arg, int error)
{
    struct watch *w = arg;
    if (error || w->load_failed) {
        diff_forget(w->diff);
        w->host.count(w->host.ctx, 0, 0, 1);
        fail(w, error ? "the last known rows could not be read from the store"
                      : "no memory for the last known rows");
        return;
    }
    w->loaded = true;
    w->kicked = true; /* the first run does not wait for a change */
    next(w);
}

/* Begins what is due: the load, or a run. */
static void attempt(struct watch *w)
{
    if (w->loaded) {
        w->kicked = true;
        next(w);
        return;
    }
    w->phase = WATCH_LOADING;
    w->load_failed = false;
    w->host.load(w->host.ctx, slice_str(w->channel), on_row, on_loaded, w);
}

static void on_timer_closed(uv_handle_t *handle)
{
    struct watch *w = handle->data;
    w->ended(w->driver);
}

/* Nothing is in flight: the next run, or the end. */
static void next(struct watch *w)
{
    if (w->ending) {
        w->phase = WATCH_ENDED;
        uv_close((uv_handle_t *)&w->timer, on_timer_closed);
        return;
    }
    bool now = w->kicked;
    w->kicked = false;
    w->phase = WATCH_RUNNING;
    w->ops->run(w->driver, now);
}

static void on_appended(void *arg, int error, const char *detail)
{
    struct watch *w = arg;
    size_t count;
    diff_events(w->diff, &count);
    if (error) {
        diff_abandon(w->diff);
        w->host.count(w->host.ctx, 0, 0, 1);
        char text[sizeof w->detail];
        snprintf(text, sizeof text, "the changes could not be stored: %.180s",
                 detail && detail[0] ? detail : err_title(error));
        fail(w, text);
        return;
    }
    diff_commit(w->diff);
    w->host.count(w->host.ctx, 0, count, 0);
    w->retry_ms = 0;
    if (!w->ending)
        show(w, true, "");
    next(w);
}

void watch_ran(struct watch *w, int error, const char *detail, bool queried)
{
    assert(w->phase == WATCH_RUNNING);
    if (error || w->ending) {
        diff_abandon(w->diff);
        if (!w->ending)
            w->host.count(w->host.ctx, queried, 0, 1);
        fail(w, detail);
        return;
    }
    w->host.count(w->host.ctx, queried, 0, 0);
    size_t count;
    const struct source_event *events = diff_events(w->diff, &count);
    if (count) {
        diff_take(w->diff, &count);
        w->phase = WATCH_APPENDING;
        w->host.append(w->host.ctx, events, count, SLICE_NONE, on_appended, w);
        return;
    }
    diff_commit(w->diff);
    w->retry_ms = 0;
    show(w, true, "");
    next(w);
}

void watch_waits(struct watch *w, const char *detail)
{
    assert(w->phase == WATCH_RUNNING);
    if (!w->ending)
        show(w, true, detail);
}

void watch_reload(struct watch *w)
{
    assert(w->phase == WATCH_RUNNING);
    diff_abandon(w->diff);
    diff_forget(w->diff);
    w->loaded = false;
    if (w->ending)
        next(w);
    else
        attempt(w);
}

void watch_start(struct watch *w)
{
    if (w->phase != WATCH_NEW || w->ending)
        return;
    uv_timer_init(w->loop, &w->timer);
    w->timer.data = w;
    attempt(w);
}

void watch_kick(struct watch *w)
{
    if (w->ending || w->phase == WATCH_NEW)
        return;
    if (w->phase == WATCH_WAITING) {
        uv_timer_stop(&w->timer);
        attempt(w);
    } else if (w->phase != WATCH_RUNNING || !w->ops->hurry(w->driver)) {
        w->kicked = true;
    }
}

void watch_end(struct watch *w, void (*ended)(void *driver))
{
    w->ended = ended;
    w->ending = true;
    if (w->phase == WATCH_NEW) {
        w->phase = WATCH_ENDED;
        ended(w->driver);
    } else if (w->phase == WATCH_RUNNING) {
        w->ops->stop(w->driver);
    } else if (w->phase == WATCH_WAITING) {
        next(w);
    }
}
