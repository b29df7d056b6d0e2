/* option_table.h - the table of options (config.def) as data. Constant; any thread. */
#ifndef FRESHET_OPTIONS_OPTION_TABLE_H
#define FRESHET_OPTIONS_OPTION_TABLE_H

#include "base/buf.h"

#include <stdint.h>

enum opt_scope {
    SCOPE_hub,
    SCOPE_channel,
    SCOPE_event,
    SCOPE_source,
    SCOPE_route,
    SCOPE_key,
    SCOPE_publisher,
    SCOPE_COUNT
};

enum opt_type {
    OPT_BOOL,     /* bool */
    OPT_COUNT,    /* uint64_t */
    OPT_DURATION, /* uint64_t, ms */
    OPT_SIZE,     /* uint64_t, bytes */
    OPT_CHOICE,   /* an enum; `words` in its order */
    OPT_WORD_OF,  /* const char *: one of `words` */
    OPT_ADDRESS,  /* struct opt_address */
    OPT_STORE,    /* struct opt_store */
    OPT_TEXT,     /* const char *, as are all up to OPT_SINCE */
    OPT_SECRET,   /* text that is never repeated in a message */
    OPT_PATH,     /* relative to the file it stands in */
    OPT_WORD,     /* printable, without spaces */
    OPT_TENANT,
    OPT_CHANNEL,
    OPT_PATTERN, /* a channel, or the beginning of one and `*` */
    OPT_EVENT_TYPE,
    OPT_ORIGIN,
    OPT_HOST,
    OPT_URL,
    OPT_URLPATH,
    OPT_COOKIE,
    OPT_SINCE,
    OPT_TEXTS,     /* struct opt_texts of `element` */
    OPT_ADDRESSES, /* struct opt_addresses */
    OPT_LIST,      /* {struct T *v; size_t count} of entries of the scope `item` */
    OPT_MAP        /* likewise, a mapping whose names go into the first row of `item` */
};

struct opt_row {
    const char *name;     /* dotted */
    const char *fallback; /* NULL: none; opt_required; "@name": that of the hub's option */
    const char *words;    /* of choices: "a|b|c" */
    const char *help;
    uint64_t min, max;
    size_t offset; /* into the scope's struct */
    enum opt_scope scope, item;
    enum opt_type type, element;
    bool reloads; /* while the hub runs */
};

extern const char opt_required[];

enum {
#define X(...) +1
    OPT_ROWS = 0
#include "options/config.def"
#undef X
};

/* All rows, those of a scope together, the hub's first. */
extern const struct opt_row opt_rows[OPT_ROWS];

struct opt_scope_info {
    const char *title; /* as the docs call it: "channels" */
    size_t size;       /* bytes of its struct */
    size_t line_at;    /* offset of `unsigned line` in it; SIZE_MAX: has none */
};

extern const struct opt_scope_info opt_scopes[SCOPE_COUNT];

/* The row of that name in the scope; NULL when there is none. */
const struct opt_row *opt_row_find(enum opt_scope scope, struct slice name);

/* True when rows of the scope have names that start with `name.`. */
bool opt_group_exists(enum opt_scope scope, struct slice name);

/* True for rows that a flag and an environment variable can set. */
bool opt_row_is_flag(const struct opt_row *row);

/* Append `--limits-connections`, `FRESHET_LIMITS_CONNECTIONS`. */
void opt_put_flag(struct buf *out, const struct opt_row *row);
void opt_put_env(struct buf *out, const struct opt_row *row);

/* The row of a flag's or a variable's name (without `--`, with FRESHET_); NULL when none. */
const struct opt_row *opt_row_of_flag(struct slice name);
const struct opt_row *opt_row_of_env(struct slice name);

/* How many edits make a into b, case and `-` for `_` ignored; at most `limit`, else limit + 1. */
unsigned opt_distance(struct slice a, struct slice b, unsigned limit);

/* Appends the names allowed in the group `prefix` ("" or "limits.") that `name` may have been
 * meant for: nothing when none is near. */
void opt_put_suggestion(struct buf *out, enum opt_scope scope, struct slice prefix,
                        struct slice name);

#endif
