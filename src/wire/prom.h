/* prom.h - Prometheus text format 0.0.4. Pure; one thread at a time. */
#ifndef FRESHET_WIRE_PROM_H
#define FRESHET_WIRE_PROM_H

#include "base/buf.h"

/* Appends # HELP and # TYPE. type: "counter", "gauge", "histogram". */
void prom_put_head(struct buf *out, const char *name, const char *type, const char *help);

/* Appends one sample. labels: pairs name, value, ..., NULL, or NULL for none; values are escaped. */
void prom_put_sample(struct buf *out, const char *name, const char *const *labels, double value);

#endif
