/* Fuzzes the configuration: the YAML file, and the first line of the input as flags. Whatever
 * comes, either the options are whole or at least one mistake is named. */
#include "options/options.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void need(bool ok)
{
    if (!ok)
        abort();
}

/* Promises of options.h that the server relies on. */
static void check_options(const struct options *o)
{
    need(o->listen.count >= 1 && o->tenant && o->keys >= 1 && o->limits.batch_events >= 1);
    for (size_t i = 0; i < o->listen.count; i++)
        need(o->listen.v[i].host != NULL);
    for (size_t i = 0; i < o->channels.count; i++) {
        const struct opt_channel *c = &o->channels.v[i];
        need(c->name && c->keys >= 1 && c->line);
        need(options_channel(o, slice_str(c->name)) != NULL);
        for (size_t k = 0; k < c->events.count; k++)
            need(c->events.v[k].type && c->events.v[k].line);
    }
    for (size_t i = 0; i < o->sources.count; i++) {
        const struct opt_source *s = &o->sources.v[i];
        need(s->name && s->database && s->query && s->key && s->channel && s->every_ms);
        need(!s->tenant != !s->tenant_value && s->types.added && s->types.removed);
        need(options_channel(o, slice_str(s->channel))->keyed);
    }
    for (size_t i = 0; i < o->routes.count; i++) {
        const struct opt_route *r = &o->routes.v[i];
        need(r->path && r->envelope && r->since && r->control.open && r->control.time_name);
        need((r->tenant == TENANT_RULE_FIXED) == (r->tenant_value != NULL));
        need(r->heartbeat_every_ms >= 250 && r->params.channel && r->params.last_event_id);
    }
    for (size_t i = 0; i < o->publishers.count; i++)
        need(o->publishers.v[i].tenant && o->publishers.v[i].channels.count >= 1);
}

/* Cuts a line `# --flag value ...` into arguments; returns how many. --config is left out, so that
 * no other file is read. */
static int cut_flags(char *line, char **argv, int max)
{
    int argc = 0;
    for (char *p = line; *p && argc < max;) {
        size_t n = strcspn(p, " ");
        bool last = !p[n];
        p[n] = 0;
        if (strncmp(p, "--config", 8) == 0)
            return 0;
        if (n)
            argv[argc++] = p;
        p += last ? n : n + 1;
    }
    return argc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char line[256] = "", *argv[16];
    size_t len = 0;
    while (size && data[0] == '#' && len + 1 < size && len < sizeof line - 1 &&
           data[len + 1] != '\n' && data[len + 1] != 0)
        len++;
    if (len)
        memcpy(line, data + 1, len);
    struct options_input in = {.argc = cut_flags(line, argv, 16),
                               .argv = argv,
                               .file = "hub.yaml",
                               .text = slice_of(size ? (const char *)data : "", size)};
    struct options *o;
    struct buf report = BUF_INIT, warnings = BUF_INIT;
    enum options_result rc = options_load(&in, &o, &report, &warnings);
    need((rc == OPTIONS_OK) == (o != NULL) && (rc == OPTIONS_OK) == (report.len == 0));
    if (o)
        check_options(o);
    for (size_t i = 0; i < report.len; i++)
        need((unsigned char)report.p[i] >= ' ' || report.p[i] == '\n');
    options_free(o);
    buf_fini(&report);
    buf_fini(&warnings);
    return 0;
}
