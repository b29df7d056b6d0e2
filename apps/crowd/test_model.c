/* The crowds that the cameras count. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

#include "crowd/model.h"

static double half(void *ctx)
{
    return 0.5;
}

/* A linear congruence: the same walk in every run. */
static double dice(void *ctx)
{
    uint32_t *seed = ctx;
    *seed = *seed * 1664525u + 1013904223u;
    return (double)(*seed >> 8) / (1u << 24);
}

static json_t *zone(const char *id, const char *kind, double area, int people)
{
    return json_pack("{s:s, s:s, s:s, s:f, s:i}", "id", id, "camera", "c1", "kind", kind, "areaM2",
                     area, "people", people);
}

/* Gate, way and place in a row. */
static struct crowd_model venue(int gate, int way, int place)
{
    struct crowd_model model;
    json_t *state = json_pack("{s:[o, o, o], s:[{s:s, s:s, s:i}, {s:s, s:s, s:i}]}", "zones",
                              zone("gate", "gate", 400, gate), zone("way", "way", 500, way),
                              zone("place", "place", 2000, place), "passages", "a", "gate", "b",
                              "way", "width", 9, "a", "place", "b", "way", "width", 12);
    assert_int_equal(crowd_model_init(&model, state), 0);
    json_decref(state);
    return model;
}

static void pass(struct crowd_model *model, int steps)
{
    for (int i = 0; i < steps; i++)
        crowd_model_step(model, 1, half, NULL);
}

static void what_is_no_venue_is_refused(void **state)
{
    struct crowd_model model;
    json_t *none = json_object();
    json_t *bad = json_pack("{s:[o], s:[{s:s, s:s, s:i}]}", "zones", zone("a", "gate", 10, 1),
                            "passages", "a", "a", "b", "elsewhere", "width", 3);
    json_t *odd = json_pack("{s:[o], s:[]}", "zones", zone("a", "cellar", 10, 1), "passages");
    assert_int_equal(crowd_model_init(&model, none), -1);
    assert_int_equal(crowd_model_init(&model, bad), -1);
    assert_int_equal(crowd_model_init(&model, odd), -1);
    json_decref(none);
    json_decref(bad);
    json_decref(odd);
}

static void people_who_walk_are_neither_lost_nor_made(void **state)
{
    struct crowd_model model = venue(300, 400, 1000);
    model.phase = CROWD_PRESENT;
    pass(&model, 300);
    assert_true(fabs(crowd_model_people(&model) - 1700) < 1e-6);
    for (size_t i = 0; i < 3; i++)
        assert_true(model.zones[i].people >= 0);
}

static void those_who_arrive_find_their_places(void **state)
{
    struct crowd_model model = venue(0, 0, 0);
    pass(&model, 600);
    assert_int_equal(model.phase, CROWD_ARRIVING);
    assert_true(model.zones[2].people > 500);
    assert_true(model.zones[2].people > model.zones[0].people);
}

static void the_ending_empties_the_venue_through_the_gates(void **state)
{
    struct crowd_model model = venue(0, 0, 3500);
    model.phase = CROWD_LEAVING;
    model.zones[0].busy = 0.45; /* half of the doors stay shut */
    double fullest = 0;
    for (int i = 0; i < 1900 && model.phase == CROWD_LEAVING; i++) {
        crowd_model_step(&model, 1, half, NULL);
        if (model.zones[0].people > fullest)
            fullest = model.zones[0].people;
    }
    assert_int_equal(model.phase, CROWD_CLOSED);
    assert_true(crowd_model_people(&model) < crowd_model_expected(&model) * 0.05);
    assert_true(fullest > 200); /* they jam there */
}

static void in_an_emergency_nobody_comes_in_and_all_leave(void **state)
{
    struct crowd_model model = venue(100, 100, 1500);
    model.emergency = true; /* while they were arriving */
    double before = crowd_model_people(&model);
    pass(&model, 60);
    assert_true(crowd_model_people(&model) < before);
    assert_true(model.zones[2].people < 1500);
}

static void nobody_walks_into_a_zone_that_is_full(void **state)
{
    struct crowd_model model = venue(0, 500 * 7, 1000);
    model.phase = CROWD_LEAVING;
    crowd_model_step(&model, 1, half, NULL);
    assert_true(model.zones[2].people >= 1000);
}

static void days_of_it_stay_within_reason(void **state)
{
    uint32_t seed = 7;
    bool seen[CROWD_CLOSED + 1] = {false};
    struct crowd_model model = venue(0, 0, 0);
    for (int i = 0; i < 40000; i++) {
        crowd_model_step(&model, 1.5, dice, &seed);
        seen[model.phase] = true;
        assert_true(crowd_model_people(&model) <= crowd_model_expected(&model) * 1.1);
        for (size_t k = 0; k < 3; k++)
            assert_true(model.zones[k].people >= 0 &&
                        model.zones[k].people / model.zones[k].area_m2 < 8);
    }
    for (size_t i = 0; i <= CROWD_CLOSED; i++)
        assert_true(seen[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_no_venue_is_refused),
        cmocka_unit_test(people_who_walk_are_neither_lost_nor_made),
        cmocka_unit_test(those_who_arrive_find_their_places),
        cmocka_unit_test(the_ending_empties_the_venue_through_the_gates),
        cmocka_unit_test(in_an_emergency_nobody_comes_in_and_all_leave),
        cmocka_unit_test(nobody_walks_into_a_zone_that_is_full),
        cmocka_unit_test(days_of_it_stay_within_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
