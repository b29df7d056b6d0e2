/* Unit tests of src/edge: where a reader begins, what it is told, beats, fairness, stalled readers.
 * The test is the owner, the store and the sockets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/rng.h"
#include "edge/edge.h"

#include <stdio.h>
#include <stdlib.h>

#define EPOCH 0x5f3a91c2u
#define MS 1700000000000u
#define EVENTS 64

struct sub { /* a reader and its socket */
    struct reader r;
    struct buf got; /* a line a frame */
    bool blocked, half;
    int ended;
    uint32_t frames;
    unsigned caught_up;
};

struct rig { /* what is behind the edge: one tenant, and channels as the test says */
    struct edge *edge;
    struct edge_format formats[2];
    uint64_t now_ms, now_us;
    bool vanished; /* no peer answers */
    pos_t upto, floor[3];
    struct event *log[EVENTS];
    uint32_t count;
    struct follow *asks[64];
    uint32_t ask_count, syncs;
    struct page_spec *specs[64];
    void *tokens[64];
    uint32_t spec_count;
    pos_t sync_upto;  /* what a sync finds committed; 0: nothing new */
    uint64_t tick_us; /* each look at the clock */
};

static const char *const channels[3] = {"a", "b", "k"};

static int channel_number(struct slice name)
{
    for (int i = 0; i < 3; i++)
        if (slice_is(name, channels[i]))
            return i;
    abort();
}

static pos_t at(uint32_t n)
{
    return pos_make(MS, n);
}

/* ---- what the edge calls ---- */

static void on_follow(void *ctx, struct follow *f)
{
    struct rig *g = ctx;
    assert_true(g->ask_count < 64);
    g->asks[g->ask_count++] = f;
}

static void on_read(void *ctx, struct page_spec *spec, void *token)
{
    struct rig *g = ctx;
    assert_true(g->spec_count < 64);
    g->specs[g->spec_count] = spec;
    g->tokens[g->spec_count++] = token;
}

static ssize_t on_send(void *ctx, struct reader *r, const struct iovec *iov, int count)
{
    struct sub *s = (struct sub *)r;
    ssize_t n = 0;
    (void)ctx;
    if (s->blocked)
        return 0;
    for (int i = 0; i < count; i++) {
        size_t len = s->half ? iov[i].iov_len / 2 : iov[i].iov_len;
        buf_add(&s->got, iov[i].iov_base, len);
        n += (ssize_t)len;
        s->frames++;
        if (s->half) {
            s->blocked = true;
            break;
        }
    }
    return n;
}

static struct bytes *line(const char *fmt, ...)
{
    char text[400];
    va_list ap;
    va_start(ap, fmt);
    int len = vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    struct bytes *b = bytes_new((size_t)len);
    memcpy(b->data, text, (size_t)len);
    return b;
}

static unsigned number(pos_t pos)
{
    return pos >= at(0) ? (unsigned)(pos - at(0)) : 0;
}

static struct bytes *on_form(void *ctx, unsigned format, const struct event *e, unsigned flags)
{
    (void)ctx, (void)format;
    return line("%u%s%s\n", number(e->pos), flags & FORM_WHOLE ? "w" : "",
                flags & FORM_NO_ID ? "!" : "");
}

static struct bytes *on_open(void *ctx, struct reader *r, const struct opening *o)
{
    static const char verdicts[] = {'n', 'r', 'g'};
    (void)ctx, (void)r;
    char v[4] = "";
    for (uint32_t i = 0; i < o->channel_count; i++)
        v[i] = verdicts[o->channels[i].resume], v[i + 1] = 0;
    return o->has_id ? line("open %u %s\n", number(o->id), v) : line("open - %s\n", v);
}

static struct bytes *on_gap(void *ctx, struct reader *r, const struct gap *g)
{
    (void)ctx, (void)r;
    char names[40] = "";
    for (uint32_t i = 0; i < g->channel_count; i++) {
        strncat(names, " ", 2);
        strncat(names, g->channels[i].p, g->channels[i].len);
    }
    return g->has_id ? line("gap %s %u%s\n", gap_reason_name(g->reason), number(g->id), names)
                     : line("gap %s -%s\n", gap_reason_name(g->reason), names);
}

static struct bytes *on_beat(void *ctx, unsigned format, const struct beat *b)
{
    (void)ctx, (void)format;
    return line("beat %u\n", number(b->upto));
}

static void on_caught_up(void *ctx, struct reader *r)
{
    (void)ctx;
    ((struct sub *)r)->caught_up++;
}

static void on_ended(void *ctx, struct reader *r, enum reader_end why, int error)
{
    (void)ctx, (void)error;
    ((struct sub *)r)->ended = (int)why + 1;
}

static uint64_t on_now_us(void *ctx)
{
    struct rig *g = ctx;
    return g->now_us += g->tick_us;
}

/* ---- the owner and the store ---- */

static bool on_alive(void *ctx, struct reader *r)
{
    (void)r;
    return !((struct rig *)ctx)->vanished;
}

static void rig_start(struct rig *g, const struct edge_conf *conf)
{
    *g = (struct rig){.now_ms = 1000000, .now_us = 1, .upto = at(0)};
    g->formats[1].beat_ms = 15000;
    struct edge_conf c = *conf;
    c.formats = g->formats;
    c.seed[0] = 3, c.seed[1] = 4;
    struct edge_ops ops = {.follow = on_follow,
                           .read = on_read,
                           .send = on_send,
                           .form = on_form,
                           .open = on_open,
                           .gap = on_gap,
                           .beat = on_beat,
                           .alive = on_alive,
                           .caught_up = on_caught_up,
                           .ended = on_ended,
                           .now_us = on_now_us,
                           .ctx = g};
    g->edge = edge_new(&c, &ops);
    assert_non_null(g->edge);
}

static const struct edge_conf plain = {.ring_events = 16,
                                       .ring_bytes = 1 << 20,
                                       .edge_bytes = 1 << 24,
                                       .linger_ms = 1000,
                                       .stall_ms = 5000,
                                       .page_events = 100,
                                       .page_bytes = 1 << 20,
                                       .send_events = 64,
                                       .send_bytes = 1 << 16};

static void rig_end(struct rig *g)
{
    edge_free(g->edge);
    for (uint32_t i = 0; i < g->ask_count; i++)
        free(g->asks[i]);
    for (uint32_t i = 0; i < g->spec_count; i++)
        free(g->specs[i]);
    for (uint32_t i = 0; i < g->count; i++)
        event_unref(g->log[i]);
}

static void answer_follow(struct rig *g, struct follow *f)
{
    g->syncs += f->kind == FOLLOW_SYNC;
    if (f->kind == FOLLOW_SYNC && g->sync_upto)
        g->upto = g->sync_upto;
    f->epoch = EPOCH;
    f->upto = g->upto;
    for (uint32_t i = 0; i < f->count; i++) {
        int c = channel_number(f->channels[i].name);
        f->channels[i].floor = g->floor[c];
        f->channels[i].keyed = c == 2;
    }
    edge_followed(g->edge, f, g->now_ms);
}

static void answer_page(struct rig *g, struct page_spec *spec, void *token)
{
    struct page *p = page_new();
    p->upto = p->seen = g->upto;
    for (uint32_t i = 0; i <= g->count; i++) {
        const struct event *e = i < g->count ? g->log[i] : NULL;
        pos_t before = i ? g->log[i - 1]->pos : 0, here = e ? e->pos : POS_MAX;
        for (uint32_t c = 0; c < spec->channel_count; c++) {
            pos_t floor = g->floor[channel_number(spec->channels[c].name)];
            if (floor > spec->channels[c].after && floor >= before && floor < here)
                page_add(p, floor, NULL, c);
        }
        for (uint32_t c = 0; e && c < spec->channel_count; c++)
            if (slice_eq(event_channel(e), spec->channels[c].name) &&
                e->pos > spec->channels[c].after &&
                e->pos > g->floor[channel_number(spec->channels[c].name)])
                page_add(p, e->pos, event_ref(g->log[i]), c);
    }
    free(spec);
    edge_page(g->edge, token, p, g->now_ms);
}

/* Everything is answered and sent. */
static void settle(struct rig *g)
{
    for (int n = 0; n < 100; n++) {
        while (g->ask_count) {
            struct follow *f = g->asks[0];
            memmove(g->asks, g->asks + 1, --g->ask_count * sizeof *g->asks);
            answer_follow(g, f);
        }
        while (g->spec_count) {
            struct page_spec *spec = g->specs[0];
            void *token = g->tokens[0];
            g->spec_count--;
            memmove(g->specs, g->specs + 1, g->spec_count * sizeof *g->specs);
            memmove(g->tokens, g->tokens + 1, g->spec_count * sizeof *g->tokens);
            answer_page(g, spec, token);
        }
        if (!edge_run(g->edge, g->now_ms, 1000000) && !g->ask_count && !g->spec_count)
            return;
    }
    fail_msg("never at rest");
}

static void put(struct rig *g, int channel, uint32_t n, const char *key)
{
    struct event_parts parts = {.channel = slice_str(channels[channel]),
                                .type = SLICE_LIT("t"),
                                .key = slice_str(key),
                                .data = SLICE_LIT("1"),
                                .state = slice_str(key),
                                .deleted = key && key[0] == '-'};
    if (parts.deleted)
        parts.state = SLICE_NONE;
    struct event *e = event_new(&parts);
    e->pos = at(n);
    e->epoch = EPOCH;
    e->keyed = channel == 2;
    g->log[g->count++] = e;
    if (e->pos > g->upto)
        g->upto = e->pos;
}

static struct slice one_channel[1] = {{"a", 1}}, two_channels[2] = {{"a", 1}, {"b", 1}},
                    keyed_channel[1] = {{"k", 1}};

static void sub_open(struct rig *g, struct sub *s, const struct slice *names, size_t count,
                     const struct reader_start *start, unsigned format)
{
    struct feed_spec spec = {.tenant = SLICE_LIT("t"), .channels = names, .channel_count = count};
    *s = (struct sub){.got = BUF_INIT};
    assert_int_equal(edge_open(g->edge, &s->r, &spec, start, format, false, g->now_ms), 0);
}

static void sub_close(struct rig *g, struct sub *s)
{
    edge_close(g->edge, &s->r);
    buf_fini(&s->got);
}

/* What a stream of these channels gets that starts so. */
static void assert_stream(struct rig *g, const struct slice *names, size_t count,
                          const struct reader_start *start, const char *want)
{
    struct sub s;
    sub_open(g, &s, names, count, start, 0);
    settle(g);
    assert_string_equal(buf_cstr(&s.got), want);
    assert_true(edge_is_caught_up(&s.r));
    sub_close(g, &s);
}

static void assert_resume(struct rig *g, const char *id, const char *want)
{
    struct reader_start start = {.last_id = slice_str(id)};
    assert_stream(g, two_channels, 2, &start, want);
}

/* a: floor 20, kept 25; b: floor 0, kept 5, 10, 30. */
static void rig_two_channels_with(struct rig *g, const struct edge_conf *conf)
{
    rig_start(g, conf);
    g->floor[0] = at(20);
    put(g, 1, 5, NULL);
    put(g, 1, 10, NULL);
    put(g, 0, 25, NULL);
    put(g, 1, 30, NULL);
}

static void rig_two_channels(struct rig *g)
{
    rig_two_channels_with(g, &plain);
}

/* ---- the judgement of ids ---- */

#define ID(n) "1700000000000-" #n "-5f3a91c2"

static void id_that_is_none_starts_over_with_a_gap(void **state)
{
    (void)state;
    struct rig g;
    rig_two_channels(&g);
    assert_resume(&g, "garbage", "open - gg\ngap malformed-id 30 a b\n");
    assert_resume(&g, "", "open - gg\ngap malformed-id 30 a b\n");
    assert_resume(&g, "1700000000000-0", "open - gg\ngap malformed-id 30 a b\n");
    assert_int_equal(g.syncs, 0);
    rig_end(&g);
}

static void id_of_another_log_is_unknown(void **state)
{
    (void)state;
    struct rig g;
    rig_two_channels(&g);
    assert_resume(&g, "1700000000000-25-00000001", "open - gg\ngap unknown-id 30 a b\n");
    assert_int_equal(g.syncs, 0);
    rig_end(&g);
}

static void id_beyond_the_last_is_a_reset_once_the_owner_says_so(void **state)
{
    (void)state;
    struct rig g;
    rig_two_channels(&g);
    struct sub first;
    struct reader_start latest = {.since = START_LATEST};
    sub_open(&g, &first, two_channels, 2, &latest, 0);
    settle(&g);
    assert_resume(&g, ID(31), "open - gg\ngap reset 30 a b\n");
    assert_int_equal(g.syncs, 1);
    g.sync_upto = at(40); /* another edge was faster */
    assert_resume(&g, ID(40), "open 40 rr\n");
    assert_int_equal(g.syncs, 2);
    assert_resume(&g, "99999999999999999-0-5f3a91c2", "open - gg\ngap reset 40 a b\n");
    sub_close(&g, &first);
    rig_end(&g);
}

static void resume_is_judged_by_the_owner_s_word_unless_the_edge_is_alone(void **state)
{
    (void)state;
    for (int alone = 0; alone < 2; alone++) {
        struct rig g;
        struct sub first;
        struct edge_conf conf = plain;
        conf.alone = alone;
        rig_two_channels_with(&g, &conf);
        struct reader_start latest = {.since = START_LATEST};
        sub_open(&g, &first, two_channels, 2, &latest, 0);
        settle(&g);
        g.floor[0] = at(28); /* this edge has still to hear of it */
        assert_resume(&g, ID(26),
                      alone ? "open 26 rr\ngap trimmed 28 a\n30\n"
                            : "open 26 gr\ngap trimmed 28 a\n30\n");
        assert_int_equal(g.syncs, !alone);
        sub_close(&g, &first);
        rig_end(&g);
    }
}

static void last_id_is_resumed_without_a_word_more(void **state)
{
    (void)state;
    struct rig g;
    rig_two_channels(&g);
    assert_resume(&g, ID(30), "open 30 rr\n");
    rig_end(&g);
}

static void id_is_compared_whether_or_not_an_event_has_it(void **state)
{
    (void)state;
    struct rig g;
    rig_two_channels(&g);
    assert_resume(&g, ID(27), "open 27 rr\n30\n");
    assert_resume(&g, ID(25), "open 25 rr\n30\n");
    rig_end(&g);
}

static void floor_itself_is_no_gap_and_just_below_it_is(void **state)
{
    (void)state;
    struct rig g;
    rig_two_channels(&g);
    assert_resume(&g, ID(20), "open 20 rr\n25\n30\n");
    assert_resume(&g, ID(19), "open 19 gr\ngap trimmed 20 a\n25\n30\n");
    rig_end(&g);
}

static void gap_comes_in_its_place_after_what_is_older(void **state)
{
    (void)state;
    struct rig g;
    rig_two_channels(&g);
    assert_resume(&g, ID(7), "open 7 gr\n10\ngap trimmed 20 a\n25\n30\n");
    rig_end(&g);
    rig_two_channels(&g);
    g.floor[1] = at(20); /* two at one place */
    assert_resume(&g, ID(7), "open 7 gg\ngap trimmed 20 a b\n25\n30\n");
    rig_end(&g);
}

/* ---- kinds of starts ---- */

static void start_kinds(void **state)
{
    (void)state;
    struct rig g;
    rig_two_channels(&g);
    struct reader_start latest = {.since = START_LATEST}, earliest = {.since = START_EARLIEST},
                        time = {.since = START_AT, .at = at(9)},
                        future = {.since = START_AT, .at = at(99)},
                        id = {.since = START_ID, .at = at(25), .epoch = EPOCH};
    assert_stream(&g, two_channels, 2, &latest, "open 30 nn\n");
    assert_stream(&g, two_channels, 2, &earliest, "open 0 nn\n5\n10\n25\n30\n");
    assert_stream(&g, two_channels, 2, &time, "open 9 nn\n10\ngap trimmed 20 a\n25\n30\n");
    assert_stream(&g, two_channels, 2, &future, "open 30 nn\n");
    assert_stream(&g, two_channels, 2, &id, "open 25 rr\n30\n");
    rig_end(&g);
}

static void unusable_id_goes_on_from_since(void **state)
{
    (void)state;
    struct rig g;
    rig_two_channels(&g);
    struct reader_start start = {.last_id = SLICE_LIT("x"), .since = START_AT, .at = at(25)};
    assert_stream(&g, two_channels, 2, &start, "open - gg\ngap malformed-id 25 a b\n30\n");
    start = (struct reader_start){
        .last_id = SLICE_LIT("x"), .since = START_ID, .at = at(25), .epoch = 1};
    assert_stream(&g, two_channels, 2, &start, "open - gg\ngap malformed-id 30 a b\n");
    rig_end(&g);
}

static void snapshot_gives_live_keys_without_an_id_at_first(void **state)
{
    (void)state;
    struct rig g;
    rig_start(&g, &plain);
    put(&g, 2, 3, "x");
    put(&g, 2, 4, "-y");
    put(&g, 2, 5, "z");
    put(&g, 2, 6, NULL);
    struct reader_start start = {.snapshot = true};
    assert_stream(&g, keyed_channel, 1, &start, "open - n\n3w\n5w\n");
    start.last_id = SLICE_LIT(ID(4)); /* a resume: no snapshot */
    assert_stream(&g, keyed_channel, 1, &start, "open 4 r\n5w\n6\n");
    rig_end(&g);
    rig_start(&g, &plain);
    g.floor[2] = at(2); /* but after a gap */
    put(&g, 2, 3, "x");
    put(&g, 2, 4, "-y");
    put(&g, 2, 5, "z");
    start.last_id = SLICE_LIT(ID(1));
    assert_stream(&g, keyed_channel, 1, &start, "open - g\ngap trimmed - k\n3w\n5w\n");
    rig_end(&g);
}

static void poll_has_no_opening_and_ends_with_a_cursor(void **state)
{
    (void)state;
    struct rig g;
    struct sub s;
    uint32_t epoch;
    rig_two_channels(&g);
    struct reader_start start = {.poll = true, .last_id = SLICE_LIT(ID(7))};
    sub_open(&g, &s, two_channels, 2, &start, 0);
    settle(&g);
    assert_string_equal(buf_cstr(&s.got), "10\ngap trimmed 20 a\n25\n30\n");
    assert_true(s.caught_up > 0);
    assert_true(edge_position(&s.r, &epoch) == at(30));
    assert_int_equal(epoch, EPOCH);
    sub_close(&g, &s);
    rig_end(&g);
}

/* ---- beats ---- */

static void beats_of_many_readers_are_spread(void **state)
{
    (void)state;
    enum { READERS = 10000, SECONDS = 46 };
    struct rig g;
    rig_start(&g, &plain);
    struct sub *subs = calloc(READERS, sizeof *subs);
    struct reader_start latest = {.since = START_LATEST};
    uint32_t opened = 0, *by_second = calloc(SECONDS + 1, sizeof *by_second);
    uint64_t before = 0;
    struct edge_stats stats;
    for (uint32_t tick = 0; tick < SECONDS * 4; tick++) {
        for (uint32_t end = (tick + 1) * READERS / 4; opened < READERS && opened < end; opened++)
            sub_open(&g, &subs[opened], one_channel, 1, &latest, 1);
        settle(&g);
        g.now_ms += EDGE_TICK_MS;
        edge_tick(g.edge, g.now_ms);
        settle(&g);
        edge_get_stats(g.edge, &stats);
        by_second[tick / 4] += (uint32_t)(stats.beats - before);
        before = stats.beats;
    }
    for (uint32_t second = 1; second < SECONDS; second++)
        if (by_second[second] > READERS * 15 / 100)
            fail_msg("second %u carries %u beats", second, by_second[second]);
    for (uint32_t i = 0; i < READERS; i++) {
        if (subs[i].frames < 1 + 2) /* two at least in three intervals */
            fail_msg("reader %u got %u beats", i, subs[i].frames - 1);
        sub_close(&g, &subs[i]);
    }
    free(subs);
    free(by_second);
    rig_end(&g);
}

static void reader_that_gets_events_gets_no_beats(void **state)
{
    (void)state;
    struct rig g;
    struct sub s;
    rig_start(&g, &plain);
    struct reader_start latest = {.since = START_LATEST};
    sub_open(&g, &s, one_channel, 1, &latest, 1);
    settle(&g);
    struct edge_stats stats;
    for (int i = 0; i < 240; i++) { /* a minute, something every five seconds */
        g.now_ms += EDGE_TICK_MS;
        edge_tick(g.edge, g.now_ms);
        if (i % 20 == 19)
            edge_push(g.edge, &s.r, line("note\n"));
        settle(&g);
    }
    edge_get_stats(g.edge, &stats);
    assert_int_equal(stats.beats, 0);
    sub_close(&g, &s);
    rig_end(&g);
}

static void what_a_tenant_was_sent_is_known_when_nobody_reads_any_more(void **state)
{
    (void)state;
    struct rig g;
    struct sub s;
    rig_start(&g, &plain);
    put(&g, 0, 1, NULL);
    put(&g, 0, 2, NULL);
    struct reader_start all = {.since = START_EARLIEST};
    for (uint64_t sent = 2; sent <= 4; sent += 2) {
        sub_open(&g, &s, one_channel, 1, &all, 0);
        settle(&g);
        assert_int_equal(edge_delivered(g.edge, SLICE_LIT("t")), sent);
        sub_close(&g, &s);
        struct edge_stats stats = {.feeds = 1};
        for (int i = 0; i < 100 && stats.feeds; i++) {
            g.now_ms += EDGE_TICK_MS;
            edge_tick(g.edge, g.now_ms);
            settle(&g);
            edge_get_stats(g.edge, &stats);
        }
        assert_int_equal(stats.feeds, 0);
        assert_int_equal(edge_delivered(g.edge, SLICE_LIT("t")), sent);
    }
    assert_int_equal(edge_delivered(g.edge, SLICE_LIT("u")), 0);
    rig_end(&g);
}

/* ---- stalled readers ---- */

static void half_sent_event_without_progress_ends_the_reader(void **state)
{
    (void)state;
    struct rig g;
    struct sub slow, stuck;
    rig_start(&g, &plain);
    struct reader_start latest = {.since = START_LATEST};
    sub_open(&g, &slow, one_channel, 1, &latest, 1);
    settle(&g);
    sub_open(&g, &stuck, one_channel, 1, &latest, 1);
    stuck.half = true;
    settle(&g);
    slow.blocked = true; /* at a boundary: it may wait as long as it likes */
    for (int i = 0; i < 80; i++) {
        g.now_ms += EDGE_TICK_MS;
        edge_tick(g.edge, g.now_ms);
        settle(&g);
    }
    assert_int_equal(stuck.ended, READER_END_STALLED + 1);
    struct edge_stats stats;
    edge_get_stats(g.edge, &stats);
    assert_int_equal(stats.readers, 2); /* until they are closed */
    edge_writable(g.edge, &stuck.r);
    settle(&g);
    sub_close(&g, &stuck);
    sub_close(&g, &slow);
    rig_end(&g);
}

/* Ticks until the reader has ended; how long that took. */
static uint64_t ended_after_ms(struct rig *g, const struct sub *s, uint64_t most_ms)
{
    uint64_t begin = g->now_ms;
    while (!s->ended && g->now_ms < begin + most_ms) {
        g->now_ms += EDGE_TICK_MS;
        edge_tick(g->edge, g->now_ms);
        settle(g);
    }
    return g->now_ms - begin;
}

static void stall_holds_without_beats(void **state)
{
    (void)state;
    struct reader_start latest = {.since = START_LATEST};
    static const uint64_t bounds_ms[] = {500, 5000, 59000, 61000, 200000, 600000};
    for (size_t i = 0; i < sizeof bounds_ms / sizeof *bounds_ms; i++) {
        struct rig g;
        struct sub s;
        struct edge_conf conf = plain;
        conf.stall_ms = bounds_ms[i];
        rig_start(&g, &conf);
        sub_open(&g, &s, one_channel, 1, &latest, 0);
        s.half = true;
        settle(&g);
        uint64_t took = ended_after_ms(&g, &s, 1000000);
        assert_int_equal(s.ended, READER_END_STALLED + 1);
        assert_true(took >= bounds_ms[i] && took <= bounds_ms[i] + 4 * EDGE_TICK_MS);
        sub_close(&g, &s);
        rig_end(&g);
    }
}

static void parked_reader_whose_host_vanished_ends(void **state)
{
    (void)state;
    struct rig g;
    struct sub s;
    struct reader_start earliest = {.since = START_EARLIEST};
    rig_start(&g, &plain);
    put(&g, 0, 1, NULL);
    sub_open(&g, &s, one_channel, 1, &earliest, 0);
    assert_int_equal(g.ask_count, 1);
    g.ask_count = 0;
    answer_follow(&g, g.asks[0]);
    edge_run(g.edge, g.now_ms, 1000000);
    assert_int_equal(s.frames, 1);
    s.blocked = true; /* at a boundary: it may wait as long as it likes, if it is there */
    settle(&g);
    assert_true(s.r.parked);
    assert_int_equal(ended_after_ms(&g, &s, 200000), 200000);
    g.vanished = true;
    assert_true(ended_after_ms(&g, &s, 200000) <= 61000);
    assert_int_equal(s.ended, READER_END_DEAD + 1);
    sub_close(&g, &s);
    rig_end(&g);
}

static void half_sent_event_is_finished_first(void **state)
{
    (void)state;
    struct rig g;
    struct sub s;
    rig_start(&g, &plain);
    struct reader_start latest = {.since = START_LATEST};
    sub_open(&g, &s, one_channel, 1, &latest, 0);
    s.half = true;
    settle(&g);
    assert_string_equal(buf_cstr(&s.got), "open");
    edge_push(g.edge, &s.r, line("close\n"));
    s.half = s.blocked = false;
    edge_writable(g.edge, &s.r);
    settle(&g);
    assert_string_equal(buf_cstr(&s.got), "open 0 n\nclose\n");
    sub_close(&g, &s);
    rig_end(&g);
}

/* ---- fairness ---- */

struct crowd {
    struct sub *subs;
    uint32_t count;
    char name[8];
};

static uint32_t sent(const struct crowd *c)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < c->count; i++)
        n += c->subs[i].frames > 1;
    return n;
}

static void large_feed_does_not_hold_back_small_ones(void **state)
{
    (void)state;
    enum { SMALL = 100, LARGE = 10000 };
    struct rig g;
    rig_start(&g, &plain);
    struct crowd *crowds = calloc(SMALL + 1, sizeof *crowds);
    struct reader_start latest = {.since = START_LATEST};
    for (int f = 0; f <= SMALL; f++) {
        struct crowd *c = &crowds[f];
        c->count = f ? 10 : LARGE;
        c->subs = calloc(c->count, sizeof *c->subs);
        snprintf(c->name, sizeof c->name, "t%d", f);
        struct slice type = slice_str(c->name);
        struct feed_spec spec = {.tenant = SLICE_LIT("t"),
                                 .channels = one_channel,
                                 .channel_count = 1,
                                 .types = &type,
                                 .type_count = 1};
        for (uint32_t i = 0; i < c->count; i++)
            assert_int_equal(edge_open(g.edge, &c->subs[i].r, &spec, &latest, 0, false, g.now_ms),
                             0);
        settle(&g);
    }
    for (int f = 0; f <= SMALL; f++) /* all have something to do now, the large one first */
        for (uint32_t i = 0; i < crowds[f].count; i++)
            edge_push(g.edge, &crowds[f].subs[i].r, line("x\n"));
    g.tick_us = 1; /* each look at the clock, every 16 sends, is a microsecond */
    uint32_t turns = 0, small = 0;
    while (small < SMALL * 10) {
        assert_true(edge_run(g.edge, g.now_ms, 10) || small == SMALL * 10);
        assert_true(++turns < 1000);
        small = 0;
        for (int f = 1; f <= SMALL; f++)
            small += sent(&crowds[f]);
    }
    assert_true(sent(&crowds[0]) <= LARGE / 16 * 2); /* one share, and the one begun */
    g.tick_us = 0;
    settle(&g);
    assert_int_equal(sent(&crowds[0]), LARGE);
    for (int f = 0; f <= SMALL; f++) {
        for (uint32_t i = 0; i < crowds[f].count; i++)
            sub_close(&g, &crowds[f].subs[i]);
        free(crowds[f].subs);
    }
    free(crowds);
    rig_end(&g);
}

static void turn_ends_when_its_time_is_over(void **state)
{
    (void)state;
    struct rig g;
    rig_start(&g, &plain);
    struct sub *subs = calloc(1000, sizeof *subs);
    struct reader_start latest = {.since = START_LATEST};
    for (int i = 0; i < 1000; i++)
        sub_open(&g, &subs[i], one_channel, 1, &latest, 0);
    settle(&g);
    for (int i = 0; i < 1000; i++)
        edge_push(g.edge, &subs[i].r, line("x\n"));
    g.tick_us = 100;
    assert_true(edge_run(g.edge, g.now_ms, 250));
    struct crowd all = {.subs = subs, .count = 1000};
    assert_in_range(sent(&all), 16, 100);
    g.tick_us = 0;
    settle(&g);
    assert_int_equal(sent(&all), 1000);
    for (int i = 0; i < 1000; i++)
        sub_close(&g, &subs[i]);
    free(subs);
    rig_end(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(id_that_is_none_starts_over_with_a_gap),
        cmocka_unit_test(id_of_another_log_is_unknown),
        cmocka_unit_test(id_beyond_the_last_is_a_reset_once_the_owner_says_so),
        cmocka_unit_test(resume_is_judged_by_the_owner_s_word_unless_the_edge_is_alone),
        cmocka_unit_test(last_id_is_resumed_without_a_word_more),
        cmocka_unit_test(id_is_compared_whether_or_not_an_event_has_it),
        cmocka_unit_test(floor_itself_is_no_gap_and_just_below_it_is),
        cmocka_unit_test(gap_comes_in_its_place_after_what_is_older),
        cmocka_unit_test(start_kinds),
        cmocka_unit_test(unusable_id_goes_on_from_since),
        cmocka_unit_test(snapshot_gives_live_keys_without_an_id_at_first),
        cmocka_unit_test(poll_has_no_opening_and_ends_with_a_cursor),
        cmocka_unit_test(beats_of_many_readers_are_spread),
        cmocka_unit_test(reader_that_gets_events_gets_no_beats),
        cmocka_unit_test(what_a_tenant_was_sent_is_known_when_nobody_reads_any_more),
        cmocka_unit_test(half_sent_event_without_progress_ends_the_reader),
        cmocka_unit_test(stall_holds_without_beats),
        cmocka_unit_test(parked_reader_whose_host_vanished_ends),
        cmocka_unit_test(half_sent_event_is_finished_first),
        cmocka_unit_test(large_feed_does_not_hold_back_small_ones),
        cmocka_unit_test(turn_ends_when_its_time_is_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
