/* Unit tests of src/options. Fixtures: tests/fixtures/options. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "options/option_table.h"
#include "options/option_value.h"
#include "options/options.h"

#include "fixture.h"

#define FLAGS_MAX 16
#define PATH_LEN 1024
#define YAML(s) SLICE_LIT(s)

/* A path under the options' fixtures, in `out`. */
static const char *fixture_path(const char *name, char out[PATH_LEN])
{
    const char *root = getenv("FIXTURES");
    int n = snprintf(out, PATH_LEN, "%s/options/%s", root ? root : "tests/fixtures", name);
    assert_true(n > 0 && n < PATH_LEN);
    return out;
}

struct loaded {
    struct options *o;
    struct buf report, warnings;
    enum options_result rc;
};

static struct loaded load(const char *file, struct slice text, char *const *env, int argc,
                          char *const *argv)
{
    struct loaded l = {NULL, BUF_INIT, BUF_INIT, OPTIONS_OK};
    struct options_input in = {.argc = argc, .argv = argv, .env = env, .file = file, .text = text};
    l.rc = options_load(&in, &l.o, &l.report, &l.warnings);
    return l;
}

static void loaded_fini(struct loaded *l)
{
    options_free(l->o);
    buf_fini(&l->report);
    buf_fini(&l->warnings);
}

static struct loaded load_yaml(struct slice text)
{
    return load("hub.yaml", text, NULL, 0, NULL);
}

static struct loaded load_flags(const char *const *flags)
{
    char *argv[FLAGS_MAX];
    int argc = 0;
    for (; flags[argc]; argc++)
        argv[argc] = (char *)(uintptr_t)flags[argc];
    return load(NULL, SLICE_NONE, NULL, argc, argv);
}

/* That the YAML leads to exactly this report. */
static void assert_report(struct slice yaml, const char *report)
{
    struct loaded l = load_yaml(yaml);
    assert_string_equal(buf_cstr(&l.report), report);
    assert_int_equal(l.rc, *report ? OPTIONS_MISTAKES : OPTIONS_OK);
    loaded_fini(&l);
}

static void assert_usage(const char *const *flags, enum options_result rc, const char *report)
{
    struct loaded l = load_flags(flags);
    assert_string_equal(buf_cstr(&l.report), report);
    assert_int_equal(l.rc, rc);
    loaded_fini(&l);
}

static void defaults_are_those_of_the_protocol(void **state)
{
    (void)state;
    struct loaded l = load(NULL, SLICE_NONE, NULL, 0, NULL);
    assert_int_equal(l.rc, OPTIONS_OK);
    const struct options *o = l.o;
    assert_int_equal(o->listen.count, 1);
    assert_string_equal(o->listen.v[0].host, "127.0.0.1");
    assert_int_equal(o->listen.v[0].port, 4000);
    assert_null(o->metrics_listen.host);
    assert_int_equal(o->store.kind, STORE_KIND_MEMORY);
    assert_false(o->dev || o->test_broadcast);
    assert_true(o->channels_open);
    assert_int_equal(o->log.level, LOG_INFO);
    assert_int_equal(o->ack, OPT_ACK_MEMORY);
    assert_int_equal(o->heartbeat_ms, 15000);
    assert_int_equal(o->history.events, 100);
    assert_int_equal(o->history.bytes, 1 << 20);
    assert_int_equal(o->history.age_ms, 0);
    assert_int_equal(o->keys, 10000);
    assert_int_equal(o->channels_max, 10000);
    assert_int_equal(o->limits.connections, 20000);
    assert_int_equal(o->limits.connections_per_tenant, 10000);
    assert_int_equal(o->limits.publish_per_second, 10000);
    assert_int_equal(o->limits.publish_burst, 50000);
    assert_int_equal(o->limits.head_bytes, 16384);
    assert_int_equal(o->limits.head_ms, 10000);
    assert_int_equal(o->limits.body_bytes, 1 << 20);
    assert_int_equal(o->limits.event_bytes, 65536);
    assert_int_equal(o->limits.batch_events, 1000);
    assert_int_equal(o->limits.headers, 100);
    assert_int_equal(o->limits.channels_per_connection, 100);
    assert_int_equal(o->limits.stall_ms, 600000);
    assert_int_equal(o->limits.poll_wait_ms, 60000);
    assert_int_equal(o->limits.poll_events, 1000);
    assert_int_equal(o->limits.ring_events, 4096);
    assert_string_equal(o->auth.cookie, "freshet_token");
    assert_int_equal(o->channel_default.history.events, 100);
    loaded_fini(&l);
}

static void the_sample_of_the_protocol_loads_verbatim(void **state)
{
    (void)state;
    char path[PATH_LEN];
    struct loaded l = load(fixture_path("sample.yaml", path), SLICE_NONE, NULL, 0, NULL);
    assert_string_equal(buf_cstr(&l.report), "");
    const struct options *o = l.o;
    assert_string_equal(o->listen.v[0].host, "0.0.0.0");
    assert_int_equal(o->store.kind, STORE_KIND_SQLITE);
    assert_string_equal(o->store.path, "/var/lib/freshet/hub.db");
    assert_int_equal(o->origins.count, 1);
    assert_string_equal(o->origins.v[0], "https://app.example");
    assert_int_equal(o->auth.keys.v[0].algorithm, ALGORITHM_HS256);
    assert_string_equal(o->auth.keys.v[0].secret_file, "/etc/freshet/key");
    assert_string_equal(o->auth.claims.tenant, "company_id");
    assert_string_equal(o->publishers.v[0].channels.v[0], "trips");
    const struct opt_channel *trips = options_channel(o, SLICE_LIT("trips"));
    assert_true(trips && trips->keyed);
    assert_int_equal(trips->history.age_ms, 86400000);
    const struct opt_channel *board = options_channel(o, SLICE_LIT("dashboard-updates"));
    assert_string_equal(board->events.v[0].type, "dashboard-update");
    assert_string_equal(board->events.v[0].schema, fixture_path("schemas/dashboard.json", path));
    assert_int_equal(board->history.events, 100);
    const struct opt_source *s = &o->sources.v[0];
    assert_string_equal(s->database, fixture_path("bus.db", path));
    assert_string_equal(s->tenant, "company");
    assert_null(s->tenant_value);
    assert_int_equal(s->every_ms, 100);
    assert_string_equal(s->types.changed, "trip-updated");
    const struct opt_route *r = &o->routes.v[0];
    assert_string_equal(r->path, "/api/events/company-trips");
    assert_int_equal(r->tenant, TENANT_RULE_TOKEN);
    assert_string_equal(r->envelope, "update");
    assert_string_equal(r->key_name, "tripId");
    assert_int_equal(r->heartbeat, HEARTBEAT_COMMENT);
    assert_string_equal(r->control.open, "connected");
    assert_int_equal(r->control.envelope, CONTROL_FLAT);
    assert_string_equal(r->control.time_name, "timestamp");
    loaded_fini(&l);
}

static void routes_of_every_documented_endpoint_load(void **state)
{
    (void)state;
    char path[PATH_LEN];
    struct loaded l = load(fixture_path("routes.yaml", path), SLICE_NONE, NULL, 0, NULL);
    assert_string_equal(buf_cstr(&l.report), "");
    const struct options *o = l.o;
    assert_int_equal(o->routes.count, 9);
    assert_string_equal(o->static_dir, fixture_path("pages", path));
    const struct opt_route *cockpit = &o->routes.v[1];
    assert_int_equal(cockpit->tenant, TENANT_RULE_PARAM);
    assert_string_equal(cockpit->params.tenant, "companyId");
    assert_int_equal(cockpit->channel, CHANNEL_RULE_PARAM);
    assert_int_equal(cockpit->channels.count, 3);
    assert_int_equal(cockpit->heartbeat_every_ms, 30000);
    assert_string_equal(cockpit->control.time_name, "time");
    assert_string_equal(cockpit->control.gap, "freshet.gap");
    const struct opt_route *parking = &o->routes.v[6];
    assert_string_equal(parking->tenant_value, "campus");
    assert_true(parking->snapshot);
    assert_string_equal(parking->since, "10m");
    assert_int_equal(parking->control.time, CONTROL_TIME_ISO);
    assert_string_equal(parking->control.id_name, "clientId");
    assert_int_equal(o->routes.v[8].heartbeat_every_ms, 15000);
    /* A source without a tenant is for the hub's own. */
    assert_string_equal(o->sources.v[0].tenant_value, "acme");
    assert_string_equal(o->sources.v[0].query, "select id, company, seats\nfrom trips\n");
    loaded_fini(&l);
}

static void every_mistake_is_named_with_its_line(void **state)
{
    (void)state;
    struct buf expected = BUF_INIT, yaml = BUF_INIT;
    fixture_read("options/mistakes.txt", &expected);
    fixture_read("options/mistakes.yaml", &yaml);
    assert_report(buf_slice(&yaml), buf_cstr(&expected));
    buf_fini(&expected);
    buf_fini(&yaml);
}

static void flags_win_over_variables_over_the_file(void **state)
{
    (void)state;
    char *env[] = {"FRESHET_HISTORY_EVENTS=7", "FRESHET_KEYS=8", "FRESHET_HISTORY_BYTES=", NULL};
    char *argv[] = {"--keys", "9"};
    struct slice yaml = YAML("history: {events: 5, bytes: 2KiB}\nkeys: 6\n");
    struct loaded l = load("hub.yaml", yaml, env, 2, argv);
    assert_int_equal(l.rc, OPTIONS_OK);
    assert_int_equal(l.o->history.events, 7);
    assert_int_equal(l.o->history.bytes, 2048); /* an empty variable is none */
    assert_int_equal(l.o->keys, 9);
    loaded_fini(&l);
}

static void channels_follow_the_final_defaults(void **state)
{
    (void)state;
    char *argv[] = {"--history-events=12", "--keys", "13"};
    struct slice yaml = YAML("history: {events: 5}\nchannels:\n  - {name: a, keys: 2}\n"
                             "  - {name: \"a.*\", history: {events: 1}}\n  - {name: \"*\"}\n");
    struct loaded l = load("hub.yaml", yaml, NULL, 3, argv);
    assert_int_equal(l.rc, OPTIONS_OK);
    assert_int_equal(options_channel(l.o, SLICE_LIT("a"))->history.events, 12);
    assert_int_equal(options_channel(l.o, SLICE_LIT("a"))->keys, 2);
    assert_int_equal(options_channel(l.o, SLICE_LIT("a.b"))->history.events, 1);
    assert_int_equal(options_channel(l.o, SLICE_LIT("b"))->keys, 13);
    assert_int_equal(l.o->channel_default.history.events, 12);
    loaded_fini(&l);
    l = load_yaml(YAML("channels: [{name: ab*}, {name: a*, keys: 3}, {name: abc*, keys: 4}]"));
    assert_int_equal(options_channel(l.o, SLICE_LIT("abx"))->keys, 10000);
    assert_int_equal(options_channel(l.o, SLICE_LIT("abcd"))->keys, 4);
    assert_int_equal(options_channel(l.o, SLICE_LIT("a"))->keys, 3);
    loaded_fini(&l);
    l = load_yaml(YAML("channels: [{name: a}]"));
    assert_null(options_channel(l.o, SLICE_LIT("ab")));
    loaded_fini(&l);
}

static void words_of_yaml_stay_texts(void **state)
{
    (void)state;
    struct loaded l = load_yaml(YAML("tenant: no\nchannels: [{name: 1e3}, {name: yes}]\n"
                                     "auth: {audience: 0x10, issuer: '~'}\n"));
    assert_string_equal(buf_cstr(&l.report), "");
    assert_string_equal(l.o->tenant, "no");
    assert_string_equal(l.o->channels.v[0].name, "1e3");
    assert_string_equal(l.o->channels.v[1].name, "yes");
    assert_string_equal(l.o->auth.audience, "0x10");
    assert_string_equal(l.o->auth.issuer, "~");
    loaded_fini(&l);
}

static void truth_is_written_in_the_usual_ways(void **state)
{
    (void)state;
    static const char *const yes[] = {"true", "Yes", "on", "1"};
    static const char *const no[] = {"false", "no", "OFF", "0"};
    for (size_t i = 0; i < 4; i++) {
        struct loaded a = load_flags(
            (const char *const[]){"--channels-open", no[i], "--test-broadcast", yes[i], NULL});
        assert_int_equal(a.rc, OPTIONS_OK);
        assert_false(a.o->channels_open);
        assert_true(a.o->test_broadcast);
        loaded_fini(&a);
    }
    assert_report(YAML("dev: y\n"), "hub.yaml:1: dev: must be true or false, is \"y\"\n");
}

static void stores_and_addresses_are_read(void **state)
{
    (void)state;
    struct loaded l = load_flags(
        (const char *const[]){"--store", "sqlite:data/hub.db", "--listen", "[::1]:0,localhost:80",
                              "--listen=10.0.0.1:9", "--metrics-listen", "127.0.0.1:4001", NULL});
    assert_string_equal(buf_cstr(&l.report), "");
    assert_string_equal(l.o->store.path, "data/hub.db"); /* a flag's path is the shell's */
    assert_int_equal(l.o->listen.count, 3);
    assert_string_equal(l.o->listen.v[0].host, "::1");
    assert_int_equal(l.o->listen.v[0].port, 0);
    assert_string_equal(l.o->listen.v[1].host, "localhost");
    assert_int_equal(l.o->listen.v[2].port, 9);
    assert_int_equal(l.o->metrics_listen.port, 4001);
    loaded_fini(&l);
    static const char *const bad[] = {"4000",        ":4000",    "1.2.3:4", "[::1]",
                                      "[1.2.3.4]:5", "::1:5",    "a b:1",   "a:65536",
                                      "a:",          "[::1]x:5", "[::1:5"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        l = load_flags((const char *const[]){"--listen", bad[i], NULL});
        assert_int_equal(l.rc, OPTIONS_MISTAKES);
        loaded_fini(&l);
    }
    l = load_yaml(YAML("store: null\n"));
    assert_int_equal(l.o->store.kind, STORE_KIND_NULL);
    loaded_fini(&l);
}

static void wrong_flags_are_wrong_usage(void **state)
{
    (void)state;
    assert_usage((const char *const[]){"--conections", "5", NULL}, OPTIONS_USAGE,
                 "--conections: is no flag; did you mean --limits-connections?\n");
    assert_usage((const char *const[]){"--sto=x", "--listen", NULL}, OPTIONS_USAGE,
                 "--sto: is no flag; --help lists them\n--listen: needs a value behind it\n");
    assert_usage((const char *const[]){"x\n", NULL}, OPTIONS_USAGE,
                 "x?: is not understood here; flags start with --\n");
    assert_usage((const char *const[]){"--keys=0", "--heartbeat", "5", NULL}, OPTIONS_MISTAKES,
                 "--heartbeat: must be a time such as 500ms, 10s or 2h, from 250ms to 1h, is "
                 "\"5\"\n--keys: must be a whole number from 1 to 10000000, is \"0\"\n");
}

static void variables_are_checked_like_flags(void **state)
{
    (void)state;
    char *env[] = {"FRESHET_KEYS=x", "FRESHET_TOKEN=secret", "FRESHET_LISTENS=a", "FRESHET_PORT=1",
                   NULL};
    struct loaded l = load(NULL, SLICE_NONE, env, 0, NULL);
    assert_string_equal(buf_cstr(&l.report),
                        "FRESHET_KEYS: must be a whole number from 1 to 10000000, is \"x\"\n");
    assert_string_equal(buf_cstr(&l.warnings), "FRESHET_LISTENS: is not a variable of ours; did "
                                               "you mean FRESHET_LISTEN?\n");
    loaded_fini(&l);
}

static void common_log_variables_count_less_than_ours(void **state)
{
    (void)state;
    char *debug[] = {"DEBUG=sse:*", NULL};
    struct loaded l = load(NULL, SLICE_NONE, debug, 0, NULL);
    assert_int_equal(l.o->log.level, LOG_DEBUG);
    loaded_fini(&l);
    char *level[] = {"LOG_LEVEL=warn", "DEBUG=sse:*", NULL};
    l = load(NULL, SLICE_NONE, level, 0, NULL);
    assert_int_equal(l.o->log.level, LOG_WARN);
    loaded_fini(&l);
    char *ours[] = {"FRESHET_LOG_LEVEL=error", "LOG_LEVEL=warn", "DEBUG=express", NULL};
    l = load(NULL, SLICE_NONE, ours, 0, NULL);
    assert_int_equal(l.o->log.level, LOG_ERROR);
    loaded_fini(&l);
}

static void dev_lifts_caps_that_nobody_set(void **state)
{
    (void)state;
    struct loaded l =
        load_flags((const char *const[]){"--dev", "--limits-connections-per-tenant", "2", NULL});
    assert_int_equal(l.rc, OPTIONS_OK);
    assert_int_equal(l.o->limits.connections, 0);
    assert_int_equal(l.o->limits.publish_per_second, 0);
    assert_int_equal(l.o->limits.connections_per_tenant, 2);
    assert_int_equal(l.o->limits.event_bytes, 65536);
    assert_true(l.o->test_broadcast);
    loaded_fini(&l);
}

static void dev_stays_on_loopback(void **state)
{
    (void)state;
    assert_report(YAML("dev: true\nlisten: [127.0.0.1:1, 0.0.0.0:4000]\n"),
                  "hub.yaml:2: listen: with dev there are no tokens, so it must be a loopback "
                  "address such as 127.0.0.1:4000, not 0.0.0.0\n");
}

static void yaml_mistakes_have_a_line(void **state)
{
    (void)state;
    assert_report(YAML("keys: [1\ntenant: x\n"),
                  "hub.yaml:2: is not YAML: did not find expected ',' or ']', while parsing a flow "
                  "sequence\n");
    assert_report(YAML("a: &x 1\n"),
                  "hub.yaml:1: anchors (&), aliases (*) and tags (!) have no meaning here: write "
                  "the value out, in quotes if it is a text\n");
    assert_report(YAML("keys: 1\n---\nkeys: 2\n"),
                  "hub.yaml:2: must be one document: a second one starts here\n");
    assert_report(YAML("- 1\n"), "hub.yaml:1: must be a mapping of names to values, is a list\n");
    assert_report(YAML("x: [[[[[[[[[[[[[[1]]]]]]]]]]]]]]\n"), "hub.yaml:1: is nested too deep\n");
    assert_report(YAML("tenant: \"a\\0b\"\n"), "hub.yaml:1: a text holds a NUL character\n");
    assert_report(YAML("# nothing\n"), "");
    assert_report(YAML(""), "");
}

static void secrets_are_not_repeated(void **state)
{
    (void)state;
    assert_report(YAML("auth: {keys: [{name: a, algorithm: HS256, secret: hunter2}]}\n"),
                  "hub.yaml:1: auth.keys[0].secret: must be a text of 32 to 4096 bytes\n");
}

static void names_that_hide_control_characters_stay_on_one_line(void **state)
{
    (void)state;
    assert_report(YAML("\"a\\nb\": 1\nkeys: \"x\\n\\e[2Jy\"\n"),
                  "hub.yaml:1: a?b: is no option; docs/configuration.md lists them\n"
                  "hub.yaml:2: keys: must be a whole number from 1 to 10000000, is \"x??[2Jy\"\n");
}

static void a_missing_file_is_a_mistake(void **state)
{
    (void)state;
    struct loaded l = load_flags((const char *const[]){"--config", "/nowhere/hub.yaml", NULL});
    assert_int_equal(l.rc, OPTIONS_MISTAKES);
    assert_string_equal(buf_cstr(&l.report),
                        "/nowhere/hub.yaml: cannot be read: No such file or directory\n");
    loaded_fini(&l);
}

static void several_files_are_laid_over_one_another(void **state)
{
    (void)state;
    char base[PATH_LEN], more[PATH_LEN], pages[PATH_LEN];
    fixture_path("several/base.yaml", base);
    fixture_path("several/more.yaml", more);
    fixture_path("several/pages", pages);
    struct loaded l = load_flags((const char *const[]){"--config", base, "--config", more, NULL});
    assert_int_equal(l.rc, OPTIONS_OK);
    assert_int_equal(l.o->limits.connections, 600);
    assert_int_equal(l.o->limits.headers, 50);
    assert_int_equal(l.o->origins.count, 2);
    assert_string_equal(l.o->origins.v[1], "https://two.example");
    assert_string_equal(l.o->static_dir, pages);
    assert_int_equal(l.o->channels.count, 2);
    assert_string_equal(l.o->channels.v[0].name, "a");
    assert_true(l.o->channels.v[1].keyed);
    loaded_fini(&l);
}

static void mistakes_name_the_file_they_are_in(void **state)
{
    (void)state;
    char base[PATH_LEN], wrong[PATH_LEN], expected[3 * PATH_LEN];
    fixture_path("several/base.yaml", base);
    fixture_path("several/wrong.yaml", wrong);
    struct loaded l = load_flags((const char *const[]){"--config", base, "--config", wrong,
                                                       "--config", "/nowhere.yaml", NULL});
    assert_int_equal(l.rc, OPTIONS_MISTAKES);
    assert_string_equal(buf_cstr(&l.report),
                        "/nowhere.yaml: cannot be read: No such file or directory\n");
    loaded_fini(&l);
    l = load_flags((const char *const[]){"--config", base, "--config", wrong, NULL});
    snprintf(expected, sizeof expected,
             "%s:3: channels[1].name: \"a\" stands here a second time, first in %s:4\n", wrong, base);
    assert_non_null(strstr(buf_cstr(&l.report), expected));
    snprintf(expected, sizeof expected, "%s:4: channels[2].name: ", wrong);
    assert_non_null(strstr(buf_cstr(&l.report), expected));
    loaded_fini(&l);
}

static void the_table_is_sound(void **state)
{
    (void)state;
    struct loaded l = load(NULL, SLICE_NONE, NULL, 0, NULL);
    assert_int_equal(l.rc, OPTIONS_OK); /* every fallback of the hub is of its option's form */
    loaded_fini(&l);
    for (size_t i = 0; i < OPT_ROWS; i++) {
        const struct opt_row *row = &opt_rows[i];
        assert_ptr_equal(opt_row_find(row->scope, slice_str(row->name)), row);
        assert_true(row->min <= row->max && *row->help);
        if (row->fallback && row->fallback[0] == '@') {
            const struct opt_row *from = opt_row_find(SCOPE_hub, slice_str(row->fallback + 1));
            assert_non_null(from);
            assert_int_equal(from->type, row->type);
            assert_true(row->type == OPT_COUNT || row->type == OPT_SIZE ||
                        row->type == OPT_DURATION);
        }
        if (!opt_row_is_flag(row))
            continue;
        struct buf flag = BUF_INIT, env = BUF_INIT;
        opt_put_flag(&flag, row);
        opt_put_env(&env, row);
        assert_ptr_equal(opt_row_of_flag(slice_of(flag.p + 2, flag.len - 2)), row);
        assert_ptr_equal(opt_row_of_env(buf_slice(&env)), row);
        buf_fini(&flag);
        buf_fini(&env);
    }
}

static void help_and_docs_name_every_option(void **state)
{
    (void)state;
    struct buf help = BUF_INIT, docs = BUF_INIT;
    options_help(&help);
    options_markdown(&docs);
    for (size_t i = 0; i < OPT_ROWS; i++) {
        struct buf flag = BUF_INIT;
        char name[128];
        snprintf(name, sizeof name, "| `%s` |", opt_rows[i].name);
        assert_non_null(strstr(buf_cstr(&docs), name));
        if (opt_row_is_flag(&opt_rows[i])) {
            opt_put_flag(&flag, &opt_rows[i]);
            assert_non_null(strstr(buf_cstr(&help), buf_cstr(&flag)));
        }
        buf_fini(&flag);
    }
    buf_fini(&help);
    buf_fini(&docs);
}

static void suggestions_are_near(void **state)
{
    (void)state;
    assert_int_equal(opt_distance(SLICE_LIT("keys"), SLICE_LIT("keys"), 3), 0);
    assert_int_equal(opt_distance(SLICE_LIT("head-time"), SLICE_LIT("head_time"), 3), 0);
    assert_int_equal(opt_distance(SLICE_LIT("kes"), SLICE_LIT("keys"), 3), 1);
    assert_int_equal(opt_distance(SLICE_LIT("kitten"), SLICE_LIT("sitting"), 3), 3);
    assert_int_equal(opt_distance(SLICE_LIT("a"), SLICE_LIT("bcdef"), 2), 3);
    assert_report(YAML("limits: {conections: 5}\n"),
                  "hub.yaml:1: limits.conections: is no option; did you mean "
                  "limits.connections?\n");
    assert_report(YAML("limits.connections: 5\n"),
                  "hub.yaml:1: limits.connections: is no option: a dot stands for a level, so "
                  "nest the names\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_those_of_the_protocol),
        cmocka_unit_test(the_sample_of_the_protocol_loads_verbatim),
        cmocka_unit_test(routes_of_every_documented_endpoint_load),
        cmocka_unit_test(every_mistake_is_named_with_its_line),
        cmocka_unit_test(flags_win_over_variables_over_the_file),
        cmocka_unit_test(channels_follow_the_final_defaults),
        cmocka_unit_test(words_of_yaml_stay_texts),
        cmocka_unit_test(truth_is_written_in_the_usual_ways),
        cmocka_unit_test(stores_and_addresses_are_read),
        cmocka_unit_test(wrong_flags_are_wrong_usage),
        cmocka_unit_test(variables_are_checked_like_flags),
        cmocka_unit_test(common_log_variables_count_less_than_ours),
        cmocka_unit_test(dev_lifts_caps_that_nobody_set),
        cmocka_unit_test(dev_stays_on_loopback),
        cmocka_unit_test(yaml_mistakes_have_a_line),
        cmocka_unit_test(secrets_are_not_repeated),
        cmocka_unit_test(names_that_hide_control_characters_stay_on_one_line),
        cmocka_unit_test(a_missing_file_is_a_mistake),
        cmocka_unit_test(several_files_are_laid_over_one_another),
        cmocka_unit_test(mistakes_name_the_file_they_are_in),
        cmocka_unit_test(the_table_is_sound),
        cmocka_unit_test(help_and_docs_name_every_option),
        cmocka_unit_test(suggestions_are_near),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
