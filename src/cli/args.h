/* args.h - flags and places of a command, by a table that also makes its --help. Borrows argv for
 * as long as the values are used. One thread. */
#ifndef FRESHET_CLI_ARGS_H
#define FRESHET_CLI_ARGS_H

#include "cli/command.h"

#include <stdint.h>

#define ARGS_TEXTS_MAX 128

/* Values of a flag that may be repeated. */
struct args_texts {
    const char *v[ARGS_TEXTS_MAX];
    size_t count;
};

enum args_kind {
    ARGS_SWITCH, /* bool: given or not */
    ARGS_TEXT,   /* const char * */
    ARGS_TEXTS,  /* struct args_texts */
    ARGS_COUNT   /* uint64_t, at least 1 */
};

struct args_flag {
    const char *name; /* without dashes */
    enum args_kind kind;
    void *to;          /* set when the flag is given; what it holds before is the default */
    const char *value; /* how help calls the value; NULL for switches */
    const char *help;
    bool required;
};

struct args_spec {
    const char *command;
    const char *usage; /* what follows `freshet ` */
    const char *about; /* whole lines, each ending with LF */
    const struct args_flag *flags;
    size_t flag_count;
    int places_min, places_max; /* arguments that are no flags */
};

/* Reads the arguments. Returns -1 to go on (places filled, the rest NULL); else the exit code:
 * help was printed, or a mistake was named on standard error. */
int args_read(const struct args_spec *spec, int argc, char **argv, const char **places);

/* Appends what --help prints. */
void args_help(const struct args_spec *spec, struct buf *out);

#endif
