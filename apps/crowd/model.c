#include "crowd/model.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define FLOW 0.85       /* people a second and metre of width, while there is room */
#define JAM_FROM 2.6    /* people per square metre from which it goes slower */
#define JAM_FULL 5.4    /* nobody gets in any more */
#define PLACE_FULL 2.3  /* a place that is taken, in people per square metre */
#define EXPECTED 1.9    /* the same, when all have come */
#define ARRIVAL_S 900.0 /* time in which they come */
#define TURN_SLOW 2.2   /* people per square metre from which a gate lets fewer in */
#define TURN_OFF 3.9    /* and nobody */
#define ASTRAY 0.04     /* share of those who set out that go the other way */

/* How long a phase lasts at most, in seconds. */
static const double LASTS[] = {2400, 400, 420, 400, 2000, 60};

/* ---- making one ---- */

static int kind_of(const char *name)
{
    static const char *const names[] = {"gate", "way", "place"};
    for (int i = 0; name && i < 3; i++)
        if (strcmp(names[i], name) == 0)
            return i;
    return -1;
}

static int zone_init(struct crowd_model_zone *zone, const json_t *json)
{
    const char *id = json_string_value(json_object_get(json, "id"));
    const char *camera = json_string_value(json_object_get(json, "camera"));
    int kind = kind_of(json_string_value(json_object_get(json, "kind")));
    double area = json_number_value(json_object_get(json, "areaM2"));
    if (!id || !camera || kind < 0 || !(area > 0) || strlen(id) >= sizeof zone->id ||
        strlen(camera) >= sizeof zone->camera)
        return -1;
    *zone = (struct crowd_model_zone){.kind = (enum crowd_kind)kind,
                                      .area_m2 = area,
                                      .people = json_number_value(json_object_get(json, "people")),
                                      .busy = 1};
    snprintf(zone->id, sizeof zone->id, "%s", id);
    snprintf(zone->camera, sizeof zone->camera, "%s", camera);
    return 0;
}

static int find_zone(const struct crowd_model *model, const char *id, size_t *index)
{
    for (size_t i = 0; id && i < model->zone_count; i++)
        if (strcmp(model->zones[i].id, id) == 0) {
            *index = i;
            return 0;
        }
    return -1;
}

static int passage_init(struct crowd_model *model, const json_t *json)
{
    struct crowd_model_passage *passage = &model->passages[model->passage_count];
    passage->width = json_number_value(json_object_get(json, "width"));
    if (find_zone(model, json_string_value(json_object_get(json, "a")), &passage->a) != 0 ||
        find_zone(model, json_string_value(json_object_get(json, "b")), &passage->b) != 0)
        return -1;
    model->passage_count++;
    return 0;
}

int crowd_model_init(struct crowd_model *model, const json_t *state)
{
    *model = (struct crowd_model){0};
    const json_t *zones = json_object_get(state, "zones");
    const json_t *passages = json_object_get(state, "passages");
    size_t n = json_array_size(zones), m = json_array_size(passages);
    if (n == 0 || n > CROWD_MODEL_ZONES || m > CROWD_MODEL_PASSAGES)
        return -1;
    for (size_t i = 0; i < n; i++)
        if (zone_init(&model->zones[model->zone_count++], json_array_get(zones, i)) != 0)
            return -1;
    for (size_t i = 0; i < m; i++)
        if (passage_init(model, json_array_get(passages, i)) != 0)
            return -1;
    return 0;
}

double crowd_model_people(const struct crowd_model *model)
{
    double people = 0;
    for (size_t i = 0; i < model->zone_count; i++)
        people += model->zones[i].people;
    return people;
}

double crowd_model_expected(const struct crowd_model *model)
{
    double area = 0;
    for (size_t i = 0; i < model->zone_count; i++)
        if (model->zones[i].kind == CROWD_PLACE)
            area += model->zones[i].area_m2;
    return area * EXPECTED;
}

/* ---- phases ---- */

static enum crowd_kind goal_of(const struct crowd_model *model)
{
    if (model->emergency || model->phase == CROWD_LEAVING || model->phase == CROWD_CLOSED)
        return CROWD_GATE;
    return model->phase == CROWD_BREAK ? CROWD_WAY : CROWD_PLACE;
}

static bool phase_over(const struct crowd_model *model)
{
    double people = crowd_model_people(model), expected = crowd_model_expected(model);
    if (model->phase == CROWD_ARRIVING && people >= expected)
        return true;
    if (model->phase == CROWD_LEAVING && people < expected * 0.04)
        return true;
    return model->phase_s > LASTS[model->phase];
}

/* A new phase has its own luck at the gates: a train full of people at one, doors of another that
 * stay shut when all want to leave. */
static void draw_gates(struct crowd_model *model, crowd_dice dice, void *ctx)
{
    size_t gates[CROWD_MODEL_ZONES], n = 0;
    for (size_t i = 0; i < model->zone_count; i++)
        if (model->zones[i].kind == CROWD_GATE)
            gates[n++] = i;
    for (size_t i = 0; i < n; i++) {
        double luck = dice(ctx);
        model->zones[gates[i]].busy = model->phase == CROWD_LEAVING ? 1 : 0.4 + luck * luck * 2;
    }
    if (n > 0 && model->phase == CROWD_LEAVING && dice(ctx) < 0.7)
        model->zones[gates[(size_t)(dice(ctx) * (double)n) % n]].busy = 0.4;
}

static void phase_step(struct crowd_model *model, double seconds, crowd_dice dice, void *ctx)
{
    model->phase_s += seconds;
    if (!phase_over(model))
        return;
    model->phase =
        model->phase == CROWD_CLOSED ? CROWD_ARRIVING : (enum crowd_phase)(model->phase + 1);
    model->phase_s = 0;
    draw_gates(model, dice, ctx);
}

/* ---- movement ---- */

/* How many passages each zone is from the nearest of a kind. */
static void distances(const struct crowd_model *model, enum crowd_kind goal, unsigned *far)
{
    for (size_t i = 0; i < model->zone_count; i++)
        far[i] = model->zones[i].kind == goal ? 0 : CROWD_MODEL_ZONES;
    for (size_t round = 0; round < model->zone_count; round++)
        for (size_t i = 0; i < model->passage_count; i++) {
            size_t a = model->passages[i].a, b = model->passages[i].b;
            if (far[b] > far[a] + 1)
                far[b] = far[a] + 1;
            if (far[a] > far[b] + 1)
                far[a] = far[b] + 1;
        }
}

static double density_of(const struct crowd_model_zone *zone)
{
    return zone->people / zone->area_m2;
}

/* How freely one walks into a zone, 0 to 1. */
static double freedom(const struct crowd_model *model, const struct crowd_model_zone *zone)
{
    double density = density_of(zone);
    if (zone->kind == CROWD_PLACE && goal_of(model) == CROWD_PLACE && density > PLACE_FULL)
        return 0;
    double free_share = 1 - (density - JAM_FROM) / (JAM_FULL - JAM_FROM);
    return free_share > 1 ? 1 : free_share < 0 ? 0 : free_share;
}

/* The share of a zone's people that sets out within a second. */
static double eagerness(const struct crowd_model *model, enum crowd_kind from)
{
    enum crowd_kind goal = goal_of(model);
    if (goal == CROWD_WAY)
        return from == CROWD_PLACE ? 0.0009 : 0.0008;
    if (goal == CROWD_GATE)
        return from == CROWD_PLACE ? 0.009 : 0.014;
    return 0.009;
}

/* People go from one zone to the other: nearer to where they want to be, or as near and emptier; a
 * few always go astray. */
static void walk(struct crowd_model *model, const struct crowd_model_passage *passage,
                 const unsigned *far, bool back, double seconds, double luck)
{
    struct crowd_model_zone *from = &model->zones[back ? passage->b : passage->a];
    struct crowd_model_zone *to = &model->zones[back ? passage->a : passage->b];
    unsigned here = far[back ? passage->b : passage->a],
             there = far[back ? passage->a : passage->b];
    double share = there < here                        ? 1
                   : there > here                      ? ASTRAY
                   : density_of(to) < density_of(from) ? 0.6
                                                       : 0;
    double want = from->people * eagerness(model, from->kind) * share * seconds;
    double most = passage->width * FLOW * freedom(model, to) * seconds;
    double go = (want < most ? want : most) * (0.7 + 0.6 * luck);
    if (go > from->people)
        go = from->people;
    from->people -= go;
    to->people += go;
}

static void gate_step(struct crowd_model *model, struct crowd_model_zone *gate, size_t gates,
                      double seconds, double luck)
{
    bool out = goal_of(model) == CROWD_GATE;
    if (out) {
        double doors = sqrt(gate->area_m2) * 0.55 * gate->busy;
        double go = doors * FLOW * seconds * (0.8 + 0.4 * luck);
        gate->people = go < gate->people ? gate->people - go : 0;
    } else if (model->phase == CROWD_ARRIVING) {
        /* Turnstiles are slowed down where those inside don't move on. */
        double open = (TURN_OFF - density_of(gate)) / (TURN_OFF - TURN_SLOW);
        double come = crowd_model_expected(model) / ARRIVAL_S / (double)gates *
                      (open > 1   ? 1
                       : open < 0 ? 0
                                  : open);
        gate->people += come * gate->busy * seconds * (0.4 + 1.2 * luck);
    }
}

void crowd_model_step(struct crowd_model *model, double seconds, crowd_dice dice, void *ctx)
{
    unsigned far[CROWD_MODEL_ZONES];
    size_t gates = 0;
    phase_step(model, seconds, dice, ctx);
    distances(model, goal_of(model), far);
    for (size_t i = 0; i < model->passage_count; i++) {
        walk(model, &model->passages[i], far, false, seconds, dice(ctx));
        walk(model, &model->passages[i], far, true, seconds, dice(ctx));
    }
    for (size_t i = 0; i < model->zone_count; i++)
        gates += model->zones[i].kind == CROWD_GATE;
    for (size_t i = 0; i < model->zone_count; i++)
        if (model->zones[i].kind == CROWD_GATE)
            gate_step(model, &model->zones[i], gates, seconds, dice(ctx));
}
