/* src/wire/sse against tests/fixtures/sse: what is published gives these frames, these frames and
 * streams give these events, whatever the line ends and however they are split. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fixture.h"
#include "wire/sse.h"
#include "json/scan.h"

/* The text of a string member; false when it isn't there or null. */
static bool get_text(struct slice object, const char *name, struct buf *out)
{
    struct slice value;
    buf_reset(out);
    if (!json_get(object, name, &value) || json_kind(value) != JSON_STRING)
        return false;
    json_unescape(json_string_raw(value), out);
    assert_false(out->failed);
    return true;
}

static bool get_true(struct slice object, const char *name)
{
    struct slice value;
    return json_get(object, name, &value) && json_kind(value) == JSON_TRUE;
}

static struct slice get(struct slice object, const char *name)
{
    struct slice value = SLICE_NONE;
    if (!json_get(object, name, &value))
        fail_msg("no member %s", name);
    return value;
}

/* Walks the cases of a fixture file. */
static unsigned each_case(const char *path, void (*each)(const char *name, struct slice c))
{
    struct buf text = BUF_INIT, name = BUF_INIT;
    struct slice c;
    struct err e;
    unsigned count = 0;
    fixture_read(path, &text);
    if (json_check(buf_slice(&text), JSON_DEPTH_MAX, &e) != 0)
        fail_msg("%s: %s", path, e.detail);
    struct json_iter it = json_iter(buf_slice(&text));
    for (; json_element(&it, &c); count++) {
        assert_true(get_text(c, "name", &name));
        each(buf_cstr(&name), c);
    }
    buf_fini(&text);
    buf_fini(&name);
    return count;
}

/* What came, an event or comment a line; the same form is made of what is expected. */
static void put_event(struct buf *out, struct slice id, struct slice type, struct slice data)
{
    buf_addf(out, "%zu,%zu,%zu|", id.len, type.len, data.len);
    buf_add_slice(out, id);
    buf_add_slice(out, type);
    buf_add_slice(out, data);
    buf_add_char(out, '\n');
}

struct seen {
    struct buf events, comments;
};

static int on_event(void *ctx, const struct sse_event *e)
{
    put_event(&((struct seen *)ctx)->events, e->id, e->type, e->data);
    return 0;
}

static void on_comment(void *ctx, struct slice text)
{
    buf_addf(&((struct seen *)ctx)->comments, "%.*s\n", SLICE_FMT(text));
}

/* Reads stream, first `first` bytes, then `step` at a time. */
static void read_split(struct sse_reader *r, struct slice stream, size_t first, size_t step,
                       struct seen *s)
{
    buf_reset(&s->events);
    buf_reset(&s->comments);
    sse_reader_init(r, 0);
    for (size_t at = 0, n = first; at < stream.len; at += n, n = step) {
        if (n > stream.len - at)
            n = stream.len - at;
        assert_int_equal(sse_read(r, stream.p + at, n, on_event, on_comment, s), 0);
    }
}

static struct event *publish(struct slice body)
{
    struct buf channel = BUF_INIT, type = BUF_INIT, key = BUF_INIT, data = BUF_INIT,
               state = BUF_INIT;
    struct slice value;
    struct event_parts parts = {.deleted = get_true(body, "deleted")};
    assert_int_equal(json_check(body, JSON_DEPTH_MAX, NULL), 0);
    assert_true(get_text(body, "channel", &channel));
    parts.channel = buf_slice(&channel);
    parts.type = get_text(body, "type", &type) ? buf_slice(&type) : SLICE_LIT("message");
    parts.key = get_text(body, "key", &key) ? buf_slice(&key) : SLICE_NONE;
    json_compact(get(body, "data"), &data);
    parts.data = buf_slice(&data);
    if (json_get(body, "state", &value)) {
        json_compact(value, &state);
        parts.state = buf_slice(&state);
    }
    assert_true(name_is_channel(parts.channel) && name_is_type(parts.type));
    assert_true(!parts.key.p || name_is_key(parts.key));
    struct event *e = event_new(&parts);
    assert_non_null(e);
    buf_fini(&channel);
    buf_fini(&type);
    buf_fini(&key);
    buf_fini(&data);
    buf_fini(&state);
    return e;
}

static void expect_fields(const char *name, struct slice frame, struct slice fields)
{
    struct buf expected = BUF_INIT, id = BUF_INIT, type = BUF_INIT, data = BUF_INIT;
    struct seen s = {BUF_INIT, BUF_INIT};
    struct sse_reader r;
    get_text(fields, "id", &id);
    get_text(fields, "event", &type);
    get_text(fields, "data", &data);
    put_event(&expected, buf_slice(&id), buf_slice(&type), buf_slice(&data));
    for (size_t split = 1; split <= frame.len; split++) {
        read_split(&r, frame, split, frame.len, &s);
        sse_reader_fini(&r);
        if (!slice_eq(buf_slice(&s.events), buf_slice(&expected)))
            fail_msg("%s, split at %zu: %s", name, split, buf_cstr(&s.events));
    }
    buf_fini(&expected);
    buf_fini(&id);
    buf_fini(&type);
    buf_fini(&data);
    buf_fini(&s.events);
    buf_fini(&s.comments);
}

static void check_event(const char *name, struct slice c)
{
    struct buf body = BUF_INIT, id = BUF_INIT, key_name = BUF_INIT, expected = BUF_INIT,
               out = BUF_INIT;
    assert_true(get_text(c, "publish", &body) && get_text(c, "id", &id) &&
                get_text(c, "keyName", &key_name));
    struct event *e = publish(buf_slice(&body));
    assert_true(pos_parse(buf_slice(&id), &e->pos, &e->epoch));
    for (int i = ENVELOPE_NAMED; i <= ENVELOPE_UPDATE; i++) {
        const char *envelope = envelope_name((enum envelope)i);
        assert_true(get_text(get(c, "frames"), envelope, &expected));
        buf_reset(&out);
        sse_put_event(&out, (enum envelope)i, e, get_true(c, "whole"), get_true(c, "withId"),
                      buf_slice(&key_name));
        if (!slice_eq(buf_slice(&out), buf_slice(&expected)))
            fail_msg("%s, %s:\n%s\nexpected:\n%s", name, envelope, buf_cstr(&out),
                     buf_cstr(&expected));
        expect_fields(name, buf_slice(&out), get(get(c, "fields"), envelope));
    }
    event_unref(e);
    buf_fini(&body);
    buf_fini(&id);
    buf_fini(&key_name);
    buf_fini(&expected);
    buf_fini(&out);
}

static void published_events_give_their_frames_and_these_their_fields(void **state)
{
    (void)state;
    assert_true(each_case("sse/events.json", check_event) >= 28);
}

/* The events of a case, in put_event's form. */
static void expected_events(struct slice c, struct buf *out)
{
    struct buf id = BUF_INIT, type = BUF_INIT, data = BUF_INIT;
    struct slice event;
    struct json_iter it = json_iter(get(c, "events"));
    while (json_element(&it, &event)) {
        assert_true(get_text(event, "id", &id) && get_text(event, "event", &type) &&
                    get_text(event, "data", &data));
        put_event(out, buf_slice(&id), buf_slice(&type), buf_slice(&data));
    }
    buf_fini(&id);
    buf_fini(&type);
    buf_fini(&data);
}

static void expected_comments(struct slice c, struct buf *out)
{
    struct buf text = BUF_INIT;
    struct slice comment;
    struct json_iter it = json_iter(get(c, "comments"));
    while (json_element(&it, &comment)) {
        json_unescape(json_string_raw(comment), &text);
        buf_addf(out, "%s\n", buf_cstr(&text));
        buf_reset(&text);
    }
    buf_fini(&text);
}

struct expected {
    struct buf events, comments, last_id;
    bool has_retry;
    uint64_t retry_ms;
};

static void check_read(const char *name, struct slice stream, size_t first, size_t step,
                       const struct expected *x)
{
    struct seen s = {BUF_INIT, BUF_INIT};
    struct sse_reader r;
    read_split(&r, stream, first, step, &s);
    if (!slice_eq(buf_slice(&s.events), buf_slice(&x->events)) ||
        !slice_eq(buf_slice(&s.comments), buf_slice(&x->comments)) ||
        !slice_eq(buf_slice(&r.seen_id), buf_slice(&x->last_id)) || r.has_retry != x->has_retry ||
        r.retry_ms != x->retry_ms)
        fail_msg("%s, first %zu, then %zu at a time: %s", name, first, step, buf_cstr(&s.events));
    sse_reader_fini(&r);
    buf_fini(&s.events);
    buf_fini(&s.comments);
}

static void check_splits(const char *name, struct slice stream, const struct expected *x)
{
    for (size_t split = 1; split <= stream.len; split++) {
        check_read(name, stream, split, stream.len, x);
        check_read(name, stream, split, split, x);
    }
}

static void check_stream(const char *name, struct slice c)
{
    struct expected x = {BUF_INIT, BUF_INIT, BUF_INIT, false, 0};
    struct buf text = BUF_INIT, other = BUF_INIT;
    expected_events(c, &x.events);
    expected_comments(c, &x.comments);
    assert_true(get_text(c, "lastId", &x.last_id) && get_text(c, "stream", &text));
    x.has_retry = json_u64(get(c, "retry"), UINT64_MAX, &x.retry_ms);
    check_splits(name, buf_slice(&text), &x);
    static const char *const ends[] = {"\r\n", "\r"};
    for (size_t i = 0; i < 2 && get_true(c, "anyLineEnd"); i++) {
        buf_reset(&other);
        for (size_t at = 0; at < text.len; at++) {
            if (text.p[at] == '\n')
                buf_add_str(&other, ends[i]);
            else
                buf_add_char(&other, text.p[at]);
        }
        check_splits(name, buf_slice(&other), &x);
    }
    buf_fini(&x.events);
    buf_fini(&x.comments);
    buf_fini(&x.last_id);
    buf_fini(&text);
    buf_fini(&other);
}

static void streams_give_their_events_whatever_the_line_ends_and_splits(void **state)
{
    (void)state;
    assert_true(each_case("sse/streams.json", check_stream) >= 29);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_events_give_their_frames_and_these_their_fields),
        cmocka_unit_test(streams_give_their_events_whatever_the_line_ends_and_splits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
