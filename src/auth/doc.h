/* doc.h - small JSON documents of other people: token headers, claims, key sets, webhook answers.
 * Read by the same strict scanner as events (json/scan.h), so there is one opinion on what a
 * document says. Pure; any thread. */
#ifndef FRESHET_AUTH_DOC_H
#define FRESHET_AUTH_DOC_H

#include "base/buf.h"

#include <stdint.h>

#define DOC_DEPTH_MAX 8

/* 0 when text is one JSON object of at most `max` bytes, nested at most DOC_DEPTH_MAX deep, no
 * member twice; else ERR_BAD_REQUEST. What follows works on such an object. */
int doc_check(struct slice text, size_t max);

/* Finds a member: by its name, or, when path starts with '/', by JSON pointer (RFC 6901) through
 * objects. True and *value when it is there and is not null. Borrows. */
bool doc_find(struct slice object, const char *path, struct slice *value);

/* Appends the text of a string value to out. 0, ERR_BAD_REQUEST when it is no string, ERR_INTERNAL
 * for no memory. */
int doc_text(struct slice value, struct buf *out);

/* The member `name`, as text. 1 when appended to out, 0 when it is absent or null, else an error of
 * doc_text. */
int doc_member(struct slice object, const char *name, struct buf *out);

/* True when value is the string that reads `s` (ASCII). */
bool doc_is(struct slice value, const char *s);

#endif
