/* How `mayfly mcp` starts a server: its arguments and its environment, as clients of the protocol make them. What these
   return lives as long as the process. */
#pragma once
#include <jansson.h>

/* A command as a shell reads it. */
char **mcp_command_shell(const char *text);

/* A command with its arguments, an array of strings or NULL. Returns NULL if it is something else. */
char **mcp_command_argv(const char *command, const json_t *args);

/* The environment: of ours what every program needs, and `more`, an object of strings or NULL. Returns NULL if it is
   something else. The rest of ours is not a server's business: other sources' credentials stand there. */
char **mcp_command_env(const json_t *more);
