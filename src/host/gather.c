#include "host/gather.h"
#include "base/affinity.h"
#include "base/macros.h"
#include <stdlib.h>

/* So many in a row, so that a busy server does not change its ways all the time ... */
#define IN_ROW 16

/* ... and so short: a fresh load, a stream, a worker that computes take longer, and have work for two processors. */
#define SHORT_MS 4

/* Requests until caches and the scheduler have got used to a change. */
#define SETTLING 8

/* In samples' worth of requests. */
#define REST_MIN 4
#define REST_MAX 64

/* Requests that take so much more or less than those before are others, of which nothing is known yet: a quarter. */
#define OTHER_SHARE 4

/* The price of what cannot be measured here, such as other servers on that processor, in percent. */
#define GAIN_MIN 5

void gather_init(struct gather *g, uv_loop_t *loop, void (*on_stay)(void *context, int cpu), void *context) {
    *g = (struct gather){.on_stay = on_stay, .context = context, .rest_next = REST_MIN};
    CHECK(uv_timer_init(loop, &g->timer) == 0);
    g->timer.data = g;
    uv_unref((uv_handle_t *)&g->timer);
}

/* Samples of a way outlast requests that were none, but not the way. */
static void set(struct gather *g, bool is_gathered) {
    if (is_gathered == g->is_gathered) return;
    g->is_gathered = is_gathered;
    g->samples_len = 0;
    g->settling = SETTLING;
    g->on_stay(g->context, is_gathered ? affinity_here() : -1);
}

void gather_scatter(struct gather *g) {
    g->in_row = 0;
    g->is_trial = false;
    if (g->is_gathered) set(g, false);
}

static void on_late(uv_timer_t *timer) {
    gather_scatter(timer->data);
}

void gather_begin(struct gather *g) {
    if (g->under_way++ == 0) {
        g->begun_ns = uv_hrtime();
        uv_timer_start(&g->timer, on_late, SHORT_MS, 0);
        return;
    }
    uv_timer_stop(&g->timer);
    gather_scatter(g);
}

static int compare(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

/* The present way has been measured. */
static void decide(struct gather *g) {
    qsort(g->samples_ns, GATHER_SAMPLES, sizeof *g->samples_ns, compare);
    uint32_t before = g->typical_ns[g->is_gathered], now = g->samples_ns[GATHER_SAMPLES / 2];
    g->typical_ns[g->is_gathered] = now;
    g->samples_len = 0;
    if (affinity_here() < 0) return; /* there is one way only */
    if (!g->is_trial) {
        bool is_same_work = now > before - before / OTHER_SHARE && now < before + before / OTHER_SHARE;
        if (!is_same_work) g->rest_next = REST_MIN;
        if (g->rest > 0 && is_same_work) {
            g->rest--;
            return;
        }
        g->is_trial = true;
        set(g, !g->is_better);
        return;
    }
    bool is_better = g->typical_ns[1] < (uint64_t)g->typical_ns[0] * (100 - GAIN_MIN) / 100;
    g->rest_next = is_better != g->is_better ? REST_MIN : g->rest_next < REST_MAX ? 2 * g->rest_next : REST_MAX;
    g->rest = g->rest_next;
    g->is_better = is_better;
    g->is_trial = false;
    set(g, is_better);
}

/* Only a request that was alone and short finds its timer still running. */
void gather_end(struct gather *g) {
    if (--g->under_way > 0 || !uv_is_active((uv_handle_t *)&g->timer)) return;
    uv_timer_stop(&g->timer);
    if (g->in_row < IN_ROW) {
        if (++g->in_row == IN_ROW) set(g, g->is_better);
        return;
    }
    if (g->is_gathered) g->on_stay(g->context, affinity_here()); /* another worker may have been called */
    if (g->settling > 0) {
        g->settling--;
        return;
    }
    g->samples_ns[g->samples_len++] = (uint32_t)(uv_hrtime() - g->begun_ns);
    if (g->samples_len == GATHER_SAMPLES) decide(g);
}
