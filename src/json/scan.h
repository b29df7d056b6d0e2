/* scan.h - a strict JSON reader (RFC 8259) that works on slices of the caller's text: it checks,
 * walks and compacts, and never changes a number's digits or a string's escapes. Allocates only
 * while looking for repeated members in texts with many. Pure; any thread. Names its kinds as
 * jansson.h does: a file can't include both. */
#ifndef FRESHET_JSON_SCAN_H
#define FRESHET_JSON_SCAN_H

#include "base/buf.h"
#include "base/err.h"

#define JSON_DEPTH_MAX 32

enum json_kind { JSON_NULL, JSON_FALSE, JSON_TRUE, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

/* Checks that text is exactly one JSON value, with white space around it allowed: UTF-8 (RFC 3629),
 * no control characters in strings, no lone surrogate escapes, at most max_depth arrays and objects
 * inside one another (JSON_DEPTH_MAX where max_depth is more), no member twice in an object (names
 * compared unescaped). Returns 0, or ERR_BAD_REQUEST with e->detail naming the byte offset and what
 * is wrong there, or ERR_INTERNAL for no memory. e may be NULL. O(n log n) at worst. */
int json_check(struct slice text, unsigned max_depth, struct err *e);

/* What follows works on text that passed json_check, or on values cut from it. Of other text it
 * makes nothing sensible, but never reads beyond it. */

/* The kind of the value (leading white space skipped); JSON_NULL for none. */
enum json_kind json_kind(struct slice value);

struct json_iter {
    const char *p, *end;
};

/* Starts a walk over the members of an object or the elements of an array; of any other value
 * there are none. */
struct json_iter json_iter(struct slice value);

/* Next member: *name is the raw name without its quotes (json_name_is, json_unescape), *value the
 * value without white space around it. False at the end. Borrow from the text. */
bool json_member(struct json_iter *it, struct slice *name, struct slice *value);

/* Next element of an array, likewise. */
bool json_element(struct json_iter *it, struct slice *value);

/* True when the raw name (or the inside of a string value) stands for the ASCII text s. */
bool json_name_is(struct slice raw, const char *s);

/* The value of a member of an object: true and *value when it is there, else *value is left alone.
 * O(length of the object). */
bool json_get(struct slice object, const char *name, struct slice *value);

/* The inside of a string value, without its quotes, still escaped; SLICE_NONE for other kinds. */
struct slice json_string_raw(struct slice value);

/* Appends the unescaped text of raw (as from json_string_raw or json_member), UTF-8. */
void json_unescape(struct slice raw, struct buf *out);

/* Appends the value without white space outside of strings; all else to the byte. */
void json_compact(struct slice value, struct buf *out);

/* A number that is a whole number from 0 to max, written without fraction and exponent. */
bool json_u64(struct slice value, uint64_t max, uint64_t *out);

#endif
