/* Where `mayfly mcp --listen` listens, and what its clients have to bring. */
#pragma once
#include <stdbool.h>

/* As the command line says it; NULL where it does not. */
struct mcp_listen {
    const char *address;        /* ADDRESS:PORT */
    const char *token_variable; /* the environment variable that has the token */
    bool has_no_token;          /* --listen-without-token */
};

/* Checks them together: an address that others can reach wants a token, or the word that none is wanted. Sets
   *ret_token to the SHA-256 of the token, all that is to be known of it here, or "" for none. Prints what is wrong, never
   the token; returns 0 or -EINVAL. */
int mcp_listen_check(const struct mcp_listen *listen, const char **ret_token);
