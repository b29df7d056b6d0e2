/* mailbox.h - how threads meet: a first-in-first-out queue of messages to one loop.
 *
 * Any thread posts; the loop's thread drains. A post wakes the loop when the box was empty. A
 * message is a struct that begins with `struct msg`; its `run` is called once on the loop's thread
 * and owns it from then on. */
#ifndef FRESHET_IO_MAILBOX_H
#define FRESHET_IO_MAILBOX_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <uv.h>

struct msg {
    struct msg *next;
    void (*run)(struct msg *m, void *ctx);
};

struct mailbox {
    pthread_mutex_t lock;
    struct msg *first, **last;
    size_t count;
    uv_async_t wake;
    void *ctx; /* handed to run */
    bool closed;
};

/* On the loop's thread, before anybody posts. ctx is handed to each message's run. 0, or a negative
 * libuv error. */
int mailbox_init(struct mailbox *mb, uv_loop_t *loop, void *ctx);

/* Closes the wake-up handle; the box still takes and gives messages. closed_cb may be NULL; it gets
 * the handle of mb->wake, whose data is mb. */
void mailbox_close(struct mailbox *mb, uv_close_cb closed_cb);
void mailbox_fini(struct mailbox *mb);

/* Any thread. Takes m. */
void mailbox_post(struct mailbox *mb, struct msg *m);

/* Any thread. Wakes the loop without a message; a closed box is nothing. */
void mailbox_wake(struct mailbox *mb);

/* The loop's own thread: without a wake-up, for one who drains before the loop sleeps. Takes m. */
void mailbox_post_local(struct mailbox *mb, struct msg *m);

/* Runs what was in the box when it was called. Returns how many. The loop's thread. */
size_t mailbox_drain(struct mailbox *mb);

bool mailbox_empty(struct mailbox *mb);

#endif
