#include "options/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>

#define BLOCK_BYTES 8192

struct block {
    struct block *next;
    size_t used, cap; /* bytes of data */
    alignas(max_align_t) char data[];
};

struct options_arena {
    struct block *blocks;
};

struct options_arena *arena_new(void)
{
    return calloc(1, sizeof(struct options_arena));
}

void arena_free(struct options_arena *a)
{
    if (!a)
        return;
    for (struct block *b = a->blocks, *next; b; b = next) {
        next = b->next;
        free(b);
    }
    free(a);
}

void *arena_alloc(struct options_arena *a, size_t len)
{
    if (len > SIZE_MAX / 2)
        return NULL;
    len = (len + alignof(max_align_t) - 1) / alignof(max_align_t) * alignof(max_align_t);
    struct block *b = a->blocks;
    if (!b || b->cap - b->used < len) {
        size_t cap = len > BLOCK_BYTES ? len : BLOCK_BYTES;
        b = calloc(1, sizeof *b + cap);
        if (!b)
            return NULL;
        b->cap = cap;
        b->next = a->blocks;
        a->blocks = b;
    }
    void *p = b->data + b->used;
    b->used += len;
    return p;
}

char *arena_text(struct options_arena *a, struct slice s)
{
    char *p = arena_alloc(a, s.len + 1);
    if (p && s.len)
        memcpy(p, s.p, s.len);
    return p;
}
