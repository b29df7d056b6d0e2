/* arena.h - memory that is freed all at once: what a tree of options is made of. Owns its blocks;
 * one thread at a time. */
#ifndef FRESHET_OPTIONS_ARENA_H
#define FRESHET_OPTIONS_ARENA_H

#include "base/slice.h"

struct options_arena;

/* Returns new; NULL for no memory. */
struct options_arena *arena_new(void);

/* NULL is fine. */
void arena_free(struct options_arena *a);

/* Returns len bytes of zeros, aligned for any type; NULL for no memory. */
void *arena_alloc(struct options_arena *a, size_t len);

/* Returns a NUL-terminated copy; NULL for no memory. */
char *arena_text(struct options_arena *a, struct slice s);

#endif
