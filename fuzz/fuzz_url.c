/* Targets, queries, cookies: what is encoded decodes to what it was, what decodes is text, and
 * every part lies within the whole. */
#include "base/utf8.h"
#include "wire/url.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool right)
{
    if (!right)
        abort();
}

static void must_lie_in(struct slice part, struct slice whole)
{
    must(!part.p || (part.p >= whole.p && part.p + part.len <= whole.p + whole.len));
}

static bool is_text(struct slice s)
{
    return utf8_valid(s) && (s.len == 0 || !memchr(s.p, 0, s.len));
}

/* encode, then decode: the same, or refused because it is no text. */
static void there_and_back(struct slice text, bool plus)
{
    struct buf encoded = BUF_INIT, back = BUF_INIT;
    url_encode(text, &encoded);
    int rc = url_decode(buf_slice(&encoded), plus, &back, NULL);
    must(rc == (is_text(text) ? 0 : ERR_BAD_REQUEST));
    must(rc ? back.len == 0 : slice_eq(buf_slice(&back), text));
    buf_fini(&encoded);
    buf_fini(&back);
}

static void decode(struct slice s, bool plus)
{
    struct buf out = BUF_INIT;
    if (url_decode(s, plus, &out, NULL) == 0) {
        must(is_text(buf_slice(&out)) && out.len <= s.len);
        there_and_back(buf_slice(&out), plus);
    }
    buf_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice all = slice_of((const char *)data, size), path, query, name, value;
    struct err e;
    for (int plus = 0; plus < 2; plus++) {
        decode(all, plus);
        there_and_back(all, plus);
    }
    if (url_split(all, &path, &query, &e) == 0) {
        must(path.len > 0 && (path.p[0] == '/' || slice_is(path, "*")));
        must(!memchr(path.p, '?', path.len));
        must_lie_in(query, all);
    }
    size_t pairs = 0;
    for (query = all; url_query_next(&query, &name, &value); pairs++) {
        must_lie_in(name, all);
        must_lie_in(value, all);
        must(name.len + value.len > 0 || value.p);
        decode(value, true);
    }
    for (query = all; cookie_next(&query, &name, &value); pairs++) {
        must_lie_in(name, all);
        must_lie_in(value, all);
    }
    must(pairs <= 2 * size);
    return 0;
}
