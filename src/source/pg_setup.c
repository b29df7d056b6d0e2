#include "source/pg_setup.h"

#include "base/utf8.h"

#define NAME_MAX_BYTES 63 /* NAMEDATALEN - 1: PostgreSQL cuts longer names off */
#define TRIGGER_PREFIX "freshet_"

static bool is_name(struct slice s, size_t max)
{
    return s.len > 0 && s.len <= max && utf8_is_plain(s);
}

/* "name", with quotes inside doubled (PostgreSQL 15, 4.1.1). */
static void put_identifier(struct buf *out, const char *prefix, struct slice name)
{
    buf_add_char(out, '"');
    buf_add_str(out, prefix);
    for (size_t i = 0; i < name.len; i++) {
        if (name.p[i] == '"')
            buf_add_char(out, '"');
        buf_add_char(out, name.p[i]);
    }
    buf_add_char(out, '"');
}

/* E'text', which means the same under every setting (PostgreSQL 15, 4.1.2.2). */
static void put_literal(struct buf *out, struct slice text)
{
    buf_add_str(out, "E'");
    for (size_t i = 0; i < text.len; i++) {
        if (text.p[i] == '\'' || text.p[i] == '\\')
            buf_add_char(out, text.p[i]);
        buf_add_char(out, text.p[i]);
    }
    buf_add_char(out, '\'');
}

static int put_table(const char *table, struct slice listen, struct buf *out, struct err *e)
{
    struct slice name = slice_str(table), schema = SLICE_NONE;
    if (memchr(table, '.', name.len))
        schema = slice_cut(&name, '.');
    if (!is_name(name, NAME_MAX_BYTES) || (schema.p && !is_name(schema, NAME_MAX_BYTES)))
        return err_set(e, ERR_BAD_REQUEST, "\"%.64s\" is no table: name or schema.name", table);
    struct buf full = BUF_INIT;
    if (schema.p) {
        put_identifier(&full, "", schema);
        buf_add_char(&full, '.');
    }
    put_identifier(&full, "", name);
    buf_add_str(out, "DROP TRIGGER IF EXISTS ");
    put_identifier(out, TRIGGER_PREFIX, listen);
    buf_add_str(out, " ON ");
    buf_add_slice(out, buf_slice(&full));
    buf_add_str(out, ";\nCREATE TRIGGER ");
    put_identifier(out, TRIGGER_PREFIX, listen);
    buf_add_str(out, "\n  AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON ");
    buf_add_slice(out, buf_slice(&full));
    buf_add_str(out, "\n  FOR EACH STATEMENT EXECUTE FUNCTION freshet_notify(");
    put_literal(out, listen);
    buf_add_str(out, ");\n");
    out->failed |= full.failed;
    buf_fini(&full);
    return OK;
}

int pg_setup_sql(const char *const *tables, size_t count, const char *listen, struct buf *out,
                 struct err *e)
{
    struct slice channel = slice_str(listen);
    if (!is_name(channel, NAME_MAX_BYTES - strlen(TRIGGER_PREFIX)))
        return err_set(e, ERR_BAD_REQUEST, "the channel to listen on has 1 to 55 bytes of text");
    if (!count)
        return err_set(e, ERR_BAD_REQUEST, "no table is named");
    buf_add_str(out, "BEGIN;\n"
                     "CREATE OR REPLACE FUNCTION freshet_notify() RETURNS trigger\n"
                     "  LANGUAGE plpgsql AS $freshet$\n"
                     "BEGIN\n"
                     "  PERFORM pg_catalog.pg_notify(TG_ARGV[0], '');\n"
                     "  RETURN NULL;\n"
                     "END\n"
                     "$freshet$;\n");
    int rc = OK;
    for (size_t i = 0; i < count && rc == OK; i++)
        rc = put_table(tables[i], channel, out, e);
    buf_add_str(out, "COMMIT;\n");
    if (rc == OK && out->failed)
        rc = err_set(e, ERR_OVERLOADED, "no memory for the statements");
    return rc;
}
