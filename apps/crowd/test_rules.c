/* The rules of the crowd application. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

#include "crowd/rules.h"

static const struct crowd_limits LIMITS = {
    .at = {2, 3, 4}, .hysteresis = 0.1, .hold_ms = 3000, .release_ms = 5000};

static const struct crowd_emergency_rules RULES = {.enter_zones = 2,
                                                   .enter_density = 6,
                                                   .propose_zones = 3,
                                                   .propose_after_ms = 15000,
                                                   .automatic = true};

/* ---- density ---- */

static void area_is_that_of_the_polygon_whichever_way_round(void **state)
{
    const struct crowd_point room[] = {{0, 0}, {10, 0}, {10, 4}, {0, 4}};
    const struct crowd_point back[] = {{0, 4}, {10, 4}, {10, 0}, {0, 0}};
    const struct crowd_point ell[] = {{0, 0}, {6, 0}, {6, 2}, {2, 2}, {2, 6}, {0, 6}};
    assert_true(fabs(crowd_area(room, 4) - 40) < 1e-9);
    assert_true(fabs(crowd_area(back, 4) - 40) < 1e-9);
    assert_true(fabs(crowd_area(ell, 6) - 20) < 1e-9);
    assert_true(crowd_area(room, 2) == 0);
}

static void density_is_people_by_square_metre_to_two_decimals(void **state)
{
    assert_true(crowd_density(100, 40) == 2.5);
    assert_true(crowd_density(1, 3) == 0.33);
    assert_true(crowd_density(0, 40) == 0);
    assert_true(crowd_density(-3, 40) == 0);
    assert_true(crowd_density(10, 0) == 0);
    assert_true(crowd_density(10, NAN) == 0);
}

static void people_for_a_density_are_the_fewest_that_reach_it(void **state)
{
    const double areas[] = {17.3, 40, 333.3, 1800};
    for (size_t i = 0; i < sizeof areas / sizeof *areas; i++) {
        int64_t people = crowd_people_for(4.7, areas[i]);
        assert_true(crowd_density(people, areas[i]) >= 4.7);
        assert_true((double)(people - 1) / areas[i] < 4.7);
    }
    assert_int_equal(crowd_people_for(0, 40), 0);
    assert_int_equal(crowd_people_for(4, 0), 0);
}

/* ---- thresholds ---- */

static void limits_must_rise_and_stay_in_range(void **state)
{
    struct crowd_limits l = LIMITS;
    assert_null(crowd_limits_problem(&l));
    l.at[1] = 2;
    assert_non_null(crowd_limits_problem(&l));
    l = LIMITS, l.at[2] = 13;
    assert_non_null(crowd_limits_problem(&l));
    l = LIMITS, l.at[0] = NAN;
    assert_non_null(crowd_limits_problem(&l));
    l = LIMITS, l.hysteresis = 0.6;
    assert_non_null(crowd_limits_problem(&l));
    l = LIMITS, l.hold_ms = 600001;
    assert_non_null(crowd_limits_problem(&l));
}

/* What is seen after these densities, a second apart. */
static enum crowd_level seen_after(const double *densities, size_t n)
{
    struct crowd_watch w = {0};
    for (size_t i = 0; i < n; i++)
        crowd_watch_count(&w, &LIMITS, densities[i], 1000 * (i + 1));
    return w.seen;
}

static void a_threshold_is_reached_at_its_very_value(void **state)
{
    assert_int_equal(seen_after((double[]){1.99}, 1), CROWD_NORMAL);
    assert_int_equal(seen_after((double[]){2}, 1), CROWD_WARNING);
    assert_int_equal(seen_after((double[]){3}, 1), CROWD_HIGH);
    assert_int_equal(seen_after((double[]){4}, 1), CROWD_CRITICAL);
}

static void a_level_is_only_left_clearly_below_its_threshold(void **state)
{
    assert_int_equal(seen_after((double[]){2, 1.95}, 2), CROWD_WARNING);
    assert_int_equal(seen_after((double[]){2, 1.81}, 2), CROWD_WARNING);
    assert_int_equal(seen_after((double[]){2, 1.79}, 2), CROWD_NORMAL);
    assert_int_equal(seen_after((double[]){4, 3.7}, 2), CROWD_CRITICAL);
    assert_int_equal(seen_after((double[]){4, 3.5}, 2), CROWD_HIGH);
    /* From below, the same density is less. */
    assert_int_equal(seen_after((double[]){1.95}, 1), CROWD_NORMAL);
    assert_int_equal(seen_after((double[]){2, 1.7, 1.95}, 3), CROWD_NORMAL);
}

static void a_level_is_confirmed_when_counts_held_it_long_enough(void **state)
{
    struct crowd_watch w = {0};
    crowd_watch_count(&w, &LIMITS, 3.2, 10000);
    assert_int_equal(w.confirmed, CROWD_NORMAL);
    crowd_watch_count(&w, &LIMITS, 3.2, 12999);
    assert_int_equal(w.confirmed, CROWD_NORMAL);
    crowd_watch_count(&w, &LIMITS, 3.2, 13000);
    assert_int_equal(w.confirmed, CROWD_HIGH);
}

static void a_dip_starts_the_duration_anew(void **state)
{
    struct crowd_watch w = {0};
    crowd_watch_count(&w, &LIMITS, 2.5, 10000);
    crowd_watch_count(&w, &LIMITS, 1.0, 12000);
    crowd_watch_count(&w, &LIMITS, 2.5, 13000);
    crowd_watch_count(&w, &LIMITS, 2.5, 15000);
    assert_int_equal(w.confirmed, CROWD_NORMAL);
    crowd_watch_count(&w, &LIMITS, 2.5, 16000);
    assert_int_equal(w.confirmed, CROWD_WARNING);
}

static void each_level_has_a_duration_of_its_own(void **state)
{
    struct crowd_watch w = {0};
    crowd_watch_count(&w, &LIMITS, 2.5, 10000);
    crowd_watch_count(&w, &LIMITS, 4.5, 12000); /* critical, but since a moment only */
    crowd_watch_count(&w, &LIMITS, 4.5, 13000);
    assert_int_equal(w.confirmed, CROWD_WARNING);
    crowd_watch_count(&w, &LIMITS, 4.5, 15000);
    assert_int_equal(w.confirmed, CROWD_CRITICAL);
    assert_int_equal(crowd_critical_since(&w), 12000);
}

static void a_level_is_withdrawn_after_its_release_time(void **state)
{
    struct crowd_watch w = {0};
    crowd_watch_count(&w, &LIMITS, 4.5, 10000);
    crowd_watch_count(&w, &LIMITS, 4.5, 13000);
    assert_int_equal(w.confirmed, CROWD_CRITICAL);
    crowd_watch_count(&w, &LIMITS, 2.5, 14000);
    crowd_watch_count(&w, &LIMITS, 2.5, 18999);
    assert_int_equal(w.confirmed, CROWD_CRITICAL);
    assert_int_equal(crowd_critical_since(&w), 0); /* confirmed, but no longer seen */
    crowd_watch_count(&w, &LIMITS, 2.5, 19000);
    assert_int_equal(w.confirmed, CROWD_WARNING);
    crowd_watch_count(&w, &LIMITS, 0.5, 20000);
    crowd_watch_count(&w, &LIMITS, 0.5, 25000);
    assert_int_equal(w.confirmed, CROWD_NORMAL);
}

static void without_durations_counts_decide_at_once(void **state)
{
    struct crowd_limits l = LIMITS;
    l.hold_ms = l.release_ms = 0;
    struct crowd_watch w = {0};
    crowd_watch_count(&w, &l, 4.5, 10000);
    assert_int_equal(w.confirmed, CROWD_CRITICAL);
    crowd_watch_count(&w, &l, 2.5, 10001);
    assert_int_equal(w.confirmed, CROWD_WARNING);
    assert_int_equal(crowd_critical_since(&w), 0);
    crowd_watch_count(&w, &l, 0, 10002);
    assert_int_equal(w.confirmed, CROWD_NORMAL);
}

static void a_clock_that_goes_back_confirms_nothing(void **state)
{
    struct crowd_watch w = {0};
    crowd_watch_count(&w, &LIMITS, 4.5, 10000);
    crowd_watch_count(&w, &LIMITS, 4.5, 2000);
    assert_int_equal(w.confirmed, CROWD_NORMAL);
}

static void names_of_levels_are_read_and_written(void **state)
{
    for (int i = CROWD_NORMAL; i <= CROWD_CRITICAL; i++)
        assert_int_equal(crowd_level_parse(crowd_level_name((enum crowd_level)i)), i);
    assert_int_equal(crowd_level_parse("awful"), -1);
    assert_int_equal(crowd_level_parse(NULL), -1);
    for (int i = CROWD_ACTIVE; i <= CROWD_RESOLVED; i++)
        assert_int_equal(
            crowd_alert_status_parse(crowd_alert_status_name((enum crowd_alert_status)i)), i);
    assert_int_equal(crowd_alert_status_parse("lost"), -1);
}

/* ---- readings ---- */

static void a_reading_that_says_nothing_new_has_not_changed(void **state)
{
    const struct crowd_reading a = {.people = 100, .area_m2 = 40, .level = CROWD_WARNING};
    struct crowd_reading b = a;
    assert_false(crowd_reading_changed(&a, &b));
    b = a, b.people = 101;
    assert_true(crowd_reading_changed(&a, &b));
    b = a, b.level = CROWD_NORMAL; /* thresholds were moved */
    assert_true(crowd_reading_changed(&a, &b));
    b = a, b.area_m2 = 41;
    assert_true(crowd_reading_changed(&a, &b));
    b = a, b.test = true;
    assert_true(crowd_reading_changed(&a, &b));
    b = a, b.people = -1; /* the first ever */
    assert_true(crowd_reading_changed(&b, &a));
}

/* ---- alerts ---- */

static void an_alert_is_raised_escalated_and_resolved(void **state)
{
    struct crowd_alert a = {0};
    assert_int_equal(crowd_alert_next(&a, false, CROWD_NORMAL), CROWD_KEEP);
    assert_int_equal(crowd_alert_next(&a, false, CROWD_WARNING), CROWD_RAISE);
    assert_int_equal(a.status, CROWD_ACTIVE);
    assert_int_equal(a.severity, CROWD_WARNING);
    assert_int_equal(crowd_alert_next(&a, true, CROWD_WARNING), CROWD_KEEP);
    assert_int_equal(crowd_alert_next(&a, true, CROWD_CRITICAL), CROWD_ESCALATE);
    assert_int_equal(a.severity, CROWD_CRITICAL);
    assert_int_equal(crowd_alert_next(&a, true, CROWD_WARNING), CROWD_KEEP);
    assert_int_equal(a.severity, CROWD_CRITICAL); /* the highest that it was */
    assert_int_equal(crowd_alert_next(&a, true, CROWD_NORMAL), CROWD_RESOLVE);
    assert_int_equal(a.status, CROWD_RESOLVED);
}

static void an_escalated_alert_is_active_again(void **state)
{
    struct crowd_alert a = {.status = CROWD_ACTIVE, .severity = CROWD_WARNING};
    assert_int_equal(crowd_alert_acknowledge(&a), 0);
    assert_int_equal(crowd_alert_acknowledge(&a), -1);
    assert_int_equal(crowd_alert_next(&a, true, CROWD_WARNING), CROWD_KEEP);
    assert_int_equal(a.status, CROWD_ACKNOWLEDGED);
    assert_int_equal(crowd_alert_next(&a, true, CROWD_HIGH), CROWD_ESCALATE);
    assert_int_equal(a.status, CROWD_ACTIVE);
}

static void an_acknowledged_alert_resolves_by_itself_too(void **state)
{
    struct crowd_alert a = {.status = CROWD_ACKNOWLEDGED, .severity = CROWD_HIGH};
    assert_int_equal(crowd_alert_next(&a, true, CROWD_NORMAL), CROWD_RESOLVE);
}

static void nobody_resolves_an_alert_whose_zone_is_still_full(void **state)
{
    struct crowd_alert a = {.status = CROWD_ACKNOWLEDGED, .severity = CROWD_HIGH};
    assert_int_equal(crowd_alert_resolve(&a, CROWD_WARNING, false), -2);
    assert_int_equal(a.status, CROWD_ACKNOWLEDGED);
    assert_int_equal(crowd_alert_resolve(&a, CROWD_NORMAL, false), 0);
    assert_int_equal(crowd_alert_resolve(&a, CROWD_NORMAL, false), -1);
    assert_int_equal(crowd_alert_acknowledge(&a), -1);
    struct crowd_alert sent = {.status = CROWD_ACTIVE, .severity = CROWD_CRITICAL};
    assert_int_equal(crowd_alert_resolve(&sent, CROWD_CRITICAL, true), 0);
}

/* ---- emergency mode ---- */

static struct crowd_verdict judge(size_t n, const struct crowd_zone_danger *zones)
{
    return crowd_judge(zones, n, &RULES);
}

static void a_venue_without_danger_is_calm(void **state)
{
    const struct crowd_zone_danger zones[] = {{.confirmed = CROWD_NORMAL, .density = 1},
                                              {.confirmed = CROWD_HIGH, .density = 3.1},
                                              {.confirmed = CROWD_HIGH, .density = 3.1}};
    assert_int_equal(judge(3, zones).danger, CROWD_CALM);
    assert_int_equal(judge(0, NULL).danger, CROWD_CALM);
}

static void several_zones_at_high_density_are_serious(void **state)
{
    const struct crowd_zone_danger zones[] = {{.confirmed = CROWD_CRITICAL, .density = 4.1},
                                              {.confirmed = CROWD_HIGH, .density = 3.1},
                                              {.confirmed = CROWD_HIGH, .density = 3.1}};
    struct crowd_verdict v = judge(3, zones);
    assert_int_equal(v.danger, CROWD_SERIOUS);
    assert_int_equal(v.reason, CROWD_MANY_HIGH);
}

static void a_critical_zone_that_nobody_answers_is_serious(void **state)
{
    struct crowd_zone_danger zone = {.confirmed = CROWD_CRITICAL,
                                     .density = 4.2,
                                     .critical_since_ms = 10000,
                                     .counted_ms = 24999};
    assert_int_equal(judge(1, &zone).danger, CROWD_CALM);
    zone.counted_ms = 25000;
    struct crowd_verdict v = judge(1, &zone);
    assert_int_equal(v.danger, CROWD_SERIOUS);
    assert_int_equal(v.reason, CROWD_UNANSWERED);
    zone.acknowledged = true;
    assert_int_equal(judge(1, &zone).danger, CROWD_CALM);
}

static void two_critical_zones_are_grave(void **state)
{
    const struct crowd_zone_danger zones[] = {{.confirmed = CROWD_CRITICAL, .density = 4.1},
                                              {.confirmed = CROWD_CRITICAL, .density = 4.1}};
    struct crowd_verdict v = judge(2, zones);
    assert_int_equal(v.danger, CROWD_GRAVE);
    assert_int_equal(v.reason, CROWD_MANY_CRITICAL);
}

static void a_crush_is_grave_once_it_is_confirmed(void **state)
{
    struct crowd_zone_danger zone = {.confirmed = CROWD_HIGH, .density = 6.2};
    assert_int_equal(judge(1, &zone).danger, CROWD_CALM);
    zone.confirmed = CROWD_CRITICAL;
    struct crowd_verdict v = judge(1, &zone);
    assert_int_equal(v.danger, CROWD_GRAVE);
    assert_int_equal(v.reason, CROWD_CRUSH);
}

static const struct crowd_verdict CALM = {CROWD_CALM, CROWD_NO_REASON};
static const struct crowd_verdict SERIOUS = {CROWD_SERIOUS, CROWD_UNANSWERED};
static const struct crowd_verdict GRAVE = {CROWD_GRAVE, CROWD_MANY_CRITICAL};

static void what_is_serious_is_proposed_and_withdrawn(void **state)
{
    struct crowd_emergency e = {0};
    assert_false(crowd_emergency_next(&e, CALM, true));
    assert_true(crowd_emergency_next(&e, SERIOUS, true));
    assert_int_equal(e.mode, CROWD_MODE_PROPOSED);
    assert_false(crowd_emergency_next(&e, SERIOUS, true));
    assert_true(crowd_emergency_next(&e, CALM, true));
    assert_int_equal(e.mode, CROWD_MODE_OFF);
}

static void what_is_grave_enters_by_itself_and_stays(void **state)
{
    struct crowd_emergency e = {0};
    crowd_emergency_next(&e, SERIOUS, true);
    assert_true(crowd_emergency_next(&e, GRAVE, true));
    assert_int_equal(e.mode, CROWD_MODE_ON);
    assert_false(crowd_emergency_next(&e, SERIOUS, true));
    assert_false(crowd_emergency_next(&e, CALM, true)); /* only a person ends it */
    assert_int_equal(e.mode, CROWD_MODE_ON);
}

static void a_venue_that_decides_itself_is_only_told(void **state)
{
    struct crowd_emergency e = {0};
    assert_true(crowd_emergency_next(&e, GRAVE, false));
    assert_int_equal(e.mode, CROWD_MODE_PROPOSED);
    assert_true(crowd_emergency_enter(&e));
    assert_false(crowd_emergency_enter(&e));
    assert_int_equal(e.mode, CROWD_MODE_ON);
}

static void what_a_person_ended_does_not_begin_again_before_it_was_calm(void **state)
{
    struct crowd_emergency e = {0};
    crowd_emergency_next(&e, GRAVE, true);
    assert_true(crowd_emergency_end(&e, GRAVE));
    assert_false(crowd_emergency_end(&e, GRAVE));
    assert_false(crowd_emergency_next(&e, GRAVE, true));
    assert_int_equal(e.mode, CROWD_MODE_OFF);
    assert_false(crowd_emergency_next(&e, CALM, true));
    assert_true(crowd_emergency_next(&e, GRAVE, true));
    assert_int_equal(e.mode, CROWD_MODE_ON);
}

static void a_declined_proposal_does_not_keep_out_what_is_graver(void **state)
{
    struct crowd_emergency e = {0};
    crowd_emergency_next(&e, SERIOUS, true);
    assert_true(crowd_emergency_end(&e, SERIOUS));
    assert_false(crowd_emergency_next(&e, SERIOUS, true));
    assert_true(crowd_emergency_next(&e, GRAVE, true));
    assert_int_equal(e.mode, CROWD_MODE_ON);
}

static void every_reason_has_a_sentence(void **state)
{
    for (int i = CROWD_NO_REASON; i <= CROWD_CRUSH; i++)
        assert_true(crowd_reason_text((enum crowd_reason)i)[0] != '\0');
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(area_is_that_of_the_polygon_whichever_way_round),
        cmocka_unit_test(density_is_people_by_square_metre_to_two_decimals),
        cmocka_unit_test(people_for_a_density_are_the_fewest_that_reach_it),
        cmocka_unit_test(limits_must_rise_and_stay_in_range),
        cmocka_unit_test(a_threshold_is_reached_at_its_very_value),
        cmocka_unit_test(a_level_is_only_left_clearly_below_its_threshold),
        cmocka_unit_test(a_level_is_confirmed_when_counts_held_it_long_enough),
        cmocka_unit_test(a_dip_starts_the_duration_anew),
        cmocka_unit_test(each_level_has_a_duration_of_its_own),
        cmocka_unit_test(a_level_is_withdrawn_after_its_release_time),
        cmocka_unit_test(without_durations_counts_decide_at_once),
        cmocka_unit_test(a_clock_that_goes_back_confirms_nothing),
        cmocka_unit_test(names_of_levels_are_read_and_written),
        cmocka_unit_test(a_reading_that_says_nothing_new_has_not_changed),
        cmocka_unit_test(an_alert_is_raised_escalated_and_resolved),
        cmocka_unit_test(an_escalated_alert_is_active_again),
        cmocka_unit_test(an_acknowledged_alert_resolves_by_itself_too),
        cmocka_unit_test(nobody_resolves_an_alert_whose_zone_is_still_full),
        cmocka_unit_test(a_venue_without_danger_is_calm),
        cmocka_unit_test(several_zones_at_high_density_are_serious),
        cmocka_unit_test(a_critical_zone_that_nobody_answers_is_serious),
        cmocka_unit_test(two_critical_zones_are_grave),
        cmocka_unit_test(a_crush_is_grave_once_it_is_confirmed),
        cmocka_unit_test(what_is_serious_is_proposed_and_withdrawn),
        cmocka_unit_test(what_is_grave_enters_by_itself_and_stays),
        cmocka_unit_test(a_venue_that_decides_itself_is_only_told),
        cmocka_unit_test(what_a_person_ended_does_not_begin_again_before_it_was_calm),
        cmocka_unit_test(a_declined_proposal_does_not_keep_out_what_is_graver),
        cmocka_unit_test(every_reason_has_a_sentence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
