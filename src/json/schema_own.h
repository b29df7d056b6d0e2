/* schema_own.h - a compiled schema, as schema_compile.c and schema_refs.c make it and
 * schema.c reads it; nobody else
 * includes it. */
#ifndef FRESHET_JSON_SCHEMA_OWN_H
#define FRESHET_JSON_SCHEMA_OWN_H

#include "base/buf.h"
#include "base/map.h"
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

/* ---- while compiling ---- */

/* A $ref that is still to be resolved. */
struct pending {
    struct node *node;
    struct slice ref; /* the raw string */
    char *where;      /* of the node; borrowed */
};

struct compiler {
    struct schema *schema;
    struct slice document;
    struct slice id;     /* raw, of the root's $id; p NULL without */
    struct map by_place; /* offset in the document -> node */
    struct pending *refs;
    size_t ref_count, ref_cap;
    struct buf where;  /* JSON pointer of where we are, with a leading # */
    unsigned embedded; /* inside so many schemas that have an $id of their own */
    struct err *e;
};

/* Compiles the schema at source, which c->where names. 0 and *out (owned by c->schema). */
int schema_node(struct compiler *c, struct slice source, struct node **out);

/* Resolves all of c->refs, also those that come up meanwhile. */
int schema_resolve(struct compiler *c);

/* Refuses schemas that apply to a value by way of themselves, and too long ways. */
int schema_find_circles(struct compiler *c);

/* Set c->e and return the code: no memory; what is wrong with what stands at c->where. */
int schema_no_memory(struct compiler *c);
int schema_bad(struct compiler *c, const char *what);

/* Returns new and NUL-terminated, NULL for no memory. */
char *schema_unescape(struct slice raw, size_t *len);

/* Where a value stands in the document, as a key of by_place; kept in *at. */
struct slice schema_place_key(const struct compiler *c, struct slice source, size_t *at);

#endif
