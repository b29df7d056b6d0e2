/* Unit tests of json/schema.h: cases in the shape of the official suite (tests/fixtures/schema),
 * the mistakes that compiling names, what a failure says, and that the work is bounded. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fixture.h"
#include "json/scan.h"
#include "json/schema.h"

#include <pthread.h>

static struct slice member(struct slice object, const char *name)
{
    struct slice value = SLICE_NONE;
    assert_true(json_get(object, name, &value));
    return value;
}

static void run_case(const char *file, struct slice group)
{
    struct schema *schema;
    struct err e = {0};
    struct slice title = member(group, "description"), one;
    if (schema_compile(member(group, "schema"), &schema, &e))
        fail_msg("%s: %.*s: %s", file, SLICE_FMT(title), e.detail);
    struct json_iter it = json_iter(member(group, "tests"));
    while (json_element(&it, &one)) {
        struct slice data = member(one, "data");
        bool valid = json_kind(member(one, "valid")) == JSON_TRUE;
        int rc = schema_check(schema, data, &e);
        if (rc != (valid ? 0 : ERR_SCHEMA_MISMATCH))
            fail_msg("%s: %.*s: %.*s should%s be valid: %s", file, SLICE_FMT(title),
                     SLICE_FMT(data), valid ? "" : " not", rc ? e.detail : "it is");
        assert_true(rc == 0 || e.detail[0]);
        assert_int_equal(schema_check(schema, data, NULL), rc);
    }
    schema_free(schema);
}

static void run_file(const char *name, struct slice text)
{
    struct err e = {0};
    if (json_check(text, JSON_DEPTH_MAX, &e))
        fail_msg("%s: %s", name, e.detail);
    struct json_iter it = json_iter(text);
    for (struct slice group; json_element(&it, &group);)
        run_case(name, group);
}

static void every_keyword_means_what_the_specification_says(void **state)
{
    (void)state;
    assert_int_equal(fixture_each("schema", run_file), 12);
}

/* ---- what compiling refuses ---- */

/* The detail of the failure has to hold `names`. */
static void refuses(const char *document, const char *names)
{
    struct schema *schema = NULL;
    struct err e = {0};
    int rc = schema_compile(slice_str(document), &schema, &e);
    if (rc != ERR_BAD_REQUEST)
        fail_msg("taken: %s", document);
    assert_null(schema);
    if (!strstr(e.detail, names))
        fail_msg("%s: \"%s\" doesn't say \"%s\"", document, e.detail, names);
}

static void unsupported_keywords_are_named(void **state)
{
    (void)state;
    static const char *const others[] = {"patternProperties",
                                         "propertyNames",
                                         "contains",
                                         "minContains",
                                         "maxContains",
                                         "if",
                                         "then",
                                         "else",
                                         "dependentRequired",
                                         "dependentSchemas",
                                         "dependencies",
                                         "unevaluatedProperties",
                                         "additionalItems",
                                         "unevaluatedItems",
                                         "$dynamicRef",
                                         "$dynamicAnchor",
                                         "$recursiveRef",
                                         "$vocabulary",
                                         "id",
                                         "minLenght",
                                         "Type",
                                         "divisibleBy",
                                         "formatMinimum",
                                         "nullable",
                                         ""};
    char document[128];
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        char where[64];
        snprintf(document, sizeof document, "{\"%s\":true}", others[i]);
        snprintf(where, sizeof where, "schema #/%s: this keyword is not supported", others[i]);
        refuses(document, where);
        snprintf(document, sizeof document, "{\"properties\":{\"a/b\":{\"items\":{\"%s\":{}}}}}",
                 others[i]);
        snprintf(where, sizeof where, "schema #/properties/a~1b/items/%s: ", others[i]);
        refuses(document, where);
    }
}

static void malformed_keywords_are_named(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"", "schema: "},
        {"{", "schema: "},
        {"[]", "schema #: "},
        {"1", "schema #: "},
        {"{\"type\":\"strin\"}", "#/type"},
        {"{\"type\":[]}", "#/type"},
        {"{\"type\":[\"string\",1]}", "#/type"},
        {"{\"type\":null}", "#/type"},
        {"{\"type\":\"string\",\"type\":\"null\"}", "schema: "},
        {"{\"enum\":{}}", "#/enum"},
        {"{\"enum\":[]}", "#/enum"},
        {"{\"minimum\":\"1\"}", "#/minimum"},
        {"{\"maximum\":null}", "#/maximum"},
        {"{\"maximum\":1e9999999999999999}", "#/maximum"},
        {"{\"exclusiveMinimum\":true}", "#/exclusiveMinimum"},
        {"{\"exclusiveMaximum\":[]}", "#/exclusiveMaximum"},
        {"{\"multipleOf\":0}", "#/multipleOf"},
        {"{\"multipleOf\":-0.0}", "#/multipleOf"},
        {"{\"multipleOf\":-2}", "#/multipleOf"},
        {"{\"multipleOf\":1234567890123456789}", "#/multipleOf"},
        {"{\"minLength\":-1}", "#/minLength"},
        {"{\"maxLength\":1.5}", "#/maxLength"},
        {"{\"minItems\":\"1\"}", "#/minItems"},
        {"{\"maxItems\":1e30}", "#/maxItems"},
        {"{\"minProperties\":null}", "#/minProperties"},
        {"{\"maxProperties\":{}}", "#/maxProperties"},
        {"{\"uniqueItems\":1}", "#/uniqueItems"},
        {"{\"pattern\":1}", "#/pattern"},
        {"{\"pattern\":\"(\"}", "#/pattern: pattern, byte 1"},
        {"{\"format\":\"ipv4\"}", "#/format: supported are"},
        {"{\"format\":1}", "#/format"},
        {"{\"properties\":[]}", "#/properties"},
        {"{\"properties\":{\"a\":1}}", "#/properties/a"},
        {"{\"required\":\"a\"}", "#/required"},
        {"{\"required\":[1]}", "#/required"},
        {"{\"additionalProperties\":1}", "#/additionalProperties"},
        {"{\"items\":[{}]}", "prefixItems"},
        {"{\"prefixItems\":[]}", "#/prefixItems"},
        {"{\"prefixItems\":{}}", "#/prefixItems"},
        {"{\"allOf\":[]}", "#/allOf"},
        {"{\"anyOf\":{}}", "#/anyOf"},
        {"{\"oneOf\":[{},1]}", "#/oneOf/1"},
        {"{\"not\":[]}", "#/not"},
        {"{\"$defs\":[]}", "#/$defs"},
        {"{\"$defs\":{\"a\":{\"contains\":1}}}", "#/$defs/a/contains"},
        {"{\"$id\":1}", "#/$id"},
        {"{\"$schema\":\"http://json-schema.org/draft-07/schema#\"}", "2020-12"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        refuses(cases[i][0], cases[i][1]);
}

static void references_lead_somewhere_within_the_document(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "{\"$ref\":1}",
        "{\"$ref\":\"#/$defs/a\"}",
        "{\"$ref\":\"#a\"}",
        "{\"$anchor\":\"a\",\"items\":{\"$ref\":\"#a\"}}",
        "{\"$ref\":\"https://x.example/s\"}",
        "{\"$ref\":\"other.json#/a\"}",
        "{\"$ref\":\"#/%zz\"}",
        "{\"$ref\":\"#/%\"}",
        "{\"$ref\":\"#/allOf/1\",\"allOf\":[{}]}",
        "{\"items\":{\"$ref\":\"#/allOf/00\"},\"allOf\":[{}]}",
        "{\"items\":{\"$ref\":\"#/allOf/-1\"},\"allOf\":[{}]}",
        "{\"items\":{\"$ref\":\"#/$defs/a~2\"},\"$defs\":{\"a~2\":{}}}",
        "{\"$defs\":{\"a\":{\"$id\":\"b\",\"items\":{\"$ref\":\"#\"}}}}"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        refuses(bad[i], "$ref: ");
}

static void circles_that_go_no_deeper_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "{\"$ref\":\"#\"}", "{\"allOf\":[{\"$ref\":\"#\"}]}",
        "{\"anyOf\":[{},{\"not\":{\"$ref\":\"#\"}}]}",
        "{\"oneOf\":[{\"$ref\":\"#/allOf/0\"}],\"allOf\":[{\"$ref\":\"#/oneOf/0\"}]}",
        "{\"properties\":{\"x\":{\"not\":{\"$ref\":\"#/properties/x\"}}}}"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        refuses(bad[i], "refers to itself");
    struct buf text = BUF_INIT; /* a0 -> a1 -> ... */
    for (int n = 60; n <= 70; n += 10) {
        buf_reset(&text);
        buf_add_str(&text, "{\"$defs\":{");
        for (int i = 0; i < n; i++)
            buf_addf(&text, "\"a%d\":{\"$ref\":\"#/$defs/a%d\"},", i, i + 1);
        buf_addf(&text, "\"a%d\":{\"type\":\"string\"}},\"$ref\":\"#/$defs/a0\"}", n);
        struct schema *schema = NULL;
        struct err e;
        assert_int_equal(schema_compile(buf_slice(&text), &schema, &e),
                         n == 60 ? 0 : ERR_BAD_REQUEST);
        if (schema) {
            assert_int_equal(schema_check(schema, SLICE_LIT("\"x\""), NULL), 0);
            assert_int_equal(schema_check(schema, SLICE_LIT("1"), NULL), ERR_SCHEMA_MISMATCH);
        }
        schema_free(schema);
    }
    buf_fini(&text);
}

/* ---- what a failure says ---- */

static void says(const char *document, const char *value, const char *detail)
{
    struct schema *schema;
    struct err e = {0};
    assert_int_equal(schema_compile(slice_str(document), &schema, &e), 0);
    assert_int_equal(json_check(slice_str(value), JSON_DEPTH_MAX, &e), 0);
    assert_int_equal(schema_check(schema, slice_str(value), &e), ERR_SCHEMA_MISMATCH);
    assert_int_equal(e.code, ERR_SCHEMA_MISMATCH);
    assert_string_equal(e.detail, detail);
    schema_free(schema);
}

static void a_failure_says_where_in_the_value_and_which_keyword(void **state)
{
    (void)state;
    says("{\"type\":\"object\"}", " 1 ", "at \"\": type fails (#/type)");
    says("{\"properties\":{\"a/b\":{\"items\":{\"minimum\":3}}}}", "{\"a/b\":[3,2]}",
         "at \"/a~1b/1\": minimum fails (#/properties/a~1b/items/minimum)");
    says("{\"required\":[\"b\",\"a\"]}", "{\"b\":1}",
         "at \"\": required fails without a (#/required)");
    says("{\"additionalProperties\":false}", "{\"secret~\":\"payload\"}",
         "at \"/secret~0\": the schema false fails (#/additionalProperties)");
    says("{\"items\":{\"$ref\":\"#/$defs/n\"},\"$defs\":{\"n\":{\"multipleOf\":2}}}", "[2,3]",
         "at \"/1\": multipleOf fails (#/$defs/n/multipleOf)");
    says("{\"anyOf\":[{\"type\":\"null\"},{\"type\":\"string\"}]}", "1",
         "at \"\": anyOf fails (#/anyOf)");
    says("{\"items\":{\"pattern\":\"^a$\"}}", "[\"a\",\"payload\"]",
         "at \"/1\": pattern fails (#/items/pattern)");
}

static void a_long_way_is_cut_between_characters(void **state)
{
    (void)state;
    struct buf value = BUF_INIT;
    buf_add_str(&value, "{\"");
    for (int i = 0; i < 100; i++)
        buf_add_str(&value, "\xc3\xa4");
    buf_add_str(&value, "\":1}");
    struct schema *schema;
    struct err e = {0};
    assert_int_equal(
        schema_compile(SLICE_LIT("{\"additionalProperties\":{\"type\":\"null\"}}"), &schema, &e),
        0);
    assert_int_equal(schema_check(schema, buf_slice(&value), &e), ERR_SCHEMA_MISMATCH);
    assert_non_null(strstr(e.detail, "\xc3\xa4...\": type fails (#/additionalProperties/type)"));
    buf_fini(&value);
    schema_free(schema);
}

/* ---- bounds ---- */

static void the_work_of_a_check_is_bounded(void **state)
{
    (void)state;
    /* each level asks for the next one twice: 2^20 ways */
    struct buf text = BUF_INIT;
    buf_add_str(&text, "{\"$defs\":{");
    for (int i = 0; i < 20; i++)
        buf_addf(&text,
                 "\"a%d\":{\"allOf\":[{\"$ref\":\"#/$defs/a%d\"},{\"$ref\":\"#/$defs/a%d\"}]},", i,
                 i + 1, i + 1);
    buf_add_str(&text, "\"a20\":{}},\"not\":{\"$ref\":\"#/$defs/a0\"}}");
    struct schema *schema;
    struct err e = {0};
    assert_int_equal(schema_compile(buf_slice(&text), &schema, &e), 0);
    assert_int_equal(schema_check(schema, SLICE_LIT("1"), &e), ERR_SCHEMA_MISMATCH);
    assert_non_null(strstr(e.detail, "too"));
    schema_free(schema);
    buf_fini(&text);
}

static void a_pattern_that_takes_too_long_fails_also_under_not(void **state)
{
    (void)state;
    struct schema *schema;
    struct err e = {0};
    struct slice slow = SLICE_LIT("\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaX\"");
    assert_int_equal(schema_compile(SLICE_LIT("{\"pattern\":\"^(a+)+$\"}"), &schema, &e), 0);
    assert_int_equal(schema_check(schema, slow, &e), ERR_SCHEMA_MISMATCH);
    assert_non_null(strstr(e.detail, "too long"));
    schema_free(schema);
    assert_int_equal(schema_compile(SLICE_LIT("{\"not\":{\"pattern\":\"^(a+)+$\"}}"), &schema, &e),
                     0);
    assert_int_equal(schema_check(schema, slow, &e), ERR_SCHEMA_MISMATCH);
    assert_int_equal(schema_check(schema, SLICE_LIT("\"b\""), &e), 0);
    schema_free(schema);
}

static void uniqueness_of_many_items_is_quick(void **state)
{
    (void)state;
    struct buf value = BUF_INIT;
    buf_add_char(&value, '[');
    for (int i = 0; i < 50000; i++)
        buf_addf(&value, "%d,", i);
    size_t end = value.len;
    buf_add_str(&value, "50000]");
    struct schema *schema;
    struct err e = {0};
    assert_int_equal(schema_compile(SLICE_LIT("{\"uniqueItems\":true}"), &schema, &e), 0);
    assert_int_equal(schema_check(schema, buf_slice(&value), &e), 0);
    value.len = end;
    buf_add_str(&value, "77]");
    assert_int_equal(schema_check(schema, buf_slice(&value), &e), ERR_SCHEMA_MISMATCH);
    schema_free(schema);
    buf_fini(&value);
}

static void numbers_beyond_comparing_fail_only_where_they_are_compared(void **state)
{
    (void)state;
    struct schema *schema;
    struct err e = {0};
    struct slice huge = SLICE_LIT("1e9999999999999999");
    assert_int_equal(schema_compile(SLICE_LIT("{\"type\":\"number\"}"), &schema, &e), 0);
    assert_int_equal(schema_check(schema, huge, &e), 0);
    schema_free(schema);
    assert_int_equal(schema_compile(SLICE_LIT("{\"not\":{\"maximum\":1}}"), &schema, &e), 0);
    assert_int_equal(schema_check(schema, huge, &e), ERR_SCHEMA_MISMATCH);
    schema_free(schema);
    assert_int_equal(schema_compile(SLICE_LIT("{\"type\":\"integer\"}"), &schema, &e), 0);
    assert_int_equal(schema_check(schema, huge, &e), ERR_SCHEMA_MISMATCH);
    schema_free(schema);
}

static void deep_values_and_deep_schemas_are_walked(void **state)
{
    (void)state;
    char value[2 * JSON_DEPTH_MAX + 2] = {0};
    memset(value, '[', JSON_DEPTH_MAX);
    memset(value + JSON_DEPTH_MAX, ']', JSON_DEPTH_MAX);
    struct schema *schema;
    struct err e = {0};
    assert_int_equal(
        schema_compile(SLICE_LIT("{\"type\":\"array\",\"items\":{\"$ref\":\"#\"}}"), &schema, &e),
        0);
    assert_int_equal(schema_check(schema, slice_str(value), &e), 0);
    schema_free(schema);
    struct buf text = BUF_INIT;
    for (unsigned depth = SCHEMA_DEPTH_MAX - 1; depth <= SCHEMA_DEPTH_MAX; depth++) {
        buf_reset(&text);
        for (unsigned i = 0; i < depth; i++)
            buf_add_str(&text, "{\"items\":");
        buf_add_str(&text, "{}");
        for (unsigned i = 0; i < depth; i++)
            buf_add_char(&text, '}');
        schema = NULL;
        assert_int_equal(schema_compile(buf_slice(&text), &schema, &e),
                         depth < SCHEMA_DEPTH_MAX ? 0 : ERR_BAD_REQUEST);
        schema_free(schema);
    }
    buf_fini(&text);
}

static void *check_often(void *arg)
{
    struct err e;
    for (int i = 0; i < 2000; i++)
        if (schema_check(arg, SLICE_LIT("{\"a\":[\"x1\",\"x2\"]}"), &e) ||
            !schema_check(arg, SLICE_LIT("{\"a\":[\"x1\",\"x1\"]}"), &e))
            return arg;
    return NULL;
}

static void one_schema_serves_several_threads(void **state)
{
    (void)state;
    struct schema *schema;
    assert_int_equal(
        schema_compile(SLICE_LIT("{\"properties\":{\"a\":{\"uniqueItems\":true,\"items\":{"
                                 "\"pattern\":\"^x[0-9]$\"}}},\"required\":[\"a\"]}"),
                       &schema, NULL),
        0);
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, check_often, schema), 0);
    for (int i = 0; i < 4; i++) {
        void *bad;
        assert_int_equal(pthread_join(threads[i], &bad), 0);
        assert_null(bad);
    }
    schema_free(schema);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_keyword_means_what_the_specification_says),
        cmocka_unit_test(unsupported_keywords_are_named),
        cmocka_unit_test(malformed_keywords_are_named),
        cmocka_unit_test(references_lead_somewhere_within_the_document),
        cmocka_unit_test(circles_that_go_no_deeper_are_refused),
        cmocka_unit_test(a_failure_says_where_in_the_value_and_which_keyword),
        cmocka_unit_test(a_long_way_is_cut_between_characters),
        cmocka_unit_test(the_work_of_a_check_is_bounded),
        cmocka_unit_test(a_pattern_that_takes_too_long_fails_also_under_not),
        cmocka_unit_test(uniqueness_of_many_items_is_quick),
        cmocka_unit_test(numbers_beyond_comparing_fail_only_where_they_are_compared),
        cmocka_unit_test(deep_values_and_deep_schemas_are_walked),
        cmocka_unit_test(one_schema_serves_several_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
