/* timetable.h - the trips of the days to come: made from what runs each day, and watched by the
 * hub.
 *
 * On the application's worker. Times are the machine's local ones: see rules.h. */
#ifndef FRESHET_APPS_TRIPS_TIMETABLE_H
#define FRESHET_APPS_TRIPS_TIMETABLE_H

#include "host/app.h"

#define TIMETABLE_DAYS 3 /* today and the two after it */
#define DAY_SIZE 11      /* "2026-01-21" */
#define MOMENT_SIZE 17   /* "2026-01-21T09:30" */

/* The day `ahead` days from now (0: today), and this minute. Return text. */
const char *timetable_day(int ahead, char text[DAY_SIZE]);
const char *timetable_now(char text[MOMENT_SIZE]);

/* Makes the trips that are missing, from today on; a database without any gets its first days with
 * bookings. 0, or -1 (db_error). */
int timetable_extend(struct db *db);

/* Has the hub watch the trips. Inside open. 0, or -1 with why. */
int timetable_watch(struct app *app, char *why, size_t why_size);

#endif
