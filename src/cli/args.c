#include "cli/args.h"

#include "base/num.h"

void args_help(const struct args_spec *spec, struct buf *out)
{
    buf_addf(out, "usage: freshet %s\n\n%s", spec->usage, spec->about);
    if (spec->flag_count)
        buf_add_char(out, '\n');
    for (size_t i = 0; i < spec->flag_count; i++) {
        const struct args_flag *f = &spec->flags[i];
        buf_addf(out, "  --%s%s%s\n      %s\n", f->name, f->value ? " " : "",
                 f->value ? f->value : "", f->help);
    }
}

static const struct args_flag *flag_find(const struct args_spec *spec, struct slice name)
{
    for (size_t i = 0; i < spec->flag_count; i++)
        if (slice_is(name, spec->flags[i].name))
            return &spec->flags[i];
    return NULL;
}

static int usage(const struct args_spec *spec, const char *text, const char *what)
{
    return command_fail(spec->command, EXIT_USAGE, "%s%s; `freshet %s --help` says more", what,
                        text, spec->command);
}

/* Sets the flag. -1, or an exit code. */
static int flag_set(const struct args_spec *spec, const struct args_flag *f, const char *arg,
                    const char *value)
{
    struct args_texts *texts = f->to;
    switch (f->kind) {
    case ARGS_SWITCH:
        *(bool *)f->to = true;
        break;
    case ARGS_TEXT:
        *(const char **)f->to = value;
        break;
    case ARGS_TEXTS:
        if (texts->count == ARGS_TEXTS_MAX)
            return usage(spec, " is there too often", arg);
        texts->v[texts->count++] = value;
        break;
    case ARGS_COUNT:
        if (!num_u64(slice_str(value), UINT64_MAX, f->to) || *(uint64_t *)f->to == 0)
            return usage(spec, " must be a whole number of at least 1", arg);
        break;
    }
    return -1;
}

/* Reads the flag at argv[*i] and moves *i behind it. -1, or an exit code. */
static int flag_read(const struct args_spec *spec, int argc, char **argv, int *i)
{
    const char *arg = argv[(*i)++];
    struct slice value = slice_str(arg + 2), name = slice_cut(&value, '=');
    const struct args_flag *f = flag_find(spec, name);
    if (!f)
        return usage(spec, ": is no flag of this command", arg);
    if (f->kind == ARGS_SWITCH && value.p)
        return usage(spec, ": takes no value", arg);
    if (f->kind != ARGS_SWITCH && !value.p) {
        if (*i == argc)
            return usage(spec, ": needs a value behind it", arg);
        value = slice_str(argv[(*i)++]);
    }
    return flag_set(spec, f, arg, value.p);
}

static bool is_given(const struct args_flag *f)
{
    if (f->kind == ARGS_TEXTS)
        return ((const struct args_texts *)f->to)->count > 0;
    return f->kind != ARGS_TEXT || *(const char *const *)f->to;
}

static int complete(const struct args_spec *spec, int places)
{
    if (places < spec->places_min)
        return command_fail(spec->command, EXIT_USAGE, "usage: freshet %s", spec->usage);
    for (size_t i = 0; i < spec->flag_count; i++)
        if (spec->flags[i].required && !is_given(&spec->flags[i]))
            return command_fail(spec->command, EXIT_USAGE, "needs --%s %s", spec->flags[i].name,
                                spec->flags[i].value);
    return -1;
}

int args_read(const struct args_spec *spec, int argc, char **argv, const char **places)
{
    int count = 0, rc = -1;
    bool flags_end = false;
    if (command_wants_help(argc, argv)) {
        struct buf out = BUF_INIT;
        args_help(spec, &out);
        rc = command_print(buf_slice(&out));
        buf_fini(&out);
        return rc == 0 ? EXIT_DONE : EXIT_FAILED;
    }
    for (int i = 0; i < spec->places_max; i++)
        places[i] = NULL;
    for (int i = 0; i < argc && rc < 0;) {
        if (!flags_end && strcmp(argv[i], "--") == 0) {
            flags_end = true;
            i++;
        } else if (!flags_end && strncmp(argv[i], "--", 2) == 0) {
            rc = flag_read(spec, argc, argv, &i);
        } else if (count == spec->places_max) {
            rc = usage(spec, ": is one argument too many", argv[i]);
        } else {
            places[count++] = argv[i++];
        }
    }
    return rc < 0 ? complete(spec, count) : rc;
}
