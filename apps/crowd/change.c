/* One transaction and the events that tell of it. */
#include "crowd/venue.h"

#include <stdlib.h>
#include <string.h>

#define CORNERS_MAX 64

struct crowd_told {
    struct app_event event;
    char key[72];
};

int crowd_begin(struct crowd_change *change, struct crowd *crowd, const char *venue)
{
    *change = (struct crowd_change){.crowd = crowd, .venue = venue, .now_ms = app_now_ms()};
    return db_begin(crowd->db);
}

static void forget(struct crowd_change *change, size_t from)
{
    for (size_t i = from; i < change->count; i++)
        json_decref(change->told[i].event.data);
    free(change->told);
    change->told = NULL;
    change->count = change->room = 0;
}

void crowd_cancel(struct crowd_change *change)
{
    db_rollback(change->crowd->db);
    forget(change, 0);
}

int crowd_commit(struct crowd_change *change)
{
    if (change->failed || db_commit(change->crowd->db) != 0) {
        app_log(change->crowd->app, FRESHET_LOG_ERROR, "crowd: nothing was changed: %s",
                db_error(change->crowd->db));
        crowd_cancel(change);
        return -1;
    }
    for (size_t i = 0; i < change->count; i++) {
        struct crowd_told *told = &change->told[i];
        told->event.tenant = change->venue;
        told->event.key = told->key[0] ? told->key : NULL;
        app_publish(change->crowd->app, &told->event);
    }
    forget(change, change->count);
    return 0;
}

/* A place for one more; NULL when there is no memory. */
static struct crowd_told *add(struct crowd_change *change)
{
    if (change->count == change->room) {
        size_t room = change->room ? change->room * 2 : 8;
        struct crowd_told *more = realloc(change->told, room * sizeof *more);
        if (!more)
            return NULL;
        change->told = more;
        change->room = room;
    }
    return &change->told[change->count++];
}

void crowd_tell(struct crowd_change *change, const char *channel, const char *type, const char *key,
                json_t *data, bool high)
{
    struct crowd_told *told = data ? add(change) : NULL;
    if (!told) {
        json_decref(data);
        change->failed = true;
        return;
    }
    *told = (struct crowd_told){
        .event = {.channel = channel, .type = type, .data = data, .high = high}};
    size_t length = key ? strlen(key) : 0;
    if (length >= sizeof told->key)
        length = sizeof told->key - 1;
    memcpy(told->key, key ? key : "", length);
}

void crowd_tell_refresh(struct crowd_change *change, const char *reason)
{
    static const char *const channels[] = {CROWD_DENSITY, CROWD_ALERTS};
    for (size_t i = 0; i < 2; i++)
        crowd_tell(
            change, channels[i], "refresh", "refresh",
            json_pack("{s:s, s:I}", "reason", reason, "timestamp", (json_int_t)change->now_ms),
            false);
}

/* ---- members of a row ---- */

int64_t crowd_int(const json_t *row, const char *name)
{
    return (int64_t)json_number_value(json_object_get(row, name));
}

double crowd_num(const json_t *row, const char *name)
{
    return json_number_value(json_object_get(row, name));
}

const char *crowd_text(const json_t *row, const char *name)
{
    const char *text = json_string_value(json_object_get(row, name));
    return text ? text : "";
}

bool crowd_is_null(const json_t *row, const char *name)
{
    const json_t *value = json_object_get(row, name);
    return !value || json_is_null(value);
}

void crowd_limits_of(const json_t *row, struct crowd_limits *limits)
{
    *limits = (struct crowd_limits){
        .at = {crowd_num(row, "warning"), crowd_num(row, "high"), crowd_num(row, "critical")},
        .hysteresis = crowd_num(row, "hysteresis"),
        .hold_ms = (uint32_t)crowd_int(row, "hold_ms"),
        .release_ms = (uint32_t)crowd_int(row, "release_ms")};
}

double crowd_area_of(const json_t *row)
{
    struct crowd_point corners[CORNERS_MAX];
    const json_t *list = json_object_get(row, "corners");
    size_t n = json_array_size(list);
    if (n > CORNERS_MAX)
        n = CORNERS_MAX;
    for (size_t i = 0; i < n; i++) {
        const json_t *corner = json_array_get(list, i);
        corners[i].x = json_number_value(json_array_get(corner, 0));
        corners[i].y = json_number_value(json_array_get(corner, 1));
    }
    return crowd_area(corners, n) * crowd_num(row, "usable");
}
