/* intake.c - reading requests, answering what went wrong, telling pages: see rental.h. */
#include "rental/rental.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool rental_allowed(struct app_request *r, enum rule_action action)
{
    const char *role = app_who(r)->role;
    if (rule_may(role, action))
        return true;
    app_fail(r, 403, "FORBIDDEN", "the role %s may not do this", *role ? role : "of nobody");
    return false;
}

int64_t rental_id(struct app_request *r)
{
    const char *text = app_param(r, "id");
    int64_t id = 0;
    for (const char *p = text; p && *p; p++) {
        if (*p < '0' || *p > '9' || id > ((int64_t)1 << 53) / 10) {
            id = 0;
            break;
        }
        id = id * 10 + (*p - '0');
    }
    if (id > 0)
        return id;
    app_fail(r, 404, "NOT_FOUND", "there is none of that number");
    return -1;
}

bool rental_line(struct app_request *r, json_t *body, const char *name, char *out, size_t size)
{
    if (rule_line(json_string_value(json_object_get(body, name)), out, size))
        return true;
    app_fail(r, 400, "BAD_REQUEST", "\"%s\" must be a text", name);
    return false;
}

bool rental_int(struct app_request *r, json_t *body, const char *name, int64_t least, int64_t most,
                int64_t *out)
{
    json_t *value = json_object_get(body, name);
    *out = json_integer_value(value);
    if (json_is_integer(value) && *out >= least && *out <= most)
        return true;
    app_fail(r, 400, "BAD_REQUEST", "\"%s\" must be a whole number from %lld to %lld", name,
             (long long)least, (long long)most);
    return false;
}

bool rental_day(struct app_request *r, json_t *body, const char *name, int32_t *out)
{
    *out = rule_day(json_string_value(json_object_get(body, name)));
    if (*out != RULE_NO_DAY)
        return true;
    app_fail(r, 400, "BAD_REQUEST", "\"%s\" must be a day, as 2026-01-21", name);
    return false;
}

bool rental_word(struct app_request *r, json_t *body, const char *name, const char *const *words,
                 const char **out)
{
    const char *given = json_string_value(json_object_get(body, name));
    for (; given && *words; words++)
        if (!strcmp(given, *words)) {
            *out = *words;
            return true;
        }
    app_fail(r, 400, "BAD_REQUEST", "\"%s\" is none of the words it may be", name);
    return false;
}

void rental_broken(struct rental *s, struct app_request *r)
{
    app_log(s->app, FRESHET_LOG_ERROR, "database: %s", db_error(s->db));
    db_rollback(s->db);
    app_fail(r, 500, "INTERNAL", "the database failed; nothing was changed");
}

bool rental_commit(struct rental *s, struct app_request *r)
{
    if (db_commit(s->db) == 0)
        return true;
    rental_broken(s, r);
    return false;
}

void rental_conflict(struct rental *s, struct app_request *r, const char *code, const char *detail)
{
    db_rollback(s->db);
    app_fail(r, 409, code, "%s", detail);
}

void rental_missing(struct rental *s, struct app_request *r, const char *what)
{
    if (*db_error(s->db)) {
        rental_broken(s, r);
        return;
    }
    db_rollback(s->db);
    app_fail(r, 404, "NOT_FOUND", "there is no such %s", what);
}

const char *rental_by(struct app_request *r)
{
    const struct app_who *who = app_who(r);
    return *who->name ? who->name : who->subject;
}

int64_t rental_number(const json_t *row, const char *name)
{
    const json_t *value = json_object_get(row, name);
    return json_is_real(value) ? (int64_t)json_real_value(value) : json_integer_value(value);
}

const char *rental_text(const json_t *row, const char *name)
{
    const char *text = json_string_value(json_object_get(row, name));
    return text ? text : "";
}

json_t *rental_currency(struct rental *s, const char *tenant)
{
    json_t *row = db_row(s->db, "select currency from companies where id = $1", "s", tenant);
    json_t *text = json_string(rental_text(row, "currency"));
    json_decref(row);
    return text;
}

int32_t rental_today(void)
{
    return rule_day_of(app_now_ms());
}

void rental_tell(struct rental *s, const char *tenant, const char *type, const char *key,
                 json_t *data, const char *message, ...)
{
    char words[400], line[RENTAL_LINE];
    va_list args;
    va_start(args, message);
    vsnprintf(words, sizeof words, message, args);
    va_end(args);
    if (rule_line(words, line, sizeof line))
        json_object_set_new(data, "message", json_string(line));
    app_publish(s->app,
                &(struct app_event){
                    .tenant = tenant, .channel = "rental", .type = type, .key = key, .data = data});
}

json_t *rental_money(int64_t cents)
{
    return cents % 100 ? json_real((double)cents / 100) : json_integer(cents / 100);
}
