/* lossy_vfs.h - a SQLite VFS around the default one that knows what a power loss would leave: of
 * each file what was written before its last completed sync, and only files whose name was synced
 * with their directory. It can also let writes fail. For tests; any thread. */
#ifndef FRESHET_TESTS_LOSSY_VFS_H
#define FRESHET_TESTS_LOSSY_VFS_H

#include <stdbool.h>
#include <stdint.h>

struct lossy;
struct lossy_image;

/* Registers a VFS under the name (a literal). Nothing is really synced, for speed. */
struct lossy *lossy_new(const char *name, uint64_t seed);
void lossy_free(struct lossy *l); /* all its files are closed */

/* step: called before each change of a file, by the thread that makes it, with no lock held. */
void lossy_watch(struct lossy *l, void (*step)(void *ctx), void *ctx);

/* What is there after a power loss now. torn: of the writes that were not synced some are there,
 * as disks do it, each wholly or in part; else none. */
struct lossy_image *lossy_lose_power(struct lossy *l, bool torn);

/* Writes the files into a directory. */
void lossy_image_write(const struct lossy_image *image, const char *dir);
void lossy_image_free(struct lossy_image *image);

enum lossy_fault { LOSSY_NONE, LOSSY_DISK_FULL, LOSSY_BAD_WRITE, LOSSY_BAD_SYNC, LOSSY_BAD_READ };

/* What fails after the next `after` calls that could. */
void lossy_fail(struct lossy *l, enum lossy_fault fault, unsigned after);

/* Lets every read take that much longer, as from a slow disk. */
void lossy_slow_reads(struct lossy *l, unsigned us);

#endif
