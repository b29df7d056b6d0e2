/* What a run came to: a line while it runs, a table or JSON at its end. */
#include "cli/bench.h"

#include "cli/command.h"
#include "json/write.h"

#include <stdio.h>
#include <unistd.h>

#define SHOW_EVERY_NS (SECOND_NS / 4)

static const char *phase_name(enum bench_phase phase)
{
    static const char *const names[] = {"opening", "settling", "running", "draining",
                                        "slow readers catch up", "done"};
    return names[phase];
}

void report_progress(struct bench *b, uint64_t now_ns)
{
    if (now_ns - b->shown_ns < SHOW_EVERY_NS && b->phase != PHASE_END)
        return;
    double passed = (double)(now_ns - b->shown_ns) / 1e9;
    uint64_t delivered = b->stats.tally[0].delivered + b->stats.churned;
    double rate = b->shown_ns ? (double)(delivered - b->shown_delivered) / passed : 0;
    fprintf(stderr, "\r\x1b[K%s: %llu of %llu connected, %llu published, %llu %s, %.0f/s",
            phase_name(b->phase), (unsigned long long)b->stats.connected,
            (unsigned long long)b->conf->conns,
            (unsigned long long)atomic_load(&b->publisher.count), (unsigned long long)delivered,
            b->conf->mode == BENCH_CHURN ? "opened and closed" : "delivered", rate);
    if (b->phase == PHASE_END)
        fputs("\r\x1b[K", stderr);
    fflush(stderr);
    b->shown_ns = now_ns;
    b->shown_delivered = delivered;
}

/* ---- the figures ---- */

struct figures {
    uint64_t units;      /* what CPU is divided by */
    const char *unit;
    double span_s;       /* of publishing and delivering */
    double cpu_us;       /* of the server, a unit */
    double own_cpu_us;
    double pss, rss;     /* of the server, bytes an idle connection */
    struct tally all;
    bool bad;
};

static double ratio(double a, double b)
{
    return b > 0 ? a / b : 0;
}

static void figures_make(const struct bench *b, struct figures *f)
{
    const struct bench_stats *s = &b->stats;
    const struct tally *t = s->tally;
    double conns = (double)s->connected;
    f->units = t[0].delivered;
    f->unit = "delivery";
    if (b->conf->mode == BENCH_CHURN) {
        f->units = s->churned;
        f->unit = "connection";
    } else if (b->conf->mode == BENCH_BATCH) {
        f->units = atomic_load(&b->publisher.count);
        f->unit = "event";
    }
    f->span_s = (double)b->run_took_ns / 1e9;
    if (s->last_ns > b->publisher.first_ns && b->publisher.first_ns)
        f->span_s = (double)(s->last_ns - b->publisher.first_ns) / 1e9;
    f->cpu_us = ratio((double)b->cpu_ns / 1e3, (double)f->units);
    f->own_cpu_us = ratio((double)b->own_cpu_ns / 1e3, (double)f->units);
    f->pss = ratio((double)b->idle.pss - (double)b->before.pss, conns);
    f->rss = ratio((double)b->idle.rss - (double)b->before.rss, conns);
    f->all = (struct tally){t[0].delivered + t[1].delivered, t[0].lost + t[1].lost,
                            t[0].told + t[1].told, t[0].repeated + t[1].repeated,
                            t[0].reordered + t[1].reordered};
    f->bad = f->all.lost || f->all.repeated || f->all.reordered || b->failed || s->failed ||
             atomic_load(&b->publisher.errors);
}

/* ---- JSON ---- */

static void put_number(struct buf *out, const char *name, double d)
{
    json_put_name(out, name);
    json_put_double(out, d);
}

static void put_hist(struct buf *out, const char *name, const struct hist *h)
{
    json_put_name(out, name);
    buf_add_char(out, '{');
    put_number(out, "p50", (double)hist_at(h, 500) / 1e3);
    put_number(out, "p90", (double)hist_at(h, 900) / 1e3);
    put_number(out, "p99", (double)hist_at(h, 990) / 1e3);
    put_number(out, "p99.9", (double)hist_at(h, 999) / 1e3);
    put_number(out, "max", (double)h->max / 1e3);
    json_put_member_u64(out, "count", h->total);
    buf_add_char(out, '}');
}

static void put_tally(struct buf *out, const struct tally *t)
{
    json_put_member_u64(out, "delivered", t->delivered);
    json_put_member_u64(out, "lost", t->lost);
    json_put_member_u64(out, "repeated", t->repeated);
    json_put_member_u64(out, "reordered", t->reordered);
    json_put_member_u64(out, "missing_told", t->told);
}

static void put_memory(struct buf *out, const char *name, const struct proc_memory *m)
{
    json_put_name(out, name);
    buf_add_char(out, '{');
    json_put_member_u64(out, "rss", m->rss);
    json_put_member_u64(out, "pss", m->pss);
    json_put_member_u64(out, "kernel_tcp", m->kernel_tcp);
    buf_add_char(out, '}');
}

static void put_server(struct buf *out, const struct bench *b, const struct figures *f)
{
    json_put_name(out, "server");
    buf_add_char(out, '{');
    put_number(out, "cpu_s", (double)b->cpu_ns / 1e9);
    put_number(out, "cpu_us_per_unit", f->cpu_us);
    json_put_member(out, "unit", slice_str(f->unit));
    put_number(out, "cpu_share", ratio((double)b->cpu_ns, (double)b->run_took_ns));
    put_number(out, "pss_bytes_per_connection", f->pss);
    put_number(out, "rss_bytes_per_connection", f->rss);
    put_memory(out, "memory_before", &b->before);
    put_memory(out, "memory_idle", &b->idle);
    put_memory(out, "memory_after", &b->after);
    buf_add_char(out, '}');
}

static void put_publishing(struct buf *out, const struct bench *b)
{
    const struct publisher *p = &b->publisher;
    uint64_t count = atomic_load(&p->count);
    json_put_member_u64(out, "published", count);
    json_put_member_u64(out, "publish_errors", atomic_load(&p->errors));
    put_number(out, "publishes_per_s",
               ratio((double)count, (double)(p->last_ns - p->first_ns) / 1e9));
    json_put_member_u64(out, "deliveries_expected", atomic_load(&p->expected));
    put_hist(out, "ack_us", &p->acks);
}

static void put_json(struct buf *out, const struct bench *b, const struct figures *f)
{
    const struct bench_stats *s = &b->stats;
    buf_add_char(out, '{');
    json_put_member(out, "mode", slice_str(b->conf->mode_name));
    json_put_member_bool(out, "ok", !f->bad);
    json_put_member_u64(out, "connections", s->connected);
    json_put_member_u64(out, "channels", b->conf->channels);
    json_put_member_u64(out, "connections_failed", s->failed);
    json_put_member_u64(out, "connections_retried", s->retried);
    json_put_member_u64(out, "connections_closed", s->closed);
    put_number(out, "connects_per_s", ratio((double)s->connected, (double)b->open_took_ns / 1e9));
    put_hist(out, "connect_us", &s->connect);
    put_publishing(out, b);
    put_tally(out, &s->tally[0]);
    put_number(out, "deliveries_per_s", ratio((double)s->tally[0].delivered, f->span_s));
    put_hist(out, "latency_us", &s->latency);
    json_put_member_u64(out, "gaps", s->gaps);
    json_put_member_u64(out, "other_events", s->other_events);
    json_put_member_u64(out, "comments", s->comments);
    json_put_member_u64(out, "bytes", s->bytes);
    json_put_member_u64(out, "resumed", s->resumed);
    json_put_member_u64(out, "resume_failures", s->resume_failed);
    json_put_member_u64(out, "opened_and_closed", s->churned);
    json_put_member_u64(out, "opening_failures", s->churn_failed);
    json_put_name(out, "slow");
    buf_add_char(out, '{');
    put_tally(out, &s->tally[1]);
    json_put_member_u64(out, "closed", s->closed_slow);
    buf_add_char(out, '}');
    if (b->conf->pids.count)
        put_server(out, b, f);
    put_number(out, "own_cpu_us_per_unit", f->own_cpu_us);
    put_number(out, "run_s", (double)b->run_took_ns / 1e9);
    buf_add_str(out, "}\n");
}

/* ---- the table ---- */

static void row(struct buf *out, const char *name, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static void row(struct buf *out, const char *name, const char *fmt, ...)
{
    va_list ap;
    buf_addf(out, "%-24s", name);
    va_start(ap, fmt);
    buf_vaddf(out, fmt, ap);
    va_end(ap);
    buf_add_char(out, '\n');
}

static void row_hist(struct buf *out, const char *name, const struct hist *h)
{
    if (h->total)
        row(out, name, "p50 %.2f  p90 %.2f  p99 %.2f  p99.9 %.2f  max %.2f ms",
            (double)hist_at(h, 500) / 1e6, (double)hist_at(h, 900) / 1e6,
            (double)hist_at(h, 990) / 1e6, (double)hist_at(h, 999) / 1e6, (double)h->max / 1e6);
}

static void row_tally(struct buf *out, const char *name, const struct tally *t)
{
    row(out, name, "%llu lost, %llu repeated, %llu reordered, %llu missing as told by a gap",
        (unsigned long long)t->lost, (unsigned long long)t->repeated,
        (unsigned long long)t->reordered, (unsigned long long)t->told);
}

static void table_publishing(struct buf *out, const struct bench *b, const struct figures *f)
{
    const struct publisher *p = &b->publisher;
    uint64_t count = atomic_load(&p->count), errors = atomic_load(&p->errors);
    if (!p->first_ns)
        return;
    row(out, "published", "%llu messages, %.0f/s", (unsigned long long)count,
        ratio((double)count, (double)(p->last_ns - p->first_ns) / 1e9));
    if (errors)
        row(out, "not accepted", "%llu, status %d %s", (unsigned long long)errors, p->status,
            p->problem);
    row_hist(out, "acknowledged after", &p->acks);
    row(out, "deliveries", "%llu of %llu, %.0f/s",
        (unsigned long long)b->stats.tally[0].delivered,
        (unsigned long long)atomic_load(&p->expected),
        ratio((double)b->stats.tally[0].delivered, f->span_s));
    row_hist(out, "delivered after", &b->stats.latency);
    row_tally(out, "checked", &b->stats.tally[0]);
}

static void table_mode(struct buf *out, const struct bench *b)
{
    const struct bench_stats *s = &b->stats;
    if (b->conf->mode == BENCH_RESUME)
        row(out, "resumed", "%llu, %llu failed tries, %llu gaps told",
            (unsigned long long)s->resumed, (unsigned long long)s->resume_failed,
            (unsigned long long)s->gaps);
    if (b->conf->mode == BENCH_CHURN)
        row(out, "opened and closed", "%llu, %.0f/s, %llu failed", (unsigned long long)s->churned,
            ratio((double)s->churned, (double)b->run_took_ns / 1e9),
            (unsigned long long)s->churn_failed);
    if (b->conf->mode != BENCH_SLOW)
        return;
    row_tally(out, "slow readers", &s->tally[1]);
    row(out, "slow readers closed", "%llu", (unsigned long long)s->closed_slow);
}

static void table_server(struct buf *out, const struct bench *b, const struct figures *f)
{
    if (!b->conf->pids.count)
        return;
    row(out, "server CPU", "%.2f us per %s, %.1f %% of a core", f->cpu_us, f->unit,
        100 * ratio((double)b->cpu_ns, (double)b->run_took_ns));
    row(out, "server memory", "%.0f bytes a connection (PSS), %.0f (RSS); %.1f MiB before the "
        "run, %.1f after", f->pss, f->rss, (double)b->idle.pss / 1048576,
        (double)b->after.pss / 1048576);
    row(out, "kernel memory, TCP", "%.1f MiB before the run, %.1f after, on the whole machine",
        (double)b->idle.kernel_tcp / 1048576, (double)b->after.kernel_tcp / 1048576);
}

static void put_table(struct buf *out, const struct bench *b, const struct figures *f)
{
    const struct bench_stats *s = &b->stats;
    row(out, "connected", "%llu of %llu, %.0f/s; %llu failed, %llu tried again, %llu closed",
        (unsigned long long)s->connected, (unsigned long long)b->conf->conns,
        ratio((double)s->connected, (double)b->open_took_ns / 1e9),
        (unsigned long long)s->failed, (unsigned long long)s->retried,
        (unsigned long long)s->closed);
    if (s->refused)
        row(out, "refused", "%llu, the last with status %d", (unsigned long long)s->refused,
            s->status);
    row_hist(out, "connect to answer", &s->connect);
    table_publishing(out, b, f);
    table_mode(out, b);
    table_server(out, b, f);
    row(out, "own CPU", "%.2f us per %s", f->own_cpu_us, f->unit);
}

int report_print(const struct bench *b)
{
    struct figures f;
    struct buf out = BUF_INIT;
    figures_make(b, &f);
    if (b->conf->json)
        put_json(&out, b, &f);
    else
        put_table(&out, b, &f);
    bool printed = !out.failed && command_print(buf_slice(&out)) == 0;
    buf_fini(&out);
    return printed && !f.bad ? EXIT_DONE : EXIT_FAILED;
}
