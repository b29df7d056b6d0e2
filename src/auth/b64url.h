/* b64url.h - base64url without padding (RFC 4648 section 5, as RFC 7515 section 2 uses it). Pure;
 * any thread. */
#ifndef FRESHET_AUTH_B64URL_H
#define FRESHET_AUTH_B64URL_H

#include "base/buf.h"

/* Appends the bytes that text stands for. Strict, so that a text has one spelling only: no padding,
 * no white space, no `+` or `/`, no length of 4n+1, and the bits left over at the end are zero.
 * Returns 0, ERR_BAD_REQUEST (out may hold a part), ERR_INTERNAL for no memory. */
int b64url_decode(struct slice text, struct buf *out);

/* Appends the text of p[0..len). */
void b64url_encode(const void *p, size_t len, struct buf *out);

/* Writes the text of p[0..len) and a NUL to out, which has room for (4 * len + 2) / 3 + 1 bytes. */
void b64url_write(const void *p, size_t len, char *out);

#endif
