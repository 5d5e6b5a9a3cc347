/* MCP over standard input and output: a message a line. Each line becomes an HTTP/1.0 request of its own to the server
   on loopback, which carries the token; the body of its answer becomes a line. Nothing is parsed here but the head of
   what our own ingress answers, and the id of a message whose request failed. Runs in the parent of the supervisor. */
#include "host/mcp_stdio.h"
#include "base/buf.h"
#include "base/macros.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define EXCHANGES_MAX  64
#define LINE_BYTES_MAX (8u << 20)
#define READ_BYTES     65536

/* One message under way. fd is -1 in a free one. */
struct exchange {
    int fd;
    bool is_silent; /* nobody waits for its answer */
    struct buf line, out, in;
};

struct bridge {
    const struct sockaddr_in *address;
    const char *token;
    struct exchange exchanges[EXCHANGES_MAX];
    size_t busy;
    struct buf input;
    bool is_discarding; /* the rest of a line that was too long */
    bool has_ended;     /* standard input */
    bool was_asked;     /* anything, by standard input */
    bool is_watching;   /* others speak to the server: what it says is passed on */
    int error;
};

/* --- Answers ---------------------------------------------------------------------------------------------------- */

static void print_line(struct bridge *b, const uint8_t *data, size_t len) {
    while (len > 0 && (data[len - 1] == '\n' || data[len - 1] == '\r')) len--;
    if (fwrite(data, 1, len, stdout) != len || fputc('\n', stdout) == EOF || fflush(stdout) != 0) b->error = -EPIPE;
}

/* An error in the server's stead, for a message that has an id. */
static void print_failure(struct bridge *b, const struct buf *line, const char *why) {
    json_t *message = json_loadb((const char *)buf_bytes(line), buf_len(line), 0, NULL);
    json_t *id = json_object_get(message, "id");
    if (id || !message) {
        json_t *answer =
            json_pack("{s:s, s:O?, s:{s:i, s:s}}", "jsonrpc", "2.0", "id", id, "error", "code", -32603, "message", why);
        char *text = answer ? json_dumps(answer, JSON_COMPACT) : NULL;
        if (text) print_line(b, (const uint8_t *)text, strlen(text));
        free(text);
        json_decref(answer);
    }
    json_decref(message);
}

static void finish(struct bridge *b, struct exchange *e) {
    const uint8_t *in = buf_bytes(&e->in), *body = memmem(in, buf_len(&e->in), "\r\n\r\n", 4);
    int status = 0;
    if (body && buf_len(&e->in) > 12) status = (in[9] - '0') * 100 + (in[10] - '0') * 10 + in[11] - '0';
    size_t body_len = body ? buf_len(&e->in) - (size_t)(body + 4 - in) : 0;
    if (e->is_silent && status == 503) {
        b->error = -ENODATA;
    } else if (!e->is_silent) {
        if (status == 200 && body_len > 0)
            print_line(b, body + 4, body_len);
        else if (status == 400 && body_len > 0)
            print_line(b, body + 4, body_len); /* the worker's own parse error */
        else if (status != 202)
            print_failure(b, &e->line, "mayfly: the server did not answer");
    }
    close(e->fd);
    e->fd = -1;
    buf_done(&e->line);
    buf_done(&e->out);
    buf_done(&e->in);
    b->busy--;
}

/* --- Requests --------------------------------------------------------------------------------------------------- */

static int connect_to(const struct sockaddr_in *address) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return -errno;
    if (connect(fd, (const struct sockaddr *)address, sizeof *address) < 0) {
        int r = -errno;
        close(fd);
        return r;
    }
    fcntl(fd, F_SETFL, O_NONBLOCK);
    return fd;
}

static void start(struct bridge *b, const uint8_t *line, size_t len, bool is_silent) {
    struct exchange *e = b->exchanges;
    while (e->fd >= 0) e++;
    CHECK(e < b->exchanges + EXCHANGES_MAX);
    *e = (struct exchange){.fd = -1, .is_silent = is_silent};
    int r = buf_append(&e->line, line, len);
    if (r == 0) {
        r = buf_printf(
            &e->out,
            "POST /mcp HTTP/1.0\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\nauthorization: Bearer "
            "%s\r\ncontent-length: %zu\r\n\r\n",
            b->token, len);
    }
    if (r == 0) r = buf_append(&e->out, line, len);
    if (r == 0) r = connect_to(b->address);
    if (r < 0) {
        if (!is_silent) print_failure(b, &e->line, "mayfly: the server cannot be reached");
        buf_done(&e->line);
        buf_done(&e->out);
        return;
    }
    e->fd = r;
    b->busy++;
}

/* Starts what has come whole, as far as there are exchanges free. */
static void take_lines(struct bridge *b) {
    while (b->busy < EXCHANGES_MAX && buf_len(&b->input) > 0) {
        const uint8_t *line = buf_bytes(&b->input), *end = memchr(line, '\n', buf_len(&b->input));
        if (!end && !b->has_ended) {
            if (buf_len(&b->input) <= LINE_BYTES_MAX) return;
            if (!b->is_discarding) fprintf(stderr, "mayfly mcp: a message of more than 8 MiB is left out\n");
            b->is_discarding = true;
            buf_consume(&b->input, buf_len(&b->input));
            return;
        }
        size_t len = end ? (size_t)(end - line) : buf_len(&b->input);
        bool is_blank = strspn((const char *)line, " \t\r\n") >= len;
        if (!b->is_discarding && !is_blank) {
            b->was_asked = true;
            start(b, line, len, false);
        }
        b->is_discarding = false;
        buf_consume(&b->input, end ? len + 1 : len);
    }
}

/* --- The loop --------------------------------------------------------------------------------------------------- */

/* Reads what there is. Returns false at the end. */
static bool read_some(int fd, struct buf *into) {
    uint8_t *room = buf_room(into, READ_BYTES + 1);
    CHECK(room);
    ssize_t n = read(fd, room, READ_BYTES);
    if (n < 0) return errno == EINTR || errno == EAGAIN;
    room[n] = 0; /* so that text functions stop */
    buf_add(into, (size_t)n);
    return n > 0;
}

static void serve_exchange(struct bridge *b, struct exchange *e, short events) {
    if (events & POLLOUT) {
        ssize_t n = send(e->fd, buf_bytes(&e->out), buf_len(&e->out), MSG_NOSIGNAL);
        if (n > 0)
            buf_consume(&e->out, (size_t)n);
        else if (n < 0 && errno != EAGAIN && errno != EINTR)
            buf_consume(&e->out, buf_len(&e->out));
    }
    if ((events & (POLLIN | POLLHUP | POLLERR)) && !read_some(e->fd, &e->in)) finish(b, e);
}

static int turn(struct bridge *b, int server) {
    struct pollfd fds[EXCHANGES_MAX + 2] = {{server, POLLIN, 0}};
    struct exchange *of[EXCHANGES_MAX + 2] = {0};
    nfds_t n = 1;
    for (struct exchange *e = b->exchanges; e < b->exchanges + EXCHANGES_MAX; e++) {
        if (e->fd < 0) continue;
        of[n] = e;
        fds[n++] = (struct pollfd){e->fd, (short)(buf_len(&e->out) > 0 ? POLLIN | POLLOUT : POLLIN), 0};
    }
    nfds_t input = n;
    if (!b->has_ended && b->busy < EXCHANGES_MAX) fds[n++] = (struct pollfd){STDIN_FILENO, POLLIN, 0};
    if (poll(fds, n, -1) < 0) return errno == EINTR ? 0 : -errno;
    for (nfds_t i = 1; i < input; i++) {
        if (fds[i].revents) serve_exchange(b, of[i], fds[i].revents);
    }
    if (input < n && fds[input].revents && !read_some(STDIN_FILENO, &b->input)) b->has_ended = true;
    take_lines(b);
    if (fds[0].revents) {
        struct buf words = {0}; /* what the server says goes unread, but its end counts */
        bool is_alive = read_some(server, &words);
        if (b->is_watching) fwrite(buf_bytes(&words), 1, buf_len(&words), stdout);
        if (b->is_watching) fflush(stdout);
        buf_done(&words);
        if (!is_alive) return -EPIPE;
    }
    return b->error;
}

/* Whether standard input has ended and all of it is answered. Who asked nothing wants to know whether the sources can be
   used; others do not wait for that. */
static bool is_done(const struct bridge *b) {
    size_t silent = 0;
    for (size_t i = 0; b->was_asked && i < EXCHANGES_MAX; i++) {
        silent += b->exchanges[i].fd >= 0 && b->exchanges[i].is_silent;
    }
    return b->has_ended && !b->is_watching && b->busy == silent && buf_len(&b->input) == 0;
}

static int run(struct bridge *b, int server) {
    static const char ready[] = "{\"jsonrpc\":\"2.0\",\"id\":0,\"method\":\"mayfly/ready\"}";
    for (size_t i = 0; i < EXCHANGES_MAX; i++) b->exchanges[i].fd = -1;
    /* So that the sources are read before somebody waits, and it is known whether one can be used. */
    if (b->address->sin_port) start(b, (const uint8_t *)ready, sizeof ready - 1, true);
    int r = 0;
    while (r == 0 && !is_done(b)) r = turn(b, server);
    for (size_t i = 0; i < EXCHANGES_MAX; i++) {
        if (b->exchanges[i].fd < 0) continue;
        b->exchanges[i].is_silent = true;
        finish(b, &b->exchanges[i]);
    }
    buf_done(&b->input);
    free(b);
    return r;
}

static struct bridge *make_bridge(const struct sockaddr_in *address, const char *token) {
    struct bridge *b = calloc(1, sizeof *b);
    CHECK(b);
    b->address = address;
    b->token = token;
    return b;
}

int mcp_stdio_run(const struct sockaddr_in *address, const char *token, int server) {
    return run(make_bridge(address, token), server);
}

int mcp_stdio_watch(const struct sockaddr_in *address, int server) {
    struct bridge *b = make_bridge(address, "");
    b->has_ended = b->is_watching = true;
    return run(b, server);
}
