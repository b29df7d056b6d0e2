/* http1.h - HTTP/1.1 and 1.0 requests in, responses out (RFC 9110, RFC 9112): bytes in, structs
 * and bytes out. Strict: whatever two parsers could read in two ways is refused. Borrows the
 * caller's bytes, keeps nothing, does no I/O. Pure; any thread. */
#ifndef FRESHET_WIRE_HTTP1_H
#define FRESHET_WIRE_HTTP1_H

#include "base/buf.h"
#include "base/err.h"

#define HTTP1_HEADERS_MAX 100

enum http1_method {
    HTTP1_GET,
    HTTP1_HEAD,
    HTTP1_POST,
    HTTP1_PUT,
    HTTP1_DELETE,
    HTTP1_PATCH,
    HTTP1_OPTIONS,
    HTTP1_CONNECT,
    HTTP1_TRACE,
    HTTP1_OTHER /* a token we don't know: http1_read answers NOT_IMPLEMENTED */
};

struct http1_field {
    struct slice name, value; /* value without white space at its ends */
};

struct http1_request {
    enum http1_method method;
    struct slice method_text, target;
    unsigned minor;     /* 1 for HTTP/1.1 and later minor versions, 0 for HTTP/1.0 */
    bool keep_alive;    /* what the client wants, by version and Connection */
    bool chunked;       /* the body comes in chunks */
    bool has_length;
    bool expect_continue; /* Expect: 100-continue, from an HTTP/1.1 client */
    uint64_t length;      /* Content-Length in bytes, 0 without */
    struct slice host;    /* Host, or that of a target in absolute form (RFC 9112 section 3.2.2) */
    unsigned field_count;
    struct http1_field fields[HTTP1_HEADERS_MAX];
};

/* Ceilings on a head. */
struct http1_limits {
    size_t head_bytes;   /* request line and fields together */
    size_t target_bytes; /* the target alone: beyond it 414 */
    unsigned fields;     /* at most HTTP1_HEADERS_MAX */
};

/* Reads one request head from p[0..len).
 * Above 0: bytes used, *out filled (its slices point into p). 0: more is needed. Below 0: an
 * err_code, e filled: BAD_REQUEST (bad request line or field, no Host or two in HTTP/1.1, both
 * Content-Length and Transfer-Encoding, repeated or non-digit lengths, obs-fold, bare CR or LF,
 * NUL, space before the colon, "*" with another method than OPTIONS, Transfer-Encoding in
 * HTTP/1.0), URI_TOO_LONG, HEADERS_TOO_LARGE, NOT_IMPLEMENTED (unknown method, transfer coding
 * other than chunked), VERSION_NOT_SUPPORTED, EXPECTATION_FAILED. What is malformed goes before
 * what is unknown. After an answer other than above 0 *out means nothing. At most one CRLF before
 * the request line is skipped. The answer doesn't depend on how the bytes arrive: 0 for a prefix
 * never turns into another verdict than the whole gives, and what a prefix is given stays.
 * O(len): it starts anew with each call. Who gets bytes in small pieces calls it only when a LF
 * is among the new ones or head_bytes is reached, which is at most fields + 3 times. */
int http1_read(const char *p, size_t len, const struct http1_limits *limits,
               struct http1_request *out, struct err *e);

/* The value of a field, SLICE_NONE when absent; the first of several. */
struct slice http1_field(const struct http1_request *r, const char *name);

/* How often a field is there. */
unsigned http1_field_count(const struct http1_request *r, const char *name);

/* Decoding a body, by length or chunked (RFC 9112 section 7.1; extensions are skipped and trailers
 * read and dropped, both together within 16 KiB a body; no white space before an extension). How
 * long a body may be is the caller's to watch. */
struct http1_body {
    uint64_t left;     /* bytes to come of the body, or of the chunk */
    unsigned state;    /* private */
    unsigned extra;    /* private: bytes of extensions and trailers so far */
    unsigned digits;   /* private */
    bool chunked;
};

void http1_body_init(struct http1_body *b, const struct http1_request *r);

/* True when all of the body has been read. */
bool http1_body_done(const struct http1_body *b);

/* Takes bytes at p[0..len): above 0: bytes used; *data is a stretch of the body among them, maybe
 * empty. Call again with the rest until http1_body_done. 0: more is needed. Below 0: BAD_REQUEST. */
int http1_body_read(struct http1_body *b, const char *p, size_t len, struct slice *data,
                    struct err *e);

/* A response's head. `Date` (RFC 9110 section 6.6.1) and all other fields are the caller's, in
 * extra. */
struct http1_response {
    int status;
    unsigned minor;            /* of the request: an HTTP/1.0 client gets no chunks */
    bool keep_alive;           /* else `Connection: close`; with HTTP/1.0 `Connection: keep-alive` */
    const char *content_type;  /* NULL: none */
    bool chunked;              /* Transfer-Encoding: chunked; with HTTP/1.0 `Connection: close` and
                                  the body until then; else Content-Length: length */
    bool no_length;            /* neither: 304, or until close; 1xx and 204 never have one */
    uint64_t length;           /* bytes */
    struct slice extra;        /* further field lines, each ending with CRLF */
};

/* Appends the response head, with the standard phrase, up to and with the empty line. */
void http1_write_head(struct buf *out, const struct http1_response *r);

/* The standard phrase of a status code ("Not Found"), "" for one we don't know. */
const char *http1_phrase(int status);

/* IMF-fixdate of RFC 9110 section 5.6.7 and a NUL into out[30]; at most the year 9999. Reading it
 * back: false when it is none of the three forms or before 1970; the name of the day is not looked
 * at, years of two digits are 1970 to 2069. */
void http1_date(uint64_t unix_s, char out[30]);
bool http1_date_parse(struct slice s, uint64_t *unix_s);

#endif
