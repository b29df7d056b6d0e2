/* evidence.c - the evidence explorer: what is submitted is read by the rules a moment later, then a
 * person verifies or rejects it. Texts of questionnaires that came with the database are read here
 * too. */
#include "cockpit/cockpit.h"

#include <stdlib.h>
#include <string.h>

#define TEXT_MAX 1000
#define PAGE_MAX 100

#define EVIDENCE_COLUMNS                                                                           \
    "e.id, e.kind, e.text, e.day, e.status, e.dimension, e.score, e.confidence, e.created_ms as"   \
    " createdMs, e.updated_ms as updatedMs, a.id as activityId, a.title as activity"
#define EVIDENCE_FROM " from evidence e join activities a on a.id = e.activity_id "

/* ---- the explorer ---- */

/* A whole number of the query from 1 to max; otherwise when it isn't one. */
static int64_t query_number(struct app_request *r, const char *name, int64_t max, int64_t otherwise)
{
    const char *text = app_query(r, name);
    char *end = NULL;
    long long value = text && *text >= '0' && *text <= '9' ? strtoll(text, &end, 10) : 0;
    return end && !*end && value >= 1 && value <= max ? value : otherwise;
}

/* ?status= &dimension= &q= (part of the text) &before= (an id) &limit= */
static json_t *find(struct cockpit *c, struct app_request *r, const char *company, int64_t limit)
{
    return db_rows(app_db(c->app),
                   "select " EVIDENCE_COLUMNS EVIDENCE_FROM
                   "where e.company_id = $1 and ($2 is null or e.status = $2)"
                   " and ($3 is null or e.dimension = $3)"
                   " and ($4 is null or instr(lower(e.text), lower($4)) > 0) and e.id < $5"
                   " order by e.id desc limit $6",
                   "ssssii", company, app_query(r, "status"), app_query(r, "dimension"),
                   app_query(r, "q"), query_number(r, "before", INT64_MAX, INT64_MAX), limit);
}

static void get_evidence(void *state, struct app_request *r)
{
    struct cockpit *c = state;
    const char *company = cockpit_company(r);
    struct days d = {.from = "0000-01-01", .to = "9999-12-31"};
    if (!company)
        return;
    int64_t limit = query_number(r, "limit", PAGE_MAX, 50);
    json_t *items = find(c, r, company, limit + 1);
    json_t *out = items ? figures_evidence(c, company, &d) : NULL;
    if (!out) {
        json_decref(items);
        cockpit_db_failed(c, r);
        return;
    }
    bool more = json_array_size(items) > (size_t)limit;
    if (more)
        json_array_remove(items, (size_t)limit);
    json_object_set_new(out, "companyId", json_string(company));
    json_object_set_new(out, "items", items);
    json_object_set_new(out, "more", json_boolean(more));
    app_reply(r, 200, out);
}

/* ---- what changes it ---- */

static void tell_update(struct cockpit *c, const char *company, int64_t id, const char *action,
                        const char *status, const char *dimension)
{
    cockpit_tell(c, company, "evidence-updates", "evidence-update",
                 json_pack("{s:I, s:s, s:s, s:s?}", "evidenceId", (json_int_t)id, "action", action,
                           "status", status, "dimension", dimension));
    cockpit_changed(c, company, WIDGET_GLANCE | WIDGET_EVIDENCE, "evidence_changed");
}

static void post_evidence(void *state, struct app_request *r)
{
    struct cockpit *c = state;
    const char *company = cockpit_company(r), *kind, *text;
    json_t *body = company && cockpit_may_change(r, false) ? app_body(r) : NULL;
    json_int_t activity;
    char today[RULES_DAY_SIZE];
    if (!body)
        return;
    if (json_unpack(body, "{s:I, s:s, s:s}", "activityId", &activity, "kind", &kind, "text",
                    &text) ||
        !strlen(text) || strlen(text) > TEXT_MAX) {
        app_fail(r, 400, "BAD_REQUEST",
                 "evidence has activityId, kind (quote, observation, document) and a text of 1 to "
                 "1000 bytes");
        return;
    }
    json_t *row = db_row(
        app_db(c->app),
        "insert into evidence (company_id, activity_id, kind, text, day, created_ms, updated_ms)"
        " select $1, id, $3, $4, $5, $6, $6 from activities where id = $2 and company_id = $1"
        " returning id, status",
        "sisssi", company, (int64_t)activity, kind, text, cockpit_day(app_now_ms(), today),
        (int64_t)app_now_ms());
    if (!row && !*db_error(app_db(c->app))) {
        app_fail(r, 404, "NOT_FOUND", "activityId names no activity of this company");
    } else if (!row) {
        cockpit_db_failed(c, r);
    } else {
        c->unread = true;
        tell_update(c, company, json_integer_value(json_object_get(row, "id")), "submitted", "new",
                    NULL);
        app_reply(r, 201, row);
    }
}

/* A verdict: {"status": "verified" or "rejected", "dimension"?: the reader knows better}. */
static void patch_evidence(void *state, struct app_request *r)
{
    struct cockpit *c = state;
    const char *company = cockpit_company(r);
    json_t *body = company && cockpit_may_change(r, true) ? app_body(r) : NULL;
    if (!body)
        return;
    const char *status = json_string_value(json_object_get(body, "status"));
    const char *dimension = json_string_value(json_object_get(body, "dimension"));
    bool verified = status && !strcmp(status, "verified");
    if (!status || (!verified && strcmp(status, "rejected")) ||
        (json_object_get(body, "dimension") && rules_dimension_of(dimension) == RULES_NONE)) {
        app_fail(r, 400, "BAD_REQUEST",
                 "status is verified or rejected, dimension one of the five");
        return;
    }
    json_t *row = db_row(
        app_db(c->app),
        "update evidence set status = $3, dimension = coalesce($4, dimension), updated_ms = $5"
        " where company_id = $1 and id = cast($2 as integer) and status <> 'new' and"
        " ($3 = 'rejected' or coalesce($4, dimension) is not null)"
        " returning id, status, dimension, updated_ms as updatedMs",
        "ssssi", company, app_param(r, "evidence"), status, dimension, (int64_t)app_now_ms());
    if (!row && *db_error(app_db(c->app))) {
        cockpit_db_failed(c, r);
    } else if (!row) {
        app_fail(r, 409, "NOT_REVIEWABLE",
                 "there is no such evidence, or it speaks of no dimension: name one");
    } else {
        tell_update(c, company, json_integer_value(json_object_get(row, "id")), status, status,
                    json_string_value(json_object_get(row, "dimension")));
        app_reply(r, 200, row);
    }
}

static void delete_evidence(void *state, struct app_request *r)
{
    struct cockpit *c = state;
    const char *company = cockpit_company(r);
    if (!company || !cockpit_may_change(r, true))
        return;
    json_t *row = db_row(
        app_db(c->app),
        "delete from evidence where company_id = $1 and id = cast($2 as integer) returning id",
        "ss", company, app_param(r, "evidence"));
    if (!row && *db_error(app_db(c->app))) {
        cockpit_db_failed(c, r);
    } else if (!row) {
        app_fail(r, 404, "NOT_FOUND", "there is no such evidence");
    } else {
        cockpit_tell(c, company, "evidence-updates", "evidence-deleted",
                     json_pack("{s:O}", "evidenceId", json_object_get(row, "id")));
        cockpit_changed(c, company, WIDGET_GLANCE | WIDGET_EVIDENCE, "evidence_deleted");
        json_decref(row);
        app_reply(r, 204, NULL);
    }
}

/* ---- reading ---- */

/* Reads one piece of evidence. What somebody has verified keeps its status. 1, 0 when there was
 * none, -1 after an error. */
static int read_evidence(struct cockpit *c, bool tell)
{
    json_t *row = db_row(app_db(c->app),
                         "select id, company_id, status, text from evidence where confidence is "
                         "null order by id limit 1",
                         "");
    if (!row)
        return *db_error(app_db(c->app)) ? -1 : 0;
    struct rules_reading read;
    const char *text = json_string_value(json_object_get(row, "text"));
    const char *company = json_string_value(json_object_get(row, "company_id"));
    const char *status = json_string_value(json_object_get(row, "status"));
    int64_t id = json_integer_value(json_object_get(row, "id"));
    rules_read(text ? text : "", text ? strlen(text) : 0, &read);
    if (status && !strcmp(status, "new"))
        status = read.sure ? "classified" : "review";
    const char *dimension = rules_dimension_name(read.dimension);
    bool done =
        db_run(app_db(c->app),
               "update evidence set status = $2, dimension = $3, score = $4, confidence = $5,"
               " updated_ms = max(updated_ms, $6) where id = $1",
               "issddi", id, status, dimension, read.score, read.confidence,
               tell ? (int64_t)app_now_ms() : 0) > 0;
    if (done && tell && company && status)
        tell_update(c, company, id, "classified", status, dimension);
    json_decref(row);
    return done ? 1 : -1;
}

/* Reads one questionnaire that came with the database: a score that is missing is taken from the
 * text where the reading is sure. As read_evidence. */
static int read_questionnaire(struct cockpit *c)
{
    json_t *row = db_row(
        app_db(c->app),
        "select id, answer from questionnaires where read_confidence is null order by id limit 1",
        "");
    if (!row)
        return *db_error(app_db(c->app)) ? -1 : 0;
    struct rules_reading read;
    const char *text = json_string_value(json_object_get(row, "answer"));
    rules_read(text ? text : "", text ? strlen(text) : 0, &read);
    bool done =
        db_run(
            app_db(c->app),
            "update questionnaires set read_dimension = $2, read_score = $3, read_confidence = $4,"
            " confidence = iif($5 and $2 = 'confidence', coalesce(confidence, $3), confidence),"
            " belonging = iif($5 and $2 = 'belonging', coalesce(belonging, $3), belonging),"
            " language = iif($5 and $2 = 'language', coalesce(language, $3), language),"
            " job_readiness = iif($5 and $2 = 'job_readiness', coalesce(job_readiness, $3), "
            "job_readiness),"
            " well_being = iif($5 and $2 = 'well_being', coalesce(well_being, $3), well_being) "
            "where id = $1",
            "isddb", (int64_t)json_integer_value(json_object_get(row, "id")),
            rules_dimension_name(read.dimension), read.score, read.confidence, read.sure) > 0;
    json_decref(row);
    return done ? 1 : -1;
}

bool evidence_step(struct cockpit *c, bool tell)
{
    int rc = c->unread ? read_evidence(c, tell) : 0;
    if (c->unread && rc == 0)
        rc = read_questionnaire(c);
    c->unread = rc != 0; // after an error the next tick tries again
    return rc > 0;
}

int evidence_routes(struct cockpit *c)
{
    return app_route(c->app, "GET", "/api/companies/:id/evidence", APP_PRIVATE, get_evidence) ||
                   app_route(c->app, "POST", "/api/companies/:id/evidence", APP_PRIVATE,
                             post_evidence) ||
                   app_route(c->app, "PATCH", "/api/companies/:id/evidence/:evidence", APP_PRIVATE,
                             patch_evidence) ||
                   app_route(c->app, "DELETE", "/api/companies/:id/evidence/:evidence", APP_PRIVATE,
                             delete_evidence)
               ? -1
               : 0;
}
