#include "json/schema_own.h"

#include "json/schema_format.h"
#include "json/value.h"

#include <stdlib.h>

/* A check may take this many steps, and so many more for each byte of the value; applying a schema
 * to a value takes one, and one for each so many bytes it has to walk over. */
#define STEPS_BASE 1000000u
#define STEPS_PER_BYTE 64u
#define BYTES_PER_STEP 16u
#define POINTER_MAX 100 /* bytes of a pointer into the value that are told */

/* Where in the value we are: the way up to its root. */
struct place {
    const struct place *up;
    struct slice name; /* raw, of a member; p NULL: an element */
    size_t index;
};

struct check {
    uint64_t steps;
    struct buf text; /* of the string at hand, unescaped */
    struct err *e;   /* NULL inside anyOf and the like: a failure there is not the answer */
    int code;        /* ERR_INTERNAL, or a check that has to end at once */
};

static bool check_node(struct check *c, const struct node *n, struct slice value,
                       const struct place *at);

/* ---- saying where ---- */

/* Writes the pointer's token: names keep their JSON escapes, so no control character is written. */
static void put_token(struct buf *out, struct slice name)
{
    for (size_t i = 0; i < name.len; i++) {
        if (name.p[i] == '~' || name.p[i] == '/')
            buf_add_str(out, name.p[i] == '~' ? "~0" : "~1");
        else
            buf_add_char(out, name.p[i]);
    }
}

static void put_place(struct buf *out, const struct place *at)
{
    if (!at->up)
        return;
    put_place(out, at->up);
    buf_add_char(out, '/');
    if (at->name.p)
        put_token(out, at->name);
    else
        buf_add_u64(out, at->index);
}

/* Notes the failure of a keyword, the innermost one first; returns false. missing: the name of a
 * required member, p NULL otherwise. */
static bool fail_for(struct check *c, const struct node *n, const char *keyword,
                     struct slice missing, const struct place *at)
{
    if (!c->e || c->e->code)
        return false;
    struct buf where = BUF_INIT;
    put_place(&where, at);
    size_t len = where.len;
    if (len > POINTER_MAX) /* cut between characters */
        for (len = POINTER_MAX; len && ((unsigned char)where.p[len] & 0xc0) == 0x80;)
            len--;
    const char *tail = n->never ? "" : keyword;
    err_set(c->e, ERR_SCHEMA_MISMATCH, "at \"%.*s%s\": %s fails%s%.*s (%s%s%s)", (int)len,
            len ? where.p : "", len < where.len ? "..." : "", keyword, missing.p ? " without " : "",
            SLICE_FMT(missing), n->where, *tail ? "/" : "", tail);
    buf_fini(&where);
    return false;
}

static bool fail(struct check *c, const struct node *n, const char *keyword, const struct place *at)
{
    return fail_for(c, n, keyword, SLICE_NONE, at);
}

static bool stop(struct check *c, int code, const char *why)
{
    if (!c->code) {
        c->code = code;
        if (c->e)
            c->e->code = 0;
        err_set(c->e, code, "%s", why);
    }
    return false;
}

/* False, and the check ends, when all steps are spent: nothing that was compared counts then. */
static bool may_go_on(struct check *c)
{
    return c->steps || stop(c, ERR_SCHEMA_MISMATCH, "the check takes too many steps");
}

/* ---- numbers and strings ---- */

static bool check_number(struct check *c, const struct node *n, struct slice value,
                         const struct place *at)
{
    struct dec d;
    if (!n->bounds)
        return true;
    if (!dec_parse(value, &d))
        return stop(c, ERR_SCHEMA_MISMATCH, "a number has an exponent of more than 15 digits");
    if ((n->bounds & BOUND_MIN) && dec_cmp(&d, &n->min) < 0)
        return fail(c, n, "minimum", at);
    if ((n->bounds & BOUND_MAX) && dec_cmp(&d, &n->max) > 0)
        return fail(c, n, "maximum", at);
    if ((n->bounds & BOUND_XMIN) && dec_cmp(&d, &n->xmin) <= 0)
        return fail(c, n, "exclusiveMinimum", at);
    if ((n->bounds & BOUND_XMAX) && dec_cmp(&d, &n->xmax) >= 0)
        return fail(c, n, "exclusiveMaximum", at);
    if ((n->bounds & BOUND_MULTIPLE) && !dec_is_multiple(&d, &n->multiple))
        return fail(c, n, "multipleOf", at);
    return true;
}

static bool format_ok(enum format format, struct slice text)
{
    switch (format) {
    case FORMAT_DATE_TIME:
        return schema_format_is_date_time(text);
    case FORMAT_UUID:
        return schema_format_is_uuid(text);
    case FORMAT_EMAIL:
        return schema_format_is_email(text);
    case FORMAT_URI:
        return schema_format_is_uri(text);
    case FORMAT_NONE:
        break;
    }
    return true;
}

static bool check_text(struct check *c, const struct node *n, struct slice raw,
                       const struct place *at)
{
    if (!n->pattern && n->format == FORMAT_NONE)
        return true;
    buf_reset(&c->text);
    json_unescape(raw, &c->text);
    if (c->text.failed)
        return stop(c, ERR_INTERNAL, "no memory");
    struct slice text = buf_slice(&c->text);
    if (!format_ok(n->format, text))
        return fail(c, n, "format", at);
    enum regex_verdict verdict = n->pattern ? regex_search(n->pattern, text) : REGEX_YES;
    if (verdict == REGEX_TOO_COSTLY)
        return stop(c, ERR_SCHEMA_MISMATCH, "a pattern takes too long on this text");
    return verdict == REGEX_YES || fail(c, n, "pattern", at);
}

static bool check_string(struct check *c, const struct node *n, struct slice value,
                         const struct place *at)
{
    struct slice raw = json_string_raw(value);
    if (n->chars_min || n->chars_max != UINT64_MAX) {
        uint64_t chars = value_chars(raw);
        if (chars < n->chars_min)
            return fail(c, n, "minLength", at);
        if (chars > n->chars_max)
            return fail(c, n, "maxLength", at);
    }
    return check_text(c, n, raw, at);
}

/* ---- arrays ---- */

struct hashed {
    uint64_t hash;
    struct slice value;
};

static int by_hash(const void *a, const void *b)
{
    uint64_t x = ((const struct hashed *)a)->hash, y = ((const struct hashed *)b)->hash;
    return x < y ? -1 : x > y;
}

/* Equal hashes stand together; only those are compared. */
static bool all_differ(struct check *c, struct hashed *items, size_t count)
{
    qsort(items, count, sizeof *items, by_hash);
    for (size_t i = 0; i < count; i++)
        for (size_t j = i + 1; j < count && items[j].hash == items[i].hash; j++)
            if (value_equal(items[i].value, items[j].value, &c->steps))
                return false;
    return true;
}

static bool check_unique(struct check *c, const struct node *n, struct slice value, size_t count,
                         const struct place *at)
{
    if (!n->unique || count < 2)
        return true;
    struct hashed *items = calloc(count, sizeof *items);
    if (!items)
        return stop(c, ERR_INTERNAL, "no memory");
    struct json_iter it = json_iter(value);
    for (size_t i = 0; i < count && json_element(&it, &items[i].value); i++)
        items[i].hash = value_hash(items[i].value);
    bool ok = all_differ(c, items, count);
    free(items);
    return may_go_on(c) && (ok || fail(c, n, "uniqueItems", at));
}

static bool check_array(struct check *c, const struct node *n, struct slice value,
                        const struct place *at)
{
    size_t count = 0;
    struct json_iter it = json_iter(value);
    for (struct slice one; json_element(&it, &one); count++) {
        const struct node *sub = count < n->prefix.count ? n->prefix.at[count] : n->items;
        struct place here = {at, SLICE_NONE, count};
        if (sub && !check_node(c, sub, one, &here))
            return false;
    }
    if (count < n->items_min)
        return fail(c, n, "minItems", at);
    if (count > n->items_max)
        return fail(c, n, "maxItems", at);
    return check_unique(c, n, value, count, at);
}

/* ---- objects ---- */

static const struct property *property_of(const struct node *n, struct slice name)
{
    size_t low = 0, high = n->prop_count;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        int order = slice_cmp(name, n->props[mid].name);
        if (order == 0)
            return &n->props[mid];
        *(order < 0 ? &high : &low) = order < 0 ? mid : mid + 1;
    }
    return NULL;
}

/* The property that a raw name stands for. */
static const struct property *property_named(struct check *c, const struct node *n,
                                             struct slice raw)
{
    if (!n->prop_count)
        return NULL;
    if (!raw.len || !memchr(raw.p, '\\', raw.len))
        return property_of(n, raw);
    buf_reset(&c->text);
    json_unescape(raw, &c->text);
    if (c->text.failed)
        stop(c, ERR_INTERNAL, "no memory");
    return property_of(n, buf_slice(&c->text));
}

/* The first required property that the object hasn't got. */
static struct slice missing_from(struct check *c, const struct node *n, struct slice value)
{
    for (size_t i = 0; i < n->prop_count; i++) {
        bool found = !n->props[i].required;
        struct json_iter it = json_iter(value);
        for (struct slice name, one; !found && json_member(&it, &name, &one);)
            found = property_named(c, n, name) == &n->props[i];
        if (!found)
            return n->props[i].name;
    }
    return SLICE_NONE;
}

static bool check_object(struct check *c, const struct node *n, struct slice value,
                         const struct place *at)
{
    size_t count = 0, required = 0;
    struct json_iter it = json_iter(value);
    for (struct slice name, one; json_member(&it, &name, &one); count++) {
        const struct property *prop = property_named(c, n, name);
        struct place here = {at, slice_of(name.p, name.len), 0};
        const struct node *sub = prop && prop->node ? prop->node : n->additional;
        required += prop && prop->required;
        if (sub && !check_node(c, sub, one, &here))
            return false;
    }
    if (required < n->required_count)
        return fail_for(c, n, "required", missing_from(c, n, value), at);
    if (count < n->props_min)
        return fail(c, n, "minProperties", at);
    return count <= n->props_max || fail(c, n, "maxProperties", at);
}

/* ---- what applies to every kind ---- */

static bool check_type(const struct node *n, enum json_kind kind, struct slice value)
{
    struct dec d;
    if (n->types & TYPE_OF(kind))
        return true;
    return kind == JSON_NUMBER && (n->types & TYPE_INTEGER) && dec_parse(value, &d) &&
           dec_is_integer(&d);
}

static bool check_choices(struct check *c, const struct node *n, struct slice value,
                          const struct place *at)
{
    if (n->has_const && !value_equal(n->constant, value, &c->steps))
        return may_go_on(c) && fail(c, n, "const", at);
    if (!n->has_enum)
        return true;
    struct json_iter it = json_iter(n->choices);
    for (struct slice one; json_element(&it, &one);)
        if (value_equal(one, value, &c->steps))
            return true;
    return may_go_on(c) && fail(c, n, "enum", at);
}

/* How many of the schemas the value matches, stopping at `enough`. Tells no failure. */
static size_t matches(struct check *c, const struct nodes *list, struct slice value,
                      const struct place *at, size_t enough)
{
    struct err *e = c->e;
    size_t found = 0;
    c->e = NULL;
    for (size_t i = 0; i < list->count && found < enough && !c->code; i++)
        found += check_node(c, list->at[i], value, at);
    c->e = e;
    if (c->code)
        err_set(c->e, c->code, "the check takes too long, or there is no memory");
    return found;
}

static bool check_combined(struct check *c, const struct node *n, struct slice value,
                           const struct place *at)
{
    if (n->ref && !check_node(c, n->ref, value, at))
        return false;
    for (size_t i = 0; i < n->all.count; i++)
        if (!check_node(c, n->all.at[i], value, at))
            return false;
    if (n->any.count && matches(c, &n->any, value, at, 1) == 0)
        return fail(c, n, "anyOf", at);
    if (n->one.count && matches(c, &n->one, value, at, 2) != 1)
        return fail(c, n, "oneOf", at);
    struct node *not = n->not ;
    if (not &&matches(c, &(struct nodes){1, &not }, value, at, 1))
        return fail(c, n, "not", at);
    return !c->code;
}

static bool check_kind(struct check *c, const struct node *n, enum json_kind kind,
                       struct slice value, const struct place *at)
{
    switch (kind) {
    case JSON_NUMBER:
        return check_number(c, n, value, at);
    case JSON_STRING:
        return check_string(c, n, value, at);
    case JSON_ARRAY:
        return check_array(c, n, value, at);
    case JSON_OBJECT:
        return check_object(c, n, value, at);
    default:
        return true;
    }
}

static bool check_node(struct check *c, const struct node *n, struct slice value,
                       const struct place *at)
{
    uint64_t cost = 1 + value.len / BYTES_PER_STEP;
    c->steps -= cost < c->steps ? cost : c->steps;
    if (c->code || !may_go_on(c))
        return false;
    enum json_kind kind = json_kind(value);
    if (n->never)
        return fail(c, n, "the schema false", at);
    if (!check_type(n, kind, value))
        return fail(c, n, "type", at);
    return check_choices(c, n, value, at) && check_kind(c, n, kind, value, at) &&
           check_combined(c, n, value, at);
}

static struct slice without_space(struct slice s)
{
    static const char space[] = " \t\r\n";
    while (s.len && memchr(space, s.p[0], 4))
        s = slice_of(s.p + 1, s.len - 1);
    while (s.len && memchr(space, s.p[s.len - 1], 4))
        s.len--;
    return s;
}

int schema_check(const struct schema *schema, struct slice value, struct err *e)
{
    struct err own;
    struct check c = {.steps = STEPS_BASE + (uint64_t)value.len * STEPS_PER_BYTE,
                      .text = BUF_INIT,
                      .e = e ? e : &own};
    struct place root = {NULL, SLICE_NONE, 0};
    c.e->code = 0;
    bool ok = check_node(&c, schema->root, without_space(value), &root);
    buf_fini(&c.text);
    return ok ? 0 : c.e->code;
}
