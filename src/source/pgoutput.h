/* pgoutput.h - reading PostgreSQL's logical replication: the messages of the stream (PostgreSQL 15,
 * 55.4) and, inside of them, those of the plugin pgoutput, protocol version 1 (55.9). Every length
 * is checked; everything returned borrows from the bytes read. Pure; any thread. */
#ifndef FRESHET_SOURCE_PGOUTPUT_H
#define FRESHET_SOURCE_PGOUTPUT_H

#include "base/err.h"
#include "base/slice.h"

#include <stdint.h>

typedef uint64_t pg_lsn; /* a place in the server's write-ahead log */

/* ---- the stream ---- */

enum pg_copy_kind { PG_COPY_DATA, PG_COPY_KEEPALIVE };

struct pg_copy {
    enum pg_copy_kind kind;
    pg_lsn start; /* of data */
    pg_lsn end;   /* of the server's log, as far as it is now */
    bool reply;   /* keepalive: an answer is wanted at once */
    struct slice data;
};

/* One CopyData message of the server. 0, or ERR_BAD_REQUEST with *e. */
int pg_copy_read(struct slice in, struct pg_copy *out, struct err *e);

#define PG_STATUS_BYTES 34

/* The answer: all up to `flushed` is safe and may be forgotten. pg_us: microseconds since
 * 2000-01-01. */
void pg_status_write(pg_lsn flushed, int64_t pg_us, bool reply, char out[PG_STATUS_BYTES]);

/* Reads and writes the form XXX/XXX. False when text is not of it. */
bool pg_lsn_parse(struct slice text, pg_lsn *out);

#define PG_LSN_TEXT_MAX 18
void pg_lsn_format(pg_lsn lsn, char out[PG_LSN_TEXT_MAX]);

/* ---- the plugin's messages ---- */

enum pgoutput_kind {
    PGOUTPUT_BEGIN,
    PGOUTPUT_COMMIT,
    PGOUTPUT_ORIGIN,
    PGOUTPUT_RELATION,
    PGOUTPUT_TYPE,
    PGOUTPUT_INSERT,
    PGOUTPUT_UPDATE,
    PGOUTPUT_DELETE,
    PGOUTPUT_TRUNCATE,
    PGOUTPUT_MESSAGE,
};

/* Columns, values or relations, one after the other. */
struct pgoutput_list {
    unsigned count; /* left */
    struct slice rest;
};

struct pgoutput {
    enum pgoutput_kind kind;
    pg_lsn lsn;         /* begin: of the commit to come; commit: of the commit; message: its own */
    pg_lsn end;         /* commit: the end of the transaction */
    int64_t pg_us;      /* begin, commit: when, microseconds since 2000-01-01 */
    uint32_t xid;       /* begin */
    uint32_t relation;  /* relation, insert, update, delete: its number */
    char identity;      /* relation: 'd' key, 'n' nothing, 'f' whole row, 'i' an index */
    bool transactional; /* message: of a transaction that has committed */
    bool old_is_key;    /* update, delete: `old` holds the key's columns alone */
    bool has_old;       /* update, delete */
    struct slice schema, name;      /* relation, type; origin: name; message: name is its prefix */
    struct slice content;           /* message */
    struct pgoutput_list columns;   /* relation: pgoutput_column */
    struct pgoutput_list old, row;  /* pgoutput_value; row: insert, update */
    struct pgoutput_list relations; /* truncate: pgoutput_relation */
};

/* One message. 0, or ERR_BAD_REQUEST with *e: not a message of version 1, or not whole; then
 * nothing of *out means anything. A list of a message that was read can be walked to its end. */
int pgoutput_read(struct slice in, struct pgoutput *out, struct err *e);

struct pgoutput_column {
    struct slice name;
    uint32_t type; /* pg_type's number */
    bool key;      /* of the replica identity */
};

enum pgoutput_value_kind { PGOUTPUT_NULL, PGOUTPUT_UNCHANGED, PGOUTPUT_TEXT };

struct pgoutput_value {
    enum pgoutput_value_kind kind; /* unchanged: a TOAST value that was not sent */
    struct slice text;
};

/* The next of a list; false at its end. */
bool pgoutput_column(struct pgoutput_list *list, struct pgoutput_column *out);
bool pgoutput_value(struct pgoutput_list *list, struct pgoutput_value *out);
bool pgoutput_relation(struct pgoutput_list *list, uint32_t *out);

#endif
