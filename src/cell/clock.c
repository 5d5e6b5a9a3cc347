#include "cell/clock.h"
#include "cell/pages.h"
#include <dlfcn.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define MS 1000000ll
#define S  1000000000ll

typedef int clock_reader(clockid_t id, struct timespec *ret);

/* Invariant: frozen_wall_ns - frozen_ns is the distance of the two clocks at the last clock_catch_up. */
static struct {
    clock_reader *libc; /* reads coarse clocks without a system call; NULL until clock_coarsen */
    bool is_frozen;
    int64_t frozen_ns, frozen_wall_ns;
} state OF_EACH_CELL;

/* Threads of the engine wait for moments to come; for them a clock that stands still would be a loop. */
static __thread bool is_frozen_thread;

static int64_t read_ns(clockid_t id) {
    struct timespec t = {0};
    if (state.libc)
        state.libc(id, &t);
    else
        syscall(SYS_clock_gettime, id, &t);
    return t.tv_sec * S + t.tv_nsec;
}

static int64_t now_ns(void) {
    int64_t now = read_ns(state.libc ? CLOCK_MONOTONIC_COARSE : CLOCK_MONOTONIC);
    return now > state.frozen_ns ? now : state.frozen_ns;
}

void clock_coarsen(void) {
    state.libc = (clock_reader *)dlsym(RTLD_NEXT, "clock_gettime");
}

void clock_catch_up(double waited_ms) {
    int64_t monotonic = read_ns(state.libc ? CLOCK_MONOTONIC_COARSE : CLOCK_MONOTONIC);
    int64_t wall = read_ns(state.libc ? CLOCK_REALTIME_COARSE : CLOCK_REALTIME);
    int64_t now = state.frozen_ns + (int64_t)(waited_ms * (double)MS);
    if (now < monotonic) now = monotonic;
    state.frozen_ns = now;
    state.frozen_wall_ns = wall - monotonic + now;
    state.is_frozen = is_frozen_thread = true;
}

double clock_frozen_wall_ms(void) {
    if (!state.is_frozen) clock_catch_up(0);
    return (double)state.frozen_wall_ns / (double)MS;
}

double clock_frozen_ms(void) {
    if (!state.is_frozen) clock_catch_up(0);
    return (double)state.frozen_ns / (double)MS;
}

double clock_now_ms(void) {
    return (double)now_ns() / (double)MS;
}

/* --- In the place of libc's ------------------------------------------------------------------------------------- */

static int64_t seen_ns(bool is_wall) {
    if (is_frozen_thread) return is_wall ? state.frozen_wall_ns : state.frozen_ns;
    if (!is_wall) return now_ns();
    return read_ns(state.libc ? CLOCK_REALTIME_COARSE : CLOCK_REALTIME);
}

/* Other names in C, so that they do not clash with how the headers declare or fortify them. */
#define IN_PLACE_OF(name) __asm__(name) __attribute__((visibility("default"), used))

int clock_for_engine(clockid_t id, struct timespec *ret) IN_PLACE_OF("clock_gettime");
int day_for_engine(struct timeval *ret, void *zone) IN_PLACE_OF("gettimeofday");
time_t time_for_engine(time_t *ret) IN_PLACE_OF("time");

int clock_for_engine(clockid_t id, struct timespec *ret) {
    /* Clocks of CPU time are finer than code may know. The engine takes them for its own statistics only. */
    int64_t ns = seen_ns(id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE || id == CLOCK_TAI);
    *ret = (struct timespec){.tv_sec = ns / S, .tv_nsec = ns % S};
    return 0;
}

int day_for_engine(struct timeval *ret, void *zone) {
    int64_t ns = seen_ns(true);
    (void)zone;
    *ret = (struct timeval){.tv_sec = ns / S, .tv_usec = ns % S / 1000};
    return 0;
}

time_t time_for_engine(time_t *ret) {
    time_t now = seen_ns(true) / S;
    if (ret) *ret = now;
    return now;
}
