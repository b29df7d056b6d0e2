/* play.c - the world of the cockpit: the companies' own systems and desks, over the endpoints that
 * real ones would use. It knows only what those tell it. */
#include "cockpit/cockpit.h"

#include <stdio.h>
#include <string.h>

struct company {
    const char *id, *intake, *desk;
};
static const struct company COMPANIES[] = {{"acme-corp", "acme-intake", "acme-manager"},
                                           {"globex", "globex-intake", "globex-manager"}};

static const char *const BEFORE[] = {"My vocabulary is small and every conversation is difficult.",
                                     "I feel alone in this town.",
                                     "I don't know how to write a CV.",
                                     "I am shy and afraid to speak up.",
                                     "I worry a lot and hardly sleep.",
                                     "I want to learn.",
                                     ""};
static const char *const AFTER[] = {"A conversation at work is easier now, my language improved.",
                                    "I have friends here and feel welcome in the community.",
                                    "I had my first job interview and learned what to say.",
                                    "I gained confidence and spoke up twice.",
                                    "I sleep better and there is less stress.",
                                    "It was fine.",
                                    "I still feel lonely, but the team is good.",
                                    "Thank you for everything!"};
static const char *const SEEN[] = {
    "A participant signed a contract after three practice interviews, a first job.",
    "The group talks English all evening; vocabulary and grammar are better.",
    "Two neighbours who met here now watch each other's children, friends for good.",
    "Attendance list of the evening, signed by the hosts.",
    "Somebody who never said a word was proud to present today: confidence.",
    "Breathing exercises: less stress, people leave calm.",
    "The projector did not work.",
    "Mentors report that applications are now written without help: skills gained."};
#define OF(list) (list)[world_below(w, sizeof(list) / sizeof *(list))]

/* Asks for a list; returns new, or NULL. */
static json_t *ask(struct world *w, const struct company *co, const char *what, const char *list,
                   const char *login)
{
    char path[160];
    snprintf(path, sizeof path, "/api/companies/%s/%s", co->id, what);
    json_t *answer = world_send(w, login, "GET", path, NULL, NULL);
    json_t *found = json_incref(json_object_get(answer, list));
    json_decref(answer);
    return found;
}

static int send_to(struct world *w, const struct company *co, const char *what, json_t *body)
{
    char path[160];
    int status = 0;
    snprintf(path, sizeof path, "/api/companies/%s/%s", co->id, what);
    json_decref(world_send(w, co->intake, "POST", path, body, &status));
    return status;
}

/* One of a list; borrows, NULL when there is none. */
static json_t *one_of(struct world *w, json_t *list)
{
    size_t count = json_array_size(list);
    return count ? json_array_get(list, world_below(w, (unsigned)count)) : NULL;
}

static json_int_t whole(const json_t *row, const char *name)
{
    return json_integer_value(json_object_get(row, name));
}

/* One activity that has at least `least` of what `name` counts; NULL: they are full. */
static json_t *with_room(struct world *w, json_t *activities, const char *name, json_int_t least)
{
    size_t count = json_array_size(activities);
    size_t from = count ? world_below(w, (unsigned)count) : 0;
    for (size_t i = 0; i < count; i++) {
        json_t *activity = json_array_get(activities, (from + i) % count);
        if (whole(activity, name) >= least)
            return activity;
    }
    return NULL;
}

static void new_activity(struct world *w, const struct company *co)
{
    static const char *const KINDS[][2] = {{"language", "Language cafe"},
                                           {"mentorship", "Mentoring round"},
                                           {"upskilling", "CV and interview clinic"},
                                           {"buddy", "Buddy walks"}};
    const char *const *kind = OF(KINDS);
    char title[80];
    snprintf(title, sizeof title, "%s, group %u", kind[1], world_below(w, 90) + 10);
    send_to(w, co, "activities",
            json_pack("{s:s, s:s, s:i, s:i, s:i}", "title", title, "program", kind[0], "costCents",
                      400000 + (int)world_below(w, 20) * 10000, "places", 12, "plannedMinutes",
                      3600));
}

static void log_hours(struct world *w, const struct company *co)
{
    json_t *activities = ask(w, co, "activities?open=true", "activities", co->intake);
    json_t *volunteers = ask(w, co, "volunteers", "volunteers", co->intake);
    json_t *activity = with_room(w, activities, "minutesLeft", 120);
    json_t *volunteer = one_of(w, volunteers);
    if (activity && volunteer) // refused when the volunteer has had enough for today
        send_to(w, co, "hours",
                json_pack("{s:O, s:O, s:f}", "volunteerId", json_object_get(volunteer, "id"),
                          "activityId", json_object_get(activity, "id"), "hours",
                          (2 + world_below(w, 7)) / 4.0));
    else if (volunteer)
        new_activity(w, co);
    json_decref(activities);
    json_decref(volunteers);
}

/* Four or five ratings around a middle. */
static json_t *ratings(struct world *w, unsigned middle)
{
    json_t *out = json_object();
    for (int i = 0; i < RULES_DIMENSIONS; i++) {
        unsigned rating = middle + world_below(w, 3) - 1;
        if (world_below(w, 6))
            json_object_set_new(out, rules_dimension_name(i),
                                json_integer(rating < 1   ? 1
                                             : rating > 5 ? 5
                                                          : rating));
    }
    return out;
}

static void answer_before(struct world *w, const struct company *co)
{
    json_t *activities = ask(w, co, "activities?open=true", "activities", co->intake);
    json_t *activity = with_room(w, activities, "placesLeft", 1);
    char person[24];
    snprintf(person, sizeof person, "p-%06u", world_below(w, 1000000));
    if (activity)
        send_to(w, co, "questionnaires",
                json_pack("{s:O, s:s, s:s, s:o, s:s}", "activityId",
                          json_object_get(activity, "id"), "participant", person, "phase", "before",
                          "ratings", ratings(w, 2), "answer", OF(BEFORE)));
    else
        new_activity(w, co);
    json_decref(activities);
}

static void answer_after(struct world *w, const struct company *co)
{
    json_t *list = ask(w, co, "unanswered", "unanswered", co->intake), *who = one_of(w, list);
    if (who)
        send_to(w, co, "questionnaires",
                json_pack("{s:O, s:O, s:s, s:o, s:s}", "activityId",
                          json_object_get(who, "activityId"), "participant",
                          json_object_get(who, "participant"), "phase", "after", "ratings",
                          ratings(w, 3), "answer", OF(AFTER)));
    json_decref(list);
}

static void submit_evidence(struct world *w, const struct company *co)
{
    static const char *const KINDS[] = {"quote", "observation", "document"};
    json_t *activities = ask(w, co, "activities?open=true", "activities", co->intake);
    json_t *activity = one_of(w, activities);
    if (activity)
        send_to(w, co, "evidence",
                json_pack("{s:O, s:s, s:s}", "activityId", json_object_get(activity, "id"), "kind",
                          OF(KINDS), "text", OF(SEEN)));
    json_decref(activities);
}

/* The desk: what is to be looked at is verified or rejected, what was rejected goes. */
static void review(struct world *w, const struct company *co)
{
    json_t *list = ask(w, co, "evidence?status=review&limit=20", "items", co->desk),
           *item = one_of(w, list);
    char path[160];
    snprintf(path, sizeof path, "/api/companies/%s/evidence/%lld", co->id,
             (long long)whole(item, "id"));
    if (item && json_is_string(json_object_get(item, "dimension")))
        json_decref(
            world_send(w, co->desk, "PATCH", path, json_pack("{s:s}", "status", "verified"), NULL));
    else if (item && world_below(w, 2))
        json_decref(
            world_send(w, co->desk, "PATCH", path, json_pack("{s:s}", "status", "rejected"), NULL));
    else if (item)
        json_decref(world_send(w, co->desk, "DELETE", path, NULL, NULL));
    json_decref(list);
}

static void ask_report(struct world *w, const struct company *co)
{
    char day[RULES_DAY_SIZE], period[24];
    cockpit_day(app_now_ms() - (uint64_t)world_below(w, 300) * DAY_MS, day);
    unsigned month = (unsigned)(day[5] - '0') * 10 + (unsigned)(day[6] - '0');
    snprintf(period, sizeof period, "%.4s-Q%u", day, (month + 2) / 3);
    send_to(w, co, "reports", json_pack("{s:s}", "period", period));
}

void cockpit_play(struct world *w, void *memory)
{
    unsigned *acts = memory, dice = world_below(w, 100);
    const struct company *co = &COMPANIES[(*acts)++ % (sizeof COMPANIES / sizeof *COMPANIES)];
    if (dice < 45)
        log_hours(w, co);
    else if (dice < 58)
        answer_before(w, co);
    else if (dice < 73)
        answer_after(w, co);
    else if (dice < 89)
        submit_evidence(w, co);
    else if (dice < 97)
        review(w, co);
    else
        ask_report(w, co);
}
