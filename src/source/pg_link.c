#include "source/pg_link.h"

#include "base/err.h"
#include "source/pg_lookup.h"
#include "source/pg_password.h"

#include <stdio.h>
#include <stdlib.h>

#define NO_CONNECTION "no connection to the database"

/* Lives until its close callback, longer than the connection it is for. */
struct pg_link_poll {
    uv_poll_t poll;
    struct pg_link *link;
    bool closed;
};

static void on_poll(uv_poll_t *handle, int status, int events);

static void on_poll_closed(uv_handle_t *handle)
{
    struct pg_link_poll *p = handle->data;
    struct pg_link *l = p->link;
    free(p);
    l->handles--;
    l->ops->handle_gone(l->owner);
}

static void poll_close(struct pg_link *l)
{
    struct pg_link_poll *p = l->poll;
    l->poll = NULL;
    if (!p)
        return;
    p->closed = true;
    uv_poll_stop(&p->poll);
    uv_close((uv_handle_t *)&p->poll, on_poll_closed);
}

int pg_link_poll(struct pg_link *l, int events)
{
    if (!l->poll) {
        struct pg_link_poll *p = calloc(1, sizeof *p);
        if (!p || uv_poll_init(l->loop, &p->poll, PQsocket(l->conn)) < 0) {
            free(p);
            return ERR_OVERLOADED;
        }
        p->poll.data = p;
        p->link = l;
        l->poll = p;
        l->handles++;
    }
    int rc = events ? uv_poll_start(&l->poll->poll, events, on_poll) : uv_poll_stop(&l->poll->poll);
    return rc < 0 ? ERR_OVERLOADED : OK;
}

struct slice pg_first_line(const char *text)
{
    struct slice rest = slice_str(text ? text : "");
    struct slice line = slice_trim(slice_cut(&rest, '\n'));
    if (line.len > 180)
        line.len = 180;
    return line.len ? line : SLICE_LIT("the connection was lost");
}

void pg_link_close(struct pg_link *l)
{
    pg_lookup_cancel(l->lookup);
    l->lookup = NULL;
    poll_close(l); /* before libpq closes the descriptor */
    PQfinish(l->conn);
    l->conn = NULL;
    l->connecting = false;
}

static void fail(struct pg_link *l, const char *why)
{
    char text[240];
    struct slice line = pg_first_line(why ? why : l->conn ? PQerrorMessage(l->conn) : NULL);
    snprintf(text, sizeof text, NO_CONNECTION ": %.*s", SLICE_FMT(line));
    pg_link_close(l);
    l->ops->failed(l->owner, text);
}

static void connect_step(struct pg_link *l)
{
    poll_close(l); /* each step may close the socket and open another under the same number */
    PostgresPollingStatusType step = PQconnectPoll(l->conn);
    if (step == PGRES_POLLING_OK) {
        l->connecting = false;
        l->ops->connected(l->owner);
    } else if (step == PGRES_POLLING_FAILED ||
               pg_link_poll(l, step == PGRES_POLLING_WRITING ? UV_WRITABLE : UV_READABLE) < 0) {
        fail(l, NULL);
    }
}

static void on_poll(uv_poll_t *handle, int status, int events)
{
    struct pg_link_poll *p = handle->data;
    if (p->closed)
        return;
    if (p->link->connecting)
        connect_step(p->link);
    else
        p->link->ops->ready(p->link->owner, status, events);
}

/* Notices are for people at a terminal. */
static void on_notice(void *arg, const PGresult *result)
{
    (void)arg;
    (void)result;
}

/* host, hostaddr: in place of those of the connection string, unless NULL. */
static void connect_to(struct pg_link *l, const char *host, const char *hostaddr)
{
    const struct pg_link_conf *conf = &l->conf;
    char password[PG_PASSWORD_MAX + 1];
    struct err e;
    if (pg_password_read(conf->password_file, password, &e) < 0) {
        fail(l, e.detail);
        return;
    }
    const char *const names[] = {"dbname",
                                 "client_encoding",
                                 "fallback_application_name",
                                 "replication",
                                 "host",
                                 "hostaddr",
                                 "password",
                                 NULL};
    const char *const values[] = {conf->database,
                                  "UTF8",
                                  "freshet",
                                  conf->replication ? "database" : NULL,
                                  host,
                                  hostaddr,
                                  password[0] ? password : NULL,
                                  NULL};
    l->conn = PQconnectStartParams(names, values, 1);
    pg_password_forget(password);
    l->connecting = true;
    if (l->conn)
        PQsetNoticeReceiver(l->conn, on_notice, NULL);
    if (!l->conn || PQstatus(l->conn) == CONNECTION_BAD || PQsetnonblocking(l->conn, 1) < 0 ||
        pg_link_poll(l, UV_WRITABLE) < 0)
        fail(l, NULL);
}

static void on_lookup(void *arg, const char *host, const char *hostaddr, const char *error)
{
    struct pg_link *l = arg;
    l->lookup = NULL;
    if (error)
        fail(l, error);
    else
        connect_to(l, host, hostaddr);
}

void pg_link_open(struct pg_link *l)
{
    int rc = pg_lookup_start(l->loop, l->conf.database, on_lookup, l, &l->lookup);
    if (rc < 0)
        fail(l, "no memory");
    else if (rc > 0)
        connect_to(l, NULL, NULL);
}
