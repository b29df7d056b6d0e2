#define _GNU_SOURCE
#include "host/host.h"

#include <curl/curl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RATE_MAX 200.0
#define TOKEN_AGE_MS (3600 * 1000u)
#define LOGINS_MAX 32
#define ANSWER_MAX (4u << 20)

struct world {
    struct app *app;
    CURL *curl;
    uint64_t dice;
    char *tokens[LOGINS_MAX]; /* by place in the table of logins */
    uint64_t token_ms[LOGINS_MAX];
};

/* xorshift64*: nothing here is a secret. */
static uint64_t roll(struct world *w)
{
    w->dice ^= w->dice >> 12;
    w->dice ^= w->dice << 25;
    w->dice ^= w->dice >> 27;
    return w->dice * 2685821657736338717u;
}

double world_random(struct world *w)
{
    return (double)(roll(w) >> 11) / 9007199254740992.0;
}

unsigned world_below(struct world *w, unsigned limit)
{
    return (unsigned)(world_random(w) * limit);
}

bool world_stopping(const struct world *w)
{
    struct app *app = w->app;
    pthread_mutex_lock(&app->lock);
    bool stopping = app->stopping || !app->running;
    pthread_mutex_unlock(&app->lock);
    return stopping;
}

struct answer {
    char *p;
    size_t len;
};

static size_t on_bytes(char *p, size_t size, size_t n, void *ctx)
{
    struct answer *a = ctx;
    size_t len = size * n;
    char *more = a->len + len <= ANSWER_MAX ? realloc(a->p, a->len + len + 1) : NULL;
    if (!more)
        return 0;
    memcpy(more + a->len, p, len);
    a->p = more;
    a->len += len;
    return len;
}

static const char *token_of(struct world *w, const char *login)
{
    uint64_t now = app_now_ms();
    const struct app_def *def = w->app->def;
    const struct app_login *l = login ? session_login(def, login) : NULL;
    size_t i = l ? (size_t)(l - def->logins) : LOGINS_MAX;
    if (i >= LOGINS_MAX)
        return NULL;
    if (!w->tokens[i])
        w->tokens[i] = malloc(TOKEN_MAX);
    if (w->tokens[i] && now - w->token_ms[i] > TOKEN_AGE_MS) {
        if (session_token(w->app, l, w->tokens[i]))
            return NULL;
        w->token_ms[i] = now;
    }
    return w->tokens[i];
}

static struct curl_slist *headers_of(struct world *w, const char *login, bool body)
{
    struct curl_slist *list = NULL;
    const char *token = token_of(w, login);
    char *line = token ? app_format("Authorization: Bearer %s", token) : NULL;
    if (line)
        list = curl_slist_append(list, line);
    free(line);
    if (body)
        list = curl_slist_append(list, "Content-Type: application/json");
    return list;
}

json_t *world_send(struct world *w, const char *login, const char *method, const char *path,
                   json_t *body, int *status)
{
    struct answer answer = {NULL, 0};
    long code = 0;
    json_t *out = NULL;
    char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
    char *url = app_format("http://%s%s", w->app->host->address, path);
    struct curl_slist *headers = headers_of(w, login, body != NULL);
    curl_easy_reset(w->curl);
    curl_easy_setopt(w->curl, CURLOPT_URL, url);
    curl_easy_setopt(w->curl, CURLOPT_CUSTOMREQUEST, method);
    curl_easy_setopt(w->curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(w->curl, CURLOPT_TIMEOUT_MS, 5000L);
    curl_easy_setopt(w->curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(w->curl, CURLOPT_PROXY, "");
    curl_easy_setopt(w->curl, CURLOPT_WRITEFUNCTION, on_bytes);
    curl_easy_setopt(w->curl, CURLOPT_WRITEDATA, &answer);
    if (text)
        curl_easy_setopt(w->curl, CURLOPT_POSTFIELDS, text);
    if (url && (text || !body) && curl_easy_perform(w->curl) == CURLE_OK) {
        curl_easy_getinfo(w->curl, CURLINFO_RESPONSE_CODE, &code);
        out = answer.len ? json_loadb(answer.p, answer.len, JSON_DECODE_ANY, NULL) : NULL;
    }
    if (status)
        *status = (int)code;
    curl_slist_free_all(headers);
    free(answer.p);
    free(text);
    free(url);
    json_decref(body);
    return out;
}

/* ---- its thread ---- */

/* Waits until the next act is due. False when it stops. */
static bool wait_for_act(struct app *app, uint64_t *due_ms)
{
    pthread_mutex_lock(&app->lock);
    while (!app->stopping) {
        uint64_t now = app_now_ms();
        if (!app->running || app->rate <= 0) {
            pthread_cond_wait(&app->rest, &app->lock);
            *due_ms = app_now_ms();
            continue;
        }
        uint64_t gap = (uint64_t)(1000.0 / app->rate);
        if (*due_ms > now + gap) /* the rate was raised, or the clock set back */
            *due_ms = now + gap;
        if (now >= *due_ms) {
            *due_ms = now > *due_ms + 1000 ? now + gap : *due_ms + gap;
            break;
        }
        struct timespec until = {(time_t)(*due_ms / 1000), (long)(*due_ms % 1000) * 1000000};
        pthread_cond_timedwait(&app->rest, &app->lock, &until);
    }
    bool go = !app->stopping;
    pthread_mutex_unlock(&app->lock);
    return go;
}

static void *play(void *ctx)
{
    struct app *app = ctx;
    struct world w = {.app = app, .curl = curl_easy_init(), .dice = app_now_ms() * 2 + 1};
    void *memory = calloc(1, app->def->play_size ? app->def->play_size : 1);
    uint64_t due_ms = app_now_ms();
    while (w.curl && memory && wait_for_act(app, &due_ms))
        app->def->play(&w, memory);
    free(memory);
    for (size_t i = 0; i < LOGINS_MAX; i++)
        free(w.tokens[i]);
    curl_easy_cleanup(w.curl);
    return NULL;
}

int world_start(struct app *app)
{
    if (!app->def->play)
        return 0;
    app->has_world = pthread_create(&app->player, NULL, play, app) == 0;
    return app->has_world ? 0 : -1;
}

void world_stop(struct app *app)
{
    if (app->has_world)
        pthread_join(app->player, NULL);
    app->has_world = false;
}

/* ---- its switch ---- */

static json_t *world_json(struct app *app)
{
    pthread_mutex_lock(&app->lock);
    json_t *out = json_pack("{s:b, s:f}", "running", app->running, "perSecond", app->rate);
    pthread_mutex_unlock(&app->lock);
    return out;
}

static void on_get(void *state, struct app_request *r)
{
    app_reply(r, 200, world_json(state));
}

static void on_post(void *state, struct app_request *r)
{
    struct app *app = state;
    json_t *body = app_body(r);
    if (!body)
        return;
    const json_t *running = json_object_get(body, "running");
    const json_t *rate = json_object_get(body, "perSecond");
    double value = json_number_value(rate);
    if ((running && !json_is_boolean(running)) ||
        (rate && (!json_is_number(rate) || !(value > 0) || value > RATE_MAX))) {
        app_fail(r, 400, "BAD_REQUEST",
                 "send {\"running\": true or false, \"perSecond\": more than 0, at most %.0f}",
                 RATE_MAX);
        return;
    }
    pthread_mutex_lock(&app->lock);
    if (running)
        app->running = json_is_true(running);
    if (rate)
        app->rate = value;
    pthread_cond_signal(&app->rest);
    pthread_mutex_unlock(&app->lock);
    app_reply(r, 200, world_json(app));
}

int world_routes(struct app *app)
{
    char path[128];
    snprintf(path, sizeof path, "/api/%s/world", app->def->name);
    struct route open = {.handler = on_get, .is_host = true};
    struct route change = {.handler = on_post, .is_private = true, .is_host = true};
    return app_add_route(app, "GET", path, NULL, open) ||
                   app_add_route(app, "POST", path, app->cookie, change)
               ? -1
               : 0;
}
