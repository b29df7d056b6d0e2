/* model.h - the crowds that the cameras look at: people arrive at the gates, find their places,
 * take a break, come back, and all want to leave when it ends. They move between neighbouring
 * zones, as fast as the passage and the crowd beyond it let them.
 *
 * Pure: no I/O; chance comes in as a function. It knows a venue only as cameras may: by what
 * GET /api/crowd-risk/state tells. */
#ifndef FRESHET_APPS_CROWD_MODEL_H
#define FRESHET_APPS_CROWD_MODEL_H

#include "host/app.h"

#define CROWD_MODEL_ZONES 32
#define CROWD_MODEL_PASSAGES 64

enum crowd_kind { CROWD_GATE, CROWD_WAY, CROWD_PLACE };

enum crowd_phase {
    CROWD_ARRIVING, /* until all that are expected are in */
    CROWD_PRESENT,
    CROWD_BREAK,
    CROWD_BACK,
    CROWD_LEAVING, /* until nearly everybody has left */
    CROWD_CLOSED
};

struct crowd_model_zone {
    char id[72], camera[72];
    enum crowd_kind kind;
    double area_m2, people;
    double busy; /* gates: share of the usual that arrives, or of the doors that are open */
};

struct crowd_model_passage {
    size_t a, b;
    double width;
};

struct crowd_model {
    struct crowd_model_zone zones[CROWD_MODEL_ZONES];
    struct crowd_model_passage passages[CROWD_MODEL_PASSAGES];
    size_t zone_count, passage_count;
    enum crowd_phase phase;
    double phase_s; /* seconds it has lasted */
    bool emergency; /* everybody is asked to leave, and nobody is let in */
};

typedef double (*crowd_dice)(void *ctx); /* 0 up to 1 */

/* Makes it from a venue's JSON, as it was counted last. 0, or -1 when that is none, or too big. */
int crowd_model_init(struct crowd_model *model, const json_t *state);
/* Some seconds pass (at most 10). */
void crowd_model_step(struct crowd_model *model, double seconds, crowd_dice dice, void *ctx);
double crowd_model_people(const struct crowd_model *model);
double crowd_model_expected(const struct crowd_model *model);

/* What the generator remembers. */
struct crowd_world {
    struct crowd_model models[2];
    bool ready[2];
    unsigned turn;
};

/* One act: time passes in one of the venues, and one of its cameras sends what it counts. */
void crowd_play(struct world *world, void *memory);

#endif
