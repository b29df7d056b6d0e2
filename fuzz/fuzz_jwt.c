/* Tokens. The first byte says what the rest is: a whole token; or a header, or claims, which are
 * then truly signed, so that what comes behind the signature is reached. Claims that are taken are
 * read by jansson too, and have to say the same expiry. */
#include "auth/b64url.h"
#include "auth/jwt.h"

#include <jansson.h>
#include <stdlib.h>

#define NOW_MS 1800000000000u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool right)
{
    if (!right)
        abort();
}

/* A secret, and public keys of the other kinds. */
static struct keyset *make_keys(void)
{
    static const char jwks[] = "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"kid\":\"e\","
                               "\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
                               "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"},"
                               "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_"
                               "7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}]}";
    struct key_conf conf = {
        .name = "main", .kid = "h", .secret = "0123456789abcdef0123456789abcdef"};
    struct keyset *set = keyset_new();
    must(set && !keyset_add(set, &conf, NULL) &&
         !keyset_add_jwks(set, slice_str(jwks), NULL, NULL));
    return set;
}

static struct buf sign(const struct keyset *set, struct slice header, struct slice claims)
{
    struct buf token = BUF_INIT, sig = BUF_INIT;
    b64url_encode(header.p, header.len, &token);
    buf_add_char(&token, '.');
    b64url_encode(claims.p, claims.len, &token);
    must(key_sign(keyset_at(set, 0), buf_slice(&token), &sig) == 0);
    buf_add_char(&token, '.');
    b64url_encode(sig.p, sig.len, &token);
    buf_fini(&sig);
    return token;
}

static void check_claims(const struct jwt *jwt)
{
    must(jwt->key && jwt->expiry_ms > NOW_MS - 5000);
    json_t *claims =
        json_loadb(jwt->claims.p, jwt->claims.len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
    if (!claims)
        return; /* numbers beyond its range */
    json_t *exp = json_object_get(claims, "exp");
    must(json_is_number(exp));
    if (json_is_integer(exp))
        must((uint64_t)json_integer_value(exp) * 1000 == jwt->expiry_ms);
    json_decref(claims);
}

static void judge(const struct keyset *set, struct slice token)
{
    static const char *const issuers[] = {"https://a.example/"};
    static const char *const audiences[] = {"freshet"};
    struct jwt_conf lax = {.leeway_ms = 5000}, strict = {issuers, 1, audiences, 1, 0, false};
    struct jwt jwt, again;
    struct err e = {0};
    int rc = jwt_verify(token, set, &lax, NOW_MS, &jwt, &e);
    must(rc == 0 || rc == ERR_UNAUTHORIZED);
    must((rc == 0) == (jwt.reason == JWT_VALID) &&
         token.len <= JWT_BYTES_MAX + (rc ? SIZE_MAX / 2 : 0));
    if (rc == 0) {
        char *changed = slice_dup(token);
        must(changed != NULL);
        check_claims(&jwt);
        changed[token.len - 2] ^= 1; /* of the signature */
        must(jwt_verify(slice_of(changed, token.len), set, &lax, NOW_MS, &again, NULL) != 0);
        jwt_fini(&again);
        free(changed);
    }
    jwt_fini(&jwt);
    jwt_verify(token, set, &strict, NOW_MS, &jwt, &e);
    jwt_fini(&jwt);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1 || size > 10000)
        return 0;
    struct keyset *set = make_keys();
    struct slice text = slice_of((const char *)data + 1, size - 1);
    if (data[0] == 'h' || data[0] == 'c') {
        bool header = data[0] == 'h';
        struct buf token = sign(set, header ? text : SLICE_LIT("{\"alg\":\"HS256\"}"),
                                header ? SLICE_LIT("{\"exp\":1800000060}") : text);
        judge(set, buf_slice(&token));
        buf_fini(&token);
    } else {
        judge(set, text);
    }
    keyset_unref(set);
    return 0;
}
