#include "host/call_filter.h"
#include "base/macros.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>

/* What libuv and malloc call once they run. */
static const int allowed[] = {SCMP_SYS(read),
                              SCMP_SYS(write),
                              SCMP_SYS(readv),
                              SCMP_SYS(writev),
                              SCMP_SYS(close),
                              SCMP_SYS(fstat),
                              SCMP_SYS(lseek),
                              SCMP_SYS(recvfrom),
                              SCMP_SYS(recvmsg),
                              SCMP_SYS(sendto),
                              SCMP_SYS(sendmsg),
                              SCMP_SYS(shutdown),
                              SCMP_SYS(getsockname),
                              SCMP_SYS(getpeername),
                              SCMP_SYS(getsockopt),
                              SCMP_SYS(setsockopt),
                              SCMP_SYS(epoll_ctl),
                              SCMP_SYS(epoll_wait),
                              SCMP_SYS(epoll_pwait),
                              SCMP_SYS(epoll_create1),
                              SCMP_SYS(poll),
                              SCMP_SYS(ppoll),
                              SCMP_SYS(pipe2),
                              SCMP_SYS(eventfd2),
                              SCMP_SYS(brk),
                              SCMP_SYS(munmap),
                              SCMP_SYS(mremap),
                              SCMP_SYS(madvise),
                              SCMP_SYS(futex),
                              SCMP_SYS(rt_sigaction),
                              SCMP_SYS(rt_sigprocmask),
                              SCMP_SYS(rt_sigreturn),
                              SCMP_SYS(sigaltstack),
                              SCMP_SYS(clock_gettime),
                              SCMP_SYS(gettimeofday),
                              SCMP_SYS(time),
                              SCMP_SYS(getrandom),
                              SCMP_SYS(getpid),
                              SCMP_SYS(gettid),
                              SCMP_SYS(getuid),
                              SCMP_SYS(geteuid),
                              SCMP_SYS(getgid),
                              SCMP_SYS(getegid),
                              SCMP_SYS(sched_yield),
                              SCMP_SYS(sched_getaffinity),
                              SCMP_SYS(restart_syscall),
                              SCMP_SYS(exit),
                              SCMP_SYS(exit_group)};

/* Nobody asks for these but an intruder. */
static const int deadly[] = {SCMP_SYS(execve),
                             SCMP_SYS(execveat),
                             SCMP_SYS(fork),
                             SCMP_SYS(vfork),
                             SCMP_SYS(clone),
                             SCMP_SYS(ptrace),
                             SCMP_SYS(process_vm_readv),
                             SCMP_SYS(process_vm_writev),
                             SCMP_SYS(bpf),
                             SCMP_SYS(io_uring_setup),
                             SCMP_SYS(userfaultfd),
                             SCMP_SYS(perf_event_open),
                             SCMP_SYS(mount),
                             SCMP_SYS(unshare),
                             SCMP_SYS(setns),
                             SCMP_SYS(memfd_create),
                             SCMP_SYS(keyctl),
                             SCMP_SYS(add_key),
                             SCMP_SYS(pidfd_getfd),
                             SCMP_SYS(kexec_load),
                             SCMP_SYS(init_module)};

int call_filter_add(scmp_filter_ctx filter, uint32_t action, const int *calls, size_t len) {
    int r = 0;
    for (size_t i = 0; i < len && r == 0; i++) r = seccomp_rule_add(filter, action, calls[i], 0);
    return r;
}

int call_filter_allow_if(scmp_filter_ctx filter, int call, struct scmp_arg_cmp condition) {
    return seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, call, 1, &condition);
}

/* Not among them: whom a descriptor's signals go to (which kills), and to type into the operator's terminal. */
static const struct {
    int call;
    scmp_datum_t request;
} requests[] = {{SCMP_SYS(fcntl), F_GETFL},  {SCMP_SYS(fcntl), F_SETFL},  {SCMP_SYS(fcntl), F_GETFD},
                {SCMP_SYS(fcntl), F_SETFD},  {SCMP_SYS(fcntl), F_DUPFD},  {SCMP_SYS(fcntl), F_DUPFD_CLOEXEC},
                {SCMP_SYS(ioctl), FIONBIO},  {SCMP_SYS(ioctl), FIOCLEX},  {SCMP_SYS(ioctl), FIONREAD},
                {SCMP_SYS(ioctl), TCGETS}};

/* Socket pairs within the machine, and memory that is never code. */
static int add_conditions(scmp_filter_ctx filter) {
    int r = 0;
    for (size_t i = 0; i < COUNT_OF(requests) && r == 0; i++) {
        r = call_filter_allow_if(filter, requests[i].call, (struct scmp_arg_cmp){1, SCMP_CMP_EQ, requests[i].request, 0});
    }
    if (r == 0) r = call_filter_allow_if(filter, SCMP_SYS(socketpair), (struct scmp_arg_cmp){0, SCMP_CMP_EQ, AF_UNIX, 0});
    const struct scmp_arg_cmp is_no_code = {2, SCMP_CMP_MASKED_EQ, PROT_EXEC, 0};
    if (r == 0) r = call_filter_allow_if(filter, SCMP_SYS(mmap), is_no_code);
    return r == 0 ? call_filter_allow_if(filter, SCMP_SYS(mprotect), is_no_code) : r;
}

scmp_filter_ctx call_filter_new(void) {
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
    if (!filter) return NULL;
    int r = call_filter_add(filter, SCMP_ACT_ALLOW, allowed, COUNT_OF(allowed));
    if (r == 0) r = call_filter_add(filter, SCMP_ACT_KILL_PROCESS, deadly, COUNT_OF(deadly));
    if (r == 0) r = add_conditions(filter);
    if (r == 0) return filter;
    seccomp_release(filter);
    return NULL;
}

int call_filter_load(scmp_filter_ctx filter, int r) {
    if (r == 0) r = seccomp_load(filter);
    seccomp_release(filter);
    return r;
}
