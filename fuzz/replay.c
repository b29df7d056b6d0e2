/* Runs a fuzz target over the files of its corpus, and over small mutations of each (a byte
 * flipped, a byte dropped, cut at a place), so that the corpora are a regression test without
 * libFuzzer. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint32_t dice = 1;

static uint32_t roll(uint32_t bound)
{
    dice = dice * 1664525u + 1013904223u;
    return bound ? (dice >> 8) % bound : 0;
}

static void mutate(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size + 1);
    if (!copy)
        abort();
    for (int i = 0; i < 200 && size; i++) {
        size_t n = size;
        memcpy(copy, data, n);
        for (uint32_t k = roll(4) + 1; k > 0 && n; k--) {
            uint32_t at = roll((uint32_t)n);
            switch (roll(3)) {
            case 0:
                copy[at] = (uint8_t)roll(256);
                break;
            case 1:
                memmove(copy + at, copy + at + 1, n - at - 1);
                n--;
                break;
            default:
                n = at;
            }
        }
        LLVMFuzzerTestOneInput(copy, n);
    }
    free(copy);
}

/* Returns how many files there were. */
static int replay(const char *folder)
{
    static uint8_t data[1 << 20];
    int runs = 0;
    DIR *dir = opendir(folder);
    for (struct dirent *d; dir && (d = readdir(dir));) {
        char path[4096];
        if (d->d_name[0] == '.' ||
            snprintf(path, sizeof path, "%s/%s", folder, d->d_name) >= (int)sizeof path)
            continue;
        FILE *f = fopen(path, "rb");
        if (!f)
            continue;
        size_t n = fread(data, 1, sizeof data, f);
        fclose(f);
        LLVMFuzzerTestOneInput(data, n);
        mutate(data, n);
        runs++;
    }
    if (dir)
        closedir(dir);
    printf("%s: %d inputs\n", folder, runs);
    return runs;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fprintf(stderr, "usage: %s CORPUS_FOLDER...\n", argv[0]);
        return 2;
    }
    for (int i = 1; i < argc; i++)
        if (replay(argv[i]) == 0)
            return 1;
    return 0;
}
