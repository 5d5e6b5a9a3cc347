/* Makes a process that shares its memory, as its holder does: it would outlive the cell, and see the next one's. */
#include "tests/escape/escapes.h"
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

const char *escape_another_process(void) {
    setrlimit(RLIMIT_NPROC, &(struct rlimit){1000, 1000});
    long pid;
#ifdef __x86_64__
    /* The child has this stack, so it returns nowhere. */
    __asm__ volatile("syscall\n"
                     "test %%rax, %%rax\n"
                     "jnz 1f\n"
                     "mov %[exit], %%eax\n"
                     "xor %%edi, %%edi\n"
                     "syscall\n"
                     "1:\n"
                     : "=a"(pid)
                     : "a"((long)SYS_clone), "D"((long)(CLONE_VM | SIGCHLD)), "S"(0l), "d"(0l), [exit] "i"(SYS_exit_group)
                     : "rcx", "r11", "memory", "cc");
#else
    pid = fork();
    if (pid == 0) _exit(0);
#endif
    return pid > 0 ? "it made a process" : NULL;
}
