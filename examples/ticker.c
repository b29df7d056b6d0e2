/* ticker.c - a hub inside a program: it publishes a price now and then, follows what it publishes,
 * serves the streams, and adds a page of its own.
 *
 *     cc ticker.c $(pkg-config --cflags --libs freshet) -o ticker
 *     ./ticker 127.0.0.1:4000          then: curl -N 'http://127.0.0.1:4000/v1/stream?channel=prices'
 *     ./ticker 127.0.0.1:0 5           ends by itself after 5 prices have come back */
#include <freshet.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

struct ticker {
    struct freshet_hub *hub;
    long sent, seen, wanted; /* wanted 0: until it is stopped */
    int price;
};

static volatile sig_atomic_t stopping;

static void on_signal(int number)
{
    (void)number;
    stopping = 1;
}

/* Every stream is told what this is told: here the program itself. */
static void on_event(void *ctx, const struct freshet_event *e)
{
    struct ticker *t = ctx;
    printf("%.*s %.*s %.*s\n", (int)e->id.len, e->id.p, (int)e->key.len, e->key.p,
           (int)e->data.len, e->data.p);
    fflush(stdout);
    if (++t->seen == t->wanted)
        freshet_hub_stop(t->hub);
}

static void on_ended(void *ctx, const char *reason)
{
    (void)ctx;
    printf("ended: %s\n", reason);
}

static void on_published(void *ctx, const struct freshet_published *result)
{
    (void)ctx;
    if (result->error)
        fprintf(stderr, "ticker: %s: %s\n", freshet_error_name(result->error), result->detail);
}

static void publish_price(struct ticker *t)
{
    char data[64];
    t->price += rand() % 11 - 5;
    snprintf(data, sizeof data, "{\"price\":%d.%02d}", t->price / 100, abs(t->price % 100));
    struct freshet_event e = {.channel = freshet_text("prices"),
                              .type = freshet_text("price"),
                              .key = freshet_text("FRSH"),
                              .data = freshet_text(data),
                              .state = freshet_text(data)};
    int rc = freshet_publish(t->hub, &e, 1, false, on_published, t);
    if (rc)
        fprintf(stderr, "ticker: %s\n", freshet_error_name(rc));
    t->sent++;
}

static long now_ms(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* GET /about/:what: a route beside the hub's own. */
static void on_about(void *ctx, struct freshet_request *r)
{
    struct ticker *t = ctx;
    char body[128];
    struct freshet_text what = freshet_request_param(r, "what");
    snprintf(body, sizeof body, "%.*s: %ld prices so far\n", (int)what.len, what.p, t->sent);
    freshet_reply(r, 200, "text/plain; charset=utf-8", freshet_text(body));
}

static int follow(struct ticker *t, struct freshet_subscription **subscription)
{
    struct freshet_text channels[] = {freshet_text("prices")};
    struct freshet_filter filter = {.channels = channels, .channel_count = 1};
    struct freshet_follower follower = {.event = on_event, .ended = on_ended, .ctx = t};
    return freshet_subscribe(t->hub, &filter, &follower, subscription);
}

int main(int argc, char **argv)
{
    struct ticker t = {.price = 10000, .wanted = argc > 2 ? strtol(argv[2], NULL, 10) : 0};
    char *flags[] = {"--dev", "--listen", argc > 1 ? argv[1] : "127.0.0.1:4000"};
    char why[1000] = "";
    struct freshet_options options = {.size = sizeof options, .argc = 3, .argv = flags};
    struct freshet_subscription *subscription = NULL;
    if (freshet_hub_new(&options, &t.hub, why, sizeof why)) {
        fprintf(stderr, "ticker: %s\n", why);
        return 1;
    }
    if (freshet_route_add(t.hub, "GET", "/about/:what", on_about, &t) || follow(&t, &subscription)) {
        fprintf(stderr, "ticker: it can't be set up\n");
        return 1;
    }
    signal(SIGINT, on_signal);
    signal(SIGTERM, on_signal);
    printf("listening on http://%s\n", freshet_hub_address(t.hub, 0));
    fflush(stdout);
    /* A loop of our own: a step of the hub, and five times a second a price. */
    for (long next = now_ms(); freshet_hub_step(t.hub, 50) > 0;) {
        if (now_ms() >= next && (!t.wanted || t.sent < t.wanted)) {
            publish_price(&t);
            next += 200;
        }
        if (stopping)
            freshet_hub_stop(t.hub), stopping = 0;
    }
    freshet_hub_free(t.hub);
    return t.wanted && t.seen < t.wanted;
}
