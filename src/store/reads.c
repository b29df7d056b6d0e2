#include "store/reads.h"

#include <stdlib.h>

void reads_init(struct reads *r)
{
    for (size_t i = 0; i < READS_BUCKETS; i++)
        list_init(&r->buckets[i]);
}

/* Tokens are addresses: their low bits are alike. */
static struct list *bucket_of(struct reads *r, const void *token)
{
    uint64_t x = (uint64_t)(uintptr_t)token * 0x9e3779b97f4a7c15u;
    return &r->buckets[x >> 54 & (READS_BUCKETS - 1)];
}

void reads_add(struct reads *r, struct page_spec *spec, void *token)
{
    spec->job = (struct page_job){.token = token};
    list_init(&spec->job.queue);
    list_init(&spec->job.bucket);
    list_push_back(bucket_of(r, token), &spec->job.bucket);
}

struct page_spec *reads_take(struct reads *r, void *token)
{
    struct list *head = bucket_of(r, token);
    LIST_EACH(head, node, after)
    {
        struct page_spec *spec = LIST_ENTRY(node, struct page_spec, job.bucket);
        if (spec->job.token != token)
            continue;
        list_remove(node);
        return spec;
    }
    return NULL;
}

bool reads_finish(struct page_spec *spec)
{
    bool wanted = !list_empty(&spec->job.bucket);
    list_remove(&spec->job.bucket);
    return wanted;
}

struct page_spec *reads_spec(struct list *queue_link)
{
    return LIST_ENTRY(queue_link, struct page_spec, job.queue);
}

void reads_drop(struct list *queue)
{
    for (struct list *node = list_pop(queue); node; node = list_pop(queue)) {
        struct page_spec *spec = reads_spec(node);
        page_free(spec->job.page);
        free(spec);
    }
}
