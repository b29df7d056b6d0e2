/* slice.h - a borrowed run of bytes, not NUL-terminated. Pure; any thread. */
#ifndef FRESHET_BASE_SLICE_H
#define FRESHET_BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct slice {
    const char *p; /* NULL only together with len 0: "not there" */
    size_t len;    /* bytes */
};

#define SLICE_NONE ((struct slice){NULL, 0})
#define SLICE_LIT(s) ((struct slice){"" s, sizeof(s) - 1})
#define SLICE_FMT(s) (int)(s).len, (s).p ? (s).p : "" /* for "%.*s" */

static inline struct slice slice_of(const char *p, size_t len)
{
    return (struct slice){p, len};
}

/* s may be NULL. Borrows s. */
static inline struct slice slice_str(const char *s)
{
    return (struct slice){s, s ? strlen(s) : 0};
}

static inline bool slice_eq(struct slice a, struct slice b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.p, b.p, a.len) == 0);
}

static inline bool slice_is(struct slice a, const char *s)
{
    return slice_eq(a, slice_str(s));
}

static inline bool slice_starts(struct slice a, const char *prefix)
{
    size_t n = strlen(prefix);
    return a.len >= n && memcmp(a.p, prefix, n) == 0;
}

/* ASCII case is ignored, as in HTTP field names. */
bool slice_is_nocase(struct slice a, const char *s);

/* Bytewise order, shorter first on a tie: below 0, 0, above 0. */
int slice_cmp(struct slice a, struct slice b);

/* Cuts *rest at the first `sep`: returns the part before it, *rest becomes the part after it, or
 * SLICE_NONE when there was no separator. */
struct slice slice_cut(struct slice *rest, char sep);

/* Without spaces and tabs at both ends. */
struct slice slice_trim(struct slice a);

/* Returns new NUL-terminated copy, NULL for no memory. */
char *slice_dup(struct slice a);

#endif
