/* freshet help: explains a command; with --markdown the configuration, for the docs. */
#include "cli/command.h"
#include "options/options.h"

static int print(void (*put)(struct buf *out))
{
    struct buf out = BUF_INIT;
    put(&out);
    int rc = !out.failed && command_print(buf_slice(&out)) == 0 ? EXIT_DONE : EXIT_FAILED;
    buf_fini(&out);
    return rc;
}

int cmd_help(int argc, char **argv)
{
    char help[] = "--help", *flags[] = {help, NULL};
    if (argc == 0 || command_wants_help(argc, argv))
        return print(command_overview);
    if (strcmp(argv[0], "--markdown") == 0)
        return print(options_markdown);
    const struct command *c = command_find(argv[0]);
    if (!c)
        return command_fail("help", EXIT_USAGE, "has no command %s; `freshet help` lists them",
                            argv[0]);
    return c->run == cmd_help ? print(command_overview) : c->run(1, flags);
}
