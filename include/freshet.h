/* freshet.h - a hub inside your program.
 *
 *     struct freshet_options o = {.size = sizeof o, .argc = 2,
 *                                 .argv = (char *[]){"--listen", "127.0.0.1:4000"}};
 *     struct freshet_hub *hub;
 *     char why[1000];
 *     if (freshet_hub_new(&o, &hub, why, sizeof why)) { fputs(why, stderr); return 1; }
 *     freshet_hub_run(hub);
 *     freshet_hub_free(hub);
 *
 * What happens on the server (an event published, a row that changed) reaches every open stream
 * that may see it, at once, in order, without loss. The words (event, channel, tenant, key, state)
 * are those of docs/protocol.md; docs/embedding.md is the tour.
 *
 * Threads. A hub has one thread a network loop: the one that calls freshet_hub_run or
 * freshet_hub_step is the first, the others are the hub's own. Functions marked [any] may be called
 * from any thread; all others from the thread that made the hub, before it runs or inside step's
 * callbacks. Callbacks run on the hub's threads and must not wait: they hold up everybody on their
 * loop.
 *
 * Ownership. Texts that go in are copied before a call returns. Texts that come out in a callback
 * are valid until it returns. A text has a length; those that come out also end with a NUL, but of a
 * request only what was decoded for you: freshet_request_param and freshet_request_query.
 *
 * Errors. Functions return 0 or one of FRESHET_E*. One process may hold several hubs: there is no
 * global state. */
#ifndef FRESHET_H
#define FRESHET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The version of this header; freshet_version() is the library's. */
#define FRESHET_HEADER_VERSION "0.1.0"

#if defined(__GNUC__)
#define FRESHET_API __attribute__((visibility("default")))
#else
#define FRESHET_API
#endif

/* Errors. The same as HTTP would say it: freshet_error_name() is the `error` of problem+json. */
enum freshet_error {
    FRESHET_OK = 0,
    FRESHET_EINVAL = -1,    /* malformed: a name, JSON, an option */
    FRESHET_EFORBIDDEN = -2, /* the channel belongs to a source */
    FRESHET_ENOENT = -3,    /* no such channel (channels_open: false), connection or path */
    FRESHET_ECONFLICT = -4, /* the idempotency key was used with another body */
    FRESHET_ETOOBIG = -5,   /* over a limit of size */
    FRESHET_EBUSY = -6,     /* over a limit of rate, or the hub is overloaded: try again */
    FRESHET_EFULL = -7,     /* the store is full */
    FRESHET_ECLOSING = -8,  /* the hub is stopping */
    FRESHET_ENOMEM = -9,
    FRESHET_EFAILED = -10, /* anything else */
    FRESHET_EUSAGE = -11   /* a flag that doesn't exist, or lacks its value */
};

FRESHET_API const char *freshet_version(void);               /* [any] static memory */
FRESHET_API const char *freshet_error_name(int error);       /* [any] static memory */

/* A run of bytes, UTF-8 where it is text. p NULL: not there. */
struct freshet_text {
    const char *p;
    size_t len;
};

/* For string literals and NUL-terminated strings. */
FRESHET_API struct freshet_text freshet_text(const char *s); /* [any] borrows s */

/* ---- a hub ---- */

struct freshet_hub;

enum freshet_log_level { FRESHET_LOG_ERROR, FRESHET_LOG_WARN, FRESHET_LOG_INFO, FRESHET_LOG_DEBUG };

/* Zero is the default of every member but size. */
struct freshet_options {
    size_t size;             /* sizeof(struct freshet_options): lets it grow */
    const char *config_file; /* YAML, as for `freshet serve --config`; NULL: none */
    int argc;                /* flags, as for `freshet serve`: "--listen", "127.0.0.1:0", ... */
    char *const *argv;
    char *const *env; /* "NAME=value" ..., NULL at the end (environ); NULL: the environment is not
                         looked at */
    /* Log lines, at most of `log.level`; NULL: to standard error. [any thread] */
    void (*log)(void *ctx, enum freshet_log_level level, const char *event, const char *fields);
    void *log_ctx;
};

/* Makes a hub: reads the options, opens the store, binds the addresses; nothing is accepted before
 * it runs. 0 and *out new; else FRESHET_EINVAL, FRESHET_EUSAGE, FRESHET_ENOMEM or
 * FRESHET_EFAILED, and `why` (may be NULL) says what was wrong, a line each, cut to why_size bytes. With 0 it holds warnings, or nothing. */
FRESHET_API int freshet_hub_new(const struct freshet_options *options, struct freshet_hub **out,
                                char *why, size_t why_size);

/* The i-th address it listens on, "127.0.0.1:4000"; NULL beyond the last. Valid as long as the
 * hub. */
FRESHET_API const char *freshet_hub_address(const struct freshet_hub *hub, size_t i);

/* True when it was started with dev: no tokens are asked for. */
FRESHET_API bool freshet_hub_is_dev(const struct freshet_hub *hub);

/* Runs until stopped. 0, or FRESHET_EFAILED when a thread could not be started. */
FRESHET_API int freshet_hub_run(struct freshet_hub *hub);

/* For a program with a loop of its own: does what is to be done now, waiting for it for at most
 * wait_ms milliseconds (0: not at all). The first loop is this thread's, the others run by
 * themselves. 1 while there is something to come, 0 when the hub has stopped, or FRESHET_EFAILED. */
FRESHET_API int freshet_hub_step(struct freshet_hub *hub, uint32_t wait_ms);

/* A descriptor that becomes readable when step has something to do, for a poll of the caller's;
 * step at least every freshet_hub_timeout() milliseconds as well (-1: no need). Not to be read. */
FRESHET_API int freshet_hub_fd(const struct freshet_hub *hub);
FRESHET_API int freshet_hub_timeout(const struct freshet_hub *hub);

/* Begins to stop: readiness off, streams are told to come back, what was acknowledged is stored;
 * then run returns, step gives 0. A second call doesn't wait for anybody. [any], and from signal
 * handlers. */
FRESHET_API void freshet_hub_stop(struct freshet_hub *hub);

/* Reads the configuration anew (the file, flags and variables that it was made from) and takes it
 * without a stream being closed; what can't change while it runs is named in the log. With a mistake
 * in it nothing changes. It happens soon; a second wish meanwhile makes one more. [any], and from
 * signal handlers. */
FRESHET_API void freshet_hub_reload(struct freshet_hub *hub);

/* Calls done (on the first loop) when a reload has ended: with error 0 all loops go by the new
 * configuration, and detail has warnings and what needs a restart, a line each, or nothing; with
 * FRESHET_EINVAL, FRESHET_EUSAGE, FRESHET_ENOMEM, FRESHET_ECLOSING or FRESHET_EFAILED the old one
 * holds, and detail says what was wrong. Before the hub runs. */
FRESHET_API void freshet_on_reload(struct freshet_hub *hub,
                                   void (*done)(void *ctx, int error, const char *detail),
                                   void *ctx);

/* Frees it; it must not be running. What is still unanswered is answered with an error, inside this
 * call. NULL is fine. */
FRESHET_API void freshet_hub_free(struct freshet_hub *hub);

/* ---- publishing ---- */

struct freshet_event {
    struct freshet_text tenant;  /* not there: the hub's default */
    struct freshet_text channel;
    struct freshet_text type;    /* not there: "message" */
    struct freshet_text key;     /* not there: none */
    struct freshet_text data;    /* JSON */
    struct freshet_text state;   /* JSON: the whole of what data changes; not there: none */
    struct freshet_text idempotency_key; /* not there: none */
    bool deleted;                /* a tombstone of its key */
    bool high;                   /* overtakes what waits for slow readers */
    /* Set on events that come out: */
    struct freshet_text id;
    uint64_t time_ms;
    bool whole; /* the state has taken the data's place: it doesn't build on what came before */
};

struct freshet_published {
    int error;                     /* 0: all of them are taken; else none is */
    const char *detail;            /* what was wrong, "" when nothing was */
    size_t count;
    const struct freshet_text *ids; /* one an event */
    bool durable;                  /* they outlive a crash */
};

/* Publishes events of one tenant as one: all or none, one after the other in the log. done (may be
 * NULL) is called once, on the calling thread's hub loop or the first one, never inside the call:
 * with durable once they are stored, else once they have their ids. 0, or FRESHET_EINVAL,
 * FRESHET_ETOOBIG, FRESHET_ENOMEM, FRESHET_ECLOSING, and done is not called then. [any] */
FRESHET_API int freshet_publish(struct freshet_hub *hub, const struct freshet_event *events,
                                size_t count, bool durable,
                                void (*done)(void *ctx, const struct freshet_published *result),
                                void *ctx);

/* ---- following, inside the process ---- */

struct freshet_subscription;

struct freshet_filter {
    struct freshet_text tenant;          /* not there: the hub's default */
    const struct freshet_text *channels; /* at least one */
    size_t channel_count;
    const struct freshet_text *types, *keys; /* count 0: all */
    size_t type_count, key_count;
    struct freshet_text since;   /* where to begin: "latest" (the default), "earliest", an id, "10m" ... */
    struct freshet_text last_id; /* resume after it; wins over since */
    bool snapshot;               /* first the latest event of every live key of keyed channels */
};

struct freshet_follower {
    void (*event)(void *ctx, const struct freshet_event *event);
    /* Events of these channels are gone: reason as in docs/protocol.md. May be NULL. */
    void (*gap)(void *ctx, const char *reason, const struct freshet_text *channels, size_t count);
    /* The last call: it was ended, or the hub stops. May be NULL. */
    void (*ended)(void *ctx, const char *reason);
    void *ctx;
};

/* Follows channels. Callbacks run on the hub's first loop. 0 and *out, or FRESHET_EINVAL,
 * FRESHET_ENOENT, FRESHET_ENOMEM, FRESHET_ECLOSING. [any] */
FRESHET_API int freshet_subscribe(struct freshet_hub *hub, const struct freshet_filter *filter,
                                  const struct freshet_follower *follower,
                                  struct freshet_subscription **out);

/* Ends it; `ended` is called, later, and nothing after that. Once, and not after `ended`. [any] */
FRESHET_API void freshet_unsubscribe(struct freshet_subscription *subscription);

/* ---- connections and statistics ---- */

struct freshet_connection {
    struct freshet_text id, tenant;
    const struct freshet_text *channels;
    size_t channel_count;
    uint64_t opened_ms; /* unix */
};

/* Calls opened and closed (either may be NULL) for each stream, on its loop's thread. Before the
 * hub runs. */
FRESHET_API void freshet_on_connection(
    struct freshet_hub *hub, void (*opened)(void *ctx, const struct freshet_connection *c),
    void (*closed)(void *ctx, const struct freshet_connection *c, const char *reason), void *ctx);

/* Ends the stream of that id with freshet.close and this reason ("kicked" when NULL). It is told
 * to the loops and happens soon; an id that isn't there is nothing. FRESHET_EINVAL when it is no
 * id. [any] */
FRESHET_API int freshet_close_connection(struct freshet_hub *hub, const char *id,
                                         const char *reason);

/* Collects the statistics (the JSON of GET /v1/stats); done is called once on the first loop.
 * tenant not there: of the whole hub. 0, or FRESHET_ENOMEM, FRESHET_ECLOSING. [any] */
FRESHET_API int freshet_stats(struct freshet_hub *hub, struct freshet_text tenant,
                              void (*done)(void *ctx, struct freshet_text json), void *ctx);

/* ---- routes of your own ---- */

struct freshet_request;

/* Called on a loop's thread when a request has arrived whole. It must be answered, now or later,
 * with one freshet_reply; until then any one thread may look at it. */
typedef void (*freshet_handler)(void *ctx, struct freshet_request *request);

/* Adds a route, before the hub runs. methods: "GET", or several with commas (GET brings HEAD
 * along). path: segments may be ":name" (freshet_request_param), the last may be "*" for whatever
 * follows. Exact paths win over patterns. FRESHET_EINVAL for a path that is taken or malformed. */
FRESHET_API int freshet_route_add(struct freshet_hub *hub, const char *methods, const char *path,
                                  freshet_handler handler, void *ctx);

/* The same for requests that show who they are: a token or a publishing key as in docs/security.md,
 * or they get 401 without a call. With a cookie, what changes something needs an Origin of this
 * site and a JSON body. cookie: the name of the one that may hold the token; NULL: auth.cookie.
 * Borrowed as long as the hub. */
FRESHET_API int freshet_route_add_private(struct freshet_hub *hub, const char *methods,
                                          const char *path, const char *cookie,
                                          freshet_handler handler, void *ctx);

/* All borrow from the request, until it is answered. */
FRESHET_API struct freshet_text freshet_request_method(const struct freshet_request *r);
FRESHET_API struct freshet_text freshet_request_path(const struct freshet_request *r);
FRESHET_API struct freshet_text freshet_request_body(const struct freshet_request *r);
FRESHET_API struct freshet_text freshet_request_header(const struct freshet_request *r,
                                                       const char *name);
/* A ":name" of the path, "*" for its rest. Percent-decoded. */
FRESHET_API struct freshet_text freshet_request_param(struct freshet_request *r, const char *name);
/* The first parameter of that name in the query, decoded. */
FRESHET_API struct freshet_text freshet_request_query(struct freshet_request *r, const char *name);
FRESHET_API struct freshet_text freshet_request_cookie(const struct freshet_request *r,
                                                       const char *name);

/* Who a request to a private route is from. Borrows until it is answered. */
struct freshet_identity {
    struct freshet_text tenant, subject; /* not there: none */
    struct freshet_text claims; /* of the verified token, JSON; not there: it had none */
    bool any_tenant;            /* it crosses the wall between tenants; with dev everybody does */
    bool admin;                 /* of its tenant, or of the hub with any_tenant */
};

FRESHET_API void freshet_request_identity(const struct freshet_request *r,
                                          struct freshet_identity *out);
/* What it is granted; false on a route that isn't private. */
FRESHET_API bool freshet_request_may_subscribe(const struct freshet_request *r,
                                               struct freshet_text tenant,
                                               struct freshet_text channel);
FRESHET_API bool freshet_request_may_publish(const struct freshet_request *r,
                                             struct freshet_text tenant,
                                             struct freshet_text channel);

/* Signs claims (a JSON object; nothing is added, so give it `exp`) with the first of auth.keys that
 * holds a secret, into out, NUL-terminated: a token this hub takes. 0, FRESHET_EINVAL when no key
 * can sign or the claims are no object, FRESHET_ETOOBIG when it doesn't fit, FRESHET_ENOMEM. [any] */
FRESHET_API int freshet_token_sign(struct freshet_hub *hub, struct freshet_text claims, char *out,
                                   size_t size);

/* Adds a header to the answer. FRESHET_EINVAL for a name or value that HTTP doesn't allow. */
FRESHET_API int freshet_reply_header(struct freshet_request *r, const char *name,
                                     const char *value);

/* Answers, once; r is gone then. type NULL: no Content-Type. [any] */
FRESHET_API void freshet_reply(struct freshet_request *r, int status, const char *type,
                               struct freshet_text body);

/* ---- sources ---- */

struct freshet_source {
    const char *name;
    const char *type;     /* "sqlite", or "postgres" where the hub is built with libpq */
    const char *database; /* its file; postgres: a connection URL or libpq's key=value pairs */
    const char *query;
    const char *key;           /* column */
    const char *tenant_column; /* NULL: tenant for all rows */
    const char *tenant;        /* NULL: the hub's default */
    const char *channel;       /* keyed, in the configuration */
    uint32_t every_ms;         /* 0: 100; postgres: 3000 */
    const char *added, *changed, *removed; /* event types; NULL: "added", "changed", "removed" */
    const char *listen; /* postgres: the notification channel that wakes the query; NULL: none */
};

/* Adds a watched query, as `sources` in the configuration. Before the hub runs. FRESHET_EINVAL:
 * `why` (may be NULL) says what is wrong. */
FRESHET_API int freshet_source_add(struct freshet_hub *hub, const struct freshet_source *source,
                                   char *why, size_t why_size);

#ifdef __cplusplus
}
#endif

#endif
