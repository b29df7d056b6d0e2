/* write.h - writing JSON into a buf. Pure; one thread at a time. */
#ifndef FRESHET_JSON_WRITE_H
#define FRESHET_JSON_WRITE_H

#include "base/buf.h"

/* Appends s as a JSON string with its quotes: escapes ", \, C0, DEL, U+2028 and U+2029. s must be
 * UTF-8; a byte that isn't becomes U+FFFD. */
void json_put_string(struct buf *out, struct slice s);

/* Appends `"name":`, with a comma before it unless out is empty or its last byte is { or [. name
 * needs no escape. */
void json_put_name(struct buf *out, const char *name);

/* A whole member: json_put_name and the value. */
void json_put_member(struct buf *out, const char *name, struct slice string);
void json_put_member_u64(struct buf *out, const char *name, uint64_t n);
void json_put_member_bool(struct buf *out, const char *name, bool b);
/* The value is JSON already. */
void json_put_member_raw(struct buf *out, const char *name, struct slice json);

/* A double as JSON: rounded to 6 decimals after the point, without zeros at the end; from 2^64 on
 * with 17 digits and an exponent. Not-a-number and infinite become null. No locale matters. */
void json_put_double(struct buf *out, double d);

#endif
