#include "store/turn.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

void turn_init(struct turn *t, const struct store_ops *store_ops, const struct turn_ops *ops)
{
    *t = (struct turn){.base.ops = store_ops, .ops = ops, .stats.writable = true};
    list_init(&t->waiting);
    reads_init(&t->reads);
}

void turn_fini(struct turn *t)
{
    reads_drop(&t->waiting);
}

static bool has_work(const struct turn *t)
{
    return t->count > 0 || !list_empty(&t->waiting);
}

static void wake(struct turn *t)
{
    if (t->base.wake)
        t->base.wake(t->base.wake_ctx);
}

void turn_append(struct store *s, const struct store_batch *batch)
{
    struct turn *t = (struct turn *)s;
    assert(t->count < TURN_BATCHES);
    bool idle = !has_work(t);
    t->batches[(t->first + t->count++) % TURN_BATCHES] = batch;
    if (idle)
        wake(t);
}

void turn_read(struct store *s, struct page_spec *spec, void *token)
{
    struct turn *t = (struct turn *)s;
    bool idle = !has_work(t);
    reads_add(&t->reads, spec, token);
    list_push_back(&t->waiting, &spec->job.queue);
    if (idle)
        wake(t);
}

void turn_cancel(struct store *s, void *token)
{
    struct turn *t = (struct turn *)s;
    for (;;) {
        struct page_spec *spec = reads_take(&t->reads, token);
        if (!spec)
            return;
        list_remove(&spec->job.queue);
        free(spec);
    }
}

static void finish_batch(struct turn *t)
{
    const struct store_batch *batch = t->batches[t->first];
    t->first = (t->first + 1) % TURN_BATCHES;
    t->count--;
    struct err e = {.detail = ""};
    int error = t->ops->apply(t, batch, &e);
    t->stats.appends++;
    t->stats.append_errors += error != 0;
    t->stats.writable = error == 0;
    snprintf(t->stats.detail, sizeof t->stats.detail, "%.*s", (int)sizeof t->stats.detail - 1,
             e.detail);
    t->base.done.stored(t->base.done.ctx, error, e.detail);
}

/* False when there was no memory for an answer: the read stays the first of the queue. */
static bool finish_read(struct turn *t, struct list *queue)
{
    struct page *page = page_new();
    if (!page)
        return false;
    struct page_spec *spec = reads_spec(list_pop(queue));
    page->error = t->ops->answer(t, spec, page);
    t->stats.reads++;
    if (page->error) {
        t->stats.read_errors++;
        for (; page->count > 0; page->count--)
            event_unref(page->entries[page->count - 1].event);
        page->more = false;
    }
    void *token = spec->job.token;
    reads_finish(spec);
    free(spec);
    t->base.done.page(t->base.done.ctx, token, page);
    return true;
}

bool turn_drain(struct store *s)
{
    struct turn *t = (struct turn *)s;
    for (unsigned n = t->count; n > 0; n--)
        finish_batch(t);
    struct list now; /* what the answers ask anew waits for the next drain */
    list_init(&now);
    list_splice(&now, &t->waiting);
    while (!list_empty(&now) && finish_read(t, &now))
        ;
    list_splice(&now, &t->waiting);
    list_splice(&t->waiting, &now);
    return has_work(t);
}

void turn_stats(struct store *s, struct store_stats *out)
{
    *out = ((struct turn *)s)->stats;
}
