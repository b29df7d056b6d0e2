/* revoked.c - tokens and subjects that were revoked, and the streams that end with them. */
#include "server/access_own.h"

#include "base/num.h"
#include "io/clock.h"

#include <stdlib.h>

#define SWEEP_MS 60000
#define OVER_MS (24 * 3600 * 1000ull) /* kept so long in the store: a clock may be put back */

struct revoked {
    uint64_t at_ms, until_ms;
};

#define REVOKED_NAME_MAX (4 + 64 + 1 + GRANT_TEXT_MAX)

/* The tenant, NUL, "jti:ID" or "sub:NAME". */
static struct slice revoked_name(const char *kind, struct slice tenant, struct slice what,
                                 char out[REVOKED_NAME_MAX])
{
    if (tenant.len > 64 || what.len > GRANT_TEXT_MAX)
        return SLICE_NONE;
    size_t n = tenant.len;
    if (n)
        memcpy(out, tenant.p, n);
    out[n++] = 0;
    memcpy(out + n, kind, 4);
    memcpy(out + n + 4, what.p, what.len);
    return slice_of(out, n + 4 + what.len);
}

static bool is_revoked_by(struct access *a, const char *kind, struct slice tenant,
                          struct slice what, uint64_t issued_ms)
{
    char text[REVOKED_NAME_MAX];
    if (!what.p)
        return false;
    struct slice name = revoked_name(kind, tenant, what, text);
    const struct revoked *r = name.p ? map_get(&a->revoked, name) : NULL;
    return r && r->until_ms > clock_unix_ms() && issued_ms <= r->at_ms;
}

bool revoked_has(const struct worker *w, const struct grant *g, uint64_t issued_ms)
{
    struct access *a = w->s->access;
    /* who has no tenant is revoked in the hub's own */
    struct slice tenant = access_tenant(w->conf, g, SLICE_NONE);
    pthread_mutex_lock(&a->lock);
    bool yes = is_revoked_by(a, "jti:", tenant, grant_jti(g), 0) ||
               is_revoked_by(a, "sub:", tenant, grant_subject(g), issued_ms);
    pthread_mutex_unlock(&a->lock);
    return yes;
}

/* What is over is forgotten now and then. */
static void sweep(struct access *a, uint64_t now_ms)
{
    size_t at = 0;
    struct slice name;
    void *value;
    if (now_ms < a->next_sweep_ms)
        return;
    a->next_sweep_ms = now_ms + SWEEP_MS;
    while (map_next(&a->revoked, &at, &name, &value)) {
        struct revoked *r = value;
        if (r->until_ms > now_ms)
            continue;
        map_remove(&a->revoked, name);
        free(r);
        at = 0; /* removing moves entries */
    }
}

/* In the store, until then. Locked. */
static void note_stored(struct access *a, uint64_t until_ms)
{
    uint64_t over_ms = until_ms < UINT64_MAX - OVER_MS ? until_ms + OVER_MS : UINT64_MAX;
    if (!a->tidy_ms || over_ms < a->tidy_ms)
        a->tidy_ms = over_ms;
}

static int note_revoked(struct access *a, struct slice name, uint64_t at_ms, uint64_t until_ms)
{
    struct revoked *fresh = malloc(sizeof *fresh);
    int rc = 0;
    if (!fresh || !name.p) {
        free(fresh);
        return -1;
    }
    pthread_mutex_lock(&a->lock);
    sweep(a, clock_unix_ms());
    note_stored(a, until_ms);
    struct revoked *r = map_get(&a->revoked, name);
    if (r) {
        r->at_ms = at_ms > r->at_ms ? at_ms : r->at_ms;
        r->until_ms = until_ms > r->until_ms ? until_ms : r->until_ms;
    } else {
        *fresh = (struct revoked){at_ms, until_ms};
        rc = map_put(&a->revoked, name, fresh);
    }
    pthread_mutex_unlock(&a->lock);
    if (r || rc)
        free(fresh);
    return rc;
}

void revoked_free(struct access *a)
{
    size_t at = 0;
    void *value;
    while (map_next(&a->revoked, &at, NULL, &value))
        free(value);
    map_fini(&a->revoked);
}

/* ---- in the store: "jti:ID", "sub:UNIX-MS:NAME" ---- */

void access_put_revoked(struct slice jti, struct slice subject, uint64_t at_ms, struct buf *out)
{
    if (jti.p)
        buf_addf(out, "jti:%.*s", SLICE_FMT(jti));
    else
        buf_addf(out, "sub:%llu:%.*s", (unsigned long long)at_ms, SLICE_FMT(subject));
}

void access_load_revoked(void *ctx, const struct store_row *row)
{
    struct server *s = ctx;
    char text[REVOKED_NAME_MAX];
    uint64_t at_ms = 0;
    if (row->kind != STORE_REVOKE)
        return;
    note_stored(s->access, row->time_ms);
    if (row->name.len < 4 || row->time_ms < clock_unix_ms())
        return;
    struct slice what = slice_of(row->name.p + 4, row->name.len - 4);
    bool subject = slice_starts(row->name, "sub:");
    if (subject && !num_u64(slice_cut(&what, ':'), UINT64_MAX, &at_ms))
        return;
    note_revoked(s->access, revoked_name(subject ? "sub:" : "jti:", row->tenant, what, text), at_ms,
                 row->time_ms);
}

static void tidied(struct job *j, void *user)
{
    (void)j; /* what could not be stored is tried again tomorrow */
    free(user);
}

void access_tidy(struct server *s)
{
    struct access *a = s->access;
    uint64_t now_ms = clock_unix_ms();
    pthread_mutex_lock(&a->lock);
    bool due = a->tidy_ms && a->tidy_ms <= now_ms;
    if (due)
        a->tidy_ms = now_ms + OVER_MS;
    pthread_mutex_unlock(&a->lock);
    if (!due || s->ending)
        return;
    struct store_row *row = calloc(1, sizeof *row);
    struct slice tenant = slice_str(s->workers[0].conf->opts->tenant);
    struct job *j = row ? job_new(&s->workers[0], 0, tenant, SLICE_NONE) : NULL;
    if (!j) {
        free(row);
        return;
    }
    *row = (struct store_row){.kind = STORE_REVOKE_OVER, .time_ms = now_ms - OVER_MS};
    struct publish *p = job_publish(j);
    p->rows = row;
    p->row_count = 1;
    p->durable = true;
    job_send_from_outside(j, row, tidied);
}

/* ---- now, on all loops ---- */

static void run_look_at_streams(struct msg *m, void *ctx)
{
    struct worker *w = ctx;
    unsigned next = w->index + 1;
    LIST_EACH(&w->conns, node, after) {
        struct conn *c = LIST_ENTRY(node, struct conn, all);
        if (c->state == CONN_STREAM && access_guard_is_revoked(c))
            conn_end_stream(c, "revoked", server_retry_ms(w->s, &w->dice));
        else if (c->poll && !c->poll->done && c->request && c->request->grant &&
                 revoked_has(w, c->request->grant, c->request->issued_ms))
            poll_done(c);
    }
    if (next < w->s->worker_count)
        worker_post(w, &w->s->workers[next], m); /* from loop to loop: it needs no memory */
    else
        free(m);
}

struct revoke_msg {
    struct msg msg;
    struct slice name; /* as in the map */
    uint64_t until_ms;
    char text[REVOKED_NAME_MAX];
};

/* On the first loop: what the application once said is asked again. From then on no answer from
 * before is given any more, so only later ones count. */
static void run_forget(struct msg *m, void *ctx)
{
    struct revoke_msg *rm = (struct revoke_msg *)m;
    struct worker *w = ctx;
    struct access *a = w->s->access;
    struct slice rest = rm->name, tenant = slice_cut(&rest, 0);
    if (a->webhook && slice_starts(rest, "sub:")) {
        webhook_forget(a->webhook, tenant, slice_of(rest.p + 4, rest.len - 4));
        note_revoked(a, rm->name, clock_unix_ms(), rm->until_ms);
    }
    m->run = run_look_at_streams;
    worker_post(w, w, m);
}

int access_revoke(struct server *s, struct slice tenant, struct slice jti, struct slice subject,
                  uint64_t at_ms, uint64_t until_ms)
{
    struct revoke_msg *rm = malloc(sizeof *rm);
    if (!rm)
        return -1;
    *rm = (struct revoke_msg){.msg = {NULL, run_forget}, .until_ms = until_ms};
    rm->name = jti.p ? revoked_name("jti:", tenant, jti, rm->text)
                     : revoked_name("sub:", tenant, subject, rm->text);
    if (note_revoked(s->access, rm->name, at_ms, until_ms)) {
        free(rm);
        return -1;
    }
    mailbox_post(&s->workers[0].box, &rm->msg);
    return 0;
}
