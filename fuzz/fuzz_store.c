/* The store's file, opened damaged. The input is damage, six bytes a piece: what, where (three bytes),
 * how much, with what. Opening works or says clearly why not, and then the file is as it was; what
 * does open can be read and written to the end, without a crash. */
#include "core/hub.h"
#include "store/store_open.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define FILE_MAX (1 << 20)
#define PAGE 4096
#define MS 1700000000000u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool right)
{
    if (!right)
        abort();
}

struct content {
    size_t len;
    char p[FILE_MAX];
};

struct world {
    struct hub *hub;
    struct store *store;
    bool page, released;
};

/* ---- what the hub calls ---- */

static void on_deliver(void *ctx, unsigned edge, struct delivery *d)
{
    (void)ctx, (void)edge;
    delivery_free(d);
}

static void on_followed(void *ctx, unsigned edge, struct follow *f)
{
    (void)ctx, (void)edge;
    free(f);
}

static void on_page(void *ctx, unsigned edge, void *token, struct page *page)
{
    (void)edge, (void)token;
    for (uint32_t i = 0; page && i < page->count; i++)
        must(!page->entries[i].event || page->entries[i].event->pos == page->entries[i].pos);
    page_free(page);
    ((struct world *)ctx)->page = true;
}

static void on_published(void *ctx, struct publish *p)
{
    (void)ctx;
    must(p->err.code == 0 || p->err.detail[0]);
}

static void on_released(void *ctx, struct publish *p)
{
    (void)p;
    ((struct world *)ctx)->released = true;
}

static const struct channel_conf *on_conf(void *ctx, struct slice tenant, struct slice channel)
{
    static const struct channel_conf plain = {.events = 30, .bytes = 100000, .keys = 10},
                                     keyed = {.keyed = true, .events = 30, .bytes = 100000, .keys = 10};
    (void)ctx, (void)tenant;
    return slice_is(channel, "k") ? &keyed : &plain;
}

/* ---- a world on the file ---- */

static const char *path(void)
{
    static char name[64];
    if (!name[0])
        snprintf(name, sizeof name, "%s/freshet-fuzz-store-%d.db",
                 access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp", (int)getpid());
    return name;
}

static void remove_files(void)
{
    char other[80];
    unlink(path());
    snprintf(other, sizeof other, "%s-wal", path());
    unlink(other);
    snprintf(other, sizeof other, "%s-shm", path());
    unlink(other);
}

static void put_file(const struct content *c)
{
    remove_files();
    int fd = open(path(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    must(fd >= 0 && write(fd, c->p, c->len) == (ssize_t)c->len && close(fd) == 0);
}

static void get_file(struct content *c)
{
    int fd = open(path(), O_RDONLY | O_CLOEXEC);
    must(fd >= 0);
    ssize_t n = read(fd, c->p, FILE_MAX);
    close(fd);
    must(n >= 0 && n < FILE_MAX);
    c->len = (size_t)n;
}

/* False: it can't be opened, and e says why. */
static bool open_world(struct world *w, struct err *e)
{
    struct hub_conf conf = {.edges = 1, .tenants_max = 100, .channels_max = 100, .once_ms = 3600000,
                            .once_max = 100, .queue_bytes = 1 << 20, .batch_events = 100};
    struct hub_ops ops = {on_deliver, on_followed, on_page, on_published, on_released, on_conf, w};
    struct store_conf sc = {.readers = 1, .unsafe_no_sync = true};
    char spec[80];
    *w = (struct world){.hub = NULL};
    snprintf(spec, sizeof spec, "sqlite:%s", path());
    if (store_open(spec, &sc, &w->store, e))
        return false;
    w->hub = hub_new(&conf, &ops, w->store, 1, MS + 1000, e);
    if (!w->hub) {
        w->store->ops->close(w->store);
        return false;
    }
    return true;
}

static void close_world(struct world *w)
{
    hub_free(w->hub);
    w->store->ops->close(w->store);
}

static void step_until(struct world *w, const bool *what)
{
    struct timespec moment = {0, 20000};
    for (int i = 0; i < 500000 && !*what; i++)
        if (!hub_step(w->hub, MS + 2000))
            nanosleep(&moment, NULL);
    must(*what);
}

static void publish(struct world *w, const char *channel, const char *key, const char *data)
{
    struct event_parts parts = {.channel = slice_str(channel), .type = SLICE_LIT("t"),
                                .key = slice_str(key), .data = slice_str(data)};
    struct event *event = event_new(&parts);
    struct publish_once once = {slice_str(key), {1, 2}};
    pos_t id;
    struct publish p = {.tenant = SLICE_LIT("t"), .count = 1, .events = &event, .durable = true,
                        .once = &once, .ids = &id};
    must(event != NULL);
    w->released = false;
    hub_publish(w->hub, &p, MS + 1000);
    step_until(w, &w->released);
}

static void read_all(struct world *w)
{
    struct slice names[] = {SLICE_LIT("a"), SLICE_LIT("k")};
    struct page_spec *spec = page_spec_new(SLICE_LIT("t"), names, 2, 0);
    must(spec != NULL);
    spec->max_events = 1000;
    spec->max_bytes = 1 << 20;
    w->page = false;
    hub_read(w->hub, 0, spec, w);
    step_until(w, &w->page);
}

/* A log with plain and keyed events, removed ones, idempotency keys. */
static const struct content *pristine(void)
{
    static struct content c;
    struct world w;
    struct err e;
    char data[200];
    if (c.len)
        return &c;
    atexit(remove_files);
    remove_files();
    must(open_world(&w, &e));
    for (int i = 0; i < 50; i++) {
        snprintf(data, sizeof data, "{\"n\":%d,\"text\":\"%0*d\"}", i, 1 + i * 2, 0);
        char key[16];
        snprintf(key, sizeof key, "key-%d", i % 14);
        publish(&w, i % 3 ? "a" : "k", key, data);
    }
    close_world(&w);
    get_file(&c);
    must(c.len > PAGE);
    return &c;
}

static void damage(struct content *c, const uint8_t *d)
{
    size_t at = c->len ? ((size_t)d[1] << 16 | (size_t)d[2] << 8 | d[3]) % c->len : 0;
    size_t page = at / PAGE * PAGE, len = 1 + d[4] % 64u;
    if (at + len > c->len)
        len = c->len - at;
    switch (d[0] % 6) {
    case 0:
        memset(c->p + at, d[5], len);
        break;
    case 1:
        if (len)
            c->p[at] = (char)(c->p[at] ^ (1 << d[5] % 8));
        break;
    case 2:
        c->len = at;
        break;
    case 3: /* a page that never came to the disk */
        memset(c->p + page, 0, c->len - page < PAGE ? c->len - page : PAGE);
        break;
    case 4: /* one in the place of another */
        if (c->len >= 2 * PAGE && page + PAGE <= c->len) {
            size_t other = d[4] % (c->len / PAGE) * PAGE;
            memmove(c->p + page, c->p + other, PAGE);
        }
        break;
    default: /* a number that is larger than it can be */
        for (size_t i = 0; i < len && i < 4; i++)
            c->p[at + i] = (char)0xff;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct content c, after;
    const struct content *whole = pristine();
    struct world w;
    struct err e = {.code = 0};
    c = *whole;
    for (size_t at = 0; at + 6 <= size && at < 60; at += 6)
        damage(&c, data + at);
    put_file(&c);
    if (!open_world(&w, &e)) {
        must(e.detail[0] && strstr(e.detail, path()));
        get_file(&after);
        must(after.len == c.len && memcmp(after.p, c.p, c.len) == 0);
        return 0;
    }
    read_all(&w);
    publish(&w, "a", "after", "1");
    publish(&w, "k", "key-1", "2");
    read_all(&w);
    close_world(&w);
    return 0;
}
