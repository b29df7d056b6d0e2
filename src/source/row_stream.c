#include "source/row_stream.h"

#include "source/pg_value.h"
#include "json/scan.h"

#include <stdlib.h>

/* What a table looks like. */
struct relation {
    struct relation *next;
    uint32_t id;
    unsigned count;
    bool key_known, tenant_known; /* an old row tells them */
    struct row_text row;
    char *names; /* each with a NUL */
    uint32_t *types;
};

struct row_stream {
    struct row_stream_conf conf;
    struct diff *diff;
    struct relation *relations;
    unsigned tables;
    struct buf scratch, old_key, old_tenant, new_key, new_tenant;
};

struct row_stream *row_stream_new(const struct row_stream_conf *conf, struct diff *diff)
{
    struct row_stream *rs = calloc(1, sizeof *rs);
    if (!rs)
        return NULL;
    rs->conf = *conf;
    rs->diff = diff;
    rs->scratch = rs->old_key = rs->old_tenant = rs->new_key = rs->new_tenant = BUF_INIT;
    return rs;
}

static void relation_free(struct relation *r)
{
    row_text_fini(&r->row);
    free(r->names);
    free(r->types);
    free(r);
}

void row_stream_begin(struct row_stream *rs)
{
    for (struct relation *r = rs->relations, *next; r; r = next) {
        next = r->next;
        relation_free(r);
    }
    rs->relations = NULL;
    rs->tables = 0;
}

void row_stream_free(struct row_stream *rs)
{
    if (!rs)
        return;
    row_stream_begin(rs);
    struct buf *bufs[] = {&rs->scratch, &rs->old_key, &rs->old_tenant, &rs->new_key,
                          &rs->new_tenant};
    for (size_t i = 0; i < sizeof bufs / sizeof *bufs; i++)
        buf_fini(bufs[i]);
    free(rs);
}

static struct relation *relation_get(struct row_stream *rs, uint32_t id)
{
    struct relation *r = rs->relations;
    while (r && r->id != id)
        r = r->next;
    return r;
}

/* ---- tables ---- */

int row_stream_table(struct row_stream *rs, uint32_t id, const char *const *names,
                     const uint32_t *types, unsigned count, struct err *e)
{
    size_t bytes = 1;
    for (unsigned i = 0; i < count; i++)
        bytes += strlen(names[i]) + 1;
    struct relation *r = calloc(1, sizeof *r);
    if (!r)
        return err_set(e, ERR_OVERLOADED, "no memory for a table");
    row_text_init(&r->row);
    r->id = id;
    r->count = count;
    r->types = calloc(count + 1u, sizeof *r->types);
    r->names = calloc(1, bytes);
    r->next = rs->relations;
    rs->relations = r;
    rs->tables++;
    if (!r->types || !r->names)
        return err_set(e, ERR_OVERLOADED, "no memory for a table");
    char *at = r->names;
    for (unsigned i = 0; i < count; i++) {
        size_t len = strlen(names[i]) + 1;
        memcpy(at, names[i], len);
        at += len;
        r->types[i] = types[i];
    }
    return row_text_columns(&r->row, names, count, rs->conf.key, rs->conf.tenant_column, e);
}

static bool same_columns(const struct relation *r, const struct pgoutput *m)
{
    struct pgoutput_list list = m->columns;
    struct pgoutput_column c;
    const char *name = r->names;
    if (list.count != r->count)
        return false;
    for (unsigned i = 0; pgoutput_column(&list, &c); i++, name += strlen(name) + 1)
        if (!slice_is(c.name, name) || c.type != r->types[i])
            return false;
    return true;
}

/* The server tells of a table before its first change, and again whenever it pleases. */
static int take_relation(struct row_stream *rs, const struct pgoutput *m)
{
    struct relation *r = relation_get(rs, m->relation);
    struct pgoutput_list list = m->columns;
    struct pgoutput_column c;
    if (!r || !same_columns(r, m))
        return ROW_STREAM_ANEW;
    r->key_known = false;
    r->tenant_known = !rs->conf.tenant_column;
    while (pgoutput_column(&list, &c)) {
        r->key_known |= c.key && slice_is(c.name, rs->conf.key);
        r->tenant_known |=
            c.key && rs->conf.tenant_column && slice_is(c.name, rs->conf.tenant_column);
    }
    return ROW_STREAM_TAKEN;
}

/* ---- rows ---- */

/* The row as JSON in r->row. from: an object with what is unchanged, or p NULL: null for it.
 * *unchanged: there was something of it. lacking: the tenant's column may be null. */
static int put_row(struct row_stream *rs, struct relation *r, struct pgoutput_list list,
                   struct slice from, bool lacking, bool *unchanged, struct err *e)
{
    struct pgoutput_value v;
    const char *name = r->names;
    row_text_begin(&r->row);
    for (unsigned i = 0; i < r->count; i++, name += strlen(name) + 1) {
        struct slice raw;
        if (!pgoutput_value(&list, &v))
            return err_set(e, ERR_BAD_REQUEST, "a replicated row lacks columns");
        if (v.kind == PGOUTPUT_TEXT) {
            pg_value_put(&r->row, r->types[i], v.text, &rs->scratch);
        } else if (v.kind == PGOUTPUT_UNCHANGED) {
            *unchanged = true;
            bool named = i == r->row.key || i == r->row.tenant;
            if (from.p && !named && json_get(from, name, &raw))
                row_put_json(&r->row, raw);
            else
                row_put_null(&r->row);
        } else if (lacking && i == r->row.tenant) {
            row_put_text(&r->row, SLICE_LIT("-")); /* found by other means */
        } else {
            row_put_null(&r->row);
        }
    }
    return row_text_end(&r->row, e);
}

static void keep(struct row_stream *rs, const struct relation *r, struct buf *key,
                 struct buf *tenant)
{
    buf_reset(key);
    buf_add_slice(key, buf_slice(&r->row.key_text));
    buf_reset(tenant);
    if (rs->conf.tenant_column)
        buf_add_slice(tenant, buf_slice(&r->row.tenant_text));
    else
        buf_add_str(tenant, rs->conf.tenant);
}

/* The key and tenant of a row that was, in old_key and old_tenant (empty: no such row is known). */
static int find_old(struct row_stream *rs, struct relation *r, struct pgoutput_list list,
                    struct err *e)
{
    bool unchanged = false;
    if (!r->key_known)
        return ROW_STREAM_ANEW;
    int rc = put_row(rs, r, list, SLICE_NONE, !r->tenant_known, &unchanged, e);
    if (rc < 0)
        return rc;
    keep(rs, r, &rs->old_key, &rs->old_tenant);
    if (!r->tenant_known) {
        struct slice tenant = diff_tenant(rs->diff, buf_slice(&rs->old_key));
        buf_reset(&rs->old_tenant);
        buf_add_slice(&rs->old_tenant, tenant);
    }
    return ROW_STREAM_TAKEN;
}

static bool failed(const struct row_stream *rs)
{
    return rs->old_key.failed || rs->old_tenant.failed || rs->new_key.failed ||
           rs->new_tenant.failed;
}

/* Whether a row may be changed in this run; `text` may be of no row. */
static bool is_free(struct row_stream *rs, const struct buf *tenant, const struct buf *key)
{
    return !diff_has_change(rs->diff, buf_slice(tenant), buf_slice(key));
}

static int take_delete(struct row_stream *rs, struct relation *r, const struct pgoutput *m,
                       struct err *e)
{
    int rc = find_old(rs, r, m->old, e);
    if (rc != ROW_STREAM_TAKEN)
        return rc;
    if (failed(rs))
        return err_set(e, ERR_OVERLOADED, "no memory for a row");
    if (!is_free(rs, &rs->old_tenant, &rs->old_key))
        return ROW_STREAM_FULL;
    return diff_drop(rs->diff, buf_slice(&rs->old_tenant), buf_slice(&rs->old_key), e);
}

/* Where the row was that is now in new_key and new_tenant: into old_key and old_tenant. */
static int find_before(struct row_stream *rs, struct relation *r, const struct pgoutput *m,
                       struct err *e)
{
    if (m->has_old && r->key_known)
        return find_old(rs, r, m->old, e);
    buf_reset(&rs->old_key);
    buf_add_slice(&rs->old_key, buf_slice(&rs->new_key));
    buf_reset(&rs->old_tenant);
    /* the key's columns are the same; the tenant may be none of them */
    if (diff_state(rs->diff, buf_slice(&rs->new_tenant), buf_slice(&rs->new_key)).p)
        buf_add_slice(&rs->old_tenant, buf_slice(&rs->new_tenant));
    else if (!r->key_known)
        return ROW_STREAM_ANEW;
    else if (!r->tenant_known)
        buf_add_slice(&rs->old_tenant, diff_tenant(rs->diff, buf_slice(&rs->new_key)));
    return ROW_STREAM_TAKEN;
}

static int put_changed(struct row_stream *rs, struct relation *r, const struct pgoutput *m,
                       struct err *e)
{
    bool unchanged = false, again = false;
    int rc = put_row(rs, r, m->row, SLICE_NONE, false, &unchanged, e);
    if (rc < 0)
        return rc;
    keep(rs, r, &rs->new_key, &rs->new_tenant);
    rc = find_before(rs, r, m, e);
    if (rc != ROW_STREAM_TAKEN)
        return rc;
    if (failed(rs))
        return err_set(e, ERR_OVERLOADED, "no memory for a row");
    if (!is_free(rs, &rs->old_tenant, &rs->old_key) || !is_free(rs, &rs->new_tenant, &rs->new_key))
        return ROW_STREAM_FULL;
    struct slice was = diff_state(rs->diff, buf_slice(&rs->old_tenant), buf_slice(&rs->old_key));
    if (unchanged && !was.p)
        return ROW_STREAM_ANEW;
    return put_row(rs, r, m->row, was, false, &again, e); /* find_old wrote over it */
}

static int take_update(struct row_stream *rs, struct relation *r, const struct pgoutput *m,
                       struct err *e)
{
    int rc = put_changed(rs, r, m, e);
    if (rc != ROW_STREAM_TAKEN)
        return rc;
    struct slice was = buf_slice(&rs->old_key), was_of = buf_slice(&rs->old_tenant);
    struct slice key = buf_slice(&rs->new_key), tenant = buf_slice(&rs->new_tenant);
    if (was_of.len && (!slice_eq(was, key) || !slice_eq(was_of, tenant)))
        rc = diff_drop(rs->diff, was_of, was, e);
    if (rc < 0)
        return rc;
    return diff_row(rs->diff, tenant, key, buf_slice(&r->row.object), e);
}

static int take_insert(struct row_stream *rs, struct relation *r, const struct pgoutput *m,
                       struct err *e)
{
    bool unchanged = false;
    int rc = put_row(rs, r, m->row, SLICE_NONE, false, &unchanged, e);
    if (rc < 0)
        return rc;
    keep(rs, r, &rs->new_key, &rs->new_tenant);
    if (failed(rs))
        return err_set(e, ERR_OVERLOADED, "no memory for a row");
    struct slice key = buf_slice(&rs->new_key), tenant = buf_slice(&rs->new_tenant);
    if (diff_has_change(rs->diff, tenant, key))
        return ROW_STREAM_FULL;
    if (diff_state(rs->diff, tenant, key).p) {
        struct slice show = key.len > 64 ? slice_of(key.p, 64) : key;
        return err_set(e, ERR_CONFLICT, "the key \"%.*s\" has two rows now (tenant %.*s)",
                       SLICE_FMT(show), SLICE_FMT(tenant));
    }
    return diff_row(rs->diff, tenant, key, buf_slice(&r->row.object), e);
}

static int take_truncate(struct row_stream *rs, struct err *e)
{
    size_t changes;
    if (rs->tables != 1)
        return ROW_STREAM_ANEW; /* a known row does not say which table it is of */
    diff_events(rs->diff, &changes);
    return changes ? ROW_STREAM_FULL : diff_drop_all(rs->diff, e);
}

int row_stream_take(struct row_stream *rs, const struct pgoutput *m, struct err *e)
{
    struct relation *r;
    switch (m->kind) {
    case PGOUTPUT_RELATION:
        return take_relation(rs, m);
    case PGOUTPUT_TRUNCATE:
        return take_truncate(rs, e);
    case PGOUTPUT_INSERT:
    case PGOUTPUT_UPDATE:
    case PGOUTPUT_DELETE:
        break;
    default:
        return ROW_STREAM_TAKEN;
    }
    r = relation_get(rs, m->relation);
    if (!r)
        return err_set(e, ERR_BAD_REQUEST, "a replicated row of a table that is not known");
    return m->kind == PGOUTPUT_INSERT   ? take_insert(rs, r, m, e)
           : m->kind == PGOUTPUT_UPDATE ? take_update(rs, r, m, e)
                                        : take_delete(rs, r, m, e);
}
