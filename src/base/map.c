#include "base/map.h"

#include <assert.h>
#include <stdlib.h>

struct map_slot {
    uint64_t hash;
    void *value;
    size_t key_len;
    char key[];
};

static uint64_t rotl(uint64_t x, int b)
{
    return x << b | x >> (64 - b);
}

static void sip_round(uint64_t v[4])
{
    v[0] += v[1], v[1] = rotl(v[1], 13), v[1] ^= v[0], v[0] = rotl(v[0], 32);
    v[2] += v[3], v[3] = rotl(v[3], 16), v[3] ^= v[2];
    v[0] += v[3], v[3] = rotl(v[3], 21), v[3] ^= v[0];
    v[2] += v[1], v[1] = rotl(v[1], 17), v[1] ^= v[2], v[2] = rotl(v[2], 32);
}

uint64_t map_hash(const uint64_t seed[2], const void *data, size_t len)
{
    const unsigned char *p = data;
    uint64_t v[4] = {seed[0] ^ 0x736f6d6570736575u, seed[1] ^ 0x646f72616e646f6du,
                     seed[0] ^ 0x6c7967656e657261u, seed[1] ^ 0x7465646279746573u};
    uint64_t word = 0;
    size_t whole = len & ~(size_t)7;
    for (size_t i = 0; i < whole; i += 8) {
        memcpy(&word, p + i, 8);
        v[3] ^= word;
        sip_round(v);
        v[0] ^= word;
    }
    word = (uint64_t)len << 56;
    for (size_t i = whole; i < len; i++)
        word |= (uint64_t)p[i] << (8 * (i - whole));
    v[3] ^= word;
    sip_round(v);
    v[0] ^= word;
    v[2] ^= 0xff;
    for (int i = 0; i < 3; i++)
        sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

void map_init(struct map *m, uint64_t seed0, uint64_t seed1)
{
    *m = (struct map){.seed = {seed0, seed1}};
}

void map_fini(struct map *m)
{
    if (!m)
        return;
    for (size_t i = 0; i < m->cap; i++)
        free(m->slots[i]);
    free(m->slots);
    m->slots = NULL;
    m->cap = m->count = 0;
}

/* The slot that holds key, or the free one where it would go. Needs cap > count. */
static size_t find(const struct map *m, uint64_t hash, struct slice key)
{
    size_t mask = m->cap - 1, i = hash & mask;
    for (; m->slots[i]; i = (i + 1) & mask) {
        const struct map_slot *s = m->slots[i];
        if (s->hash == hash && slice_eq(slice_of(s->key, s->key_len), key))
            break;
    }
    return i;
}

void *map_get(const struct map *m, struct slice key)
{
    if (!m->count)
        return NULL;
    struct map_slot *s = m->slots[find(m, map_hash(m->seed, key.p, key.len), key)];
    return s ? s->value : NULL;
}

static bool grow(struct map *m)
{
    size_t cap = m->cap ? m->cap * 2 : 8;
    struct map_slot **slots = calloc(cap, sizeof *slots);
    if (!slots)
        return false;
    for (size_t i = 0; i < m->cap; i++) {
        if (!m->slots[i])
            continue;
        size_t at = m->slots[i]->hash & (cap - 1);
        while (slots[at])
            at = (at + 1) & (cap - 1);
        slots[at] = m->slots[i];
    }
    free(m->slots);
    m->slots = slots;
    m->cap = cap;
    return true;
}

int map_put(struct map *m, struct slice key, void *value)
{
    assert(value);
    if (m->count + 1 > m->cap / 4 * 3 && !grow(m))
        return -1;
    uint64_t hash = map_hash(m->seed, key.p, key.len);
    size_t i = find(m, hash, key);
    if (m->slots[i]) {
        m->slots[i]->value = value;
        return 0;
    }
    struct map_slot *s = malloc(sizeof *s + key.len);
    if (!s)
        return -1;
    s->hash = hash;
    s->value = value;
    s->key_len = key.len;
    if (key.len)
        memcpy(s->key, key.p, key.len);
    m->slots[i] = s;
    m->count++;
    return 0;
}

void *map_remove(struct map *m, struct slice key)
{
    if (!m->count)
        return NULL;
    size_t mask = m->cap - 1, i = find(m, map_hash(m->seed, key.p, key.len), key);
    if (!m->slots[i])
        return NULL;
    void *value = m->slots[i]->value;
    free(m->slots[i]);
    m->slots[i] = NULL;
    m->count--;
    /* close the gap: entries after it that could not take their own slot move up */
    for (size_t j = (i + 1) & mask; m->slots[j]; j = (j + 1) & mask) {
        size_t home = m->slots[j]->hash & mask;
        bool stays = i <= j ? (i < home && home <= j) : (i < home || home <= j);
        if (stays)
            continue;
        m->slots[i] = m->slots[j];
        m->slots[j] = NULL;
        i = j;
    }
    return value;
}

bool map_next(const struct map *m, size_t *at, struct slice *key, void **value)
{
    size_t i = *at;
    for (; i < m->cap; i++)
        if (m->slots[i])
            break;
    if (i >= m->cap)
        return false;
    if (key)
        *key = slice_of(m->slots[i]->key, m->slots[i]->key_len);
    *value = m->slots[i]->value;
    *at = i + 1;
    return true;
}
