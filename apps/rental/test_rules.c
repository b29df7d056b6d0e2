/* test_rules.c - the rental company's rules, each at its edges. */
#include "rental/rules.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void a_date_is_read_and_written_the_same(void **state)
{
    (void)state;
    char text[RULE_DAY_TEXT];
    const char *const dates[] = {"1970-01-01", "1972-02-29", "1999-12-31", "2000-02-29",
                                 "2026-01-21", "2100-03-01", "9999-12-31"};
    for (size_t i = 0; i < sizeof dates / sizeof *dates; i++)
        assert_string_equal(rule_day_text(rule_day(dates[i]), text), dates[i]);
    for (int32_t day = 0; day < 60000; day++)
        assert_int_equal(rule_day(rule_day_text(day, text)), day);
    assert_int_equal(rule_day("1970-01-01"), 0);
    assert_int_equal(rule_day("2026-01-21"), 20474);
    assert_int_equal(rule_day_of(20474ull * 86400000 + 86399999), 20474);
    assert_string_equal(rule_day_text(RULE_NO_DAY, text), "");
}

static void what_is_no_date_is_none(void **state)
{
    (void)state;
    const char *const no[] = {"",           "2026-1-21",  "2026-02-29",  "2100-02-29",
                              "2026-13-01", "2026-00-10", "2026-04-31",  "2026-04-00",
                              "1969-12-31", "2026/01/21", "2026-01-21T", "20260121",
                              "-026-01-21"};
    for (size_t i = 0; i < sizeof no / sizeof *no; i++)
        assert_int_equal(rule_day(no[i]), RULE_NO_DAY);
    assert_int_equal(rule_day(NULL), RULE_NO_DAY);
}

static void working_days_leave_out_the_weekend_of_the_company(void **state)
{
    (void)state;
    int32_t monday = rule_day("2026-01-19");
    assert_int_equal(rule_weekday(monday), 1);
    unsigned west = 1u << 0 | 1u << 6, gulf = 1u << 5 | 1u << 6;
    assert_int_equal(rule_working_days(monday, monday + 6, west), 5);
    assert_int_equal(rule_working_days(monday + 4, monday + 7, west), 2); /* Friday to Monday */
    assert_int_equal(rule_working_days(monday + 4, monday + 7, gulf), 2); /* Sunday and Monday */
    assert_int_equal(rule_working_days(monday + 5, monday + 5, west), 0);
    assert_int_equal(rule_working_days(monday + 1, monday, west), 0);
}

static void periods_meet_on_a_common_day(void **state)
{
    (void)state;
    assert_true(rule_periods_meet(1, 5, 5, 9));
    assert_true(rule_periods_meet(1, 9, 3, 4));
    assert_false(rule_periods_meet(1, 4, 5, 9));
    assert_false(rule_periods_meet(5, 9, 1, 4));
}

static void a_rental_moves_only_along_its_way(void **state)
{
    (void)state;
    const char *const allowed[] = {"pending>confirmed", "confirmed>active",  "active>completed",
                                   "overdue>completed", "pending>cancelled", "confirmed>cancelled"};
    int seen = 0;
    for (int from = 0; from < RULE_NO_STATUS; from++)
        for (int to = 0; to < RULE_NO_STATUS; to++) {
            char pair[32];
            snprintf(pair, sizeof pair, "%s>%s", rule_status_name((enum rule_status)from),
                     rule_status_name((enum rule_status)to));
            bool may = false;
            for (size_t i = 0; i < sizeof allowed / sizeof *allowed; i++)
                may |= !strcmp(pair, allowed[i]);
            assert_int_equal(rule_status_may((enum rule_status)from, (enum rule_status)to), may);
            seen += may;
        }
    assert_int_equal(seen, 6);
    assert_int_equal(rule_status("overdue"), RULE_OVERDUE);
    assert_int_equal(rule_status("lost"), RULE_NO_STATUS);
    assert_int_equal(rule_status(NULL), RULE_NO_STATUS);
}

static void dates_alone_make_a_rental_overdue_and_active_again(void **state)
{
    (void)state;
    assert_int_equal(rule_status_by_date(RULE_ACTIVE, 10, 10), RULE_ACTIVE);
    assert_int_equal(rule_status_by_date(RULE_ACTIVE, 10, 11), RULE_OVERDUE);
    assert_int_equal(rule_status_by_date(RULE_OVERDUE, 12, 11), RULE_ACTIVE);
    assert_int_equal(rule_status_by_date(RULE_OVERDUE, 10, 11), RULE_OVERDUE);
    assert_int_equal(rule_status_by_date(RULE_CONFIRMED, 10, 11), RULE_CONFIRMED);
    assert_int_equal(rule_status_by_date(RULE_COMPLETED, 10, 11), RULE_COMPLETED);
    assert_int_equal(rule_days_overdue(10, 13), 3);
    assert_int_equal(rule_days_overdue(10, 10), 0);
    assert_int_equal(rule_days_overdue(RULE_NO_DAY, 10), 0);
}

static int64_t owed(enum rule_status status, int32_t start, int32_t due, int32_t returned,
                    int32_t today)
{
    return rule_owed(&(struct rule_rental){status, start, due, returned, 10001}, today);
}

static void a_rental_costs_its_days_and_half_as_much_again_when_late(void **state)
{
    (void)state;
    assert_int_equal(owed(RULE_CONFIRMED, 1, 5, RULE_NO_DAY, 3), 5 * 10001);
    assert_int_equal(owed(RULE_ACTIVE, 1, 5, RULE_NO_DAY, 3), 5 * 10001);
    assert_int_equal(owed(RULE_OVERDUE, 1, 5, RULE_NO_DAY, 8), 5 * 10001 + 3 * 3 * 10001 / 2);
    assert_int_equal(owed(RULE_COMPLETED, 1, 5, 3, 9), 3 * 10001);
    assert_int_equal(owed(RULE_COMPLETED, 1, 5, 7, 9), 5 * 10001 + 2 * 3 * 10001 / 2);
    assert_int_equal(owed(RULE_COMPLETED, 5, 9, 4, 9), 10001); /* back before it began: one day */
    assert_int_equal(owed(RULE_PENDING, 1, 5, RULE_NO_DAY, 9), 0);
    assert_int_equal(owed(RULE_CANCELLED, 1, 5, RULE_NO_DAY, 9), 0);
    struct rule_rental rich = {RULE_OVERDUE, 0, 1000000, RULE_NO_DAY, INT64_MAX / 2};
    assert_int_equal(rule_owed(&rich, 2000000), (int64_t)1 << 62);
}

static void a_payment_is_positive_and_at_most_what_is_open(void **state)
{
    (void)state;
    assert_int_equal(rule_payment(1000, 400, 600), RULE_PAYMENT_OK);
    assert_int_equal(rule_payment(1000, 400, 601), RULE_PAYMENT_TOO_MUCH);
    assert_int_equal(rule_payment(1000, 1000, 1), RULE_PAYMENT_TOO_MUCH);
    assert_int_equal(rule_payment(1000, 0, 0), RULE_PAYMENT_NOTHING);
    assert_int_equal(rule_payment(1000, 0, -5), RULE_PAYMENT_NOTHING);
    assert_true(rule_credit_left(1000, 1000));
    assert_false(rule_credit_left(1001, 1000));
}

static void a_place_is_on_earth_and_a_move_is_twenty_metres(void **state)
{
    (void)state;
    assert_true(rule_place(90, -180));
    assert_false(rule_place(90.1, 0));
    assert_false(rule_place(0, 180.5));
    assert_false(rule_place(0.0 / 0.0, 0));
    assert_float_equal(rule_distance(0, 0, 0, 1), 111195, 1);
    assert_float_equal(rule_distance(26.4, 50.1, 26.4, 50.1), 0, 0.001);
    assert_float_equal(rule_distance(90, 0, -90, 0), 20015087, 10);
    assert_false(rule_moved(26.4, 50.1, 26.40017, 50.1)); /* 19 m */
    assert_true(rule_moved(26.4, 50.1, 26.40019, 50.1));  /* 21 m */
}

static void service_is_due_when_its_interval_is_used_up(void **state)
{
    (void)state;
    assert_false(rule_service_due(2499, 0, 2500));
    assert_true(rule_service_due(2500, 0, 2500));
    assert_true(rule_service_due(9000, 6500, 2500));
    assert_false(rule_service_due(9000, 6500, 0));
    assert_true(rule_hours_next(100, 100));
    assert_true(rule_hours_next(100, 340));
    assert_false(rule_hours_next(100, 341));
    assert_false(rule_hours_next(100, 99));
}

static void equipment_is_where_its_rentals_and_orders_put_it(void **state)
{
    (void)state;
    assert_string_equal(rule_equipment_state(true, true, true), "rented");
    assert_string_equal(rule_equipment_state(false, true, true), "maintenance");
    assert_string_equal(rule_equipment_state(false, false, true), "reserved");
    assert_string_equal(rule_equipment_state(false, false, false), "available");
}

static void hours_are_quarters_of_days_that_were(void **state)
{
    (void)state;
    assert_true(rule_hours_valid(15, 10, 10));
    assert_true(rule_hours_valid(960, 9, 10));
    assert_false(rule_hours_valid(975, 9, 10));
    assert_false(rule_hours_valid(0, 9, 10));
    assert_false(rule_hours_valid(20, 9, 10));
    assert_false(rule_hours_valid(60, 11, 10));
    assert_false(rule_hours_valid(60, RULE_NO_DAY, 10));
}

static void a_timesheet_is_decided_once_and_handed_in_again_when_rejected(void **state)
{
    (void)state;
    const char *const states[] = {"submitted", "approved", "rejected", "paid"};
    int may = 0;
    for (int from = 0; from < 4; from++)
        for (int to = 0; to < 4; to++)
            may += rule_timesheet_may(states[from], states[to]);
    assert_int_equal(may, 3);
    assert_true(rule_timesheet_may("submitted", "approved"));
    assert_true(rule_timesheet_may("submitted", "rejected"));
    assert_true(rule_timesheet_may("rejected", "submitted"));
}

static void hours_beyond_eight_earn_half_as_much_again(void **state)
{
    (void)state;
    int64_t over;
    assert_int_equal(rule_pay(480, 2000, &over), 16000);
    assert_int_equal(over, 0);
    assert_int_equal(rule_pay(600, 2000, &over), 16000 + 6000);
    assert_int_equal(over, 120);
    assert_int_equal(rule_pay(15, 1002, NULL), 251); /* 250.5 cents: half a cent up */
    assert_int_equal(rule_pay(15, 1001, NULL), 250); /* 250.25 */
    assert_int_equal(rule_pay(0, 1001, NULL), 0);
}

static void annual_leave_is_taken_from_the_days_of_the_year(void **state)
{
    (void)state;
    assert_true(rule_leave_fits("annual", 5, 21, 16));
    assert_false(rule_leave_fits("annual", 6, 21, 16));
    assert_true(rule_leave_fits("sick", 60, 21, 21));
    assert_true(rule_leave_fits("unpaid", 60, 21, 21));
    assert_false(rule_leave_fits("sick", 0, 21, 0)); /* a weekend */
}

static void leave_is_decided_once_and_given_back_before_it_begins(void **state)
{
    (void)state;
    assert_true(rule_leave_may("requested", "approved", 5, 10));
    assert_true(rule_leave_may("requested", "rejected", 5, 10));
    assert_true(rule_leave_may("requested", "cancelled", 5, 10));
    assert_true(rule_leave_may("approved", "cancelled", 11, 10));
    assert_false(rule_leave_may("approved", "cancelled", 10, 10));
    assert_false(rule_leave_may("approved", "rejected", 11, 10));
    assert_false(rule_leave_may("rejected", "approved", 11, 10));
    assert_false(rule_leave_may("cancelled", "requested", 11, 10));
}

static void a_hundred_percent_is_all_of_them(void **state)
{
    (void)state;
    assert_int_equal(rule_progress(0, 40), 0);
    assert_int_equal(rule_progress(1, 1000), 0);
    assert_int_equal(rule_progress(999, 1000), 99);
    assert_int_equal(rule_progress(1000, 1000), 100);
    assert_int_equal(rule_progress(0, 0), 100);
}

static void a_role_does_its_own_work_only(void **state)
{
    (void)state;
    static const struct {
        const char *role, *may; /* a letter an action, in their order */
    } table[] = {
        {"MANAGER", "R.ELHPSN"},    {"DISPATCHER", "R.EL..S."}, {"HR", "....HP.N"},
        {"TELEMATICS", "...L...."}, {"TIMECLOCK", "....H..."},  {"CRM", "......S."},
        {"BANK", ".B......"},       {"VIEWER", "........"},     {"", "........"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        for (int a = 0; a < 8; a++)
            assert_int_equal(rule_may(table[i].role, (enum rule_action)a), table[i].may[a] != '.');
}

static void text_from_outside_becomes_one_clean_line(void **state)
{
    (void)state;
    char out[16];
    assert_true(rule_line("  Engine\t\r\n oil \x01 ", out, sizeof out));
    assert_string_equal(out, "Engine oil");
    assert_true(rule_line("a\xe2\x80\xa8"
                          "b\xc2\x85"
                          "c\xc2\xa0",
                          out, sizeof out)); /* line ends of Unicode */
    assert_string_equal(out, "a b c");
    assert_true(
        rule_line("<b>kept</b>", out, sizeof out)); /* markup is text: pages show it as that */
    assert_string_equal(out, "<b>kept</b>");
    assert_true(rule_line("123456789012\xe2\x82\xac"
                          "9",
                          out, sizeof out));
    assert_string_equal(out, "123456789012\xe2\x82\xac"); /* whole characters, 15 bytes */
    assert_true(rule_line("1234567890123\xe2\x82\xac"
                          "9",
                          out, sizeof out));
    assert_string_equal(out, "1234567890123"); /* what doesn't fit ends it */
    assert_false(rule_line("", out, sizeof out));
    assert_false(rule_line(" \t", out, sizeof out));
    assert_false(rule_line(NULL, out, sizeof out));
    const char *const broken[] = {"a\x80",   "\xc3", "\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80",
                                  "\xe2\x82"};
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++)
        assert_false(rule_line(broken[i], out, sizeof out));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_date_is_read_and_written_the_same),
        cmocka_unit_test(what_is_no_date_is_none),
        cmocka_unit_test(working_days_leave_out_the_weekend_of_the_company),
        cmocka_unit_test(periods_meet_on_a_common_day),
        cmocka_unit_test(a_rental_moves_only_along_its_way),
        cmocka_unit_test(dates_alone_make_a_rental_overdue_and_active_again),
        cmocka_unit_test(a_rental_costs_its_days_and_half_as_much_again_when_late),
        cmocka_unit_test(a_payment_is_positive_and_at_most_what_is_open),
        cmocka_unit_test(a_place_is_on_earth_and_a_move_is_twenty_metres),
        cmocka_unit_test(service_is_due_when_its_interval_is_used_up),
        cmocka_unit_test(equipment_is_where_its_rentals_and_orders_put_it),
        cmocka_unit_test(hours_are_quarters_of_days_that_were),
        cmocka_unit_test(a_timesheet_is_decided_once_and_handed_in_again_when_rejected),
        cmocka_unit_test(hours_beyond_eight_earn_half_as_much_again),
        cmocka_unit_test(annual_leave_is_taken_from_the_days_of_the_year),
        cmocka_unit_test(leave_is_decided_once_and_given_back_before_it_begins),
        cmocka_unit_test(a_hundred_percent_is_all_of_them),
        cmocka_unit_test(a_role_does_its_own_work_only),
        cmocka_unit_test(text_from_outside_becomes_one_clean_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
