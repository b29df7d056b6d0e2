/* client.h - a hub as seen by the commands: one HTTP connection (libcurl), its answers and its
 * refusals. Owns the connection and the last answer; one thread. Never follows redirects, so that
 * a token goes nowhere else. */
#ifndef FRESHET_CLI_CLIENT_H
#define FRESHET_CLI_CLIENT_H

#include "base/buf.h"

#include <curl/curl.h>
#include <stdint.h>

struct client {
    CURL *curl;
    const char *command;    /* for messages */
    struct buf url;         /* with the query so far */
    struct buf token;       /* the Authorization field, or empty */
    struct buf answer;      /* of the last request; when streaming only that of a refusal */
    long status;            /* of the last request; 0: none came */
    uint64_t retry_after_s; /* of the last answer, 0 without */
    int failure;            /* CURLcode of the last request */
    char problem[CURL_ERROR_SIZE];
    /* While streaming. */
    int (*on_bytes)(void *ctx, struct slice bytes); /* not 0 ends the stream */
    void *ctx;
    uint64_t last_bytes_ms; /* when bytes last came, monotonic */
    uint64_t silence_ms;    /* after which the connection counts as dead; 0: never */
    bool was_silent;
};

/* url: `http://host:port`, or one that ends with '/', to which `endpoint` ("/v1/stream") is added;
 * one with another path is taken as it is. token: NULL for that of FRESHET_TOKEN, if any.
 * -1, or an exit code after saying what is wrong. client_close in any case. */
int client_open(struct client *c, const char *command, const char *url, const char *endpoint,
                const char *token);
void client_close(struct client *c);

/* Adds a parameter to the query, percent-encoded. value NULL: nothing. */
void client_add_query(struct client *c, const char *name, const char *value);

/* Both return true for a 2xx answer, which is in c->answer then. field: a further header field, or
 * NULL. */
bool client_get(struct client *c);
bool client_post(struct client *c, const char *content_type, struct slice body, const char *field);

/* Opens an event stream and hands its bytes to on_bytes until it ends. last_id: "" for none.
 * True when it was one; false when the hub refused or could not be reached. */
bool client_stream(struct client *c, const char *last_id,
                   int (*on_bytes)(void *ctx, struct slice bytes), void *ctx);

/* Appends why the last request failed, in one sentence: the hub's own detail where it gave one. */
void client_put_failure(const struct client *c, struct buf *out);

/* Monotonic milliseconds. */
uint64_t client_now_ms(void);

#endif
