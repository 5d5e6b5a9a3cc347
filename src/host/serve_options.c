#include "host/serve_options.h"
#include "host/confinement.h"
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char help[] =
    "usage: mayfly serve CONFIG|WORKER [MORE...] [options]\n"
    "\n"
    "  CONFIG                 wrangler.jsonc, wrangler.json or wrangler.toml, or a directory that has one\n"
    "  WORKER                 a bare .js, .mjs or .ts file: a host worker with the binding LOADER\n"
    "  MORE                   host workers that the first one reaches by its service bindings, and they one another\n"
    "\n"
    "  --listen ADDRESS:PORT  where to listen (127.0.0.1:8787); port 0 takes a free one\n"
    "  --pool N               idle, warm cells to keep (4)\n"
    "  --grants N             idle cells that the host worker holds ahead of need (8)\n"
    "  --named-mb N           memory that named dynamic workers may have together, least recently used go first (1024)\n"
    "  --limit NAME=N         a limit of dynamic workers, as in the configuration's limits: cpu_ms=50, memory_mb=64, ...\n"
    "  --usage FILE           append a line of JSON for each dynamic worker that ends: what it used\n"
    "  --cells-mb N           memory of all cells together, by a control group where one can be made (9/10 of the machine)\n"
    "  --cells-max N          processes and threads of all cells together, likewise (9/10 of pid_max)\n"
    "  --zygote-forks N       replace a zygote after so many cells (20000), so that places in memory do not stay the same\n"
    "  --zygote-seconds N     and after so long (3600)\n"
    "  --require-confinement LIST\n"
    "                         refuse to run with less, such as syscall-filter,empty-root or all; mayfly doctor names them\n"
    "  --no-jit               interpret all workers and compile none; worker_loaders of the configuration have \"jit\": false\n"
    "  --no-rewind            a memory of its own for each sandbox, never used before: several times slower (SECURITY.md)\n"
    "  --no-jail              debugging only: workers run with the rights of whoever started mayfly\n"
    "  --rpc PATH[=NAME]      let clients call the default entrypoint, or the one of this name, by Cap'n Web at this path\n"
    "  --health PATH          answer GET PATH with the state of the server as JSON, in the place of the host worker\n"
    "  --outbound-log FILE    one line of JSON for each request that leaves; - is standard error\n"
    "  --dns ADDRESS[:PORT]   name servers to ask instead of the system's, with commas between\n"
    "  --proxy URL            HTTP proxy (http://[user:password@]host[:port]) for all that leaves, or env:NAME of one\n"
    "  --ca-file FILE         certificate authorities to trust besides the system's\n"
    "  --test-scheduled       a request to /__scheduled?cron=EXPRESSION runs the scheduled handler\n"
    "  --dev                  show clients the message of an error that the fetch handler did not catch\n"
    "  --quiet                errors only\n";

int serve_parse_listen(char *text, struct ingress_config *ret) {
    char *colon = strrchr(text, ':'), *end;
    if (!colon) return -EINVAL;
    unsigned long port = strtoul(colon + 1, &end, 10);
    if (*end || end == colon + 1 || port > 65535) return -EINVAL;
    *colon = 0;
    if (text[0] == '[' && colon[-1] == ']') {
        colon[-1] = 0;
        text++;
    }
    ret->address = *text ? text : "127.0.0.1";
    ret->port = (uint16_t)port;
    return 0;
}

static int parse_limit(struct operator_limits *limits, const char *text) {
    int r = limits_parse(limits, text);
    if (r == -ENOENT) fprintf(stderr, "mayfly serve: --limit %s: there is no such limit\n", text);
    else if (r < 0) fprintf(stderr, "mayfly serve: --limit takes NAME=N, a whole number from 0 (none), not '%s'\n", text);
    return r;
}

static int parse_number(const char *option, const char *text, unsigned max, unsigned *ret) {
    char *end;
    unsigned long n = strtoul(text, &end, 10);
    if (*end || end == text || n > max) {
        fprintf(stderr, "mayfly serve: --%s takes a whole number from 0 to %u, not '%s'\n", option, max, text);
        return -EINVAL;
    }
    *ret = (unsigned)n;
    return 0;
}

static int parse_confinement(const char *text, uint32_t *ret) {
    char unknown[64];
    int r = confinement_parse(text, ret, unknown, sizeof unknown);
    if (r < 0)
        fprintf(stderr, "mayfly serve: --require-confinement: there is no layer '%s'; see mayfly doctor\n", unknown);
    return r;
}

/* PATH or PATH=NAME, split in place. */
static int parse_rpc(char *text, struct serve_options *o) {
    char *name = strchr(text, '=');
    if (name) *name++ = 0;
    if (text[0] != '/' || strpbrk(text, "?#") || (name && !*name)) {
        fprintf(stderr, "mayfly serve: --rpc takes a path, such as /rpc or /rpc=Api\n");
        return -EINVAL;
    }
    o->rpc_path = text;
    o->rpc_entrypoint = name;
    return 0;
}

static int parse_health(const char *text, const char **ret) {
    if (text[0] != '/' || strpbrk(text, "?#")) {
        fprintf(stderr, "mayfly serve: --health takes a path, such as /health\n");
        return -EINVAL;
    }
    *ret = text;
    return 0;
}

static int open_log(const char *option, const char *path, mode_t mode, int *ret_fd) {
    bool is_error = strcmp(path, "-") == 0;
    *ret_fd = is_error ? STDERR_FILENO : open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, mode);
    if (*ret_fd >= 0) return 0;
    fprintf(stderr, "mayfly serve: --%s: %s: %s\n", option, path, strerror(errno));
    return -EINVAL;
}

int serve_options_parse(struct serve_options *o, int argc, char **argv) {
    static const struct option options[] = {{"listen", required_argument, NULL, 'l'},
                                            {"pool", required_argument, NULL, 'p'},
                                            {"grants", required_argument, NULL, 'g'},
                                            {"named-mb", required_argument, NULL, 'm'},
                                            {"limit", required_argument, NULL, 'L'},
                                            {"usage", required_argument, NULL, 'u'},
                                            {"require-confinement", required_argument, NULL, 'c'},
                                            {"no-jail", no_argument, NULL, 'j'},
                                            {"no-jit", no_argument, NULL, 'J'},
                                            {"no-rewind", no_argument, NULL, 'R'},
                                            {"rpc", required_argument, NULL, 'r'},
                                            {"outbound-log", required_argument, NULL, 'o'},
                                            {"health", required_argument, NULL, 'H'},
                                            {"cells-mb", required_argument, NULL, 'M'},
                                            {"cells-max", required_argument, NULL, 'P'},
                                            {"zygote-forks", required_argument, NULL, 'F'},
                                            {"zygote-seconds", required_argument, NULL, 'S'},
                                            {"dns", required_argument, NULL, 'n'},
                                            {"ca-file", required_argument, NULL, 'C'},
                                            {"proxy", required_argument, NULL, 'x'},
                                            {"test-scheduled", no_argument, NULL, 't'},
                                            {"dev", no_argument, NULL, 'd'},
                                            {"quiet", no_argument, NULL, 'q'},
                                            {"help", no_argument, NULL, 'h'},
                                            {0}};
    *o = (struct serve_options){.pool.idle_target = 4,
                                .worker.cell.loader = {.grants_target = 8, .usage_fd = -1},
                                .worker.outbound.log_fd = -1,
                                .ingress = {.address = "127.0.0.1", .port = 8787}};
    unsigned named_mb = 1024, zygote_seconds = 0, cells_mb = 0, cells_max = 0;
    int option, r = 0;
    while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1 && r == 0) {
        switch (option) {
        case 'l':
            r = serve_parse_listen(optarg, &o->ingress);
            if (r < 0) fprintf(stderr, "mayfly serve: --listen takes ADDRESS:PORT, such as 127.0.0.1:8787\n");
            break;
        case 'p': r = parse_number("pool", optarg, 4096, &o->pool.idle_target); break;
        case 'g': r = parse_number("grants", optarg, 256, &o->worker.cell.loader.grants_target); break;
        case 'm': r = parse_number("named-mb", optarg, 1u << 24, &named_mb); break;
        case 'L': r = parse_limit(&o->limits, optarg); break;
        case 'u': r = open_log("usage", optarg, 0600, &o->worker.cell.loader.usage_fd); break;
        case 'c': r = parse_confinement(optarg, &o->pool.required); break;
        case 'j': o->pool.has_no_jail = true; break;
        case 'J': o->pool.is_jitless = true; break;
        case 'R': o->pool.has_no_rewind = true; break;
        case 'r': r = parse_rpc(optarg, o); break;
        case 'o': r = open_log("outbound-log", optarg, 0640, &o->worker.outbound.log_fd); break;
        case 'M': r = parse_number("cells-mb", optarg, 1u << 30, &cells_mb); break;
        case 'P': r = parse_number("cells-max", optarg, 1u << 22, &cells_max); break;
        case 'F': r = parse_number("zygote-forks", optarg, 1u << 24, &o->pool.forks_max); break;
        case 'S': r = parse_number("zygote-seconds", optarg, 1u << 24, &zygote_seconds); break;
        case 'H': r = parse_health(optarg, &o->health_path); break;
        case 'n': o->worker.outbound.dns = optarg; break;
        case 'x': o->worker.outbound.proxy = optarg; break;
        case 'C': o->worker.outbound.ca_file = optarg; break;
        case 't': o->tests_scheduled = true; break;
        case 'd': o->worker.cell.shows_errors = true; break;
        case 'q': o->worker.is_quiet = true; break;
        case 'h': fputs(help, stdout); return 1;
        default: fprintf(stderr, "see mayfly serve --help\n"); return -1;
        }
    }
    o->worker.cell.loader.named_bytes_max = (uint64_t)named_mb << 20;
    o->cgroups = (struct cgroups_config){(uint64_t)cells_mb << 20, cells_max};
    o->pool.age_ms_max = zygote_seconds * UINT64_C(1000);
    if (r == 0 && (optind >= argc || argc - optind > SERVE_WORKERS_MAX)) {
        fprintf(stderr, "mayfly serve: name one configuration or worker file, or up to %d; see mayfly serve --help\n",
                SERVE_WORKERS_MAX);
        return -1;
    }
    return r < 0 ? -1 : 0;
}
