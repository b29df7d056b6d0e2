/* test_rules.c - the cockpit's rules, by example. */
#include "cockpit/rules.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static bool near(double a, double b)
{
    return a > b - 1e-9 && a < b + 1e-9;
}

static struct rules_reading read_text(const char *text)
{
    struct rules_reading r;
    rules_read(text, strlen(text), &r);
    return r;
}

static void names_of_dimensions_go_both_ways(void **state)
{
    for (int i = 0; i < RULES_DIMENSIONS; i++) {
        assert_int_equal(rules_dimension_of(rules_dimension_name(i)), i);
        assert_true(rules_dimension_cents(i) > 0);
    }
    assert_int_equal(rules_dimension_of("wealth"), RULES_NONE);
    assert_int_equal(rules_dimension_of(NULL), RULES_NONE);
    assert_null(rules_dimension_name(RULES_NONE));
    assert_null(rules_dimension_name(RULES_DIMENSIONS));
    assert_int_equal(rules_dimension_cents(RULES_NONE), 0);
}

static void ratings_are_scores_from_0_to_1(void **state)
{
    assert_true(near(rules_score(1), 0));
    assert_true(near(rules_score(3), 0.5));
    assert_true(near(rules_score(5), 1));
    assert_true(rules_score(0) < 0 && rules_score(6) < 0);
}

static void sroi_is_social_value_by_investment(void **state)
{
    // 100 h at 30.00; a lift of 2.0 in language, worth 2,600 each: 5,200 x 0.8 x 0.6 = 2,496
    struct rules_sroi_in in = {.minutes = 6000, .hour_cents = 3000, .investment_cents = 220000};
    struct rules_sroi out;
    in.lift[RULES_LANGUAGE] = (struct rules_lift){8, 2.0};
    rules_sroi(&in, &out);
    assert_true(out.known);
    assert_int_equal(out.hours_cents, 300000);
    assert_int_equal(out.dimension_cents[RULES_LANGUAGE], 249600);
    assert_int_equal(out.outcome_cents, 249600);
    assert_int_equal(out.social_cents, 549600);
    assert_true(near(out.value, 2.5)); // 2.498
}

static void sroi_counts_who_got_worse_against(void **state)
{
    struct rules_sroi_in in = {.minutes = 60, .hour_cents = 3000, .investment_cents = 1000};
    struct rules_sroi out;
    in.lift[RULES_CONFIDENCE] = (struct rules_lift){4, 1.0};
    in.lift[RULES_BELONGING] = (struct rules_lift){4, -0.5};
    rules_sroi(&in, &out);
    assert_int_equal(out.dimension_cents[RULES_BELONGING], -36000);
    assert_int_equal(out.outcome_cents, 57600 - 36000);
    in.lift[RULES_BELONGING].sum = -4; // harm is not a negative return: hours remain
    rules_sroi(&in, &out);
    assert_int_equal(out.outcome_cents, 0);
    assert_int_equal(out.social_cents, 3000);
}

static void sroi_is_unknown_without_investment(void **state)
{
    struct rules_sroi_in in = {.minutes = 60, .hour_cents = 3000};
    struct rules_sroi out;
    rules_sroi(&in, &out);
    assert_false(out.known);
    assert_true(near(out.value, 0));
    assert_int_equal(out.social_cents, 3000);
}

static void vis_weighs_hours_consistency_and_outcome(void **state)
{
    // 10 volunteers with 10 h of 20, 3 active weeks of 6, a mean lift of 0.25 of 0.5: half of each
    struct rules_vis_in in = {10, 6000, 1200, 30, {40, 10.0}};
    struct rules_vis out;
    rules_vis(&in, &out);
    assert_true(out.known);
    assert_true(near(out.hours, 0.5) && near(out.consistency, 0.5) && near(out.outcome, 0.5));
    assert_true(near(out.value, 50));
    assert_string_equal(out.grade, "developing");
    in.lift.sum = 20; // the full outcome: 15 + 15 + 40
    rules_vis(&in, &out);
    assert_true(near(out.value, 70));
    assert_string_equal(out.grade, "strong");
}

static void vis_parts_stay_between_0_and_1(void **state)
{
    struct rules_vis_in in = {1, 1000000, 60, 1000, {1, 1.0}};
    struct rules_vis out;
    rules_vis(&in, &out);
    assert_true(near(out.value, 100));
    assert_string_equal(out.grade, "outstanding");
    in = (struct rules_vis_in){1, 15, 6000, 0, {1, -1.0}};
    rules_vis(&in, &out);
    assert_true(near(out.outcome, 0) && near(out.consistency, 0));
    assert_string_equal(out.grade, "early");
}

static void vis_is_unknown_without_volunteers(void **state)
{
    struct rules_vis_in in = {0};
    struct rules_vis out;
    rules_vis(&in, &out);
    assert_false(out.known);
    assert_string_equal(out.grade, "");
}

static void a_text_gives_dimension_score_and_confidence(void **state)
{
    struct rules_reading r = read_text("My Norwegian improved and every conversation is easier.");
    assert_int_equal(r.dimension, RULES_LANGUAGE);
    assert_true(near(r.score, 1));
    assert_true(near(r.confidence, 0.75)); // two hits, two good words: 6 of 8
    assert_true(r.sure);
    r = read_text("I still feel lonely and isolated.");
    assert_int_equal(r.dimension, RULES_BELONGING);
    assert_true(near(r.score, 0));
    r = read_text("The JOB INTERVIEW went fine");
    assert_int_equal(r.dimension, RULES_JOB_READINESS);
    assert_true(near(r.score, 0.5));
}

static void a_denial_turns_what_follows(void **state)
{
    assert_true(near(read_text("I am not afraid, I have confidence").score, 1));
    assert_true(near(read_text("My confidence is not better").score, 0));
    assert_true(near(read_text("There is less stress and I sleep better").score, 1));
    // but not over the end of the sentence
    assert_true(near(read_text("Confidence? No. Better than before").score, 1));
}

static void one_hit_alone_is_for_somebody_to_look_at(void **state)
{
    struct rules_reading r = read_text("We met a neighbour.");
    assert_int_equal(r.dimension, RULES_BELONGING);
    assert_true(near(r.confidence, 0.5));
    assert_false(r.sure);
}

static void stems_begin_words_and_whole_words_end(void **state)
{
    assert_int_equal(read_text("jobless").dimension, RULES_NONE);
    assert_int_equal(read_text("unwelcome").dimension, RULES_NONE);
    assert_int_equal(read_text("A job.").dimension, RULES_JOB_READINESS);
}

static void any_text_can_be_read(void **state)
{
    struct rules_reading r = read_text("");
    assert_int_equal(r.dimension, RULES_NONE);
    assert_false(r.sure);
    char bytes[5000];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (char)(i * 7);
    rules_read(bytes, sizeof bytes, &r);
    assert_true(r.score >= 0 && r.score <= 1 && r.confidence >= 0 && r.confidence < 1);
    rules_read("a\0job interview", 15, &r);
    assert_int_equal(r.dimension, RULES_JOB_READINESS);
}

static void hours_have_limits(void **state)
{
    assert_null(rules_hours_refusal(15, 0, 15));
    assert_null(rules_hours_refusal(720, 0, 5000));
    assert_non_null(rules_hours_refusal(14, 0, 5000));
    assert_non_null(rules_hours_refusal(721, 0, 5000));
    assert_non_null(rules_hours_refusal(-60, 0, 5000));
    assert_non_null(rules_hours_refusal(60, 661, 5000));
    assert_null(rules_hours_refusal(60, 660, 5000));
    assert_non_null(rules_hours_refusal(60, 0, 59));
}

static void days_are_real_days(void **state)
{
    assert_true(rules_day("2026-02-28"));
    assert_true(rules_day("2024-02-29"));
    assert_true(rules_day("2000-02-29"));
    assert_false(rules_day("2100-02-29"));
    assert_false(rules_day("2026-13-01"));
    assert_false(rules_day("2026-04-31"));
    assert_false(rules_day("2026-4-30"));
    assert_false(rules_day("2026-04-00"));
    assert_false(rules_day("0000-01-01"));
    assert_false(rules_day("2026-01-01x"));
    assert_false(rules_day(NULL));
}

static void periods_are_years_and_quarters(void **state)
{
    char from[RULES_DAY_SIZE], to[RULES_DAY_SIZE];
    assert_true(rules_period("2026", from, to));
    assert_string_equal(from, "2026-01-01");
    assert_string_equal(to, "2027-01-01");
    assert_true(rules_period("2026-Q3", from, to));
    assert_string_equal(from, "2026-07-01");
    assert_string_equal(to, "2026-10-01");
    assert_true(rules_period("2026-Q4", from, to));
    assert_string_equal(from, "2026-10-01");
    assert_string_equal(to, "2027-01-01");
    const char *const wrong[] = {"",       "26",   "2026-Q5",  "2026-Q0", "2026Q1",
                                 "2026-1", "20x6", "2026-Q11", "1999",    "9999"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_false(rules_period(wrong[i], from, to));
    assert_false(rules_period(NULL, from, to));
}

static void a_report_needs_hours_costs_answers_and_evidence(void **state)
{
    struct rules_report_in in = {.minutes = 60, .investment_cents = 100, .pairs = 1, .evidence = 3};
    assert_null(rules_report_refusal(&in));
    in.evidence = 2;
    assert_non_null(strstr(rules_report_refusal(&in), "evidence"));
    in.pairs = 0;
    assert_non_null(strstr(rules_report_refusal(&in), "questionnaires"));
    in.investment_cents = 0;
    assert_non_null(strstr(rules_report_refusal(&in), "costs"));
    in.minutes = 0;
    assert_non_null(strstr(rules_report_refusal(&in), "hours"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_of_dimensions_go_both_ways),
        cmocka_unit_test(ratings_are_scores_from_0_to_1),
        cmocka_unit_test(sroi_is_social_value_by_investment),
        cmocka_unit_test(sroi_counts_who_got_worse_against),
        cmocka_unit_test(sroi_is_unknown_without_investment),
        cmocka_unit_test(vis_weighs_hours_consistency_and_outcome),
        cmocka_unit_test(vis_parts_stay_between_0_and_1),
        cmocka_unit_test(vis_is_unknown_without_volunteers),
        cmocka_unit_test(a_text_gives_dimension_score_and_confidence),
        cmocka_unit_test(a_denial_turns_what_follows),
        cmocka_unit_test(one_hit_alone_is_for_somebody_to_look_at),
        cmocka_unit_test(stems_begin_words_and_whole_words_end),
        cmocka_unit_test(any_text_can_be_read),
        cmocka_unit_test(hours_have_limits),
        cmocka_unit_test(days_are_real_days),
        cmocka_unit_test(periods_are_years_and_quarters),
        cmocka_unit_test(a_report_needs_hours_costs_answers_and_evidence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
