/* `mayfly serve`: the supervisor. Starts the zygote's pool, the host workers' cells and the ingress, restarts what dies,
   and ends cleanly on SIGINT or SIGTERM. Links no engine, parses no JavaScript; what it reads from cells and clients is
   checked in the rooms below it (channel, host_cell, ingress). */
#include "host/serve.h"
#include "base/macros.h"
#include "host/config.h"
#include "host/confinement.h"
#include "host/health.h"
#include "host/host_worker.h"
#include "host/ingress.h"
#include "host/launch.h"
#include "host/loop.h"
#include "host/paths.h"
#include "host/pool.h"
#include "host/serve_options.h"
#include "host/supervisor_jail.h"
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <jansson.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define DRAIN_MS         5000

struct server;

/* Cells of one profile, and whom their pool tells of them. */
struct profiled {
    struct server *server;
    struct pool *pool; /* NULL: no worker asks for it */
    enum profile profile;
    bool is_up; /* its zygote has come up once */
};

/* One host worker; the first of them answers clients. */
struct served {
    struct server *server;
    struct config config;
    struct host_worker *worker;
};

struct server {
    uv_loop_t loop;
    uv_signal_t interrupt, terminate;
    struct served workers[SERVE_WORKERS_MAX];
    unsigned workers_len;
    struct serve_options options;
    struct profiled profiles[PROFILES];
    struct ingress *ingress;
    uint32_t cell_layers, own_layers;      /* enum confinement, of cells and of this process */
    bool has_group;                        /* cells live in a control group */
    char stalled[200];                     /* why no cell could be forked */
    int exit_status;
    bool is_stalled;  /* no cell could be forked, and it has been said */
    bool is_stopping;
};

/* --- Ending ----------------------------------------------------------------------------------------------------- */

static void finish(void *context) {
    struct server *s = context;
    s->ingress = NULL;
    for (unsigned i = 0; i < s->workers_len; i++) {
        host_worker_free(s->workers[i].worker);
        s->workers[i].worker = NULL;
    }
    for (enum profile i = 0; i < PROFILES; i++) {
        pool_free(s->profiles[i].pool);
        s->profiles[i].pool = NULL;
    }
    launch_end();
    uv_close((uv_handle_t *)&s->interrupt, NULL);
    uv_close((uv_handle_t *)&s->terminate, NULL);
}

static void stop(struct server *s, int status) {
    if (s->is_stopping) return;
    s->is_stopping = true;
    s->exit_status = status;
    for (unsigned i = 0; i < s->workers_len; i++) host_worker_stop(s->workers[i].worker);
    if (s->ingress)
        ingress_stop(s->ingress, status == 0 ? DRAIN_MS : 0, finish, s);
    else
        finish(s);
}

static void on_signal(uv_signal_t *handle, int signal) {
    struct server *s = handle->data;
    if (s->is_stopping) _exit(128 + signal); /* asked twice: the zygote ends when its socket closes */
    if (!s->options.worker.is_quiet)
        fprintf(stderr, "\nmayfly: %s, ending\n", signal == SIGINT ? "interrupted" : "asked to end");
    stop(s, 0);
}

static void fail(struct server *s, const char *what, const char *why) {
    fprintf(stderr, "mayfly: %s: %s\n", what, why);
    stop(s, 1);
}

static void log_error(struct server *s, const char *message) {
    host_worker_log(s->workers[0].worker, "error", message);
}

/* --- The host workers ------------------------------------------------------------------------------------------- */

static void listen_now(struct server *s);

static bool have_all_started(const struct server *s) {
    for (unsigned i = 0; i < s->workers_len; i++) {
        if (!host_worker_has_started(s->workers[i].worker)) return false;
    }
    return true;
}

static void on_worker_started(void *context) {
    struct served *served = context;
    if (!served->server->ingress && have_all_started(served->server)) listen_now(served->server);
}

static void on_worker_failed(void *context, const char *what, const char *why) {
    struct served *served = context;
    fail(served->server, what, why);
}

/* A service binding is used for the first time, or for the first time since one of the two cells ended. */
static int on_service(void *context, unsigned number) {
    struct served *served = context;
    struct server *s = served->server;
    int ends[2];
    if (number >= s->workers_len) return -EPROTO;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) < 0) return -errno;
    int r = host_worker_connect(s->workers[number].worker, ends[1]);
    if (r == 0) return ends[0];
    close(ends[0]);
    return r;
}

static const struct host_worker_handler worker_events = {on_worker_started, on_worker_failed, on_service};

/* Secrets of the environment are egress's alone from now on: this process, and what it starts later, forgets them. */
static void forget_secrets(const char *secrets_json) {
    json_t *sources = secrets_json ? json_loads(secrets_json, 0, NULL) : NULL, *source;
    const char *name;
    json_object_foreach(sources, name, source) {
        const char *variable = json_string_value(json_object_get(source, "env"));
        if (variable) launch_forget(variable);
    }
    json_decref(sources);
}

/* Memory for named dynamic workers is shared out among those who can load any. */
static uint64_t share_of_memory(const struct server *s) {
    unsigned loaders = 0;
    for (unsigned i = 0; i < s->workers_len; i++) loaders += s->workers[i].config.loaders_len > 0;
    return s->options.worker.cell.loader.named_bytes_max / (loaders ? loaders : 1);
}

/* With --no-jit all cells are of one profile, and its pool stands where the other one's does otherwise. */
static enum profile profile_of(const struct server *s, const struct config_loader *loader) {
    return loader->is_jitless && !s->options.pool.is_jitless ? PROFILE_NO_JIT : PROFILE_JIT;
}

static struct outbound_config outbound_of(const struct server *s, const struct served *served) {
    struct outbound_config config = s->options.worker.outbound;
    config.secrets_json = served->config.secrets_json;
    config.policies_json = served->config.policies_json;
    config.has_fixed_policies = true;
    config.number = (unsigned)(served - s->workers);
    return config;
}

static void make_worker(struct server *s, struct served *served) {
    struct host_worker_config config = s->options.worker;
    config.cell.worker = &served->config;
    config.cell.loader.named_bytes_max = share_of_memory(s);
    for (size_t i = 0; i < served->config.loaders_len; i++) config.cell.loads[profile_of(s, &served->config.loaders[i])] = true;
    config.outbound = outbound_of(s, served);
    served->server = s;
    served->worker = host_worker_new(&s->loop, &config, &worker_events, served);
}

static void prepare_workers(struct server *s) {
    for (unsigned i = 0; i < s->workers_len && !s->is_stopping; i++) {
        int r = host_worker_prepare(s->workers[i].worker);
        if (r < 0) fail(s, "egress cannot start", strerror(-r));
    }
    for (unsigned i = 0; i < s->workers_len; i++) forget_secrets(s->workers[i].config.secrets_json);
    const char *proxy = s->options.worker.outbound.proxy;
    if (proxy && strncmp(proxy, "env:", 4) == 0) launch_forget(proxy + 4);
}

/* --- The pool --------------------------------------------------------------------------------------------------- */

/* Host workers start when there are cells of every profile. */
static void start_workers(struct server *s) {
    struct pool *pools[PROFILES];
    for (enum profile i = 0; i < PROFILES; i++) {
        if (s->profiles[i].pool && !s->profiles[i].is_up) return;
        pools[i] = s->profiles[i].pool;
    }
    for (unsigned i = 0; i < s->workers_len; i++) host_worker_start(s->workers[i].worker, pools);
}

static void on_pool_ready(void *context, uint32_t confinement) {
    struct profiled *p = context;
    struct server *s = p->server;
    char names[600];
    uint32_t missing = confinement_all() & ~confinement;
    bool is_first = p->profile == PROFILE_JIT && !p->is_up;
    p->is_up = true;
    if (p->profile == PROFILE_JIT) s->cell_layers = confinement;
    if (missing && is_first && !s->options.worker.is_quiet && !s->options.pool.has_no_jail) {
        fprintf(stderr, "mayfly: confinement lacks here: %s (see mayfly doctor)\n",
                confinement_names(missing, names, sizeof names));
    }
    start_workers(s);
}

static void on_pool_idle(void *context) {
    struct server *s = ((struct profiled *)context)->server;
    s->is_stalled = false;
    for (unsigned i = 0; i < s->workers_len; i++) host_worker_pool_grew(s->workers[i].worker);
}

static void on_death(void *context, const struct zygote_death *death) {
    struct server *s = ((struct profiled *)context)->server;
    for (unsigned i = 0; i < s->workers_len; i++) host_worker_pool_death(s->workers[i].worker, death);
}

static void on_pool_stalled(void *context, const char *reason) {
    struct profiled *p = context;
    struct server *s = p->server;
    if (!s->is_stalled) log_error(s, "no cell can be forked, which is tried again and again:");
    if (!s->is_stalled) log_error(s, reason);
    s->is_stalled = true;
    snprintf(s->stalled, sizeof s->stalled, "%s", reason);
    for (unsigned i = 0; i < s->workers_len; i++) host_worker_pool_stalled(s->workers[i].worker, p->profile, reason);
}

static void on_pool_lost(void *context, const char *reason) {
    log_error(((struct profiled *)context)->server, reason);
}

static void on_pool_failed(void *context, const char *reason) {
    fail(((struct profiled *)context)->server, "no zygote can be started", reason);
}

static const struct pool_handler pool_handler = {on_pool_ready, on_pool_idle, on_death, on_pool_lost, on_pool_failed,
                                                 on_pool_stalled};

/* `is_loaded`: some host worker loads workers of this profile, so that idle cells are worth their memory. */
static void start_pool(struct server *s, enum profile profile, bool is_loaded) {
    struct profiled *p = &s->profiles[profile];
    struct pool_config config = s->options.pool;
    *p = (struct profiled){.server = s, .profile = profile};
    config.numbers_from = profile;
    if (profile == PROFILE_NO_JIT) config.is_jitless = true;
    if (!is_loaded) config.idle_target = 0;
    int r = pool_new(&s->loop, &config, &pool_handler, p, &p->pool);
    if (r < 0) fail(s, s->options.pool.cell_path, strerror(-r));
}

static void start_pools(struct server *s) {
    bool is_loaded[PROFILES] = {0};
    for (unsigned i = 0; i < s->workers_len; i++) {
        const struct config *config = &s->workers[i].config;
        for (size_t k = 0; k < config->loaders_len; k++) is_loaded[profile_of(s, &config->loaders[k])] = true;
    }
    start_pool(s, PROFILE_JIT, is_loaded[PROFILE_JIT]);
    if (is_loaded[PROFILE_NO_JIT] && !s->is_stopping) start_pool(s, PROFILE_NO_JIT, true);
}

/* --- Its own confinement ---------------------------------------------------------------------------------------- */

/* From now on clients are heard. */
static void lock_in(struct server *s) {
    char names[300], reason[400];
    const char *dirs[SERVE_WORKERS_MAX];
    if (s->options.pool.has_no_jail) return;
    for (unsigned i = 0; i < s->workers_len; i++) dirs[i] = s->workers[i].config.root_dir;
    s->own_layers = supervisor_jail_enter(dirs, s->workers_len);
    uint32_t missing = supervisor_layers & ~s->own_layers;
    if (missing & s->options.pool.required) {
        snprintf(reason, sizeof reason, "its confinement lacks what is required: %s",
                 confinement_names(missing & s->options.pool.required, names, sizeof names));
        fail(s, "the supervisor", reason);
    } else if (missing && !s->options.worker.is_quiet) {
        fprintf(stderr, "mayfly: the supervisor's own confinement lacks here: %s (see mayfly doctor)\n",
                confinement_names(missing, names, sizeof names));
    }
    /* Root's right to read everything is gone, and the host worker may have to be started again. */
    for (unsigned i = 0; i < s->workers_len; i++) {
        const char *path = s->workers[i].config.main_path;
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0) fail(s, path, "cannot be read without the rights that the supervisor has given up");
        else close(fd);
    }
}

/* --- Ingress ---------------------------------------------------------------------------------------------------- */

/* The path of --health, with a query or without. */
static bool asks_for_health(const struct server *s, const struct ingress_req *req) {
    if (!s->options.health_path) return false;
    const char *target = ingress_target(req), *method = ingress_method(req);
    size_t len = strlen(s->options.health_path);
    return (strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0) && strncmp(target, s->options.health_path, len) == 0 &&
           (target[len] == 0 || target[len] == '?');
}

static void tell_health(struct server *s, struct ingress_req *req) {
    static const struct ingress_header headers[] = {{"Content-Type", 12, "application/json", 16},
                                                    {"Cache-Control", 13, "no-store", 8}};
    struct host_cell *host = host_worker_cell(s->workers[0].worker);
    struct health health = {.worker = s->workers[0].config.name,
                            .is_serving = host,
                            .stalled = s->is_stalled ? s->stalled : NULL,
                            .cells = s->cell_layers,
                            .supervisor = s->own_layers,
                            .has_group = s->has_group};
    struct buf text = {0};
    for (enum profile i = 0; i < PROFILES; i++) {
        if (!s->profiles[i].pool) continue;
        health.idle += pool_idle(s->profiles[i].pool);
        pool_zygotes(s->profiles[i].pool, &health.zygotes[i]);
    }
    if (host) loader_stats(host_cell_loader(host), &health.loader);
    int status = host && !s->is_stalled ? 200 : 503;
    if (health_put(&health, &text) < 0 || ingress_respond(req, status, NULL, headers, COUNT_OF(headers),
                                                          (int64_t)buf_len(&text), buf_bytes(&text), buf_len(&text)) < 0) {
        ingress_fail(req, 500, "out of memory");
    } else {
        (void)ingress_end(req);
    }
    buf_done(&text);
}

static void on_request(void *context, struct ingress_req *req) {
    struct server *s = context;
    struct host_cell *cell = host_worker_cell(s->workers[0].worker);
    if (asks_for_health(s, req))
        tell_health(s, req);
    else if (cell)
        host_cell_request(cell, req);
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
    int r = ingress_start(&s->loop, &s->options.ingress, &handler, s, &s->ingress);
    if (r < 0) {
        char where[128];
        snprintf(where, sizeof where, "cannot listen on %s:%u", s->options.ingress.address, s->options.ingress.port);
        fail(s, where, strerror(-r));
        return;
    }
    for (unsigned i = 0; i < s->workers_len; i++)
        host_worker_own_port(s->workers[i].worker, (uint16_t)ingress_port(s->ingress));
    lock_in(s);
    if (s->is_stopping) return;
    printf("mayfly: %s listens on http://%s:%d\n", s->workers[0].config.name, s->options.ingress.address,
           ingress_port(s->ingress));
    fflush(stdout);
}

/* --- The command ------------------------------------------------------------------------------------------------ */

/* `how`: SIG_BLOCK for as long as there are groups that nobody would remove. */
static void mask_ends(int how) {
    sigset_t ends;
    sigemptyset(&ends);
    sigaddset(&ends, SIGINT);
    sigaddset(&ends, SIGTERM);
    sigprocmask(how, &ends, NULL);
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
    add_signal(s, &s->interrupt, SIGINT);
    add_signal(s, &s->terminate, SIGTERM);
    mask_ends(SIG_UNBLOCK);
    raise_descriptor_limit();
    for (unsigned i = 0; i < s->workers_len; i++) make_worker(s, &s->workers[i]);
    start_pools(s);
    if (!s->is_stopping) prepare_workers(s);
    loop_run(&s->loop);
    CHECK(uv_loop_close(&s->loop) == 0);
}

/* --- Configurations --------------------------------------------------------------------------------------------- */

static struct served *find_worker(struct server *s, const char *name) {
    for (unsigned i = 0; i < s->workers_len; i++) {
        if (strcmp(s->workers[i].config.name, name) == 0) return &s->workers[i];
    }
    return NULL;
}

/* Finds whom each service means. Prints what is wrong, all of it; returns 0 or -EINVAL. */
static int bind_services(struct server *s, const struct config *config, struct config_service *services, size_t len) {
    int r = 0;
    for (size_t i = 0; i < len; i++) {
        struct config_service *service = &services[i];
        const struct served *found = find_worker(s, service->service);
        if (found) {
            service->worker = &found->config == config ? SERVICE_SELF : (int)(found - s->workers);
        } else {
            fprintf(stderr, "mayfly: %s: no worker is called \"%s\"; name its configuration as well\n", service->at,
                    service->service);
            r = -EINVAL;
        }
    }
    return r;
}

/* `answer`: what the configuration says, if that is known already. */
static int read_config(struct server *s, const char *path, const char *answer) {
    struct served *served = &s->workers[s->workers_len];
    char *error = NULL;
    int r = answer ? config_take(path, answer, &served->config, &error) : config_read(path, &served->config, &error);
    if (r < 0) {
        fprintf(stderr, "mayfly: %s\n", error);
        free(error);
        return -EINVAL;
    }
    const struct served *other = find_worker(s, served->config.name);
    s->workers_len++;
    if (other) {
        fprintf(stderr, "mayfly: %s: another of the workers is called \"%s\" already\n", path, served->config.name);
        return -EINVAL;
    }
    limits_merge(&served->config.limits, &s->options.limits);
    if (served->config.warning) fprintf(stderr, "mayfly: %s\n", served->config.warning);
    return 0;
}

static int read_configs(struct server *s, const char *answer, int argc, char **argv) {
    int r = 0;
    for (int i = optind; i < argc && r == 0; i++) r = read_config(s, argv[i], answer);
    if (r < 0) return r;
    for (unsigned i = 0; i < s->workers_len; i++) {
        struct config *config = &s->workers[i].config;
        if (bind_services(s, config, config->services, config->services_len) < 0) r = -EINVAL;
        if (bind_services(s, config, config->tails, config->tails_len) < 0) r = -EINVAL;
    }
    if (r < 0) return r;
    struct config *first = &s->workers[0].config;
    first->rpc_path = s->options.rpc_path;
    first->rpc_entrypoint = s->options.rpc_entrypoint;
    first->has_test_scheduled = s->options.tests_scheduled;
    return 0;
}

static void free_server(struct server *s) {
    for (unsigned i = 0; i < s->workers_len; i++) config_done(&s->workers[i].config);
    free(s);
}

/* Before the first client is heard: what the spawner may start is settled here. */
static int start_spawner(const struct server *s, const char *cell_path, const char *egress_path, const struct cgroups *groups) {
    struct buf starts[SERVE_WORKERS_MAX] = {0};
    const char *texts[SERVE_WORKERS_MAX];
    int r = 0;
    for (unsigned i = 0; i < s->workers_len && r == 0; i++) {
        struct outbound_config config = outbound_of(s, &s->workers[i]);
        r = outbound_put_start(&config, &starts[i]);
        if (r == 0) r = buf_append(&starts[i], "", 1);
        texts[i] = (const char *)buf_bytes(&starts[i]);
    }
    struct launch_config config = {cell_path, egress_path, *groups, texts, s->workers_len};
    if (r == 0) r = launch_begin(&config);
    for (unsigned i = 0; i < s->workers_len; i++) buf_done(&starts[i]);
    return r;
}

static int serve_one(const char *answer, int argc, char **argv) {
    struct server *s = calloc(1, sizeof *s);
    CHECK(s);
    char cell_path[PATH_MAX], egress_path[PATH_MAX];
    int r = serve_options_parse(&s->options, argc, argv);
    if (r != 0) {
        free(s);
        return r < 0 ? 2 : 0;
    }
    paths_cell_binary(cell_path, sizeof cell_path);
    paths_egress_binary(egress_path, sizeof egress_path);
    s->options.pool.cell_path = cell_path;
    setenv("UV_USE_IO_URING", "0", 1); /* its calls are not in the filter */
    struct cgroups groups = {0};
    mask_ends(SIG_BLOCK);
    if (s->options.pool.has_no_jail) {
        fprintf(stderr,
                "mayfly: WARNING: --no-jail: workers can do all that you can; never serve strangers' code so\n");
    } else {
        cgroups_begin(&s->options.cgroups, &groups);
        launch_ahead(cell_path, pool_traits(&s->options.pool), &groups);
    }
    s->has_group = groups.len > 0;
    bool is_begun = read_configs(s, answer, argc, argv) == 0;
    if (is_begun && !s->options.pool.has_no_jail) {
        r = start_spawner(s, cell_path, egress_path, &groups);
        if (r < 0) fprintf(stderr, "mayfly: the spawner cannot be forked: %s\n", strerror(-r));
        is_begun = r == 0;
    }
    if (is_begun) {
        run(s);
    } else {
        launch_cancel();
        cgroups_end(&groups, CGROUPS_END_MS);
    }
    r = is_begun ? s->exit_status : 1;
    free_server(s);
    return r;
}

int serve_main(int argc, char **argv) {
    return serve_one(NULL, argc, argv);
}

int serve_project(const char *config, int argc, char **argv) {
    return serve_one(config, argc, argv);
}
