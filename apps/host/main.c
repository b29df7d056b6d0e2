/* freshet-apps: the hub and the five applications in one process, on one port and one origin. */
#define _GNU_SOURCE
#include "host/host.h"

#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#define ARGS_MAX 200

extern char **environ;

static const struct app_def *const known[] = {
#ifdef APP_TRIPS
    &app_trips,
#endif
#ifdef APP_COCKPIT
    &app_cockpit,
#endif
#ifdef APP_RENTAL
    &app_rental,
#endif
#ifdef APP_PARKING
    &app_parking,
#endif
#ifdef APP_CROWD
    &app_crowd,
#endif
    NULL};

static const char usage[] =
    "usage: freshet-apps [--app NAME]... [flags of freshet serve]\n\n"
    "Runs the hub and the demonstration applications in one process.\n\n"
    "  --app NAME         only this one; may stand several times [all]\n"
    "  --db WHERE         with one --app: its database, a file or a postgres:// URL\n"
    "                     [VAR/NAME/NAME.db]\n"
    "  --var FOLDER       where data lies [var]\n"
    "  --apps FOLDER      where the applications' files lie [apps]\n"
    "  --option NAME=TEXT for the applications; may stand several times; world=off starts\n"
    "                     with nobody acting on them\n";

struct wish {
    const char *names[8], *db, *var, *folder;
    size_t name_count;
    const char *options[32];
    size_t option_count;
    char *rest[ARGS_MAX]; /* for the hub */
    int rest_count;
};

static int fail(const char *fmt, const char *text)
{
    fputs("freshet-apps: ", stderr);
    fprintf(stderr, fmt, text);
    fputc('\n', stderr);
    return 1;
}

/* The value of `--name value` or `--name=value` at argv[*i]; NULL when it is another flag. */
static const char *value_of(int argc, char **argv, int *i, const char *name)
{
    size_t len = strlen(name);
    if (strncmp(argv[*i], name, len) != 0)
        return NULL;
    if (argv[*i][len] == '=')
        return argv[*i] + len + 1;
    return argv[*i][len] == 0 && *i + 1 < argc ? argv[++*i] : NULL;
}

static int read_args(int argc, char **argv, struct wish *w)
{
    *w = (struct wish){.var = "var", .folder = "apps"};
    for (int i = 1; i < argc; i++) {
        const char *v;
        if ((v = value_of(argc, argv, &i, "--app"))) {
            if (w->name_count == sizeof w->names / sizeof *w->names)
                return fail("%s", "too many --app");
            w->names[w->name_count++] = v;
        } else if ((v = value_of(argc, argv, &i, "--db"))) {
            w->db = v;
        } else if ((v = value_of(argc, argv, &i, "--var"))) {
            w->var = v;
        } else if ((v = value_of(argc, argv, &i, "--apps"))) {
            w->folder = v;
        } else if ((v = value_of(argc, argv, &i, "--option"))) {
            if (w->option_count + 1 == sizeof w->options / sizeof *w->options || !strchr(v, '='))
                return fail("--option %s: write NAME=TEXT, at most 31 of them", v);
            w->options[w->option_count++] = v;
        } else if (w->rest_count == ARGS_MAX - 20) {
            return fail("%s", "too many flags");
        } else {
            w->rest[w->rest_count++] = argv[i];
        }
    }
    if (w->db && w->name_count != 1)
        return fail("%s", "--db is of one application: name it with --app");
    for (size_t i = 0; i < w->name_count; i++) {
        const struct app_def *const *d = known;
        while (*d && strcmp((*d)->name, w->names[i]) != 0)
            d++;
        if (!*d)
            return fail("there is no application %s", w->names[i]);
    }
    return 0;
}

static bool wanted(const struct wish *w, const struct app_def *def)
{
    for (size_t i = 0; i < w->name_count; i++)
        if (strcmp(w->names[i], def->name) == 0)
            return true;
    return w->name_count == 0;
}

static int make_folder(const char *path)
{
    return mkdir(path, 0755) && errno != EEXIST ? -1 : 0;
}

/* The secret that sessions are signed with, made at the first start: they outlive a restart. */
static int load_key(const char *var)
{
    unsigned char bytes[32];
    char text[2 * sizeof bytes + 1], *path = app_format("%s/apps.key", var);
    int fd = path ? open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600) : -1;
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    if (n == 0 && getrandom(bytes, sizeof bytes, 0) == (ssize_t)sizeof bytes) {
        for (size_t i = 0; i < sizeof bytes; i++)
            snprintf(text + 2 * i, 3, "%02x", bytes[i]);
        n = write(fd, text, sizeof text - 1);
    }
    if (fd >= 0)
        close(fd);
    free(path);
    if (n != (ssize_t)sizeof text - 1)
        return -1;
    text[n] = 0;
    return setenv("FRESHET_APPS_KEY", text, 1);
}

/* Flags for the hub: the configurations, then what was given. */
static int make_hub(struct host *host, const struct wish *w)
{
    char *argv[ARGS_MAX + 20], why[8192] = "";
    int n = 0;
    char *base = app_format("%s/base.yaml", host->folder);
    char *store = app_format("sqlite:%s/hub.db", host->var);
    char *made[16] = {base, store};
    size_t count = 2;
    argv[n++] = (char *)(uintptr_t) "--config";
    argv[n++] = base;
    for (const struct app_def *const *d = known; *d; d++) {
        if (!wanted(w, *d))
            continue;
        argv[n++] = (char *)(uintptr_t) "--config";
        argv[n++] = made[count++] = app_format("%s/%s/freshet.yaml", host->folder, (*d)->name);
    }
    argv[n++] = (char *)(uintptr_t) "--store";
    argv[n++] = store;
    for (int i = 0; i < w->rest_count; i++)
        argv[n++] = w->rest[i];
    struct freshet_options o = {.size = sizeof o, .argc = n, .argv = argv, .env = environ};
    int rc = base && store ? freshet_hub_new(&o, &host->hub, why, sizeof why) : FRESHET_ENOMEM;
    for (size_t i = 0; i < count; i++)
        free(made[i]);
    if (rc || why[0])
        fputs(why, stderr);
    return rc;
}

static int make_apps(struct host *host, const struct wish *w)
{
    char why[1000];
    host->apps[host->app_count++] = app_new(host, &app_operator, NULL, why, sizeof why);
    if (!host->apps[0])
        return fail("%s", why);
    for (const struct app_def *const *d = known; *d; d++) {
        if (!wanted(w, *d))
            continue;
        char *folder = app_format("%s/%s", host->var, (*d)->name);
        char *file = app_format("%s/%s/%s.db", host->var, (*d)->name, (*d)->name);
        struct app *app = NULL;
        snprintf(why, sizeof why, "%s can't be made", folder ? folder : "memory");
        if (folder && file && make_folder(folder) == 0)
            app = app_new(host, *d, w->db ? w->db : file, why, sizeof why);
        free(folder);
        free(file);
        if (!app) {
            fprintf(stderr, "freshet-apps: %s: ", (*d)->name);
            return fail("%s", why);
        }
        host->apps[host->app_count++] = app;
    }
    return gallery_routes(host) ? fail("%s", "a path of the gallery is taken") : 0;
}

/* Those that watch waits for. */
static void signals(sigset_t *set)
{
    sigemptyset(set);
    sigaddset(set, SIGTERM);
    sigaddset(set, SIGINT);
    sigaddset(set, SIGHUP);
}

static void stop_apps(struct host *host)
{
    for (size_t i = 0; i < host->app_count; i++)
        if (host->apps[i])
            app_stop(host->apps[i]);
}

/* SIGHUP has the configurations read again; SIGTERM and SIGINT end: the applications first, while
 * the hub still answers them. */
static void *watch(void *ctx)
{
    struct host *host = ctx;
    sigset_t set;
    int number;
    signals(&set);
    while (sigwait(&set, &number) == 0 && number == SIGHUP)
        freshet_hub_reload(host->hub);
    stop_apps(host);
    freshet_hub_stop(host->hub);
    return NULL;
}

static int run(struct host *host)
{
    pthread_t watcher;
    const char *address;
    int rc = 0;
    for (size_t i = 0; i < host->app_count; i++)
        if (app_start(host->apps[i]))
            return fail("%s", "a thread could not be started");
    if (pthread_create(&watcher, NULL, watch, host))
        return fail("%s", "a thread could not be started");
    for (size_t i = 0; (address = freshet_hub_address(host->hub, i)); i++)
        printf("listening on http://%s\n", address);
    fflush(stdout);
    rc = freshet_hub_run(host->hub);
    pthread_kill(watcher, SIGTERM); /* when it ended by itself */
    pthread_join(watcher, NULL);
    return rc ? 1 : 0;
}

static void block_signals(void)
{
    sigset_t set;
    signals(&set);
    pthread_sigmask(SIG_BLOCK, &set, NULL); /* of all threads to come */
    signal(SIGPIPE, SIG_IGN);
}

int main(int argc, char **argv)
{
    struct wish w;
    if (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0))
        return fputs(usage, stdout) < 0;
    if (read_args(argc, argv, &w))
        return 2;
    struct app *apps[16] = {NULL};
    struct host host = {.folder = w.folder, .var = w.var, .options = w.options, .apps = apps};
    block_signals();
    curl_global_init(CURL_GLOBAL_DEFAULT);
    if (make_folder(w.var) || load_key(w.var))
        return fail("%s: can't be written", w.var);
    int rc = make_hub(&host, &w);
    if (!rc) {
        const char *address = freshet_hub_address(host.hub, 0);
        snprintf(host.address, sizeof host.address, "%s", address ? address : "");
        rc = make_apps(&host, &w);
        if (!rc)
            rc = run(&host);
        stop_apps(&host);
        freshet_hub_free(host.hub);
    }
    for (size_t i = 0; i < host.app_count; i++)
        app_free(apps[i]);
    curl_global_cleanup();
    return rc ? 1 : 0;
}
