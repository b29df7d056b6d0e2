/* rules.c - the cockpit's rules; see rules.h. */
#include "cockpit/rules.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    int64_t cents;
} DIMENSIONS[RULES_DIMENSIONS] = {
    [RULES_CONFIDENCE] = {"confidence", 120000}, [RULES_BELONGING] = {"belonging", 150000},
    [RULES_LANGUAGE] = {"language", 260000},     [RULES_JOB_READINESS] = {"job_readiness", 340000},
    [RULES_WELL_BEING] = {"well_being", 180000},
};

const char *rules_dimension_name(int dimension)
{
    return dimension >= 0 && dimension < RULES_DIMENSIONS ? DIMENSIONS[dimension].name : NULL;
}

int rules_dimension_of(const char *name)
{
    for (int i = 0; name && i < RULES_DIMENSIONS; i++)
        if (!strcmp(DIMENSIONS[i].name, name))
            return i;
    return RULES_NONE;
}

int64_t rules_dimension_cents(int dimension)
{
    return dimension >= 0 && dimension < RULES_DIMENSIONS ? DIMENSIONS[dimension].cents : 0;
}

double rules_score(int64_t rating)
{
    return rating < 1 || rating > 5 ? -1 : (double)(rating - 1) / 4;
}

static double clamp(double x)
{
    return x < 0 ? 0 : x > 1 ? 1 : x;
}

static double round_to(double x, double steps)
{
    return round(x * steps) / steps;
}

/* ---- SROI ---- */

void rules_sroi(const struct rules_sroi_in *in, struct rules_sroi *out)
{
    *out = (struct rules_sroi){.known = in->investment_cents > 0};
    out->hours_cents = (int64_t)llround((double)in->minutes / 60 * (double)in->hour_cents);
    for (int i = 0; i < RULES_DIMENSIONS; i++) {
        double worth = in->lift[i].sum * (double)DIMENSIONS[i].cents;
        out->dimension_cents[i] =
            (int64_t)llround(worth * (1 - RULES_DEADWEIGHT) * RULES_ATTRIBUTION);
        out->outcome_cents += out->dimension_cents[i];
    }
    if (out->outcome_cents < 0)
        out->outcome_cents = 0;
    out->social_cents = out->hours_cents + out->outcome_cents;
    if (out->known)
        out->value = round_to((double)out->social_cents / (double)in->investment_cents, 100);
}

/* ---- VIS ---- */

static const char *grade_of(double value)
{
    return value >= 80   ? "outstanding"
           : value >= 60 ? "strong"
           : value >= 40 ? "developing"
                         : "early";
}

void rules_vis(const struct rules_vis_in *in, struct rules_vis *out)
{
    *out = (struct rules_vis){.known = in->volunteers > 0, .grade = ""};
    if (!out->known)
        return;
    double volunteers = (double)in->volunteers;
    if (in->target_minutes > 0)
        out->hours = clamp((double)in->minutes / volunteers / (double)in->target_minutes);
    out->consistency = clamp((double)in->active_weeks / volunteers / RULES_VIS_WEEKS_FULL);
    if (in->lift.pairs > 0)
        out->outcome = clamp(in->lift.sum / (double)in->lift.pairs / RULES_VIS_LIFT_FULL);
    out->value =
        round_to(100 * (0.3 * out->hours + 0.3 * out->consistency + 0.4 * out->outcome), 10);
    out->grade = grade_of(out->value);
}

/* ---- Q2Q ---- */

/* Beginnings of words; "=" in front: the whole word. */
static const char *const WORDS[RULES_DIMENSIONS][14] = {
    [RULES_CONFIDENCE] = {"confiden", "brave", "courage", "=dare", "dared", "believe in",
                          "self-esteem", "speak up", "spoke up", "proud", "shy", NULL},
    [RULES_BELONGING] = {"belong", "welcom", "friend", "=team", "communit", "includ", "lonel",
                         "alone", "together", "neighbo", "isolat", NULL},
    [RULES_LANGUAGE] = {"languag", "norwegian", "english", "german", "grammar", "vocabular",
                        "=words", "pronunc", "fluent", "transl", "conversation", NULL},
    [RULES_JOB_READINESS] = {"=job", "=jobs", "interview", "=cv", "career", "employ", "internship",
                             "profession", "applicat", "skill", "colleague", "recruit", NULL},
    [RULES_WELL_BEING] = {"wellbeing", "well-being", "stress", "anxi", "sleep", "calm", "health",
                          "happ", "relax", "worr", "energy", "exhaust", NULL},
};
static const char *const GOOD[] = {
    "better", "good",  "great", "improv", "more",  "easier", "proud", "happ", "thank", "helped",
    "learn",  "enjoy", "calm",  "welcom", "brave", "gain",   "=can",  "best", NULL};
static const char *const BAD[] = {"worse",   "bad",    "hard",   "difficult", "afraid", "anxi",
                                  "lonel",   "alone",  "stress", "worr",      "lost",   "fail",
                                  "exhaust", "isolat", "shy",    "struggl",   NULL};
static const char *const NOT[] = {"=not",    "=no",   "=never", "=without",
                                  "=hardly", "=less", "=fewer", NULL};

#define TEXT_MAX 2000 /* what is read of a text */

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (unsigned char)c >= 0x80;
}

/* Whether one of the list begins at p, which is the beginning of a word. */
static bool begins(const char *p, const char *const *list)
{
    for (; *list; list++) {
        bool whole = **list == '=';
        const char *stem = *list + whole;
        size_t len = strlen(stem);
        if (!strncmp(p, stem, len) && !(whole && is_word(p[len])))
            return true;
    }
    return false;
}

struct tally {
    unsigned of[RULES_DIMENSIONS], good, bad;
};

/* Counts word by word. A word that denies or lessens turns the three after it round, within the
 * sentence. */
static void count_words(const char *text, struct tally *t)
{
    unsigned turned = 0;
    bool inside = false;
    for (const char *p = text; *p; p++) {
        if (strchr(".!?;", *p))
            turned = 0;
        bool word = is_word(*p);
        if (word && !inside) {
            for (int i = 0; i < RULES_DIMENSIONS; i++)
                t->of[i] += begins(p, WORDS[i]);
            bool good = begins(p, GOOD), bad = begins(p, BAD);
            t->good += turned ? bad : good;
            t->bad += turned ? good : bad;
            turned = begins(p, NOT) ? 3 : turned ? turned - 1 : 0;
        }
        inside = word;
    }
}

void rules_read(const char *text, size_t len, struct rules_reading *out)
{
    char small[TEXT_MAX + 1];
    struct tally t = {{0}, 0, 0};
    *out = (struct rules_reading){.dimension = RULES_NONE, .score = 0.5};
    len = len < TEXT_MAX ? len : TEXT_MAX;
    for (size_t i = 0; i < len; i++) // a NUL inside would end the text
        small[i] = text[i] >= 'A' && text[i] <= 'Z' ? (char)(text[i] + 32)
                   : text[i]                        ? text[i]
                                                    : ' ';
    small[len] = 0;
    count_words(small, &t);
    unsigned best = 0;
    for (int i = 0; i < RULES_DIMENSIONS; i++)
        if (t.of[i] > best) {
            best = t.of[i];
            out->dimension = i;
        }
    if (!best)
        return;
    unsigned said = t.good + t.bad;
    if (said)
        out->score = round_to(0.5 + 0.5 * ((double)t.good - (double)t.bad) / (double)said, 100);
    // Each hit counts twice, what is said about it once and at most three times
    double points = 2.0 * best + (said < 3 ? said : 3);
    out->confidence = round_to(points / (points + 2), 100);
    out->sure = out->confidence >= RULES_SURE;
}

/* ---- hours, periods, reports ---- */

const char *rules_hours_refusal(int64_t minutes, int64_t day_minutes, int64_t left_minutes)
{
    if (minutes < RULES_MINUTES_MIN || minutes > RULES_MINUTES_DAY)
        return "an entry is 15 minutes to 12 hours";
    if (day_minutes + minutes > RULES_MINUTES_DAY)
        return "that would be more than 12 hours of one volunteer on one day";
    if (minutes > left_minutes)
        return "the activity has no more hours planned";
    return NULL;
}

/* Two or four digits at p; below 0 when there are others. */
static int digits(const char *p, int count)
{
    int value = 0;
    for (int i = 0; i < count; i++) {
        if (p[i] < '0' || p[i] > '9')
            return -1;
        value = value * 10 + (p[i] - '0');
    }
    return value;
}

bool rules_day(const char *text)
{
    static const int LENGTHS[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (!text || strlen(text) != RULES_DAY_SIZE - 1 || text[4] != '-' || text[7] != '-')
        return false;
    int year = digits(text, 4), month = digits(text + 5, 2), day = digits(text + 8, 2);
    if (year < 1 || month < 1 || month > 12 || day < 1)
        return false;
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return day <= LENGTHS[month - 1] + (month == 2 && leap);
}

bool rules_period(const char *text, char *from, char *to)
{
    size_t len = text ? strlen(text) : 0;
    int year = len >= 4 ? digits(text, 4) : -1;
    if (year < 2000 || year > 9998)
        return false;
    int first = 1, next = 13;
    if (len == 7 && text[4] == '-' && text[5] == 'Q' && text[6] >= '1' && text[6] <= '4') {
        first = (text[6] - '1') * 3 + 1;
        next = first + 3;
    } else if (len != 4) {
        return false;
    }
    snprintf(from, RULES_DAY_SIZE, "%04d-%02d-01", year % 10000, first % 100);
    snprintf(to, RULES_DAY_SIZE, "%04d-%02d-01", (year + next / 13) % 10000,
             (next > 12 ? 1 : next) % 100);
    return true;
}

const char *rules_report_refusal(const struct rules_report_in *in)
{
    if (in->minutes <= 0)
        return "no volunteer hours in this period";
    if (in->investment_cents <= 0)
        return "no programme costs in this period, so there is no return on them";
    if (in->pairs <= 0)
        return "nobody answered both questionnaires in this period";
    if (in->evidence < RULES_REPORT_EVIDENCE)
        return "fewer than 3 pieces of classified evidence in this period";
    return NULL;
}
