/* A reader: one connection of the load, from connect to what its stream holds. */
#include "cli/bench.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define TRIES_MAX 40
#define RETRY_NS (SECOND_NS / 10)
#define SLOW_RECEIVE_BYTES 8192
#define LAST_ID_MAX 255 /* bytes of an id worth resuming with */

int conn_init(struct bench_conn *c, struct bench *b, uint32_t index)
{
    const struct bench_conf *conf = b->conf;
    *c = (struct bench_conn){.b = b, .index = index, .fd = -1};
    list_init(&c->waiting);
    c->first_channel = (uint32_t)(index % conf->channels);
    c->slow = conf->mode == BENCH_SLOW &&
              (index / conf->channels) * conf->slow_percent % 100 >= 100 - conf->slow_percent;
    c->checks = calloc(conf->per_conn, sizeof *c->checks);
    return c->checks ? 0 : -1;
}

void conn_fini(struct bench_conn *c)
{
    if (!c)
        return;
    sse_reader_fini(&c->sse);
    buf_fini(&c->head);
    free(c->checks);
    free(c->last_id);
}

static void wait_again(struct bench_conn *c, uint64_t due_ns)
{
    c->state = READER_WAITING;
    c->due_ns = due_ns;
    list_push_back(&c->b->waiting, &c->waiting);
}

static void on_closed(uv_handle_t *h)
{
    struct bench_conn *c = h->data;
    close(c->fd);
    c->fd = -1;
    buf_fini(&c->head);
    sse_reader_fini(&c->sse);
    if (c->after_close == READER_IDLE)
        conn_begin(c);
    else if (c->after_close == READER_WAITING)
        wait_again(c, c->due_ns);
    else
        c->state = READER_GONE;
}

void conn_end(struct bench_conn *c, enum bench_conn_state after)
{
    if (c->state == READER_CLOSING)
        return;
    if (c->state == READER_WAITING) {
        list_remove(&c->waiting);
        c->state = READER_GONE;
    }
    if (c->state == READER_IDLE || c->state == READER_GONE)
        return;
    c->state = READER_CLOSING;
    c->after_close = (uint8_t)after;
    uv_poll_stop(&c->poll);
    uv_close((uv_handle_t *)&c->poll, on_closed);
}

/* It could not be opened, or broke off. */
static void conn_broke(struct bench_conn *c)
{
    struct bench *b = c->b;
    struct bench_stats *s = &b->stats;
    bool up = c->state == READER_STREAM || c->state == READER_STUCK;
    enum bench_conn_state after = READER_GONE;
    if (up) {
        if (c->slow)
            s->closed_slow++;
        else
            s->closed++;
    } else if (b->conf->mode == BENCH_CHURN && b->phase == PHASE_RUN) {
        s->churn_failed++;
        after = READER_WAITING;
    } else if (c->tries < TRIES_MAX) {
        c->tries++;
        if (c->resumed)
            s->resume_failed++;
        else
            s->retried++;
        after = READER_WAITING;
    } else if (!c->was_up) {
        s->failed++;
    }
    c->due_ns = bench_now_ns() + RETRY_NS;
    if (c->fd < 0 && after == READER_WAITING) /* there was not even a socket */
        wait_again(c, c->due_ns);
    else if (c->fd < 0)
        c->state = READER_GONE;
    else
        conn_end(c, after);
    bench_begin_more(b);
}

/* ---- what comes ---- */

static void on_message(struct bench_conn *c, const struct mark *m)
{
    struct bench *b = c->b;
    struct bench_stats *s = &b->stats;
    uint32_t channels = (uint32_t)b->conf->channels;
    uint32_t slot = (m->channel + channels - c->first_channel) % channels;
    if (m->run != b->run || m->channel >= channels || slot >= b->conf->per_conn) {
        s->other_events++;
        return;
    }
    if (!check_message(&c->checks[slot], m->number, &s->tally[c->slow]) || c->slow)
        return;
    s->last_ns = b->read_ns;
    hist_add(&s->latency, s->last_ns > m->sent_ns ? s->last_ns - m->sent_ns : 0);
}

static int on_event(void *ctx, const struct sse_event *e)
{
    struct bench_conn *c = ctx;
    struct mark m;
    if (mark_find(e->data, &m)) {
        on_message(c, &m);
    } else if (slice_is(e->type, "freshet.gap")) {
        c->b->stats.gaps++;
        for (uint64_t i = 0; i < c->b->conf->per_conn; i++)
            check_gap(&c->checks[i]);
    } else {
        c->b->stats.other_events++;
    }
    return 0;
}

static void on_comment(void *ctx, struct slice text)
{
    struct bench_conn *c = ctx;
    (void)text;
    c->b->stats.comments++;
}

/* Redis: marks are looked for in each line, whatever it is. */
static void read_lines(struct bench_conn *c, const char *p, size_t len)
{
    struct mark m;
    buf_add(&c->head, p, len);
    size_t used = 0;
    for (const char *lf; used < c->head.len &&
                         (lf = memchr(c->head.p + used, '\n', c->head.len - used));) {
        struct slice line = slice_of(c->head.p + used, (size_t)(lf - c->head.p) - used);
        if (mark_find(line, &m))
            on_message(c, &m);
        used += line.len + 1;
    }
    buf_consume(&c->head, used);
}

/* False when the stream is at its end, or is none. */
static bool read_body(struct bench_conn *c, const char *p, size_t len)
{
    if (c->b->target.redis) {
        read_lines(c, p, len);
        return true;
    }
    if (!c->chunked)
        return sse_read(&c->sse, p, len, on_event, on_comment, c) == 0;
    for (size_t at = 0; at < len && !http1_body_done(&c->body);) {
        struct slice data = SLICE_NONE;
        int used = http1_body_read(&c->body, p + at, len - at, &data, NULL);
        if (used < 0 || (data.len && sse_read(&c->sse, data.p, data.len, on_event, on_comment, c)))
            return false;
        if (used == 0)
            break;
        at += (size_t)used;
    }
    return !http1_body_done(&c->body);
}

static void conn_up(struct bench_conn *c, uint64_t now_ns)
{
    struct bench *b = c->b;
    struct bench_stats *s = &b->stats;
    hist_add(&s->connect, now_ns - c->begun_ns);
    if (c->resumed)
        s->resumed++;
    else if (!c->was_up)
        s->connected++;
    c->state = READER_STREAM;
    c->was_up = true;
    c->tries = 0;
    if (c->slow && b->phase < PHASE_CATCH_UP) {
        c->state = READER_STUCK;
        uv_poll_stop(&c->poll);
    }
    bench_begin_more(b);
}

/* The answer's head has come, or a part of it. */
static void read_head(struct bench_conn *c, const char *p, size_t len)
{
    struct bench *b = c->b;
    struct answer a;
    buf_add(&c->head, p, len);
    int used = answer_read(c->head.p, c->head.len, &a);
    if (used == 0 && !c->head.failed)
        return;
    if (used <= 0 || a.status != 200) {
        b->stats.refused++;
        b->stats.status = a.status;
        conn_broke(c);
        return;
    }
    if (b->conf->mode == BENCH_CHURN && b->phase == PHASE_RUN) {
        b->stats.churned++;
        hist_add(&b->stats.connect, bench_now_ns() - c->begun_ns);
        conn_end(c, READER_IDLE);
        return;
    }
    c->chunked = a.chunked;
    http1_body_init(&c->body, &(struct http1_request){.chunked = a.chunked});
    sse_reader_init(&c->sse, 0);
    conn_up(c, bench_now_ns());
    struct buf head = c->head;
    c->head = BUF_INIT;
    if (head.len > (size_t)used && !read_body(c, head.p + used, head.len - (size_t)used))
        conn_broke(c);
    buf_fini(&head);
}

static void readable(struct bench_conn *c)
{
    struct bench *b = c->b;
    ssize_t n = recv(c->fd, b->scratch, BENCH_READ_BYTES, 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        conn_broke(c);
        return;
    }
    b->stats.bytes += (uint64_t)n;
    b->read_ns = bench_now_ns();
    if (c->state == READER_HEAD && b->target.redis)
        conn_up(c, b->read_ns);
    if (c->state == READER_HEAD) {
        read_head(c, b->scratch, (size_t)n);
        return;
    }
    uint64_t before = b->stats.tally[0].delivered;
    bool goes_on = read_body(c, b->scratch, (size_t)n);
    publisher_delivered(&b->publisher, b->stats.tally[0].delivered - before);
    if (!goes_on)
        conn_broke(c);
}

/* ---- opening ---- */

static void put_request(struct bench_conn *c, struct buf *out)
{
    const struct bench_conf *conf = c->b->conf;
    struct template_values v = {.prefix = conf->prefix,
                                .channel = c->first_channel,
                                .follow = (uint32_t)conf->per_conn,
                                .channels = (uint32_t)conf->channels,
                                .conn = c->index};
    if (c->b->target.redis) {
        template_put(out, "SUBSCRIBE %CH%\r\n", &v);
        return;
    }
    buf_add_str(out, "GET ");
    template_put(out, c->b->target.path, &v);
    buf_addf(out, " HTTP/1.1\r\nHost: %s\r\nAccept: text/event-stream\r\n", c->b->target.host);
    for (size_t i = 0; i < conf->headers.count; i++)
        buf_addf(out, "%s\r\n", conf->headers.v[i]);
    if (c->resumed && c->last_id)
        buf_addf(out, "Last-Event-ID: %s\r\n", c->last_id);
    buf_add_str(out, "\r\n");
}

static void on_ready(uv_poll_t *poll, int status, int events);

static void connected(struct bench_conn *c)
{
    int error = 0;
    socklen_t len = sizeof error;
    struct buf request = BUF_INIT;
    getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &len);
    put_request(c, &request);
    bool ok = !error && !request.failed &&
              send(c->fd, request.p, request.len, MSG_NOSIGNAL) == (ssize_t)request.len;
    buf_fini(&request);
    if (!ok) {
        conn_broke(c);
        return;
    }
    c->state = READER_HEAD;
    uv_poll_start(&c->poll, UV_READABLE, on_ready);
}

static void on_ready(uv_poll_t *poll, int status, int events)
{
    struct bench_conn *c = poll->data;
    (void)events;
    if (status < 0)
        conn_broke(c);
    else if (c->state == READER_CONNECTING)
        connected(c);
    else if (c->state != READER_CLOSING)
        readable(c);
}

void conn_begin(struct bench_conn *c)
{
    struct bench *b = c->b;
    c->begun_ns = bench_now_ns();
    c->state = READER_CONNECTING;
    c->fd = target_socket(&b->target, c->index, false);
    if (c->fd < 0) {
        conn_broke(c);
        return;
    }
    int receive = SLOW_RECEIVE_BYTES;
    if (c->slow)
        setsockopt(c->fd, SOL_SOCKET, SO_RCVBUF, &receive, sizeof receive);
    const struct sockaddr *to = (const struct sockaddr *)&b->target.addr;
    bool fine = connect(c->fd, to, b->target.addr_len) == 0 || errno == EINPROGRESS;
    if (uv_poll_init(&b->loop, &c->poll, c->fd) != 0) {
        close(c->fd);
        c->fd = -1;
        conn_broke(c);
        return;
    }
    c->poll.data = c;
    if (!fine || uv_poll_start(&c->poll, UV_WRITABLE, on_ready) != 0)
        conn_broke(c);
}

void conn_unstick(struct bench_conn *c)
{
    if (c->state != READER_STUCK)
        return;
    c->state = READER_STREAM;
    uv_poll_start(&c->poll, UV_READABLE, on_ready);
}
