#include "cli/command.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

/* Prints one line of all three parts in one write. */
static void print_line(const char *command, const char *prefix, struct slice text)
{
    struct buf b = BUF_INIT;
    if (command)
        buf_addf(&b, "freshet %s: ", command);
    buf_add_str(&b, prefix);
    size_t at = b.len;
    buf_add_slice(&b, text);
    for (; at < b.len; at++)
        if ((unsigned char)b.p[at] < ' ' || b.p[at] == 127)
            b.p[at] = '?';
    buf_add_char(&b, '\n');
    fputs(b.failed ? "freshet: no memory\n" : buf_cstr(&b), stderr);
    buf_fini(&b);
}

int command_fail(const char *command, int code, const char *fmt, ...)
{
    struct buf b = BUF_INIT;
    va_list ap;
    va_start(ap, fmt);
    buf_vaddf(&b, fmt, ap);
    va_end(ap);
    print_line(command, "", buf_slice(&b));
    buf_fini(&b);
    return code;
}

void command_tell(const char *command, const char *prefix, struct slice text)
{
    print_line(command, prefix, text);
}

void command_list(const char *prefix, struct slice lines)
{
    while (lines.len) {
        struct slice line = slice_cut(&lines, '\n');
        if (line.len)
            print_line(NULL, prefix, line);
    }
}

int command_print(struct slice text)
{
    while (text.len) {
        ssize_t n = write(STDOUT_FILENO, text.p, text.len);
        if (n < 0 && errno != EINTR)
            return -1;
        if (n > 0)
            text = slice_of(text.p + n, text.len - (size_t)n);
    }
    return 0;
}

bool command_wants_help(int argc, char **argv)
{
    for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            return true;
    return false;
}
