/* What a power loss leaves of a sqlite store: every batch that was reported stored, and no half
 * one. With synchronous=NORMAL, as the control, it does not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lossy_vfs.h"
#include "store_rig.h"

#include "base/rng.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define KEPT 5        /* batches: an older one's events are removed */
#define BATCHES 150   /* a round */
#define LOSSES 12     /* a round */
#define EVENTS_MAX 12 /* a batch */

/* A power loss in the middle of a round. */
struct loss {
    struct lossy_image *image;
    unsigned reported; /* batches, before it */
};

struct round {
    struct rig *rig;
    struct lossy *lossy;
    struct rng rng;
    atomic_uint reported;
    bool torn;
    pthread_mutex_t lock; /* for all below */
    struct rng dice;
    unsigned until_next; /* steps */
    struct loss losses[LOSSES];
    unsigned loss_count;
};

/* Events of batch n, counted from 1. */
static unsigned size_of(unsigned n)
{
    return n * 7 % EVENTS_MAX + 1;
}

static const char *channel_of(unsigned n, unsigned i)
{
    static const char *const names[] = {"a", "b", "c", "d"};
    return names[(n + i) % 4];
}

static pos_t pos_of(unsigned n, unsigned i)
{
    return n * 100 + i;
}

static void make_batch(struct rig_batch *b, unsigned n)
{
    rig_tenant(b, "t", 7, pos_of(n, 99), n);
    for (unsigned i = 0; i < size_of(n); i++)
        rig_event(b, "t", channel_of(n, i), pos_of(n, i));
    for (unsigned i = 0; n > KEPT && i < size_of(n - KEPT); i++)
        rig_remove(b, "t", channel_of(n - KEPT, i), pos_of(n - KEPT, i));
    if (n > KEPT)
        rig_channel(b, "t", channel_of(n, 0), pos_of(n - KEPT, 0));
}

/* Before each change of a file, on whatever thread: perhaps the power goes now. */
static void step(void *ctx)
{
    struct round *r = ctx;
    pthread_mutex_lock(&r->lock);
    if (r->until_next-- == 0) {
        unsigned reported = atomic_load(&r->reported); /* before the power goes */
        r->until_next = (unsigned)rng_below(&r->dice, 200);
        if (r->loss_count < LOSSES)
            r->losses[r->loss_count++] =
                (struct loss){lossy_lose_power(r->lossy, r->torn), reported};
    }
    pthread_mutex_unlock(&r->lock);
}

static void run(struct round *r)
{
    for (unsigned n = 1; n <= BATCHES; n++) {
        struct rig_batch b = {.count = 0};
        make_batch(&b, n);
        rig_append_start(r->rig, &b);
        size_t pages = r->rig->answered;
        if (rng_below(&r->rng, 2)) { /* readers keep the log from beginning anew */
            r->rig->store->ops->read(r->rig->store, rig_spec("t", "a b c d", 50, 1 << 20), r);
            pages++;
        }
        rig_wait(r->rig, r->rig->stored + 1, pages);
        assert_int_equal(r->rig->errors[(r->rig->stored - 1) % RIG_STORED], 0);
        atomic_store(&r->reported, n);
        rig_batch_fini(&b);
        if (rng_below(&r->rng, 60) == 0) {
            rig_close(r->rig);
            rig_open(r->rig);
        }
    }
}

/* How many batches are there after the loss; fails unless they are whole. */
static unsigned recover(const struct loss *loss)
{
    struct rig *r = rig_new(&(struct rig_driver){"sqlite", true, true});
    rig_close(r);
    char path[256];
    static const char *const suffixes[] = {"", "-wal", "-shm"};
    for (size_t i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s/hub.db%s", r->dir, suffixes[i]);
        unlink(path);
    }
    lossy_image_write(loss->image, r->dir);
    rig_open(r);
    char **lines = rig_load(r);
    struct page *page = rig_read(r, rig_spec("t", "a b c d", 1000, 1 << 20));
    unsigned n = (unsigned)(page->upto / 100), at = 0;
    for (unsigned m = n > KEPT ? n - KEPT + 1 : 1; m <= n; m++)
        for (unsigned i = 0; i < size_of(m); i++) {
            while (at < page->count && !page->entries[at].event)
                at++; /* a floor */
            assert_true(at < page->count);
            assert_int_equal(page->entries[at++].event->pos, pos_of(m, i));
        }
    while (at < page->count && !page->entries[at].event)
        at++;
    assert_int_equal(at, page->count);
    page_free(page);
    rig_lines_free(lines);
    rig_free(r);
    return n;
}

/* Rounds of work with power losses; how many losses lost something that was reported. */
static unsigned play(unsigned rounds, bool torn, bool no_sync, unsigned *points)
{
    unsigned lost = 0;
    for (unsigned seed = 1; seed <= rounds; seed++) {
        struct round r = {.torn = torn, .lossy = lossy_new("lossy", seed)};
        rng_init(&r.rng, seed);
        rng_init(&r.dice, seed + 1000);
        atomic_init(&r.reported, 0);
        pthread_mutex_init(&r.lock, NULL);
        lossy_watch(r.lossy, step, &r);
        struct store_conf conf = {
            .vfs = "lossy", .wal_pages = 8 + 8 * (seed % 3), .unsafe_no_sync = no_sync};
        r.rig = rig_new_with(&(struct rig_driver){"sqlite", true, true}, &conf);
        run(&r);
        rig_free(r.rig);
        for (unsigned i = 0; i < r.loss_count; i++) {
            unsigned n = recover(&r.losses[i]);
            lost += n < r.losses[i].reported;
            assert_true(n <= r.losses[i].reported + 1);
            lossy_image_free(r.losses[i].image);
        }
        *points += r.loss_count;
        lossy_free(r.lossy);
        pthread_mutex_destroy(&r.lock);
    }
    return lost;
}

static void nothing_stored_is_lost_with_the_power(void **state)
{
    unsigned points = 0;
    assert_int_equal(play(10, false, false, &points), 0);
    assert_true(points >= 100);
}

static void nothing_stored_is_lost_with_writes_torn(void **state)
{
    unsigned points = 0;
    assert_int_equal(play(10, true, false, &points), 0);
    assert_true(points >= 100);
}

/* The control: this test is able to fail. */
static void without_syncs_something_is_lost(void **state)
{
    unsigned points = 0;
    unsigned lost = play(4, false, true, &points);
    print_message("synchronous=NORMAL: %u of %u power losses lost something\n", lost, points);
    assert_true(lost > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_stored_is_lost_with_the_power),
        cmocka_unit_test(nothing_stored_is_lost_with_writes_torn),
        cmocka_unit_test(without_syncs_something_is_lost),
    };
    return cmocka_run_group_tests_name("power loss", tests, NULL, NULL);
}
