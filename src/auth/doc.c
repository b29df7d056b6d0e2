#include "auth/doc.h"

#include "base/err.h"
#include "json/scan.h"

int doc_check(struct slice text, size_t max)
{
    if (text.len > max || json_check(text, DOC_DEPTH_MAX, NULL) || json_kind(text) != JSON_OBJECT)
        return ERR_BAD_REQUEST;
    return 0;
}

/* The member whose unescaped name is name[0..len) after the pointer's own escapes ~0 and ~1. */
static bool find_token(struct slice object, struct slice token, struct slice *value)
{
    char name[128];
    size_t len = 0;
    for (size_t i = 0; i < token.len; i++) {
        char c = token.p[i];
        if (c == '~' && i + 1 < token.len)
            c = token.p[++i] == '1' ? '/' : '~';
        if (len + 1 >= sizeof name)
            return false;
        name[len++] = c;
    }
    name[len] = 0;
    return json_kind(object) == JSON_OBJECT && json_get(object, name, value);
}

bool doc_find(struct slice object, const char *path, struct slice *value)
{
    *value = object;
    if (path[0] != '/') {
        if (!json_get(object, path, value))
            return false;
    } else {
        struct slice rest = slice_str(path + 1);
        while (rest.p) {
            struct slice token = slice_cut(&rest, '/');
            if (!find_token(*value, token, value))
                return false;
        }
    }
    return json_kind(*value) != JSON_NULL;
}

int doc_text(struct slice value, struct buf *out)
{
    if (json_kind(value) != JSON_STRING)
        return ERR_BAD_REQUEST;
    json_unescape(json_string_raw(value), out);
    return out->failed ? ERR_INTERNAL : 0;
}

int doc_member(struct slice object, const char *name, struct buf *out)
{
    struct slice value;
    if (!json_get(object, name, &value) || json_kind(value) == JSON_NULL)
        return 0;
    int rc = doc_text(value, out);
    return rc ? rc : 1;
}

bool doc_is(struct slice value, const char *s)
{
    return json_kind(value) == JSON_STRING && json_name_is(json_string_raw(value), s);
}
