#include "base/slice.h"

#include <stdlib.h>

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

bool slice_is_nocase(struct slice a, const char *s)
{
    if (a.len != strlen(s))
        return false;
    for (size_t i = 0; i < a.len; i++)
        if (lower(a.p[i]) != lower(s[i]))
            return false;
    return true;
}

int slice_cmp(struct slice a, struct slice b)
{
    size_t n = a.len < b.len ? a.len : b.len;
    int d = n ? memcmp(a.p, b.p, n) : 0;
    if (d)
        return d;
    return a.len < b.len ? -1 : a.len > b.len;
}

struct slice slice_cut(struct slice *rest, char sep)
{
    struct slice all = *rest;
    const char *at = all.len ? memchr(all.p, sep, all.len) : NULL;
    if (!at) {
        *rest = SLICE_NONE;
        return all;
    }
    size_t n = (size_t)(at - all.p);
    *rest = slice_of(at + 1, all.len - n - 1);
    return slice_of(all.p, n);
}

struct slice slice_trim(struct slice a)
{
    while (a.len && (a.p[0] == ' ' || a.p[0] == '\t'))
        a.p++, a.len--;
    while (a.len && (a.p[a.len - 1] == ' ' || a.p[a.len - 1] == '\t'))
        a.len--;
    return a;
}

char *slice_dup(struct slice a)
{
    char *s = malloc(a.len + 1);
    if (!s)
        return NULL;
    if (a.len)
        memcpy(s, a.p, a.len);
    s[a.len] = 0;
    return s;
}
