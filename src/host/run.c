/* `mayfly run`: one snippet in one sandbox, its result on standard output. Built on libmayfly's public header alone. */
#include "host/run.h"
#include "host/terminal.h"
#include <errno.h>
#include <getopt.h>
#include <jansson.h>
#include <limits.h>
#include <mayfly.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define SNIPPET_BYTES_MAX (64u << 20)

static const char help[] =
    "usage: mayfly run FILE|- [options]\n"
    "\n"
    "  FILE            a .js or .ts file: a script, whose last value is the result, or an ES module, whose default\n"
    "                  export is the result, or is called with the input if it is a function\n"
    "  -               the same from standard input, JavaScript or TypeScript\n"
    "\n"
    "  --json INPUT    the input, as JSON (null)\n"
    "  --cpu MS        processor time that it may use (30000); 0 for as much as it likes\n"
    "  --memory MIB    memory that it may take (128); 0 for as much as it likes\n"
    "  --allow-net HOST[:PORT]   what fetch() may reach: a name, *.name, an address, or * for everything public\n"
    "  --secret HOST:HEADER=[PREFIX ]VARIABLE\n"
    "                  a header for requests to that host over https, with the value of an environment variable, "
    "which\n"
    "                  the snippet never sees; once for each header\n"
    "  --ca-file FILE  certificate authorities to trust besides the system's\n"
    "  --proxy URL     HTTP proxy (http://[user:password@]host[:port]) for all that leaves, or env:NAME of one\n"
    "  --timeout MS    how long it may take, in milliseconds (30000); 0 for as long as it likes\n"
    "  --no-jit        interpret and never compile: slower where it computes much, and no memory can be written and run\n"
    "  --require-confinement LIST\n"
    "                  refuse to run with less, such as syscall-filter,empty-root or all; mayfly doctor names them\n"
    "\n"
    "It runs in a sandbox of its own, without files and, but for --allow-net and --secret, without network. The "
    "result\n"
    "is printed as JSON, console output goes to standard error, and an error there too, with exit status 1.\n";

struct run {
    const char *file, *input, *required, *ca_file, *proxy;
    struct mf_limits limits;
    bool no_jit;
    json_t *rules, *secrets; /* of the policy, if there is one */
};

/* Reads a stream to its end. Returns 0, -EFBIG or another negative errno. */
static int read_all(FILE *from, char **ret, size_t *ret_len) {
    size_t len = 0, capacity = 64 * 1024;
    char *data = malloc(capacity);
    while (data) {
        size_t n = fread(data + len, 1, capacity - len, from);
        len += n;
        if (n == 0 || len > SNIPPET_BYTES_MAX) break;
        if (len < capacity) continue;
        char *larger = realloc(data, capacity *= 2);
        if (!larger) free(data);
        data = larger;
    }
    int r = !data ? -ENOMEM : ferror(from) ? -EIO : len > SNIPPET_BYTES_MAX ? -EFBIG : 0;
    if (r < 0) {
        free(data);
        return r;
    }
    *ret = data;
    *ret_len = len;
    return 0;
}

static int read_snippet(const char *path, char **ret, size_t *ret_len) {
    FILE *from = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
    int r = from ? read_all(from, ret, ret_len) : -errno;
    if (from && from != stdin) fclose(from);
    if (r == -EFBIG)
        fprintf(stderr, "mayfly run: %s: larger than %u MiB\n", path, SNIPPET_BYTES_MAX >> 20);
    else if (r < 0)
        fprintf(stderr, "mayfly run: %s: %s\n", path, strerror(-r));
    return r;
}

static void on_log(void *ctx, const char *level, const char *message) {
    (void)ctx;
    if (strcmp(level, "log") != 0 && strcmp(level, "info") != 0) fprintf(stderr, "%s: ", level);
    terminal_print(stderr, message);
    fputc('\n', stderr);
}

static void print_error(const struct mf_error *error) {
    fputs("mayfly run: ", stderr);
    if (error->death[0] == 0) {
        terminal_print(stderr, error->name);
        fputs(": ", stderr);
    }
    terminal_print(stderr, error->message);
    fputc('\n', stderr);
    if (error->stack[0] == 0) return;
    terminal_print(stderr, error->stack);
    fputc('\n', stderr);
}

/* Wraps the input as the only argument. */
static char *make_args(const char *input) {
    size_t len = strlen(input);
    char *args = malloc(len + 3);
    if (!args) return NULL;
    args[0] = '[';
    memcpy(args + 1, input, len);
    memcpy(args + 1 + len, "]", 2);
    return args;
}

static int run(const struct run *options, const char *source, size_t len) {
    struct mf_config config;
    struct mf_code code;
    struct mf_error error = {.message = "out of memory"};
    struct mf_loader *loader = NULL;
    struct mf_worker *worker = NULL;
    const char *slash = strrchr(options->file, '/');
    const char *name = strcmp(options->file, "-") == 0 ? "stdin.ts" : slash ? slash + 1 : options->file;
    struct mf_module module = {name, MF_KIND_SNIPPET, source, len};
    char *args = make_args(options->input), *json = NULL;
    char *policy = NULL, *secrets = json_dumps(options->secrets, JSON_COMPACT);
    mf_config_init(&config);
    mf_code_init(&code);
    config.idle_cells = 1;
    config.require_confinement = options->required;
    config.secrets_json = secrets;
    config.no_jit = options->no_jit;
    config.ca_file = options->ca_file;
    config.proxy = options->proxy;
    if (json_array_size(options->rules) > 0) {
        json_t *all = json_pack("{s:O}", "allow", options->rules);
        code.outbound_json = policy = json_dumps(all, JSON_COMPACT);
        json_decref(all);
    }
    code.modules = &module;
    code.modules_len = 1;
    code.limits = options->limits;
    code.on_log = on_log;
    int r = args ? mf_loader_new(&config, &loader, &error) : -ENOMEM;
    if (r == 0) r = mf_worker_load(loader, &code, &worker, &error);
    if (r == 0) r = mf_worker_call(worker, NULL, "", args, &json, &error);
    if (r == 0)
        terminal_print_json(stdout, json);
    else
        print_error(&error);
    mf_free(json);
    mf_worker_free(worker);
    mf_loader_free(loader);
    free(args);
    free(policy);
    free(secrets);
    return r;
}

/* --- Options ---------------------------------------------------------------------------------------------------- */

static int parse_limit(const char *option, const char *unit, const char *text, unsigned *ret) {
    char *end;
    unsigned long n = strtoul(text, &end, 10);
    if (*end || end == text || text[0] == '-' || n > INT_MAX) {
        fprintf(stderr, "mayfly run: --%s takes %s, a whole number, not '%s'\n", option, unit, text);
        return -EINVAL;
    }
    *ret = n == 0 ? MF_NO_LIMIT : (unsigned)n;
    return 0;
}

static int parse_input(const char *text, const char **ret) {
    json_error_t error;
    json_t *value = json_loads(text, JSON_DECODE_ANY | JSON_DECODE_INT_AS_REAL | JSON_ALLOW_NUL, &error);
    if (!value) {
        fprintf(stderr, "mayfly run: --json: line %d, column %d: %s\n", error.line, error.column, error.text);
        return -EINVAL;
    }
    json_decref(value);
    *ret = text;
    return 0;
}

/* HOST[:PORT]: without a port, both schemes on their own ports. */
static int parse_allow(struct run *options, const char *text) {
    const char *colon = strrchr(text, ':');
    bool has_port = colon && colon > text && (colon[-1] == ']' || !memchr(text, ':', (size_t)(colon - text)));
    char *end = NULL, *host = has_port ? strndup(text, (size_t)(colon - text)) : strdup(text);
    unsigned long port = has_port ? strtoul(colon + 1, &end, 10) : 0;
    if (!host || !*host || (has_port && (*end || end == colon + 1 || port == 0 || port > 65535))) {
        fprintf(stderr, "mayfly run: --allow-net takes HOST or HOST:PORT, not '%s'\n", text);
        free(host);
        return -EINVAL;
    }
    json_t *rule = json_pack("{s:[s], s:[s,s]}", "hosts", host, "schemes", "https", "http");
    if (has_port) json_object_set_new(rule, "ports", json_pack("[i]", (int)port));
    json_array_append_new(options->rules, rule);
    free(host);
    return 0;
}

/* The rule of an earlier --secret for the same host and port, or NULL. */
static json_t *find_secret_rule(const json_t *rules, const json_t *like) {
    const json_t *ports = json_object_get(like, "ports");
    json_t *rule;
    size_t i;
    json_array_foreach(rules, i, rule) {
        const json_t *its_ports = json_object_get(rule, "ports");
        if (json_object_get(rule, "inject") && json_equal(json_object_get(rule, "hosts"), json_object_get(like, "hosts")) &&
            (ports ? json_equal(its_ports, ports) : !its_ports))
            return rule;
    }
    return NULL;
}

/* Of several secrets for one host all go along, since only the first rule that fits decides. */
static int add_injection(json_t *rules, json_t *rule, json_t *inject) {
    json_t *earlier = find_secret_rule(rules, rule), *one;
    const char *header = json_string_value(json_object_get(inject, "header"));
    size_t i;
    json_array_foreach(json_object_get(earlier, "inject"), i, one) {
        if (strcasecmp(json_string_value(json_object_get(one, "header")), header) != 0) continue;
        fprintf(stderr, "mayfly run: --secret: the header %s has one for this host already\n", header);
        return -EINVAL;
    }
    if (earlier) return json_array_append(json_object_get(earlier, "inject"), inject);
    json_object_set_new(rule, "schemes", json_pack("[s]", "https"));
    json_object_set_new(rule, "inject", json_pack("[O]", inject));
    return json_array_insert(rules, 0, rule);
}

/* HOST:HEADER=[PREFIX ]VARIABLE; goes before the rules that allow. */
static int parse_secret(struct run *options, const char *text) {
    const char *equals = strchr(text, '='), *colon = equals ? memrchr(text, ':', (size_t)(equals - text)) : NULL;
    const char *space = equals ? strrchr(equals, ' ') : NULL;
    const char *variable = space ? space + 1 : equals ? equals + 1 : "";
    bool is_whole = colon && colon != text && equals != colon + 1 && *variable;
    if (!is_whole || !getenv(variable)) {
        fprintf(stderr, "mayfly run: --secret takes HOST:HEADER=[PREFIX ]VARIABLE, with a variable that is set%s%s\n",
                is_whole ? ", and there is no " : "", is_whole ? variable : "");
        return -EINVAL;
    }
    json_t *inject = json_pack("{s:s%, s:s, s:s%}", "header", colon + 1, (size_t)(equals - colon - 1), "secret",
                               variable, "prefix", equals + 1, (size_t)(variable - equals - 1));
    char *host = strndup(text, (size_t)(colon - text));
    json_t *rules = json_array();
    int r = parse_allow(&(struct run){.rules = rules}, host);
    if (r == 0) r = add_injection(options->rules, json_array_get(rules, 0), inject);
    if (r == 0) {
        json_object_set_new(options->secrets, variable, json_pack("{s:s}", "env", variable));
    }
    json_decref(inject);
    json_decref(rules);
    free(host);
    return r;
}

/* Returns 0 to go on, 1 when help was printed, or -EINVAL after an error. */
static int parse_options(struct run *options, int argc, char **argv) {
    static const struct option known[] = {{"json", required_argument, NULL, 'j'},
                                          {"allow-net", required_argument, NULL, 'a'},
                                          {"secret", required_argument, NULL, 's'},
                                          {"ca-file", required_argument, NULL, 'C'},
                                          {"proxy", required_argument, NULL, 'x'},
                                          {"timeout", required_argument, NULL, 't'},
                                          {"cpu", required_argument, NULL, 'c'},
                                          {"memory", required_argument, NULL, 'm'},
                                          {"no-jit", no_argument, NULL, 'n'},
                                          {"require-confinement", required_argument, NULL, 'r'},
                                          {"help", no_argument, NULL, 'h'},
                                          {0}};
    int r = 0;
    for (int option; r == 0 && (option = getopt_long(argc, argv, "h", known, NULL)) != -1;) {
        switch (option) {
        case 'j': r = parse_input(optarg, &options->input); break;
        case 't': r = parse_limit("timeout", "milliseconds", optarg, &options->limits.wall_ms); break;
        case 'c': r = parse_limit("cpu", "milliseconds", optarg, &options->limits.cpu_ms); break;
        case 'm': r = parse_limit("memory", "MiB", optarg, &options->limits.memory_mb); break;
        case 'n': options->no_jit = true; break;
        case 'r': options->required = optarg; break;
        case 'a': r = parse_allow(options, optarg); break;
        case 's': r = parse_secret(options, optarg); break;
        case 'C': options->ca_file = optarg; break;
        case 'x': options->proxy = optarg; break;
        case 'h': fputs(help, stdout); return 1;
        default: r = -EINVAL;
        }
    }
    if (r == 0 && optind != argc - 1) {
        fprintf(stderr, "mayfly run: name one file, or - for standard input\n");
        r = -EINVAL;
    }
    if (r < 0)
        fprintf(stderr, "see mayfly run --help\n");
    else
        options->file = argv[optind];
    return r;
}

int run_main(int argc, char **argv) {
    struct run options = {.input = "null", .rules = json_array(), .secrets = json_object()};
    char *source = NULL;
    size_t len = 0;
    int r = parse_options(&options, argc, argv), status = r < 0 ? 2 : 0;
    if (r == 0) {
        r = read_snippet(options.file, &source, &len);
        if (r == 0) r = run(&options, source, len);
        if (r == 0 && fflush(stdout) != 0) {
            fprintf(stderr, "mayfly run: standard output: %s\n", strerror(errno));
            r = -EIO;
        }
        status = r < 0;
    }
    free(source);
    json_decref(options.rules);
    json_decref(options.secrets);
    return status;
}
