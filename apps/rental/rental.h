/* rental.h - what the parts of the rental application share: its state, reading requests, telling
 * pages. Everything here runs on the application's worker (host/app.h). */
#ifndef FRESHET_APPS_RENTAL_H
#define FRESHET_APPS_RENTAL_H

#include "host/app.h"
#include "rental/rules.h"

#define RENTAL_LINE 201 /* bytes of a line of text from outside, and its end */
#define RENTAL_NAME 101

struct rental {
    struct app *app;
    struct db *db;
    uint64_t dates_at; /* when the dates were last looked at, unix ms */
};

/* ---- requests: each of these answers the request when it gives false (or -1) ---- */

/* 403 unless the asker's role may. */
bool rental_allowed(struct app_request *r, enum rule_action action);
/* The number in the path, at most 2^53; -1 is answered 404. */
int64_t rental_id(struct app_request *r);
/* A line of text (rule_line) into out; 400 when it is missing, empty or no string. */
bool rental_line(struct app_request *r, json_t *body, const char *name, char *out, size_t size);
/* A whole number from least to most. */
bool rental_int(struct app_request *r, json_t *body, const char *name, int64_t least, int64_t most,
                int64_t *out);
bool rental_day(struct app_request *r, json_t *body, const char *name, int32_t *out);
/* One of the words, NULL at the end; *out is the word of the list. */
bool rental_word(struct app_request *r, json_t *body, const char *name, const char *const *words,
                 const char **out);

/* The database failed: a line in the log, rolls back, 500. */
void rental_broken(struct rental *s, struct app_request *r);
/* Ends the transaction: commits, or answers 500 and false. */
bool rental_commit(struct rental *s, struct app_request *r);
/* Rolls back and answers so. */
void rental_conflict(struct rental *s, struct app_request *r, const char *code, const char *detail);
void rental_missing(struct rental *s, struct app_request *r, const char *what);

/* Name of who asks, for the books and the events. */
const char *rental_by(struct app_request *r);

/* ---- rows ---- */

int64_t rental_number(const json_t *row, const char *name);   /* 0 when it is none */
const char *rental_text(const json_t *row, const char *name); /* "" when it is none; borrows */
int32_t rental_today(void);
/* "SAR", the company's; "" when there is no such company. Returns new. */
json_t *rental_currency(struct rental *s, const char *tenant);

/* ---- events ---- */

/* Publishes to everybody of the company; takes data over. message is for people: a toast, a line of
 * the feed; key (may be NULL) is what it is about. */
void rental_tell(struct rental *s, const char *tenant, const char *type, const char *key,
                 json_t *data, const char *message, ...) __attribute__((format(printf, 6, 7)));
/* An amount of cents as a number of the events, 1234.5. Returns new. */
json_t *rental_money(int64_t cents);

/* ---- what one part does for another ---- */

/* Rows of rentals with owed, paid, balance and days_overdue. where: SQL after the tenant ($1), with
 * at most one number as $2. Returns new, NULL after an error. */
json_t *rental_rows(struct rental *s, const char *tenant, const char *where, int64_t number);
/* What a customer has open, in cents. */
int64_t rental_open_balance(struct rental *s, const char *tenant, int64_t customer);
/* Rentals that the dates make overdue, or active again, of all companies: writes and tells. */
void rental_dates(struct rental *s);
/* Suspends a customer beyond the credit limit, or takes one back: writes and tells. Outside of
 * transactions. */
void rental_credit(struct rental *s, const char *tenant, int64_t customer);

/* Each registers its routes. 0 or -1. */
int rental_routes_board(struct rental *s);
int rental_routes_rentals(struct rental *s);
int rental_routes_fleet(struct rental *s);
int rental_routes_people(struct rental *s);
int rental_routes_customers(struct rental *s);

/* One act of the world; memory is RENTAL_PLAY_SIZE bytes, zero at first. */
#define RENTAL_PLAY_SIZE 8192
void rental_play(struct world *world, void *memory);

#endif
