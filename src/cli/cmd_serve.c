/* freshet serve: runs the hub. */
#include "cli/command.h"
#include "freshet.h"
#include "options/options.h"

#include <signal.h>
#include <stdio.h>

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

/* What the signal handler may touch: the one hub of this program. */
static struct freshet_hub *running;

static void on_signal(int number)
{
    (void)number;
    freshet_hub_stop(running);
}

static void handle_signals(void)
{
    struct sigaction stop = {.sa_handler = on_signal}, ignore = {.sa_handler = SIG_IGN};
    sigaction(SIGTERM, &stop, NULL);
    sigaction(SIGINT, &stop, NULL);
    sigaction(SIGPIPE, &ignore, NULL);
}

static void say_where(const struct freshet_hub *hub)
{
    const char *address;
    for (size_t i = 0; (address = freshet_hub_address(hub, i)); i++)
        printf("listening on http://%s\n", address);
    fflush(stdout);
    if (freshet_hub_is_dev(hub))
        fputs("DEVELOPMENT MODE: no tokens are asked for, everybody on this machine may read and "
              "publish everything\n",
              stderr);
}

int cmd_serve(int argc, char **argv)
{
    if (command_wants_help(argc, argv))
        return help();
    char why[8192] = "";
    struct freshet_options o = {.size = sizeof o, .argc = argc, .argv = argv, .env = environ};
    struct freshet_hub *hub;
    int rc = freshet_hub_new(&o, &hub, why, sizeof why);
    if (rc == FRESHET_EINVAL || rc == FRESHET_EUSAGE) {
        command_list("", slice_str(why));
        return rc == FRESHET_EUSAGE ? EXIT_USAGE : EXIT_FAILED;
    }
    if (rc)
        return command_fail(NAME, EXIT_FAILED, "%s", why);
    command_list("warning: ", slice_str(why));
    running = hub;
    handle_signals();
    say_where(hub);
    rc = freshet_hub_run(hub);
    freshet_hub_free(hub);
    return rc ? command_fail(NAME, EXIT_FAILED, "a thread could not be started") : EXIT_DONE;
}
