#include "io/logger.h"

#include "base/buf.h"
#include "base/num.h"
#include "io/clock.h"

#include <unistd.h>

static const char *const names[] = {"error", "warn", "info", "debug"};

/* A JSON string; log lines hold no bytes that need more than this. */
static void put_string(struct buf *b, struct slice s)
{
    buf_add_char(b, '"');
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c == '"' || c == '\\')
            buf_add_char(b, '\\');
        if (c < 0x20)
            buf_addf(b, "\\u%04x", c);
        else
            buf_add_char(b, (char)c);
    }
    buf_add_char(b, '"');
}

/* Next `key=value` or `key="value with spaces"`. */
static bool next_field(struct slice *rest, struct slice *key, struct slice *value)
{
    while (rest->len && rest->p[0] == ' ')
        *rest = slice_of(rest->p + 1, rest->len - 1);
    if (!rest->len)
        return false;
    const char *eq = memchr(rest->p, '=', rest->len);
    if (!eq)
        return false;
    *key = slice_of(rest->p, (size_t)(eq - rest->p));
    struct slice after = slice_of(eq + 1, rest->len - key->len - 1);
    if (after.len && after.p[0] == '"') {
        size_t end = after.len;
        while (end > 1 && after.p[end - 1] != '"')
            end--;
        *value = slice_of(after.p + 1, end > 1 ? end - 2 : 0);
        *rest = slice_of(after.p + end, after.len - end);
        return true;
    }
    const char *space = after.len ? memchr(after.p, ' ', after.len) : NULL;
    size_t n = space ? (size_t)(space - after.p) : after.len;
    *value = slice_of(after.p, n);
    *rest = slice_of(after.p + n, after.len - n);
    return true;
}

static void put_json(struct buf *b, const char *time, enum log_level level, const char *event,
                     const char *fields)
{
    buf_addf(b, "{\"time\":\"%s\",\"level\":\"%s\",\"event\":", time, names[level]);
    put_string(b, slice_str(event));
    struct slice rest = slice_str(fields), key, value;
    while (next_field(&rest, &key, &value)) {
        buf_add_char(b, ',');
        put_string(b, key);
        buf_add_char(b, ':');
        put_string(b, value);
    }
    buf_add_str(b, "}\n");
}

/* Text that came from outside can't end the line. */
static void put_text(struct buf *b, const char *s)
{
    for (; *s; s++)
        buf_add_char(b, (unsigned char)*s < 0x20 || *s == 0x7f ? '?' : *s);
}

static void write_line(void *ctx, enum log_level level, const char *event, const char *fields)
{
    struct logger *l = ctx;
    struct buf b = BUF_INIT;
    char time[25];
    num_format_rfc3339(clock_unix_ms(), time);
    if (atomic_load_explicit(&l->json, memory_order_relaxed)) {
        put_json(&b, time, level, event, fields);
    } else {
        buf_addf(&b, "%s %s ", time, names[level]);
        put_text(&b, event);
        if (*fields)
            buf_add_char(&b, ' ');
        put_text(&b, fields);
        buf_add_char(&b, '\n');
    }
    if (!b.failed && write(l->fd, b.p, b.len) < 0) {
        /* nowhere to say so */
    }
    buf_fini(&b);
}

void logger_init(struct logger *l, int fd, enum log_level level, bool json)
{
    *l = (struct logger){.log = {(int)level, write_line, l}, .fd = fd, .json = json};
}
