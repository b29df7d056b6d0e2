/* host.h - what the files of the host share. Private to it.
 *
 * Threads. The hub's loops call on_request, which only passes the request on; each application's
 * worker does all its own work; each application's world has a thread. What they share is in
 * `struct app` under its lock. */
#ifndef FRESHET_APPS_HOST_H
#define FRESHET_APPS_HOST_H

#include "host/app.h"

#include <pthread.h>
#include <stdatomic.h>

#define TICK_MS 100
#define TOKEN_MAX 8192

struct route {
    struct route *next;
    struct app *app;
    app_handler handler;
    bool is_private, is_host; /* is_host: its state is the app itself */
};

struct app_request {
    struct app_request *next;
    struct freshet_request *raw;
    struct route *route;
    json_t *body, *claims;
    struct app_who who;
    char *texts[3]; /* tenant, subject: of who */
    bool answered;
};

struct host;

struct app {
    const struct app_def *def;
    struct host *host;
    struct db *db;
    void *state;
    char *cookie; /* "freshet_parking" */
    struct route *routes;

    pthread_mutex_t lock;
    pthread_cond_t wake, rest; /* of the worker, of the world */
    struct app_request *first, **end; /* what waits for the worker */
    bool stopping, has_worker, has_world;
    pthread_t worker, player;
    bool running; /* the world */
    double rate;
    int64_t number; /* the last one of the gallery */
    const char *label;
    bool number_known;
};

struct host {
    struct freshet_hub *hub;
    const char *folder, *var; /* apps/, var/ */
    const char *const *options; /* NAME=VALUE, NULL at the end */
    struct app **apps;
    size_t app_count;
    char address[128]; /* "127.0.0.1:4000" */
    atomic_bool stopping;
};

/* worker.c */
struct app *app_new(struct host *host, const struct app_def *def, const char *db, char *why,
                    size_t why_size);
int app_start(struct app *app); /* after the hub has its address; 0 or -1 */
void app_stop(struct app *app); /* waits for its threads; the hub still runs or has ended */
void app_free(struct app *app); /* NULL is fine */
int app_add_route(struct app *app, const char *methods, const char *path, const char *cookie,
                  struct route with);
/* Formats into new memory; NULL for none. */
char *app_format(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* session.c: demo logins. */
int session_routes(struct app *app);
/* A token of that login into out (TOKEN_MAX). 0 or -1. Any thread. */
int session_token(struct app *app, const struct app_login *login, char *out);
const struct app_login *session_login(const struct app_def *def, const char *id);

/* console.c */
extern const struct app_def app_operator; /* the hub's administrator, for the console */

/* world.c */
int world_routes(struct app *app);
int world_start(struct app *app);
void world_stop(struct app *app);

/* gallery.c */
int gallery_routes(struct host *host);
void gallery_number(struct app *app, int64_t number, const char *label);

#endif
