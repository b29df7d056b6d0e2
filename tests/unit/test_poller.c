/* Readiness of descriptors through a poller inside a libuv loop. */
#include "io/poller.h"

#include <sys/socket.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

struct end {
    struct poller *p;
    struct end *forgets; /* closes that one when it is called */
    int fd, peer;
    unsigned calls, last;
};

static void on_ready(void *data, unsigned events)
{
    struct end *e = data;
    char byte;
    e->calls++;
    e->last = events;
    if (events & POLLER_IN)
        (void)!read(e->fd, &byte, 1);
    if (e->forgets) {
        poller_forget(e->p, e->forgets);
        close(e->forgets->fd);
        e->forgets->fd = -1;
    }
}

static struct end pair(struct poller *p)
{
    int fds[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    return (struct end){.p = p, .fd = fds[0], .peer = fds[1]};
}

static void end_fini(struct end *e)
{
    if (e->fd >= 0)
        close(e->fd);
    if (e->peer >= 0)
        close(e->peer);
}

struct bench {
    uv_loop_t loop;
    struct poller p;
};

static void start(struct bench *b)
{
    assert_int_equal(uv_loop_init(&b->loop), 0);
    assert_int_equal(poller_init(&b->p, &b->loop, on_ready), 0);
}

static void stop(struct bench *b)
{
    poller_close(&b->p, NULL);
    uv_run(&b->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&b->loop), 0);
}

static void turn(struct bench *b)
{
    uv_run(&b->loop, UV_RUN_NOWAIT);
}

static void tells_what_was_asked_for(void **state)
{
    struct bench b;
    (void)state;
    start(&b);
    struct end e = pair(&b.p);
    assert_int_equal(poller_add(&b.p, e.fd, POLLER_IN, &e), 0);
    turn(&b);
    assert_int_equal(e.calls, 0);
    assert_int_equal(write(e.peer, "a", 1), 1);
    turn(&b);
    assert_int_equal(e.calls, 1);
    assert_int_equal(e.last, POLLER_IN);
    poller_change(&b.p, e.fd, POLLER_IN, POLLER_IN | POLLER_OUT, &e);
    turn(&b);
    assert_int_equal(e.calls, 2);
    assert_int_equal(e.last, POLLER_OUT);
    end_fini(&e);
    stop(&b);
}

static void tells_nothing_while_nothing_is_asked_for(void **state)
{
    struct bench b;
    (void)state;
    start(&b);
    struct end e = pair(&b.p);
    assert_int_equal(poller_add(&b.p, e.fd, POLLER_IN, &e), 0);
    poller_change(&b.p, e.fd, POLLER_IN, 0, &e);
    close(e.peer); /* a hang-up is told to whoever is in a set at all */
    e.peer = -1;
    turn(&b);
    assert_int_equal(e.calls, 0);
    poller_change(&b.p, e.fd, 0, POLLER_IN, &e);
    turn(&b);
    assert_int_equal(e.calls, 1);
    assert_true(e.last & POLLER_IN);
    end_fini(&e);
    stop(&b);
}

static void forgets_what_waits_in_the_same_batch(void **state)
{
    struct bench b;
    (void)state;
    start(&b);
    struct end one = pair(&b.p), two = pair(&b.p);
    one.forgets = &two;
    two.forgets = &one; /* whichever comes first ends the other */
    assert_int_equal(poller_add(&b.p, one.fd, POLLER_IN, &one), 0);
    assert_int_equal(poller_add(&b.p, two.fd, POLLER_IN, &two), 0);
    assert_int_equal(write(one.peer, "a", 1), 1);
    assert_int_equal(write(two.peer, "a", 1), 1);
    turn(&b);
    turn(&b);
    assert_int_equal(one.calls + two.calls, 1);
    end_fini(&one);
    end_fini(&two);
    stop(&b);
}

static void serves_more_than_a_batch_in_turns(void **state)
{
    enum { N = POLLER_BATCH + 40 };
    static struct end ends[N];
    struct bench b;
    unsigned calls = 0;
    (void)state;
    start(&b);
    for (int i = 0; i < N; i++) {
        ends[i] = pair(&b.p);
        assert_int_equal(poller_add(&b.p, ends[i].fd, POLLER_IN, &ends[i]), 0);
        assert_int_equal(write(ends[i].peer, "a", 1), 1);
    }
    turn(&b);
    turn(&b);
    for (int i = 0; i < N; i++) {
        calls += ends[i].calls;
        end_fini(&ends[i]);
    }
    assert_int_equal(calls, N);
    stop(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_what_was_asked_for),
        cmocka_unit_test(tells_nothing_while_nothing_is_asked_for),
        cmocka_unit_test(forgets_what_waits_in_the_same_batch),
        cmocka_unit_test(serves_more_than_a_batch_in_turns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
