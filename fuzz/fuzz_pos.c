/* Ids: what is written reads back as the same position, and what is read was of the form. */
#include "base/pos.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool right)
{
    if (!right)
        abort();
}

static void there_and_back(pos_t pos, uint32_t epoch)
{
    char text[POS_TEXT_MAX];
    pos_t pos_back;
    uint32_t epoch_back;
    size_t len = pos_format(pos, epoch, text);
    must(len < sizeof text && strlen(text) == len);
    must(pos_parse(slice_of(text, len), &pos_back, &epoch_back));
    must(pos_back == pos && epoch_back == epoch);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    pos_t pos = 0;
    uint32_t epoch = 0;
    char *copy = malloc(size ? size : 1);
    must(copy != NULL);
    memcpy(copy, data, size);
    if (pos_parse(slice_of(copy, size), &pos, &epoch)) {
        must(size >= 12 && size <= 64);
        for (size_t i = 0; i < size; i++)
            must(strchr("0123456789abcdefABCDEF-", copy[i]) && copy[i]);
        there_and_back(pos, epoch);
    }
    if (size >= sizeof pos + sizeof epoch) {
        memcpy(&pos, copy, sizeof pos);
        memcpy(&epoch, copy + sizeof pos, sizeof epoch);
        there_and_back(pos, epoch);
    }
    free(copy);
    return 0;
}
