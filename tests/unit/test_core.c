/* Unit tests of src/core: what a channel keeps, quotas, and the owner with a store that the test
 * completes by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "core/hub.h"
#include "core/quota.h"
#include "core/rate.h"

#include <stdlib.h>

/* ---- channels ---- */

#define MS 1700000000000u

static const uint64_t seed[2] = {1, 2};

static struct event *an_event(const char *channel, const char *key, bool deleted, const char *data)
{
    struct event_parts parts = {.channel = slice_str(channel),
                                .type = SLICE_LIT("t"),
                                .key = slice_str(key),
                                .data = slice_str(data),
                                .deleted = deleted};
    struct event *e = event_new(&parts);
    assert_non_null(e);
    return e;
}

static void channel_begin(struct channel *c, const struct channel_conf *conf)
{
    assert_int_equal(channel_init(c, SLICE_LIT("c"), conf, 0, seed), 0);
}

/* Adds an event at `ms` with the number n; what it says about the key's previous one. */
static pos_t add_at(struct channel *c, uint64_t ms, uint32_t n, const char *key, bool deleted,
                    struct channel_cut *superseded)
{
    struct channel_cut cut;
    struct event *e = an_event("c", key, deleted, "0123456789");
    e->pos = pos_make(ms, n);
    assert_int_equal(channel_add(c, e, n, superseded ? superseded : &cut), 0);
    pos_t prev = e->prev;
    event_unref(e);
    return prev;
}

static pos_t add(struct channel *c, uint32_t n, const char *key)
{
    return add_at(c, MS, n, key, false, NULL);
}

/* Trims all there is to trim at the time; how many events left. */
static uint32_t trim_at(struct channel *c, uint64_t now_ms)
{
    struct channel_cut cut;
    for (uint32_t count = 0;; count++) {
        pos_t floor = c->floor;
        assert_int_equal(channel_trim(c, now_ms, &cut), 0);
        if (!cut.pos)
            return count;
        assert_true(c->floor == (cut.pos > floor ? cut.pos : floor));
    }
}

static uint32_t trim(struct channel *c)
{
    return trim_at(c, MS);
}

static void count_limit_removes_the_oldest_and_raises_the_floor(void **state)
{
    (void)state;
    struct channel_conf conf = {.events = 3};
    struct channel c;
    channel_begin(&c, &conf);
    for (uint32_t n = 1; n <= 5; n++)
        assert_true(add(&c, n, n % 2 ? "k" : NULL) == 0);
    assert_int_equal(trim(&c), 2);
    assert_true(c.floor == pos_make(MS, 2));
    assert_true(channel_oldest(&c) == pos_make(MS, 3));
    assert_true(c.head == pos_make(MS, 5));
    assert_int_equal(channel_count(&c), 3);
    channel_fini(&c);
}

static void byte_limit_removes_the_oldest(void **state)
{
    (void)state;
    struct channel_conf conf = {.events = 100, .bytes = 25}; /* an event is 12 */
    struct channel c;
    channel_begin(&c, &conf);
    for (uint32_t n = 1; n <= 4; n++)
        add(&c, n, NULL);
    assert_int_equal(c.bytes, 48);
    assert_int_equal(trim(&c), 2);
    assert_int_equal(c.bytes, 24);
    assert_true(c.floor == pos_make(MS, 2));
    channel_fini(&c);
}

static void age_limit_keeps_what_is_just_old_enough(void **state)
{
    (void)state;
    struct channel_conf conf = {.events = 100, .age_ms = 1000};
    struct channel c;
    channel_begin(&c, &conf);
    add_at(&c, MS, 1, NULL, false, NULL);
    add_at(&c, MS + 500, 2, NULL, false, NULL);
    assert_int_equal(trim_at(&c, MS + 1000), 0);
    assert_int_equal(trim_at(&c, MS + 1001), 1);
    assert_true(c.floor == pos_make(MS, 1));
    assert_int_equal(trim_at(&c, MS + 100), 0); /* a clock that went back */
    channel_fini(&c);
}

static void superseding_frees_the_key_without_raising_the_floor(void **state)
{
    (void)state;
    struct channel_conf conf = {.keyed = true, .events = 0, .keys = 10};
    struct channel c;
    channel_begin(&c, &conf);
    struct channel_cut cut;
    assert_true(add(&c, 1, "x") == 0);
    add(&c, 2, "y");
    assert_true(add_at(&c, MS, 3, "x", false, &cut) == pos_make(MS, 1));
    assert_true(cut.pos == pos_make(MS, 1) && cut.row == 1);
    assert_int_equal(trim(&c), 0);
    assert_true(c.floor == 0);
    assert_int_equal(c.live, 2);
    assert_true(channel_oldest(&c) == pos_make(MS, 2));
    channel_fini(&c);
}

static void latest_of_a_key_is_exempt_from_count_and_age(void **state)
{
    (void)state;
    struct channel_conf conf = {.keyed = true, .events = 1, .keys = 10, .age_ms = 10};
    struct channel c;
    channel_begin(&c, &conf);
    add(&c, 1, "x");
    add(&c, 2, "y");
    add(&c, 3, NULL); /* without a key: an ordinary event */
    add(&c, 4, NULL);
    assert_int_equal(trim(&c), 1);
    assert_true(c.floor == pos_make(MS, 3));
    assert_int_equal(trim_at(&c, MS + 100), 1);
    assert_true(c.floor == pos_make(MS, 4));
    assert_int_equal(c.live, 2);
    channel_fini(&c);
}

static void tombstone_is_trimmed_like_an_ordinary_event(void **state)
{
    (void)state;
    struct channel_conf conf = {.keyed = true, .events = 1, .keys = 10};
    struct channel c;
    channel_begin(&c, &conf);
    add(&c, 1, "x");
    assert_true(add_at(&c, MS, 2, "x", true, NULL) == pos_make(MS, 1));
    assert_int_equal(c.live, 0);
    assert_int_equal(trim(&c), 0);
    add(&c, 3, "y");
    assert_true(add_at(&c, MS, 4, "y", true, NULL) == pos_make(MS, 3));
    assert_int_equal(trim(&c), 1);
    assert_true(c.floor == pos_make(MS, 2));
    channel_settle(&c);
    assert_true(add(&c, 5, "y") == pos_make(MS, 4)); /* back after its tombstone */
    assert_int_equal(channel_count(&c), 1);
    channel_fini(&c);
}

static void key_limit_removes_the_key_changed_longest_ago(void **state)
{
    (void)state;
    struct channel_conf conf = {.keyed = true, .events = 5, .keys = 2};
    struct channel c;
    channel_begin(&c, &conf);
    add(&c, 1, "x");
    add(&c, 2, "y");
    add(&c, 3, "x");
    add(&c, 4, "z");
    assert_int_equal(trim(&c), 1);
    assert_true(c.floor == pos_make(MS, 2));
    assert_true(channel_oldest(&c) == pos_make(MS, 3));
    channel_settle(&c);
    assert_true(add(&c, 5, "y") == POS_MAX); /* nobody is known to have it */
    assert_true(add(&c, 6, "new") == POS_MAX);
    channel_fini(&c);
}

static void bytes_of_a_source_are_spared_but_for_ordinary_events(void **state)
{
    (void)state;
    struct channel_conf conf = {.keyed = true, .events = 9, .keys = 9, .bytes = 20};
    struct channel c;
    channel_begin(&c, &conf);
    add(&c, 1, "x");
    add(&c, 2, NULL);
    add(&c, 3, "y");
    conf.owned = true;
    assert_int_equal(trim(&c), 1);
    assert_true(c.floor == pos_make(MS, 2));
    conf.owned = false;
    assert_int_equal(trim(&c), 1);
    assert_int_equal(c.live, 1);
    channel_fini(&c);
}

/* All that can be seen of a channel, as text. */
static void picture(const struct channel *c, struct buf *out)
{
    buf_reset(out);
    buf_addf(out, "%llx %llx %llu %u %u %zu:", (unsigned long long)c->floor,
             (unsigned long long)c->head, (unsigned long long)c->bytes, c->ordinary, c->live,
             c->keys.count);
    for (uint32_t i = 0; i < c->used; i++) {
        const struct channel_entry *e = &c->entries[c->first + i];
        if (!e->dead)
            buf_addf(out, " e%llx/%u/%.*s", (unsigned long long)e->pos, e->bytes,
                     e->key ? e->key->len : 0, e->key ? e->key->text : "");
    }
    LIST_EACH(&c->order, node, after)
    {
        const struct channel_key *k = LIST_ENTRY(node, struct channel_key, order);
        buf_addf(out, " k%.*s/%llx/%u/%u%d%d", k->len, k->text, (unsigned long long)k->pos,
                 k->bytes, k->row, k->deleted, k->gone);
    }
    assert_false(out->failed);
}

static void failed_commit_leaves_no_trace(void **state)
{
    (void)state;
    static const char *const keys[] = {"a", "b", "c", "d", "e", NULL};
    struct rng dice;
    rng_init(&dice, 7);
    struct buf before = BUF_INIT, after = BUF_INIT;
    for (int round = 0; round < 40; round++) {
        struct channel_conf conf = {.keyed = rng_below(&dice, 4) > 0,
                                    .events = (uint32_t)rng_below(&dice, 6),
                                    .bytes = rng_below(&dice, 2) * 70,
                                    .keys = (uint32_t)rng_below(&dice, 5),
                                    .age_ms = rng_below(&dice, 2) * 40};
        struct channel c;
        channel_begin(&c, &conf);
        uint32_t n = 0;
        for (int plan = 0; plan < 60; plan++) {
            picture(&c, &before);
            for (uint64_t i = rng_below(&dice, 6); i > 0; i--) {
                const char *key = keys[rng_below(&dice, 6)];
                bool deleted = conf.keyed && key && rng_below(&dice, 4) == 0;
                n++;
                add_at(&c, MS + n, n, key, deleted, NULL);
                if (rng_below(&dice, 3))
                    trim_at(&c, MS + n);
            }
            trim_at(&c, MS + n);
            if (rng_below(&dice, 2)) {
                channel_undo(&c);
                picture(&c, &after);
                assert_string_equal(buf_cstr(&before), buf_cstr(&after));
            } else {
                channel_settle(&c);
                assert_int_equal(trim_at(&c, MS + n), 0);
            }
        }
        channel_fini(&c);
    }
    buf_fini(&before);
    buf_fini(&after);
}

/* The index holds exactly the positions [from, upto]. */
static void assert_window(const struct channel *c, uint32_t from, uint32_t upto)
{
    uint32_t want = from;
    for (uint32_t i = 0; i < c->used; i++) {
        const struct channel_entry *e = &c->entries[c->first + i];
        if (e->dead)
            continue;
        assert_true(e->pos == pos_make(MS, want));
        want++;
    }
    assert_int_equal(want, upto + 1);
    assert_int_equal(channel_count(c), upto + 1 - from);
    assert_true(channel_oldest(c) == (upto >= from ? pos_make(MS, from) : 0));
}

/* Plans of very different sizes, taken back or settled: the index grows in the middle of them, moves
 * down, and closes its holes; what was noted about places holds all the while. */
static void index_grows_in_the_middle_of_a_plan(void **state)
{
    (void)state;
    struct rng dice;
    rng_init(&dice, 11);
    for (uint32_t limit = 1; limit < 3000; limit = limit * 3 + 1) {
        struct channel_conf conf = {.events = limit};
        struct channel c;
        channel_begin(&c, &conf);
        uint32_t first = 1, last = 0; /* as settled */
        for (int plan = 0; plan < 30; plan++) {
            uint32_t size = (uint32_t)rng_below(&dice, plan % 5 ? 40 : 4 * limit + 40);
            bool trims_last = rng_below(&dice, 2);
            for (uint32_t n = last + 1; n <= last + size; n++) {
                add(&c, n, n % 3 ? NULL : "k");
                if (!trims_last)
                    trim(&c);
            }
            trim(&c);
            uint32_t kept = last + size - first + 1 > limit ? limit : last + size - first + 1;
            assert_window(&c, last + size - kept + 1, last + size);
            if (rng_below(&dice, 3) == 0) {
                channel_undo(&c);
            } else {
                channel_settle(&c);
                last += size;
                first = last - kept + 1;
            }
            assert_window(&c, first, last);
        }
        assert_true(c.cap <= 16 * (limit + 40)); /* it doesn't keep what has left */
        channel_fini(&c);
    }
}

static void settled_channel_keeps_no_records_of_removed_keys(void **state)
{
    (void)state;
    struct channel_conf conf = {.keyed = true, .events = 0, .keys = 2};
    struct channel c;
    channel_begin(&c, &conf);
    char key[8] = "k0";
    for (uint32_t n = 1; n <= 2000; n++) {
        key[1] = (char)('0' + n % 70);
        add_at(&c, MS, n, key, n % 3 == 0, NULL);
        trim(&c);
        channel_settle(&c);
        assert_true(c.keys.count <= 2);
    }
    assert_true(c.cap <= 64);
    channel_fini(&c);
}

/* ---- quota ---- */

static void quota_gives_its_burst_and_then_its_rate(void **state)
{
    (void)state;
    struct quota q;
    uint64_t wait = 0;
    quota_init(&q, 10, 20, 1000);
    assert_true(quota_take(&q, 20, 1000, NULL));
    assert_false(quota_take(&q, 1, 1000, &wait));
    assert_true(wait > 0 && wait <= 101);
    assert_false(quota_take(&q, 1, 1000 + 99, NULL));
    assert_true(quota_take(&q, 1, 1000 + 99 + wait, NULL));
    assert_true(quota_take(&q, 20, 100000, NULL)); /* full again, and no fuller */
    assert_false(quota_take(&q, 1, 100000, NULL));
}

static void rate_is_that_of_the_last_seconds(void **state)
{
    (void)state;
    struct rate r = {0};
    uint64_t begin = 1000 * RATE_WINDOW_MS;
    for (uint64_t ms = 0; ms < 3 * RATE_WINDOW_MS; ms += 100) {
        rate_add(&r, 2, begin + ms);
        if (ms >= RATE_WINDOW_MS)
            assert_true(rate_get(&r, begin + ms) > 19.9 && rate_get(&r, begin + ms) < 20.5);
    }
    uint64_t end = begin + 3 * RATE_WINDOW_MS;
    assert_int_equal(r.total, 2 * 3 * RATE_WINDOW_MS / 100);
    assert_true(rate_get(&r, end) > 19.9);
    assert_true(rate_get(&r, end + RATE_WINDOW_MS / 2) < 10.1);
    assert_true(rate_get(&r, end + RATE_WINDOW_MS) == 0);
    assert_true(rate_get(&r, begin) == 0); /* a clock that went back */
}

static void quota_takes_all_or_nothing_and_no_time_from_a_clock_that_goes_back(void **state)
{
    (void)state;
    struct quota q;
    uint64_t wait = 0;
    quota_init(&q, 10, 20, 1000);
    assert_false(quota_take(&q, 21, 1000, &wait));
    assert_true(wait > 0);
    assert_true(quota_take(&q, 20, 1000, NULL));
    assert_false(quota_take(&q, 1, 10, NULL));
    assert_false(quota_take(&q, 1, 20, NULL));
    assert_true(quota_take(&q, 1, 200, NULL));
    quota_init(&q, 0, 0, 0);
    assert_true(quota_take(&q, 1000000, 0, NULL));
}

/* ---- the owner ---- */

struct rig { /* a hub over a store that the test completes */
    struct store store;
    const struct store_batch *batch;
    struct hub *hub;
    struct channel_conf conf;
    uint32_t events_stored, delivered, answered, released, refused;
    struct err last;
};

static int rig_load(struct store *s, int (*row)(void *ctx, const struct store_row *row), void *ctx,
                    struct err *e)
{
    (void)s, (void)row, (void)ctx, (void)e;
    return 0;
}

static void rig_append(struct store *s, const struct store_batch *batch)
{
    ((struct rig *)s)->batch = batch;
}

static void rig_read(struct store *s, struct page_spec *spec, void *token)
{
    free(spec);
    s->done.page(s->done.ctx, token, page_new());
}

static void rig_cancel(struct store *s, void *token)
{
    (void)s, (void)token;
}

static bool rig_drain(struct store *s)
{
    (void)s;
    return false;
}

static void rig_stats(struct store *s, struct store_stats *out)
{
    (void)s;
    *out = (struct store_stats){.writable = true};
}

static void rig_deliver(void *ctx, unsigned edge, struct delivery *d)
{
    (void)edge;
    for (uint32_t i = 0; i < d->count; i++)
        ((struct rig *)ctx)->delivered += d->entries[i].event != NULL;
    delivery_free(d);
}

static void rig_followed(void *ctx, unsigned edge, struct follow *f)
{
    (void)ctx, (void)edge;
    free(f);
}

static void rig_page(void *ctx, unsigned edge, void *token, struct page *page)
{
    (void)ctx, (void)edge, (void)token;
    page_free(page);
}

static void rig_published(void *ctx, struct publish *p)
{
    struct rig *r = ctx;
    r->answered++;
    r->last = p->err;
    r->refused += p->err.code != 0;
}

static void rig_released(void *ctx, struct publish *p)
{
    (void)p;
    ((struct rig *)ctx)->released++;
}

static const struct channel_conf *rig_conf(void *ctx, struct slice tenant, struct slice channel)
{
    (void)tenant;
    return slice_is(channel, "closed") ? NULL : &((struct rig *)ctx)->conf;
}

static const struct store_ops rig_ops = {"rig",      true,      rig_load,  rig_append, rig_read,
                                         rig_cancel, rig_drain, rig_stats, NULL};

static bool rig_floor(void *ctx, const struct hub_channel_info *info)
{
    ((pos_t *)ctx)[slice_is(info->channel, "d")] = info->floor;
    return true;
}

static void rig_start_with(struct rig *r, uint32_t channels_max, uint64_t tenant_bytes)
{
    struct hub_conf conf = {.edges = 1,
                            .tenants_max = 3,
                            .channels_max = channels_max,
                            .channel_idle_ms = 1000,
                            .once_ms = 60000,
                            .once_max = 4,
                            .queue_bytes = 1000,
                            .batch_events = 100,
                            .tenant_bytes = tenant_bytes};
    struct hub_ops ops = {rig_deliver,  rig_followed, rig_page, rig_published,
                          rig_released, rig_conf,     r};
    *r = (struct rig){.store.ops = &rig_ops, .conf = {.events = 3}};
    struct err e = {0};
    r->hub = hub_new(&conf, &ops, &r->store, 5, MS, &e);
    assert_non_null(r->hub);
}

static void rig_start(struct rig *r, uint32_t channels_max)
{
    rig_start_with(r, channels_max, 0);
}

/* Lets the commit that is due begin, and reports it. */
static void rig_commit(struct rig *r, int error)
{
    hub_step(r->hub, MS);
    assert_non_null(r->batch);
    for (size_t i = 0; !error && i < r->batch->count; i++)
        r->events_stored += r->batch->rows[i].kind == STORE_EVENT;
    r->batch = NULL;
    r->store.done.stored(r->store.done.ctx, error, "made up");
}

struct one { /* a publish of up to four events */
    struct publish p;
    struct event *events[4];
    struct publish_once once[4];
    pos_t ids[4];
};

static void publish(struct rig *r, struct one *o, const char *const *channels, const char *once,
                    uint64_t digest, bool durable)
{
    *o = (struct one){.p = {.tenant = SLICE_LIT("a"), .durable = durable}};
    while (channels[o->p.count]) {
        o->events[o->p.count] = an_event(channels[o->p.count], NULL, false, "1");
        o->p.count++;
    }
    o->p.events = o->events;
    o->p.ids = o->ids;
    if (once) {
        o->once[0] = (struct publish_once){slice_str(once), {digest, 0}};
        o->p.once = o->once;
    }
    hub_publish(r->hub, &o->p, MS);
}

static const char *const one_c[] = {"c", NULL};

static void memory_is_answered_at_once_and_durable_after_the_commit(void **state)
{
    (void)state;
    struct rig r;
    struct one soon, late;
    rig_start(&r, 10);
    publish(&r, &soon, one_c, NULL, 0, false);
    assert_int_equal(r.answered, 1);
    assert_true(soon.ids[0] == pos_make(MS, 0));
    assert_false(soon.p.was_durable);
    publish(&r, &late, one_c, NULL, 0, true);
    assert_int_equal(r.answered, 1);
    rig_commit(&r, 0);
    assert_int_equal(r.answered, 2);
    assert_int_equal(r.released, 2);
    assert_true(late.p.was_durable);
    assert_true(late.ids[0] > soon.ids[0]);
    assert_true(hub_idle(r.hub));
    hub_free(r.hub);
}

static void failed_commit_burns_ids_and_nothing_else(void **state)
{
    (void)state;
    struct rig r;
    struct one lost, next;
    rig_start(&r, 10);
    publish(&r, &lost, one_c, NULL, 0, true);
    rig_commit(&r, ERR_STORE_FULL);
    assert_int_equal(r.last.code, ERR_STORE_FULL);
    struct hub_stats stats;
    hub_get_stats(r.hub, &stats);
    assert_int_equal(stats.kept, 0);
    assert_int_equal(stats.failed, 1);
    assert_int_equal(stats.queue_bytes, 0);
    assert_int_equal(stats.queue_events, 0);
    publish(&r, &next, one_c, NULL, 0, true);
    assert_true(next.ids[0] > lost.ids[0]);
    rig_commit(&r, 0);
    assert_int_equal(r.last.code, 0);
    hub_free(r.hub);
}

static void idempotency_key_gives_the_first_id_again(void **state)
{
    (void)state;
    struct rig r;
    struct one first, again, other;
    rig_start(&r, 10);
    publish(&r, &first, one_c, "key", 1, false);
    publish(&r, &again, one_c, "key", 1, false); /* before the commit of the first */
    assert_true(again.ids[0] == first.ids[0]);
    rig_commit(&r, 0);
    publish(&r, &again, one_c, "key", 1, true);
    rig_commit(&r, 0);
    assert_int_equal(r.last.code, 0);
    assert_true(again.ids[0] == first.ids[0]);
    assert_int_equal(r.events_stored, 1);
    publish(&r, &other, one_c, "key", 2, false);
    assert_int_equal(r.last.code, ERR_CONFLICT);
    assert_int_equal(r.last.index, 0);
    publish(&r, &other, (const char *const[]){"d", NULL}, "key", 2, false); /* another channel */
    assert_int_equal(r.last.code, 0);
    rig_commit(&r, 0);
    hub_free(r.hub);
}

static void idempotency_key_of_a_failed_commit_is_free_again(void **state)
{
    (void)state;
    struct rig r;
    struct one first, repeat, anew;
    rig_start(&r, 10);
    publish(&r, &first, one_c, "key", 1, true);
    hub_step(r.hub, MS); /* its commit is under way */
    publish(&r, &repeat, one_c, "key", 1, true);
    assert_int_equal(r.answered, 0);
    rig_commit(&r, ERR_STORE_FULL);
    assert_int_equal(r.refused, 2); /* the repeat has no id to be answered with */
    publish(&r, &anew, one_c, "key", 2, true);
    rig_commit(&r, 0);
    assert_int_equal(r.last.code, 0);
    assert_true(anew.ids[0] > repeat.ids[0]);
    hub_free(r.hub);
}

static void too_many_idempotency_keys_are_an_answer(void **state)
{
    (void)state;
    static const char *const keys[] = {"1", "2", "3", "4"};
    struct rig r;
    struct one o[4], more;
    rig_start(&r, 10);
    for (int i = 0; i < 4; i++)
        publish(&r, &o[i], one_c, keys[i], 1, false);
    publish(&r, &more, one_c, "5", 1, false);
    assert_int_equal(r.last.code, ERR_STORE_FULL);
    rig_commit(&r, 0);
    hub_free(r.hub);
}

static void channels_max_counts_each_channel_once(void **state)
{
    (void)state;
    struct rig r;
    struct one o, over;
    rig_start(&r, 2);
    publish(&r, &o, (const char *const[]){"c", "d", "c", "d", NULL}, NULL, 0, false);
    assert_int_equal(r.last.code, 0);
    publish(&r, &over, (const char *const[]){"c", "e", NULL}, NULL, 0, false);
    assert_int_equal(r.last.code, ERR_STORE_FULL);
    publish(&r, &over, one_c, NULL, 0, false);
    assert_int_equal(r.last.code, 0);
    rig_commit(&r, 0);
    hub_free(r.hub);
}

static uint64_t kept_bytes(struct rig *r)
{
    struct hub_stats s;
    hub_get_stats(r->hub, &s);
    return s.kept_bytes;
}

static void tenant_bytes_take_from_the_fattest_channel(void **state)
{
    (void)state;
    struct rig r;
    struct one o[4];
    struct hub_stats s;
    rig_start(&r, 10);
    r.conf.events = 100;
    publish(&r, &o[0], (const char *const[]){"c", "d", NULL}, NULL, 0, false);
    rig_commit(&r, 0);
    uint64_t one = kept_bytes(&r) / 2;
    hub_free(r.hub);

    rig_start_with(&r, 10, 6 * one);
    r.conf.events = 100;
    publish(&r, &o[0], (const char *const[]){"c", "d", NULL}, NULL, 0, false);
    publish(&r, &o[1], (const char *const[]){"c", "c", "c", "c", NULL}, NULL, 0, false);
    rig_commit(&r, 0);
    assert_int_equal(kept_bytes(&r), 6 * one);
    publish(&r, &o[2], (const char *const[]){"d", NULL}, NULL, 0, false);
    rig_commit(&r, ERR_OVERLOADED);
    assert_int_equal(kept_bytes(&r), 6 * one); /* a commit that failed removed nothing */
    publish(&r, &o[3], (const char *const[]){"d", NULL}, NULL, 0, false);
    rig_commit(&r, 0);
    hub_get_stats(r.hub, &s);
    assert_int_equal(s.kept, 6);
    pos_t floors[2] = {0};
    hub_each_channel(r.hub, SLICE_LIT("a"), rig_floor, floors);
    assert_true(floors[0] > 0);        /* c's oldest went, and it says so, */
    assert_int_equal(floors[1], 0);    /* nothing of d's */
    hub_free(r.hub);
}

static void batch_is_taken_whole_or_not_at_all(void **state)
{
    (void)state;
    struct rig r;
    struct one o;
    rig_start(&r, 10);
    publish(&r, &o, (const char *const[]){"c", "d", "closed", NULL}, NULL, 0, false);
    assert_int_equal(r.last.code, ERR_NOT_FOUND);
    assert_int_equal(r.last.index, 2);
    assert_int_equal(r.released, 1);
    assert_true(hub_idle(r.hub));
    r.conf.owned = true;
    publish(&r, &o, one_c, NULL, 0, false);
    assert_int_equal(r.last.code, ERR_FORBIDDEN);
    hub_free(r.hub);
}

static void full_queue_is_an_answer(void **state)
{
    (void)state;
    struct rig r;
    struct one first, second;
    rig_start(&r, 10);
    first = (struct one){.p = {.tenant = SLICE_LIT("a"), .count = 1}};
    char big[1200];
    memset(big, '1', sizeof big - 1);
    big[sizeof big - 1] = 0;
    first.events[0] = an_event("c", NULL, false, big);
    first.p.events = first.events;
    first.p.ids = first.ids;
    hub_publish(r.hub, &first.p, MS);
    publish(&r, &second, one_c, NULL, 0, false);
    assert_int_equal(r.last.code, ERR_OVERLOADED);
    rig_commit(&r, 0);
    publish(&r, &second, one_c, NULL, 0, false);
    assert_int_equal(r.last.code, 0);
    rig_commit(&r, 0);
    hub_free(r.hub);
}

static void channel_followed_while_it_is_forgotten_still_delivers(void **state)
{
    (void)state;
    struct rig r;
    struct one o;
    struct slice name = SLICE_LIT("c");
    rig_start(&r, 10);
    r.conf.events = 0; /* empty at once */
    publish(&r, &o, one_c, NULL, 0, false);
    rig_commit(&r, 0);
    hub_tick(r.hub, MS + 5000);
    hub_step(r.hub, MS + 5000); /* forgets it */
    assert_non_null(r.batch);
    hub_follow(r.hub, 0, follow_new(FOLLOW_START, SLICE_LIT("a"), &name, 1), MS + 5000);
    r.batch = NULL;
    r.store.done.stored(r.store.done.ctx, 0, NULL);
    publish(&r, &o, one_c, NULL, 0, false);
    rig_commit(&r, 0);
    assert_int_equal(r.delivered, 1);
    hub_free(r.hub);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(count_limit_removes_the_oldest_and_raises_the_floor),
        cmocka_unit_test(byte_limit_removes_the_oldest),
        cmocka_unit_test(age_limit_keeps_what_is_just_old_enough),
        cmocka_unit_test(superseding_frees_the_key_without_raising_the_floor),
        cmocka_unit_test(latest_of_a_key_is_exempt_from_count_and_age),
        cmocka_unit_test(tombstone_is_trimmed_like_an_ordinary_event),
        cmocka_unit_test(key_limit_removes_the_key_changed_longest_ago),
        cmocka_unit_test(bytes_of_a_source_are_spared_but_for_ordinary_events),
        cmocka_unit_test(failed_commit_leaves_no_trace),
        cmocka_unit_test(index_grows_in_the_middle_of_a_plan),
        cmocka_unit_test(settled_channel_keeps_no_records_of_removed_keys),
        cmocka_unit_test(quota_gives_its_burst_and_then_its_rate),
        cmocka_unit_test(rate_is_that_of_the_last_seconds),
        cmocka_unit_test(quota_takes_all_or_nothing_and_no_time_from_a_clock_that_goes_back),
        cmocka_unit_test(memory_is_answered_at_once_and_durable_after_the_commit),
        cmocka_unit_test(failed_commit_burns_ids_and_nothing_else),
        cmocka_unit_test(idempotency_key_gives_the_first_id_again),
        cmocka_unit_test(idempotency_key_of_a_failed_commit_is_free_again),
        cmocka_unit_test(too_many_idempotency_keys_are_an_answer),
        cmocka_unit_test(channels_max_counts_each_channel_once),
        cmocka_unit_test(tenant_bytes_take_from_the_fattest_channel),
        cmocka_unit_test(batch_is_taken_whole_or_not_at_all),
        cmocka_unit_test(full_queue_is_an_answer),
        cmocka_unit_test(channel_followed_while_it_is_forgotten_still_delivers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
