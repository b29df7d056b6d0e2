/* Request heads: whatever the bytes, the verdict doesn't depend on how they arrive, and what is
 * taken holds nothing that two parsers could read in two ways. */
#include "wire/http1.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool right)
{
    if (!right)
        abort();
}

/* http1_read of the first n bytes, in memory that ends there. */
static int read_prefix(const uint8_t *data, size_t n, const struct http1_limits *limits)
{
    static struct http1_request r;
    struct err e;
    char *copy = malloc(n ? n : 1);
    must(copy != NULL);
    memcpy(copy, data, n);
    int rc = http1_read(copy, n, limits, &r, &e);
    free(copy);
    return rc;
}

static void must_be_clean(struct slice s)
{
    for (size_t i = 0; i < s.len; i++)
        must(s.p[i] != '\r' && s.p[i] != '\n' && s.p[i] != 0 && s.p[i] != 0x7f);
}

static void look_at(const struct http1_request *r, const struct http1_limits *limits)
{
    must(r->method < HTTP1_OTHER && r->minor <= 1);
    must(r->field_count <= limits->fields && r->target.len <= limits->target_bytes);
    must(!(r->chunked && r->has_length) && (r->has_length || r->length == 0));
    must(r->minor == 1 || (!r->chunked && !r->expect_continue));
    must(http1_field_count(r, "host") == 1 || (r->minor == 0 && http1_field_count(r, "host") == 0));
    must(http1_field_count(r, "content-length") == r->has_length);
    must(http1_field_count(r, "transfer-encoding") == r->chunked);
    must_be_clean(r->target);
    must_be_clean(r->host);
    must(!memchr(r->target.p, ' ', r->target.len));
    for (unsigned i = 0; i < r->field_count; i++) {
        must(r->fields[i].name.len > 0);
        must_be_clean(r->fields[i].name);
        must_be_clean(r->fields[i].value);
    }
}

static void judge(const uint8_t *data, size_t size, const struct http1_limits *limits)
{
    static struct http1_request r;
    struct err e;
    int whole = http1_read((const char *)data, size, limits, &r, &e);
    if (whole > 0) {
        must((size_t)whole <= size && (size_t)whole <= limits->head_bytes);
        look_at(&r, limits);
    }
    size_t step = size / (size > 1000 ? 40 : 200) + 1;
    bool decided = false;
    for (size_t n = 0; n < size; n += step) {
        int part = read_prefix(data, n, limits);
        must(part == 0 ? !decided : part == whole);
        must(whole <= 0 || (part > 0) == (n >= (size_t)whole));
        decided = part != 0;
    }
}

/* A date that is read is written as one that reads the same. */
static void read_date(const uint8_t *data, size_t size)
{
    char text[30];
    uint64_t unix_s, again;
    char *copy = malloc(size ? size : 1);
    must(copy != NULL);
    memcpy(copy, data, size);
    if (http1_date_parse(slice_of(copy, size), &unix_s)) {
        http1_date(unix_s, text);
        must(http1_date_parse(slice_str(text), &again) && again == unix_s);
    }
    free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct http1_limits usual = {16384, 8192, HTTP1_HEADERS_MAX}, tight = {70, 20, 3};
    judge(data, size, &usual);
    judge(data, size, &tight);
    read_date(data, size);
    return 0;
}
