/* freshet.h as a program that embeds a hub uses it: one thread that steps, one or two hubs, clients
 * over loopback. */
#include "freshet.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define WAIT_MS 20000

static void quiet(void *ctx, enum freshet_log_level level, const char *event, const char *fields)
{
    (void)ctx;
    (void)level;
    (void)event;
    (void)fields;
}

static int try_hub(struct freshet_hub **hub, char *why, size_t size, int argc, char **argv)
{
    struct freshet_options o = {.size = sizeof o, .argc = argc, .argv = argv, .log = quiet};
    return freshet_hub_new(&o, hub, why, size);
}

static struct freshet_hub *new_hub(const char *more, const char *value)
{
    char *argv[] = {"--dev", "--listen", "127.0.0.1:0", "--drain-timeout", "200ms",
                    (char *)(uintptr_t)more, (char *)(uintptr_t)value};
    char why[1000] = "";
    struct freshet_hub *hub = NULL;
    if (try_hub(&hub, why, sizeof why, more ? 7 : 5, argv))
        fail_msg("no hub: %s", why);
    return hub;
}

static int64_t now_ms(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* Steps until *seen reaches wanted. */
static void step_until(struct freshet_hub *hub, const size_t *seen, size_t wanted)
{
    int64_t end = now_ms() + WAIT_MS;
    while (*seen < wanted && now_ms() < end)
        assert_int_equal(freshet_hub_step(hub, 20), 1);
    assert_true(*seen >= wanted);
}

static void stop_and_free(struct freshet_hub *hub)
{
    int rc = 1;
    int64_t end = now_ms() + WAIT_MS;
    freshet_hub_stop(hub);
    while (rc == 1 && now_ms() < end)
        rc = freshet_hub_step(hub, 20);
    assert_int_equal(rc, 0);
    assert_int_equal(freshet_hub_step(hub, 20), 0); /* and stays so */
    freshet_hub_free(hub);
}

/* ---- what was published ---- */

struct told {
    size_t calls;
    int error;
    size_t count;
    bool durable;
    char detail[300];
    char ids[4][64];
    bool inside; /* set while freshet_publish runs */
};

static void on_published(void *ctx, const struct freshet_published *r)
{
    struct told *t = ctx;
    assert_false(t->inside);
    t->calls++;
    t->error = r->error;
    t->count = r->count;
    t->durable = r->durable;
    snprintf(t->detail, sizeof t->detail, "%s", r->detail);
    for (size_t i = 0; !r->error && i < r->count && i < 4; i++)
        snprintf(t->ids[i], sizeof t->ids[i], "%.*s", (int)r->ids[i].len, r->ids[i].p);
}

static struct freshet_event event(const char *channel, const char *data)
{
    return (struct freshet_event){.channel = freshet_text(channel), .data = freshet_text(data)};
}

static int publish(struct freshet_hub *hub, const struct freshet_event *e, size_t n, bool durable,
                   struct told *t)
{
    t->inside = true;
    int rc = freshet_publish(hub, e, n, durable, on_published, t);
    t->inside = false;
    return rc;
}

/* Publishes and waits for the answer. */
static void publish_now(struct freshet_hub *hub, const char *channel, const char *data,
                        struct told *t)
{
    struct freshet_event e = event(channel, data);
    size_t before = t->calls;
    assert_int_equal(publish(hub, &e, 1, true, t), 0);
    step_until(hub, &t->calls, before + 1);
    assert_int_equal(t->error, 0);
}

/* ---- what was followed ---- */

struct seen {
    size_t events, gaps, ends;
    char data[64][64], ids[64][64], type[64], key[64], state[64], channel[64], tenant[64];
    char gap_reason[32], gap_channel[64], end_reason[64];
    bool deleted, high;
    struct freshet_subscription *sub;
    size_t leave_after; /* unsubscribes in the callback of this event */
};

static void copy(char *to, size_t size, struct freshet_text t)
{
    snprintf(to, size, "%.*s", (int)t.len, t.p ? t.p : "");
}

static void on_event(void *ctx, const struct freshet_event *e)
{
    struct seen *s = ctx;
    assert_int_equal(s->ends, 0);
    assert_true(s->events < 64);
    copy(s->data[s->events], 64, e->data);
    copy(s->ids[s->events], 64, e->id);
    copy(s->type, sizeof s->type, e->type);
    copy(s->key, sizeof s->key, e->key);
    copy(s->state, sizeof s->state, e->state);
    copy(s->channel, sizeof s->channel, e->channel);
    copy(s->tenant, sizeof s->tenant, e->tenant);
    s->deleted = e->deleted;
    s->high = e->high;
    assert_true(e->time_ms > 1600000000000u);
    /* what comes out ends with a NUL, as the header says */
    assert_int_equal(e->data.p[e->data.len], 0);
    assert_int_equal(e->channel.p[e->channel.len], 0);
    assert_int_equal(e->type.p[e->type.len], 0);
    assert_int_equal(e->id.p[e->id.len], 0);
    assert_int_equal(e->tenant.p[e->tenant.len], 0);
    if (e->key.p)
        assert_int_equal(e->key.p[e->key.len], 0);
    if (e->state.p)
        assert_int_equal(e->state.p[e->state.len], 0);
    if (++s->events == s->leave_after)
        freshet_unsubscribe(s->sub);
}

static void on_gap(void *ctx, const char *reason, const struct freshet_text *channels,
                   size_t count)
{
    struct seen *s = ctx;
    s->gaps++;
    snprintf(s->gap_reason, sizeof s->gap_reason, "%s", reason);
    if (count)
        copy(s->gap_channel, sizeof s->gap_channel, channels[0]);
}

static void on_ended(void *ctx, const char *reason)
{
    struct seen *s = ctx;
    s->ends++;
    snprintf(s->end_reason, sizeof s->end_reason, "%s", reason);
}

static int subscribe(struct freshet_hub *hub, struct freshet_filter *f, const char *channel,
                     struct seen *s)
{
    struct freshet_text name = freshet_text(channel);
    struct freshet_follower follower = {on_event, on_gap, on_ended, s};
    f->channels = &name;
    f->channel_count = 1;
    return freshet_subscribe(hub, f, &follower, &s->sub);
}

/* ---- a client over HTTP ---- */

static int dial(struct freshet_hub *hub)
{
    const char *address = freshet_hub_address(hub, 0);
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_port = htons((uint16_t)strtoul(strchr(address, ':') + 1, NULL, 10)),
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    return fd;
}

static void say(int fd, const char *text)
{
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
}

/* Steps and reads until the answer holds `until`, or has ended where that is NULL. */
static void hear(struct freshet_hub *hub, int fd, const char *until, char *out, size_t size)
{
    size_t len = 0;
    int64_t end = now_ms() + WAIT_MS;
    out[0] = 0;
    while (now_ms() < end) {
        freshet_hub_step(hub, 10);
        ssize_t n = recv(fd, out + len, size - 1 - len, 0);
        if (n > 0)
            len += (size_t)n;
        out[len] = 0;
        if (until ? strstr(out, until) != NULL : n == 0)
            return;
    }
    fail_msg("never came: %s; but: %s", until ? until : "the end", out);
}

static void ask(struct freshet_hub *hub, const char *request, char *out, size_t size)
{
    int fd = dial(hub);
    say(fd, request);
    hear(hub, fd, NULL, out, size);
    close(fd);
}

#define END " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"

/* ---- making ---- */

static void says_what_is_wrong_with_the_options(void **state)
{
    (void)state;
    struct freshet_hub *hub = NULL;
    char why[200] = "";
    char *bad_value[] = {"--listen", "nowhere"}, *no_flag[] = {"--no-such-flag"};
    assert_int_equal(try_hub(&hub, why, sizeof why, 2, bad_value), FRESHET_EINVAL);
    assert_non_null(strstr(why, "listen"));
    assert_int_equal(try_hub(&hub, why, sizeof why, 1, no_flag), FRESHET_EUSAGE);
    assert_non_null(strstr(why, "no-such-flag"));
    assert_int_equal(try_hub(&hub, NULL, 0, 2, bad_value), FRESHET_EINVAL);
    char small[8] = "";
    assert_int_equal(try_hub(&hub, small, sizeof small, 2, bad_value), FRESHET_EINVAL);
    assert_int_equal(strlen(small), 7);
    struct freshet_options unsized = {.size = 0};
    assert_int_equal(freshet_hub_new(&unsized, &hub, why, sizeof why), FRESHET_EINVAL);
    assert_null(hub);
}

static size_t descriptors(void)
{
    size_t n = 0;
    DIR *d = opendir("/proc/self/fd");
    assert_non_null(d);
    while (readdir(d))
        n++;
    closedir(d);
    return n;
}

static void gives_everything_back_when_it_never_ran_or_could_not_be_made(void **state)
{
    (void)state;
    struct freshet_hub *first = new_hub(NULL, NULL), *second = NULL;
    size_t before = descriptors();
    char address[80], why[400] = "";
    freshet_hub_free(new_hub(NULL, NULL));
    assert_int_equal(descriptors(), before);
    snprintf(address, sizeof address, "%s", freshet_hub_address(first, 0));
    char *taken[] = {"--dev", "--listen", address};
    assert_int_equal(try_hub(&second, why, sizeof why, 3, taken), FRESHET_EFAILED);
    assert_non_null(strstr(why, "can't listen"));
    assert_null(second);
    assert_int_equal(descriptors(), before);
    freshet_hub_free(first);
    freshet_hub_free(NULL);
}

static void names_every_error(void **state)
{
    (void)state;
    assert_string_equal(freshet_error_name(FRESHET_OK), "OK");
    assert_string_equal(freshet_error_name(FRESHET_EINVAL), "BAD_REQUEST");
    assert_string_equal(freshet_error_name(FRESHET_EUSAGE), "BAD_REQUEST");
    assert_string_equal(freshet_error_name(FRESHET_ENOMEM), "OVERLOADED");
    assert_string_equal(freshet_error_name(FRESHET_EFAILED), "INTERNAL");
    assert_string_equal(freshet_error_name(-1000), "INTERNAL");
    assert_string_equal(freshet_version(), FRESHET_HEADER_VERSION);
}

/* ---- publishing ---- */

static void publishes_a_batch_and_tells_its_ids(void **state)
{
    (void)state;
    struct freshet_hub *hub = new_hub(NULL, NULL);
    struct told t = {0};
    struct freshet_event e[3] = {event("a", "1"), event("b", "{\"x\": 2}"), event("a", "3")};
    assert_int_equal(publish(hub, e, 3, false, &t), 0);
    assert_int_equal(t.calls, 0); /* never inside the call */
    step_until(hub, &t.calls, 1);
    assert_int_equal(t.error, 0);
    assert_int_equal(t.count, 3);
    assert_true(t.ids[0][0] && strcmp(t.ids[0], t.ids[1]) != 0 && strcmp(t.ids[1], t.ids[2]) != 0);
    assert_int_equal(freshet_publish(hub, e, 1, false, NULL, NULL), 0); /* nobody asks */
    publish_now(hub, "a", "4", &t);
    stop_and_free(hub);
}

static void says_durable_only_of_a_store_that_is(void **state)
{
    (void)state;
    char folder[] = "/tmp/freshet-api-XXXXXX", spec[100], file[120];
    assert_non_null(mkdtemp(folder));
    snprintf(spec, sizeof spec, "sqlite:%s/log.db", folder);
    struct told t = {0};
    struct freshet_hub *hub = new_hub(NULL, NULL);
    publish_now(hub, "a", "1", &t);
    assert_false(t.durable);
    stop_and_free(hub);
    hub = new_hub("--store", spec);
    publish_now(hub, "a", "1", &t);
    assert_true(t.durable);
    stop_and_free(hub);
    hub = new_hub("--store", spec); /* and it is still there */
    struct seen s = {0};
    struct freshet_filter f = {.since = freshet_text("earliest")};
    assert_int_equal(subscribe(hub, &f, "a", &s), 0);
    step_until(hub, &s.events, 1);
    assert_string_equal(s.ids[0], t.ids[0]);
    stop_and_free(hub);
    const char *ends[] = {"", "-wal", "-shm", "-lock", ".lock"};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        snprintf(file, sizeof file, "%s/log.db%s", folder, ends[i]);
        unlink(file);
    }
    rmdir(folder);
}

static void refuses_what_is_no_event(void **state)
{
    (void)state;
    struct freshet_hub *hub = new_hub("--limits-batch-events", "2");
    struct told t = {0};
    struct freshet_event ok = event("a", "1"), e;
    struct freshet_event two_tenants[2] = {event("a", "1"), event("a", "1")};
    two_tenants[1].tenant = freshet_text("other");
    struct freshet_event too_many[3] = {ok, ok, ok};
    assert_int_equal(publish(hub, &ok, 0, false, &t), FRESHET_EINVAL);
    assert_int_equal(publish(hub, two_tenants, 2, false, &t), FRESHET_EINVAL);
    assert_int_equal(publish(hub, too_many, 3, false, &t), FRESHET_ETOOBIG);
    e = event("no channel", "1");
    assert_int_equal(publish(hub, &e, 1, false, &t), FRESHET_EINVAL);
    e = event("a", "{");
    assert_int_equal(publish(hub, &e, 1, false, &t), FRESHET_EINVAL);
    e = event("a", NULL);
    assert_int_equal(publish(hub, &e, 1, false, &t), FRESHET_EINVAL);
    e = ok;
    e.type = freshet_text("freshet.open");
    assert_int_equal(publish(hub, &e, 1, false, &t), FRESHET_EINVAL);
    e = ok;
    e.tenant = freshet_text("a/b");
    assert_int_equal(publish(hub, &e, 1, false, &t), FRESHET_EINVAL);
    char *large = malloc(70000);
    assert_non_null(large);
    memset(large, '1', 69999);
    large[69999] = 0;
    e = event("a", large);
    assert_int_equal(publish(hub, &e, 1, false, &t), FRESHET_ETOOBIG);
    free(large);
    publish_now(hub, "a", "1", &t);
    assert_int_equal(t.calls, 1); /* none of the refused has called back */
    stop_and_free(hub);
}

static void repeats_nothing_with_an_idempotency_key(void **state)
{
    (void)state;
    struct freshet_hub *hub = new_hub(NULL, NULL);
    struct told t = {0};
    struct freshet_event e[2] = {event("a", "1"), event("a", "2")};
    char first[64];
    e[1].idempotency_key = freshet_text("k");
    assert_int_equal(publish(hub, e, 2, true, &t), 0);
    step_until(hub, &t.calls, 1);
    snprintf(first, sizeof first, "%s", t.ids[1]);
    assert_int_equal(publish(hub, &e[1], 1, true, &t), 0);
    step_until(hub, &t.calls, 2);
    assert_int_equal(t.error, 0);
    assert_string_equal(t.ids[0], first);
    e[1].data = freshet_text("3");
    assert_int_equal(publish(hub, &e[1], 1, true, &t), 0);
    step_until(hub, &t.calls, 3);
    assert_int_equal(t.error, FRESHET_ECONFLICT);
    assert_true(t.detail[0]);
    stop_and_free(hub);
}

struct flood {
    struct freshet_hub *hub;
    int rc;
};

static void *publish_100(void *arg)
{
    struct flood *f = arg;
    for (int i = 0; i < 100; i++) {
        struct freshet_event e = event("flood", "1");
        f->rc |= freshet_publish(f->hub, &e, 1, false, NULL, NULL);
    }
    return NULL;
}

static void count_event(void *ctx, const struct freshet_event *e)
{
    (void)e;
    ++*(size_t *)ctx;
}

static void takes_publishes_from_any_thread(void **state)
{
    (void)state;
    struct freshet_hub *hub = new_hub(NULL, NULL);
    struct freshet_text name = freshet_text("flood");
    size_t seen = 0;
    struct freshet_filter filter = {.channels = &name, .channel_count = 1};
    struct freshet_follower follower = {.event = count_event, .ctx = &seen};
    struct freshet_subscription *sub;
    assert_int_equal(freshet_subscribe(hub, &filter, &follower, &sub), 0);
    pthread_t threads[4];
    struct flood floods[4];
    for (int i = 0; i < 4; i++) {
        floods[i] = (struct flood){hub, 0};
        assert_int_equal(pthread_create(&threads[i], NULL, publish_100, &floods[i]), 0);
    }
    step_until(hub, &seen, 400);
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(floods[i].rc, 0);
    }
    stop_and_free(hub);
}

static void refuses_to_publish_once_it_stops(void **state)
{
    (void)state;
    struct freshet_hub *hub = new_hub(NULL, NULL);
    struct told t = {0};
    struct freshet_event e = event("a", "1");
    publish_now(hub, "a", "1", &t);
    freshet_hub_stop(hub);
    int64_t end = now_ms() + WAIT_MS;
    int rc = 1;
    while (rc == 1 && now_ms() < end)
        rc = freshet_hub_step(hub, 20);
    assert_int_equal(rc, 0);
    assert_int_equal(publish(hub, &e, 1, false, &t), FRESHET_ECLOSING);
    struct seen s = {0};
    struct freshet_filter f = {0};
    assert_int_equal(subscribe(hub, &f, "a", &s), FRESHET_ECLOSING);
    assert_int_equal(freshet_stats(hub, freshet_text(NULL), NULL, NULL), FRESHET_ECLOSING);
    freshet_hub_free(hub);
    assert_int_equal(t.calls, 1);
}

/* ---- following ---- */

static void tells_all_of_an_event(void **state)
{
    (void)state;
    struct freshet_hub *hub = new_hub(NULL, NULL);
    struct told t = {0};
    struct seen s = {0};
    struct freshet_filter f = {.tenant = freshet_text("acme")};
    assert_int_equal(subscribe(hub, &f, "a", &s), 0);
    struct freshet_event e = event("a", "{ \"n\": 1 }");
    e.tenant = freshet_text("acme");
    e.type = freshet_text("moved");
    e.key = freshet_text("k1");
    e.state = freshet_text("[1, 2]");
    e.high = true;
    assert_int_equal(publish(hub, &e, 1, false, &t), 0);
    step_until(hub, &s.events, 1);
    assert_string_equal(s.data[0], "{\"n\":1}");
    assert_string_equal(s.type, "moved");
    assert_string_equal(s.key, "k1");
    assert_string_equal(s.state, "[1,2]");
    assert_string_equal(s.channel, "a");
    assert_string_equal(s.tenant, "acme");
    assert_string_equal(s.ids[0], t.ids[0]);
    assert_true(s.high && !s.deleted);
    stop_and_free(hub);
}

static void resumes_after_an_id_without_loss_or_repetition(void **state)
{
    (void)state;
    struct freshet_hub *hub = new_hub(NULL, NULL);
    struct told t = {0};
    char ids[5][64];
    for (int i = 0; i < 5; i++) {
        char data[16];
        snprintf(data, sizeof data, "%d", i);
        publish_now(hub, "a", data, &t);
        snprintf(ids[i], 64, "%s", t.ids[0]);
    }
    struct seen s = {0};
    struct freshet_filter f = {.last_id = freshet_text(ids[1])};
    assert_int_equal(subscribe(hub, &f, "a", &s), 0);
    step_until(hub, &s.events, 3);
    publish_now(hub, "a", "5", &t);
    step_until(hub, &s.events, 4);
    assert_string_equal(s.data[0], "2");
    assert_string_equal(s.data[2], "4");
    assert_string_equal(s.data[3], "5");
    assert_int_equal(s.gaps, 0);
    stop_and_free(hub);
}

static void tells_of_a_gap_when_what_is_owed_is_gone(void **state)
{
    (void)state;
    struct freshet_hub *hub = new_hub("--history-events", "2");
    struct told t = {0};
    char first[64];
    publish_now(hub, "a", "0", &t);
    snprintf(first, sizeof first, "%s", t.ids[0]);
    for (int i = 1; i < 6; i++)
        publish_now(hub, "a", "1", &t);
    struct seen s = {0};
    struct freshet_filter f = {.last_id = freshet_text(first)};
    assert_int_equal(subscribe(hub, &f, "a", &s), 0);
    step_until(hub, &s.events, 2);
    assert_int_equal(s.gaps, 1);
    assert_string_equal(s.gap_channel, "a");
    assert_true(s.gap_reason[0]);
    stop_and_free(hub);
}

static void begins_with_the_snapshot_of_a_keyed_channel(void **state)
{
    (void)state;
    char file[] = "/tmp/freshet-api-XXXXXX";
    int fd = mkstemp(file);
    assert_true(fd >= 0);
    dprintf(fd, "dev: true\nlisten: 127.0.0.1:0\ndrain_timeout: 200ms\n"
                "channels:\n  - name: lots\n    keyed: true\n");
    close(fd);
    struct freshet_options o = {.size = sizeof o, .config_file = file, .log = quiet};
    struct freshet_hub *hub;
    char why[500] = "";
    if (freshet_hub_new(&o, &hub, why, sizeof why))
        fail_msg("%s", why);
    struct told t = {0};
    const char *keys[] = {"p1", "p2", "p1"}, *data[] = {"1", "2", "3"};
    for (int i = 0; i < 3; i++) {
        struct freshet_event e = event("lots", data[i]);
        e.key = freshet_text(keys[i]);
        assert_int_equal(publish(hub, &e, 1, true, &t), 0);
        step_until(hub, &t.calls, (size_t)i + 1);
    }
    struct seen s = {0};
    struct freshet_filter f = {.snapshot = true};
    assert_int_equal(subscribe(hub, &f, "lots", &s), 0);
    step_until(hub, &s.events, 2);
    assert_string_equal(s.data[0], "2");
    assert_string_equal(s.data[1], "3");
    struct freshet_event gone = {.channel = freshet_text("lots"), .key = freshet_text("p2"),
                                 .deleted = true};
    assert_int_equal(publish(hub, &gone, 1, true, &t), 0);
    step_until(hub, &s.events, 3);
    assert_true(s.deleted);
    stop_and_free(hub);
    unlink(file);
}

static void filters_by_type_and_key(void **state)
{
    (void)state;
    struct freshet_hub *hub = new_hub(NULL, NULL);
    struct told t = {0};
    struct seen by_type = {0}, by_key = {0};
    struct freshet_text type = freshet_text("good"), key = freshet_text("k");
    struct freshet_filter f = {.types = &type, .type_count = 1};
    assert_int_equal(subscribe(hub, &f, "a", &by_type), 0);
    f = (struct freshet_filter){.keys = &key, .key_count = 1};
    assert_int_equal(subscribe(hub, &f, "a", &by_key), 0);
    struct freshet_event e[3] = {event("a", "0"), event("a", "1"), event("a", "2")};
    e[1].type = type;
    e[2].key = key;
    assert_int_equal(publish(hub, e, 3, false, &t), 0);
    step_until(hub, &by_key.events, 1);
    step_until(hub, &by_type.events, 1);
    assert_string_equal(by_type.data[0], "1");
    assert_string_equal(by_key.data[0], "2");
    stop_and_free(hub);
    assert_int_equal(by_type.events, 1);
    assert_int_equal(by_key.events, 1);
}

static void unsubscribes_from_inside_a_callback(void **state)
{
    (void)state;
    struct freshet_hub *hub = new_hub(NULL, NULL);
    struct told t = {0};
    struct seen s = {.leave_after = 1};
    struct freshet_filter f = {0};
    assert_int_equal(subscribe(hub, &f, "a", &s), 0);
    publish_now(hub, "a", "1", &t);
    step_until(hub, &s.ends, 1);
    assert_string_equal(s.end_reason, "closed");
    size_t then = s.events;
    publish_now(hub, "a", "2", &t);
    assert_int_equal(s.events, then);
    stop_and_free(hub);
    assert_int_equal(s.ends, 1);
}

static void ends_subscriptions_when_it_stops(void **state)
{
    (void)state;
    struct freshet_hub *hub = new_hub(NULL, NULL);
    struct told t = {0};
    struct seen s = {0};
    struct freshet_filter f = {0};
    assert_int_equal(subscribe(hub, &f, "a", &s), 0);
    publish_now(hub, "a", "1", &t);
    step_until(hub, &s.events, 1);
    stop_and_free(hub);
    assert_int_equal(s.ends, 1);
    assert_string_equal(s.end_reason, "draining");
}

static void ends_a_subscription_of_a_hub_that_never_ran(void **state)
{
    (void)state;
    struct freshet_hub *hub = new_hub(NULL, NULL);
    struct seen s = {0};
    struct told t = {0};
    struct freshet_filter f = {0};
    struct freshet_event e = event("a", "1");
    assert_int_equal(subscribe(hub, &f, "a", &s), 0);
    assert_int_equal(publish(hub, &e, 1, false, &t), 0);
    freshet_hub_free(hub);
    assert_int_equal(s.ends, 1);
    assert_int_equal(t.calls, 1);
    assert_int_equal(t.error, FRESHET_ECLOSING);
}

static void refuses_filters_that_can_match_nothing(void **state)
{
    (void)state;
    struct freshet_hub *hub = new_hub("--channels-open", "false");
    struct seen s = {0};
    struct freshet_filter f = {0};
    struct freshet_follower follower = {on_event, NULL, NULL, &s};
    struct freshet_text good = freshet_text("a");
    assert_int_equal(freshet_subscribe(hub, &f, &follower, &s.sub), FRESHET_EINVAL);
    assert_int_equal(subscribe(hub, &f, "no good", &s), FRESHET_EINVAL);
    assert_int_equal(subscribe(hub, &f, "a", &s), FRESHET_ENOENT);
    f = (struct freshet_filter){.tenant = freshet_text("a/b")};
    assert_int_equal(subscribe(hub, &f, "a", &s), FRESHET_EINVAL);
    f = (struct freshet_filter){.channels = &good, .channel_count = 1};
    follower.event = NULL;
    assert_int_equal(freshet_subscribe(hub, &f, &follower, &s.sub), FRESHET_EINVAL);
    freshet_hub_free(hub);
    hub = new_hub(NULL, NULL);
    f = (struct freshet_filter){.since = freshet_text("yesterday")};
    assert_int_equal(subscribe(hub, &f, "a", &s), FRESHET_EINVAL);
    f = (struct freshet_filter){.last_id = freshet_text("not an id")};
    assert_int_equal(subscribe(hub, &f, "a", &s), 0); /* as over HTTP: a gap, then what there is */
    step_until(hub, &s.gaps, 1);
    stop_and_free(hub);
}

/* ---- routes ---- */

struct page {
    size_t calls;
    struct freshet_request *waiting;
    pthread_t thread;
    bool threaded;
    struct freshet_hub *hub;
};

static void on_page(void *ctx, struct freshet_request *r)
{
    struct page *p = ctx;
    struct freshet_text list[] = {freshet_request_method(r),
                                  freshet_request_path(r),
                                  freshet_request_param(r, "lot"),
                                  freshet_request_param(r, "*"),
                                  freshet_request_query(r, "q"),
                                  freshet_request_cookie(r, "session"),
                                  freshet_request_header(r, "X-Thing"),
                                  freshet_request_body(r)};
    char body[800];
    size_t at = 0;
    for (size_t i = 0; i < sizeof list / sizeof *list; i++)
        at += (size_t)snprintf(body + at, sizeof body - at, "%.*s|",
                               list[i].p ? (int)list[i].len : 1, list[i].p ? list[i].p : "-");
    p->calls++;
    assert_int_equal(freshet_reply_header(r, "X-Mine", "yes"), 0);
    assert_int_equal(freshet_reply_header(r, "X Mine", "yes"), FRESHET_EINVAL);
    assert_int_equal(freshet_reply_header(r, "X-Mine", "a\r\nSet-Cookie: b"), FRESHET_EINVAL);
    freshet_reply(r, 201, "text/plain", freshet_text(body));
}

static void serves_routes_with_all_that_a_request_says(void **state)
{
    (void)state;
    struct freshet_hub *hub = new_hub(NULL, NULL);
    struct page p = {0};
    char out[4000];
    assert_int_equal(freshet_route_add(hub, "GET, POST", "/lots/:lot/*", on_page, &p), 0);
    assert_int_equal(freshet_route_add(hub, "GET", "/lots", on_page, &p), 0);
    ask(hub,
        "POST /lots/P%201/a/b%2Fc?x=1&q=a+b%26&q=2" END
        "Cookie: a=b; session=s3\r\nX-Thing: it is\r\nContent-Length: 4\r\n\r\nbody",
        out, sizeof out);
    assert_non_null(strstr(out, "HTTP/1.1 201 "));
    assert_non_null(strstr(out, "X-Mine: yes\r\n"));
    assert_null(strstr(out, "Set-Cookie"));
    assert_non_null(strstr(out, "POST|/lots/P%201/a/b%2Fc|P 1|a/b/c|a b&|s3|it is|body|"));
    ask(hub, "GET /lots" END "\r\n", out, sizeof out);
    assert_non_null(strstr(out, "GET|/lots|-|-|-|-|-|-|"));
    ask(hub, "HEAD /lots" END "\r\n", out, sizeof out);
    assert_non_null(strstr(out, "HTTP/1.1 201 "));
    assert_non_null(strstr(out, "Content-Length: "));
    assert_string_equal(strstr(out, "\r\n\r\n"), "\r\n\r\n");
    ask(hub, "DELETE /lots" END "\r\n", out, sizeof out);
    assert_non_null(strstr(out, " 405 "));
    ask(hub, "GET /lots/" END "\r\n", out, sizeof out);
    assert_non_null(strstr(out, " 404 "));
    assert_int_equal(p.calls, 3);
    stop_and_free(hub);
}

struct reloads {
    size_t count;
    int error;
    char detail[1000];
};

static void on_reloaded(void *ctx, int error, const char *detail)
{
    struct reloads *r = ctx;
    r->count++;
    r->error = error;
    snprintf(r->detail, sizeof r->detail, "%s", detail);
}

static void write_text(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

static void reloads_its_file_and_says_what_came_of_it(void **state)
{
    (void)state;
    char path[] = "/tmp/freshet-api-XXXXXX", why[1000] = "", out[4000];
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    write_text(path, "channels_open: true\n");
    char *argv[] = {"--dev", "--listen", "127.0.0.1:0", "--drain-timeout", "200ms"};
    struct freshet_options o = {
        .size = sizeof o, .argc = 5, .argv = argv, .config_file = path, .log = quiet};
    struct freshet_hub *hub = NULL;
    struct reloads r = {.count = 0};
    struct page p = {0};
    if (freshet_hub_new(&o, &hub, why, sizeof why))
        fail_msg("no hub: %s", why);
    argv[0] = "--nonsense"; /* what went in was copied */
    assert_int_equal(freshet_route_add(hub, "GET", "/lots", on_page, &p), 0);
    assert_int_equal(freshet_route_add(hub, "POST", "/lots", on_page, &p), 0);
    freshet_on_reload(hub, on_reloaded, &r);
    freshet_hub_reload(hub);
    step_until(hub, &r.count, 1);
    assert_int_equal(r.error, 0);
    assert_string_equal(r.detail, "");
    write_text(path, "channels_open: false\nloops: 7\n");
    freshet_hub_reload(hub);
    step_until(hub, &r.count, 2);
    assert_int_equal(r.error, 0);
    assert_non_null(strstr(r.detail, "loops: needs a restart"));
    ask(hub, "GET /v1/events?channel=a" END "\r\n", out, sizeof out);
    assert_non_null(strstr(out, " 404 "));
    ask(hub, "GET /lots" END "\r\n", out, sizeof out);
    assert_non_null(strstr(out, "GET|/lots|"));
    ask(hub, "POST /lots" END "Content-Length: 0\r\n\r\n", out, sizeof out);
    assert_non_null(strstr(out, "POST|/lots|"));
    write_text(path, "channels_open: perhaps\n");
    freshet_hub_reload(hub);
    step_until(hub, &r.count, 3);
    assert_int_equal(r.error, FRESHET_EINVAL);
    assert_non_null(strstr(r.detail, ":1: channels_open: must be true or false"));
    ask(hub, "GET /v1/events?channel=a" END "\r\n", out, sizeof out);
    assert_non_null(strstr(out, " 404 "));
    freshet_hub_reload(hub); /* one that is under way when it ends */
    stop_and_free(hub);
    unlink(path);
}

static void on_who(void *ctx, struct freshet_request *r)
{
    char body[1000];
    struct freshet_identity id;
    (void)ctx;
    freshet_request_identity(r, &id);
    snprintf(body, sizeof body, "%.*s|%.*s|%.*s|%d%d|%d%d%d", (int)id.tenant.len,
             id.tenant.p ? id.tenant.p : "", (int)id.subject.len, id.subject.p ? id.subject.p : "",
             (int)id.claims.len, id.claims.p ? id.claims.p : "", id.admin, id.any_tenant,
             freshet_request_may_subscribe(r, freshet_text("acme"), freshet_text("news")),
             freshet_request_may_publish(r, freshet_text("acme"), freshet_text("news")),
             freshet_request_may_subscribe(r, freshet_text("other"), freshet_text("news")));
    freshet_reply(r, 200, "text/plain", freshet_text(body));
}

/* A hub that asks for tokens, from a configuration of its own. */
static struct freshet_hub *guarded_hub(void)
{
    static const char text[] =
        "auth: {keys: [{name: k, algorithm: HS256, secret: 0123456789abcdef0123456789abcdef}]}\n";
    char path[] = "/tmp/freshet-api-XXXXXX", why[1000] = "";
    char *argv[] = {"--listen", "127.0.0.1:0", "--config", path};
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, sizeof text - 1), sizeof text - 1);
    close(fd);
    struct freshet_hub *hub = NULL;
    int rc = try_hub(&hub, why, sizeof why, 4, argv);
    unlink(path);
    if (rc)
        fail_msg("no hub: %s", why);
    return hub;
}

static void tells_private_routes_who_asks(void **state)
{
    (void)state;
    struct freshet_hub *hub = guarded_hub();
    static const char claims[] =
        "{\"tenant\":\"acme\",\"sub\":\"ann\",\"subscribe\":[\"n*\"],\"role\":\"clerk\",\"exp\":4000000000}";
    char token[1000], request[2000], out[4000];
    assert_int_equal(freshet_token_sign(hub, freshet_text(claims), token, sizeof token), 0);
    assert_int_equal(freshet_token_sign(hub, freshet_text(claims), token, 20), FRESHET_ETOOBIG);
    assert_int_equal(freshet_token_sign(hub, freshet_text("[1]"), out, sizeof out), FRESHET_EINVAL);
    assert_int_equal(freshet_route_add_private(hub, "GET, POST", "/who", "mine", on_who, NULL), 0);
    ask(hub, "GET /who" END "\r\n", out, sizeof out);
    assert_non_null(strstr(out, " 401 "));
    snprintf(request, sizeof request, "GET /who" END "Cookie: freshet_token=%s\r\n\r\n", token);
    ask(hub, request, out, sizeof out); /* not the cookie of this route */
    assert_non_null(strstr(out, " 401 "));
    snprintf(request, sizeof request, "GET /who" END "Cookie: mine=%s\r\n\r\n", token);
    ask(hub, request, out, sizeof out);
    assert_non_null(strstr(out, " 200 "));
    assert_non_null(strstr(out, "\r\nacme|ann|"));
    assert_non_null(strstr(out, "\"role\":\"clerk\""));
    assert_non_null(strstr(out, "|00|100"));
    snprintf(request, sizeof request,
             "POST /who" END "Cookie: mine=%s\r\nContent-Length: 0\r\n\r\n", token);
    ask(hub, request, out, sizeof out); /* of no listed origin */
    assert_non_null(strstr(out, " 403 "));
    stop_and_free(hub);
}

static void refuses_routes_that_are_taken_or_malformed(void **state)
{
    (void)state;
    struct freshet_hub *hub = new_hub(NULL, NULL);
    struct page p = {0};
    const char *paths[] = {"", "no-slash", "/a?b", "/v1/stream", "/healthz", "/a/*/b", "/a/:/b",
                           "/a#b", "/a b"};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        if (freshet_route_add(hub, "GET", paths[i], on_page, &p) != FRESHET_EINVAL)
            fail_msg("taken: %s", paths[i]);
    assert_int_equal(freshet_route_add(hub, "FETCH", "/a", on_page, &p), FRESHET_EINVAL);
    assert_int_equal(freshet_route_add(hub, "", "/a", on_page, &p), FRESHET_EINVAL);
    assert_int_equal(freshet_route_add(hub, "GET", "/a", NULL, &p), FRESHET_EINVAL);
    assert_int_equal(freshet_route_add(hub, "GET", "/a", on_page, &p), 0);
    assert_int_equal(freshet_route_add(hub, "GET", "/a", on_page, &p), FRESHET_EINVAL);
    assert_int_equal(freshet_route_add(hub, "POST", "/a", on_page, &p), 0);
    assert_int_equal(freshet_route_add(hub, "GET", "/b/:x", on_page, &p), 0);
    assert_int_equal(freshet_route_add(hub, "GET", "/b/:x", on_page, &p), FRESHET_EINVAL);
    freshet_hub_free(hub);
}

static void *reply_later(void *arg)
{
    struct page *p = arg;
    freshet_reply(p->waiting, 200, NULL, freshet_text("from elsewhere"));
    return NULL;
}

static void on_wait(void *ctx, struct freshet_request *r)
{
    struct page *p = ctx;
    p->waiting = r;
    p->calls++;
}

static void answers_later_from_another_thread(void **state)
{
    (void)state;
    struct freshet_hub *hub = new_hub(NULL, NULL);
    struct page p = {0};
    char out[2000];
    assert_int_equal(freshet_route_add(hub, "GET", "/wait/:x", on_wait, &p), 0);
    int fd = dial(hub);
    say(fd, "GET /wait/1" END "\r\n");
    step_until(hub, &p.calls, 1);
    assert_int_equal(pthread_create(&p.thread, NULL, reply_later, &p), 0);
    hear(hub, fd, NULL, out, sizeof out);
    pthread_join(p.thread, NULL);
    assert_non_null(strstr(out, "from elsewhere"));
    assert_null(strstr(out, "\r\nContent-Type"));
    close(fd);
    stop_and_free(hub);
}

static void on_stats(void *ctx, struct freshet_text json);

struct numbers {
    size_t calls;
    char json[8000];
};

static void on_stats(void *ctx, struct freshet_text json)
{
    struct numbers *n = ctx;
    n->calls++;
    copy(n->json, sizeof n->json, json);
}

/* Asks for statistics until they hold the text. */
static void stats_until(struct freshet_hub *hub, const char *text, struct numbers *n)
{
    int64_t end = now_ms() + WAIT_MS;
    while (now_ms() < end) {
        size_t before = n->calls;
        assert_int_equal(freshet_stats(hub, freshet_text(NULL), on_stats, n), 0);
        step_until(hub, &n->calls, before + 1);
        if (strstr(n->json, text))
            return;
    }
    fail_msg("never %s in %s", text, n->json);
}

static void answers_a_client_that_has_gone_into_nothing(void **state)
{
    (void)state;
    struct freshet_hub *hub = new_hub(NULL, NULL);
    struct page p = {0};
    struct numbers n = {0};
    struct told t = {0};
    assert_int_equal(freshet_route_add(hub, "GET", "/wait", on_wait, &p), 0);
    int fd = dial(hub);
    say(fd, "GET /wait" END "\r\n");
    step_until(hub, &p.calls, 1);
    struct linger reset = {1, 0};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    close(fd);
    stats_until(hub, "\"sockets\":0", &n);
    freshet_reply(p.waiting, 200, "text/plain", freshet_text("too late"));
    publish_now(hub, "a", "1", &t);
    stop_and_free(hub);
}

static void frees_a_request_that_is_answered_after_the_end(void **state)
{
    (void)state;
    struct freshet_hub *hub = new_hub(NULL, NULL);
    struct page p = {0};
    int rc = 1;
    assert_int_equal(freshet_route_add(hub, "GET", "/wait", on_wait, &p), 0);
    int fd = dial(hub);
    say(fd, "GET /wait" END "\r\n");
    step_until(hub, &p.calls, 1);
    freshet_hub_stop(hub);
    for (int64_t end = now_ms() + WAIT_MS; rc == 1 && now_ms() < end;)
        rc = freshet_hub_step(hub, 20);
    assert_int_equal(rc, 0);
    freshet_reply(p.waiting, 200, "text/plain", freshet_text("too late"));
    freshet_hub_free(hub);
    close(fd);
}

/* ---- connections and statistics ---- */

struct visits {
    size_t opened, closed;
    char id[32], channel[64], tenant[64], reason[64];
};

static void on_opened(void *ctx, const struct freshet_connection *c)
{
    struct visits *v = ctx;
    copy(v->id, sizeof v->id, c->id);
    copy(v->tenant, sizeof v->tenant, c->tenant);
    if (c->channel_count)
        copy(v->channel, sizeof v->channel, c->channels[0]);
    assert_true(c->opened_ms > 1600000000000u);
    v->opened++;
}

static void on_closed(void *ctx, const struct freshet_connection *c, const char *reason)
{
    struct visits *v = ctx;
    char id[32];
    copy(id, sizeof id, c->id);
    assert_string_equal(id, v->id);
    snprintf(v->reason, sizeof v->reason, "%s", reason);
    v->closed++;
}

static void tells_of_connections_and_closes_one(void **state)
{
    (void)state;
    struct freshet_hub *hub = new_hub("--loops", "1");
    struct visits v = {0};
    char out[8000];
    freshet_on_connection(hub, on_opened, on_closed, &v);
    int fd = dial(hub);
    say(fd, "GET /v1/stream?channel=a&tenant=acme" END "\r\n");
    hear(hub, fd, "freshet.open", out, sizeof out);
    assert_int_equal(v.opened, 1);
    assert_string_equal(v.channel, "a");
    assert_string_equal(v.tenant, "acme");
    assert_non_null(strstr(out, v.id));
    assert_int_equal(freshet_close_connection(hub, "nonsense", NULL), FRESHET_EINVAL);
    assert_int_equal(freshet_close_connection(hub, "00000000000000ff", NULL), 0);
    assert_int_equal(freshet_close_connection(hub, "1234567890abcd00", NULL), 0);
    assert_int_equal(freshet_close_connection(hub, v.id, "maintenance"), 0);
    hear(hub, fd, "maintenance", out, sizeof out);
    assert_non_null(strstr(out, "freshet.close"));
    step_until(hub, &v.closed, 1);
    assert_string_equal(v.reason, "maintenance");
    close(fd);
    stop_and_free(hub);
    assert_int_equal(v.closed, 1);
}

static void closes_with_a_reason_that_needs_escaping(void **state)
{
    (void)state;
    struct freshet_hub *hub = new_hub("--loops", "1");
    struct visits v = {0};
    char out[8000];
    freshet_on_connection(hub, on_opened, NULL, &v);
    int fd = dial(hub);
    say(fd, "GET /v1/stream?channel=a" END "\r\n");
    hear(hub, fd, "freshet.open", out, sizeof out);
    assert_int_equal(freshet_close_connection(hub, v.id, "a\"b\nc"), 0);
    hear(hub, fd, "freshet.close", out, sizeof out);
    assert_non_null(strstr(out, "a\\\"b\\nc"));
    close(fd);
    stop_and_free(hub);
}

static void gives_statistics_of_all_and_of_a_tenant(void **state)
{
    (void)state;
    struct freshet_hub *hub = new_hub(NULL, NULL);
    struct told t = {0};
    struct numbers n = {0};
    publish_now(hub, "a", "1", &t);
    assert_int_equal(freshet_stats(hub, freshet_text(NULL), on_stats, &n), 0);
    assert_int_equal(n.calls, 0);
    step_until(hub, &n.calls, 1);
    assert_non_null(strstr(n.json, "\"eventsPublished\":1"));
    assert_int_equal(freshet_stats(hub, freshet_text("other"), on_stats, &n), 0);
    step_until(hub, &n.calls, 2);
    assert_non_null(strstr(n.json, "\"connectionsByTenant\":{}"));
    stop_and_free(hub);
}

/* ---- sources ---- */

static void adds_a_source(void **state)
{
    (void)state;
    char folder[] = "/tmp/freshet-api-XXXXXX", file[60], config[60], command[300], why[500] = "";
    assert_non_null(mkdtemp(folder));
    snprintf(file, sizeof file, "%s/bus.db", folder);
    snprintf(config, sizeof config, "%s/hub.yaml", folder);
    snprintf(command, sizeof command,
             "sqlite3 %s \"CREATE TABLE trip(id INTEGER PRIMARY KEY, seats INTEGER);"
             "INSERT INTO trip VALUES(7, 40)\"", file);
    assert_int_equal(system(command), 0);
    FILE *f = fopen(config, "w");
    assert_non_null(f);
    fputs("dev: true\nlisten: 127.0.0.1:0\ndrain_timeout: 200ms\n"
          "channels:\n  - name: trips\n    keyed: true\n  - name: plain\n", f);
    fclose(f);
    struct freshet_options o = {.size = sizeof o, .config_file = config, .log = quiet};
    struct freshet_hub *hub;
    if (freshet_hub_new(&o, &hub, why, sizeof why))
        fail_msg("%s", why);
    struct freshet_source src = {.name = "bus", .type = "sqlite", .database = file,
                                 .query = "SELECT id, seats FROM trip", .key = "id",
                                 .channel = "trips"};
    struct freshet_source bad = src;
    bad.type = "oracle";
    assert_int_equal(freshet_source_add(hub, &bad, why, sizeof why), FRESHET_EINVAL);
    assert_true(why[0]);
    bad = src;
    bad.listen = "woken"; /* SQLite can't notify */
    assert_int_equal(freshet_source_add(hub, &bad, why, sizeof why), FRESHET_EINVAL);
    bad = src;
    bad.channel = "plain";
    assert_int_equal(freshet_source_add(hub, &bad, why, sizeof why), FRESHET_EINVAL);
    assert_int_equal(freshet_source_add(hub, &src, why, sizeof why), 0);
    struct seen s = {0};
    struct told t = {0};
    struct freshet_filter filter = {.since = freshet_text("earliest")};
    assert_int_equal(subscribe(hub, &filter, "trips", &s), 0);
    step_until(hub, &s.events, 1);
    assert_string_equal(s.key, "7");
    assert_string_equal(s.type, "added");
    /* the channel is the source's now */
    struct freshet_event e = event("trips", "1");
    e.key = freshet_text("7");
    int rc = publish(hub, &e, 1, false, &t);
    if (!rc) {
        step_until(hub, &t.calls, 1);
        rc = t.error;
    }
    assert_int_equal(rc, FRESHET_EFORBIDDEN);
    stop_and_free(hub);
    snprintf(command, sizeof command, "rm -rf %s", folder);
    assert_int_equal(system(command), 0);
}

/* ---- running ---- */

static void step_waits_no_longer_than_told(void **state)
{
    (void)state;
    struct freshet_hub *hub = new_hub(NULL, NULL);
    for (int i = 0; i < 50; i++)
        assert_int_equal(freshet_hub_step(hub, 0), 1);
    int64_t begin = now_ms();
    assert_int_equal(freshet_hub_step(hub, 50), 1);
    assert_true(now_ms() - begin < 2000);
    stop_and_free(hub);
}

static void wakes_a_poll_of_the_callers(void **state)
{
    (void)state;
    struct freshet_hub *hub = new_hub("--loops", "1");
    char out[4000] = "";
    size_t len = 0;
    int fd = dial(hub);
    say(fd, "GET /healthz" END "\r\n");
    int64_t end = now_ms() + WAIT_MS;
    while (!strstr(out, "\r\n\r\n") && now_ms() < end) {
        int timeout = freshet_hub_timeout(hub);
        struct pollfd ready = {.fd = freshet_hub_fd(hub), .events = POLLIN};
        assert_true(timeout >= -1 && timeout < 2000); /* the tick is due before */
        poll(&ready, 1, timeout);
        assert_int_equal(freshet_hub_step(hub, 0), 1);
        ssize_t n = recv(fd, out + len, sizeof out - 1 - len, 0);
        len += n > 0 ? (size_t)n : 0;
        out[len] = 0;
    }
    assert_non_null(strstr(out, "HTTP/1.1 200 "));
    close(fd);
    stop_and_free(hub);
}

static void *run_it(void *arg)
{
    return freshet_hub_run(arg) ? arg : NULL;
}

static void runs_until_it_is_stopped_from_another_thread(void **state)
{
    (void)state;
    struct freshet_hub *hub = new_hub("--loops", "2");
    pthread_t thread;
    void *failed;
    assert_int_equal(pthread_create(&thread, NULL, run_it, hub), 0);
    freshet_hub_stop(hub);
    assert_int_equal(pthread_join(thread, &failed), 0);
    assert_null(failed);
    freshet_hub_free(hub);
}

static void two_hubs_know_nothing_of_each_other(void **state)
{
    (void)state;
    struct freshet_hub *one = new_hub(NULL, NULL), *two = new_hub(NULL, NULL);
    struct seen a = {0}, b = {0};
    struct told t = {0};
    struct freshet_filter f = {0};
    assert_string_not_equal(freshet_hub_address(one, 0), freshet_hub_address(two, 0));
    assert_null(freshet_hub_address(one, 1));
    assert_true(freshet_hub_is_dev(one));
    assert_int_equal(subscribe(one, &f, "a", &a), 0);
    assert_int_equal(subscribe(two, &f, "a", &b), 0);
    publish_now(one, "a", "\"one\"", &t);
    publish_now(two, "a", "\"two\"", &t);
    step_until(one, &a.events, 1);
    step_until(two, &b.events, 1);
    assert_string_equal(a.data[0], "\"one\"");
    assert_string_equal(b.data[0], "\"two\"");
    stop_and_free(one);
    publish_now(two, "a", "3", &t);
    step_until(two, &b.events, 2);
    stop_and_free(two);
    assert_int_equal(a.events, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(says_what_is_wrong_with_the_options),
        cmocka_unit_test(gives_everything_back_when_it_never_ran_or_could_not_be_made),
        cmocka_unit_test(names_every_error),
        cmocka_unit_test(publishes_a_batch_and_tells_its_ids),
        cmocka_unit_test(says_durable_only_of_a_store_that_is),
        cmocka_unit_test(refuses_what_is_no_event),
        cmocka_unit_test(repeats_nothing_with_an_idempotency_key),
        cmocka_unit_test(takes_publishes_from_any_thread),
        cmocka_unit_test(refuses_to_publish_once_it_stops),
        cmocka_unit_test(tells_all_of_an_event),
        cmocka_unit_test(resumes_after_an_id_without_loss_or_repetition),
        cmocka_unit_test(tells_of_a_gap_when_what_is_owed_is_gone),
        cmocka_unit_test(begins_with_the_snapshot_of_a_keyed_channel),
        cmocka_unit_test(filters_by_type_and_key),
        cmocka_unit_test(unsubscribes_from_inside_a_callback),
        cmocka_unit_test(ends_subscriptions_when_it_stops),
        cmocka_unit_test(ends_a_subscription_of_a_hub_that_never_ran),
        cmocka_unit_test(refuses_filters_that_can_match_nothing),
        cmocka_unit_test(serves_routes_with_all_that_a_request_says),
        cmocka_unit_test(reloads_its_file_and_says_what_came_of_it),
        cmocka_unit_test(tells_private_routes_who_asks),
        cmocka_unit_test(refuses_routes_that_are_taken_or_malformed),
        cmocka_unit_test(answers_later_from_another_thread),
        cmocka_unit_test(answers_a_client_that_has_gone_into_nothing),
        cmocka_unit_test(frees_a_request_that_is_answered_after_the_end),
        cmocka_unit_test(tells_of_connections_and_closes_one),
        cmocka_unit_test(closes_with_a_reason_that_needs_escaping),
        cmocka_unit_test(gives_statistics_of_all_and_of_a_tenant),
        cmocka_unit_test(adds_a_source),
        cmocka_unit_test(step_waits_no_longer_than_told),
        cmocka_unit_test(wakes_a_poll_of_the_callers),
        cmocka_unit_test(runs_until_it_is_stopped_from_another_thread),
        cmocka_unit_test(two_hubs_know_nothing_of_each_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
