/* Unit tests of src/source/pgoutput. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "source/pgoutput.h"

#include <stdlib.h>

#define UPDATE                                                                                     \
    "U\0\0\x40\x01K\0\2t\0\0\0\1"                                                                  \
    "1nN\0\3t\0\0\0\4lateun"

static void an_update_has_its_old_key_and_its_new_row(void **state)
{
    (void)state;
    struct pgoutput m;
    struct pgoutput_value v;
    struct err e;
    assert_int_equal(pgoutput_read(SLICE_LIT(UPDATE), &m, &e), OK);
    assert_int_equal(m.kind, PGOUTPUT_UPDATE);
    assert_int_equal(m.relation, 16385);
    assert_true(m.has_old && m.old_is_key && m.old.count == 2);
    assert_true(pgoutput_value(&m.old, &v) && slice_is(v.text, "1"));
    assert_true(pgoutput_value(&m.old, &v) && v.kind == PGOUTPUT_NULL);
    assert_false(pgoutput_value(&m.old, &v));
    assert_true(pgoutput_value(&m.row, &v) && slice_is(v.text, "late"));
    assert_true(pgoutput_value(&m.row, &v) && v.kind == PGOUTPUT_UNCHANGED);
    assert_true(pgoutput_value(&m.row, &v) && v.kind == PGOUTPUT_NULL);
    assert_false(pgoutput_value(&m.row, &v));
}

/* Copied to the end of a block of their own, so that a sanitizer sees a byte too many. */
static int read_exactly(const char *p, size_t len)
{
    struct pgoutput m;
    struct err e;
    char *copy = malloc(len + !len);
    assert_non_null(copy);
    memcpy(copy, p, len);
    int rc = pgoutput_read(slice_of(copy, len), &m, &e);
    free(copy);
    return rc;
}

static void a_message_cut_anywhere_is_refused(void **state)
{
    (void)state;
    static const char message[] = "M\1\0\0\0\0\1\2\3\4freshet\0\0\0\0\2{}";
    static const char update[] = UPDATE;
    assert_int_equal(read_exactly(update, sizeof update - 1), OK);
    for (size_t len = 0; len < sizeof update - 1; len++)
        assert_int_equal(read_exactly(update, len), ERR_BAD_REQUEST);
    assert_int_equal(read_exactly(update, sizeof update), ERR_BAD_REQUEST); /* a byte too many */
    assert_int_equal(read_exactly(message, sizeof message - 1), OK);
    for (size_t len = 0; len < sizeof message - 1; len++)
        assert_int_equal(read_exactly(message, len), ERR_BAD_REQUEST);
}

static void what_is_not_of_version_one_is_refused(void **state)
{
    (void)state;
    struct pgoutput m;
    struct err e;
    static const struct slice bad[] = {{"", 0},
                                       {"\0", 1},
                                       {"S\0\0\0\1\1", 6}, /* a streamed transaction, version 2 */
                                       {"I\0\0\0\1N\0\1b\0\0\0\1x", 13}, /* a binary value */
                                       {"I\0\0\0\1K\0\0", 8}, /* an insert without a new row */
                                       {"D\0\0\0\1N\0\0", 8}, /* a delete with one */
                                       {"M\1\0\0\0\0\0\0\0\1p\0\xff\xff\xff\xff", 16}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(pgoutput_read(bad[i], &m, &e), ERR_BAD_REQUEST);
}

static void the_stream_around_it_is_read_and_answered(void **state)
{
    (void)state;
    struct pg_copy c;
    struct err e;
    char out[PG_STATUS_BYTES];
    assert_int_equal(pg_copy_read(SLICE_LIT("w\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0\2\0\0\0\0\0\0\0\3"
                                            "Bxx"),
                                  &c, &e),
                     OK);
    assert_true(c.kind == PG_COPY_DATA && c.start == 1 && c.end == 2 && slice_is(c.data, "Bxx"));
    assert_int_equal(pg_copy_read(SLICE_LIT("k\0\0\0\1\0\0\0\2\0\0\0\0\0\0\0\0\1"), &c, &e), OK);
    assert_true(c.kind == PG_COPY_KEEPALIVE && c.end == 0x100000002u && c.reply);
    assert_int_equal(pg_copy_read(SLICE_LIT("k\0"), &c, &e), ERR_BAD_REQUEST);
    assert_int_equal(pg_copy_read(SLICE_LIT("x"), &c, &e), ERR_BAD_REQUEST);
    pg_status_write(0x0102030405060708u, 1, false, out);
    assert_memory_equal(out,
                        "r\1\2\3\4\5\6\7\x08\1\2\3\4\5\6\7\x08\1\2\3\4\5\6\7\x08"
                        "\0\0\0\0\0\0\0\1\0",
                        PG_STATUS_BYTES);
}

static void places_in_the_log_have_a_text(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "/", "1/", "/1", "1", "1/2/3", "123456789/1", "g/1"};
    char text[PG_LSN_TEXT_MAX];
    pg_lsn lsn;
    assert_true(pg_lsn_parse(SLICE_LIT("16/B374D848"), &lsn) && lsn == 0x16b374d848u);
    pg_lsn_format(lsn, text);
    assert_string_equal(text, "16/B374D848");
    pg_lsn_format(UINT64_MAX, text);
    assert_string_equal(text, "FFFFFFFF/FFFFFFFF");
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(pg_lsn_parse(slice_str(bad[i]), &lsn));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_update_has_its_old_key_and_its_new_row),
        cmocka_unit_test(a_message_cut_anywhere_is_refused),
        cmocka_unit_test(what_is_not_of_version_one_is_refused),
        cmocka_unit_test(the_stream_around_it_is_read_and_answered),
        cmocka_unit_test(places_in_the_log_have_a_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
