#include "base/page.h"

#include <stdlib.h>

struct page_spec *page_spec_new(struct slice tenant, const struct slice *names, size_t count,
                                pos_t after)
{
    size_t texts = tenant.len;
    for (size_t i = 0; i < count; i++)
        texts += names[i].len;
    size_t head = sizeof(struct page_spec) + count * sizeof(struct page_channel);
    struct page_spec *s = malloc(head + texts);
    if (!s)
        return NULL;
    char *at = (char *)s + head;
    memcpy(at, tenant.p, tenant.len);
    *s = (struct page_spec){.tenant = slice_of(at, tenant.len),
                            .max_events = 64,
                            .max_bytes = 64 * 1024,
                            .channel_count = (uint32_t)count};
    at += tenant.len;
    for (size_t i = 0; i < count; i++) {
        memcpy(at, names[i].p, names[i].len);
        s->channels[i] = (struct page_channel){slice_of(at, names[i].len), after};
        at += names[i].len;
    }
    return s;
}

struct page *page_new(void)
{
    return calloc(1, sizeof(struct page));
}

void page_free(struct page *p)
{
    if (!p)
        return;
    for (uint32_t i = 0; i < p->count; i++)
        event_unref(p->entries[i].event);
    free(p->entries);
    free(p);
}

int page_add(struct page *p, pos_t pos, struct event *event, uint32_t channel)
{
    if (p->count == p->cap) {
        uint32_t cap = p->cap ? p->cap * 2 : 16;
        struct page_entry *entries = realloc(p->entries, cap * sizeof *entries);
        if (!entries) {
            event_unref(event);
            return -1;
        }
        p->entries = entries;
        p->cap = cap;
    }
    p->entries[p->count++] = (struct page_entry){pos, event, channel};
    return 0;
}
