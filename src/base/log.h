/* log.h - the port through which layers with I/O write log lines. The sink lives in io. Lines are
 * `level event key=value ...`: no payloads, no tokens. Any thread. */
#ifndef FRESHET_BASE_LOG_H
#define FRESHET_BASE_LOG_H

#include <stdatomic.h>
#include <stdbool.h>

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

struct log {
    atomic_int level; /* lines above it are dropped before they are made */
    /* event: what happened, a few words; fields: "key=value key=value" or "". */
    void (*write)(void *ctx, enum log_level level, const char *event, const char *fields);
    void *ctx;
};

static inline bool log_on(const struct log *log, enum log_level level)
{
    return log && (int)level <= atomic_load_explicit(&log->level, memory_order_relaxed);
}

/* Writes one line. A value with spaces is the last one and in double quotes. log may be NULL. */
void log_line(const struct log *log, enum log_level level, const char *event, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

#endif
