/* reports.c - the report queue: a report of a period is made section by section, a section a tick,
 * one report at a time. Where it stands is in its row: a restart goes on from there. */
#include "cockpit/cockpit.h"

#include <stdio.h>
#include <string.h>

typedef json_t *(*section)(struct cockpit *c, const char *company, const struct days *d);

static const struct {
    const char *name;
    section make;
} SECTIONS[] = {{"sroi", figures_sroi},
                {"vis", figures_vis},
                {"outcomes", figures_outcomes},
                {"evidence", figures_evidence}};
#define SECTION_COUNT ((int64_t)(sizeof SECTIONS / sizeof *SECTIONS))

#define REPORT_COLUMNS                                                                             \
    "id, period, status, done, reason, created_ms as createdMs, ended_ms as endedMs"

/* ---- what people ask ---- */

/* Whether they may see reports: that is the same as following their channel. */
static const char *company_with_reports(struct app_request *r)
{
    const char *company = cockpit_company(r);
    if (company && !strcmp(app_who(r)->role, "VIEWER")) {
        app_fail(r, 403, "FORBIDDEN", "your role does not see reports");
        return NULL;
    }
    return company;
}

static void get_reports(void *state, struct app_request *r)
{
    struct cockpit *c = state;
    const char *company = company_with_reports(r);
    if (!company)
        return;
    json_t *rows = db_rows(app_db(c->app),
                           "select " REPORT_COLUMNS
                           " from reports where company_id = $1 order by id desc limit 50",
                           "s", company);
    if (rows)
        app_reply(r, 200,
                  json_pack("{s:s, s:I, s:o}", "companyId", company, "sections",
                            (json_int_t)SECTION_COUNT, "reports", rows));
    else
        cockpit_db_failed(c, r);
}

static void get_report(void *state, struct app_request *r)
{
    struct cockpit *c = state;
    const char *company = company_with_reports(r);
    if (!company)
        return;
    json_t *row = db_row(app_db(c->app),
                         "select " REPORT_COLUMNS
                         ", content as \"content{}\", (select name from companies where"
                         " id = company_id) as company from reports where company_id = $1 and id = "
                         "cast($2 as integer)",
                         "ss", company, app_param(r, "report"));
    if (row)
        app_reply(r, 200, row);
    else
        app_fail(r, 404, "NOT_FOUND", "there is no such report");
}

static void tell_queue(struct cockpit *c, const char *company, int64_t id, const char *period,
                       const char *status, int64_t done)
{
    cockpit_tell(c, company, "report-updates", "report-queue",
                 json_pack("{s:I, s:s, s:s, s:I, s:I}", "reportId", (json_int_t)id, "period",
                           period, "status", status, "done", (json_int_t)done, "of",
                           (json_int_t)SECTION_COUNT));
}

static void post_report(void *state, struct app_request *r)
{
    struct cockpit *c = state;
    const char *company = company_with_reports(r);
    json_t *body = company && cockpit_may_change(r, false) ? app_body(r) : NULL;
    struct days d;
    char today[RULES_DAY_SIZE];
    if (!body)
        return;
    const char *period = json_string_value(json_object_get(body, "period"));
    if (!rules_period(period, d.from, d.to) ||
        strcmp(d.from, cockpit_day(app_now_ms(), today)) > 0) {
        app_fail(r, 400, "BAD_REQUEST",
                 "period is a year or a quarter that has begun, as 2026 or 2026-Q3");
        return;
    }
    json_t *row = db_row(
        app_db(c->app),
        "insert into reports (company_id, period, created_ms) select id, $2, $3 from companies"
        " where id = $1 returning " REPORT_COLUMNS,
        "ssi", company, period, (int64_t)app_now_ms());
    if (!row && db_was_constraint(app_db(c->app))) {
        app_fail(r, 409, "CONFLICT", "a report of this period is under way");
    } else if (!row && !*db_error(app_db(c->app))) {
        app_fail(r, 404, "NOT_FOUND", "there is no such company");
    } else if (!row) {
        cockpit_db_failed(c, r);
    } else {
        c->reports = true;
        tell_queue(c, company, json_integer_value(json_object_get(row, "id")), period, "queued", 0);
        cockpit_changed(c, company, WIDGET_GLANCE | WIDGET_REPORTS, "report_requested");
        app_reply(r, 202, row);
    }
}

/* ---- making them ---- */

struct job {
    int64_t id, done;
    const char *company, *period;
    struct days days;
    json_t *content; /* borrowed from its row */
};

static void tell_end(struct cockpit *c, const struct job *j, const char *reason)
{
    char title[60], url[200];
    snprintf(title, sizeof title, "Impact report %s", j->period);
    snprintf(url, sizeof url, "/api/companies/%s/reports/%lld", j->company, (long long)j->id);
    json_t *data = json_pack("{s:I, s:s, s:s}", "reportId", (json_int_t)j->id, "period", j->period,
                             "title", title);
    json_object_set_new(data, reason ? "reason" : "url", json_string(reason ? reason : url));
    cockpit_tell(c, j->company, "report-updates", reason ? "report-failed" : "report-ready", data);
    cockpit_changed(c, j->company, WIDGET_GLANCE | WIDGET_REPORTS,
                    reason ? "report_failed" : "report_ready");
}

/* Writes where it stands: reason NULL and all sections done means ready. False after an error. */
static bool keep(struct cockpit *c, const struct job *j, const char *reason)
{
    bool ended = reason || j->done == SECTION_COUNT;
    return db_run(app_db(c->app),
                  "update reports set status = $2, done = $3, content = $4, reason = $5,"
                  " ended_ms = iif($6, $7, null) where id = $1",
                  "isijsbi", j->id,
                  reason  ? "failed"
                  : ended ? "ready"
                          : "running",
                  j->done, j->content, reason, ended, (int64_t)app_now_ms()) > 0;
}

/* The next step of a report. False: nothing could be written. */
static bool make(struct cockpit *c, struct job *j, bool tell)
{
    struct rules_report_in in;
    const char *reason = NULL;
    if (figures_report(c, j->company, &j->days, &in))
        reason = "the database failed";
    else
        reason = rules_report_refusal(&in);
    json_t *made = reason ? NULL : SECTIONS[j->done].make(c, j->company, &j->days);
    if (made)
        json_object_set_new(j->content, SECTIONS[j->done++].name, made);
    else if (!reason)
        reason = "the database failed";
    bool kept = keep(c, j, reason);
    if (kept && tell && (reason || j->done == SECTION_COUNT))
        tell_end(c, j, reason);
    else if (kept && tell)
        tell_queue(c, j->company, j->id, j->period, "running", j->done);
    return kept;
}

/* A step of the oldest that is to be made. 1, 0 when there is none, -1 after an error. */
static int next_job(struct cockpit *c, bool tell)
{
    json_t *row = db_row(
        app_db(c->app),
        "select id, company_id as company, period, done, content as \"content{}\" from reports"
        " where status in ('queued', 'running') order by id limit 1",
        "");
    if (!row)
        return *db_error(app_db(c->app)) ? -1 : 0;
    struct job j = {.id = json_integer_value(json_object_get(row, "id")),
                    .done = json_integer_value(json_object_get(row, "done")),
                    .company = json_string_value(json_object_get(row, "company")),
                    .period = json_string_value(json_object_get(row, "period")),
                    .content = json_object_get(row, "content")};
    bool sound = j.company && j.done >= 0 && j.done < SECTION_COUNT && json_is_object(j.content) &&
                 rules_period(j.period, j.days.from, j.days.to);
    // A row that somebody wrote by hand and that makes no sense must not hold up the others
    bool done =
        sound ? make(c, &j, tell)
              : db_run(app_db(c->app),
                       "update reports set status = 'failed', reason = 'malformed' where id = $1",
                       "i", j.id) > 0;
    json_decref(row);
    return done ? 1 : -1;
}

bool reports_step(struct cockpit *c, bool tell)
{
    int rc = c->reports ? next_job(c, tell) : 0;
    c->reports = rc != 0; // after an error the next tick tries again
    return rc > 0;
}

int reports_routes(struct cockpit *c)
{
    return app_route(c->app, "GET", "/api/companies/:id/reports", APP_PRIVATE, get_reports) ||
                   app_route(c->app, "POST", "/api/companies/:id/reports", APP_PRIVATE,
                             post_report) ||
                   app_route(c->app, "GET", "/api/companies/:id/reports/:report", APP_PRIVATE,
                             get_report)
               ? -1
               : 0;
}
