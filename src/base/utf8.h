/* utf8.h - UTF-8 as RFC 3629 has it: no overlong forms, no surrogates, at most U+10FFFF. Pure. */
#ifndef FRESHET_BASE_UTF8_H
#define FRESHET_BASE_UTF8_H

#include "base/slice.h"

#include <stdint.h>

/* Decodes the character at p[0..len). Returns its length in bytes (1 to 4) and *out, 0 when it is
 * not UTF-8 or len is 0. */
size_t utf8_decode(const char *p, size_t len, uint32_t *out);

/* Writes c (at most U+10FFFF, no surrogate) into out[4], returns its length. */
size_t utf8_encode(uint32_t c, char out[4]);

bool utf8_valid(struct slice s);

/* UTF-8 without control characters: none of C0, DEL, C1, U+2028, U+2029. */
bool utf8_is_plain(struct slice s);

#endif
