/* The options in force as JSON, as a configuration file would have them; without secrets. */
#include "options/option_table.h"
#include "options/option_value.h"
#include "options/options.h"
#include "options/options_load.h"

#include "json/write.h"

#include <assert.h>
#include <string.h>

#define HIDDEN "(hidden)"

static void put_null(struct buf *out)
{
    buf_add_str(out, "null");
}

static void put_text(struct buf *out, const char *text)
{
    if (text)
        json_put_string(out, slice_str(text));
    else
        put_null(out);
}

/* Name and password, and what follows `?`, may be secrets. */
static void put_url(struct buf *out, const char *text)
{
    struct buf shown = BUF_INIT;
    if (!text) {
        put_null(out);
        return;
    }
    const char *host = strstr(text, "://");
    host = host ? host + 3 : text;
    size_t rest = strcspn(host, "/?#");
    const char *at = host;
    for (size_t i = 0; i < rest; i++)
        if (host[i] == '@')
            at = host + i + 1;
    buf_add(&shown, text, (size_t)(host - text));
    if (at != host)
        buf_add_str(&shown, HIDDEN "@");
    size_t len = strcspn(at, "?#");
    buf_add(&shown, at, len);
    if (at[len])
        buf_add_str(&shown, "?" HIDDEN);
    json_put_string(out, buf_slice(&shown));
    out->failed = out->failed || shown.failed;
    buf_fini(&shown);
}

static void put_address(struct buf *out, const struct opt_address *a)
{
    struct buf text = BUF_INIT;
    if (!a->host && !a->port) {
        put_null(out);
        return;
    }
    const char *host = a->host ? a->host : "127.0.0.1";
    buf_addf(&text, strchr(host, ':') ? "[%s]:%u" : "%s:%u", host, a->port);
    json_put_string(out, buf_slice(&text));
    out->failed = out->failed || text.failed;
    buf_fini(&text);
}

static void put_store(struct buf *out, const struct opt_store *s)
{
    static const char *const kinds[] = {"memory", "sqlite:", "null"};
    struct buf text = BUF_INIT;
    buf_addf(&text, "%s%s", kinds[s->kind], s->path ? s->path : "");
    json_put_string(out, buf_slice(&text));
    out->failed = out->failed || text.failed;
    buf_fini(&text);
}

static void put_word(struct buf *out, const struct opt_row *row, unsigned n)
{
    struct slice rest = slice_str(row->words), word = slice_cut(&rest, '|');
    while (n-- && rest.p)
        word = slice_cut(&rest, '|');
    json_put_string(out, word);
}

static void put_number(struct buf *out, const struct opt_row *row, uint64_t n)
{
    struct buf text = BUF_INIT;
    opt_put_number(&text, row->type, n);
    json_put_string(out, buf_slice(&text));
    out->failed = out->failed || text.failed;
    buf_fini(&text);
}

static void put_texts(struct buf *out, const struct opt_texts *list)
{
    buf_add_char(out, '[');
    for (size_t i = 0; i < list->count; i++) {
        if (i)
            buf_add_char(out, ',');
        put_text(out, list->v[i]);
    }
    buf_add_char(out, ']');
}

static void put_addresses(struct buf *out, const struct opt_addresses *list)
{
    buf_add_char(out, '[');
    for (size_t i = 0; i < list->count; i++) {
        if (i)
            buf_add_char(out, ',');
        put_address(out, &list->v[i]);
    }
    buf_add_char(out, ']');
}

/* One value that holds no entries of its own. */
static void put_value(struct buf *out, const struct opt_row *row, const void *p)
{
    const char *text;
    uint64_t n;
    unsigned word;
    switch (row->type) {
    case OPT_BOOL:
        buf_add_str(out, *(const bool *)p ? "true" : "false");
        break;
    case OPT_COUNT:
        memcpy(&n, p, sizeof n);
        buf_addf(out, "%llu", (unsigned long long)n);
        break;
    case OPT_DURATION:
    case OPT_SIZE:
        memcpy(&n, p, sizeof n);
        put_number(out, row, n);
        break;
    case OPT_CHOICE:
        memcpy(&word, p, sizeof word);
        put_word(out, row, word);
        break;
    case OPT_ADDRESS:
        put_address(out, p);
        break;
    case OPT_ADDRESSES:
        put_addresses(out, p);
        break;
    case OPT_STORE:
        put_store(out, p);
        break;
    case OPT_TEXTS:
        put_texts(out, p);
        break;
    case OPT_SECRET:
    case OPT_URL:
        memcpy(&text, p, sizeof text);
        if (row->type == OPT_URL)
            put_url(out, text);
        else
            put_text(out, text ? HIDDEN : NULL);
        break;
    case OPT_LIST:
    case OPT_MAP:
        assert(!"a list of entries");
        break;
    default: /* const char *, as option_table.h has it */
        memcpy(&text, p, sizeof text);
        put_text(out, text);
    }
}

static bool is_entries(const struct opt_row *row)
{
    return row->type == OPT_LIST || row->type == OPT_MAP;
}

struct entries { /* every list is a pointer and a count */
    const char *v;
    size_t count;
};

static struct entries entries_of(const void *p)
{
    struct entries list;
    memcpy(&list, p, sizeof list);
    return list;
}

/* The fields of one entry; its own lists by `inner`, NULL where there are none. */
static void put_entry(struct buf *out, enum opt_scope scope, const char *base,
                      void (*inner)(struct buf *out, const struct opt_row *row, const void *p))
{
    buf_add_char(out, '{');
    for (size_t i = 0; i < OPT_ROWS; i++) {
        const struct opt_row *row = &opt_rows[i];
        if (row->scope != scope)
            continue;
        json_put_name(out, row->name);
        if (!is_entries(row))
            put_value(out, row, base + row->offset);
        else if (inner)
            inner(out, row, base + row->offset);
        else
            buf_add_str(out, "[]");
    }
    buf_add_char(out, '}');
}

static void put_entries(struct buf *out, const struct opt_row *row, const void *p,
                        void (*inner)(struct buf *out, const struct opt_row *row, const void *p))
{
    struct entries list = entries_of(p);
    buf_add_char(out, '[');
    for (size_t i = 0; i < list.count; i++) {
        if (i)
            buf_add_char(out, ',');
        put_entry(out, row->item, list.v + i * opt_scopes[row->item].size, inner);
    }
    buf_add_char(out, ']');
}

/* Entries within entries: of channels their events, which hold no further ones. */
static void put_inner(struct buf *out, const struct opt_row *row, const void *p)
{
    put_entries(out, row, p, NULL);
}

void options_put_json(const struct options *o, struct buf *out)
{
    static const char *const origins[] = {
        [FROM_FLAG] = "flag", [FROM_ENV] = "env", [FROM_FILE] = "file", [FROM_DEFAULT] = "default"};
    size_t count = 0;
    buf_add_char(out, '[');
    for (size_t i = 0; i < OPT_ROWS; i++) {
        const struct opt_row *row = &opt_rows[i];
        if (row->scope != SCOPE_hub)
            continue;
        buf_add_str(out, count++ ? ",{" : "{");
        json_put_member(out, "name", slice_str(row->name));
        json_put_name(out, "value");
        if (is_entries(row))
            put_entries(out, row, (const char *)o + row->offset, put_inner);
        else
            put_value(out, row, (const char *)o + row->offset);
        json_put_member(out, "origin", slice_str(origins[o->given_by[i]]));
        json_put_member_bool(out, "reload", row->reloads);
        json_put_member(out, "help", slice_str(row->help));
        buf_add_char(out, '}');
    }
    buf_add_char(out, ']');
}
