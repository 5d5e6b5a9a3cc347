/* The layers around a cell, as bits that each cell reports of itself, a supervisor checks, and `mayfly doctor` prints.
 */
#pragma once

/* X(NAME, "name", "what it is for", "what to do where it is missing", or NULL for the namespaces' own hint) */
#define CONFINEMENT_LAYERS(X)                                                                                          \
    X(USER_NAMESPACE, "user namespace", "no rights outside its own", NULL)                                             \
    X(MOUNT_NAMESPACE, "mount namespace", "mounts of its own", NULL)                                                   \
    X(PID_NAMESPACE, "pid namespace", "sees no other process; all die with the zygote", NULL)                          \
    X(NET_NAMESPACE, "net namespace", "no network, not even loopback", NULL)                                           \
    X(IPC_NAMESPACE, "ipc namespace", "no System V IPC, no message queues of others", NULL)                            \
    X(UTS_NAMESPACE, "uts namespace", "no host name", NULL)                                                            \
    X(CGROUP_NAMESPACE, "cgroup namespace", "does not see where it is accounted", NULL)                                \
    X(EMPTY_ROOT, "empty root", "a file system without files, read-only", NULL)                                        \
    X(NO_CAPABILITIES, "no capabilities", "all dropped, the bounding set too", NULL)                                   \
    X(NO_NEW_PRIVILEGES, "no new privileges", "no way to gain any by exec", "needs Linux 3.5")                         \
    X(RESOURCE_LIMITS, "resource limits", "no core dumps, no files, no locked memory, no queues", NULL)                \
    X(NOT_DUMPABLE, "not dumpable", "no neighbour can look into its memory", NULL)                                     \
    X(SCRUBBED, "scrubbed start", "arguments, environment and auxiliary vector are overwritten", NULL)                 \
    X(SYSCALL_FILTER, "syscall filter", "some 30 system calls by list, all others kill",                               \
      "needs CONFIG_SECCOMP_FILTER")                                                                                   \
    X(LANDLOCK, "Landlock", "no file, no socket, no signal, by the kernel's second opinion",                           \
      "add landlock to the kernel's lsm= list; needs Linux 5.13")                                                      \
    X(MDWE, "MDWE", "no executable memory beside the JIT's, which was there before", "needs Linux 6.3")                \
    X(CONTROL_KEY, "protection key", "the cell's own state is closed to writes while JavaScript runs",                       \
      "needs a processor with pku, and a hypervisor that passes it on")                                                \
    X(TSC_TRAP, "rdtsc trap", "no cycle counter for timing attacks",                                                  \
      "x86 only; some hypervisors ignore it")                                       \
    X(STORE_BYPASS, "store bypass closed", "Spectre 4", "the kernel or the processor's microcode does not offer it")   \
    X(INDIRECT_BRANCH, "indirect branches closed", "Spectre 2",                                                        \
      "the kernel or the processor's microcode does not offer it")                                                     \
    X(CORE_SCHEDULING, "core scheduling", "no stranger on the sibling hyper-thread",                                   \
      "needs Linux 5.14 with CONFIG_SCHED_CORE, and a processor with hyper-threads")                                   \
    X(ONE_SOCKET, "one socket", "no descriptor but the socket to its owner", NULL)

enum confinement_index {
#define X(name, text, meaning, hint) CONFINEMENT_INDEX_##name,
    CONFINEMENT_LAYERS(X)
#undef X
        CONFINEMENT_COUNT
};

enum confinement {
    /* Not a layer of the machine but the worker's profile: nothing in the cell's memory can be both written and run, and
       the seal is the one for that. Beyond the list, since only those have it who ask for it. */
    CONFINEMENT_NO_JIT = 1 << CONFINEMENT_COUNT,
#define X(name, text, meaning, hint) CONFINEMENT_##name = 1 << CONFINEMENT_INDEX_##name,
    CONFINEMENT_LAYERS(X)
#undef X
};
