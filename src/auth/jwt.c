#include "auth/jwt.h"

#include "auth/b64url.h"
#include "auth/doc.h"
#include "json/decimal.h"
#include "json/scan.h"
#include "json/write.h"

#define TIME_MAX_MS 253402300799999u /* the end of the year 9999 */

struct parts {
    struct slice header, payload, sig; /* base64url, as in the token */
    struct slice signed_text;          /* header.payload */
};

static int refuse(struct jwt *out, enum jwt_reason reason, struct err *e, const char *what)
{
    out->reason = reason;
    return err_set(e, reason == JWT_NO_MEMORY ? ERR_INTERNAL : ERR_UNAUTHORIZED, "%s", what);
}

static bool split(struct slice token, struct parts *out)
{
    struct slice rest = token;
    out->header = slice_cut(&rest, '.');
    out->payload = slice_cut(&rest, '.');
    out->sig = rest;
    if (!out->header.len || !out->payload.len || !out->sig.len || memchr(rest.p, '.', rest.len))
        return false;
    out->signed_text = slice_of(token.p, out->header.len + 1 + out->payload.len);
    return true;
}

/* Decodes a part that holds a JSON object. */
static int decode_object(struct slice part, struct buf *out, struct jwt *jwt, struct err *e)
{
    int rc = b64url_decode(part, out);
    if (rc == ERR_INTERNAL)
        return refuse(jwt, JWT_NO_MEMORY, e, "no memory");
    if (rc || doc_check(buf_slice(out), JWT_BYTES_MAX))
        return refuse(jwt, JWT_MALFORMED, e, "the token is not base64url of JSON objects");
    return 0;
}

/* RFC 8725 section 3.11: a token of another kind (a logout token, a proof of possession) isn't
 * an access to us. Media types ignore case (RFC 7515 section 4.1.9). */
static bool type_is_ours(struct slice header)
{
    static const char *const ours[] = {"JWT", "at+jwt", "application/jwt", "application/at+jwt"};
    struct slice value;
    if (!json_get(header, "typ", &value))
        return true;
    if (json_kind(value) != JSON_STRING)
        return false;
    for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
        if (slice_is_nocase(json_string_raw(value), ours[i]))
            return true;
    return false;
}

/* Judges a header: what it must not have, then *alg (raw) and kid. */
static int read_header(struct slice header, struct slice *alg, struct buf *kid, struct jwt *jwt,
                       struct err *e)
{
    static const char *const refused[] = {"crit", "jwk", "jku", "x5c", "x5u", "b64"};
    struct slice value;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        if (json_get(header, refused[i], &value))
            return refuse(jwt, JWT_HEADER, e,
                          "the token's header asks for an extension or brings its own key");
    if (!type_is_ours(header))
        return refuse(jwt, JWT_HEADER, e, "the token's typ is not JWT or at+jwt");
    if (!json_get(header, "alg", &value) || json_kind(value) != JSON_STRING)
        return refuse(jwt, JWT_MALFORMED, e, "the token's header has no alg");
    *alg = json_string_raw(value);
    if (!json_get(header, "kid", &value))
        return 0;
    int rc = doc_text(value, kid);
    if (rc == ERR_INTERNAL)
        return refuse(jwt, JWT_NO_MEMORY, e, "no memory");
    if (rc || kid->len > KEY_ID_MAX)
        return refuse(jwt, JWT_HEADER, e, "the token's kid is not a text of at most 256 bytes");
    return 0;
}

/* A key is a candidate when its algorithm is the token's, and its id too, where both have one. */
static bool is_candidate(const struct key *key, struct slice alg, struct slice kid)
{
    struct slice own = key_id(key);
    return key_is_alg(key, alg) && (!own.p || !kid.p || slice_eq(own, kid));
}

/* Finds the key that signed. */
static int check_signature(const struct parts *parts, const struct keyset *set, struct slice alg,
                           struct slice kid, struct jwt *jwt, struct err *e)
{
    struct buf sig = BUF_INIT;
    enum key_alg known;
    bool any = false;
    if (!key_alg_named(alg, &known))
        return refuse(jwt, JWT_HEADER, e, "the token's alg is not HS256, RS256, ES256 or EdDSA");
    int rc = b64url_decode(parts->sig, &sig);
    if (rc) {
        buf_fini(&sig);
        return rc == ERR_INTERNAL ? refuse(jwt, JWT_NO_MEMORY, e, "no memory")
                                  : refuse(jwt, JWT_MALFORMED, e, "the signature is not base64url");
    }
    unsigned tries = 0;
    for (size_t i = 0; i < keyset_count(set) && tries < JWT_TRIES_MAX && !jwt->key; i++) {
        const struct key *key = keyset_at(set, i);
        if (!is_candidate(key, alg, kid))
            continue;
        tries++;
        any |= key_id(key).p != NULL || !kid.p;
        if (key_verify(key, parts->signed_text, buf_slice(&sig)))
            jwt->key = key;
    }
    buf_fini(&sig);
    if (jwt->key)
        return 0;
    return any ? refuse(jwt, JWT_SIGNATURE, e, "the token's signature is wrong")
               : refuse(jwt, JWT_UNKNOWN_KEY, e, "no key of ours has the token's kid and alg");
}

/* A NumericDate (RFC 7519 section 2) in milliseconds: 1 and *ms, 0 when absent, -1 when it is no
 * number from 0 to the year 9999. */
static int time_claim(struct slice claims, const char *name, uint64_t *ms)
{
    struct slice value;
    struct dec seconds;
    if (!json_get(claims, name, &value))
        return 0;
    return json_kind(value) == JSON_NUMBER && dec_parse(value, &seconds) &&
                   dec_floor_u64(&seconds, 3, TIME_MAX_MS, ms)
               ? 1
               : -1;
}

static int check_times(struct slice claims, const struct jwt_conf *conf, uint64_t now_ms,
                       struct jwt *jwt, struct err *e)
{
    uint64_t exp = 0, nbf = 0, iat = 0;
    uint64_t leeway = conf->leeway_ms < JWT_LEEWAY_MAX_MS ? conf->leeway_ms : JWT_LEEWAY_MAX_MS;
    int has_exp = time_claim(claims, "exp", &exp), has_nbf = time_claim(claims, "nbf", &nbf);
    if (has_exp < 0 || has_nbf < 0 || time_claim(claims, "iat", &iat) < 0)
        return refuse(jwt, JWT_MALFORMED, e, "exp, nbf or iat is not a number of seconds");
    if (!has_exp && !conf->allow_no_expiry)
        return refuse(jwt, JWT_NO_EXPIRY, e, "the token has no exp");
    if (has_exp && now_ms >= exp + leeway)
        return refuse(jwt, JWT_EXPIRED, e, "the token has expired");
    if (has_nbf && now_ms + leeway < nbf)
        return refuse(jwt, JWT_NOT_YET, e, "the token is not valid yet");
    /* 0 means never; a token that ends at 0 has passed only with a clock at 0 */
    jwt->expiry_ms = has_exp && !exp ? 1 : exp;
    return 0;
}

static bool text_is_one_of(struct slice text, const char *const *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (slice_is(text, list[i]))
            return true;
    return false;
}

/* 1 when the string value is in the list, 0 when not, -1 when it is no string or no memory. */
static int value_is_one_of(struct slice value, const char *const *list, size_t count)
{
    struct buf text = BUF_INIT;
    int rc = doc_text(value, &text) ? -1 : text_is_one_of(buf_slice(&text), list, count);
    buf_fini(&text);
    return rc;
}

static int check_issuer(struct slice claims, const struct jwt_conf *conf, struct jwt *jwt,
                        struct err *e)
{
    struct slice value;
    bool has = json_get(claims, "iss", &value);
    if (has && json_kind(value) != JSON_STRING)
        return refuse(jwt, JWT_MALFORMED, e, "iss is not a text");
    if (conf->issuer_count &&
        (!has || value_is_one_of(value, conf->issuers, conf->issuer_count) != 1))
        return refuse(jwt, JWT_ISSUER, e, "the token is not from a configured issuer");
    const char *own = key_issuer(jwt->key).p;
    if (own && (!has || value_is_one_of(value, &own, 1) != 1))
        return refuse(jwt, JWT_ISSUER, e, "the token's key belongs to another issuer");
    return 0;
}

static int check_audience(struct slice claims, const struct jwt_conf *conf, struct jwt *jwt,
                          struct err *e)
{
    struct slice value;
    bool found = false;
    if (!json_get(claims, "aud", &value)) {
        return conf->audience_count ? refuse(jwt, JWT_AUDIENCE, e, "the token names no audience")
                                    : 0;
    }
    if (json_kind(value) == JSON_ARRAY) {
        struct json_iter it = json_iter(value);
        for (struct slice one; json_element(&it, &one);) {
            int rc = value_is_one_of(one, conf->audiences, conf->audience_count);
            if (rc < 0)
                return refuse(jwt, JWT_MALFORMED, e, "aud is not a text or a list of texts");
            found |= rc == 1;
        }
    } else {
        int rc = value_is_one_of(value, conf->audiences, conf->audience_count);
        if (rc < 0)
            return refuse(jwt, JWT_MALFORMED, e, "aud is not a text or a list of texts");
        found = rc == 1;
    }
    return found ? 0
                 : refuse(jwt, JWT_AUDIENCE, e,
                          conf->audience_count
                              ? "the token is for another audience"
                              : "the token names an audience and none is configured");
}

static int check_claims(struct slice claims, const struct jwt_conf *conf, uint64_t now_ms,
                        struct jwt *jwt, struct err *e)
{
    int rc = check_times(claims, conf, now_ms, jwt, e);
    if (!rc)
        rc = check_issuer(claims, conf, jwt, e);
    return rc ? rc : check_audience(claims, conf, jwt, e);
}

int jwt_verify(struct slice token, const struct keyset *set, const struct jwt_conf *conf,
               uint64_t now_ms, struct jwt *out, struct err *e)
{
    *out = (struct jwt){JWT_VALID, BUF_INIT, 0, NULL};
    struct parts parts;
    struct slice alg;
    struct buf header = BUF_INIT, kid = BUF_INIT;
    if (token.len > JWT_BYTES_MAX)
        return refuse(out, JWT_TOO_LARGE, e, "the token is larger than 8 KiB");
    if (!split(token, &parts))
        return refuse(out, JWT_MALFORMED, e, "the token is not three parts with points between");
    int rc = decode_object(parts.header, &header, out, e);
    if (!rc)
        rc = read_header(buf_slice(&header), &alg, &kid, out, e);
    if (!rc)
        rc = check_signature(&parts, set, alg, buf_slice(&kid), out, e);
    if (!rc)
        rc = decode_object(parts.payload, &out->claims, out, e);
    if (!rc)
        rc = check_claims(buf_slice(&out->claims), conf, now_ms, out, e);
    if (rc) {
        buf_fini(&out->claims);
        out->key = NULL;
        out->expiry_ms = 0;
    }
    buf_fini(&header);
    buf_fini(&kid);
    return rc;
}

void jwt_fini(struct jwt *jwt)
{
    if (jwt)
        buf_fini(&jwt->claims);
}

const char *jwt_reason_name(enum jwt_reason reason)
{
    static const char *const names[] = {"valid",       "malformed", "too-large", "header",
                                        "unknown-key", "signature", "no-expiry", "expired",
                                        "not-yet",     "issuer",    "audience",  "no-memory"};
    return (size_t)reason < sizeof names / sizeof *names ? names[reason] : "unknown";
}

int jwt_sign(const struct key *key, struct slice claims, struct buf *out, struct err *e)
{
    if (doc_check(claims, JWT_BYTES_MAX))
        return err_set(e, ERR_BAD_REQUEST, "the claims are not one small JSON object");
    struct buf header = BUF_INIT, sig = BUF_INIT;
    size_t start = out->len;
    buf_add_char(&header, '{');
    json_put_member(&header, "alg", slice_str(key_alg_name(key)));
    json_put_member(&header, "typ", SLICE_LIT("JWT"));
    if (key_id(key).p)
        json_put_member(&header, "kid", key_id(key));
    buf_add_char(&header, '}');
    b64url_encode(header.p, header.len, out);
    buf_add_char(out, '.');
    b64url_encode(claims.p, claims.len, out);
    int rc = header.failed || out->failed
                 ? ERR_INTERNAL
                 : key_sign(key, slice_of(out->p + start, out->len - start), &sig);
    if (rc) {
        err_set(e, rc, "the key can't sign");
    } else {
        buf_add_char(out, '.');
        b64url_encode(sig.p, sig.len, out);
        if (out->len - start > JWT_BYTES_MAX)
            rc = err_set(e, ERR_BAD_REQUEST, "the token would be larger than 8 KiB");
        else if (out->failed)
            rc = err_set(e, ERR_INTERNAL, "no memory");
    }
    buf_fini(&header);
    buf_fini(&sig);
    return rc;
}
