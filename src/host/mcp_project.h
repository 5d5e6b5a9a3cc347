/* What `mayfly mcp` was told, and the project that it makes of it for `mayfly serve`: a directory with the worker of
   sdk/mcp and the sources' texts, and the configuration that binds them. Documents are copied unread: they are parsed
   in the worker's cell alone. */
#pragma once
#include <jansson.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#define MCP_SOURCES_MAX 64

/* Of one source. */
#define MCP_SECRETS_MAX 8

enum mcp_kind { MCP_OPENAPI, MCP_SERVER, MCP_TYPESCRIPT };

/* A credential: a header whose value is the prefix and what the environment variable has. Without a variable it is the
   prefix alone, and no credential. */
struct mcp_secret {
    const char *header, *prefix, *variable;
};

/* All strings are the command line's, or live as long as the project. */
struct mcp_source {
    enum mcp_kind kind;
    const char *name;
    const char *place;  /* a file or a URL; NULL for a server to be started */
    char **argv, **env; /* of a server to be started, each ending with NULL; else NULL */
    const char *cwd;    /* where it is started, or NULL for our own working directory */
    const char *server; /* the server to ask instead of the document's, or NULL */
    struct mcp_secret secrets[MCP_SECRETS_MAX];
    size_t secrets_len;
};

struct mcp_project {
    struct mcp_source sources[MCP_SOURCES_MAX];
    size_t sources_len;
    unsigned timeout_ms; /* 0: the worker's default */
    bool no_jit;         /* executions are interpreted, never compiled */
    const char *token;   /* what requests must carry: with is_stdio itself, else its SHA-256; "" for none */
    bool is_stdio;       /* they are this process's own, which passes on what comes by standard input */
    char children[80];   /* where the servers that were started are reached; "" if there are none */
    char dir[PATH_MAX];  /* set by mcp_project_write */
    char *config;        /* likewise: what serve_project takes; lives as long as the process */
    json_t *texts;       /* configuration files by their paths: sources' strings are theirs */
    int lock_fd;         /* says that the directory has an owner, while it is open */
};

/* The source of this name, or NULL. */
struct mcp_source *mcp_project_find(struct mcp_project *project, const char *name);

/* Gives a source one more credential. Returns NULL, or what is wrong with it. */
const char *mcp_project_add_secret(struct mcp_source *source, struct mcp_secret secret);

/* Checks what options alone cannot: servers for credentials, files that exist. Prints what is wrong; returns 0 or
   -EINVAL. */
int mcp_project_check(const struct mcp_project *project);

/* Writes the directory, for its owner alone, and removes those whose owners were killed before they could. Prints what is wrong; returns 0 or a negative errno. */
int mcp_project_write(struct mcp_project *project);
void mcp_project_remove(const struct mcp_project *project);
