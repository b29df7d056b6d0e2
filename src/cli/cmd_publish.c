/* freshet publish: one event from the command line, or one a line from standard input. */
#include "cli/args.h"
#include "cli/client.h"
#include "json/scan.h"
#include "json/write.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

#define NAME "publish"
#define BATCH_EVENTS 1000        /* what a hub takes at once by default */
#define BATCH_BYTES (512u << 10) /* well below a hub's usual ceiling on a body */
#define LINE_MAX_BYTES (64u << 20)

struct publish {
    /* flags */
    struct args_texts channels;
    const char *tenant, *type, *key, *priority, *state, *ack, *idempotency_key, *token;
    bool text, deleted;
    const char *places[2]; /* URL, DATA */
    /* run */
    struct client client;
    struct buf field; /* Idempotency-Key */
    struct buf input; /* what was read and not yet published */
    bool input_ended;
    uint64_t line;       /* lines taken so far */
    uint64_t first_line; /* of the present batch */
    struct buf body;
    size_t body_events;
    bool told_memory; /* that durable was not achieved */
};

static bool is_one_of(const char *s, const char *a, const char *b)
{
    return !s || strcmp(s, a) == 0 || strcmp(s, b) == 0;
}

/* What can be known to be wrong without asking the hub. -1, or an exit code. */
static int check_flags(const struct publish *p)
{
    struct err e;
    if (p->channels.count != 1)
        return command_fail(NAME, EXIT_USAGE, "takes one --channel");
    if (!is_one_of(p->priority, "normal", "high"))
        return command_fail(NAME, EXIT_USAGE, "--priority must be normal or high");
    if (!is_one_of(p->ack, "memory", "durable"))
        return command_fail(NAME, EXIT_USAGE, "--ack must be memory or durable");
    if (p->deleted && !p->key)
        return command_fail(NAME, EXIT_USAGE, "--deleted needs --key: it is a key that goes");
    if (p->state && json_check(slice_str(p->state), JSON_DEPTH_MAX, &e) != 0)
        return command_fail(NAME, EXIT_USAGE, "--state is not JSON: %s", e.detail);
    return -1;
}

/* Appends an event with this data (JSON) to the body. */
static void put_event(struct publish *p, struct slice data, bool raw_text)
{
    struct buf *b = &p->body;
    buf_add_char(b, '{');
    json_put_member(b, "channel", slice_str(p->channels.v[0]));
    if (p->tenant)
        json_put_member(b, "tenant", slice_str(p->tenant));
    if (p->type)
        json_put_member(b, "type", slice_str(p->type));
    if (p->key)
        json_put_member(b, "key", slice_str(p->key));
    if (p->priority)
        json_put_member(b, "priority", slice_str(p->priority));
    if (p->ack)
        json_put_member(b, "ack", slice_str(p->ack));
    if (p->deleted)
        json_put_member_bool(b, "deleted", true);
    if (p->state) {
        json_put_name(b, "state");
        json_compact(slice_str(p->state), b);
    }
    json_put_name(b, "data");
    if (raw_text)
        json_put_string(b, data);
    else
        json_compact(data, b);
    buf_add_char(b, '}');
    p->body_events++;
}

/* The id of one answer, on a line; says once when less was achieved than asked for. */
static bool put_id(struct publish *p, struct slice answer, struct buf *out)
{
    struct slice id, ack;
    if (json_kind(answer) != JSON_OBJECT || !json_get(answer, "id", &id) ||
        json_kind(id) != JSON_STRING)
        return false;
    json_unescape(json_string_raw(id), out);
    buf_add_char(out, '\n');
    if (p->ack && strcmp(p->ack, "durable") == 0 && !p->told_memory &&
        json_get(answer, "ack", &ack) && !json_name_is(json_string_raw(ack), "durable")) {
        p->told_memory = true;
        command_tell(NAME, "note: ",
                     SLICE_LIT("the hub's store keeps nothing over a restart, so "
                               "it acknowledged in memory only"));
    }
    return true;
}

/* Prints the ids of an answer. False when it is not what a hub would say. */
static bool print_ids(struct publish *p)
{
    struct slice answer = buf_slice(&p->client.answer), each;
    struct buf out = BUF_INIT;
    bool ok = json_check(answer, JSON_DEPTH_MAX, NULL) == 0;
    if (ok && json_kind(answer) == JSON_ARRAY) {
        struct json_iter it = json_iter(answer);
        while (ok && json_element(&it, &each))
            ok = put_id(p, each, &out);
    } else {
        ok = ok && put_id(p, answer, &out);
    }
    if (!out.failed && command_print(buf_slice(&out)) != 0)
        ok = false;
    buf_fini(&out);
    return ok;
}

/* Says why the batch was refused, with the line of the input where the hub names an event. */
static int refused(struct publish *p)
{
    struct buf why = BUF_INIT;
    struct slice answer = buf_slice(&p->client.answer), index;
    uint64_t n;
    if (p->first_line && p->client.status >= 400 && json_check(answer, JSON_DEPTH_MAX, NULL) == 0 &&
        json_kind(answer) == JSON_OBJECT && json_get(answer, "index", &index) &&
        json_u64(index, BATCH_EVENTS, &n))
        buf_addf(&why, "line %llu: ", (unsigned long long)(p->first_line + n));
    client_put_failure(&p->client, &why);
    if (p->first_line > 1)
        buf_addf(&why, "; nothing from line %llu on was published",
                 (unsigned long long)p->first_line);
    int rc = command_fail(NAME, EXIT_FAILED, "%s", buf_cstr(&why));
    buf_fini(&why);
    return rc;
}

/* Sends the body. -1, or an exit code. */
static int send_body(struct publish *p, const char *content_type)
{
    if (p->body.failed || p->field.failed)
        return command_fail(NAME, EXIT_FAILED, "no memory");
    bool ok = client_post(&p->client, content_type, buf_slice(&p->body), buf_cstr(&p->field));
    ok = ok && print_ids(p);
    buf_reset(&p->body);
    p->body_events = 0;
    return ok ? -1 : refused(p);
}

static int publish_one(struct publish *p)
{
    struct err e;
    const char *data = p->places[1] ? p->places[1] : "null";
    if (!p->text && json_check(slice_str(data), JSON_DEPTH_MAX, &e) != 0)
        return command_fail(NAME, EXIT_USAGE, "DATA is not JSON (%s); send it as text with --text",
                            e.detail);
    if (p->idempotency_key)
        buf_addf(&p->field, "Idempotency-Key: %s", p->idempotency_key);
    put_event(p, slice_str(data), p->text && p->places[1]);
    int rc = send_body(p, "Content-Type: application/json");
    return rc < 0 ? EXIT_DONE : rc;
}

/* Takes a line of the input into the body. -1, or an exit code. */
static int take_line(struct publish *p, struct slice line)
{
    struct err e;
    p->line++;
    if (line.len && line.p[line.len - 1] == '\r')
        line.len--;
    if (!p->text && slice_trim(line).len == 0)
        return -1;
    if (!p->text && json_check(line, JSON_DEPTH_MAX, &e) != 0) {
        return command_fail(NAME, EXIT_FAILED,
                            "line %llu is not JSON (%s); send lines as text "
                            "with --text",
                            (unsigned long long)p->line, e.detail);
    }
    if (p->body_events == 0)
        p->first_line = p->line;
    put_event(p, line.p ? line : SLICE_LIT(""), p->text);
    buf_add_char(&p->body, '\n');
    return -1;
}

/* Cuts complete lines from the input into the body until it is full. *full: it is. */
static int take_lines(struct publish *p, bool *full)
{
    size_t at = 0;
    int rc = -1;
    *full = false;
    while (rc < 0 && at < p->input.len && !*full) {
        const char *start = p->input.p + at;
        const char *lf = memchr(start, '\n', p->input.len - at);
        if (!lf && !p->input_ended)
            break;
        size_t len = lf ? (size_t)(lf - start) : p->input.len - at;
        rc = take_line(p, slice_of(start, len));
        at += len + (lf ? 1 : 0);
        *full = p->body_events >= BATCH_EVENTS || p->body.len >= BATCH_BYTES;
    }
    buf_consume(&p->input, at);
    return rc;
}

static bool input_waits(void)
{
    struct pollfd fd = {.fd = STDIN_FILENO, .events = POLLIN};
    return poll(&fd, 1, 0) > 0;
}

/* Reads what is there of the input, waiting for it if need be. -1, or an exit code. */
static int read_input(struct publish *p)
{
    char chunk[65536];
    ssize_t n;
    do
        n = read(STDIN_FILENO, chunk, sizeof chunk);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return command_fail(NAME, EXIT_FAILED, "standard input: %s", strerror(errno));
    p->input_ended = n == 0;
    buf_add(&p->input, chunk, (size_t)n);
    if (p->input.failed)
        return command_fail(NAME, EXIT_FAILED, "line %llu is longer than 64 MiB",
                            (unsigned long long)p->line + 1);
    return -1;
}

/* Events that came together go together; an event that came alone doesn't wait for others. */
static int publish_lines(struct publish *p)
{
    int rc = -1;
    p->input.max = LINE_MAX_BYTES;
    while (rc < 0) {
        bool full;
        int bad = take_lines(p, &full);
        bool more = !full && !p->input_ended && (p->body_events == 0 || input_waits());
        if (bad < 0 && more) {
            rc = read_input(p);
            continue;
        }
        if (p->body_events)
            rc = send_body(p, "Content-Type: application/x-ndjson");
        if (rc < 0)
            rc = bad; /* the lines before a bad one are published all the same */
        if (rc < 0 && p->input_ended && p->input.len == 0)
            rc = EXIT_DONE;
    }
    return rc;
}

static int run(struct publish *p)
{
    const char *data = p->places[1];
    bool lines = data ? strcmp(data, "-") == 0 : !p->deleted;
    if (lines && p->idempotency_key)
        return command_fail(NAME, EXIT_USAGE, "--idempotency-key is for one event: give DATA");
    if (!data && lines && isatty(STDIN_FILENO))
        return command_fail(NAME, EXIT_USAGE, "give DATA, or - to read an event a line from here");
    return lines ? publish_lines(p) : publish_one(p);
}

int cmd_publish(int argc, char **argv)
{
    struct publish p = {.text = false};
    const struct args_flag flags[] = {
        {"channel", ARGS_TEXTS, &p.channels, "C", "the channel to publish to", true},
        {"tenant", ARGS_TEXT, &p.tenant, "T", "the tenant, where the token doesn't fix it", false},
        {"type", ARGS_TEXT, &p.type, "X", "the event's type [message]", false},
        {"key", ARGS_TEXT, &p.key, "K", "what the event is about", false},
        {"text", ARGS_SWITCH, &p.text, NULL, "DATA is text, not JSON", false},
        {"state", ARGS_TEXT, &p.state, "JSON", "the whole that the data changes", false},
        {"deleted", ARGS_SWITCH, &p.deleted, NULL, "the key is gone; needs no DATA", false},
        {"priority", ARGS_TEXT, &p.priority, "P", "normal or high [normal]", false},
        {"ack", ARGS_TEXT, &p.ack, "A", "what to wait for: memory or durable [the hub's]", false},
        {"idempotency-key", ARGS_TEXT, &p.idempotency_key, "K",
         "a repeat under this key gives "
         "the first id again",
         false},
        {"token", ARGS_TEXT, &p.token, "TOKEN", "the token; better in FRESHET_TOKEN", false},
    };
    const struct args_spec spec = {
        NAME,
        "publish URL --channel C [--type X] [--key K] [--text] [DATA|-]",
        "Publishes one event and prints its id. URL is the hub's, such as http://127.0.0.1:4000.\n"
        "DATA is JSON, or text with --text. With - or without DATA every line of standard input\n"
        "is an event; lines that come together are published together.\n",
        flags,
        sizeof flags / sizeof *flags,
        1,
        2};
    int rc = args_read(&spec, argc, argv, p.places);
    if (rc < 0)
        rc = check_flags(&p);
    if (rc >= 0)
        return rc;
    rc = client_open(&p.client, NAME, p.places[0], "/v1/publish", p.token);
    if (rc < 0)
        rc = run(&p);
    client_close(&p.client);
    buf_fini(&p.field);
    buf_fini(&p.input);
    buf_fini(&p.body);
    return rc;
}
