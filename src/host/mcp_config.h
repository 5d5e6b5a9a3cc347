/* The sources of `mayfly mcp` as a file:

     {"sources": {"github": {"openapi": "api.json", "server": "https://api.github.com",
                             "secret": {"header": "Authorization", "env": "GITHUB_TOKEN"}},
                  "other": {"mcp": "https://example.com/mcp"}, "shop": {"tools": "shop.ts"},
                  "notes": {"command": "npx", "args": ["-y", "some-server"], "env": {"NOTES": "notes.json"}}},
      "timeoutMs": 30000}

   A secret may have a "prefix" ("Bearer "), and an array of them is one header each. The table "mcpServers" of other clients'
   files is read as well; what is no identifier in its names becomes _. A source that is "disabled" is left out, a command is
   started in its "cwd". A key that is not known is an error, whatever it means to other clients. Paths are relative to the
   working directory, as in options. */
#pragma once
#include "host/mcp_project.h"

/* Adds what the file says to the project, whose strings then live as long as the process. Prints what is wrong; returns
   0 or -EINVAL. */
int mcp_config_read(const char *path, struct mcp_project *project);

/* A source's name is what code calls it by: an identifier of at most 64 characters. Returns what it would have to be if
   `name` is none, else NULL. */
const char *mcp_config_check_name(const char *name);
