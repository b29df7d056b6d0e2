/* freshet serve: runs the hub. */
#include "cli/command.h"
#include "cli/notify.h"
#include "freshet.h"
#include "options/options.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

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

/* What the signal handler may touch: the one hub of this program, and who started it. */
static struct freshet_hub *running;
static struct notify manager = {.fd = -1};

static void on_signal(int number)
{
    (void)number;
    notify_send(&manager, "STOPPING=1");
    freshet_hub_stop(running);
}

static void on_hangup(int number)
{
    (void)number;
    notify_reloading(&manager);
    freshet_hub_reload(running);
}

/* Also where the configuration was wrong: the hub serves on, by the old one. */
static void on_reloaded(void *ctx, int error, const char *detail)
{
    (void)ctx;
    (void)detail;
    if (error != FRESHET_ECLOSING)
        notify_send(&manager, "READY=1");
}

static void handle_signals(void)
{
    struct sigaction stop = {.sa_handler = on_signal}, ignore = {.sa_handler = SIG_IGN};
    struct sigaction reload = {.sa_handler = on_hangup, .sa_flags = SA_RESTART};
    sigaction(SIGHUP, &reload, NULL);
    sigaction(SIGTERM, &stop, NULL);
    sigaction(SIGINT, &stop, NULL);
    sigaction(SIGPIPE, &ignore, NULL);
    sigaction(SIGXFSZ, &ignore, NULL); /* a file over its limit is an error of the write */
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

static int64_t now_ms(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* Runs until stopped. With a watchdog each message to it follows a turn of the loop, so that a loop
 * that hangs is noticed. */
static int run(struct freshet_hub *hub)
{
    notify_send(&manager, "READY=1");
    if (!manager.watchdog_ms)
        return freshet_hub_run(hub);
    uint32_t every_ms = manager.watchdog_ms / 3 + 1;
    int rc;
    for (int64_t due = now_ms(); (rc = freshet_hub_step(hub, every_ms)) > 0;) {
        if (now_ms() < due)
            continue;
        notify_send(&manager, "WATCHDOG=1");
        due = now_ms() + every_ms;
    }
    return rc;
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
    if (notify_open(&manager))
        command_tell(NAME, "warning: NOTIFY_SOCKET: ", slice_str(strerror(errno)));
    freshet_on_reload(hub, on_reloaded, NULL);
    handle_signals();
    say_where(hub);
    rc = run(hub);
    notify_close(&manager);
    freshet_hub_free(hub);
    return rc ? command_fail(NAME, EXIT_FAILED, "a thread could not be started") : EXIT_DONE;
}
