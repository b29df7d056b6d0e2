/* The cameras of both venues: they count the crowds of the model and send what they counted,
 * through the endpoint that any camera would use. */
#include "crowd/model.h"

#include <math.h>
#include <string.h>

#define STEP_S 1.5 /* of the venue's time, in one act */

static const char *const CAMERAS[] = {"kestrel-cameras", "harbour-cameras"};

static double throw_dice(void *ctx)
{
    return world_random(ctx);
}

/* Looks at the venue anew. */
static bool prepare(struct world *world, struct crowd_world *memory, unsigned venue)
{
    int status;
    json_t *state =
        world_send(world, CAMERAS[venue], "GET", "/api/crowd-risk/state", NULL, &status);
    memory->ready[venue] = status == 200 && crowd_model_init(&memory->models[venue], state) == 0;
    json_decref(state);
    return memory->ready[venue];
}

/* The id of the n-th camera, in the order of the zones, going round. */
static const char *camera_of(const struct crowd_model *model, unsigned n)
{
    const char *cameras[CROWD_MODEL_ZONES];
    unsigned count = 0;
    for (size_t i = 0; i < model->zone_count; i++) {
        unsigned known = 0;
        while (known < count && strcmp(cameras[known], model->zones[i].camera) != 0)
            known++;
        if (known == count)
            cameras[count++] = model->zones[i].camera;
    }
    return cameras[n % count];
}

static json_t *counts_of(const struct crowd_model *model, const char *camera)
{
    json_t *counts = json_array();
    for (size_t i = 0; counts && i < model->zone_count; i++) {
        const struct crowd_model_zone *zone = &model->zones[i];
        if (strcmp(zone->camera, camera) == 0)
            json_array_append_new(counts, json_pack("{s:s, s:I}", "zone", zone->id, "people",
                                                    (json_int_t)llround(zone->people)));
    }
    return counts;
}

void crowd_play(struct world *world, void *memory_given)
{
    struct crowd_world *memory = memory_given;
    unsigned venue = memory->turn % 2, turn = memory->turn++ / 2;
    struct crowd_model *model = &memory->models[venue];
    if (!memory->ready[venue] && !prepare(world, memory, venue))
        return;
    crowd_model_step(model, STEP_S, throw_dice, world);
    const char *camera = camera_of(model, turn);
    json_t *body = json_pack("{s:s, s:o}", "camera", camera, "counts", counts_of(model, camera));
    int status;
    json_t *answer =
        world_send(world, CAMERAS[venue], "POST", "/api/crowd-risk/readings", body, &status);
    if (status >= 400 && status < 500 && status != 429)
        memory->ready[venue] = false; /* the venue isn't what it was */
    else if (answer)
        model->emergency = json_is_true(json_object_get(answer, "emergency"));
    json_decref(answer);
}
