/* rules.h - how the cockpit works out its figures: social return, volunteer impact, what a text
 * says, when a report can be made. No I/O, no state, any thread; everything a rule needs is an
 * argument. README.md has the rules in words, with the figures that stand here as constants. */
#ifndef FRESHET_COCKPIT_RULES_H
#define FRESHET_COCKPIT_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a programme may change in somebody's life. */
enum rules_dimension {
    RULES_NONE = -1,
    RULES_CONFIDENCE,
    RULES_BELONGING,
    RULES_LANGUAGE,
    RULES_JOB_READINESS,
    RULES_WELL_BEING,
    RULES_DIMENSIONS
};

/* "confidence", "job_readiness"; NULL for RULES_NONE. */
const char *rules_dimension_name(int dimension);
/* RULES_NONE: there is none of that name (NULL included). */
int rules_dimension_of(const char *name);
/* What a change from nothing to everything is worth to society, for one person: cents. */
int64_t rules_dimension_cents(int dimension);

/* A rating of 1 to 5 as a score of 0 to 1; below 0 for any other rating. */
double rules_score(int64_t rating);

/* ---- SROI: social return on investment ---- */

#define RULES_DEADWEIGHT 0.20  /* would have happened without the programme */
#define RULES_ATTRIBUTION 0.60 /* of the rest: due to this company and not to others */

/* Pairs of questionnaires (before and after) that both have a score in the dimension, and the sum
 * of (after - before). Who got worse counts against. */
struct rules_lift {
    int64_t pairs;
    double sum;
};

struct rules_sroi_in {
    int64_t minutes;          /* volunteered */
    int64_t hour_cents;       /* what an hour of it is worth */
    int64_t investment_cents; /* what the activities cost */
    struct rules_lift lift[RULES_DIMENSIONS];
};

struct rules_sroi {
    bool known;   /* false: nothing was invested, so there is no return on it */
    double value; /* social value for each unit of money, two decimals */
    int64_t hours_cents, outcome_cents, social_cents; /* outcome and social are never below 0 */
    int64_t dimension_cents[RULES_DIMENSIONS];        /* these may be */
};

void rules_sroi(const struct rules_sroi_in *in, struct rules_sroi *out);

/* ---- VIS: volunteer impact score ---- */

#define RULES_VIS_WEEKS 12      /* that consistency looks at */
#define RULES_VIS_WEEKS_FULL 6  /* active weeks that give the full score */
#define RULES_VIS_LIFT_FULL 0.5 /* mean lift that gives the full score */

struct rules_vis_in {
    int64_t volunteers;     /* with hours in the period */
    int64_t minutes;        /* theirs */
    int64_t target_minutes; /* each of them, in the period */
    int64_t active_weeks;   /* summed over volunteers, of the last RULES_VIS_WEEKS */
    struct rules_lift lift; /* of all dimensions together */
};

struct rules_vis {
    bool known;                         /* false: nobody volunteered */
    double value;                       /* 0 to 100, one decimal */
    double hours, consistency, outcome; /* its parts, 0 to 1, weighed 0.3, 0.3 and 0.4 */
    const char *grade; /* "outstanding", "strong", "developing", "early"; "" while unknown */
};

void rules_vis(const struct rules_vis_in *in, struct rules_vis *out);

/* ---- Q2Q: from words to numbers ---- */

#define RULES_SURE 0.6 /* confidence from which a reading needs nobody to look at it */

struct rules_reading {
    int dimension;     /* RULES_NONE: the text speaks of none */
    double score;      /* 0 to 1: how well it goes; 0.5 when it doesn't say */
    double confidence; /* 0 up to 1 */
    bool sure;
};

/* Reads len bytes of UTF-8, English, of any content. */
void rules_read(const char *text, size_t len, struct rules_reading *out);

/* ---- hours, periods, reports ---- */

#define RULES_MINUTES_MIN 15
#define RULES_MINUTES_DAY 720 /* one volunteer, one day */

/* Why these minutes can't be logged: a constant text, or NULL when they can. day_minutes: what the
 * volunteer has on that day, left_minutes: what the activity has planned for and not had. */
const char *rules_hours_refusal(int64_t minutes, int64_t day_minutes, int64_t left_minutes);

/* Whether text is a real day, "2026-02-28". */
bool rules_day(const char *text);

#define RULES_DAY_SIZE 11

/* "2026" or "2026-Q3" as days from (first) and to (first one after), RULES_DAY_SIZE bytes each. */
bool rules_period(const char *text, char *from, char *to);

#define RULES_REPORT_EVIDENCE 3

struct rules_report_in {
    int64_t minutes, investment_cents, pairs;
    int64_t evidence; /* classified or verified */
};

/* Why a report can't be made of a period that holds this: a constant text, or NULL. */
const char *rules_report_refusal(const struct rules_report_in *in);

#endif
