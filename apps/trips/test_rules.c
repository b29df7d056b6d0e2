#include "trips/rules.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define NOW "2026-01-21T09:30"
#define LATER "2026-01-21T09:31"

static struct trips_trip trip_with(int64_t free)
{
    return (struct trips_trip){.capacity = 49, .free = free, .departure = LATER};
}

static void sells_what_is_free(void **state)
{
    (void)state;
    struct trips_trip t = trip_with(9);
    assert_int_equal(trips_may_sell(&t, 1, "A. Marsh", NOW), TRIPS_FINE);
    assert_int_equal(trips_may_sell(&t, 9, "A. Marsh", NOW), TRIPS_FINE);
}

static void the_last_seat_is_sold_once(void **state)
{
    (void)state;
    struct trips_trip t = trip_with(1);
    assert_int_equal(trips_may_sell(&t, 1, "A. Marsh", NOW), TRIPS_FINE);
    t.free = 0;
    assert_int_equal(trips_may_sell(&t, 1, "B. Oduya", NOW), TRIPS_SOLD_OUT);
    assert_int_equal(trips_status(TRIPS_SOLD_OUT), 409);
    assert_string_equal(trips_code(TRIPS_SOLD_OUT), "SOLD_OUT");
}

static void too_few_seats_are_told_apart_from_none(void **state)
{
    (void)state;
    struct trips_trip t = trip_with(2);
    assert_int_equal(trips_may_sell(&t, 3, "A. Marsh", NOW), TRIPS_TOO_FEW);
    assert_int_equal(trips_status(TRIPS_TOO_FEW), 409);
}

static void a_sale_has_one_to_nine_seats(void **state)
{
    (void)state;
    struct trips_trip t = trip_with(49);
    assert_int_equal(trips_may_sell(&t, 0, "A. Marsh", NOW), TRIPS_BAD_SEATS);
    assert_int_equal(trips_may_sell(&t, -1, "A. Marsh", NOW), TRIPS_BAD_SEATS);
    assert_int_equal(trips_may_sell(&t, 10, "A. Marsh", NOW), TRIPS_BAD_SEATS);
}

static void a_halted_or_departed_trip_sells_nothing(void **state)
{
    (void)state;
    struct trips_trip t = trip_with(49);
    t.halted = true;
    assert_int_equal(trips_may_sell(&t, 1, "A. Marsh", NOW), TRIPS_HALTED);
    t.departure = NOW; /* this very minute */
    assert_int_equal(trips_may_sell(&t, 1, "A. Marsh", NOW), TRIPS_DEPARTED);
}

static void a_name_is_some_text(void **state)
{
    (void)state;
    char name[4 * TRIPS_TEXT_MAX + 3] = "";
    struct trips_trip t = trip_with(49);
    assert_int_equal(trips_may_sell(&t, 1, NULL, NOW), TRIPS_BAD_NAME);
    assert_int_equal(trips_may_sell(&t, 1, "", NOW), TRIPS_BAD_NAME);
    assert_int_equal(trips_may_sell(&t, 1, "   ", NOW), TRIPS_BAD_NAME);
    assert_int_equal(trips_may_sell(&t, 1, "A\nB", NOW), TRIPS_BAD_NAME);
    for (size_t i = 0; i < TRIPS_TEXT_MAX; i++)
        strcat(name, "\xc3\xa9"); /* 80 characters of two bytes */
    assert_int_equal(trips_may_sell(&t, 1, name, NOW), TRIPS_FINE);
    strcat(name, "e");
    assert_int_equal(trips_may_sell(&t, 1, name, NOW), TRIPS_BAD_NAME);
}

static void a_booking_is_refunded_once_and_before_departure(void **state)
{
    (void)state;
    assert_int_equal(trips_may_refund("paid", LATER, NOW), TRIPS_FINE);
    assert_int_equal(trips_may_refund("refunded", LATER, NOW), TRIPS_REFUNDED);
    assert_int_equal(trips_may_refund("paid", NOW, NOW), TRIPS_DEPARTED);
}

static void a_trip_needs_places_a_future_seats_and_a_price(void **state)
{
    (void)state;
    assert_int_equal(trips_may_add("Aldbrook", "Hartsmere", LATER, 49, 1250, NOW), TRIPS_FINE);
    assert_int_equal(trips_may_add("Aldbrook", "Aldbrook", LATER, 49, 1250, NOW), TRIPS_BAD_PLACE);
    assert_int_equal(trips_may_add(NULL, "Hartsmere", LATER, 49, 1250, NOW), TRIPS_BAD_PLACE);
    assert_int_equal(trips_may_add("Aldbrook", " ", LATER, 49, 1250, NOW), TRIPS_BAD_PLACE);
    assert_int_equal(trips_may_add("Aldbrook", "Hartsmere", NOW, 49, 1250, NOW),
                     TRIPS_BAD_DEPARTURE);
    assert_int_equal(trips_may_add("Aldbrook", "Hartsmere", NULL, 49, 1250, NOW),
                     TRIPS_BAD_DEPARTURE);
    assert_int_equal(trips_may_add("Aldbrook", "Hartsmere", LATER, 0, 1250, NOW),
                     TRIPS_BAD_CAPACITY);
    assert_int_equal(trips_may_add("Aldbrook", "Hartsmere", LATER, 121, 1250, NOW),
                     TRIPS_BAD_CAPACITY);
    assert_int_equal(trips_may_add("Aldbrook", "Hartsmere", LATER, 49, -1, NOW), TRIPS_BAD_PRICE);
    assert_int_equal(trips_may_add("Aldbrook", "Hartsmere", LATER, 49, 100001, NOW),
                     TRIPS_BAD_PRICE);
}

static void moments_are_those_of_the_calendar(void **state)
{
    (void)state;
    assert_true(trips_is_moment("2026-01-21T09:30"));
    assert_true(trips_is_moment("2028-02-29T00:00"));
    const char *const bad[] = {"2026-02-29T09:30", "2026-13-01T09:30",
                               "2026-00-01T09:30", "2026-01-32T09:30",
                               "2026-01-21T24:00", "2026-01-21T09:60",
                               "2026-01-21 09:30", "2026-01-21T09:30Z",
                               "2026-01-2xT09:30", "",
                               "0000-01-01T00:00"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(trips_is_moment(bad[i]));
    assert_false(trips_is_moment(NULL));
}

static void only_an_empty_trip_is_taken_off(void **state)
{
    (void)state;
    assert_int_equal(trips_may_remove(0), TRIPS_FINE);
    assert_int_equal(trips_may_remove(1), TRIPS_HAS_BOOKINGS);
    assert_int_equal(trips_status(TRIPS_HAS_BOOKINGS), 409);
}

static void every_refusal_says_what_it_is(void **state)
{
    (void)state;
    for (enum trips_refusal r = TRIPS_BAD_SEATS; r <= TRIPS_HAS_BOOKINGS; r++) {
        assert_true(trips_status(r) == 400 || trips_status(r) == 409);
        assert_true(trips_code(r)[0]);
        assert_true(trips_sentence(r)[0]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sells_what_is_free),
        cmocka_unit_test(the_last_seat_is_sold_once),
        cmocka_unit_test(too_few_seats_are_told_apart_from_none),
        cmocka_unit_test(a_sale_has_one_to_nine_seats),
        cmocka_unit_test(a_halted_or_departed_trip_sells_nothing),
        cmocka_unit_test(a_name_is_some_text),
        cmocka_unit_test(a_booking_is_refunded_once_and_before_departure),
        cmocka_unit_test(a_trip_needs_places_a_future_seats_and_a_price),
        cmocka_unit_test(moments_are_those_of_the_calendar),
        cmocka_unit_test(only_an_empty_trip_is_taken_off),
        cmocka_unit_test(every_refusal_says_what_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
