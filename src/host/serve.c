/* `mayfly serve`: the supervisor. Starts the zygote's pool, the host worker's cell and the ingress, restarts what dies,
   and ends cleanly on SIGINT or SIGTERM. Links no engine, parses no JavaScript; what it reads from cells and clients is
   checked in the rooms below it (channel, host_cell, ingress). */
#include "host/serve.h"
#include "base/macros.h"
#include "host/config.h"
#include "host/confinement.h"
#include "host/host_cell.h"
#include "host/ingress.h"
#include "host/outbound.h"
#include "host/paths.h"
#include "host/pool.h"
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <jansson.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define DRAIN_MS         5000
#define RESTART_MS_FIRST 50
#define RESTART_MS_MAX   5000

struct server {
    uv_loop_t loop;
    uv_signal_t interrupt, terminate;
    uv_timer_t restart;
    struct config config;
    struct operator_limits limits; /* of the command line, which go before the configuration's */
    struct pool_config pool_config;
    struct host_cell_config host_config;
    struct ingress_config ingress_config;
    struct outbound_config outbound_config;
    struct pool *pool;
    struct outbound *outbound; /* NULL until somebody needs it, unless there are policies or secrets */
    struct host_cell *host;
    struct ingress *ingress;
    const char *rpc_path, *rpc_entrypoint; /* --rpc, or NULL */
    unsigned restart_ms;
    int exit_status;
    bool has_started; /* the host worker has started once */
    bool is_serving;  /* it is up now */
    bool is_stalled;  /* no cell could be forked, and it has been said */
    bool tests_scheduled; /* --test-scheduled */
    bool is_quiet, is_stopping;
};

static void start_pool(struct server *s);
static void start_host(struct server *s);

/* --- Words to the operator -------------------------------------------------------------------------------------- */

static void on_log(void *context, const char *level, const char *message) {
    struct server *s = context;
    if (s->is_quiet && strcmp(level, "error") != 0) return;
    struct timespec now;
    struct tm tm;
    char stamp[32];
    clock_gettime(CLOCK_REALTIME, &now);
    strftime(stamp, sizeof stamp, "%H:%M:%S", gmtime_r(&now.tv_sec, &tm));
    fprintf(stderr, "%s.%03ld %-5s %s: %s\n", stamp, now.tv_nsec / 1000000, level, s->config.name, message);
}

/* --- Ending ----------------------------------------------------------------------------------------------------- */

static void close_handles(struct server *s) {
    uv_close((uv_handle_t *)&s->interrupt, NULL);
    uv_close((uv_handle_t *)&s->terminate, NULL);
    uv_close((uv_handle_t *)&s->restart, NULL);
}

static void finish(void *context) {
    struct server *s = context;
    s->ingress = NULL;
    host_cell_free(s->host);
    s->host = NULL;
    pool_free(s->pool);
    s->pool = NULL;
    outbound_free(s->outbound);
    s->outbound = NULL;
    close_handles(s);
}

static void stop(struct server *s, int status) {
    if (s->is_stopping) return;
    s->is_stopping = true;
    s->exit_status = status;
    uv_timer_stop(&s->restart);
    if (s->ingress)
        ingress_stop(s->ingress, status == 0 ? DRAIN_MS : 0, finish, s);
    else
        finish(s);
}

static void on_signal(uv_signal_t *handle, int signal) {
    struct server *s = handle->data;
    if (s->is_stopping) _exit(128 + signal); /* asked twice: the zygote ends when its socket closes */
    if (!s->is_quiet) fprintf(stderr, "\nmayfly: %s, ending\n", signal == SIGINT ? "interrupted" : "asked to end");
    stop(s, 0);
}

static void fail(struct server *s, const char *what, const char *why) {
    fprintf(stderr, "mayfly: %s: %s\n", what, why);
    stop(s, 1);
}

/* --- Restarting ------------------------------------------------------------------------------------------------- */

static void on_restart(uv_timer_t *timer) {
    struct server *s = timer->data;
    if (!s->pool)
        start_pool(s);
    else if (!s->host)
        start_host(s);
}

static void restart_later(struct server *s) {
    if (s->is_stopping) return;
    uv_timer_start(&s->restart, on_restart, s->restart_ms, 0);
    s->restart_ms = s->restart_ms * 2 < RESTART_MS_MAX ? s->restart_ms * 2 : RESTART_MS_MAX;
}

/* --- The host worker -------------------------------------------------------------------------------------------- */

static void listen_now(struct server *s);

static void on_started(void *context, const char *error) {
    struct server *s = context;
    if (error && !s->has_started) {
        fail(s, s->config.main_path, error);
        return;
    }
    if (error) {
        on_log(s, "error", error);
        return;
    }
    s->has_started = s->is_serving = true;
    s->restart_ms = RESTART_MS_FIRST;
    if (!s->ingress) listen_now(s);
}

static void on_host_closed(void *context) {
    struct server *s = context;
    s->is_serving = false;
    host_cell_free(s->host);
    s->host = NULL;
    if (!s->has_started)
        fail(s, s->config.main_path, "the host worker's cell ended before the worker had started");
    else
        restart_later(s);
}

/* --- The way out ------------------------------------------------------------------------------------------------ */

static void on_outbound_ready(void *context, const char *error) {
    struct server *s = context;
    if (error) fail(s, "egress cannot start", error);
}

static void on_outbound_lost(void *context) {
    struct server *s = context;
    outbound_free(s->outbound);
    s->outbound = NULL;
    if (!s->is_stopping) on_log(s, "error", "the egress process has ended");
}

/* Secrets of the environment are egress's alone from now on: this process, and what it starts later, forgets them. */
static void forget_secrets(const char *secrets_json) {
    json_t *sources = json_loads(secrets_json, 0, NULL), *source;
    const char *name;
    json_object_foreach(sources, name, source) {
        const char *variable = json_string_value(json_object_get(source, "env"));
        char *value = variable ? getenv(variable) : NULL;
        if (!value) continue;
        explicit_bzero(value, strlen(value));
        unsetenv(variable);
    }
    json_decref(sources);
}

static int start_outbound(struct server *s) {
    static const struct outbound_handler handler = {on_outbound_ready, on_outbound_lost};
    s->outbound_config.secrets_json = s->config.secrets_json;
    s->outbound_config.policies_json = s->config.policies_json;
    int r = outbound_start(&s->loop, &s->outbound_config, &handler, s, &s->outbound);
    if (r < 0) return r;
    if (s->config.secrets_json) forget_secrets(s->config.secrets_json);
    if (s->ingress) outbound_own_port(s->outbound, (uint16_t)ingress_port(s->ingress));
    return 0;
}

static int on_outbound(void *context) {
    struct server *s = context;
    int r = s->outbound ? 0 : start_outbound(s);
    if (r == 0) r = outbound_attach(s->outbound, s->config.name, s->config.policies_json);
    if (r < 0) on_log(s, "error", strerror(-r));
    return r;
}

static const struct host_cell_handler host_handler = {on_started, on_host_closed, on_log, on_outbound};

static void start_host(struct server *s) {
    int r = host_cell_new(&s->loop, s->pool, &s->host_config, &host_handler, s, &s->host);
    if (r < 0) {
        on_log(s, "error", strerror(-r));
        restart_later(s);
    }
}

/* --- The pool --------------------------------------------------------------------------------------------------- */

static void on_pool_ready(void *context, uint32_t confinement) {
    struct server *s = context;
    char names[600];
    uint32_t missing = confinement_all() & ~confinement;
    if (missing && !s->has_started && !s->is_quiet && !s->pool_config.has_no_jail) {
        fprintf(stderr, "mayfly: confinement lacks here: %s (see mayfly doctor)\n",
                confinement_names(missing, names, sizeof names));
    }
    if (!s->host) start_host(s);
}

static void on_pool_idle(void *context) {
    struct server *s = context;
    s->is_stalled = false;
    if (s->host) host_cell_pool_grew(s->host);
}

static void on_death(void *context, const struct zygote_death *death) {
    struct server *s = context;
    char reason[100];
    if (!s->host) return;
    if (death->cell != host_cell_number(s->host)) {
        loader_cell_died(host_cell_loader(s->host), death);
        return;
    }
    zygote_describe_death(death->status, reason, sizeof reason);
    host_cell_died(s->host, reason);
}

static void on_pool_stalled(void *context, const char *reason) {
    struct server *s = context;
    if (!s->is_stalled) on_log(s, "error", "no cell can be forked, which is tried again and again:");
    if (!s->is_stalled) on_log(s, "error", reason);
    s->is_stalled = true;
    if (s->host) loader_stalled(host_cell_loader(s->host), reason);
}

static void on_pool_lost(void *context, const char *reason) {
    struct server *s = context;
    if (!s->has_started) {
        fail(s, "the zygote did not start", reason);
        return;
    }
    on_log(s, "error", reason);
    host_cell_free(s->host);
    s->host = NULL;
    s->is_serving = false;
    pool_free(s->pool);
    s->pool = NULL;
    restart_later(s);
}

static const struct pool_handler pool_handler = {on_pool_ready, on_pool_idle, on_death, on_pool_lost,
                                                 on_pool_stalled};

static void start_pool(struct server *s) {
    int r = pool_new(&s->loop, &s->pool_config, &pool_handler, s, &s->pool);
    if (r < 0) fail(s, s->pool_config.cell_path, strerror(-r));
}

/* --- Ingress ---------------------------------------------------------------------------------------------------- */

static void on_request(void *context, struct ingress_req *req) {
    struct server *s = context;
    if (s->is_serving)
        host_cell_request(s->host, req);
    else
        ingress_fail(req, 503, "the host worker is being restarted");
}

static size_t on_body(void *context, struct ingress_req *req, const uint8_t *data, size_t len) {
    (void)context;
    return host_cell_body(req, data, len);
}

static void on_body_end(void *context, struct ingress_req *req) {
    (void)context;
    host_cell_body_end(req);
}

static void on_writable(void *context, struct ingress_req *req) {
    (void)context;
    host_cell_writable(req);
}

static void on_abort(void *context, struct ingress_req *req) {
    (void)context;
    host_cell_request_gone(req, true);
}

static void on_done(void *context, struct ingress_req *req) {
    (void)context;
    host_cell_request_gone(req, false);
}

static void listen_now(struct server *s) {
    static const struct ingress_handler handler = {on_request, on_body, on_body_end, on_writable, on_abort, on_done};
    int r = ingress_start(&s->loop, &s->ingress_config, &handler, s, &s->ingress);
    if (r < 0) {
        char where[128];
        snprintf(where, sizeof where, "cannot listen on %s:%u", s->ingress_config.address, s->ingress_config.port);
        fail(s, where, strerror(-r));
        return;
    }
    if (s->outbound) outbound_own_port(s->outbound, (uint16_t)ingress_port(s->ingress));
    printf("mayfly: %s listens on http://%s:%d\n", s->config.name, s->ingress_config.address, ingress_port(s->ingress));
    fflush(stdout);
}

/* --- The command ------------------------------------------------------------------------------------------------ */

static const char help[] =
    "usage: mayfly serve CONFIG|WORKER [options]\n"
    "\n"
    "  CONFIG                 wrangler.jsonc, wrangler.json or wrangler.toml, or a directory that has one\n"
    "  WORKER                 a bare .js, .mjs or .ts file: a host worker with the binding LOADER\n"
    "\n"
    "  --listen ADDRESS:PORT  where to listen (127.0.0.1:8787); port 0 takes a free one\n"
    "  --pool N               idle, warm cells to keep (8)\n"
    "  --grants N             idle cells that the host worker holds ahead of need (16)\n"
    "  --named-mb N           memory that named dynamic workers may have together, least recently used go first (1024)\n"
    "  --limit NAME=N         a limit of dynamic workers, as in the configuration's limits: cpu_ms=50, memory_mb=64, ...\n"
    "  --usage FILE           append a line of JSON for each dynamic worker that ends: what it used\n"
    "  --require-confinement LIST\n"
    "                         refuse to run with less, such as syscall-filter,empty-root or all; mayfly doctor names them\n"
    "  --no-jail              debugging only: workers run with the rights of whoever started mayfly\n"
    "  --rpc PATH[=NAME]      let clients call the default entrypoint, or the one of this name, by Cap'n Web at this path\n"
    "  --outbound-log FILE    one line of JSON for each request that leaves; - is standard error\n"
    "  --dns ADDRESS[:PORT]   name servers to ask instead of the system's, with commas between\n"
    "  --ca-file FILE         certificate authorities to trust besides the system's\n"
    "  --test-scheduled       a request to /__scheduled?cron=EXPRESSION runs the scheduled handler\n"
    "  --dev                  show clients the message of an error that the fetch handler did not catch\n"
    "  --quiet                errors only\n";

/* Splits ADDRESS:PORT in place; [IPv6]:PORT too. */
static int parse_listen(char *text, struct ingress_config *ret) {
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
static int parse_rpc(char *text, struct server *s) {
    char *name = strchr(text, '=');
    if (name) *name++ = 0;
    if (text[0] != '/' || strpbrk(text, "?#") || (name && !*name)) {
        fprintf(stderr, "mayfly serve: --rpc takes a path, such as /rpc or /rpc=Api\n");
        return -EINVAL;
    }
    s->rpc_path = text;
    s->rpc_entrypoint = name;
    return 0;
}

static int open_log(struct server *s, const char *path) {
    s->outbound_config.log_fd =
        strcmp(path, "-") == 0 ? STDERR_FILENO : open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
    if (s->outbound_config.log_fd >= 0) return 0;
    fprintf(stderr, "mayfly serve: --outbound-log: %s: %s\n", path, strerror(errno));
    return -EINVAL;
}

/* Returns 0 to go on, 1 when help was printed, -1 after an error. */
static int parse_options(struct server *s, int argc, char **argv) {
    static const struct option options[] = {{"listen", required_argument, NULL, 'l'},
                                            {"pool", required_argument, NULL, 'p'},
                                            {"grants", required_argument, NULL, 'g'},
                                            {"named-mb", required_argument, NULL, 'm'},
                                            {"limit", required_argument, NULL, 'L'},
                                            {"usage", required_argument, NULL, 'u'},
                                            {"require-confinement", required_argument, NULL, 'c'},
                                            {"no-jail", no_argument, NULL, 'j'},
                                            {"rpc", required_argument, NULL, 'r'},
                                            {"outbound-log", required_argument, NULL, 'o'},
                                            {"dns", required_argument, NULL, 'n'},
                                            {"ca-file", required_argument, NULL, 'C'},
                                            {"test-scheduled", no_argument, NULL, 't'},
                                            {"dev", no_argument, NULL, 'd'},
                                            {"quiet", no_argument, NULL, 'q'},
                                            {"help", no_argument, NULL, 'h'},
                                            {0}};
    unsigned named_mb = 1024;
    int option, r = 0;
    while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1 && r == 0) {
        switch (option) {
        case 'l':
            r = parse_listen(optarg, &s->ingress_config);
            if (r < 0) fprintf(stderr, "mayfly serve: --listen takes ADDRESS:PORT, such as 127.0.0.1:8787\n");
            break;
        case 'p': r = parse_number("pool", optarg, 4096, &s->pool_config.idle_target); break;
        case 'g': r = parse_number("grants", optarg, 256, &s->host_config.loader.grants_target); break;
        case 'm': r = parse_number("named-mb", optarg, 1u << 24, &named_mb); break;
        case 'L': r = parse_limit(&s->limits, optarg); break;
        case 'u': s->host_config.loader.usage_path = optarg; break;
        case 'c': r = parse_confinement(optarg, &s->pool_config.required); break;
        case 'j': s->pool_config.has_no_jail = true; break;
        case 'r': r = parse_rpc(optarg, s); break;
        case 'o': r = open_log(s, optarg); break;
        case 'n': s->outbound_config.dns = optarg; break;
        case 'C': s->outbound_config.ca_file = optarg; break;
        case 't': s->tests_scheduled = true; break;
        case 'd': s->host_config.shows_errors = true; break;
        case 'q': s->is_quiet = true; break;
        case 'h': fputs(help, stdout); return 1;
        default: fprintf(stderr, "see mayfly serve --help\n"); return -1;
        }
    }
    s->host_config.loader.named_bytes_max = (uint64_t)named_mb << 20;
    if (r == 0 && optind != argc - 1) {
        fprintf(stderr, "mayfly serve: name one configuration or worker file; see mayfly serve --help\n");
        return -1;
    }
    return r < 0 ? -1 : 0;
}

/* Each live cell is a descriptor here or in the host worker's cell. */
static void raise_descriptor_limit(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0) return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

static void add_signal(struct server *s, uv_signal_t *handle, int signal) {
    CHECK(uv_signal_init(&s->loop, handle) == 0);
    handle->data = s;
    CHECK(uv_signal_start(handle, on_signal, signal) == 0);
}

static void run(struct server *s) {
    CHECK(uv_loop_init(&s->loop) == 0);
    CHECK(uv_timer_init(&s->loop, &s->restart) == 0);
    s->restart.data = s;
    add_signal(s, &s->interrupt, SIGINT);
    add_signal(s, &s->terminate, SIGTERM);
    raise_descriptor_limit();
    start_pool(s);
    if (s->config.has_policies && !s->is_stopping) {
        int r = start_outbound(s);
        if (r < 0) fail(s, "egress cannot start", strerror(-r));
    }
    uv_run(&s->loop, UV_RUN_DEFAULT);
    CHECK(uv_loop_close(&s->loop) == 0);
}

static int serve_one(const char *config, int argc, char **argv) {
    struct server *s = calloc(1, sizeof *s);
    CHECK(s);
    char cell_path[PATH_MAX], *error = NULL;
    s->restart_ms = RESTART_MS_FIRST;
    s->pool_config = (struct pool_config){.cell_path = cell_path, .idle_target = 8};
    s->host_config = (struct host_cell_config){.worker = &s->config, .loader = {.grants_target = 16}};
    s->outbound_config.log_fd = -1;
    s->ingress_config = (struct ingress_config){.address = "127.0.0.1", .port = 8787};
    int r = parse_options(s, argc, argv);
    if (r != 0) {
        free(s);
        return r < 0 ? 2 : 0;
    }
    paths_cell_binary(cell_path, sizeof cell_path);
    r = config ? config_take(argv[optind], config, &s->config, &error) : config_read(argv[optind], &s->config, &error);
    if (r < 0) {
        fprintf(stderr, "mayfly: %s\n", error);
        free(error);
        free(s);
        return 1;
    }
    limits_merge(&s->config.limits, &s->limits);
    if (s->pool_config.has_no_jail) {
        fprintf(stderr,
                "mayfly: WARNING: --no-jail: workers can do all that you can; never serve strangers' code so\n");
    }
    s->config.rpc_path = s->rpc_path;
    s->config.rpc_entrypoint = s->rpc_entrypoint;
    s->config.has_test_scheduled = s->tests_scheduled;
    if (s->config.warning) fprintf(stderr, "mayfly: %s\n", s->config.warning);
    run(s);
    r = s->exit_status;
    config_done(&s->config);
    free(s);
    return r;
}

int serve_main(int argc, char **argv) {
    return serve_one(NULL, argc, argv);
}

int serve_project(const char *config, int argc, char **argv) {
    return serve_one(config, argc, argv);
}
