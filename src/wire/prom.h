/* prom.h - Prometheus text format 0.0.4. Pure; one thread at a time. */
#ifndef FRESHET_WIRE_PROM_H
#define FRESHET_WIRE_PROM_H

#include "base/buf.h"

/* Appends # HELP and # TYPE. type: "counter", "gauge", "histogram". help is escaped. */
void prom_put_head(struct buf *out, const char *name, const char *type, const char *help);

/* Appends one sample without a time. name and label names are of the format's characters; labels:
 * pairs name, value, ..., NULL, or NULL for none; label values (UTF-8) are escaped. value: the
 * shortest text that reads back as the same, NaN, +Inf, -Inf. */
void prom_put_sample(struct buf *out, const char *name, const char *const *labels, double value);

#endif
