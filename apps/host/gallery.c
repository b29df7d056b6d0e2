#define _GNU_SOURCE
#include "host/host.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TENANT "gallery"
#define CHANNEL "numbers"

static const char *const channels[] = {CHANNEL, NULL};
static const struct app_login visitor = {.id = "visitor", .name = "Visitor", .tenant = TENANT,
                                         .role = "visitor", .subscribe = channels};

static const char *page_of(const struct app_def *def, char *text, size_t size)
{
    snprintf(text, size, "/%s/", def->name);
    return def->page ? def->page : text;
}

static json_t *card(struct app *app)
{
    char path[128];
    const struct app_def *def = app->def;
    json_t *out = json_pack("{s:s, s:s, s:s, s:s}", "name", def->name, "title", def->title,
                            "sentence", def->sentence, "path", page_of(def, path, sizeof path));
    pthread_mutex_lock(&app->lock);
    if (out && app->number_known) {
        json_object_set_new(out, "value", json_integer(app->number));
        json_object_set_new(out, "label", json_string(app->label));
    }
    pthread_mutex_unlock(&app->lock);
    return out;
}

/* The cards, and a session that may follow their numbers and nothing else. */
static void on_apps(void *ctx, struct freshet_request *r)
{
    struct host *host = ctx;
    char token[TOKEN_MAX], cookie[TOKEN_MAX + 100];
    json_t *list = json_array();
    for (size_t i = 0; i < host->app_count; i++)
        if (host->apps[i]->def->sentence)
            json_array_append_new(list, card(host->apps[i]));
    json_t *body = json_pack("{s:o}", "apps", list);
    char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
    if (session_token(host->apps[0], &visitor, token) == 0) {
        snprintf(cookie, sizeof cookie, "freshet_visitor=%s; Path=/api/apps; HttpOnly; SameSite=Lax",
                 token);
        freshet_reply_header(r, "Set-Cookie", cookie);
    }
    freshet_reply_header(r, "Cache-Control", "no-store");
    freshet_reply(r, text ? 200 : 503, text ? "application/json" : NULL,
                  freshet_text(text ? text : ""));
    free(text);
    json_decref(body);
}

static void on_first_page(void *ctx, struct freshet_request *r)
{
    struct host *host = ctx;
    char path[128];
    for (size_t i = 0; i < host->app_count; i++)
        if (host->apps[i]->def != &app_operator)
            freshet_reply_header(r, "Location", page_of(host->apps[i]->def, path, sizeof path));
    freshet_reply(r, 302, NULL, freshet_text(""));
}

int gallery_routes(struct host *host)
{
    size_t shown = 0;
    for (size_t i = 0; i < host->app_count; i++)
        shown += host->apps[i]->def != &app_operator;
    int rc = freshet_route_add(host->hub, "GET", "/api/apps", on_apps, host);
    if (!rc && shown == 1) /* alone: its page is the first one */
        rc = freshet_route_add(host->hub, "GET", "/", on_first_page, host);
    return rc;
}

void gallery_number(struct app *app, int64_t number, const char *label)
{
    pthread_mutex_lock(&app->lock);
    bool changed = !app->number_known || app->number != number;
    app->number = number;
    app->label = label;
    app->number_known = true;
    pthread_mutex_unlock(&app->lock);
    if (changed)
        app_publish(app, &(struct app_event){.tenant = TENANT,
                                             .channel = CHANNEL,
                                             .type = "number",
                                             .key = app->def->name,
                                             .data = json_pack("{s:s, s:I, s:s}", "name",
                                                               app->def->name, "value",
                                                               (json_int_t)number, "label",
                                                               label)});
}
