/* options.h - the configuration of a hub: one plain tree that the server reads.
 *
 * It is made from the YAML file, the environment (FRESHET_*) and the flags, in rising precedence,
 * by the one table config.def. All that the tree points at lives as long as the tree
 * (options_free). Texts are NUL-terminated; NULL or a count of 0 means "not set". Times are in
 * milliseconds, sizes in bytes. Read-only after loading; any thread. */
#ifndef FRESHET_OPTIONS_OPTIONS_H
#define FRESHET_OPTIONS_OPTIONS_H

#include "base/buf.h"
#include "base/log.h"

#include <stdint.h>

enum opt_store_kind { STORE_KIND_MEMORY, STORE_KIND_SQLITE, STORE_KIND_NULL };

struct opt_store {
    enum opt_store_kind kind;
    const char *path; /* of the sqlite store */
};

struct opt_address {
    const char *host; /* an IPv4 or IPv6 address without brackets, or a host name; NULL: not set */
    uint16_t port;    /* 0: any free one */
};

struct opt_addresses {
    struct opt_address *v;
    size_t count;
};

struct opt_texts {
    const char **v;
    size_t count;
};

enum opt_ack { OPT_ACK_MEMORY, OPT_ACK_DURABLE };

enum opt_log_format { LOG_FORMAT_TEXT, LOG_FORMAT_JSON };

/* What a returning reader is owed. */
struct opt_history {
    uint64_t events; /* 0: none are kept */
    uint64_t bytes;
    uint64_t age_ms; /* 0: no limit by age */
};

/* The caps on connections and on publish_per_second: 0 is no limit. With dev they are 0 unless
 * they were set by name. */
struct opt_limits {
    uint64_t connections; /* in all */
    uint64_t connections_per_tenant;
    uint64_t connections_per_address;
    uint64_t connections_per_user; /* tenant and subject */
    uint64_t accepts_per_second;
    uint64_t publisher_per_second; /* events per publishing key or subject, a token bucket */
    uint64_t publisher_burst;
    uint64_t history_bytes_per_tenant; /* 0: no limit of its own */
    uint64_t max_age_ms;           /* of a stream; 0: any */
    uint64_t publish_per_second;  /* events per tenant, a token bucket */
    uint64_t publish_burst;       /* events: the bucket's size */
    uint64_t head_bytes, head_ms; /* request line and fields, and the time for them */
    uint64_t target_bytes;        /* request target alone: beyond it 414 */
    uint64_t headers;             /* fields in a request */
    uint64_t body_bytes;
    uint64_t body_bytes_per_second; /* slower bodies are refused: 408 */
    uint64_t event_bytes;
    uint64_t batch_events; /* events in one publish */
    uint64_t channels_per_connection;
    uint64_t filters_per_connection;  /* types and keys together */
    uint64_t keep_alive_ms;           /* an idle connection between requests */
    uint64_t stall_ms;                /* a half-sent event without progress ends the stream */
    uint64_t poll_wait_ms;            /* the longest `wait` of a poll */
    uint64_t poll_events;             /* the greatest `limit` of a poll */
    uint64_t ring_events, ring_bytes; /* of a feed: how far an attached reader may lag in memory */
    uint64_t edge_bytes;              /* of all rings of one network loop */
};

/* One event type of a channel, and what its data must look like. */
struct opt_event {
    const char *type;
    const char *schema; /* path of a JSON Schema; NULL: none */
    struct schema *compiled; /* of that file; NULL: any data */
    struct slice text;  /* of that file, compact */
    unsigned line;      /* where, for messages (YAML_LINE) */
};

struct opt_events {
    struct opt_event *v;
    size_t count;
};

/* A channel, or with a trailing `*` all channels whose names start so. What the file leaves out
 * is filled in from the hub's defaults. */
struct opt_channel {
    const char *name;
    bool keyed;
    struct opt_history history;
    uint64_t keys;            /* of a keyed channel: how many latest events are kept */
    struct opt_events events; /* none: any type */
    unsigned line;
};

struct opt_channels {
    struct opt_channel *v;
    size_t count;
};

enum opt_source_type { SOURCE_TYPE_SQLITE, SOURCE_TYPE_POSTGRES, SOURCE_TYPE_POSTGRES_OUTBOX };

enum opt_source_mode { SOURCE_MODE_QUERY, SOURCE_MODE_REPLICATION };

/* A watched query, or an outbox. What a kind doesn't take is not set. */
struct opt_source {
    const char *name;
    enum opt_source_type type;
    const char *database; /* sqlite: a path; postgres: a connection URL or string */
    const char *password_file;
    uint64_t timeout_ms;
    const char *query;
    const char *key;          /* column */
    const char *tenant;       /* column; NULL: all rows belong to tenant_value */
    const char *tenant_value; /* set when tenant is not */
    const char *channel;      /* a keyed channel of channels[] */
    uint64_t every_ms;
    struct {
        const char *added, *changed, *removed; /* event types */
    } types;
    const char *listen, *lock;           /* postgres */
    enum opt_source_mode mode;           /* postgres */
    struct opt_texts tables;             /* of mode replication: for a publication to be made */
    const char *publication;             /* of mode replication: set */
    const char *slot, *prefix;           /* postgres-outbox, both set */
    struct opt_texts tenants, channels;  /* postgres-outbox: names or patterns */
    unsigned line;
};

struct opt_sources {
    struct opt_source *v;
    size_t count;
};

enum opt_route_kind {
    ROUTE_KIND_STREAM,        /* GET */
    ROUTE_KIND_PUBLISH,       /* POST */
    ROUTE_KIND_POLL,          /* GET */
    ROUTE_KIND_STATS,         /* GET */
    ROUTE_KIND_TEST_BROADCAST /* POST */
};

enum opt_tenant_rule {
    TENANT_RULE_TOKEN, /* the token's; with --dev the default tenant */
    TENANT_RULE_PARAM, /* the parameter params.tenant names one, which the token must grant */
    TENANT_RULE_FIXED  /* tenant_value */
};

enum opt_channel_rule {
    CHANNEL_RULE_FIXED, /* always all of channels[] */
    CHANNEL_RULE_PARAM  /* params.channel names some; channels[] (patterns) is the allow-list */
};

/* As the values of `heartbeat` in docs/protocol.md. */
enum opt_heartbeat { HEARTBEAT_EVENT, HEARTBEAT_COMMENT, HEARTBEAT_PING, HEARTBEAT_NONE };

enum opt_control_envelope {
    CONTROL_AUTO, /* as the envelope of the route has it */
    CONTROL_NAMED,
    CONTROL_TYPED,
    CONTROL_FLAT
};

enum opt_control_time { CONTROL_TIME_MS, CONTROL_TIME_ISO };

struct opt_route {
    const char *path;
    enum opt_route_kind kind;
    enum opt_tenant_rule tenant;
    const char *tenant_value; /* set with TENANT_RULE_FIXED */
    const char *cookie;       /* NULL: auth.cookie */
    uint64_t connections_per_tenant; /* 0: limits.connections_per_tenant */
    enum opt_channel_rule channel;
    struct opt_texts channels;
    const char *envelope; /* "named", "full", "typed", "flat", "update": a name wire/sse.h knows */
    const char *key_name; /* of the update envelope; NULL: "key" */
    const char *since;    /* where a fresh start begins: "latest", "earliest", an age ("10m") */
    bool snapshot;
    enum opt_heartbeat heartbeat;
    uint64_t heartbeat_every_ms;
    struct {
        const char *open, *gap, *beat, *close; /* names of the control events */
        enum opt_control_envelope envelope;
        enum opt_control_time time;
        const char *time_name; /* member that holds the time; always set */
        const char *id_name;   /* member of the opening event that holds the connection's id */
    } control;
    struct {
        /* Query parameters, or members of a published body. */
        const char *tenant, *channel, *type, *key, *data, *since, *last_event_id;
    } params;
    unsigned line;
};

struct opt_routes {
    struct opt_route *v;
    size_t count;
};

enum opt_algorithm { ALGORITHM_HS256, ALGORITHM_RS256, ALGORITHM_ES256, ALGORITHM_EDDSA };

/* A key that tokens are verified with; exactly one of the four places is set. */
struct opt_key {
    const char *name; /* also the `kid` it answers to */
    enum opt_algorithm algorithm;
    const char *secret, *secret_file, *secret_env; /* HS256 */
    const char *public_key_file;                   /* the others: PEM */
    unsigned line;
};

struct opt_keys {
    struct opt_key *v;
    size_t count;
};

/* Names of claims. */
struct opt_claims {
    const char *tenant, *subject, *subscribe, *publish, *role, *admin;
};

struct opt_auth {
    struct opt_keys keys;
    const char *jwks; /* URL */
    const char *jwks_file;
    struct opt_claims claims;
    struct opt_texts cross_tenant_roles; /* roles that may name any tenant */
    const char *cookie;                  /* name of the cookie that may hold the token */
    bool query_token;                    /* `access_token` in the query is accepted */
    struct {
        const char *url;
        uint64_t timeout_ms, ttl_ms;
    } webhook;
    uint64_t leeway_ms;
    const char *audience, *issuer;
    bool allow_no_exp;
};

/* A publishing key of a server. */
struct opt_publisher {
    const char *name;
    const char *secret_hash;
    const char *tenant;
    struct opt_texts channels; /* names or patterns */
    unsigned line;
};

struct opt_publishers {
    struct opt_publisher *v;
    size_t count;
};

struct options_arena;

struct options {
    struct options_arena *arena; /* private: owns everything */
    const char *file;            /* the configuration files, with commas; NULL: none */
    const unsigned char *given_by; /* private: where each of the hub's options was set */

    struct opt_addresses listen; /* at least one */
    struct opt_address metrics_listen;
    struct opt_store store;
    bool dev;
    struct {
        enum log_level level;
        enum opt_log_format format;
    } log;
    struct opt_texts origins; /* scheme://host[:port], exactly as a browser sends them */
    struct opt_texts hosts;   /* host or host:port; none: any */
    uint64_t loops;           /* network loops; 0: one a core */
    const char *static_dir;   /* served at / */
    const char *console_dir;  /* served at /console; NULL: looked for; "none": not served */
    const char *tenant;       /* the default one */
    enum opt_ack ack;         /* the default `ack` of a publish */
    uint64_t heartbeat_ms;
    struct opt_history history; /* the default of channels */
    uint64_t keys;              /* likewise */
    uint64_t channels_max;      /* per tenant */
    bool channels_open;         /* channels that are not configured exist when first used */
    uint64_t channel_idle_ms;   /* after which an empty channel without readers is forgotten */
    bool test_broadcast;        /* always with dev */
    uint64_t drain_timeout_ms;
    struct opt_limits limits;
    struct opt_channels channels;
    struct opt_sources sources;
    struct opt_routes routes;
    struct opt_auth auth;
    struct opt_publishers publishers;

    bool typed; /* some channel says which events it takes */
    struct opt_channel channel_default; /* what holds for a channel that is not configured */
};

/* Where options come from. Everything is borrowed for the call. */
struct options_input {
    int argc; /* flags: what follows the command's name */
    char *const *argv;
    char *const *env;  /* "NAME=value", NULL at the end; NULL: no environment */
    const char *file;  /* configuration file where --config and FRESHET_CONFIG name none */
    struct slice text; /* instead of reading a file: its content (file is then only its name) */
};

/* The values are exit codes. */
enum options_result {
    OPTIONS_OK = 0,
    OPTIONS_MISTAKES = 1, /* a value, the file, or no memory */
    OPTIONS_USAGE = 2     /* a flag that doesn't exist or lacks its value */
};

/* Loads the configuration. On OPTIONS_OK *out is new (options_free), else NULL.
 * report: every mistake is appended as a line of its own that ends with LF, in order of flags,
 * environment, file and line: `hub.yaml:12: limits.connections: must be a whole number from 1 to
 * 1000000, is "many"`. Values of secrets are not repeated.
 * warnings (may be NULL): likewise, what is no mistake but worth a look. */
enum options_result options_load(const struct options_input *in, struct options **out,
                                 struct buf *report, struct buf *warnings);

/* NULL is fine. */
void options_free(struct options *o);

/* What is configured for the channel `name`: the entry of that name, else the one with the
 * longest matching pattern, else NULL (then channel_default holds, if channels_open). */
const struct opt_channel *options_channel(const struct options *o, struct slice name);

/* True when the pattern (a name, or a beginning and `*`) covers the name. */
bool options_pattern_covers(const char *pattern, struct slice name);

/* True when both say the same of a source. */
bool options_same_source(const struct opt_source *a, const struct opt_source *b);

/* Options that can't change while the hub runs: where fresh has others than `running`, tells their
 * names and gives fresh what `running` has, whose texts it then borrows. */
void options_keep(struct options *fresh, const struct options *running,
                  void (*tell)(void *ctx, const char *name), void *ctx);

/* Appends the options as they are in force, as a JSON array of {"name","value","origin","reload","help"}.
 * Secrets are hidden. */
void options_put_json(const struct options *o, struct buf *out);

/* Appends what `--help` says about the flags, a line a flag, from the table. */
void options_help(struct buf *out);

/* Appends docs/configuration.md, from the table. */
void options_markdown(struct buf *out);

#endif
