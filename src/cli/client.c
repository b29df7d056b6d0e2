#include "cli/client.h"

#include "base/num.h"
#include "cli/command.h"
#include "wire/url.h"
#include "json/scan.h"

#include <stdlib.h>
#include <time.h>

#define ANSWER_MAX (64u << 20)
#define CONNECT_TIMEOUT_MS 10000L
#define ANSWER_TIMEOUT_MS 60000L

uint64_t client_now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* Makes c->url from what the user gave. */
static bool make_url(struct client *c, const char *url, const char *endpoint)
{
    const char *scheme = strstr(url, "://") ? "" : "http://";
    struct slice rest = slice_str(strstr(url, "://") ? strstr(url, "://") + 3 : url);
    const char *slash = memchr(rest.p, '/', rest.len);
    size_t host_len = slash ? (size_t)(slash - rest.p) : rest.len;
    if (host_len == 0 || strpbrk(url, " \t\r\n#"))
        return false;
    buf_addf(&c->url, "%s%.*s", scheme, (int)((size_t)(rest.p - url) + host_len), url);
    struct slice path = slice_str(slash);
    if (path.len == 0 || path.p[path.len - 1] == '/') {
        buf_add(&c->url, path.p, path.len ? path.len - 1 : 0);
        buf_add_str(&c->url, endpoint);
    } else {
        buf_add_slice(&c->url, path);
    }
    return !c->url.failed;
}

/* A token is one word; anything else could become a header field of its own. */
static bool make_token(struct client *c, const char *token)
{
    if (!token || !*token)
        token = getenv("FRESHET_TOKEN");
    if (!token || !*token)
        return true;
    for (const char *p = token; *p; p++)
        if (*p <= ' ' || *p == 127)
            return false;
    buf_addf(&c->token, "Authorization: Bearer %s", token);
    return !c->token.failed;
}

static void set_common(struct client *c)
{
    curl_easy_setopt(c->curl, CURLOPT_ERRORBUFFER, c->problem);
    curl_easy_setopt(c->curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(c->curl, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_TIMEOUT_MS);
    curl_easy_setopt(c->curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(c->curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(c->curl, CURLOPT_TCP_KEEPALIVE, 1L);
    if (!getenv("no_proxy") && !getenv("NO_PROXY"))
        curl_easy_setopt(c->curl, CURLOPT_NOPROXY, "localhost,127.0.0.1,::1");
}

int client_open(struct client *c, const char *command, const char *url, const char *endpoint,
                const char *token)
{
    *c = (struct client){.command = command};
    c->answer.max = ANSWER_MAX;
    if (!make_url(c, url, endpoint))
        return command_fail(command, EXIT_USAGE,
                            "%s: is no URL of a hub; give one such as http://127.0.0.1:4000", url);
    if (!make_token(c, token))
        return command_fail(command, EXIT_USAGE, "the token holds a space or a line's end");
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != 0 || !(c->curl = curl_easy_init()))
        return command_fail(command, EXIT_FAILED, "libcurl cannot be started");
    set_common(c);
    return -1;
}

void client_close(struct client *c)
{
    curl_easy_cleanup(c->curl);
    buf_fini(&c->url);
    buf_fini(&c->token);
    buf_fini(&c->answer);
}

void client_add_query(struct client *c, const char *name, const char *value)
{
    if (!value)
        return;
    bool first = !c->url.len || !memchr(c->url.p, '?', c->url.len);
    buf_addf(&c->url, "%c%s=", first ? '?' : '&', name);
    url_encode(slice_str(value), &c->url);
}

static size_t take_answer(char *p, size_t size, size_t count, void *ctx)
{
    struct client *c = ctx;
    buf_add(&c->answer, p, size * count);
    return c->answer.failed ? 0 : size * count;
}

/* Bytes of a stream, or of a refusal, or of something else. */
static size_t take_stream(char *p, size_t size, size_t count, void *ctx)
{
    struct client *c = ctx;
    const char *type = NULL;
    long status = 0;
    curl_easy_getinfo(c->curl, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(c->curl, CURLINFO_CONTENT_TYPE, &type);
    c->last_bytes_ms = client_now_ms();
    if (status != 200 || !type || strncmp(type, "text/event-stream", 17) != 0)
        return take_answer(p, size, count, ctx);
    return c->on_bytes(c->ctx, slice_of(p, size * count)) == 0 ? size * count : 0;
}

/* Called about once a second: ends a stream that has been silent for too long. */
static int watch_silence(void *ctx, curl_off_t a, curl_off_t b, curl_off_t d, curl_off_t e)
{
    struct client *c = ctx;
    c->was_silent = c->silence_ms && client_now_ms() - c->last_bytes_ms > c->silence_ms;
    return c->was_silent;
}

/* Appends a header field to the list; false for no memory. */
static bool add_field(struct curl_slist **fields, const char *field)
{
    struct curl_slist *more = curl_slist_append(*fields, field);
    if (more)
        *fields = more;
    return more != NULL;
}

/* Runs the prepared request with these fields, each of which may be NULL or "". */
static bool run(struct client *c, const char *const *fields, size_t count)
{
    struct curl_slist *list = NULL;
    curl_off_t wait = 0;
    bool ok = !c->url.failed && (!c->token.len || add_field(&list, buf_cstr(&c->token)));
    for (size_t i = 0; i < count; i++)
        ok = ok && (!fields[i] || !*fields[i] || add_field(&list, fields[i]));
    buf_reset(&c->answer);
    c->status = 0;
    c->problem[0] = 0;
    if (ok) {
        curl_easy_setopt(c->curl, CURLOPT_URL, buf_cstr(&c->url));
        curl_easy_setopt(c->curl, CURLOPT_HTTPHEADER, list);
        curl_easy_setopt(c->curl, CURLOPT_WRITEDATA, c);
        c->failure = (int)curl_easy_perform(c->curl);
        curl_easy_getinfo(c->curl, CURLINFO_RESPONSE_CODE, &c->status);
        curl_easy_getinfo(c->curl, CURLINFO_RETRY_AFTER, &wait);
    } else {
        c->failure = CURLE_OUT_OF_MEMORY;
    }
    c->retry_after_s = wait > 0 ? (uint64_t)wait : 0;
    curl_easy_setopt(c->curl, CURLOPT_HTTPHEADER, NULL);
    curl_slist_free_all(list);
    return c->failure == CURLE_OK && c->status >= 200 && c->status < 300;
}

bool client_get(struct client *c)
{
    const char *const fields[] = {"Accept: application/json"};
    curl_easy_setopt(c->curl, CURLOPT_HTTPGET, 1L);
    curl_easy_setopt(c->curl, CURLOPT_WRITEFUNCTION, take_answer);
    curl_easy_setopt(c->curl, CURLOPT_TIMEOUT_MS, ANSWER_TIMEOUT_MS);
    return run(c, fields, 1);
}

bool client_post(struct client *c, const char *content_type, struct slice body, const char *field)
{
    /* Expect: 100-continue would cost a round trip a batch. */
    const char *const fields[] = {content_type, field, "Accept: application/json", "Expect:"};
    curl_easy_setopt(c->curl, CURLOPT_POST, 1L);
    curl_easy_setopt(c->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.len);
    curl_easy_setopt(c->curl, CURLOPT_POSTFIELDS, body.p ? body.p : "");
    curl_easy_setopt(c->curl, CURLOPT_WRITEFUNCTION, take_answer);
    curl_easy_setopt(c->curl, CURLOPT_TIMEOUT_MS, ANSWER_TIMEOUT_MS);
    return run(c, fields, 4);
}

bool client_stream(struct client *c, const char *last_id,
                   int (*on_bytes)(void *ctx, struct slice bytes), void *ctx)
{
    struct buf resume = BUF_INIT;
    const char *type = NULL;
    if (*last_id)
        buf_addf(&resume, "Last-Event-ID: %s", last_id);
    const char *const fields[] = {"Accept: text/event-stream", "Cache-Control: no-store",
                                  buf_cstr(&resume)};
    c->on_bytes = on_bytes;
    c->ctx = ctx;
    c->last_bytes_ms = client_now_ms();
    c->was_silent = false;
    curl_easy_setopt(c->curl, CURLOPT_HTTPGET, 1L);
    curl_easy_setopt(c->curl, CURLOPT_WRITEFUNCTION, take_stream);
    curl_easy_setopt(c->curl, CURLOPT_XFERINFOFUNCTION, watch_silence);
    curl_easy_setopt(c->curl, CURLOPT_XFERINFODATA, c);
    curl_easy_setopt(c->curl, CURLOPT_NOPROGRESS, 0L);
    run(c, fields, 3);
    buf_fini(&resume);
    curl_easy_getinfo(c->curl, CURLINFO_CONTENT_TYPE, &type);
    return c->status == 200 && type && strncmp(type, "text/event-stream", 17) == 0;
}

/* Appends the text of a member of the answer; false when it has none. */
static bool put_member(struct slice answer, const char *name, struct buf *out)
{
    struct slice value;
    struct buf text = BUF_INIT;
    if (!json_get(answer, name, &value) || json_kind(value) != JSON_STRING)
        return false;
    json_unescape(json_string_raw(value), &text);
    bool some = text.len > 0;
    buf_add_slice(out, buf_slice(&text));
    buf_fini(&text);
    return some;
}

static const char *advice(long status)
{
    switch (status) {
    case 401:
        return "; give a token with --token or FRESHET_TOKEN";
    case 404:
        return "; is the URL that of a hub?";
    default:
        return "";
    }
}

/* Where the URL leads, without its query: that may hold what is nobody else's business. */
static struct slice place(const struct client *c)
{
    struct slice rest = buf_slice(&c->url);
    return slice_cut(&rest, '?');
}

void client_put_failure(const struct client *c, struct buf *out)
{
    struct slice answer = buf_slice(&c->answer), at = place(c);
    struct buf detail = BUF_INIT;
    bool is_problem = answer.len && json_check(answer, JSON_DEPTH_MAX, NULL) == 0 &&
                      json_kind(answer) == JSON_OBJECT;
    if (c->status == 0) {
        buf_addf(out, "%.*s cannot be reached: %s", SLICE_FMT(at),
                 c->problem[0] ? c->problem : curl_easy_strerror((CURLcode)c->failure));
    } else if (c->status >= 200 && c->status < 300) {
        buf_addf(out, "%.*s answers with something else than a hub would; is the URL right?",
                 SLICE_FMT(at));
    } else if (is_problem &&
               (put_member(answer, "detail", &detail) || put_member(answer, "title", &detail))) {
        buf_addf(out, "%.*s (%ld", SLICE_FMT(buf_slice(&detail)), c->status);
        buf_reset(&detail);
        if (put_member(answer, "error", &detail))
            buf_addf(out, " %.*s", SLICE_FMT(buf_slice(&detail)));
        buf_add_char(out, ')');
    } else {
        buf_addf(out, "%.*s answers with status %ld%s", SLICE_FMT(at), c->status,
                 advice(c->status));
    }
    buf_fini(&detail);
}
