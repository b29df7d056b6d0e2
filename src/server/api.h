/* api.h - behind freshet.h: what its files share, and what the rest of the server calls of it. */
#ifndef FRESHET_SERVER_API_H
#define FRESHET_SERVER_API_H

#include "freshet.h"
#include "io/logger.h"
#include "server/inside.h"

struct freshet_hub {
    struct server *s;
    struct logger logger;
    struct log log; /* to the program's own function */
    void (*log_fn)(void *ctx, enum freshet_log_level level, const char *event, const char *fields);
    void *log_ctx;
    void (*opened)(void *ctx, const struct freshet_connection *c);
    void (*closed)(void *ctx, const struct freshet_connection *c, const char *reason);
    void *connection_ctx;
    void (*reloaded)(void *ctx, int error, const char *detail);
    void *reloaded_ctx;
    /* What it was made from, for loading it again: owned. */
    char **argv, **env, *file;
    int argc;
};

/* Loads the options anew, with `dev` as given: anything else is told as *other_dev. 0 and *out new,
 * or OPTIONS_MISTAKES, OPTIONS_USAGE, with every mistake as a line in report. Any thread. */
int api_load_again(const struct freshet_hub *hub, bool dev, bool *other_dev, struct options **out,
                   struct buf *report, struct buf *warnings);
/* What options say of the log holds from here on. */
void api_set_log(struct freshet_hub *hub, const struct options *o);
/* A reload has ended. error: of freshet.h. */
void api_reloaded(const struct freshet_hub *hub, int error, const char *detail);

static inline struct slice api_slice(struct freshet_text t)
{
    return slice_of(t.p, t.len);
}

static inline struct freshet_text api_text(struct slice s)
{
    return (struct freshet_text){s.p, s.len};
}

/* The public code of one of ours, and back to text. */
int api_error(int code);

/* Subscriptions in the process are readers of the first loop. What the loop's edge_ops need: */
struct bytes *api_sub_event(const struct event *e, unsigned flags);
struct bytes *api_sub_gap(const struct gap *g);
ssize_t api_sub_send(struct freshet_subscription *sub, const struct iovec *iov, int count);
void api_sub_ended(struct freshet_subscription *sub, const char *reason);
void api_subs_end(struct worker *w);

#endif
