/* Addresses: which of them are the public internet, and ranges that rules name. Pure; runs in the egress process and
   the command line. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

/* Invariant: an IPv6 address that carries an IPv4 one as ::ffff:a.b.c.d is held as that. */
struct address {
    uint8_t family; /* 4 or 6 */
    uint8_t bytes[16];
};

struct address_range {
    struct address base;
    unsigned bits;
};

#define ADDRESS_TEXT_MAX 48

/* Reads a.b.c.d or an IPv6 address, without brackets, zone or port, in the strict forms of inet_pton. */
bool address_parse(const char *text, struct address *ret);

/* Likewise, with an optional /bits. */
bool address_range_parse(const char *text, struct address_range *ret);
bool address_in(const struct address *address, const struct address_range *range);

void address_from_sockaddr(const struct sockaddr *from, struct address *ret);
void address_print(const struct address *address, char out[ADDRESS_TEXT_MAX]);

/* NULL for an address of the public internet; else what it is: "loopback", "private", "link-local", ... */
const char *address_special(const struct address *address);
