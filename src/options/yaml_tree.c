#include "options/yaml_tree.h"

#include "base/map.h"
#include "base/rng.h"

#include <stdio.h>
#include <yaml.h>

struct reader {
    yaml_parser_t parser;
    struct options_arena *arena;
    const struct yaml_report *report;
};

static int fail(struct reader *r, unsigned line, const char *text)
{
    unsigned place = YAML_LINE(line) | r->report->file << YAML_LINE_BITS;
    r->report->mistake(r->report->ctx, place, text);
    return -1;
}

static unsigned line_of(const struct reader *r, yaml_mark_t mark)
{
    unsigned line = mark.line < YAML_BYTES_MAX ? (unsigned)mark.line + 1 : 0;
    return line | r->report->file << YAML_LINE_BITS;
}

static int parser_failed(struct reader *r)
{
    const yaml_parser_t *p = &r->parser;
    if (p->error == YAML_MEMORY_ERROR)
        return fail(r, 0, "no memory");
    char text[200];
    const char *problem = p->problem ? p->problem : "cannot be read";
    if (p->error == YAML_READER_ERROR)
        snprintf(text, sizeof text, "is not YAML: %s (byte %zu)", problem, p->problem_offset);
    else if (p->context)
        snprintf(text, sizeof text, "is not YAML: %s, %s", problem, p->context);
    else
        snprintf(text, sizeof text, "is not YAML: %s", problem);
    return fail(r, p->error == YAML_READER_ERROR ? 0 : line_of(r, p->problem_mark), text);
}

/* Takes the next event; the caller deletes it after 0. */
static int next_event(struct reader *r, yaml_event_t *e)
{
    return yaml_parser_parse(&r->parser, e) ? 0 : parser_failed(r);
}

static struct yaml_node *node_new(struct reader *r, enum yaml_kind kind, const yaml_event_t *e)
{
    struct yaml_node *n = arena_alloc(r->arena, sizeof *n);
    if (!n) {
        fail(r, 0, "no memory");
        return NULL;
    }
    n->kind = kind;
    n->line = line_of(r, e->start_mark);
    return n;
}

static struct yaml_node *text_node(struct reader *r, const yaml_event_t *e)
{
    struct yaml_node *n = node_new(r, YAML_TEXT, e);
    if (!n)
        return NULL;
    struct slice s = slice_of((const char *)e->data.scalar.value, e->data.scalar.length);
    if (s.len && memchr(s.p, 0, s.len)) {
        fail(r, n->line, "a text holds a NUL character");
        return NULL;
    }
    n->plain = e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    n->text = slice_of(arena_text(r->arena, s), s.len);
    if (!n->text.p) {
        fail(r, 0, "no memory");
        return NULL;
    }
    return n;
}

static int value_read(struct reader *r, yaml_event_t *e, unsigned depth, struct yaml_node **out);

static void append(struct yaml_node *parent, struct yaml_node ***tail, struct yaml_node *n)
{
    **tail = n;
    *tail = &n->next;
    parent->count++;
}

static int list_read(struct reader *r, struct yaml_node *list, unsigned depth)
{
    struct yaml_node **tail = &list->first;
    for (;;) {
        yaml_event_t e;
        if (next_event(r, &e) != 0)
            return -1;
        if (e.type == YAML_SEQUENCE_END_EVENT) {
            yaml_event_delete(&e);
            return 0;
        }
        struct yaml_node *n;
        int rc = value_read(r, &e, depth, &n);
        yaml_event_delete(&e);
        if (rc != 0)
            return rc;
        append(list, &tail, n);
    }
}

/* Reads one `name: value` of a mapping into *out, NULL at the mapping's end. */
static int pair_read(struct reader *r, unsigned depth, struct yaml_node **out)
{
    yaml_event_t e;
    *out = NULL;
    if (next_event(r, &e) != 0)
        return -1;
    if (e.type == YAML_MAPPING_END_EVENT) {
        yaml_event_delete(&e);
        return 0;
    }
    struct yaml_node *name;
    int rc = value_read(r, &e, depth, &name);
    yaml_event_delete(&e);
    if (rc != 0)
        return rc;
    if (name->kind != YAML_TEXT)
        return fail(r, name->line, "the name before a colon must be a text");
    if (next_event(r, &e) != 0)
        return -1;
    rc = value_read(r, &e, depth, out);
    yaml_event_delete(&e);
    if (rc == 0) {
        (*out)->name = name->text;
        (*out)->name_line = name->line;
    }
    return rc;
}

static void report_twice(struct reader *r, const struct yaml_node *n, const struct yaml_node *first)
{
    char text[160];
    int len = n->name.len > 80 ? 80 : (int)n->name.len;
    snprintf(text, sizeof text, "%.*s: stands here a second time, first in line %u", len, n->name.p,
             YAML_LINE(first->name_line));
    fail(r, n->name_line, text);
}

static int map_read(struct reader *r, struct yaml_node *parent, unsigned depth)
{
    uint64_t seed[2];
    rng_system(seed, sizeof seed);
    struct map names;
    map_init(&names, seed[0], seed[1]);
    struct yaml_node **tail = &parent->first, *n;
    int rc;
    while ((rc = pair_read(r, depth, &n)) == 0 && n) {
        struct yaml_node *first = map_get(&names, n->name);
        if (first) {
            report_twice(r, n, first);
        } else if (map_put(&names, n->name, n) != 0) {
            rc = fail(r, 0, "no memory");
            break;
        } else {
            append(parent, &tail, n);
        }
    }
    map_fini(&names);
    return rc;
}

static int refuse_sharing(struct reader *r, const yaml_event_t *e)
{
    const yaml_char_t *anchor = NULL, *tag = NULL;
    switch (e->type) {
    case YAML_ALIAS_EVENT:
        anchor = e->data.alias.anchor;
        break;
    case YAML_SCALAR_EVENT:
        anchor = e->data.scalar.anchor;
        tag = e->data.scalar.tag;
        break;
    case YAML_SEQUENCE_START_EVENT:
        anchor = e->data.sequence_start.anchor;
        tag = e->data.sequence_start.tag;
        break;
    case YAML_MAPPING_START_EVENT:
        anchor = e->data.mapping_start.anchor;
        tag = e->data.mapping_start.tag;
        break;
    default:
        break;
    }
    if (!anchor && !tag)
        return 0;
    return fail(r, line_of(r, e->start_mark),
                "anchors (&), aliases (*) and tags (!) have no meaning here: write the value out, "
                "in quotes if it is a text");
}

/* Reads the value that starts with the event e. */
static int value_read(struct reader *r, yaml_event_t *e, unsigned depth, struct yaml_node **out)
{
    if (refuse_sharing(r, e) != 0)
        return -1;
    if (depth >= YAML_DEPTH_MAX)
        return fail(r, line_of(r, e->start_mark), "is nested too deep");
    switch (e->type) {
    case YAML_SCALAR_EVENT:
        *out = text_node(r, e);
        return *out ? 0 : -1;
    case YAML_SEQUENCE_START_EVENT:
        *out = node_new(r, YAML_LIST, e);
        return *out ? list_read(r, *out, depth + 1) : -1;
    case YAML_MAPPING_START_EVENT:
        *out = node_new(r, YAML_MAP, e);
        return *out ? map_read(r, *out, depth + 1) : -1;
    default:
        return fail(r, line_of(r, e->start_mark), "is not YAML: a value is missing");
    }
}

/* Reads the first document, and sees that there is no other. */
static int document_read(struct reader *r, struct yaml_node **root)
{
    bool seen = false;
    for (;;) {
        yaml_event_t e;
        if (next_event(r, &e) != 0)
            return -1;
        int rc = 0;
        bool end = e.type == YAML_STREAM_END_EVENT;
        if (e.type == YAML_DOCUMENT_START_EVENT && seen)
            rc = fail(r, line_of(r, e.start_mark), "must be one document: a second one starts here");
        else if (e.type == YAML_DOCUMENT_START_EVENT)
            seen = true;
        else if (e.type != YAML_STREAM_START_EVENT && e.type != YAML_DOCUMENT_END_EVENT && !end)
            rc = value_read(r, &e, 0, root);
        yaml_event_delete(&e);
        if (rc != 0 || end)
            return rc;
    }
}

int yaml_tree_read(struct options_arena *a, struct slice text, const struct yaml_report *report,
                   struct yaml_node **root)
{
    struct reader r = {.arena = a, .report = report};
    *root = NULL;
    if (text.len > YAML_BYTES_MAX)
        return fail(&r, 0, "is larger than 4 MiB");
    if (!yaml_parser_initialize(&r.parser))
        return fail(&r, 0, "no memory");
    yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&r.parser, (const unsigned char *)(text.p ? text.p : ""),
                                 text.len);
    int rc = document_read(&r, root);
    yaml_parser_delete(&r.parser);
    return rc;
}

static struct yaml_node *child(const struct yaml_node *map, struct slice name)
{
    for (struct yaml_node *n = map->first; n; n = n->next)
        if (slice_eq(n->name, name))
            return n;
    return NULL;
}

static void grow(struct yaml_node *parent, struct yaml_node *first, size_t count)
{
    struct yaml_node **end = &parent->first;
    while (*end)
        end = &(*end)->next;
    *end = first;
    parent->count += count;
}

static void lay_over(struct yaml_node *under, struct yaml_node *over);

static void join(struct yaml_node *under, struct yaml_node *over)
{
    for (struct yaml_node *n = over->first, *next; n; n = next) {
        struct yaml_node *have = child(under, n->name);
        next = n->next;
        n->next = NULL;
        if (have)
            lay_over(have, n);
        else
            grow(under, n, 1);
    }
}

static void lay_over(struct yaml_node *under, struct yaml_node *over)
{
    if (under->kind == YAML_MAP && over->kind == YAML_MAP) {
        join(under, over);
    } else if (under->kind == YAML_LIST && over->kind == YAML_LIST) {
        grow(under, over->first, over->count);
    } else {
        struct yaml_node *next = under->next;
        *under = *over;
        under->next = next;
    }
}

void yaml_tree_merge(struct yaml_node **root, struct yaml_node *over)
{
    if (!*root)
        *root = over;
    else if (over)
        lay_over(*root, over);
}
