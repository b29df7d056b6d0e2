/* buf.h - a growing run of bytes. Owns its memory; one thread at a time.
 *
 * Adding never fails in the middle of a sequence: the first addition that finds no memory, or
 * would pass `max`, sets `failed` and adds nothing, and so do all later ones. Check once at the
 * end. */
#ifndef FRESHET_BASE_BUF_H
#define FRESHET_BASE_BUF_H

#include "base/slice.h"

#include <stdarg.h>
#include <stdint.h>

struct buf {
    char *p;
    size_t len, cap; /* bytes */
    size_t max;      /* ceiling in bytes, 0 for none */
    bool failed;
};

#define BUF_INIT ((struct buf){NULL, 0, 0, 0, false})

/* Frees the memory; b can be used again. NULL is fine. */
void buf_fini(struct buf *b);

/* Empties b, keeps its memory, forgets `failed`. */
void buf_reset(struct buf *b);

/* Makes room for `extra` more bytes. True when there is room; false sets `failed`. */
bool buf_reserve(struct buf *b, size_t extra);

void buf_add(struct buf *b, const void *p, size_t len);
void buf_add_slice(struct buf *b, struct slice s);
void buf_add_str(struct buf *b, const char *s);
void buf_add_char(struct buf *b, char c);
void buf_add_u64(struct buf *b, uint64_t n); /* decimal */
void buf_addf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void buf_vaddf(struct buf *b, const char *fmt, va_list ap);

/* Drops the first n bytes (n <= len). */
void buf_consume(struct buf *b, size_t n);

/* Borrows: valid until b changes. */
static inline struct slice buf_slice(const struct buf *b)
{
    return slice_of(b->p, b->len);
}

/* NUL-terminated view of the content, "" when empty or failed. Borrows. */
const char *buf_cstr(struct buf *b);

#endif
