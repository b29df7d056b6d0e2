/* What a real server writes through pgoutput is read back as what was done. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "source_fixture.h"

#include "base/buf.h"
#include "source/pgoutput.h"

#include <libpq-fe.h>

struct told {
    struct buf text;   /* what was done, a line each */
    struct buf table;  /* the last relation */
    pg_lsn begun;      /* the commit that the transaction in progress announced */
    unsigned relation; /* of the last relation message */
};

static void tell_row(struct told *t, struct pgoutput_list row)
{
    struct pgoutput_value v;
    while (pgoutput_value(&row, &v)) {
        buf_add_char(&t->text, ' ');
        if (v.kind == PGOUTPUT_TEXT && v.text.len > 20)
            buf_addf(&t->text, "(%zu bytes)", v.text.len);
        else if (v.kind == PGOUTPUT_TEXT)
            buf_add_slice(&t->text, v.text);
        else
            buf_add_str(&t->text, v.kind == PGOUTPUT_NULL ? "NULL" : "UNCHANGED");
    }
}

/* The server repeats what a table looks like whenever it pleases. */
static void tell_relation(struct told *t, struct pgoutput *m)
{
    struct pgoutput_column c;
    struct buf line = BUF_INIT;
    t->relation = m->relation;
    buf_addf(&line, "relation %.*s.%.*s", SLICE_FMT(m->schema), SLICE_FMT(m->name));
    while (pgoutput_column(&m->columns, &c))
        buf_addf(&line, " %.*s:%u%s", SLICE_FMT(c.name), c.type, c.key ? "!" : "");
    if (!slice_eq(buf_slice(&line), buf_slice(&t->table))) {
        buf_add_slice(&t->text, buf_slice(&line));
        buf_add_char(&t->text, '\n');
    }
    buf_fini(&t->table);
    t->table = line;
}

static void tell_change(struct told *t, const struct pgoutput *m)
{
    static const char *const names[] = {"insert", "update", "delete"};
    assert_int_equal(m->relation, t->relation);
    buf_add_str(&t->text, names[m->kind - PGOUTPUT_INSERT]);
    if (m->has_old)
        buf_add_str(&t->text, m->old_is_key ? " key" : " old");
    tell_row(t, m->old);
    if (m->kind != PGOUTPUT_DELETE)
        buf_add_str(&t->text, " row");
    tell_row(t, m->row);
}

static void tell(struct told *t, struct pgoutput *m)
{
    uint32_t relation;
    switch (m->kind) {
    case PGOUTPUT_BEGIN:
        t->begun = m->lsn;
        return;
    case PGOUTPUT_COMMIT:
        assert_true(m->lsn == t->begun && m->end > m->lsn);
        buf_add_str(&t->text, "commit");
        break;
    case PGOUTPUT_RELATION:
        tell_relation(t, m);
        return;
    case PGOUTPUT_INSERT:
    case PGOUTPUT_UPDATE:
    case PGOUTPUT_DELETE:
        tell_change(t, m);
        break;
    case PGOUTPUT_TRUNCATE:
        assert_true(pgoutput_relation(&m->relations, &relation) && relation == t->relation);
        buf_add_str(&t->text, "truncate");
        break;
    case PGOUTPUT_MESSAGE:
        buf_addf(&t->text, "message %d %.*s %.*s", m->transactional, SLICE_FMT(m->name),
                 SLICE_FMT(m->content));
        break;
    default:
        fail_msg("a message of kind %d", m->kind);
    }
    buf_add_char(&t->text, '\n');
}

/* Reads all that the slot has; the server's text of a place in the log is ours too. */
static void read_slot(PGconn *c, struct told *t)
{
    PGresult *r = PQexecParams(
        c,
        "select data, lsn, lsn::text from pg_logical_slot_get_binary_changes('s', null, null, "
        "'proto_version', '1', 'publication_names', 'p', 'messages', 'true')",
        0, NULL, NULL, NULL, NULL, 1);
    if (PQresultStatus(r) != PGRES_TUPLES_OK)
        fail_msg("%s", PQerrorMessage(c));
    for (int i = 0; i < PQntuples(r); i++) {
        struct pgoutput m;
        struct err e;
        pg_lsn lsn, binary = 0;
        char text[PG_LSN_TEXT_MAX];
        struct slice data = slice_of(PQgetvalue(r, i, 0), (size_t)PQgetlength(r, i, 0));
        if (pgoutput_read(data, &m, &e) != OK)
            fail_msg("%s", e.detail);
        tell(t, &m);
        for (int k = 0; k < 8; k++)
            binary = binary << 8 | (unsigned char)PQgetvalue(r, i, 1)[k];
        assert_true(pg_lsn_parse(slice_str(PQgetvalue(r, i, 2)), &lsn) && lsn == binary);
        pg_lsn_format(lsn, text);
        assert_string_equal(text, PQgetvalue(r, i, 2));
    }
    PQclear(r);
}

static void what_the_server_writes_is_what_was_done(void **state)
{
    (void)state;
    void *db = contract_postgres.begin();
    struct told t = {.text = BUF_INIT, .table = BUF_INIT};
    contract_postgres.exec(db, "create table t(id int primary key, v text, big text);"
                               "alter table t alter big set storage external;"
                               "create publication p for table t");
    contract_postgres.exec(db, "select pg_create_logical_replication_slot('s', 'pgoutput')");
    contract_postgres.exec(db, "begin; insert into t values (1, null, repeat('x', 5000));"
                               "select pg_logical_emit_message(true, 'freshet', '{\"a\":1}');"
                               "update t set v = 'b'; update t set id = 2; delete from t; commit");
    contract_postgres.exec(db, "begin; insert into t values (9, 'never', ''); rollback");
    contract_postgres.exec(db, "select pg_logical_emit_message(false, 'freshet', 'at once')");
    contract_postgres.exec(db, "alter table t replica identity full; insert into t values (3, 'a', "
                               "''); update t set v = 'c'; truncate t");
    PGconn *c = PQconnectdb(contract_postgres_url(db));
    read_slot(c, &t);
    PQfinish(c);
    assert_string_equal(buf_cstr(&t.text), "relation public.t id:23! v:25 big:25\n"
                                           "insert row 1 NULL (5000 bytes)\n"
                                           "message 1 freshet {\"a\":1}\n"
                                           "update row 1 b UNCHANGED\n"
                                           "update key 1 NULL NULL row 2 b UNCHANGED\n"
                                           "delete key 2 NULL NULL\n"
                                           "commit\n"
                                           "message 0 freshet at once\n"
                                           "relation public.t id:23! v:25! big:25!\n"
                                           "insert row 3 a \n"
                                           "update old 3 a  row 3 c \n"
                                           "truncate\n"
                                           "commit\n");
    buf_fini(&t.text);
    buf_fini(&t.table);
    contract_postgres.exec(db, "select pg_drop_replication_slot('s')");
    contract_postgres.end(db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_the_server_writes_is_what_was_done),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
