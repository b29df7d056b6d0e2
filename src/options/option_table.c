#include "options/option_table.h"

#include "options/options.h"

#define STRUCT_hub options
#define STRUCT_channel opt_channel
#define STRUCT_event opt_event
#define STRUCT_source opt_source
#define STRUCT_route opt_route
#define STRUCT_key opt_key
#define STRUCT_publisher opt_publisher

#define KIB 1024ull
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)
#define SECOND 1000ull
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)

const char opt_required[] = "";

/* That a member has the C type of its option's type. Enums and lists differ in name only, so
 * their size is what can be checked. */
#define IS(m, t) __builtin_types_compatible_p(__typeof__(m), t)
#define HOLDS_BOOL(m) IS(m, bool)
#define HOLDS_COUNT(m) IS(m, uint64_t)
#define HOLDS_DURATION(m) IS(m, uint64_t)
#define HOLDS_SIZE(m) IS(m, uint64_t)
#define HOLDS_ADDRESS(m) IS(m, struct opt_address)
#define HOLDS_STORE(m) IS(m, struct opt_store)
#define HOLDS_TEXT(m) IS(m, const char *)
#define HOLDS_SECRET(m) IS(m, const char *)
#define HOLDS_PATH(m) IS(m, const char *)
#define HOLDS_WORD(m) IS(m, const char *)
#define HOLDS_TENANT(m) IS(m, const char *)
#define HOLDS_CHANNEL(m) IS(m, const char *)
#define HOLDS_PATTERN(m) IS(m, const char *)
#define HOLDS_EVENT_TYPE(m) IS(m, const char *)
#define HOLDS_URL(m) IS(m, const char *)
#define HOLDS_URLPATH(m) IS(m, const char *)
#define HOLDS_COOKIE(m) IS(m, const char *)
#define HOLDS_SINCE(m) IS(m, const char *)
#define HOLDS_ADDRESSES(m) IS(m, struct opt_addresses)
#define HOLDS_CHOICE(w) HOLDS_CHOICE_
#define HOLDS_CHOICE_(m) (sizeof(m) == sizeof(unsigned))
#define HOLDS_WORD_OF(w) HOLDS_WORD_OF_
#define HOLDS_WORD_OF_(m) IS(m, const char *)
#define HOLDS_TEXTS(e) HOLDS_TEXTS_
#define HOLDS_TEXTS_(m) IS(m, struct opt_texts)
#define HOLDS_LIST(s) HOLDS_LIST_
#define HOLDS_LIST_(m) (sizeof(m) == sizeof(struct opt_texts))
#define HOLDS_MAP(s) HOLDS_LIST_
#define MEMBER_OF(s, m) (((struct s *)NULL)->m)
#define MEMBER(s, m) MEMBER_OF(s, m)
#define X(scope, name, member, type, ...)                                                          \
    _Static_assert(HOLDS_##type(MEMBER(STRUCT_##scope, member)), name ": type and field differ");
#include "options/config.def"
#undef X

#define TYPE_CHOICE(w) .type = OPT_CHOICE, .words = w
#define TYPE_WORD_OF(w) .type = OPT_WORD_OF, .words = w
#define TYPE_TEXTS(e) .type = OPT_TEXTS, .element = OPT_##e
#define TYPE_LIST(s) .type = OPT_LIST, .item = SCOPE_##s
#define TYPE_MAP(s) .type = OPT_MAP, .item = SCOPE_##s
#define TYPE_BOOL .type = OPT_BOOL
#define TYPE_COUNT .type = OPT_COUNT
#define TYPE_DURATION .type = OPT_DURATION
#define TYPE_SIZE .type = OPT_SIZE
#define TYPE_ADDRESS .type = OPT_ADDRESS
#define TYPE_ADDRESSES .type = OPT_ADDRESSES
#define TYPE_STORE .type = OPT_STORE
#define TYPE_TEXT .type = OPT_TEXT
#define TYPE_SECRET .type = OPT_SECRET
#define TYPE_PATH .type = OPT_PATH
#define TYPE_WORD .type = OPT_WORD
#define TYPE_TENANT .type = OPT_TENANT
#define TYPE_CHANNEL .type = OPT_CHANNEL
#define TYPE_PATTERN .type = OPT_PATTERN
#define TYPE_EVENT_TYPE .type = OPT_EVENT_TYPE
#define TYPE_URL .type = OPT_URL
#define TYPE_URLPATH .type = OPT_URLPATH
#define TYPE_COOKIE .type = OPT_COOKIE
#define TYPE_SINCE .type = OPT_SINCE
#define RELOAD true
#define RESTART false
#define NONE NULL
#define REQUIRED opt_required
#define INHERIT(name) "@" name
#define OFFSET_OF(s, m) offsetof(struct s, m)
#define OFFSET(s, m) OFFSET_OF(s, m)

const struct opt_row opt_rows[OPT_ROWS] = {
#define X(scope_, name_, member, type_, fallback_, min_, max_, when_, help_)                       \
    {.name = name_,                                                                                \
     .fallback = fallback_,                                                                        \
     .help = help_,                                                                                \
     .reloads = when_,                                                                             \
     .min = min_,                                                                                  \
     .max = max_,                                                                                  \
     .offset = OFFSET(STRUCT_##scope_, member),                                                    \
     .scope = SCOPE_##scope_,                                                                      \
     TYPE_##type_},
#include "options/config.def"
#undef X
};

#define SCOPE(scope, title)                                                                        \
    [SCOPE_##scope] = {title, sizeof(struct opt_##scope), offsetof(struct opt_##scope, line)}
const struct opt_scope_info opt_scopes[SCOPE_COUNT] = {
    [SCOPE_hub] = {"", sizeof(struct options), SIZE_MAX},
    SCOPE(channel, "channels"),
    SCOPE(event, "channels[].events"),
    SCOPE(source, "sources"),
    SCOPE(route, "routes"),
    SCOPE(key, "auth.keys"),
    SCOPE(publisher, "publishers"),
};

const struct opt_row *opt_row_find(enum opt_scope scope, struct slice name)
{
    for (size_t i = 0; i < OPT_ROWS; i++)
        if (opt_rows[i].scope == scope && slice_is(name, opt_rows[i].name))
            return &opt_rows[i];
    return NULL;
}

bool opt_group_exists(enum opt_scope scope, struct slice name)
{
    for (size_t i = 0; i < OPT_ROWS; i++)
        if (opt_rows[i].scope == scope && strlen(opt_rows[i].name) > name.len &&
            opt_rows[i].name[name.len] == '.' && memcmp(opt_rows[i].name, name.p, name.len) == 0)
            return true;
    return false;
}

bool opt_row_is_flag(const struct opt_row *row)
{
    return row->scope == SCOPE_hub && row->type != OPT_LIST && row->type != OPT_MAP;
}

/* A letter of a name as a flag or a variable spells it. */
static char flag_char(char c)
{
    return c == '.' || c == '_' ? '-' : c;
}

static char env_char(char c)
{
    if (c == '.' || c == '-')
        return '_';
    return c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
}

void opt_put_flag(struct buf *out, const struct opt_row *row)
{
    buf_add_str(out, "--");
    for (const char *p = row->name; *p; p++)
        buf_add_char(out, flag_char(*p));
}

void opt_put_env(struct buf *out, const struct opt_row *row)
{
    buf_add_str(out, "FRESHET_");
    for (const char *p = row->name; *p; p++)
        buf_add_char(out, env_char(*p));
}

static const struct opt_row *row_spelled(struct slice name, char (*spell)(char))
{
    for (size_t i = 0; i < OPT_ROWS; i++) {
        const char *p = opt_rows[i].name;
        size_t at = 0;
        while (at < name.len && p[at] && spell(p[at]) == name.p[at])
            at++;
        if (at == name.len && !p[at] && opt_row_is_flag(&opt_rows[i]))
            return &opt_rows[i];
    }
    return NULL;
}

const struct opt_row *opt_row_of_flag(struct slice name)
{
    return row_spelled(name, flag_char);
}

const struct opt_row *opt_row_of_env(struct slice name)
{
    if (!slice_starts(name, "FRESHET_"))
        return NULL;
    return row_spelled(slice_of(name.p + 8, name.len - 8), env_char);
}

#define DISTANCE_MAX_LEN 64

unsigned opt_distance(struct slice a, struct slice b, unsigned limit)
{
    unsigned row[DISTANCE_MAX_LEN + 1];
    if (a.len > DISTANCE_MAX_LEN || b.len > DISTANCE_MAX_LEN)
        return limit + 1;
    for (unsigned j = 0; j <= b.len; j++)
        row[j] = j;
    for (unsigned i = 1; i <= a.len; i++) {
        unsigned diagonal = row[0];
        row[0] = i;
        for (unsigned j = 1; j <= b.len; j++) {
            bool same = env_char(a.p[i - 1]) == env_char(b.p[j - 1]);
            unsigned best = diagonal + !same;
            if (row[j] + 1 < best)
                best = row[j] + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            diagonal = row[j];
            row[j] = best;
        }
    }
    return row[b.len] <= limit ? row[b.len] : limit + 1;
}

/* The part of a row's name that follows the prefix, up to the next dot. */
static struct slice part_after(const struct opt_row *row, size_t prefix_len)
{
    struct slice rest = slice_str(row->name + prefix_len);
    return slice_cut(&rest, '.');
}

void opt_put_suggestion(struct buf *out, enum opt_scope scope, struct slice prefix,
                        struct slice name)
{
    unsigned limit = name.len < 6 ? 1 : name.len < 12 ? 2 : 3, best = limit + 1;
    struct slice found = SLICE_NONE;
    const struct opt_row *elsewhere = NULL;
    for (size_t i = 0; i < OPT_ROWS; i++) {
        const struct opt_row *row = &opt_rows[i];
        if (row->scope != scope)
            continue;
        struct slice whole = slice_str(row->name);
        if (whole.len > prefix.len && memcmp(whole.p, prefix.p, prefix.len) == 0) {
            struct slice part = part_after(row, prefix.len);
            unsigned d = opt_distance(part, name, limit);
            if (d < best) {
                best = d;
                found = part;
            }
        }
        const char *last = strrchr(row->name, '.');
        if (last && opt_distance(slice_str(last + 1), name, 0) == 0)
            elsewhere = row;
    }
    if (best <= limit) {
        buf_add_slice(out, prefix);
        buf_add_slice(out, found);
    } else if (elsewhere) {
        buf_add_str(out, elsewhere->name);
    }
}
