/* source_driver.h - what every source driver offers, and what every watched query is told.
 *
 * A driver is created with its configuration, a host (core/source.h) and a loop; all functions
 * are called on the loop's thread and return at once. */
#ifndef FRESHET_SOURCE_SOURCE_DRIVER_H
#define FRESHET_SOURCE_SOURCE_DRIVER_H

#include "core/source.h"

#include <uv.h>

struct source;

struct source_ops {
    const char *name; /* "sqlite", "postgres" */

    /* Reads the last known rows and begins to watch. Once. */
    void (*start)(struct source *s);

    /* Runs the query now (after the run in flight, when there is one), whether or not something
     * seems to have changed. Ignored before start and after close. */
    void (*kick)(struct source *s);

    /* Ends the source, started or not, and frees it: a load or an append in flight is waited for,
     * a running query is interrupted. `closed` (may be NULL) is called once, later, when nothing
     * of the source is left. */
    void (*close)(struct source *s, void (*closed)(void *arg), void *arg);
};

/* Every driver's struct starts with this. */
struct source {
    const struct source_ops *ops;
};

/* What a watched query is, for every driver. Texts are copied by the driver. */
struct source_query_conf {
    const char *query;         /* one statement that reads */
    const char *key;           /* column whose text is the event key */
    const char *tenant_column; /* column with the tenant; NULL: `tenant` for all rows */
    const char *tenant;        /* NULL when there is a tenant_column */
    const char *channel;
    const char *added, *changed, *removed; /* event types; NULL: <channel>-added, -updated,
                                              -removed */
    uint32_t every_ms;                     /* a change is seen within; 0: the driver's default */
    uint32_t keys;       /* most rows of one tenant, at least 1: the channel's `keys` */
    uint32_t event_max;  /* bytes an event may have (event->bytes), 0: no limit */
    uint64_t result_max; /* bytes all rows of a result may have as JSON; 0: 256 MiB */
};

#endif
