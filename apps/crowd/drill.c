#include "crowd/drill.h"

#include <math.h>
#include <string.h>

#define STEP_MS 500
#define ABOVE 1.05  /* of the threshold: clear of rounding */
#define FILLING 0.6 /* share of a breach's time in which the zone fills */

static void run(struct crowd_change *change, int64_t changed)
{
    if (changed < 0)
        change->failed = true;
}

/* What a test counts at a moment. */
static int64_t people_at(const json_t *test, uint64_t now_ms)
{
    int64_t from = crowd_int(test, "from_people"), to = crowd_int(test, "to_people");
    double begin = crowd_num(test, "begin_ms"), end = crowd_num(test, "end_ms");
    double share = ((double)now_ms - begin) / ((end - begin) * FILLING);
    if (strcmp(crowd_text(test, "kind"), "violation") == 0 || !(share < 1))
        return to;
    return from + (int64_t)llround((double)(to - from) * (share > 0 ? share : 0));
}

static void count_test(struct crowd_change *change, const json_t *test)
{
    const char *zone = crowd_text(test, "zone");
    const struct crowd_count count = {.zone = zone,
                                      .source = "test",
                                      .people = people_at(test, change->now_ms),
                                      .at_ms = change->now_ms};
    if (crowd_take(change, &count) < 0)
        change->failed = true;
    run(change,
        db_run(change->crowd->db, "update tests set next_ms = $3 where venue = $1 and zone = $2",
               "ssi", change->venue, zone, (int64_t)change->now_ms + STEP_MS));
}

/* The zone belongs to its camera again. */
static void end_test(struct crowd_change *change, const json_t *test)
{
    const char *zone = crowd_text(test, "zone");
    run(change, db_run(change->crowd->db, "delete from tests where venue = $1 and zone = $2", "ss",
                       change->venue, zone));
    const struct crowd_count count = {.zone = zone,
                                      .source = crowd_text(test, "camera_source"),
                                      .people = crowd_int(test, "camera_people"),
                                      .at_ms = change->now_ms};
    if (crowd_take(change, &count) < 0)
        change->failed = true;
}

int crowd_drill_begin(struct crowd_change *change, const char *zone, const char *kind,
                      enum crowd_level level, int64_t seconds, const char *who)
{
    struct db *db = change->crowd->db;
    json_t *row = db_row(db,
                         "select z.corners as \"corners{}\", z.usable, z.warning, z.high,"
                         " z.critical, z.hysteresis, z.hold_ms, z.release_ms,"
                         " coalesce(t.camera_people, c.people, 0) as real_people,"
                         " coalesce(t.camera_source, c.source, 'camera') as real_source,"
                         " coalesce(c.people, 0) as people from zones z"
                         " left join counts c on c.venue = z.venue and c.zone = z.id"
                         " left join tests t on t.venue = z.venue and t.zone = z.id"
                         " where z.venue = $1 and z.id = $2",
                         "ss", change->venue, zone);
    if (!row)
        return -1;
    struct crowd_limits limits;
    crowd_limits_of(row, &limits);
    int64_t to = crowd_people_for(limits.at[level - 1] * ABOVE, crowd_area_of(row));
    int64_t now = (int64_t)change->now_ms;
    run(change,
        db_run(db,
               "insert into tests (venue, zone, kind, level, from_people, to_people, begin_ms,"
               " end_ms, next_ms, started_by, camera_people, camera_source)"
               " values ($1, $2, $3, $4, $5, $6, $7, $8, $7, $9, $10, $11)"
               " on conflict (venue, zone) do update set kind = excluded.kind,"
               " level = excluded.level, from_people = excluded.from_people,"
               " to_people = excluded.to_people, begin_ms = excluded.begin_ms,"
               " end_ms = excluded.end_ms, next_ms = excluded.next_ms,"
               " started_by = excluded.started_by",
               "sssiiiiisis", change->venue, zone, kind, (int64_t)level, crowd_int(row, "people"),
               to, now, now + seconds * 1000, who, crowd_int(row, "real_people"),
               crowd_text(row, "real_source")));
    json_decref(row);
    crowd_tell_refresh(change, "tests");
    return change->failed ? -4 : 0;
}

int crowd_drill_end(struct crowd_change *change, const char *zone)
{
    json_t *tests = db_rows(change->crowd->db,
                            "select * from tests where venue = $1"
                            " and ($2 is null or zone = $2)",
                            "ss", change->venue, zone);
    if (!tests)
        return -1;
    size_t i;
    json_t *test;
    json_array_foreach(tests, i, test) end_test(change, test);
    int ended = (int)json_array_size(tests);
    json_decref(tests);
    if (ended > 0) {
        crowd_review(change);
        crowd_tell_refresh(change, "tests");
    }
    return change->failed ? -1 : ended;
}

static void run_one(struct crowd *crowd, const json_t *test)
{
    struct crowd_change change;
    if (crowd_begin(&change, crowd, crowd_text(test, "venue")) != 0)
        return; /* it is due at the next tick as well */
    if ((int64_t)change.now_ms >= crowd_int(test, "end_ms")) {
        end_test(&change, test);
        crowd_tell_refresh(&change, "tests");
    } else {
        count_test(&change, test);
    }
    crowd_review(&change);
    crowd_commit(&change);
}

void crowd_drill_run(struct crowd *crowd, uint64_t now_ms)
{
    json_t *due =
        db_rows(crowd->db, "select * from tests where next_ms <= $1", "i", (int64_t)now_ms);
    size_t i;
    json_t *test;
    json_array_foreach(due, i, test) run_one(crowd, test);
    json_decref(due);
}
