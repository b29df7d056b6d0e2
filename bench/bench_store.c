/* bench_store SPEC [EVENTS] - how fast a store is: commits, filling, load, and parallel readers.
 * SPEC as in the configuration; a sqlite file should be a new one. Numbers go to standard output.
 */
#include "base/num.h"
#include "store/store_open.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define CHANNELS 10
#define READERS 100
#define PAGE_EVENTS 256
#define DATA_BYTES 200
#define COMMITS 5000

struct reader {
    pos_t at;
    uint64_t events, asked_ns;
    bool done;
};

struct bench {
    const char *spec;
    struct store *store;
    int woken[2]; /* a pipe */
    uint64_t events;
    pos_t last;
    unsigned stored;
    bool more; /* drain() has more to report */
    char names[CHANNELS][8];
    struct slice channels[CHANNELS];
    char data[DATA_BYTES];
    /* parallel reading */
    struct reader readers[READERS];
    unsigned running;
    uint64_t *page_ns;
    size_t page_count, page_cap;
};

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static double seconds_since(uint64_t start)
{
    return (double)(now_ns() - start) / 1e9;
}

static void die(const char *what)
{
    fprintf(stderr, "bench_store: %s\n", what);
    exit(1);
}

static void on_stored(void *ctx, int error, const char *detail)
{
    struct bench *b = ctx;
    if (error)
        die(detail);
    b->stored++;
}

static void ask(struct bench *b, struct reader *r)
{
    struct page_spec *spec = page_spec_new(SLICE_LIT("t"), b->channels, CHANNELS, r->at);
    if (!spec)
        die("no memory");
    spec->max_events = PAGE_EVENTS;
    spec->max_bytes = 1 << 20;
    r->asked_ns = now_ns();
    b->store->ops->read(b->store, spec, r);
}

static void on_page(void *ctx, void *token, struct page *page)
{
    struct bench *b = ctx;
    struct reader *r = token;
    if (page->error)
        die("a page failed");
    if (b->page_count < b->page_cap)
        b->page_ns[b->page_count++] = now_ns() - r->asked_ns;
    r->events += page->count;
    r->at = page->upto;
    bool more = page->more;
    page_free(page);
    if (more)
        ask(b, r);
    else
        b->running--;
}

static void on_wake(void *ctx)
{
    struct bench *b = ctx;
    if (write(b->woken[1], "", 1) < 0)
        die("can't wake");
}

/* Waits until drain() has something to do, and lets it. */
static void wait_drain(struct bench *b)
{
    struct pollfd p = {.fd = b->woken[0], .events = POLLIN};
    char bytes[64];
    if (!b->more && poll(&p, 1, 1000) > 0 && read(b->woken[0], bytes, sizeof bytes) < 0)
        die("can't be woken");
    b->more = b->store->ops->drain(b->store);
}

static void open_store(struct bench *b)
{
    struct err e;
    if (store_open(b->spec, NULL, &b->store, &e))
        die(e.detail);
    b->store->done = (struct store_done){on_stored, on_page, b};
    b->store->wake = on_wake;
    b->store->wake_ctx = b;
}

/* A batch of `count` new events and its rows; freed by end_batch. */
static struct store_row *begin_batch(struct bench *b, size_t count, struct store_batch *batch)
{
    struct store_row *rows = calloc(count + 1, sizeof *rows);
    if (!rows)
        die("no memory");
    for (size_t i = 0; i < count; i++) {
        struct event_parts parts = {.channel = b->channels[b->last % CHANNELS],
                                    .type = SLICE_LIT("message"),
                                    .data = slice_of(b->data, DATA_BYTES)};
        struct event *e = event_new(&parts);
        if (!e)
            die("no memory");
        e->pos = ++b->last;
        e->epoch = 1;
        rows[i + 1] = (struct store_row){.kind = STORE_EVENT, .tenant = SLICE_LIT("t"), .event = e};
    }
    rows[0] = (struct store_row){
        .kind = STORE_TENANT, .tenant = SLICE_LIT("t"), .epoch = 1, .pos = b->last};
    *batch = (struct store_batch){.count = count + 1, .rows = rows, .sync = true};
    return rows;
}

static void end_batch(struct store_row *rows, size_t count)
{
    for (size_t i = 1; i <= count; i++)
        event_unref(rows[i].event);
    free(rows);
}

static uint64_t append(struct bench *b, size_t count)
{
    struct store_batch batch;
    struct store_row *rows = begin_batch(b, count, &batch);
    unsigned before = b->stored;
    uint64_t start = now_ns();
    b->store->ops->append(b->store, &batch);
    while (b->stored == before)
        wait_drain(b);
    uint64_t took = now_ns() - start;
    end_batch(rows, count);
    return took;
}

static int by_size(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static void print_spread(const char *what, uint64_t *ns, size_t count)
{
    qsort(ns, count, sizeof *ns, by_size);
    printf("%s: median %.0f us, p99 %.0f us, longest %.0f us (%zu)\n", what,
           (double)ns[count / 2] / 1e3, (double)ns[count * 99 / 100] / 1e3,
           (double)ns[count - 1] / 1e3, count);
}

static void bench_commits(struct bench *b, size_t size, size_t count)
{
    uint64_t *ns = calloc(count, sizeof *ns), start = now_ns();
    if (!ns)
        die("no memory");
    for (size_t i = 0; i < count; i++)
        ns[i] = append(b, size);
    double took = seconds_since(start);
    printf("%zu a commit: %.0f commits/s, %.0f events/s\n", size, (double)count / took,
           (double)(count * size) / took);
    print_spread("  commit", ns, count);
    free(ns);
}

static int count_row(void *ctx, const struct store_row *row)
{
    *(uint64_t *)ctx += row->kind == STORE_EVENT;
    return 0;
}

static void bench_load(struct bench *b)
{
    b->store->ops->close(b->store);
    open_store(b);
    uint64_t count = 0, start = now_ns();
    struct err e;
    if (b->store->ops->load(b->store, count_row, &count, &e))
        die(e.detail);
    printf("load: %llu events in %.3f s\n", (unsigned long long)count, seconds_since(start));
}

static void start_readers(struct bench *b)
{
    b->page_count = 0;
    for (unsigned i = 0; i < READERS; i++) {
        b->readers[i] = (struct reader){.at = 0};
        ask(b, &b->readers[i]);
        b->running++;
    }
}

static void print_readers(struct bench *b, double took)
{
    uint64_t events = 0;
    for (unsigned i = 0; i < READERS; i++)
        events += b->readers[i].events;
    printf("%u readers of %d channels: %llu events in %.2f s, %.0f events/s\n", READERS, CHANNELS,
           (unsigned long long)events, took, (double)events / took);
    print_spread("  page", b->page_ns, b->page_count);
}

static void bench_readers(struct bench *b)
{
    uint64_t start = now_ns();
    start_readers(b);
    while (b->running > 0)
        wait_drain(b);
    print_readers(b, seconds_since(start));
}

/* At most a commit of ten events each millisecond while they read, for five seconds. */
static void bench_commits_under_readers(struct bench *b)
{
    enum { COUNT = 5000 };
    uint64_t *ns = calloc(COUNT, sizeof *ns), begin = now_ns();
    if (!ns)
        die("no memory");
    start_readers(b);
    size_t n = 0;
    while (n < COUNT && b->running > 0) {
        ns[n++] = append(b, 10);
        while (b->running > 0 && now_ns() < begin + n * 1000000)
            b->store->ops->drain(b->store);
    }
    if (n > 0) {
        printf("10 a commit while %u read:\n", READERS);
        print_spread("  commit", ns, n);
    }
    struct store_stats stats;
    b->store->ops->stats(b->store, &stats);
    printf("  %llu MiB in the store\n", (unsigned long long)(stats.bytes >> 20));
    for (unsigned i = 0; i < READERS; i++)
        b->store->ops->cancel(b->store, &b->readers[i]);
    free(ns);
}

int main(int argc, char **argv)
{
    struct bench b = {.spec = argc > 1 ? argv[1] : "memory", .events = 1000000};
    if (argc > 2 && !num_u64(slice_str(argv[2]), 100000000, &b.events))
        die("usage: bench_store SPEC [EVENTS]");
    b.page_cap = READERS * (size_t)(b.events / PAGE_EVENTS + COMMITS);
    b.page_ns = calloc(b.page_cap, sizeof *b.page_ns);
    if (!b.page_ns || pipe(b.woken))
        die("no memory");
    for (unsigned i = 0; i < CHANNELS; i++) {
        snprintf(b.names[i], sizeof b.names[i], "c%u", i);
        b.channels[i] = slice_str(b.names[i]);
    }
    memset(b.data, '7', sizeof b.data);
    setvbuf(stdout, NULL, _IOLBF, 0);
    open_store(&b);
    bench_commits(&b, 1, COMMITS);
    bench_commits(&b, 100, COMMITS / 5);
    while (b.last < b.events)
        append(&b, 1000);
    if (b.store->ops->durable)
        bench_load(&b);
    bench_readers(&b);
    bench_commits_under_readers(&b);
    b.store->ops->close(b.store);
    free(b.page_ns);
    close(b.woken[0]);
    close(b.woken[1]);
    return 0;
}
