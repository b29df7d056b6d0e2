/* freshet: finds the command and runs it. */
#include "cli/command.h"

#include <stdio.h>

const struct command commands[] = {
#define C(name, summary) {#name, summary, cmd_##name},
#define C_NAMED(id, name, summary) {name, summary, cmd_##id},
#include "cli/commands.def"
#undef C
};
const size_t command_count = sizeof commands / sizeof *commands;

const struct command *command_find(const char *name)
{
    for (size_t i = 0; i < command_count; i++)
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    return NULL;
}

void command_overview(struct buf *out)
{
    buf_add_str(out, "usage: freshet COMMAND ...\n\n");
    for (size_t i = 0; i < command_count; i++)
        buf_addf(out, "  %-14s %s\n", commands[i].name, commands[i].summary);
    buf_add_str(out, "\n`freshet COMMAND --help` says more. Exit codes: 0 done, 1 failed, 2 wrong "
                     "usage.\n");
}

static int overview(void)
{
    struct buf out = BUF_INIT;
    command_overview(&out);
    int rc = command_print(buf_slice(&out));
    buf_fini(&out);
    return rc == 0 ? EXIT_DONE : EXIT_FAILED;
}

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : NULL;
    if (!name) {
        fprintf(stderr, "freshet: needs a command; `freshet --help` lists them\n");
        return EXIT_USAGE;
    }
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
        return overview();
    if (strcmp(name, "--version") == 0)
        name = "version";
    const struct command *c = command_find(name);
    if (!c) {
        fprintf(stderr, "freshet: has no such command; `freshet --help` lists them\n");
        return EXIT_USAGE;
    }
    return c->run(argc - 2, argv + 2);
}
