/* logger.h - the sink of log lines: one line each on a descriptor, as text or JSON. Any thread; a
 * line is one write. */
#ifndef FRESHET_IO_LOGGER_H
#define FRESHET_IO_LOGGER_H

#include "base/log.h"

struct logger {
    struct log log; /* what is handed to those who log */
    int fd;         /* borrowed */
    atomic_bool json;
};

/* Text: `2026-01-21T10:00:00.123Z info stream opened connection=... tenant=...`.
 * JSON: {"time":"...","level":"info","event":"stream opened","connection":"...",...}. */
void logger_init(struct logger *l, int fd, enum log_level level, bool json);

#endif
