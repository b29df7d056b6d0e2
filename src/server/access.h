/* access.h - who a request is from, and what open streams may still do.
 *
 * A credential is a publishing key or a token (Authorization, the cookie, or the query where that
 * is switched on), or, with a webhook, whatever the application says of the request's cookies. The
 * answer is a grant. Everything that isn't granted gets the same answer, whether or not it exists. */
#ifndef FRESHET_SERVER_ACCESS_H
#define FRESHET_SERVER_ACCESS_H

#include "auth/grant.h"
#include "server/inside.h"

struct access;
struct keyset;

/* Reads keys and publishers from the options; starts what asks others. 0, or an err_code with e. */
int access_init(struct server *s, struct err *e);
/* What a configuration says of keys and grants. Returns new; NULL with e. Any thread. */
struct access_conf *access_conf_new(const struct options *o, struct err *e);
void access_conf_free(struct access_conf *a); /* NULL is fine */

/* A reload, on the first loop: opens what the next configuration asks elsewhere, if that is another
 * (access_prepare: 0, or an err_code with e), then uses it (access_switch) or gives it up. */
struct access_next;
int access_prepare(struct server *s, const struct conf *next, struct access_next **out,
                   struct err *e);
void access_give_up(struct access_next *next);
/* Takes next. Its keys hold from here on; *was gets a reference to those before. The first loop has
 * the new configuration already. True: another webhook is asked than before. */
bool access_switch(struct server *s, struct access_next *next, struct keyset **was);
/* On each loop: ends the streams whose key is not among the present ones though it was in `was`,
 * and looks at those that the webhook let in, where that is another now. */
void access_recheck(struct worker *w, const struct keyset *was, bool other_webhook);

/* Ends what asks others; before the first loop ends. */
void access_close(struct server *s);
void access_free(struct server *s);

enum { ACCESS_DONE = 0, ACCESS_WAIT = 1 };

/* Finds out who rq is from. ACCESS_DONE: rq->grant is set. ACCESS_WAIT: request_run is called
 * later. Below 0: it has been answered (401, 403). */
int access_check(struct conn *c, struct request *rq);

/* Appends a token of these claims, signed by the first configured key that can. 0,
 * ERR_BAD_REQUEST with e, ERR_INTERNAL. Any thread. */
int access_sign(struct server *s, struct slice claims, struct buf *out, struct err *e);

/* An open stream is watched: it ends when its grant does. 0 or -1 for no memory. */
int access_guard(struct conn *c, const struct request *rq);
void access_unguard(struct conn *c);
/* From now on c's stream is held to rq's grant. The caller has compared tenants and subjects. 0 or
 * -1 for no memory: then the old one holds. */
int access_renew(struct conn *c, const struct request *rq);
bool access_guard_is_revoked(const struct conn *c);
/* Whose c's stream is; SLICE_NONE where nobody knows. Borrows until the stream ends. */
struct slice access_subject(const struct conn *c);
/* The tenant of the grant it is held to: that is whose subject it is. Borrows likewise. */
struct slice access_home(const struct conn *c);
/* Whether grant covers every channel that c's stream follows. */
bool access_may_follow(const struct conn *c, const struct grant *grant);
/* The streams that are due on this loop. */
void access_tick(struct worker *w);

/* Revokes by token id or subject (one of the two is SLICE_NONE) what was issued up to at_ms, until
 * until_ms: from now on on all loops. Any thread. 0 or -1 for no memory. */
int access_revoke(struct server *s, struct slice tenant, struct slice jti, struct slice subject,
                  uint64_t at_ms, uint64_t until_ms);
/* Appends how that is called in the store. */
void access_put_revoked(struct slice jti, struct slice subject, uint64_t at_ms, struct buf *out);
/* Once a second, on the first loop: the store forgets what was over a day ago. */
void access_tidy(struct server *s);
/* What the store has kept of it, at start. */
void access_load_revoked(void *ctx, const struct store_row *row);

/* The tenant that is meant: the one named, else the grant's, else the hub's default. */
struct slice access_tenant(const struct conf *conf, const struct grant *grant, struct slice named);

#endif
