/* Bodies of publishes, over a hub. The first byte says how: JSON or lines of it. Whatever comes is
 * answered; what is taken is JSON by another parser, and is read back as the same values, in order,
 * once. */
#include "hub_rig.h"

#include <jansson.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static json_t *parse(const char *p, size_t len)
{
    json_error_t e;
    return json_loadb(p, len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL, &e);
}

/* The events of a body in order; NULL: jansson can't (numbers beyond its own). */
static json_t *events_of(const char *p, size_t len, bool lines)
{
    if (!lines) {
        json_t *whole = parse(p, len);
        if (!json_is_object(whole))
            return whole;
        json_t *one = json_array();
        json_array_append_new(one, whole);
        return one;
    }
    json_t *list = json_array();
    for (size_t at = 0; at < len;) {
        const char *end = memchr(p + at, '\n', len - at);
        size_t n = end ? (size_t)(end - (p + at)) : len - at;
        size_t blank = 0;
        while (blank < n && strchr(" \t\r", p[at + blank]) && p[at + blank])
            blank++;
        json_t *event = blank < n ? parse(p + at, n) : NULL;
        if (blank < n && !event) {
            json_decref(list);
            return NULL;
        }
        if (event)
            json_array_append_new(list, event);
        at += n + 1;
    }
    return list;
}

/* The event is in what its channel holds, with the same data. */
static void find_again(json_t *event, const char *id)
{
    char head[600];
    const char *channel = json_string_value(json_object_get(event, "channel"));
    const char *tenant = json_string_value(json_object_get(event, "tenant"));
    must(channel != NULL);
    int len = snprintf(head, sizeof head,
                       "GET /v1/events?channel=%s&since=earliest&limit=1000%s%s HTTP/1.1\r\nHost: x\r\n"
                       "Connection: close\r\n\r\n",
                       channel, tenant ? "&tenant=" : "", tenant ? tenant : "");
    struct rig_answer *a = rig_ask(head, (size_t)len, NULL, 0);
    must(a->status == 200);
    json_t *page = parse(a->body, strlen(a->body)), *events = json_object_get(page, "events");
    if (!page)
        return; /* numbers beyond jansson's */
    size_t found = 0, i;
    json_t *e;
    json_array_foreach(events, i, e) {
        if (strcmp(json_string_value(json_object_get(e, "id")), id) != 0)
            continue;
        found++;
        json_t *was = json_object_get(event, "data");
        json_t *is = json_object_get(e, "data"), *state = json_object_get(event, "state");
        /* polling is a resume: the whole may stand in for the change */
        must(!was || json_equal(is, was) || (state && json_equal(is, state)));
    }
    must(found == 1);
    json_decref(page);
}

static void look_again(const char *body, size_t size, bool lines, const struct rig_answer *a)
{
    json_t *events = events_of(body, size, lines);
    json_t *ids = parse(a->body, strlen(a->body));
    must(ids != NULL);
    if (json_is_object(ids)) {
        json_t *one = json_array();
        json_array_append_new(one, ids);
        ids = one;
    }
    if (events) {
        must(json_array_size(events) == json_array_size(ids));
        size_t last = json_array_size(ids) - 1; /* the others may have left the history */
        char id[64];
        snprintf(id, sizeof id, "%s",
                 json_string_value(json_object_get(json_array_get(ids, last), "id")));
        if (!json_object_get(json_array_get(events, last), "idempotencyKey"))
            find_again(json_array_get(events, last), id);
    }
    json_decref(events);
    json_decref(ids);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char head[200];
    if (!size || size > 100000)
        return 0;
    bool lines = data[0] == 'l';
    const char *body = (const char *)data + 1;
    int len = snprintf(head, sizeof head,
                       "POST /v1/publish HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: "
                       "application/%s\r\nContent-Length: %zu\r\n\r\n",
                       lines ? "x-ndjson" : "json", size - 1);
    struct rig_answer *a = rig_ask(head, (size_t)len, body, size - 1);
    must(a->status == 200 || strstr(a->body, "\"error\":\""));
    must(a->status == 200 || a->status == 400 || a->status == 409 || a->status == 413 ||
         a->status == 422 || a->status == 507);
    if (a->status == 200) {
        char *copy = strdup(a->body);
        static struct rig_answer kept;
        must(copy != NULL);
        kept.body = copy;
        look_again(body, size - 1, lines, &kept);
        free(copy);
    }
    return 0;
}
