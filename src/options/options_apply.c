/* Applies a tree of YAML to the structs by the table. */
#include "base/err.h"
#include "options/option_value.h"
#include "options/options_load.h"
#include "options/yaml_tree.h"

#include <stdint.h>

struct opt_inherited {
    struct opt_inherited *next;
    const struct opt_row *row;
    void *dst;
};

struct opt_wrong {
    struct opt_wrong *next;
    const void *item;
};

/* One struct that is being filled. */
struct target {
    enum opt_scope scope;
    char *base;
    const char *path; /* what its options' names follow: "", "channels[0]." */
    unsigned line;    /* where it starts */
    bool *given;      /* [OPT_ROWS] */
};

static void *field(const struct target *t, const struct opt_row *row)
{
    return t->base + row->offset;
}

static size_t row_index(const struct opt_row *row)
{
    return (size_t)(row - opt_rows);
}

static struct opt_reading reading(struct loader *l, struct opt_where where)
{
    return (struct opt_reading){l->o->arena, where.from == FROM_FILE ? loader_dir(l, where.line) : ""};
}

/* Adds what the row wants and what was given instead. */
static void report_value(struct loader *l, const struct opt_row *row, struct slice text,
                         struct opt_where where)
{
    struct buf b = BUF_INIT;
    opt_put_expected(&b, row);
    if (row->type != OPT_SECRET) {
        buf_add_str(&b, ", is ");
        opt_put_quoted(&b, text);
    }
    if (b.failed)
        l->no_memory = true;
    else
        loader_mistake(l, where, "%s", buf_cstr(&b));
    buf_fini(&b);
}

/* Says what is wrong after a reading function returned rc. */
static void report_reading(struct loader *l, int rc, const struct opt_row *row, struct slice text,
                           struct opt_where where)
{
    if (rc == ERR_INTERNAL)
        l->no_memory = true;
    else if (rc != 0)
        report_value(l, row, text, where);
}

static void set_field(struct loader *l, const struct opt_row *row, struct slice text,
                      struct opt_where where, void *dst)
{
    struct opt_reading how = reading(l, where);
    report_reading(l, opt_value_read(row, text, &how, dst), row, text, where);
}

/* Makes the list of texts at dst one of `count` entries; false after saying why not. */
static bool list_init(struct loader *l, const struct opt_row *row, size_t count,
                      struct opt_where where, void *dst)
{
    struct opt_reading how = reading(l, where);
    int rc = opt_list_init(row, count, &how, dst);
    if (rc == ERR_INTERNAL)
        l->no_memory = true;
    else if (rc != 0)
        loader_mistake(l, where, "must have %llu to %llu entries, has %zu",
                       (unsigned long long)row->min, (unsigned long long)row->max, count);
    return rc == 0;
}

static void set_element(struct loader *l, const struct opt_row *row, size_t i, struct slice text,
                        struct opt_where where, void *dst)
{
    struct opt_reading how = reading(l, where);
    report_reading(l, opt_element_read(row, i, text, &how, dst), row, text, where);
}

void loader_set(struct loader *l, const struct opt_row *row, const struct slice *texts,
                size_t count, struct opt_where where)
{
    void *dst = (char *)l->o + row->offset;
    if (!opt_is_list_of_texts(row))
        set_field(l, row, texts[0], where, dst);
    else if (list_init(l, row, count, where, dst))
        for (size_t i = 0; i < count; i++)
            set_element(l, row, i, texts[i], where, dst);
    l->where[row_index(row)] = where;
}

size_t loader_cut_list(struct slice value, struct slice *texts, size_t max)
{
    size_t count = 0;
    while (value.p && count < max)
        texts[count++] = slice_trim(slice_cut(&value, ','));
    return count;
}

/* Gives the field its fallback, or notes that it takes that of another. */
static void set_fallback(struct loader *l, const struct opt_row *row, void *dst)
{
    struct opt_where where = {FROM_DEFAULT, 0, row->name};
    if (!row->fallback || row->fallback == opt_required)
        return;
    if (row->fallback[0] != '@') {
        if (!opt_is_list_of_texts(row))
            set_field(l, row, slice_str(row->fallback), where, dst);
        else if (list_init(l, row, 1, where, dst))
            set_element(l, row, 0, slice_str(row->fallback), where, dst);
        return;
    }
    struct opt_inherited *i = arena_alloc(l->scratch, sizeof *i);
    if (!i) {
        l->no_memory = true;
        return;
    }
    *i = (struct opt_inherited){l->inherited, row, dst};
    l->inherited = i;
}

void loader_set_fallbacks(struct loader *l)
{
    for (size_t i = 0; i < OPT_ROWS; i++) {
        if (opt_rows[i].scope == SCOPE_hub)
            set_fallback(l, &opt_rows[i], (char *)l->o + opt_rows[i].offset);
        l->where[i] = (struct opt_where){FROM_DEFAULT, 0, opt_rows[i].name};
    }
}

void loader_inherit(struct loader *l)
{
    for (struct opt_inherited *i = l->inherited; i; i = i->next) {
        const struct opt_row *from = opt_row_find(SCOPE_hub, slice_str(i->row->fallback + 1));
        uint64_t value; /* all that is inherited are numbers: a unit test holds the table to it */
        memcpy(&value, (const char *)l->o + from->offset, sizeof value);
        memcpy(i->dst, &value, sizeof value);
    }
}

/* A plain text that YAML reads as null. */
static bool is_null(const struct yaml_node *n)
{
    return n->kind == YAML_TEXT && n->plain &&
           (n->text.len == 0 || slice_is(n->text, "~") || slice_is_nocase(n->text, "null"));
}

static const char *kind_name(const struct yaml_node *n)
{
    static const char *const names[] = {"a text", "a list", "a mapping of names to values"};
    return is_null(n) ? "empty" : names[n->kind];
}

/* `path` and the name in one text of the scratch memory. */
static const char *joined(struct loader *l, const char *path, const char *name)
{
    size_t a = strlen(path), b = strlen(name);
    char *p = arena_alloc(l->scratch, a + b + 1);
    if (!p) {
        l->no_memory = true;
        return "";
    }
    memcpy(p, path, a);
    memcpy(p + a, name, b);
    return p;
}

static void apply_text(struct loader *l, const struct target *t, const struct opt_row *row,
                       const struct yaml_node *n, struct opt_where where)
{
    if (n->kind != YAML_TEXT)
        loader_mistake(l, where, "must be one value, is %s", kind_name(n));
    else if (is_null(n) && !(row->type == OPT_STORE && slice_is(n->text, "null")))
        loader_mistake(l, where, "has no value: give one or leave the line out");
    else
        set_field(l, row, n->text, where, field(t, row));
}

/* A list of texts, or one text alone. */
static void apply_texts(struct loader *l, const struct target *t, const struct opt_row *row,
                        const struct yaml_node *n, struct opt_where where)
{
    bool alone = n->kind == YAML_TEXT && !is_null(n);
    size_t i = 0;
    if (!alone && n->kind != YAML_LIST) {
        loader_mistake(l, where, "must be a list of texts, is %s", kind_name(n));
        return;
    }
    if (!list_init(l, row, alone ? 1 : n->count, where, field(t, row)))
        return;
    for (const struct yaml_node *c = alone ? n : n->first; c; c = alone ? NULL : c->next, i++) {
        where.line = c->line;
        if (c->kind != YAML_TEXT || is_null(c))
            loader_mistake(l, where, "must be a list of texts, one is %s", kind_name(c));
        else
            set_element(l, row, i, c->text, where, field(t, row));
    }
}

static void apply_map(struct loader *l, const struct target *t, const struct yaml_node *map,
                      const char *prefix);

/* Sets what an entry of a list leaves out, or says that it must not be left out. */
static void complete(struct loader *l, const struct target *t)
{
    for (size_t i = 0; i < OPT_ROWS; i++) {
        const struct opt_row *row = &opt_rows[i];
        if (row->scope != t->scope || t->given[i])
            continue;
        if (row->fallback == opt_required)
            loader_mistake(l, (struct opt_where){FROM_FILE, t->line, joined(l, t->path, row->name)},
                           "must be given: %s", row->help);
        else
            set_fallback(l, row, field(t, row));
    }
}

bool loader_item_ok(const struct loader *l, const void *item)
{
    for (const struct opt_wrong *w = l->wrong; w; w = w->next)
        if (w->item == item)
            return false;
    return true;
}

static void note_wrong(struct loader *l, const void *item)
{
    struct opt_wrong *w = arena_alloc(l->scratch, sizeof *w);
    if (!w) {
        l->no_memory = true;
        return;
    }
    *w = (struct opt_wrong){l->wrong, item};
    l->wrong = w;
}

/* One entry of a list, or of a mapping whose name goes into the scope's first option. */
static void apply_item(struct loader *l, const struct opt_row *row, const struct yaml_node *n,
                       const char *path, char *base)
{
    bool given[OPT_ROWS] = {false};
    struct target t = {row->item, base, path, n->line, given};
    unsigned before = l->mistake_count;
    if (row->type == OPT_MAP) {
        const struct opt_row *first = opt_rows;
        while (first->scope != row->item)
            first++;
        struct opt_where where = {FROM_FILE, n->name_line, joined(l, path, first->name)};
        set_field(l, first, n->name, where, field(&t, first));
        given[row_index(first)] = true;
        t.line = n->name_line;
    }
    memcpy(base + opt_scopes[row->item].line_at, &t.line, sizeof t.line);
    if (n->kind == YAML_MAP)
        apply_map(l, &t, n, "");
    else if (row->type != OPT_MAP || !is_null(n))
        loader_mistake(l, (struct opt_where){FROM_FILE, n->line, joined(l, path, "")},
                       "must be a mapping of names to values, is %s", kind_name(n));
    if (n->kind == YAML_MAP || row->type == OPT_MAP)
        complete(l, &t);
    if (l->mistake_count != before)
        note_wrong(l, base);
}

static const char *item_path(struct loader *l, const struct opt_row *row, const char *path,
                             size_t i, const struct yaml_node *n)
{
    struct buf b = BUF_INIT;
    if (row->type == OPT_MAP)
        buf_addf(&b, "%s%s.%.*s.", path, row->name, SLICE_FMT(n->name));
    else
        buf_addf(&b, "%s%s[%zu].", path, row->name, i);
    const char *p = joined(l, buf_cstr(&b), "");
    if (b.failed)
        l->no_memory = true;
    buf_fini(&b);
    return p;
}

static void apply_list(struct loader *l, const struct target *t, const struct opt_row *row,
                       const struct yaml_node *n, struct opt_where where)
{
    enum yaml_kind wanted = row->type == OPT_MAP ? YAML_MAP : YAML_LIST;
    if (n->kind != wanted) {
        loader_mistake(l, where, "must be %s, is %s",
                       row->type == OPT_MAP ? "a mapping of names to values" : "a list",
                       kind_name(n));
        return;
    }
    if (n->count > row->max) {
        loader_mistake(l, where, "must have at most %llu entries, has %zu",
                       (unsigned long long)row->max, n->count);
        return;
    }
    struct {
        char *v;
        size_t count;
    } list = {NULL, n->count};
    size_t size = opt_scopes[row->item].size, i = 0;
    list.v = arena_alloc(l->o->arena, n->count * size);
    if (!list.v) {
        l->no_memory = true;
        return;
    }
    for (const struct yaml_node *c = n->first; c && !l->no_memory; c = c->next, i++)
        apply_item(l, row, c, item_path(l, row, t->path, i, c), list.v + i * size);
    memcpy(field(t, row), &list, sizeof list); /* every list is a pointer and a count */
}

static void apply_row(struct loader *l, const struct target *t, const struct opt_row *row,
                      const struct yaml_node *n)
{
    struct opt_where where = {FROM_FILE, n->line, joined(l, t->path, row->name)};
    if (row->type == OPT_LIST || row->type == OPT_MAP)
        apply_list(l, t, row, n, where);
    else if (opt_is_list_of_texts(row))
        apply_texts(l, t, row, n, where);
    else
        apply_text(l, t, row, n, where);
    t->given[row_index(row)] = true;
    if (t->scope == SCOPE_hub)
        l->where[row_index(row)] = where;
}

static void report_unknown(struct loader *l, const struct target *t, const struct yaml_node *n,
                           const char *prefix)
{
    struct buf b = BUF_INIT;
    opt_put_suggestion(&b, t->scope, slice_str(prefix), n->name);
    struct opt_where where = {FROM_FILE, n->name_line,
                              joined(l, joined(l, t->path, prefix), n->name.p)};
    if (b.failed)
        l->no_memory = true;
    else if (memchr(n->name.p, '.', n->name.len))
        loader_mistake(l, where, "is no option: a dot stands for a level, so nest the names");
    else if (b.len)
        loader_mistake(l, where, "is no option; did you mean %s?", buf_cstr(&b));
    else
        loader_mistake(l, where, "is no option; docs/configuration.md lists them");
    buf_fini(&b);
}

/* Applies the members of a mapping. prefix: the group of options it stands for, "" or "limits.". */
static void apply_map(struct loader *l, const struct target *t, const struct yaml_node *map,
                      const char *prefix)
{
    for (const struct yaml_node *n = map->first; n && !l->no_memory; n = n->next) {
        struct slice full = slice_str(joined(l, prefix, n->name.p));
        bool dotted = memchr(n->name.p, '.', n->name.len) != NULL;
        const struct opt_row *row = dotted ? NULL : opt_row_find(t->scope, full);
        if (row)
            apply_row(l, t, row, n);
        else if (dotted || full.len == 0 || !opt_group_exists(t->scope, full))
            report_unknown(l, t, n, prefix);
        else if (n->kind == YAML_MAP)
            apply_map(l, t, n, joined(l, full.p, "."));
        else
            loader_mistake(l, (struct opt_where){FROM_FILE, n->line, joined(l, t->path, full.p)},
                           "must be a mapping of names to values, is %s", kind_name(n));
    }
}

void loader_apply(struct loader *l, const struct yaml_node *root)
{
    bool given[OPT_ROWS] = {false};
    struct target t = {SCOPE_hub, (char *)l->o, "", 1, given};
    if (!root || is_null(root))
        return;
    if (root->kind != YAML_MAP)
        loader_mistake(l, (struct opt_where){FROM_FILE, root->line, NULL},
                       "must be a mapping of names to values, is %s", kind_name(root));
    else
        apply_map(l, &t, root, "");
}
