/* req_static.c - files of a folder, with type, ETag and ready-compressed variants (FILE.br,
 * FILE.gz beside FILE): the configuration's at /, the console's at /console. */
#include "server/inside.h"

#include "wire/url.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAX (32 * 1024 * 1024)

bool static_has(const struct conf *conf, struct slice path)
{
    return conf->opts->static_dir && path.len && path.p[0] == '/';
}

static bool is_console(struct slice path)
{
    const size_t n = sizeof "/console" - 1;
    return path.len >= n && memcmp(path.p, "/console", n) == 0 && (path.len == n || path.p[n] == '/');
}

bool console_has(const struct conf *conf, struct slice path)
{
    const char *set = conf->opts->console_dir;
    return is_console(path) && !(set && strcmp(set, "none") == 0);
}

static const char *type_of(struct slice path)
{
    static const struct {
        const char *end, *type;
    } types[] = {{".html", "text/html; charset=utf-8"},
                 {".js", "text/javascript; charset=utf-8"},
                 {".mjs", "text/javascript; charset=utf-8"},
                 {".css", "text/css; charset=utf-8"},
                 {".json", "application/json"},
                 {".map", "application/json"},
                 {".svg", "image/svg+xml"},
                 {".png", "image/png"},
                 {".ico", "image/x-icon"},
                 {".webp", "image/webp"},
                 {".woff2", "font/woff2"},
                 {".wasm", "application/wasm"},
                 {".webmanifest", "application/manifest+json"},
                 {".txt", "text/plain; charset=utf-8"}};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        size_t n = strlen(types[i].end);
        if (path.len > n && slice_is(slice_of(path.p + path.len - n, n), types[i].end))
            return types[i].type;
    }
    return "application/octet-stream";
}

/* No segment may be empty, begin with a dot, or hold a backslash: nothing outside of the folder and
 * nothing hidden is served. */
static bool path_is_tame(struct slice path)
{
    struct slice rest = slice_of(path.p + 1, path.len - 1);
    while (rest.p) {
        struct slice part = slice_cut(&rest, '/');
        if (!part.len && rest.p)
            return false;
        if (part.len && (part.p[0] == '.' || memchr(part.p, '\\', part.len)))
            return false;
    }
    return true;
}

static bool takes(const struct request *rq, const char *coding)
{
    struct slice rest = http1_field(&rq->http, "accept-encoding");
    while (rest.p) {
        struct slice part = slice_cut(&rest, ',');
        struct slice name = slice_trim(slice_cut(&part, ';'));
        if (slice_is_nocase(name, coding))
            return !request_weighs_nothing(part);
    }
    return false;
}

/* Opens the regular file at path. The descriptor, or -1. */
static int open_file(const char *path, struct stat *st)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd >= 0 && (fstat(fd, st) || !S_ISREG(st->st_mode) || st->st_size > FILE_MAX)) {
        close(fd);
        fd = -1;
    }
    return fd;
}

static int open_variant(const struct request *rq, const char *path, struct stat *st,
                        const char **coding)
{
    static const char *const codings[][2] = {{"br", ".br"}, {"gzip", ".gz"}};
    char variant[8192]; /* a path of the configuration, one of the request, index.html, .br */
    for (size_t i = 0; i < 2; i++) {
        if (!takes(rq, codings[i][0]))
            continue;
        snprintf(variant, sizeof variant, "%s%s", path, codings[i][1]);
        int fd = open_file(variant, st);
        if (fd >= 0) {
            *coding = codings[i][0];
            return fd;
        }
    }
    *coding = NULL;
    return open_file(path, st);
}

static bool read_all(int fd, size_t size, struct buf *out)
{
    while (out->len < size && buf_reserve(out, size - out->len)) {
        ssize_t n = read(fd, out->p + out->len, size - out->len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        out->len += (size_t)n;
    }
    return out->len == size;
}

/* Whether If-None-Match names the tag (RFC 9110 section 13.1.2: weak comparison). */
static bool knows(const struct request *rq, const char *etag)
{
    struct slice rest = http1_field(&rq->http, "if-none-match");
    while (rest.p) {
        struct slice tag = slice_trim(slice_cut(&rest, ','));
        if (tag.len > 2 && tag.p[0] == 'W' && tag.p[1] == '/')
            tag = slice_of(tag.p + 2, tag.len - 2);
        if (slice_is(tag, etag) || slice_is(tag, "*"))
            return true;
    }
    return false;
}

static void serve(struct conn *c, struct request *rq, const char *path, struct slice name)
{
    struct stat st;
    const char *coding;
    struct buf body = BUF_INIT;
    char etag[64], extra[600];
    int fd = open_variant(rq, path, &st, &coding);
    if (fd < 0) {
        reply_fail(c, rq, ERR_NOT_FOUND, "there is nothing at this path");
        return;
    }
    snprintf(etag, sizeof etag, "\"%llx-%llx-%llx%s\"", (unsigned long long)st.st_mtim.tv_sec,
             (unsigned long long)st.st_mtim.tv_nsec, (unsigned long long)st.st_size,
             coding ? coding : "");
    snprintf(extra, sizeof extra,
             "ETag: %s\r\nCache-Control: no-cache\r\nVary: Accept-Encoding\r\n%s%s%s"
             "Content-Security-Policy: default-src 'self'; img-src 'self' data:; "
             "object-src 'none'; base-uri 'none'; frame-ancestors 'none'\r\n"
             "Referrer-Policy: no-referrer\r\n",
             etag, coding ? "Content-Encoding: " : "", coding ? coding : "", coding ? "\r\n" : "");
    if (knows(rq, etag))
        reply(c, rq, 304, NULL, SLICE_NONE, extra);
    else if (read_all(fd, (size_t)st.st_size, &body))
        reply(c, rq, 200, type_of(name), buf_slice(&body), extra);
    else
        reply_fail(c, rq, ERR_INTERNAL, "the file could not be read");
    buf_fini(&body);
    close(fd);
}

/* A folder is asked for without its slash: says where it is. Whether it was one. */
static bool redirect_to_folder(struct conn *c, struct request *rq, const char *path)
{
    struct stat st;
    struct buf extra = BUF_INIT;
    if (rq->path.p[rq->path.len - 1] == '/' || stat(path, &st) || !S_ISDIR(st.st_mode))
        return false;
    buf_addf(&extra, "Location: %.*s/%s%.*s\r\n", SLICE_FMT(rq->path), rq->query.len ? "?" : "",
             SLICE_FMT(rq->query));
    if (extra.failed)
        reply_fail(c, rq, ERR_OVERLOADED, "out of memory");
    else
        reply(c, rq, 301, NULL, SLICE_NONE, buf_cstr(&extra));
    buf_fini(&extra);
    return true;
}

/* The folder's file of this name; a name that ends in a slash means its index.html. */
static void serve_below(struct conn *c, struct request *rq, const char *dir, struct slice name)
{
    struct buf path = BUF_INIT;
    buf_addf(&path, "%s%.*s%s", dir, SLICE_FMT(name),
             name.p[name.len - 1] == '/' ? "index.html" : "");
    struct slice full = buf_slice(&path);
    if (path.failed)
        reply_fail(c, rq, ERR_OVERLOADED, "out of memory");
    else if (!redirect_to_folder(c, rq, buf_cstr(&path)))
        serve(c, rq, buf_cstr(&path), full);
    buf_fini(&path);
}

/* Decodes the path into name. Whether it may be served; else it has been answered. */
static bool take_name(struct conn *c, struct request *rq, struct buf *name)
{
    struct err e;
    if (url_decode(rq->path, false, name, &e))
        reply_error(c, rq, &e, NULL);
    else if (!path_is_tame(buf_slice(name)) || name->len > 2048)
        reply_fail(c, rq, ERR_NOT_FOUND, "there is nothing at this path");
    else
        return true;
    return false;
}

void req_static(struct conn *c, struct request *rq)
{
    struct buf name = BUF_INIT;
    if (take_name(c, rq, &name))
        serve_below(c, rq, c->w->conf->opts->static_dir, buf_slice(&name));
    buf_fini(&name);
}

/* The console's pages are all its index.html; what has a dot in its last part is a file. */
static struct slice console_name(struct slice path)
{
    struct slice rest = slice_of(path.p + sizeof "/console" - 1, path.len - (sizeof "/console" - 1));
    size_t last = rest.len;
    while (last && rest.p[last - 1] != '/')
        last--;
    return rest.len && memchr(rest.p + last, '.', rest.len - last) ? rest : SLICE_LIT("/");
}

void req_console(struct conn *c, struct request *rq)
{
    static const char how[] =
        "The console was not built with this hub. With Node 20 or newer installed, run `make` in\n"
        "Freshet's source, or name a folder that has it: freshet serve --console FOLDER\n";
    struct buf name = BUF_INIT;
    const char *dir = c->w->conf->console_dir;
    if (!dir)
        reply(c, rq, 200, "text/plain; charset=utf-8", slice_str(how), NULL);
    else if (take_name(c, rq, &name))
        serve_below(c, rq, dir, console_name(buf_slice(&name)));
    buf_fini(&name);
}

/* A copy of dir/name when it holds the console. */
static char *holds_console(const char *dir, const char *name)
{
    struct buf path = BUF_INIT, index = BUF_INIT;
    char *found = NULL;
    buf_addf(&path, "%s/%s", dir, name);
    buf_addf(&index, "%s/index.html", buf_cstr(&path));
    if (!path.failed && !index.failed && access(buf_cstr(&index), R_OK) == 0)
        found = strdup(buf_cstr(&path));
    buf_fini(&path);
    buf_fini(&index);
    return found;
}

char *console_find(const struct options *opts)
{
    char self[4096];
    char *found = NULL;
    if (opts->console_dir)
        return strcmp(opts->console_dir, "none") == 0 ? NULL : strdup(opts->console_dir);
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    self[n > 0 ? n : 0] = 0;
    char *slash = strrchr(self, '/');
    if (slash) {
        struct buf ninja = BUF_INIT;
        *slash = 0;
        /* a folder called console beside an installed program is not ours */
        buf_addf(&ninja, "%s/build.ninja", self);
        if (!ninja.failed && access(buf_cstr(&ninja), F_OK) == 0)
            found = holds_console(self, "console");
        buf_fini(&ninja);
        if (!found)
            found = holds_console(self, "../share/freshet/console");
    }
    return found ? found : holds_console(FRESHET_DATADIR, "freshet/console");
}
