/* api_hub.c - freshet.h: hubs, their loops, connections, statistics. */
#include "server/api.h"

#include "base/num.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

const char *freshet_version(void)
{
    return FRESHET_VERSION;
}

static const struct {
    int api, code;
} codes[] = {{FRESHET_EINVAL, ERR_BAD_REQUEST},   {FRESHET_EFORBIDDEN, ERR_FORBIDDEN},
             {FRESHET_ENOENT, ERR_NOT_FOUND},     {FRESHET_ECONFLICT, ERR_CONFLICT},
             {FRESHET_ETOOBIG, ERR_TOO_LARGE},    {FRESHET_EBUSY, ERR_RATE_LIMITED},
             {FRESHET_EBUSY, ERR_OVERLOADED},     {FRESHET_EFULL, ERR_STORE_FULL},
             {FRESHET_ECLOSING, ERR_DRAINING},    {FRESHET_EINVAL, ERR_SCHEMA_MISMATCH},
             {FRESHET_ENOMEM, ERR_OVERLOADED},    {FRESHET_EFAILED, ERR_INTERNAL}};

int api_error(int code)
{
    for (size_t i = 0; code && i < sizeof codes / sizeof *codes; i++)
        if (codes[i].code == code)
            return codes[i].api;
    return code ? FRESHET_EFAILED : FRESHET_OK;
}

const char *freshet_error_name(int error)
{
    if (error == FRESHET_OK)
        return "OK";
    if (error == FRESHET_EUSAGE)
        return err_name(ERR_BAD_REQUEST);
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        if (codes[i].api == error)
            return err_name(codes[i].code);
    return err_name(ERR_INTERNAL);
}

struct freshet_text freshet_text(const char *s)
{
    return api_text(slice_str(s));
}

/* ---- making and running ---- */

static void log_to_program(void *ctx, enum log_level level, const char *event, const char *fields)
{
    const struct freshet_hub *hub = ctx;
    hub->log_fn(hub->log_ctx, (enum freshet_log_level)level, event, fields);
}

static void tell(char *why, size_t size, struct slice text)
{
    if (!why || !size)
        return;
    size_t n = text.len < size - 1 ? text.len : size - 1;
    if (n)
        memcpy(why, text.p, n);
    why[n] = 0;
}

static int load(const struct freshet_options *given, struct options **opts, char *why, size_t size)
{
    static char *const no_env[] = {NULL};
    struct buf report = BUF_INIT, warnings = BUF_INIT;
    struct options_input in = {.argc = given->argc,
                               .argv = given->argv,
                               .env = given->env ? given->env : no_env,
                               .file = given->config_file};
    int rc = (int)options_load(&in, opts, &report, &warnings);
    tell(why, size, buf_slice(rc ? &report : &warnings));
    bool silent = rc && !report.len; /* not even memory for the report */
    if (silent)
        tell(why, size, slice_str("out of memory"));
    buf_fini(&report);
    buf_fini(&warnings);
    if (silent)
        return FRESHET_ENOMEM;
    return rc == OPTIONS_USAGE ? FRESHET_EUSAGE : rc ? FRESHET_EINVAL : 0;
}

/* Returns new: the texts, and a NULL; NULL for no memory. */
static char **copy_texts(char *const *texts, size_t count, bool (*wanted)(const char *text))
{
    char **copy = calloc(count + 1, sizeof *copy);
    size_t n = 0;
    for (size_t i = 0; copy && i < count; i++)
        if ((!wanted || wanted(texts[i])) && !(copy[n++] = slice_dup(slice_str(texts[i])))) {
            for (size_t k = 0; k < n; k++)
                free(copy[k]);
            free(copy);
            return NULL;
        }
    return copy;
}

static void free_texts(char **texts)
{
    for (size_t i = 0; texts && texts[i]; i++)
        free(texts[i]);
    free(texts);
}

/* A variable that options are made from. */
static bool is_ours(const char *variable)
{
    static const char *const names[] = {"FRESHET_", "LOG_LEVEL=", "DEBUG="};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strncmp(variable, names[i], strlen(names[i])) == 0)
            return true;
    return false;
}

/* What a reload loads again. False: no memory. */
static bool keep_input(struct freshet_hub *hub, const struct freshet_options *given)
{
    size_t env = 0;
    while (given->env && given->env[env])
        env++;
    hub->argc = given->argc;
    hub->argv = copy_texts(given->argv, (size_t)given->argc, NULL);
    hub->env = copy_texts(given->env, env, is_ours);
    hub->file = given->config_file ? slice_dup(slice_str(given->config_file)) : NULL;
    return hub->argv && hub->env && (hub->file || !given->config_file);
}

static void hub_free_all(struct freshet_hub *hub)
{
    free_texts(hub->argv);
    free_texts(hub->env);
    free(hub->file);
    free(hub);
}

int freshet_hub_new(const struct freshet_options *options, struct freshet_hub **out, char *why,
                    size_t why_size)
{
    struct err e = {.code = 0};
    struct options *opts = NULL;
    if (options->size < sizeof *options) {
        tell(why, why_size, slice_str("options.size: set it to sizeof(struct freshet_options)"));
        return FRESHET_EINVAL;
    }
    int rc = load(options, &opts, why, why_size);
    if (rc)
        return rc;
    struct freshet_hub *hub = calloc(1, sizeof *hub);
    if (!hub || !keep_input(hub, options)) {
        options_free(opts);
        if (hub)
            hub_free_all(hub);
        tell(why, why_size, slice_str("out of memory"));
        return FRESHET_ENOMEM;
    }
    logger_init(&hub->logger, STDERR_FILENO, opts->log.level,
                opts->log.format == LOG_FORMAT_JSON);
    hub->log_fn = options->log;
    hub->log_ctx = options->log_ctx;
    hub->log = (struct log){(int)opts->log.level, log_to_program, hub};
    hub->s = server_new(opts, hub->log_fn ? &hub->log : &hub->logger.log, &e);
    if (!hub->s) {
        tell(why, why_size, slice_str(e.detail));
        hub_free_all(hub);
        return FRESHET_EFAILED;
    }
    hub->s->api = hub;
    *out = hub;
    return 0;
}

const char *freshet_hub_address(const struct freshet_hub *hub, size_t i)
{
    return server_address(hub->s, i);
}

bool freshet_hub_is_dev(const struct freshet_hub *hub)
{
    return hub->s->boot->opts->dev;
}

int freshet_hub_run(struct freshet_hub *hub)
{
    return server_run(hub->s) ? FRESHET_EFAILED : 0;
}

int freshet_hub_step(struct freshet_hub *hub, uint32_t wait_ms)
{
    int rc = server_step(hub->s, wait_ms);
    return rc < 0 ? FRESHET_EFAILED : rc;
}

int freshet_hub_fd(const struct freshet_hub *hub)
{
    return uv_backend_fd(&hub->s->workers[0].loop);
}

int freshet_hub_timeout(const struct freshet_hub *hub)
{
    return uv_backend_timeout(&hub->s->workers[0].loop);
}

void freshet_hub_stop(struct freshet_hub *hub)
{
    server_stop(hub->s);
}

void freshet_hub_free(struct freshet_hub *hub)
{
    if (!hub)
        return;
    server_free(hub->s);
    hub_free_all(hub);
}

/* ---- reloading ---- */

void freshet_hub_reload(struct freshet_hub *hub)
{
    server_reload(hub->s);
}

void freshet_on_reload(struct freshet_hub *hub,
                       void (*done)(void *ctx, int error, const char *detail), void *ctx)
{
    hub->reloaded = done;
    hub->reloaded_ctx = ctx;
}

void api_reloaded(const struct freshet_hub *hub, int error, const char *detail)
{
    if (hub->reloaded)
        hub->reloaded(hub->reloaded_ctx, error, detail);
}

void api_set_log(struct freshet_hub *hub, const struct options *o)
{
    atomic_store(&hub->log.level, (int)o->log.level);
    atomic_store(&hub->logger.log.level, (int)o->log.level);
    atomic_store(&hub->logger.json, o->log.format == LOG_FORMAT_JSON);
}

static int load_with(const struct freshet_hub *hub, char **argv, int argc, struct options **out,
                     struct buf *report, struct buf *warnings)
{
    struct options_input in = {.argc = argc, .argv = argv, .env = hub->env, .file = hub->file};
    buf_reset(warnings);
    return (int)options_load(&in, out, report, warnings);
}

int api_load_again(const struct freshet_hub *hub, bool dev, bool *other_dev, struct options **out,
                   struct buf *report, struct buf *warnings)
{
    int rc = load_with(hub, hub->argv, hub->argc, out, report, warnings);
    *other_dev = !rc && (*out)->dev != dev;
    if (!*other_dev)
        return rc;
    /* limits follow from it: they are to be those of the dev that is */
    char flag[] = "--dev", *value = dev ? (char[]){"true"} : (char[]){"false"};
    char **argv = calloc((size_t)hub->argc + 2, sizeof *argv);
    options_free(*out);
    *out = NULL;
    if (!argv) {
        buf_add_str(report, "no memory\n");
        return OPTIONS_MISTAKES;
    }
    for (int i = 0; i < hub->argc; i++)
        argv[i] = hub->argv[i];
    argv[hub->argc] = flag;
    argv[hub->argc + 1] = value;
    rc = load_with(hub, argv, hub->argc + 2, out, report, warnings);
    free(argv);
    return rc;
}

/* ---- connections ---- */

void freshet_on_connection(struct freshet_hub *hub,
                           void (*opened)(void *ctx, const struct freshet_connection *c),
                           void (*closed)(void *ctx, const struct freshet_connection *c,
                                          const char *reason),
                           void *ctx)
{
    hub->opened = opened;
    hub->closed = closed;
    hub->connection_ctx = ctx;
}

void api_connection(const struct conn *c, const char *closed_reason)
{
    const struct freshet_hub *hub = c->w->s->api;
    struct slice names[256];
    struct freshet_text channels[256];
    char id[17];
    if (!hub || !(closed_reason ? (void *)hub->closed : (void *)hub->opened))
        return;
    size_t count = edge_channels(&c->reader, names, 256);
    for (size_t i = 0; i < count; i++)
        channels[i] = api_text(names[i]);
    snprintf(id, sizeof id, "%016llx", (unsigned long long)c->stream.id);
    struct freshet_connection info = {
        .id = freshet_text(id),
        .tenant = {c->stream.tenant->name, c->stream.tenant->len},
        .channels = channels,
        .channel_count = count,
        .opened_ms = c->stream.opened_ms};
    if (closed_reason)
        hub->closed(hub->connection_ctx, &info, closed_reason);
    else
        hub->opened(hub->connection_ctx, &info);
}

struct close_msg {
    struct msg msg;
    uint64_t id;
    char reason[64];
};

static void run_close(struct msg *m, void *ctx)
{
    struct close_msg *cm = (struct close_msg *)m;
    struct worker *w = ctx;
    struct conn *c = conn_by_id(w, cm->id);
    if (c)
        conn_end_stream(c, cm->reason, server_retry_ms(w->s, &w->dice));
    free(cm);
}

int freshet_close_connection(struct freshet_hub *hub, const char *id, const char *reason)
{
    uint64_t number;
    if (!conn_id_parse(slice_str(id), &number))
        return FRESHET_EINVAL;
    unsigned index = number & 0xff;
    if (index >= hub->s->worker_count)
        return 0;
    struct close_msg *cm = calloc(1, sizeof *cm);
    if (!cm)
        return FRESHET_ENOMEM;
    cm->msg.run = run_close;
    cm->id = number;
    snprintf(cm->reason, sizeof cm->reason, "%s", reason ? reason : "kicked");
    mailbox_post(&hub->s->workers[index].box, &cm->msg);
    return 0;
}

/* ---- statistics ---- */

struct stats_wish {
    void (*done)(void *ctx, struct freshet_text json);
    void *ctx;
};

static void stats_done(struct gather *g)
{
    struct stats_wish *wish = g->user;
    struct buf body = BUF_INIT;
    stats_put_json(g->origin->s, g, &body);
    buf_cstr(&body);
    wish->done(wish->ctx, api_text(buf_slice(&body)));
    buf_fini(&body);
    free(wish);
}

int freshet_stats(struct freshet_hub *hub, struct freshet_text tenant,
                  void (*done)(void *ctx, struct freshet_text json), void *ctx)
{
    if (atomic_load(&hub->s->draining))
        return FRESHET_ECLOSING;
    struct stats_wish *wish = malloc(sizeof *wish);
    if (!wish)
        return FRESHET_ENOMEM;
    *wish = (struct stats_wish){done, ctx};
    struct gather *g = gather_new(&hub->s->workers[0], api_slice(tenant), false, stats_done, wish);
    if (!g) {
        free(wish);
        return FRESHET_ENOMEM;
    }
    mailbox_post(&hub->s->owner_box, &g->msg);
    return 0;
}

/* ---- sources ---- */

int freshet_source_add(struct freshet_hub *hub, const struct freshet_source *source, char *why,
                       size_t why_size)
{
    struct err e = {.code = 0};
    bool sqlite = source->type && strcmp(source->type, "sqlite") == 0;
    bool postgres = source->type && strcmp(source->type, "postgres") == 0;
    uint32_t every_ms = source->every_ms ? source->every_ms : postgres ? 3000 : 100;
    struct opt_source o = {.name = source->name,
                           .type = postgres ? SOURCE_TYPE_POSTGRES : SOURCE_TYPE_SQLITE,
                           .timeout_ms = 30000,
                           .listen = source->listen,
                           .database = source->database,
                           .query = source->query,
                           .key = source->key,
                           .tenant = source->tenant_column,
                           .tenant_value = source->tenant,
                           .channel = source->channel,
                           .every_ms = every_ms,
                           .types = {source->added ? source->added : "added",
                                     source->changed ? source->changed : "changed",
                                     source->removed ? source->removed : "removed"}};
    if (!sqlite && !postgres)
        err_set(&e, ERR_BAD_REQUEST, "source type: it is sqlite or postgres");
    else if (sqlite && source->listen)
        err_set(&e, ERR_BAD_REQUEST, "source: listen has a meaning with postgres only");
    else
        sources_add(hub->s, &o, &e);
    tell(why, why_size, slice_str(e.detail));
    return api_error(e.code);
}
