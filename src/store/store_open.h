/* store_open.h - opens a store by its name in the configuration. The table of drivers is in
 * store_open.c: a new driver is one file and one row. Owner's thread. */
#ifndef FRESHET_STORE_STORE_OPEN_H
#define FRESHET_STORE_STORE_OPEN_H

#include "core/store.h"

/* Zero is the default of each. All are for the sqlite driver. */
struct store_conf {
    unsigned readers;    /* reading threads, 2 */
    uint32_t wal_pages;  /* length of the write-ahead log at which it is checkpointed, 1,000 */
    const char *vfs;     /* for tests: a SQLite VFS by its registered name. Borrowed */
    bool unsafe_no_sync; /* for tests: synchronous=NORMAL. A power loss loses what was stored */
};

/* spec: "memory", "null" or "sqlite:PATH". conf: borrowed, NULL for the defaults.
 * 0 with a new store in *out (s->ops->close ends it), or an err_code with e filled:
 * ERR_BAD_REQUEST for a spec that is none. */
int store_open(const char *spec, const struct store_conf *conf, struct store **out, struct err *e);

#endif
