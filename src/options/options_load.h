/* options_load.h - what loading and checking share: the loader and its list of mistakes. Private
 * to options; one thread at a time. */
#ifndef FRESHET_OPTIONS_OPTIONS_LOAD_H
#define FRESHET_OPTIONS_OPTIONS_LOAD_H

#include "options/arena.h"
#include "options/option_table.h"
#include "options/options.h"
#include "options/yaml_tree.h"

/* Where a value was given, and the order in which mistakes are named. */
enum opt_from { FROM_FLAG, FROM_ENV, FROM_FILE, FROM_DEFAULT };

struct opt_where {
    enum opt_from from;
    unsigned line;    /* YAML_LINE and YAML_FILE of it; line 0: the file as a whole */
    const char *name; /* of the flag or variable as it was given; of the option in the file */
};

#define OPT_MISTAKES_MAX 200

struct opt_mistake {
    struct opt_mistake *next;
    enum opt_from from;
    unsigned line;
    const char *text; /* the whole line */
};

struct opt_inherited; /* a field that takes the value of a hub's option: private */
struct opt_wrong;     /* an entry of a list with a mistake in it: private */

struct loader {
    struct options *o;
    struct options_arena *scratch;    /* lives for the load only */
    const char **files;               /* as given, file_count of them */
    unsigned file_count;
    struct opt_where where[OPT_ROWS]; /* who set the hub's options last */
    struct opt_inherited *inherited;
    struct opt_wrong *wrong;
    struct opt_mistake *mistakes, *warnings; /* in order */
    unsigned mistake_count, warning_count;
    bool no_memory;
};

/* Adds one. where: borrowed; fmt: what is wrong with it. */
void loader_mistake(struct loader *l, struct opt_where where, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void loader_warning(struct loader *l, struct opt_where where, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* The folder of the file that `line` is of, with its '/'; "" for the present one. */
const char *loader_dir(struct loader *l, unsigned line);

/* Where the hub's option `name` was set. name: one of the table. */
struct opt_where loader_where(const struct loader *l, const char *name);

/* Sets the hub's option `row` from `count` texts (one, but for lists of texts). */
void loader_set(struct loader *l, const struct opt_row *row, const struct slice *texts,
                size_t count, struct opt_where where);

/* Sets all options of the hub to their fallbacks. */
void loader_set_fallbacks(struct loader *l);

/* Applies the tree of all files; root NULL: empty. */
void loader_apply(struct loader *l, const struct yaml_node *root);

/* Gives fields that nobody set the value of the hub's option they follow. */
void loader_inherit(struct loader *l);

/* True when the entry of a list at `item` was read without a mistake. */
bool loader_item_ok(const struct loader *l, const void *item);

/* Cuts a flag's or a variable's value at its commas into at most `max` texts without spaces
 * around them; returns how many there are. */
size_t loader_cut_list(struct slice value, struct slice *texts, size_t max);

/* What options need of one another, once each is read: fills in what follows from others. */
void options_check(struct loader *l);

#endif
