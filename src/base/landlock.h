/* The kernel's second opinion on what a process may touch. Used by all processes that lock themselves in. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

enum { LANDLOCK_SCOPE_ABSTRACT_SOCKETS = 1, LANDLOCK_SCOPE_SIGNALS = 2 };

/* A ruleset that refuses every access to files that this kernel's Landlock knows, TCP too if `has_network`, and those of
   `scopes` that it knows. Rules may be added. Returns a descriptor or a negative errno. */
int landlock_new(bool has_network, uint64_t scopes);

/* Lets files below a directory be read. Returns whether the kernel took the rule. */
bool landlock_let_read(int ruleset, int directory);

/* Puts it on this process and all that it forks, and closes it. It needs no_new_privs. */
bool landlock_enter(int ruleset);
