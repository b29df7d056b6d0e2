#include "auth/webhook.h"

#include "base/buf.h"
#include "base/map.h"
#include "base/rng.h"
#include "wire/url.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdlib.h>

#define CACHE_MAX 10000u
#define REFUSAL_MS 2000u
#define TTL_MS 60000u
#define HASH_BYTES 32

/* What is known about one credential. */
struct entry {
    struct list node; /* in webhook.used, the least recently used first */
    struct webhook *webhook;
    char hash[HASH_BYTES];
    struct grant *grant;     /* NULL: refused, or not answered yet */
    bool known;              /* there is an answer, good until `until_ms` */
    uint64_t until_ms;       /* loop time */
    struct fetch_call *call; /* a question under way */
    struct list waiting;
};

/* Waiters that are being told. On the teller's stack: a waiter may close the webhook. */
struct telling {
    struct list waiting;
    bool closed;
};

struct webhook {
    struct fetch *fetch;
    uv_loop_t *loop;
    const struct log *log;
    char *url, *cookie, *ca_file;
    size_t cache_max;
    uint64_t refusal_ms, timeout_ms, ttl_ms;
    struct map entries; /* hash -> entry */
    struct list used;
    struct telling *telling; /* NULL but while waiters are told */
};

/* ---- entries ---- */

static void entry_free(struct entry *en)
{
    fetch_cancel(en->call);
    map_remove(&en->webhook->entries, slice_of(en->hash, HASH_BYTES));
    list_remove(&en->node);
    LIST_EACH(&en->waiting, node, next)
    list_remove(node);
    grant_unref(en->grant);
    free(en);
}

/* Frees the least recently used entries that nobody waits for, until there is room for one. */
static void make_room(struct webhook *w)
{
    LIST_EACH(&w->used, node, next)
    {
        struct entry *en = LIST_ENTRY(node, struct entry, node);
        if (w->entries.count < w->cache_max)
            return;
        if (!en->call)
            entry_free(en);
    }
}

static struct entry *entry_new(struct webhook *w, const char hash[HASH_BYTES])
{
    make_room(w);
    struct entry *en = calloc(1, sizeof *en);
    if (!en)
        return NULL;
    en->webhook = w;
    memcpy(en->hash, hash, HASH_BYTES);
    list_init(&en->node);
    list_init(&en->waiting);
    if (map_put(&w->entries, slice_of(hash, HASH_BYTES), en)) {
        free(en);
        return NULL;
    }
    list_push_back(&w->used, &en->node);
    return en;
}

/* ---- credentials ---- */

/* The fields as they are sent. cookie is a copy. */
struct sent {
    struct buf cookie;
    struct slice authorization;
};

/* Picks what is sent of a credential. False when there is nothing, or too much. */
static bool pick(const struct webhook *w, const struct webhook_credential *in, struct sent *out)
{
    struct slice rest = in->cookie, name, value;
    out->cookie = BUF_INIT;
    out->authorization = in->authorization;
    if (in->cookie.len + in->authorization.len > WEBHOOK_CREDENTIAL_MAX)
        return false;
    if (!w->cookie) {
        buf_add_slice(&out->cookie, in->cookie);
    } else {
        while (cookie_next(&rest, &name, &value)) {
            if (!slice_is(name, w->cookie))
                continue;
            buf_addf(&out->cookie, "%s%.*s=%.*s", out->cookie.len ? "; " : "", SLICE_FMT(name),
                     SLICE_FMT(value));
        }
    }
    return !out->cookie.failed && (out->cookie.len || out->authorization.len);
}

/* SHA-256 over both fields, each with its length before it: no two credentials run together. */
static bool hash_of(const struct sent *sent, char out[HASH_BYTES])
{
    uint64_t lens[2] = {sent->cookie.len, sent->authorization.len};
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool ok =
        ctx && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1 &&
        EVP_DigestUpdate(ctx, lens, sizeof lens) == 1 &&
        EVP_DigestUpdate(ctx, sent->cookie.len ? sent->cookie.p : "", sent->cookie.len) == 1 &&
        EVP_DigestUpdate(ctx, sent->authorization.len ? sent->authorization.p : "",
                         sent->authorization.len) == 1 &&
        EVP_DigestFinal_ex(ctx, (unsigned char *)out, NULL) == 1;
    EVP_MD_CTX_free(ctx);
    return ok;
}

/* ---- questions ---- */

/* Keeps an answer; takes the reference. */
static void keep(struct entry *en, struct grant *grant, uint64_t ttl_ms)
{
    grant_unref(en->grant);
    en->grant = grant;
    en->known = true;
    en->until_ms = uv_now(en->webhook->loop) + ttl_ms;
}

/* Reads an answer: 0 with *grant, ERR_UNAUTHORIZED for a refusal, ERR_OVERLOADED for none. */
static int judge(struct webhook *w, const struct fetch_result *result, struct grant **grant,
                 uint64_t *ttl_ms)
{
    struct err e = {0};
    const char *why = result->error;
    *grant = NULL;
    *ttl_ms = 0;
    if (!why && (result->status == 401 || result->status == 403))
        return ERR_UNAUTHORIZED;
    if (!why && result->status != 200)
        why = "the status of the answer is none of 200, 401, 403";
    if (!why && grant_from_answer(result->body, w->ttl_ms, grant, ttl_ms, &e))
        why = e.detail;
    if (why)
        log_line(w->log, LOG_WARN, "webhook failed", "status=%d why=\"%s\"", result->status, why);
    return why ? ERR_OVERLOADED : 0;
}

static void tell(struct webhook *w, struct telling *telling, int code, struct grant *grant,
                 uint64_t ttl_ms)
{
    w->telling = telling;
    for (struct list *node; (node = list_pop(&telling->waiting));) {
        struct webhook_wait *wait = LIST_ENTRY(node, struct webhook_wait, node);
        wait->done(wait->ctx, code, grant, ttl_ms);
    }
    if (!telling->closed)
        w->telling = NULL;
}

static void on_answer(void *ctx, const struct fetch_result *result)
{
    struct entry *en = ctx;
    struct webhook *w = en->webhook;
    struct telling telling = {.closed = false};
    struct grant *grant;
    uint64_t ttl_ms;
    en->call = NULL;
    int rc = judge(w, result, &grant, &ttl_ms);
    list_init(&telling.waiting);
    list_splice(&telling.waiting, &en->waiting);
    if (rc == ERR_OVERLOADED || (!rc && ttl_ms == 0))
        entry_free(en); /* an older answer too: it was asked again */
    else
        keep(en, grant ? grant_ref(grant) : NULL, rc ? w->refusal_ms : ttl_ms);
    tell(w, &telling, rc, grant, ttl_ms);
    grant_unref(grant);
}

static int ask(struct entry *en, const struct sent *sent)
{
    struct fetch_header headers[3] = {{"Accept", SLICE_LIT("application/json")}};
    struct webhook *w = en->webhook;
    size_t count = 1;
    if (sent->cookie.len)
        headers[count++] = (struct fetch_header){"Cookie", buf_slice(&sent->cookie)};
    if (sent->authorization.len)
        headers[count++] = (struct fetch_header){"Authorization", sent->authorization};
    struct fetch_request request = {.url = w->url,
                                    .headers = headers,
                                    .header_count = count,
                                    .body_max = WEBHOOK_ANSWER_MAX,
                                    .timeout_ms = w->timeout_ms,
                                    .ca_file = w->ca_file};
    int rc = fetch_start(w->fetch, &request, on_answer, en, &en->call);
    return rc == ERR_BAD_REQUEST ? ERR_UNAUTHORIZED : rc;
}

static int ask_or_recall(struct webhook *w, const struct sent *sent, bool fresh,
                         struct webhook_wait *wait, struct grant **grant, uint64_t *ttl_ms)
{
    char hash[HASH_BYTES];
    uint64_t now = uv_now(w->loop);
    if (!hash_of(sent, hash))
        return ERR_INTERNAL;
    struct entry *en = map_get(&w->entries, slice_of(hash, HASH_BYTES));
    if (en)
        list_move_back(&w->used, &en->node);
    if (en && en->known && now < en->until_ms && !(fresh && en->grant)) {
        *grant = en->grant ? grant_ref(en->grant) : NULL;
        *ttl_ms = en->until_ms - now;
        return en->grant ? 0 : ERR_UNAUTHORIZED;
    }
    if (!en && !(en = entry_new(w, hash)))
        return ERR_INTERNAL;
    int rc = en->call ? 0 : ask(en, sent);
    if (rc) {
        entry_free(en);
        return rc;
    }
    list_push_back(&en->waiting, &wait->node);
    return WEBHOOK_WAIT;
}

int webhook_ask(struct webhook *w, const struct webhook_credential *credential, bool fresh,
                struct webhook_wait *wait, struct grant **grant, uint64_t *ttl_ms)
{
    struct sent sent;
    *grant = NULL;
    *ttl_ms = 0;
    list_init(&wait->node);
    int rc = pick(w, credential, &sent) ? ask_or_recall(w, &sent, fresh, wait, grant, ttl_ms)
             : sent.cookie.failed       ? ERR_INTERNAL
                                        : ERR_UNAUTHORIZED;
    if (sent.cookie.p)
        OPENSSL_cleanse(sent.cookie.p, sent.cookie.cap);
    buf_fini(&sent.cookie);
    return rc;
}

void webhook_cancel(struct webhook_wait *wait)
{
    list_remove(&wait->node);
}

size_t webhook_forget(struct webhook *w, struct slice tenant, struct slice subject)
{
    size_t forgotten = 0;
    LIST_EACH(&w->used, node, next)
    {
        struct entry *en = LIST_ENTRY(node, struct entry, node);
        if (!en->grant || !slice_eq(grant_tenant(en->grant), tenant) ||
            (subject.p && !slice_eq(grant_subject(en->grant), subject)))
            continue;
        forgotten++;
        en->known = false;
        if (!en->call)
            entry_free(en);
    }
    return forgotten;
}

/* ---- opening and closing ---- */

static bool copy(char **out, const char *text)
{
    *out = text ? slice_dup(slice_str(text)) : NULL;
    return *out || !text;
}

int webhook_open(struct fetch *fetch, uv_loop_t *loop, const struct webhook_conf *conf,
                 const struct log *log, struct webhook **out, struct err *e)
{
    uint64_t seed[2];
    *out = NULL;
    int rc = fetch_check_url(conf->url, true, e);
    if (rc)
        return rc;
    struct webhook *w = calloc(1, sizeof *w);
    if (!w)
        return err_set(e, ERR_INTERNAL, "no memory");
    list_init(&w->used);
    rng_system(seed, sizeof seed);
    map_init(&w->entries, seed[0], seed[1]);
    if (!copy(&w->url, conf->url) || !copy(&w->cookie, conf->cookie) ||
        !copy(&w->ca_file, conf->ca_file)) {
        webhook_close(w);
        return err_set(e, ERR_INTERNAL, "no memory");
    }
    w->fetch = fetch;
    w->loop = loop;
    w->log = log;
    w->cache_max = conf->cache_max ? conf->cache_max : CACHE_MAX;
    w->timeout_ms = conf->timeout_ms;
    w->ttl_ms = conf->ttl_ms ? conf->ttl_ms : TTL_MS;
    w->refusal_ms = conf->refusal_ms ? conf->refusal_ms : REFUSAL_MS;
    *out = w;
    return 0;
}

void webhook_close(struct webhook *w)
{
    if (w->telling) {
        w->telling->closed = true;
        LIST_EACH(&w->telling->waiting, node, next)
        list_remove(node);
    }
    LIST_EACH(&w->used, node, next)
    entry_free(LIST_ENTRY(node, struct entry, node));
    map_fini(&w->entries);
    free(w->url);
    free(w->cookie);
    free(w->ca_file);
    free(w);
}
