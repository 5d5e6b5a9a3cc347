/* The time that a cell sees. JavaScript's clocks (Date, performance) stand still while code runs: they show when the
   cell last got something to do, so that code cannot measure itself. Timers need the time as it is.

   The engine's own questions come here too: clock_gettime, gettimeofday and time are symbols of the cell's binary and
   stand before libc's. Behind all of it is the kernel's coarse clock (4 ms as a rule), which needs no system call and
   no cycle counter: the jail traps rdtsc, which libc's fine clocks read. */
#pragma once

/* From now on no fine clock is read any more. In the zygote, before the jail traps rdtsc. */
void clock_coarsen(void);

/* In a cell, after each wait: lets the frozen time catch up. `waited_ms` is how long the wait took at least (0 where
   that is not known): a timer of 1 ms need not wait for the coarse clock's next step. */
void clock_catch_up(double waited_ms);

/* Milliseconds as of the last clock_catch_up: since the epoch, and on the monotonic clock. */
double clock_frozen_wall_ms(void);
double clock_frozen_ms(void);

/* The monotonic clock as it is now, never behind the frozen one. */
double clock_now_ms(void);
