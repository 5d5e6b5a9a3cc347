/* A real ingress on a thread of its own, whose handler does what the request's path says, and a client of plain
   sockets. Used by the ingress tests. Everything waits with a bound, so that what never comes fails its case. */
#pragma once
#include "base/buf.h"
#include "base/macros.h"
#include "check.h"
#include "host/ingress.h"
#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#define PATIENCE_S  30
#define QUEUE_MARK  (128 * 1024)
#define HELD_MAX    2048
#define TEXT(bytes) bytes, sizeof bytes - 1

enum event { REQUEST, BODY_END, WRITABLE, ABORT, DONE, STOPPED, EVENTS };

struct server {
    pthread_t thread;
    uv_loop_t loop;
    uv_async_t async;
    uv_prepare_t prepare; /* counts `turns` of the loop */
    struct ingress *ingress;
    int port;
    pthread_mutex_t lock; /* of all below, but `held`, which is the thread's own */
    pthread_cond_t changed;
    unsigned count[EVENTS];
    uint64_t body_bytes;
    size_t queued_max;
    unsigned long turns;
    void (*command)(struct server *server);
    struct ingress_req *held[HELD_MAX];
    size_t held_len;
};

/* What the handler knows of one request; freed on done or abort, so that the leak check sees a missing or double end.
 */
struct exchange {
    bool echo, sink, holding;
    uint64_t left, taken; /* response bytes to go; body bytes taken */
};

static void note(struct server *server, enum event event) {
    pthread_mutex_lock(&server->lock);
    server->count[event]++;
    pthread_cond_broadcast(&server->changed);
    pthread_mutex_unlock(&server->lock);
}

static void note_queued(struct server *server, ssize_t queued) {
    pthread_mutex_lock(&server->lock);
    if (queued > 0 && (size_t)queued > server->queued_max) server->queued_max = (size_t)queued;
    pthread_mutex_unlock(&server->lock);
}

/* --- The handler; runs on the server's thread --- */

static void answer(struct ingress_req *req, int status, const char *text) {
    (void)ingress_respond(req, status, NULL, NULL, 0, (int64_t)strlen(text), text, strlen(text));
    (void)ingress_end(req);
}

static void put_big(struct server *server, struct ingress_req *req, struct exchange *x) {
    static const char piece[16384];
    while (x->left > 0) {
        size_t n = x->left < sizeof piece ? (size_t)x->left : sizeof piece;
        ssize_t queued = ingress_write(req, piece, n);
        x->left -= n;
        note_queued(server, queued);
        if (queued < 0 || queued > QUEUE_MARK) return;
    }
    (void)ingress_end(req);
}

static void describe(struct ingress_req *req) {
    struct buf text = {0};
    size_t len;
    const struct ingress_header *headers = ingress_headers(req, &len);
    buf_printf(&text, "%s %s host=%s body=%lld\n", ingress_method(req), ingress_target(req), ingress_host(req),
               (long long)ingress_body_len(req));
    for (size_t i = 0; i < len; i++) {
        bool sound = strlen(headers[i].name) == headers[i].name_len && strlen(headers[i].value) == headers[i].value_len;
        buf_printf(&text, "%s=%s%s\n", headers[i].name, headers[i].value, sound ? "" : "(bad length)");
    }
    buf_append(&text, "", 1);
    answer(req, 200, (const char *)buf_bytes(&text));
    buf_done(&text);
}

static int try_head(struct ingress_req *req, int status, const char *reason, const char *name, const char *value) {
    struct ingress_header header = {name, strlen(name), value, strlen(value)};
    return ingress_respond(req, status, reason, &header, 1, 0, NULL, 0);
}

/* Calls that must be refused, and then a good answer: the wrong ones left no trace if it is all that arrives. */
static void misuse(struct ingress_req *req) {
    struct buf text = {0};
    buf_printf(&text, "%d ", try_head(req, 200, NULL, "X-A", "a\r\nX-B: b"));
    buf_printf(&text, "%d ", try_head(req, 200, NULL, "X-A", "a\nb"));
    buf_printf(&text, "%d ", try_head(req, 200, NULL, "X A", "a"));
    buf_printf(&text, "%d ", try_head(req, 200, NULL, "X-A:", "a"));
    buf_printf(&text, "%d ", try_head(req, 200, NULL, "", "a"));
    buf_printf(&text, "%d ", try_head(req, 200, "OK\r\nX-B: b", "X-A", "a"));
    buf_printf(&text, "%d ", try_head(req, 101, NULL, "X-A", "a"));
    buf_printf(&text, "%d ", try_head(req, 1000, NULL, "X-A", "a"));
    buf_printf(&text, "%d ", ingress_respond(req, 200, NULL, NULL, 0, 3, "abcd", 4));
    buf_printf(&text, "%zd ", ingress_write(req, "a", 1));
    buf_printf(&text, "%d ", ingress_end(req));
    int64_t len = (int64_t)buf_len(&text) + 9; /* and `last` and a dot */
    (void)ingress_respond(req, 200, NULL, NULL, 0, len, buf_bytes(&text), buf_len(&text));
    char last[16];
    snprintf(last, sizeof last, "%d %zd", ingress_respond(req, 200, NULL, NULL, 0, 0, NULL, 0),
             ingress_write(req, "much too much", 13));
    (void)ingress_write(req, last, 8);
    (void)ingress_write(req, ".", 1);
    (void)ingress_end(req);
    buf_done(&text);
}

static void tell_peer(struct ingress_req *req) {
    struct sockaddr_storage peer;
    int error = ingress_peer(req, &peer);
    bool loopback =
        !error && peer.ss_family == AF_INET && ((struct sockaddr_in *)&peer)->sin_addr.s_addr == htonl(INADDR_LOOPBACK);
    answer(req, 200, loopback ? "loopback" : "another");
}

static const char *query_of(const char *target) {
    const char *mark = strchr(target, '?');
    return mark ? mark + 1 : "";
}

static void respond_framing(struct ingress_req *req, int64_t body_len) {
    static const struct ingress_header headers[] = {
        {TEXT("Content-Length"), TEXT("999")}, {TEXT("transfer-encoding"), TEXT("gzip")},
        {TEXT("Connection"), TEXT("x")},       {TEXT("Set-Cookie"), TEXT("a=1")},
        {TEXT("Set-Cookie"), TEXT("b=2")},     {TEXT("Date"), TEXT("today")},
    };
    (void)ingress_respond(req, 200, "Fine", headers, 6, body_len, NULL, 0);
    if (body_len != 0) (void)ingress_write(req, "abc", 3);
    (void)ingress_end(req);
}

static void on_request(void *ctx, struct ingress_req *req) {
    struct server *server = ctx;
    const char *target = ingress_target(req), *query = query_of(target);
    struct exchange *x = calloc(1, sizeof *x);
    ingress_set_user(req, x);
    note(server, REQUEST);
    if (!strcmp(target, "/hello"))
        answer(req, 200, "hello");
    else if (!strcmp(target, "/sink"))
        x->sink = true;
    else if (!strcmp(target, "/echo"))
        x->echo = ingress_respond(req, 200, NULL, NULL, 0, -1, NULL, 0) == 0;
    else if (!strcmp(target, "/later") || !strcmp(target, "/hold")) {
        x->holding = x->sink = target[2] == 'o';
        server->held[server->held_len++] = req;
    } else if (!strncmp(target, "/big", 4)) {
        x->left = strtoull(query, NULL, 10);
        (void)ingress_respond(req, 200, NULL, NULL, 0, (int64_t)x->left, NULL, 0);
        put_big(server, req, x);
    } else if (!strncmp(target, "/whole", 6)) {
        size_t n = strtoull(query, NULL, 10);
        void *body = calloc(1, n);
        (void)ingress_respond(req, 200, NULL, NULL, 0, (int64_t)n, body, n);
        (void)ingress_end(req);
        free(body);
    } else if (!strncmp(target, "/status", 7))
        answer(req, atoi(query), "x");
    else if (!strcmp(target, "/peer"))
        tell_peer(req);
    else if (!strcmp(target, "/misuse"))
        misuse(req);
    else if (!strcmp(target, "/framing"))
        respond_framing(req, 3);
    else if (!strcmp(target, "/framing-unknown"))
        respond_framing(req, -1);
    else if (!strcmp(target, "/chunks")) {
        (void)ingress_respond(req, 200, NULL, NULL, 0, -1, "one", 3);
        (void)ingress_write(req, "", 0);
        (void)ingress_write(req, "twotwo", 6);
        (void)ingress_end(req);
    } else if (!strcmp(target, "/short")) {
        (void)ingress_respond(req, 200, NULL, NULL, 0, 10, "abc", 3);
        (void)ingress_end(req);
    } else if (!strcmp(target, "/fail"))
        ingress_fail(req, 503, "no cell could be had");
    else if (!strcmp(target, "/fail-late")) {
        (void)ingress_respond(req, 200, NULL, NULL, 0, -1, "begun", 5);
        ingress_fail(req, 500, "unseen");
    } else
        describe(req);
}

static size_t on_body(void *ctx, struct ingress_req *req, const uint8_t *data, size_t len) {
    struct server *server = ctx;
    struct exchange *x = ingress_user(req);
    if (x->holding) return 0;
    pthread_mutex_lock(&server->lock);
    server->body_bytes += len;
    pthread_mutex_unlock(&server->lock);
    x->taken += len;
    if (!x->echo) return len;
    ssize_t queued = ingress_write(req, data, len);
    note_queued(server, queued);
    x->holding = queued > QUEUE_MARK;
    return len;
}

static void on_body_end(void *ctx, struct ingress_req *req) {
    struct exchange *x = ingress_user(req);
    note(ctx, BODY_END);
    if (x->echo) (void)ingress_end(req);
    if (!x->sink) return;
    char text[32];
    snprintf(text, sizeof text, "%llu", (unsigned long long)x->taken);
    answer(req, 200, text);
}

static void on_writable(void *ctx, struct ingress_req *req) {
    struct exchange *x = ingress_user(req);
    note(ctx, WRITABLE);
    if (x->echo) {
        x->holding = false;
        ingress_resume(req);
    } else
        put_big(ctx, req, x);
}

static void on_end(struct server *server, struct ingress_req *req, enum event event) {
    for (size_t i = 0; i < server->held_len; i++) {
        if (server->held[i] == req) server->held[i] = NULL;
    }
    free(ingress_user(req));
    note(server, event);
}

static void on_abort(void *ctx, struct ingress_req *req) {
    on_end(ctx, req, ABORT);
}

static void on_done(void *ctx, struct ingress_req *req) {
    on_end(ctx, req, DONE);
}

static const struct ingress_handler handler = {on_request, on_body, on_body_end, on_writable, on_abort, on_done};

/* --- The server, seen from the test's thread --- */

static struct timespec patience_until(void) {
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += PATIENCE_S;
    return until;
}

/* Waits until an event has come n times in all. */
static bool wait_for(struct server *server, enum event event, unsigned n) {
    struct timespec until = patience_until();
    int error = 0;
    pthread_mutex_lock(&server->lock);
    while (server->count[event] < n && !error) error = pthread_cond_timedwait(&server->changed, &server->lock, &until);
    bool reached = server->count[event] >= n;
    pthread_mutex_unlock(&server->lock);
    return reached;
}

static unsigned count_of(struct server *server, enum event event) {
    pthread_mutex_lock(&server->lock);
    unsigned n = server->count[event];
    pthread_mutex_unlock(&server->lock);
    return n;
}

static void on_async(uv_async_t *async) {
    struct server *server = async->data;
    pthread_mutex_lock(&server->lock);
    void (*command)(struct server *) = server->command;
    pthread_mutex_unlock(&server->lock);
    if (command) command(server);
    pthread_mutex_lock(&server->lock);
    server->command = NULL;
    pthread_cond_broadcast(&server->changed);
    pthread_mutex_unlock(&server->lock);
}

/* Has the server's thread run `command`, and waits until it has. */
static void server_run(struct server *server, void (*command)(struct server *server)) {
    pthread_mutex_lock(&server->lock);
    server->command = command;
    uv_async_send(&server->async);
    while (server->command) pthread_cond_wait(&server->changed, &server->lock);
    pthread_mutex_unlock(&server->lock);
}

static inline void answer_held(struct server *server) {
    for (size_t i = 0; i < server->held_len; i++) {
        if (server->held[i]) answer(server->held[i], 200, "at last");
    }
}

static inline void release_bodies(struct server *server) {
    for (size_t i = 0; i < server->held_len; i++) {
        if (!server->held[i]) continue;
        ((struct exchange *)ingress_user(server->held[i]))->holding = false;
        ingress_resume(server->held[i]);
    }
}

/* Returns from server_run when the server has done all that it began before. */
static inline void nothing(struct server *server) {
    (void)server;
}

static void on_prepare(uv_prepare_t *prepare) {
    struct server *server = prepare->data;
    pthread_mutex_lock(&server->lock);
    server->turns++;
    pthread_mutex_unlock(&server->lock);
}

static void on_stopped(void *ctx) {
    struct server *server = ctx;
    note(server, STOPPED);
    uv_close((uv_handle_t *)&server->async, NULL);
    uv_close((uv_handle_t *)&server->prepare, NULL);
}

static void stop_now(struct server *server) {
    ingress_stop(server->ingress, 0, on_stopped, server);
}

static inline void stop_gently(struct server *server) {
    ingress_stop(server->ingress, PATIENCE_S * 1000, on_stopped, server);
}

static void *serve(void *arg) {
    struct server *server = arg;
    uv_run(&server->loop, UV_RUN_DEFAULT);
    CHECK(uv_loop_close(&server->loop) == 0);
    return NULL;
}

/* Config members as designated initialisers: SERVER(s, .body_bytes_max = 1000). The case ends it with server_stop; a
   case that fails leaves it running, which harms no other. */
#define SERVER(server, ...) struct server *server = server_new(&(struct ingress_config){__VA_ARGS__})

static struct server *server_new(const struct ingress_config *config) {
    struct server *server = calloc(1, sizeof *server);
    CHECK(server);
    pthread_mutex_init(&server->lock, NULL);
    pthread_cond_init(&server->changed, NULL);
    CHECK(uv_loop_init(&server->loop) == 0);
    CHECK(uv_async_init(&server->loop, &server->async, on_async) == 0);
    CHECK(uv_prepare_init(&server->loop, &server->prepare) == 0);
    CHECK(uv_prepare_start(&server->prepare, on_prepare) == 0);
    server->async.data = server->prepare.data = server;
    CHECK(ingress_start(&server->loop, config, &handler, server, &server->ingress) == 0);
    server->port = ingress_port(server->ingress);
    CHECK(pthread_create(&server->thread, NULL, serve, server) == 0);
    return server;
}

/* Waits for the thread of a server that has been told to stop, and frees it. */
static void server_join(struct server *server) {
    CHECK(pthread_join(server->thread, NULL) == 0);
    CHECK(server->count[STOPPED] == 1);
    CHECK(server->count[REQUEST] == server->count[DONE] + server->count[ABORT]);
    free(server);
}

static void server_stop(struct server *server) {
    server_run(server, stop_now);
    server_join(server);
}

/* --- The client --- */

struct client {
    int fd;
    struct buf in; /* read and not yet part of a response */
};

struct response {
    int status;
    char head[4096], body[4096]; /* NUL-terminated; the body as far as it fits */
    size_t body_len;
    bool whole;
};

static struct client client_open(const struct server *server) {
    struct client client = {.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)server->port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    struct timeval patience = {.tv_sec = PATIENCE_S};
    CHECK(client.fd >= 0);
    setsockopt(client.fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(client.fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    CHECK(connect(client.fd, (struct sockaddr *)&address, sizeof address) == 0);
    return client;
}

static void client_close(struct client *client) {
    close(client->fd);
    buf_done(&client->in);
}

static bool client_send(struct client *client, const void *data, size_t len) {
    while (len > 0) {
        ssize_t n = send(client->fd, data, len, MSG_NOSIGNAL);
        if (n <= 0) return false;
        data = (const char *)data + n;
        len -= (size_t)n;
    }
    return true;
}

static bool client_say(struct client *client, const char *text) {
    return client_send(client, text, strlen(text));
}

/* Returns bytes read, 0 at the end, -1 after a reset or when patience is over. */
static ssize_t client_fill(struct client *client) {
    uint8_t *room = buf_room(&client->in, 65536);
    CHECK(room);
    ssize_t n = recv(client->fd, room, 65536, 0);
    if (n > 0) buf_add(&client->in, (size_t)n);
    return n;
}

/* Whether nothing more comes and the connection ends, in either way but by patience. */
static bool client_sees_end(struct client *client) {
    if (buf_len(&client->in) > 0) return false;
    ssize_t n = client_fill(client);
    return n == 0 || (n < 0 && errno != EAGAIN);
}

/* The value of a header, in a buffer that the next call reuses, or NULL. */
static const char *header_of(const struct response *response, const char *name) {
    static char value[512];
    char start[64];
    snprintf(start, sizeof start, "\r\n%s: ", name);
    const char *at = strcasestr(response->head, start);
    if (!at) return NULL;
    at += strlen(start);
    snprintf(value, sizeof value, "%.*s", (int)strcspn(at, "\r"), at);
    return value;
}

static void body_add(struct response *response, const uint8_t *data, size_t len) {
    size_t room = sizeof response->body - 1;
    if (response->body_len < room) {
        size_t n = len < room - response->body_len ? len : room - response->body_len;
        memcpy(response->body + response->body_len, data, n);
        response->body[response->body_len + n] = 0;
    }
    response->body_len += len;
}

/* Moves n bytes from the client's input to the body. */
static bool take_body(struct client *client, struct response *response, uint64_t n) {
    while (n > 0) {
        if (buf_len(&client->in) == 0 && client_fill(client) <= 0) return false;
        size_t now = buf_len(&client->in) < n ? buf_len(&client->in) : (size_t)n;
        body_add(response, buf_bytes(&client->in), now);
        buf_consume(&client->in, now);
        n -= now;
    }
    return true;
}

/* Takes a line without its CR LF; false at the end, or when it is too long. */
static bool take_line(struct client *client, char *line, size_t size) {
    const uint8_t *nl;
    while (!(nl = buf_len(&client->in) ? memmem(buf_bytes(&client->in), buf_len(&client->in), "\r\n", 2) : NULL)) {
        if (client_fill(client) <= 0) return false;
    }
    size_t len = (size_t)(nl - buf_bytes(&client->in));
    if (len >= size) return false;
    memcpy(line, buf_bytes(&client->in), len);
    line[len] = 0;
    buf_consume(&client->in, len + 2);
    return true;
}

static bool take_chunks(struct client *client, struct response *response) {
    char line[64];
    while (take_line(client, line, sizeof line)) {
        uint64_t n = strtoull(line, NULL, 16);
        if (n == 0) return take_line(client, line, sizeof line) && !*line;
        if (!take_body(client, response, n) || !take_line(client, line, sizeof line) || *line) return false;
    }
    return false;
}

static bool take_head(struct client *client, struct response *response) {
    size_t len = 0;
    char *head = response->head;
    do {
        char *line = head + len;
        if (!take_line(client, line, sizeof response->head - len - 2)) return false;
        if (!*line) break;
        len += strlen(line);
        memcpy(head + len, "\r\n", 3);
        len += 2;
    } while (true);
    return sscanf(head, "HTTP/1.1 %d", &response->status) == 1;
}

/* Reads one response. Returns its status, or 0 when there is none; `whole` says whether its body came to its end. */
static int client_read(struct client *client, struct response *response, bool bodiless) {
    memset(response, 0, sizeof *response);
    if (!take_head(client, response)) return 0;
    const char *length = header_of(response, "Content-Length");
    uint64_t n = length ? strtoull(length, NULL, 10) : 0;
    if (bodiless || response->status < 200 || response->status == 204 || response->status == 304)
        response->whole = true;
    else if (header_of(response, "Transfer-Encoding"))
        response->whole = take_chunks(client, response);
    else if (length)
        response->whole = take_body(client, response, n);
    else {
        ssize_t end;
        while ((end = client_fill(client)) > 0) continue;
        body_add(response, buf_bytes(&client->in), buf_len(&client->in));
        buf_consume(&client->in, buf_len(&client->in));
        response->whole = end == 0;
    }
    return response->status;
}

/* One request on a connection of its own. Returns the status. */
static int exchange(const struct server *server, const char *request, struct response *response) {
    struct client client = client_open(server);
    int status = client_say(&client, request) ? client_read(&client, response, false) : 0;
    client_close(&client);
    return status;
}
