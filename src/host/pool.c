#include "host/pool.h"
#include "base/confinement.h"
#include "base/macros.h"
#include "base/zygote_wire.h"
#include "host/confinement.h"
#include "host/generations.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Forks that may be under way at once: enough to keep the zygote, or some holders, busy, few enough to leave a core to the workers. */
#define FORKS_MAX 4

/* While cells are being taken their users need the processors: the pool then waits for a pause before it forks, longer than
   a load and its answer take, until it has shrunk to this share of its size. A burst of that many loads costs no more
   than its own work. */
#define PAUSE_MS  20
#define LOW_SHARE 4

/* Of cells that may make threads this share more is kept idle, once one was asked for. */
#define THREADS_SHARE 8

/* See numbers_from. */
#define NUMBERS_STEP 2

/* When a fork fails, or a cell dies before it is ready, the next try comes after so long, twice as long each time. */
#define RETRY_MS_FIRST 50
#define RETRY_MS_MAX   1600

/* A cell on its way: forked, not yet READY (idle_next unused), or idle. */
struct idle_cell {
    struct pool *pool;
    struct shelf *shelf;
    struct idle_cell *next;
    struct host_channel *channel;
    uint32_t number;
    bool is_ready;
};

/* Those of one role. */
struct shelf {
    struct idle_cell *cells; /* oldest first, so that a taken cell is the longest warm one */
    unsigned ready_len, forking_len, target;
};

struct pool {
    uv_loop_t *loop;
    struct generations *zygotes;
    struct pool_config config;
    const struct pool_handler *handler;
    void *context;
    struct shelf shelves[CELL_HOST]; /* by role: a host worker's cell is never idle */
    uv_timer_t pause;
    unsigned retry_ms; /* 0 when the last fork went well */
    bool is_stalled;   /* nothing is forked until the pause ends */
    uint32_t early_dead; /* the cell that last ended before it was ready */
    uint64_t taken_at_ms; /* on the loop's clock */
    uint32_t next_number;
    uint32_t confinement; /* what holds for each cell */
    bool is_up, was_up;
};

static void refill(struct pool *pool);
static void stall(struct pool *pool);

static void add_last(struct idle_cell *cell) {
    struct idle_cell **end = &cell->shelf->cells;
    while (*end) end = &(*end)->next;
    *end = cell;
}

static void unlink_cell(struct idle_cell *cell) {
    struct idle_cell **place = &cell->shelf->cells;
    while (*place != cell) place = &(*place)->next;
    *place = cell->next;
    if (cell->is_ready)
        cell->shelf->ready_len--;
    else
        cell->shelf->forking_len--;
}

bool pool_is_confined(const struct pool *pool, const struct frame *ready, bool is_host) {
    uint32_t layers, wanted = pool->confinement | pool->config.required;
    if (is_host) wanted &= ~(uint32_t)CONFINEMENT_ONE_SOCKET;
    return confinement_of_ready(ready, &layers) == 0 && (layers & wanted) == wanted;
}

static int on_frame(void *context, const struct frame *frame) {
    struct idle_cell *cell = context;
    struct pool *pool = cell->pool;
    if (frame->type != FRAME_READY || cell->is_ready || !pool_is_confined(pool, frame, false)) return -EPROTO;
    cell->is_ready = true;
    cell->shelf->forking_len--;
    cell->shelf->ready_len++;
    pool->retry_ms = 0;
    pool->handler->on_idle(pool->context);
    refill(pool);
    return 0;
}

/* The zygote may still count on it: one that ended, with its holder, before it told of its begin. */
static void forget_early_dead(struct pool *pool) {
    if (pool->early_dead) generations_kill(pool->zygotes, pool->early_dead);
}

static void drop_cell(struct idle_cell *cell) {
    unlink_cell(cell);
    host_channel_free(cell->channel);
    free(cell);
}

static void on_closed(void *context, int error) {
    struct idle_cell *cell = context;
    struct pool *pool = cell->pool;
    (void)error;
    if (!cell->is_ready) {
        forget_early_dead(pool);
        pool->early_dead = cell->number; /* the zygote will say why, if it has heard of it */
        stall(pool);
    }
    drop_cell(cell);
    refill(pool);
}

static const struct host_channel_handler cell_handler = {.on_frame = on_frame, .on_closed = on_closed};

/* Makes a socket pair and asks the zygote for a cell at its other end. Returns the owner's end. */
static int fork_cell(struct pool *pool, enum cell_role role, uint32_t *ret_cell) {
    int sockets[2];
    /* The cell's end may block, which spares it a system call for each message; libuv sees to this one. */
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) < 0) return -errno;
    pool->next_number += NUMBERS_STEP;
    if (pool->next_number == 0) pool->next_number = NUMBERS_STEP; /* 0 is nobody's */
    uint32_t number = pool->next_number;
    int r = generations_fork(pool->zygotes, number, role, sockets[1]);
    if (r < 0) {
        close(sockets[0]);
        return r;
    }
    *ret_cell = number;
    return sockets[0];
}

static int add_cell(struct pool *pool, enum cell_role role) {
    struct idle_cell *cell = calloc(1, sizeof *cell);
    if (!cell) return -ENOMEM;
    cell->pool = pool;
    cell->shelf = &pool->shelves[role];
    int fd = fork_cell(pool, role, &cell->number);
    if (fd >= 0) cell->channel = host_channel_new(pool->loop, fd, host_channel_from_idle, &cell_handler, cell);
    if (!cell->channel) {
        if (fd >= 0) close(fd);
        free(cell);
        return fd < 0 ? fd : -ENOMEM;
    }
    add_last(cell);
    cell->shelf->forking_len++;
    return 0;
}

static void on_pause(uv_timer_t *timer) {
    struct pool *pool = timer->data;
    if (pool->is_stalled) forget_early_dead(pool);
    pool->is_stalled = false;
    refill(pool);
}

/* No cell could be forked. What is lacking may come back, so it is tried again, ever more seldom. */
static void stall(struct pool *pool) {
    if (pool->is_stalled || !pool->is_up) return;
    pool->is_stalled = true;
    pool->retry_ms = pool->retry_ms == 0 ? RETRY_MS_FIRST : pool->retry_ms * 2;
    if (pool->retry_ms > RETRY_MS_MAX) pool->retry_ms = RETRY_MS_MAX;
    uv_timer_start(&pool->pause, on_pause, pool->retry_ms, 0);
}

static void tell_stall(struct pool *pool, const char *reason) {
    if (pool->handler->on_stalled) pool->handler->on_stalled(pool->context, reason);
}

/* Whether it is better to fork later; then it will be. */
static bool waits_for_pause(struct pool *pool, const struct shelf *shelf) {
    uint64_t since_ms = uv_now(pool->loop) - pool->taken_at_ms;
    unsigned low = (shelf->target + LOW_SHARE - 1) / LOW_SHARE;
    if (pool->taken_at_ms == 0 || since_ms >= PAUSE_MS || shelf->ready_len + shelf->forking_len < low) return false;
    uv_timer_start(&pool->pause, on_pause, PAUSE_MS - since_ms, 0);
    return true;
}

static unsigned forking(const struct pool *pool) {
    unsigned len = 0;
    for (enum cell_role role = 0; role < CELL_HOST; role++) len += pool->shelves[role].forking_len;
    return len;
}

static void refill_shelf(struct pool *pool, enum cell_role role) {
    const struct shelf *shelf = &pool->shelves[role];
    while (pool->is_up && !pool->is_stalled && forking(pool) < FORKS_MAX &&
           shelf->ready_len + shelf->forking_len < shelf->target) {
        if (waits_for_pause(pool, shelf)) return;
        int r = add_cell(pool, role);
        if (r == 0) continue;
        stall(pool);
        tell_stall(pool, strerror(-r));
    }
}

/* The rarer ones first, for which somebody may be waiting. */
static void refill(struct pool *pool) {
    refill_shelf(pool, CELL_THREADS);
    refill_shelf(pool, CELL_PLAIN);
}

int pool_take(struct pool *pool, enum cell_role role, struct pool_cell *ret_cell) {
    struct shelf *shelf = &pool->shelves[role];
    struct idle_cell *cell = NULL; /* the newest, whose memory is still in the processor's caches */
    for (struct idle_cell *at = shelf->cells; at; at = at->next) {
        if (at->is_ready) cell = at;
    }
    if (role == CELL_THREADS && shelf->target == 0) shelf->target = 1 + pool->config.idle_target / THREADS_SHARE;
    if (!cell) {
        refill(pool);
        return -EAGAIN;
    }
    unlink_cell(cell);
    *ret_cell = (struct pool_cell){cell->number, host_channel_peer(cell->channel)};
    int fd = host_channel_release(cell->channel);
    free(cell);
    pool->taken_at_ms = uv_now(pool->loop);
    refill(pool);
    return fd;
}

int pool_fork_host(struct pool *pool, uint32_t *ret_cell) {
    return fork_cell(pool, CELL_HOST, ret_cell);
}

void pool_kill(struct pool *pool, uint32_t cell) {
    generations_kill(pool->zygotes, cell);
}

void pool_keep(struct pool *pool, uint32_t cell) {
    generations_keep(pool->zygotes, cell);
}

uint64_t pool_cell_bytes(const struct pool *pool) {
    return generations_cell_bytes(pool->zygotes);
}

void pool_zygotes(const struct pool *pool, struct zygote_stats *ret) {
    generations_stats(pool->zygotes, ret);
}

unsigned pool_idle(const struct pool *pool) {
    unsigned len = 0;
    for (enum cell_role role = 0; role < CELL_HOST; role++) len += pool->shelves[role].ready_len;
    return len;
}

/* --- The zygote ------------------------------------------------------------------------------------------------- */

/* Idle cells of the zygote before go at once: that is what it was replaced for. Cells that were taken live on. */
static void drop_shelf(struct shelf *shelf) {
    while (shelf->cells) drop_cell(shelf->cells);
}

static void drop_idle(struct pool *pool) {
    for (enum cell_role role = 0; role < CELL_HOST; role++) drop_shelf(&pool->shelves[role]);
}

static struct idle_cell *find_idle(const struct pool *pool, uint32_t number) {
    for (enum cell_role role = 0; role < CELL_HOST; role++) {
        for (struct idle_cell *cell = pool->shelves[role].cells; cell; cell = cell->next) {
            if (cell->number == number) return cell;
        }
    }
    return NULL;
}

static void on_zygote_failed(void *context, const char *reason) {
    struct pool *pool = context;
    pool->handler->on_failed(pool->context, reason);
}

static void on_zygote_lost(void *context, const char *reason) {
    struct pool *pool = context;
    pool->is_up = false;
    drop_idle(pool);
    if (!pool->was_up) on_zygote_failed(pool, reason);
    else if (pool->handler->on_lost) pool->handler->on_lost(pool->context, reason);
}

static void on_zygote_ready(void *context, uint32_t confinement) {
    struct pool *pool = context;
    pool->confinement = confinement |= CONFINEMENT_ONE_SOCKET;
    uint32_t missing = pool->config.required & ~confinement;
    if (missing) {
        char names[600], reason[700];
        snprintf(reason, sizeof reason, "its confinement lacks what is required: %s",
                 confinement_names(missing, names, sizeof names));
        on_zygote_lost(pool, reason);
        return;
    }
    if (pool->is_up) {
        drop_idle(pool);
    } else {
        pool->is_up = pool->was_up = true;
        pool->handler->on_ready(pool->context, confinement);
    }
    refill(pool);
}

static void on_zygote_death(void *context, const struct zygote_death *death) {
    struct pool *pool = context;
    struct idle_cell *cell = find_idle(pool, death->cell);
    bool is_early = death->status < 0 || death->cell == pool->early_dead || (cell && !cell->is_ready);
    if (is_early && pool->is_up) { /* else it went with its zygote */
        char reason[100];
        zygote_describe_death(death->status, reason, sizeof reason);
        stall(pool);
        tell_stall(pool, death->status < 0 ? strerror(-death->status) : reason);
    }
    if (!cell) {
        pool->handler->on_death(pool->context, death);
        return;
    }
    drop_cell(cell); /* now, lest it be taken before its channel ends: nobody would be told of its death a second time */
    refill(pool);
}

static const struct generations_handler zygote_events = {on_zygote_ready, on_zygote_death, on_zygote_lost,
                                                         on_zygote_failed};

unsigned pool_traits(const struct pool_config *config) {
    return (config->is_jitless ? ZYGOTE_JITLESS : 0) | (config->is_brief ? ZYGOTE_BRIEF : 0) |
           (config->has_no_rewind ? ZYGOTE_FORKING : 0);
}

int pool_new(uv_loop_t *loop, const struct pool_config *config, const struct pool_handler *handler, void *context,
             struct pool **ret) {
    struct pool *pool = calloc(1, sizeof *pool);
    if (!pool) return -ENOMEM;
    *pool = (struct pool){.loop = loop, .config = *config, .handler = handler, .context = context};
    pool->next_number = config->numbers_from;
    pool->shelves[CELL_PLAIN].target = config->idle_target;
    if (config->is_jitless && !config->has_no_jail) pool->config.required |= CONFINEMENT_NO_JIT;
    struct generations_config zygotes = {
        .cell_path = config->cell_path,
        .has_jail = !config->has_no_jail,
        .traits = pool_traits(config),
        .forks_max = config->forks_max,
        .age_ms_max = config->age_ms_max,
    };
    int r = generations_new(loop, &zygotes, &zygote_events, pool, &pool->zygotes);
    if (r < 0) {
        free(pool);
        return r;
    }
    CHECK(uv_timer_init(loop, &pool->pause) == 0);
    pool->pause.data = pool;
    uv_unref((uv_handle_t *)&pool->pause);
    *ret = pool;
    return 0;
}

static void on_pause_closed(uv_handle_t *handle) {
    free(handle->data);
}

void pool_free(struct pool *pool) {
    if (!pool) return;
    pool->is_up = false;
    generations_free(pool->zygotes);
    drop_idle(pool);
    uv_close((uv_handle_t *)&pool->pause, on_pause_closed);
}
