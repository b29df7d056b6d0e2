/* row.h - a row of a database as JSON: an object of column to value in the order of the query,
 * the same text for the same values every time.
 *
 *   whole numbers   their digits
 *   floating point  as ECMAScript writes numbers: the shortest digits that read back as the same
 *                   double; not-a-number and infinite: null
 *   text            a string; it must be UTF-8
 *   bytes           a string of base64 (RFC 4648 section 4, with padding)
 *   NULL            null
 *
 * The key column is part of the object, the tenant column isn't (unless it is the key column). An
 * event key or tenant is the column's value as it stands in the object, a string without quotes
 * and escapes: 7, "7" and the text 7 are the same key. Pure; one thread at a time. */
#ifndef FRESHET_SOURCE_ROW_H
#define FRESHET_SOURCE_ROW_H

#include "base/buf.h"
#include "base/err.h"

struct row_text {
    struct buf names;              /* `"name":` of each column, one after the other */
    size_t *name_end;              /* [columns] */
    unsigned columns, key, tenant; /* tenant: index, or == columns when it is a constant */
    struct buf object;             /* the row so far */
    struct buf key_text, tenant_text;
    bool key_null, tenant_null;
    int bad; /* column that can't be written, -1: none */
    const char *bad_why;
    unsigned next; /* column expected next */
};

void row_text_init(struct row_text *r);

/* NULL is fine. */
void row_text_fini(struct row_text *r);

/* The columns of the results to come. names: [count], borrowed. key: name of the key column,
 * tenant: of the tenant column or NULL. 0, or ERR_BAD_REQUEST with *e: a name twice or not UTF-8,
 * no such column; ERR_OVERLOADED: no memory. */
int row_text_columns(struct row_text *r, const char *const *names, unsigned count, const char *key,
                     const char *tenant, struct err *e);

/* Begins a row; then one row_put for each column in order; then row_text_end. */
void row_text_begin(struct row_text *r);
void row_put_null(struct row_text *r);
void row_put_int(struct row_text *r, int64_t n);
void row_put_real(struct row_text *r, double d);
/* The shortest decimal digits of a number (as PostgreSQL writes them), NaN or Infinity. */
void row_put_real_text(struct row_text *r, struct slice s);
void row_put_text(struct row_text *r, struct slice s);
void row_put_bytes(struct row_text *r, struct slice s);
/* The value is JSON already, compact. Not for key and tenant columns. */
void row_put_json(struct row_text *r, struct slice json);

/* There is a value that can't be written: row_text_end will say "the row with key "..." has WHY in
 * column ...". why: static. */
void row_put_bad(struct row_text *r, const char *why);

/* The row is complete: r->object, r->key_text and r->tenant_text (empty with a constant tenant)
 * hold it until the next begin. 0, or ERR_BAD_REQUEST naming the row's key and column: text that
 * is not UTF-8, key or tenant NULL; ERR_OVERLOADED: no memory. */
int row_text_end(struct row_text *r, struct err *e);

/* Appends d as above; no number: null. */
void row_real(struct buf *out, double d);

#endif
