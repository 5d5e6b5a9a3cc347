#include "host/egress_resolve.h"
#include "base/macros.h"
#include <ares.h>
#include <errno.h>
#include <netdb.h>
#include <string.h>
#include <strings.h>

/* Answers are kept as long as they say, but no longer than this. */
#define KEPT_SECONDS_MAX 60
#define KEPT_MAX         1024

#define TIMEOUT_MS 3000
#define TRIES      2

/* A socket of c-ares that the loop watches. */
struct watch {
    uv_poll_t poll;
    ares_socket_t fd;
    struct watch *next;
};

struct kept {
    char host[254];
    uint64_t until_ms;
    struct address addresses[RESOLVE_ADDRESSES_MAX];
    size_t len;
};

/* Outlives being given up until c-ares has answered. */
struct resolution {
    resolve_done *done;
    void *context;
    bool *is_answered; /* while resolve_begin is at work */
    char host[254];
};

static uv_loop_t *the_loop;
static ares_channel channel;
static uv_timer_t timer;
static struct watch *watches;
static struct kept kept[KEPT_MAX];

static struct kept *kept_at(const char *host) {
    unsigned hash = 5381;
    for (const char *p = host; *p; p++) hash = hash * 33 + (unsigned char)*p;
    return &kept[hash % KEPT_MAX];
}

/* --- c-ares on the loop ------------------------------------------------------------------------------------------- */

static void arm_timer(void);

static void on_timer(uv_timer_t *handle) {
    (void)handle;
    ares_process_fd(channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    arm_timer();
}

static void arm_timer(void) {
    struct timeval most = {.tv_sec = 1}, left;
    if (!ares_timeout(channel, NULL, &left)) {
        uv_timer_stop(&timer);
        return;
    }
    const struct timeval *next = ares_timeout(channel, &most, &left);
    uv_timer_start(&timer, on_timer, (uint64_t)next->tv_sec * 1000 + (uint64_t)next->tv_usec / 1000 + 1, 0);
}

static void on_socket(uv_poll_t *poll, int status, int events) {
    struct watch *w = poll->data;
    ares_socket_t fd = w->fd;
    if (status < 0) events = UV_READABLE | UV_WRITABLE;
    ares_process_fd(channel, events & UV_READABLE ? fd : ARES_SOCKET_BAD, events & UV_WRITABLE ? fd : ARES_SOCKET_BAD);
    arm_timer();
}

static void on_watch_closed(uv_handle_t *handle) {
    free(handle->data);
}

static void unwatch(struct watch **place) {
    struct watch *w = *place;
    *place = w->next;
    uv_close((uv_handle_t *)&w->poll, on_watch_closed);
}

static void on_socket_state(void *data, ares_socket_t fd, int readable, int writable) {
    (void)data;
    struct watch **place = &watches;
    while (*place && (*place)->fd != fd) place = &(*place)->next;
    if (!readable && !writable) {
        if (*place) unwatch(place);
        return;
    }
    if (!*place) {
        struct watch *w = calloc(1, sizeof *w);
        CHECK(w);
        w->fd = fd;
        CHECK(uv_poll_init(the_loop, &w->poll, fd) == 0);
        w->poll.data = w;
        *place = w;
    }
    uv_poll_start(&(*place)->poll, (readable ? UV_READABLE : 0) | (writable ? UV_WRITABLE : 0), on_socket);
}

int resolve_start(uv_loop_t *loop, const char *servers) {
    struct ares_options options = {
        .timeout = TIMEOUT_MS, .tries = TRIES, .lookups = "b", .sock_state_cb = on_socket_state};
    the_loop = loop;
    if (ares_library_init(ARES_LIB_INIT_ALL) != ARES_SUCCESS) return -ENOMEM;
    /* No domains: a name is what it says. */
    int r = ares_init_options(&channel, &options,
                              ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_LOOKUPS | ARES_OPT_SOCK_STATE_CB |
                                  ARES_OPT_DOMAINS);
    if (r != ARES_SUCCESS) return -ENOMEM;
    if (servers && ares_set_servers_ports_csv(channel, servers) != ARES_SUCCESS) return -EINVAL;
    CHECK(uv_timer_init(loop, &timer) == 0);
    return 0;
}

/* --- Answers ---------------------------------------------------------------------------------------------------- */

static const char *describe(int status) {
    switch (status) {
    case ARES_ENOTFOUND: return "there is no such host";
    case ARES_ENODATA: return "it has no address";
    case ARES_ETIMEOUT: return "the name servers did not answer in time";
    case ARES_ECONNREFUSED: return "the name servers cannot be reached";
    default: return ares_strerror(status);
    }
}

/* IPv4 first: where there is no IPv6, that saves an attempt. */
static size_t collect(const struct ares_addrinfo *info, struct address out[], int *ret_ttl) {
    size_t len = 0;
    *ret_ttl = KEPT_SECONDS_MAX;
    for (int family = 0; family < 2; family++) {
        for (const struct ares_addrinfo_node *node = info->nodes; node; node = node->ai_next) {
            if (node->ai_family != (family ? AF_INET6 : AF_INET) || len == RESOLVE_ADDRESSES_MAX) continue;
            address_from_sockaddr(node->ai_addr, &out[len++]);
            if (node->ai_ttl < *ret_ttl) *ret_ttl = node->ai_ttl;
        }
    }
    for (const struct ares_addrinfo_cname *cname = info->cnames; cname; cname = cname->next) {
        if (cname->ttl < *ret_ttl) *ret_ttl = cname->ttl;
    }
    return len;
}

static void on_answer(void *arg, int status, int timeouts, struct ares_addrinfo *info) {
    struct resolution *r = arg;
    struct address addresses[RESOLVE_ADDRESSES_MAX];
    int ttl = 0;
    (void)timeouts;
    size_t len = status == ARES_SUCCESS ? collect(info, addresses, &ttl) : 0;
    if (info) ares_freeaddrinfo(info);
    if (len > 0 && ttl > 0) {
        struct kept *k = kept_at(r->host);
        memcpy(k->host, r->host, sizeof k->host);
        memcpy(k->addresses, addresses, sizeof addresses);
        k->len = len;
        k->until_ms = uv_now(the_loop) + (uint64_t)ttl * 1000;
    }
    if (r->is_answered) *r->is_answered = true;
    if (r->done)
        r->done(r->context, addresses, len,
                len                      ? NULL
                : status == ARES_SUCCESS ? "it has no address"
                                         : describe(status));
    free(r);
}

/* RFC 6761: this name never goes out. */
static bool is_localhost(const char *host) {
    size_t len = strlen(host);
    return strcmp(host, "localhost") == 0 || (len > 10 && strcmp(host + len - 10, ".localhost") == 0);
}

struct resolution *resolve_begin(const char *host, resolve_done *done, void *context) {
    if (is_localhost(host)) {
        struct address addresses[2];
        CHECK(address_parse("127.0.0.1", &addresses[0]) && address_parse("::1", &addresses[1]));
        done(context, addresses, 2, NULL);
        return NULL;
    }
    const struct kept *k = kept_at(host);
    if (k->until_ms > uv_now(the_loop) && strcmp(k->host, host) == 0) {
        struct kept copy = *k; /* done may resolve */
        done(context, copy.addresses, copy.len, NULL);
        return NULL;
    }
    struct resolution *r = calloc(1, sizeof *r);
    if (!r || strlen(host) >= sizeof r->host) {
        free(r);
        done(context, NULL, 0, "out of memory");
        return NULL;
    }
    bool is_answered = false;
    *r = (struct resolution){.done = done, .context = context, .is_answered = &is_answered};
    strcpy(r->host, host);
    struct ares_addrinfo_hints hints = {.ai_family = AF_UNSPEC, .ai_flags = ARES_AI_NOSORT};
    ares_getaddrinfo(channel, host, NULL, &hints, on_answer, r);
    arm_timer();
    if (is_answered) return NULL;
    r->is_answered = NULL;
    return r;
}

void resolve_give_up(struct resolution *r) {
    if (r) r->done = NULL;
}
