/* bench.h - the insides of `freshet bench`: what its files share.
 *
 * Readers live on one libuv loop, on the main thread; the publisher is a thread of its own with a
 * blocking socket, so that an acknowledgement is not timed behind readers' work. They meet in the
 * atomics of struct publisher. Nothing here speaks to anything but the two targets. */
#ifndef FRESHET_CLI_BENCH_H
#define FRESHET_CLI_BENCH_H

#include "base/buf.h"
#include "base/list.h"
#include "cli/args.h"
#include "cli/bench_check.h"
#include "cli/bench_hist.h"
#include "cli/bench_proc.h"
#include "cli/bench_template.h"
#include "wire/http1.h"
#include "wire/sse.h"

#include <semaphore.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <uv.h>

#define BENCH_NAME "bench"
#define BENCH_READ_BYTES (256 * 1024)
#define SECOND_NS UINT64_C(1000000000)

enum bench_mode { BENCH_HOLD, BENCH_FANOUT, BENCH_CHANNELS, BENCH_RESUME, BENCH_SLOW, BENCH_CHURN,
                  BENCH_BATCH };

struct bench_conf {
    enum bench_mode mode;
    const char *mode_name, *prefix;
    const char *url, *publish_url, *body, *type; /* templates */
    struct args_texts headers, publish_headers;
    uint64_t conns, channels, per_conn;
    uint64_t rate, inflight, size, batch; /* rate: messages a second, 0 for as fast as it goes */
    uint64_t ramp;                        /* connections a second, 0 for as fast as it goes */
    uint64_t duration_ms, drain_ms, settle_ms;
    uint64_t drop_at_ms, drop_for_ms; /* resume */
    uint64_t slow_percent;            /* slow */
    struct proc_pids pids;
    bool json, quiet;
};

/* ---- bench_net.c: where to, and answers ---- */

struct bench_target {
    struct sockaddr_storage addr;
    socklen_t addr_len;
    char *host;       /* as in the Host field; owned */
    const char *path; /* template, in the URL's text */
    bool redis;       /* speaks Redis' protocol, not HTTP */
};

/* url: `http://host[:port]/path` or `redis://host[:port]/`. -1, or an exit code after saying what
 * is wrong. target_fini in any case. */
int target_init(struct bench_target *t, const char *url);
void target_fini(struct bench_target *t);

/* A socket for it, not connected. index spreads loopback clients over source addresses, so that
 * ports don't run out. -1 with errno. */
int target_socket(const struct bench_target *t, uint32_t index, bool blocking);

struct answer {
    int status;
    bool chunked, close, has_length;
    uint64_t length;
};

/* Bytes of the answer's head at p[0..len), with its empty line; 0 when that isn't there. */
size_t answer_head_len(const char *p, size_t len);

/* Reads an answer's head at p[0..len): its length; 0: more is needed; -1: it is none. */
int answer_read(const char *p, size_t len, struct answer *out);

uint64_t bench_now_ns(void);

/* ---- bench_publish.c ---- */

struct publisher {
    const struct bench_conf *conf;
    struct bench_target target;
    uint32_t run;
    const uint64_t *fan;   /* healthy readers of each channel; borrows */
    uint32_t *published;   /* acknowledged in each channel; owned */
    _Atomic uint64_t expected;  /* deliveries to come of what was acknowledged */
    _Atomic uint64_t delivered; /* of these came; counted by the readers */
    _Atomic uint64_t wake_at;   /* `wake` is posted once `delivered` reaches it */
    _Atomic uint64_t count, errors;
    _Atomic bool done, stop;
    sem_t wake;
    uint64_t first_ns, last_ns;
    struct hist acks;
    int status; /* of the last answer that was not 2xx; 0: none came */
    char problem[160]; /* in that answer, or why there was none */
    int fd;
    struct buf body, request, answer, message;
    uv_thread_t thread;
    bool started, has_sem;
};

/* 0 or -1 for no memory. */
int publisher_init(struct publisher *p, const struct bench_conf *conf, uint32_t run,
                   const uint64_t *fan);
void publisher_fini(struct publisher *p);
int publisher_start(struct publisher *p);
void publisher_join(struct publisher *p);
/* Readers: n more deliveries came. */
void publisher_delivered(struct publisher *p, uint64_t n);

/* ---- bench_conn.c: readers ---- */

enum bench_conn_state {
    READER_IDLE,       /* not begun */
    READER_CONNECTING,
    READER_HEAD,       /* the request was sent */
    READER_STREAM,
    READER_STUCK,      /* a stream that is not read */
    READER_WAITING,    /* to be opened again at due_ns */
    READER_CLOSING,    /* its handle closes; then `after_close` */
    READER_GONE
};

struct bench;

struct bench_conn {
    struct bench *b;
    uv_poll_t poll;
    struct http1_body body;
    struct sse_reader sse;
    struct buf head;       /* of the answer, while it comes; Redis: an unfinished line */
    struct check *checks;  /* one a channel it follows */
    char *last_id;         /* to resume with */
    uint64_t begun_ns, due_ns;
    struct list waiting;
    uint32_t index, first_channel;
    int fd;
    uint8_t state, after_close, tries;
    bool chunked, slow, resumed, was_up;
};

struct bench_stats {
    struct hist latency, connect;
    struct tally tally[2]; /* of all but the slow readers; of these */
    uint64_t begun, connected, failed, retried, refused, closed, closed_slow;
    uint64_t resumed, resume_failed, churned, churn_failed;
    uint64_t bytes, other_events, comments, gaps;
    uint64_t last_ns; /* when the last message came */
    int status;       /* of the last answer that was not 200 */
};

int conn_init(struct bench_conn *c, struct bench *b, uint32_t index);
void conn_fini(struct bench_conn *c);
void conn_begin(struct bench_conn *c);
/* Closes it; once its handle is closed its state is `after`. */
void conn_end(struct bench_conn *c, enum bench_conn_state after);
/* Starts reading again. */
void conn_unstick(struct bench_conn *c);

/* ---- bench_run.c ---- */

enum bench_phase { PHASE_OPEN, PHASE_SETTLE, PHASE_RUN, PHASE_DRAIN, PHASE_CATCH_UP, PHASE_END };

struct bench {
    const struct bench_conf *conf;
    struct bench_target target;
    struct publisher publisher;
    struct bench_conn *conns;
    uint64_t *fan;
    uv_loop_t loop;
    uv_timer_t timer;
    struct list waiting; /* readers to be opened again, by due_ns */
    char *scratch;       /* what was read */
    uint32_t run;
    enum bench_phase phase;
    uint64_t phase_ns;   /* when it began */
    uint64_t opened_ns, open_took_ns, run_ns, run_took_ns;
    uint64_t read_ns;               /* when what is being looked at was read */
    uint64_t progress, progress_ns; /* deliveries, and when there last was one more */
    uint64_t shown_ns, shown_delivered;
    uint64_t next;       /* reader to begin with */
    uint64_t cpu_ns, own_cpu_ns;
    struct proc_memory before, idle, after;
    struct bench_stats stats;
    bool dropped, failed, has_loop;
};

/* Runs it all; 0, or an exit code after saying what is wrong. bench_fini in any case. */
int bench_run(struct bench *b, const struct bench_conf *conf);
void bench_fini(struct bench *b);
/* A reader came up, or won't: the next may begin. */
void bench_begin_more(struct bench *b);

/* ---- bench_report.c ---- */

void report_progress(struct bench *b, uint64_t now_ns);
/* Prints the table or the JSON; the exit code. */
int report_print(const struct bench *b);

#endif
