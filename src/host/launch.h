/* Starting the other programs of mayfly, and looking at them from outside: what the supervisor cannot do any more once it
   has locked itself in (supervisor_jail.h). A spawner, forked before that, does it then; what it starts are the caller's
   children all the same. Without a spawner, as in libmayfly, all of it happens in the caller. The spawner does what this
   header says and nothing else, for whoever sends it messages: the programs' paths are those that it was made with. To be
   called from one thread. */
#pragma once
#include "host/cgroups.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* All that a spawner will ever start. Its process has a copy. */
struct launch_config {
    const char *cell_path, *egress_path;
    struct cgroups groups;           /* zygotes live in them; removed at its end */
    const char *const *egress_starts; /* what each egress process is told at its start (outbound_put_start) */
    size_t egress_starts_len;
};

/* Starts a zygote for the launch_zygote with the same traits that comes first after launch_begin: it takes a while, and there is
   other work meanwhile. Before launch_begin, once; if it fails, that call will tell. */
void launch_ahead(const char *cell_path, unsigned traits, const struct cgroups *groups);

/* Nobody will ask for it: ends it. In place of launch_begin. */
void launch_cancel(void);

/* Forks the spawner of this process. Call it before there are threads, and before descriptors are opened that no other
   process should have. Returns 0 or a negative errno. */
int launch_begin(const struct launch_config *config);

/* The spawner ends. Without one nothing happens. */
void launch_end(void);

/* Starts a zygote, in namespaces of its own where there can be any; a spawner starts none without a jail. `traits` are
   those of base/zygote_wire.h, *ret_control is the socket to talk to it, the caller's to close. Returns a pid, which is the
   caller's to wait for, or a negative errno. */
pid_t launch_zygote(const char *cell_path, bool has_jail, unsigned traits, int *ret_control);

/* Starts egress likewise; log_fd may be -1. A spawner takes `number` of its egress_starts, so that whoever has taken over the
   supervisor cannot have other files read as secrets, or other servers reached; without one it is `start`. The environment
   goes along, since secrets may stand in it. */
pid_t launch_egress(const char *egress_path, unsigned number, const char *start, int control, int log_fd);

/* Ends a process that was started here, whose end is the caller's to wait for. A supervisor has no right to signal any. */
void launch_kill(pid_t pid);

/* Wipes a variable of the environment in this process, and so for all that is started from now on. */
void launch_forget(const char *variable);

/* What only this process has of memory (procfs.h). Returns 0 or a negative errno. */
int launch_private_bytes(int pid, uint64_t *ret_bytes);

/* The file of the engine's library in that zygote; "" if it cannot be told. */
void launch_find_library(int pid, char *out, size_t out_len);
