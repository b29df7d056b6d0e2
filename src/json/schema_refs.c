/* The references of a schema: where they lead, and that they lead deeper. */
#include "json/schema_own.h"

#include "base/num.h"

#include <stdlib.h>

/* ---- references ---- */

/* Decodes %XX in place. False when a % has no two digits. */
static bool percent_decode(char *text, size_t *len)
{
    size_t to = 0;
    for (size_t i = 0; i < *len; i++) {
        uint32_t byte = (unsigned char)text[i];
        if (text[i] == '%') {
            if (*len - i < 3 || !num_hex32(slice_of(text + i + 1, 2), 2, &byte))
                return false;
            i += 2;
        }
        text[to++] = (char)(unsigned char)byte;
    }
    *len = to;
    return true;
}

/* True when the raw member name stands for the pointer token (~0 and ~1 undone). */
static bool names_token(struct slice raw, struct slice token)
{
    struct buf name = BUF_INIT;
    json_unescape(raw, &name);
    size_t at = 0, i = 0;
    bool same = !name.failed;
    for (; same && i < token.len; i++, at++) {
        char c = token.p[i];
        if (c == '~') {
            char which = ++i < token.len ? token.p[i] : 0;
            same = which == '0' || which == '1';
            c = which == '1' ? '/' : '~';
        }
        same = same && at < name.len && name.p[at] == c;
    }
    same = same && at == name.len;
    buf_fini(&name);
    return same;
}

/* Follows one token of a pointer. */
static bool step_into(struct slice *value, struct slice token)
{
    struct json_iter it = json_iter(*value);
    struct slice name, one;
    uint64_t index;
    if (json_kind(*value) == JSON_OBJECT) {
        while (json_member(&it, &name, &one)) {
            if (names_token(name, token)) {
                *value = one;
                return true;
            }
        }
    } else if (json_kind(*value) == JSON_ARRAY && num_u64(token, UINT32_MAX, &index) &&
               (token.len == 1 || token.p[0] != '0')) {
        while (json_element(&it, &one)) {
            if (index-- == 0) {
                *value = one;
                return true;
            }
        }
    }
    return false;
}

/* The fragment of a $ref within this document; false for another document. */
static bool fragment_of(const struct compiler *c, char *text, size_t len, struct slice *out)
{
    struct slice rest = slice_of(text, len), base = slice_cut(&rest, '#');
    size_t id_len;
    bool own = base.len == 0;
    if (!own && c->id.p) {
        char *id = schema_unescape(c->id, &id_len);
        if (id) {
            struct slice id_rest = slice_of(id, id_len); /* an empty fragment is no difference */
            own = slice_eq(slice_cut(&id_rest, '#'), base);
        }
        free(id);
    }
    *out = rest.p ? rest : slice_of("", 0);
    return own;
}

/* Follows a pointer ("" or "/a/b") from the root of the document. */
static bool follow(struct slice *value, struct slice pointer)
{
    struct slice token = slice_cut(&pointer, '/');
    if (token.len)
        return false; /* an anchor, or nothing of ours */
    while (pointer.p) {
        token = slice_cut(&pointer, '/');
        if (!step_into(value, token))
            return false;
    }
    return true;
}

static int resolve(struct compiler *c, struct pending *ref)
{
    size_t len, at;
    char *text = schema_unescape(ref->ref, &len);
    struct slice fragment, target = c->document;
    buf_reset(&c->where);
    buf_addf(&c->where, "%s/$ref", ref->where);
    if (!text)
        return schema_no_memory(c);
    int rc = 0;
    size_t fragment_len = 0;
    if (!fragment_of(c, text, len, &fragment))
        rc = schema_bad(c, "only references within the document are supported");
    fragment_len = fragment.len;
    if (!rc && (!percent_decode(text + (len - fragment.len), &fragment_len) ||
                !follow(&target, slice_of(text + (len - fragment.len), fragment_len))))
        rc = schema_bad(c, "it points to nothing in the document; anchors are not supported");
    if (!rc) {
        ref->node->ref = map_get(&c->by_place, schema_place_key(c, target, &at));
        if (!ref->node->ref) {
            buf_reset(&c->where);
            buf_addf(&c->where, "#%.*s",
                     SLICE_FMT(slice_of(text + (len - fragment.len), fragment_len)));
            rc = schema_node(c, target, &ref->node->ref);
        }
    }
    free(text);
    return rc;
}

/* ---- circles ---- */

static int visit(struct compiler *c, struct node *n, unsigned depth);

static int visit_one(struct compiler *c, struct node *n, struct node *sub, unsigned depth)
{
    int rc = sub ? visit(c, sub, depth + 1) : 0;
    if (!rc && sub && sub->chain + 1 > n->chain)
        n->chain = sub->chain + 1;
    return rc;
}

static int visit_list(struct compiler *c, struct node *n, const struct nodes *list, unsigned depth)
{
    int rc = 0;
    for (size_t i = 0; !rc && i < list->count; i++)
        rc = visit_one(c, n, list->at[i], depth);
    return rc;
}

/* Finds schemas that apply to a value by way of themselves, and too long ways. */
static int visit(struct compiler *c, struct node *n, unsigned depth)
{
    enum { NEW, OPEN, DONE };
    if (n->visit == OPEN)
        return err_set(c->e, ERR_BAD_REQUEST, "schema %s: it refers to itself without going deeper",
                       n->where);
    if (n->visit == DONE && depth + n->chain <= SCHEMA_CHAIN_MAX)
        return 0;
    if (depth >= SCHEMA_CHAIN_MAX || n->visit == DONE)
        return err_set(c->e, ERR_BAD_REQUEST, "schema %s: more than %d schemas apply in turn",
                       n->where, SCHEMA_CHAIN_MAX);
    n->visit = OPEN;
    n->chain = 1;
    int rc = visit_one(c, n, n->ref, depth);
    if (!rc)
        rc = visit_one(c, n, n->not, depth);
    if (!rc)
        rc = visit_list(c, n, &n->all, depth);
    if (!rc)
        rc = visit_list(c, n, &n->any, depth);
    if (!rc)
        rc = visit_list(c, n, &n->one, depth);
    n->visit = DONE;
    return rc;
}

int schema_resolve(struct compiler *c)
{
    int rc = 0;
    for (size_t i = 0; !rc && i < c->ref_count; i++) {
        struct pending ref = c->refs[i]; /* resolving may add more, and move them */
        rc = resolve(c, &ref);
    }
    return rc;
}

int schema_find_circles(struct compiler *c)
{
    int rc = 0;
    for (struct node *n = c->schema->all; !rc && n; n = n->next)
        rc = visit(c, n, 0);
    return rc;
}
