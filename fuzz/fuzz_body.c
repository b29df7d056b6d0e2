/* Bodies: the first byte chooses how the others are split; every split gives the same content and
 * the same verdict, and what is written in chunks comes out as it was. */
#include "wire/http1.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool right)
{
    if (!right)
        abort();
}

struct outcome {
    struct buf content;
    size_t used;
    int rc;
    bool done;
};

static struct outcome feed(const uint8_t *data, size_t size, size_t step,
                           const struct http1_request *r)
{
    struct outcome o = {.content = BUF_INIT};
    struct http1_body b;
    http1_body_init(&b, r);
    while (o.used < size && o.rc == 0 && !http1_body_done(&b)) {
        struct slice part;
        struct err e;
        size_t n = size - o.used < step ? size - o.used : step;
        char *copy = malloc(n);
        must(copy != NULL);
        memcpy(copy, data + o.used, n);
        int used = http1_body_read(&b, copy, n, &part, &e);
        if (used > 0) {
            must((size_t)used <= n && part.len <= (size_t)used);
            buf_add_slice(&o.content, part);
            o.used += (size_t)used;
        } else {
            must(used == ERR_BAD_REQUEST);
            o.rc = used;
        }
        free(copy);
    }
    o.done = http1_body_done(&b);
    return o;
}

static void every_split_is_the_same(const uint8_t *data, size_t size, size_t step,
                                    const struct http1_request *r)
{
    struct outcome a = feed(data, size, size, r), b = feed(data, size, step, r);
    must(a.rc == b.rc && a.done == b.done &&
         slice_eq(buf_slice(&a.content), buf_slice(&b.content)));
    must(a.rc || a.used == b.used);
    buf_fini(&a.content);
    buf_fini(&b.content);
}

static void chunks_come_back(const uint8_t *data, size_t size, size_t step)
{
    struct http1_request r = {.chunked = true};
    struct buf chunks = BUF_INIT;
    for (size_t at = 0; at < size; at += step) {
        size_t n = size - at < step ? size - at : step;
        buf_addf(&chunks, "%zx\r\n", n);
        buf_add(&chunks, data + at, n);
        buf_add(&chunks, "\r\n", 2);
    }
    buf_add(&chunks, "0\r\n\r\n", 5);
    struct outcome o = feed((const uint8_t *)chunks.p, chunks.len, 7, &r);
    must(o.rc == 0 && o.done && o.used == chunks.len);
    must(slice_eq(buf_slice(&o.content), slice_of((const char *)data, size)));
    buf_fini(&o.content);
    buf_fini(&chunks);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    size_t step = (size_t)(data[0] % 16) + 1;
    struct http1_request by_length = {.has_length = true, .length = data[0]};
    struct http1_request chunked = {.chunked = true};
    every_split_is_the_same(data + 1, size - 1, step, &by_length);
    every_split_is_the_same(data + 1, size - 1, step, &chunked);
    chunks_come_back(data + 1, size - 1, step);
    return 0;
}
