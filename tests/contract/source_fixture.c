#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "source_fixture.h"

#include "base/buf.h"
#include "json/scan.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- the log ---- */

static struct slice live_name(struct buf *b, struct slice tenant, struct slice key)
{
    buf_reset(b);
    buf_add_slice(b, tenant);
    buf_add_char(b, 0);
    buf_add_slice(b, key);
    assert_false(b->failed);
    return buf_slice(b);
}

static bool member(struct slice object, struct slice name, struct slice *value)
{
    struct slice n;
    for (struct json_iter it = json_iter(object); json_member(&it, &n, value);)
        if (slice_eq(n, name))
            return true;
    return false;
}

/* A change holds all that makes the old state the new one, and nothing else. */
static void check_changed(struct slice was, struct slice now, struct slice data)
{
    struct slice name, value, old, changed;
    size_t changes = 0;
    for (struct json_iter it = json_iter(now); json_member(&it, &name, &value);) {
        bool had = member(was, name, &old);
        if (member(data, name, &changed)) {
            assert_true(slice_eq(changed, value));
            assert_false(had && slice_eq(old, value));
        } else {
            assert_true(had && slice_eq(old, value));
        }
    }
    for (struct json_iter it = json_iter(data); json_member(&it, &name, &value); changes++)
        if (!member(now, name, &old))
            assert_true(slice_is(value, "null") && member(was, name, &old));
    for (struct json_iter it = json_iter(was); json_member(&it, &name, &value);)
        assert_true(member(now, name, &old) || member(data, name, &old));
    assert_true(changes > 0);
}

static void check_event(const struct fixture *f, const struct event *old, const struct event *e)
{
    (void)f;
    bool there = old && !old->deleted;
    assert_true(slice_is(event_channel(e), FIXTURE_CHANNEL));
    assert_true(json_check(event_data(e), JSON_DEPTH_MAX, NULL) == OK);
    if (e->deleted) {
        assert_true(there);
        assert_true(slice_is(event_type(e), "trips-removed") && slice_is(event_data(e), "null"));
        return;
    }
    assert_true(e->has_state && json_check(event_state(e), JSON_DEPTH_MAX, NULL) == OK);
    if (!there) {
        assert_true(slice_is(event_type(e), "trips-added"));
        assert_true(slice_eq(event_data(e), event_state(e)));
        return;
    }
    assert_true(slice_is(event_type(e), "trips-updated"));
    check_changed(event_state(old), event_state(e), event_data(e));
}

/* Takes one reference. */
static void apply(struct fixture *f, struct slice tenant, struct event *e)
{
    struct buf b = BUF_INIT;
    struct slice name = live_name(&b, tenant, event_key(e));
    struct event *old = map_get(&f->live, name);
    check_event(f, old, e);
    f->rows -= old && !old->deleted;
    f->rows += !e->deleted;
    assert_int_equal(map_put(&f->live, name, e), 0);
    event_unref(old);
    event_unref(f->last);
    f->last = event_ref(e);
    buf_fini(&b);
}

/* ---- the port ---- */

static void complete_load(struct fixture *f)
{
    size_t at = 0;
    struct slice name;
    void *event;
    f->loading = false;
    bool failing = f->fail_loads > 0;
    f->fail_loads -= failing;
    while (map_next(&f->live, &at, &name, &event)) {
        if (failing && at % 2) /* a store that breaks in the middle */
            continue;
        struct slice rest = name, tenant = slice_cut(&rest, 0);
        f->load_row(f->done_arg, tenant, event);
    }
    f->load_done(f->done_arg, failing ? ERR_INTERNAL : OK);
}

static void free_batch(struct fixture *f)
{
    for (size_t i = 0; i < f->batch_count; i++)
        free((void *)(uintptr_t)f->batch[i].tenant.p);
    free(f->batch);
    f->batch = NULL;
}

static void complete_append(struct fixture *f)
{
    bool failing = f->fail_appends > 0 || rng_below(&f->rng, 100) < f->fail_percent;
    f->fail_appends -= f->fail_appends > 0;
    f->appending = false;
    for (size_t i = 0; i < f->batch_count; i++) {
        if (failing)
            event_unref(f->batch[i].event);
        else
            apply(f, f->batch[i].tenant, f->batch[i].event);
    }
    if (!failing) {
        f->events += f->batch_count;
        f->batches++;
    }
    free_batch(f);
    f->append_done(f->done_arg, failing ? ERR_STORE_FULL : OK, failing ? "no space left" : NULL);
}

static void on_answer(uv_timer_t *timer)
{
    struct fixture *f = timer->data;
    if (f->hold)
        return;
    uv_timer_stop(timer);
    if (f->loading)
        complete_load(f);
    else if (f->appending)
        complete_append(f);
}

static void answer_later(struct fixture *f)
{
    uv_timer_start(&f->answer, on_answer, rng_below(&f->rng, 4), 1);
}

static void host_load(void *ctx, struct slice channel,
                      void (*row)(void *arg, struct slice tenant, const struct event *event),
                      void (*done)(void *arg, int error), void *arg)
{
    struct fixture *f = ctx;
    assert_false(f->loading || f->appending);
    assert_true(slice_is(channel, FIXTURE_CHANNEL));
    f->loading = true;
    f->loads++;
    f->load_row = row;
    f->load_done = done;
    f->done_arg = arg;
    answer_later(f);
}

static void host_append(void *ctx, const struct source_event *events, size_t count,
                        struct slice position,
                        void (*done)(void *arg, int error, const char *detail), void *arg)
{
    struct fixture *f = ctx;
    assert_false(f->loading || f->appending);
    assert_true(count > 0 && position.p == NULL);
    f->appending = true;
    f->batch = calloc(count, sizeof *f->batch);
    f->batch_count = count;
    assert_non_null(f->batch);
    for (size_t i = 0; i < count; i++) {
        char *tenant = slice_dup(events[i].tenant);
        assert_non_null(tenant);
        assert_true(name_is_tenant(events[i].tenant) && name_is_key(event_key(events[i].event)));
        f->batch[i] = (struct source_event){slice_str(tenant), events[i].event};
    }
    f->append_done = done;
    f->done_arg = arg;
    answer_later(f);
}

static void host_state(void *ctx, bool ok, const char *detail)
{
    struct fixture *f = ctx;
    assert_true(!f->told || f->ok != ok || strcmp(f->detail, detail) != 0); /* only changes */
    assert_true(ok || detail[0]);
    f->told = true;
    f->ok = ok;
    f->states++;
    snprintf(f->detail, sizeof f->detail, "%s", detail);
}

static void host_count(void *ctx, uint64_t runs, uint64_t changes, uint64_t failures)
{
    struct fixture *f = ctx;
    f->runs += runs;
    f->changes += changes;
    f->failures += failures;
}

/* ---- the fixture ---- */

static void on_tick(uv_timer_t *timer)
{
    (void)timer;
}

void fixture_init(struct fixture *f, uint64_t seed)
{
    *f = (struct fixture){.host = {f, host_load, host_append, host_state, host_count}};
    assert_int_equal(uv_loop_init(&f->loop), 0);
    uv_timer_init(&f->loop, &f->tick);
    uv_timer_init(&f->loop, &f->answer);
    f->answer.data = f;
    rng_init(&f->rng, seed);
    map_init(&f->live, seed, 1);
    uv_timer_start(&f->tick, on_tick, 1, 5);
}

void fixture_fini(struct fixture *f)
{
    fixture_close(f);
    uv_close((uv_handle_t *)&f->tick, NULL);
    uv_close((uv_handle_t *)&f->answer, NULL);
    while (uv_run(&f->loop, UV_RUN_DEFAULT))
        ;
    assert_int_equal(uv_loop_close(&f->loop), 0);
    size_t at = 0;
    void *event;
    while (map_next(&f->live, &at, NULL, &event))
        event_unref(event);
    map_fini(&f->live);
    event_unref(f->last);
}

void fixture_start(struct fixture *f, struct source *source)
{
    assert_null(f->source);
    f->source = source;
    f->told = false; /* a new source tells its state anew */
    f->ok = false;
    source->ops->start(source);
}

void fixture_until(struct fixture *f, bool (*done)(struct fixture *f, void *arg), void *arg,
                   const char *what)
{
    uint64_t end = uv_hrtime() + (uint64_t)FIXTURE_WAIT_MS * 1000000;
    while (!done(f, arg)) {
        if (uv_hrtime() > end)
            fail_msg("waited in vain for %s (%zu rows, %zu events, %llu runs, %s: %s)", what,
                     f->rows, f->events, (unsigned long long)f->runs, f->ok ? "ok" : "failing",
                     f->detail);
        uv_run(&f->loop, UV_RUN_ONCE);
    }
}

static void on_closed(void *arg)
{
    struct fixture *f = arg;
    f->source = NULL;
}

static bool is_closed(struct fixture *f, void *arg)
{
    (void)arg;
    return !f->source;
}

void fixture_close(struct fixture *f)
{
    if (!f->source)
        return;
    bool appending = f->appending;
    unsigned states = f->states;
    f->hold = false;
    f->source->ops->close(f->source, on_closed, f);
    assert_non_null(f->source); /* not inside the call */
    fixture_until(f, is_closed, NULL, "the source to close");
    assert_false(f->loading || f->appending);
    assert_int_equal(states, f->states); /* an end is no failure */
    (void)appending;
}

static bool is_ok(struct fixture *f, void *arg)
{
    (void)arg;
    return f->told && f->ok;
}

void fixture_until_ok(struct fixture *f)
{
    fixture_until(f, is_ok, NULL, "the state ok");
}

static bool is_failing(struct fixture *f, void *arg)
{
    return f->told && !f->ok && strstr(f->detail, arg);
}

void fixture_until_failing(struct fixture *f, const char *detail_has)
{
    fixture_until(f, is_failing, (void *)(uintptr_t)detail_has, detail_has);
    assert_true(f->failures > 0);
}

static bool has_events(struct fixture *f, void *arg)
{
    return f->events >= *(size_t *)arg;
}

void fixture_until_events(struct fixture *f, size_t events)
{
    fixture_until(f, has_events, &events, "events");
    assert_int_equal(f->events, events);
}

static bool has_runs(struct fixture *f, void *arg)
{
    return f->runs >= *(uint64_t *)arg;
}

void fixture_until_runs(struct fixture *f, uint64_t runs)
{
    fixture_until(f, has_runs, &runs, "runs");
}

static bool is_past(struct fixture *f, void *arg)
{
    (void)f;
    return uv_hrtime() >= *(uint64_t *)arg;
}

void fixture_run_ms(struct fixture *f, unsigned ms)
{
    uint64_t end = uv_hrtime() + (uint64_t)ms * 1000000;
    fixture_until(f, is_past, &end, "the time");
}

struct slice fixture_row(const struct fixture *f, const char *tenant, const char *key)
{
    struct buf b = BUF_INIT;
    const struct event *e = map_get(&f->live, live_name(&b, slice_str(tenant), slice_str(key)));
    buf_fini(&b);
    return e && !e->deleted ? event_state(e) : SLICE_NONE;
}
