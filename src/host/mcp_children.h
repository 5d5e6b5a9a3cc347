/* The keeper: a process beside the supervisor that starts the servers which `mayfly mcp` was told to start, and passes
   messages between them and the worker of sdk/mcp, which asks by HTTP over loopback with a token. */
#pragma once
#include "host/mcp_project.h"
#include <stdint.h>
#include <sys/types.h>

/* Forks the keeper, which ends its children and itself when the caller ends or signals it; *ret_port is where it
   listens. What stands in project->children is the token. Returns its pid or a negative errno. */
pid_t mcp_children_start(const struct mcp_project *project, uint16_t *ret_port);
