/* req_poll.c - GET /v1/events and the routes of kind poll: the same reader as a stream's, whose
 * bytes are collected into one answer. */
#include "server/access.h"

#include "json/write.h"

#include <stdlib.h>

void poll_free(struct poll *p)
{
    if (!p)
        return;
    list_remove(&p->waiting);
    buf_fini(&p->events);
    buf_fini(&p->gap_names);
    free(p);
}

void poll_due(struct poll *p)
{
    p->deadline_ms = 0; /* once it has all there is, see on_caught_up */
    if (p->done || !edge_is_caught_up(&p->conn->reader))
        return;
    p->done = true;
    list_move_back(&p->conn->w->finishing, &p->waiting);
}

void poll_done(struct conn *c)
{
    c->poll->done = true;
    list_move_back(&c->w->finishing, &c->poll->waiting);
}

/* A poll waits no longer than its grant holds. */
static uint64_t deadline_of(const struct request *rq, const struct worker *w, uint64_t wait_ms)
{
    uint64_t until = rq->by_webhook ? rq->grant_until_ms : grant_expiry_ms(rq->grant);
    uint64_t left_ms = until > w->now_ms ? until - w->now_ms : 0;
    return w->mono_ms + (until && left_ms < wait_ms ? left_ms : wait_ms);
}

void poll_finish(struct conn *c)
{
    struct poll *p = c->poll;
    struct worker *w = c->w;
    struct request *rq = c->request;
    struct buf body = BUF_INIT;
    char cursor[POS_TEXT_MAX];
    uint32_t epoch;
    pos_t pos = edge_position(&c->reader, &epoch);
    size_t len = pos_format(pos, epoch, cursor);
    buf_add_str(&body, "{\"events\":[");
    buf_add_slice(&body, buf_slice(&p->events));
    buf_add_char(&body, ']');
    json_put_name(&body, "cursor");
    json_put_string(&body, slice_of(cursor, len));
    json_put_name(&body, "gap");
    format_poll_gap(p, &body);
    buf_add_char(&body, '}');
    if (p->events.failed || p->gap_names.failed)
        body.failed = true;
    edge_close(w->edge, &c->reader);
    poll_free(p);
    c->poll = NULL;
    w->stats.polls--;
    c->state = CONN_BUSY;
    reply_json(c, rq, 200, &body);
}

void req_poll(struct conn *c, struct request *rq)
{
    struct worker *w = c->w;
    struct params p;
    struct err e = {.index = -1};
    if (params_parse(rq, &p, &e)) {
        reply_error(c, rq, &e, NULL);
        params_fini(&p);
        return;
    }
    struct request *kept = request_keep(rq);
    struct poll *poll = calloc(1, sizeof *poll);
    if (!kept || !poll) {
        free(poll);
        if (kept && kept != rq)
            request_free(kept);
        reply_fail(c, rq, ERR_OVERLOADED, "out of memory");
        params_fini(&p);
        return;
    }
    c->request = kept;
    list_init(&poll->waiting);
    poll->conn = c;
    poll->limit = p.limit;
    poll->deadline_ms = deadline_of(kept, w, p.wait_ms);
    list_push_back(&w->polls, &poll->waiting);
    c->poll = poll;
    c->state = CONN_POLL;
    w->stats.polls++;
    struct feed_spec spec = {p.tenant, p.channels, p.channel_count, p.types,
                             p.keys,   p.type_count, p.key_count};
    p.start.poll = true;
    if (edge_open(w->edge, &c->reader, &spec, &p.start, format_of_poll(w->conf), true, w->mono_ms)) {
        poll_free(poll);
        c->poll = NULL;
        w->stats.polls--;
        c->state = CONN_BUSY;
        reply_fail(c, kept, ERR_OVERLOADED, "out of memory");
    }
    params_fini(&p);
}
