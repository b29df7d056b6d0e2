/* err.h - the one table of error codes (errors.def).
 *
 * A fallible function returns 0 or one of these negative codes. The text for a human goes into a
 * caller's `struct err`, where there is one. Pure; any thread. */
#ifndef FRESHET_BASE_ERR_H
#define FRESHET_BASE_ERR_H

#include <stddef.h>

enum err_index {
#define X(name, status, title) ERR_INDEX_##name,
#include "base/errors.def"
#undef X
    ERR_INDEX_COUNT
};

enum err_code {
    OK = 0,
#define X(name, status, title) ERR_##name = -(ERR_INDEX_##name + 1),
#include "base/errors.def"
#undef X
};

/* What went wrong and what to do about it, for one failed call. */
struct err {
    int code;         /* one of err_code, 0 when nothing went wrong */
    int index;        /* which member of a batch, counted from 0; -1 where that means nothing */
    char detail[240]; /* one sentence, NUL-terminated, no payloads and no tokens */
};

/* err_name(code), err_status(code), err_title(code)
 * code: a negative code of the table; anything else is taken as ERR_INTERNAL.
 * Return the name clients see, the HTTP status (RFC 9110 section 15), the title. Static memory. */
const char *err_name(int code);
int err_status(int code);
const char *err_title(int code);

/* Fills *e (may be NULL) with code, index -1 and the formatted detail (cut to fit), returns code. */
int err_set(struct err *e, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

#endif
