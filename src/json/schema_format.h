/* format.h - the formats of JSON Schema that are checked: each a grammar of an RFC, applied to the
 * whole text. Pure; any thread. */
#ifndef FRESHET_JSON_SCHEMA_FORMAT_H
#define FRESHET_JSON_SCHEMA_FORMAT_H

#include "base/slice.h"

/* RFC 3339 section 5.6 date-time; T and Z in either case; a second of 60 only where one can be (at
 * 23:59 UTC). */
bool schema_format_is_date_time(struct slice s);

/* RFC 4122 section 3: 8-4-4-4-12 hex digits, in either case. */
bool schema_format_is_uuid(struct slice s);

/* RFC 5321 section 4.1.2 Mailbox: ASCII; dot-string or quoted local part of at most 64 bytes, a
 * domain of labels or an address in brackets. */
bool schema_format_is_email(struct slice s);

/* RFC 3986 section 3 URI: with a scheme. */
bool schema_format_is_uri(struct slice s);

#endif
