/* fixture.h - the files under tests/fixtures, for unit tests. The folder comes in the environment
 * variable FIXTURES, set by tests/meson.build. */
#ifndef FRESHET_TESTS_FIXTURE_H
#define FRESHET_TESTS_FIXTURE_H

#include "base/buf.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

/* Reads fixtures/<path> whole into out; aborts when it can't. */
static inline void fixture_read(const char *path, struct buf *out)
{
    char full[8192], block[4096];
    const char *root = getenv("FIXTURES");
    snprintf(full, sizeof full, "%s/%s", root ? root : "tests/fixtures", path);
    FILE *f = fopen(full, "rb");
    if (!f) {
        fprintf(stderr, "no fixture %s\n", full);
        abort();
    }
    buf_reset(out);
    for (size_t n; (n = fread(block, 1, sizeof block, f)) > 0;)
        buf_add(out, block, n);
    fclose(f);
    if (out->failed)
        abort();
}

/* Calls each(name, content) for every file of fixtures/<folder>. Returns how many there were. */
static inline unsigned fixture_each(const char *folder,
                                    void (*each)(const char *name, struct slice content))
{
    char full[8192], path[4096];
    const char *root = getenv("FIXTURES");
    unsigned count = 0;
    struct buf content = BUF_INIT;
    snprintf(full, sizeof full, "%s/%s", root ? root : "tests/fixtures", folder);
    DIR *dir = opendir(full);
    for (struct dirent *d; dir && (d = readdir(dir));) {
        if (d->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "%s/%s", folder, d->d_name);
        fixture_read(path, &content);
        each(d->d_name, buf_slice(&content));
        count++;
    }
    if (dir)
        closedir(dir);
    buf_fini(&content);
    return count;
}

#endif
