/* reload.c - another configuration for a hub that runs: read on a thread of its own, prepared on
 * the first loop, then taken by one loop after the other. Until the last thing that can fail has
 * not failed nothing changes. */
#include "server/access.h"
#include "server/api.h"

#include "auth/keys.h"
#include "io/clock.h"

#include <stdlib.h>

struct reload {
    uv_work_t work;
    struct msg msg;
    struct server *s;
    unsigned next;
    struct conf *conf;
    struct buf report, warnings;
    int error; /* of freshet.h */
    struct keyset *was;
    bool other_webhook;
};

static void reload_free(struct reload *r)
{
    conf_unref(r->conf);
    keyset_unref(r->was);
    buf_fini(&r->report);
    buf_fini(&r->warnings);
    free(r);
}

void reload_drop(struct server *s)
{
    reload_free(s->reload);
    s->reload = NULL;
}

/* As freshet_on_reload has it. */
static int public_error(int code)
{
    if (code == ERR_OVERLOADED)
        return FRESHET_ENOMEM;
    return code == ERR_INTERNAL ? FRESHET_EFAILED : FRESHET_EINVAL;
}

/* ---- on the thread: reading ---- */

static void note_restart(void *ctx, const char *name)
{
    struct reload *r = ctx;
    buf_addf(&r->warnings, "%s: needs a restart, stays as it is\n", name);
}

static void read_again(uv_work_t *work)
{
    struct reload *r = work->data;
    const struct options *boot = r->s->boot->opts;
    struct options *opts = NULL;
    struct err e = {.index = -1};
    bool other_dev;
    int rc = api_load_again(r->s->api, boot->dev, &other_dev, &opts, &r->report, &r->warnings);
    if (rc) {
        r->error = rc == OPTIONS_USAGE ? FRESHET_EUSAGE : FRESHET_EINVAL;
        return;
    }
    if (other_dev)
        note_restart(r, "dev");
    options_keep(opts, boot, note_restart, r);
    r->conf = conf_new(opts, r->s->boot, &e);
    if (!r->conf) {
        r->error = public_error(e.code);
        buf_addf(&r->report, "%s\n", e.detail);
    }
}

/* ---- telling ---- */

static void log_lines(const struct server *s, enum log_level level, const char *event,
                      struct slice lines)
{
    while (lines.len) {
        struct slice line = slice_cut(&lines, '\n');
        if (line.len)
            log_line(s->log, level, event, "detail=\"%.*s\"", SLICE_FMT(line));
    }
}

static void finish(struct server *s)
{
    struct reload *r = s->reload;
    s->reload = NULL;
    if (r->error) {
        atomic_fetch_add(&s->reloads_failed, 1);
        log_lines(s, LOG_ERROR, "config reload failed", buf_slice(&r->report));
    } else {
        atomic_fetch_add(&s->reloads, 1);
        atomic_store(&s->loaded_ms, clock_unix_ms());
        log_line(s->log, LOG_INFO, "config reloaded", "file=%s",
                 r->conf->opts->file ? r->conf->opts->file : "none");
        log_lines(s, LOG_WARN, "config reloaded", buf_slice(&r->warnings));
    }
    api_reloaded(s->api, r->error, buf_cstr(r->error ? &r->report : &r->warnings));
    reload_free(r);
    reload_sources_left(s);
}

static void fail(struct reload *r, int error, const char *detail)
{
    r->error = error;
    buf_addf(&r->report, "%s\n", detail);
    finish(r->s);
}

/* ---- taking it: the first loop, then the others, and home ---- */

static void run_home(struct msg *m, void *ctx)
{
    struct worker *w = ctx;
    (void)m;
    finish(w->s);
}

static void run_take(struct msg *m, void *ctx)
{
    struct worker *w = ctx;
    struct server *s = w->s;
    struct reload *r = LIST_ENTRY(m, struct reload, msg);
    if (!w->closing) {
        worker_take(w, r->conf);
        access_recheck(w, r->was, r->other_webhook);
    }
    r->next++;
    if (r->next < s->worker_count) {
        worker_post(w, &s->workers[r->next], m);
        return;
    }
    m->run = run_home;
    worker_post(w, &s->workers[0], m);
}

static void take_limits(struct server *s, struct reload *r)
{
    const struct options *o = s->workers[0].conf->opts;
    quota_change(&s->accepts, o->limits.accepts_per_second, o->limits.accepts_per_second,
                 s->workers[0].mono_ms);
    size_t unlike = owner_reconfigure(s);
    if (unlike)
        buf_addf(&r->warnings,
                 "channels: %zu that are in use stay keyed or not as they are until a restart\n",
                 unlike);
    api_set_log(s->api, o);
}

/* Nothing can fail any more. */
static void take(struct server *s, struct reload *r, struct access_next *access,
                 struct sources_next *sources)
{
    pthread_mutex_lock(&s->conf_lock);
    struct conf *old = s->conf;
    s->conf = conf_ref(r->conf);
    pthread_mutex_unlock(&s->conf_lock);
    worker_take(&s->workers[0], r->conf);
    conf_unref(old);
    r->other_webhook = access_switch(s, access, &r->was);
    take_limits(s, r);
    sources_switch(s, sources);
    r->msg.run = run_take;
    worker_post(&s->workers[0], &s->workers[0], &r->msg);
}

static void on_read(uv_work_t *work, int status)
{
    struct reload *r = work->data;
    struct server *s = r->s;
    struct access_next *access = NULL;
    struct sources_next *sources = NULL;
    struct err e = {.index = -1};
    if (s->ending) { /* nobody is there to be told, and nothing to be prepared */
        s->reload = NULL;
        reload_free(r);
        return;
    }
    if (status || atomic_load(&s->draining)) {
        fail(r, FRESHET_ECLOSING, "the hub is stopping");
        return;
    }
    if (r->error) {
        finish(s);
        return;
    }
    if (formats_take(s, r->conf, &e) || access_prepare(s, r->conf, &access, &e) ||
        sources_prepare(s, r->conf, &sources, &e)) {
        access_give_up(access);
        sources_give_up(sources);
        fail(r, public_error(e.code), e.detail);
        return;
    }
    take(s, r, access, sources);
}

/* ---- beginning ---- */

static void begin(struct server *s)
{
    struct reload *r = calloc(1, sizeof *r);
    if (!r) {
        atomic_fetch_add(&s->reloads_failed, 1);
        log_line(s->log, LOG_ERROR, "config reload failed", "detail=\"out of memory\"");
        api_reloaded(s->api, FRESHET_ENOMEM, "out of memory");
        return;
    }
    r->s = s;
    r->work.data = r;
    s->reload = r;
    if (uv_queue_work(&s->workers[0].loop, &r->work, read_again, on_read))
        fail(r, FRESHET_EFAILED, "a thread could not be started");
}

static void on_wish(uv_async_t *wish)
{
    struct server *s = wish->data;
    if (!s->api || s->ending)
        return;
    if (s->reload || s->sources_leaving)
        s->reload_again = true;
    else
        begin(s);
}

void reload_sources_left(struct server *s)
{
    if (!s->reload_again || s->reload || s->sources_leaving || s->ending)
        return;
    s->reload_again = false;
    begin(s);
}

int reload_init(struct server *s)
{
    s->reload_wish.data = s;
    return uv_async_init(&s->workers[0].loop, &s->reload_wish, on_wish) ? -1 : 0;
}

void server_reload(struct server *s)
{
    uv_async_send(&s->reload_wish);
}
