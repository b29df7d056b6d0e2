/* option_value.h - one option's text read into its field, as its type says. Pure but for the
 * arena; one thread at a time. */
#ifndef FRESHET_OPTIONS_OPTION_VALUE_H
#define FRESHET_OPTIONS_OPTION_VALUE_H

#include "options/arena.h"
#include "options/option_table.h"

struct opt_reading {
    struct options_arena *arena; /* where texts go */
    const char *dir; /* what relative paths are relative to, ends with '/'; "": as they are */
};

/* Reads text into the field at dst (of the C type of row->type; not for lists).
 * 0; ERR_BAD_REQUEST when it isn't what the row wants (opt_put_expected says what that is);
 * ERR_INTERNAL for no memory. */
int opt_value_read(const struct opt_row *row, struct slice text, const struct opt_reading *how,
                   void *dst);

/* Makes the list at dst (of type OPT_TEXTS or OPT_ADDRESSES) one of `count` empty entries, for
 * opt_element_read to fill. 0; ERR_BAD_REQUEST when the row wants another number of them;
 * ERR_INTERNAL for no memory. */
int opt_list_init(const struct opt_row *row, size_t count, const struct opt_reading *how,
                  void *dst);

/* Reads text into the i-th entry of the list at dst. Returns as opt_value_read does. */
int opt_element_read(const struct opt_row *row, size_t i, struct slice text,
                     const struct opt_reading *how, void *dst);

/* True for the types that are lists of texts, which these two take. */
bool opt_is_list_of_texts(const struct opt_row *row);

/* Appends what a value has to be: "must be a whole number from 1 to 1000000". */
void opt_put_expected(struct buf *out, const struct opt_row *row);

/* Appends the number of a row of type COUNT, DURATION or SIZE in its shortest usual form. */
void opt_put_number(struct buf *out, enum opt_type type, uint64_t n);

/* A text from outside as it may stand in a message: cut, in quotes, without control characters. */
void opt_put_quoted(struct buf *out, struct slice text);

#endif
