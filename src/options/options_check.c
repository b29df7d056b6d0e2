/* What options need of one another, and what follows from others. */
#include "options/options_load.h"

#include "base/event.h"
#include "base/map.h"
#include "base/rng.h"
#include "json/scan.h"
#include "json/schema.h"

#include <stdio.h>
#include <unistd.h>

#define SLOT_NAME_MAX 63 /* PostgreSQL's NAMEDATALEN - 1 */

/* "routes[3].path" as a place in the file. The text lives in the scratch memory. */
static struct opt_where place(struct loader *l, const char *list, size_t i, const char *name,
                              unsigned line)
{
    char text[128];
    int n = snprintf(text, sizeof text, "%s[%zu].%s", list, i, name);
    const char *copy = arena_text(l->scratch, slice_str(n > 0 ? text : ""));
    if (!copy)
        l->no_memory = true;
    return (struct opt_where){FROM_FILE, line, copy ? copy : list};
}

/* Finds names that come twice in a list. */
struct names {
    struct map map;
};

static void names_init(struct names *n)
{
    uint64_t seed[2];
    rng_system(seed, sizeof seed);
    map_init(&n->map, seed[0], seed[1]);
}

static void names_fini(struct names *n)
{
    map_fini(&n->map);
}

/* Notes the name, or says at `where` that it is taken. line: of the entry, kept in names. */
static void names_add(struct loader *l, struct names *n, const char *name, const unsigned *line,
                      struct opt_where where)
{
    unsigned *first;
    if (!name)
        return;
    if ((first = map_get(&n->map, slice_str(name))) != NULL) {
        unsigned file = YAML_FILE(*first);
        bool here = file == YAML_FILE(where.line) || file >= l->file_count;
        loader_mistake(l, where, "\"%s\" stands here a second time, first in %s%s%u", name,
                       here ? "line" : l->files[file], here ? " " : ":", YAML_LINE(*first));
    } else if (map_put(&n->map, slice_str(name), (void *)line) != 0) {
        l->no_memory = true;
    }
}

static void warn_unreadable(struct loader *l, const char *path, struct opt_where where)
{
    if (path && access(path, R_OK) != 0)
        loader_warning(l, where, "%s cannot be read now", path);
}

static bool is_loopback(const char *host)
{
    return strncmp(host, "127.", 4) == 0 || strcmp(host, "::1") == 0 ||
           strcmp(host, "localhost") == 0;
}

/* The cap at *limit is off with dev, unless someone set it. */
static void lift(struct loader *l, const char *name, uint64_t *limit)
{
    if (loader_where(l, name).from == FROM_DEFAULT)
        *limit = 0;
}

static void check_dev(struct loader *l)
{
    struct options *o = l->o;
    if (!o->dev)
        return;
    for (size_t i = 0; i < o->listen.count; i++)
        if (o->listen.v[i].host && !is_loopback(o->listen.v[i].host))
            loader_mistake(l, loader_where(l, "listen"),
                           "with dev there are no tokens, so it must be a loopback address such "
                           "as 127.0.0.1:4000, not %s",
                           o->listen.v[i].host);
    if (o->metrics_listen.host && !is_loopback(o->metrics_listen.host))
        loader_mistake(l, loader_where(l, "metrics_listen"),
                       "with dev it must be a loopback address such as 127.0.0.1:4001");
    o->test_broadcast = true;
    lift(l, "limits.connections", &o->limits.connections);
    lift(l, "limits.connections_per_tenant", &o->limits.connections_per_tenant);
    lift(l, "limits.connections_per_address", &o->limits.connections_per_address);
    lift(l, "limits.connections_per_user", &o->limits.connections_per_user);
    lift(l, "limits.accepts_per_second", &o->limits.accepts_per_second);
    lift(l, "limits.publisher_per_second", &o->limits.publisher_per_second);
    lift(l, "limits.publish_per_second", &o->limits.publish_per_second);
}

static void check_limits(struct loader *l)
{
    const struct opt_limits *m = &l->o->limits;
    if (m->publish_per_second && m->publish_burst < m->batch_events)
        loader_warning(l, loader_where(l, "limits.publish_burst"),
                       "is smaller than limits.batch_events: greater batches are always refused");
    if (m->event_bytes > m->body_bytes)
        loader_warning(l, loader_where(l, "limits.event_bytes"),
                       "is larger than limits.body_bytes, which holds first");
    if (m->ring_bytes > m->edge_bytes)
        loader_warning(l, loader_where(l, "limits.ring_bytes"),
                       "is larger than limits.edge_bytes, which holds first");
    if (m->target_bytes > m->head_bytes)
        loader_warning(l, loader_where(l, "limits.target_bytes"),
                       "is larger than limits.head_bytes, which holds first");
    if (l->o->static_dir)
        warn_unreadable(l, l->o->static_dir, loader_where(l, "static"));
    if (l->o->console_dir && strcmp(l->o->console_dir, "none") != 0)
        warn_unreadable(l, l->o->console_dir, loader_where(l, "console"));
}

/* The whole file into text; false: it is not there, or too large to be a schema. */
static bool read_schema(const char *path, struct buf *text)
{
    char part[4096];
    size_t n;
    FILE *f = fopen(path, "rb");
    if (!f)
        return false;
    while (text->len <= SCHEMA_BYTES_MAX && (n = fread(part, 1, sizeof part, f)) > 0)
        buf_add(text, part, n);
    bool read = !ferror(f) && !text->failed && text->len <= SCHEMA_BYTES_MAX;
    fclose(f);
    return read;
}

static void keep_schema(struct loader *l, struct opt_event *event, struct slice text)
{
    struct buf compact = BUF_INIT;
    json_compact(text, &compact);
    const char *copy = compact.failed ? NULL : arena_text(l->o->arena, buf_slice(&compact));
    event->text = slice_str(copy);
    l->no_memory = l->no_memory || !copy;
    buf_fini(&compact);
}

static void compile_schema(struct loader *l, struct opt_event *event, struct opt_where where)
{
    struct buf text = BUF_INIT;
    struct err e;
    if (!event->schema)
        return;
    if (!read_schema(event->schema, &text))
        loader_mistake(l, where, "%s: %s cannot be read, or is larger than %d bytes", event->type,
                       event->schema, SCHEMA_BYTES_MAX);
    else if (schema_compile(buf_slice(&text), &event->compiled, &e))
        loader_mistake(l, where, "%s: %s: %s", event->type, event->schema, e.detail);
    else
        keep_schema(l, event, buf_slice(&text));
    buf_fini(&text);
}

static void check_channels(struct loader *l)
{
    struct opt_channels *list = &l->o->channels;
    struct names names;
    names_init(&names);
    for (size_t i = 0; i < list->count; i++) {
        const struct opt_channel *c = &list->v[i];
        names_add(l, &names, c->name, &c->line, place(l, "channels", i, "name", c->line));
        for (size_t k = 0; k < c->events.count; k++)
            compile_schema(l, &c->events.v[k],
                           place(l, "channels", i, "events", c->events.v[k].line));
        l->o->typed = l->o->typed || c->events.count;
    }
    names_fini(&names);
    l->o->channel_default =
        (struct opt_channel){.name = "*", .history = l->o->history, .keys = l->o->keys};
}

/* The source's rows need a keyed channel that is theirs alone. */
static void check_source_channel(struct loader *l, const struct opt_source *s, size_t i)
{
    const struct opt_channel *c = options_channel(l->o, slice_str(s->channel));
    if (!c)
        loader_mistake(l, place(l, "sources", i, "channel", s->line),
                       "%s is not configured: add {name: %s, keyed: true} to channels", s->channel,
                       s->channel);
    else if (!c->keyed && loader_item_ok(l, c))
        loader_mistake(l, place(l, "sources", i, "channel", s->line),
                       "%s is not keyed: give its entry in channels `keyed: true`", s->channel);
}

/* A path of SQLite is relative to the file, like all paths. */
static void resolve_database(struct loader *l, struct opt_source *s)
{
    const char *dir = loader_dir(l, s->line);
    if (s->database[0] == '/' || !*dir)
        return;
    size_t a = strlen(dir), b = strlen(s->database);
    char *p = arena_alloc(l->o->arena, a + b + 1);
    if (!p) {
        l->no_memory = true;
        return;
    }
    memcpy(p, dir, a);
    memcpy(p + a, s->database, b);
    s->database = p;
}

/* `freshet_` and the name, in the letters that PostgreSQL takes for a slot. NULL: no memory. */
static const char *default_name(struct loader *l, const struct opt_source *s)
{
    static const char prefix[] = "freshet_";
    size_t len = strlen(s->name), at = sizeof prefix - 1;
    char *p = arena_alloc(l->o->arena, at + len + 1);
    if (!p) {
        l->no_memory = true;
        return NULL;
    }
    memcpy(p, prefix, at);
    for (size_t i = 0; i < len && at < SLOT_NAME_MAX; i++) {
        char c = s->name[i];
        if (c >= 'A' && c <= 'Z')
            c = (char)(c - 'A' + 'a');
        p[at++] = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ? c : '_';
    }
    p[at] = 0;
    return p;
}

static void check_outbox(struct loader *l, struct opt_source *s, size_t i)
{
    const char *const foreign[] = {s->query, s->key, s->channel, s->tenant, s->listen, s->lock};
    for (size_t k = 0; k < sizeof foreign / sizeof *foreign; k++)
        if (foreign[k]) {
            loader_mistake(l, place(l, "sources", i, "type", s->line),
                           "an outbox takes no query, key, channel, tenant, listen and lock: its "
                           "messages say where they go, within tenants and channels");
            break;
        }
    if (!s->tenants.count)
        loader_mistake(l, place(l, "sources", i, "tenants", s->line),
                       "must be given: the tenants it may write");
    if (!s->channels.count)
        loader_mistake(l, place(l, "sources", i, "channels", s->line),
                       "must be given: the channels it may write");
    if (!s->slot)
        s->slot = default_name(l, s);
    else if (strspn(s->slot, "abcdefghijklmnopqrstuvwxyz0123456789_") != strlen(s->slot))
        loader_mistake(l, place(l, "sources", i, "slot", s->line),
                       "may have lower case letters, digits and _ only");
}

static void check_query(struct loader *l, struct opt_source *s, size_t i)
{
    bool rows = s->mode == SOURCE_MODE_REPLICATION;
    if (!s->query && !rows)
        loader_mistake(l, place(l, "sources", i, "query", s->line), "must be given");
    if (rows && (s->type != SOURCE_TYPE_POSTGRES || s->query || s->listen || s->lock))
        loader_mistake(l, place(l, "sources", i, "mode", s->line),
                       "replication is for postgres, and takes no query, listen and lock");
    if (rows && !s->tables.count && !s->publication)
        loader_mistake(l, place(l, "sources", i, "tables", s->line),
                       "must be given with `mode: replication`, or a publication");
    if (!rows && (s->tables.count || s->publication))
        loader_mistake(l, place(l, "sources", i, "mode", s->line),
                       "tables and publication have a meaning with `mode: replication` only");
    if (rows && !s->publication)
        s->publication = default_name(l, s);
    if (!s->key)
        loader_mistake(l, place(l, "sources", i, "key", s->line), "must be given");
    if (!s->channel)
        loader_mistake(l, place(l, "sources", i, "channel", s->line), "must be given");
    else
        check_source_channel(l, s, i);
    if (s->slot || s->tenants.count || s->channels.count)
        loader_mistake(l, place(l, "sources", i, "type", s->line),
                       "slot, tenants and channels have a meaning with type postgres-outbox only");
    if (s->type == SOURCE_TYPE_SQLITE && (s->listen || s->lock || s->password_file))
        loader_mistake(l, place(l, "sources", i, "type", s->line),
                       "listen, lock and password_file have a meaning with PostgreSQL only");
    if (s->tenant && s->tenant_value)
        loader_mistake(l, place(l, "sources", i, "tenant_value", s->line),
                       "stands beside tenant: give the column or the constant, not both");
    else if (!s->tenant && !s->tenant_value)
        s->tenant_value = l->o->tenant;
    if (!s->every_ms)
        s->every_ms = s->type == SOURCE_TYPE_SQLITE ? 100 : 3000;
    if (s->type == SOURCE_TYPE_SQLITE)
        resolve_database(l, s);
}

static void check_sources(struct loader *l)
{
    struct opt_sources *list = &l->o->sources;
    struct names names, channels;
    names_init(&names);
    names_init(&channels);
    for (size_t i = 0; i < list->count; i++) {
        struct opt_source *s = &list->v[i];
        names_add(l, &names, s->name, &s->line, place(l, "sources", i, "name", s->line));
        names_add(l, &channels, s->channel, &s->line, place(l, "sources", i, "channel", s->line));
        if (!loader_item_ok(l, s))
            continue;
        if (s->password_file)
            warn_unreadable(l, s->password_file, place(l, "sources", i, "password_file", s->line));
        if (s->type == SOURCE_TYPE_POSTGRES_OUTBOX)
            check_outbox(l, s, i);
        else
            check_query(l, s, i);
    }
    names_fini(&channels);
    names_fini(&names);
}

static bool is_pattern_text(const char *s)
{
    size_t len = strlen(s);
    return len && s[len - 1] == '*';
}

static bool kind_reads(enum opt_route_kind kind)
{
    return kind == ROUTE_KIND_STREAM || kind == ROUTE_KIND_POLL;
}

/* Paths that are the hub's own. */
static bool is_own_path(const char *path)
{
    static const char *const own[] = {"/v1", "/metrics", "/healthz", "/readyz", "/console"};
    for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
        size_t len = strlen(own[i]);
        if (strncmp(path, own[i], len) == 0 && (!path[len] || path[len] == '/'))
            return true;
    }
    return false;
}

static void check_route_channels(struct loader *l, const struct opt_route *r, size_t i)
{
    struct opt_where where = place(l, "routes", i, "channels", r->line);
    if (r->kind == ROUTE_KIND_STATS || r->channel == CHANNEL_RULE_PARAM)
        return;
    for (size_t k = 0; k < r->channels.count; k++)
        if (is_pattern_text(r->channels.v[k]))
            loader_mistake(l, where, "%s is a pattern, which needs `channel: param`",
                           r->channels.v[k]);
    if (kind_reads(r->kind) && r->channels.count == 0)
        loader_mistake(l, where,
                       "must name at least one, unless `channel: param` lets the "
                       "request name them");
    else if (!kind_reads(r->kind) && r->channels.count != 1)
        loader_mistake(l, where,
                       "must name exactly one to publish to, unless `channel: param` "
                       "lets the request name it");
    if (kind_reads(r->kind) && r->channels.count > l->o->limits.channels_per_connection)
        loader_mistake(l, where, "are more than limits.channels_per_connection");
}

static void check_route_names(struct loader *l, const struct opt_route *r, size_t i)
{
    const char *const names[] = {r->control.open, r->control.gap, r->control.beat,
                                 r->control.close};
    for (size_t k = 0; k < sizeof names / sizeof *names; k++)
        if (strcmp(names[k], "open") == 0 || strcmp(names[k], "error") == 0)
            loader_mistake(l, place(l, "routes", i, "control", r->line),
                           "an event named %s would fire an EventSource's own handler", names[k]);
    if (r->key_name && strcmp(r->envelope, "update") != 0)
        loader_mistake(l, place(l, "routes", i, "key_name", r->line),
                       "has a meaning with `envelope: update` only");
}

static void check_route(struct loader *l, struct opt_route *r, size_t i)
{
    if (is_own_path(r->path))
        loader_mistake(l, place(l, "routes", i, "path", r->line), "%s is the hub's own", r->path);
    if (r->tenant == TENANT_RULE_FIXED && !r->tenant_value)
        loader_mistake(l, place(l, "routes", i, "tenant_value", r->line),
                       "must be given with `tenant: fixed`");
    if (r->tenant != TENANT_RULE_FIXED && r->tenant_value)
        loader_mistake(l, place(l, "routes", i, "tenant_value", r->line),
                       "has a meaning with `tenant: fixed` only");
    check_route_channels(l, r, i);
    check_route_names(l, r, i);
    if (!r->control.time_name)
        r->control.time_name = r->control.envelope == CONTROL_AUTO ? "time" : "timestamp";
}

static void check_routes(struct loader *l)
{
    struct opt_routes *list = &l->o->routes;
    struct names gets, posts;
    names_init(&gets);
    names_init(&posts);
    for (size_t i = 0; i < list->count; i++) {
        struct opt_route *r = &list->v[i];
        bool get = kind_reads(r->kind) || r->kind == ROUTE_KIND_STATS;
        if (!loader_item_ok(l, r))
            continue;
        names_add(l, get ? &gets : &posts, r->path, &r->line,
                  place(l, "routes", i, "path", r->line));
        check_route(l, r, i);
    }
    names_fini(&posts);
    names_fini(&gets);
}

static void check_key(struct loader *l, const struct opt_key *k, size_t i)
{
    unsigned secrets = (k->secret ? 1u : 0) + (k->secret_file ? 1u : 0) + (k->secret_env ? 1u : 0);
    struct opt_where where = place(l, "auth.keys", i, "algorithm", k->line);
    if (k->algorithm == ALGORITHM_HS256 && (secrets != 1 || k->public_key_file))
        loader_mistake(l, where,
                       "HS256 takes one of secret, secret_file, secret_env, and no "
                       "public_key_file");
    if (k->algorithm != ALGORITHM_HS256 && (secrets != 0 || !k->public_key_file))
        loader_mistake(l, where, "all but HS256 take public_key_file, and no secret");
    warn_unreadable(l, k->secret_file, place(l, "auth.keys", i, "secret_file", k->line));
    warn_unreadable(l, k->public_key_file, place(l, "auth.keys", i, "public_key_file", k->line));
}

static void check_auth(struct loader *l)
{
    struct opt_keys *keys = &l->o->auth.keys;
    struct opt_publishers *publishers = &l->o->publishers;
    struct names names;
    names_init(&names);
    for (size_t i = 0; i < keys->count; i++) {
        names_add(l, &names, keys->v[i].name, &keys->v[i].line,
                  place(l, "auth.keys", i, "name", keys->v[i].line));
        if (loader_item_ok(l, &keys->v[i]))
            check_key(l, &keys->v[i], i);
    }
    names_fini(&names);
    names_init(&names);
    for (size_t i = 0; i < publishers->count; i++)
        names_add(l, &names, publishers->v[i].name, &publishers->v[i].line,
                  place(l, "publishers", i, "name", publishers->v[i].line));
    names_fini(&names);
    if (l->o->auth.jwks_file)
        warn_unreadable(l, l->o->auth.jwks_file, loader_where(l, "auth.jwks_file"));
}

void options_check(struct loader *l)
{
    check_dev(l);
    check_limits(l);
    check_channels(l);
    check_sources(l);
    check_routes(l);
    check_auth(l);
}

bool options_pattern_covers(const char *pattern, struct slice name)
{
    size_t len = strlen(pattern);
    if (len && pattern[len - 1] == '*')
        return name.len >= len - 1 && memcmp(pattern, name.p, len - 1) == 0;
    return slice_is(name, pattern);
}

const struct opt_channel *options_channel(const struct options *o, struct slice name)
{
    const struct opt_channel *best = NULL;
    size_t best_len = 0;
    for (size_t i = 0; i < o->channels.count; i++) {
        const struct opt_channel *c = &o->channels.v[i];
        if (!c->name || !options_pattern_covers(c->name, name))
            continue;
        if (!is_pattern_text(c->name))
            return c;
        if (!best || strlen(c->name) > best_len) {
            best = c;
            best_len = strlen(c->name);
        }
    }
    return best;
}
