#include "source/pg_password.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

int pg_password_read(const char *path, char out[PG_PASSWORD_MAX + 1], struct err *e)
{
    out[0] = 0;
    if (!path)
        return OK;
    FILE *f = fopen(path, "re");
    if (!f)
        return err_set(e, ERR_INTERNAL, "the password file %.180s can't be read", path);
    size_t len = fread(out, 1, PG_PASSWORD_MAX, f);
    bool failed = ferror(f) != 0;
    fclose(f);
    out[len] = 0;
    out[strcspn(out, "\r\n")] = 0;
    if (failed || !out[0])
        return err_set(e, ERR_INTERNAL,
                       "the password file %.180s has no password in its first line", path);
    return OK;
}

void pg_password_forget(char out[PG_PASSWORD_MAX + 1])
{
    volatile char *p = out; /* or the compiler sees that nobody reads it again */
    for (size_t i = 0; i <= PG_PASSWORD_MAX; i++)
        p[i] = 0;
}
