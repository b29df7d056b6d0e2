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

/* Reads `count` texts into a field of type OPT_TEXTS or OPT_ADDRESSES, replacing what it holds.
 * On an error *bad is the number of the text that was not right, or count when there are too few
 * or too many. */
int opt_values_read(const struct opt_row *row, const struct slice *texts, size_t count,
                    const struct opt_reading *how, void *dst, size_t *bad);

/* True for the types that opt_values_read takes. */
bool opt_is_list_of_texts(const struct opt_row *row);

/* Appends what a value has to be: "must be a whole number from 1 to 1000000". */
void opt_put_expected(struct buf *out, const struct opt_row *row);

/* Appends the number of a row of type COUNT, DURATION or SIZE in its shortest usual form. */
void opt_put_number(struct buf *out, enum opt_type type, uint64_t n);

/* A text from outside as it may stand in a message: cut, in quotes, without control characters. */
void opt_put_quoted(struct buf *out, struct slice text);

#endif
