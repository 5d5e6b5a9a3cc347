/* The common part of the system call filters of processes that run a libuv loop over sockets that they have: egress and
   the supervisor. What is not allowed fails with ENOSYS, as on a kernel without it: a newer library may ask for something
   new and has another way then. What nobody asks for but an intruder kills. */
#pragma once
#include <seccomp.h>
#include <stddef.h>
#include <stdint.h>

/* NULL without memory. The caller's until call_filter_load. */
scmp_filter_ctx call_filter_new(void);

/* Adds calls with an action of libseccomp. Return 0 or a negative errno. */
int call_filter_add(scmp_filter_ctx filter, uint32_t action, const int *calls, size_t len);
int call_filter_allow_if(scmp_filter_ctx filter, int call, struct scmp_arg_cmp condition);

/* Puts the filter on this thread, for good, and frees it, if `r` is 0; else it only frees it. Returns 0 or a negative
   errno, `r` if that was one. */
int call_filter_load(scmp_filter_ctx filter, int r);
