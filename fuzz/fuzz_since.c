/* Where a reader begins: `since`, Last-Event-ID and the rest of a query. since_parse takes what its
 * description says and nothing else, and an id reads back as itself; over a hub, whatever a query and
 * a last id say, the answer is a page with a cursor that can be gone on from, or an error. */
#include "hub_rig.h"

#include "base/num.h"
#include "server/inside.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define NOW UINT64_C(1700000000000)

static void parse_alone(struct slice text)
{
    struct reader_start start = {.since = START_LATEST}, again = {.since = START_LATEST};
    struct err e = {.code = 0};
    pos_t pos;
    uint32_t epoch;
    uint64_t ms;
    int rc = since_parse(text, NOW, &start, &e);
    bool is_id = pos_parse(text, &pos, &epoch);
    must(rc == 0 || (rc == ERR_BAD_REQUEST && e.detail[0]));
    must(!is_id || (rc == 0 && start.since == START_ID && start.at == pos && start.epoch == epoch));
    if (rc == 0 && start.since == START_ID) {
        char id[POS_TEXT_MAX];
        size_t len = pos_format(start.at, start.epoch, id);
        must(since_parse(slice_of(id, len), NOW, &again, &e) == 0 && again.since == START_ID);
        must(again.at == start.at && again.epoch == start.epoch);
    }
    if (rc == 0 && start.since == START_AT && num_duration_ms(text, &ms) && !num_u64(text, UINT64_MAX, &ms))
        must(start.at <= pos_before_ms(NOW)); /* an age is never in the future */
    if (rc)
        must(text.len && !slice_is(text, "latest") && !slice_is(text, "earliest"));
}

/* The target must not end the head: only what may stand in a request line, and in a header. */
static size_t clean(char *out, size_t cap, const uint8_t *p, size_t size, bool header)
{
    size_t n = 0;
    for (size_t i = 0; i < size && n + 1 < cap; i++)
        if (header ? p[i] >= ' ' && p[i] != 0x7f : p[i] > ' ' && p[i] < 0x7f)
            out[n++] = (char)p[i];
    out[n] = 0;
    return n;
}

static void go_on(const char *body)
{
    char head[300], cursor[64];
    const char *at = strstr(body, "\"cursor\":\"");
    must(at && sscanf(at, "\"cursor\":\"%63[^\"]", cursor) == 1);
    int len = snprintf(head, sizeof head,
                       "GET /v1/events?channel=a&since=%s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
                       cursor);
    struct rig_answer *a = rig_ask(head, (size_t)len, NULL, 0);
    must(a->status == 200 && strstr(a->body, cursor));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char head[20000], query[8000], last[4000];
    char *copy = malloc(size + 1); /* to the byte */
    must(copy != NULL);
    if (size)
        memcpy(copy, data, size);
    parse_alone(slice_of(copy, size));
    free(copy);
    /* a line feed parts the query from the last id */
    const uint8_t *cut = size ? memchr(data, '\n', size) : NULL;
    size_t first = cut ? (size_t)(cut - data) : size;
    clean(query, sizeof query, data, first, false);
    clean(last, sizeof last, data + first, size - first, true);
    int len = snprintf(head, sizeof head,
                       "GET /v1/events?channel=a&wait=0&%s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                       "%s%s%s\r\n",
                       query, last[0] ? "Last-Event-ID: " : "", last, last[0] ? "\r\n" : "");
    if (strstr(query, "wait"))
        return 0; /* it would */
    struct rig_answer *a = rig_ask(head, (size_t)len, NULL, 0);
    must(a->status == 200 || a->status == 400 || a->status == 404 || a->status == 414);
    must(a->status == 200 || strstr(a->body, "\"error\":\""));
    if (a->status == 200 && !strstr(query, "tenant"))
        go_on(a->body);
    return 0;
}
