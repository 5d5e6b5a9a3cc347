/* What a cell may use of the processor and of memory. Enforced by the kernel's clock for this process's CPU time, whose
   signal no JavaScript sees, delays or catches: every few milliseconds of CPU time the cell is weighed, and one that is
   over a limit says so on its owner's channel and ends. A cell that waits costs nothing.

   The supervisor looks at cells too, more seldom (host/loader.c): should machine code in a cell take this signal away,
   it is killed from outside. */
#pragma once
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What of it is written by the cell's thread and read by the handler. */
struct budget {
    int owner_fd;
    bool is_open;
    volatile bool is_call_new; /* a call began since the last weighing */
    volatile bool is_silent;
    const uint8_t *volatile pending; /* whole frames for the owner, which wait for the end of the turn */
    volatile size_t pending_len;
    const void *thread; /* which changes them: the handler may run in another, and then leaves them alone */
    volatile bool is_long;    /* this turn has taken a tick */
    volatile bool is_full;    /* much of its memory is used: what of that is garbage should go */
    volatile uint64_t cpu_us_begun, cpu_us_max; /* max 0: no limit */
    volatile uint64_t bytes_begun, memory_bytes_max;
    volatile uint64_t bytes_full; /* the use at which is_full is set; 0 for half of the limit */
    uint64_t cpu_us_paused, cpu_us_others; /* others: in all pauses */
    sigset_t unblocked; /* before the pause */
};

/* In the zygote: what all cells inherit. */
void budget_prepare(void);

/* In a cell, before anybody waits for it: from now on it is weighed; what it holds now is not charged. `owner_fd` is
 * told of the end. Once. */
void budget_open(int owner_fd);

/* Amid a frame that goes out in parts, and while what waits is changed, the end says nothing to the owner. */
void budget_set_silent(bool is_silent);

/* What the end sends before it says why: frames that wait for the end of the turn, such as what was logged. The caller's. */
void budget_set_pending(const uint8_t *frames, size_t len);

/* Memory that came with the worker and is not charged: the frame that brought its code, and what is made of that. */
void budget_exempt(uint64_t bytes);

/* Limits from now on; 0 is none. */
void budget_set(double cpu_ms, double memory_mb);

/* A call begins: the cell may use so much CPU time from now on. */
void budget_call(double cpu_ms);

/* What the cell does between these two is not its worker's: it is not charged, and no signal's handler runs. */
void budget_pause(void);
void budget_resume(void);

/* Whether garbage is to be collected as soon as can be: the cell has come to use much of its memory since its last collection, or
   uses much and is in a long turn. -1 where there is no budget. */
int budget_is_full(void);

/* CPU time that this process has used, without pauses: what tails are told of. */
double budget_cpu_ms(void);

/* CPU time of all pauses, in microseconds. */
uint64_t budget_paused_us(void);
