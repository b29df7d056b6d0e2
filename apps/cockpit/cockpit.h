/* cockpit.h - what the cockpit's files share: its state, days, and what a change does. Its module
 * is module.c; all of it runs on the application's worker. */
#ifndef FRESHET_COCKPIT_H
#define FRESHET_COCKPIT_H

#include "cockpit/rules.h"
#include "host/app.h"

#define DAY_MS 86400000
#define YEAR_DAYS 365

/* What of the dashboard a change concerns, as bits. */
enum {
    WIDGET_SROI = 1,
    WIDGET_VIS = 2,
    WIDGET_Q2Q = 4,
    WIDGET_GLANCE = 8,
    WIDGET_EVIDENCE = 16,
    WIDGET_REPORTS = 32,
    WIDGETS = 6
};

struct cockpit {
    struct app *app;
    json_t *figures;                  /* "acme-corp/sroi" -> its answer, until something changes */
    char figures_day[RULES_DAY_SIZE]; /* they hold for this day */
    bool unread;                      /* there may be texts that the rules have not read */
    bool reports;                     /* there may be reports to make */
    int64_t hours;                    /* of the last year, all companies; below 0: not known */
};

/* Days from first up to, but without, to. */
struct days {
    char from[RULES_DAY_SIZE], to[RULES_DAY_SIZE];
};

/* The day (UTC) of a time, into RULES_DAY_SIZE bytes; returns it. */
const char *cockpit_day(uint64_t ms, char *day);
/* The last count days, today included. */
struct days cockpit_last(unsigned count);
/* The name of one of the bits: "at-a-glance". */
const char *cockpit_widget(unsigned bit);

/* Figures of the company changed: forgets the answers and tells the dashboards. reason: constant.
 */
void cockpit_changed(struct cockpit *c, const char *company, unsigned widgets, const char *reason);
/* Publishes with a timestamp; takes data over. */
void cockpit_tell(struct cockpit *c, const char *company, const char *channel, const char *type,
                  json_t *data);

/* Answers 403 or 404 (returns NULL) unless the one who asks may see the company of the path.
 * Borrows until the answer. */
const char *cockpit_company(struct app_request *r);
/* Whether they may change something; answers 403 when not. desk: what only people decide. */
bool cockpit_may_change(struct app_request *r, bool desk);
/* Answers 500 after an error of the database, 409 where it was a constraint. */
void cockpit_db_failed(struct cockpit *c, struct app_request *r);

/* figures.c: what is worked out. Each returns new, or NULL after an error of the database. */
json_t *figures_sroi(struct cockpit *c, const char *company, const struct days *d);
json_t *figures_vis(struct cockpit *c, const char *company, const struct days *d);
json_t *figures_outcomes(struct cockpit *c, const char *company, const struct days *d);
json_t *figures_glance(struct cockpit *c, const char *company);
json_t *figures_q2q(struct cockpit *c, const char *company);
json_t *figures_evidence(struct cockpit *c, const char *company, const struct days *d);
json_t *figures_trend(struct cockpit *c, const char *company);
/* What a report's rule asks about. 0 or -1. */
int figures_report(struct cockpit *c, const char *company, const struct days *d,
                   struct rules_report_in *out);

/* Each file's routes. 0 or -1. */
int intake_routes(struct cockpit *c); /* hours, questionnaires, activities */
int evidence_routes(struct cockpit *c);
int reports_routes(struct cockpit *c);

/* Work that is left: one step; false when there was none. tell: with events. */
bool evidence_step(struct cockpit *c, bool tell);
bool reports_step(struct cockpit *c, bool tell);

/* play.c: the world. */
#define PLAY_SIZE sizeof(unsigned)
void cockpit_play(struct world *world, void *memory);

#endif
