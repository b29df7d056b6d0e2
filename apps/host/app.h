/* app.h - what an application is to the process that runs it (freshet-apps).
 *
 * An application is a constant struct app_def, its folder apps/NAME (schema.sql, rows.sql,
 * freshet.yaml, web/) and its state. All of its own code runs on one thread, its worker: requests,
 * ticks and the beginning and end, one after the other, so that its state needs no locks and its
 * database may take its time without holding up a stream. Only `play`, the world that acts on it,
 * runs elsewhere, and reaches it as a real device would: over HTTP.
 *
 * The host gives each application, under its name: a cookie (freshet_NAME), the endpoints
 *   GET  /api/NAME/logins   the demo logins, with their passwords: they are there to be tried
 *   POST /api/NAME/login    {"login","password"}: sets the cookie, answers as session does
 *   POST /api/NAME/logout   ends the session
 *   GET  /api/NAME/session  {"login","name","tenant","role","admin"}, or 401
 *   GET, POST /api/NAME/world  {"running","perSecond"}: the generator; POST needs a session
 * its worker, its database and its generator. */
#ifndef FRESHET_APPS_APP_H
#define FRESHET_APPS_APP_H

#include "freshet.h"
#include "host/db.h"

#include <jansson.h>

struct app;         /* one that runs */
struct app_request; /* one request, until it is answered */
struct world;       /* the generator of one application */

/* Who may sign in, and who devices are. Texts and lists are constant. */
struct app_login {
    const char *id, *name, *tenant, *role;
    const char *password; /* shown on the page; NULL: a device of the world, never listed */
    const char *const *subscribe, *const *publish; /* channel patterns, NULL at the end; NULL: none */
    bool admin;        /* of the tenant (hub statistics and the like) */
};

struct app_def {
    const char *name;     /* "parking": folder, cookie */
    const char *page;     /* its first page; NULL: /NAME/ */
    const char *title;    /* "Smart parking" */
    const char *sentence; /* one, for the gallery */
    const struct app_login *logins; /* id NULL at the end */

    /* Registers its routes (app_route) and makes its state. The database is open, made from
     * schema.sql and rows.sql if it wasn't there. 0, or -1 with `why`. */
    int (*open)(struct app *app, void **state, char *why, size_t why_size);
    void (*close)(void *state);
    /* Each 100 ms; may be NULL. */
    void (*tick)(void *state, uint64_t now_ms);
    /* The database's file was replaced by another and is open already: forget what was derived
     * from the old one and publish what makes pages ask again. May be NULL. */
    void (*replaced)(void *state);
    /* The number on the gallery's card, and what it counts ("seats free today", constant). It is
     * asked for once a second. */
    int64_t (*number)(void *state, const char **label);

    /* One act of the world (a car arrives, a camera counts): called `rate` times a second while
     * it runs, on a thread of its own. memory: play_size bytes, zero at first. NULL: no world. */
    void (*play)(struct world *world, void *memory);
    size_t play_size;
    double rate; /* acts a second at the start; 0: it is off until somebody turns it on */
};

/* ---- requests: on the worker ---- */

enum app_access {
    APP_OPEN,   /* anybody */
    APP_PRIVATE /* whoever has a valid session or token: else 401. A POST by cookie needs an Origin
                   of this site and a JSON body, as everywhere in Freshet */
};

typedef void (*app_handler)(void *state, struct app_request *r);

/* Inside open. methods and path as freshet_route_add has them. 0 or -1: malformed, or taken. Each
 * request must be answered once, with app_reply or app_fail, before the handler returns or later
 * from the worker. */
int app_route(struct app *app, const char *methods, const char *path, enum app_access access,
              app_handler handler);

/* Borrow until the answer. NULL where there is none. */
const char *app_param(struct app_request *r, const char *name); /* ":name" of the path */
const char *app_query(struct app_request *r, const char *name);
struct freshet_request *app_raw(struct app_request *r);
/* The body as a JSON object. NULL: it is none (400) or isn't sent as application/json (415), and the
 * request has been answered. */
json_t *app_body(struct app_request *r);

/* Who asks; only of APP_PRIVATE. Texts are "" where there is none. */
struct app_who {
    const char *tenant, *subject, *name, *role;
    bool admin;
    bool any_tenant; /* crosses the wall (SUPER_ADMIN): see freshet.yaml's cross_tenant_roles */
};
const struct app_who *app_who(struct app_request *r);
bool app_may_publish(struct app_request *r, const char *tenant, const char *channel);

/* Answers with JSON; takes body over (NULL: no content, use 204). */
void app_reply(struct app_request *r, int status, json_t *body);
/* Answers application/problem+json: {"error": code, "status", "title", "detail": ...}. */
void app_fail(struct app_request *r, int status, const char *code, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* ---- events, database, time: on the worker ---- */

struct app_event {
    const char *tenant, *channel, *type;
    const char *key;      /* NULL: none */
    json_t *data, *state; /* taken over; state NULL: none */
    bool high, deleted;
};

/* Publishes after what the database has committed. A failure is a line in the log: pages that fetch
 * again see the database. Schemas of freshet.yaml hold here too. */
void app_publish(struct app *app, const struct app_event *event);

struct db *app_db(struct app *app);
/* Where it is: the file, for a source that watches it (freshet_source_add inside open), or the URL. */
const char *app_db_where(struct app *app);
struct freshet_hub *app_hub(struct app *app);
const char *app_option(struct app *app, const char *name); /* --option NAME=VALUE of the command; NULL: not given */
void app_log(struct app *app, enum freshet_log_level level, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

uint64_t app_now_ms(void); /* unix */
/* "2026-01-21T09:30:00.000Z" into text (at least 25 bytes); returns text. */
const char *app_iso(uint64_t ms, char *text);

/* ---- the world ---- */

/* Sends a request to the application's own address as `login` (an id of the table; NULL: nobody),
 * with body as JSON (taken over; NULL: none). Returns new: the answer's JSON, NULL when there was
 * none; *status (may be NULL) 0 when nobody answered. Waits for at most 5 s. */
json_t *world_send(struct world *world, const char *login, const char *method, const char *path,
                   json_t *body, int *status);
double world_random(struct world *world);                   /* 0 up to 1 */
unsigned world_below(struct world *world, unsigned limit);  /* 0 up to limit - 1; limit > 0 */
bool world_stopping(const struct world *world);             /* look in loops over many sends */

/* The five. */
extern const struct app_def app_trips, app_cockpit, app_rental, app_parking, app_crowd;

#endif
