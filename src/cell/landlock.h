/* Landlock: the kernel's own list of what a process may reach, here the empty one. */
#pragma once
#include <stdbool.h>

/* Takes from this process, and all that it forks, every right that this kernel's Landlock knows: files, connections,
   and signals and abstract sockets to the outside. Needs no_new_privs. Returns whether it holds. */
bool landlock_close(void);
