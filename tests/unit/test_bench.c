/* Unit tests of the parts of `freshet bench` that decide what its report says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/rng.h"
#include "cli/bench_check.h"
#include "cli/bench_hist.h"
#include "cli/bench_template.h"

#include <stdlib.h>

/* ---- histogram ---- */

static int by_size(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static void percentiles_are_those_of_the_sorted_values_within_the_resolution(void **state)
{
    (void)state;
    enum { COUNT = 5000 };
    static uint64_t values[COUNT];
    static const unsigned per_mille[] = {1, 10, 500, 900, 990, 999, 1000};
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct rng dice;
        struct hist *h = calloc(1, sizeof *h);
        assert_non_null(h);
        rng_init(&dice, seed);
        for (size_t i = 0; i < COUNT; i++) {
            values[i] = rng_next(&dice) >> (20 + rng_below(&dice, 40));
            hist_add(h, values[i]);
        }
        qsort(values, COUNT, sizeof *values, by_size);
        for (size_t i = 0; i < sizeof per_mille / sizeof *per_mille; i++) {
            uint64_t want = values[(COUNT * per_mille[i] + 999) / 1000 - 1];
            uint64_t got = hist_at(h, per_mille[i]);
            uint64_t off = got > want ? got - want : want - got;
            assert_true(off <= want / 64 + 1);
        }
        assert_int_equal(hist_at(h, 1000), values[COUNT - 1]);
        free(h);
    }
}

static void an_empty_histogram_and_extremes_are_fine(void **state)
{
    (void)state;
    struct hist *h = calloc(1, sizeof *h);
    assert_non_null(h);
    assert_int_equal(hist_at(h, 500), 0);
    hist_add(h, 0);
    assert_int_equal(hist_at(h, 500), 0);
    hist_add(h, UINT64_MAX);
    assert_true(hist_at(h, 1000) == UINT64_MAX);
    assert_int_equal(hist_at(h, 500), 0);
    assert_true(hist_at(h, 990) > UINT64_C(1) << 44);
    free(h);
}

/* ---- marks and templates ---- */

static void a_mark_is_found_again_wherever_it_stands(void **state)
{
    (void)state;
    static const struct mark m = {0xdeadbeef, 99999, 4000000000u, UINT64_C(0x123456789abcdef)};
    static const char *const around[][2] = {
        {"", ""}, {"{\"data\":\"", "\"}"}, {"#fb-", "#"}, {"##fb-#fb-fb-", "#fb-"}};
    for (size_t i = 0; i < sizeof around / sizeof *around; i++) {
        struct buf b = BUF_INIT;
        struct mark found;
        buf_add_str(&b, around[i][0]);
        size_t before = b.len;
        mark_put(&b, &m, 200);
        assert_int_equal(b.len - before, 200);
        buf_add_str(&b, around[i][1]);
        assert_true(mark_find(buf_slice(&b), &found));
        assert_true(found.run == m.run && found.channel == m.channel);
        assert_true(found.number == m.number && found.sent_ns == m.sent_ns);
        for (size_t cut = 0; cut < before + MARK_LEN; cut++)
            assert_false(mark_find(slice_of(b.p, cut), &found));
        buf_fini(&b);
    }
}

static void a_broken_mark_is_none(void **state)
{
    (void)state;
    static const struct mark m = {1, 2, 3, 4};
    struct buf b = BUF_INIT;
    struct mark found;
    mark_put(&b, &m, 0);
    assert_int_equal(b.len, MARK_LEN);
    for (size_t i = 0; i < MARK_LEN; i++) {
        char was = b.p[i];
        b.p[i] = '!';
        assert_false(mark_find(buf_slice(&b), &found));
        b.p[i] = was;
    }
    assert_true(mark_find(buf_slice(&b), &found));
    buf_fini(&b);
}

static void templates_are_filled_in(void **state)
{
    (void)state;
    const struct template_values v = {.prefix = "c", .channel = 3, .follow = 3, .channels = 5,
                                      .conn = 17, .message = SLICE_LIT("hi%CH%")};
    static const struct {
        const char *text, *filled;
    } cases[] = {{"/sub/%CH%", "/sub/c3"},
                 {"?channel=%CHS%&n=%CONN%", "?channel=c3,c4,c0&n=17"},
                 {"{\"d\":\"%MSG%\"}", "{\"d\":\"hi%CH%\"}"},
                 {"100%", "100%"},
                 {"%C%CH%%", "%Cc3%"},
                 {"%41%20", "%41%20"},
                 {"", ""}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buf b = BUF_INIT;
        template_put(&b, cases[i].text, &v);
        assert_string_equal(buf_cstr(&b), cases[i].filled);
        buf_fini(&b);
    }
}

/* ---- the checker ---- */

/* Feeds numbers; 0 stands for a gap that is told. */
static struct tally feed(const uint32_t *numbers, size_t count, uint32_t published)
{
    struct check c = {0};
    struct tally t = {0};
    for (size_t i = 0; i < count; i++)
        if (numbers[i])
            check_message(&c, numbers[i], &t);
        else
            check_gap(&c);
    check_end(&c, published, &t);
    return t;
}

#define FEED(published, ...)                                                                       \
    feed((const uint32_t[]){__VA_ARGS__}, sizeof((const uint32_t[]){__VA_ARGS__}) / 4, published)

static void assert_tally(struct tally t, uint64_t delivered, uint64_t lost, uint64_t told,
                         uint64_t repeated, uint64_t reordered)
{
    assert_int_equal(t.delivered, delivered);
    assert_int_equal(t.lost, lost);
    assert_int_equal(t.told, told);
    assert_int_equal(t.repeated, repeated);
    assert_int_equal(t.reordered, reordered);
}

static void what_comes_once_and_in_order_is_fine(void **state)
{
    (void)state;
    assert_tally(FEED(4, 1, 2, 3, 4), 4, 0, 0, 0, 0);
}

static void a_planted_loss_is_found_at_the_start_in_the_middle_and_at_the_end(void **state)
{
    (void)state;
    assert_tally(FEED(4, 2, 3, 4), 3, 1, 0, 0, 0);
    assert_tally(FEED(4, 1, 2, 4), 3, 1, 0, 0, 0);
    assert_tally(FEED(4, 1, 2), 2, 2, 0, 0, 0);
    assert_tally(FEED(300, 1, 200), 2, 298, 0, 0, 0);
    assert_tally(feed(NULL, 0, 7), 0, 7, 0, 0, 0);
}

static void a_planted_repeat_is_found(void **state)
{
    (void)state;
    assert_tally(FEED(3, 1, 2, 2, 3), 3, 0, 0, 1, 0);
    assert_tally(FEED(3, 1, 2, 3, 1, 2, 3), 3, 0, 0, 3, 0);
    assert_tally(FEED(200, 1, 200, 1), 2, 198, 0, 1, 0);
}

static void a_planted_reorder_is_found_and_is_no_loss(void **state)
{
    (void)state;
    assert_tally(FEED(4, 1, 3, 2, 4), 4, 0, 0, 0, 1);
    assert_tally(FEED(4, 4, 3, 2, 1), 4, 0, 0, 0, 3);
    assert_tally(FEED(4, 1, 3, 2, 2, 4), 4, 0, 0, 1, 1);
}

static void what_a_gap_announced_is_told_not_lost(void **state)
{
    (void)state;
    assert_tally(FEED(9, 1, 2, 0, 7, 8, 9), 5, 0, 4, 0, 0);
    assert_tally(FEED(9, 1, 2, 0), 2, 0, 7, 0, 0);
    /* it covers what comes next, no more */
    assert_tally(FEED(9, 1, 0, 3, 5, 9), 4, 4, 1, 0, 0);
    /* and what it covered doesn't come after it */
    assert_tally(FEED(5, 1, 0, 4, 3, 5), 3, 0, 2, 1, 0);
    assert_tally(FEED(200, 1, 0, 200, 190), 2, 0, 198, 1, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(percentiles_are_those_of_the_sorted_values_within_the_resolution),
        cmocka_unit_test(an_empty_histogram_and_extremes_are_fine),
        cmocka_unit_test(a_mark_is_found_again_wherever_it_stands),
        cmocka_unit_test(a_broken_mark_is_none),
        cmocka_unit_test(templates_are_filled_in),
        cmocka_unit_test(what_comes_once_and_in_order_is_fine),
        cmocka_unit_test(a_planted_loss_is_found_at_the_start_in_the_middle_and_at_the_end),
        cmocka_unit_test(a_planted_repeat_is_found),
        cmocka_unit_test(a_planted_reorder_is_found_and_is_no_loss),
        cmocka_unit_test(what_a_gap_announced_is_told_not_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
