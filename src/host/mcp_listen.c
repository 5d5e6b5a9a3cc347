#include "host/mcp_listen.h"
#include "host/egress_address.h"
#include "host/serve_options.h"
#include <errno.h>
#include <sha2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Fewer could be guessed by asking. */
#define TOKEN_CHARS_MIN 16
#define TOKEN_CHARS_MAX 4096

static int refuse(const char *why) {
    fprintf(stderr, "mayfly mcp: %s\n", why);
    return -EINVAL;
}

/* What is no ADDRESS:PORT is left to the server to name. */
static bool is_loopback(const char *text) {
    char copy[128];
    struct ingress_config listen = {0};
    struct address address;
    if (snprintf(copy, sizeof copy, "%s", text) >= (int)sizeof copy) return false;
    if (serve_parse_listen(copy, &listen) < 0) return true;
    const char *kind = address_parse(listen.address, &address) ? address_special(&address) : NULL;
    return kind && strcmp(kind, "loopback") == 0;
}

static int read_token(const char *variable, const char **ret) {
    const char *token = getenv(variable);
    if (!token) {
        fprintf(stderr, "mayfly mcp: --listen-token: there is no environment variable %s\n", variable);
        return -EINVAL;
    }
    size_t len = strlen(token);
    bool is_plain = true;
    for (size_t i = 0; i < len; i++) is_plain &= token[i] > ' ' && token[i] < 0x7f;
    if (!is_plain || len < TOKEN_CHARS_MIN || len > TOKEN_CHARS_MAX)
        return refuse("--listen-token takes a token of 16 to 4096 characters, without spaces, all of ASCII");
    static char hash[SHA256_DIGEST_STRING_LENGTH];
    SHA256Data((const uint8_t *)token, len, hash);
    *ret = hash;
    return 0;
}

int mcp_listen_check(const struct mcp_listen *listen, const char **ret_token) {
    *ret_token = "";
    if (!listen->address && (listen->token_variable || listen->has_no_token))
        return refuse("--listen-token and --listen-without-token are for --listen");
    if (listen->token_variable && listen->has_no_token)
        return refuse("--listen-token or --listen-without-token, not both");
    if (listen->token_variable) return read_token(listen->token_variable, ret_token);
    if (!listen->address || listen->has_no_token || is_loopback(listen->address)) return 0;
    fprintf(stderr,
            "mayfly mcp: --listen %s: others can reach this address, and use all sources with their credentials: name "
            "the variable of a token that they must bring by --listen-token ENV, or say --listen-without-token\n",
            listen->address);
    return -EINVAL;
}
