#include "base/event.h"

#include "base/utf8.h"

#include <stdlib.h>

static char *put(char *at, struct slice s)
{
    if (s.len)
        memcpy(at, s.p, s.len);
    at[s.len] = 0;
    return at + s.len + 1;
}

struct event *event_new(const struct event_parts *parts)
{
    if (parts->channel.len > UINT16_MAX || parts->type.len > UINT16_MAX ||
        parts->key.len > UINT16_MAX || parts->data.len > UINT32_MAX / 4 ||
        parts->state.len > UINT32_MAX / 4)
        return NULL;
    size_t texts = parts->channel.len + parts->type.len + parts->key.len + parts->data.len +
                   parts->state.len;
    struct event *e = calloc(1, sizeof *e + texts + 5);
    if (!e)
        return NULL;
    atomic_init(&e->refs, 1);
    e->bytes = (uint32_t)texts;
    e->channel_len = (uint16_t)parts->channel.len;
    e->type_len = (uint16_t)parts->type.len;
    e->key_len = (uint16_t)parts->key.len;
    e->data_len = (uint32_t)parts->data.len;
    e->state_len = (uint32_t)parts->state.len;
    e->has_key = parts->key.p != NULL;
    e->has_state = parts->state.p != NULL;
    e->deleted = parts->deleted;
    e->high = parts->high;
    char *at = put(e->text, parts->channel);
    at = put(at, parts->type);
    at = put(at, parts->key);
    at = put(at, parts->data);
    put(at, parts->state);
    return e;
}

struct event *event_ref(struct event *e)
{
    atomic_fetch_add_explicit(&e->refs, 1, memory_order_relaxed);
    return e;
}

void event_unref(struct event *e)
{
    if (e && atomic_fetch_sub_explicit(&e->refs, 1, memory_order_acq_rel) == 1)
        free(e);
}

static bool is_alnum(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool all_of(struct slice s, size_t max, const char *others)
{
    if (s.len == 0 || s.len > max)
        return false;
    for (size_t i = 0; i < s.len; i++)
        if (!is_alnum(s.p[i]) && (s.p[i] == 0 || !strchr(others, s.p[i])))
            return false;
    return true;
}

bool name_is_tenant(struct slice s)
{
    return all_of(s, 64, "_-");
}

bool name_is_channel(struct slice s)
{
    return all_of(s, 128, "._:-") && is_alnum(s.p[0]);
}

bool name_is_type(struct slice s)
{
    return s.len >= 1 && s.len <= 128 && utf8_is_plain(s);
}

bool name_is_key(struct slice s)
{
    return s.len >= 1 && s.len <= 256 && utf8_is_plain(s);
}

bool name_is_reserved_type(struct slice s)
{
    return slice_starts(s, "freshet.") || slice_is(s, "open") || slice_is(s, "error");
}
