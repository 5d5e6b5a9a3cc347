/* What the egress process takes from itself once it has read what it needs. */
#pragma once
#include <stddef.h>

/* The layers that hold, as a text for people: "uid, Landlock, seccomp". */
struct egress_jail {
    char layers[128];
};

/* Gives up rights, other users' identities and files; for keeper and worker alike. Returns 0 or a negative errno. */
int egress_jail_enter(struct egress_jail *ret);

/* The system call filter of the process that has the network. Returns 0 or a negative errno. */
int egress_jail_filter(struct egress_jail *ret);
