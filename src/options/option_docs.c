/* What the table of options says to people: --help and docs/configuration.md. */
#include "options/option_table.h"
#include "options/option_value.h"
#include "options/options.h"

/* The kind of value, in a word. */
static const char *type_word(const struct opt_row *row)
{
    switch (row->type) {
    case OPT_BOOL:
        return "true or false";
    case OPT_COUNT:
        return "number";
    case OPT_DURATION:
        return "time";
    case OPT_SIZE:
        return "size";
    case OPT_ADDRESS:
    case OPT_ADDRESSES:
        return "address:port";
    case OPT_PATH:
        return "path";
    case OPT_URL:
        return "URL";
    case OPT_TENANT:
        return "tenant";
    case OPT_CHANNEL:
        return "channel";
    case OPT_PATTERN:
        return "channel or pattern";
    case OPT_EVENT_TYPE:
        return "event type";
    case OPT_STORE:
        return "store";
    case OPT_TEXTS:
        return "list of texts";
    case OPT_LIST:
        return "list";
    case OPT_MAP:
        return "mapping";
    default:
        return "text";
    }
}

static void put_words(struct buf *out, const struct opt_row *row, const char *between)
{
    if (!row->words) {
        buf_add_str(out, type_word(row));
        return;
    }
    for (const char *p = row->words; *p; p++) {
        if (*p == '|')
            buf_add_str(out, between);
        else
            buf_add_char(out, *p);
    }
}

static bool is_ranged(const struct opt_row *row)
{
    return row->type == OPT_COUNT || row->type == OPT_DURATION || row->type == OPT_SIZE;
}

static void help_row(struct buf *out, const struct opt_row *row)
{
    buf_add_str(out, "  ");
    opt_put_flag(out, row);
    if (row->type != OPT_BOOL) {
        buf_add_char(out, ' ');
        put_words(out, row, "|");
    }
    buf_addf(out, "\n      %s", row->help);
    if (is_ranged(row)) {
        buf_add_str(out, " (");
        opt_put_number(out, row->type, row->min);
        buf_add_str(out, " to ");
        opt_put_number(out, row->type, row->max);
        buf_add_char(out, ')');
    }
    if (row->fallback)
        buf_addf(out, " [%s]", row->fallback);
    buf_add_char(out, '\n');
}

void options_help(struct buf *out)
{
    buf_add_str(out, "  --config path\n      the configuration file (YAML); several are laid over one "
                     "another. docs/configuration.md has what else they may hold\n");
    for (size_t i = 0; i < OPT_ROWS; i++)
        if (opt_row_is_flag(&opt_rows[i]))
            help_row(out, &opt_rows[i]);
}

static void put_fallback(struct buf *out, const struct opt_row *row)
{
    if (row->fallback == opt_required)
        buf_add_str(out, "*required*");
    else if (!row->fallback)
        buf_add_str(out, "none");
    else if (row->fallback[0] == '@')
        buf_addf(out, "the hub's `%s`", row->fallback + 1);
    else
        buf_addf(out, "`%s`", row->fallback);
}

static void markdown_row(struct buf *out, const struct opt_row *row)
{
    buf_addf(out, "| `%s` | ", row->name);
    put_words(out, row, ", ");
    if (is_ranged(row)) {
        buf_add_str(out, ", ");
        opt_put_number(out, row->type, row->min);
        buf_add_str(out, " to ");
        opt_put_number(out, row->type, row->max);
    }
    buf_add_str(out, " | ");
    put_fallback(out, row);
    buf_addf(out, " | %s | %s |\n", row->reloads ? "yes" : "restart", row->help);
}

static void markdown_scope(struct buf *out, enum opt_scope scope)
{
    if (scope == SCOPE_hub)
        buf_add_str(out, "## The hub\n\n");
    else
        buf_addf(out, "\n## An entry of `%s`\n\n", opt_scopes[scope].title);
    buf_add_str(out, "| option | value | default | reload | what it is |\n|---|---|---|---|---|\n");
    for (size_t i = 0; i < OPT_ROWS; i++)
        if (opt_rows[i].scope == scope)
            markdown_row(out, &opt_rows[i]);
}

static const char introduction[] =
    "# Configuration\n"
    "\n"
    "<!-- Made from src/options/config.def by `freshet help --markdown`; change it there. -->\n"
    "\n"
    "Options come from a YAML file (`--config FILE` or `FRESHET_CONFIG`), from environment\n"
    "variables and from flags. A flag wins over a variable, a variable over the file, the file\n"
    "over the default. `--config` may stand several times: each file is laid over those before it,\n"
    "value by value; lists grow.\n"
    "\n"
    "A dot in a name is a level of the file. Every option of the hub but the lists of entries is\n"
    "a flag and a variable as well: `limits.connections_per_tenant` is\n"
    "\n"
    "```yaml\n"
    "limits: {connections_per_tenant: 500}\n"
    "```\n"
    "\n"
    "`--limits-connections-per-tenant 500` and `FRESHET_LIMITS_CONNECTIONS_PER_TENANT=500`. A\n"
    "list is separated by commas there. `LOG_LEVEL=debug` and `DEBUG=sse:*` set `log.level` too.\n"
    "\n"
    "Times are written `250ms`, `10s`, `5m`, `2h` or `1d`; sizes `500`, `64KiB`, `1MiB` or\n"
    "`1GiB` (or `KB`, `MB`, `GB`). Where 0 is allowed, so is `none`. Every value is read as its\n"
    "option wants it, so a channel named `no` is a name. Paths are relative to the file they\n"
    "stand in. Anchors, aliases and tags of YAML are refused, and so is an option that stands\n"
    "twice.\n"
    "\n"
    "`freshet check --config FILE` names every mistake with its file and line.\n"
    "\n"
    "With `dev` the caps on connections and on publishing are off, unless they are set by name.\n"
    "\n"
    "The column *reload* says what SIGHUP does ([operations.md](operations.md#reloading)): with `yes`\n"
    "the new value holds for what comes after, without a stream being closed; `restart` is named in\n"
    "the log and stays as it is until the hub is started anew. An open stream keeps the form and the\n"
    "heartbeat it was opened with.\n"
    "\n";

void options_markdown(struct buf *out)
{
    buf_add_str(out, introduction);
    for (enum opt_scope scope = SCOPE_hub; scope < SCOPE_COUNT; scope++)
        markdown_scope(out, scope);
}
