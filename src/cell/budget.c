#include "cell/budget.h"
#include "base/frame.h"
#include "base/limits.h"
#include "base/macros.h"
#include "cell/cell.h"
#include "cell/pkey.h"
#include <endian.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

/* CPU time between two weighings: two of the kernel's ticks of 4 ms, finer than which it does not count for signals. In
   this time a cell can take some 10 to 20 MiB more than it may. */
#define TICK_US 8000

/* With a limit of so much, a call begins at the first weighing after its begin: that saves a system call for each call.
 */
#define LAZY_CPU_US_MIN 100000

/* A call that takes longer than a tick gives way to whatever answers sooner: the supervisor, host workers, other cells. A
   process that spins has them wait for the scheduler's next tick otherwise, and several of them for each other's turns. It
   is for good: an ordinary user's process cannot take it back. */
#define NICE_OF_BUSY 10

/* A cell that has answered dozens of calls is given more ticks: one long turn in thousands is the engine's, which compiles
   what has become hot, or collects. */
#define TURNS_OF_PROMPT 32
#define TICKS_OF_PROMPT 6

/* Between half of its memory and all of it, a cell collects each time that its use has risen by this part of the limit. */
#define FULL_STEPS 16

/* Beyond this part of it, garbage is collected at once, too, in a turn that has taken a tick: there are no messages to wait for. */
#define FULL_PART 0.6

/* The handler's own stack: a worker may be at the very end of its. */
#define SIGNAL_STACK_BYTES (64 * 1024)

/* Written by the cell's thread, read by the handler in whichever thread it runs. Under the key with the rest of its control
   state (pkey.h). */
#define budget the_cell.budget

struct use {
    uint64_t cpu_us, bytes;
};

/* The one system call of a weighing. The peak stands for what is held now: it is looked at as soon as it rises. */
static struct use weigh(void) {
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    return (struct use){(uint64_t)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1000000u +
                            (uint64_t)(used.ru_utime.tv_usec + used.ru_stime.tv_usec),
                        (uint64_t)used.ru_maxrss * 1024u};
}

static void set_timer(uint64_t first_us) {
    struct itimerval timer = {.it_interval = {.tv_usec = TICK_US}, .it_value = {.tv_usec = (suseconds_t)first_us}};
    setitimer(ITIMER_PROF, &timer, NULL);
}

/* --- In the signal's handler: nothing that takes a lock --------------------------------------------------------- */

static void put_u64(uint8_t *p, uint64_t v) {
    v = htole64(v);
    memcpy(p, &v, sizeof v);
}

static _Noreturn void end(enum limit limit, uint64_t value, uint64_t used) {
    uint8_t frame[FRAME_HEADER_BYTES + LIMIT_EXCEEDED_BYTES] = {LIMIT_EXCEEDED_BYTES, 0, 0, 0, FRAME_EXCEEDED};
    uint8_t *payload = frame + FRAME_HEADER_BYTES;
    payload[0] = (uint8_t)limit;
    put_u64(payload + 8, value);
    put_u64(payload + 16, used);
    bool may_tell = !budget.is_silent;
    size_t len = __builtin_thread_pointer() == budget.thread ? budget.pending_len : 0;
    if (may_tell && len > 0) may_tell = send(budget.owner_fd, budget.pending, len, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)len;
    if (may_tell) send(budget.owner_fd, frame, sizeof frame, MSG_DONTWAIT | MSG_NOSIGNAL);
    _exit(LIMIT_EXIT_STATUS(limit));
}

static void on_tick(int number) {
    (void)number;
    pkey_open(); /* until the handler returns */
    struct use now = weigh();
    if (budget.is_call_new) {
        budget.is_call_new = false;
        budget.cpu_us_begun = now.cpu_us;
    }
    uint64_t cpu_us = now.cpu_us - budget.cpu_us_begun, cpu_us_max = budget.cpu_us_max;
    if (cpu_us >= TICK_US * (the_cell.turns < TURNS_OF_PROMPT ? 1 : TICKS_OF_PROMPT)) setpriority(PRIO_PROCESS, 0, NICE_OF_BUSY);
    budget.is_long = true;
    uint64_t bytes_max = budget.memory_bytes_max;
    uint64_t bytes = now.bytes > budget.bytes_begun ? now.bytes - budget.bytes_begun : 0;
    if (cpu_us_max && cpu_us >= cpu_us_max) end(LIMIT_CPU, cpu_us_max / 1000, cpu_us / 1000);
    if (bytes_max && bytes > bytes_max) end(LIMIT_MEMORY, bytes_max >> 20, bytes >> 20);
    if (bytes_max && bytes > (budget.bytes_full ? budget.bytes_full : bytes_max / 2)) {
        budget.is_full = true;
        budget.bytes_full = bytes + bytes_max / FULL_STEPS;
    }
    if (cpu_us_max && cpu_us_max - cpu_us < TICK_US) set_timer(cpu_us_max - cpu_us);
}

/* --- In the zygote and in the cell's loop ----------------------------------------------------------------------- */

void budget_prepare(void) {
    static uint8_t stack[SIGNAL_STACK_BYTES];
    stack_t alternate = {.ss_sp = stack, .ss_size = sizeof stack};
    struct sigaction action = {.sa_handler = on_tick, .sa_flags = SA_ONSTACK | SA_RESTART};
    CHECK(sigaltstack(&alternate, NULL) == 0);
    sigfillset(&action.sa_mask);
    CHECK(sigaction(SIGPROF, &action, NULL) == 0);
}

void budget_open(int owner_fd) {
    if (budget.is_open) return;
    struct use now = weigh();
    budget.is_open = true;
    budget.owner_fd = owner_fd;
    budget.thread = __builtin_thread_pointer();
    budget.cpu_us_begun = now.cpu_us;
    budget.bytes_begun = now.bytes;
    budget_set(LIMIT_CPU_MS_DEFAULT, LIMIT_MEMORY_MB_DEFAULT);
    set_timer(TICK_US);
}

void budget_set_silent(bool is_silent) {
    budget.is_silent = is_silent;
}

void budget_set_pending(const uint8_t *frames, size_t len) {
    budget.pending = frames;
    budget.pending_len = len;
}

void budget_exempt(uint64_t bytes) {
    budget.bytes_begun += bytes;
}

void budget_set(double cpu_ms, double memory_mb) {
    budget.cpu_us_max = (uint64_t)(cpu_ms * 1000);
#ifdef __SANITIZE_ADDRESS__
    memory_mb = 0; /* the sanitizer's own memory is beyond any limit */
#endif
    budget.memory_bytes_max = (uint64_t)(memory_mb * (1 << 20));
    if (cpu_ms > 0 && budget.cpu_us_max < TICK_US) set_timer(budget.cpu_us_max);
}

void budget_call(double cpu_ms) {
    if (!budget.is_open || cpu_ms <= 0) return;
    uint64_t cpu_us_max = (uint64_t)(cpu_ms * 1000);
    budget.is_call_new = cpu_us_max >= LAZY_CPU_US_MIN;
    if (cpu_us_max < LAZY_CPU_US_MIN) budget.cpu_us_begun = weigh().cpu_us;
    budget.cpu_us_max = cpu_us_max;
    if (cpu_us_max < TICK_US) set_timer(cpu_us_max);
}

void budget_pause(void) {
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &budget.unblocked);
    budget.cpu_us_paused = weigh().cpu_us;
}

void budget_resume(void) {
    uint64_t cpu_us = weigh().cpu_us - budget.cpu_us_paused;
    budget.cpu_us_begun += cpu_us;
    budget.cpu_us_others += cpu_us;
    sigprocmask(SIG_SETMASK, &budget.unblocked, NULL);
}

int budget_is_full(void) {
    if (!budget.is_open) return -1;
    if (budget.is_full || !budget.is_long) return budget.is_full;
    uint64_t bytes = weigh().bytes, max = budget.memory_bytes_max;
    return max && bytes > budget.bytes_begun && (double)(bytes - budget.bytes_begun) > FULL_PART * (double)max;
}

double budget_cpu_ms(void) {
    return (double)(weigh().cpu_us - budget.cpu_us_others) / 1000;
}

uint64_t budget_paused_us(void) {
    return budget.cpu_us_others;
}
