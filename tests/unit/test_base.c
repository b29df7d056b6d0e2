/* Unit tests of src/base. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/event.h"
#include "base/list.h"
#include "base/map.h"
#include "base/num.h"
#include "base/page.h"
#include "base/rng.h"
#include "base/utf8.h"

#include <stdio.h>

static void positions_compare_as_two_numbers(void **state)
{
    (void)state;
    pos_t a, b;
    uint32_t epoch;
    assert_true(pos_parse(slice_str("1642518927000-0-5f3a91c2"), &a, &epoch));
    assert_int_equal(epoch, 0x5f3a91c2);
    assert_true(pos_parse(slice_str("1642518927000-1-5f3a91c2"), &b, &epoch));
    assert_true(a < b);
    char text[POS_TEXT_MAX];
    size_t len = pos_format(b, epoch, text);
    assert_string_equal(text, "1642518927000-1-5f3a91c2");
    assert_int_equal(len, 24);
    assert_true(pos_parse(slice_str("99999999999999999-0-00000000"), &b, &epoch));
    assert_true(b == POS_MAX);
    assert_true(pos_parse(slice_str("5-99999999999-00000000"), &b, &epoch));
    assert_true(b == pos_make(5, POS_N_MAX));
}

static void malformed_ids_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"",        "zzz",      "-1",           "1:1",
                                      "1-2",     "1-2-",     "1-2-5f3a91c",  "1-2-5f3a91c2x",
                                      "1--5f3a91c2", "+1-2-5f3a91c2", " 1-2-5f3a91c2",
                                      "99999999999999999999999-0-5f3a91c2", "1-2-5f3a91g2"};
    pos_t pos;
    uint32_t epoch;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(pos_parse(slice_str(bad[i]), &pos, &epoch));
}

static void positions_never_go_back_with_the_clock(void **state)
{
    (void)state;
    pos_t a = pos_next(0, 1000), b = pos_next(a, 1000), c = pos_next(b, 500), d = pos_next(c, 2000);
    assert_true(a < b && b < c && c < d);
    assert_true(pos_ms(c) == 1000 && pos_ms(d) == 2000);
    assert_true(pos_next(pos_make(7, POS_N_MAX), 7) == pos_make(8, 0));
    assert_true(pos_before_ms(1000) < a && pos_before_ms(0) == 0);
}

static void numbers_are_strict(void **state)
{
    (void)state;
    uint64_t n;
    assert_true(num_u64(slice_str("18446744073709551615"), UINT64_MAX, &n) && n == UINT64_MAX);
    assert_false(num_u64(slice_str("18446744073709551616"), UINT64_MAX, &n));
    assert_false(num_u64(slice_str("+1"), UINT64_MAX, &n));
    assert_false(num_u64(slice_str("1 "), UINT64_MAX, &n));
    assert_false(num_u64(slice_str(""), UINT64_MAX, &n));
    assert_false(num_u64(slice_str("11"), 10, &n));
    assert_true(num_duration_ms(slice_str("10m"), &n) && n == 600000);
    assert_true(num_duration_ms(slice_str("250ms"), &n) && n == 250);
    assert_true(num_duration_ms(slice_str("0"), &n) && n == 0);
    assert_false(num_duration_ms(slice_str("10"), &n));
    assert_false(num_duration_ms(slice_str("10y"), &n));
    assert_false(num_duration_ms(slice_str("999999999999999999d"), &n));
    assert_true(num_size_bytes(slice_str("1MiB"), &n) && n == 1048576);
    assert_true(num_size_bytes(slice_str("64"), &n) && n == 64);
    assert_false(num_size_bytes(slice_str("1 MiB"), &n));
}

static void times_come_out_as_they_went_in(void **state)
{
    (void)state;
    uint64_t ms;
    char text[25];
    assert_true(num_rfc3339_ms(slice_str("2026-01-21T10:00:00.5+02:00"), &ms));
    num_format_rfc3339(ms, text);
    assert_string_equal(text, "2026-01-21T08:00:00.500Z");
    assert_true(num_rfc3339_ms(slice_str("2024-02-29T00:00:00Z"), &ms));
    num_format_rfc3339(ms, text);
    assert_string_equal(text, "2024-02-29T00:00:00.000Z");
    assert_false(num_rfc3339_ms(slice_str("2023-02-29T00:00:00Z"), &ms));
    assert_false(num_rfc3339_ms(slice_str("2023-02-28 00:00:00Z"), &ms));
    assert_false(num_rfc3339_ms(slice_str("2023-02-28T00:00:00"), &ms));
    for (uint64_t day = 0; day < 40000; day++) {
        num_format_rfc3339(day * 86400000 + 1, text);
        assert_true(num_rfc3339_ms(slice_str(text), &ms) && ms == day * 86400000 + 1);
    }
}

static void text_without_control_characters(void **state)
{
    (void)state;
    assert_true(utf8_is_plain(slice_str("Gr\xc3\xbc\xc3\x9f" "e")));
    static const char *const bad[] = {"a\nb", "a\x7f", "\xc2\x85", "\xe2\x80\xa8", "\xe2\x80\xa9",
                                      "\xc0\x80", "\xed\xa0\x80", "\xf5\x80\x80\x80", "\xc3", "\x80"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(utf8_is_plain(slice_str(bad[i])));
    assert_false(utf8_is_plain(slice_of("a\0b", 3)));
    char out[4];
    uint32_t back;
    for (uint32_t c = 0; c <= 0x10ffff; c += 7) {
        if (c >= 0xd800 && c <= 0xdfff)
            continue;
        size_t n = utf8_encode(c, out);
        assert_true(utf8_decode(out, n, &back) == n && back == c);
        assert_true(utf8_decode(out, n - 1, &back) == 0 || n == 1);
    }
}

static void names_follow_the_rules(void **state)
{
    (void)state;
    assert_true(name_is_tenant(slice_str("acme-corp_1")));
    assert_false(name_is_tenant(slice_str("a.b")));
    assert_true(name_is_channel(slice_str("a.b:c-d_e")));
    assert_false(name_is_channel(slice_str(".a")));
    assert_false(name_is_channel(slice_str("b/1?")));
    assert_false(name_is_channel(slice_of("a\0b", 3)));
    assert_true(name_is_reserved_type(slice_str("freshet.gap")));
    assert_true(name_is_reserved_type(slice_str("open")));
    assert_false(name_is_reserved_type(slice_str("opened")));
}

static void a_map_holds_what_was_put(void **state)
{
    (void)state;
    struct map m;
    map_init(&m, 1, 2);
    static int values[2000];
    char key[16];
    struct rng dice;
    rng_init(&dice, 7);
    for (int round = 0; round < 20000; round++) {
        int i = (int)rng_below(&dice, 2000);
        struct slice k = slice_of(key, (size_t)snprintf(key, sizeof key, "k%d", i));
        if (rng_below(&dice, 3)) {
            assert_int_equal(map_put(&m, k, &values[i]), 0);
            values[i] = 1;
        } else {
            assert_ptr_equal(map_remove(&m, k), values[i] ? &values[i] : NULL);
            values[i] = 0;
        }
    }
    size_t count = 0, at = 0;
    void *value;
    for (int i = 0; i < 2000; i++) {
        struct slice k = slice_of(key, (size_t)snprintf(key, sizeof key, "k%d", i));
        assert_ptr_equal(map_get(&m, k), values[i] ? &values[i] : NULL);
        count += (size_t)values[i];
    }
    assert_int_equal(m.count, count);
    while (map_next(&m, &at, NULL, &value))
        count--;
    assert_int_equal(count, 0);
    map_fini(&m);
}

static void keys_that_join_alike_stay_apart(void **state)
{
    (void)state;
    struct map m;
    int a, b;
    map_init(&m, 1, 2);
    map_put(&m, slice_of("a\0b", 3), &a);
    map_put(&m, slice_of("a", 1), &b);
    assert_ptr_equal(map_get(&m, slice_of("a\0b", 3)), &a);
    assert_ptr_equal(map_get(&m, slice_of("a", 1)), &b);
    assert_null(map_get(&m, slice_of("a\0c", 3)));
    map_fini(&m);
}

static void a_buffer_keeps_its_ceiling(void **state)
{
    (void)state;
    struct buf b = BUF_INIT;
    b.max = 100;
    for (int i = 0; i < 50; i++)
        buf_add_u64(&b, 1234);
    assert_true(b.failed);
    assert_int_equal(b.len, 100);
    buf_reset(&b);
    buf_addf(&b, "%s-%d", "x", 7);
    assert_string_equal(buf_cstr(&b), "x-7");
    buf_fini(&b);
}

static void events_share_one_block(void **state)
{
    (void)state;
    struct event_parts parts = {.channel = slice_str("c"),
                                .type = slice_str("t"),
                                .data = slice_str("{}"),
                                .state = slice_str("{\"a\":1}")};
    struct event *e = event_new(&parts);
    assert_non_null(e);
    assert_true(slice_is(event_channel(e), "c") && slice_is(event_type(e), "t"));
    assert_null(event_key(e).p);
    assert_true(slice_is(event_data(e), "{}") && slice_is(event_state(e), "{\"a\":1}"));
    parts.key = slice_str("k");
    parts.state = SLICE_NONE;
    struct event *f = event_new(&parts);
    assert_true(slice_is(event_key(f), "k") && event_state(f).p == NULL);
    struct page *p = page_new();
    assert_int_equal(page_add(p, 1, event_ref(e), 0), 0);
    event_unref(e);
    assert_true(slice_is(event_type(p->entries[0].event), "t"));
    page_free(p);
    event_unref(f);
}

static void errors_come_from_the_table(void **state)
{
    (void)state;
    assert_int_equal(err_status(ERR_TOO_MANY_CONNECTIONS), 429);
    assert_string_equal(err_name(ERR_STORE_FULL), "STORE_FULL");
    assert_string_equal(err_name(12345), "INTERNAL");
    struct err e;
    assert_int_equal(err_set(&e, ERR_CONFLICT, "n is %d", 3), ERR_CONFLICT);
    assert_string_equal(e.detail, "n is 3");
}

static void lists_move_and_splice(void **state)
{
    (void)state;
    struct list a, b, n[3];
    list_init(&a);
    list_init(&b);
    for (int i = 0; i < 3; i++) {
        list_init(&n[i]);
        list_push_back(&a, &n[i]);
    }
    list_splice(&b, &a);
    assert_true(list_empty(&a));
    assert_ptr_equal(list_pop(&b), &n[0]);
    list_move_back(&a, &n[2]);
    list_remove(&n[1]);
    list_remove(&n[1]);
    assert_true(list_empty(&b));
    assert_ptr_equal(list_pop(&a), &n[2]);
    assert_null(list_pop(&a));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(positions_compare_as_two_numbers),
        cmocka_unit_test(malformed_ids_are_refused),
        cmocka_unit_test(positions_never_go_back_with_the_clock),
        cmocka_unit_test(numbers_are_strict),
        cmocka_unit_test(times_come_out_as_they_went_in),
        cmocka_unit_test(text_without_control_characters),
        cmocka_unit_test(names_follow_the_rules),
        cmocka_unit_test(a_map_holds_what_was_put),
        cmocka_unit_test(keys_that_join_alike_stay_apart),
        cmocka_unit_test(a_buffer_keeps_its_ceiling),
        cmocka_unit_test(events_share_one_block),
        cmocka_unit_test(errors_come_from_the_table),
        cmocka_unit_test(lists_move_and_splice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
