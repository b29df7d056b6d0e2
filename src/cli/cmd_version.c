/* freshet version: what this build is and what it runs on. */
#include "cli/args.h"

#include <curl/curl.h>
#include <jansson.h>
#include <openssl/crypto.h>
#include <sqlite3.h>
#include <uv.h>
#include <yaml.h>

#ifdef FRESHET_POSTGRES
#define SOURCES_MORE " postgres postgres-outbox"
#else
#define SOURCES_MORE ""
#endif

int cmd_version(int argc, char **argv)
{
    const struct args_spec spec = {
        "version", "version", "Prints version, features and the libraries in use.\n", NULL, 0,
        0,         0};
    const char *places[1];
    int rc = args_read(&spec, argc, argv, places);
    if (rc >= 0)
        return rc;
    struct buf out = BUF_INIT;
    buf_add_str(&out, "freshet " FRESHET_VERSION "\n"
                      "stores: memory sqlite null\n"
                      "sources: sqlite" SOURCES_MORE "\n");
    buf_addf(&out, "libraries: libuv %s, sqlite %s, libyaml %s, libcurl %s, jansson %s, %s\n",
             uv_version_string(), sqlite3_libversion(), yaml_get_version_string(),
             curl_version_info(CURLVERSION_NOW)->version, jansson_version_str(),
             OpenSSL_version(OPENSSL_VERSION));
    rc = command_print(buf_slice(&out)) == 0 ? EXIT_DONE : EXIT_FAILED;
    buf_fini(&out);
    return rc;
}
