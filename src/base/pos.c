#include "base/pos.h"

#include "base/num.h"

bool pos_parse(struct slice id, pos_t *pos, uint32_t *epoch)
{
    uint64_t ms, n;
    if (id.len > 64)
        return false;
    struct slice rest = id;
    struct slice ms_text = slice_cut(&rest, '-'), n_text = slice_cut(&rest, '-');
    if (!num_u64(ms_text, UINT64_MAX, &ms) || !num_u64(n_text, UINT64_MAX, &n) ||
        !num_hex32(rest, 8, epoch))
        return false;
    if (ms > POS_MAX >> POS_N_BITS)
        *pos = POS_MAX;
    else
        *pos = pos_make(ms, n > POS_N_MAX ? POS_N_MAX : (uint32_t)n);
    return true;
}

static size_t put_decimal(char *out, uint64_t n)
{
    char digits[20];
    size_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + n % 10);
        n /= 10;
    } while (n);
    memcpy(out, digits + at, sizeof digits - at);
    return sizeof digits - at;
}

size_t pos_format(pos_t pos, uint32_t epoch, char out[POS_TEXT_MAX])
{
    size_t len = put_decimal(out, pos_ms(pos));
    out[len++] = '-';
    len += put_decimal(out + len, pos & POS_N_MAX);
    out[len++] = '-';
    for (int shift = 28; shift >= 0; shift -= 4)
        out[len++] = "0123456789abcdef"[epoch >> shift & 15];
    out[len] = 0;
    return len;
}
