/*
 * bench-client: sends N requests over C keep-alive connections to a server on the loopback and measures each one.
 *
 * A process of its own, started by bench/run.mjs once a measurement; one thread and one epoll, so that it takes as
 * little as it can of the processors that the server under test needs. An answer counts only if its status is 200
 * and its body carries the expected text; everything else is a failure, whose connection is closed and made anew.
 * It must not retry a request, and it must not leave a failure out.
 *
 * "{i}" in the path and in the expected text stands for the number of the request, so that a server which mixes up
 * its answers fails.
 *
 * With PER_SECOND the loop is open: requests are due at that rate whatever has been answered, each goes out on a
 * connection that is free, and its latency counts from when it was due. Without, each connection sends when it has its
 * answer.
 */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define RESPONSE_BYTES_MAX (64 * 1024)
#define TEXT_BYTES_MAX     1024
#define CONNECTIONS_MAX    1024
#define REQUESTS_MAX       10000000

struct options {
    const char *path;
    const char *expect;
    uint64_t first; /* number of the first request */
    unsigned port, requests, connections, timeout_ms;
    unsigned per_second; /* 0: as soon as a connection is free */
};

/* fd is -1 between connections; number and start_ns are those of the request under way, idle when busy is 0. */
struct connection {
    int fd;
    int busy;
    uint64_t number, start_ns;
    size_t len;
    char buf[RESPONSE_BYTES_MAX + 1];
};

struct run {
    struct options options;
    int epoll_fd;
    unsigned sent, good, failed;
    uint64_t start_ns;
    uint64_t *latencies_ns; /* of the good ones */
    char first_failure[128];
    struct connection *connections;
};

static uint64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* Writes text with every "{i}" replaced into ret, which holds TEXT_BYTES_MAX. Options are ours: too long is fatal. */
static void expand(const char *text, uint64_t number, char *ret) {
    size_t len = 0;
    while (*text) {
        int placeholder = strncmp(text, "{i}", 3) == 0;
        len += placeholder ? (size_t)snprintf(ret + len, TEXT_BYTES_MAX - len, "%lu", number) : 1;
        if (len >= TEXT_BYTES_MAX) errx(2, "path or expected text is longer than %d bytes", TEXT_BYTES_MAX - 1);
        if (!placeholder) ret[len - 1] = *text;
        text += placeholder ? 3 : 1;
    }
    ret[len] = '\0';
}

/* Decodes a chunked body into ret (as large as len). Returns 1 when whole, 0 when more is needed, -EBADMSG. */
static int decode_chunked(const char *body, size_t len, char *ret, size_t *ret_len) {
    size_t out = 0;
    for (const char *at = body, *end = body + len;;) {
        const char *line_end = memmem(at, (size_t)(end - at), "\r\n", 2);
        if (!line_end) return 0;
        char *number_end;
        unsigned long size = strtoul(at, &number_end, 16);
        if (number_end == at || size > RESPONSE_BYTES_MAX) return -EBADMSG;
        at = line_end + 2;
        if ((size_t)(end - at) < size + 2) return 0;
        if (memcmp(at + size, "\r\n", 2) != 0) return -EBADMSG;
        memcpy(ret + out, at, size);
        out += size;
        at += size + 2;
        if (size > 0) continue;
        if (at != end) return -EBADMSG;
        *ret_len = out;
        return 1;
    }
}

/* Finds the body of the response in buf (NUL at buf[len]) and copies it, ended by NUL, to ret, which is as large.
   Returns 1 when the response is whole, 0 when more is needed, -EBADMSG for what is no response to one request. */
static int parse_response(char *buf, size_t len, char *ret) {
    char *head_end = strstr(buf, "\r\n\r\n");
    if (!head_end) return strlen(buf) < len ? -EBADMSG : 0;
    const char *body = head_end + 4;
    size_t body_len = len - (size_t)(body - buf);
    *head_end = '\0';
    const char *length = strcasestr(buf, "\r\ncontent-length:");
    int chunked = strcasestr(buf, "\r\ntransfer-encoding: chunked") != NULL;
    *head_end = '\r';

    int whole = 0;
    if (chunked) {
        whole = decode_chunked(body, body_len, ret, &body_len);
    } else if (length) {
        size_t expected_len = strtoul(strchr(length, ':') + 1, NULL, 10);
        whole = body_len > expected_len ? -EBADMSG : body_len == expected_len;
        memcpy(ret, body, body_len);
    } else {
        whole = -EBADMSG;
    }
    if (whole == 1) ret[body_len] = '\0';
    return whole;
}

static void connection_close(struct connection *connection) {
    if (connection->fd >= 0) close(connection->fd);
    connection->fd = -1;
}

/* Connects and adds the connection to the epoll. Returns 0, or negative errno with fd still -1. */
static int connection_open(struct run *run, struct connection *connection) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return -errno;
    struct timeval timeout = {.tv_sec = run->options.timeout_ms / 1000,
                              .tv_usec = run->options.timeout_ms % 1000 * 1000};
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)run->options.port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
    if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0 ||
        epoll_ctl(run->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0) {
        int error = errno;
        close(fd);
        return -error;
    }
    connection->fd = fd;
    return 0;
}

/* Counts the request under way as failed, for this reason, and closes its connection. */
static void request_fail(struct run *run, struct connection *connection, const char *reason) {
    if (run->failed++ == 0) snprintf(run->first_failure, sizeof run->first_failure, "%s", reason);
    connection->busy = 0;
    connection_close(connection);
}

/* When the next request is due; in a closed loop, now. */
static uint64_t next_due_ns(const struct run *run) {
    unsigned per_second = run->options.per_second;
    return per_second ? run->start_ns + (uint64_t)run->sent * 1000000000 / per_second : now_ns();
}

/* Sends the next request, if one is left and due; a request that cannot be sent fails and the next one is tried. */
static void request_next(struct run *run, struct connection *connection) {
    while (!connection->busy && run->sent < run->options.requests) {
        uint64_t due_ns = next_due_ns(run);
        if (due_ns > now_ns()) return;
        char path[TEXT_BYTES_MAX], req[TEXT_BYTES_MAX + 64];
        connection->number = run->options.first + run->sent++;
        connection->len = 0;
        expand(run->options.path, connection->number, path);
        int len = snprintf(req, sizeof req, "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%u\r\n\r\n", path, run->options.port);

        int error = connection->fd < 0 ? -connection_open(run, connection) : 0;
        connection->busy = 1;
        connection->start_ns = run->options.per_second ? due_ns : now_ns();
        if (!error && send(connection->fd, req, (size_t)len, MSG_NOSIGNAL) != len) error = errno;
        if (error) request_fail(run, connection, strerror(error));
    }
}

/* Counts a whole response; body is what it carried. */
static void request_done(struct run *run, struct connection *connection, const char *body) {
    char expect[TEXT_BYTES_MAX], reason[128];
    expand(run->options.expect, connection->number, expect);
    if (strncmp(connection->buf, "HTTP/1.1 200", 12) != 0 || !strstr(body, expect)) {
        snprintf(reason, sizeof reason, "%.12s: %.100s", connection->buf, body);
        request_fail(run, connection, reason);
        return;
    }
    run->latencies_ns[run->good++] = now_ns() - connection->start_ns;
    connection->busy = 0;
}

/* Reads what has come and, when that completes the response, counts it and sends the next request. */
static void connection_read(struct run *run, struct connection *connection) {
    static char body[RESPONSE_BYTES_MAX + 1];
    ssize_t n =
        recv(connection->fd, connection->buf + connection->len, RESPONSE_BYTES_MAX - connection->len, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (!connection->busy) {
        connection_close(connection); /* the server gave up an idle connection, or spoke unasked */
        return;
    }
    if (n <= 0) {
        request_fail(run, connection, n < 0 ? strerror(errno) : "the connection ended before the response did");
    } else {
        connection->len += (size_t)n;
        connection->buf[connection->len] = '\0';
        int whole = parse_response(connection->buf, connection->len, body);
        if (whole == 0 && connection->len < RESPONSE_BYTES_MAX) return;
        if (whole == 1)
            request_done(run, connection, body);
        else
            request_fail(run, connection, "no valid HTTP response");
    }
    request_next(run, connection);
}

static void fail_late_requests(struct run *run) {
    uint64_t oldest_ns = now_ns() - (uint64_t)run->options.timeout_ms * 1000000;
    for (unsigned i = 0; i < run->options.connections; i++) {
        struct connection *connection = &run->connections[i];
        if (!connection->busy || connection->start_ns > oldest_ns) continue;
        request_fail(run, connection, "no response in time");
        request_next(run, connection);
    }
}

/* Waits for what comes, at most 100 ms, and no longer than until the next request is due in an open loop. */
static int wait_events(struct run *run, struct epoll_event *events, int events_max) {
    uint64_t wait_ns = 100000000;
    if (run->options.per_second && run->sent < run->options.requests) {
        uint64_t now = now_ns(), due_ns = next_due_ns(run);
        if (due_ns < now + wait_ns) wait_ns = due_ns > now ? due_ns - now : 0;
    }
    struct timespec timeout = {.tv_nsec = (long)wait_ns};
    int n = epoll_pwait2(run->epoll_fd, events, events_max, &timeout, NULL);
    if (n < 0 && errno != EINTR) err(1, "epoll_pwait2");
    return n;
}

/* Sends every request and waits for its end. Returns the seconds it took. */
static double run_requests(struct run *run) {
    for (unsigned i = 0; i < run->options.connections; i++) {
        run->connections[i].fd = -1;
        connection_open(run, &run->connections[i]); /* a failure shows at the first request */
    }
    run->start_ns = now_ns();
    for (unsigned i = 0; i < run->options.connections; i++) request_next(run, &run->connections[i]);
    while (run->good + run->failed < run->options.requests) {
        struct epoll_event events[64];
        int n = wait_events(run, events, 64);
        for (int i = 0; i < n; i++) connection_read(run, events[i].data.ptr);
        if (n <= 0) fail_late_requests(run);
        for (unsigned i = 0; run->options.per_second && i < run->options.connections; i++)
            request_next(run, &run->connections[i]);
    }
    return (double)(now_ns() - run->start_ns) / 1e9;
}

static int compare_u64(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* Nearest rank, in milliseconds; latencies are sorted. No good request, no percentile: -1. */
static double percentile_ms(const struct run *run, unsigned percent) {
    if (run->good == 0) return -1;
    size_t rank = ((size_t)run->good * percent + 99) / 100;
    return (double)run->latencies_ns[rank - 1] / 1e6;
}

/* Two lines of JSON: the summary, and the latency of every good request in ms, ascending, for who pools runs. */
static void print_result(struct run *run, double seconds) {
    qsort(run->latencies_ns, run->good, sizeof *run->latencies_ns, compare_u64);
    for (char *at = run->first_failure; *at; at++) /* into a JSON string without a table of escapes */
        if (*at == '"' || *at == '\\' || (unsigned char)*at < ' ' || (unsigned char)*at > '~') *at = '\'';
    printf("{\"requests\":%u,\"failures\":%u,\"seconds\":%.6f,\"perSecond\":%.1f,\"p50\":%.4f,\"p95\":%.4f,"
           "\"p99\":%.4f,\"max\":%.4f,\"firstFailure\":\"%s\"}\n[",
           run->options.requests, run->failed, seconds, run->good / seconds, percentile_ms(run, 50),
           percentile_ms(run, 95), percentile_ms(run, 99), percentile_ms(run, 100), run->first_failure);
    for (unsigned i = 0; i < run->good; i++) printf("%s%.4f", i ? "," : "", (double)run->latencies_ns[i] / 1e6);
    puts("]");
}

static uint64_t number_argument(const char *text, uint64_t min, uint64_t max) {
    char *end;
    errno = 0;
    uint64_t number = strtoull(text, &end, 10);
    if (errno || end == text || *end || number < min || number > max)
        errx(2, "not a number from %lu to %lu: %s", min, max, text);
    return number;
}

int main(int argc, char **argv) {
    if (argc != 8 && argc != 9)
        errx(2, "usage: bench-client PORT PATH EXPECTED REQUESTS CONNECTIONS FIRST_NUMBER TIMEOUT_MS [PER_SECOND]");
    struct run run = {0};
    struct options *options = &run.options;
    options->port = (unsigned)number_argument(argv[1], 1, 65535);
    options->path = argv[2];
    options->expect = argv[3];
    options->requests = (unsigned)number_argument(argv[4], 1, REQUESTS_MAX);
    options->connections = (unsigned)number_argument(argv[5], 1, CONNECTIONS_MAX);
    options->first = number_argument(argv[6], 0, UINT64_MAX / 2);
    options->timeout_ms = (unsigned)number_argument(argv[7], 1, 600000);
    options->per_second = argc > 8 ? (unsigned)number_argument(argv[8], 1, 1000000) : 0;
    prctl(PR_SET_TIMERSLACK, 1UL); /* else it sends up to 50 us late, which would count as the server's */
    run.latencies_ns = calloc(options->requests, sizeof *run.latencies_ns);
    run.connections = calloc(options->connections, sizeof *run.connections);
    run.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (!run.latencies_ns || !run.connections || run.epoll_fd < 0) err(1, "start");
    double seconds = run_requests(&run);
    print_result(&run, seconds);
    for (unsigned i = 0; i < options->connections; i++) connection_close(&run.connections[i]);
    free(run.connections);
    free(run.latencies_ns);
    return run.failed ? 1 : 0;
}
