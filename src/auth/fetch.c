#include "auth/fetch.h"

#include "base/buf.h"
#include "base/list.h"

#include <assert.h>
#include <curl/curl.h>
#include <stdlib.h>

#define URL_MAX 2048

/* A descriptor that curl wants watched. */
struct watch {
    struct list node;
    uv_poll_t poll;
    curl_socket_t fd;
    struct fetch *fetch;
};

struct fetch_call {
    struct list node;
    struct fetch *fetch;
    CURL *easy;
    struct curl_slist *headers;
    struct buf body;
    bool too_large;
    fetch_done done;
    void *ctx;
};

struct fetch {
    CURLM *multi;
    uv_timer_t timer;
    struct list calls, watches;
    unsigned in_flight;
    unsigned handles; /* libuv handles not yet closed */
    bool closing;
    void (*closed)(void *ctx);
    void *closed_ctx;
};

/* ---- calls ---- */

static void call_detach(struct fetch_call *call)
{
    if (!call->easy)
        return;
    curl_multi_remove_handle(call->fetch->multi, call->easy);
    curl_easy_cleanup(call->easy);
    call->easy = NULL;
}

static void call_free(struct fetch_call *call)
{
    call_detach(call);
    curl_slist_free_all(call->headers);
    buf_fini(&call->body);
    free(call);
}

static void call_unlink(struct fetch_call *call)
{
    list_remove(&call->node);
    call->fetch->in_flight--;
}

void fetch_cancel(struct fetch_call *call)
{
    if (!call)
        return;
    call_unlink(call);
    call_free(call);
}

static const char *why(CURLcode code)
{
    switch (code) {
    case CURLE_OPERATION_TIMEDOUT:
        return "no answer in time";
    case CURLE_COULDNT_RESOLVE_HOST:
        return "the name can't be resolved";
    case CURLE_COULDNT_CONNECT:
        return "nobody answers at that address";
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
        return "the certificate can't be trusted";
    default:
        return "the connection failed";
    }
}

static void call_finish(struct fetch_call *call, CURLcode code)
{
    long status = 0;
    struct fetch_result result = {0, SLICE_NONE, NULL};
    curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
    if (call->too_large || code == CURLE_FILESIZE_EXCEEDED)
        result.error = "the answer is too large";
    else if (code != CURLE_OK || call->body.failed || status < 100 || status > 599)
        result.error = why(code);
    if (!result.error) {
        result.status = (int)status;
        result.body = buf_slice(&call->body);
    }
    call_unlink(call);
    call_detach(call); /* the callback may close the whole */
    call->done(call->ctx, &result);
    call_free(call);
}

/* Reports what has ended. A callback may start and cancel calls, or close the whole. */
static void reap(struct fetch *fetch)
{
    CURLMsg *msg;
    int left;
    while (!fetch->closing && (msg = curl_multi_info_read(fetch->multi, &left))) {
        void *call = NULL;
        if (msg->msg != CURLMSG_DONE)
            continue;
        curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, &call);
        call_finish(call, msg->data.result);
    }
}

static size_t on_body(char *p, size_t size, size_t count, void *ctx)
{
    struct fetch_call *call = ctx;
    size_t len = size * count;
    buf_add(&call->body, p, len);
    call->too_large = call->body.failed;
    return call->body.failed ? 0 : len;
}

/* ---- curl's wishes, granted by libuv ---- */

static void on_handle_closed(struct fetch *fetch)
{
    if (--fetch->handles || !fetch->closing)
        return;
    void (*closed)(void *) = fetch->closed;
    void *ctx = fetch->closed_ctx;
    curl_global_cleanup();
    free(fetch);
    if (closed)
        closed(ctx);
}

static void on_watch_closed(uv_handle_t *handle)
{
    struct watch *watch = handle->data;
    struct fetch *fetch = watch->fetch;
    free(watch);
    on_handle_closed(fetch);
}

static void on_timer_closed(uv_handle_t *handle)
{
    on_handle_closed(handle->data);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct watch *watch = poll->data;
    struct fetch *fetch = watch->fetch;
    int what = 0, running;
    if (status < 0)
        what = CURL_CSELECT_ERR;
    if (events & UV_READABLE)
        what |= CURL_CSELECT_IN;
    if (events & UV_WRITABLE)
        what |= CURL_CSELECT_OUT;
    curl_multi_socket_action(fetch->multi, watch->fd, what, &running);
    reap(fetch);
}

static void on_timer(uv_timer_t *timer)
{
    struct fetch *fetch = timer->data;
    int running;
    curl_multi_socket_action(fetch->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    reap(fetch);
}

static void watch_end(struct watch *watch)
{
    list_remove(&watch->node);
    uv_poll_stop(&watch->poll);
    uv_close((uv_handle_t *)&watch->poll, on_watch_closed);
}

static struct watch *watch_new(struct fetch *fetch, curl_socket_t fd)
{
    struct watch *watch = calloc(1, sizeof *watch);
    if (!watch || uv_poll_init(fetch->timer.loop, &watch->poll, fd)) {
        free(watch);
        return NULL;
    }
    watch->poll.data = watch;
    watch->fd = fd;
    watch->fetch = fetch;
    fetch->handles++;
    list_init(&watch->node);
    list_push_back(&fetch->watches, &watch->node);
    curl_multi_assign(fetch->multi, fd, watch);
    return watch;
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *ctx, void *known)
{
    struct fetch *fetch = ctx;
    struct watch *watch = known;
    if (fetch->closing)
        return 0;
    if (what == CURL_POLL_REMOVE) {
        if (watch) {
            curl_multi_assign(fetch->multi, fd, NULL);
            watch_end(watch);
        }
        return 0;
    }
    if (!watch && !(watch = watch_new(fetch, fd)))
        return -1;
    int events = (what & CURL_POLL_IN ? UV_READABLE : 0) | (what & CURL_POLL_OUT ? UV_WRITABLE : 0);
    return uv_poll_start(&watch->poll, events, on_poll) ? -1 : 0;
}

static int on_timeout(CURLM *multi, long ms, void *ctx)
{
    struct fetch *fetch = ctx;
    if (ms < 0)
        uv_timer_stop(&fetch->timer);
    else if (!fetch->closing)
        uv_timer_start(&fetch->timer, on_timer, (uint64_t)ms, 0);
    return 0;
}

/* ---- starting ---- */

struct fetch *fetch_new(uv_loop_t *loop)
{
    struct fetch *fetch = calloc(1, sizeof *fetch);
    if (!fetch || curl_global_init(CURL_GLOBAL_DEFAULT)) {
        free(fetch);
        return NULL;
    }
    list_init(&fetch->calls);
    list_init(&fetch->watches);
    fetch->multi = curl_multi_init();
    if (!fetch->multi) {
        curl_global_cleanup();
        free(fetch);
        return NULL;
    }
    curl_multi_setopt(fetch->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    curl_multi_setopt(fetch->multi, CURLMOPT_SOCKETDATA, fetch);
    curl_multi_setopt(fetch->multi, CURLMOPT_TIMERFUNCTION, on_timeout);
    curl_multi_setopt(fetch->multi, CURLMOPT_TIMERDATA, fetch);
    uv_timer_init(loop, &fetch->timer);
    fetch->timer.data = fetch;
    fetch->handles = 1;
    return fetch;
}

void fetch_close(struct fetch *fetch, void (*closed)(void *ctx), void *ctx)
{
    assert(!fetch->closing);
    fetch->closed = closed;
    fetch->closed_ctx = ctx;
    LIST_EACH(&fetch->calls, node, next)
    fetch_cancel(LIST_ENTRY(node, struct fetch_call, node));
    fetch->closing = true;
    LIST_EACH(&fetch->watches, node, next)
    watch_end(LIST_ENTRY(node, struct watch, node)); /* before curl closes their descriptors */
    curl_multi_cleanup(fetch->multi);
    uv_close((uv_handle_t *)&fetch->timer, on_timer_closed);
}

static bool has_control(struct slice s)
{
    for (size_t i = 0; i < s.len; i++)
        if (((unsigned char)s.p[i] < 32 && s.p[i] != '\t') || s.p[i] == 127)
            return true;
    return false;
}

static int add_headers(struct fetch_call *call, const struct fetch_request *request)
{
    struct buf line = BUF_INIT;
    int rc = request->header_count > FETCH_HEADERS_MAX ? ERR_BAD_REQUEST : 0;
    for (size_t i = 0; !rc && i < request->header_count; i++) {
        const struct fetch_header *h = &request->headers[i];
        if (has_control(h->value)) {
            rc = ERR_BAD_REQUEST;
            break;
        }
        buf_reset(&line);
        buf_addf(&line, "%s: %.*s", h->name, SLICE_FMT(h->value));
        struct curl_slist *grown =
            line.failed ? NULL : curl_slist_append(call->headers, buf_cstr(&line));
        rc = grown ? 0 : ERR_INTERNAL;
        call->headers = grown ? grown : call->headers;
    }
    buf_fini(&line);
    return rc;
}

static long timeout_of(const struct fetch_request *request)
{
    if (!request->timeout_ms)
        return FETCH_TIMEOUT_MS;
    return request->timeout_ms < FETCH_TIMEOUT_MAX_MS ? (long)request->timeout_ms
                                                      : FETCH_TIMEOUT_MAX_MS;
}

static bool set_options(struct fetch_call *call, const struct fetch_request *request)
{
    CURL *easy = call->easy;
    call->body.max = request->body_max;
    return !curl_easy_setopt(easy, CURLOPT_URL, request->url) &&
           !curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https") &&
           !curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L) &&
           !curl_easy_setopt(easy, CURLOPT_PROXY, "") &&
           !curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) &&
           !curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L) && /* don't wait for a slow resolver */
           !curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, timeout_of(request)) &&
           !curl_easy_setopt(easy, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)request->body_max) &&
           !curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L) &&
           !curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L) &&
           !curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) &&
           (!request->ca_file || !curl_easy_setopt(easy, CURLOPT_CAINFO, request->ca_file)) &&
           !curl_easy_setopt(easy, CURLOPT_USERAGENT, "freshet/" FRESHET_VERSION) &&
           !curl_easy_setopt(easy, CURLOPT_HTTPHEADER, call->headers) &&
           !curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body) &&
           !curl_easy_setopt(easy, CURLOPT_WRITEDATA, call) &&
           !curl_easy_setopt(easy, CURLOPT_PRIVATE, call);
}

int fetch_start(struct fetch *fetch, const struct fetch_request *request, fetch_done done,
                void *ctx, struct fetch_call **out)
{
    *out = NULL;
    assert(request->body_max > 0);
    if (fetch->closing || fetch->in_flight == FETCH_IN_FLIGHT_MAX)
        return ERR_OVERLOADED;
    struct fetch_call *call = calloc(1, sizeof *call);
    if (!call)
        return ERR_INTERNAL;
    call->fetch = fetch;
    call->body = BUF_INIT;
    call->done = done;
    call->ctx = ctx;
    list_init(&call->node);
    int rc = add_headers(call, request);
    if (!rc)
        rc = (call->easy = curl_easy_init()) ? 0 : ERR_INTERNAL;
    if (!rc && !set_options(call, request))
        rc = ERR_BAD_REQUEST;
    if (!rc && curl_multi_add_handle(fetch->multi, call->easy))
        rc = ERR_INTERNAL;
    if (rc) {
        call_free(call);
        return rc;
    }
    list_push_back(&fetch->calls, &call->node);
    fetch->in_flight++;
    *out = call;
    return 0;
}

/* ---- addresses ---- */

static bool is_loopback(const char *host)
{
    bool digits =
        host[strspn(host, "0123456789.")] == 0; /* an address, no name that looks like one */
    return strcmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0 ||
           (digits && strncmp(host, "127.", 4) == 0);
}

static int judge_url(CURLU *url, bool plain_ok, struct err *e)
{
    char *scheme = NULL, *host = NULL, *fragment = NULL;
    int rc = 0;
    if (curl_url_get(url, CURLUPART_SCHEME, &scheme, 0) ||
        curl_url_get(url, CURLUPART_HOST, &host, 0))
        rc = err_set(e, ERR_BAD_REQUEST, "the address has no scheme or host");
    else if (strcmp(scheme, "https") != 0 && strcmp(scheme, "http") != 0)
        rc = err_set(e, ERR_BAD_REQUEST, "the address is neither https nor http");
    else if (!curl_url_get(url, CURLUPART_FRAGMENT, &fragment, 0))
        rc = err_set(e, ERR_BAD_REQUEST, "the address has a fragment");
    else if (strcmp(scheme, "http") == 0 && !plain_ok && !is_loopback(host))
        rc = err_set(e, ERR_BAD_REQUEST,
                     "plain http would let anybody on the way answer: use https");
    curl_free(scheme);
    curl_free(host);
    curl_free(fragment);
    return rc;
}

int fetch_check_url(const char *url, bool plain_ok, struct err *e)
{
    if (strlen(url) > URL_MAX || has_control(slice_str(url)))
        return err_set(e, ERR_BAD_REQUEST, "the address is over %d bytes or has control characters",
                       URL_MAX);
    CURLU *parsed = curl_url();
    if (!parsed)
        return err_set(e, ERR_INTERNAL, "no memory");
    int rc = curl_url_set(parsed, CURLUPART_URL, url, CURLU_NON_SUPPORT_SCHEME)
                 ? err_set(e, ERR_BAD_REQUEST, "the address is malformed")
                 : judge_url(parsed, plain_ok, e);
    curl_url_cleanup(parsed);
    return rc;
}
