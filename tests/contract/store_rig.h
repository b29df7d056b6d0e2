/* store_rig.h - a store to test: opens it, hands it batches and reads and waits for the answers,
 * writes pages and loaded rows as text. For the tests of the store port. */
#ifndef FRESHET_TESTS_STORE_RIG_H
#define FRESHET_TESTS_STORE_RIG_H

#include "store/store_open.h"

#include <pthread.h>

struct rig_driver {
    const char *name; /* "memory", "sqlite", "null" */
    bool keeps;       /* gives back what it was given */
    bool restarts;    /* also after a restart */
};

#define RIG_PAGES 64
#define RIG_STORED 64

struct rig_answer {
    void *token;
    struct page *page;
};

struct rig {
    const struct rig_driver *driver;
    char dir[128], spec[192]; /* dir: "" when there is none */
    struct store_conf conf;
    struct store *store;
    size_t stored; /* completions */
    int errors[RIG_STORED];
    char detail[240]; /* of the last error */
    size_t answered;
    struct rig_answer answers[RIG_PAGES];
    pthread_mutex_t lock;
    pthread_cond_t woken_cond;
    bool woken;
};

/* Fails the test when the store can't be opened. The sqlite file lies in a new directory. */
struct rig *rig_new(const struct rig_driver *driver);
struct rig *rig_new_with(const struct rig_driver *driver, const struct store_conf *conf);
void rig_free(struct rig *r); /* also removes the directory */
void rig_open(struct rig *r);
void rig_close(struct rig *r);

/* A batch being made. Names are borrowed (literals); events are held until rig_batch_fini. */
struct rig_batch {
    struct store_row *rows;
    size_t count, cap;
    struct store_batch batch; /* set by rig_append_start */
};

void rig_batch_fini(struct rig_batch *b);
struct store_row *rig_add(struct rig_batch *b, enum store_kind kind, const char *tenant,
                          const char *name);
void rig_tenant(struct rig_batch *b, const char *tenant, uint32_t epoch, pos_t pos, pos_t floor);
void rig_channel(struct rig_batch *b, const char *tenant, const char *channel, pos_t floor);
/* A plain event without key and state, its data 10 bytes. */
void rig_event(struct rig_batch *b, const char *tenant, const char *channel, pos_t pos);
/* Takes the event. */
void rig_event_take(struct rig_batch *b, const char *tenant, struct event *event);
void rig_remove(struct rig_batch *b, const char *tenant, const char *channel, pos_t pos);
void rig_once(struct rig_batch *b, const char *tenant, const char *channel, const char *key,
              const char *value, pos_t pos, uint64_t time_ms);

/* Queues b, which stays as it is until its completion. */
void rig_append_start(struct rig *r, struct rig_batch *b);
/* Appends b, waits for its completion, empties b. The completion's error. */
int rig_append(struct rig *r, struct rig_batch *b);
/* The same; the test fails unless it was stored. */
void rig_store(struct rig *r, struct rig_batch *b);

/* Drains until that many completions and pages have come in all; fails after 60 s. */
void rig_wait(struct rig *r, size_t stored, size_t answered);

/* channels: "a b>70": names, each with an optional position it is read after. */
struct page_spec *rig_spec(const char *tenant, const char *channels, uint32_t max_events,
                           uint32_t max_bytes);
/* Reads, takes the spec, waits. Never NULL. */
struct page *rig_read(struct rig *r, struct page_spec *spec);

/* "a@55 b@60 a!80 upto=90 more": events as @, floors as !. */
void rig_page_text(const struct page *page, const char *const *names, char *out, size_t cap);

/* Reads and fails unless the page is `text`. */
void rig_expect(struct rig *r, const char *tenant, const char *channels, uint32_t max_events,
                uint32_t max_bytes, const char *text);

/* A row as a line of text with all its fields. New; free() it. */
char *rig_row_text(const struct store_row *row);

/* Lines of what load() reports, sorted; also checks the order of the report. NULL-terminated. */
char **rig_load(struct rig *r);
void rig_lines_sort(char **lines);
void rig_lines_free(char **lines);

/* Fails unless every field but the epoch, and every text, is the same. */
void rig_same_event(const struct event *a, const struct event *b);

/* 2,000 random operations against a naive model. */
void rig_model_test(struct rig *r, uint64_t seed, unsigned operations);

#endif
