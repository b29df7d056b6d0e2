/* yaml_tree.h - a YAML file (YAML 1.1, by libyaml) as a tree of texts with their lines. Nothing is
 * typed: `no`, `1e3` and `~` are texts. One document; no anchors, aliases or tags; no name twice
 * in a mapping. One thread at a time. */
#ifndef FRESHET_OPTIONS_YAML_TREE_H
#define FRESHET_OPTIONS_YAML_TREE_H

#include "options/arena.h"

#define YAML_DEPTH_MAX 12
#define YAML_BYTES_MAX (4u << 20)

enum yaml_kind { YAML_TEXT, YAML_LIST, YAML_MAP };

struct yaml_node {
    enum yaml_kind kind;
    unsigned line;     /* where the value starts: YAML_LINE of it counts from 1 */
    bool plain;        /* a text without quotes */
    struct slice text; /* NUL-terminated as well, holds no NUL */
    struct slice name; /* in a mapping: its name */
    unsigned name_line;
    size_t count;            /* children */
    struct yaml_node *first; /* children, in order */
    struct yaml_node *next;  /* the next in the same list or mapping */
};

/* The line within its file, 0 for the file as a whole, and the file's number in a line of a tree.
 * The sum of both is what orders places of several files. */
#define YAML_LINE_BITS 23 /* 4 MiB have no more lines */
#define YAML_LINE(line) ((line) & ((1u << YAML_LINE_BITS) - 1))
#define YAML_FILE(line) ((line) >> YAML_LINE_BITS)
#define YAML_FILES_MAX (1u << (32 - YAML_LINE_BITS))

/* Where mistakes go: called with the line and one sentence. */
struct yaml_report {
    void (*mistake)(void *ctx, unsigned line, const char *text);
    void *ctx;
    unsigned file; /* below YAML_FILES_MAX: what YAML_FILE gives of all its lines */
};

/* Reads text into nodes of the arena. 0 and *root (NULL for an empty document), also when names
 * twice in a mapping were reported (the first holds); -1 when the rest could not be read, which
 * has been reported. The nodes hold copies. */
int yaml_tree_read(struct options_arena *a, struct slice text, const struct yaml_report *report,
                   struct yaml_node **root);

/* Lays the tree `over` onto *root (NULL: empty), taking its nodes over: mappings are joined name by
 * name, lists grow at the end, anything else is replaced. */
void yaml_tree_merge(struct yaml_node **root, struct yaml_node *over);

#endif
