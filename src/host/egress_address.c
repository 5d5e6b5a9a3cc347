#include "host/egress_address.h"
#include "base/macros.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

/* Everything that is not the public internet: IANA's special-purpose registries of both families, and the address that
   one cloud's machines find their metadata at although it looks public. */
static const struct {
    const char *range, *kind;
} specials[] = {
    {"127.0.0.0/8", "loopback"},
    {"169.254.169.254", "metadata"},
    {"169.254.0.0/16", "link-local"},
    {"10.0.0.0/8", "private"},
    {"172.16.0.0/12", "private"},
    {"192.168.0.0/16", "private"},
    {"100.100.100.200", "metadata"},
    {"100.64.0.0/10", "shared"},
    {"168.63.129.16", "metadata"},
    {"0.0.0.0/8", "unspecified"},
    {"192.0.0.0/24", "reserved"},
    {"192.0.2.0/24", "documentation"},
    {"192.88.99.0/24", "6to4 relay"},
    {"198.18.0.0/15", "benchmarking"},
    {"198.51.100.0/24", "documentation"},
    {"203.0.113.0/24", "documentation"},
    {"224.0.0.0/4", "multicast"},
    {"255.255.255.255", "broadcast"},
    {"240.0.0.0/4", "reserved"},
    {"::1", "loopback"},
    {"::", "unspecified"},
    {"::/96", "IPv4-compatible"},
    {"::ffff:0:0:0/96", "IPv4-translated"},
    {"64:ff9b::/96", "NAT64"},
    {"64:ff9b:1::/48", "NAT64"},
    {"100::/64", "discard"},
    {"2001::/32", "Teredo"},
    {"2001:db8::/32", "documentation"},
    {"2001::/23", "reserved"},
    {"2002::/16", "6to4"},
    {"3fff::/20", "documentation"},
    {"fd00:ec2::254", "metadata"},
    {"fc00::/7", "unique-local"},
    {"fe80::/10", "link-local"},
    {"fec0::/10", "site-local"},
    {"ff00::/8", "multicast"},
};

static void unmap(struct address *a) {
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    if (a->family != 6 || memcmp(a->bytes, mapped, sizeof mapped) != 0) return;
    memmove(a->bytes, a->bytes + 12, 4);
    memset(a->bytes + 4, 0, 12);
    a->family = 4;
}

bool address_parse(const char *text, struct address *ret) {
    struct address a = {.family = strchr(text, ':') ? 6 : 4};
    if (inet_pton(a.family == 6 ? AF_INET6 : AF_INET, text, a.bytes) != 1) return false;
    unmap(&a);
    *ret = a;
    return true;
}

bool address_range_parse(const char *text, struct address_range *ret) {
    char address[ADDRESS_TEXT_MAX];
    const char *slash = strchr(text, '/');
    size_t n = slash ? (size_t)(slash - text) : strlen(text);
    if (n >= sizeof address) return false;
    memcpy(address, text, n);
    address[n] = 0;
    struct address_range range;
    if (!address_parse(address, &range.base)) return false;
    unsigned bits_max = range.base.family == 6 ? 128 : 32;
    range.bits = bits_max;
    if (slash) {
        char *end;
        unsigned long bits = strtoul(slash + 1, &end, 10);
        if (slash[1] < '0' || slash[1] > '9' || *end || bits > bits_max) return false;
        range.bits = (unsigned)bits;
    }
    *ret = range;
    return true;
}

bool address_in(const struct address *a, const struct address_range *range) {
    if (a->family != range->base.family) return false;
    unsigned whole = range->bits / 8, rest = range->bits % 8;
    if (memcmp(a->bytes, range->base.bytes, whole) != 0) return false;
    return rest == 0 || (a->bytes[whole] ^ range->base.bytes[whole]) >> (8 - rest) == 0;
}

void address_from_sockaddr(const struct sockaddr *from, struct address *ret) {
    struct address a = {.family = from->sa_family == AF_INET6 ? 6 : 4};
    if (a.family == 6)
        memcpy(a.bytes, &((const struct sockaddr_in6 *)from)->sin6_addr, 16);
    else
        memcpy(a.bytes, &((const struct sockaddr_in *)from)->sin_addr, 4);
    unmap(&a);
    *ret = a;
}

void address_print(const struct address *a, char out[ADDRESS_TEXT_MAX]) {
    CHECK(inet_ntop(a->family == 6 ? AF_INET6 : AF_INET, a->bytes, out, ADDRESS_TEXT_MAX));
}

const char *address_special(const struct address *a) {
    static struct address_range ranges[COUNT_OF(specials)];
    if (ranges[0].bits == 0) {
        for (size_t i = 0; i < COUNT_OF(specials); i++) CHECK(address_range_parse(specials[i].range, &ranges[i]));
    }
    for (size_t i = 0; i < COUNT_OF(specials); i++) {
        if (address_in(a, &ranges[i])) return specials[i].kind;
    }
    /* Of IPv6, only 2000::/3 has been given out. */
    return a->family == 6 && (a->bytes[0] & 0xe0) != 0x20 ? "reserved" : NULL;
}
