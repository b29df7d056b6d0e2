/* drill.h - the testing controls: counts that are made up on purpose, and go through all the rules.
 *
 * A test takes a zone over: a violation holds it just above a threshold, a breach lets it fill from
 * where it is until it is critical. Meanwhile what its camera counts is set aside, and taken when
 * the test ends, by itself or stopped. Tests are rows of the database: a restart doesn't end them.
 */
#ifndef FRESHET_APPS_CROWD_DRILL_H
#define FRESHET_APPS_CROWD_DRILL_H

#include "crowd/venue.h"

#define CROWD_DRILL_SECONDS_MIN 5
#define CROWD_DRILL_SECONDS_MAX 120

/* Begins a test ("violation", "breach") in a zone; one that runs there already gives way.
 * 0, -1 no such zone, -4 the database failed. */
int crowd_drill_begin(struct crowd_change *change, const char *zone, const char *kind,
                      enum crowd_level level, int64_t seconds, const char *who);
/* Ends the test of a zone, or all of the venue (NULL). How many, or -1. */
int crowd_drill_end(struct crowd_change *change, const char *zone);

/* Makes the counts that are due, in all venues, and ends what is over. */
void crowd_drill_run(struct crowd *crowd, uint64_t now_ms);

#endif
