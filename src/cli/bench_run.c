/* The course of a run: open the readers, let them settle, publish or churn, drain, report. */
#include "cli/bench.h"

#include "base/rng.h"
#include "cli/command.h"

#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

#define TICK_MS 5
#define OPENING_AT_ONCE 128
#define OPEN_LIMIT_NS (120 * SECOND_NS)
#define CATCH_UP_LIMIT_NS (30 * SECOND_NS)

static uint64_t ms(uint64_t n)
{
    return n * (SECOND_NS / 1000);
}

static uint64_t own_cpu_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * SECOND_NS + (uint64_t)t.tv_nsec;
}

static void enter(struct bench *b, enum bench_phase phase, uint64_t now)
{
    b->phase = phase;
    b->phase_ns = now;
}

/* ---- opening ---- */

void bench_begin_more(struct bench *b)
{
    struct bench_stats *s = &b->stats;
    uint64_t allowed = b->conf->conns;
    if (b->phase != PHASE_OPEN)
        return;
    if (b->conf->ramp) {
        double passed = (double)(bench_now_ns() - b->opened_ns) / 1e9;
        uint64_t due = (uint64_t)(passed * (double)b->conf->ramp) + 1;
        allowed = due < allowed ? due : allowed;
    }
    while (b->next < allowed && b->next - s->connected - s->failed < OPENING_AT_ONCE)
        conn_begin(&b->conns[b->next++]);
}

/* Readers whose time has come again. */
static void begin_waiting(struct bench *b, uint64_t now)
{
    LIST_EACH(&b->waiting, node, after) {
        struct bench_conn *c = LIST_ENTRY(node, struct bench_conn, waiting);
        if (c->due_ns > now)
            continue;
        list_remove(node);
        conn_begin(c);
    }
}

/* ---- resume ---- */

static void drop_everybody(struct bench *b, uint64_t now)
{
    for (uint64_t i = 0; i < b->conf->conns; i++) {
        struct bench_conn *c = &b->conns[i];
        if (c->state != READER_STREAM)
            continue;
        struct slice id = buf_slice(&c->sse.seen_id);
        free(c->last_id);
        c->last_id = id.len ? slice_dup(id) : NULL;
        c->resumed = true;
        c->due_ns = now + ms(b->conf->drop_for_ms);
        if (b->conf->ramp)
            c->due_ns += i * SECOND_NS / b->conf->ramp;
        conn_end(c, READER_WAITING);
    }
    b->dropped = true;
}

/* ---- the phases ---- */

static bool publishes(const struct bench_conf *conf)
{
    return conf->mode != BENCH_HOLD && conf->mode != BENCH_CHURN;
}

static void begin_run(struct bench *b, uint64_t now)
{
    proc_memory(&b->conf->pids, &b->idle);
    b->own_cpu_ns = own_cpu_ns();
    b->cpu_ns = proc_cpu_ns(&b->conf->pids);
    b->run_ns = now;
    enter(b, PHASE_RUN, now);
    if (publishes(b->conf) && publisher_start(&b->publisher) != 0)
        b->failed = true;
    for (uint64_t i = 0; b->conf->mode == BENCH_CHURN && i < b->conf->conns; i++)
        conn_end(&b->conns[i], READER_IDLE); /* and at once again */
}

static void end_run(struct bench *b, uint64_t now)
{
    b->run_took_ns = now - b->run_ns;
    b->cpu_ns = proc_cpu_ns(&b->conf->pids) - b->cpu_ns;
    b->own_cpu_ns = own_cpu_ns() - b->own_cpu_ns;
    proc_memory(&b->conf->pids, &b->after);
    enter(b, PHASE_END, now);
    if (b->conf->mode != BENCH_SLOW)
        return;
    enter(b, PHASE_CATCH_UP, now);
    for (uint64_t i = 0; i < b->conf->conns; i++)
        conn_unstick(&b->conns[i]);
}

/* True when nothing more came for a while. */
static bool is_quiet(struct bench *b, uint64_t progress, uint64_t now)
{
    if (progress != b->progress) {
        b->progress = progress;
        b->progress_ns = now;
    }
    return now - b->progress_ns > ms(b->conf->drain_ms) && now - b->phase_ns > ms(b->conf->drain_ms);
}

static void step_open(struct bench *b, uint64_t now)
{
    bench_begin_more(b);
    b->open_took_ns = now - b->opened_ns;
    if (b->stats.connected + b->stats.failed == b->conf->conns ||
        b->open_took_ns > OPEN_LIMIT_NS) {
        if (b->conf->conns && b->stats.connected == 0)
            b->failed = true;
        enter(b, PHASE_SETTLE, now);
    }
}

static void step_run(struct bench *b, uint64_t now)
{
    const struct bench_conf *conf = b->conf;
    if (conf->mode == BENCH_RESUME && !b->dropped && now - b->run_ns >= ms(conf->drop_at_ms))
        drop_everybody(b, now);
    if (publishes(conf)) {
        if (atomic_load(&b->publisher.done))
            enter(b, PHASE_DRAIN, now);
    } else if (now - b->run_ns >= ms(conf->duration_ms)) {
        end_run(b, now);
    }
}

static void step(struct bench *b, uint64_t now)
{
    const struct tally *t = b->stats.tally;
    switch (b->phase) {
    case PHASE_OPEN:
        step_open(b, now);
        break;
    case PHASE_SETTLE:
        if (now - b->phase_ns >= ms(b->conf->settle_ms))
            begin_run(b, now);
        break;
    case PHASE_RUN:
        step_run(b, now);
        break;
    case PHASE_DRAIN:
        if (t[0].delivered + t[0].told >= atomic_load(&b->publisher.expected) ||
            is_quiet(b, t[0].delivered + t[0].told, now))
            end_run(b, now);
        break;
    case PHASE_CATCH_UP:
        if (is_quiet(b, t[1].delivered + t[1].told, now) || now - b->phase_ns > CATCH_UP_LIMIT_NS)
            enter(b, PHASE_END, now);
        break;
    case PHASE_END:
        break;
    }
}

static void on_timer(uv_timer_t *timer)
{
    struct bench *b = timer->data;
    uint64_t now = bench_now_ns();
    begin_waiting(b, now);
    step(b, now);
    if (!b->conf->quiet)
        report_progress(b, now);
    if (b->phase != PHASE_END && !b->failed)
        return;
    uv_timer_stop(timer);
    uv_close((uv_handle_t *)timer, NULL);
    for (uint64_t i = 0; i < b->conf->conns; i++)
        conn_end(&b->conns[i], READER_GONE);
}

/* ---- beginning and end ---- */

static void raise_descriptors(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

static int make(struct bench *b)
{
    const struct bench_conf *conf = b->conf;
    b->conns = calloc(conf->conns ? conf->conns : 1, sizeof *b->conns);
    b->fan = calloc(conf->channels, sizeof *b->fan);
    b->scratch = malloc(BENCH_READ_BYTES);
    if (!b->conns || !b->fan || !b->scratch || uv_loop_init(&b->loop) != 0)
        return -1;
    uv_timer_init(&b->loop, &b->timer);
    b->timer.data = b;
    b->has_loop = true;
    for (uint64_t i = 0; i < conf->conns; i++) {
        struct bench_conn *c = &b->conns[i];
        if (conn_init(c, b, (uint32_t)i) != 0)
            return -1;
        for (uint64_t k = 0; !c->slow && k < conf->per_conn; k++)
            b->fan[(c->first_channel + k) % conf->channels]++;
    }
    return publisher_init(&b->publisher, conf, b->run, b->fan);
}

/* What never came. */
static void settle_accounts(struct bench *b)
{
    const struct bench_conf *conf = b->conf;
    for (uint64_t i = 0; i < conf->conns; i++) {
        struct bench_conn *c = &b->conns[i];
        for (uint64_t k = 0; k < conf->per_conn && publishes(conf); k++)
            check_end(&c->checks[k],
                      b->publisher.published[(c->first_channel + k) % conf->channels],
                      &b->stats.tally[c->slow]);
    }
}

int bench_run(struct bench *b, const struct bench_conf *conf)
{
    int rc;
    memset(b, 0, sizeof *b);
    b->conf = conf;
    list_init(&b->waiting);
    rng_system(&b->run, sizeof b->run);
    if ((rc = target_init(&b->target, conf->url)) >= 0)
        return rc;
    if (publishes(conf) && (rc = target_init(&b->publisher.target, conf->publish_url)) >= 0)
        return rc;
    if (make(b) != 0)
        return command_fail(BENCH_NAME, EXIT_FAILED, "out of memory");
    raise_descriptors();
    proc_memory(&conf->pids, &b->before);
    b->opened_ns = bench_now_ns();
    enter(b, PHASE_OPEN, b->opened_ns);
    uv_timer_start(&b->timer, on_timer, 0, TICK_MS);
    uv_run(&b->loop, UV_RUN_DEFAULT);
    publisher_join(&b->publisher);
    settle_accounts(b);
    return 0;
}

void bench_fini(struct bench *b)
{
    publisher_join(&b->publisher);
    publisher_fini(&b->publisher);
    if (b->has_loop) {
        if (!uv_is_closing((uv_handle_t *)&b->timer))
            uv_close((uv_handle_t *)&b->timer, NULL);
        uv_run(&b->loop, UV_RUN_DEFAULT);
        uv_loop_close(&b->loop);
    }
    for (uint64_t i = 0; b->conns && i < b->conf->conns; i++)
        conn_fini(&b->conns[i]);
    free(b->conns);
    free(b->fan);
    free(b->scratch);
    target_fini(&b->target);
}
