/* The supervisor's own confinement: after its start it opens no file but what it has to read, makes no process (see
   launch.h), no connection, and has no rights. */
#pragma once
#include <stddef.h>
#include <stdint.h>

/* The layers that it can have, of enum confinement. */
extern const uint32_t supervisor_layers;

/* Locks this process in, for good; it must have one thread. It may go on to read the files in these directories, and what
   /proc tells of cells. Returns the layers that hold now. */
uint32_t supervisor_jail_enter(const char *const *project_dirs, size_t len);

/* What would hold: tried in a child. */
uint32_t supervisor_jail_try(void);
