/* map.h - a hash map from byte strings to pointers.
 *
 * Keys are compared whole, byte by byte; the hash is SipHash-1-3 under a random seed per map, so
 * that a client can't choose colliding names. The map keeps its own copy of each key. Values are
 * the caller's. One thread at a time. Insertion order is not kept. */
#ifndef FRESHET_BASE_MAP_H
#define FRESHET_BASE_MAP_H

#include "base/slice.h"

#include <stdint.h>

struct map_slot;

struct map {
    struct map_slot **slots;
    size_t cap; /* a power of two, 0 before the first entry */
    size_t count;
    uint64_t seed[2];
};

/* seed: any two numbers; random ones where keys come from outside. */
void map_init(struct map *m, uint64_t seed0, uint64_t seed1);

/* Frees slots and keys, not values. NULL is fine. */
void map_fini(struct map *m);

/* NULL when absent. */
void *map_get(const struct map *m, struct slice key);

/* Sets key to value (not NULL), replacing what was there. 0, or -1 for no memory (nothing
 * changed). */
int map_put(struct map *m, struct slice key, void *value);

/* Removes key; returns its value, NULL when absent. */
void *map_remove(struct map *m, struct slice key);

/* Walks all entries in no order: start with *at = 0; false at the end. The map must not change
 * during the walk. key may be NULL. */
bool map_next(const struct map *m, size_t *at, struct slice *key, void **value);

/* SipHash-1-3 of p[0..len). */
uint64_t map_hash(const uint64_t seed[2], const void *p, size_t len);

#endif
