/* command.h - what the commands share: the table, exit codes, messages. Commands own the process:
 * they may print and read standard input. */
#ifndef FRESHET_CLI_COMMAND_H
#define FRESHET_CLI_COMMAND_H

#include "base/buf.h"

enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

struct command {
    const char *name;
    const char *summary;
    int (*run)(int argc, char **argv); /* what follows the name; returns an exit code */
};

extern const struct command commands[];
extern const size_t command_count;

/* NULL when there is none of that name. */
const struct command *command_find(const char *name);

#define C(name, summary) int cmd_##name(int argc, char **argv);
#include "cli/commands.def"
#undef C

/* Prints one line, `freshet COMMAND: ...`, on standard error; returns `code`. Control characters
 * become `?`. */
int command_fail(const char *command, int code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Prints a notice on standard error, `freshet COMMAND: `, prefix and text, likewise. */
void command_tell(const char *command, const char *prefix, struct slice text);

/* Prints the lines of a text on standard error, each after `prefix`: mistakes of a configuration,
 * which begin with their file and line, where editors look for them. */
void command_list(const char *prefix, struct slice lines);

/* Writes all of p to standard output at once. 0, or -1 with errno. */
int command_print(struct slice text);

/* True when --help or -h is among the arguments before `--`. */
bool command_wants_help(int argc, char **argv);

/* Prints what `freshet --help` says. */
void command_overview(struct buf *out);

#endif
