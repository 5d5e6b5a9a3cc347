/* A cell that tells on standard error, which it keeps, of each function that its engine compiles to bytecode; see
   run.mjs. */
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

struct engine *__real_engine_new(bool is_jitless);
struct engine *__wrap_engine_new(bool is_jitless);
int __real_close_range(unsigned first, unsigned last, int flags);
int __wrap_close_range(unsigned first, unsigned last, int flags);

struct engine *__wrap_engine_new(bool is_jitless) {
    setenv("JSC_reportBytecodeCompileTimes", "1", 1);
    return __real_engine_new(is_jitless);
}

int __wrap_close_range(unsigned first, unsigned last, int flags) {
    if (first > STDERR_FILENO || last < STDERR_FILENO) return __real_close_range(first, last, flags);
    if (first < STDERR_FILENO && __real_close_range(first, STDERR_FILENO - 1, flags) < 0) return -1;
    return last > STDERR_FILENO ? __real_close_range(STDERR_FILENO + 1, last, flags) : 0;
}
