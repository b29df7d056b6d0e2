#define _GNU_SOURCE /* asprintf */
#include "host/db.h"

#include <errno.h>
#include <libpq-fe.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PARAMS_MAX 24

struct db {
    char *where;
    sqlite3 *lite;
    PGconn *pg; /* one of the two */
    dev_t device; /* of the open file */
    ino_t inode;
    bool constraint;
    char error[300];
};

/* Parameters as SQLite and libpq take them: texts, NULL for NULL. */
struct params {
    int count;
    char kind[PARAMS_MAX]; /* s i d b, as for j */
    const char *text[PARAMS_MAX];
    int64_t whole[PARAMS_MAX];
    double real[PARAMS_MAX];
    char digits[PARAMS_MAX][32];
    char *owned[PARAMS_MAX];
};

static int fail(struct db *db, const char *what)
{
    snprintf(db->error, sizeof db->error, "%s", what);
    return -1;
}

static void params_fini(struct params *p)
{
    for (int i = 0; i < p->count; i++)
        free(p->owned[i]);
}

/* 0, or -1 when there are too many, or no memory. */
static int params_take(struct params *p, const char *types, va_list ap)
{
    memset(p, 0, sizeof *p);
    for (; types && *types; types++) {
        int i = p->count;
        if (i == PARAMS_MAX)
            return -1;
        p->kind[i] = *types;
        p->count++;
        switch (*types) {
        case 'i':
            p->whole[i] = va_arg(ap, int64_t);
            snprintf(p->digits[i], sizeof p->digits[i], "%lld", (long long)p->whole[i]);
            p->text[i] = p->digits[i];
            break;
        case 'b':
            p->whole[i] = va_arg(ap, int) != 0;
            p->text[i] = p->whole[i] ? "true" : "false";
            break;
        case 'd':
            p->real[i] = va_arg(ap, double);
            snprintf(p->digits[i], sizeof p->digits[i], "%.17g", p->real[i]);
            p->text[i] = p->digits[i];
            break;
        case 'j': {
            const json_t *value = va_arg(ap, json_t *);
            p->owned[i] = value ? json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
            p->text[i] = p->owned[i];
            if (value && !p->owned[i])
                return -1;
            break;
        }
        default:
            p->text[i] = va_arg(ap, const char *);
        }
    }
    return 0;
}

/* Puts a column into the row: its name's ending says what it is. Takes value over. */
static int put(json_t *row, const char *column, json_t *value)
{
    char name[128];
    size_t len = strlen(column);
    bool truth = len > 1 && column[len - 1] == '?';
    bool json = len > 2 && strcmp(column + len - 2, "{}") == 0;
    len -= truth ? 1 : json ? 2 : 0;
    if (len >= sizeof name) {
        json_decref(value);
        return -1;
    }
    memcpy(name, column, len);
    name[len] = 0;
    if (truth && json_is_integer(value)) {
        bool yes = json_integer_value(value) != 0;
        json_decref(value);
        value = json_boolean(yes);
    } else if (json && json_is_string(value)) {
        json_t *read = json_loads(json_string_value(value), JSON_DECODE_ANY, NULL);
        json_decref(value);
        value = read ? read : json_null();
    }
    return json_object_set_new(row, name, value);
}

/* ---- SQLite ---- */

static int lite_failed(struct db *db)
{
    int rc = sqlite3_errcode(db->lite);
    db->constraint = (rc & 0xff) == SQLITE_CONSTRAINT;
    return fail(db, sqlite3_errmsg(db->lite));
}

static int lite_bind(struct db *db, sqlite3_stmt *st, const struct params *p)
{
    for (int i = 0; i < p->count; i++) {
        char name[16];
        snprintf(name, sizeof name, "$%d", i + 1);
        int at = sqlite3_bind_parameter_index(st, name), rc;
        if (!at)
            continue; /* given, but this statement has no use for it */
        if (p->kind[i] == 'i' || p->kind[i] == 'b')
            rc = sqlite3_bind_int64(st, at, p->whole[i]);
        else if (p->kind[i] == 'd')
            rc = sqlite3_bind_double(st, at, p->real[i]);
        else
            rc = sqlite3_bind_text(st, at, p->text[i], -1, SQLITE_TRANSIENT); /* NULL binds NULL */
        if (rc != SQLITE_OK)
            return lite_failed(db);
    }
    return 0;
}

static json_t *lite_value(sqlite3_stmt *st, int i)
{
    switch (sqlite3_column_type(st, i)) {
    case SQLITE_INTEGER:
        return json_integer(sqlite3_column_int64(st, i));
    case SQLITE_FLOAT:
        return json_real(sqlite3_column_double(st, i));
    case SQLITE_NULL:
        return json_null();
    default: {
        json_t *text = json_stringn((const char *)sqlite3_column_text(st, i),
                                    (size_t)sqlite3_column_bytes(st, i));
        return text ? text : json_null();
    }
    }
}

static int lite_row(sqlite3_stmt *st, json_t *rows)
{
    json_t *row = json_object();
    if (!row || json_array_append_new(rows, row))
        return -1;
    for (int i = 0; i < sqlite3_column_count(st); i++)
        if (put(row, sqlite3_column_name(st, i), lite_value(st, i)))
            return -1;
    return 0;
}

/* rows NULL: it is only run. Rows changed, or -1. */
static int64_t lite_exec(struct db *db, const char *sql, const struct params *p, json_t *rows)
{
    sqlite3_stmt *st;
    int rc;
    if (sqlite3_prepare_v2(db->lite, sql, -1, &st, NULL) != SQLITE_OK)
        return lite_failed(db);
    if (lite_bind(db, st, p)) {
        sqlite3_finalize(st);
        return -1;
    }
    while ((rc = sqlite3_step(st)) == SQLITE_ROW)
        if (rows && lite_row(st, rows)) {
            sqlite3_finalize(st);
            return fail(db, "out of memory");
        }
    if (rc != SQLITE_DONE)
        lite_failed(db);
    sqlite3_finalize(st);
    return rc == SQLITE_DONE ? sqlite3_changes(db->lite) : -1;
}

/* ---- PostgreSQL ---- */

#define OID_BOOL 16
#define OID_INT8 20
#define OID_INT2 21
#define OID_INT4 23
#define OID_JSON 114
#define OID_FLOAT4 700
#define OID_FLOAT8 701
#define OID_NUMERIC 1700
#define OID_JSONB 3802

static json_t *pg_value(const PGresult *r, int row, int i)
{
    const char *text = PQgetvalue(r, row, i);
    if (PQgetisnull(r, row, i))
        return json_null();
    switch (PQftype(r, i)) {
    case OID_BOOL:
        return json_boolean(text[0] == 't');
    case OID_INT2:
    case OID_INT4:
    case OID_INT8:
        return json_integer(strtoll(text, NULL, 10));
    case OID_FLOAT4:
    case OID_FLOAT8:
    case OID_NUMERIC:
        return json_real(strtod(text, NULL));
    case OID_JSON:
    case OID_JSONB: {
        json_t *value = json_loads(text, JSON_DECODE_ANY, NULL);
        return value ? value : json_null();
    }
    default: {
        json_t *value = json_string(text);
        return value ? value : json_null();
    }
    }
}

static int pg_rows(const PGresult *r, json_t *rows)
{
    for (int k = 0; k < PQntuples(r); k++) {
        json_t *row = json_object();
        if (!row || json_array_append_new(rows, row))
            return -1;
        for (int i = 0; i < PQnfields(r); i++)
            if (put(row, PQfname(r, i), pg_value(r, k, i)))
                return -1;
    }
    return 0;
}

static int64_t pg_exec(struct db *db, const char *sql, const struct params *p, json_t *rows)
{
    if (PQstatus(db->pg) != CONNECTION_OK)
        PQreset(db->pg);
    PGresult *r = PQexecParams(db->pg, sql, p->count, NULL, p->text, NULL, NULL, 0);
    ExecStatusType status = PQresultStatus(r);
    int64_t changed = -1;
    if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK) {
        const char *count = PQcmdTuples(r);
        changed = count[0] ? strtoll(count, NULL, 10) : 0;
        if (rows && pg_rows(r, rows))
            changed = fail(db, "out of memory");
    } else {
        const char *state = PQresultErrorField(r, PG_DIAG_SQLSTATE);
        db->constraint = state && strncmp(state, "23", 2) == 0;
        fail(db, PQresultErrorMessage(r));
    }
    PQclear(r);
    return changed;
}

/* ---- both ---- */

static int64_t exec(struct db *db, const char *sql, const char *types, va_list ap, json_t *rows)
{
    struct params p;
    int64_t changed = -1;
    db->error[0] = 0;
    db->constraint = false;
    if (params_take(&p, types, ap))
        fail(db, "too many parameters, or no memory");
    else
        changed = db->pg ? pg_exec(db, sql, &p, rows) : lite_exec(db, sql, &p, rows);
    params_fini(&p);
    return changed;
}

static json_t *rows_of(struct db *db, const char *sql, const char *types, va_list ap)
{
    json_t *rows = json_array();
    if (!rows) {
        fail(db, "out of memory");
    } else if (exec(db, sql, types, ap, rows) < 0) {
        json_decref(rows);
        rows = NULL;
    }
    return rows;
}

json_t *db_rows(struct db *db, const char *sql, const char *types, ...)
{
    va_list ap;
    va_start(ap, types);
    json_t *rows = rows_of(db, sql, types, ap);
    va_end(ap);
    return rows;
}

json_t *db_row(struct db *db, const char *sql, const char *types, ...)
{
    va_list ap;
    va_start(ap, types);
    json_t *rows = rows_of(db, sql, types, ap);
    va_end(ap);
    json_t *first = json_incref(json_array_get(rows, 0));
    json_decref(rows);
    return first;
}

int64_t db_int(struct db *db, int64_t otherwise, const char *sql, const char *types, ...)
{
    va_list ap;
    va_start(ap, types);
    json_t *rows = rows_of(db, sql, types, ap);
    va_end(ap);
    json_t *row = json_array_get(rows, 0);
    const json_t *value = row ? json_object_iter_value(json_object_iter(row)) : NULL;
    if (json_is_integer(value))
        otherwise = json_integer_value(value);
    else if (json_is_real(value))
        otherwise = (int64_t)json_real_value(value);
    else if (json_is_boolean(value))
        otherwise = json_is_true(value);
    json_decref(rows);
    return otherwise;
}

int64_t db_run(struct db *db, const char *sql, const char *types, ...)
{
    va_list ap;
    va_start(ap, types);
    int64_t changed = exec(db, sql, types, ap, NULL);
    va_end(ap);
    return changed;
}

int db_begin(struct db *db)
{
    return db_run(db, db->pg ? "begin" : "begin immediate", "") < 0 ? -1 : 0;
}

int db_commit(struct db *db)
{
    return db_run(db, "commit", "") < 0 ? -1 : 0;
}

void db_rollback(struct db *db)
{
    char error[sizeof db->error];
    bool constraint = db->constraint;
    memcpy(error, db->error, sizeof error);
    db_run(db, "rollback", ""); /* what it was for is worth more than what it says */
    memcpy(db->error, error, sizeof error);
    db->constraint = constraint;
}

const char *db_error(const struct db *db)
{
    return db->error;
}

bool db_was_constraint(const struct db *db)
{
    return db->constraint;
}

bool db_is_postgres(const struct db *db)
{
    return db->pg != NULL;
}

const char *db_where(const struct db *db)
{
    return db->where;
}

/* ---- opening ---- */

/* Returns new: the file's text; NULL with errno. */
static char *read_file(const char *path)
{
    FILE *f = fopen(path, "rb");
    char *text = NULL;
    long size;
    if (!f)
        return NULL;
    if (fseek(f, 0, SEEK_END) == 0 && (size = ftell(f)) >= 0 && fseek(f, 0, SEEK_SET) == 0 &&
        (text = malloc((size_t)size + 1))) {
        text[fread(text, 1, (size_t)size, f)] = 0;
    }
    fclose(f);
    return text;
}

static int run_script(struct db *db, const char *path, char *why, size_t size)
{
    char *text = read_file(path), *message = NULL;
    int rc = 0;
    if (!text) {
        snprintf(why, size, "%s: %s", path, strerror(errno));
        return -1;
    }
    if (db->pg) {
        PGresult *r = PQexec(db->pg, text);
        rc = PQresultStatus(r) == PGRES_FATAL_ERROR ? -1 : 0;
        if (rc)
            snprintf(why, size, "%s: %s", path, PQresultErrorMessage(r));
        PQclear(r);
    } else if (sqlite3_exec(db->lite, text, NULL, NULL, &message) != SQLITE_OK) {
        rc = -1;
        snprintf(why, size, "%s: %s", path, message ? message : "no memory");
    }
    sqlite3_free(message);
    free(text);
    return rc;
}

static int run_scripts(struct db *db, const char *const *scripts, char *why, size_t size)
{
    for (; scripts && *scripts; scripts++)
        if (run_script(db, *scripts, why, size))
            return -1;
    return 0;
}

static int lite_open(struct db *db, const char *file, int flags)
{
    if (sqlite3_open_v2(file, &db->lite, SQLITE_OPEN_READWRITE | flags, NULL) != SQLITE_OK)
        return -1;
    sqlite3_busy_timeout(db->lite, 5000);
    /* no write-ahead log: it is found by name, and would be taken for that of a file that is put
     * in this one's place */
    return sqlite3_exec(db->lite, "pragma foreign_keys = on; pragma journal_mode = delete;"
                                  "pragma synchronous = normal;",
                        NULL, NULL, NULL) == SQLITE_OK
               ? 0
               : -1;
}

static void lite_close(struct db *db)
{
    sqlite3_close(db->lite);
    db->lite = NULL;
}

/* Makes the database under another name, so that it is there whole or not at all. */
static int lite_make(struct db *db, const char *const *scripts, char *why, size_t size)
{
    char *fresh;
    if (asprintf(&fresh, "%s.new", db->where) < 0)
        return -1;
    unlink(fresh);
    int rc = -1;
    if (sqlite3_open(fresh, &db->lite) != SQLITE_OK) {
        snprintf(why, size, "%s: %s", fresh, db->lite ? sqlite3_errmsg(db->lite) : "no memory");
    } else if (run_scripts(db, scripts, why, size) == 0) {
        lite_close(db);
        rc = rename(fresh, db->where);
        if (rc)
            snprintf(why, size, "%s: %s", db->where, strerror(errno));
    }
    lite_close(db);
    unlink(fresh);
    free(fresh);
    return rc;
}

static void remember_file(struct db *db)
{
    struct stat st;
    if (stat(db->where, &st) == 0) {
        db->device = st.st_dev;
        db->inode = st.st_ino;
    }
}

static int open_file(struct db *db, const char *const *scripts, char *why, size_t size)
{
    if (access(db->where, F_OK) && lite_make(db, scripts, why, size))
        return -1;
    if (lite_open(db, db->where, 0)) {
        snprintf(why, size, "%s: %s", db->where,
                 db->lite ? sqlite3_errmsg(db->lite) : "no memory");
        return -1;
    }
    remember_file(db);
    return 0;
}

static int open_server(struct db *db, const char *const *scripts, char *why, size_t size)
{
    db->pg = PQconnectdb(db->where);
    if (PQstatus(db->pg) != CONNECTION_OK) {
        snprintf(why, size, "%s", PQerrorMessage(db->pg));
        return -1;
    }
    PQsetClientEncoding(db->pg, "UTF8");
    PQclear(PQexec(db->pg, "set client_min_messages = warning"));
    return run_scripts(db, scripts, why, size);
}

struct db *db_open(const char *where, const char *const *scripts, char *why, size_t why_size)
{
    struct db *db = calloc(1, sizeof *db);
    if (!db || !(db->where = strdup(where))) {
        snprintf(why, why_size, "out of memory");
        free(db);
        return NULL;
    }
    bool server = strncmp(where, "postgres://", 11) == 0 || strncmp(where, "postgresql://", 13) == 0;
    if (server ? open_server(db, scripts, why, why_size) : open_file(db, scripts, why, why_size)) {
        db_close(db);
        return NULL;
    }
    return db;
}

bool db_reopen_if_replaced(struct db *db)
{
    struct stat st;
    struct db next = {.where = db->where};
    if (db->pg || stat(db->where, &st) || (st.st_dev == db->device && st.st_ino == db->inode))
        return false;
    if (lite_open(&next, db->where, 0)) { /* not whole yet: look again */
        lite_close(&next);
        return false;
    }
    lite_close(db);
    db->lite = next.lite;
    remember_file(db);
    return true;
}

void db_close(struct db *db)
{
    if (!db)
        return;
    lite_close(db);
    PQfinish(db->pg);
    free(db->where);
    free(db);
}
