#include "store/merge.h"

#include <assert.h>
#include <stdlib.h>

/* By position; events before floors, so that a cut before an event leaves a floor at the same
 * position to the next page. */
static bool less(const struct merge_item *a, const struct merge_item *b)
{
    if (a->pos != b->pos)
        return a->pos < b->pos;
    if (a->floor != b->floor)
        return b->floor;
    return a->channel < b->channel;
}

void merge_push(struct merge_heap *h, struct merge_item item)
{
    size_t i = h->count++;
    while (i > 0 && less(&item, &h->items[(i - 1) / 2])) {
        h->items[i] = h->items[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    h->items[i] = item;
}

void merge_replace(struct merge_heap *h, struct merge_item item)
{
    assert(h->count > 0);
    size_t i = 0;
    for (;;) {
        size_t child = 2 * i + 1;
        if (child >= h->count)
            break;
        if (child + 1 < h->count && less(&h->items[child + 1], &h->items[child]))
            child++;
        if (!less(&h->items[child], &item))
            break;
        h->items[i] = h->items[child];
        i = child;
    }
    h->items[i] = item;
}

void merge_pop(struct merge_heap *h)
{
    assert(h->count > 0);
    struct merge_item last = h->items[--h->count];
    if (h->count > 0)
        merge_replace(h, last);
}

/* The floors and the first event of each channel. */
static int start(struct merge_heap *h, const struct page_spec *spec, const pos_t *floors,
                 const struct merge_input *in, pos_t upto)
{
    for (uint32_t c = 0; c < spec->channel_count; c++) {
        if (spec->channels[c].after < floors[c] && floors[c] <= upto)
            merge_push(h, (struct merge_item){floors[c], c, 0, true});
        struct merge_item item = {.channel = c};
        int got = in->next(in->ctx, c, &item.pos, &item.bytes);
        if (got < 0)
            return got;
        if (got)
            merge_push(h, item);
    }
    return 0;
}

/* Puts the least item into the page and goes on to the next of its channel. */
static int take(struct merge_heap *h, const struct merge_input *in, struct page *page)
{
    struct merge_item item = h->items[0];
    struct event *event = NULL;
    if (item.floor) {
        merge_pop(h);
    } else {
        int error = in->event(in->ctx, item.channel, &event);
        if (error)
            return error;
        struct merge_item next = {.channel = item.channel};
        int got = in->next(in->ctx, item.channel, &next.pos, &next.bytes);
        if (got < 0) {
            event_unref(event);
            return got;
        }
        if (got)
            merge_replace(h, next);
        else
            merge_pop(h);
    }
    return page_add(page, item.pos, event, item.channel) ? ERR_OVERLOADED : 0;
}

int merge_page(const struct page_spec *spec, const pos_t *floors, const struct merge_input *in,
               struct page *page)
{
    struct merge_heap h = {.items = calloc(2 * (size_t)spec->channel_count + 1, sizeof *h.items)};
    if (!h.items)
        return ERR_OVERLOADED;
    uint64_t bytes = 0;
    uint32_t events = 0;
    page->seen = page->upto;
    int error = start(&h, spec, floors, in, page->upto);
    while (!error && h.count > 0) {
        const struct merge_item *least = &h.items[0];
        if (!least->floor) {
            if (events > 0 &&
                (events >= spec->max_events || bytes + least->bytes > spec->max_bytes)) {
                page->more = true;
                page->upto = page->entries[page->count - 1].pos;
                break;
            }
            events++;
            bytes += least->bytes;
        }
        error = take(&h, in, page);
    }
    for (uint32_t c = 0; page->more && c < spec->channel_count; c++)
        page->owes_floor |= floors[c] > page->upto && floors[c] <= page->seen;
    free(h.items);
    return error;
}
