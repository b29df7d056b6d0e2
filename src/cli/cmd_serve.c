/* freshet serve: runs the hub. */
#include "cli/command.h"
#include "options/options.h"

#define NAME "serve"

extern char **environ;

static int help(void)
{
    struct buf out = BUF_INIT;
    buf_add_str(&out, "usage: freshet serve [--config FILE] [flags]\n\n");
    options_help(&out);
    int rc = command_print(buf_slice(&out));
    buf_fini(&out);
    return rc == 0 ? EXIT_DONE : EXIT_FAILED;
}

int cmd_serve(int argc, char **argv)
{
    if (command_wants_help(argc, argv))
        return help();
    struct options *o;
    struct buf report = BUF_INIT, warnings = BUF_INIT;
    struct options_input in = {.argc = argc, .argv = argv, .env = environ};
    int rc = (int)options_load(&in, &o, &report, &warnings);
    command_list("warning: ", buf_slice(&warnings));
    command_list("", buf_slice(&report));
    if (rc == OPTIONS_OK)
        rc = command_fail(NAME, EXIT_FAILED, "this build holds no server");
    options_free(o);
    buf_fini(&report);
    buf_fini(&warnings);
    return rc;
}
