/* freshet check: names every mistake in a configuration. */
#include "cli/command.h"
#include "options/options.h"

#define NAME "check"

extern char **environ;

static int help(void)
{
    int rc = command_print(SLICE_LIT(
        "usage: freshet check --config FILE\n\n"
        "Reads the configuration as `freshet serve` would, with the same flags and FRESHET_*\n"
        "variables, and names every mistake with its file and line on standard error. Exit code\n"
        "0: it is right, 1: it is not.\n"));
    return rc == 0 ? EXIT_DONE : EXIT_FAILED;
}

int cmd_check(int argc, char **argv)
{
    if (command_wants_help(argc, argv))
        return help();
    struct options *o;
    struct buf report = BUF_INIT, warnings = BUF_INIT, ok = BUF_INIT;
    struct options_input in = {.argc = argc, .argv = argv, .env = environ};
    int rc = (int)options_load(&in, &o, &report, &warnings);
    command_list("warning: ", buf_slice(&warnings));
    command_list("", buf_slice(&report));
    if (rc == OPTIONS_OK && !o->file)
        rc = command_fail(NAME, EXIT_USAGE, "needs --config FILE");
    if (rc == OPTIONS_OK) {
        buf_addf(&ok, "%s: ok\n", o->file);
        rc = command_print(buf_slice(&ok)) == 0 ? EXIT_DONE : EXIT_FAILED;
    }
    options_free(o);
    buf_fini(&ok);
    buf_fini(&report);
    buf_fini(&warnings);
    return rc;
}
