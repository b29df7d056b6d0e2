/* pg_value.h - a value as PostgreSQL writes it, as a value of a row of JSON: by its type, as
 * source_postgres.h says. Pure but for libpq's unescaping; any thread. */
#ifndef FRESHET_SOURCE_PG_VALUE_H
#define FRESHET_SOURCE_PG_VALUE_H

#include "source/row.h"

/* The settings under which equal values have equal texts. */
#define PG_VALUE_SETTINGS                                                                          \
    "SET TimeZone='UTC'; SET DateStyle='ISO, YMD'; SET IntervalStyle='iso_8601';"                  \
    "SET bytea_output='hex'; SET extra_float_digits=1;"

/* The row's next column. type: pg_type's number; scratch: anybody's. */
void pg_value_put(struct row_text *row, uint32_t type, struct slice text, struct buf *scratch);

#endif
