#include "source/row.h"

#include "base/event.h"
#include "base/utf8.h"
#include "json/write.h"

#include <assert.h>
#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define REAL_DIGITS 17 /* significant decimal digits that tell any two doubles apart */
#define DIGITS_MAX 40  /* of a number that comes as text */

void row_text_init(struct row_text *r)
{
    *r = (struct row_text){.names = BUF_INIT,
                           .object = BUF_INIT,
                           .key_text = BUF_INIT,
                           .tenant_text = BUF_INIT,
                           .bad = -1};
}

void row_text_fini(struct row_text *r)
{
    if (!r)
        return;
    buf_fini(&r->names);
    buf_fini(&r->object);
    buf_fini(&r->key_text);
    buf_fini(&r->tenant_text);
    free(r->name_end);
    row_text_init(r);
}

/* The index of a column, `count` when there is none. */
static unsigned column_of(const char *const *names, unsigned count, const char *name)
{
    unsigned i = 0;
    while (i < count && strcmp(names[i], name) != 0)
        i++;
    return i;
}

static int check_names(const char *const *names, unsigned count, const char *key,
                       const char *tenant, struct err *e)
{
    for (unsigned i = 0; i < count; i++) {
        if (!utf8_valid(slice_str(names[i])))
            return err_set(e, ERR_BAD_REQUEST, "the name of column %u is not UTF-8", i + 1);
        if (column_of(names, i, names[i]) != i)
            return err_set(e, ERR_BAD_REQUEST,
                           "the query gives the column \"%.64s\" twice: name one of them with AS",
                           names[i]);
    }
    if (column_of(names, count, key) == count)
        return err_set(e, ERR_BAD_REQUEST, "the query has no column \"%.64s\" for the key", key);
    if (tenant && column_of(names, count, tenant) == count)
        return err_set(e, ERR_BAD_REQUEST, "the query has no column \"%.64s\" for the tenant",
                       tenant);
    return OK;
}

int row_text_columns(struct row_text *r, const char *const *names, unsigned count, const char *key,
                     const char *tenant, struct err *e)
{
    int rc = check_names(names, count, key, tenant, e);
    if (rc < 0)
        return rc;
    size_t *ends = realloc(r->name_end, count * sizeof *ends);
    if (!ends)
        return err_set(e, ERR_OVERLOADED, "no memory for the columns of the query");
    r->name_end = ends;
    r->columns = count;
    r->key = column_of(names, count, key);
    r->tenant = tenant ? column_of(names, count, tenant) : count;
    buf_reset(&r->names);
    for (unsigned i = 0; i < count; i++) {
        json_put_string(&r->names, slice_str(names[i]));
        buf_add_char(&r->names, ':');
        ends[i] = r->names.len;
    }
    return r->names.failed ? err_set(e, ERR_OVERLOADED, "no memory for the columns of the query")
                           : OK;
}

void row_text_begin(struct row_text *r)
{
    buf_reset(&r->object);
    buf_reset(&r->key_text);
    buf_reset(&r->tenant_text);
    buf_add_char(&r->object, '{');
    r->key_null = r->tenant_null = false;
    r->bad = -1;
    r->next = 0;
}

/* Writes the name of the next column; false when its value is not part of the object. */
static bool begin_value(struct row_text *r)
{
    unsigned i = r->next++;
    assert(i < r->columns);
    if (i == r->tenant && i != r->key)
        return false;
    size_t from = i ? r->name_end[i - 1] : 0;
    if (r->object.len > 1)
        buf_add_char(&r->object, ',');
    buf_add(&r->object, r->names.p + from, r->name_end[i] - from);
    return true;
}

/* Keeps the text of the column just put when it is the key or the tenant. */
static void keep_text(struct row_text *r, struct slice text)
{
    if (r->next - 1 == r->key)
        buf_add_slice(&r->key_text, text);
    if (r->next - 1 == r->tenant)
        buf_add_slice(&r->tenant_text, text);
}

static bool is_name(const struct row_text *r)
{
    return r->next - 1 == r->key || r->next - 1 == r->tenant;
}

void row_put_null(struct row_text *r)
{
    if (begin_value(r))
        buf_add_str(&r->object, "null");
    r->key_null |= r->next - 1 == r->key;
    r->tenant_null |= r->next - 1 == r->tenant;
}

void row_put_json(struct row_text *r, struct slice json)
{
    if (begin_value(r))
        buf_add_slice(&r->object, json);
    keep_text(r, json);
}

void row_put_int(struct row_text *r, int64_t n)
{
    char text[24];
    int len = snprintf(text, sizeof text, "%" PRId64, n);
    row_put_json(r, slice_of(text, (size_t)len));
}

void row_put_real(struct row_text *r, double d)
{
    if (!isfinite(d)) {
        row_put_null(r);
        return;
    }
    bool inside = begin_value(r);
    size_t from = r->object.len;
    if (inside)
        row_real(&r->object, d);
    if (!is_name(r))
        return;
    if (!inside)
        row_real(&r->tenant_text, d);
    else if (!r->object.failed)
        keep_text(r, slice_of(r->object.p + from, r->object.len - from));
}

/* Keeps the first of a row's bad columns: the one just begun. */
static void set_bad(struct row_text *r, const char *why)
{
    if (r->bad < 0) {
        r->bad = (int)r->next - 1;
        r->bad_why = why;
    }
}

void row_put_bad(struct row_text *r, const char *why)
{
    begin_value(r);
    set_bad(r, why);
}

void row_put_text(struct row_text *r, struct slice s)
{
    bool inside = begin_value(r);
    if (!utf8_valid(s)) {
        set_bad(r, "text that is not UTF-8");
        return;
    }
    if (inside)
        json_put_string(&r->object, s);
    keep_text(r, s);
}

static void base64(struct buf *out, struct slice s)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *p = (const unsigned char *)s.p;
    for (size_t i = 0; i < s.len; i += 3) {
        size_t n = s.len - i;
        unsigned b0 = p[i], b1 = n > 1 ? p[i + 1] : 0u, b2 = n > 2 ? p[i + 2] : 0u;
        char four[4] = {digits[b0 >> 2], digits[(b0 & 3) << 4 | b1 >> 4],
                        n > 1 ? digits[(b1 & 15) << 2 | b2 >> 6] : '=',
                        n > 2 ? digits[b2 & 63] : '='};
        buf_add(out, four, 4);
    }
}

void row_put_bytes(struct row_text *r, struct slice s)
{
    bool inside = begin_value(r);
    if (inside) {
        buf_add_char(&r->object, '"');
        base64(&r->object, s);
        buf_add_char(&r->object, '"');
    }
    if (r->next - 1 == r->key)
        base64(&r->key_text, s);
    if (r->next - 1 == r->tenant)
        base64(&r->tenant_text, s);
}

static struct slice raw_name(const struct row_text *r, unsigned column)
{
    size_t from = column ? r->name_end[column - 1] : 0;
    return slice_of(r->names.p + from, r->name_end[column] - from - 1);
}

int row_text_end(struct row_text *r, struct err *e)
{
    assert(r->next == r->columns);
    buf_add_char(&r->object, '}');
    if (r->object.failed || r->key_text.failed || r->tenant_text.failed)
        return err_set(e, ERR_OVERLOADED, "no memory for a row of the query");
    struct slice key = buf_slice(&r->key_text);
    if (key.len > 64 || !name_is_key(key)) /* it is only shown */
        key = SLICE_LIT("?");
    if (r->bad >= 0 && (unsigned)r->bad == r->key)
        return err_set(e, ERR_BAD_REQUEST, "the key of a row (column %.*s) is %s",
                       SLICE_FMT(raw_name(r, r->key)), r->bad_why);
    if (r->key_null)
        return err_set(e, ERR_BAD_REQUEST, "the key of a row (column %.*s) is NULL",
                       SLICE_FMT(raw_name(r, r->key)));
    if (r->bad >= 0)
        return err_set(e, ERR_BAD_REQUEST, "the row with key \"%.*s\" has, in column %.*s, %s",
                       SLICE_FMT(key), SLICE_FMT(raw_name(r, (unsigned)r->bad)), r->bad_why);
    if (r->tenant_null)
        return err_set(e, ERR_BAD_REQUEST,
                       "the tenant of the row with key \"%.*s\" (column %.*s) is NULL",
                       SLICE_FMT(key), SLICE_FMT(raw_name(r, r->tenant)));
    return OK;
}

/* Formats d with `precision` significant digits into text (d.ddde+xx) and says whether that reads
 * back as d. */
static bool try_digits(char text[40], double d, int precision)
{
    snprintf(text, 40, "%.*e", precision - 1, d);
    return strtod(text, NULL) == d;
}

/* The shortest decimal digits that read back as d > 0, without trailing zeros, into digits; returns
 * their number. *exponent: the value is 0.DIGITS times ten to it. */
static int shortest(double d, char digits[REAL_DIGITS], int *exponent)
{
    char text[40];
    /* any decimal of DBL_DIG digits survives a normal double, so that a shorter one shows as
     * trailing zeros; denormal numbers have fewer */
    int precision = d < DBL_MIN ? 1 : DBL_DIG;
    if (d >= 1 && d < 1e15) /* put_short has seen that DBL_DIG are not enough */
        precision++;
    while (precision < REAL_DIGITS && !try_digits(text, d, precision))
        precision++;
    if (precision == REAL_DIGITS)
        try_digits(text, d, precision);
    int n = 0;
    const char *p = text;
    for (; *p && *p != 'e'; p++) /* the point may be another character in another locale */
        if (*p >= '0' && *p <= '9' && n < REAL_DIGITS)
            digits[n++] = *p;
    *exponent = (int)strtol(p + (*p == 'e'), NULL, 10) + 1;
    while (n > 1 && digits[n - 1] == '0')
        n--;
    return n;
}

/* Writes a d of at most DBL_DIG significant digits, as nearly all in tables are; false when it has
 * more. n / 10^k, both exact doubles, is the double nearest to that decimal: what any correct
 * reader makes of it. */
static bool put_short(struct buf *out, double d)
{
    static const uint64_t limit = 1000000000000000u; /* ten to DBL_DIG */
    if (d < 0.000001)
        return false;
    uint64_t ten = 1;
    for (int k = 1; k <= DBL_DIG; k++) {
        ten *= 10;
        double scaled = d * (double)ten + 0.5;
        if (scaled >= (double)limit)
            return false;
        uint64_t n = (uint64_t)scaled;
        if ((double)n / (double)ten != d)
            continue;
        buf_addf(out, "%" PRIu64 ".%0*" PRIu64, n / ten, k, n % ten);
        return true;
    }
    return false;
}

static void put_zeros(struct buf *out, int n)
{
    while (n-- > 0)
        buf_add_char(out, '0');
}

/* Writes 0.DIGITS times ten to `exponent` as ECMAScript's Number::toString does. */
static void put_digits(struct buf *out, const char *digits, int n, int exponent)
{
    if (exponent >= n && exponent <= 21) {
        buf_add(out, digits, (size_t)n);
        put_zeros(out, exponent - n);
    } else if (exponent > 0 && exponent <= 21) {
        buf_add(out, digits, (size_t)exponent);
        buf_add_char(out, '.');
        buf_add(out, digits + exponent, (size_t)(n - exponent));
    } else if (exponent > -6 && exponent <= 0) {
        buf_add_str(out, "0.");
        put_zeros(out, -exponent);
        buf_add(out, digits, (size_t)n);
    } else {
        buf_add_char(out, digits[0]);
        if (n > 1) {
            buf_add_char(out, '.');
            buf_add(out, digits + 1, (size_t)(n - 1));
        }
        buf_addf(out, "e%+d", exponent - 1);
    }
}

void row_real(struct buf *out, double d)
{
    char digits[REAL_DIGITS];
    int exponent;
    if (!isfinite(d)) {
        buf_add_str(out, "null");
        return;
    }
    if (signbit(d))
        buf_add_char(out, '-');
    d = fabs(d);
    if (d < 9007199254740992.0 && d == (double)(uint64_t)d) {
        buf_add_u64(out, (uint64_t)d);
        return;
    }
    if (put_short(out, d))
        return;
    int n = shortest(d, digits, &exponent);
    put_digits(out, digits, n, exponent);
}

/* Reads a decimal number as 0.DIGITS times ten to *exponent. Returns how many digits (0 for a
 * zero), -1 when s is none. */
static int read_decimal(struct slice s, char digits[DIGITS_MAX], int *exponent)
{
    int n = 0, point = -1, zeros = 0, power = 0;
    size_t i = s.len && s.p[0] == '-';
    for (; i < s.len && s.p[i] != 'e'; i++) {
        if (s.p[i] == '.' && point < 0)
            point = n;
        else if (s.p[i] == '0' && n == 0)
            zeros += point >= 0; /* after the point they count */
        else if (s.p[i] >= '0' && s.p[i] <= '9' && n < DIGITS_MAX)
            digits[n++] = s.p[i];
        else
            return -1;
    }
    i += i < s.len; /* the e */
    bool minus = i < s.len && s.p[i] == '-';
    i += minus || (i < s.len && s.p[i] == '+');
    for (; i < s.len; i++) {
        if (s.p[i] < '0' || s.p[i] > '9' || power > 9999)
            return -1;
        power = power * 10 + (s.p[i] - '0');
    }
    *exponent = (point < 0 ? n : point) - zeros + (minus ? -power : power);
    while (n > 0 && digits[n - 1] == '0')
        n--;
    return n;
}

void row_put_real_text(struct row_text *r, struct slice s)
{
    char digits[DIGITS_MAX];
    int exponent = 0, n = read_decimal(s, digits, &exponent);
    if (n < 0) { /* NaN, Infinity */
        row_put_null(r);
        return;
    }
    struct buf text = BUF_INIT;
    if (s.p[0] == '-')
        buf_add_char(&text, '-');
    if (n)
        put_digits(&text, digits, n, exponent);
    else
        buf_add_char(&text, '0');
    r->object.failed |= text.failed;
    row_put_json(r, buf_slice(&text));
    buf_fini(&text);
}
