/* inside.h - the server's insides: what the files of src/server share. */
#ifndef FRESHET_SERVER_INSIDE_H
#define FRESHET_SERVER_INSIDE_H

#include "base/buf.h"
#include "base/rng.h"
#include "core/hub.h"
#include "core/quota.h"
#include "core/store.h"
#include "edge/edge.h"
#include "io/listener.h"
#include "io/mailbox.h"
#include "io/poller.h"
#include "io/transport.h"
#include "server/server.h"
#include "wire/http1.h"
#include "wire/sse.h"

#include <pthread.h>
#include <stdatomic.h>

#define SCRATCH_BYTES (64 * 1024)
#define TURN_US 250          /* of sending, before readiness is looked at again */
#define DUE_SLOT_MS 2000
#define DUE_SLOTS 64
#define DISCARD_MAX (64 * 1024) /* bytes a client may send on its stream */

struct worker;
struct conn;
struct request;
struct server;
struct freshet_hub;
struct access;
struct grant;
struct guard;
struct key;
struct access_conf;
struct freshet_request;
struct freshet_subscription;

/* ---- the configuration in force ---- */

/* A loaded configuration and what is made of it. Doesn't change; counted: each loop has one, and
 * takes the next by a message; a request that outlives its turn has the one it came under. */
struct conf {
    atomic_uint refs;
    struct options *opts;
    struct conf *boot; /* the first, whose texts stand for what can't change; NULL: this is it */
    char *console_dir;       /* NULL: the console wasn't built, or isn't wanted */
    struct map endpoints;    /* path -> struct endpoint */
    struct endpoint **patterns;
    size_t pattern_count;
    struct channel_conf *channel_confs; /* by number in opts->channels, then the default; then the
                                           same ones again, keyed the other way */
    uint16_t *formats; /* their numbers in the server's table, see format_of */
    struct access_conf *access;
};

/* conf.c. Returns new: takes opts. boot: the first one, whose endpoints with a handler it gets too;
 * NULL: it is the first. NULL with e filled: no memory, or a key that can't be used. Any thread;
 * formats_take is still to come. */
struct conf *conf_new(struct options *opts, struct conf *boot, struct err *e);
struct conf *conf_ref(struct conf *conf);
void conf_unref(struct conf *conf); /* NULL is fine */
/* A reference to the present one. Any thread. */
struct conf *server_conf(struct server *s);
/* What holds for the channel; NULL: it may not exist. SLICE_NONE: the defaults. */
const struct channel_conf *conf_channel(const struct conf *conf, struct slice channel);
/* The endpoint of that path, its methods along `next`; NULL: none. */
const struct endpoint *conf_endpoint(const struct conf *conf, struct slice path);

/* ---- formats: how a stream is written ---- */

enum heartbeat { BEAT_EVENT, BEAT_COMMENT, BEAT_PING, BEAT_NONE };
enum control_form { CONTROL_AS_NAMED, CONTROL_AS_FULL, CONTROL_AS_TYPED, CONTROL_AS_FLAT };

struct format {
    enum envelope envelope;
    struct slice key_name;
    enum heartbeat heartbeat;
    uint32_t beat_ms;
    enum control_form control;
    bool documented; /* the opening event is shaped as an application's document has it */
    bool iso_time;
    bool poll, sub; /* not for a socket: a poll's answer, a subscription inside the process */
    const char *open_name, *gap_name, *beat_name, *close_name;
    const char *time_name, *id_name; /* members of a documented opening event; id_name may be NULL */
};

/* The formats of all configurations there were: one for /v1/stream by envelope and heartbeat, one
 * for polls, one for subscriptions, one for each route; the same one is there once. One that is in
 * the table stays, with texts of its own: open streams have its number. The first loop adds, the
 * others learn of a number by message. */
#define FORMATS_MAX 16384
int formats_init(struct server *s); /* 0 or -1 for no memory */
void formats_free(struct server *s);
/* Finds or adds those of conf. 0; ERR_OVERLOADED for no memory or no room, with e. */
int formats_take(struct server *s, struct conf *conf, struct err *e);
unsigned format_of(const struct conf *conf, enum envelope envelope, enum heartbeat heartbeat);
unsigned format_of_poll(const struct conf *conf);
unsigned format_of_sub(const struct conf *conf);
unsigned format_of_route(const struct conf *conf, size_t route);
bool heartbeat_parse(struct slice s, enum heartbeat *out);

/* edge_ops */
struct bytes *format_event(void *ctx, unsigned format, const struct event *e, unsigned flags);
struct bytes *format_open(void *ctx, struct reader *r, const struct opening *o);
struct bytes *format_gap(void *ctx, struct reader *r, const struct gap *g);
struct bytes *format_beat(void *ctx, unsigned format, const struct beat *b);
/* Appends the frames that end a stream: retry, freshet.close. */
void format_close(const struct worker *w, unsigned format, const char *reason, uint64_t retry_ms,
                  struct buf *out);

/* ---- connections ---- */

enum conn_state {
    CONN_HEAD,   /* reading a request's head, or idle between requests */
    CONN_BODY,   /* reading its body */
    CONN_BUSY,   /* the answer is being made elsewhere */
    CONN_STREAM, /* a stream; `reader` is open */
    CONN_POLL,   /* a poll; `reader` is open */
    CONN_FLUSH,  /* the last bytes are being sent, then it closes */
    CONN_CLOSED
};

/* How many streams a tenant has. Shared by all loops. */
struct tenant_use {
    atomic_long streams;
    size_t len;
    char name[];
};

struct poll;
/* Appends the poll's gap as JSON, or null. */
void format_poll_gap(const struct poll *p, struct buf *out);

/* A poll under way. */
struct poll {
    struct list waiting; /* in the worker's list of polls that wait */
    uint64_t deadline_ms; /* monotonic */
    struct conn *conn;
    uint32_t limit, count;
    struct buf events;    /* as JSON, commas between */
    struct gap gap;       /* when gap_names is not empty; its channels are not valid */
    struct buf gap_names; /* as JSON strings, commas between */
    bool done;            /* it is in the list of those to be answered */
};

/* What a stream needs to be known by; a poll has none. */
struct stream {
    uint64_t id;
    uint64_t opened_ms;
    struct tenant_use *tenant;
    struct tenant_use *address; /* NULL: not limited */
    struct tenant_use *user;    /* likewise */
};

/* What a connection needs while requests and answers are exchanged. */
struct exchange {
    struct conn *conn;
    struct list timed; /* in one of the worker's lists by deadline: heads, bodies, idle, flushing */
    struct buf in;     /* bytes not used yet; empty most of the time */
    struct buf out;    /* bytes not sent yet; with a stream: its response head */
};

struct conn {
    struct worker *w;
    struct transport t;
    struct list all; /* in the worker's list of connections, or of dead ones */
    uint64_t since_ms; /* when it came into its timed list, or began to stream: monotonic */
    struct reader reader;
    struct stream stream;
    struct guard *guard; /* of a stream whose grant may end */
    struct poll *poll;
    struct freshet_subscription *sub;
    struct request *request; /* while its body is read or its answer made */
    struct exchange *x;      /* always there but for a stream that is under way, and when closed */
    uint32_t discarded;
    uint16_t format;
    uint8_t state;
    bool counted;    /* in the numbers of streams */
    bool announced;  /* the program has been told of the stream */
    bool begun;      /* some of the stream has been sent */
    bool want_write; /* polled for writing */
    bool paused;      /* not polled for reading */
    bool minor0;      /* HTTP/1.0: no chunks */
    bool reading;     /* inside work() */
    bool gone;        /* its client has closed its side; the last answer is being made */
    bool metrics;     /* came in at metrics_listen */
};

struct endpoint;

/* One request, from its head to its answer. Its slices point into the bytes it came in, until
 * request_keep makes a copy. */
struct request {
    struct http1_request http;
    struct slice path, query;
    const struct endpoint *endpoint;
    const struct opt_route *route; /* NULL: not of the configuration */
    struct http1_body body_state;
    struct buf body;
    char *head;          /* own copy, after request_keep */
    struct conn *conn;   /* NULL when it closed while the answer is made */
    size_t body_bytes;
    struct conf *conf;       /* once it is kept: the one that it came under */
    struct key *key;         /* that its token is signed with; NULL: none */
    struct grant *grant;     /* what it may do, once that is known */
    struct buf claims;       /* of its token, for handlers of the program */
    uint64_t issued_ms;      /* when the token was, or the application was asked; 0: unknown */
    uint64_t grant_until_ms; /* with by_webhook: ask again then */
    const char *why;         /* of a refusal, for the log alone; borrowed for that call */
    bool by_webhook, asked_keys;
    bool batch; /* it is answered with an array */
    bool kept; /* on the heap, with a head of its own */
    bool held; /* by who makes its answer: freed there when the connection has closed */
};

typedef void (*request_fn)(struct conn *c, struct request *rq);

/* What a path does for some methods. */
struct endpoint {
    const char *path;
    unsigned methods; /* bits 1 << enum http1_method */
    request_fn run;   /* the body is complete */
    bool open;        /* no token needed */
    const char *cookie; /* that may hold the token; NULL: auth.cookie */
    const struct opt_route *route;
    size_t route_index;
    void (*handler)(void *ctx, struct freshet_request *request); /* of the program */
    void *handler_ctx;
    struct endpoint *next; /* same path, other methods */
};

/* Takes fd. The worker's load counts it already. metrics: see listen_slot. */
void conn_new(struct worker *w, int fd, bool metrics);
/* There is no memory for a connection: says so. Takes fd. */
void conn_refuse(int fd);
void conn_free_all(struct worker *w);
/* Frees those that were closed; nothing of theirs may be in use. */
void conn_free_dead(struct worker *w);
/* What the worker's poller calls. */
void conn_ready(void *data, unsigned events);
/* c's exchange, made when there is none; NULL: no memory. */
struct exchange *conn_exchange(struct conn *c);
/* A stream is under way: the exchange isn't needed any more. */
void conn_settle(struct conn *c);
void conn_close(struct conn *c);
/* The same; reason: what the log says of a stream. */
void conn_close_for(struct conn *c, const char *reason);
/* Sends the last bytes in `out`, then closes. */
void conn_finish(struct conn *c);
/* There is no memory to answer: says so from memory that is always there, then closes. */
void conn_overloaded(struct conn *c);
/* The answer to c->request has been put into `out`: sends it, goes on with the next request. */
void conn_answered(struct conn *c, bool keep_alive);
/* The stream of that id on this loop; NULL: none. */
struct conn *conn_by_id(struct worker *w, uint64_t id);
/* A stream's id as it is shown: 16 hex digits, the last two of them its loop. */
bool conn_id_parse(struct slice text, uint64_t *id);
/* Ends a stream with freshet.close. */
void conn_end_stream(struct conn *c, const char *reason, uint64_t retry_ms);
void conn_tick(struct worker *w);
ssize_t conn_send(void *ctx, struct reader *r, const struct iovec *iov, int count);
bool conn_alive(void *ctx, struct reader *r);
static inline struct conn *conn_of(struct reader *r)
{
    return LIST_ENTRY(r, struct conn, reader);
}

/* request.c */
/* The request is complete: who is it from, may it, then its endpoint. */
void request_run(struct conn *c, struct request *rq);
struct request *request_keep(struct request *rq);
/* What rq's endpoint and route are of. */
const struct conf *request_conf(const struct request *rq);
void request_free(struct request *rq);
/* Whether the parameters of a media range or coding say q=0, q=0.0 and so on: not wanted (RFC 9110
 * section 12.4.2). */
bool request_weighs_nothing(struct slice parameters);
/* Finds the endpoint and checks what can be checked before the body. 0: go on; else answered. */
int request_begin(struct conn *c, struct request *rq);

/* reply.c: answers to a request, whole. extra: further header lines, each with CRLF. */
void reply(struct conn *c, struct request *rq, int status, const char *type, struct slice body,
           const char *extra);
void reply_json(struct conn *c, struct request *rq, int status, struct buf *body);
void reply_error(struct conn *c, struct request *rq, const struct err *e, const char *extra);
int reply_fail(struct conn *c, struct request *rq, int code, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
/* An answer before there is a request: framing errors; the connection closes. */
void reply_broken(struct conn *c, const struct err *e);
/* That there is no memory, from memory that is always there; nothing more can be sent. */
void reply_from_nothing(struct transport *t);
/* Appends the CORS lines and Vary that belong to every answer. */
void reply_cors(const struct conf *conf, const struct request *rq, struct buf *out);

/* params.c: what a stream or poll asks for. */
struct params {
    char *text; /* decoded, owned */
    struct slice *lists; /* owned; channels, types and keys are parts of it */
    struct slice *channels, *types, *keys;
    size_t channel_count, type_count, key_count;
    struct slice tenant;
    struct reader_start start;
    enum envelope envelope;
    enum heartbeat heartbeat;
    uint32_t limit;
    uint64_t wait_ms;
};
/* 0, or an err_code with e filled. params_fini in either case. */
int params_parse(const struct request *rq, struct params *p, struct err *e);
void params_fini(struct params *p);
int since_parse(struct slice text, uint64_t now_ms, struct reader_start *start, struct err *e);

/* event_make.c */
#define ONCE_KEY_BYTES 256
/* What a publisher says of an event. Borrowed. p NULL: not said. */
struct event_wish {
    struct slice channel, type, key, data, state, once;
    bool deleted, high;
    bool checked; /* data and state passed json_check */
};
/* Returns new in *out, without an id. 0, or an err_code with e filled. */
int event_make(const struct options *o, const struct event_wish *w, struct event **out,
               struct err *e);
/* What an idempotency key stands for: all else in the event. Stores keep it: it never changes. */
void event_digest(const struct event *e, uint64_t out[2]);

/* api_*.c: behind freshet.h */
void api_connection(const struct conn *c, const char *closed_reason);
const struct endpoint *api_route_find(const struct conf *conf, struct slice path);
void api_subs_free(struct worker *w);

/* One file per kind of request. */
void req_stream(struct conn *c, struct request *rq);
void req_poll(struct conn *c, struct request *rq);
void req_publish(struct conn *c, struct request *rq);
void req_stats(struct conn *c, struct request *rq);
void req_channels(struct conn *c, struct request *rq);
void req_tenants(struct conn *c, struct request *rq);
void req_config(struct conn *c, struct request *rq);
void req_schemas(struct conn *c, struct request *rq);
void req_revoke(struct conn *c, struct request *rq);
void req_connections(struct conn *c, struct request *rq);
void req_kick(struct conn *c, struct request *rq);
void req_renew(struct conn *c, struct request *rq);
void req_metrics(struct conn *c, struct request *rq);
void req_health(struct conn *c, struct request *rq);
void req_ready(struct conn *c, struct request *rq);
void req_static(struct conn *c, struct request *rq);
bool static_has(const struct conf *conf, struct slice path);
/* The hub's own page, or how to build it. */
void req_console(struct conn *c, struct request *rq);
bool console_has(const struct conf *conf, struct slice path);
/* Returns new: the folder with the built console; NULL: none, or no memory. */
char *console_find(const struct options *opts);
/* It waits no longer: it is answered as soon as it has what is there already. */
void poll_due(struct poll *p);
/* The poll's answer is due. */
void poll_finish(struct conn *c);
/* It is: poll_finish is called soon. */
void poll_done(struct conn *c);
void poll_free(struct poll *p);

/* ---- loops ---- */

/* Limits that were met. */
enum limit {
#define X(name, option) LIMIT_##name,
#include "server/limits.def"
#undef X
    LIMIT_COUNT
};

struct worker_stats {
    uint64_t connections; /* sockets now */
    uint64_t streams, polls; /* now */
    uint64_t requests, accepted;
    uint64_t errors[ERR_INDEX_COUNT]; /* answers by error */
    uint64_t opened, closed, resumed;
    uint64_t limited[LIMIT_COUNT];
};

struct worker {
    struct server *s;
    struct conf *conf; /* what holds on this loop */
    unsigned index;
    uv_loop_t loop;
    pthread_t thread;
    bool threaded;
    struct mailbox box;
    uv_prepare_t prepare;
    uv_idle_t idle;
    uv_timer_t tick;
    uv_poll_t widest; /* see worker.c */
    struct edge *edge;
    struct rng dice;
    struct poller poller;   /* of the connections */
    struct list dead;       /* closed, freed when nobody has them on its stack */
    struct list conns, heads, bodies, idles, flushing, polls, finishing;
    struct list subs, ended_subs; /* subscriptions inside the process */
    struct list due[DUE_SLOTS];   /* guards, by when they are to be looked at */
    uint64_t due_slot;
    char *scratch;
    struct request request; /* of the head being read */
    struct buf frame;       /* for making bytes */
    struct worker_stats stats;
    atomic_long load;       /* connections, for spreading them */
    atomic_long undelivered, undelivered_bytes;
    atomic_bool overrun;
    struct msg *markers; /* the owner's: for telling the loop so */
    bool marked; /* the owner's: the last that it told the loop is that deliveries are missing */
    uint64_t now_ms;  /* wall clock, as of this turn: what is shown, and what tokens are held to */
    uint64_t mono_ms; /* likewise, of a clock that nobody sets: how long anything takes */
    bool closing;
    struct msg drain, end; /* told once each */
};

int worker_init(struct server *s, struct worker *w, unsigned index);
void worker_fini(struct worker *w);
void worker_run(struct worker *w);
/* Sets now_ms and mono_ms. */
void worker_look_at_clocks(struct worker *w);
/* From now on conf holds on this loop, of which it gets a reference. */
void worker_take(struct worker *w, struct conf *conf);
/* From any thread. */
void worker_post(struct worker *from, struct worker *to, struct msg *m);

/* reload.c */
int reload_init(struct server *s); /* 0 or -1 */
/* The loops have ended before it did. */
void reload_drop(struct server *s);
/* The sources that a reload closes are closed. */
void reload_sources_left(struct server *s);

/* owner.c: the hub on the first loop. */
int owner_init(struct server *s, struct err *e);
void owner_fini(struct server *s);
/* The first loop has another configuration: its limits hold. Returns hub_reconfigure's. */
size_t owner_reconfigure(struct server *s);
/* One look at everything that waits for the owner. True when there may be more. */
bool owner_turn(struct server *s);
void owner_tick(struct server *s, uint64_t now_ms);
void owner_post(struct worker *from, struct msg *m);
/* edge_ops */
void owner_follow(void *ctx, struct follow *f);
void owner_read(void *ctx, struct page_spec *spec, void *token);
/* Hands a publish to the owner; `answered` runs on `from`'s thread. */
struct job;
/* Returns new with room for count events and copies of the texts; NULL: no memory. */
struct job *job_new(struct worker *from, uint32_t count, struct slice tenant, struct slice once);
struct publish *job_publish(struct job *j);
const char *job_once_text(const struct job *j);
/* Whose the publish's rows are: freed by `answered`, which comes last for a durable publish. */
void job_set_rows_owner(struct job *j, void *owner);
void *job_rows_owner(struct job *j);
/* Frees one that was not sent. */
void job_drop(struct job *j);
/* From any thread; `answered` runs on the first loop. */
void job_send_from_outside(struct job *j, void *user, void (*answered)(struct job *j, void *user));
/* Sends it; `answered` runs on the worker's thread, once. */
void job_send(struct job *j, struct request *rq,
              void (*answered)(struct job *j, struct request *rq));
const struct err *job_error(const struct job *j);
uint64_t job_retry_ms(const struct job *j);
bool job_was_durable(const struct job *j);

/* sources.c */
int sources_init(struct server *s, struct err *e);
/* One more, before the loops run. Copies o. */
int sources_add(struct server *s, const struct opt_source *o, struct err *e);
void sources_start(struct server *s);
void sources_close(struct server *s);
/* A reload. Opens what next has and the hub has not, or otherwise (sources_prepare: 0, or an
 * err_code with e), then closes what next doesn't have and starts those once that is closed, or
 * gives them up. */
struct sources_next;
int sources_prepare(struct server *s, struct conf *next, struct sources_next **out, struct err *e);
void sources_give_up(struct sources_next *next);
void sources_switch(struct server *s, struct sources_next *next);
void sources_free(struct server *s);
/* The answers to what sources ask of the hub. */
#define OWNER_EDGE UINT32_MAX /* reads that are the owner's own */
void sources_page(void *token, struct page *page);
void sources_released(struct publish *p);
bool sources_closed(const struct server *s);
/* Appends the state of each source as JSON members; true when all are well. */
bool sources_health(struct server *s, struct buf *out);
void sources_put_prometheus(const struct server *s, struct buf *out);

/* gather.c: what is spread over the loops, collected. */
struct gather;
typedef void (*gather_fn)(struct gather *g, struct conn *c, struct request *rq);
typedef void (*gathered_fn)(struct gather *g);

struct gather_count {
    uint64_t n;
};

struct gather_channel {
    size_t at, len;           /* in `channels`: an object without its end */
    size_t name_at, name_len; /* in `names`: tenant, NUL, channel */
};

struct gather {
    struct msg msg;
    struct worker *origin;
    struct request *request;
    unsigned next;
    struct hub_stats hub;
    struct worker_stats workers;
    struct edge_stats edges;
    struct slice tenant; /* p NULL: the whole hub */
    char *tenant_text;
    struct map by_channel; /* tenant, NUL, channel -> struct gather_count: readers */
    struct map by_tenant;  /* streams */
    struct buf channels, names, sources, sources_prom, types, types_prom;
    struct gather_channel *infos;
    size_t channel_count, channel_cap;
    bool want_channels, sources_bad;
    uint64_t kept, kept_bytes; /* of those channels */
    uint64_t streams, lagging; /* of the tenant, or of all */
    struct hub_tenant_info of_tenant; /* of the tenant, */
    uint64_t delivered;               /* and so is this */
    /* More to do with the owner, and on each loop; NULL: nothing. */
    void (*owner)(struct gather *g, struct server *s);
    void (*each)(struct gather *g, struct worker *w);
    bool failed; /* no memory somewhere: some numbers are missing */
    gather_fn done;      /* for a request, */
    gathered_fn gathered; /* or for others */
    void *user;
    void (*user_free)(void *user); /* with the gather; NULL: not ours */
};

/* Collects, then calls done on the connection's thread, unless it has closed. tenant.p NULL: of the
 * whole hub. rq is answered by done, or here when there is no memory. */
void gather_start(struct conn *c, struct request *rq, struct slice tenant, bool want_channels,
                  gather_fn done);
/* Sends one that was made with gather_new on behalf of a request that request_keep made. */
void gather_send(struct gather *g, struct request *kept, gather_fn done);
/* Returns new, to be posted to the owner; `gathered` runs on origin's thread, then it is freed. */
struct gather *gather_new(struct worker *origin, struct slice tenant, bool want_channels,
                          gathered_fn gathered, void *user);
void gather_free(struct gather *g);

/* types.c: the owner's thread. JSON: an object, and a member after it. */
void types_note(struct server *s, const struct publish *p);
void types_put_json(const struct server *s, struct buf *out);
void types_put_prometheus(const struct server *s, struct buf *out);
void types_free(struct server *s);

/* stats.c */
void stats_put_json(const struct server *s, const struct gather *g, struct buf *out);
void stats_put_prometheus(const struct server *s, const struct gather *g, struct buf *out);

struct source_slot;

struct listen_slot {
    struct server *s;
    struct listener listener;
    bool metrics; /* only /metrics and health, without a token */
    char address[80];
};

struct reload;

struct server {
    struct conf *boot, *conf; /* the first; the present one, under conf_lock */
    pthread_mutex_t conf_lock;
    const struct log *log;
    struct access *access;
    struct freshet_hub *api; /* NULL: none */
    bool started, ended;     /* threads; loops */
    struct format *formats;
    struct edge_format *edge_formats;
    size_t format_count;
    struct worker *workers;
    unsigned worker_count, loop_count; /* made so far; that there will be */
    struct listen_slot *listening;
    size_t listen_count, listen_public;
    struct hub *hub;
    struct store *store;
    struct mailbox owner_box;
    struct msg *late_follows; /* the owner's: for which there was no memory */
    struct source_slot **sources;
    size_t source_count, source_cap;
    size_t sources_leaving; /* so many of them are being closed by a reload */
    struct source_slot *parked; /* outboxes that a reload closed, for their positions */
    struct reload *reload;  /* that is under way; NULL: none */
    bool reload_again;
    uv_async_t reload_wish;
    atomic_ullong reloads, reloads_failed, loaded_ms;
    pthread_mutex_t tenants_lock;
    struct map tenants;   /* name -> struct tenant_use */
    struct map types; /* of events -> struct type_count; the first loop's */
    uint64_t other_types;
    struct map users;      /* likewise: tenant, NUL, subject */
    struct map publishers; /* those who published lately -> struct publisher_use; likewise */
    uint64_t publishers_sweep_ms;
    struct quota accepts; /* the first loop's */
    struct map addresses; /* those with streams, where they are limited -> struct tenant_use */
    atomic_long streams;
    atomic_bool draining;
    bool ending; /* the loops have been told */
    uv_async_t stop;
    uv_timer_t waiting; /* bounds a step */
    uint64_t drain_until_ms, started_ms; /* monotonic */
    uint64_t last_tick_s;
    bool owner_ready;
    _Atomic(pthread_t) owner_thread; /* that of the latest turn */
    pthread_mutex_t health_lock;
    struct store_stats store_health;
    atomic_ullong broadcast_failures;
};

/* Adds a copy. 0 or -1 for no memory. */
int conf_add_endpoint(struct conf *conf, struct endpoint with, bool pattern);
/* The endpoints of exactly this pattern. */
struct endpoint *conf_pattern(const struct conf *conf, struct slice pattern);
void server_check_drained(struct server *s);
struct tenant_use *tenant_use_take(struct server *s, struct slice name);
/* Counts a stream of the peer at fd, max at most (0: any number, not counted). 0,
 * ERR_TOO_MANY_CONNECTIONS or ERR_OVERLOADED; *out is for address_leave, which takes NULL. Any
 * thread. */
int address_enter(struct server *s, int fd, uint64_t max, struct tenant_use **out);
void address_leave(struct server *s, struct tenant_use *use);
#define USER_TEXT (64 + 1 + 256)
/* A tenant and a subject as one name, into text; SLICE_NONE for nobody in particular. */
struct slice user_name(struct slice tenant, struct slice subject, char text[USER_TEXT]);
/* As address_enter, of a user. */
int user_enter(struct server *s, struct slice user, uint64_t max, struct tenant_use **out);
void user_leave(struct server *s, struct tenant_use *use);
/* Whether that publisher may publish so many events now; else *wait_ms says when. Any thread. */
bool publisher_take(struct worker *w, struct slice user, uint64_t events, uint64_t *wait_ms);
void publishers_use_free(struct server *s);
#define ADDRESS_TEXT 46 /* INET6_ADDRSTRLEN */
/* The peer's address without its port; an IPv4 address that came in over IPv6 is the same. */
struct slice address_of(int fd, char text[ADDRESS_TEXT]);
/* How long a client should wait before it comes back, so that all of them are spread. */
uint64_t server_retry_ms(struct server *s, struct rng *dice);

#endif
