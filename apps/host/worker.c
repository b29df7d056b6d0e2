#define _GNU_SOURCE
#include "host/host.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define JSON_TYPE "application/json"
/* 15 digits: what was 2.3 stays 2.3 */
#define JSON_FORM (JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(15))

char *app_format(const char *fmt, ...)
{
    va_list ap;
    char *text;
    va_start(ap, fmt);
    int n = vasprintf(&text, fmt, ap);
    va_end(ap);
    return n < 0 ? NULL : text;
}

uint64_t app_now_ms(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_REALTIME, &ts);
    return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

const char *app_iso(uint64_t ms, char *text)
{
    time_t seconds = (time_t)(ms / 1000);
    struct tm tm;
    gmtime_r(&seconds, &tm);
    size_t n = strftime(text, 25, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(text + n, 25 - n, ".%03uZ", (unsigned)(ms % 1000));
    return text;
}

struct db *app_db(struct app *app)
{
    return app->db;
}

const char *app_db_where(struct app *app)
{
    return db_where(app->db);
}

struct freshet_hub *app_hub(struct app *app)
{
    return app->host->hub;
}

const char *app_option(struct app *app, const char *name)
{
    size_t len = strlen(name);
    for (const char *const *o = app->host->options; o && *o; o++)
        if (strncmp(*o, name, len) == 0 && (*o)[len] == '=')
            return *o + len + 1;
    return NULL;
}

void app_log(struct app *app, enum freshet_log_level level, const char *fmt, ...)
{
    static const char *const names[] = {"error", "warn", "info", "debug"};
    char text[600];
    va_list ap;
    if (level == FRESHET_LOG_DEBUG)
        return;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    for (char *p = text; *p; p++)
        if ((unsigned char)*p < ' ')
            *p = ' ';
    fprintf(stderr, "%s %s: %s\n", names[level], app->def->name, text);
}

/* ---- requests: from the hub's loops ---- */

static void on_request(void *ctx, struct freshet_request *raw)
{
    struct route *route = ctx;
    struct app *app = route->app;
    struct app_request *r = calloc(1, sizeof *r);
    bool taken = false;
    if (r) {
        r->raw = raw;
        r->route = route;
        pthread_mutex_lock(&app->lock);
        taken = !app->stopping;
        if (taken) {
            *app->end = r;
            app->end = &r->next;
            pthread_cond_signal(&app->wake);
        }
        pthread_mutex_unlock(&app->lock);
    }
    if (!taken) {
        free(r);
        freshet_reply(raw, 503, NULL, freshet_text(""));
    }
}

int app_add_route(struct app *app, const char *methods, const char *path, const char *cookie,
                  struct route with)
{
    struct route *route = malloc(sizeof *route);
    if (!route)
        return -1;
    *route = with;
    route->app = app;
    route->next = app->routes;
    app->routes = route;
    struct freshet_hub *hub = app->host->hub;
    return with.is_private
               ? freshet_route_add_private(hub, methods, path, cookie, on_request, route)
               : freshet_route_add(hub, methods, path, on_request, route);
}

int app_route(struct app *app, const char *methods, const char *path, enum app_access access,
              app_handler handler)
{
    return app_add_route(app, methods, path, app->cookie,
                         (struct route){.handler = handler, .is_private = access == APP_PRIVATE});
}

/* ---- requests: on the worker ---- */

const char *app_param(struct app_request *r, const char *name)
{
    return freshet_request_param(r->raw, name).p;
}

const char *app_query(struct app_request *r, const char *name)
{
    return freshet_request_query(r->raw, name).p;
}

struct freshet_request *app_raw(struct app_request *r)
{
    return r->raw;
}

json_t *app_body(struct app_request *r)
{
    struct freshet_text text = freshet_request_body(r->raw);
    json_error_t e;
    if (r->body)
        return r->body;
    /* no form of another site can send this type */
    struct freshet_text type = freshet_request_header(r->raw, "Content-Type");
    if (!type.p || type.len < 16 || strncasecmp(type.p, JSON_TYPE, 16) != 0) {
        app_fail(r, 415, "UNSUPPORTED_MEDIA_TYPE", "send Content-Type: application/json");
        return NULL;
    }
    r->body = json_loadb(text.p ? text.p : "", text.len, JSON_REJECT_DUPLICATES, &e);
    if (!json_is_object(r->body)) {
        app_fail(r, 400, "BAD_REQUEST", "the body must be a JSON object%s%s", r->body ? "" : ": ",
                 r->body ? "" : e.text);
        return NULL;
    }
    return r->body;
}

static const char *claim(const struct app_request *r, const char *name)
{
    const char *text = json_string_value(json_object_get(r->claims, name));
    return text ? text : "";
}

static const char *own_text(struct app_request *r, size_t i, struct freshet_text text)
{
    char *own = text.p ? malloc(text.len + 1) : NULL;
    if (own) {
        memcpy(own, text.p, text.len);
        own[text.len] = 0;
    }
    r->texts[i] = own;
    return own ? own : "";
}

const struct app_who *app_who(struct app_request *r)
{
    struct freshet_identity id;
    if (r->claims || !r->route->is_private)
        return &r->who;
    freshet_request_identity(r->raw, &id);
    r->claims = id.claims.p ? json_loadb(id.claims.p, id.claims.len, 0, NULL) : json_object();
    r->who = (struct app_who){.tenant = own_text(r, 0, id.tenant),
                              .subject = own_text(r, 1, id.subject),
                              .name = claim(r, "name"),
                              .role = claim(r, "role"),
                              .admin = id.admin,
                              .any_tenant = id.any_tenant};
    return &r->who;
}

bool app_may_publish(struct app_request *r, const char *tenant, const char *channel)
{
    return freshet_request_may_publish(r->raw, freshet_text(tenant), freshet_text(channel));
}

static void request_free(struct app_request *r)
{
    json_decref(r->body);
    json_decref(r->claims);
    for (size_t i = 0; i < sizeof r->texts / sizeof *r->texts; i++)
        free(r->texts[i]);
    free(r);
}

static void answer(struct app_request *r, int status, const char *type, json_t *body)
{
    char *text = body ? json_dumps(body, JSON_FORM) : NULL;
    freshet_reply_header(r->raw, "Cache-Control", "no-store");
    if (body && !text)
        freshet_reply(r->raw, 503, NULL, freshet_text(""));
    else
        freshet_reply(r->raw, status, text ? type : NULL, freshet_text(text ? text : ""));
    free(text);
    json_decref(body);
    request_free(r);
}

void app_reply(struct app_request *r, int status, json_t *body)
{
    answer(r, status, JSON_TYPE, body);
}

void app_fail(struct app_request *r, int status, const char *code, const char *fmt, ...)
{
    char detail[500];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(detail, sizeof detail, fmt, ap);
    va_end(ap);
    char title[64];
    snprintf(title, sizeof title, "%s", code);
    for (char *p = title; *p; p++) /* NOT_FOUND: not found */
        *p = (char)(*p == '_' ? ' ' : *p >= 'A' && *p <= 'Z' ? *p + 32 : *p);
    answer(r, status, "application/problem+json",
           json_pack("{s:s, s:i, s:s, s:s}", "error", code, "status", status, "title", title,
                     "detail", detail));
}

/* ---- publishing ---- */

static void on_published(void *ctx, const struct freshet_published *result)
{
    struct app *app = ctx;
    if (result->error)
        app_log(app, FRESHET_LOG_ERROR, "not published: %s %s", freshet_error_name(result->error),
                result->detail);
}

void app_publish(struct app *app, const struct app_event *event)
{
    char *data = json_dumps(event->data, JSON_FORM);
    char *state = event->state ? json_dumps(event->state, JSON_FORM) : NULL;
    struct freshet_event e = {.tenant = freshet_text(event->tenant),
                              .channel = freshet_text(event->channel),
                              .data = freshet_text(data ? data : "null"),
                              .deleted = event->deleted,
                              .high = event->high};
    if (event->type)
        e.type = freshet_text(event->type);
    if (event->key)
        e.key = freshet_text(event->key);
    if (state)
        e.state = freshet_text(state);
    int rc = freshet_publish(app->host->hub, &e, 1, false, on_published, app);
    if (rc && rc != FRESHET_ECLOSING)
        app_log(app, FRESHET_LOG_ERROR, "not published: %s", freshet_error_name(rc));
    free(data);
    free(state);
    json_decref(event->data);
    json_decref(event->state);
}

/* ---- the worker ---- */

static void run_ticks(struct app *app, uint64_t now_ms, uint64_t *second_ms)
{
    bool second = now_ms >= *second_ms;
    if (second)
        *second_ms = now_ms + 1000;
    if (second && app->db && db_reopen_if_replaced(app->db)) {
        app_log(app, FRESHET_LOG_INFO, "the database was replaced");
        if (app->def->replaced)
            app->def->replaced(app->state);
    }
    if (app->def->tick)
        app->def->tick(app->state, now_ms);
    if (second && app->def->number) {
        const char *label = "";
        int64_t number = app->def->number(app->state, &label);
        gallery_number(app, number, label);
    }
}

static struct timespec at_ms(uint64_t ms)
{
    return (struct timespec){(time_t)(ms / 1000), (long)(ms % 1000) * 1000000};
}

/* The next request; NULL when a tick is due, or it stops. */
static struct app_request *next_request(struct app *app, uint64_t tick_ms)
{
    struct timespec until = at_ms(tick_ms);
    pthread_mutex_lock(&app->lock);
    while (!app->first && !app->stopping &&
           pthread_cond_timedwait(&app->wake, &app->lock, &until) == 0)
        continue;
    struct app_request *r = app->first;
    if (r && !(app->first = r->next))
        app->end = &app->first;
    pthread_mutex_unlock(&app->lock);
    return r;
}

static bool is_stopping(struct app *app)
{
    pthread_mutex_lock(&app->lock);
    bool stopping = app->stopping && !app->first;
    pthread_mutex_unlock(&app->lock);
    return stopping;
}

static void *work(void *ctx)
{
    struct app *app = ctx;
    uint64_t tick_ms = app_now_ms(), second_ms = tick_ms;
    while (!is_stopping(app)) {
        struct app_request *r = next_request(app, tick_ms);
        if (r)
            r->route->handler(r->route->is_host ? app : app->state, r);
        uint64_t now = app_now_ms();
        if (now >= tick_ms || tick_ms > now + 2 * TICK_MS) { /* also when the clock was set back */
            run_ticks(app, now, &second_ms);
            tick_ms = now + TICK_MS;
            if (second_ms > now + 2000)
                second_ms = now;
        }
    }
    return NULL;
}

/* The schema is the one thing that both databases can't read alike: PostgreSQL's has its own name. */
static int open_db(struct app *app, const char *where, char *why, size_t size)
{
    bool server = strncmp(where, "postgres://", 11) == 0 || strncmp(where, "postgresql://", 13) == 0;
    char *schema = app_format("%s/%s/schema%s.sql", app->host->folder, app->def->name,
                              server ? ".postgres" : "");
    char *rows = app_format("%s/%s/rows.sql", app->host->folder, app->def->name);
    const char *const scripts[] = {schema, rows, NULL};
    if (schema && rows)
        app->db = db_open(where, scripts, why, size);
    free(schema);
    free(rows);
    return app->db ? 0 : -1;
}

struct app *app_new(struct host *host, const struct app_def *def, const char *db, char *why,
                    size_t why_size)
{
    struct app *app = calloc(1, sizeof *app);
    snprintf(why, why_size, "out of memory");
    if (!app)
        return NULL;
    app->def = def;
    app->host = host;
    app->end = &app->first;
    app->rate = def->rate;
    const char *world = app_option(app, "world");
    app->running = def->rate > 0 && !(world && strcmp(world, "off") == 0);
    pthread_mutex_init(&app->lock, NULL);
    pthread_cond_init(&app->wake, NULL);
    pthread_cond_init(&app->rest, NULL);
    app->cookie = def == &app_operator ? strdup("freshet_token") : app_format("freshet_%s", def->name);
    int rc = app->cookie ? 0 : -1;
    if (!rc && db)
        rc = open_db(app, db, why, why_size);
    if (!rc && def->open)
        rc = def->open(app, &app->state, why, why_size);
    if (!rc && (session_routes(app) || (def->play && world_routes(app)))) {
        snprintf(why, why_size, "one of its paths is taken");
        rc = -1;
    }
    if (rc) {
        app_free(app);
        return NULL;
    }
    return app;
}

int app_start(struct app *app)
{
    app->has_worker = pthread_create(&app->worker, NULL, work, app) == 0;
    return app->has_worker && world_start(app) == 0 ? 0 : -1;
}

void app_stop(struct app *app)
{
    pthread_mutex_lock(&app->lock);
    app->stopping = true;
    pthread_cond_signal(&app->wake);
    pthread_cond_signal(&app->rest);
    pthread_mutex_unlock(&app->lock);
    world_stop(app);
    if (app->has_worker)
        pthread_join(app->worker, NULL);
    app->has_worker = false;
}

void app_free(struct app *app)
{
    if (!app)
        return;
    if (app->def->close && app->state)
        app->def->close(app->state);
    db_close(app->db);
    for (struct route *r = app->routes, *next; r; r = next) {
        next = r->next;
        free(r);
    }
    free(app->cookie);
    pthread_cond_destroy(&app->wake);
    pthread_cond_destroy(&app->rest);
    pthread_mutex_destroy(&app->lock);
    free(app);
}
