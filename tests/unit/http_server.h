/* http_server.h - a small HTTP server on the loop of a test, for what asks others over HTTP: it
 * answers each request with the bytes it was told, and notes the head. */
#ifndef FRESHET_TESTS_HTTP_SERVER_H
#define FRESHET_TESTS_HTTP_SERVER_H

#include "auth/fetch.h"
#include "base/buf.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

struct server {
    uv_loop_t loop;
    uv_tcp_t listener;
    uv_timer_t watchdog;
    int port;
    const char *answer; /* whole; NULL: never answers */
    unsigned endless;   /* bytes of a body that goes on for so long after the answer */
    unsigned requests;
    char head[4096]; /* of the last request */
    bool closed;
    struct fetch *fetch;
};

struct peer {
    uv_tcp_t tcp;
    uv_write_t write;
    struct server *server;
    size_t len;
    char head[4096];
    char *body;
};

static inline void on_peer_closed(uv_handle_t *handle)
{
    struct peer *peer = handle->data;
    free(peer->body);
    free(peer);
}

static inline void peer_close(struct peer *peer)
{
    if (!uv_is_closing((uv_handle_t *)&peer->tcp))
        uv_close((uv_handle_t *)&peer->tcp, on_peer_closed);
}

static inline void on_written(uv_write_t *write, int status)
{
    peer_close(write->data);
}

static inline void answer(struct peer *peer)
{
    struct server *s = peer->server;
    s->requests++;
    memcpy(s->head, peer->head, sizeof s->head);
    if (!s->answer)
        return;
    size_t len = strlen(s->answer);
    peer->body = malloc(len + s->endless + 1);
    assert_non_null(peer->body);
    memcpy(peer->body, s->answer, len);
    memset(peer->body + len, 'x', s->endless);
    uv_buf_t buf = uv_buf_init(peer->body, (unsigned)(len + s->endless));
    peer->write.data = peer;
    assert_int_equal(uv_write(&peer->write, (uv_stream_t *)&peer->tcp, &buf, 1, on_written), 0);
}

static inline void on_alloc(uv_handle_t *handle, size_t size, uv_buf_t *buf)
{
    struct peer *peer = handle->data;
    *buf = uv_buf_init(peer->head + peer->len, (unsigned)(sizeof peer->head - 1 - peer->len));
}

static inline void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct peer *peer = stream->data;
    if (n < 0) {
        peer_close(peer);
        return;
    }
    peer->len += (size_t)n;
    peer->head[peer->len] = 0;
    if (strstr(peer->head, "\r\n\r\n")) {
        uv_read_stop(stream);
        answer(peer);
    }
}

static inline void on_connection(uv_stream_t *listener, int status)
{
    struct server *s = listener->data;
    struct peer *peer = calloc(1, sizeof *peer);
    assert_true(status == 0 && peer);
    peer->server = s;
    peer->tcp.data = peer;
    assert_int_equal(uv_tcp_init(&s->loop, &peer->tcp), 0);
    assert_int_equal(uv_accept(listener, (uv_stream_t *)&peer->tcp), 0);
    uv_read_start((uv_stream_t *)&peer->tcp, on_alloc, on_read);
}

static inline void on_watchdog(uv_timer_t *timer)
{
    fprintf(stderr, "nothing happened for 20 s\n");
    abort();
}

static inline int setup(void **state)
{
    struct server *s = calloc(1, sizeof *s);
    struct sockaddr_in address;
    int len = sizeof address;
    assert_non_null(s);
    assert_int_equal(uv_loop_init(&s->loop), 0);
    uv_tcp_init(&s->loop, &s->listener);
    s->listener.data = s;
    uv_ip4_addr("127.0.0.1", 0, &address);
    assert_int_equal(uv_tcp_bind(&s->listener, (const struct sockaddr *)&address, 0), 0);
    assert_int_equal(uv_listen((uv_stream_t *)&s->listener, 64, on_connection), 0);
    assert_int_equal(uv_tcp_getsockname(&s->listener, (struct sockaddr *)&address, &len), 0);
    s->port = ntohs(address.sin_port);
    uv_timer_init(&s->loop, &s->watchdog);
    uv_timer_start(&s->watchdog, on_watchdog, 20000, 0);
    s->fetch = fetch_new(&s->loop);
    assert_non_null(s->fetch);
    *state = s;
    return 0;
}

static inline void on_fetch_closed(void *ctx)
{
    *(bool *)ctx = true;
}

static inline void close_any(uv_handle_t *handle, void *ctx)
{
    if (uv_is_closing(handle))
        return;
    uv_close(handle, handle->type == UV_TCP && handle != ctx ? on_peer_closed : NULL);
}

static inline int teardown(void **state)
{
    struct server *s = *state;
    if (s->fetch) {
        fetch_close(s->fetch, on_fetch_closed, &s->closed);
        while (!s->closed)
            uv_run(&s->loop, UV_RUN_ONCE);
    }
    uv_walk(&s->loop, close_any, &s->listener);
    uv_run(&s->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&s->loop), 0);
    free(s);
    return 0;
}

#define UNTIL(s, condition)                                                                        \
    while (!(condition))                                                                           \
    uv_run(&(s)->loop, UV_RUN_ONCE)

static inline const char *url_of(const struct server *s, char out[64])
{
    snprintf(out, 64, "http://127.0.0.1:%d/who", s->port);
    return out;
}

static inline void on_pause_closed(uv_handle_t *handle)
{
    free(handle);
}

static inline void on_pause(uv_timer_t *timer)
{
    *(bool *)timer->data = true;
}

/* Lets this much time pass on the loop. */
static inline void pause_ms(struct server *s, uint64_t ms)
{
    bool over = false;
    uv_timer_t *timer = malloc(sizeof *timer);
    assert_non_null(timer);
    uv_timer_init(&s->loop, timer);
    timer->data = &over;
    uv_timer_start(timer, on_pause, ms, 0);
    UNTIL(s, over);
    uv_close((uv_handle_t *)timer, on_pause_closed);
    uv_run(&s->loop, UV_RUN_NOWAIT);
}

#define OK_HEAD "HTTP/1.1 200 OK\r\nConnection: close\r\n"

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
