/* bare_loop - what a stream costs the kernel and nothing else: the measure that `make bench` takes
 * ratios to. One thread, no history, no limits, no heartbeats, HTTP only as far as it must.
 *
 *   GET /sub/c1,c2   follows channels      POST /pub/c1   publishes the body to one
 *
 * usage: bare_loop PORT each|together
 *   each      one send() for each event and subscriber, then the publisher is answered
 *   together  events go into a log, the publisher is answered; then passes over the subscribers
 *             send each what lies between its place and the log's end, in one send(). One channel.
 * A subscriber that can't take what is sent is dropped (each) or waits for the next pass
 * (together). For measuring on loopback: it trusts what it is sent. */
#define _GNU_SOURCE /* accept4 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define CHANNELS 4096
#define FOLLOWS 128          /* channels of one subscriber */
#define REQUEST_BYTES 131072
#define LOG_BYTES ((size_t)1 << 30)
#define SEND_BYTES 65536
#define SLICE 64             /* subscribers between two looks at what else is to be done */

struct client;

struct place {
    struct client *client;
    uint32_t slot; /* in its follows */
};

struct channel {
    struct place *places;
    uint32_t count, cap;
    uint64_t id;
};

struct follow {
    uint32_t channel, index;
};

struct client {
    int fd;
    uint32_t count;
    size_t sent; /* together: place in the log */
    struct follow *follows;
};

struct loop {
    struct channel channels[CHANNELS];
    int epoll, listener;
    bool together;
    char *log, *request;
    size_t log_len;
    uint32_t next, caught_up; /* of the pass */
};

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static void follow(struct loop *l, struct client *c, uint32_t channel)
{
    struct channel *ch = &l->channels[channel];
    if (ch->count == ch->cap) {
        ch->cap = ch->cap ? ch->cap * 2 : 16;
        if (!(ch->places = realloc(ch->places, ch->cap * sizeof *ch->places)))
            die("realloc");
    }
    c->follows[c->count] = (struct follow){channel, ch->count};
    ch->places[ch->count++] = (struct place){c, c->count++};
}

static void drop(struct loop *l, struct client *c)
{
    for (uint32_t i = 0; i < c->count; i++) {
        struct channel *ch = &l->channels[c->follows[i].channel];
        struct place last = ch->places[--ch->count];
        ch->places[c->follows[i].index] = last;
        last.client->follows[last.slot].index = c->follows[i].index;
    }
    close(c->fd);
    free(c->follows);
    free(c);
}

/* The number in the next name of a list, such as c17; *p moves behind it. */
static uint32_t next_channel(const char **p)
{
    while (**p && (**p < '0' || **p > '9'))
        ++*p;
    uint32_t n = (uint32_t)strtoul(*p, (char **)p, 10);
    return n < CHANNELS ? n : 0;
}

static void subscribe(struct loop *l, struct client *c, const char *names, const char *end)
{
    static const char head[] = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                               "Cache-Control: no-store\r\n\r\n";
    uint32_t wanted = 1;
    for (const char *p = names; p < end; p++)
        wanted += *p == ',';
    if (wanted > FOLLOWS || c->count || !(c->follows = malloc(wanted * sizeof *c->follows)))
        die("subscribe");
    for (uint32_t i = 0; i < wanted; i++)
        follow(l, c, next_channel(&names));
    c->sent = l->log_len;
    if (send(c->fd, head, sizeof head - 1, MSG_NOSIGNAL) < 0)
        drop(l, c);
}

static void publish(struct loop *l, uint32_t channel, const char *body, size_t len)
{
    struct channel *ch = &l->channels[channel];
    char *frame = l->together ? l->log + l->log_len : l->log;
    size_t n = (size_t)sprintf(frame, "id: %llu\ndata: ", (unsigned long long)++ch->id);
    memcpy(frame + n, body, len);
    memcpy(frame + n + len, "\n\n", 2);
    n += len + 2;
    if (l->together) {
        l->log_len += n;
        l->caught_up = 0;
        return;
    }
    for (uint32_t i = ch->count; i-- > 0;) {
        struct client *c = ch->places[i].client;
        if (send(c->fd, frame, n, MSG_NOSIGNAL | MSG_DONTWAIT) != (ssize_t)n)
            drop(l, c);
    }
}

/* The body's length from the head's fields. */
static size_t body_len(const char *head)
{
    for (const char *p = head; (p = strchr(p, '\n')); p++)
        if (strncasecmp(p + 1, "content-length:", 15) == 0)
            return strtoul(p + 16, NULL, 10);
    return 0;
}

static void serve(struct loop *l, struct client *c)
{
    static const char done[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    char *b = l->request;
    size_t len = 0, want = 1;
    const char *end = NULL;
    while (len < want) { /* a body may come in pieces: wait for it, there is nobody else */
        ssize_t n = recv(c->fd, b + len, REQUEST_BYTES - 1 - len, len ? 0 : MSG_DONTWAIT);
        if (n < 0 && errno == EAGAIN)
            continue;
        if (n <= 0) {
            drop(l, c);
            return;
        }
        b[len += (size_t)n] = 0;
        if (!end && (end = strstr(b, "\r\n\r\n")))
            want = (size_t)(end + 4 - b) + (*b == 'P' ? body_len(b) : 0);
        else if (!end)
            want = len + 1;
        if (want > REQUEST_BYTES - 1)
            die("a body too large");
    }
    if (c->count)
        return; /* a subscriber has nothing more to say */
    const char *names = b + (*b == 'P' ? 10 : 9), *space = strchr(names, ' ');
    if (*b == 'G') {
        subscribe(l, c, names, space);
        return;
    }
    publish(l, next_channel(&names), end + 4, want - (size_t)(end + 4 - b));
    if (send(c->fd, done, sizeof done - 1, MSG_NOSIGNAL) < 0)
        drop(l, c);
}

/* A slice of the pass. True when somebody may still have something to get. */
static bool pass(struct loop *l)
{
    struct channel *ch = &l->channels[0];
    for (uint32_t k = 0; k < SLICE && l->caught_up < ch->count; k++) {
        if (l->next >= ch->count)
            l->next = 0;
        struct client *c = ch->places[l->next++].client;
        size_t n = l->log_len - c->sent;
        l->caught_up++;
        if (n == 0)
            continue;
        ssize_t sent = send(c->fd, l->log + c->sent, n < SEND_BYTES ? n : SEND_BYTES,
                            MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent > 0) {
            c->sent += (size_t)sent;
            l->caught_up = 0;
        }
    }
    return l->caught_up < ch->count;
}

static void accept_all(struct loop *l)
{
    int one = 1, fd;
    while ((fd = accept4(l->listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        struct client *c = calloc(1, sizeof *c);
        struct epoll_event ev = {.events = EPOLLIN, .data.ptr = c};
        if (!c)
            die("calloc");
        c->fd = fd;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        if (epoll_ctl(l->epoll, EPOLL_CTL_ADD, fd, &ev) != 0)
            die("epoll_ctl");
    }
}

static void start(struct loop *l, uint16_t port)
{
    int one = 1;
    struct rlimit files;
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port)};
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    l->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    setsockopt(l->listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(l->listener, (struct sockaddr *)&at, sizeof at) || listen(l->listener, 4096))
        die("listen");
    l->epoll = epoll_create1(0);
    struct epoll_event ev = {.events = EPOLLIN, .data.ptr = NULL};
    epoll_ctl(l->epoll, EPOLL_CTL_ADD, l->listener, &ev);
    l->request = malloc(REQUEST_BYTES);
    l->log = mmap(NULL, LOG_BYTES, PROT_READ | PROT_WRITE,
                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (!l->request || l->log == MAP_FAILED)
        die("memory");
}

int main(int argc, char **argv)
{
    static struct loop l;
    if (argc != 3) {
        fprintf(stderr, "usage: bare_loop PORT each|together\n");
        return 2;
    }
    l.together = strcmp(argv[2], "together") == 0;
    start(&l, (uint16_t)strtoul(argv[1], NULL, 10));
    for (bool more = false;; more = l.together && pass(&l)) {
        struct epoll_event ev[256];
        int n = epoll_wait(l.epoll, ev, 256, more ? 0 : -1);
        for (int i = 0; i < n; i++)
            if (ev[i].data.ptr)
                serve(&l, ev[i].data.ptr);
            else
                accept_all(&l);
        if (l.log_len > LOG_BYTES - 2 * REQUEST_BYTES)
            die("the log is full: measure for less time");
    }
}
