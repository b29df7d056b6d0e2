/* The hub's operator, who signs in to its console, and the console's card in the gallery. */
#include "host/host.h"

#include <stdlib.h>

struct console {
    struct freshet_hub *hub;
    atomic_llong streams; /* as the hub told last: on its own thread, and later than it was asked */
};

static void on_stats(void *ctx, struct freshet_text json)
{
    struct console *c = ctx;
    json_t *stats = json_loadb(json.p, json.len, 0, NULL);
    const json_t *open = json_object_get(stats, "totalConnections");
    if (json_is_integer(open))
        atomic_store(&c->streams, json_integer_value(open));
    json_decref(stats);
}

static int open_console(struct app *app, void **state, char *why, size_t why_size)
{
    struct console *c = calloc(1, sizeof *c);
    (void)why;
    (void)why_size;
    if (!c)
        return -1;
    c->hub = app_hub(app);
    *state = c;
    return 0;
}

static void close_console(void *state)
{
    free(state);
}

static int64_t number(void *state, const char **label)
{
    struct console *c = state;
    *label = "streams open";
    freshet_stats(c->hub, (struct freshet_text){NULL, 0}, on_stats, c); /* for the next time */
    return atomic_load(&c->streams);
}

static const char *const everything[] = {"*", NULL};
static const struct app_login operators[] = {
    {.id = "operator",
     .name = "Operator",
     .role = "SUPER_ADMIN",
     .password = "operate",
     .subscribe = everything,
     .publish = everything,
     .admin = true},
    {0},
};

const struct app_def app_operator = {
    .name = "operator",
    .page = "/console/",
    .title = "The console",
    .sentence = "The hub’s own page: channels, connections and events of everything above, as its"
                " operator sees them.",
    .logins = operators,
    .open = open_console,
    .close = close_console,
    .number = number,
};
