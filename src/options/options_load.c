/* Loads the options: fallbacks, then the file, the environment and the flags on top. */
#include "options/options_load.h"

#include "json/schema.h"

#include "options/option_value.h"
#include "options/yaml_tree.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define FLAG_TEXTS_MAX 64

/* The flags, cut into names and values. */
struct flag {
    const struct opt_row *row;
    struct slice value;
    const char *name; /* as it was given, with its dashes */
};

struct flags {
    struct flag *v;
    size_t count;
    const char **configs; /* each --config */
    unsigned config_count;
};

static const char *put_where(struct buf *b, const struct loader *l, struct opt_where where)
{
    if (where.from == FROM_FILE) {
        unsigned file = YAML_FILE(where.line);
        buf_add_str(b, file < l->file_count && l->files[file] ? l->files[file] : "configuration");
        if (YAML_LINE(where.line))
            buf_addf(b, ":%u", YAML_LINE(where.line));
        buf_add_str(b, ": ");
    }
    return where.name;
}

/* The name without the dot that a path of entries ends with. */
static void put_name(struct buf *b, const char *name)
{
    size_t len = strlen(name);
    if (len && name[len - 1] == '.')
        len--;
    buf_add(b, name, len > 200 ? 200 : len);
    if (len)
        buf_add_str(b, ": ");
}

/* Replaces control characters from `at` on: names and values come from outside, a message is one
 * line. */
static void make_plain(struct buf *b, size_t at)
{
    for (; at < b->len; at++)
        if ((unsigned char)b->p[at] < ' ' || b->p[at] == 127)
            b->p[at] = '?';
}

/* Puts m into the list, behind all that come before it or with it. */
static void insert(struct opt_mistake **at, struct opt_mistake *m)
{
    while (*at && ((*at)->from < m->from || ((*at)->from == m->from && (*at)->line <= m->line)))
        at = &(*at)->next;
    m->next = *at;
    *at = m;
}

static void add(struct loader *l, struct opt_mistake **list, unsigned *count,
                struct opt_where where, const char *fmt, va_list ap)
{
    if (++*count > OPT_MISTAKES_MAX)
        return;
    struct buf b = BUF_INIT;
    const char *name = put_where(&b, l, where);
    if (name)
        put_name(&b, name);
    buf_vaddf(&b, fmt, ap);
    make_plain(&b, 0);
    struct opt_mistake *m = arena_alloc(l->scratch, sizeof *m);
    char *text = b.failed ? NULL : arena_text(l->scratch, buf_slice(&b));
    buf_fini(&b);
    if (!m || !text) {
        l->no_memory = true;
        return;
    }
    *m = (struct opt_mistake){NULL, where.from, where.line, text};
    insert(list, m);
}

void loader_mistake(struct loader *l, struct opt_where where, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    add(l, &l->mistakes, &l->mistake_count, where, fmt, ap);
    va_end(ap);
}

void loader_warning(struct loader *l, struct opt_where where, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    add(l, &l->warnings, &l->warning_count, where, fmt, ap);
    va_end(ap);
}

struct opt_where loader_where(const struct loader *l, const char *name)
{
    return l->where[opt_row_find(SCOPE_hub, slice_str(name)) - opt_rows];
}

/* How far `name` is from the row's flag, or from its last part alone. */
static unsigned flag_distance(struct slice name, const struct opt_row *row, unsigned limit)
{
    const char *last = strrchr(row->name, '.');
    unsigned part = limit + 1, whole = limit + 1;
    struct buf flag = BUF_INIT;
    opt_put_flag(&flag, row);
    if (flag.len > 2)
        whole = opt_distance(name, slice_of(flag.p + 2, flag.len - 2), limit);
    if (last)
        part = opt_distance(name, slice_str(last + 1), limit);
    buf_fini(&flag);
    return whole < part ? whole : part;
}

/* One line about the argument. */
static void report_arg(struct buf *report, struct slice arg, const char *text)
{
    size_t at = report->len;
    buf_addf(report, "%.*s: %s", SLICE_FMT(arg), text);
    make_plain(report, at);
    buf_add_char(report, '\n');
}

/* arg: the flag with its dashes, without a value. */
static void report_flag(struct slice arg, struct buf *report)
{
    const struct opt_row *near = NULL;
    unsigned best = arg.len < 8 ? 2 : 4;
    for (size_t i = 0; i < OPT_ROWS && best > 0; i++) {
        unsigned d = best;
        if (opt_row_is_flag(&opt_rows[i]))
            d = flag_distance(slice_of(arg.p + 2, arg.len - 2), &opt_rows[i], best - 1);
        if (d < best) {
            best = d;
            near = &opt_rows[i];
        }
    }
    struct buf text = BUF_INIT;
    buf_add_str(&text, "is no flag; ");
    if (near) {
        buf_add_str(&text, "did you mean ");
        opt_put_flag(&text, near);
        buf_add_char(&text, '?');
    } else {
        buf_add_str(&text, "--help lists them");
    }
    report_arg(report, arg, buf_cstr(&text));
    buf_fini(&text);
}

static bool is_bool_word(const char *s)
{
    static const char *const words[] = {"true", "false", "yes", "no", "on", "off", "1", "0"};
    for (size_t i = 0; s && i < sizeof words / sizeof *words; i++)
        if (slice_is_nocase(slice_str(s), words[i]))
            return true;
    return false;
}

/* Reads the flag at argv[i]; returns the number of arguments it took, negative after reporting. */
static int flag_read(const struct options_input *in, int i, struct flags *flags, struct buf *report)
{
    const char *arg = in->argv[i], *next = i + 1 < in->argc ? in->argv[i + 1] : NULL;
    if (strncmp(arg, "--", 2) != 0 || !arg[2]) {
        report_arg(report, slice_str(arg), "is not understood here; flags start with --");
        return -1;
    }
    struct slice value = slice_str(arg + 2), name = slice_cut(&value, '=');
    const struct opt_row *row = opt_row_of_flag(name);
    bool config = slice_is(name, "config"), has_next = next && strncmp(next, "--", 2) != 0;
    if (!config && !row) {
        report_flag(slice_of(arg, name.len + 2), report);
        return !value.p && has_next ? -2 : -1;
    }
    int took = 1;
    if (!value.p && row && row->type == OPT_BOOL && !is_bool_word(next)) {
        value = SLICE_LIT("true");
    } else if (!value.p) {
        if (!has_next) {
            report_arg(report, slice_str(arg), "needs a value behind it");
            return -1;
        }
        value = slice_str(next);
        took = 2;
    }
    if (config)
        flags->configs[flags->config_count++] = value.p;
    else
        flags->v[flags->count++] = (struct flag){row, value, arg};
    return took;
}

static bool flags_read(const struct options_input *in, struct flags *flags, struct buf *report)
{
    bool ok = true;
    for (int i = 0; i < in->argc;) {
        int took = flag_read(in, i, flags, report);
        ok = ok && took > 0;
        i += took > 0 ? took : -took;
    }
    return ok;
}

/* The name of a flag without its value, for messages. */
static const char *flag_name(struct loader *l, const char *arg)
{
    struct slice rest = slice_str(arg);
    const char *name = arena_text(l->scratch, slice_cut(&rest, '='));
    if (!name)
        l->no_memory = true;
    return name ? name : "";
}

/* Sets what the flags give; of a repeated one the last holds, lists grow. */
static void flags_apply(struct loader *l, const struct flags *flags)
{
    for (size_t i = 0; i < OPT_ROWS; i++) {
        struct slice texts[FLAG_TEXTS_MAX];
        size_t count = 0;
        const char *name = NULL;
        for (size_t k = 0; k < flags->count; k++) {
            const struct flag *f = &flags->v[k];
            if (f->row != &opt_rows[i])
                continue;
            name = f->name;
            if (opt_is_list_of_texts(f->row)) {
                count += loader_cut_list(f->value, texts + count, FLAG_TEXTS_MAX - count);
            } else {
                texts[0] = f->value;
                count = 1;
            }
        }
        if (name)
            loader_set(l, &opt_rows[i], texts, count,
                       (struct opt_where){FROM_FLAG, 0, flag_name(l, name)});
    }
}

static void env_set(struct loader *l, const struct opt_row *row, struct slice value,
                    const char *name)
{
    struct slice texts[FLAG_TEXTS_MAX] = {value};
    size_t count = opt_is_list_of_texts(row) ? loader_cut_list(value, texts, FLAG_TEXTS_MAX) : 1;
    loader_set(l, row, texts, count, (struct opt_where){FROM_ENV, 0, name});
}

/* The variables that other programs of the field use for the log's level. */
static void env_common(struct loader *l, char *const *env)
{
    const struct opt_row *level = opt_row_find(SCOPE_hub, SLICE_LIT("log.level"));
    for (char *const *e = env; e && *e; e++)
        if (strncmp(*e, "DEBUG=sse:", 10) == 0)
            env_set(l, level, SLICE_LIT("debug"), "DEBUG");
    for (char *const *e = env; e && *e; e++)
        if (strncmp(*e, "LOG_LEVEL=", 10) == 0 && (*e)[10])
            env_set(l, level, slice_str(*e + 10), "LOG_LEVEL");
}

/* A variable that is spelled almost like one of ours. */
static void env_warn(struct loader *l, struct slice name)
{
    for (size_t i = 0; i < OPT_ROWS; i++) {
        struct buf b = BUF_INIT;
        if (opt_row_is_flag(&opt_rows[i]))
            opt_put_env(&b, &opt_rows[i]);
        if (b.len && opt_distance(name, buf_slice(&b), 1) == 1)
            loader_warning(l, (struct opt_where){FROM_ENV, 0, name.p},
                           "is not a variable of ours; did you mean %s?", buf_cstr(&b));
        buf_fini(&b);
    }
}

static void env_apply(struct loader *l, char *const *env)
{
    env_common(l, env);
    for (char *const *e = env; e && *e; e++) {
        struct slice value = slice_str(*e), name = slice_cut(&value, '=');
        if (!slice_starts(name, "FRESHET_") || value.len == 0)
            continue;
        const char *copy = arena_text(l->scratch, name);
        if (!copy) {
            l->no_memory = true;
            return;
        }
        const struct opt_row *row = opt_row_of_env(name);
        if (row)
            env_set(l, row, value, copy);
        else
            env_warn(l, slice_of(copy, name.len));
    }
}

static const char *env_get(char *const *env, const char *name)
{
    size_t len = strlen(name);
    for (char *const *e = env; e && *e; e++)
        if (strncmp(*e, name, len) == 0 && (*e)[len] == '=' && (*e)[len + 1])
            return *e + len + 1;
    return NULL;
}

/* Reads the whole file into b. 0, or errno. */
static int file_read(const char *path, struct buf *b)
{
    FILE *f = fopen(path, "rb");
    if (!f)
        return errno;
    errno = 0;
    char chunk[16384];
    size_t n;
    while ((n = fread(chunk, 1, sizeof chunk, f)) > 0 && b->len <= YAML_BYTES_MAX)
        buf_add(b, chunk, n);
    int rc = ferror(f) ? (errno ? errno : EIO) : b->failed ? ENOMEM : 0;
    fclose(f);
    return rc;
}

static void yaml_mistake(void *ctx, unsigned line, const char *text)
{
    loader_mistake(ctx, (struct opt_where){FROM_FILE, line, NULL}, "%s", text);
}

/* Reads the file (text: instead of it) and lays it over *root. 0, or -1 after a mistake. */
static int file_merge(struct loader *l, unsigned file, struct slice text, struct yaml_node **root)
{
    struct yaml_report report = {yaml_mistake, l, file};
    struct yaml_node *tree;
    struct buf b = BUF_INIT;
    int rc = 0;
    if (!text.p) {
        rc = file_read(l->files[file], &b);
        text = buf_slice(&b);
    }
    if (rc != 0)
        loader_mistake(l, (struct opt_where){FROM_FILE, file << YAML_LINE_BITS, NULL},
                       "cannot be read: %s", strerror(rc));
    else if ((rc = yaml_tree_read(l->scratch, text, &report, &tree)) == 0)
        yaml_tree_merge(root, tree);
    buf_fini(&b);
    return rc ? -1 : 0;
}

static void files_apply(struct loader *l, struct slice text)
{
    struct yaml_node *root = NULL;
    int rc = 0;
    if (text.p)
        rc = file_merge(l, 0, text, &root);
    for (unsigned i = 0; !text.p && i < l->file_count; i++)
        rc |= file_merge(l, i, SLICE_NONE, &root);
    if (rc == 0)
        loader_apply(l, root);
}

const char *loader_dir(struct loader *l, unsigned line)
{
    unsigned i = YAML_FILE(line);
    const char *file = i < l->file_count ? l->files[i] : NULL;
    const char *end = file ? strrchr(file, '/') : NULL;
    const char *dir = end ? arena_text(l->scratch, slice_of(file, (size_t)(end - file) + 1)) : "";
    if (!dir)
        l->no_memory = true;
    return dir ? dir : "";
}

static void put_list(struct buf *out, const struct opt_mistake *list, unsigned count)
{
    for (const struct opt_mistake *m = list; m; m = m->next) {
        buf_add_str(out, m->text);
        buf_add_char(out, '\n');
    }
    if (count > OPT_MISTAKES_MAX)
        buf_addf(out, "and %u more\n", count - OPT_MISTAKES_MAX);
}

/* The files' names together, for people. */
static void name_files(struct loader *l)
{
    struct buf b = BUF_INIT;
    for (unsigned i = 0; i < l->file_count; i++)
        buf_addf(&b, "%s%s", i ? ", " : "", l->files[i]);
    l->o->file = b.failed ? NULL : arena_text(l->o->arena, buf_slice(&b));
    l->no_memory = l->no_memory || !l->o->file;
    buf_fini(&b);
}

static void note_origins(struct loader *l)
{
    unsigned char *origins = arena_alloc(l->o->arena, OPT_ROWS);
    for (size_t i = 0; origins && i < OPT_ROWS; i++)
        origins[i] = (unsigned char)l->where[i].from;
    l->o->given_by = origins;
    l->no_memory = l->no_memory || !origins;
}

static void load(struct loader *l, const struct options_input *in, const struct flags *flags)
{
    const char *env_file = env_get(in->env, "FRESHET_CONFIG");
    const char *file = env_file ? env_file : in->file;
    loader_set_fallbacks(l);
    l->files = flags->config_count ? flags->configs : &file;
    l->file_count = flags->config_count ? flags->config_count : file != NULL;
    if (l->file_count)
        name_files(l);
    if (l->file_count > YAML_FILES_MAX)
        loader_mistake(l, (struct opt_where){FROM_FLAG, 0, "--config"}, "stands here %u times, may %u",
                       l->file_count, YAML_FILES_MAX);
    else if (l->file_count || in->text.p)
        files_apply(l, in->text);
    env_apply(l, in->env);
    flags_apply(l, flags);
    loader_inherit(l);
    if (!l->no_memory)
        options_check(l);
    note_origins(l);
}

static bool loader_init(struct loader *l)
{
    *l = (struct loader){0};
    struct options_arena *a = arena_new();
    l->scratch = arena_new();
    l->o = a && l->scratch ? arena_alloc(a, sizeof *l->o) : NULL;
    if (!l->o) {
        arena_free(a);
        arena_free(l->scratch);
        return false;
    }
    l->o->arena = a;
    return true;
}

enum options_result options_load(const struct options_input *in, struct options **out,
                                 struct buf *report, struct buf *warnings)
{
    struct loader l;
    struct flags flags = {calloc((size_t)in->argc + 1, sizeof *flags.v), 0,
                          calloc((size_t)in->argc + 1, sizeof *flags.configs), 0};
    enum options_result rc = OPTIONS_MISTAKES;
    *out = NULL;
    if (!flags.v || !flags.configs || !loader_init(&l)) {
        free(flags.v);
        free(flags.configs);
        buf_add_str(report, "no memory\n");
        return rc;
    }
    if (!flags_read(in, &flags, report)) {
        rc = OPTIONS_USAGE;
    } else {
        load(&l, in, &flags);
        put_list(report, l.mistakes, l.mistake_count);
        if (warnings)
            put_list(warnings, l.warnings, l.warning_count);
        if (l.no_memory)
            buf_add_str(report, "no memory\n");
        else if (l.mistake_count == 0)
            rc = OPTIONS_OK;
    }
    free(flags.v);
    free(flags.configs);
    arena_free(l.scratch);
    if (rc == OPTIONS_OK)
        *out = l.o;
    else
        options_free(l.o);
    return rc;
}

void options_free(struct options *o)
{
    if (!o)
        return;
    for (size_t i = 0; i < o->channels.count; i++)
        for (size_t k = 0; k < o->channels.v[i].events.count; k++)
            schema_free(o->channels.v[i].events.v[k].compiled);
    arena_free(o->arena); /* o itself lives in it */
}
