/* The JSON scanner against jansson: both take and refuse the same texts, but for our bound on
 * depth and jansson's on numbers and NULs in names; compaction changes nothing that jansson can
 * see; walking finds what jansson found. jansson takes a NUL behind a value for the end. Text that
 * is refused is walked too, and nothing is read beyond it. */
#include "json/scan.h"
#include "json/write.h"

#include <stdlib.h>

/* jansson's names of kinds are ours too; within this file its own go by another prefix. */
#define JSON_OBJECT JANSSON_OBJECT
#define JSON_ARRAY JANSSON_ARRAY
#define JSON_STRING JANSSON_STRING
#define JSON_TRUE JANSSON_TRUE
#define JSON_FALSE JANSSON_FALSE
#define JSON_NULL JANSSON_NULL
#include <jansson.h>
#undef JSON_OBJECT
#undef JSON_ARRAY
#undef JSON_STRING
#undef JSON_TRUE
#undef JSON_FALSE
#undef JSON_NULL

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool right)
{
    if (!right)
        abort();
}

static json_t *parse(struct slice text, enum json_error_code *code)
{
    json_error_t error;
    json_t *j = json_loadb(text.p ? text.p : "", text.len,
                           JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);
    *code = j ? json_error_unknown : json_error_code(&error);
    return j;
}

static void same(struct slice value, json_t *j);

static void same_string(struct slice value, json_t *j)
{
    struct buf text = BUF_INIT, again = BUF_INIT, back = BUF_INIT;
    json_unescape(json_string_raw(value), &text);
    must(slice_eq(buf_slice(&text), slice_of(json_string_value(j), json_string_length(j))));
    json_put_string(&again, buf_slice(&text));
    must(json_check(buf_slice(&again), 1, NULL) == 0);
    json_unescape(json_string_raw(buf_slice(&again)), &back);
    must(slice_eq(buf_slice(&text), buf_slice(&back)));
    buf_fini(&text);
    buf_fini(&again);
    buf_fini(&back);
}

static void same_object(struct slice value, json_t *j)
{
    struct json_iter it = json_iter(value);
    struct slice name, member, found;
    size_t count = 0;
    while (json_member(&it, &name, &member)) {
        struct buf text = BUF_INIT;
        json_unescape(name, &text);
        json_t *other = json_object_get(j, buf_cstr(&text));
        must(other != NULL);
        must(json_get(value, buf_cstr(&text), &found) || !text.len || (signed char)text.p[0] < 0 ||
             !json_name_is(name, buf_cstr(&text)));
        same(member, other);
        buf_fini(&text);
        count++;
    }
    must(count == json_object_size(j));
}

static void same_array(struct slice value, json_t *j)
{
    struct json_iter it = json_iter(value);
    struct slice element;
    size_t count = 0;
    while (json_element(&it, &element))
        same(element, json_array_get(j, count++));
    must(count == json_array_size(j));
}

static void same(struct slice value, json_t *j)
{
    uint64_t n;
    switch (json_kind(value)) {
    case JSON_NULL:
        must(json_typeof(j) == JANSSON_NULL && slice_is(value, "null"));
        break;
    case JSON_FALSE:
        must(json_typeof(j) == JANSSON_FALSE && slice_is(value, "false"));
        break;
    case JSON_TRUE:
        must(json_typeof(j) == JANSSON_TRUE && slice_is(value, "true"));
        break;
    case JSON_NUMBER:
        must(json_typeof(j) == JSON_INTEGER || json_typeof(j) == JSON_REAL);
        if (json_u64(value, INT64_MAX, &n))
            must(json_typeof(j) == JSON_INTEGER && (uint64_t)json_integer_value(j) == n);
        break;
    case JSON_STRING:
        must(json_typeof(j) == JANSSON_STRING);
        same_string(value, j);
        break;
    case JSON_ARRAY:
        must(json_typeof(j) == JANSSON_ARRAY);
        same_array(value, j);
        break;
    case JSON_OBJECT:
        must(json_typeof(j) == JANSSON_OBJECT);
        same_object(value, j);
        break;
    }
}

static void compaction_keeps_all(struct slice text, json_t *j)
{
    struct buf once = BUF_INIT, twice = BUF_INIT;
    enum json_error_code code;
    json_compact(text, &once);
    must(!once.failed && once.len <= text.len && json_check(buf_slice(&once), 32, NULL) == 0);
    json_compact(buf_slice(&once), &twice);
    must(slice_eq(buf_slice(&once), buf_slice(&twice)));
    json_t *k = parse(buf_slice(&once), &code);
    must((k != NULL) == (j != NULL) && (!j || json_equal(j, k)));
    json_decref(k);
    buf_fini(&once);
    buf_fini(&twice);
}

/* Text that json_check refused: nothing sensible comes of it, but every part lies within. */
static void survive(struct slice text, unsigned depth)
{
    struct slice name, value;
    struct buf out = BUF_INIT;
    struct json_iter it = json_iter(text);
    for (size_t n = 0; depth && json_member(&it, &name, &value); n++) {
        must(n <= text.len && name.p >= text.p && name.p + name.len <= text.p + text.len);
        must(value.p >= text.p && value.p + value.len <= text.p + text.len);
        json_name_is(name, "type");
        survive(value, depth - 1);
    }
    it = json_iter(text);
    for (size_t n = 0; depth && json_element(&it, &value); n++) {
        must(n <= text.len && value.p >= text.p && value.p + value.len <= text.p + text.len);
        survive(value, depth - 1);
    }
    json_unescape(json_string_raw(text), &out);
    json_compact(text, &out);
    buf_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *copy = malloc(size ? size : 1);
    must(copy != NULL);
    memcpy(copy, data, size);
    struct slice text = slice_of(copy, size);
    struct err e;
    enum json_error_code code;
    json_t *j = parse(text, &code);
    int rc = json_check(text, JSON_DEPTH_MAX, &e);
    if (rc == 0)
        must(j || code == json_error_numeric_overflow || code == json_error_null_byte_in_key);
    else
        must(!j || strstr(e.detail, "too deep") || (size && memchr(copy, 0, size)));
    if (rc == 0) {
        struct slice value = text;
        while (value.len && strchr(" \t\r\n", value.p[0]))
            value = slice_of(value.p + 1, value.len - 1);
        while (value.len && strchr(" \t\r\n", value.p[value.len - 1]))
            value.len--;
        compaction_keeps_all(text, j);
        if (j)
            same(value, j);
    } else {
        survive(text, 4);
    }
    json_decref(j);
    free(copy);
    return 0;
}
