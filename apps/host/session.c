#define _GNU_SOURCE
#include "host/host.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SESSION_S (12 * 3600)

const struct app_login *session_login(const struct app_def *def, const char *id)
{
    for (const struct app_login *l = def->logins; l && l->id; l++)
        if (strcmp(l->id, id) == 0)
            return l;
    return NULL;
}

static json_t *list_of(const char *const *texts)
{
    json_t *list = json_array();
    for (; list && texts && *texts; texts++)
        json_array_append_new(list, json_string(*texts));
    return list;
}

int session_token(struct app *app, const struct app_login *l, char *out)
{
    uint64_t now_s = app_now_ms() / 1000;
    json_t *claims = json_pack("{s:s, s:s, s:s, s:o, s:o, s:I, s:I}", "sub", l->id, "name", l->name,
                               "role", l->role, "subscribe", list_of(l->subscribe), "publish",
                               list_of(l->publish), "iat", (json_int_t)now_s, "exp",
                               (json_int_t)(now_s + SESSION_S));
    if (claims && l->tenant)
        json_object_set_new(claims, "tenant", json_string(l->tenant));
    if (claims && l->admin)
        json_object_set_new(claims, "admin", json_true());
    char *text = claims ? json_dumps(claims, JSON_COMPACT) : NULL;
    int rc = text ? freshet_token_sign(app->host->hub, freshet_text(text), out, TOKEN_MAX) : -1;
    free(text);
    json_decref(claims);
    return rc ? -1 : 0;
}

static json_t *session_of(const struct app_login *l)
{
    return json_pack("{s:s, s:s, s:s, s:s, s:b}", "login", l->id, "name", l->name, "tenant",
                     l->tenant ? l->tenant : "", "role", l->role, "admin", l->admin);
}

static void on_logins(void *state, struct app_request *r)
{
    struct app *app = state;
    json_t *list = json_array();
    for (const struct app_login *l = app->def->logins; l && l->id; l++) {
        json_t *one = l->password ? session_of(l) : NULL;
        if (!one)
            continue;
        json_object_set_new(one, "password", json_string(l->password));
        json_array_append_new(list, one);
    }
    app_reply(r, 200, json_pack("{s:o}", "logins", list));
}

static bool same(const char *a, const char *b)
{
    size_t n = strlen(a);
    return n == strlen(b) && CRYPTO_memcmp(a, b, n) == 0;
}

static void on_login(void *state, struct app_request *r)
{
    struct app *app = state;
    char token[TOKEN_MAX], cookie[TOKEN_MAX + 200];
    json_t *body = app_body(r);
    if (!body)
        return;
    const char *id = json_string_value(json_object_get(body, "login"));
    const char *password = json_string_value(json_object_get(body, "password"));
    const struct app_login *l = id ? session_login(app->def, id) : NULL;
    if (!l || !l->password || !password || !same(password, l->password)) {
        app_fail(r, 401, "UNAUTHORIZED", "there is no such login with that password");
    } else if (session_token(app, l, token)) {
        app_fail(r, 500, "INTERNAL", "no session could be made");
    } else {
        snprintf(cookie, sizeof cookie, "%s=%s; Path=/; Max-Age=%d; HttpOnly; SameSite=Lax",
                 app->cookie, token, SESSION_S);
        freshet_reply_header(app_raw(r), "Set-Cookie", cookie);
        app_reply(r, 200, session_of(l));
    }
}

static void on_logout(void *state, struct app_request *r)
{
    struct app *app = state;
    char cookie[200];
    snprintf(cookie, sizeof cookie, "%s=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax", app->cookie);
    freshet_reply_header(app_raw(r), "Set-Cookie", cookie);
    app_reply(r, 204, NULL);
}

static void on_session(void *state, struct app_request *r)
{
    const struct app_who *who = app_who(r);
    (void)state;
    app_reply(r, 200,
              json_pack("{s:s, s:s, s:s, s:s, s:b}", "login", who->subject, "name", who->name,
                        "tenant", who->tenant, "role", who->role, "admin", who->admin));
}

static int add(struct app *app, const char *method, const char *what, bool is_private,
               app_handler handler)
{
    char path[128];
    snprintf(path, sizeof path, "/api/%s/%s", app->def->name, what);
    return app_add_route(app, method, path, app->cookie,
                         (struct route){
                             .handler = handler, .is_private = is_private, .is_host = true});
}

int session_routes(struct app *app)
{
    return add(app, "GET", "logins", false, on_logins) || add(app, "POST", "login", false, on_login) ||
                   add(app, "POST", "logout", true, on_logout) ||
                   add(app, "GET", "session", true, on_session)
               ? -1
               : 0;
}
