#include "source/outbox_position.h"

#include "base/num.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static bool take_word(struct slice *rest, char *out, size_t size)
{
    struct slice word = slice_cut(rest, ' ');
    if (!word.len || word.len >= size || memchr(word.p, 0, word.len))
        return false;
    memcpy(out, word.p, word.len);
    out[word.len] = 0;
    return true;
}

bool outbox_position_parse(struct slice text, struct outbox_position *out)
{
    struct slice rest = text;
    return slice_is(slice_cut(&rest, ' '), "outbox") &&
           take_word(&rest, out->system, sizeof out->system) &&
           take_word(&rest, out->slot, sizeof out->slot) &&
           pg_lsn_parse(slice_cut(&rest, ' '), &out->lsn) && num_u64(rest, UINT64_MAX, &out->n);
}

void outbox_position_format(const struct outbox_position *p, char out[OUTBOX_POSITION_MAX])
{
    char lsn[PG_LSN_TEXT_MAX];
    pg_lsn_format(p->lsn, lsn);
    snprintf(out, OUTBOX_POSITION_MAX, "outbox %s %s %s %" PRIu64, p->system, p->slot, lsn, p->n);
}

enum outbox_start outbox_judge(const struct outbox_position *stored, const char *slot, bool fresh,
                               const struct outbox_server *server, struct outbox_position *start)
{
    bool same =
        stored && strcmp(stored->system, server->system) == 0 && strcmp(stored->slot, slot) == 0;
    if (same && !fresh && stored->lsn >= server->confirmed && stored->lsn <= server->end) {
        *start = *stored;
        return OUTBOX_GO_ON;
    }
    *start = (struct outbox_position){.lsn = server->confirmed};
    snprintf(start->system, sizeof start->system, "%s", server->system);
    snprintf(start->slot, sizeof start->slot, "%s", slot);
    /* a server that went back repeats what was read before: not twice */
    if (same && !fresh && stored->lsn > server->end)
        start->lsn = server->end;
    return stored ? OUTBOX_LOST : OUTBOX_BEGIN;
}
