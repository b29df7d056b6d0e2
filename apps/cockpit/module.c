/* module.c - the corporate cockpit: who may see which company, its figures, and what a change sets
 * off. What comes in is in intake.c, evidence.c and reports.c, the figures are in figures.c. */
#include "cockpit/cockpit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* ---- days and names ---- */

const char *cockpit_day(uint64_t ms, char *day)
{
    char text[32];
    app_iso(ms, text);
    snprintf(day, RULES_DAY_SIZE, "%.10s", text);
    return day;
}

struct days cockpit_last(unsigned count)
{
    struct days d;
    uint64_t now = app_now_ms();
    cockpit_day(now + DAY_MS, d.to);
    cockpit_day(now - (uint64_t)(count - 1) * DAY_MS, d.from);
    return d;
}

const char *cockpit_widget(unsigned bit)
{
    static const char *const NAMES[WIDGETS] = {"sroi",        "vis",      "q2q",
                                               "at-a-glance", "evidence", "reports"};
    for (unsigned i = 0; i < WIDGETS; i++)
        if (bit == 1u << i)
            return NAMES[i];
    return "";
}

/* ---- what a change does ---- */

void cockpit_tell(struct cockpit *c, const char *company, const char *channel, const char *type,
                  json_t *data)
{
    char at[32];
    json_object_set_new(data, "timestamp", json_string(app_iso(app_now_ms(), at)));
    app_publish(c->app, &(struct app_event){
                            .tenant = company, .channel = channel, .type = type, .data = data});
}

void cockpit_changed(struct cockpit *c, const char *company, unsigned widgets, const char *reason)
{
    char key[100];
    json_t *list = json_array();
    for (unsigned bit = 1; bit < 1u << WIDGETS; bit <<= 1)
        if (widgets & bit) {
            snprintf(key, sizeof key, "%s/%s", company, cockpit_widget(bit));
            json_object_del(c->figures, key);
            json_array_append_new(list, json_string(cockpit_widget(bit)));
        }
    cockpit_tell(c, company, "dashboard-updates", "dashboard-update",
                 json_pack("{s:o, s:s}", "widgets", list, "reason", reason));
}

void cockpit_db_failed(struct cockpit *c, struct app_request *r)
{
    struct db *db = app_db(c->app);
    if (db_was_constraint(db)) {
        app_fail(r, 409, "CONFLICT", "that is not possible with what is there: %s", db_error(db));
        return;
    }
    app_log(c->app, FRESHET_LOG_ERROR, "database: %s", db_error(db));
    app_fail(r, 500, "INTERNAL", "the database failed");
}

/* ---- who may ---- */

const char *cockpit_company(struct app_request *r)
{
    const struct app_who *who = app_who(r);
    const char *id = app_param(r, "id");
    if (!id || (!who->any_tenant && strcmp(who->tenant, id) != 0)) {
        app_fail(r, 403, "FORBIDDEN", "not your company");
        return NULL;
    }
    return id;
}

static bool is_role(struct app_request *r, const char *role)
{
    return !strcmp(app_who(r)->role, role);
}

bool cockpit_may_change(struct app_request *r, bool desk)
{
    if (is_role(r, "MANAGER") || is_role(r, "SUPER_ADMIN") || (!desk && is_role(r, "INTAKE")))
        return true;
    app_fail(r, 403, "FORBIDDEN", "your role may not change this");
    return false;
}

/* ---- figures ---- */

typedef json_t *(*figure)(struct cockpit *c, const char *company);

static json_t *sroi_answer(struct cockpit *c, const char *company)
{
    struct days d = cockpit_last(YEAR_DAYS);
    json_t *out = figures_sroi(c, company, &d), *trend = out ? figures_trend(c, company) : NULL;
    if (!trend) {
        json_decref(out);
        return NULL;
    }
    json_object_set_new(out, "trend", trend);
    return out;
}

static json_t *vis_answer(struct cockpit *c, const char *company)
{
    struct days d = cockpit_last(YEAR_DAYS);
    return figures_vis(c, company, &d);
}

/* Answers with a figure: the kept one, as long as nothing has changed and the day is the same. */
static void reply_figure(struct cockpit *c, struct app_request *r, unsigned widget, figure make)
{
    char today[RULES_DAY_SIZE], key[100];
    const char *company = cockpit_company(r);
    if (!company)
        return;
    cockpit_day(app_now_ms(), today);
    if (strcmp(today, c->figures_day)) {
        json_object_clear(c->figures);
        memcpy(c->figures_day, today, sizeof today);
    }
    snprintf(key, sizeof key, "%.64s/%s", company, cockpit_widget(widget));
    json_t *kept = json_object_get(c->figures, key);
    if (!kept) {
        if (!db_int(app_db(c->app), 0, "select 1 from companies where id = $1", "s", company)) {
            app_fail(r, 404, "NOT_FOUND", "there is no such company");
            return;
        }
        if (!(kept = make(c, company))) {
            cockpit_db_failed(c, r);
            return;
        }
        json_object_set_new(c->figures, key, kept);
    }
    app_reply(r, 200, json_incref(kept));
}

static void get_sroi(void *state, struct app_request *r)
{
    reply_figure(state, r, WIDGET_SROI, sroi_answer);
}

static void get_vis(void *state, struct app_request *r)
{
    reply_figure(state, r, WIDGET_VIS, vis_answer);
}

static void get_q2q(void *state, struct app_request *r)
{
    reply_figure(state, r, WIDGET_Q2Q, figures_q2q);
}

static void get_glance(void *state, struct app_request *r)
{
    reply_figure(state, r, WIDGET_GLANCE, figures_glance);
}

/* The companies that the one who asks may see. */
static void get_companies(void *state, struct app_request *r)
{
    struct cockpit *c = state;
    const struct app_who *who = app_who(r);
    json_t *rows =
        db_rows(app_db(c->app),
                "select id, name, currency from companies where $1 or id = $2 order by name", "bs",
                who->any_tenant, who->tenant);
    if (rows)
        app_reply(r, 200, json_pack("{s:o}", "companies", rows));
    else
        cockpit_db_failed(c, r);
}

static int figure_routes(struct cockpit *c)
{
    const struct {
        const char *path;
        app_handler handler;
    } routes[] = {{"/api/companies", get_companies},
                  {"/api/companies/:id/sroi", get_sroi},
                  {"/api/companies/:id/vis", get_vis},
                  {"/api/companies/:id/q2q", get_q2q},
                  {"/api/companies/:id/at-a-glance", get_glance}};
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++)
        if (app_route(c->app, "GET", routes[i].path, APP_PRIVATE, routes[i].handler))
            return -1;
    return 0;
}

/* ---- the application ---- */

#define READ_PER_TICK 50
#define STEPS_MAX 100000 /* of the work that a new database brings along */

/* Reads what is unread and makes what is queued, silently, as one transaction. */
static void catch_up(struct cockpit *c)
{
    bool begun = db_begin(app_db(c->app)) == 0;
    c->unread = c->reports = true;
    for (unsigned i = 0; i < STEPS_MAX && evidence_step(c, false); i++)
        continue;
    for (unsigned i = 0; i < STEPS_MAX && reports_step(c, false); i++)
        continue;
    if (begun && db_commit(app_db(c->app))) {
        db_rollback(app_db(c->app));
        c->unread = c->reports = true; // the ticks do it
    }
}

static void cockpit_close(void *state)
{
    struct cockpit *c = state;
    json_decref(c->figures);
    free(c);
}

static int cockpit_open(struct app *app, void **state, char *why, size_t why_size)
{
    struct cockpit *c = calloc(1, sizeof *c);
    if (!c || !(c->figures = json_object())) {
        free(c);
        snprintf(why, why_size, "out of memory");
        return -1;
    }
    c->app = app;
    c->hours = -1;
    catch_up(c);
    if (figure_routes(c) || intake_routes(c) || evidence_routes(c) || reports_routes(c)) {
        snprintf(why, why_size, "cockpit: one of its paths is taken");
        cockpit_close(c);
        return -1;
    }
    *state = c;
    return 0;
}

static void cockpit_tick(void *state, uint64_t now_ms)
{
    struct cockpit *c = state;
    for (unsigned i = 0; i < READ_PER_TICK && evidence_step(c, true); i++)
        continue;
    reports_step(c, true);
}

/* Another database: everybody fetches everything. */
static void cockpit_replaced(void *state)
{
    struct cockpit *c = state;
    json_object_clear(c->figures);
    c->hours = -1;
    catch_up(c);
    json_t *companies = db_rows(app_db(c->app), "select id from companies", "");
    size_t i;
    json_t *row;
    json_array_foreach(companies, i, row)
    {
        const char *id = json_string_value(json_object_get(row, "id"));
        if (!id)
            continue;
        cockpit_changed(c, id, (1u << WIDGETS) - 1, "database_replaced");
        cockpit_tell(c, id, "evidence-updates", "evidence-update",
                     json_pack("{s:s}", "action", "replaced"));
        cockpit_tell(c, id, "report-updates", "report-queue",
                     json_pack("{s:s}", "reason", "database_replaced"));
    }
    json_decref(companies);
}

static int64_t cockpit_number(void *state, const char **label)
{
    struct cockpit *c = state;
    struct days d = cockpit_last(YEAR_DAYS);
    *label = "hours volunteered in the last year";
    if (c->hours < 0)
        c->hours = db_int(app_db(c->app), 0,
                          "select coalesce(sum(minutes), 0) / 60 from hours where company_id in"
                          " (select id from companies) and day >= $1 and day < $2",
                          "ss", d.from, d.to);
    return c->hours;
}

static const char *const ALL[] = {"dashboard-updates", "evidence-updates", "report-updates", NULL};
static const char *const NO_REPORTS[] = {"dashboard-updates", "evidence-updates", NULL};

/* The last two are systems of the companies; a test company has none, so that it is quiet. */
static const struct app_login LOGINS[] = {
    {"acme-manager", "Acme manager", "acme-corp", "MANAGER", "acme", ALL, ALL, true},
    {"acme-viewer", "Acme viewer", "acme-corp", "VIEWER", "acme", NO_REPORTS, NULL, false},
    {"globex-manager", "Globex manager", "globex", "MANAGER", "globex", ALL, ALL, true},
    {"test-manager", "Test manager", "test-company", "MANAGER", "test", ALL, ALL, true},
    {"super-admin", "Super admin", "platform", "SUPER_ADMIN", "super", ALL, ALL, true},
    {"acme-intake", "Acme intake", "acme-corp", "INTAKE", NULL, NULL, NULL, false},
    {"globex-intake", "Globex intake", "globex", "INTAKE", NULL, NULL, NULL, false},
    {0},
};

const struct app_def app_cockpit = {
    .name = "cockpit",
    .title = "Corporate cockpit",
    .sentence = "What a company's volunteering is worth, as hours, answers and evidence come in.",
    .logins = LOGINS,
    .open = cockpit_open,
    .close = cockpit_close,
    .tick = cockpit_tick,
    .replaced = cockpit_replaced,
    .number = cockpit_number,
    .play = cockpit_play,
    .play_size = PLAY_SIZE,
    .rate = 1,
};
