/* The contract of core/store.h, run with each driver. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store_rig.h"

#include <stdio.h>
#include <stdlib.h>

#define ALL 1000
#define ALL_BYTES (1u << 30)

static void expect_all(struct rig *r, const char *tenant, const char *channels, const char *text)
{
    rig_expect(r, tenant, channels, ALL, ALL_BYTES, text);
}

static void an_append_never_completes_inside_the_call(void **state)
{
    struct rig *r = *state;
    struct rig_batch b = {.count = 0};
    rig_tenant(&b, "t", 7, 10, 0);
    rig_append_start(r, &b);
    assert_int_equal(r->stored, 0);
    rig_wait(r, 1, 0);
    assert_int_equal(r->errors[0], 0);
    rig_batch_fini(&b);
    r->store->ops->read(r->store, rig_spec("t", "a", ALL, ALL_BYTES), r);
    assert_int_equal(r->answered, 0);
    rig_wait(r, 1, 1);
}

static void completions_come_in_the_order_of_the_appends(void **state)
{
    struct rig *r = *state;
    struct rig_batch b[8] = {{.count = 0}};
    for (size_t i = 0; i < 8; i++) {
        rig_tenant(&b[i], "t", 7, 100 + i, 0);
        rig_event(&b[i], "t", "a", i == 3 ? 101 : 100 + i); /* the fourth's is taken */
        rig_append_start(r, &b[i]);
    }
    rig_wait(r, 8, 0);
    for (size_t i = 0; i < 8; i++) {
        assert_int_equal(r->errors[i] != 0, r->driver->keeps && i == 3);
        rig_batch_fini(&b[i]);
    }
    struct store_stats stats;
    r->store->ops->stats(r->store, &stats);
    assert_int_equal(stats.appends, 8);
    assert_true(stats.writable);
    if (r->driver->keeps) {
        assert_int_equal(stats.append_errors, 1);
        assert_int_equal(stats.events, 7);
        expect_all(r, "t", "a", "a@100 a@101 a@102 a@104 a@105 a@106 a@107 upto=107");
    }
}

static void a_failed_batch_leaves_nothing(void **state)
{
    struct rig *r = *state;
    struct rig_batch b = {.count = 0};
    rig_tenant(&b, "t", 7, 30, 0);
    rig_channel(&b, "t", "a", 5);
    for (pos_t pos = 10; pos <= 30; pos += 10)
        rig_event(&b, "t", "a", pos);
    rig_store(r, &b);

    rig_tenant(&b, "t", 9, 60, 40);
    rig_channel(&b, "t", "a", 10);
    rig_remove(&b, "t", "a", 10);
    rig_event(&b, "t", "b", 40);
    rig_event(&b, "new", "a", 1);
    rig_add(&b, STORE_CHANNEL_GONE, "t", "b");
    rig_channel(&b, "t", "c", 11);
    rig_event(&b, "t", "a", 15);
    rig_event(&b, "t", "a", 20); /* taken */
    rig_event(&b, "t", "a", 60);
    assert_int_not_equal(rig_append(r, &b), 0);
    assert_true(r->detail[0]);
    struct store_stats stats;
    r->store->ops->stats(r->store, &stats);
    assert_false(stats.writable);
    assert_true(stats.detail[0]);

    expect_all(r, "t", "a b c", "a!5 a@10 a@20 a@30 upto=30");
    expect_all(r, "new", "a", "upto=0");
    /* and the next one is tried again */
    rig_tenant(&b, "t", 7, 40, 0);
    rig_event(&b, "t", "b", 40);
    rig_store(r, &b);
    expect_all(r, "t", "a b c", "a!5 a@10 a@20 a@30 b@40 upto=40");
    r->store->ops->stats(r->store, &stats);
    assert_true(stats.writable);
    assert_string_equal(stats.detail, "");
}

static void events_come_back_exactly(void **state)
{
    struct rig *r = *state;
    static const struct event_parts parts[] = {
        {.channel = SLICE_LIT("a"), .type = SLICE_LIT("message"), .data = SLICE_LIT("1.10")},
        {.channel = SLICE_LIT("a"),
         .type = SLICE_LIT("\xc3\xa9t\xc3\xa9"),
         .key = SLICE_LIT("\xf0\x9f\x9a\x8c 7"),
         .data = SLICE_LIT("{\"x\":\"\\u0000\\n\"}"),
         .state = SLICE_LIT("{\"x\":9007199254740993}"),
         .high = true},
        {.channel = SLICE_LIT("a"),
         .type = SLICE_LIT("x"),
         .key = SLICE_LIT("k"),
         .data = SLICE_LIT("null"),
         .deleted = true},
        {.channel = SLICE_LIT("a"),
         .type = SLICE_LIT("x"),
         .key = SLICE_LIT(""),
         .data = SLICE_LIT("\"\""),
         .state = SLICE_LIT("")},
    };
    enum { COUNT = sizeof parts / sizeof *parts };
    struct rig_batch b = {.count = 0};
    struct event *events[COUNT];
    rig_tenant(&b, "t", 0xfffffffe, POS_MAX - 1, 0);
    for (size_t i = 0; i < COUNT; i++) {
        struct event *e = event_new(&parts[i]);
        assert_non_null(e);
        e->pos = POS_MAX - COUNT + i; /* beyond what a signed number holds */
        e->prev = i ? e->pos - 1 : 0;
        e->epoch = 0xfffffffe;
        e->keyed = i == 1;
        events[i] = event_ref(e);
        rig_event_take(&b, "t", e);
    }
    rig_store(r, &b);
    for (int restart = 0; restart < 2; restart++) {
        struct page *page = rig_read(r, rig_spec("t", "a", ALL, ALL_BYTES));
        assert_int_equal(page->epoch, 0xfffffffe);
        assert_int_equal(page->count, COUNT);
        for (size_t i = 0; i < COUNT; i++) {
            rig_same_event(page->entries[i].event, events[i]);
            assert_int_equal(page->entries[i].event->epoch, 0xfffffffe);
        }
        page_free(page);
        if (!r->driver->restarts)
            break;
        rig_close(r);
        rig_open(r);
    }
    for (size_t i = 0; i < COUNT; i++)
        event_unref(events[i]);
}

static void a_big_event_comes_back_exactly(void **state)
{
    struct rig *r = *state;
    size_t len = 200000;
    char *text = malloc(len);
    assert_non_null(text);
    for (size_t i = 0; i < len; i++)
        text[i] = (char)('a' + i % 23);
    struct event_parts parts = {.channel = SLICE_LIT("a"),
                                .type = SLICE_LIT("x"),
                                .key = slice_of(text, 256),
                                .data = slice_of(text, len),
                                .state = slice_of(text + 1, len - 1)};
    struct event *e = event_new(&parts);
    assert_non_null(e);
    e->pos = 5;
    struct rig_batch b = {.count = 0};
    rig_event_take(&b, "t", event_ref(e));
    rig_store(r, &b);
    struct page *page = rig_read(r, rig_spec("t", "a", 1, 1));
    assert_int_equal(page->count, 1);
    rig_same_event(page->entries[0].event, e);
    page_free(page);
    event_unref(e);
    free(text);
}

/* a: 10 20 30 40, b: 15 25 35 */
static void seven_events(struct rig *r)
{
    struct rig_batch b = {.count = 0};
    rig_tenant(&b, "t", 7, 50, 0);
    for (pos_t pos = 10; pos <= 40; pos += 10)
        rig_event(&b, "t", "a", pos);
    for (pos_t pos = 15; pos <= 35; pos += 10)
        rig_event(&b, "t", "b", pos);
    rig_store(r, &b);
}

static void a_page_says_how_far_it_goes(void **state)
{
    struct rig *r = *state;
    struct rig_batch b = {.count = 0};
    rig_tenant(&b, "t", 7, 50, 0);
    rig_store(r, &b);
    expect_all(r, "t", "a b", "upto=50");
    rig_event(&b, "t", "a", 60); /* raises it */
    rig_tenant(&b, "u", 7, 1, 0);
    rig_store(r, &b);
    expect_all(r, "t", "b", "upto=60");
    expect_all(r, "u", "b", "upto=1");
    rig_tenant(&b, "t", 7, 70, 0); /* ids that were burnt */
    rig_store(r, &b);
    expect_all(r, "t", "b", "upto=70");
    expect_all(r, "t", "b>70", "upto=70");
    expect_all(r, "t", "b>18446744073709551615", "upto=70");
}

static void pages_are_cut_by_count(void **state)
{
    struct rig *r = *state;
    seven_events(r);
    expect_all(r, "t", "a b", "a@10 b@15 a@20 b@25 a@30 b@35 a@40 upto=50");
    rig_expect(r, "t", "a b", 3, ALL_BYTES, "a@10 b@15 a@20 upto=20 more");
    rig_expect(r, "t", "a>20 b>20", 3, ALL_BYTES, "b@25 a@30 b@35 upto=35 more");
    rig_expect(r, "t", "a>35 b>35", 3, ALL_BYTES, "a@40 upto=50");
    rig_expect(r, "t", "a b", 7, ALL_BYTES, "a@10 b@15 a@20 b@25 a@30 b@35 a@40 upto=50");
    rig_expect(r, "t", "a b", 6, ALL_BYTES, "a@10 b@15 a@20 b@25 a@30 b@35 upto=35 more");
}

static void pages_are_cut_by_bytes(void **state)
{
    struct rig *r = *state;
    seven_events(r); /* of 18 bytes each */
    rig_expect(r, "t", "a b", ALL, 1, "a@10 upto=10 more");
    rig_expect(r, "t", "a b", ALL, 35, "a@10 upto=10 more");
    rig_expect(r, "t", "a b", ALL, 36, "a@10 b@15 upto=15 more");
    rig_expect(r, "t", "b", ALL, 54, "b@15 b@25 b@35 upto=50");
    rig_expect(r, "t", "b", ALL, 53, "b@15 b@25 upto=25 more");
}

static void each_channel_is_read_after_its_own_position(void **state)
{
    struct rig *r = *state;
    seven_events(r);
    expect_all(r, "t", "a>30 b>15", "b@25 b@35 a@40 upto=50");
    expect_all(r, "t", "b>34 a>9", "a@10 a@20 a@30 b@35 a@40 upto=50");
    expect_all(r, "t", "a>40 b>14", "b@15 b@25 b@35 upto=50");
    expect_all(r, "t", "c a>29 d>3", "a@30 a@40 upto=50");
}

static void a_floor_is_an_entry_at_its_own_position(void **state)
{
    struct rig *r = *state;
    struct rig_batch b = {.count = 0};
    rig_tenant(&b, "t", 7, 90, 0);
    rig_channel(&b, "t", "A", 80);
    rig_channel(&b, "t", "B", 0);
    rig_event(&b, "t", "A", 81);
    for (pos_t pos = 55; pos <= 60; pos += 5)
        rig_event(&b, "t", "B", pos);
    rig_event(&b, "t", "B", 70);
    rig_store(r, &b);
    expect_all(r, "t", "A>50 B>50", "B@55 B@60 B@70 A!80 A@81 upto=90");
    expect_all(r, "t", "A>79 B>79", "A!80 A@81 upto=90");
    expect_all(r, "t", "A>80 B>80", "A@81 upto=90");
    expect_all(r, "t", "A>80 B>50", "B@55 B@60 B@70 A@81 upto=90");
    /* beyond a cut page it comes with the next one */
    rig_expect(r, "t", "A B", 2, ALL_BYTES, "B@55 B@60 upto=60 more");
    rig_expect(r, "t", "A>60 B>60", 2, ALL_BYTES, "B@70 A!80 A@81 upto=90");
    /* floors count for no limit */
    rig_expect(r, "t", "A B", 3, ALL_BYTES, "B@55 B@60 B@70 A!80 upto=80 more");
    rig_expect(r, "t", "A>80 B>80", 3, ALL_BYTES, "A@81 upto=90");
}

static void a_floor_beyond_the_last_position_is_not_reported(void **state)
{
    struct rig *r = *state;
    struct rig_batch b = {.count = 0};
    rig_tenant(&b, "t", 7, 10, 0);
    rig_channel(&b, "t", "a", 10);
    rig_channel(&b, "t", "b", 11);
    rig_store(r, &b);
    expect_all(r, "t", "a b", "a!10 upto=10");
}

static void an_event_and_a_floor_at_one_position_are_never_cut_apart(void **state)
{
    struct rig *r = *state;
    struct rig_batch b = {.count = 0};
    rig_tenant(&b, "t", 7, 20, 20);
    rig_event(&b, "t", "a", 10);
    rig_event(&b, "t", "a", 20);
    rig_channel(&b, "t", "a", 0);
    rig_store(r, &b);
    expect_all(r, "t", "none a other", "a@10 a@20 none!20 other!20 upto=20");
    rig_expect(r, "t", "none a other", 1, ALL_BYTES, "a@10 upto=10 more");
    rig_expect(r, "t", "none>10 a>10 other>10", 1, ALL_BYTES, "a@20 none!20 other!20 upto=20");
}

static void expect_beyond(struct rig *r, const char *channels, uint32_t max_events, bool more,
                          bool owes_floor)
{
    struct page *page = rig_read(r, rig_spec("t", channels, max_events, ALL_BYTES));
    assert_true(page->seen == 90);
    assert_int_equal(page->more, more);
    assert_int_equal(page->owes_floor, owes_floor);
    page_free(page);
}

static void a_cut_page_says_what_it_is_as_of_and_whether_floors_lie_beyond_it(void **state)
{
    struct rig *r = *state;
    struct rig_batch b = {.count = 0};
    rig_tenant(&b, "t", 7, 90, 0);
    rig_channel(&b, "t", "low", 15);
    rig_channel(&b, "t", "high", 80);
    rig_channel(&b, "t", "beyond", 91);
    for (pos_t pos = 10; pos <= 50; pos += 10)
        rig_event(&b, "t", "a", pos);
    rig_store(r, &b);
    expect_beyond(r, "a", 2, true, false);
    expect_beyond(r, "a high", 2, true, true);
    expect_beyond(r, "a low", 2, true, false);
    expect_beyond(r, "a low", 1, true, false); /* before the cut, in the page */
    expect_beyond(r, "a beyond", 2, true, false);
    expect_beyond(r, "a high", 5, false, false);
}

static void what_is_unknown_has_the_base_floor(void **state)
{
    struct rig *r = *state;
    expect_all(r, "nobody", "a b", "upto=0");
    struct page *page = rig_read(r, rig_spec("nobody", "a", ALL, ALL_BYTES));
    assert_int_equal(page->epoch, 0);
    page_free(page);
    struct rig_batch b = {.count = 0};
    rig_tenant(&b, "t", 7, 40, 0);
    rig_event(&b, "t", "a", 10); /* its channel comes into being with floor 0 */
    rig_tenant(&b, "t", 7, 40, 30);
    rig_event(&b, "t", "b", 40);
    rig_store(r, &b);
    expect_all(r, "t", "a b c", "a@10 b!30 c!30 b@40 upto=40");
    rig_tenant(&b, "t", 7, 40, 35);
    rig_channel(&b, "t", "d", 36);
    rig_store(r, &b);
    expect_all(r, "t", "a b c d", "a@10 b!30 c!35 d!36 b@40 upto=40");
}

static void a_channel_that_is_gone_is_unknown_again(void **state)
{
    struct rig *r = *state;
    struct rig_batch b = {.count = 0};
    rig_tenant(&b, "t", 7, 40, 0);
    rig_channel(&b, "t", "a", 5);
    rig_event(&b, "t", "a", 10);
    rig_store(r, &b);
    rig_tenant(&b, "t", 7, 40, 10);
    rig_remove(&b, "t", "a", 10);
    rig_add(&b, STORE_CHANNEL_GONE, "t", "a");
    rig_add(&b, STORE_CHANNEL_GONE, "t", "never");
    rig_add(&b, STORE_CHANNEL_GONE, "nobody", "never");
    rig_store(r, &b);
    expect_all(r, "t", "a", "a!10 upto=40");
    rig_event(&b, "t", "a", 41);
    rig_store(r, &b);
    expect_all(r, "t", "a", "a!10 a@41 upto=41");
    /* gone and back within one batch */
    rig_remove(&b, "t", "a", 41);
    rig_add(&b, STORE_CHANNEL_GONE, "t", "a");
    rig_channel(&b, "t", "a", 41);
    rig_event(&b, "t", "a", 42);
    rig_store(r, &b);
    expect_all(r, "t", "a", "a!41 a@42 upto=42");
}

static void names_that_look_alike_never_meet(void **state)
{
    struct rig *r = *state;
    static const char *const names[][2] = {
        {"a", "b:c"}, {"a-b", "c"},  {"a", "b-c"}, {"A", "b:c"},  {"a", "B:c"}, {"a", "b.c"},
        {"a", "b_c"}, {"a_b", "c"},  {"ab", "c"},  {"a", "bc"},   {"a", "b"},   {"a", "b:c:"},
        {"a", "a"},   {"a-", "b:c"}, {"a", "c"},   {"a-b", "b-c"}};
    enum { COUNT = sizeof names / sizeof *names };
    struct rig_batch b = {.count = 0};
    for (size_t i = 0; i < COUNT; i++) {
        rig_event(&b, names[i][0], names[i][1], 10 + i);
        rig_channel(&b, names[i][0], names[i][1], i);
        rig_once(&b, names[i][0], names[i][1], "k", "v", 10 + i, i);
    }
    for (size_t i = 0; i < COUNT; i++)
        rig_tenant(&b, names[i][0], 7, 99, 0);
    rig_store(r, &b);
    for (size_t i = 0; i < COUNT; i++) {
        char text[256], floor[200] = "";
        if (i)
            snprintf(floor, sizeof floor, "%s!%zu ", names[i][1], i);
        snprintf(text, sizeof text, "%s%s@%zu upto=99", floor, names[i][1], 10 + i);
        expect_all(r, names[i][0], names[i][1], text);
    }
    rig_remove(&b, "a", "b:c", 10);
    rig_store(r, &b);
    expect_all(r, "a", "b:c", "upto=99");
    expect_all(r, "A", "b:c", "b:c!3 b:c@13 upto=99");
}

static void events_are_removed_from_anywhere(void **state)
{
    struct rig *r = *state;
    struct rig_batch b = {.count = 0};
    rig_tenant(&b, "t", 7, 1000, 0);
    for (pos_t pos = 1; pos <= 1000; pos++)
        rig_event(&b, "t", "a", pos);
    rig_store(r, &b);
    for (pos_t pos = 1; pos <= 1000; pos++)
        if (pos % 250)
            rig_remove(&b, "t", "a", pos);
    rig_store(r, &b);
    rig_remove(&b, "t", "a", 500);
    rig_remove(&b, "t", "a", 500); /* absent: nothing */
    rig_remove(&b, "t", "b", 500);
    rig_remove(&b, "u", "a", 500);
    rig_store(r, &b);
    expect_all(r, "t", "a", "a@250 a@750 a@1000 upto=1000");
    expect_all(r, "t", "a>250", "a@750 a@1000 upto=1000");
    rig_event(&b, "t", "a", 1001);
    rig_event(&b, "t", "a", 500); /* free again */
    rig_remove(&b, "t", "a", 1000);
    rig_store(r, &b);
    expect_all(r, "t", "a", "a@250 a@500 a@750 a@1001 upto=1001");
}

/* Pages taken while batches of ten are being committed hold whole batches. */
static void a_page_never_shows_half_a_batch(void **state)
{
    struct rig *r = *state;
    enum { BATCHES = 400, SIZE = 10, READS = 30 };
    static const char *const names[SIZE] = {"a", "b", "c", "d", "e", "f", "g", "h", "i", "j"};
    size_t pages = 0;
    for (size_t n = 0; n < BATCHES; n++) {
        struct rig_batch b = {.count = 0};
        for (size_t i = 0; i < SIZE; i++) {
            rig_event(&b, "t", names[i], n * SIZE + i + 1);
            if (n >= 3)
                rig_remove(&b, "t", names[i], (n - 3) * SIZE + i + 1);
        }
        rig_append_start(r, &b);
        for (int i = 0; i < READS; i++, pages++)
            r->store->ops->read(r->store, rig_spec("t", "j i h g f e d c b a", ALL, ALL_BYTES),
                                &pages);
        rig_wait(r, n + 1, pages);
        assert_int_equal(r->errors[n % RIG_STORED], 0);
        for (size_t i = pages - READS; i < pages; i++) {
            const struct page *page = r->answers[i % RIG_PAGES].page;
            size_t whole = page->upto / SIZE; /* batches in the snapshot */
            assert_int_equal(page->upto % SIZE, 0);
            assert_true(whole == n || whole == n + 1);
            assert_int_equal(page->count, (whole < 3 ? whole : 3) * SIZE);
            for (uint32_t k = 0; k < page->count; k++)
                assert_int_equal(page->entries[k].pos, page->upto - page->count + k + 1);
        }
        rig_batch_fini(&b);
    }
}

static void a_cancelled_read_is_not_answered(void **state)
{
    struct rig *r = *state;
    seven_events(r);
    int tokens[40];
    for (int i = 0; i < 40; i++)
        r->store->ops->read(r->store, rig_spec("t", "a b", ALL, ALL_BYTES), &tokens[i]);
    for (int i = 0; i < 40; i++)
        if (i % 4)
            r->store->ops->cancel(r->store, &tokens[i]);
    r->store->ops->cancel(r->store, r); /* unknown: fine */
    rig_wait(r, 0, 10);
    for (size_t i = 0; i < 10; i++)
        assert_int_equal((size_t)((int *)r->answers[i].token - tokens) % 4, 0);
    /* the token may be used again at once */
    r->store->ops->read(r->store, rig_spec("t", "a", ALL, ALL_BYTES), &tokens[0]);
    r->store->ops->cancel(r->store, &tokens[0]);
    r->store->ops->read(r->store, rig_spec("t", "b", ALL, ALL_BYTES), &tokens[0]);
    rig_wait(r, 0, 11);
    assert_int_equal(r->answers[10].page->count, 3);
    expect_all(r, "t", "b", "b@15 b@25 b@35 upto=50");
    assert_int_equal(r->answered, 12);
}

static void many_reads_are_all_answered(void **state)
{
    struct rig *r = *state;
    seven_events(r);
    enum { COUNT = 3000 };
    for (size_t i = 0; i < COUNT; i++)
        r->store->ops->read(r->store, rig_spec("t", "a b", 2, ALL_BYTES), r);
    rig_wait(r, 0, COUNT);
    assert_int_equal(r->answered, COUNT);
    struct store_stats stats;
    r->store->ops->stats(r->store, &stats);
    assert_int_equal(stats.reads, COUNT);
    assert_int_equal(stats.read_errors, 0);
}

static void a_store_is_closed_with_work_queued(void **state)
{
    struct rig *r = *state;
    struct rig_batch b = {.count = 0};
    rig_tenant(&b, "t", 7, 10, 0);
    rig_event(&b, "t", "a", 10);
    for (int i = 0; i < 20; i++)
        r->store->ops->read(r->store, rig_spec("t", "a b", ALL, ALL_BYTES), r);
    rig_append_start(r, &b);
    r->store->ops->cancel(r->store, &b);
    rig_close(r);
    assert_int_equal(r->stored, 0);
    assert_int_equal(r->answered, 0);
    rig_batch_fini(&b);
    if (!r->driver->restarts)
        return;
    rig_open(r);
    expect_all(r, "t", "a", "a@10 upto=10");
}

static void load_gives_back_what_was_stored(void **state)
{
    struct rig *r = *state;
    char **lines = rig_load(r);
    assert_null(lines[0]);
    rig_lines_free(lines);
    if (!r->driver->restarts)
        return;
    struct rig_batch b = {.count = 0};
    rig_tenant(&b, "t", 7, 40, 3);
    rig_channel(&b, "t", "a", 5);
    rig_event(&b, "t", "a", 10);
    rig_once(&b, "t", "a", "key", "digest", 10, 1642518927000u);
    rig_once(&b, "t", "a", "other", "", 10, 1);
    rig_once(&b, "t", "b", "key", "digest", 11, UINT64_MAX);
    rig_once(&b, "t", "a", "key", "changed", 12, 2);
    rig_add(&b, STORE_SOURCE, NULL, "trips")->value = slice_of("\0\xff\0", 3);
    rig_add(&b, STORE_SOURCE, NULL, "empty");
    rig_add(&b, STORE_REVOKE, "t", "sub:42")->time_ms = 5;
    rig_add(&b, STORE_REVOKE, "u", "sub:42")->time_ms = 6;
    rig_add(&b, STORE_REVOKE, NULL, "jti:1")->time_ms = 7;
    rig_add(&b, STORE_REVOKE, NULL, "jti:2")->time_ms = 8;
    rig_add(&b, STORE_REVOKE, NULL, "jti:3")->time_ms = 3;
    rig_add(&b, STORE_REVOKE, "u", "jti:4")->time_ms = 4;
    rig_store(r, &b);
    rig_add(&b, STORE_REVOKE_OVER, NULL, NULL)->time_ms = 4;
    rig_add(&b, STORE_ONCE_GONE, "t", "a")->key = SLICE_LIT("other");
    rig_add(&b, STORE_ONCE_GONE, "t", "never")->key = SLICE_LIT("other");
    rig_add(&b, STORE_SOURCE, NULL, "trips")->value = slice_of("\0\xff\1", 3);
    rig_add(&b, STORE_REVOKE_GONE, "t", "sub:42");
    rig_add(&b, STORE_REVOKE_GONE, NULL, "jti:2");
    rig_store(r, &b);
    /* the same again, as the rows that are left */
    rig_tenant(&b, "t", 7, 40, 3);
    rig_channel(&b, "t", "a", 5);
    rig_event(&b, "t", "a", 10);
    rig_once(&b, "t", "b", "key", "digest", 11, UINT64_MAX);
    rig_once(&b, "t", "a", "key", "changed", 12, 2);
    rig_add(&b, STORE_SOURCE, NULL, "trips")->value = slice_of("\0\xff\1", 3);
    rig_add(&b, STORE_SOURCE, NULL, "empty");
    rig_add(&b, STORE_REVOKE, "u", "sub:42")->time_ms = 6;
    rig_add(&b, STORE_REVOKE, NULL, "jti:1")->time_ms = 7;
    char *expected[16] = {NULL};
    for (size_t i = 0; i < b.count; i++)
        expected[i] = rig_row_text(&b.rows[i]);
    rig_lines_sort(expected);
    rig_close(r);
    rig_open(r);
    lines = rig_load(r);
    for (size_t i = 0; i < b.count; i++) {
        assert_non_null(lines[i]);
        assert_string_equal(lines[i], expected[i]);
        free(expected[i]);
    }
    assert_null(lines[b.count]);
    rig_lines_free(lines);
    rig_batch_fini(&b);
}

static int stop_at_third(void *ctx, const struct store_row *row)
{
    size_t *count = ctx;
    return ++*count == 3 ? ERR_CONFLICT : 0;
}

static void load_ends_when_the_owner_says_so(void **state)
{
    struct rig *r = *state;
    if (!r->driver->restarts)
        return;
    seven_events(r);
    rig_close(r);
    rig_open(r);
    size_t count = 0;
    struct err e;
    assert_int_equal(r->store->ops->load(r->store, stop_at_third, &count, &e), ERR_CONFLICT);
    assert_int_equal(count, 3);
}

static void random_operations_agree_with_a_model(void **state)
{
    rig_model_test(*state, 1, 2000);
}

static void wrong_specs_are_refused(void **state)
{
    static const char *const bad[] = {
        "", "memory:", "memory:x", "sqlite", "sqlite:", "Memory", "redis:x", "null:", " memory"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct store *s = NULL;
        struct err e = {.detail = ""};
        assert_int_equal(store_open(bad[i], NULL, &s, &e), ERR_BAD_REQUEST);
        assert_non_null(strstr(e.detail, "sqlite:PATH"));
        assert_null(s);
    }
}

static int set_up(void **state)
{
    *state = rig_new(*state);
    return 0;
}

static int tear_down(void **state)
{
    rig_free(*state);
    return 0;
}

enum needs { ANY, KEEPS };

struct named_test {
    const char *name;
    CMUnitTestFunction run;
    enum needs needs;
};

#define TEST(fn, needs)                                                                            \
    {                                                                                              \
#fn, fn, needs                                                                             \
    }

static const struct named_test tests[] = {
    TEST(an_append_never_completes_inside_the_call, ANY),
    TEST(completions_come_in_the_order_of_the_appends, ANY),
    TEST(a_failed_batch_leaves_nothing, KEEPS),
    TEST(events_come_back_exactly, KEEPS),
    TEST(a_big_event_comes_back_exactly, KEEPS),
    TEST(a_page_says_how_far_it_goes, ANY),
    TEST(pages_are_cut_by_count, KEEPS),
    TEST(pages_are_cut_by_bytes, KEEPS),
    TEST(each_channel_is_read_after_its_own_position, KEEPS),
    TEST(a_floor_is_an_entry_at_its_own_position, KEEPS),
    TEST(a_floor_beyond_the_last_position_is_not_reported, KEEPS),
    TEST(an_event_and_a_floor_at_one_position_are_never_cut_apart, KEEPS),
    TEST(a_cut_page_says_what_it_is_as_of_and_whether_floors_lie_beyond_it, KEEPS),
    TEST(what_is_unknown_has_the_base_floor, KEEPS),
    TEST(a_channel_that_is_gone_is_unknown_again, KEEPS),
    TEST(names_that_look_alike_never_meet, KEEPS),
    TEST(events_are_removed_from_anywhere, KEEPS),
    TEST(a_page_never_shows_half_a_batch, KEEPS),
    TEST(a_cancelled_read_is_not_answered, KEEPS),
    TEST(many_reads_are_all_answered, ANY),
    TEST(a_store_is_closed_with_work_queued, ANY),
    TEST(load_gives_back_what_was_stored, ANY),
    TEST(load_ends_when_the_owner_says_so, ANY),
    TEST(random_operations_agree_with_a_model, KEEPS),
};

static int run_with(const struct rig_driver *driver)
{
    enum { COUNT = sizeof tests / sizeof *tests };
    struct CMUnitTest all[COUNT];
    size_t n = 0;
    for (size_t i = 0; i < COUNT; i++)
        if (driver->keeps || tests[i].needs == ANY)
            all[n++] = (struct CMUnitTest){tests[i].name, tests[i].run, set_up, tear_down,
                                           (void *)(uintptr_t)driver};
    return _cmocka_run_group_tests(driver->name, all, n, NULL, NULL);
}

int main(void)
{
    static const struct rig_driver drivers[] = {
        {"memory", true, false},
        {"sqlite", true, true},
        {"null", false, false},
    };
    const struct CMUnitTest opening[] = {cmocka_unit_test(wrong_specs_are_refused)};
    bool failed = cmocka_run_group_tests_name("store_open", opening, NULL, NULL) != 0;
    for (size_t i = 0; i < sizeof drivers / sizeof *drivers; i++)
        failed |= run_with(&drivers[i]) != 0;
    return failed;
}
