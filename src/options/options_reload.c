/* What a second loading changes: options compared by the table. */
#include "options/option_table.h"
#include "options/options.h"
#include "options/options_load.h"

static bool same_text(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

static bool same_address(const struct opt_address *a, const struct opt_address *b)
{
    return a->port == b->port && same_text(a->host, b->host);
}

static bool same_texts(const struct opt_texts *a, const struct opt_texts *b)
{
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++)
        if (!same_text(a->v[i], b->v[i]))
            return false;
    return true;
}

static bool same_addresses(const struct opt_addresses *a, const struct opt_addresses *b)
{
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++)
        if (!same_address(&a->v[i], &b->v[i]))
            return false;
    return true;
}

static bool same_store(const struct opt_store *a, const struct opt_store *b)
{
    return a->kind == b->kind && same_text(a->path, b->path);
}

/* The bytes of the field, where they are its value. */
static size_t size_of(const struct opt_row *row)
{
    switch (row->type) {
    case OPT_BOOL:
        return sizeof(bool);
    case OPT_CHOICE:
        return sizeof(unsigned);
    case OPT_COUNT:
    case OPT_DURATION:
    case OPT_SIZE:
        return sizeof(uint64_t);
    case OPT_ADDRESS:
        return sizeof(struct opt_address);
    case OPT_ADDRESSES:
        return sizeof(struct opt_addresses);
    case OPT_STORE:
        return sizeof(struct opt_store);
    case OPT_TEXTS:
    case OPT_LIST:
    case OPT_MAP:
        return sizeof(struct opt_texts);
    default:
        return sizeof(const char *);
    }
}

/* Lists of entries are never the same: nobody asks for them. */
static bool same(const struct opt_row *row, const void *a, const void *b)
{
    const char *x, *y;
    switch (row->type) {
    case OPT_BOOL:
    case OPT_CHOICE:
    case OPT_COUNT:
    case OPT_DURATION:
    case OPT_SIZE:
        return memcmp(a, b, size_of(row)) == 0;
    case OPT_ADDRESS:
        return same_address(a, b);
    case OPT_ADDRESSES:
        return same_addresses(a, b);
    case OPT_STORE:
        return same_store(a, b);
    case OPT_TEXTS:
        return same_texts(a, b);
    case OPT_LIST:
    case OPT_MAP:
        return false;
    default:
        memcpy(&x, a, sizeof x);
        memcpy(&y, b, sizeof y);
        return same_text(x, y);
    }
}

bool options_same_source(const struct opt_source *a, const struct opt_source *b)
{
    for (size_t i = 0; i < OPT_ROWS; i++) {
        const struct opt_row *row = &opt_rows[i];
        if (row->scope == SCOPE_source &&
            !same(row, (const char *)a + row->offset, (const char *)b + row->offset))
            return false;
    }
    return true;
}

void options_keep(struct options *fresh, const struct options *running,
                  void (*tell)(void *ctx, const char *name), void *ctx)
{
    for (size_t i = 0; i < OPT_ROWS; i++) {
        const struct opt_row *row = &opt_rows[i];
        char *to = (char *)fresh + row->offset;
        const char *from = (const char *)running + row->offset;
        if (row->scope != SCOPE_hub || row->reloads || same(row, to, from))
            continue;
        tell(ctx, row->name);
        memcpy(to, from, size_of(row));
    }
}
