#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>

struct row {
    const char *name;
    int status;
    const char *title;
};

static const struct row table[ERR_INDEX_COUNT] = {
#define X(name, status, title) {#name, status, title},
#include "base/errors.def"
#undef X
};

static const struct row *row_of(int code)
{
    int index = -code - 1;
    return index >= 0 && index < ERR_INDEX_COUNT ? &table[index] : &table[ERR_INDEX_INTERNAL];
}

const char *err_name(int code)
{
    return row_of(code)->name;
}

int err_status(int code)
{
    return row_of(code)->status;
}

const char *err_title(int code)
{
    return row_of(code)->title;
}

int err_set(struct err *e, int code, const char *fmt, ...)
{
    if (!e)
        return code;
    e->code = code;
    e->index = -1;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(e->detail, sizeof e->detail, fmt, ap);
    va_end(ap);
    return code;
}
