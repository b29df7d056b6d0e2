/* The crowd application: its logins and endpoints. */
#include "crowd/drill.h"
#include "crowd/model.h"
#include "crowd/venue.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PEOPLE_MAX 200000
#define COUNTS_MAX 64
#define PROBES_MAX 100
#define DAY_MINUTES 1440

/* ---- helpers ---- */

static bool is_role(struct app_request *r, const char *role)
{
    return strcmp(app_who(r)->role, role) == 0;
}

/* Answers 403 unless a controller asks. */
static bool controller(struct app_request *r)
{
    if (is_role(r, "controller"))
        return true;
    app_fail(r, 403, "FORBIDDEN", "only the controller of the venue may do this");
    return false;
}

static void fail_database(struct app_request *r)
{
    app_fail(r, 500, "INTERNAL", "the database of the venue failed; nothing was changed");
}

/* Begins a change of the venue of whoever asks; answers when that fails. */
static bool begin(struct crowd *crowd, struct app_request *r, struct crowd_change *change)
{
    if (crowd_begin(change, crowd, app_who(r)->tenant) == 0)
        return true;
    fail_database(r);
    return false;
}

/* Commits, then answers 200 with body (taken over), or 500. */
static void finish(struct crowd_change *change, struct app_request *r, json_t *body)
{
    if (body && crowd_commit(change) == 0) {
        app_reply(r, 200, body);
        return;
    }
    if (body)
        json_decref(body);
    else
        crowd_cancel(change);
    fail_database(r);
}

/* A text of the body without being too long; NULL where there is none, or it is empty. */
static const char *text_of(const json_t *body, const char *name, size_t max)
{
    const json_t *value = json_object_get(body, name);
    size_t length = json_string_length(value);
    return length > 0 && length <= max ? json_string_value(value) : NULL;
}

/* A whole number from low to high, `otherwise` where there is none; low - 1: it is something else.
 */
static int64_t number_of(const json_t *body, const char *name, int64_t low, int64_t high,
                         int64_t otherwise)
{
    const json_t *value = json_object_get(body, name);
    if (!value)
        return otherwise;
    int64_t number = (int64_t)json_integer_value(value);
    return json_is_integer(value) && number >= low && number <= high ? number : low - 1;
}

static int level_of(const json_t *body, const char *name)
{
    int level = crowd_level_parse(json_string_value(json_object_get(body, name)));
    return level > CROWD_NORMAL ? level : -1;
}

static int64_t id_of(struct app_request *r)
{
    const char *text = app_param(r, "id");
    char *end;
    long long id = text && text[0] >= '1' && text[0] <= '9' ? strtoll(text, &end, 10) : 0;
    return id > 0 && *end == '\0' ? (int64_t)id : 0;
}

/* ---- what pages read ---- */

static void get_state(void *state, struct app_request *r)
{
    struct crowd *crowd = state;
    json_t *whole = crowd_read_venue(crowd, app_who(r)->tenant);
    if (whole)
        app_reply(r, 200, whole);
    else
        app_fail(r, 404, "NOT_FOUND", "no venue of this name");
}

static void get_history(void *state, struct app_request *r)
{
    const char *text = app_query(r, "minutes");
    char *end = NULL;
    long minutes = text ? strtol(text, &end, 10) : 15;
    if (minutes < 1 || minutes > DAY_MINUTES || (end && *end)) {
        app_fail(r, 400, "BAD_REQUEST", "minutes is a number from 1 to %d", DAY_MINUTES);
        return;
    }
    uint64_t since = app_now_ms() - (uint64_t)minutes * 60000;
    json_t *list = crowd_read_history(state, app_who(r)->tenant, app_param(r, "id"), since);
    if (list)
        app_reply(r, 200, json_pack("{s:s, s:o}", "zoneId", app_param(r, "id"), "readings", list));
    else
        fail_database(r);
}

/* ---- cameras and people count ---- */

struct tally {
    int accepted, changed, set_aside;
};

/* Takes the i-th count; answers, and gives false, when it is none. */
static bool take_one(struct crowd_change *change, struct app_request *r, const json_t *body,
                     size_t i, struct tally *tally)
{
    const json_t *one = json_array_get(json_object_get(body, "counts"), i);
    bool camera = is_role(r, "camera");
    const struct crowd_count count = {.zone = text_of(one, "zone", 64),
                                      .camera = camera ? text_of(body, "camera", 64) : NULL,
                                      .source = camera ? "camera" : "manual",
                                      .people = number_of(one, "people", 0, PEOPLE_MAX, -1),
                                      .at_ms = change->now_ms};
    if (!count.zone || count.people < 0) {
        app_fail(r, 422, "SCHEMA_MISMATCH",
                 "/counts/%zu: a count is {\"zone\": text, \"people\": 0 to %d}", i, PEOPLE_MAX);
        return false;
    }
    enum crowd_taken taken = crowd_take(change, &count);
    if (taken == CROWD_UNKNOWN)
        app_fail(r, 404, "NOT_FOUND", "/counts/%zu: no such zone", i);
    else if (taken == CROWD_NOT_ITS)
        app_fail(r, 403, "FORBIDDEN", "/counts/%zu: another camera counts this zone", i);
    else if (taken == CROWD_FAILED)
        fail_database(r);
    tally->accepted++;
    tally->changed += taken == CROWD_CHANGED;
    tally->set_aside += taken == CROWD_SET_ASIDE;
    return taken >= 0;
}

static void take_all(struct crowd *crowd, struct app_request *r, const json_t *body)
{
    size_t n = json_array_size(json_object_get(body, "counts"));
    struct crowd_change change;
    struct tally tally = {0};
    if (!begin(crowd, r, &change))
        return;
    for (size_t i = 0; i < n; i++)
        if (!take_one(&change, r, body, i, &tally)) {
            crowd_cancel(&change);
            return;
        }
    crowd_review(&change);
    json_t *mode = crowd_read_emergency(crowd, change.venue);
    bool active = strcmp(crowd_text(mode, "status"), "active") == 0;
    json_decref(mode);
    finish(&change, r,
           json_pack("{s:i, s:i, s:i, s:b}", "accepted", tally.accepted, "changed", tally.changed,
                     "setAside", tally.set_aside, "emergency", (int)active));
}

static void post_readings(void *state, struct app_request *r)
{
    json_t *body = app_body(r);
    if (!body)
        return;
    size_t n = json_array_size(json_object_get(body, "counts"));
    if (!is_role(r, "camera") && !is_role(r, "controller"))
        app_fail(r, 403, "FORBIDDEN", "only cameras and the controller of the venue may count");
    else if (n == 0 || n > COUNTS_MAX)
        app_fail(r, 422, "SCHEMA_MISMATCH", "/counts: 1 to %d counts", COUNTS_MAX);
    else if (is_role(r, "camera") && !text_of(body, "camera", 64))
        app_fail(r, 422, "SCHEMA_MISMATCH", "/camera: the camera's id");
    else
        take_all(state, r, body);
}

/* ---- alerts ---- */

typedef int (*alert_act)(struct crowd_change *change, int64_t id, const char *who, json_t **out);

static void act_on_alert(struct crowd *crowd, struct app_request *r, alert_act act)
{
    struct crowd_change change;
    json_t *alert = NULL;
    if (is_role(r, "camera")) {
        app_fail(r, 403, "FORBIDDEN", "alerts are for people to answer");
        return;
    }
    if (!begin(crowd, r, &change))
        return;
    int done = act(&change, id_of(r), app_who(r)->name, &alert);
    if (done == 0) {
        crowd_review(&change);
        finish(&change, r, alert);
        return;
    }
    crowd_cancel(&change);
    json_decref(alert);
    if (done == -1)
        app_fail(r, 404, "NOT_FOUND", "no such alert");
    else if (done == -2)
        app_fail(r, 409, "CONFLICT",
                 "somebody, or the rules, were faster: look at the alert again");
    else if (done == -3)
        app_fail(r, 409, "STILL_ABOVE", "the zone is still above its warning threshold");
    else
        fail_database(r);
}

static void post_acknowledge(void *state, struct app_request *r)
{
    act_on_alert(state, r, crowd_acknowledge);
}

static void post_resolve(void *state, struct app_request *r)
{
    act_on_alert(state, r, crowd_resolve);
}

/* ---- emergency mode ---- */

static void reply_mode(struct crowd_change *change, struct app_request *r)
{
    json_t *mode = crowd_read_emergency(change->crowd, change->venue);
    finish(change, r, json_pack("{s:o}", "emergency", mode));
}

static void post_enter(void *state, struct app_request *r)
{
    json_t *body = controller(r) ? app_body(r) : NULL;
    struct crowd_change change;
    if (!body)
        return;
    const char *reason = text_of(body, "reason", 200);
    if (!reason) {
        app_fail(r, 422, "SCHEMA_MISMATCH", "/reason: 1 to 200 bytes, for those who will ask");
    } else if (begin(state, r, &change)) {
        if (crowd_enter_emergency(&change, reason, app_who(r)->name)) {
            reply_mode(&change, r);
        } else {
            crowd_cancel(&change);
            app_fail(r, 409, "CONFLICT", "the venue is in emergency mode already");
        }
    }
}

static void post_leave(void *state, struct app_request *r)
{
    json_t *body = controller(r) ? app_body(r) : NULL;
    struct crowd_change change;
    if (body && begin(state, r, &change)) {
        if (crowd_end_emergency(&change, app_who(r)->name)) {
            reply_mode(&change, r);
        } else {
            crowd_cancel(&change);
            app_fail(r, 409, "CONFLICT", "the venue is not in emergency mode");
        }
    }
}

/* ---- thresholds ---- */

static void write_limits(struct crowd *crowd, struct app_request *r,
                         const struct crowd_limits *limits)
{
    struct crowd_change change;
    const char *zone = app_param(r, "id");
    if (!begin(crowd, r, &change))
        return;
    int64_t changed =
        db_run(crowd->db,
               "update zones set warning = $3, high = $4, critical = $5,"
               " hysteresis = $6, hold_ms = $7, release_ms = $8"
               " where venue = $1 and id = $2",
               "ssddddii", change.venue, zone, limits->at[0], limits->at[1], limits->at[2],
               limits->hysteresis, (int64_t)limits->hold_ms, (int64_t)limits->release_ms);
    if (changed == 0) {
        crowd_cancel(&change);
        app_fail(r, 404, "NOT_FOUND", "no such zone");
        return;
    }
    /* What was counted last may mean something else now; that time has passed since proves nothing.
     */
    json_t *row = db_row(crowd->db,
                         "select people, source, counted_ms from counts"
                         " where venue = $1 and zone = $2",
                         "ss", change.venue, zone);
    if (changed < 0)
        change.failed = true;
    else if (row)
        crowd_take(&change, &(struct crowd_count){.zone = zone,
                                                  .source = crowd_text(row, "source"),
                                                  .people = crowd_int(row, "people"),
                                                  .at_ms = (uint64_t)crowd_int(row, "counted_ms")});
    json_decref(row);
    crowd_review(&change);
    crowd_tell_refresh(&change, "thresholds");
    finish(&change, r, json_pack("{s:s}", "zoneId", zone));
}

static void post_thresholds(void *state, struct app_request *r)
{
    json_t *body = controller(r) ? app_body(r) : NULL;
    if (!body)
        return;
    static const char *const names[] = {"warning", "high", "critical", "hysteresis"};
    bool numbers = true;
    for (size_t i = 0; i < 4; i++)
        numbers = numbers && json_is_number(json_object_get(body, names[i]));
    int64_t hold = number_of(body, "holdMs", 0, 600000, -1);
    int64_t release = number_of(body, "releaseMs", 0, 600000, -1);
    struct crowd_limits limits = {
        .at = {crowd_num(body, "warning"), crowd_num(body, "high"), crowd_num(body, "critical")},
        .hysteresis = crowd_num(body, "hysteresis"),
        .hold_ms = (uint32_t)(hold < 0 ? 0 : hold),
        .release_ms = (uint32_t)(release < 0 ? 0 : release)};
    const char *problem = crowd_limits_problem(&limits);
    if (!numbers || hold < 0 || release < 0)
        app_fail(r, 422, "SCHEMA_MISMATCH",
                 "warning, high, critical, hysteresis, holdMs and releaseMs are numbers,"
                 " durations up to ten minutes");
    else if (problem)
        app_fail(r, 422, "SCHEMA_MISMATCH", "%s", problem);
    else
        write_limits(state, r, &limits);
}

/* ---- testing controls ---- */

static void begin_drill(struct crowd *crowd, struct app_request *r, const json_t *body,
                        const char *kind)
{
    struct crowd_change change;
    const char *zone = text_of(body, "zone", 64);
    int level = level_of(body, "level");
    int64_t seconds =
        number_of(body, "seconds", CROWD_DRILL_SECONDS_MIN, CROWD_DRILL_SECONDS_MAX, 20);
    if (!zone || level < 0 || seconds < CROWD_DRILL_SECONDS_MIN) {
        app_fail(r, 422, "SCHEMA_MISMATCH",
                 "zone, level (warning, high, critical), seconds (%d to %d)",
                 CROWD_DRILL_SECONDS_MIN, CROWD_DRILL_SECONDS_MAX);
        return;
    }
    if (!begin(crowd, r, &change))
        return;
    int begun =
        crowd_drill_begin(&change, zone, kind, (enum crowd_level)level, seconds, app_who(r)->name);
    if (begun == -1) {
        crowd_cancel(&change);
        app_fail(r, 404, "NOT_FOUND", "no such zone");
        return;
    }
    finish(&change, r,
           json_pack("{s:s, s:s, s:I, s:I}", "zoneId", zone, "kind", kind, "beganAt",
                     (json_int_t)change.now_ms, "endsAt",
                     (json_int_t)change.now_ms + seconds * 1000));
    crowd_drill_run(crowd, app_now_ms()); /* its first count is due now */
}

static void post_violation(void *state, struct app_request *r)
{
    json_t *body = controller(r) ? app_body(r) : NULL;
    if (body)
        begin_drill(state, r, body, "violation");
}

static void post_breach(void *state, struct app_request *r)
{
    json_t *body = controller(r) ? app_body(r) : NULL;
    if (body)
        begin_drill(state, r, body, "breach");
}

static void post_stop(void *state, struct app_request *r)
{
    json_t *body = controller(r) ? app_body(r) : NULL;
    struct crowd_change change;
    if (body && begin(state, r, &change)) {
        int ended = crowd_drill_end(&change, text_of(body, "zone", 64));
        finish(&change, r, ended < 0 ? NULL : json_pack("{s:i}", "ended", ended));
    }
}

static void post_test_alert(void *state, struct app_request *r)
{
    json_t *body = controller(r) ? app_body(r) : NULL;
    struct crowd_change change;
    json_t *alert = NULL;
    const char *zone = text_of(body, "zone", 64), *message = text_of(body, "message", 200);
    int severity = level_of(body, "severity");
    if (!body)
        return;
    if (!zone || !message || severity < 0) {
        app_fail(r, 422, "SCHEMA_MISMATCH",
                 "zone, severity (warning, high, critical), message (1 to 200 bytes)");
    } else if (begin(state, r, &change)) {
        if (crowd_test_alert(&change, zone, (enum crowd_level)severity, message, &alert) == -1) {
            crowd_cancel(&change);
            app_fail(r, 404, "NOT_FOUND", "no such zone");
        } else {
            finish(&change, r, alert);
        }
    }
}

/* Numbered messages on both streams: what arrives, in which order and how late, is for the page to
 * see. Nothing is stored but the hub's log. */
static void post_delivery(void *state, struct app_request *r)
{
    struct crowd *crowd = state;
    json_t *body = controller(r) ? app_body(r) : NULL;
    if (!body)
        return;
    static const char *const channels[] = {CROWD_DENSITY, CROWD_ALERTS};
    const char *run = text_of(body, "run", 64);
    int64_t n = number_of(body, "count", 1, PROBES_MAX, 10);
    if (!run || n < 1) {
        app_fail(r, 422, "SCHEMA_MISMATCH", "run (1 to 64 bytes), count (1 to %d)", PROBES_MAX);
        return;
    }
    for (int64_t i = 1; i <= n; i++)
        for (size_t c = 0; c < 2; c++)
            app_publish(
                crowd->app,
                &(struct app_event){.tenant = app_who(r)->tenant,
                                    .channel = channels[c],
                                    .type = "delivery-test",
                                    .data = json_pack("{s:s, s:I, s:I, s:I}", "run", run, "number",
                                                      (json_int_t)i, "of", (json_int_t)n,
                                                      "timestamp", (json_int_t)app_now_ms())});
    app_reply(r, 200, json_pack("{s:s, s:I}", "run", run, "sent", (json_int_t)n));
}

/* ---- the application ---- */

static const char *const FOLLOWS[] = {CROWD_DENSITY, CROWD_ALERTS, NULL};

static const struct app_login LOGINS[] = {
    {.id = "mara",
     .name = "Mara Quist",
     .tenant = "kestrel-park",
     .role = "controller",
     .password = "kestrel-control",
     .subscribe = FOLLOWS,
     .admin = true},
    {.id = "leon",
     .name = "Leon Adeyemi",
     .tenant = "kestrel-park",
     .role = "steward",
     .password = "kestrel-steward",
     .subscribe = FOLLOWS},
    {.id = "ines",
     .name = "Ines Duarte",
     .tenant = "harbour-expo",
     .role = "controller",
     .password = "harbour-control",
     .subscribe = FOLLOWS,
     .admin = true},
    {.id = "tom",
     .name = "Tom Okafor",
     .tenant = "harbour-expo",
     .role = "steward",
     .password = "harbour-steward",
     .subscribe = FOLLOWS},
    {.id = "kestrel-cameras", .name = "Cameras", .tenant = "kestrel-park", .role = "camera"},
    {.id = "harbour-cameras", .name = "Cameras", .tenant = "harbour-expo", .role = "camera"},
    {0},
};

static const struct {
    const char *methods, *path;
    app_handler handler;
} ROUTES[] = {
    {"GET", "/api/crowd-risk/state", get_state},
    {"GET", "/api/crowd-risk/zones/:id/readings", get_history},
    {"POST", "/api/crowd-risk/zones/:id/thresholds", post_thresholds},
    {"POST", "/api/crowd-risk/readings", post_readings},
    {"POST", "/api/crowd-risk/alerts/:id/acknowledge", post_acknowledge},
    {"POST", "/api/crowd-risk/alerts/:id/resolve", post_resolve},
    {"POST", "/api/crowd-risk/emergency/enter", post_enter},
    {"POST", "/api/crowd-risk/emergency/leave", post_leave},
    {"POST", "/api/crowd-risk/testing/violation", post_violation},
    {"POST", "/api/crowd-risk/testing/breach", post_breach},
    {"POST", "/api/crowd-risk/testing/stop", post_stop},
    {"POST", "/api/crowd-risk/testing/alert", post_test_alert},
    {"POST", "/api/crowd-risk/testing/delivery", post_delivery},
};

static int crowd_open(struct app *app, void **state, char *why, size_t why_size)
{
    struct crowd *crowd = calloc(1, sizeof *crowd);
    if (!crowd)
        return -1;
    *crowd = (struct crowd){.app = app, .db = app_db(app)};
    for (size_t i = 0; i < sizeof ROUTES / sizeof *ROUTES; i++)
        if (app_route(app, ROUTES[i].methods, ROUTES[i].path, APP_PRIVATE, ROUTES[i].handler) !=
            0) {
            snprintf(why, why_size, "crowd: no route %s", ROUTES[i].path);
            free(crowd);
            return -1;
        }
    *state = crowd;
    return 0;
}

static void crowd_close(void *state)
{
    free(state);
}

static void crowd_tick(void *state, uint64_t now_ms)
{
    crowd_drill_run(state, now_ms);
}

static void crowd_replaced(void *state)
{
    struct crowd *crowd = state;
    static const char *const venues[] = {"kestrel-park", "harbour-expo"};
    for (size_t i = 0; i < 2; i++) {
        struct crowd_change change;
        if (crowd_begin(&change, crowd, venues[i]) != 0)
            continue;
        crowd_tell_refresh(&change, "replaced");
        crowd_tell_emergency(&change);
        crowd_commit(&change);
    }
}

static int64_t crowd_number(void *state, const char **label)
{
    *label = "people in the venues now";
    return db_int(((struct crowd *)state)->db, 0, "select sum(people) from counts", "");
}

const struct app_def app_crowd = {
    .name = "crowd",
    .title = "Crowd risk",
    .page = "/admin/crowd-risk/monitor",
    .sentence = "How full each zone of a venue is, alerts when it gets too full, and emergency mode"
                " on every screen at once.",
    .logins = LOGINS,
    .open = crowd_open,
    .close = crowd_close,
    .tick = crowd_tick,
    .replaced = crowd_replaced,
    .number = crowd_number,
    .play = crowd_play,
    .play_size = sizeof(struct crowd_world),
    .rate = 6,
};
