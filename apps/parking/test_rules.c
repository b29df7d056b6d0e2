#include "rules.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define SECOND 1000u
#define MINUTE (60 * SECOND)

/* ---- how full a lot is ---- */

static unsigned look(struct rules_latch *latch, int64_t occupied)
{
    struct rules_lot lot = {
        .total = 100, .occupied = occupied, .warn_percent = 90, .clear_percent = 85};
    return rules_fullness(&lot, latch);
}

static void a_warning_is_raised_at_90_percent_and_not_before(void **state)
{
    (void)state;
    struct rules_latch latch = {0};
    assert_int_equal(look(&latch, 0), 0);
    assert_int_equal(look(&latch, 89), 0);
    assert_int_equal(look(&latch, 90), RULES_WARN);
}

static void a_car_on_the_brink_does_not_repeat_the_warning(void **state)
{
    (void)state;
    struct rules_latch latch = {0};
    assert_int_equal(look(&latch, 90), RULES_WARN);
    for (int i = 0; i < 20; i++)
        assert_int_equal(look(&latch, i % 2 ? 91 : 89), 0);
    assert_int_equal(look(&latch, 85), 0);
    assert_int_equal(look(&latch, 84), RULES_WARN_OVER);
    assert_int_equal(look(&latch, 84), 0);
    assert_int_equal(look(&latch, 90), RULES_WARN);
}

static void a_warning_becomes_grave_once_half_way_to_full(void **state)
{
    (void)state;
    struct rules_latch latch = {0};
    assert_int_equal(look(&latch, 92), RULES_WARN);
    assert_int_equal(look(&latch, 95), RULES_WARN_GRAVE);
    assert_int_equal(look(&latch, 93), 0);
    assert_int_equal(look(&latch, 96), 0);
    assert_int_equal(look(&latch, 10), RULES_WARN_OVER);
    assert_int_equal(look(&latch, 99), RULES_WARN | RULES_WARN_GRAVE);
}

static void a_breach_needs_more_cars_than_slots(void **state)
{
    (void)state;
    struct rules_latch latch = {0};
    look(&latch, 99);
    assert_int_equal(look(&latch, 100), 0);
    assert_int_equal(look(&latch, 101), RULES_BREACH);
    assert_int_equal(look(&latch, 100), 0);
    assert_int_equal(look(&latch, 102), 0);
    assert_int_equal(look(&latch, 96), 0);
    assert_int_equal(look(&latch, 95), RULES_BREACH_OVER);
    assert_int_equal(look(&latch, 101), RULES_BREACH);
}

static void a_jump_over_everything_raises_both_at_once_and_ends_both(void **state)
{
    (void)state;
    struct rules_latch latch = {0};
    assert_int_equal(look(&latch, 120), RULES_WARN | RULES_WARN_GRAVE | RULES_BREACH);
    assert_int_equal(look(&latch, 0), RULES_WARN_OVER | RULES_BREACH_OVER);
}

static void a_small_lot_clears_its_breach_with_one_free_slot(void **state)
{
    (void)state;
    struct rules_lot lot = {.total = 4, .occupied = 5, .warn_percent = 90, .clear_percent = 85};
    struct rules_latch latch = {0};
    assert_true(rules_fullness(&lot, &latch) & RULES_BREACH);
    lot.occupied = 4;
    assert_int_equal(rules_fullness(&lot, &latch), 0);
    lot.occupied = 3;
    assert_int_equal(rules_fullness(&lot, &latch), RULES_WARN_OVER | RULES_BREACH_OVER);
}

static void a_lot_without_slots_is_never_full(void **state)
{
    (void)state;
    struct rules_lot lot = {.total = 0, .occupied = 3, .warn_percent = 90, .clear_percent = 85};
    struct rules_latch latch = {0};
    assert_int_equal(rules_fullness(&lot, &latch), 0);
    assert_int_equal(rules_percent(3, 0), 0);
}

static void percents_are_rounded_down(void **state)
{
    (void)state;
    assert_int_equal(rules_percent(899, 1000), 89);
    assert_int_equal(rules_percent(900, 1000), 90);
    assert_int_equal(rules_percent(110, 100), 110);
}

/* ---- cameras ---- */

static struct rules_camera camera(uint64_t seen, uint64_t others)
{
    return (struct rules_camera){.last_seen_ms = seen,
                                 .offline_after_ms = 10 * SECOND,
                                 .line_after_ms = 15 * MINUTE,
                                 .others_last_ms = others};
}

static void a_camera_is_broken_when_the_others_went_on(void **state)
{
    (void)state;
    uint64_t t = 1000000;
    struct rules_camera c = camera(t, t + 9 * SECOND);
    assert_false(rules_camera_broken(&c, t + 60 * SECOND));
    c.others_last_ms = t + 10 * SECOND;
    assert_true(rules_camera_broken(&c, t + 10 * SECOND));
}

static void when_all_fall_silent_no_camera_is_blamed_before_long(void **state)
{
    (void)state;
    uint64_t t = 1000000;
    struct rules_camera c = camera(t, t + 2 * SECOND), d = camera(t, t - 2 * SECOND);
    assert_false(rules_camera_broken(&c, t + 14 * MINUTE));
    assert_false(rules_camera_broken(&d, t + 14 * MINUTE));
    assert_true(rules_camera_broken(&c, t + 15 * MINUTE));
}

static void a_camera_that_spoke_alone_is_judged_by_the_clock(void **state)
{
    (void)state;
    uint64_t t = 10000000;
    struct rules_camera first = camera(t, 0), later = camera(t, t - 11 * SECOND);
    assert_false(rules_camera_broken(&first, t + 9 * SECOND));
    assert_true(rules_camera_broken(&first, t + 10 * SECOND));
    assert_true(rules_camera_broken(&later, t + 10 * SECOND));
}

static void when_the_line_is_back_each_camera_has_its_time(void **state)
{
    (void)state;
    uint64_t t = 1000000, back = t + 60 * MINUTE;
    struct rules_camera c = camera(t, back);
    assert_true(rules_camera_broken(&c, back));
    c.line_since_ms = back;
    assert_false(rules_camera_broken(&c, back));
    c.others_last_ms = back + 9 * SECOND;
    assert_false(rules_camera_broken(&c, back + 9 * SECOND));
    c.others_last_ms = back + 10 * SECOND;
    assert_true(rules_camera_broken(&c, back + 10 * SECOND));
}

static void a_camera_that_never_reported_is_not_waited_for(void **state)
{
    (void)state;
    struct rules_camera c = camera(0, 5000000);
    assert_false(rules_camera_broken(&c, 9000000));
}

static void a_clock_that_went_back_breaks_no_camera(void **state)
{
    (void)state;
    struct rules_camera c = camera(5000000, 0);
    assert_false(rules_camera_broken(&c, 1000));
}

static void a_blind_lot_is_worse_than_one_camera_less(void **state)
{
    (void)state;
    assert_int_equal(rules_camera_severity(0), RULES_HIGH);
    assert_int_equal(rules_camera_severity(1), RULES_LOW);
    assert_string_equal(rules_severity_name(RULES_LOW), "low");
    assert_string_equal(rules_severity_name(RULES_MEDIUM), "medium");
    assert_string_equal(rules_severity_name(RULES_HIGH), "high");
    assert_string_equal(rules_severity_name(RULES_CRITICAL), "critical");
}

/* ---- contractors ---- */

static void a_share_is_breached_by_one_car_more_than_allocated(void **state)
{
    (void)state;
    struct rules_share share = {.allocated = 50, .present = 50};
    assert_int_equal(rules_share(&share, false), RULES_SHARE_SAME);
    share.present = 51;
    assert_int_equal(rules_share(&share, false), RULES_SHARE_BREACH);
    assert_int_equal(rules_excess(&share), 1);
}

static void a_breach_of_a_share_ends_with_room_and_not_on_the_brink(void **state)
{
    (void)state;
    struct rules_share share = {.allocated = 40, .present = 41};
    assert_int_equal(rules_share(&share, true), RULES_SHARE_SAME);
    share.present = 39;
    assert_int_equal(rules_share(&share, true), RULES_SHARE_SAME);
    share.present = 38;
    assert_int_equal(rules_share(&share, true), RULES_SHARE_OVER);
    struct rules_share none = {.allocated = 0, .present = 1};
    assert_int_equal(rules_share(&none, true), RULES_SHARE_SAME);
    none.present = 0;
    assert_int_equal(rules_share(&none, true), RULES_SHARE_OVER);
}

static void the_penalty_of_the_documents_breach_is_5000(void **state)
{
    (void)state;
    struct rules_share share = {.allocated = 50, .present = 60};
    assert_int_equal(rules_excess(&share), 10);
    assert_int_equal(rules_penalty_breach(rules_excess(&share), 500), 5000);
    assert_int_equal(rules_penalty_breach(0, 500), 0);
    assert_int_equal(rules_penalty_breach(-3, 500), 0);
}

static void overparking_costs_each_hour_begun(void **state)
{
    (void)state;
    assert_int_equal(rules_penalty_overparking(0, 30), 0);
    assert_int_equal(rules_penalty_overparking(1, 30), 30);
    assert_int_equal(rules_penalty_overparking(3600, 30), 30);
    assert_int_equal(rules_penalty_overparking(3601, 30), 60);
}

static void an_unauthorized_vehicle_costs_twice_the_rate(void **state)
{
    (void)state;
    assert_int_equal(rules_penalty_unauthorized(1, 30), 60);
    assert_int_equal(rules_penalty_unauthorized(0, 30), 0);
}

static void a_breach_is_severe_from_a_fifth_of_the_allocation(void **state)
{
    (void)state;
    struct rules_share share = {.allocated = 50, .present = 59};
    assert_int_equal(rules_breach_severity(&share), RULES_MEDIUM);
    share.present = 60;
    assert_int_equal(rules_breach_severity(&share), RULES_HIGH);
}

static void an_overstay_begins_after_what_is_allowed(void **state)
{
    (void)state;
    uint64_t in = 5 * MINUTE;
    assert_int_equal(rules_overstay_s(in, in + 600 * SECOND, 600), 0);
    assert_int_equal(rules_overstay_s(in, in + 601 * SECOND, 600), 1);
    assert_int_equal(rules_overstay_s(in, in + 9000 * SECOND, 0), 0);
}

/* ---- gates ---- */

static void a_duration_is_whole_seconds_and_never_negative(void **state)
{
    (void)state;
    assert_int_equal(rules_duration_s(1000, 62999), 61);
    assert_int_equal(rules_duration_s(5000, 4000), 0);
}

static void plates_are_kept_in_one_form(void **state)
{
    (void)state;
    static const char *const same[][2] = {
        {"ab 123 cd", "AB 123 CD"},     {"AB-123-CD", "AB 123 CD"},   {"  AB - 123", "AB 123"},
        {"m\xC3\xBC 1", "M\xC3\x9C 1"}, {"KA01AB1234", "KA01AB1234"}, {"X1 ", "X1"},
    };
    char plate[RULES_PLATE_BYTES];
    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        assert_true(rules_plate(same[i][0], plate));
        assert_string_equal(plate, same[i][1]);
    }
}

static void what_is_no_plate_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        " ",
        "A",
        "AB_12",
        "<b>1</b>",
        "AB\n12",
        "1234567890123456",
        "\xC2\x85"
        "12",
        "\xE2\x80\xA8"
        "12",
        "AB\xC3",
        "\xC3\x97"
        "12",
    };
    char plate[RULES_PLATE_BYTES];
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(rules_plate(bad[i], plate));
    assert_true(rules_plate("123456789012345", plate));
}

static void times_of_devices_are_read_exactly(void **state)
{
    (void)state;
    uint64_t ms = 0;
    assert_true(rules_time("1970-01-01T00:00:00Z", &ms));
    assert_int_equal(ms, 0);
    assert_true(rules_time("2026-01-21T09:30:00.250Z", &ms));
    assert_int_equal(ms, 1768987800250u);
    assert_true(rules_time("2026-01-21T11:30:00.2509+02:00", &ms));
    assert_int_equal(ms, 1768987800250u);
    assert_true(rules_time("2024-02-29T23:59:59-01:30", &ms));
    assert_int_equal(ms, 1709256599000u);
    assert_true(rules_time("2000-03-01T00:00:00Z", &ms));
    assert_int_equal(ms, 951868800000u);
}

static void what_is_no_time_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "2026",
        "2026-01-21",
        "2026-01-21T09:30:00",
        "2026-01-21 09:30:00Z",
        "2026-02-29T00:00:00Z",
        "2026-13-01T00:00:00Z",
        "2026-04-31T00:00:00Z",
        "2026-01-21T24:00:00Z",
        "2026-01-21T09:30:00.Z",
        "2026-01-21T09:30:00Zx",
        "2026-01-21T09:30:00+0200",
        "1970-01-01T00:00:00+01:00",
        "2026-01-00T00:00:00Z",
    };
    uint64_t ms;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(rules_time(bad[i], &ms));
}

static void a_devices_clock_is_believed_within_limits(void **state)
{
    (void)state;
    uint64_t now = 100 * 86400000ull, when;
    assert_true(rules_when(0, now, &when));
    assert_int_equal(when, now);
    assert_true(rules_when(now - 5000, now, &when));
    assert_int_equal(when, now - 5000);
    assert_true(rules_when(now + 5 * MINUTE, now, &when));
    assert_int_equal(when, now);
    assert_false(rules_when(now + 5 * MINUTE + 1, now, &when));
    assert_true(rules_when(now - 86400000ull, now, &when));
    assert_false(rules_when(now - 86400001ull, now, &when));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_warning_is_raised_at_90_percent_and_not_before),
        cmocka_unit_test(a_car_on_the_brink_does_not_repeat_the_warning),
        cmocka_unit_test(a_warning_becomes_grave_once_half_way_to_full),
        cmocka_unit_test(a_breach_needs_more_cars_than_slots),
        cmocka_unit_test(a_jump_over_everything_raises_both_at_once_and_ends_both),
        cmocka_unit_test(a_small_lot_clears_its_breach_with_one_free_slot),
        cmocka_unit_test(a_lot_without_slots_is_never_full),
        cmocka_unit_test(percents_are_rounded_down),
        cmocka_unit_test(a_camera_is_broken_when_the_others_went_on),
        cmocka_unit_test(when_all_fall_silent_no_camera_is_blamed_before_long),
        cmocka_unit_test(a_camera_that_spoke_alone_is_judged_by_the_clock),
        cmocka_unit_test(when_the_line_is_back_each_camera_has_its_time),
        cmocka_unit_test(a_camera_that_never_reported_is_not_waited_for),
        cmocka_unit_test(a_clock_that_went_back_breaks_no_camera),
        cmocka_unit_test(a_blind_lot_is_worse_than_one_camera_less),
        cmocka_unit_test(a_share_is_breached_by_one_car_more_than_allocated),
        cmocka_unit_test(a_breach_of_a_share_ends_with_room_and_not_on_the_brink),
        cmocka_unit_test(the_penalty_of_the_documents_breach_is_5000),
        cmocka_unit_test(overparking_costs_each_hour_begun),
        cmocka_unit_test(an_unauthorized_vehicle_costs_twice_the_rate),
        cmocka_unit_test(a_breach_is_severe_from_a_fifth_of_the_allocation),
        cmocka_unit_test(an_overstay_begins_after_what_is_allowed),
        cmocka_unit_test(a_duration_is_whole_seconds_and_never_negative),
        cmocka_unit_test(plates_are_kept_in_one_form),
        cmocka_unit_test(what_is_no_plate_is_refused),
        cmocka_unit_test(times_of_devices_are_read_exactly),
        cmocka_unit_test(what_is_no_time_is_refused),
        cmocka_unit_test(a_devices_clock_is_believed_within_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
