/* freshet postgres-setup: the triggers that wake a watched query. */
#include "cli/args.h"
#include "source/pg_setup.h"

#ifdef FRESHET_POSTGRES
#include <libpq-fe.h>
#include <poll.h>
#include <stdint.h>
#endif

#define NAME "postgres-setup"

#ifdef FRESHET_POSTGRES
/* Notices (a trigger that isn't there yet) are of no interest. */
static void on_notice(void *arg, const PGresult *result)
{
    (void)arg;
    (void)result;
}

/* One line of libpq's message. */
static struct slice first_line(const char *text)
{
    struct slice rest = slice_str(text);
    return slice_trim(slice_cut(&rest, '\n'));
}

/* database: of the command's arguments, where a password in it would be seen; it is wiped. */
static int apply(char *database, const char *sql)
{
    const char *const names[] = {"dbname", "client_encoding", "fallback_application_name", NULL};
    const char *const values[] = {database, "UTF8", "freshet", NULL};
    PGconn *conn = PQconnectStartParams(names, values, 1); /* has a copy */
    memset(database, '*', strlen(database));
    while (conn && PQstatus(conn) != CONNECTION_BAD) {
        PostgresPollingStatusType step = PQconnectPoll(conn);
        if (step == PGRES_POLLING_OK || step == PGRES_POLLING_FAILED)
            break;
        struct pollfd fd = {PQsocket(conn), step == PGRES_POLLING_READING ? POLLIN : POLLOUT, 0};
        poll(&fd, 1, -1);
    }
    if (!conn || PQstatus(conn) != CONNECTION_OK) {
        struct slice why = first_line(conn ? PQerrorMessage(conn) : "out of memory");
        PQfinish(conn);
        return command_fail(NAME, EXIT_FAILED, "no connection to the database: %.*s",
                            SLICE_FMT(why));
    }
    PQsetNoticeReceiver(conn, on_notice, NULL);
    PGresult *r = PQexec(conn, sql);
    int rc = EXIT_DONE;
    if (PQresultStatus(r) != PGRES_COMMAND_OK) {
        struct slice why = first_line(PQerrorMessage(conn));
        rc = command_fail(NAME, EXIT_FAILED, "nothing was changed: %.*s", SLICE_FMT(why));
    }
    PQclear(r);
    PQfinish(conn);
    return rc;
}
#else
static int apply(char *database, const char *sql)
{
    (void)database;
    (void)sql;
    return command_fail(NAME, EXIT_FAILED,
                        "this build has no libpq: print the statements without --apply and give "
                        "them to psql");
}
#endif

/* The names that were given as places. */
static size_t count_places(const char **places, size_t max)
{
    size_t n = 0;
    while (n < max && places[n])
        n++;
    return n;
}

int cmd_postgres_setup(int argc, char **argv)
{
    bool applies = false;
    const char *listen = "freshet", *database = NULL;
    const struct args_flag flags[] = {
        {"listen", ARGS_TEXT, &listen, "NAME", "the channel to notify, as in the source's `listen`",
         false},
        {"apply", ARGS_SWITCH, &applies, NULL, "apply the statements instead of printing them",
         false},
        {"database", ARGS_TEXT, &database, "URL",
         "where to apply them: postgres://..., or libpq's key=value pairs", false}};
    const struct args_spec spec = {
        NAME,
        "postgres-setup [--listen NAME] [--apply --database URL] TABLE...",
        "Prints the statements that make PostgreSQL wake a watched query: per table one trigger "
        "that\n"
        "notifies after insert, update, delete and truncate. They can be run again. A table is a\n"
        "name or schema.name. The password comes from PGPASSWORD, a password file or the URL.\n",
        flags,
        sizeof flags / sizeof *flags,
        1,
        ARGS_TEXTS_MAX};
    const char *places[ARGS_TEXTS_MAX];
    struct buf sql = BUF_INIT;
    struct err e;
    int rc = args_read(&spec, argc, argv, places);
    if (rc >= 0)
        return rc;
    rc = pg_setup_sql(places, count_places(places, ARGS_TEXTS_MAX), listen, &sql, &e);
    if (rc < 0)
        rc = command_fail(NAME, EXIT_USAGE, "%s", e.detail);
    else if (applies && !database)
        rc = command_fail(NAME, EXIT_USAGE, "--apply needs --database URL");
    else if (applies)
        rc = apply((char *)(uintptr_t)database, buf_cstr(&sql));
    else
        rc = command_print(buf_slice(&sql)) == 0 ? EXIT_DONE : EXIT_FAILED;
    buf_fini(&sql);
    return rc;
}
