/* intake.c - what comes in about volunteering: activities, hours, questionnaires. Each is checked,
 * committed, and then the dashboards are told. */
#include "cockpit/cockpit.h"

#include <math.h>
#include <string.h>

#define OPEN_DAYS 90 /* an activity takes hours and participants for so long */
#define ID_MAX 40

/* A name of a volunteer or participant: 1 to 40 of A-Z a-z 0-9 _ -. */
static const char *id_of(json_t *body, const char *name)
{
    const char *text = json_string_value(json_object_get(body, name));
    size_t len = text ? strlen(text) : 0;
    static const char ALLOWED[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
    return len >= 1 && len <= ID_MAX && strspn(text, ALLOWED) == len ? text : NULL;
}

/* The day that is said, else today. NULL: none, or in the future. */
static const char *day_of(json_t *body, char *today)
{
    json_t *said = json_object_get(body, "day");
    cockpit_day(app_now_ms(), today);
    if (!said)
        return today;
    const char *day = json_string_value(said);
    return rules_day(day) && strcmp(day, today) <= 0 ? day : NULL;
}

/* ---- activities ---- */

#define ACTIVITY_COLUMNS                                                                           \
    "a.id, a.title, a.program, a.day, a.cost_cents as costCents, a.places,"                        \
    " a.places - (select count(*) from questionnaires q where q.activity_id = a.id and q.phase ="  \
    " 'before') as placesLeft, a.planned_minutes - (select coalesce(sum(minutes), 0) from hours h" \
    " where h.activity_id = a.id) as minutesLeft"

/* ?open=true: only those that still take hours or participants. */
static void get_activities(void *state, struct app_request *r)
{
    struct cockpit *c = state;
    const char *company = cockpit_company(r), *open = company ? app_query(r, "open") : NULL;
    struct days d = cockpit_last(open && !strcmp(open, "true") ? OPEN_DAYS : 20 * YEAR_DAYS);
    if (!company)
        return;
    json_t *rows = db_rows(app_db(c->app),
                           "select " ACTIVITY_COLUMNS
                           " from activities a where company_id = $1 and day >= $2 and day < $3"
                           " order by day desc, id desc limit 100",
                           "sss", company, d.from, d.to);
    if (rows)
        app_reply(r, 200, json_pack("{s:o}", "activities", rows));
    else
        cockpit_db_failed(c, r);
}

static void post_activity(void *state, struct app_request *r)
{
    struct cockpit *c = state;
    const char *company = cockpit_company(r);
    json_t *body = company && cockpit_may_change(r, false) ? app_body(r) : NULL;
    const char *title, *program;
    json_int_t cost, places, minutes;
    char today[RULES_DAY_SIZE];
    if (!body)
        return;
    if (json_unpack(body, "{s:s, s:s, s:I, s:I, s:I}", "title", &title, "program", &program,
                    "costCents", &cost, "places", &places, "plannedMinutes", &minutes) ||
        cost < 0 || cost > 100000000 || places < 1 || places > 500 || minutes < 60 ||
        minutes > 100000) {
        app_fail(r, 400, "BAD_REQUEST",
                 "an activity has title, program, costCents (0 to 100000000), places (1 to 500) and"
                 " plannedMinutes (60 to 100000)");
        return;
    }
    json_t *row =
        db_row(app_db(c->app),
               "insert into activities (company_id, title, program, day, cost_cents, places,"
               " planned_minutes) values ($1, $2, $3, $4, $5, $6, $7) returning id",
               "ssssiii", company, title, program, cockpit_day(app_now_ms(), today), (int64_t)cost,
               (int64_t)places, (int64_t)minutes);
    if (!row) {
        cockpit_db_failed(c, r);
        return;
    }
    cockpit_changed(c, company, WIDGET_SROI | WIDGET_GLANCE, "activity_added");
    app_reply(r, 201, row);
}

/* The activity of the body, as one row: id, day, placesLeft, minutesLeft. Returns new; NULL: it has
 * been answered. */
static json_t *find_activity(struct cockpit *c, struct app_request *r, const char *company,
                             json_t *body)
{
    json_t *id = json_object_get(body, "activityId");
    char today[RULES_DAY_SIZE];
    struct days d = cockpit_last(OPEN_DAYS);
    json_t *row = json_is_integer(id)
                      ? db_row(app_db(c->app),
                               "select " ACTIVITY_COLUMNS
                               " from activities a where company_id = $1 and id = $2",
                               "si", company, (int64_t)json_integer_value(id))
                      : NULL;
    const char *day = json_string_value(json_object_get(row, "day"));
    if (!day) {
        app_fail(r, 404, "NOT_FOUND", "activityId names no activity of this company");
    } else if (strcmp(day, d.from) < 0 || strcmp(day, cockpit_day(app_now_ms(), today)) > 0) {
        app_fail(r, 409, "ACTIVITY_OVER", "the activity is over, or has not begun");
    } else {
        return row;
    }
    json_decref(row);
    return NULL;
}

/* ---- hours ---- */

/* Inside a transaction. NULL, or why not. */
static const char *add_hours(struct cockpit *c, const char *company, const char *volunteer,
                             json_t *activity, const char *day, int64_t minutes, bool *failed)
{
    struct db *db = app_db(c->app);
    int64_t left = json_integer_value(json_object_get(activity, "minutesLeft"));
    int64_t had = db_int(db, 0,
                         "select coalesce(sum(minutes), 0) from hours where company_id = $1 and"
                         " volunteer_id = $2 and day = $3",
                         "sss", company, volunteer, day);
    const char *why = rules_hours_refusal(minutes, had, left);
    if (why)
        return why;
    *failed =
        db_run(db, "insert into volunteers (company_id, id) values ($1, $2) on conflict do nothing",
               "ss", company, volunteer) < 0 ||
        db_run(db,
               "insert into hours (company_id, volunteer_id, activity_id, day, minutes, logged_ms)"
               " values ($1, $2, $3, $4, $5, $6)",
               "ssisii", company, volunteer,
               (int64_t)json_integer_value(json_object_get(activity, "id")), day, minutes,
               (int64_t)app_now_ms()) < 0;
    return NULL;
}

static void log_hours(struct cockpit *c, struct app_request *r, const char *company,
                      json_t *activity, json_t *body)
{
    char today[RULES_DAY_SIZE];
    const char *volunteer = id_of(body, "volunteerId"), *day = day_of(body, today);
    double hours = json_number_value(json_object_get(body, "hours"));
    bool failed = false;
    if (!volunteer || !day || !(hours > 0) || hours > 1000 ||
        strcmp(day, json_string_value(json_object_get(activity, "day"))) < 0) {
        app_fail(r, 400, "BAD_REQUEST",
                 "volunteerId, hours and day are needed, the day not before the activity's and not "
                 "after today");
        return;
    }
    const char *why =
        add_hours(c, company, volunteer, activity, day, (int64_t)lround(hours * 60), &failed);
    if (why || failed) {
        if (why)
            app_fail(r, 409, "HOURS_REFUSED", "%s", why);
        else
            cockpit_db_failed(c, r);
        return;
    }
    if (db_commit(app_db(c->app))) {
        cockpit_db_failed(c, r);
        return;
    }
    c->hours = -1;
    cockpit_changed(c, company, WIDGET_SROI | WIDGET_VIS | WIDGET_GLANCE,
                    "volunteer_hours_updated");
    app_reply(r, 201,
              json_pack("{s:s, s:f, s:s}", "volunteerId", volunteer, "hours", hours, "day", day));
}

/* ---- questionnaires ---- */

struct answers {
    const char *participant, *phase, *text;
    bool after;
    json_t *scores[RULES_DIMENSIONS]; /* numbers or null; borrowed constants or owned by them */
    struct rules_reading read;
};

static bool take_scores(json_t *ratings, struct answers *a)
{
    const char *name;
    json_t *value;
    size_t known = 0;
    for (int i = 0; i < RULES_DIMENSIONS; i++)
        a->scores[i] = json_null();
    if (!ratings)
        return true;
    json_object_foreach(ratings, name, value)
    {
        int i = rules_dimension_of(name);
        double score = json_is_integer(value) ? rules_score(json_integer_value(value)) : -1;
        if (i == RULES_NONE || score < 0)
            return false;
        a->scores[i] = json_real(score);
        known++;
    }
    return json_is_object(ratings) && known <= RULES_DIMENSIONS;
}

/* False: something is missing or wrong. */
static bool take_answers(json_t *body, struct answers *a)
{
    json_t *text = json_object_get(body, "answer");
    a->participant = id_of(body, "participant");
    a->phase = json_string_value(json_object_get(body, "phase"));
    a->text = text ? json_string_value(text) : "";
    if (!take_scores(json_object_get(body, "ratings"), a) || !a->participant || !a->phase ||
        !a->text || strlen(a->text) > 1000)
        return false;
    a->after = !strcmp(a->phase, "after");
    rules_read(a->text, strlen(a->text), &a->read);
    int i = a->read.dimension;
    if (a->read.sure && json_is_null(a->scores[i]))
        a->scores[i] = json_real(a->read.score);
    return a->after || !strcmp(a->phase, "before");
}

static void drop_answers(struct answers *a)
{
    for (int i = 0; i < RULES_DIMENSIONS; i++)
        json_decref(a->scores[i]);
}

/* A dimension's score for the SQL: its text, or NULL. */
static const json_t *score(const struct answers *a, int i)
{
    return json_is_null(a->scores[i]) ? NULL : a->scores[i];
}

static int64_t insert_answers(struct cockpit *c, const char *company, int64_t activity,
                              const struct answers *a)
{
    char today[RULES_DAY_SIZE];
    return db_int(
        app_db(c->app), -1,
        "insert into questionnaires (company_id, activity_id, participant, phase, day, answer,"
        " confidence, belonging, language, job_readiness, well_being, read_dimension, read_score,"
        " read_confidence, created_ms) values ($1, $2, $3, $4, $5, $6, cast($7 as real),"
        " cast($8 as real), cast($9 as real), cast($10 as real), cast($11 as real), $12, $13, $14, "
        "$15)"
        " returning id",
        "sissssjjjjjsddi", company, activity, a->participant, a->phase,
        cockpit_day(app_now_ms(), today), a->text, score(a, 0), score(a, 1), score(a, 2),
        score(a, 3), score(a, 4), rules_dimension_name(a->read.dimension), a->read.score,
        a->read.confidence, (int64_t)app_now_ms());
}

/* Why this questionnaire can't come now, or NULL. */
static const char *answers_refusal(struct cockpit *c, json_t *activity, const struct answers *a)
{
    int64_t id = json_integer_value(json_object_get(activity, "id"));
    if (!a->after)
        return json_integer_value(json_object_get(activity, "placesLeft")) > 0
                   ? NULL
                   : "the activity has no place left";
    return db_int(app_db(c->app), 0,
                  "select 1 from questionnaires where activity_id = $1 and participant = $2 and "
                  "phase ="
                  " 'before'",
                  "is", id, a->participant)
               ? NULL
               : "this participant has not answered the first questionnaire";
}

static void take_questionnaire(struct cockpit *c, struct app_request *r, const char *company,
                               json_t *activity, json_t *body)
{
    struct answers a = {0};
    int64_t activity_id = json_integer_value(json_object_get(activity, "id")), id;
    const char *why;
    if (!take_answers(body, &a)) {
        app_fail(
            r, 400, "BAD_REQUEST",
            "participant, phase (before or after), ratings (each 1 to 5) and an answer of at most"
            " 1000 bytes are expected");
    } else if ((why = answers_refusal(c, activity, &a))) {
        app_fail(r, 409, "QUESTIONNAIRE_REFUSED", "%s", why);
    } else if ((id = insert_answers(c, company, activity_id, &a)) < 0 ||
               db_commit(app_db(c->app))) {
        cockpit_db_failed(c, r);
    } else {
        cockpit_changed(c, company,
                        WIDGET_Q2Q | WIDGET_GLANCE | (a.after ? WIDGET_SROI | WIDGET_VIS : 0),
                        "questionnaire_received");
        const char *dimension = rules_dimension_name(a.read.dimension);
        app_reply(r, 201,
                  json_pack("{s:I, s:s?, s:f, s:f}", "id", (json_int_t)id, "dimension", dimension,
                            "score", a.read.score, "confidence", a.read.confidence));
    }
    drop_answers(&a);
}

/* ---- what both have in common ---- */

typedef void (*taker)(struct cockpit *c, struct app_request *r, const char *company,
                      json_t *activity, json_t *body);

/* Inside a transaction: what is checked still holds when it is written. */
static void take(struct cockpit *c, struct app_request *r, taker with)
{
    const char *company = cockpit_company(r);
    json_t *body = company && cockpit_may_change(r, false) ? app_body(r) : NULL;
    if (!body)
        return;
    if (db_begin(app_db(c->app))) {
        cockpit_db_failed(c, r);
        return;
    }
    json_t *activity = find_activity(c, r, company, body);
    if (activity)
        with(c, r, company, activity, body);
    db_rollback(app_db(c->app)); // nothing, once it has been committed
    json_decref(activity);
}

static void post_hours(void *state, struct app_request *r)
{
    take(state, r, log_hours);
}

static void post_questionnaire(void *state, struct app_request *r)
{
    take(state, r, take_questionnaire);
}

static void get_volunteers(void *state, struct app_request *r)
{
    struct cockpit *c = state;
    const char *company = cockpit_company(r);
    struct days d = cockpit_last(YEAR_DAYS);
    if (!company)
        return;
    json_t *rows =
        db_rows(app_db(c->app),
                "select v.id, coalesce(sum(h.minutes), 0) / 60.0 as hours from volunteers v"
                " left join hours h on h.company_id = v.company_id and h.volunteer_id = v.id"
                " and h.day >= $2 where v.company_id = $1 group by v.id order by v.id limit 1000",
                "ss", company, d.from);
    if (rows)
        app_reply(r, 200, json_pack("{s:o}", "volunteers", rows));
    else
        cockpit_db_failed(c, r);
}

/* Who has answered before an open activity, and not yet after it. */
static void get_unanswered(void *state, struct app_request *r)
{
    struct cockpit *c = state;
    const char *company = cockpit_company(r);
    struct days d = cockpit_last(OPEN_DAYS);
    if (!company)
        return;
    json_t *rows = db_rows(
        app_db(c->app),
        "select q.activity_id as activityId, a.title as activity, q.participant, q.day from"
        " questionnaires q join activities a on a.id = q.activity_id where q.company_id = $1"
        " and q.phase = 'before' and a.day >= $2 and not exists (select 1 from questionnaires p"
        " where p.activity_id = q.activity_id and p.participant = q.participant and p.phase ="
        " 'after') order by q.id limit 100",
        "ss", company, d.from);
    if (rows)
        app_reply(r, 200, json_pack("{s:o}", "unanswered", rows));
    else
        cockpit_db_failed(c, r);
}

int intake_routes(struct cockpit *c)
{
    const struct {
        const char *method, *path;
        app_handler handler;
    } routes[] = {{"GET", "/api/companies/:id/activities", get_activities},
                  {"POST", "/api/companies/:id/activities", post_activity},
                  {"GET", "/api/companies/:id/volunteers", get_volunteers},
                  {"POST", "/api/companies/:id/hours", post_hours},
                  {"GET", "/api/companies/:id/unanswered", get_unanswered},
                  {"POST", "/api/companies/:id/questionnaires", post_questionnaire}};
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++)
        if (app_route(c->app, routes[i].method, routes[i].path, APP_PRIVATE, routes[i].handler))
            return -1;
    return 0;
}
