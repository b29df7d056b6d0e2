/* Schemas: the first line is a schema, the rest a value. A check says the same twice, leaves no
 * trace on others, and a value never matches both a schema and its negation. */
#include "base/buf.h"
#include "json/scan.h"
#include "json/schema.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool right)
{
    if (!right)
        abort();
}

static struct schema *compile(struct slice text)
{
    struct schema *schema;
    struct err e = {0};
    int rc = schema_compile(text, &schema, &e);
    must(rc == 0 ? schema != NULL : rc == ERR_BAD_REQUEST && !schema && e.detail[0]);
    return schema;
}

/* References lead elsewhere when their schema moves. */
static bool has_reference(struct slice text)
{
    for (size_t i = 0; i + 3 <= text.len; i++)
        if (memcmp(text.p + i, "ref", 3) == 0 || text.p[i] == '\\')
            return true;
    return false;
}

static int check(const struct schema *schema, struct slice value)
{
    struct err e = {0};
    int rc = schema_check(schema, value, &e);
    must(rc == 0 || (rc == ERR_SCHEMA_MISMATCH && e.code == rc && e.detail[0]));
    must(schema_check(schema, value, NULL) == rc);
    return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice value = slice_of((const char *)data, size), text = slice_cut(&value, '\n');
    struct schema *schema = compile(text);
    if (!schema)
        return 0;
    if (value.p && json_check(value, JSON_DEPTH_MAX, NULL) == 0) {
        struct buf negated = BUF_INIT;
        int rc = check(schema, value);
        buf_addf(&negated, "{\"not\":%.*s}", SLICE_FMT(text));
        /* It may be nested too deep now. */
        struct schema *other = has_reference(text) ? NULL : compile(buf_slice(&negated));
        if (other)
            must(rc != 0 || check(other, value) != 0);
        schema_free(other);
        buf_fini(&negated);
    }
    schema_free(schema);
    return 0;
}
