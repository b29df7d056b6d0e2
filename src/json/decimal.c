#include "json/decimal.h"

#include "base/num.h"

#define EXP_MAX 999999999999999u /* 15 digits: no sum of exponents and lengths overflows */

/* Adds the exponent behind an `e` to *exp. */
static bool add_exponent(struct slice text, int64_t *exp)
{
    bool negative = text.len && text.p[0] == '-';
    if (text.len && (text.p[0] == '-' || text.p[0] == '+'))
        text = slice_of(text.p + 1, text.len - 1);
    while (text.len > 1 && text.p[0] == '0')
        text = slice_of(text.p + 1, text.len - 1);
    uint64_t n;
    if (!num_u64(text, EXP_MAX, &n))
        return false;
    *exp += negative ? -(int64_t)n : (int64_t)n;
    return true;
}

/* Cuts mantissa (digits with at most one point) to what is between its first and its last digit
 * that is not 0, and gives the place of its point. */
static void strip(struct slice mantissa, struct dec *out)
{
    size_t first = mantissa.len, last = 0, point = mantissa.len;
    for (size_t i = 0; i < mantissa.len; i++) {
        if (mantissa.p[i] == '.') {
            point = i;
        } else if (mantissa.p[i] != '0') {
            first = first == mantissa.len ? i : first;
            last = i;
        }
    }
    if (first == mantissa.len)
        return;
    bool inside = point > first && point < last;
    out->digits = slice_of(mantissa.p + first, last - first + 1);
    out->count = out->digits.len - inside;
    out->exp = point > first ? (int64_t)(point - first) : -(int64_t)(first - point - 1);
}

bool dec_parse(struct slice number, struct dec *out)
{
    *out = (struct dec){SLICE_NONE, 0, 0, false};
    bool negative = number.len && number.p[0] == '-';
    struct slice rest = negative ? slice_of(number.p + 1, number.len - 1) : number;
    size_t mantissa = 0;
    while (mantissa < rest.len && rest.p[mantissa] != 'e' && rest.p[mantissa] != 'E')
        mantissa++;
    strip(slice_of(rest.p, mantissa), out);
    if (!out->count)
        return true; /* zero, whatever its exponent */
    out->negative = negative;
    return mantissa == rest.len ||
           add_exponent(slice_of(rest.p + mantissa + 1, rest.len - mantissa - 1), &out->exp);
}

/* Walks the digits. */
struct digits {
    const char *p, *end;
};

static struct digits digits_of(const struct dec *d)
{
    return (struct digits){d->digits.p, d->digits.p + d->digits.len};
}

/* The next digit, -1 after the last. */
static int digit_next(struct digits *it)
{
    if (it->p != it->end && *it->p == '.')
        it->p++;
    return it->p == it->end ? -1 : *it->p++ - '0';
}

static int cmp_magnitude(const struct dec *a, const struct dec *b)
{
    if (a->exp != b->exp)
        return a->exp < b->exp ? -1 : 1;
    struct digits x = digits_of(a), y = digits_of(b);
    for (;;) {
        int dx = digit_next(&x), dy = digit_next(&y);
        if (dx != dy)
            return dx < dy ? -1 : 1;
        if (dx < 0)
            return 0;
    }
}

int dec_cmp(const struct dec *a, const struct dec *b)
{
    int sign_a = !a->count ? 0 : a->negative ? -1 : 1;
    int sign_b = !b->count ? 0 : b->negative ? -1 : 1;
    if (sign_a != sign_b)
        return sign_a < sign_b ? -1 : 1;
    return sign_a == 0 ? 0 : sign_a * cmp_magnitude(a, b);
}

bool dec_is_integer(const struct dec *d)
{
    return !d->count || d->exp >= (int64_t)d->count;
}

bool dec_floor_u64(const struct dec *d, unsigned scale, uint64_t max, uint64_t *out)
{
    *out = 0;
    if (d->negative)
        return false;
    int64_t places = d->exp + (int64_t)scale;
    if (!d->count || places <= 0)
        return true;
    if (places > 20)
        return false;
    struct digits it = digits_of(d);
    uint64_t n = 0;
    for (int64_t i = 0; i < places; i++) {
        int digit = digit_next(&it);
        if (__builtin_mul_overflow(n, 10u, &n) ||
            __builtin_add_overflow(n, (uint64_t)(digit < 0 ? 0 : digit), &n) || n > max)
            return false;
    }
    *out = n;
    return true;
}

__extension__ typedef unsigned __int128 wide_t;

/* n x 10^power mod m. */
static uint64_t times_power_mod(uint64_t n, uint64_t power, uint64_t m)
{
    uint64_t base = 10 % m;
    for (; power; power >>= 1) {
        if (power & 1)
            n = (uint64_t)((wide_t)n * base % m);
        base = (uint64_t)((wide_t)base * base % m);
    }
    return n;
}

bool dec_is_multiple(const struct dec *d, const struct dec *divisor)
{
    if (!d->count)
        return true;
    /* As whole numbers: d = a x 10^p, divisor = b x 10^q, neither a nor b ending in 0. */
    int64_t p = d->exp - (int64_t)d->count, q = divisor->exp - (int64_t)divisor->count;
    if (p < q)
        return false; /* b x 10^(q-p) ends in 0, so a would have to */
    uint64_t b = 0, rest = 0;
    struct digits it = digits_of(divisor);
    for (int digit; (digit = digit_next(&it)) >= 0;)
        b = b * 10 + (uint64_t)digit;
    it = digits_of(d);
    for (int digit; (digit = digit_next(&it)) >= 0;)
        rest = (rest * 10 + (uint64_t)digit) % b;
    return times_power_mod(rest, (uint64_t)(p - q), b) == 0;
}

uint64_t dec_hash(const struct dec *d)
{
    uint64_t h = (0xcbf29ce484222325u ^ (uint64_t)d->exp) * 0x100000001b3u ^ (uint64_t)d->negative
                                                                                 << 63;
    struct digits it = digits_of(d);
    for (int digit; (digit = digit_next(&it)) >= 0;)
        h = (h ^ (uint64_t)digit) * 0x100000001b3u;
    return h;
}
