/* freshet token: mints a token for trying out, or a publishing key. */
#include "auth/jwt.h"
#include "auth/publisher.h"
#include "base/num.h"
#include "base/rng.h"
#include "base/event.h"
#include "cli/args.h"
#include "io/clock.h"
#include "json/write.h"
#include "options/options.h"

#include <stdio.h>
#include <unistd.h>

#define NAME "token"

extern char **environ;

/* What the command line says. */
struct wish {
    const char *config, *key, *key_name, *tenant, *role, *subject, *expires, *publisher;
    struct args_texts subscribe, publish;
    bool admin;
};

/* What a token needs to be taken: from a configuration, or the defaults. */
struct taker {
    struct options *options; /* NULL: none was named */
    struct opt_claims claims;
    const char *audience, *issuer;
    struct keyset *keys;
};

static int add_configured(struct taker *t, struct err *e)
{
    static const char *const algorithms[] = {"HS256", "RS256", "ES256", "EdDSA"};
    const struct opt_keys *keys = &t->options->auth.keys;
    for (size_t i = 0; i < keys->count; i++) {
        const struct opt_key *k = &keys->v[i];
        struct key_conf conf = {.name = k->name,
                                .algorithm = algorithms[k->algorithm],
                                .secret = k->secret,
                                .secret_file = k->secret_file,
                                .secret_env = k->secret_env,
                                .pem_file = k->public_key_file};
        if (keyset_add(t->keys, &conf, e))
            return command_fail(NAME, EXIT_FAILED, "%s", e->detail);
    }
    return 0;
}

static int read_config(struct taker *t, const char *file)
{
    char *argv[] = {(char *)(uintptr_t) "--config", (char *)(uintptr_t)file, NULL};
    struct options_input in = {.argc = 2, .argv = argv, .env = environ};
    struct buf report = BUF_INIT;
    struct err e;
    int rc = (int)options_load(&in, &t->options, &report, NULL);
    command_list("", buf_slice(&report));
    buf_fini(&report);
    if (rc != OPTIONS_OK)
        return EXIT_FAILED;
    t->claims = t->options->auth.claims;
    t->audience = t->options->auth.audience;
    t->issuer = t->options->auth.issuer;
    return add_configured(t, &e);
}

/* KEY: a file with a private key or an HS256 secret, else the secret itself. */
static int read_key(struct taker *t, const char *key)
{
    struct buf text = BUF_INIT;
    struct err e = {.code = 0};
    struct key_conf conf = {.name = "key", .secret = key};
    if (access(key, R_OK) == 0) {
        conf.secret = NULL;
        if (keys_read_file(key, &text, &e) == 0 &&
            slice_starts(slice_trim(buf_slice(&text)), "-----BEGIN"))
            conf.pem_file = key;
        else
            conf.secret_file = key;
    }
    int rc = e.code || keyset_add(t->keys, &conf, &e);
    buf_fini(&text);
    return rc ? command_fail(NAME, EXIT_FAILED, "%s", e.detail) : 0;
}

static void put_list(struct buf *out, const char *claim, const struct args_texts *texts)
{
    if (!texts->count)
        return;
    json_put_name(out, claim);
    for (size_t i = 0; i < texts->count; i++) {
        buf_add_char(out, i ? ',' : '[');
        json_put_string(out, slice_str(texts->v[i]));
    }
    buf_add_char(out, ']');
}

static void put_text(struct buf *out, const char *claim, const char *text)
{
    if (text)
        json_put_member(out, claim, slice_str(text));
}

static void put_claims(const struct wish *w, const struct taker *t, uint64_t expires_ms,
                       struct buf *out)
{
    uint64_t now_s = clock_unix_ms() / 1000, id[2];
    char jti[40];
    rng_system(id, sizeof id);
    snprintf(jti, sizeof jti, "%016llx%016llx", (unsigned long long)id[0],
             (unsigned long long)id[1]);
    buf_add_char(out, '{');
    put_text(out, t->claims.tenant, w->tenant);
    put_text(out, t->claims.subject, w->subject);
    put_text(out, t->claims.role, w->role);
    put_list(out, t->claims.subscribe, &w->subscribe);
    put_list(out, t->claims.publish, &w->publish);
    if (w->admin)
        json_put_member_bool(out, t->claims.admin, true);
    put_text(out, "aud", t->audience);
    put_text(out, "iss", t->issuer);
    json_put_member_u64(out, "iat", now_s);
    json_put_member_u64(out, "exp", now_s + (expires_ms + 999) / 1000);
    put_text(out, "jti", jti);
    buf_add_char(out, '}');
}

static int print_token(const struct wish *w, const struct taker *t, uint64_t expires_ms)
{
    struct buf claims = BUF_INIT, token = BUF_INIT;
    struct err e = {.code = 0};
    int rc = EXIT_DONE;
    const struct key *key = keyset_signer(t->keys, w->key_name);
    put_claims(w, t, expires_ms, &claims);
    if (!key)
        rc = command_fail(NAME, EXIT_FAILED,
                          "no key here can sign: it takes an HS256 secret, or a private key with "
                          "--key");
    else if (claims.failed || jwt_sign(key, buf_slice(&claims), &token, &e))
        rc = command_fail(NAME, EXIT_FAILED, "%s", e.code ? e.detail : "out of memory");
    buf_add_char(&token, '\n');
    if (rc == EXIT_DONE && (token.failed || command_print(buf_slice(&token))))
        rc = EXIT_FAILED;
    buf_fini(&claims);
    buf_fini(&token);
    return rc;
}

/* The claims' names have to be names: a pointer into a claim would need the claim to be built. */
static int check_claims(const struct opt_claims *c)
{
    const char *const names[] = {c->tenant, c->subject, c->subscribe, c->publish, c->role, c->admin};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (names[i][0] == '/')
            return command_fail(NAME, EXIT_FAILED,
                                "the claim %s is a pointer into another: have the issuer mint such "
                                "tokens",
                                names[i]);
    return 0;
}

static int mint(const struct wish *w)
{
    struct taker t = {.claims = {"tenant", "sub", "subscribe", "publish", "role", "admin"}};
    uint64_t expires_ms;
    if (!num_duration_ms(slice_str(w->expires), &expires_ms) || !expires_ms ||
        expires_ms > 3650 * 24 * 3600000ull)
        return command_fail(NAME, EXIT_USAGE, "--expires: a duration such as 30m, 1h, 7d");
    if (w->tenant && !name_is_tenant(slice_str(w->tenant)))
        return command_fail(NAME, EXIT_USAGE, "--tenant: 1 to 64 of A-Z a-z 0-9 _ -");
    if (!w->config && !w->key)
        return command_fail(NAME, EXIT_USAGE, "needs --config FILE or --key KEY");
    t.keys = keyset_new();
    int rc = t.keys ? 0 : command_fail(NAME, EXIT_FAILED, "out of memory");
    if (!rc && w->config)
        rc = read_config(&t, w->config);
    if (!rc)
        rc = check_claims(&t.claims);
    if (!rc && w->key) { /* it, and not those of the configuration */
        keyset_unref(t.keys);
        t.keys = keyset_new();
        rc = t.keys ? read_key(&t, w->key) : command_fail(NAME, EXIT_FAILED, "out of memory");
    }
    if (!rc)
        rc = print_token(w, &t, expires_ms);
    keyset_unref(t.keys);
    options_free(t.options);
    return rc;
}

/* The key, which is shown this once, and its line for the configuration. */
static int mint_publisher(const struct wish *w)
{
    char key[PUBLISHER_KEY_TEXT], hash[PUBLISHER_HASH_TEXT];
    struct buf out = BUF_INIT;
    if (!w->tenant || !w->publish.count)
        return command_fail(NAME, EXIT_USAGE,
                            "--publisher needs --tenant T and at least one --publish C");
    publisher_mint(key);
    if (!publisher_hash(slice_str(key), hash))
        return command_fail(NAME, EXIT_FAILED, "out of memory");
    buf_addf(&out, "%s\n- {name: ", key);
    json_put_string(&out, slice_str(w->publisher));
    buf_addf(&out, ", secret_hash: \"%s\", tenant: ", hash);
    json_put_string(&out, slice_str(w->tenant));
    for (size_t i = 0; i < w->publish.count; i++) {
        buf_add_str(&out, i ? ", " : ", channels: [");
        json_put_string(&out, slice_str(w->publish.v[i]));
    }
    buf_add_str(&out, "]}\n");
    int rc = out.failed || command_print(buf_slice(&out)) ? EXIT_FAILED : EXIT_DONE;
    buf_fini(&out);
    return rc;
}

int cmd_token(int argc, char **argv)
{
    struct wish w = {.expires = "1h"};
    const struct args_flag flags[] = {
        {"config", ARGS_TEXT, &w.config, "FILE", "sign with a key of this configuration", false},
        {"key", ARGS_TEXT, &w.key, "KEY", "an HS256 secret, or a file with one or a private key",
         false},
        {"key-name", ARGS_TEXT, &w.key_name, "NAME", "which of the configuration's keys", false},
        {"tenant", ARGS_TEXT, &w.tenant, "T", "the tenant", false},
        {"subject", ARGS_TEXT, &w.subject, "NAME", "the user", false},
        {"subscribe", ARGS_TEXTS, &w.subscribe, "C", "a channel, or a pattern, to follow", false},
        {"publish", ARGS_TEXTS, &w.publish, "C", "a channel, or a pattern, to publish to", false},
        {"role", ARGS_TEXT, &w.role, "R", "the role", false},
        {"admin", ARGS_SWITCH, &w.admin, NULL, "an administrator's token", false},
        {"expires", ARGS_TEXT, &w.expires, "TIME", "how long it holds [1h]", false},
        {"publisher", ARGS_TEXT, &w.publisher, "NAME",
         "a publishing key instead, and its line for `publishers`", false},
    };
    const struct args_spec spec = {NAME,
                                   "token --config FILE|--key KEY --tenant T [--subscribe C]... "
                                   "[--publish C]...",
                                   "Prints a token for trying out. Signed by the first key of the "
                                   "configuration that can sign.\n",
                                   flags,
                                   sizeof flags / sizeof *flags,
                                   0,
                                   0};
    const char *places[1];
    int rc = args_read(&spec, argc, argv, places);
    if (rc >= 0)
        return rc;
    return w.publisher ? mint_publisher(&w) : mint(&w);
}
