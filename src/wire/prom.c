#include "wire/prom.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* Appends text with backslash and line feed escaped, and quotes too where they'd end it. */
static void put_escaped(struct buf *out, const char *text, bool quotes)
{
    for (; *text; text++) {
        if (*text == '\n')
            buf_add(out, "\\n", 2);
        else if (*text == '\\' || (*text == '"' && quotes))
            buf_add(out, (const char[2]){'\\', *text}, 2);
        else
            buf_add_char(out, *text);
    }
}

void prom_put_head(struct buf *out, const char *name, const char *type, const char *help)
{
    buf_add_str(out, "# HELP ");
    buf_add_str(out, name);
    buf_add_char(out, ' ');
    put_escaped(out, help, false);
    buf_add_str(out, "\n# TYPE ");
    buf_add_str(out, name);
    buf_add_char(out, ' ');
    buf_add_str(out, type);
    buf_add_char(out, '\n');
}

/* The shortest text that reads back as the same double; a dot whatever the locale's point is. */
static void put_value(struct buf *out, double value)
{
    char text[40];
    if (isnan(value)) {
        buf_add_str(out, "NaN");
        return;
    }
    if (isinf(value)) {
        buf_add_str(out, value > 0 ? "+Inf" : "-Inf");
        return;
    }
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            break;
    }
    bool dot = false;
    for (const char *p = text; *p; p++) {
        if ((*p >= '0' && *p <= '9') || *p == 'e' || *p == '+' || *p == '-') {
            buf_add_char(out, *p);
        } else if (!dot) {
            buf_add_char(out, '.');
            dot = true;
        }
    }
}

void prom_put_sample(struct buf *out, const char *name, const char *const *labels, double value)
{
    buf_add_str(out, name);
    if (labels && labels[0]) {
        for (size_t i = 0; labels[i]; i += 2) {
            buf_add_char(out, i ? ',' : '{');
            buf_add_str(out, labels[i]);
            buf_add_str(out, "=\"");
            put_escaped(out, labels[i + 1], true);
            buf_add_char(out, '"');
        }
        buf_add_char(out, '}');
    }
    buf_add_char(out, ' ');
    put_value(out, value);
    buf_add_char(out, '\n');
}
