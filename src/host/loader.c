#include "host/loader.h"
#include "base/affinity.h"
#include "base/line_log.h"
#include "base/macros.h"
#include "base/procfs.h"
#include "host/launch.h"
#include "host/police.h"
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* In each turn so many of the named cells are weighed: each two turns after it was used, for what it holds now, and, when it was not
   used again, some turns later, for what is left of it at rest (REST_MS_MAX in cell/cell.c). One that nobody uses may grow by its
   timers all the same. No page is touched without CPU time, which the police knows of each cell anyhow; so once one has used so much
   of it since it was weighed, in which it can take some 10 MiB, it is weighed again. Those at rest cost nothing. */
#define TURN_MS             1000
#define SAMPLES_A_TURN      200
#define TURNS_UNTIL_WEIGHED 2
#define TURNS_UNTIL_RESTED  6
#define CPU_US_GROWN        4000

/* What the first rests may take in all, in microseconds; see charged_us. */
#define RESTED_US_MAX 20000

#define BUCKETS 1024

/* UNCLAIMED: it ended while it was granted; a CLAIM may be under way, since the worker is in the cell before that is sent. */
enum held_state { UNCLAIMED, GRANTED, CLAIMED, EVICTED, RELEASED, OVERDUE };

/* One cell. Named ones are in the list by use, oldest first. */
struct held_cell {
    struct held_cell *bucket_next;
    struct held_cell *older, *newer;
    uint32_t number;
    enum held_state state;
    enum profile profile;
    enum cell_role role;
    bool is_named, is_stale; /* is_stale: used since it was last weighed */
    uint8_t turns_until_weighed; /* 0: it will not be */
    struct police police;
    uint64_t cpu_us_weighed; /* as the police knew it when it was last weighed */
    enum limit exceeded; /* it was killed for that */
    struct zygote_death death; /* of one UNCLAIMED */
    uint32_t calls;
    bool rests; /* it was claimed by a name, and folds its memory while it waits */
    uint64_t claimed_ms, rested_us; /* on the loop's clock; what of its CPU time it says that went into that */
    uint64_t bytes;
    char *name; /* as JSON, for the usage; NULL without */
};

struct loader {
    struct pool *pools[PROFILES];
    unsigned granted[PROFILES][CELL_HOST]; /* by role */
    unsigned wanted[PROFILES]; /* cells that may make threads: loads that wait for one */
    struct host_channel *channel;
    struct loader_config config;
    struct line_log usage;
    uv_timer_t timer, police;
    int timers; /* of the two, not yet closed */
    struct held_cell *buckets[BUCKETS];
    struct held_cell *oldest, *newest;
    struct held_cell *next_weighed; /* where the next turn goes on; NULL for the oldest */
    struct held_cell *staying; /* kept to one processor; NULL for none */
    unsigned released_len, unclaimed_len;
    struct loader_stats stats;
};

/* --- The table -------------------------------------------------------------------------------------------------- */

static struct held_cell **place_of(struct loader *l, uint32_t number) {
    struct held_cell **place = &l->buckets[number % BUCKETS];
    while (*place && (*place)->number != number) place = &(*place)->bucket_next;
    return place;
}

static void list_remove(struct loader *l, struct held_cell *cell) {
    if (cell == l->next_weighed) l->next_weighed = cell->newer;
    *(cell->older ? &cell->older->newer : &l->oldest) = cell->newer;
    *(cell->newer ? &cell->newer->older : &l->newest) = cell->older;
    cell->older = cell->newer = NULL;
}

static void list_add_newest(struct loader *l, struct held_cell *cell) {
    cell->older = l->newest;
    cell->newer = NULL;
    *(l->newest ? &l->newest->newer : &l->oldest) = cell;
    l->newest = cell;
}

/* Takes a named cell out of the list and the sums; the table keeps it until it dies. */
static void unname(struct loader *l, struct held_cell *cell) {
    if (!cell->is_named) return;
    list_remove(l, cell);
    cell->is_named = false;
    l->stats.named--;
    l->stats.named_bytes -= cell->bytes;
}

/* --- Granting and claiming -------------------------------------------------------------------------------------- */

static int grant_one(struct loader *l, enum profile profile, enum cell_role role) {
    struct pool_cell taken;
    int fd = pool_take(l->pools[profile], role, &taken);
    if (fd < 0) return fd;
    struct held_cell *cell = calloc(1, sizeof *cell);
    if (!cell) {
        close(fd);
        return -ENOMEM;
    }
    *cell = (struct held_cell){
        .number = taken.number, .police.pid = taken.pid, .state = GRANTED, .profile = profile, .role = role};
    cell->bucket_next = l->buckets[cell->number % BUCKETS];
    l->buckets[cell->number % BUCKETS] = cell;
    l->granted[profile][role]++;
    int flags = (profile == PROFILE_NO_JIT ? FRAME_NO_JIT : 0) | (role == CELL_THREADS ? FRAME_THREADS : 0);
    return host_channel_grant(l->channel, (uint8_t)flags, taken.number, fd);
}

static void grant_of(struct loader *l, enum profile profile) {
    while (l->wanted[profile] > 0 && grant_one(l, profile, CELL_THREADS) == 0) l->wanted[profile]--;
    while (l->granted[profile][CELL_PLAIN] < l->config.grants_target && grant_one(l, profile, CELL_PLAIN) == 0) {}
}

void loader_grant(struct loader *l) {
    for (enum profile profile = 0; profile < PROFILES; profile++) {
        if (l->pools[profile]) grant_of(l, profile);
    }
}

int loader_want(struct loader *l, uint8_t flags) {
    enum profile profile = flags & FRAME_NO_JIT ? PROFILE_NO_JIT : PROFILE_JIT;
    if (!(flags & FRAME_THREADS) || !l->pools[profile]) return -EPROTO;
    l->wanted[profile]++;
    grant_of(l, profile);
    return 0;
}

static void end_cell(struct loader *l, struct held_cell **place, const struct zygote_death *death);

/* It was used just now. */
static void weigh_soon(struct held_cell *cell) {
    cell->is_stale = true;
    if (cell->turns_until_weighed == 0 || cell->turns_until_weighed > TURNS_UNTIL_WEIGHED) cell->turns_until_weighed = TURNS_UNTIL_WEIGHED;
}

int loader_claim(struct loader *l, uint32_t number, const char *head, size_t head_len) {
    struct held_cell *cell = *place_of(l, number);
    if (!cell) return 0; /* it died long before */
    if (cell->state > GRANTED) return -EPROTO;
    bool has_ended = cell->state == UNCLAIMED;
    json_t *claim = json_loadb(head, head_len, 0, NULL);
    bool is_named = json_is_string(json_object_get(claim, "name"));
    cell->police.cpu_ms_max = (uint32_t)json_integer_value(json_object_get(claim, "cpuMs"));
    cell->police.code_bytes = (uint32_t)json_integer_value(json_object_get(claim, "codeBytes"));
    cell->police.memory_mb_max = (uint32_t)json_integer_value(json_object_get(claim, "memoryMb"));
    if (is_named && l->config.usage_fd >= 0) cell->name = json_dumps(json_object_get(claim, "name"), JSON_ENCODE_ANY);
    json_decref(claim);
    cell->police.is_called = true;
    cell->calls = 1;
    cell->claimed_ms = uv_now(l->timer.loop);
    cell->state = CLAIMED;
    l->stats.claimed++;
    l->stats.loads++;
    if (has_ended) {
        const struct zygote_death death = cell->death;
        l->unclaimed_len--;
        end_cell(l, place_of(l, number), &death);
        return 0;
    }
    cell->is_named = cell->rests = is_named;
    l->granted[cell->profile][cell->role]--;
    if (is_named) {
        weigh_soon(cell);
        cell->bytes = l->stats.named > 0 ? l->stats.named_bytes / l->stats.named : 0; /* until it is weighed */
        l->stats.named_bytes += cell->bytes;
        list_add_newest(l, cell);
        l->stats.named++;
        pool_keep(l->pools[cell->profile], number);
    }
    loader_grant(l);
    return 0;
}

/* The host tells how many calls there were, not of each. */
static void take_use(struct held_cell *cell, const char *head, size_t head_len) {
    json_t *told = json_loadb(head, head_len, 0, NULL);
    if (told) {
        cell->calls = (uint32_t)json_integer_value(json_object_get(told, "calls"));
        if (cell->rests) cell->rested_us = (uint64_t)json_integer_value(json_object_get(told, "restedUs"));
    }
    json_decref(told);
}

void loader_touch(struct loader *l, uint32_t number, const char *head, size_t head_len) {
    struct held_cell *cell = *place_of(l, number);
    if (!cell) return;
    cell->police.is_called = true;
    take_use(cell, head, head_len);
    if (!cell->is_named) return;
    weigh_soon(cell);
    if (cell == l->newest) return;
    list_remove(l, cell);
    list_add_newest(l, cell);
}

void loader_release(struct loader *l, uint32_t number, const char *head, size_t head_len) {
    struct held_cell *cell = *place_of(l, number);
    if (!cell || cell->state <= GRANTED || cell->state >= RELEASED) return;
    take_use(cell, head, head_len);
    unname(l, cell);
    cell->state = RELEASED;
    l->released_len++;
}

/* --- The end ---------------------------------------------------------------------------------------------------- */

/* What the last rests took stands in the status of a cell that ended in order. Returns the status without it. */
static int take_last_rest(struct held_cell *cell, int status) {
    int parts = cell->rests && status >= 0 && WIFEXITED(status) ? WEXITSTATUS(status) - REST_EXIT_STATUS_FIRST + 1 : 0;
    if (parts <= 0 || parts > REST_EXIT_STATUSES) return status;
    cell->rested_us += (uint64_t)parts * REST_EXIT_STATUS_US;
    return 0;
}

/* What the worker is charged: not the rests, which are the system's. A cell that was taken over may tell of them what it likes, and is
   believed as far as it can be true: it rests ever more seldom when that does not pay (REST_MS in cell/cell.c). */
static uint64_t charged_us(const struct loader *l, const struct held_cell *cell, uint64_t cpu_us) {
    uint64_t rested_us = cell->rested_us, rested_us_max = RESTED_US_MAX + (uv_now(l->timer.loop) - cell->claimed_ms) * 1000 / POLICE_OWN_PART;
    if (rested_us > rested_us_max) rested_us = rested_us_max;
    return cpu_us > rested_us ? cpu_us - rested_us : 0;
}

/* What the cell used, for whoever bills. */
static void write_usage(struct loader *l, const struct held_cell *cell, const struct zygote_death *death,
                        const char *reason) {
    if (l->config.usage_fd < 0) return;
    struct buf line = {0};
    int r = buf_printf(&line, "{\"cell\":%u,\"name\":%s,\"calls\":%u,\"cpuUs\":%llu,\"peakBytes\":%llu,\"end\":\"%s\"}\n",
                       cell->number, cell->name ? cell->name : "null", cell->calls, (unsigned long long)charged_us(l, cell, death->cpu_us),
                       (unsigned long long)death->peak_bytes, reason);
    int64_t said = r == 0 ? line_log_write(&l->usage, &line) : r;
    if (said < 0) fprintf(stderr, "mayfly: usage: lines are lost: %s\n", strerror((int)-said));
    if (said > 0) fprintf(stderr, "mayfly: usage: lines are written again; %lld were lost\n", (long long)said);
    buf_done(&line);
}

/* The head of a DIED frame. */
static int describe_end(const struct held_cell *cell, const struct zygote_death *death, const char *reason, char *out,
                        size_t out_len) {
    enum limit limit = cell->exceeded ? cell->exceeded : zygote_exceeded_limit(death->status);
    if (limit == LIMIT_CPU) {
        return snprintf(out, out_len, "{\"limit\":\"cpuMs\",\"value\":%u,\"used\":%llu}", cell->police.cpu_ms_max,
                        (unsigned long long)death->cpu_us / 1000);
    }
    if (limit == LIMIT_MEMORY) {
        return snprintf(out, out_len, "{\"limit\":\"memoryMb\",\"value\":%u,\"used\":%llu}", cell->police.memory_mb_max,
                        (unsigned long long)death->peak_bytes >> 20);
    }
    return snprintf(out, out_len, "{\"reason\":\"%s\"}", reason);
}

void loader_stalled(struct loader *l, enum profile profile, const char *reason) {
    char text[200];
    l->wanted[profile] = 0;
    int n = snprintf(text, sizeof text, "{\"reason\":\"%s\"}", reason);
    host_channel_send(l->channel, FRAME_DIED, profile == PROFILE_NO_JIT ? FRAME_NO_JIT : 0, 0, text, (size_t)n, NULL, 0);
}

static void free_cell(struct held_cell *cell) {
    free(cell->name);
    free(cell);
}

/* One that was claimed. */
static void end_cell(struct loader *l, struct held_cell **place, const struct zygote_death *death) {
    struct held_cell *cell = *place;
    *place = cell->bucket_next;
    if (cell == l->staying) l->staying = NULL;
    unname(l, cell);
    l->stats.claimed--;
    char reason[100], text[200];
    zygote_describe_death(take_last_rest(cell, death->status), reason, sizeof reason);
    write_usage(l, cell, death, reason);
    if (cell->state >= RELEASED) { /* the host gave it back, and has forgotten it */
        l->released_len--;
    } else {
        int n = describe_end(cell, death, reason, text, sizeof text);
        host_channel_send(l->channel, FRAME_DIED, 0, death->cell, text, (size_t)n, NULL, 0);
    }
    free_cell(cell);
}

void loader_cell_died(struct loader *l, const struct zygote_death *death) {
    struct held_cell **place = place_of(l, death->cell);
    struct held_cell *cell = *place;
    if (!cell) return;
    if (cell->state == GRANTED) {
        l->granted[cell->profile][cell->role]--;
        l->unclaimed_len++;
        cell->state = UNCLAIMED;
        cell->death = *death;
    } else {
        end_cell(l, place, death);
    }
    loader_grant(l);
}

/* --- The byte budget -------------------------------------------------------------------------------------------- */

static void evict(struct loader *l, struct held_cell *cell) {
    unname(l, cell);
    cell->state = EVICTED;
    l->stats.evictions++;
    host_channel_send(l->channel, FRAME_EVICT, 0, cell->number, "", 0, NULL, 0);
}

static void weigh(struct loader *l, struct held_cell *cell) {
    uint64_t bytes;
    cell->turns_until_weighed = cell->is_stale ? TURNS_UNTIL_RESTED : 0;
    cell->is_stale = false;
    cell->cpu_us_weighed = cell->police.cpu_us;
    if (cell->police.pid <= 0 || launch_private_bytes(cell->police.pid, &bytes) < 0) return;
    l->stats.named_bytes += bytes - cell->bytes;
    cell->bytes = bytes;
}

/* Counts a turn of a named cell's. */
static bool is_to_be_weighed(struct held_cell *cell) {
    bool has_grown = cell->turns_until_weighed == 0 && cell->police.cpu_us - cell->cpu_us_weighed >= CPU_US_GROWN;
    if (has_grown) cell->turns_until_weighed = TURNS_UNTIL_RESTED;
    return cell->turns_until_weighed > 0 && --cell->turns_until_weighed == 0;
}

/* All of them in turn, from where the last turn ended: however many are busy, each is reached. */
static void weigh_some(struct loader *l) {
    int samples = 0;
    for (unsigned left = l->stats.named; left > 0 && samples < SAMPLES_A_TURN; left--) {
        struct held_cell *cell = l->next_weighed ? l->next_weighed : l->oldest;
        l->next_weighed = cell->newer;
        if (!is_to_be_weighed(cell)) continue;
        weigh(l, cell);
        samples++;
    }
}

/* A released cell has one full turn of the timer to go. */
static void kill_overdue(struct loader *l) {
    for (size_t i = 0; i < BUCKETS && l->released_len > 0; i++) {
        for (struct held_cell *cell = l->buckets[i]; cell; cell = cell->bucket_next) {
            if (cell->state == OVERDUE) pool_kill(l->pools[cell->profile], cell->number);
            else if (cell->state == RELEASED) cell->state = OVERDUE;
        }
    }
}

/* And a claim, to come after its cell has ended. Nobody waits for an idle cell to be told of. */
static void forget_unclaimed(struct loader *l) {
    for (size_t i = 0; i < BUCKETS && l->unclaimed_len > 0; i++) {
        for (struct held_cell **place = &l->buckets[i]; *place;) {
            struct held_cell *cell = *place;
            if (cell->state == UNCLAIMED && cell->is_stale) {
                *place = cell->bucket_next;
                free_cell(cell);
                l->unclaimed_len--;
                continue;
            }
            if (cell->state == UNCLAIMED) cell->is_stale = true;
            place = &cell->bucket_next;
        }
    }
}

/* --- Limits from outside ---------------------------------------------------------------------------------------- */

/* A cell that is over a limit is killed; how far is told when it has ended. */
static void police_cell(struct loader *l, struct held_cell *cell) {
    if (cell->state <= GRANTED || cell->exceeded) return;
    cell->exceeded = police_look(&cell->police, pool_cell_bytes(l->pools[cell->profile]));
    if (cell->exceeded) pool_kill(l->pools[cell->profile], cell->number);
}

static void on_police(uv_timer_t *timer) {
    struct loader *l = timer->data;
    for (size_t i = 0; i < BUCKETS && l->stats.claimed > 0; i++) {
        for (struct held_cell *cell = l->buckets[i]; cell; cell = cell->bucket_next) police_cell(l, cell);
    }
}

static void on_timer(uv_timer_t *timer) {
    struct loader *l = timer->data;
    kill_overdue(l);
    forget_unclaimed(l);
    weigh_some(l);
    while (l->oldest && l->stats.named_bytes > l->config.named_bytes_max) evict(l, l->oldest);
}

/* --- Processors ------------------------------------------------------------------------------------------------- */

void loader_stay(struct loader *l, int cpu) {
    struct held_cell *next = cpu < 0 ? NULL : l->newest;
    if (next == l->staying) return;
    if (l->staying) affinity_keep(l->staying->police.pid, -1);
    l->staying = next && next->police.pid > 0 ? next : NULL;
    if (l->staying) affinity_keep(l->staying->police.pid, cpu);
}

/* --- Life ------------------------------------------------------------------------------------------------------- */

struct loader *loader_new(uv_loop_t *loop, struct pool *const pools[static PROFILES], struct host_channel *channel,
                          const struct loader_config *config) {
    struct loader *l = calloc(1, sizeof *l);
    if (!l) return NULL;
    memcpy(l->pools, pools, sizeof l->pools);
    l->channel = channel;
    l->config = *config;
    l->usage.fd = config->usage_fd;
    CHECK(uv_timer_init(loop, &l->timer) == 0 && uv_timer_init(loop, &l->police) == 0);
    l->timer.data = l->police.data = l;
    l->timers = 2;
    CHECK(uv_timer_start(&l->timer, on_timer, TURN_MS, TURN_MS) == 0);
    CHECK(uv_timer_start(&l->police, on_police, POLICE_MS, POLICE_MS) == 0);
    return l;
}

static void on_timer_closed(uv_handle_t *handle) {
    struct loader *l = handle->data;
    if (--l->timers == 0) free(l);
}

void loader_free(struct loader *l) {
    if (!l) return;
    for (size_t i = 0; i < BUCKETS; i++) {
        while (l->buckets[i]) {
            struct held_cell *cell = l->buckets[i];
            l->buckets[i] = cell->bucket_next;
            free_cell(cell);
        }
    }
    uv_close((uv_handle_t *)&l->timer, on_timer_closed);
    uv_close((uv_handle_t *)&l->police, on_timer_closed);
}

void loader_stats(const struct loader *l, struct loader_stats *ret) {
    *ret = l->stats;
    for (enum profile profile = 0; profile < PROFILES; profile++) {
        for (enum cell_role role = 0; role < CELL_HOST; role++) ret->granted += l->granted[profile][role];
    }
}
