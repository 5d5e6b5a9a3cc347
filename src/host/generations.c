#include "host/generations.h"
#include "base/macros.h"
#include "host/launch.h"
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define FORKS_MAX_DEFAULT  20000
#define AGE_MS_MAX_DEFAULT (60ull * 60 * 1000)

/* How often age and library are looked at, and the least time between two zygotes: whoever crashes cells all the time
   must not keep a processor busy with starting zygotes. */
#define WATCH_MS 5000

/* When the current zygote died, the next one is started after so long, twice as long each time that none comes up. */
#define RESTART_MS_FIRST 50
#define RESTART_MS_MAX   5000

struct generation {
    struct generations *all;
    struct generation *next;
    struct zygote *zygote;
    uint64_t started_ms;
    unsigned forks;
    uint32_t *cells; /* that live */
    unsigned cells_len, cells_capacity;
    bool is_up;
};

/* Invariants: `list` has all generations, the newest first; `current` is the newest one that is up, or NULL after that one
   died; at most one, the first of the list, is not up yet. */
struct generations {
    uv_loop_t *loop;
    struct generations_config config;
    const struct generations_handler *handler;
    void *context;
    struct generation *list, *current;
    unsigned ups; /* zygotes that came up */
    uv_timer_t watch, restart;
    unsigned restart_ms;
    int timers; /* of the two, not yet closed */
    bool is_ending;
    char library_path[PATH_MAX]; /* of the engine; "" where that cannot be told */
    struct stat library;
    bool is_due;
};

static void unlink_generation(struct generation *g) {
    struct generation **place = &g->all->list;
    while (*place != g) place = &(*place)->next;
    *place = g->next;
}

static void stop(struct generation *g) {
    unlink_generation(g);
    zygote_stop(g->zygote);
    free(g->cells);
    free(g);
}

static void stop_if_drained(struct generation *g) {
    if (g != g->all->current && g->is_up && g->cells_len == 0) stop(g);
}

static int remember(struct generation *g, uint32_t cell) {
    if (g->cells_len == g->cells_capacity) {
        unsigned capacity = g->cells_capacity ? g->cells_capacity * 2 : 64;
        uint32_t *cells = realloc(g->cells, capacity * sizeof *cells);
        if (!cells) return -ENOMEM;
        g->cells = cells;
        g->cells_capacity = capacity;
    }
    g->cells[g->cells_len++] = cell;
    return 0;
}

static void forget(struct generation *g, uint32_t cell) {
    for (unsigned i = 0; i < g->cells_len; i++) {
        if (g->cells[i] != cell) continue;
        g->cells[i] = g->cells[--g->cells_len];
        return;
    }
}

/* --- The engine's library --------------------------------------------------------------------------------------- */

static void find_library(struct generations *all) {
    launch_find_library(zygote_pid(all->current->zygote), all->library_path, sizeof all->library_path);
    if (stat(all->library_path, &all->library) < 0) all->library_path[0] = 0;
}

static bool has_library_changed(const struct generations *all) {
    struct stat now;
    if (!all->library_path[0]) return false;
    /* While a package is being replaced there may be no such file for a moment. */
    if (stat(all->library_path, &now) < 0) return false;
    return now.st_dev != all->library.st_dev || now.st_ino != all->library.st_ino ||
           now.st_mtim.tv_sec != all->library.st_mtim.tv_sec;
}

/* --- Succession ------------------------------------------------------------------------------------------------- */

static int start(struct generations *all);

static void replace_current(struct generations *all) {
    all->is_due = true;
    bool is_starting = all->list && !all->list->is_up;
    if (is_starting || !all->current || uv_now(all->loop) - all->current->started_ms < WATCH_MS) return;
    if (start(all) == 0) all->is_due = false;
}

static void on_watch(uv_timer_t *timer) {
    struct generations *all = timer->data;
    if (!all->current) return;
    bool is_old = uv_now(all->loop) - all->current->started_ms >= all->config.age_ms_max;
    if (all->is_due || is_old || has_library_changed(all)) replace_current(all);
}

static void on_ready(void *context, uint32_t confinement) {
    struct generation *g = context;
    struct generations *all = g->all;
    struct generation *before = all->current;
    g->is_up = true;
    all->ups++;
    all->restart_ms = RESTART_MS_FIRST;
    all->current = g;
    find_library(all);
    if (before) stop_if_drained(before);
    all->handler->on_ready(all->context, confinement);
}

/* What a cell dies of that was taken over, or that somebody tries to. */
static bool is_suspicious(int status) {
    if (status < 0 || !WIFSIGNALED(status)) return false;
    int number = WTERMSIG(status);
    return number == SIGSEGV || number == SIGBUS || number == SIGILL || number == SIGSYS;
}

static void on_death(void *context, const struct zygote_death *death) {
    struct generation *g = context;
    struct generations *all = g->all;
    forget(g, death->cell);
    if (is_suspicious(death->status) && g == all->current) replace_current(all);
    stop_if_drained(g);
    all->handler->on_death(all->context, death);
}

static void on_restart(uv_timer_t *timer);

static void start_again(struct generations *all) {
    uv_timer_start(&all->restart, on_restart, all->restart_ms, 0);
    all->restart_ms = all->restart_ms * 2 < RESTART_MS_MAX ? all->restart_ms * 2 : RESTART_MS_MAX;
}

static void on_restart(uv_timer_t *timer) {
    struct generations *all = timer->data;
    int r = start(all);
    /* With its spawner gone the supervisor will never be able to. */
    if (r == -EPIPE || r == -ECONNRESET) all->handler->on_failed(all->context, strerror(-r));
    else if (r < 0) start_again(all);
}

/* The kernel kills the cells of a zygote that died, and with it nobody is left who could report them. */
static void report_all_dead(struct generations *all, const uint32_t *cells, unsigned len) {
    for (unsigned i = 0; i < len && !all->is_ending; i++) {
        all->handler->on_death(all->context, &(struct zygote_death){.cell = cells[i], .status = SIGKILL});
    }
}

static void on_lost(void *context, const char *reason) {
    struct generation *g = context;
    struct generations *all = g->all;
    if (all->ups == 0) {
        all->handler->on_failed(all->context, reason);
        return;
    }
    uint32_t *cells = g->cells;
    unsigned cells_len = g->cells_len;
    bool was_current = g == all->current;
    g->cells = NULL;
    if (was_current) all->current = NULL;
    stop(g);
    if (was_current) all->handler->on_lost(all->context, reason);
    report_all_dead(all, cells, cells_len);
    free(cells);
    if (all->is_ending) return;
    bool is_starting = all->list && !all->list->is_up;
    if (all->current) all->is_due = true; /* on_watch tries again */
    else if (!is_starting) start_again(all);
}

static const struct zygote_handler events = {on_ready, on_death, on_lost};

static int start(struct generations *all) {
    struct generation *g = calloc(1, sizeof *g);
    if (!g) return -ENOMEM;
    *g = (struct generation){.all = all, .next = all->list, .started_ms = uv_now(all->loop)};
    const struct zygote_config config = {all->config.cell_path, all->config.has_jail, all->config.traits};
    int r = zygote_start(all->loop, &config, &events, g, &g->zygote);
    if (r < 0) {
        free(g);
        return r;
    }
    all->list = g;
    return 0;
}

/* --- For the pool ----------------------------------------------------------------------------------------------- */

int generations_new(uv_loop_t *loop, const struct generations_config *config, const struct generations_handler *handler,
                    void *context, struct generations **ret) {
    struct generations *all = calloc(1, sizeof *all);
    if (!all) return -ENOMEM;
    *all = (struct generations){.loop = loop, .config = *config, .handler = handler, .context = context};
    if (!all->config.forks_max) all->config.forks_max = FORKS_MAX_DEFAULT;
    if (!all->config.age_ms_max) all->config.age_ms_max = AGE_MS_MAX_DEFAULT;
    int r = start(all);
    if (r < 0) {
        free(all);
        return r;
    }
    CHECK(uv_timer_init(loop, &all->watch) == 0 && uv_timer_init(loop, &all->restart) == 0);
    all->watch.data = all->restart.data = all;
    all->timers = 2;
    all->restart_ms = RESTART_MS_FIRST;
    CHECK(uv_timer_start(&all->watch, on_watch, WATCH_MS, WATCH_MS) == 0);
    uv_unref((uv_handle_t *)&all->watch);
    uv_unref((uv_handle_t *)&all->restart);
    *ret = all;
    return 0;
}

static void on_timer_closed(uv_handle_t *handle) {
    struct generations *all = handle->data;
    if (--all->timers == 0) free(all);
}

void generations_free(struct generations *all) {
    if (!all) return;
    all->is_ending = true;
    all->current = NULL;
    while (all->list) stop(all->list);
    uv_close((uv_handle_t *)&all->watch, on_timer_closed);
    uv_close((uv_handle_t *)&all->restart, on_timer_closed);
}

int generations_fork(struct generations *all, uint32_t cell, enum cell_role role, int fd) {
    struct generation *g = all->current;
    if (!g) {
        close(fd);
        return -EAGAIN;
    }
    int r = remember(g, cell);
    if (r < 0) close(fd);
    else r = zygote_fork(g->zygote, cell, role, fd);
    if (r < 0) {
        forget(g, cell);
        return r;
    }
    if (++g->forks >= all->config.forks_max) replace_current(all);
    return 0;
}

/* A zygote takes no notice of a number that it does not know. */
void generations_kill(struct generations *all, uint32_t cell) {
    for (struct generation *g = all->list; g; g = g->next) {
        if (g->is_up) zygote_kill(g->zygote, cell);
    }
}

void generations_keep(struct generations *all, uint32_t cell) {
    for (struct generation *g = all->list; g; g = g->next) {
        if (g->is_up) zygote_keep(g->zygote, cell);
    }
}

void generations_stats(const struct generations *all, struct zygote_stats *ret) {
    struct zygote_stats stats = {.number = all->ups};
    for (struct generation *g = all->list; g; g = g->next) stats.alive++;
    if (all->current) {
        stats.forks = all->current->forks;
        stats.age_ms = uv_now(all->loop) - all->current->started_ms;
        stats.rewinds = zygote_rewinds(all->current->zygote);
    }
    *ret = stats;
}

uint64_t generations_cell_bytes(const struct generations *all) {
    return all->current ? zygote_anonymous_bytes(all->current->zygote) : 0;
}
