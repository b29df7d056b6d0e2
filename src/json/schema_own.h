/* schema_own.h - a compiled schema, as schema_compile.c makes it and schema.c reads it; nobody else
 * includes it. */
#ifndef FRESHET_JSON_SCHEMA_OWN_H
#define FRESHET_JSON_SCHEMA_OWN_H

#include "base/buf.h"
#include "json/decimal.h"
#include "json/regex.h"
#include "json/scan.h"
#include "json/schema.h"

/* Bits of node.types: one for each kind of value, whole numbers apart. */
#define TYPE_INTEGER 0x80u
#define TYPE_ALL 0xffu
#define TYPE_OF(kind) (1u << (kind))

struct node;

struct nodes {
    size_t count;
    struct node **at;
};

/* A property that the schema names, sorted by name. */
struct property {
    struct slice name; /* unescaped, own */
    struct node *node; /* NULL: only required */
    bool required;
};

enum format { FORMAT_NONE, FORMAT_DATE_TIME, FORMAT_UUID, FORMAT_EMAIL, FORMAT_URI };

/* Which of the bounds are there. */
enum bound { BOUND_MIN = 1, BOUND_MAX = 2, BOUND_XMIN = 4, BOUND_XMAX = 8, BOUND_MULTIPLE = 16 };

/* One schema. NULL and 0 where a keyword is absent; maxima are UINT64_MAX then. */
struct node {
    struct node *next;   /* of all nodes of the schema, for freeing */
    struct slice source; /* in schema.text: which schema this is */
    char *where;         /* JSON pointer of the schema in its document, with a leading # */
    bool never;          /* the schema `false` */
    unsigned types;
    unsigned bounds;
    struct dec min, max, xmin, xmax, multiple;
    uint64_t chars_min, chars_max, items_min, items_max, props_min, props_max;
    struct regex *pattern;
    enum format format;
    bool unique, has_enum, has_const;
    struct slice choices, constant; /* in schema.text */
    struct property *props;
    size_t prop_count, required_count;
    struct node *additional, *items, *not, *ref;
    struct nodes prefix, all, any, one;
    unsigned visit; /* while compiling: the search for circles */
    unsigned chain; /* how many schemas may apply in turn to one value, this one included */
};

struct schema {
    char *text; /* the document */
    struct node *root, *all;
};

#define SCHEMA_CHAIN_MAX 64

#endif
