#include "json/schema_own.h"

#include <stdlib.h>

#define DRAFT "https://json-schema.org/draft/2020-12/schema"

/* ---- helpers ---- */

int schema_no_memory(struct compiler *c)
{
    return err_set(c->e, ERR_INTERNAL, "no memory");
}

/* Refuses what stands at c->where. */
int schema_bad(struct compiler *c, const char *what)
{
    return err_set(c->e, ERR_BAD_REQUEST, "schema %s: %s", buf_cstr(&c->where), what);
}

/* Goes into a member or an element; returns where to come back to. */
static size_t enter(struct compiler *c, struct slice raw_name)
{
    size_t back = c->where.len;
    buf_add_char(&c->where, '/');
    for (size_t i = 0; i < raw_name.len; i++) {
        if (raw_name.p[i] == '~' || raw_name.p[i] == '/')
            buf_add_str(&c->where, raw_name.p[i] == '~' ? "~0" : "~1");
        else
            buf_add_char(&c->where, raw_name.p[i]);
    }
    return back;
}

static size_t enter_index(struct compiler *c, size_t index)
{
    size_t back = c->where.len;
    buf_add_char(&c->where, '/');
    buf_add_u64(&c->where, index);
    return back;
}

static void leave(struct compiler *c, size_t back)
{
    if (back <= c->where.len)
        c->where.len = back;
}

/* Returns new and NUL-terminated; NULL for no memory. */
char *schema_unescape(struct slice raw, size_t *len)
{
    struct buf text = BUF_INIT;
    json_unescape(raw, &text);
    *len = text.len;
    char *copy = text.failed ? NULL : slice_dup(buf_slice(&text));
    buf_fini(&text);
    return copy;
}

static int add_node(struct compiler *c, struct nodes *list, struct node *n)
{
    struct node **grown = realloc(list->at, (list->count + 1) * sizeof *grown);
    if (!grown)
        return schema_no_memory(c);
    list->at = grown;
    list->at[list->count++] = n;
    return 0;
}

/* ---- keywords ---- */

static int k_annotation(struct compiler *c, struct node *n, struct slice value)
{
    return 0;
}

static int k_schema(struct compiler *c, struct node *n, struct slice value)
{
    struct slice raw = json_string_raw(value);
    return json_kind(value) == JSON_STRING &&
                   (json_name_is(raw, DRAFT) || json_name_is(raw, DRAFT "#"))
               ? 0
               : schema_bad(c, "only draft 2020-12 is supported");
}

static int k_id(struct compiler *c, struct node *n, struct slice value)
{
    return json_kind(value) == JSON_STRING ? 0 : schema_bad(c, "needs a text");
}

static int type_bits(struct compiler *c, struct slice value, unsigned *bits)
{
    static const struct {
        const char *name;
        unsigned bits;
    } types[] = {{"null", TYPE_OF(JSON_NULL)},
                 {"boolean", TYPE_OF(JSON_TRUE) | TYPE_OF(JSON_FALSE)},
                 {"object", TYPE_OF(JSON_OBJECT)},
                 {"array", TYPE_OF(JSON_ARRAY)},
                 {"number", TYPE_OF(JSON_NUMBER) | TYPE_INTEGER},
                 {"string", TYPE_OF(JSON_STRING)},
                 {"integer", TYPE_INTEGER}};
    for (size_t i = 0; json_kind(value) == JSON_STRING && i < sizeof types / sizeof *types; i++) {
        if (json_name_is(json_string_raw(value), types[i].name)) {
            *bits |= types[i].bits;
            return 0;
        }
    }
    return schema_bad(
        c, "is null, boolean, object, array, number, string or integer, or a list of them");
}

static int k_type(struct compiler *c, struct node *n, struct slice value)
{
    n->types = 0;
    if (json_kind(value) != JSON_ARRAY)
        return type_bits(c, value, &n->types);
    struct json_iter it = json_iter(value);
    int rc = 0;
    for (struct slice one; !rc && json_element(&it, &one);)
        rc = type_bits(c, one, &n->types);
    return rc ? rc : n->types ? 0 : schema_bad(c, "needs at least one type");
}

static int k_enum(struct compiler *c, struct node *n, struct slice value)
{
    struct json_iter it = json_iter(value);
    struct slice one;
    if (json_kind(value) != JSON_ARRAY || !json_element(&it, &one))
        return schema_bad(c, "needs a list of at least one value");
    n->has_enum = true;
    n->choices = value;
    return 0;
}

static int k_const(struct compiler *c, struct node *n, struct slice value)
{
    n->has_const = true;
    n->constant = value;
    return 0;
}

static int number(struct compiler *c, struct node *n, struct slice value, enum bound bound,
                  struct dec *out)
{
    if (json_kind(value) != JSON_NUMBER || !dec_parse(value, out))
        return schema_bad(c, "needs a number with an exponent of at most 15 digits");
    n->bounds |= bound;
    return 0;
}

static int k_minimum(struct compiler *c, struct node *n, struct slice value)
{
    return number(c, n, value, BOUND_MIN, &n->min);
}

static int k_maximum(struct compiler *c, struct node *n, struct slice value)
{
    return number(c, n, value, BOUND_MAX, &n->max);
}

static int k_exclusive_minimum(struct compiler *c, struct node *n, struct slice value)
{
    return number(c, n, value, BOUND_XMIN, &n->xmin);
}

static int k_exclusive_maximum(struct compiler *c, struct node *n, struct slice value)
{
    return number(c, n, value, BOUND_XMAX, &n->xmax);
}

static int k_multiple_of(struct compiler *c, struct node *n, struct slice value)
{
    int rc = number(c, n, value, BOUND_MULTIPLE, &n->multiple);
    if (rc)
        return rc;
    return n->multiple.count && !n->multiple.negative && n->multiple.count <= DEC_DIVISOR_DIGITS
               ? 0
               : schema_bad(c, "needs a number above 0 with at most 18 digits");
}

static int count(struct compiler *c, struct slice value, uint64_t *out)
{
    struct dec d;
    return json_kind(value) == JSON_NUMBER && dec_parse(value, &d) && dec_is_integer(&d) &&
                   dec_floor_u64(&d, 0, UINT64_MAX - 1, out)
               ? 0
               : schema_bad(c, "needs a whole number from 0 on");
}

static int k_min_length(struct compiler *c, struct node *n, struct slice value)
{
    return count(c, value, &n->chars_min);
}

static int k_max_length(struct compiler *c, struct node *n, struct slice value)
{
    return count(c, value, &n->chars_max);
}

static int k_min_items(struct compiler *c, struct node *n, struct slice value)
{
    return count(c, value, &n->items_min);
}

static int k_max_items(struct compiler *c, struct node *n, struct slice value)
{
    return count(c, value, &n->items_max);
}

static int k_min_properties(struct compiler *c, struct node *n, struct slice value)
{
    return count(c, value, &n->props_min);
}

static int k_max_properties(struct compiler *c, struct node *n, struct slice value)
{
    return count(c, value, &n->props_max);
}

static int k_unique_items(struct compiler *c, struct node *n, struct slice value)
{
    n->unique = json_kind(value) == JSON_TRUE;
    return n->unique || json_kind(value) == JSON_FALSE ? 0 : schema_bad(c, "is true or false");
}

static int k_pattern(struct compiler *c, struct node *n, struct slice value)
{
    struct err why = {0};
    size_t len;
    if (json_kind(value) != JSON_STRING)
        return schema_bad(c, "needs a text");
    char *text = schema_unescape(json_string_raw(value), &len);
    if (!text)
        return schema_no_memory(c);
    int rc = regex_compile(slice_of(text, len), &n->pattern, &why);
    free(text);
    return rc == ERR_BAD_REQUEST ? schema_bad(c, why.detail) : rc ? schema_no_memory(c) : 0;
}

static int k_format(struct compiler *c, struct node *n, struct slice value)
{
    static const char *const names[] = {"", "date-time", "uuid", "email", "uri"};
    for (unsigned i = FORMAT_DATE_TIME; json_kind(value) == JSON_STRING && i <= FORMAT_URI; i++) {
        if (json_name_is(json_string_raw(value), names[i])) {
            n->format = (enum format)i;
            return 0;
        }
    }
    return schema_bad(c, "supported are date-time, uuid, email and uri");
}

/* Adds what the schema says about a property. */
static int add_property(struct compiler *c, struct node *n, struct slice raw, struct node *sub,
                        bool required)
{
    struct property *grown = realloc(n->props, (n->prop_count + 1) * sizeof *grown);
    if (!grown)
        return schema_no_memory(c);
    n->props = grown;
    size_t len;
    char *name = schema_unescape(raw, &len);
    if (!name)
        return schema_no_memory(c);
    n->props[n->prop_count++] = (struct property){slice_of(name, len), sub, required};
    return 0;
}

static int k_properties(struct compiler *c, struct node *n, struct slice value)
{
    if (json_kind(value) != JSON_OBJECT)
        return schema_bad(c, "needs an object of schemas");
    struct json_iter it = json_iter(value);
    int rc = 0;
    for (struct slice name, one; !rc && json_member(&it, &name, &one);) {
        struct node *sub;
        size_t back = enter(c, name);
        rc = schema_node(c, one, &sub);
        if (!rc)
            rc = add_property(c, n, name, sub, false);
        leave(c, back);
    }
    return rc;
}

static int k_required(struct compiler *c, struct node *n, struct slice value)
{
    if (json_kind(value) != JSON_ARRAY)
        return schema_bad(c, "needs a list of names");
    struct json_iter it = json_iter(value);
    int rc = 0;
    for (struct slice one; !rc && json_element(&it, &one);)
        rc = json_kind(one) == JSON_STRING ? add_property(c, n, json_string_raw(one), NULL, true)
                                           : schema_bad(c, "needs a list of names");
    return rc;
}

static int k_additional_properties(struct compiler *c, struct node *n, struct slice value)
{
    return schema_node(c, value, &n->additional);
}

static int k_items(struct compiler *c, struct node *n, struct slice value)
{
    if (json_kind(value) == JSON_ARRAY)
        return schema_bad(c, "is one schema; a list of them is prefixItems");
    return schema_node(c, value, &n->items);
}

static int k_not(struct compiler *c, struct node *n, struct slice value)
{
    return schema_node(c, value, &n->not );
}

static int schema_list(struct compiler *c, struct slice value, struct nodes *out)
{
    struct json_iter it = json_iter(value);
    int rc = 0;
    for (struct slice one; json_kind(value) == JSON_ARRAY && !rc && json_element(&it, &one);) {
        struct node *sub;
        size_t back = enter_index(c, out->count);
        rc = schema_node(c, one, &sub);
        leave(c, back);
        if (!rc)
            rc = add_node(c, out, sub);
    }
    return rc ? rc : out->count ? 0 : schema_bad(c, "needs a list of at least one schema");
}

static int k_prefix_items(struct compiler *c, struct node *n, struct slice value)
{
    return schema_list(c, value, &n->prefix);
}

static int k_all_of(struct compiler *c, struct node *n, struct slice value)
{
    return schema_list(c, value, &n->all);
}

static int k_any_of(struct compiler *c, struct node *n, struct slice value)
{
    return schema_list(c, value, &n->any);
}

static int k_one_of(struct compiler *c, struct node *n, struct slice value)
{
    return schema_list(c, value, &n->one);
}

/* Definitions are compiled also when nothing refers to them: their mistakes are mistakes. */
static int k_defs(struct compiler *c, struct node *n, struct slice value)
{
    if (json_kind(value) != JSON_OBJECT)
        return schema_bad(c, "needs an object of schemas");
    struct json_iter it = json_iter(value);
    int rc = 0;
    for (struct slice name, one; !rc && json_member(&it, &name, &one);) {
        struct node *sub;
        size_t back = enter(c, name);
        rc = schema_node(c, one, &sub);
        leave(c, back);
    }
    return rc;
}

static int k_ref(struct compiler *c, struct node *n, struct slice value)
{
    if (json_kind(value) != JSON_STRING)
        return schema_bad(c, "needs a text");
    if (c->embedded)
        return schema_bad(c, "below an $id of its own, where it would refer to another document");
    if (c->ref_count == c->ref_cap) {
        size_t cap = c->ref_cap ? c->ref_cap * 2 : 16;
        struct pending *grown = realloc(c->refs, cap * sizeof *grown);
        if (!grown)
            return schema_no_memory(c);
        c->refs = grown;
        c->ref_cap = cap;
    }
    c->refs[c->ref_count++] = (struct pending){n, json_string_raw(value), n->where};
    return 0;
}

struct keyword {
    const char *name;
    int (*compile)(struct compiler *c, struct node *n, struct slice value);
};

static const struct keyword keywords[] = {
    {"$schema", k_schema},
    {"$id", k_id},
    {"$ref", k_ref},
    {"$defs", k_defs},
    {"definitions", k_defs},
    {"type", k_type},
    {"enum", k_enum},
    {"const", k_const},
    {"minimum", k_minimum},
    {"maximum", k_maximum},
    {"exclusiveMinimum", k_exclusive_minimum},
    {"exclusiveMaximum", k_exclusive_maximum},
    {"multipleOf", k_multiple_of},
    {"minLength", k_min_length},
    {"maxLength", k_max_length},
    {"pattern", k_pattern},
    {"format", k_format},
    {"properties", k_properties},
    {"required", k_required},
    {"additionalProperties", k_additional_properties},
    {"minProperties", k_min_properties},
    {"maxProperties", k_max_properties},
    {"items", k_items},
    {"prefixItems", k_prefix_items},
    {"minItems", k_min_items},
    {"maxItems", k_max_items},
    {"uniqueItems", k_unique_items},
    {"allOf", k_all_of},
    {"anyOf", k_any_of},
    {"oneOf", k_one_of},
    {"not", k_not},
    {"$comment", k_annotation},
    {"$anchor", k_annotation}, /* a $ref to it is refused */
    {"title", k_annotation},
    {"description", k_annotation},
    {"default", k_annotation},
    {"examples", k_annotation},
    {"deprecated", k_annotation},
    {"readOnly", k_annotation},
    {"writeOnly", k_annotation},
    {"contentEncoding", k_annotation},
    {"contentMediaType", k_annotation},
    {"contentSchema", k_annotation},
};

static int compile_keyword(struct compiler *c, struct node *n, struct slice name,
                           struct slice value)
{
    if (slice_starts(name, "x-"))
        return 0;
    for (size_t i = 0; i < sizeof keywords / sizeof *keywords; i++)
        if (json_name_is(name, keywords[i].name))
            return keywords[i].compile(c, n, value);
    return schema_bad(c, "this keyword is not supported, and would go unchecked");
}

/* ---- nodes ---- */

static int by_name(const void *a, const void *b)
{
    return slice_cmp(((const struct property *)a)->name, ((const struct property *)b)->name);
}

/* Sorts the properties and makes one of those with the same name. */
static void merge_properties(struct node *n)
{
    if (!n->prop_count)
        return;
    qsort(n->props, n->prop_count, sizeof *n->props, by_name);
    size_t kept = 0;
    for (size_t i = 1; i < n->prop_count; i++) {
        struct property *last = &n->props[kept], *p = &n->props[i];
        if (!slice_eq(last->name, p->name)) {
            n->props[++kept] = *p;
            continue;
        }
        last->node = last->node ? last->node : p->node;
        last->required |= p->required;
        free((char *)(uintptr_t)p->name.p);
    }
    n->prop_count = kept + 1;
    for (size_t i = 0; i < n->prop_count; i++)
        n->required_count += n->props[i].required;
}

/* Where a value stands in the document, as a key of by_place. */
struct slice schema_place_key(const struct compiler *c, struct slice source, size_t *at)
{
    *at = (size_t)(source.p - c->document.p);
    return slice_of((const char *)at, sizeof *at);
}

static struct node *new_node(struct compiler *c, struct slice source)
{
    size_t at;
    struct node *n = calloc(1, sizeof *n);
    if (!n)
        return NULL;
    n->next = c->schema->all;
    c->schema->all = n;
    n->source = source;
    n->types = TYPE_ALL;
    n->chars_max = n->items_max = n->props_max = UINT64_MAX;
    n->where = slice_dup(buf_slice(&c->where));
    if (!n->where || c->where.failed || map_put(&c->by_place, schema_place_key(c, source, &at), n))
        return NULL;
    return n;
}

static int compile_members(struct compiler *c, struct node *n)
{
    struct json_iter it = json_iter(n->source);
    int rc = 0;
    for (struct slice name, value; !rc && json_member(&it, &name, &value);) {
        size_t back = enter(c, name);
        rc = compile_keyword(c, n, name, value);
        leave(c, back);
    }
    merge_properties(n);
    return rc;
}

int schema_node(struct compiler *c, struct slice source, struct node **out)
{
    enum json_kind kind = json_kind(source);
    *out = NULL;
    if (kind != JSON_OBJECT && kind != JSON_TRUE && kind != JSON_FALSE)
        return schema_bad(c, "a schema is an object, true or false");
    struct node *n = new_node(c, source);
    if (!n)
        return schema_no_memory(c);
    *out = n;
    n->never = kind == JSON_FALSE;
    if (kind != JSON_OBJECT)
        return 0;
    struct slice id;
    bool has_id = json_get(source, "$id", &id), embedded = has_id && source.p != c->document.p;
    if (has_id && !embedded)
        c->id = json_string_raw(id);
    c->embedded += embedded;
    int rc = compile_members(c, n);
    c->embedded -= embedded;
    return rc;
}

/* ---- the whole ---- */

static int compile_all(struct compiler *c)
{
    buf_add_char(&c->where, '#');
    int rc = schema_node(c, c->document, &c->schema->root);
    if (!rc)
        rc = schema_resolve(c);
    return rc ? rc : schema_find_circles(c);
}

int schema_compile(struct slice document, struct schema **out, struct err *e)
{
    struct err why = {0};
    *out = NULL;
    if (document.len > SCHEMA_BYTES_MAX)
        return err_set(e, ERR_BAD_REQUEST, "schema: over %d bytes", SCHEMA_BYTES_MAX);
    if (json_check(document, SCHEMA_DEPTH_MAX, &why))
        return err_set(e, ERR_BAD_REQUEST, "schema: %s", why.detail);
    struct compiler c = {.where = BUF_INIT, .e = e};
    struct buf text = BUF_INIT;
    int rc = ERR_INTERNAL;
    json_compact(document, &text);
    c.schema = calloc(1, sizeof *c.schema);
    map_init(&c.by_place, 0, 0);
    if (c.schema && !text.failed && (c.schema->text = slice_dup(buf_slice(&text)))) {
        c.document = slice_of(c.schema->text, text.len);
        rc = compile_all(&c);
    } else {
        err_set(e, rc, "no memory");
    }
    buf_fini(&text);
    buf_fini(&c.where);
    map_fini(&c.by_place);
    free(c.refs);
    if (rc)
        schema_free(c.schema);
    else
        *out = c.schema;
    return rc;
}

static void free_node(struct node *n)
{
    for (size_t i = 0; i < n->prop_count; i++)
        free((char *)(uintptr_t)n->props[i].name.p);
    free(n->props);
    free(n->prefix.at);
    free(n->all.at);
    free(n->any.at);
    free(n->one.at);
    regex_free(n->pattern);
    free(n->where);
    free(n);
}

void schema_free(struct schema *schema)
{
    if (!schema)
        return;
    for (struct node *n = schema->all, *next; n; n = next) {
        next = n->next;
        free_node(n);
    }
    free(schema->text);
    free(schema);
}
