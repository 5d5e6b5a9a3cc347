#include "host/host_worker.h"
#include "base/macros.h"
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define RESTART_MS_FIRST 50
#define RESTART_MS_MAX   5000

/* Channels of callers that wait until the worker is up. */
#define CALLERS_MAX 64

struct host_worker {
    uv_loop_t *loop;
    uv_timer_t restart;
    struct host_worker_config config;
    const struct host_worker_handler *handler;
    void *context;
    struct pool *pools[PROFILES]; /* from host_worker_start on */
    struct outbound *outbound; /* NULL until somebody needs it, unless there are policies or secrets */
    struct host_cell *cell;
    unsigned restart_ms;
    uint16_t own_port;
    int callers[CALLERS_MAX]; /* handed over when it is up */
    unsigned callers_len;
    bool has_started; /* once */
    bool is_serving;  /* it is up now */
    bool is_broken;   /* it did not start again */
    bool is_stopping;
    bool awaits_outbound; /* egress has not said yet whether its configuration is right */
    bool is_held;         /* it has started, and nobody is told before that */
};

static void start_cell(struct host_worker *w);

void host_worker_log(void *worker, const char *level, const char *message) {
    struct host_worker *w = worker;
    if (w->config.is_quiet && strcmp(level, "error") != 0) return;
    struct timespec now;
    struct tm tm;
    char stamp[32];
    clock_gettime(CLOCK_REALTIME, &now);
    strftime(stamp, sizeof stamp, "%H:%M:%S", gmtime_r(&now.tv_sec, &tm));
    fprintf(stderr, "%s.%03ld %-5s %s: %s\n", stamp, now.tv_nsec / 1000000, level, w->config.cell.worker->name, message);
}

/* --- The cell --------------------------------------------------------------------------------------------------- */

static void on_restart(uv_timer_t *timer) {
    struct host_worker *w = timer->data;
    if (w->pools[PROFILE_JIT] && !w->cell) start_cell(w);
}

static void restart_later(struct host_worker *w) {
    if (w->is_stopping) return;
    uv_timer_start(&w->restart, on_restart, w->restart_ms, 0);
    w->restart_ms = w->restart_ms * 2 < RESTART_MS_MAX ? w->restart_ms * 2 : RESTART_MS_MAX;
}

static void drop_callers(struct host_worker *w) {
    while (w->callers_len > 0) close(w->callers[--w->callers_len]);
}

static void connect_callers(struct host_worker *w) {
    for (unsigned i = 0; i < w->callers_len; i++) host_cell_connect(w->cell, w->callers[i]);
    w->callers_len = 0;
}

static void on_started(void *context, const char *error) {
    struct host_worker *w = context;
    bool is_first = !w->has_started;
    if (error && is_first) {
        w->handler->on_failed(w->context, w->config.cell.worker->main_path, error);
        return;
    }
    if (error) {
        host_worker_log(w, "error", error);
        w->is_broken = true;
        drop_callers(w);
        return;
    }
    w->has_started = w->is_serving = true;
    w->restart_ms = RESTART_MS_FIRST;
    connect_callers(w);
    w->is_held = is_first && w->awaits_outbound;
    if (is_first && !w->is_held) w->handler->on_started(w->context);
}

static void drop_cell(struct host_worker *w) {
    w->is_serving = false;
    host_cell_free(w->cell);
    w->cell = NULL;
}

static void on_closed(void *context) {
    struct host_worker *w = context;
    drop_cell(w);
    if (w->has_started)
        restart_later(w);
    else
        w->handler->on_failed(w->context, w->config.cell.worker->main_path,
                              "the host worker's cell ended before the worker had started");
}

/* --- The way out ------------------------------------------------------------------------------------------------ */

/* Egress did not start. Later on the server goes on without, and each fetch() tries again, unless what it forgot after
   the start (secrets, a proxy's password) is needed: only its own next start brings that back. */
static bool is_fatal(const struct host_worker *w) {
    return w->awaits_outbound || w->config.outbound.secrets_json || w->config.outbound.proxy;
}

static void on_outbound_ready(void *context, const char *error) {
    struct host_worker *w = context;
    bool was_held = w->is_held, was_fatal = is_fatal(w);
    w->awaits_outbound = w->is_held = false;
    if (error && !was_fatal) {
        char text[700];
        snprintf(text, sizeof text, "egress cannot start, so that fetch() fails: %s", error);
        host_worker_log(w, "error", text);
    } else if (error)
        w->handler->on_failed(w->context, "egress cannot start", error);
    else if (was_held)
        w->handler->on_started(w->context);
}

static void on_outbound_lost(void *context) {
    struct host_worker *w = context;
    outbound_free(w->outbound);
    w->outbound = NULL;
    if (w->is_stopping) return;
    host_worker_log(w, "error", "the egress process has ended");
    if (w->awaits_outbound) on_outbound_ready(w, NULL); /* its next start tells what is wrong */
}

static int start_outbound(struct host_worker *w) {
    static const struct outbound_handler events = {on_outbound_ready, on_outbound_lost};
    int r = outbound_start(w->loop, &w->config.outbound, &events, w, &w->outbound);
    if (r == 0 && w->own_port) outbound_own_port(w->outbound, w->own_port);
    return r;
}

int host_worker_prepare(struct host_worker *w) {
    const struct outbound_config *given = &w->config.outbound;
    /* Whatever may be wrong is to be found now, and not at the first fetch(). */
    w->awaits_outbound = w->config.cell.worker->has_policies || given->proxy || given->ca_file || given->dns;
    return w->awaits_outbound ? start_outbound(w) : 0;
}

static int on_outbound(void *context) {
    struct host_worker *w = context;
    const struct config *config = w->config.cell.worker;
    int r = w->outbound ? 0 : start_outbound(w);
    if (r == 0) r = outbound_attach(w->outbound, config->name, config->policies_json);
    if (r < 0) host_worker_log(w, "error", strerror(-r));
    return r;
}

void host_worker_own_port(struct host_worker *w, uint16_t port) {
    w->own_port = port;
    if (w->outbound) outbound_own_port(w->outbound, port);
}

static void on_stay(void *context, int cpu) {
    struct host_worker *w = context;
    if (w->outbound) outbound_stay(w->outbound, cpu);
}

/* --- Services --------------------------------------------------------------------------------------------------- */

static int on_service(void *context, unsigned number) {
    struct host_worker *w = context;
    return w->handler->on_service(w->context, number);
}

int host_worker_connect(struct host_worker *w, int fd) {
    if (w->is_serving) return host_cell_connect(w->cell, fd);
    if (!w->is_stopping && !w->is_broken && w->callers_len < CALLERS_MAX) {
        w->callers[w->callers_len++] = fd;
        return 0;
    }
    close(fd);
    return -EAGAIN;
}

/* --- Life ------------------------------------------------------------------------------------------------------- */

static const struct host_cell_handler cell_events = {on_started, on_closed, host_worker_log, on_outbound, on_stay, on_service};

static void start_cell(struct host_worker *w) {
    w->is_broken = false;
    int r = host_cell_new(w->loop, w->pools, &w->config.cell, &cell_events, w, &w->cell);
    if (r < 0 && r != -EAGAIN) host_worker_log(w, "error", strerror(-r));
    if (r < 0) restart_later(w);
}

void host_worker_start(struct host_worker *w, struct pool *const pools[static PROFILES]) {
    memcpy(w->pools, pools, sizeof w->pools);
    if (!w->cell) start_cell(w);
}

void host_worker_pool_grew(struct host_worker *w) {
    if (w->cell) host_cell_pool_grew(w->cell);
}

void host_worker_pool_death(struct host_worker *w, const struct zygote_death *death) {
    char reason[100];
    if (!w->cell) return;
    if (death->cell != host_cell_number(w->cell)) {
        loader_cell_died(host_cell_loader(w->cell), death);
        return;
    }
    w->is_serving = false;
    zygote_describe_death(death->status, reason, sizeof reason);
    host_cell_died(w->cell, reason);
}

void host_worker_pool_stalled(struct host_worker *w, enum profile profile, const char *reason) {
    if (w->cell) loader_stalled(host_cell_loader(w->cell), profile, reason);
}

struct host_cell *host_worker_cell(const struct host_worker *w) {
    return w->is_serving ? w->cell : NULL;
}

bool host_worker_has_started(const struct host_worker *w) {
    return w->has_started;
}

struct host_worker *host_worker_new(uv_loop_t *loop, const struct host_worker_config *config,
                                    const struct host_worker_handler *handler, void *context) {
    struct host_worker *w = calloc(1, sizeof *w);
    CHECK(w);
    *w = (struct host_worker){
        .loop = loop, .config = *config, .handler = handler, .context = context, .restart_ms = RESTART_MS_FIRST};
    CHECK(uv_timer_init(loop, &w->restart) == 0);
    w->restart.data = w;
    return w;
}

void host_worker_stop(struct host_worker *w) {
    w->is_stopping = true;
    uv_timer_stop(&w->restart);
}

static void on_restart_closed(uv_handle_t *timer) {
    free(timer->data);
}

void host_worker_free(struct host_worker *w) {
    if (!w) return;
    host_worker_stop(w);
    drop_cell(w);
    drop_callers(w);
    outbound_free(w->outbound);
    uv_close((uv_handle_t *)&w->restart, on_restart_closed);
}
