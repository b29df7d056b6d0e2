#include "lossy_vfs.h"

#include "base/list.h"
#include "base/rng.h"

#include <assert.h>
#include <pthread.h>
#include <sched.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* A change of a file that was not synced yet. */
struct change {
    struct list link;
    uint64_t number;
    int64_t at;
    size_t len; /* 0: the file was cut to `at` */
    char bytes[];
};

/* A file by its name. */
struct tracked {
    struct list link;
    char *path;
    bool exists;  /* now */
    bool durable; /* after a power loss */
    char *bytes;  /* its content after a power loss */
    size_t len, cap;
    struct list changes;
};

struct lossy {
    sqlite3_vfs vfs;
    sqlite3_vfs *real;
    pthread_mutex_t lock; /* for all below */
    struct list files;
    uint64_t number; /* of the last change */
    struct rng rng;
    void (*step)(void *ctx);
    void *step_ctx;
    enum lossy_fault fault;
    unsigned fault_after;
    unsigned read_us;
};

struct lossy_file {
    sqlite3_file base;
    struct lossy *lossy;
    struct tracked *tracked; /* NULL: a temporary file */
    bool sync_dir;           /* with the next sync, as the Unix VFS does for new journals */
};

struct lossy_image {
    struct list files; /* of struct tracked */
};

static sqlite3_file *real_file(sqlite3_file *f)
{
    return (sqlite3_file *)(void *)((struct lossy_file *)(void *)f + 1);
}

static struct lossy *of_vfs(sqlite3_vfs *vfs)
{
    return vfs->pAppData;
}

static void *must(void *p)
{
    assert(p);
    return p;
}

/* With the lock held, all of this. */

static void resize(struct tracked *t, size_t len)
{
    if (len > t->cap) {
        t->cap = len * 2;
        t->bytes = must(realloc(t->bytes, t->cap));
    }
    if (len > t->len)
        memset(t->bytes + t->len, 0, len - t->len);
    t->len = len;
}

static void make_change(struct tracked *t, int64_t at, const void *p, size_t len)
{
    if (len == 0) {
        resize(t, (size_t)at);
        return;
    }
    if ((size_t)at + len > t->len)
        resize(t, (size_t)at + len);
    memcpy(t->bytes + at, p, len);
}

static void forget_changes(struct tracked *t)
{
    struct list *node;
    while ((node = list_pop(&t->changes)))
        free(LIST_ENTRY(node, struct change, link));
}

static struct tracked *find(struct lossy *l, const char *path)
{
    LIST_EACH(&l->files, node, after)
    {
        struct tracked *t = LIST_ENTRY(node, struct tracked, link);
        if (strcmp(t->path, path) == 0)
            return t;
    }
    return NULL;
}

static struct tracked *track(struct list *files, const char *path)
{
    struct tracked *t = must(calloc(1, sizeof *t));
    t->path = must(strdup(path));
    list_init(&t->changes);
    list_init(&t->link);
    list_push_back(files, &t->link);
    return t;
}

static void untrack(struct tracked *t)
{
    list_remove(&t->link);
    forget_changes(t);
    free(t->bytes);
    free(t->path);
    free(t);
}

static void add_change(struct lossy *l, struct tracked *t, int64_t at, const void *p, size_t len)
{
    struct change *c = must(malloc(sizeof *c + len));
    c->number = ++l->number;
    c->at = at;
    c->len = len;
    if (len)
        memcpy(c->bytes, p, len);
    list_init(&c->link);
    list_push_back(&t->changes, &c->link);
}

static void sync_names(struct lossy *l)
{
    LIST_EACH(&l->files, node, after)
    {
        struct tracked *t = LIST_ENTRY(node, struct tracked, link);
        t->durable = t->exists;
    }
}

/* All changes up to that number are on the disk. */
static void sync_changes(struct tracked *t, uint64_t number)
{
    LIST_EACH(&t->changes, node, after)
    {
        struct change *c = LIST_ENTRY(node, struct change, link);
        if (c->number > number)
            break;
        make_change(t, c->at, c->bytes, c->len);
        list_remove(node);
        free(c);
    }
}

/* Whether this call is one that fails. */
static bool fails(struct lossy *l, enum lossy_fault fault)
{
    pthread_mutex_lock(&l->lock);
    bool now = l->fault == fault;
    if (now && l->fault_after > 0) {
        l->fault_after--;
        now = false;
    }
    pthread_mutex_unlock(&l->lock);
    return now;
}

static void step(struct lossy *l)
{
    pthread_mutex_lock(&l->lock);
    void (*fn)(void *ctx) = l->step;
    void *ctx = l->step_ctx;
    pthread_mutex_unlock(&l->lock);
    if (fn)
        fn(ctx);
}

static int file_close(sqlite3_file *f)
{
    return real_file(f)->pMethods->xClose(real_file(f));
}

static int file_read(sqlite3_file *f, void *p, int len, sqlite3_int64 at)
{
    struct lossy *l = ((struct lossy_file *)(void *)f)->lossy;
    if (fails(l, LOSSY_BAD_READ))
        return SQLITE_IOERR_READ;
    pthread_mutex_lock(&l->lock);
    unsigned us = l->read_us;
    pthread_mutex_unlock(&l->lock);
    if (us > 0)
        nanosleep(&(struct timespec){0, us * 1000L}, NULL);
    return real_file(f)->pMethods->xRead(real_file(f), p, len, at);
}

static int file_write(sqlite3_file *f, const void *p, int len, sqlite3_int64 at)
{
    struct lossy_file *file = (struct lossy_file *)(void *)f;
    step(file->lossy);
    if (fails(file->lossy, LOSSY_DISK_FULL))
        return SQLITE_FULL;
    if (fails(file->lossy, LOSSY_BAD_WRITE))
        return SQLITE_IOERR_WRITE;
    int rc = real_file(f)->pMethods->xWrite(real_file(f), p, len, at);
    if (rc == SQLITE_OK && file->tracked) {
        pthread_mutex_lock(&file->lossy->lock);
        add_change(file->lossy, file->tracked, at, p, (size_t)len);
        pthread_mutex_unlock(&file->lossy->lock);
    }
    return rc;
}

static int file_truncate(sqlite3_file *f, sqlite3_int64 size)
{
    struct lossy_file *file = (struct lossy_file *)(void *)f;
    step(file->lossy);
    int rc = real_file(f)->pMethods->xTruncate(real_file(f), size);
    if (rc == SQLITE_OK && file->tracked) {
        pthread_mutex_lock(&file->lossy->lock);
        add_change(file->lossy, file->tracked, size, NULL, 0);
        pthread_mutex_unlock(&file->lossy->lock);
    }
    return rc;
}

/* What is written by others while a sync runs is not covered by it. */
static int file_sync(sqlite3_file *f, int flags)
{
    struct lossy_file *file = (struct lossy_file *)(void *)f;
    struct lossy *l = file->lossy;
    step(l);
    if (fails(l, LOSSY_BAD_SYNC))
        return SQLITE_IOERR_FSYNC;
    pthread_mutex_lock(&l->lock);
    uint64_t number = l->number;
    pthread_mutex_unlock(&l->lock);
    sched_yield();
    step(l);
    pthread_mutex_lock(&l->lock);
    if (file->tracked)
        sync_changes(file->tracked, number);
    if (file->sync_dir)
        sync_names(l);
    file->sync_dir = false;
    pthread_mutex_unlock(&l->lock);
    return SQLITE_OK;
}

static int file_size(sqlite3_file *f, sqlite3_int64 *size)
{
    return real_file(f)->pMethods->xFileSize(real_file(f), size);
}

static int file_lock(sqlite3_file *f, int level)
{
    return real_file(f)->pMethods->xLock(real_file(f), level);
}

static int file_unlock(sqlite3_file *f, int level)
{
    return real_file(f)->pMethods->xUnlock(real_file(f), level);
}

static int file_reserved(sqlite3_file *f, int *out)
{
    return real_file(f)->pMethods->xCheckReservedLock(real_file(f), out);
}

static int file_control(sqlite3_file *f, int op, void *arg)
{
    return real_file(f)->pMethods->xFileControl(real_file(f), op, arg);
}

static int file_sector(sqlite3_file *f)
{
    return real_file(f)->pMethods->xSectorSize(real_file(f));
}

static int file_traits(sqlite3_file *f)
{
    return real_file(f)->pMethods->xDeviceCharacteristics(real_file(f));
}

static int shm_map(sqlite3_file *f, int page, int size, int extend, void volatile **out)
{
    return real_file(f)->pMethods->xShmMap(real_file(f), page, size, extend, out);
}

static int shm_lock(sqlite3_file *f, int offset, int n, int flags)
{
    return real_file(f)->pMethods->xShmLock(real_file(f), offset, n, flags);
}

static void shm_barrier(sqlite3_file *f)
{
    real_file(f)->pMethods->xShmBarrier(real_file(f));
}

static int shm_unmap(sqlite3_file *f, int remove)
{
    return real_file(f)->pMethods->xShmUnmap(real_file(f), remove);
}

static const sqlite3_io_methods methods = {
    .iVersion = 2,
    .xClose = file_close,
    .xRead = file_read,
    .xWrite = file_write,
    .xTruncate = file_truncate,
    .xSync = file_sync,
    .xFileSize = file_size,
    .xLock = file_lock,
    .xUnlock = file_unlock,
    .xCheckReservedLock = file_reserved,
    .xFileControl = file_control,
    .xSectorSize = file_sector,
    .xDeviceCharacteristics = file_traits,
    .xShmMap = shm_map,
    .xShmLock = shm_lock,
    .xShmBarrier = shm_barrier,
    .xShmUnmap = shm_unmap,
};

/* The database file is there before SQLite opens it; a power loss may take it as long as its
 * directory wasn't synced. */
static struct tracked *open_tracked(struct lossy *l, const char *path, int64_t size)
{
    struct tracked *t = find(l, path);
    if (!t) {
        assert(size == 0);
        t = track(&l->files, path);
    } else if (!t->exists) {
        add_change(l, t, 0, NULL, 0); /* made anew under its old name */
    }
    t->exists = true;
    return t;
}

static int vfs_open(sqlite3_vfs *vfs, const char *path, sqlite3_file *f, int flags, int *out)
{
    struct lossy *l = of_vfs(vfs);
    struct lossy_file *file = (struct lossy_file *)(void *)f;
    int journal = SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_WAL;
    step(l);
    int rc = l->real->xOpen(l->real, path, real_file(f), flags, out);
    f->pMethods = real_file(f)->pMethods ? &methods : NULL;
    if (rc != SQLITE_OK)
        return rc;
    file->lossy = l;
    file->tracked = NULL;
    sqlite3_int64 size = 0;
    rc = real_file(f)->pMethods->xFileSize(real_file(f), &size);
    pthread_mutex_lock(&l->lock);
    file->sync_dir = path && (flags & journal) && (flags & SQLITE_OPEN_CREATE);
    if (path && (flags & (journal | SQLITE_OPEN_MAIN_DB)))
        file->tracked = open_tracked(l, path, size);
    pthread_mutex_unlock(&l->lock);
    return rc;
}

static int vfs_delete(sqlite3_vfs *vfs, const char *path, int sync_dir)
{
    struct lossy *l = of_vfs(vfs);
    step(l);
    int rc = l->real->xDelete(l->real, path, 0);
    if (rc != SQLITE_OK)
        return rc;
    pthread_mutex_lock(&l->lock);
    struct tracked *t = find(l, path);
    if (t)
        t->exists = false;
    if (sync_dir)
        sync_names(l);
    pthread_mutex_unlock(&l->lock);
    return rc;
}

static int vfs_access(sqlite3_vfs *vfs, const char *path, int flags, int *out)
{
    return of_vfs(vfs)->real->xAccess(of_vfs(vfs)->real, path, flags, out);
}

static int vfs_full_path(sqlite3_vfs *vfs, const char *path, int len, char *out)
{
    return of_vfs(vfs)->real->xFullPathname(of_vfs(vfs)->real, path, len, out);
}

static int vfs_randomness(sqlite3_vfs *vfs, int len, char *out)
{
    return of_vfs(vfs)->real->xRandomness(of_vfs(vfs)->real, len, out);
}

static int vfs_sleep(sqlite3_vfs *vfs, int us)
{
    return of_vfs(vfs)->real->xSleep(of_vfs(vfs)->real, us);
}

static int vfs_time(sqlite3_vfs *vfs, double *out)
{
    return of_vfs(vfs)->real->xCurrentTime(of_vfs(vfs)->real, out);
}

static int vfs_last_error(sqlite3_vfs *vfs, int len, char *out)
{
    return of_vfs(vfs)->real->xGetLastError(of_vfs(vfs)->real, len, out);
}

static int vfs_time_ms(sqlite3_vfs *vfs, sqlite3_int64 *out)
{
    return of_vfs(vfs)->real->xCurrentTimeInt64(of_vfs(vfs)->real, out);
}

struct lossy *lossy_new(const char *name, uint64_t seed)
{
    struct lossy *l = must(calloc(1, sizeof *l));
    l->real = must(sqlite3_vfs_find(NULL));
    l->vfs = (sqlite3_vfs){.iVersion = 2,
                           .szOsFile = (int)sizeof(struct lossy_file) + l->real->szOsFile,
                           .mxPathname = l->real->mxPathname,
                           .zName = name,
                           .pAppData = l,
                           .xOpen = vfs_open,
                           .xDelete = vfs_delete,
                           .xAccess = vfs_access,
                           .xFullPathname = vfs_full_path,
                           .xRandomness = vfs_randomness,
                           .xSleep = vfs_sleep,
                           .xCurrentTime = vfs_time,
                           .xGetLastError = vfs_last_error,
                           .xCurrentTimeInt64 = vfs_time_ms};
    pthread_mutex_init(&l->lock, NULL);
    list_init(&l->files);
    rng_init(&l->rng, seed);
    int rc = sqlite3_vfs_register(&l->vfs, 0);
    assert(rc == SQLITE_OK);
    return l;
}

static void untrack_all(struct list *files)
{
    LIST_EACH(files, node, after)
    untrack(LIST_ENTRY(node, struct tracked, link));
}

void lossy_free(struct lossy *l)
{
    if (!l)
        return;
    sqlite3_vfs_unregister(&l->vfs);
    untrack_all(&l->files);
    pthread_mutex_destroy(&l->lock);
    free(l);
}

void lossy_watch(struct lossy *l, void (*fn)(void *ctx), void *ctx)
{
    pthread_mutex_lock(&l->lock);
    l->step = fn;
    l->step_ctx = ctx;
    pthread_mutex_unlock(&l->lock);
}

void lossy_fail(struct lossy *l, enum lossy_fault fault, unsigned after)
{
    pthread_mutex_lock(&l->lock);
    l->fault = fault;
    l->fault_after = after;
    pthread_mutex_unlock(&l->lock);
}

void lossy_slow_reads(struct lossy *l, unsigned us)
{
    pthread_mutex_lock(&l->lock);
    l->read_us = us;
    pthread_mutex_unlock(&l->lock);
}

/* Some of the changes, some of those in part. */
static void tear(struct lossy *l, struct tracked *to, const struct tracked *from)
{
    LIST_EACH((struct list *)(uintptr_t)&from->changes, node, after)
    {
        const struct change *c = LIST_ENTRY(node, struct change, link);
        switch (rng_below(&l->rng, 4)) {
        case 0:
            break;
        case 1: {
            size_t len = c->len ? (size_t)rng_below(&l->rng, c->len) : 0;
            if (len > 0)
                make_change(to, c->at, c->bytes, len);
            break;
        }
        default:
            make_change(to, c->at, c->bytes, c->len);
            break;
        }
    }
}

struct lossy_image *lossy_lose_power(struct lossy *l, bool torn)
{
    struct lossy_image *image = must(calloc(1, sizeof *image));
    list_init(&image->files);
    pthread_mutex_lock(&l->lock);
    LIST_EACH(&l->files, node, after)
    {
        const struct tracked *from = LIST_ENTRY(node, struct tracked, link);
        if (!from->durable)
            continue;
        struct tracked *to = track(&image->files, from->path);
        if (from->len)
            make_change(to, 0, from->bytes, from->len);
        if (torn)
            tear(l, to, from);
    }
    pthread_mutex_unlock(&l->lock);
    return image;
}

void lossy_image_write(const struct lossy_image *image, const char *dir)
{
    LIST_EACH((struct list *)(uintptr_t)&image->files, node, after)
    {
        const struct tracked *t = LIST_ENTRY(node, struct tracked, link);
        char path[512];
        const char *name = strrchr(t->path, '/');
        snprintf(path, sizeof path, "%s/%s", dir, name ? name + 1 : t->path);
        FILE *file = must(fopen(path, "wb"));
        size_t written = fwrite(t->bytes, 1, t->len, file);
        assert(written == t->len);
        int closed = fclose(file);
        assert(closed == 0);
    }
}

void lossy_image_free(struct lossy_image *image)
{
    if (!image)
        return;
    untrack_all(&image->files);
    free(image);
}
