/* url.h - request targets (RFC 3986 as RFC 9112 uses it) and queries. Pure; any thread. */
#ifndef FRESHET_WIRE_URL_H
#define FRESHET_WIRE_URL_H

#include "base/buf.h"
#include "base/err.h"

/* Cuts a request target into path and query at the first '?', both still encoded. query is
 * SLICE_NONE without one. An absolute-form target (http or https) gives its path ("/" when empty)
 * and query. Returns 0, or ERR_BAD_REQUEST for what is neither origin-form, absolute-form nor "*"
 * (CONNECT's authority-form among them: look at the method first), for a fragment, and for an
 * absolute form without a host or with a user (RFC 9110 section 4.2). Borrows. */
int url_split(struct slice target, struct slice *path, struct slice *query, struct err *e);

/* Appends s percent-decoded; with plus, '+' becomes a space. 0, or ERR_BAD_REQUEST when a '%' is
 * not followed by two hex digits, when the result holds a NUL, or is not UTF-8 (then out is as it
 * was), or ERR_INTERNAL when out has no room. */
int url_decode(struct slice s, bool plus, struct buf *out, struct err *e);

/* Appends s percent-encoded: all but unreserved characters (RFC 3986 section 2.3). */
void url_encode(struct slice s, struct buf *out);

/* Next name=value pair of a query, both still encoded; empty pairs are skipped. *value is
 * SLICE_NONE without a '='. *query becomes the rest; false at the end. */
bool url_query_next(struct slice *query, struct slice *name, struct slice *value);

/* Next cookie of a Cookie field value (RFC 6265 section 4.2.1), a value's quotes left out; what
 * has no name or no '=' is skipped. *field becomes the rest; false at the end. Borrows. */
bool cookie_next(struct slice *field, struct slice *name, struct slice *value);

#endif
