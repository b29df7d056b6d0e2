/* regex.h - the patterns of JSON Schema: ECMA-262 regular expressions (with its `u` flag), searched
 * for in a text, run by PCRE2.
 *
 * A pattern is read here and written anew in the part of PCRE2's language that means the same: `.`
 * and `\s` are ECMA's, `\d \w \b` are ASCII, `$` is the very end, and nothing that ECMA-262 doesn't
 * have (verbs, recursion, atomic groups, possessive repeats, inline options, POSIX classes) gets
 * through. Lookbehind and backreferences are refused: the two languages differ there. A compiled
 * pattern is immutable; any thread may match with it. */
#ifndef FRESHET_JSON_REGEX_H
#define FRESHET_JSON_REGEX_H

#include "base/err.h"
#include "base/slice.h"

#define REGEX_BYTES_MAX 4096

struct regex;

enum regex_verdict { REGEX_NO, REGEX_YES, REGEX_TOO_COSTLY };

/* pattern: UTF-8, at most REGEX_BYTES_MAX. Returns new in *out; 0, ERR_BAD_REQUEST with e saying
 * what can't be taken and where, ERR_INTERNAL for no memory. */
int regex_compile(struct slice pattern, struct regex **out, struct err *e);

void regex_free(struct regex *re); /* NULL is fine */

/* Whether the pattern is found anywhere in text (UTF-8). REGEX_TOO_COSTLY when that takes more
 * steps than some per byte of text, or memory: a pattern can be slow, the hub can't. */
enum regex_verdict regex_search(const struct regex *re, struct slice text);

#endif
