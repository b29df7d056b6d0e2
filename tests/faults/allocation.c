/* allocation.c - a hub whose k-th allocation fails, for every k of a script.
 *
 *     allocation [burst]     so many allocations in a row fail, 1 by default
 *
 * First a hub is made again and again, each time with the next allocation failing: it is made, or
 * says why not. Then one hub runs, and the same script goes over it for every k: a stream opens, two
 * events are published and acknowledged as durable, the stream drops, a third event is published, the
 * stream resumes, everything is polled, statistics are asked for. An allocation of the hub's own code,
 * of SQLite or of libuv fails each time.
 *
 * Required: every request is answered, no event that was acknowledged as durable is lost, and the one
 * reader that resumes through all of it finds none repeated, out of order, invented, or missing
 * without a gap; at the end there are as many descriptors as at the beginning. Under the address
 * sanitizer: no leak either. Linked with --wrap=malloc and so on. */
#define _XOPEN_SOURCE 700
#include "freshet.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <ftw.h>
#include <sched.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <uv.h>

#define EVENTS_MAX 60000
#define WAIT_MS 20000
#define QUIET 5 /* scripts in which nothing failed: then all k have been tried */
#define TEXT 64

static _Noreturn void die(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* ---- allocations ---- */

static atomic_long countdown, burst_left; /* countdown 0: nothing fails */
static atomic_bool fired;
static long now_k, trace_k;

static long burst = 1;

/* With ALLOCATION_TRACE=k: where the k-th is asked for. */
static void show(void)
{
    void *frames[30];
    backtrace_symbols_fd(frames, backtrace(frames, 30), STDERR_FILENO);
}

static bool fails(void)
{
    if (atomic_load(&burst_left) > 0 && atomic_fetch_sub(&burst_left, 1) > 0)
        return true;
    if (atomic_load(&countdown) <= 0 || atomic_fetch_sub(&countdown, 1) != 1)
        return false;
    atomic_store(&fired, true);

    return true;
}


static void arm(long k)
{
    atomic_store(&fired, false);
    atomic_store(&burst_left, 0);
    atomic_store(&countdown, k);
}

/* True: the allocation that was to fail did. */
static bool disarm(void)
{
    atomic_store(&countdown, 0);
    atomic_store(&burst_left, 0);
    return atomic_load(&fired);
}

static bool refuse(void)
{
    if (!fails())
        return false;
    if (now_k == trace_k)
        show();
    if (atomic_load(&fired) && burst > 1 && atomic_load(&countdown) == 0) {
        atomic_store(&countdown, -1);
        atomic_store(&burst_left, burst - 1);
    }
    return true;
}

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t size);

void *__wrap_malloc(size_t size)
{
    return refuse() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
    return refuse() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t size)
{
    return refuse() ? NULL : __real_realloc(p, size);
}

static sqlite3_mem_methods *sqlite_own(void)
{
    static sqlite3_mem_methods own;
    return &own;
}

static void *sqlite_malloc(int size)
{
    return refuse() ? NULL : sqlite_own()->xMalloc(size);
}

static void *sqlite_realloc(void *p, int size)
{
    return refuse() ? NULL : sqlite_own()->xRealloc(p, size);
}

/* libuv ends the process where a loop can't be made at all: only while hubs run. */
static atomic_bool runs;

static void *uv_malloc(size_t size)
{
    return atomic_load(&runs) ? __wrap_malloc(size) : __real_malloc(size);
}

static void *uv_calloc(size_t n, size_t size)
{
    return atomic_load(&runs) ? __wrap_calloc(n, size) : __real_calloc(n, size);
}

static void *uv_realloc(void *p, size_t size)
{
    return atomic_load(&runs) ? __wrap_realloc(p, size) : __real_realloc(p, size);
}

static void wrap_libraries(void)
{
    sqlite3_mem_methods wrapped;
    sqlite3_config(SQLITE_CONFIG_GETMALLOC, sqlite_own());
    wrapped = *sqlite_own();
    wrapped.xMalloc = sqlite_malloc;
    wrapped.xRealloc = sqlite_realloc;
    sqlite3_config(SQLITE_CONFIG_MALLOC, &wrapped);
    uv_replace_allocator(uv_malloc, uv_realloc, uv_calloc, free);
}

/* ---- the hub and its folder ---- */

static char folder[] = "/dev/shm/freshet-allocation-XXXXXX"; /* where writing is quick */

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st, (void)type, (void)at;
    return remove(path);
}

static _Noreturn void die(const char *fmt, ...)
{
    va_list ap;
    disarm();
    fprintf(stderr, "k=%ld: ", now_k);
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fputc('\n', stderr);
    nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    exit(1);
}

static void quiet(void *ctx, enum freshet_log_level level, const char *event, const char *fields)
{
    (void)ctx, (void)level, (void)event, (void)fields;
}

static const char config[] =
    "listen: 127.0.0.1:0\n"
    "loops: 2\n"
    "drain_timeout: 200ms\n"
    "history: {events: 1000000, bytes: 1GiB}\n"
    "origins: [https://a.example]\n"
    "auth:\n"
    "  keys: [{name: main, algorithm: HS256, secret: 'a secret that is long enough to be taken'}]\n"
    "publishers:\n"
    "  - {name: p, tenant: t, channels: ['x.*'],\n"
    "     secret_hash: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08}\n"
    "channels:\n"
    "  - {name: k, keyed: true}\n"
    "  - {name: b, events: {e: {schema: s.json}}}\n"
    "routes:\n"
    "  - {path: /r, kind: stream, channels: [a], envelope: flat, control: {open: connected}}\n";

static const char schema[] = "{\"type\":\"object\",\"properties\":{\"n\":{\"pattern\":\"^[a-z]+$\"},"
                             "\"m\":{\"type\":\"integer\",\"minimum\":1}},\"required\":[\"n\"]}";

static void write_file(const char *name, const char *text)
{
    FILE *f = fopen(name, "w");
    if (!f || fputs(text, f) == EOF || fclose(f))
        die("%s: %s", name, strerror(errno));
}

static int make_hub(struct freshet_hub **hub, char *why, size_t size)
{
    char *argv[] = {"--dev", "--store", "sqlite:log.db"};
    struct freshet_options o = {.size = sizeof o, .config_file = "hub.yaml", .argc = 3,
                                .argv = argv, .log = quiet};
    why[0] = 0;
    return freshet_hub_new(&o, hub, why, size);
}

static long now_ms(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static int descriptors(void)
{
    int n = 0;
    DIR *d = opendir("/proc/self/fd");
    while (d && readdir(d))
        n++;
    closedir(d);
    return n;
}

/* ---- clients ---- */

struct client {
    int fd;
    size_t len, at; /* at: parsed up to here */
    bool ended;
    char in[65536];
};

static void dial(struct client *c, const struct freshet_hub *hub, const char *request)
{
    const char *address = freshet_hub_address(hub, 0);
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_port = htons((uint16_t)strtoul(strchr(address, ':') + 1, NULL, 10)),
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    c->len = c->at = 0;
    c->in[0] = 0;
    c->ended = false;
    c->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&a, sizeof a))
        die("no connection: %s", strerror(errno));
    fcntl(c->fd, F_SETFL, O_NONBLOCK);
    if (send(c->fd, request, strlen(request), MSG_NOSIGNAL) < 0)
        die("nothing can be sent: %s", strerror(errno));
}

static void hang_up(struct client *c)
{
    if (c->fd >= 0)
        close(c->fd);
    c->fd = -1;
}

static void hear(struct client *c)
{
    if (c->fd < 0 || c->ended)
        return;
    if (c->len + 1 >= sizeof c->in) { /* what was parsed is not needed any more */
        memmove(c->in, c->in + c->at, c->len - c->at);
        c->len -= c->at;
        c->at = 0;
    }
    ssize_t n = recv(c->fd, c->in + c->len, sizeof c->in - 1 - c->len, 0);
    if (n > 0)
        c->len += (size_t)n;
    else if (n == 0 || (errno != EAGAIN && errno != EINTR))
        c->ended = true;
    c->in[c->len] = 0;
}

static int status_of(const struct client *c)
{
    int status = 0;
    return c->len >= 12 && sscanf(c->in, "HTTP/1.1 %d", &status) == 1 ? status : 0;
}

/* ---- the events ---- */

struct one {
    char id[TEXT];
    int data;
};

static struct one acknowledged[EVENTS_MAX], seen[EVENTS_MAX], logged[EVENTS_MAX];
static int acknowledged_count, seen_count, logged_count, attempted, gaps;
static char last_id[TEXT];

static void add(struct one *list, int *count, const char *id, int data)
{
    if (*count == EVENTS_MAX)
        die("too many events");
    snprintf(list[*count].id, TEXT, "%s", id);
    list[(*count)++].data = data;
}

/* 1, 0 or -1: as a is after, at or before b. */
static int compare_ids(const char *a, const char *b)
{
    unsigned long long am, an, bm, bn;
    if (sscanf(a, "%llu-%llu-", &am, &an) != 2 || sscanf(b, "%llu-%llu-", &bm, &bn) != 2)
        die("no ids: %s, %s", a, b);
    return am != bm ? (am > bm) - (am < bm) : (an > bn) - (an < bn);
}

/* The same five counts as tests/system/lib/checker.mjs: all must be 0. */
static void check_events(void)
{
    static bool in_log[EVENTS_MAX], in_seen[EVENTS_MAX];
    int lost = 0, repeated = 0, reordered = 0, phantom = 0, silent = 0;
    for (int i = 0; i < logged_count; i++) {
        phantom += logged[i].data > attempted || in_log[logged[i].data];
        in_log[logged[i].data] = true;
    }
    for (int i = 0, at = 0; i < seen_count; i++) {
        int order = i ? compare_ids(seen[i].id, seen[i - 1].id) : 1;
        repeated += in_seen[seen[i].data];
        reordered += order <= 0;
        in_seen[seen[i].data] = true;
        while (at < logged_count && compare_ids(logged[at].id, seen[i].id) < 0)
            at++;
        phantom += at == logged_count || strcmp(logged[at].id, seen[i].id) != 0 ||
                   logged[at].data != seen[i].data;
    }
    for (int i = 0; i < logged_count; i++)
        silent += !gaps && !in_seen[logged[i].data];
    for (int i = 0; i < acknowledged_count; i++)
        lost += !in_log[acknowledged[i].data];
    printf("lostAcknowledged %d, repeated %d, reordered %d, phantom %d, silentGap %d; of %d attempted, "
           "%d acknowledged, %d logged, %d seen, %d gaps\n",
           lost, repeated, reordered, phantom, silent, attempted, acknowledged_count, logged_count,
           seen_count, gaps);
    if (lost + repeated + reordered + phantom + silent)
        die("wrong");
}

/* ---- the reader ---- */

static void on_block(const char *id, const char *type, const char *data)
{
    if (strcmp(type, "freshet.gap") == 0)
        gaps++;
    if (id[0])
        snprintf(last_id, sizeof last_id, "%s", id);
    if (strncmp(type, "freshet.", 8) == 0)
        return;
    int value;
    if (sscanf(data, "%d", &value) != 1 && sscanf(data, "{\"n\":%d", &value) != 1)
        die("no data: %s", data);
    if (value <= 0 || value >= EVENTS_MAX)
        die("data from nowhere: %s", data);
    add(seen, &seen_count, id, value);
}

/* One event after the other, as far as whole ones are there. Chunk heads end with CRLF, an event's
 * own lines with LF alone. */
static void parse(struct client *c)
{
    char *at = c->in + c->at, *block_end;
    if (c->at == 0) {
        char *end = strstr(c->in, "\r\n\r\n");
        if (!end)
            return;
        at = end + 4;
        c->at = (size_t)(at - c->in);
    }
    while ((block_end = strstr(at, "\n\n"))) {
        char id[TEXT] = "", type[TEXT] = "message", data[512] = "";
        for (char *line = at; line < block_end; line = strchr(line, '\n') + 1) {
            sscanf(line, "id: %63[^\n]", id);
            sscanf(line, "event: %63[^\n]", type);
            sscanf(line, "data: %511[^\n]", data);
        }
        at = block_end + 2;
        c->at = (size_t)(at - c->in);
        on_block(id, type, data);
    }
}

/* ---- the script ---- */

struct scene {
    struct freshet_hub *hub;
    struct client reader, other;
    int unanswered;
};

static void turn(struct scene *s)
{
    if (freshet_hub_step(s->hub, 0) != 1)
        die("the hub has ended");
    hear(&s->reader);
    hear(&s->other);
    if (s->reader.fd >= 0 && status_of(&s->reader) == 200)
        parse(&s->reader);
    sched_yield();
}

/* Sends a request and waits for the end of the answer; its status, 0 without an answer. */
static int ask(struct scene *s, const char *what, const char *request)
{
    long end = now_ms() + WAIT_MS;
    dial(&s->other, s->hub, request);
    while (!s->other.ended) {
        turn(s);
        if (now_ms() > end)
            die("%s: no end of the answer: %s", what, s->other.in);
    }
    hang_up(&s->other);
    int status = status_of(&s->other);
    if (!status) {
        s->unanswered++;
        fprintf(stderr, "k=%ld: %s is not answered\n", now_k, what);
    } else if (status != 200 && status != 503 && status != 507 && status != 500) {
        die("%s: %s", what, s->other.in);
    } else if (status != 200 && !strstr(s->other.in, "\"error\"")) {
        die("%s: no clear answer: %s", what, s->other.in);
    }
    return status;
}

/* Publishes count events, alternating between a plain and a keyed channel. */
static void publish(struct scene *s, int count, bool durable)
{
    char body[600] = "[", request[1000], id[TEXT];
    int first = attempted + 1;
    for (int i = 0; i < count; i++) {
        int n = ++attempted;
        size_t len = strlen(body);
        char what[120];
        if (n % 2)
            snprintf(what, sizeof what, "\"channel\":\"a\",\"data\":%d,\"idempotencyKey\":\"%d\"", n, n);
        else
            snprintf(what, sizeof what, "\"channel\":\"k\",\"key\":\"%d\",\"data\":{\"n\":%d}", n, n);
        snprintf(body + len, sizeof body - len, "%s{%s,\"ack\":\"%s\"}", i ? "," : "", what,
                 durable ? "durable" : "memory");
    }
    strcat(body, "]");
    snprintf(request, sizeof request,
             "POST /v1/publish HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
             "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
             strlen(body), body);
    if (ask(s, "publish", request) != 200 || !durable)
        return;
    const char *at = strstr(s->other.in, "\r\n\r\n");
    for (int i = 0; i < count; i++) {
        at = at ? strstr(at, "\"id\":\"") : NULL;
        if (!at || sscanf(at, "\"id\":\"%63[^\"]", id) != 1)
            die("no id: %s", s->other.in);
        add(acknowledged, &acknowledged_count, id, first + i);
        at++;
    }
}

/* Opens the stream where it left off; true once it is there. Tries three times: what fails, fails
 * once. */
static bool follow(struct scene *s)
{
    char request[300], resume[100] = "";
    if (last_id[0])
        snprintf(resume, sizeof resume, "Last-Event-ID: %s\r\n", last_id);
    snprintf(request, sizeof request, "GET /v1/stream?channel=a,k HTTP/1.1\r\nHost: x\r\n%s\r\n", resume);
    for (int i = 0; i < 3 + burst; i++) {
        long end = now_ms() + WAIT_MS;
        hang_up(&s->reader);
        dial(&s->reader, s->hub, request);
        while (!s->reader.ended && !strstr(s->reader.in, "\n\n") && !strstr(s->reader.in, "\"error\"")) {
            turn(s);
            if (now_ms() > end)
                die("the stream does not begin: %s", s->reader.in);
        }
        if (status_of(&s->reader) == 200 && strstr(s->reader.in, "\n\n"))
            return true;
        if (!status_of(&s->reader)) {
            s->unanswered++;
            fprintf(stderr, "k=%ld: the stream is not answered\n", now_k);
        }
    }
    return false;
}

/* Waits until the reader has everything that was acknowledged, resuming when its stream ends. */
static void catch_up(struct scene *s)
{
    long end = now_ms() + WAIT_MS;
    const char *want = acknowledged_count ? acknowledged[acknowledged_count - 1].id : NULL;
    while (want && (!seen_count || compare_ids(seen[seen_count - 1].id, want) < 0)) {
        turn(s);
        if ((s->reader.fd < 0 || s->reader.ended) && !follow(s))
            die("the stream can't be opened: %s", s->reader.in);
        if (now_ms() > end)
            die("the reader never gets %s; it has %s", want, s->reader.in);
    }
}

#define GET(target) "GET " target " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"

static void play(struct scene *s)
{
    follow(s);
    publish(s, 2, true);
    catch_up(s);
    hang_up(&s->reader);
    publish(s, 1, false);
    follow(s);
    publish(s, 1, true);
    catch_up(s);
    ask(s, "poll", GET("/v1/events?channel=a&since=10s"));
    ask(s, "stats", GET("/v1/stats"));
    ask(s, "channels", GET("/v1/channels"));
    ask(s, "metrics", GET("/metrics"));
    hang_up(&s->reader);
}

/* All that the hub has, by polling. */
static void read_log(struct scene *s)
{
    char request[300], from[TEXT] = "earliest";
    for (;;) {
        int before = logged_count;
        snprintf(request, sizeof request, GET("/v1/events?channel=a,k&limit=200&since=%s"), from);
        if (ask(s, "log", request) != 200)
            die("the log can't be read");
        for (const char *at = s->other.in; (at = strstr(at, "{\"id\":\"")); at++) {
            char id[TEXT];
            int data;
            const char *value = strstr(at, "\"data\":");
            if (sscanf(at, "{\"id\":\"%63[^\"]", id) != 1 || !value ||
                (sscanf(value, "\"data\":%d", &data) != 1 &&
                 sscanf(value, "\"data\":{\"n\":%d", &data) != 1))
                die("no event: %s", at);
            add(logged, &logged_count, id, data);
            snprintf(from, sizeof from, "%s", id);
        }
        if (logged_count == before)
            return;
    }
}

static void stop(struct freshet_hub *hub)
{
    int rc = 1;
    long end = now_ms() + WAIT_MS;
    freshet_hub_stop(hub);
    while (rc == 1 && now_ms() < end)
        rc = freshet_hub_step(hub, 10);
    if (rc)
        die("the hub does not stop");
    freshet_hub_free(hub);
}

/* A hub is made, with the k-th allocation failing. */
static long make_again_and_again(void)
{
    int without = 0;
    long k = 1;
    struct freshet_hub *first;
    char said[400];
    if (make_hub(&first, said, sizeof said))
        die("no hub: %s", said);
    freshet_hub_free(first);
    int open = descriptors(); /* by now libraries have opened what they keep */
    for (; without < 2; k++) {
        struct freshet_hub *hub = NULL;
        char why[400];
        now_k = k;
        arm(k);
        int rc = make_hub(&hub, why, sizeof why);
        bool failed = disarm();
        without = failed ? 0 : without + 1;
        if (rc && !why[0])
            die("not made, and doesn't say why (%d)", rc);
        if (rc && !failed)
            die("not made, though nothing failed: %s", why);
        if (rc == 0)
            freshet_hub_free(hub);
        if (descriptors() != open)
            die("descriptors: %d, before %d", descriptors(), open);
    }
    return k;
}

int main(int argc, char **argv)
{
    static struct scene s;
    char why[400];
    if (getenv("ALLOCATION_TRACE"))
        trace_k = strtol(getenv("ALLOCATION_TRACE"), NULL, 10);
    if (argc > 1)
        burst = strtol(argv[1], NULL, 10);
    if (access("/dev/shm", W_OK))
        strcpy(folder, "/tmp/freshet-allocation-XXXXXX");
    if (!mkdtemp(folder) || chdir(folder))
        die("%s: %s", folder, strerror(errno));
    wrap_libraries();
    write_file("hub.yaml", config);
    write_file("s.json", schema);
    long began = now_ms();
    printf("made: %ld allocations, %ld ms\n", make_again_and_again(), now_ms() - began);
    int open = descriptors();
    now_k = 0;
    if (make_hub(&s.hub, why, sizeof why))
        die("no hub: %s", why);
    s.reader.fd = s.other.fd = -1;
    atomic_store(&runs, true);
    began = now_ms();
    play(&s); /* once without: what is made once is there */
    long k = 1;
    for (int without = 0; without < QUIET; k++) {
        now_k = k;
        arm(k);
        play(&s);
        without = disarm() ? 0 : without + 1;
    }
    printf("ran: %ld allocations, %ld ms\n", k, now_ms() - began);
    now_k = 0;
    follow(&s);
    publish(&s, 1, true);
    catch_up(&s);
    hang_up(&s.reader);
    read_log(&s);
    stop(s.hub);
    if (descriptors() != open)
        die("descriptors: %d, before %d", descriptors(), open);
    check_events();
    if (s.unanswered)
        die("%d requests were not answered", s.unanswered);
    nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    return 0;
}
