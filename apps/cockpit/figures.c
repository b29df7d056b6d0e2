/* figures.c - the cockpit's figures from its rows: SQL adds up, rules.c says what it means. */
#include "cockpit/cockpit.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static double number(const json_t *row, const char *name)
{
    return json_number_value(json_object_get(row, name));
}

static int64_t whole(const json_t *row, const char *name)
{
    return json_integer_value(json_object_get(row, name));
}

static json_t *period(const struct days *d)
{
    return json_pack("{s:s, s:s}", "from", d->from, "to", d->to);
}

/* ---- lifts: pairs of questionnaires ---- */

#define LIFT(name)                                                                                 \
    "count(a." name " - b." name ") as " name "_n, coalesce(sum(a." name " - b." name              \
    "), 0.0) as " name "_sum, avg(iif(a." name " is null, null, b." name ")) as " name             \
    "_before, avg(iif(b." name " is null, null, a." name ")) as " name "_after"

/* One row: for each dimension NAME_n, NAME_sum, NAME_before, NAME_after; and people. */
static json_t *lift_row(struct cockpit *c, const char *company, const struct days *d)
{
    return db_row(
        app_db(c->app),
        "select count(*) as people, " LIFT("confidence") ", " LIFT("belonging") ", " LIFT(
            "language") ", " LIFT("job_readiness") ", " LIFT("well_being") " from questionnaires a "
                                                                           "join questionnaires b "
                                                                           "on b.activity_id = "
                                                                           "a.activity_id"
                                                                           " and b.participant = "
                                                                           "a.participant and "
                                                                           "b.phase = 'before'"
                                                                           " where a.company_id = "
                                                                           "$1 and a.phase = "
                                                                           "'after' and a.day >= "
                                                                           "$2 and a.day < $3",
        "sss", company, d->from, d->to);
}

static const char *member(char *text, size_t size, int dimension, const char *ending)
{
    snprintf(text, size, "%s%s", rules_dimension_name(dimension), ending);
    return text;
}

static struct rules_lift lift_of(const json_t *row, int dimension)
{
    char name[40];
    struct rules_lift lift = {.pairs = whole(row, member(name, sizeof name, dimension, "_n"))};
    lift.sum = number(row, member(name, sizeof name, dimension, "_sum"));
    return lift;
}

static int lifts(struct cockpit *c, const char *company, const struct days *d,
                 struct rules_lift *out)
{
    json_t *row = lift_row(c, company, d);
    if (!row)
        return -1;
    for (int i = 0; i < RULES_DIMENSIONS; i++)
        out[i] = lift_of(row, i);
    json_decref(row);
    return 0;
}

static json_t *share(double x)
{
    return json_real((double)(int64_t)(x * 1000 + (x < 0 ? -0.5 : 0.5)) / 1000);
}

json_t *figures_outcomes(struct cockpit *c, const char *company, const struct days *d)
{
    json_t *row = lift_row(c, company, d), *list = json_array();
    for (int i = 0; row && i < RULES_DIMENSIONS; i++) {
        char before[40], after[40];
        struct rules_lift lift = lift_of(row, i);
        json_array_append_new(
            list, json_pack("{s:s, s:I, s:o, s:o, s:o}", "dimension", rules_dimension_name(i),
                            "people", (json_int_t)lift.pairs, "before",
                            share(number(row, member(before, sizeof before, i, "_before"))),
                            "after", share(number(row, member(after, sizeof after, i, "_after"))),
                            "lift", share(lift.pairs ? lift.sum / (double)lift.pairs : 0)));
    }
    json_t *out = row ? json_pack("{s:I, s:O}", "people", (json_int_t)whole(row, "people"),
                                  "dimensions", list)
                      : NULL;
    json_decref(row);
    json_decref(list);
    return out;
}

/* ---- SROI ---- */

static int sroi_of(struct cockpit *c, const char *company, const struct days *d,
                   struct rules_sroi_in *in, struct rules_sroi *out)
{
    json_t *row = db_row(
        app_db(c->app),
        "select hour_cents as rate, coalesce((select sum(minutes) from hours where company_id = $1"
        " and day >= $2 and day < $3), 0) as minutes, coalesce((select sum(cost_cents) from"
        " activities where company_id = $1 and day >= $2 and day < $3), 0) as cost"
        " from companies where id = $1",
        "sss", company, d->from, d->to);
    if (!row)
        return -1;
    *in = (struct rules_sroi_in){.minutes = whole(row, "minutes"),
                                 .hour_cents = whole(row, "rate"),
                                 .investment_cents = whole(row, "cost")};
    json_decref(row);
    if (lifts(c, company, d, in->lift))
        return -1;
    rules_sroi(in, out);
    return 0;
}

json_t *figures_sroi(struct cockpit *c, const char *company, const struct days *d)
{
    struct rules_sroi_in in;
    struct rules_sroi out;
    if (sroi_of(c, company, d, &in, &out))
        return NULL;
    json_t *list = json_array();
    for (int i = 0; i < RULES_DIMENSIONS; i++)
        json_array_append_new(list,
                              json_pack("{s:s, s:I, s:I}", "dimension", rules_dimension_name(i),
                                        "people", (json_int_t)in.lift[i].pairs, "cents",
                                        (json_int_t)out.dimension_cents[i]));
    return json_pack("{s:s, s:o, s:o, s:f, s:I, s:I, s:I, s:I, s:o}", "companyId", company,
                     "period", period(d), "value", out.known ? json_real(out.value) : json_null(),
                     "hours", (double)in.minutes / 60, "hoursCents", (json_int_t)out.hours_cents,
                     "outcomeCents", (json_int_t)out.outcome_cents, "socialCents",
                     (json_int_t)out.social_cents, "investmentCents",
                     (json_int_t)in.investment_cents, "dimensions", list);
}

/* The first day of the month that is `back` months before this one. */
static void month_start(unsigned back, char *day)
{
    time_t now = (time_t)(app_now_ms() / 1000);
    struct tm tm;
    gmtime_r(&now, &tm);
    int months = (tm.tm_year + 1900) * 12 + tm.tm_mon - (int)back;
    struct tm first = {.tm_year = months / 12 - 1900, .tm_mon = months % 12, .tm_mday = 1};
    strftime(day, RULES_DAY_SIZE, "%Y-%m-%d", &first);
}

json_t *figures_trend(struct cockpit *c, const char *company)
{
    json_t *list = json_array();
    for (unsigned back = 12; list && back-- > 0;) {
        struct days d;
        struct rules_sroi_in in;
        struct rules_sroi out;
        month_start(back, d.from);
        if (back)
            month_start(back - 1, d.to);
        else
            cockpit_day(app_now_ms() + DAY_MS, d.to);
        if (sroi_of(c, company, &d, &in, &out)) {
            json_decref(list);
            return NULL;
        }
        json_array_append_new(list, json_pack("{s:s%, s:f, s:I, s:I}", "month", d.from, (size_t)7,
                                              "hours", (double)in.minutes / 60, "socialCents",
                                              (json_int_t)out.social_cents, "investmentCents",
                                              (json_int_t)in.investment_cents));
    }
    return list;
}

/* ---- VIS ---- */

/* How many days lie in d. */
static int64_t days_in(struct cockpit *c, const struct days *d)
{
    return db_int(app_db(c->app), 0, "select cast(julianday($2) - julianday($1) as integer)", "ss",
                  d->from, d->to);
}

json_t *figures_vis(struct cockpit *c, const char *company, const struct days *d)
{
    json_t *row = db_row(
        app_db(c->app),
        "select count(distinct volunteer_id) as volunteers, coalesce(sum(minutes), 0) as minutes,"
        " (select target_hours from companies where id = $1) as target,"
        " (select count(*) from (select distinct volunteer_id,"
        " cast((julianday($3) - julianday(day) - 1) / 7 as integer) from hours where company_id = "
        "$1"
        " and day >= date($3, $4) and day >= $2 and day < $3)) as weeks"
        " from hours where company_id = $1 and day >= $2 and day < $3",
        "ssss", company, d->from, d->to, "-84 days");
    struct rules_lift lift[RULES_DIMENSIONS];
    if (!row || lifts(c, company, d, lift)) {
        json_decref(row);
        return NULL;
    }
    struct rules_vis_in in = {.volunteers = whole(row, "volunteers"),
                              .minutes = whole(row, "minutes"),
                              .active_weeks = whole(row, "weeks")};
    in.target_minutes = whole(row, "target") * 60 * days_in(c, d) / YEAR_DAYS;
    json_decref(row);
    for (int i = 0; i < RULES_DIMENSIONS; i++) {
        in.lift.pairs += lift[i].pairs;
        in.lift.sum += lift[i].sum;
    }
    struct rules_vis out;
    rules_vis(&in, &out);
    double volunteers = in.volunteers ? (double)in.volunteers : 1;
    return json_pack(
        "{s:s, s:o, s:o, s:s, s:I, s:{s:o, s:f, s:f}, s:{s:o, s:f, s:i}, s:{s:o, s:o, s:I}}",
        "companyId", company, "period", period(d), "value",
        out.known ? json_real(out.value) : json_null(), "grade", out.grade, "volunteers",
        (json_int_t)in.volunteers, "hours", "score", share(out.hours), "each",
        (double)in.minutes / 60 / volunteers, "target", (double)in.target_minutes / 60,
        "consistency", "score", share(out.consistency), "weeks",
        (double)in.active_weeks / volunteers, "of", RULES_VIS_WEEKS, "outcome", "score",
        share(out.outcome), "lift", share(in.lift.pairs ? in.lift.sum / (double)in.lift.pairs : 0),
        "pairs", (json_int_t)in.lift.pairs);
}

/* ---- at a glance, Q2Q, evidence ---- */

static json_t *counts(struct cockpit *c, const char *company, const struct days *d)
{
    return db_row(
        app_db(c->app),
        "select (select count(distinct volunteer_id) from hours where company_id = $1 and day >= $2"
        " and day < $3) as volunteers, (select coalesce(sum(minutes), 0) / 60.0 from hours where"
        " company_id = $1 and day >= $2 and day < $3) as hours, (select count(*) from activities"
        " where company_id = $1 and day >= $2 and day < $3) as activities, (select count(*) from"
        " questionnaires where company_id = $1 and phase = 'before' and day >= $2 and day < $3)"
        " as participants, (select count(*) from questionnaires where company_id = $1 and phase ="
        " 'after' and day >= $2 and day < $3) as completed, (select count(*) from evidence where"
        " company_id = $1 and status <> 'rejected' and day >= $2 and day < $3) as evidence",
        "sss", company, d->from, d->to);
}

json_t *figures_glance(struct cockpit *c, const char *company)
{
    struct days now = cockpit_last(90), before = {.from = ""};
    cockpit_day(app_now_ms() - (uint64_t)179 * DAY_MS, before.from);
    snprintf(before.to, sizeof before.to, "%s", now.from);
    json_t *a = counts(c, company, &now), *b = a ? counts(c, company, &before) : NULL;
    json_t *open =
        b ? db_row(app_db(c->app),
                   "select (select count(*) from evidence where company_id = $1 and status ="
                   " 'review') as review, (select count(*) from reports where company_id ="
                   " $1 and status = 'ready') as ready, (select count(*) from reports where"
                   " company_id = $1 and status in ('queued', 'running')) as under_way",
                   "s", company)
          : NULL;
    json_t *out = open ? json_pack("{s:s, s:o, s:O, s:O, s:I, s:I, s:I}", "companyId", company,
                                   "period", period(&now), "now", a, "before", b,
                                   "evidenceInReview", (json_int_t)whole(open, "review"),
                                   "reportsReady", (json_int_t)whole(open, "ready"),
                                   "reportsUnderWay", (json_int_t)whole(open, "under_way"))
                       : NULL;
    json_decref(a);
    json_decref(b);
    json_decref(open);
    return out;
}

json_t *figures_q2q(struct cockpit *c, const char *company)
{
    struct days d = cockpit_last(YEAR_DAYS);
    json_t *outcomes = figures_outcomes(c, company, &d);
    json_t *items = db_rows(
        app_db(c->app),
        "select q.id, q.day, q.phase, q.answer as text, q.read_dimension as dimension,"
        " q.read_score as score, q.read_confidence as confidence, a.title as activity"
        " from questionnaires q join activities a on a.id = q.activity_id where q.company_id = $1"
        " and q.answer <> '' and q.read_confidence is not null order by q.created_ms desc, q.id "
        "desc"
        " limit 30",
        "s", company);
    json_t *out = outcomes && items
                      ? json_pack("{s:s, s:o, s:O, s:O}", "companyId", company, "period",
                                  period(&d), "outcomes", outcomes, "items", items)
                      : NULL;
    json_decref(outcomes);
    json_decref(items);
    return out;
}

json_t *figures_evidence(struct cockpit *c, const char *company, const struct days *d)
{
    json_t *row = db_row(app_db(c->app),
                         "select count(*) as total, count(iif(status = 'new', 1, null)) as new,"
                         " count(iif(status = 'classified', 1, null)) as classified,"
                         " count(iif(status = 'review', 1, null)) as review,"
                         " count(iif(status = 'verified', 1, null)) as verified,"
                         " count(iif(status = 'rejected', 1, null)) as rejected"
                         " from evidence where company_id = $1 and day >= $2 and day < $3",
                         "sss", company, d->from, d->to);
    json_t *by =
        db_rows(app_db(c->app),
                "select dimension, count(*) as count from evidence where company_id = $1 and"
                " day >= $2 and day < $3 and status in ('classified', 'verified') and"
                " dimension is not null group by 1 order by 1",
                "sss", company, d->from, d->to);
    json_t *out = row && by ? json_pack("{s:O, s:O}", "counts", row, "dimensions", by) : NULL;
    json_decref(row);
    json_decref(by);
    return out;
}

int figures_report(struct cockpit *c, const char *company, const struct days *d,
                   struct rules_report_in *out)
{
    struct rules_sroi_in in;
    struct rules_sroi sroi;
    if (sroi_of(c, company, d, &in, &sroi))
        return -1;
    *out = (struct rules_report_in){.minutes = in.minutes, .investment_cents = in.investment_cents};
    for (int i = 0; i < RULES_DIMENSIONS; i++)
        out->pairs += in.lift[i].pairs;
    out->evidence = db_int(app_db(c->app), -1,
                           "select count(*) from evidence where company_id = $1 and day >= $2 and"
                           " day < $3 and status in ('classified', 'verified')",
                           "sss", company, d->from, d->to);
    return out->evidence < 0 ? -1 : 0;
}
