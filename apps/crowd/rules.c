#include "crowd/rules.h"

#include <math.h>
#include <string.h>

static const char *const LEVELS[] = {"normal", "warning", "high", "critical"};
static const char *const STATUSES[] = {"active", "acknowledged", "resolved"};

static int find(const char *const *names, int n, const char *name)
{
    for (int i = 0; name && i < n; i++)
        if (strcmp(names[i], name) == 0)
            return i;
    return -1;
}

/* ---- density ---- */

double crowd_area(const struct crowd_point *corners, size_t n)
{
    if (n < 3)
        return 0;
    double twice = 0;
    for (size_t i = 0; i < n; i++) {
        const struct crowd_point *a = &corners[i], *b = &corners[(i + 1) % n];
        twice += a->x * b->y - b->x * a->y;
    }
    return fabs(twice) / 2;
}

double crowd_density(int64_t people, double area_m2)
{
    if (people <= 0 || !(area_m2 > 0))
        return 0;
    return round((double)people / area_m2 * 100) / 100;
}

int64_t crowd_people_for(double density, double area_m2)
{
    if (!(density > 0) || !(area_m2 > 0))
        return 0;
    int64_t people = (int64_t)floor(density * area_m2);
    while (crowd_density(people, area_m2) < density)
        people++;
    return people;
}

/* ---- thresholds ---- */

const char *crowd_level_name(enum crowd_level level)
{
    return LEVELS[level];
}

int crowd_level_parse(const char *name)
{
    return find(LEVELS, 4, name);
}

const char *crowd_limits_problem(const struct crowd_limits *limits)
{
    const double *at = limits->at;
    /* Written so that a NaN fails too. */
    if (!(at[0] >= 0.1 && at[2] <= 12))
        return "thresholds lie between 0.1 and 12 people per square metre";
    if (!(at[0] < at[1] && at[1] < at[2]))
        return "each threshold must be above the one before: warning, high, critical";
    if (!(limits->hysteresis >= 0 && limits->hysteresis <= 0.5))
        return "hysteresis is a share from 0 to 0.5";
    if (limits->hold_ms > 600000 || limits->release_ms > 600000)
        return "durations are at most ten minutes";
    return NULL;
}

/* The level of a density when the zone was at `before`: up at the threshold itself, down only when
 * it is clearly below. */
static enum crowd_level level_of(const struct crowd_limits *limits, double density,
                                 enum crowd_level before)
{
    int level = CROWD_CRITICAL;
    for (; level > CROWD_NORMAL; level--) {
        double at = limits->at[level - 1];
        if (density >= (level <= (int)before ? at * (1 - limits->hysteresis) : at))
            break;
    }
    return (enum crowd_level)level;
}

void crowd_watch_count(struct crowd_watch *watch, const struct crowd_limits *limits, double density,
                       uint64_t now_ms)
{
    enum crowd_level before = watch->seen;
    watch->seen = level_of(limits, density, before);
    for (int i = 0; i < 3; i++)
        if (watch->since_ms[i] == 0 || ((int)watch->seen > i) != ((int)before > i))
            watch->since_ms[i] = now_ms;
    int confirmed = (int)watch->confirmed;
    for (int i = 2; i >= 0; i--) { /* downwards: the lowest that is withdrawn decides */
        bool above = (int)watch->seen > i;
        uint64_t since = watch->since_ms[i], lasted = now_ms > since ? now_ms - since : 0;
        if (above && lasted >= limits->hold_ms && confirmed < i + 1)
            confirmed = i + 1;
        if (!above && lasted >= limits->release_ms && confirmed > i)
            confirmed = i;
    }
    watch->confirmed = (enum crowd_level)confirmed;
}

uint64_t crowd_critical_since(const struct crowd_watch *watch)
{
    bool critical = watch->confirmed == CROWD_CRITICAL && watch->seen == CROWD_CRITICAL;
    return critical ? watch->since_ms[2] : 0;
}

/* ---- readings ---- */

bool crowd_reading_changed(const struct crowd_reading *before, const struct crowd_reading *now)
{
    return before->people != now->people || before->level != now->level ||
           before->test != now->test || fabs(before->area_m2 - now->area_m2) > 0.005;
}

/* ---- alerts ---- */

const char *crowd_alert_status_name(enum crowd_alert_status status)
{
    return STATUSES[status];
}

int crowd_alert_status_parse(const char *name)
{
    return find(STATUSES, 3, name);
}

enum crowd_alert_change crowd_alert_next(struct crowd_alert *alert, bool open,
                                         enum crowd_level confirmed)
{
    if (!open) {
        if (confirmed == CROWD_NORMAL)
            return CROWD_KEEP;
        *alert = (struct crowd_alert){.status = CROWD_ACTIVE, .severity = confirmed};
        return CROWD_RAISE;
    }
    if (confirmed == CROWD_NORMAL) {
        alert->status = CROWD_RESOLVED;
        return CROWD_RESOLVE;
    }
    if (confirmed <= alert->severity)
        return CROWD_KEEP;
    alert->severity = confirmed;
    alert->status = CROWD_ACTIVE;
    return CROWD_ESCALATE;
}

int crowd_alert_acknowledge(struct crowd_alert *alert)
{
    if (alert->status != CROWD_ACTIVE)
        return -1;
    alert->status = CROWD_ACKNOWLEDGED;
    return 0;
}

int crowd_alert_resolve(struct crowd_alert *alert, enum crowd_level seen, bool by_hand)
{
    if (alert->status == CROWD_RESOLVED)
        return -1;
    if (!by_hand && seen != CROWD_NORMAL)
        return -2;
    alert->status = CROWD_RESOLVED;
    return 0;
}

/* ---- emergency mode ---- */

static bool unanswered(const struct crowd_zone_danger *zone,
                       const struct crowd_emergency_rules *rules)
{
    return zone->critical_since_ms && !zone->acknowledged &&
           zone->counted_ms >= zone->critical_since_ms + rules->propose_after_ms;
}

struct crowd_verdict crowd_judge(const struct crowd_zone_danger *zones, size_t n,
                                 const struct crowd_emergency_rules *rules)
{
    unsigned critical = 0, high = 0;
    bool crush = false, waiting = false;
    for (size_t i = 0; i < n; i++) {
        const struct crowd_zone_danger *zone = &zones[i];
        high += zone->confirmed >= CROWD_HIGH;
        critical += zone->confirmed == CROWD_CRITICAL;
        crush |= zone->confirmed == CROWD_CRITICAL && zone->density >= rules->enter_density;
        waiting |= unanswered(zone, rules);
    }
    if (crush)
        return (struct crowd_verdict){CROWD_GRAVE, CROWD_CRUSH};
    if (critical >= rules->enter_zones)
        return (struct crowd_verdict){CROWD_GRAVE, CROWD_MANY_CRITICAL};
    if (waiting)
        return (struct crowd_verdict){CROWD_SERIOUS, CROWD_UNANSWERED};
    if (high >= rules->propose_zones)
        return (struct crowd_verdict){CROWD_SERIOUS, CROWD_MANY_HIGH};
    return (struct crowd_verdict){CROWD_CALM, CROWD_NO_REASON};
}

const char *crowd_reason_text(enum crowd_reason reason)
{
    static const char *const texts[] = {
        "No zone gives reason for it.",
        "Several zones are at high density at once.",
        "A zone has been critical for a while and nobody has acknowledged its alert.",
        "Several zones are critical at once.",
        "A zone has reached a density at which people are crushed.",
    };
    return texts[reason];
}

bool crowd_emergency_next(struct crowd_emergency *e, struct crowd_verdict verdict, bool automatic)
{
    enum crowd_mode before = e->mode;
    if (verdict.danger == CROWD_CALM) {
        e->ignored = CROWD_CALM;
        if (e->mode == CROWD_MODE_PROPOSED)
            e->mode = CROWD_MODE_OFF;
    } else if (verdict.danger > e->ignored) {
        if (verdict.danger == CROWD_GRAVE && automatic)
            e->mode = CROWD_MODE_ON;
        else if (e->mode == CROWD_MODE_OFF)
            e->mode = CROWD_MODE_PROPOSED;
    }
    return e->mode != before;
}

bool crowd_emergency_enter(struct crowd_emergency *e)
{
    bool changed = e->mode != CROWD_MODE_ON;
    e->mode = CROWD_MODE_ON;
    e->ignored = CROWD_CALM;
    return changed;
}

bool crowd_emergency_end(struct crowd_emergency *e, struct crowd_verdict verdict)
{
    if (e->mode == CROWD_MODE_OFF)
        return false;
    e->ignored = e->mode == CROWD_MODE_ON ? CROWD_GRAVE : verdict.danger;
    e->mode = CROWD_MODE_OFF;
    return true;
}
