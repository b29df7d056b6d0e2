#include "store/store_open.h"

#include "store/store_memory.h"
#include "store/store_null.h"
#include "store/store_sqlite.h"

struct driver {
    const char *name;
    bool has_path; /* written NAME:PATH */
    int (*open)(const char *path, const struct store_conf *conf, struct store **out, struct err *e);
};

static int open_memory(const char *path, const struct store_conf *conf, struct store **out,
                       struct err *e)
{
    return store_memory_new(out, e);
}

static int open_null(const char *path, const struct store_conf *conf, struct store **out,
                     struct err *e)
{
    return store_null_new(out, e);
}

static const struct driver drivers[] = {
    {"memory", false, open_memory},
    {"sqlite", true, store_sqlite_open},
    {"null", false, open_null},
};

int store_open(const char *spec, const struct store_conf *conf, struct store **out, struct err *e)
{
    static const struct store_conf defaults = {.readers = 0};
    struct slice path = slice_str(spec), name = slice_cut(&path, ':');
    for (size_t i = 0; i < sizeof drivers / sizeof *drivers; i++) {
        const struct driver *d = &drivers[i];
        if (!slice_is(name, d->name))
            continue;
        if (d->has_path ? path.len == 0 : path.p != NULL)
            break;
        return d->open(path.p, conf ? conf : &defaults, out, e);
    }
    return err_set(e, ERR_BAD_REQUEST,
                   "\"%.*s\" is no store: use \"memory\", \"sqlite:PATH\" or \"null\"", 100, spec);
}
