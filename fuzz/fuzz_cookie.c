/* Cookie fields: what is given out lies inside of the field, in order, and is what a rereading of
 * the whole gives; names are never empty. */
#include "wire/url.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool right)
{
    if (!right)
        abort();
}

static bool inside(struct slice s, const char *from, size_t len)
{
    return s.p >= from && s.p + s.len <= from + len;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *copy = malloc(size + 1); /* to the byte: reading beyond it is found */
    must(copy != NULL);
    if (size)
        memcpy(copy, data, size);
    struct slice field = slice_of(copy, size), name, value;
    const char *last = copy;
    size_t count = 0;
    while (cookie_next(&field, &name, &value)) {
        must(++count <= size);
        must(name.len > 0 && inside(name, copy, size));
        must(name.p >= last);
        last = name.p + name.len;
        must(!value.len || (inside(value, copy, size) && value.p >= last));
        must(!memchr(name.p, '=', name.len) && !memchr(name.p, ';', name.len));
        must(!value.len || !memchr(value.p, ';', value.len));
    }
    free(copy);
    return 0;
}
