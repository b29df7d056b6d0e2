/* The publisher: numbered messages over one connection, on a thread of its own. */
#include "cli/bench.h"

#include "base/num.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define ANSWER_TIMEOUT_S 30
#define ANSWER_MAX (8u << 20)
#define ERRORS_MAX 1000
#define SOURCE_INDEX 249 /* its own loopback address */

int publisher_init(struct publisher *p, const struct bench_conf *conf, uint32_t run,
                   const uint64_t *fan)
{
    p->conf = conf;
    p->run = run;
    p->fan = fan;
    p->fd = -1;
    atomic_store(&p->wake_at, UINT64_MAX);
    p->published = calloc(conf->channels, sizeof *p->published);
    p->has_sem = sem_init(&p->wake, 0, 0) == 0;
    return p->published && p->has_sem ? 0 : -1;
}

void publisher_fini(struct publisher *p)
{
    if (p->fd >= 0)
        close(p->fd);
    if (p->has_sem)
        sem_destroy(&p->wake);
    free(p->published);
    buf_fini(&p->body);
    buf_fini(&p->request);
    buf_fini(&p->answer);
    buf_fini(&p->message);
    target_fini(&p->target);
}

void publisher_delivered(struct publisher *p, uint64_t n)
{
    if (n == 0)
        return;
    uint64_t now = atomic_fetch_add(&p->delivered, n) + n;
    if (now >= atomic_load(&p->wake_at)) {
        atomic_store(&p->wake_at, UINT64_MAX);
        sem_post(&p->wake);
    }
}

static bool reach(struct publisher *p)
{
    struct timeval limit = {ANSWER_TIMEOUT_S, 0};
    if (p->fd >= 0)
        return true;
    p->fd = target_socket(&p->target, SOURCE_INDEX, true);
    if (p->fd < 0)
        return false;
    setsockopt(p->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(p->fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    if (connect(p->fd, (const struct sockaddr *)&p->target.addr, p->target.addr_len) == 0)
        return true;
    close(p->fd);
    p->fd = -1;
    return false;
}

static void leave(struct publisher *p)
{
    if (p->fd >= 0)
        close(p->fd);
    p->fd = -1;
}

/* ---- the answer ---- */

/* Reads on. False when the connection is done for. */
static bool read_more(struct publisher *p)
{
    if (!buf_reserve(&p->answer, 16384))
        return false;
    ssize_t n = recv(p->fd, p->answer.p + p->answer.len, p->answer.cap - p->answer.len, 0);
    if (n <= 0)
        return false;
    p->answer.len += (size_t)n;
    return true;
}

/* Reads the rest of the answer's body, of which `head` bytes are its head. */
static bool read_rest(struct publisher *p, const struct answer *a, size_t head)
{
    struct http1_body body;
    struct slice data;
    if (!a->chunked) {
        size_t want = a->has_length ? (size_t)a->length : 0;
        while (p->answer.len - head < want)
            if (!read_more(p))
                return false;
        return true;
    }
    http1_body_init(&body, &(struct http1_request){.chunked = true});
    for (size_t at = head; !http1_body_done(&body);) {
        if (at == p->answer.len && !read_more(p))
            return false;
        int used = http1_body_read(&body, p->answer.p + at, p->answer.len - at, &data, NULL);
        if (used < 0)
            return false;
        at += (size_t)used;
    }
    return true;
}

/* Redis answers a line: `:<readers>`, or `-<why not>`. */
static int read_line(struct publisher *p)
{
    while (!p->answer.len || p->answer.p[p->answer.len - 1] != '\n')
        if (!read_more(p))
            return 0;
    return p->answer.p[0] == ':' ? 200 : 500;
}

/* The status, or 0 when no answer came. */
static int read_answer(struct publisher *p)
{
    struct answer a;
    int head;
    buf_reset(&p->answer);
    if (p->target.redis)
        return read_line(p);
    while ((head = answer_read(p->answer.p, p->answer.len, &a)) == 0)
        if (!read_more(p))
            return 0;
    if (head < 0 || !read_rest(p, &a, (size_t)head))
        return 0;
    if (a.close)
        leave(p);
    return a.status;
}

/* ---- the request ---- */

static void put_message(struct publisher *p, uint32_t channel, uint32_t number, uint64_t now_ns)
{
    struct mark m = {p->run, channel, number, now_ns};
    struct template_values v = {.prefix = p->conf->prefix,
                                .channel = channel,
                                .follow = 1,
                                .channels = (uint32_t)p->conf->channels};
    buf_reset(&p->message);
    mark_put(&p->message, &m, p->conf->size);
    v.message = buf_slice(&p->message);
    template_put(&p->body, p->conf->body, &v);
}

/* Makes the request for `count` messages; the k-th of all goes to channel k modulo channels. */
static bool put_request(struct publisher *p, uint64_t k, uint64_t count, uint64_t now_ns)
{
    const struct bench_conf *conf = p->conf;
    bool lines = strstr(conf->type, "ndjson") != NULL;
    struct template_values v = {.prefix = conf->prefix,
                                .channel = (uint32_t)(k % conf->channels),
                                .follow = 1,
                                .channels = (uint32_t)conf->channels};
    buf_reset(&p->body);
    buf_reset(&p->request);
    if (count > 1 && !lines)
        buf_add_char(&p->body, '[');
    for (uint64_t i = 0; i < count; i++) {
        uint32_t channel = (uint32_t)((k + i) % conf->channels);
        uint32_t earlier = (uint32_t)(i / conf->channels);
        if (i)
            buf_add_char(&p->body, lines ? '\n' : ',');
        put_message(p, channel, p->published[channel] + earlier + 1, now_ns);
    }
    if (count > 1 && !lines)
        buf_add_char(&p->body, ']');
    if (p->target.redis) {
        template_put(&p->request, "PUBLISH %CH% ", &v);
        buf_addf(&p->request, "%.*s\r\n", SLICE_FMT(buf_slice(&p->body)));
        return !p->request.failed && !p->body.failed;
    }
    buf_add_str(&p->request, "POST ");
    template_put(&p->request, p->target.path, &v);
    buf_addf(&p->request, " HTTP/1.1\r\nHost: %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n",
             p->target.host, conf->type, p->body.len);
    for (size_t i = 0; i < conf->publish_headers.count; i++)
        buf_addf(&p->request, "%s\r\n", conf->publish_headers.v[i]);
    buf_add_str(&p->request, "\r\n");
    buf_add_slice(&p->request, buf_slice(&p->body));
    return !p->request.failed && !p->body.failed;
}

static bool send_all(int fd, struct slice s)
{
    while (s.len) {
        ssize_t n = send(fd, s.p, s.len, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        s = slice_of(s.p + n, s.len - (size_t)n);
    }
    return true;
}

/* Sends the request; once more when the kept connection had gone. The status, 0 for none. */
static int ask(struct publisher *p)
{
    int status = 0;
    for (int try = 0; try < 2 && status == 0; try++) {
        if (!reach(p))
            return 0;
        if (send_all(p->fd, buf_slice(&p->request)))
            status = read_answer(p);
        if (status == 0)
            leave(p);
    }
    return status;
}

/* ---- the pace ---- */

static void sleep_until(uint64_t ns)
{
    struct timespec t = {(time_t)(ns / SECOND_NS), (long)(ns % SECOND_NS)};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == EINTR)
        ;
}

/* Waits until at most `inflight` messages are undelivered, a second at most: a lost one must not
 * stop it all. */
static void wait_for_readers(struct publisher *p)
{
    const struct bench_conf *conf = p->conf;
    uint64_t readers = 0;
    for (uint64_t i = 0; i < conf->channels; i++)
        readers += p->fan[i];
    uint64_t room = conf->inflight * readers / conf->channels, expected = atomic_load(&p->expected);
    if (expected <= room)
        return;
    uint64_t enough = expected - room;
    while (sem_trywait(&p->wake) == 0)
        ;
    atomic_store(&p->wake_at, enough);
    struct timespec limit;
    clock_gettime(CLOCK_REALTIME, &limit);
    limit.tv_sec++;
    while (atomic_load(&p->delivered) < enough)
        if (sem_timedwait(&p->wake, &limit) != 0 && errno != EINTR)
            break;
    atomic_store(&p->wake_at, UINT64_MAX);
}

static void note_failure(struct publisher *p, int status)
{
    atomic_fetch_add(&p->errors, 1);
    p->status = status;
    size_t head = status ? answer_head_len(p->answer.p, p->answer.len) : 0;
    snprintf(p->problem, sizeof p->problem, "%.*s", (int)(p->answer.len - head),
             head ? p->answer.p + head : "");
    sleep_until(bench_now_ns() + SECOND_NS / 1000);
}

/* Publishes messages k to k + count - 1. */
static void publish(struct publisher *p, uint64_t k, uint64_t count)
{
    uint64_t now = bench_now_ns(), deliveries = 0;
    if (!put_request(p, k, count, now)) {
        note_failure(p, 0);
        return;
    }
    int status = ask(p);
    if (status < 200 || status > 299) {
        note_failure(p, status);
        return;
    }
    hist_add(&p->acks, bench_now_ns() - now);
    for (uint64_t i = 0; i < count; i++) {
        uint32_t channel = (uint32_t)((k + i) % p->conf->channels);
        p->published[channel]++;
        deliveries += p->fan[channel];
    }
    atomic_fetch_add(&p->expected, deliveries);
    atomic_fetch_add(&p->count, count);
}

static void run(void *ctx)
{
    struct publisher *p = ctx;
    const struct bench_conf *conf = p->conf;
    uint64_t end = p->first_ns + conf->duration_ms * (SECOND_NS / 1000), k = 0;
    while (!atomic_load(&p->stop) && atomic_load(&p->errors) < ERRORS_MAX) {
        uint64_t due = conf->rate ? p->first_ns + (uint64_t)((double)k * 1e9 / (double)conf->rate)
                                  : bench_now_ns();
        if (due >= end || bench_now_ns() >= end)
            break;
        if (conf->rate)
            sleep_until(due);
        if (conf->inflight)
            wait_for_readers(p);
        publish(p, k, conf->batch);
        k += conf->batch;
    }
    p->last_ns = bench_now_ns();
    atomic_store(&p->done, true);
}

int publisher_start(struct publisher *p)
{
    p->answer.max = ANSWER_MAX;
    p->first_ns = bench_now_ns();
    p->started = uv_thread_create(&p->thread, run, p) == 0;
    return p->started ? 0 : -1;
}

void publisher_join(struct publisher *p)
{
    atomic_store(&p->stop, true);
    if (p->started)
        uv_thread_join(&p->thread);
    p->started = false;
}
