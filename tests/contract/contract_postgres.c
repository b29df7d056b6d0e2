/* PostgreSQL under the contract of sources: a server of its own, in a temporary folder, reached by
 * a socket in that folder. It refuses to run as root: then it runs as `postgres`. It is started at
 * the first test and ends with the test program; each test has its own database. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "source_fixture.h"

#include "base/buf.h"
#include "source/source_postgres.h"

#include <fcntl.h>
#include <libpq-fe.h>
#include <netinet/in.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* PG_BIN: the folder of initdb and postgres, set by the build. */

struct server {
    char folder[32], data[48];
    char port[8];
    pid_t pid;
    unsigned databases;
};

struct database {
    char url[160], named_url[160];
    PGconn *writer;
    unsigned number;
};

static struct server the_server;

/* In the child: becomes somebody PostgreSQL runs as, dies with the parent. */
static void become_user(const char *folder)
{
    if (geteuid() == 0) {
        struct passwd *user = getpwnam("postgres");
        if (!user || chown(folder, user->pw_uid, user->pw_gid) < 0 || setgid(user->pw_gid) < 0 ||
            setuid(user->pw_uid) < 0)
            _exit(126);
    }
    prctl(PR_SET_PDEATHSIG, SIGQUIT);
    if (chdir(folder) < 0)
        _exit(126);
}

static pid_t spawn(char *const *argv)
{
    char log[96];
    snprintf(log, sizeof log, "%s/log", the_server.folder);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        become_user(the_server.folder);
        int fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
        if (fd < 0 || dup2(fd, 1) < 0 || dup2(fd, 2) < 0)
            _exit(126);
        execv(argv[0], argv);
        _exit(127);
    }
    return pid;
}

static void wait_for(char *const *argv)
{
    int status;
    assert_true(waitpid(spawn(argv), &status, 0) > 0);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        fail_msg("%s failed", argv[0]);
}

static void server_stop(void)
{
    if (the_server.pid > 0) {
        kill(the_server.pid, SIGQUIT); /* at once, as after a crash */
        waitpid(the_server.pid, NULL, 0);
    }
    the_server.pid = 0;
}

static void server_end(void)
{
    server_stop();
    if (the_server.folder[0]) {
        char *const argv[] = {"/bin/rm", "-rf", the_server.folder, NULL};
        pid_t pid = fork();
        if (pid == 0) {
            execv(argv[0], argv);
            _exit(127);
        }
        waitpid(pid, NULL, 0);
    }
    the_server.folder[0] = 0;
}

static void server_start(void)
{
    char url[128];
    /* clang-format off */
    char *const argv[] = {PG_BIN "/postgres",
                          "-D", the_server.data,
                          "-p", the_server.port,
                          "-k", the_server.folder,
                          "-c", "listen_addresses=127.0.0.1",
                          "-c", "fsync=off",
                          "-c", "max_connections=20",
                          "-c", "shared_buffers=8MB",
                          "-c", "wal_level=logical",
                          NULL};
    /* clang-format on */
    the_server.pid = spawn(argv);
    snprintf(url, sizeof url, "host=%s port=%s user=postgres dbname=postgres", the_server.folder,
             the_server.port);
    for (int i = 0; i < 1000; i++) {
        if (PQping(url) == PQPING_OK)
            return;
        nanosleep(&(struct timespec){0, 20000000}, NULL); /* until it answers */
    }
    fail_msg("the server does not answer");
}

/* A port that nobody has now. */
static void pick_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(fd >= 0 && bind(fd, (struct sockaddr *)&address, len) == 0 &&
                getsockname(fd, (struct sockaddr *)&address, &len) == 0);
    snprintf(the_server.port, sizeof the_server.port, "%u", ntohs(address.sin_port));
    close(fd);
}

static void server_first(void)
{
    pick_port();
    snprintf(the_server.folder, sizeof the_server.folder, "/tmp/freshet-pg-XXXXXX");
    assert_non_null(mkdtemp(the_server.folder));
    snprintf(the_server.data, sizeof the_server.data, "%s/data", the_server.folder);
    atexit(server_end);
    char *const argv[] = {PG_BIN "/initdb", "-D", the_server.data, "--no-sync", "-A",
                          "trust",          "-U", "postgres",      "-E",        "UTF8",
                          "--locale=C",     NULL};
    wait_for(argv);
    server_start();
}

static PGconn *connect_to(const char *url)
{
    PGconn *c = PQconnectdb(url);
    if (PQstatus(c) != CONNECTION_OK)
        fail_msg("%s", PQerrorMessage(c));
    return c;
}

static void run_sql(PGconn *c, const char *sql)
{
    PGresult *r = PQexec(c, sql);
    ExecStatusType status = PQresultStatus(r);
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
        fail_msg("%s: %s", sql, PQerrorMessage(c));
    PQclear(r);
}

static void as_admin(const char *sql)
{
    char url[128];
    snprintf(url, sizeof url, "host=%s port=%s user=postgres dbname=postgres", the_server.folder,
             the_server.port);
    PGconn *c = connect_to(url);
    run_sql(c, sql);
    PQfinish(c);
}

static void *begin(void)
{
    char sql[64];
    struct database *db = calloc(1, sizeof *db);
    assert_non_null(db);
    if (!the_server.folder[0])
        server_first();
    db->number = ++the_server.databases;
    snprintf(sql, sizeof sql, "create database t%u", db->number);
    as_admin(sql);
    snprintf(db->url, sizeof db->url, "host=%s port=%s user=postgres dbname=t%u", the_server.folder,
             the_server.port, db->number);
    snprintf(db->named_url, sizeof db->named_url, "postgres://postgres@localhost:%s/t%u",
             the_server.port, db->number);
    return db;
}

static void end(void *arg)
{
    char sql[64];
    struct database *db = arg;
    PQfinish(db->writer);
    if (the_server.pid == 0)
        server_start();
    snprintf(sql, sizeof sql, "drop database t%u with (force)", db->number);
    as_admin(sql);
    free(db);
}

static void exec(void *arg, const char *sql)
{
    struct database *db = arg;
    if (!db->writer)
        db->writer = connect_to(db->url);
    run_sql(db->writer, sql);
}

static int open_source(void *arg, const struct source_query_conf *conf, struct fixture *f,
                       struct source **out, struct err *e)
{
    struct database *db = arg;
    struct source_postgres_conf c = {.database = db->url, .query = *conf};
    return source_postgres_new(&c, &f->host, &f->loop, out, e);
}

static void cut(void *arg)
{
    struct database *db = arg;
    PQfinish(db->writer);
    db->writer = NULL;
    server_stop();
}

static void mend(void *arg)
{
    (void)arg;
    server_start();
}

const char *contract_postgres_url(void *arg)
{
    struct database *db = arg;
    return db->url;
}

const char *contract_postgres_url_by_name(void *arg)
{
    struct database *db = arg;
    return db->named_url;
}

const struct contract_driver contract_postgres = {"postgres", "postgres",  begin, end,
                                                  exec,       open_source, cut,   mend};
