/* Where an outbox begins, for everything that may have happened to the slot meanwhile. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "source/outbox_position.h"

static struct outbox_position position(const char *text)
{
    struct outbox_position p;
    assert_true(outbox_position_parse(slice_str(text), &p));
    return p;
}

static void a_position_is_read_as_it_was_written(void **state)
{
    (void)state;
    char text[OUTBOX_POSITION_MAX];
    struct outbox_position p = position("outbox 7234567890123456789 freshet_orders 1A/2B3C4D5E 42");
    assert_string_equal(p.system, "7234567890123456789");
    assert_string_equal(p.slot, "freshet_orders");
    assert_true(p.lsn == 0x1a2b3c4d5e && p.n == 42);
    outbox_position_format(&p, text);
    assert_string_equal(text, "outbox 7234567890123456789 freshet_orders 1A/2B3C4D5E 42");
}

static void other_texts_are_no_positions(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",           "outbox",           "outbox 1 s 0/1",       "outbox 1 s 0/1 x",
        "outbox 1 s", "inbox 1 s 0/1 0",  "outbox  s 0/1 0",      "outbox 1 s 01 0",
        "outbox 1 s 0/1 0 0",
        "outbox 1 0123456789012345678901234567890123456789012345678901234567890123 0/1 0"};
    struct outbox_position p;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        assert_false(outbox_position_parse(slice_str(texts[i]), &p));
}

/* The server has the slot at 0/50, its log ends at 0/90. */
static void judge(const char *stored, bool fresh, enum outbox_start expected, pg_lsn at, uint64_t n)
{
    struct outbox_server server = {.system = "1", .end = 0x90, .has_slot = true, .confirmed = 0x50};
    struct outbox_position p, start;
    if (stored)
        p = position(stored);
    assert_int_equal(outbox_judge(stored ? &p : NULL, "s", fresh, &server, &start), expected);
    assert_true(start.lsn == at && start.n == n);
    assert_string_equal(start.system, "1");
    assert_string_equal(start.slot, "s");
}

static void a_slot_that_goes_with_the_position_is_gone_on_with(void **state)
{
    (void)state;
    judge("outbox 1 s 0/50 0", false, OUTBOX_GO_ON, 0x50, 0);
    judge("outbox 1 s 0/60 7", false, OUTBOX_GO_ON, 0x60, 7);
    judge("outbox 1 s 0/90 0", false, OUTBOX_GO_ON, 0x90, 0);
}

static void without_a_position_it_begins_where_the_slot_is(void **state)
{
    (void)state;
    judge(NULL, true, OUTBOX_BEGIN, 0x50, 0);
    judge(NULL, false, OUTBOX_BEGIN, 0x50, 0);
}

static void whatever_may_have_lost_something_is_a_loss(void **state)
{
    (void)state;
    judge("outbox 1 s 0/4F 0", false, OUTBOX_LOST, 0x50, 0); /* somebody else read on */
    judge("outbox 1 s 0/60 0", true, OUTBOX_LOST, 0x50, 0);  /* it was gone */
    judge("outbox 1 t 0/60 0", false, OUTBOX_LOST, 0x50, 0); /* it was of another slot */
    judge("outbox 2 s 0/60 0", false, OUTBOX_LOST, 0x50, 0); /* or of another database */
    judge("outbox 1 s 0/91 3", false, OUTBOX_LOST, 0x90, 0); /* the database went back */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_position_is_read_as_it_was_written),
        cmocka_unit_test(other_texts_are_no_positions),
        cmocka_unit_test(a_slot_that_goes_with_the_position_is_gone_on_with),
        cmocka_unit_test(without_a_position_it_begins_where_the_slot_is),
        cmocka_unit_test(whatever_may_have_lost_something_is_a_loss),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
