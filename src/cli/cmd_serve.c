/* freshet serve: runs the hub. */
#include "cli/command.h"
#include "io/logger.h"
#include "options/options.h"
#include "server/server.h"

#include <signal.h>
#include <stdio.h>
#include <unistd.h>

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

static void say_where(const struct server *s, const struct log *log, bool dev)
{
    const char *address;
    for (size_t i = 0; (address = server_address(s, i)); i++)
        printf("listening on http://%s\n", address);
    fflush(stdout);
    if (dev)
        log_line(log, LOG_WARN, "DEVELOPMENT MODE: no tokens are asked for, everybody on this "
                                "machine may read and publish everything", "dev=true");
}

/* Takes opts. */
static int serve(struct options *opts)
{
    struct logger logger;
    struct err e = {.code = 0};
    bool dev = opts->dev;
    logger_init(&logger, STDERR_FILENO, opts->log.level, opts->log.format == LOG_FORMAT_JSON);
    signal(SIGPIPE, SIG_IGN);
    struct server *s = server_new(opts, &logger.log, &e);
    if (!s)
        return command_fail(NAME, EXIT_FAILED, "%s", e.detail);
    server_handle_signals(s);
    say_where(s, &logger.log, dev);
    int rc = server_run(s);
    server_free(s);
    return rc ? command_fail(NAME, EXIT_FAILED, "a thread could not be started") : EXIT_DONE;
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
    buf_fini(&report);
    buf_fini(&warnings);
    return rc == OPTIONS_OK ? serve(o) : rc;
}
