/* Short requests that come one at a time may be answered sooner on one processor: supervisor, host worker's cell, dynamic
   worker's cell and egress hand each on from one to the next and wait meanwhile, and on many a virtual machine to wake
   a process on a processor that sleeps takes longer than most of them work (docs/performance.md). Whether it is sooner
   depends on the machine and on what the workers do, so both ways are measured: after some requests of that kind these
   processes are kept to the supervisor's processor for a while, then the better way is kept to, and the other one tried
   ever more seldom, or when requests take longer or shorter than before. As soon as a request comes while another is under
   way, or takes long, they go where they like. Runs in the supervisor, on its loop. */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

/* Requests whose median is what one way is said to take. */
#define GATHER_SAMPLES 32

struct gather {
    /* They are to stay on this processor: those that are not there yet move; with -1 they may go where they like. */
    void (*on_stay)(void *context, int cpu);
    void *context;
    uv_timer_t timer; /* runs while one request is under way, for as long as that is short */
    uint64_t begun_ns;
    unsigned under_way;
    unsigned in_row; /* short requests, each of which was alone */
    unsigned settling; /* requests until samples of the present way count */
    uint32_t samples_ns[GATHER_SAMPLES];
    unsigned samples_len;
    uint32_t typical_ns[2]; /* by is_gathered */
    unsigned rest, rest_next; /* samples' worth of requests until the other way is tried; and after that, if it is no better */
    bool is_gathered;
    bool is_better; /* to be gathered */
    bool is_trial;  /* the present way is not the better one, as far as is known */
};

/* Begins with nobody gathered. The timer's end is the caller's: uv_close; its data is the gather. */
void gather_init(struct gather *gather, uv_loop_t *loop, void (*on_stay)(void *context, int cpu), void *context);

/* A request begins, and ends. */
void gather_begin(struct gather *gather);
void gather_end(struct gather *gather);

/* All may go where they like. */
void gather_scatter(struct gather *gather);
