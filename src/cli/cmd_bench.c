/* freshet bench: what a hub can carry, and whether it carries it whole. */
#include "cli/bench.h"

#include "base/num.h"
#include "cli/command.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

static const char about[] =
    "Opens connections to the hub at URL, such as http://127.0.0.1:4000, publishes numbered\n"
    "messages, checks on every connection that each comes exactly once and in order, and\n"
    "reports times and rates. Exit code 1 when something was lost, repeated or reordered that\n"
    "no gap had announced.\n"
    "Modes:\n"
    "  fanout    a few channels, all readers follow them (the default)\n"
    "  channels  many channels with a few readers each\n"
    "  hold      holds idle connections: memory and CPU\n"
    "  resume    everybody drops in the middle and resumes with Last-Event-ID\n"
    "  slow      a part of the readers stops reading\n"
    "  churn     connect, read the answer's head, close, again\n"
    "  batch     publishes batches over one connection\n"
    "Another server than Freshet: give --url and --publish-url. In them, and in --body, %CH% is a\n"
    "channel's name, %CHS% all names that a connection follows (with commas), %CONN% the\n"
    "connection's number, %MSG% the message.\n";

struct raw {
    const char *url, *publish_url, *mode, *token, *pids;
    const char *duration, *drain, *settle, *drop_at, *drop_for, *rate, *ramp, *inflight, *conns;
};

static int mode_find(struct bench_conf *c, const char *name)
{
    static const char *const names[] = {"hold", "fanout", "channels", "resume",
                                        "slow", "churn", "batch"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(names[i], name) == 0) {
            c->mode = (enum bench_mode)i;
            c->mode_name = names[i];
            return -1;
        }
    return command_fail(BENCH_NAME, EXIT_USAGE,
                        "--mode %s: is none of hold, fanout, channels, resume, slow, churn, batch",
                        name);
}

/* What each mode is about. */
static void set_defaults(struct bench_conf *c)
{
    *c = (struct bench_conf){.mode = c->mode, .mode_name = c->mode_name, .prefix = "bench-",
        .body = NULL, .conns = 100, .channels = 1, .per_conn = 1, .rate = 10, .size = 200,
        .batch = 1, .ramp = 5000, .duration_ms = 5000, .drain_ms = 3000, .settle_ms = 500,
        .drop_for_ms = 500, .slow_percent = 10};
    switch (c->mode) {
    case BENCH_CHANNELS:
        c->conns = 1000;
        c->channels = 100;
        c->rate = 100;
        break;
    case BENCH_HOLD:
        c->conns = 1000;
        c->settle_ms = 2000;
        break;
    case BENCH_RESUME:
        c->rate = 50;
        break;
    case BENCH_SLOW:
        c->rate = 100;
        c->size = 16384;
        break;
    case BENCH_CHURN:
        c->conns = 64;
        break;
    case BENCH_BATCH:
        c->conns = 1;
        c->batch = 100;
        c->rate = 0;
        break;
    case BENCH_FANOUT:
        break;
    }
}

static int number(const char *flag, const char *text, uint64_t *out)
{
    if (!text || num_u64(slice_str(text), 1000000000, out))
        return -1;
    return command_fail(BENCH_NAME, EXIT_USAGE, "--%s %s: must be a whole number", flag, text);
}

static int duration(const char *flag, const char *text, uint64_t *out)
{
    if (!text || (num_duration_ms(slice_str(text), out) && *out <= 86400000))
        return -1;
    return command_fail(BENCH_NAME, EXIT_USAGE,
                        "--%s %s: must be a duration such as 500ms or 10s, a day at most", flag,
                        text);
}

static int read_numbers(const struct raw *raw, struct bench_conf *c)
{
    int rc;
    if ((rc = number("rate", raw->rate, &c->rate)) >= 0 ||
        (rc = number("ramp", raw->ramp, &c->ramp)) >= 0 ||
        (rc = number("inflight", raw->inflight, &c->inflight)) >= 0 ||
        (rc = number("conns", raw->conns, &c->conns)) >= 0 ||
        (rc = duration("duration", raw->duration, &c->duration_ms)) >= 0 ||
        (rc = duration("drain", raw->drain, &c->drain_ms)) >= 0 ||
        (rc = duration("settle", raw->settle, &c->settle_ms)) >= 0 ||
        (rc = duration("drop-for", raw->drop_for, &c->drop_for_ms)) >= 0)
        return rc;
    c->drop_at_ms = c->duration_ms * 2 / 5;
    if ((rc = duration("drop-at", raw->drop_at, &c->drop_at_ms)) >= 0)
        return rc;
    if (raw->pids && !proc_pids_parse(slice_str(raw->pids), &c->pids))
        return command_fail(BENCH_NAME, EXIT_USAGE,
                            "--server-pid %s: is no list of running processes", raw->pids);
    return -1;
}

static int check(const struct bench_conf *c)
{
    const char *problem = NULL;
    if (c->channels > MARK_CHANNELS_MAX)
        problem = "--channels: at most 1048576";
    else if (c->per_conn > c->channels)
        problem = "--follow: a connection can't follow more channels than there are";
    else if (c->size > (1u << 20) || c->size < MARK_LEN)
        problem = "--size: from 45 to 1048576 bytes";
    else if (c->slow_percent > 100)
        problem = "--slow: at most 100";
    else if (c->batch > 1000 || (c->batch > 1 && strncmp(c->url, "redis://", 8) == 0))
        problem = "--batch: at most 1000, and not to Redis";
    else if (c->conns > 1000000 || (c->conns == 0 && c->mode != BENCH_BATCH))
        problem = "--conns: from 1 to 1000000; 0 only for batches";
    else if (strncmp(c->url, "redis://", 8) == 0 && c->per_conn > 1)
        problem = "--follow: one channel a connection with Redis";
    return problem ? command_fail(BENCH_NAME, EXIT_USAGE, "%s", problem) : -1;
}

/* Makes `base` into our own URLs, unless both are given. text: what they are made in. */
static int set_urls(const struct raw *raw, const char *base, struct bench_conf *c,
                    struct buf text[2])
{
    bool ours = base && !raw->url;
    c->url = raw->url ? raw->url : base;
    c->publish_url = raw->publish_url ? raw->publish_url : c->url;
    if (!c->url)
        return command_fail(BENCH_NAME, EXIT_USAGE,
                            "needs the URL of a hub, or --url and --publish-url");
    if (!raw->publish_url && !ours && c->mode != BENCH_HOLD && c->mode != BENCH_CHURN)
        return command_fail(BENCH_NAME, EXIT_USAGE, "--url needs --publish-url beside it");
    if (!c->body)
        c->body = ours ? "{\"channel\":\"%CH%\",\"type\":\"bench\",\"data\":\"%MSG%\"}" : "%MSG%";
    if (!c->type)
        c->type = ours ? "application/json" : "text/plain";
    if (!ours)
        return -1;
    size_t len = strlen(base);
    while (len && base[len - 1] == '/')
        len--;
    const char *scheme = strstr(base, "://") ? "" : "http://";
    buf_addf(&text[0], "%s%.*s/v1/stream?heartbeat=none&channel=%%CHS%%", scheme, (int)len, base);
    buf_addf(&text[1], "%s%.*s/v1/publish", scheme, (int)len, base);
    c->url = buf_cstr(&text[0]);
    if (!raw->publish_url)
        c->publish_url = buf_cstr(&text[1]);
    return -1;
}

/* The token becomes a field of both kinds of requests. */
static int add_token(const char *token, struct bench_conf *c, struct buf *text)
{
    if (!token || !*token)
        token = getenv("FRESHET_TOKEN");
    if (!token || !*token)
        return -1;
    if (strpbrk(token, " \t\r\n") || c->headers.count == ARGS_TEXTS_MAX ||
        c->publish_headers.count == ARGS_TEXTS_MAX)
        return command_fail(BENCH_NAME, EXIT_USAGE, "the token holds a space or a line's end");
    buf_addf(text, "Authorization: Bearer %s", token);
    c->headers.v[c->headers.count++] = buf_cstr(text);
    c->publish_headers.v[c->publish_headers.count++] = buf_cstr(text);
    return -1;
}

static int check_headers(const struct args_texts *headers)
{
    for (size_t i = 0; i < headers->count; i++)
        if (!strchr(headers->v[i], ':') || strpbrk(headers->v[i], "\r\n"))
            return command_fail(BENCH_NAME, EXIT_USAGE, "%s: is no header field like `Name: value`",
                                headers->v[i]);
    return -1;
}

static int run(const struct bench_conf *c)
{
    struct bench *b = calloc(1, sizeof *b);
    if (!b)
        return command_fail(BENCH_NAME, EXIT_FAILED, "out of memory");
    signal(SIGPIPE, SIG_IGN);
    int rc = bench_run(b, c);
    if (rc == 0)
        rc = report_print(b);
    bench_fini(b);
    free(b);
    return rc;
}

static int finish(const struct raw *raw, const char *base, struct bench_conf *c)
{
    struct buf text[3] = {BUF_INIT, BUF_INIT, BUF_INIT};
    int rc = read_numbers(raw, c);
    if (rc < 0)
        rc = set_urls(raw, base, c, text);
    if (rc < 0)
        rc = add_token(raw->token, c, &text[2]);
    if (rc < 0)
        rc = check(c);
    if (rc < 0)
        rc = check_headers(&c->headers);
    if (rc < 0)
        rc = check_headers(&c->publish_headers);
    c->quiet = !isatty(STDERR_FILENO);
    if (rc < 0)
        rc = run(c);
    for (size_t i = 0; i < 3; i++)
        buf_fini(&text[i]);
    return rc;
}

/* Reads the flags into what raw and c hold. -1, or an exit code. */
static int read_flags(int argc, char **argv, struct raw *raw, struct bench_conf *c,
                      const char **base)
{
    const struct args_flag flags[] = {
        {"mode", ARGS_TEXT, &raw->mode, "MODE", "what to measure", false},
        {"conns", ARGS_TEXT, &raw->conns, "N", "connections", false},
        {"channels", ARGS_COUNT, &c->channels, "N", "channels in all", false},
        {"follow", ARGS_COUNT, &c->per_conn, "N", "channels that each connection follows", false},
        {"rate", ARGS_TEXT, &raw->rate, "N",
         "messages a second; 0: the next as soon as one is acknowledged", false},
        {"inflight", ARGS_TEXT, &raw->inflight, "N",
         "at most this many undelivered messages; 0: any number", false},
        {"batch", ARGS_COUNT, &c->batch, "N", "messages a request", false},
        {"size", ARGS_COUNT, &c->size, "BYTES", "of a message", false},
        {"duration", ARGS_TEXT, &raw->duration, "TIME", "of the run, such as 5s", false},
        {"ramp", ARGS_TEXT, &raw->ramp, "N",
         "connections opened a second; 0: as fast as they are accepted", false},
        {"settle", ARGS_TEXT, &raw->settle, "TIME", "between opening and the run", false},
        {"drain", ARGS_TEXT, &raw->drain, "TIME",
         "how long nothing must come before the rest counts as lost", false},
        {"slow", ARGS_COUNT, &c->slow_percent, "PERCENT", "of the readers stop (slow)", false},
        {"drop-at", ARGS_TEXT, &raw->drop_at, "TIME", "when everybody drops (resume)", false},
        {"drop-for", ARGS_TEXT, &raw->drop_for, "TIME", "and stays away (resume)", false},
        {"url", ARGS_TEXT, &raw->url, "URL", "stream URL of another server", false},
        {"publish-url", ARGS_TEXT, &raw->publish_url, "URL", "where to POST messages", false},
        {"body", ARGS_TEXT, &c->body, "TEXT", "body of a POST", false},
        {"type", ARGS_TEXT, &c->type, "TYPE", "its Content-Type", false},
        {"prefix", ARGS_TEXT, &c->prefix, "TEXT", "of channel names, before their number", false},
        {"header", ARGS_TEXTS, &c->headers, "FIELD", "sent with each stream request", false},
        {"publish-header", ARGS_TEXTS, &c->publish_headers, "FIELD", "sent with each POST", false},
        {"token", ARGS_TEXT, &raw->token, "TOKEN", "the token; better in FRESHET_TOKEN", false},
        {"server-pid", ARGS_TEXT, &raw->pids, "P[,P...]",
         "the server's processes: their CPU and memory are reported", false},
        {"json", ARGS_SWITCH, &c->json, NULL, "print the report as JSON on one line", false},
    };
    const struct args_spec spec = {BENCH_NAME,
                                   "bench URL [--mode MODE] [--conns N] [--rate N] [flags]",
                                   about,
                                   flags,
                                   sizeof flags / sizeof *flags,
                                   0,
                                   1};
    return args_read(&spec, argc, argv, base);
}

int cmd_bench(int argc, char **argv)
{
    struct raw raw = {.mode = "fanout"};
    struct bench_conf conf = {.mode = BENCH_FANOUT};
    const char *base;
    int rc = read_flags(argc, argv, &raw, &conf, &base);
    if (rc < 0)
        rc = mode_find(&conf, raw.mode);
    if (rc >= 0)
        return rc;
    /* again, over the defaults of that mode */
    set_defaults(&conf);
    raw = (struct raw){.mode = raw.mode};
    rc = read_flags(argc, argv, &raw, &conf, &base);
    return rc < 0 ? finish(&raw, base, &conf) : rc;
}
