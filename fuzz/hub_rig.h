/* hub_rig.h - a hub inside a fuzz target, and one request at a time over loopback. */
#ifndef FRESHET_FUZZ_HUB_RIG_H
#define FRESHET_FUZZ_HUB_RIG_H

#include "freshet.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define RIG_ANSWER_MAX (1 << 21)

struct rig_answer {
    int status; /* 0: none */
    size_t len;
    const char *body; /* in text, ends with a NUL */
    char text[RIG_ANSWER_MAX];
};

static inline void must(bool right)
{
    if (!right)
        abort();
}

static inline void rig_quiet(void *ctx, enum freshet_log_level level, const char *event,
                             const char *fields)
{
    (void)ctx, (void)level, (void)event, (void)fields;
}

static inline struct freshet_hub *rig_hub(void)
{
    static struct freshet_hub *hub;
    char *flags[] = {"--dev", "--listen", "127.0.0.1:0", "--loops", "1", "--channel-idle", "1s"};
    struct freshet_options o = {.size = sizeof o, .argc = 7, .argv = flags, .log = rig_quiet};
    char why[400];
    if (!hub && freshet_hub_new(&o, &hub, why, sizeof why)) {
        fputs(why, stderr);
        abort();
    }
    return hub;
}

/* Sends the request (head and body) and reads the answer to its end. */
static inline struct rig_answer *rig_ask(const char *head, size_t head_len, const void *body,
                                         size_t len)
{
    static struct rig_answer a;
    struct freshet_hub *hub = rig_hub();
    int one = 1, fd = socket(AF_INET, SOCK_STREAM, 0);
    struct linger none = {1, 0};
    struct sockaddr_in to = {
        .sin_family = AF_INET,
        .sin_port = htons((uint16_t)strtoul(strchr(freshet_hub_address(hub, 0), ':') + 1, NULL, 10)),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    must(fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof to) == 0);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof none);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    must(send(fd, head, head_len, MSG_NOSIGNAL) == (ssize_t)head_len);
    size_t sent = 0;
    a.len = 0;
    for (int turn = 0; turn < 1000000; turn++) {
        if (sent < len) {
            ssize_t n = send(fd, (const char *)body + sent, len - sent, MSG_NOSIGNAL);
            sent += n > 0 ? (size_t)n : 0;
        }
        must(freshet_hub_step(hub, 0) == 1);
        ssize_t n = recv(fd, a.text + a.len, RIG_ANSWER_MAX - 1 - a.len, 0);
        if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
            break;
        a.len += n > 0 ? (size_t)n : 0;
        must(a.len < RIG_ANSWER_MAX - 1);
    }
    close(fd);
    a.text[a.len] = 0;
    a.status = 0;
    must(sscanf(a.text, "HTTP/1.1 %3d ", &a.status) == 1);
    a.body = strstr(a.text, "\r\n\r\n");
    must(a.body != NULL);
    a.body += 4;
    return &a;
}

#endif
