/* types.c - how many events of each type were published. On the first loop's thread. */
#include "server/inside.h"

#include "json/write.h"
#include "wire/prom.h"

#include <stdlib.h>

#define TYPES_MAX 100 /* different ones; publishers choose them, so the rest is counted as one */

struct type_count {
    uint64_t n;
    size_t len;
    char name[];
};

static struct type_count *count_of(struct server *s, struct slice type)
{
    struct type_count *c = map_get(&s->types, type);
    if (c || s->types.count >= TYPES_MAX)
        return c;
    c = calloc(1, sizeof *c + type.len);
    if (!c)
        return NULL;
    c->len = type.len;
    memcpy(c->name, type.p, type.len);
    if (map_put(&s->types, slice_of(c->name, c->len), c)) {
        free(c);
        return NULL;
    }
    return c;
}

void types_note(struct server *s, const struct publish *p)
{
    for (uint32_t i = 0; i < p->count; i++) {
        if (!p->events[i])
            continue; /* a repeat, by its idempotency key */
        struct type_count *c = count_of(s, event_type(p->events[i]));
        if (c)
            c->n++;
        else
            s->other_types++;
    }
}

void types_put_json(const struct server *s, struct buf *out)
{
    size_t at = 0, n = 0;
    struct slice name;
    void *value;
    buf_add_char(out, '{');
    while (map_next(&s->types, &at, &name, &value)) {
        const struct type_count *c = value;
        if (n++)
            buf_add_char(out, ',');
        json_put_string(out, name);
        buf_addf(out, ":%llu", (unsigned long long)c->n);
    }
    buf_addf(out, "},\"eventsOfOtherTypes\":%llu", (unsigned long long)s->other_types);
}

void types_put_prometheus(const struct server *s, struct buf *out)
{
    static const char name[] = "freshet_events_by_type_total";
    size_t at = 0;
    struct slice type;
    void *value;
    prom_put_head(out, name, "counter", "Events published, by type; of the rest as \"\".");
    while (map_next(&s->types, &at, &type, &value)) {
        const struct type_count *c = value;
        char text[129] = "";
        memcpy(text, type.p, type.len < sizeof text ? type.len : sizeof text - 1);
        const char *const labels[] = {"type", text, NULL};
        prom_put_sample(out, name, labels, (double)c->n);
    }
    const char *const rest[] = {"type", "", NULL};
    prom_put_sample(out, name, rest, (double)s->other_types);
}

void types_free(struct server *s)
{
    size_t at = 0;
    void *value;
    while (map_next(&s->types, &at, NULL, &value))
        free(value);
    map_fini(&s->types);
}
