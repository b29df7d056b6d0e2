#include "io/mailbox.h"

/* The turn of the loop drains the box; waking it is all that is needed. */
static void on_wake(uv_async_t *handle)
{
    (void)handle;
}

int mailbox_init(struct mailbox *mb, uv_loop_t *loop, void *ctx)
{
    *mb = (struct mailbox){.ctx = ctx};
    mb->last = &mb->first;
    pthread_mutex_init(&mb->lock, NULL);
    int rc = uv_async_init(loop, &mb->wake, on_wake);
    mb->wake.data = mb;
    return rc;
}

void mailbox_close(struct mailbox *mb, uv_close_cb closed_cb)
{
    pthread_mutex_lock(&mb->lock);
    mb->closed = true;
    pthread_mutex_unlock(&mb->lock);
    uv_close((uv_handle_t *)&mb->wake, closed_cb);
}

void mailbox_fini(struct mailbox *mb)
{
    pthread_mutex_destroy(&mb->lock);
}

static bool push(struct mailbox *mb, struct msg *m)
{
    m->next = NULL;
    pthread_mutex_lock(&mb->lock);
    bool was_empty = mb->first == NULL;
    *mb->last = m;
    mb->last = &m->next;
    mb->count++;
    return was_empty;
}

void mailbox_post(struct mailbox *mb, struct msg *m)
{
    bool was_empty = push(mb, m);
    /* under the lock, so that the handle isn't closed in between */
    if (was_empty && !mb->closed)
        uv_async_send(&mb->wake);
    pthread_mutex_unlock(&mb->lock);
}

void mailbox_wake(struct mailbox *mb)
{
    pthread_mutex_lock(&mb->lock);
    if (!mb->closed)
        uv_async_send(&mb->wake);
    pthread_mutex_unlock(&mb->lock);
}

void mailbox_post_local(struct mailbox *mb, struct msg *m)
{
    push(mb, m);
    pthread_mutex_unlock(&mb->lock);
}

size_t mailbox_drain(struct mailbox *mb)
{
    pthread_mutex_lock(&mb->lock);
    struct msg *m = mb->first;
    mb->first = NULL;
    mb->last = &mb->first;
    mb->count = 0;
    pthread_mutex_unlock(&mb->lock);
    size_t n = 0;
    for (struct msg *next; m; m = next, n++) {
        next = m->next;
        m->run(m, mb->ctx);
    }
    return n;
}

bool mailbox_empty(struct mailbox *mb)
{
    pthread_mutex_lock(&mb->lock);
    bool empty = mb->first == NULL;
    pthread_mutex_unlock(&mb->lock);
    return empty;
}
