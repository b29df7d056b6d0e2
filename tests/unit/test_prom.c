/* Unit tests of src/wire/prom. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "wire/prom.h"

#include <math.h>

static void a_metric_has_help_type_and_samples(void **state)
{
    (void)state;
    struct buf b = BUF_INIT;
    static const char *const labels[] = {"channel", "a", "type", "b", NULL}, *const none[] = {NULL};
    prom_put_head(&b, "freshet_events_total", "counter", "Events \"published\",\nby C:\\type.");
    prom_put_sample(&b, "freshet_events_total", labels, 12);
    prom_put_sample(&b, "freshet_events_total", NULL, 0);
    prom_put_sample(&b, "freshet_events_total", none, 0.25);
    assert_string_equal(buf_cstr(&b),
                        "# HELP freshet_events_total Events \"published\",\\nby C:\\\\type.\n"
                        "# TYPE freshet_events_total counter\n"
                        "freshet_events_total{channel=\"a\",type=\"b\"} 12\n"
                        "freshet_events_total 0\n"
                        "freshet_events_total 0.25\n");
    buf_fini(&b);
}

static void label_values_are_escaped(void **state)
{
    (void)state;
    struct buf b = BUF_INIT;
    static const char *const labels[] = {"l", "a\"b\\c\nd\xc3\xbc", NULL};
    prom_put_sample(&b, "m", labels, 1);
    assert_string_equal(buf_cstr(&b), "m{l=\"a\\\"b\\\\c\\nd\xc3\xbc\"} 1\n");
    buf_fini(&b);
}

static void values_are_the_shortest_that_read_back(void **state)
{
    (void)state;
    static const struct {
        double value;
        const char *text;
    } cases[] = {
        {0.1, "m 0.1\n"},
        {1.0 / 3, "m 0.3333333333333333\n"},
        {9007199254740992.0, "m 9007199254740992\n"},
        {1e300, "m 1e+300\n"},
        {-2.5, "m -2.5\n"},
        {NAN, "m NaN\n"},
        {INFINITY, "m +Inf\n"},
        {-INFINITY, "m -Inf\n"},
        {123456789012.0, "m 123456789012\n"},
    };
    struct buf b = BUF_INIT;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        buf_reset(&b);
        prom_put_sample(&b, "m", NULL, cases[i].value);
        assert_string_equal(buf_cstr(&b), cases[i].text);
    }
    buf_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_metric_has_help_type_and_samples),
        cmocka_unit_test(label_values_are_escaped),
        cmocka_unit_test(values_are_the_shortest_that_read_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
