/* The layers around a cell, as bits that a zygote reports of itself, a supervisor checks, and `mayfly doctor` prints. */
#pragma once

#define CONFINEMENT_LAYERS(X)                                                                                          \
    X(USER_NAMESPACE, "user namespace", "no rights outside its own")                                                   \
    X(MOUNT_NAMESPACE, "mount namespace", "mounts of its own")                                                         \
    X(PID_NAMESPACE, "pid namespace", "sees no other process; all die with the zygote")                                \
    X(NET_NAMESPACE, "net namespace", "no network, not even loopback")                                                 \
    X(IPC_NAMESPACE, "ipc namespace", "no System V IPC, no message queues of others")                                  \
    X(UTS_NAMESPACE, "uts namespace", "no host name")                                                                  \
    X(CGROUP_NAMESPACE, "cgroup namespace", "does not see where it is accounted")                                      \
    X(EMPTY_ROOT, "empty root", "a file system without files, read-only")                                              \
    X(NO_CAPABILITIES, "no capabilities", "all dropped, the bounding set too")                                         \
    X(NO_NEW_PRIVILEGES, "no new privileges", "no way to gain any by exec")

enum confinement_index {
#define X(name, text, meaning) CONFINEMENT_INDEX_##name,
    CONFINEMENT_LAYERS(X)
#undef X
        CONFINEMENT_COUNT
};

enum confinement {
#define X(name, text, meaning) CONFINEMENT_##name = 1 << CONFINEMENT_INDEX_##name,
    CONFINEMENT_LAYERS(X)
#undef X
};
