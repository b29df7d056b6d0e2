/* freshet tail: follows channels, resumes by itself, prints events. */
#include "base/num.h"
#include "base/rng.h"
#include "cli/args.h"
#include "cli/client.h"
#include "cli/tail_print.h"
#include "wire/sse.h"
#include "json/scan.h"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#define NAME "tail"
#define EVENT_MAX_BYTES (64u << 20)
#define RETRY_MS 1000       /* before a hub said otherwise */
#define RETRY_MAX_MS 30000  /* where it said less */
#define WAIT_MAX_MS 3600000 /* whatever it said */
#define SILENCE_MS 60000    /* before a hub said how often it beats */
#define SILENCE_MIN_MS 10000

struct tail {
    /* flags */
    struct args_texts channels, types, keys;
    const char *tenant, *since, *token;
    uint64_t count; /* events to print, 0 for all */
    bool json, snapshot;
    const char *places[1];
    /* run */
    struct client client;
    struct sse_reader reader; /* its seen_id is the position to resume at */
    uint64_t printed;
    bool opened;       /* this connection said something */
    bool ever_opened;  /* so did one before */
    unsigned failures; /* connections in a row that didn't open */
    bool failed;       /* printing failed, or no memory */
};

/* The texts of a control event, for a notice: `name value, name value`. */
static void put_notice(struct buf *out, struct slice payload)
{
    struct json_iter it = json_iter(payload);
    struct slice name, value;
    const char *between = "";
    while (json_member(&it, &name, &value)) {
        if (json_name_is(name, "type"))
            continue;
        buf_addf(out, "%s%.*s ", between, SLICE_FMT(name));
        if (json_kind(value) == JSON_STRING)
            json_unescape(json_string_raw(value), out);
        else
            json_compact(value, out);
        between = ", ";
    }
}

/* The opening event says how often there will be a beat. */
static void on_open(struct tail *t, struct slice payload)
{
    struct slice value;
    uint64_t beat_ms;
    if (json_get(payload, "heartbeat", &value) && json_u64(value, 86400000, &beat_ms))
        t->client.silence_ms = beat_ms == 0                   ? 0
                               : beat_ms * 3 < SILENCE_MIN_MS ? SILENCE_MIN_MS
                                                              : beat_ms * 3;
    if (t->ever_opened)
        command_tell(NAME, "", SLICE_LIT("connected again"));
    t->ever_opened = true;
}

/* name: of a control event, without `freshet.`; payload: a JSON object. */
static void on_control(struct tail *t, struct slice name, struct slice payload)
{
    struct buf notice = BUF_INIT;
    if (slice_is(name, "open")) {
        on_open(t, payload);
    } else if (slice_is(name, "gap") || slice_is(name, "close")) {
        put_notice(&notice, payload);
        command_tell(NAME,
                     slice_is(name, "gap") ? "gap: " : "closed by the hub: ", buf_slice(&notice));
    }
    buf_fini(&notice);
}

/* Tells events of the hub itself from published ones: by the name of the SSE event, or by the
 * type in the envelope. */
static bool is_control(const struct tail_event *e, struct slice *name, struct slice *payload)
{
    static const struct slice prefix = {"freshet.", 8};
    if (!slice_starts(e->type, prefix.p))
        return false;
    *name = slice_of(e->type.p + prefix.len, e->type.len - prefix.len);
    *payload = e->payload;
    return json_kind(e->payload) == JSON_OBJECT;
}

static int on_event(void *ctx, const struct sse_event *sse)
{
    struct tail *t = ctx;
    struct tail_event e;
    struct slice name, payload;
    struct buf out = BUF_INIT;
    t->opened = true;
    t->failures = 0;
    tail_event_read(sse, &e);
    if (is_control(&e, &name, &payload)) {
        on_control(t, name, payload);
        return 0;
    }
    if (slice_is(sse->type, "ping") && !e.is_envelope)
        return 0;
    if (t->json)
        tail_put_json(&e, &out);
    else
        tail_put_line(&e, &out);
    t->failed = out.failed || command_print(buf_slice(&out)) != 0;
    buf_fini(&out);
    t->printed++;
    return t->failed || (t->count && t->printed == t->count);
}

static int on_bytes(void *ctx, struct slice bytes)
{
    struct tail *t = ctx;
    int rc = sse_read(&t->reader, bytes.p, bytes.len, on_event, NULL, t);
    if (rc < 0) {
        t->failed = true;
        command_fail(NAME, EXIT_FAILED, "the stream holds an event of more than 64 MiB");
    }
    return rc;
}

/* A new stream begins; the position stays. */
static void reader_restart(struct sse_reader *r)
{
    buf_reset(&r->line);
    buf_reset(&r->data);
    buf_reset(&r->type);
    buf_reset(&r->id);
    buf_add_slice(&r->id, buf_slice(&r->seen_id));
    r->started = r->after_cr = false;
    r->bom = 0;
}

/* How long to wait before the next connection: what the hub asked for, or a second; longer from
 * failure to failure, and then not for all clients the same. */
static uint64_t delay_ms(const struct tail *t)
{
    uint64_t base = t->reader.has_retry ? t->reader.retry_ms : RETRY_MS;
    base = base > WAIT_MAX_MS ? WAIT_MAX_MS : base;
    uint64_t most = base > RETRY_MAX_MS ? base : RETRY_MAX_MS, dice;
    uint64_t ms = base;
    for (unsigned i = 0; i < t->failures && ms < most; i++)
        ms = ms ? ms * 2 : RETRY_MS;
    if (t->failures) {
        rng_system(&dice, sizeof dice);
        ms = ms / 2 + dice % (ms / 2 + 1);
    }
    uint64_t asked =
        t->client.retry_after_s > WAIT_MAX_MS / 1000 ? WAIT_MAX_MS : t->client.retry_after_s * 1000;
    ms = ms > most ? most : ms;
    return ms > asked ? ms : asked;
}

/* True for answers that won't change by asking again. */
static bool is_final(const struct client *c)
{
    return c->status != 0 && c->status != 429 && c->status < 500;
}

static int give_up(struct tail *t)
{
    struct buf why = BUF_INIT;
    client_put_failure(&t->client, &why);
    int rc = command_fail(NAME, EXIT_FAILED, "%s", buf_cstr(&why));
    buf_fini(&why);
    return rc;
}

/* Says why the stream ended, and waits. */
static void wait_for_next(struct tail *t, bool streamed)
{
    struct buf why = BUF_INIT;
    uint64_t ms = delay_ms(t);
    if (!streamed)
        client_put_failure(&t->client, &why);
    else if (t->client.was_silent)
        buf_add_str(&why, "the connection fell silent");
    else
        buf_add_str(&why, "the stream ended");
    buf_addf(&why, "; connecting again in %llu.%llu s", (unsigned long long)ms / 1000,
             (unsigned long long)ms % 1000 / 100);
    command_tell(NAME, "", buf_slice(&why));
    buf_fini(&why);
    poll(NULL, 0, (int)ms);
}

static int follow(struct tail *t)
{
    for (;;) {
        reader_restart(&t->reader);
        t->opened = false;
        bool streamed = client_stream(&t->client, buf_cstr(&t->reader.seen_id), on_bytes, t);
        if (t->failed)
            return EXIT_FAILED;
        if (t->count && t->printed == t->count)
            return EXIT_DONE;
        if (!streamed && (!t->ever_opened || is_final(&t->client)))
            return t->client.status == 204 ? EXIT_DONE : give_up(t);
        t->ever_opened = t->ever_opened || streamed;
        if (!t->opened)
            t->failures++;
        wait_for_next(t, streamed);
    }
}

/* An end by signal, or because nobody reads any more, is how this command ends. All that was
 * printed has been written, and the system closes the connection. */
static void on_signal(int number)
{
    (void)number;
    _exit(EXIT_DONE);
}

static void catch_signals(void)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGPIPE};
    struct sigaction act = {.sa_handler = on_signal};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        sigaction(numbers[i], &act, NULL);
}

static void add_query(struct tail *t)
{
    struct client *c = &t->client;
    for (size_t i = 0; i < t->channels.count; i++) {
        struct slice rest = slice_str(t->channels.v[i]);
        while (rest.p) {
            char *name = slice_dup(slice_cut(&rest, ','));
            client_add_query(c, "channel", name);
            free(name);
        }
    }
    for (size_t i = 0; i < t->types.count; i++)
        client_add_query(c, "type", t->types.v[i]);
    for (size_t i = 0; i < t->keys.count; i++)
        client_add_query(c, "key", t->keys.v[i]);
    client_add_query(c, "tenant", t->tenant);
    client_add_query(c, "since", t->since);
    client_add_query(c, "snapshot", t->snapshot ? "true" : NULL);
    client_add_query(c, "envelope", "full");
}

static int run(struct tail *t)
{
    int rc = client_open(&t->client, NAME, t->places[0], "/v1/stream", t->token);
    if (rc < 0) {
        add_query(t);
        catch_signals();
        t->client.silence_ms = SILENCE_MS;
        sse_reader_init(&t->reader, EVENT_MAX_BYTES);
        rc = follow(t);
        sse_reader_fini(&t->reader);
    }
    client_close(&t->client);
    return rc;
}

int cmd_tail(int argc, char **argv)
{
    struct tail t = {.count = 0};
    const struct args_flag flags[] = {
        {"channel", ARGS_TEXTS, &t.channels, "C", "a channel to follow; repeated or with commas",
         true},
        {"tenant", ARGS_TEXT, &t.tenant, "T", "the tenant, where the token doesn't fix it", false},
        {"since", ARGS_TEXT, &t.since, "S",
         "where to start: an id, latest, earliest, an age (10m), "
         "a time [latest]",
         false},
        {"snapshot", ARGS_SWITCH, &t.snapshot, NULL, "first the latest event of every key", false},
        {"type", ARGS_TEXTS, &t.types, "X", "only events of this type; repeated for more", false},
        {"key", ARGS_TEXTS, &t.keys, "K", "only events of this key; repeated for more", false},
        {"count", ARGS_COUNT, &t.count, "N", "end after N events", false},
        {"json", ARGS_SWITCH, &t.json, NULL, "print each event as one line of JSON", false},
        {"token", ARGS_TEXT, &t.token, "TOKEN", "the token; better in FRESHET_TOKEN", false},
    };
    const struct args_spec spec = {
        NAME,
        "tail URL --channel C ... [--since S] [--json] [--count N]",
        "Follows channels of the hub at URL, such as http://127.0.0.1:4000, and prints their\n"
        "events: time, channel, type, key, data. A connection that ends is opened again where it\n"
        "ended; gaps and ends are told on standard error.\n",
        flags,
        sizeof flags / sizeof *flags,
        1,
        1};
    int rc = args_read(&spec, argc, argv, t.places);
    return rc < 0 ? run(&t) : rc;
}
