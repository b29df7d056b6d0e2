/* schema.h - JSON Schema, draft 2020-12, compiled once and checked on values as they stand.
 *
 * Assertions: type, enum, const, minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf,
 * minLength, maxLength, pattern, format (date-time, uuid, email, uri), properties, required,
 * additionalProperties, minProperties, maxProperties, items, prefixItems, minItems, maxItems,
 * uniqueItems, allOf, anyOf, oneOf, not, $ref to #, #/pointer or the root's own $id, $defs.
 * Annotations pass: $schema (2020-12), $id, $comment, title, description, default, examples,
 * deprecated, readOnly, writeOnly, contentEncoding, contentMediaType, contentSchema, and names that
 * start with x-. Every other keyword is refused: what it would assert is not checked.
 *
 * Numbers are exact decimals. A pattern is searched for as ECMA-262 has it (json/regex.h). The work
 * of a check is bounded, whatever the schema and the value. A compiled schema is immutable; any
 * thread may check with it. */
#ifndef FRESHET_JSON_SCHEMA_H
#define FRESHET_JSON_SCHEMA_H

#include "base/err.h"
#include "base/slice.h"

#define SCHEMA_BYTES_MAX 262144
#define SCHEMA_DEPTH_MAX 32 /* arrays and objects inside one another, in the schema document */

struct schema;

/* document: one JSON text. Keeps nothing of it. Returns new in *out; 0, ERR_BAD_REQUEST with e
 * naming the keyword by JSON pointer and what is wrong with it, ERR_INTERNAL for no memory. */
int schema_compile(struct slice document, struct schema **out, struct err *e);

void schema_free(struct schema *schema); /* NULL is fine */

/* Checks a value that json_check passed with at most JSON_DEPTH_MAX. 0; ERR_SCHEMA_MISMATCH with e
 * (may be NULL) naming the place in the value and the keyword, both by JSON pointer (RFC 6901), and
 * no content; ERR_INTERNAL for no memory. */
int schema_check(const struct schema *schema, struct slice value, struct err *e);

#endif
