/* pg_password.h - the password of a PostgreSQL source that stands in a file. Pure but for reading
 * the file; any thread. */
#ifndef FRESHET_SOURCE_PG_PASSWORD_H
#define FRESHET_SOURCE_PG_PASSWORD_H

#include "base/err.h"

#define PG_PASSWORD_MAX 1000

/* Reads the file's first line into out. path NULL: out is "" (libpq then finds the password by its
 * own rules). 0, or ERR_INTERNAL with *e naming the file, never what it holds. */
int pg_password_read(const char *path, char out[PG_PASSWORD_MAX + 1], struct err *e);

/* Overwrites it. */
void pg_password_forget(char out[PG_PASSWORD_MAX + 1]);

#endif
