/* freshet stats: a hub's statistics, as they are or as a table. */
#include "cli/args.h"
#include "cli/client.h"
#include "json/scan.h"

#define NAME "stats"
#define COLUMN 32

/* Appends a text without control characters. */
static void put_plain(struct buf *out, struct slice raw)
{
    size_t at = out->len;
    json_unescape(raw, out);
    for (; at < out->len; at++)
        if ((unsigned char)out->p[at] < ' ' || out->p[at] == 127)
            out->p[at] = '?';
}

static void put_value(struct buf *out, struct slice value)
{
    if (json_kind(value) == JSON_STRING)
        put_plain(out, json_string_raw(value));
    else
        json_compact(value, out);
}

/* One member a line; an object's members below it, further in. */
static void put_rows(struct buf *out, struct slice object, unsigned depth)
{
    struct json_iter it = json_iter(object);
    struct slice name, value;
    while (json_member(&it, &name, &value)) {
        size_t start = out->len;
        buf_addf(out, "%*s", (int)depth * 2, "");
        put_plain(out, name);
        if (json_kind(value) == JSON_OBJECT) {
            buf_add_char(out, '\n');
            put_rows(out, value, depth + 1);
            continue;
        }
        do
            buf_add_char(out, ' ');
        while (!out->failed && out->len - start < COLUMN);
        put_value(out, value);
        buf_add_char(out, '\n');
    }
}

static int print(const struct client *c, bool json)
{
    struct slice answer = buf_slice(&c->answer);
    struct buf out = BUF_INIT;
    if (json_check(answer, JSON_DEPTH_MAX, NULL) != 0 || json_kind(answer) != JSON_OBJECT) {
        client_put_failure(c, &out);
        int rc = command_fail(NAME, EXIT_FAILED, "%s", buf_cstr(&out));
        buf_fini(&out);
        return rc;
    }
    if (json) {
        json_compact(answer, &out);
        buf_add_char(&out, '\n');
    } else {
        put_rows(&out, answer, 0);
    }
    bool ok = !out.failed && command_print(buf_slice(&out)) == 0;
    buf_fini(&out);
    return ok ? EXIT_DONE : EXIT_FAILED;
}

static int fetch(struct client *c, const char *tenant, bool json)
{
    client_add_query(c, "tenant", tenant);
    if (client_get(c))
        return print(c, json);
    struct buf why = BUF_INIT;
    client_put_failure(c, &why);
    int rc = command_fail(NAME, EXIT_FAILED, "%s", buf_cstr(&why));
    buf_fini(&why);
    return rc;
}

int cmd_stats(int argc, char **argv)
{
    const char *tenant = NULL, *token = NULL, *places[1];
    bool json = false;
    const struct args_flag flags[] = {
        {"json", ARGS_SWITCH, &json, NULL, "print the hub's JSON on one line", false},
        {"tenant", ARGS_TEXT, &tenant, "T", "of this tenant only", false},
        {"token", ARGS_TEXT, &token, "TOKEN", "the token; better in FRESHET_TOKEN", false},
    };
    const struct args_spec spec = {NAME,
                                   "stats URL [--tenant T] [--json]",
                                   "Prints the statistics of the hub at URL, such as "
                                   "http://127.0.0.1:4000.\n",
                                   flags,
                                   sizeof flags / sizeof *flags,
                                   1,
                                   1};
    struct client c;
    int rc = args_read(&spec, argc, argv, places);
    if (rc >= 0)
        return rc;
    rc = client_open(&c, NAME, places[0], "/v1/stats", token);
    if (rc < 0)
        rc = fetch(&c, tenant, json);
    client_close(&c);
    return rc;
}
