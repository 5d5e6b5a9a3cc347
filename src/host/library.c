/* libmayfly: loaders of include/mayfly.h and the loop that drives them. Runs in whatever program links the library, on
   the thread that calls; holds no state outside of the loaders, handles no signals, writes to no standard stream. */
#include "base/macros.h"
#include "host/confinement.h"
#include "host/library_private.h"
#include "host/paths.h"
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define IDLE_CELLS_DEFAULT       2
#define START_TIMEOUT_MS_DEFAULT 10000

/* Turns of the loop in one dispatch, so that a chatty worker does not starve its host. */
#define DISPATCH_TURNS_MAX 16

const char *mf_version(void) {
    return MF_VERSION;
}

void mf_free(void *memory) {
    free(memory);
}

void mf_config_init(struct mf_config *config) {
    *config = (struct mf_config){0};
}

void mf_code_init(struct mf_code *code) {
    *code = (struct mf_code){0};
}

int library_fail(struct mf_error *error, int result, const char *format, ...) {
    if (!error) return result;
    *error = (struct mf_error){.name = "Error"};
    va_list args;
    va_start(args, format);
    vsnprintf(error->message, sizeof error->message, format, args);
    va_end(args);
    return result;
}

/* --- The loop --------------------------------------------------------------------------------------------------- */

uint64_t library_now_ms(struct mf_loader *loader) {
    uv_update_time(&loader->loop);
    return uv_now(&loader->loop);
}

/* The loader that this thread is inside of. */
static _Thread_local struct mf_loader *inside;

struct library_before library_enter(struct mf_loader *loader) {
    struct library_before before = {loader->is_running, inside};
    loader->is_running = true;
    inside = loader;
    return before;
}

void library_leave(struct mf_loader *loader, struct library_before before) {
    loader->is_running = before.was_running;
    inside = before.inside;
}

bool library_is_inside(const struct mf_loader *loader) {
    return inside == loader;
}

void library_stir(struct mf_loader *loader) {
    loader->is_stirred = true;
    if (!loader->is_running) uv_async_send(&loader->kick);
}

static void on_kick(uv_async_t *kick) {
    struct mf_loader *loader = kick->data;
    answers_deliver(loader->answers);
}

static void on_alarm(uv_poll_t *alarm, int status, int events) {
    struct mf_loader *loader = alarm->data;
    uint64_t times;
    (void)status;
    (void)events;
    if (read(loader->alarm_fd, &times, sizeof times) < 0) return; /* it was set anew meanwhile */
}

static void set_alarm(struct mf_loader *loader) {
    int ms = uv_backend_timeout(&loader->loop);
    struct itimerspec at = {0}; /* zero: no alarm */
    if (ms >= 0) at.it_value = (struct timespec){ms / 1000, ms % 1000 * 1000000L + 1};
    CHECK(timerfd_settime(loader->alarm_fd, 0, &at, NULL) == 0);
}

static bool has_events(struct mf_loader *loader) {
    struct pollfd fd = {.fd = uv_backend_fd(&loader->loop), .events = POLLIN};
    return poll(&fd, 1, 0) > 0;
}

/* Watches that a callback asked for reach the kernel in the loop's next turn only, so the last turn must be a quiet
   one: otherwise the loop's descriptor would not tell of them. */
int mf_loader_dispatch(struct mf_loader *loader) {
    if (loader->is_running) return -EBUSY;
    struct library_before before = library_enter(loader);
    bool quiet = false;
    for (int turn = 0; turn < DISPATCH_TURNS_MAX && !quiet; turn++) {
        quiet = !has_events(loader);
        loader->is_stirred = false;
        uv_run(&loader->loop, UV_RUN_NOWAIT);
        quiet = quiet && !loader->is_stirred && uv_backend_timeout(&loader->loop) != 0;
    }
    library_leave(loader, before);
    if (!quiet) uv_async_send(&loader->kick);
    set_alarm(loader);
    return 0;
}

int library_wait(struct mf_loader *loader, const bool *done, struct mf_error *error) {
    if (loader->is_running) return library_fail(error, -EBUSY, "a callback cannot wait: use the _start form");
    struct library_before before = library_enter(loader);
    while (!*done) uv_run(&loader->loop, UV_RUN_ONCE);
    library_leave(loader, before);
    uv_async_send(&loader->kick);
    return 0;
}

int mf_loader_fd(struct mf_loader *loader) {
    return uv_backend_fd(&loader->loop);
}

/* --- The pool's events ------------------------------------------------------------------------------------------ */

static void on_ready(void *context, uint32_t confinement) {
    struct mf_loader *loader = context;
    (void)confinement;
    loader->is_up = true;
    library_stir(loader);
}

/* An idle cell says nothing: what can be read from it is its end, which the loop has not noticed yet. */
int library_take_cell(struct mf_loader *loader, enum cell_role role, struct pool_cell *ret_cell) {
    for (;;) {
        struct pollfd fd = {.fd = pool_take(loader->pool, role, ret_cell), .events = POLLIN};
        if (fd.fd < 0) return fd.fd;
        if (poll(&fd, 1, 0) == 0) return fd.fd;
        close(fd.fd);
    }
}

static void serve_waiting(struct mf_loader *loader, enum cell_role role) {
    while (loader->waiting[role]) {
        struct pool_cell cell;
        int fd = library_take_cell(loader, role, &cell);
        if (fd < 0) return;
        struct mf_worker *worker = loader->waiting[role];
        loader->waiting[role] = worker->waiting_next;
        worker_assign(worker, &cell, fd);
    }
}

static void on_idle(void *context) {
    struct mf_loader *loader = context;
    library_stir(loader);
    for (enum cell_role role = 0; role < CELL_HOST; role++) serve_waiting(loader, role);
}

static void on_death(void *context, const struct zygote_death *death) {
    struct mf_loader *loader = context;
    library_stir(loader);
    for (struct mf_worker *worker = loader->workers; worker; worker = worker->next) {
        if (worker->cell != death->cell) continue;
        worker_died(worker, death->status);
        return;
    }
}

static void on_failed(void *context, const char *reason) {
    struct mf_loader *loader = context;
    library_stir(loader);
    loader->has_failed = true;
    snprintf(loader->failure, sizeof loader->failure, "%s", reason);
}

static const struct pool_handler pool_events = {
    .on_ready = on_ready, .on_idle = on_idle, .on_death = on_death, .on_failed = on_failed};

static int start_pool(struct mf_loader *loader, struct mf_error *error) {
    struct pool_config config = {
        .cell_path = loader->cell_path, .idle_target = loader->idle_cells, .required = loader->required,
        .is_jitless = loader->is_jitless, .is_brief = loader->is_brief};
    int r = pool_new(&loader->loop, &config, &pool_events, loader, &loader->pool);
    if (r < 0) return library_fail(error, r, "cannot start %s: %s", loader->cell_path, strerror(-r));
    return 0;
}

/* --- Life ------------------------------------------------------------------------------------------------------- */

static void free_texts(struct mf_loader *loader) {
    free(loader->cell_path);
    free(loader->secrets_json);
    free(loader->dns);
    free(loader->ca_file);
    free(loader->proxy);
}

static int configure(struct mf_loader *loader, const struct mf_config *config) {
    char path[PATH_MAX];
    int r = 0;
    if (config->cell_path)
        loader->cell_path = strdup(config->cell_path);
    else if ((r = paths_cell_binary(path, sizeof path)) == 0)
        loader->cell_path = strdup(path);
    const struct {
        const char *from;
        char **to;
    } texts[] = {{config->secrets_json, &loader->secrets_json},
                 {config->dns, &loader->dns},
                 {config->ca_file, &loader->ca_file},
                 {config->proxy, &loader->proxy}};
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        if (texts[i].from && !(*texts[i].to = strdup(texts[i].from))) return -ENOMEM;
    }
    loader->outbound_log_fd = config->outbound_log_fd > 0 ? config->outbound_log_fd : -1;
    loader->is_jitless = config->no_jit;
    loader->is_brief = config->brief;
    loader->idle_cells = config->idle_cells ? config->idle_cells : IDLE_CELLS_DEFAULT;
    loader->start_timeout_ms = config->start_timeout_ms ? config->start_timeout_ms : START_TIMEOUT_MS_DEFAULT;
    return r == 0 && !loader->cell_path ? -ENOMEM : r;
}

static int open_loop(struct mf_loader *loader) {
    int r = uv_loop_init(&loader->loop);
    if (r < 0) return r;
    loader->alarm_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (loader->alarm_fd < 0) {
        r = -errno;
        uv_loop_close(&loader->loop);
        return r;
    }
    CHECK(uv_async_init(&loader->loop, &loader->kick, on_kick) == 0);
    CHECK(uv_poll_init(&loader->loop, &loader->alarm, loader->alarm_fd) == 0);
    CHECK(uv_poll_start(&loader->alarm, UV_READABLE, on_alarm) == 0);
    loader->alarm.data = loader->kick.data = loader;
    return 0;
}

static void close_loop(struct mf_loader *loader) {
    uv_close((uv_handle_t *)&loader->kick, NULL);
    uv_close((uv_handle_t *)&loader->alarm, NULL);
    uv_run(&loader->loop, UV_RUN_DEFAULT);
    CHECK(uv_loop_close(&loader->loop) == 0);
    close(loader->alarm_fd);
}

/* Waits for the zygote. */
static int await_start(struct mf_loader *loader, struct mf_error *error) {
    struct library_before before = library_enter(loader);
    while (!loader->is_up && !loader->has_failed) uv_run(&loader->loop, UV_RUN_ONCE);
    library_leave(loader, before);
    if (loader->has_failed) {
        return library_fail(error, -ECHILD, "%s did not start: %s", loader->cell_path, loader->failure);
    }
    return 0;
}

int mf_loader_new(const struct mf_config *config, struct mf_loader **ret, struct mf_error *error) {
    static const struct mf_config defaults;
    struct mf_loader *loader = calloc(1, sizeof *loader);
    if (!loader) return library_fail(error, -ENOMEM, "out of memory");
    config = config ? config : &defaults;
    char unknown[64];
    if (config->require_confinement &&
        confinement_parse(config->require_confinement, &loader->required, unknown, sizeof unknown) < 0) {
        free(loader);
        return library_fail(error, -EINVAL, "require_confinement: there is no layer \"%s\"", unknown);
    }
    int r = configure(loader, config);
    if (r == 0 && !(loader->answers = answers_new(loader))) r = -ENOMEM;
    if (r == 0) r = open_loop(loader);
    if (r < 0) {
        answers_leave(loader->answers);
        free_texts(loader);
        free(loader);
        return library_fail(error, r, "cannot make a loader: %s", strerror(-r));
    }
    r = start_pool(loader, error);
    if (r == 0) r = await_start(loader, error);
    if (r < 0) {
        mf_loader_free(loader);
        return r;
    }
    *ret = loader;
    return mf_loader_dispatch(loader);
}

void mf_loader_free(struct mf_loader *loader) {
    if (!loader) return;
    CHECK(!loader->is_running); /* mayfly.h: not from a callback */
    while (loader->workers) mf_worker_free(loader->workers);
    pool_free(loader->pool);
    outbound_free(loader->outbound);
    answers_leave(loader->answers);
    close_loop(loader);
    free_texts(loader);
    free(loader);
}
