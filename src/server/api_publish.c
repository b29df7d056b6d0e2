/* api_publish.c - freshet.h: publishing. */
#include "server/api.h"

#include "io/clock.h"

#include <stdlib.h>

/* What the caller wants to hear, in the job's `user`. */
struct publish_wish {
    void (*done)(void *ctx, const struct freshet_published *result);
    void *ctx;
};

static void answered(struct job *j, void *user)
{
    struct publish_wish *wish = user;
    const struct publish *p = job_publish(j);
    const struct err *e = job_error(j);
    struct freshet_published result = {.error = api_error(e->code),
                                       .detail = e->code ? e->detail : "",
                                       .count = p->count,
                                       .durable = job_was_durable(j)};
    struct freshet_text *ids = calloc(p->count, sizeof *ids);
    char (*texts)[POS_TEXT_MAX] = calloc(p->count, sizeof *texts);
    for (uint32_t i = 0; ids && texts && i < p->count; i++)
        ids[i] = (struct freshet_text){texts[i], pos_format(p->ids[i], p->epoch, texts[i])};
    result.ids = texts ? ids : NULL;
    if (!result.ids && !result.error)
        result.count = 0; /* no memory for the ids; the events are taken */
    if (wish->done)
        wish->done(wish->ctx, &result);
    free(ids);
    free(texts);
    free(wish);
}

/* All keys, one after the other. */
static size_t put_once(const struct freshet_event *events, size_t count, struct buf *out)
{
    for (size_t i = 0; i < count; i++)
        buf_add_slice(out, api_slice(events[i].idempotency_key));
    return out->len;
}

static int fill(const struct conf *conf, struct job *j, const struct freshet_event *events,
                size_t count, struct err *e)
{
    struct publish *p = job_publish(j);
    const char *once = job_once_text(j);
    for (size_t i = 0; i < count; i++) {
        const struct freshet_event *from = &events[i];
        struct event_wish wish = {.channel = api_slice(from->channel),
                                  .type = api_slice(from->type),
                                  .key = api_slice(from->key),
                                  .data = api_slice(from->data),
                                  .state = api_slice(from->state),
                                  .once = api_slice(from->idempotency_key),
                                  .deleted = from->deleted,
                                  .high = from->high};
        if (event_make(conf->opts, &wish, &p->events[i], e))
            return e->code;
        if (wish.once.p && p->once) {
            p->once[i].key = slice_of(once, wish.once.len);
            event_digest(p->events[i], p->once[i].digest);
            once += wish.once.len;
        }
    }
    return 0;
}

static int check(const struct freshet_hub *hub, const struct conf *conf,
                 const struct freshet_event *events, size_t count)
{
    if (!count)
        return FRESHET_EINVAL;
    if (count > conf->opts->limits.batch_events)
        return FRESHET_ETOOBIG;
    if (atomic_load(&hub->s->draining))
        return FRESHET_ECLOSING;
    for (size_t i = 1; i < count; i++)
        if (!slice_eq(api_slice(events[i].tenant), api_slice(events[0].tenant)))
            return FRESHET_EINVAL;
    return 0;
}

/* As freshet_publish, under conf. */
static int publish(struct freshet_hub *hub, const struct conf *conf,
                   const struct freshet_event *events, size_t count, bool durable,
                   const struct publish_wish *wanted)
{
    struct err e = {.code = 0};
    struct buf once = BUF_INIT;
    struct slice tenant = count && events[0].tenant.p ? api_slice(events[0].tenant)
                                                      : slice_str(conf->opts->tenant);
    int rc = check(hub, conf, events, count);
    if (rc)
        return rc;
    if (!name_is_tenant(tenant))
        return FRESHET_EINVAL;
    struct publish_wish *wish = malloc(sizeof *wish);
    put_once(events, count, &once);
    struct job *j = wish && !once.failed ? job_new(&hub->s->workers[0], (uint32_t)count, tenant,
                                                   buf_slice(&once))
                                         : NULL;
    buf_fini(&once);
    if (!j) {
        free(wish);
        return FRESHET_ENOMEM;
    }
    *wish = *wanted;
    if (fill(conf, j, events, count, &e)) {
        job_drop(j);
        free(wish);
        return api_error(e.code);
    }
    job_publish(j)->durable = durable;
    job_publish(j)->at_us = clock_monotonic_us();
    job_send_from_outside(j, wish, answered);
    return 0;
}

int freshet_publish(struct freshet_hub *hub, const struct freshet_event *events, size_t count,
                    bool durable, void (*done)(void *ctx, const struct freshet_published *result),
                    void *ctx)
{
    struct publish_wish wish = {done, ctx};
    struct conf *conf = server_conf(hub->s);
    int rc = publish(hub, conf, events, count, durable, &wish);
    conf_unref(conf);
    return rc;
}
