#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store_rig.h"

#include "base/buf.h"
#include "base/num.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static void on_stored(void *ctx, int error, const char *detail)
{
    struct rig *r = ctx;
    r->errors[r->stored++ % RIG_STORED] = error;
    if (error)
        snprintf(r->detail, sizeof r->detail, "%s", detail);
}

static void on_page(void *ctx, void *token, struct page *page)
{
    struct rig *r = ctx;
    struct rig_answer *a = &r->answers[r->answered++ % RIG_PAGES];
    page_free(a->page);
    *a = (struct rig_answer){token, page};
}

static void on_wake(void *ctx)
{
    struct rig *r = ctx;
    pthread_mutex_lock(&r->lock);
    r->woken = true;
    pthread_cond_signal(&r->woken_cond);
    pthread_mutex_unlock(&r->lock);
}

void rig_open(struct rig *r)
{
    struct err e = {.detail = ""};
    if (store_open(r->spec, &r->conf, &r->store, &e))
        fail_msg("%s: %s", r->spec, e.detail);
    r->store->done = (struct store_done){on_stored, on_page, r};
    r->store->wake = on_wake;
    r->store->wake_ctx = r;
}

struct rig *rig_new(const struct rig_driver *driver)
{
    return rig_new_with(driver, &(struct store_conf){.readers = 0});
}

struct rig *rig_new_with(const struct rig_driver *driver, const struct store_conf *conf)
{
    struct rig *r = calloc(1, sizeof *r);
    assert_non_null(r);
    r->driver = driver;
    r->conf = *conf;
    pthread_mutex_init(&r->lock, NULL);
    pthread_cond_init(&r->woken_cond, NULL);
    snprintf(r->spec, sizeof r->spec, "%s", driver->name);
    if (driver->restarts) {
        snprintf(r->dir, sizeof r->dir, "/tmp/freshet-store-XXXXXX");
        assert_non_null(mkdtemp(r->dir));
        snprintf(r->spec, sizeof r->spec, "%s:%s/hub.db", driver->name, r->dir);
    }
    rig_open(r);
    return r;
}

void rig_close(struct rig *r)
{
    if (r->store)
        r->store->ops->close(r->store);
    r->store = NULL;
}

static void remove_dir(const char *dir)
{
    DIR *d = opendir(dir);
    if (!d)
        return;
    for (struct dirent *entry = readdir(d); entry; entry = readdir(d)) {
        char path[512];
        snprintf(path, sizeof path, "%s/%s", dir, entry->d_name);
        if (entry->d_name[0] != '.')
            unlink(path);
    }
    closedir(d);
    rmdir(dir);
}

void rig_free(struct rig *r)
{
    if (!r)
        return;
    rig_close(r);
    for (size_t i = 0; i < RIG_PAGES; i++)
        page_free(r->answers[i].page);
    if (r->dir[0])
        remove_dir(r->dir);
    pthread_cond_destroy(&r->woken_cond);
    pthread_mutex_destroy(&r->lock);
    free(r);
}

void rig_batch_fini(struct rig_batch *b)
{
    for (size_t i = 0; i < b->count; i++)
        event_unref(b->rows[i].event);
    free(b->rows);
    *b = (struct rig_batch){.rows = NULL};
}

struct store_row *rig_add(struct rig_batch *b, enum store_kind kind, const char *tenant,
                          const char *name)
{
    if (b->count == b->cap) {
        b->cap = b->cap ? b->cap * 2 : 16;
        b->rows = realloc(b->rows, b->cap * sizeof *b->rows);
        assert_non_null(b->rows);
    }
    struct store_row *row = &b->rows[b->count++];
    *row = (struct store_row){.kind = kind, .tenant = slice_str(tenant), .name = slice_str(name)};
    return row;
}

void rig_tenant(struct rig_batch *b, const char *tenant, uint32_t epoch, pos_t pos, pos_t floor)
{
    struct store_row *row = rig_add(b, STORE_TENANT, tenant, NULL);
    row->epoch = epoch;
    row->pos = pos;
    row->floor = floor;
}

void rig_channel(struct rig_batch *b, const char *tenant, const char *channel, pos_t floor)
{
    rig_add(b, STORE_CHANNEL, tenant, channel)->floor = floor;
}

void rig_event(struct rig_batch *b, const char *tenant, const char *channel, pos_t pos)
{
    char data[16];
    snprintf(data, sizeof data, "1%09llu", (unsigned long long)(pos % 1000000000));
    struct event_parts parts = {
        .channel = slice_str(channel), .type = SLICE_LIT("message"), .data = slice_str(data)};
    struct event *event = event_new(&parts);
    assert_non_null(event);
    event->pos = pos;
    event->epoch = 7;
    rig_event_take(b, tenant, event);
}

void rig_event_take(struct rig_batch *b, const char *tenant, struct event *event)
{
    rig_add(b, STORE_EVENT, tenant, NULL)->event = event;
}

void rig_remove(struct rig_batch *b, const char *tenant, const char *channel, pos_t pos)
{
    rig_add(b, STORE_REMOVE, tenant, channel)->pos = pos;
}

void rig_once(struct rig_batch *b, const char *tenant, const char *channel, const char *key,
              const char *value, pos_t pos, uint64_t time_ms)
{
    struct store_row *row = rig_add(b, STORE_ONCE, tenant, channel);
    row->key = slice_str(key);
    row->value = slice_str(value);
    row->pos = pos;
    row->time_ms = time_ms;
}

void rig_append_start(struct rig *r, struct rig_batch *b)
{
    b->batch = (struct store_batch){.count = b->count, .rows = b->rows, .sync = true};
    r->store->ops->append(r->store, &b->batch);
}

int rig_append(struct rig *r, struct rig_batch *b)
{
    size_t n = r->stored;
    rig_append_start(r, b);
    rig_wait(r, n + 1, r->answered);
    rig_batch_fini(b);
    return r->errors[n % RIG_STORED];
}

void rig_store(struct rig *r, struct rig_batch *b)
{
    if (rig_append(r, b))
        fail_msg("not stored: %s", r->detail);
}

void rig_wait(struct rig *r, size_t stored, size_t answered)
{
    struct timespec end;
    clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec += 60;
    for (;;) {
        while (r->store->ops->drain(r->store))
            ;
        if (r->stored >= stored && r->answered >= answered)
            return;
        pthread_mutex_lock(&r->lock);
        int late = 0;
        while (!r->woken && !late)
            late = pthread_cond_timedwait(&r->woken_cond, &r->lock, &end);
        r->woken = false;
        pthread_mutex_unlock(&r->lock);
        if (late)
            fail_msg("no answer: %zu of %zu batches, %zu of %zu pages", r->stored, stored,
                     r->answered, answered);
    }
}

struct page_spec *rig_spec(const char *tenant, const char *channels, uint32_t max_events,
                           uint32_t max_bytes)
{
    struct slice names[128] = {SLICE_NONE}, rest = slice_str(channels);
    pos_t after[128];
    size_t n = 0;
    while (rest.p) {
        struct slice at = slice_cut(&rest, ' ');
        assert_true(n < 128);
        names[n] = slice_cut(&at, '>');
        uint64_t pos = 0;
        assert_true(!at.p || num_u64(at, UINT64_MAX, &pos));
        after[n++] = pos;
    }
    struct page_spec *spec = page_spec_new(slice_str(tenant), names, n, 0);
    assert_non_null(spec);
    spec->max_events = max_events;
    spec->max_bytes = max_bytes;
    for (size_t i = 0; i < n; i++)
        spec->channels[i].after = after[i];
    return spec;
}

struct page *rig_read(struct rig *r, struct page_spec *spec)
{
    size_t n = r->answered;
    r->store->ops->read(r->store, spec, r);
    rig_wait(r, r->stored, n + 1);
    struct rig_answer *a = &r->answers[n % RIG_PAGES];
    assert_ptr_equal(a->token, r);
    struct page *page = a->page;
    a->page = NULL;
    assert_non_null(page);
    return page;
}

void rig_page_text(const struct page *page, const char *const *names, char *out, size_t cap)
{
    struct buf b = BUF_INIT;
    for (uint32_t i = 0; i < page->count; i++) {
        const struct page_entry *e = &page->entries[i];
        if (e->event)
            assert_true(e->event->pos == e->pos);
        if (names)
            buf_add_str(&b, names[e->channel]);
        else
            buf_add_u64(&b, e->channel);
        buf_add_char(&b, e->event ? '@' : '!');
        buf_add_u64(&b, e->pos);
        buf_add_char(&b, ' ');
    }
    buf_addf(&b, "upto=%llu%s", (unsigned long long)page->upto, page->more ? " more" : "");
    assert_true(b.len < cap && !b.failed);
    snprintf(out, cap, "%s", buf_cstr(&b));
    buf_fini(&b);
}

void rig_expect(struct rig *r, const char *tenant, const char *channels, uint32_t max_events,
                uint32_t max_bytes, const char *text)
{
    struct page_spec *spec = rig_spec(tenant, channels, max_events, max_bytes);
    char names[128][129];
    const char *pointers[128];
    for (uint32_t i = 0; i < spec->channel_count; i++) {
        snprintf(names[i], sizeof names[i], "%.*s", SLICE_FMT(spec->channels[i].name));
        pointers[i] = names[i];
    }
    struct page *page = rig_read(r, spec);
    assert_int_equal(page->error, 0);
    char got[4096];
    rig_page_text(page, pointers, got, sizeof got);
    page_free(page);
    assert_string_equal(got, text);
}

static void add_text(struct buf *b, const char *name, struct slice s)
{
    buf_addf(b, " %s=", name);
    if (s.p)
        buf_addf(b, "\"%.*s\"", SLICE_FMT(s));
}

char *rig_row_text(const struct store_row *row)
{
    struct buf b = BUF_INIT;
    buf_addf(&b, "%d epoch=%u pos=%llu floor=%llu time=%llu", (int)row->kind, row->epoch,
             (unsigned long long)row->pos, (unsigned long long)row->floor,
             (unsigned long long)row->time_ms);
    add_text(&b, "tenant", row->tenant);
    add_text(&b, "name", row->name);
    add_text(&b, "key", row->key);
    add_text(&b, "value", row->value.len ? row->value : SLICE_NONE);
    const struct event *e = row->event;
    if (e) {
        buf_addf(&b, " event %llu after %llu bytes=%u", (unsigned long long)e->pos,
                 (unsigned long long)e->prev, e->bytes);
        add_text(&b, "channel", event_channel(e));
        add_text(&b, "type", event_type(e));
        add_text(&b, "key", event_key(e));
        buf_addf(&b, " %s%s%s%s", e->has_state ? "state " : "", e->deleted ? "deleted " : "",
                 e->high ? "high " : "", e->keyed ? "keyed" : "");
    }
    assert_false(b.failed);
    char *line = slice_dup(buf_slice(&b));
    assert_non_null(line);
    buf_fini(&b);
    return line;
}

struct loading {
    char **lines;
    size_t count, cap;
    int kind; /* of the row before, in the order of the report */
    struct {
        char name[65];
        pos_t pos;
        uint32_t epoch;
    } tenants[64];
    size_t tenant_count;
};

static void check_order(struct loading *l, const struct store_row *row)
{
    static const enum store_kind order[] = {STORE_TENANT, STORE_CHANNEL, STORE_EVENT,
                                            STORE_ONCE,   STORE_SOURCE,  STORE_REVOKE};
    int kind = 0;
    while (order[kind] != row->kind)
        assert_true(++kind < 6);
    assert_true(kind >= l->kind);
    l->kind = kind;
    size_t i = 0;
    while (i < l->tenant_count && !slice_is(row->tenant, l->tenants[i].name))
        i++;
    if (row->kind == STORE_TENANT) {
        assert_true(i == l->tenant_count && l->tenant_count++ < 64);
        snprintf(l->tenants[i].name, sizeof l->tenants[i].name, "%.*s", SLICE_FMT(row->tenant));
        l->tenants[i].pos = 0;
        l->tenants[i].epoch = row->epoch;
    } else if (row->kind == STORE_EVENT) {
        assert_true(i < l->tenant_count);
        assert_int_equal(row->event->epoch, l->tenants[i].epoch);
        assert_true(row->event->pos > l->tenants[i].pos);
        l->tenants[i].pos = row->event->pos;
    }
}

static int on_row(void *ctx, const struct store_row *row)
{
    struct loading *l = ctx;
    check_order(l, row);
    if (l->count + 1 >= l->cap) {
        l->cap = l->cap ? l->cap * 2 : 64;
        l->lines = realloc(l->lines, l->cap * sizeof *l->lines);
        assert_non_null(l->lines);
    }
    l->lines[l->count++] = rig_row_text(row);
    l->lines[l->count] = NULL;
    return 0;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

void rig_lines_sort(char **lines)
{
    size_t n = 0;
    while (lines[n])
        n++;
    qsort(lines, n, sizeof *lines, by_text);
}

char **rig_load(struct rig *r)
{
    struct loading l = {.lines = calloc(1, sizeof *l.lines)};
    assert_non_null(l.lines);
    struct err e = {.detail = ""};
    if (r->store->ops->load(r->store, on_row, &l, &e))
        fail_msg("load: %s", e.detail);
    rig_lines_sort(l.lines);
    return l.lines;
}

void rig_lines_free(char **lines)
{
    for (size_t i = 0; lines[i]; i++)
        free(lines[i]);
    free(lines);
}

static void same_text(struct slice a, struct slice b)
{
    assert_int_equal(a.p == NULL, b.p == NULL);
    assert_true(slice_eq(a, b));
}

void rig_same_event(const struct event *a, const struct event *b)
{
    assert_true(a->pos == b->pos && a->prev == b->prev);
    assert_int_equal(a->bytes, b->bytes);
    assert_int_equal(a->deleted, b->deleted);
    assert_int_equal(a->high, b->high);
    assert_int_equal(a->keyed, b->keyed);
    same_text(event_channel(a), event_channel(b));
    same_text(event_type(a), event_type(b));
    same_text(event_key(a), event_key(b));
    same_text(event_data(a), event_data(b));
    same_text(event_state(a), event_state(b));
}
