/* outbox_position.h - how far an outbox has been read, and what that means beside the slot that
 * the server has. Pure; any thread. */
#ifndef FRESHET_SOURCE_OUTBOX_POSITION_H
#define FRESHET_SOURCE_OUTBOX_POSITION_H

#include "source/pgoutput.h"

#define OUTBOX_NAME_MAX 63
#define OUTBOX_POSITION_MAX 160

struct outbox_position {
    char system[24];
    char slot[OUTBOX_NAME_MAX + 1];
    pg_lsn lsn; /* transactions whose commit stands before it have been read */
    uint64_t n; /* and the first n messages of the one whose commit stands there */
};

/* Reads the form `outbox <system id> <slot> <lsn> <n>`; false when text is not of it. */
bool outbox_position_parse(struct slice text, struct outbox_position *out);

void outbox_position_format(const struct outbox_position *p, char out[OUTBOX_POSITION_MAX]);

/* What the server says. */
struct outbox_server {
    char system[24];
    pg_lsn end;       /* of its log */
    bool has_slot;    /* and it can be used */
    pg_lsn confirmed; /* where the slot is */
};

enum outbox_start {
    OUTBOX_GO_ON, /* from the stored position */
    OUTBOX_BEGIN, /* from *start, nothing was lost */
    OUTBOX_LOST,  /* from *start, and something may have been lost */
};

/* Where to begin. stored: NULL when nothing is; slot: the slot's name, which the server has by
 * now. fresh: it was made just now. */
enum outbox_start outbox_judge(const struct outbox_position *stored, const char *slot, bool fresh,
                               const struct outbox_server *server, struct outbox_position *start);

#endif
