/* url.h - request targets (RFC 3986 as RFC 9112 uses it) and queries. Pure; any thread. */
#ifndef FRESHET_WIRE_URL_H
#define FRESHET_WIRE_URL_H

#include "base/buf.h"
#include "base/err.h"

/* Cuts a request target into path and query at the first '?'. query is SLICE_NONE without one.
 * An absolute-form target (http://host/path?query) gives its path and query. Returns 0, or
 * ERR_BAD_REQUEST for what is neither origin-form, absolute-form nor "*". Borrows. */
int url_split(struct slice target, struct slice *path, struct slice *query, struct err *e);

/* Appends s percent-decoded; with plus, '+' becomes a space. 0, or ERR_BAD_REQUEST when a '%' is
 * not followed by two hex digits, when the result holds a NUL, or is not UTF-8. */
int url_decode(struct slice s, bool plus, struct buf *out, struct err *e);

/* Appends s percent-encoded: all but unreserved characters (RFC 3986 section 2.3). */
void url_encode(struct slice s, struct buf *out);

/* Next name=value pair of a query, both still encoded; empty pairs are skipped. False at the end. */
bool url_query_next(struct slice *query, struct slice *name, struct slice *value);

/* Walks cookies of a Cookie field value (RFC 6265 section 4.2.1). Borrows. */
bool cookie_next(struct slice *field, struct slice *name, struct slice *value);

#endif
