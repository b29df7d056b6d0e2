/* Unit tests of src/wire/sse: frames, envelopes, the reader. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "wire/sse.h"

#include <stdio.h>
#include <stdlib.h>

static void envelopes_have_names(void **state)
{
    (void)state;
    enum envelope e;
    for (int i = ENVELOPE_NAMED; i <= ENVELOPE_UPDATE; i++) {
        assert_true(envelope_parse(slice_str(envelope_name((enum envelope)i)), &e));
        assert_int_equal(e, i);
    }
    assert_false(envelope_parse(slice_str("Named"), &e));
    assert_false(envelope_parse(SLICE_NONE, &e));
}

static void frames_have_a_data_line_for_each_line(void **state)
{
    (void)state;
    static const struct {
        const char *id, *name, *data, *frame;
    } cases[] = {
        {"1-0-a", "trip", "{}", "id: 1-0-a\nevent: trip\ndata: {}\n\n"},
        {NULL, NULL, "x", "data: x\n\n"},
        {NULL, "n", "", "event: n\ndata: \n\n"},
        {"", NULL, "x", "id: \ndata: x\n\n"},
        {NULL, NULL, "a\nb\r\nc\rd", "data: a\ndata: b\ndata: c\ndata: d\n\n"},
        {NULL, NULL, "a\n", "data: a\ndata: \n\n"},
        {NULL, NULL, "\n\r\r\n", "data: \ndata: \ndata: \ndata: \n\n"},
        {NULL, NULL, " x: y", "data:  x: y\n\n"},
    };
    struct buf b = BUF_INIT;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        buf_reset(&b);
        sse_put_frame(&b, slice_str(cases[i].id), slice_str(cases[i].name),
                      slice_str(cases[i].data));
        assert_string_equal(buf_cstr(&b), cases[i].frame);
    }
    buf_reset(&b);
    sse_put_retry(&b, UINT64_MAX);
    sse_put_comment(&b, slice_str("heartbeat 12"));
    sse_put_frame(&b, SLICE_NONE, SLICE_NONE, SLICE_NONE);
    assert_string_equal(buf_cstr(&b), "retry: 18446744073709551615\n: heartbeat 12\n\ndata: \n\n");
    buf_fini(&b);
}

static struct event *make(const char *type, const char *key, const char *data, const char *state)
{
    struct event_parts parts = {.channel = slice_str("trips"),
                                .type = slice_str(type),
                                .key = slice_str(key),
                                .data = slice_str(data),
                                .state = slice_str(state)};
    struct event *e = event_new(&parts);
    assert_non_null(e);
    e->pos = pos_make(1642518927000, 7);
    e->epoch = 0x5f3a91c2;
    return e;
}

#define ID "1642518927000-7-5f3a91c2"

static void assert_event(enum envelope envelope, struct event *e, bool whole, bool with_id,
                         const char *key_name, const char *expected)
{
    struct buf b = BUF_INIT;
    sse_put_event(&b, envelope, e, whole, with_id, slice_str(key_name));
    assert_string_equal(buf_cstr(&b), expected);
    buf_fini(&b);
}

static void each_envelope_has_its_frame(void **state)
{
    (void)state;
    struct event *e =
        make("trip-updated", "t1", "{\"late\":1.10}", "{\"late\":1.10,\"n\":9007199254740993}");
    assert_event(ENVELOPE_NAMED, e, false, true, NULL,
                 "id: " ID "\nevent: trip-updated\ndata: {\"late\":1.10}\n\n");
    assert_event(ENVELOPE_FULL, e, false, true, NULL,
                 "id: " ID "\ndata: {\"id\":\"" ID
                 "\",\"channel\":\"trips\",\"type\":\"trip-updated\",\"key\":\"t1\","
                 "\"time\":1642518927000,\"data\":{\"late\":1.10}}\n\n");
    assert_event(ENVELOPE_FULL, e, true, false, NULL,
                 "data: {\"id\":\"" ID
                 "\",\"channel\":\"trips\",\"type\":\"trip-updated\",\"key\":\"t1\","
                 "\"time\":1642518927000,\"data\":{\"late\":1.10,\"n\":9007199254740993}}\n\n");
    assert_event(ENVELOPE_TYPED, e, false, true, NULL,
                 "id: " ID "\ndata: {\"type\":\"trip-updated\",\"data\":{\"late\":1.10}}\n\n");
    assert_event(ENVELOPE_FLAT, e, true, false, NULL,
                 "data: {\"type\":\"trip-updated\",\"late\":1.10,\"n\":9007199254740993}\n\n");
    assert_event(
        ENVELOPE_UPDATE, e, false, true, "tripId",
        "id: " ID
        "\ndata: {\"type\":\"update\",\"changes\":[{\"type\":\"trip-updated\",\"tripId\":\"t1\","
        "\"changes\":{\"late\":1.10}}],\"timestamp\":1642518927000}\n\n");
    assert_event(
        ENVELOPE_UPDATE, e, false, false, NULL,
        "data: {\"type\":\"update\",\"changes\":[{\"type\":\"trip-updated\",\"key\":\"t1\","
        "\"changes\":{\"late\":1.10}}],\"timestamp\":1642518927000}\n\n");
    event_unref(e);
}

static void an_event_without_state_is_whole_as_it_is(void **state)
{
    (void)state;
    struct event *e = make("m", NULL, "[1]", NULL);
    assert_event(ENVELOPE_NAMED, e, true, false, NULL, "event: m\ndata: [1]\n\n");
    assert_event(
        ENVELOPE_FULL, e, true, false, NULL,
        "data: {\"id\":\"" ID
        "\",\"channel\":\"trips\",\"type\":\"m\",\"time\":1642518927000,\"data\":[1]}\n\n");
    assert_event(ENVELOPE_UPDATE, e, true, false, "tripId",
                 "data: {\"type\":\"update\",\"changes\":[{\"type\":\"m\",\"changes\":[1]}],"
                 "\"timestamp\":1642518927000}\n\n");
    event_unref(e);
}

static void a_tombstone_says_so(void **state)
{
    (void)state;
    struct event *e = make("trip-removed", "t1", "{\"a\":1}", NULL);
    e->deleted = true;
    assert_event(ENVELOPE_FULL, e, false, false, NULL,
                 "data: {\"id\":\"" ID
                 "\",\"channel\":\"trips\",\"type\":\"trip-removed\",\"key\":\"t1\","
                 "\"time\":1642518927000,\"deleted\":true,\"data\":{\"a\":1}}\n\n");
    assert_event(
        ENVELOPE_UPDATE, e, false, false, "tripId",
        "data: {\"type\":\"update\",\"changes\":[{\"type\":\"trip-removed\",\"tripId\":\"t1\"}],"
        "\"timestamp\":1642518927000}\n\n");
    event_unref(e);
    e = make("x", "t1", "null", NULL);
    assert_event(ENVELOPE_UPDATE, e, false, false, "tripId",
                 "data: {\"type\":\"update\",\"changes\":[{\"type\":\"x\",\"tripId\":\"t1\"}],"
                 "\"timestamp\":1642518927000}\n\n");
    event_unref(e);
}

static void in_flat_the_type_of_the_event_wins(void **state)
{
    (void)state;
    static const struct {
        const char *data, *frame;
    } cases[] = {
        {"{}", "{\"type\":\"x\"}"},
        {"{\"a\":{\"type\":1}}", "{\"type\":\"x\",\"a\":{\"type\":1}}"},
        {"{\"type\":1}", "{\"type\":\"x\"}"},
        {"{\"a\":1,\"type\":{\"b\":2},\"c\\n\":\"d,\"}",
         "{\"type\":\"x\",\"a\":1,\"c\\n\":\"d,\"}"},
        {"{\"\\u0074ype\":1,\"a\":2}", "{\"type\":\"x\",\"a\":2}"},
        {"[1]", "{\"type\":\"x\",\"data\":[1]}"},
        {"\"a\\nb\"", "{\"type\":\"x\",\"data\":\"a\\nb\"}"},
        {"null", "{\"type\":\"x\",\"data\":null}"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char frame[200];
        struct event *e = make("x", NULL, cases[i].data, NULL);
        snprintf(frame, sizeof frame, "data: %s\n\n", cases[i].frame);
        assert_event(ENVELOPE_FLAT, e, false, false, NULL, frame);
        event_unref(e);
    }
}

static void a_named_string_is_sent_as_its_text(void **state)
{
    (void)state;
    static const struct {
        const char *data, *lines;
    } cases[] = {
        {"\"\"", "data: \n"},
        {"\"a b\"", "data: a b\n"},
        {"\"a\\nb\\r\\nc\\rd\"", "data: a\ndata: b\ndata: c\ndata: d\n"},
        {"\"\\u000d\\u000aid: 5\\n\\nevent: x\"", "data: \ndata: id: 5\ndata: \ndata: event: x\n"},
        {"\"\\\"\\\\n\\u00fc\"", "data: \"\\n\xc3\xbc\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char frame[200];
        struct event *e = make("x", NULL, cases[i].data, NULL);
        snprintf(frame, sizeof frame, "event: x\n%s\n", cases[i].lines);
        assert_event(ENVELOPE_NAMED, e, false, false, NULL, frame);
        event_unref(e);
    }
}

static void types_and_keys_are_escaped_in_json(void **state)
{
    (void)state;
    struct event *e = make("a\"b", "c\\\xc3\xbc", "1", NULL);
    assert_event(ENVELOPE_NAMED, e, false, false, NULL, "event: a\"b\ndata: 1\n\n");
    assert_event(ENVELOPE_TYPED, e, false, false, NULL,
                 "data: {\"type\":\"a\\\"b\",\"data\":1}\n\n");
    assert_event(ENVELOPE_FLAT, e, false, false, NULL,
                 "data: {\"type\":\"a\\\"b\",\"data\":1}\n\n");
    assert_event(
        ENVELOPE_UPDATE, e, false, false, "k\"",
        "data: {\"type\":\"update\",\"changes\":[{\"type\":\"a\\\"b\",\"k\\\"\":\"c\\\\\xc3\xbc\","
        "\"changes\":1}],\"timestamp\":1642518927000}\n\n");
    struct buf b = BUF_INIT;
    sse_put_full(&b, e, false);
    assert_string_equal(buf_cstr(&b),
                        "{\"id\":\"" ID "\",\"channel\":\"trips\",\"type\":\"a\\\"b\","
                        "\"key\":\"c\\\\\xc3\xbc\",\"time\":1642518927000,\"data\":1}");
    buf_fini(&b);
    event_unref(e);
}

static void a_buffer_without_room_gets_no_part_of_a_frame(void **state)
{
    (void)state;
    struct event *e = make("a\"b", "k", "{\"a\":1}", NULL);
    for (int envelope = ENVELOPE_NAMED; envelope <= ENVELOPE_UPDATE; envelope++) {
        struct buf whole = BUF_INIT;
        sse_put_event(&whole, (enum envelope)envelope, e, false, true, SLICE_NONE);
        for (size_t max = 1; max <= whole.len; max++) {
            struct buf b = BUF_INIT;
            b.max = max;
            sse_put_event(&b, (enum envelope)envelope, e, false, true, SLICE_NONE);
            assert_int_equal(b.failed, max < whole.len);
            assert_int_equal(b.len, max < whole.len ? 0 : whole.len);
            buf_fini(&b);
        }
        buf_fini(&whole);
    }
    event_unref(e);
}

/* What a reader gave, a line each. */
static int note_event(void *ctx, const struct sse_event *e)
{
    struct buf *out = ctx;
    buf_addf(out, "[%.*s|%.*s|", SLICE_FMT(e->id), SLICE_FMT(e->type));
    buf_add_slice(out, e->data);
    buf_add_str(out, "]");
    return 0;
}

static void note_comment(void *ctx, struct slice text)
{
    buf_addf(ctx, "(%.*s)", SLICE_FMT(text));
}

/* Reads text `step` bytes at a time; out gets what came. */
static int read_in_steps(const char *text, size_t len, size_t step, size_t max, struct buf *out)
{
    struct sse_reader r;
    int rc = 0;
    buf_reset(out);
    sse_reader_init(&r, max);
    for (size_t at = 0; at < len && rc == 0; at += step) {
        size_t n = len - at < step ? len - at : step;
        char *copy = malloc(n);
        assert_non_null(copy);
        memcpy(copy, text + at, n);
        rc = sse_read(&r, copy, n, note_event, note_comment, out);
        free(copy);
    }
    if (r.has_retry)
        buf_addf(out, "<%llu>", (unsigned long long)r.retry_ms);
    buf_addf(out, "%.*s", SLICE_FMT(buf_slice(&r.seen_id)));
    sse_reader_fini(&r);
    return rc;
}

static void the_reader_follows_the_algorithm_however_the_stream_is_split(void **state)
{
    (void)state;
    static const struct {
        const char *stream, *events;
    } cases[] = {
        {"data: a\n\n", "[|message|a]"},
        {"data: a\r\n\r\ndata: b\r\rdata: c\n\r", "[|message|a][|message|b][|message|c]"},
        {"data:a\ndata: b\ndata\ndata:\n\n", "[|message|a\nb\n\n]"},
        {"id: 1\nevent: x\ndata:  a\n\ndata: b\n\n", "[1|x| a][1|message|b]1"},
        {"id: 1\n\nevent: x\n\ndata: b\n\n", "[1|message|b]1"},
        {"id: 1\ndata: a\n\nid\ndata: b\n\n", "[1|message|a][|message|b]"},
        {"id: 1\ndata: a\n\nid: 2\n", "[1|message|a]1"},
        {": c\n:\n:d: e\ndata: a\n\n", "(c)()(d: e)[|message|a]"},
        {"retry: 10\nretry: x1\nretry: -1\nretry:\n\n", "<10>"},
        {"\xef\xbb\xbf"
         "data: a\n\n",
         "[|message|a]"},
        {"\xef\xbb\xbf\xef\xbb\xbf"
         "data: a\n\n",
         ""},
        {"\xef\xbb"
         "data: a\n\ndata: b\n\n",
         "[|message|b]"},
        {"data: a", ""},
        {"data: a\n", ""},
        {"data:\n\n", "[|message|]"},
        {"Data: a\nDATA: b\ndat: c\ndata : d\n data: e\n\n", ""},
        {"data: a\nunknown: z\nevent\n\n", "[|message|a]"},
        {"\n\n\r\n\rdata: a\n\n", "[|message|a]"},
        {"event: x\nevent: y\ndata: 1\n\n", "[|y|1]"},
    };
    struct buf out = BUF_INIT;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t len = strlen(cases[i].stream);
        for (size_t step = 1; step <= len; step++) {
            assert_int_equal(read_in_steps(cases[i].stream, len, step, 1000, &out), 0);
            assert_string_equal(buf_cstr(&out), cases[i].events);
        }
    }
    static const char nul[] = "id: 1\ndata: a\n\nid: 2\0\ndata: b\0c\n\n";
    assert_int_equal(read_in_steps(nul, sizeof nul - 1, 3, 1000, &out), 0);
    assert_int_equal(out.len, strlen("[1|message|a][1|message|b?c]1"));
    assert_memory_equal(out.p, "[1|message|a][1|message|b\0c]1", out.len);
    buf_fini(&out);
}

static void the_reader_gives_an_event_at_the_lone_carriage_return(void **state)
{
    (void)state;
    struct sse_reader r;
    struct buf out = BUF_INIT;
    sse_reader_init(&r, 100);
    assert_int_equal(sse_read(&r, "data: a\r\n\r", 10, note_event, NULL, &out), 0);
    assert_string_equal(buf_cstr(&out), "[|message|a]");
    assert_int_equal(sse_read(&r, "\n", 1, note_event, NULL, &out), 0);
    assert_string_equal(buf_cstr(&out), "[|message|a]");
    sse_reader_fini(&r);
    sse_reader_fini(NULL);
    buf_fini(&out);
}

static void an_event_over_the_ceiling_is_refused_however_it_is_split(void **state)
{
    (void)state;
    static const char *const streams[] = {
        "data: 0123456789\n\n",
        "data: 01234\ndata: 56789\n\n",
        "event: 0123456789\ndata: a\n\n",
        ": 01234567890123456789\n",
        "data: 012345678901234567890123456789",
    };
    struct buf out = BUF_INIT;
    for (size_t i = 0; i < sizeof streams / sizeof *streams; i++) {
        for (size_t step = 1; step <= strlen(streams[i]); step++) {
            assert_int_equal(read_in_steps(streams[i], strlen(streams[i]), step, 15, &out),
                             ERR_TOO_LARGE);
            assert_string_equal(buf_cstr(&out), "");
        }
    }
    for (size_t step = 1; step < 40; step++)
        assert_int_equal(
            read_in_steps("data: 12345678\n\ndata: 12345678\n\nid: 123456\n", 44, step, 15, &out),
            0);
    buf_fini(&out);
}

static int refuse(void *ctx, const struct sse_event *e)
{
    return ++*(int *)ctx == 2 ? 42 : 0;
}

static void what_the_handler_returns_ends_the_reading(void **state)
{
    (void)state;
    struct sse_reader r;
    int calls = 0;
    sse_reader_init(&r, 0);
    assert_int_equal(sse_read(&r, "data: a\n\ndata: b\n\ndata: c\n\n", 27, refuse, NULL, &calls),
                     42);
    assert_int_equal(calls, 2);
    sse_reader_fini(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(envelopes_have_names),
        cmocka_unit_test(frames_have_a_data_line_for_each_line),
        cmocka_unit_test(each_envelope_has_its_frame),
        cmocka_unit_test(an_event_without_state_is_whole_as_it_is),
        cmocka_unit_test(a_tombstone_says_so),
        cmocka_unit_test(in_flat_the_type_of_the_event_wins),
        cmocka_unit_test(a_named_string_is_sent_as_its_text),
        cmocka_unit_test(types_and_keys_are_escaped_in_json),
        cmocka_unit_test(a_buffer_without_room_gets_no_part_of_a_frame),
        cmocka_unit_test(the_reader_follows_the_algorithm_however_the_stream_is_split),
        cmocka_unit_test(the_reader_gives_an_event_at_the_lone_carriage_return),
        cmocka_unit_test(an_event_over_the_ceiling_is_refused_however_it_is_split),
        cmocka_unit_test(what_the_handler_returns_ends_the_reading),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
