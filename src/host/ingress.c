/* Ingress, the connections: listens, accepts, reads, keeps deadlines, ends. Runs in the supervisor, on its loop.
   Must not interpret what it reads: that is ingress_request.c.

   Life of a connection (enum conn_state):

       accept -> HEAD -> BODY -> WAIT -> HEAD ...           the response leaves after the body has come
                     \-> BODY -> DISCARD -> HEAD ...        the response leaves first
                     \-> WAIT -> HEAD ...                   no body
       any    -> LINGER -> closed                           Connection: close, an error that the client should read
       any    -> closed                                     client gone, response cut, idle too long, stop

   1. Handlers are called, and connections end, from the loop alone (conn_run, or a deadline); what handlers call only
      queues and wakes. So nothing ends under a caller's feet.
   2. A request begins when the output of the last is empty, so output is bounded by one response.
   3. Input is read only while it is wanted. Otherwise the poll waits for the hang-up alone, and a client that vanishes
      is noticed at once. This is why connections are uv_poll_t: a uv_tcp_t that does not read is out of the poll set.
   4. A read of at most INGRESS_READ_BYTES is parsed where it lies; only what cannot be used yet is copied. */
#include "base/macros.h"
#include "host/ingress_private.h"
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <unistd.h>

static void listener_update(struct ingress *ingress);
static void ingress_settle(struct ingress *ingress);

/* --- Connections: life --- */

uint64_t conn_deadline(const struct conn *c, unsigned timeout_ms) {
    return uv_now(c->ingress->loop) + timeout_ms;
}

/* Gives a buffer's memory back when it is empty and more than an idle connection may keep. */
static void buf_shrink(struct buf *b) {
    if (buf_len(b) == 0 && b->capacity > INGRESS_IDLE_BYTES) buf_done(b);
}

void conn_set_idle(struct conn *c, bool idle) {
    struct ingress *ingress = c->ingress;
    if (idle) {
        c->state = CONN_HEAD;
        c->scan = c->line = 0;
        buf_consume(&c->head, buf_len(&c->head));
        buf_consume(&c->held, buf_len(&c->held));
        buf_shrink(&c->head);
        buf_shrink(&c->held);
        buf_shrink(&c->out);
    }
    if (c->idle == idle) return;
    c->idle = idle;
    TAILQ_REMOVE(idle ? &ingress->busy : &ingress->idle, c, link);
    TAILQ_INSERT_TAIL(idle ? &ingress->idle : &ingress->busy, c, link);
    c->in_deadline_ms = conn_deadline(c, idle ? ingress->config.idle_timeout_ms : ingress->config.header_timeout_ms);
}

static void on_conn_closed(uv_handle_t *handle) {
    struct conn *c = handle->data;
    struct ingress *ingress = c->ingress;
    buf_done(&c->head);
    buf_done(&c->pending);
    buf_done(&c->held);
    buf_done(&c->out);
    free(c->req.headers);
    free(c);
    ingress->handles--;
    ingress_settle(ingress);
}

/* Frees the descriptor now and the memory when the loop has let go. `reset`: the client must not take what it got for
   a whole response. */
static void conn_close(struct conn *c, bool reset) {
    struct ingress *ingress = c->ingress;
    if (c->closed) return;
    c->closed = true;
    if (c->ready) TAILQ_REMOVE(&ingress->ready, c, ready_link);
    TAILQ_REMOVE(c->idle ? &ingress->idle : &ingress->busy, c, link);
    ingress->connections--;
    uv_close((uv_handle_t *)&c->poll, on_conn_closed);
    if (reset) {
        struct linger linger = {.l_onoff = 1};
        setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    }
    close(c->fd);
    listener_update(ingress);
}

/* The client is gone, or treated as such. */
static void conn_gone(struct conn *c) {
    request_abort(c);
    conn_close(c, true);
}

void conn_linger(struct conn *c) {
    conn_set_idle(c, false);
    c->state = CONN_LINGER;
    c->discarded = 0;
    c->in_deadline_ms = conn_deadline(c, INGRESS_LINGER_MS);
}

/* --- Connections: one turn --- */

static bool conn_wants_input(const struct conn *c) {
    switch (c->state) {
    case CONN_HEAD:
    case CONN_LINGER: return true;
    case CONN_BODY:
    case CONN_DISCARD: return !c->req.parsed && !c->req.paused && !c->req.cut;
    case CONN_WAIT: return false;
    }
    return false;
}

/* The response has left or was cut: what becomes of the connection. */
static void conn_finish_request(struct conn *c) {
    struct ingress *ingress = c->ingress;
    bool cut = c->req.cut;
    c->req.active = false;
    ingress->handler.on_done(ingress->ctx, &c->req);
    c->blocked = c->req.paused = false;
    c->discarded = 0;
    if (cut)
        conn_close(c, true);
    else if (ingress->stopping || c->close_after)
        conn_linger(c);
    else if (c->req.parsed)
        conn_set_idle(c, true);
    else {
        c->state = CONN_DISCARD;
        c->in_deadline_ms = conn_deadline(c, ingress->config.body_timeout_ms);
    }
}

/* Input is dropped and output drains until the client ends its side too. */
static bool linger_step(struct conn *c) {
    c->discarded += c->input_len;
    c->input_len = 0;
    if (buf_len(&c->out) > 0) return false;
    if (c->eof || c->discarded > INGRESS_DISCARD_BYTES) {
        conn_close(c, false);
        return true;
    }
    if (c->shut) return false;
    c->shut = true;
    shutdown(c->fd, SHUT_WR);
    return true;
}

/* What follows from the end of the client's side, once all that came before it is used. */
static bool eof_step(struct conn *c) {
    if (c->req.active && c->req.ended) {
        c->close_after = true;
        return false;
    }
    if (c->req.active)
        conn_gone(c);
    else
        conn_close(c, false);
    return true;
}

/* Does one thing that can be done now. Returns whether there was one. */
static bool conn_step(struct conn *c) {
    struct ingress_req *req = &c->req;
    response_flush(c);
    bool drained = buf_len(&c->out) == 0;
    if (c->broken) {
        conn_gone(c);
        return true;
    }
    if (req->active && (req->cut || (req->ended && drained))) {
        conn_finish_request(c);
        return true;
    }
    if (c->state == CONN_LINGER) return linger_step(c);
    if (c->blocked && drained) {
        c->blocked = false;
        if (req->active && req->responded && !req->ended) {
            if (c->ingress->handler.on_writable) c->ingress->handler.on_writable(c->ingress->ctx, req);
            return true;
        }
    }
    if (request_deliver(c)) return true;
    if (c->state == CONN_HEAD && c->input_len > 0 && request_read_head(c)) return true;
    if ((c->state == CONN_BODY || c->state == CONN_DISCARD) && request_read_body(c)) return true;
    return c->eof && eof_step(c);
}

static void on_conn_poll(uv_poll_t *poll, int status, int events);

/* Waits for what can now matter. Events that came to be unwanted stay armed until one of them fires: most requests
   never need a change. */
static void conn_arm(struct conn *c, bool exactly) {
    int events = c->eof ? 0 : UV_DISCONNECT;
    if (!c->eof && conn_wants_input(c)) events |= UV_READABLE;
    if (buf_len(&c->out) > 0) events |= UV_WRITABLE;
    if (!exactly && !c->eof) events |= c->armed & UV_READABLE;
    if (events == c->armed) return;
    c->armed = events;
    if (uv_poll_start(&c->poll, events, on_conn_poll) < 0) conn_gone(c);
}

/* Keeps what was not consumed of the input. Returns 0 or -ENOMEM. */
static int input_keep(struct conn *c, bool was_pending) {
    if (!was_pending) return buf_append(&c->pending, c->input, c->input_len);
    buf_consume(&c->pending, buf_len(&c->pending) - c->input_len);
    buf_shrink(&c->pending);
    return 0;
}

/* Takes the connection as far as it goes with what it has and the fresh bytes. */
static void conn_run(struct conn *c, const uint8_t *fresh, size_t fresh_len) {
    if (c->closed) return;
    bool pending = buf_len(&c->pending) > 0;
    if (pending && buf_append(&c->pending, fresh, fresh_len) < 0) {
        conn_gone(c);
        return;
    }
    c->busy = true;
    c->input = pending ? buf_bytes(&c->pending) : fresh;
    c->input_len = pending ? buf_len(&c->pending) : fresh_len;
    while (!c->closed && conn_step(c)) continue;
    c->busy = false;
    if (c->closed) return;
    if (input_keep(c, pending) < 0)
        conn_gone(c);
    else
        conn_arm(c, false);
}

/* Returns false when nothing is left to be done this time. */
static bool conn_read(struct conn *c) {
    struct ingress *ingress = c->ingress;
    ssize_t n = recv(c->fd, ingress->scratch, sizeof ingress->scratch, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return true;
    if (n < 0) {
        conn_gone(c);
        return false;
    }
    if (n == 0) c->eof = true;
    conn_run(c, ingress->scratch, (size_t)n);
    return false;
}

static void on_conn_poll(uv_poll_t *poll, int status, int events) {
    struct conn *c = poll->data;
    if (status < 0) {
        conn_gone(c);
        return;
    }
    bool wanted = conn_wants_input(c);
    if ((events & UV_READABLE) && wanted && !conn_read(c)) return;
    if ((events & UV_DISCONNECT) && !wanted) c->eof = true;
    conn_run(c, NULL, 0);
    if (!c->closed && (events & UV_READABLE)) conn_arm(c, true);
}

/* --- Waking --- */

static void on_wake(uv_idle_t *idle) {
    struct ingress *ingress = idle->data;
    struct conn *c;
    while ((c = TAILQ_FIRST(&ingress->ready))) {
        TAILQ_REMOVE(&ingress->ready, c, ready_link);
        c->ready = false;
        conn_run(c, NULL, 0);
    }
    uv_idle_stop(idle);
}

void conn_wake(struct conn *c) {
    struct ingress *ingress = c->ingress;
    if (c->busy || c->ready || c->closed) return;
    c->ready = true;
    TAILQ_INSERT_TAIL(&ingress->ready, c, ready_link);
    uv_idle_start(&ingress->wake, on_wake);
}

/* --- Deadlines --- */

static void conn_timed_out(struct conn *c) {
    bool silent = c->state == CONN_HEAD && buf_len(&c->pending) == 0;
    if (silent || c->state == CONN_LINGER || c->state == CONN_DISCARD) {
        conn_close(c, false);
        return;
    }
    request_refuse(c, 408, c->state == CONN_HEAD ? "request head came too slowly" : "request body came too slowly");
    conn_run(c, NULL, 0);
}

static void conn_check_deadlines(struct conn *c, uint64_t now) {
    if (c->out_deadline_ms && now >= c->out_deadline_ms)
        conn_gone(c);
    else if (c->in_deadline_ms && now >= c->in_deadline_ms)
        conn_timed_out(c);
}

/* Closes whatever has no request, or everything when the time to drain is over. */
static void ingress_drain(struct ingress *ingress, bool all) {
    struct conn *c, *next;
    while ((c = TAILQ_FIRST(&ingress->idle))) conn_close(c, false);
    for (c = TAILQ_FIRST(&ingress->busy); c; c = next) {
        next = TAILQ_NEXT(c, link);
        if (all && (c->state != CONN_LINGER || buf_len(&c->out) > 0))
            conn_gone(c);
        else if (all || c->state == CONN_HEAD || c->state == CONN_DISCARD)
            conn_close(c, false);
    }
}

static void on_tick(uv_timer_t *timer) {
    struct ingress *ingress = timer->data;
    uint64_t now = uv_now(ingress->loop);
    struct conn *c, *next;
    for (c = TAILQ_FIRST(&ingress->idle); c && now >= c->in_deadline_ms; c = next) {
        next = TAILQ_NEXT(c, link);
        conn_close(c, false);
    }
    for (c = TAILQ_FIRST(&ingress->busy); c; c = next) {
        next = TAILQ_NEXT(c, link);
        conn_check_deadlines(c, now);
    }
    if (ingress->stopping)
        ingress_drain(ingress, now >= ingress->stop_deadline_ms);
    else
        ingress->accepting = true; /* again, in case descriptors had run out */
    listener_update(ingress);
    ingress_settle(ingress);
}

/* --- Listening --- */

int ingress_adopt(struct ingress *ingress, int fd) {
    struct conn *c = calloc(1, sizeof *c);
    int error = c ? uv_poll_init(ingress->loop, &c->poll, fd) : -ENOMEM;
    if (error < 0) {
        close(fd);
        free(c);
        return error;
    }
    c->ingress = ingress;
    c->fd = fd;
    c->poll.data = c;
    c->req = (struct ingress_req){.target = "", .host = ""};
    TAILQ_INSERT_TAIL(&ingress->busy, c, link);
    ingress->connections++;
    ingress->handles++;
    c->in_deadline_ms = conn_deadline(c, ingress->config.header_timeout_ms);
    conn_arm(c, true);
    listener_update(ingress);
    return 0;
}

/* Makes room for a connection by closing the one that has been idle longest. */
static bool evict_idle(struct ingress *ingress) {
    struct conn *c = TAILQ_FIRST(&ingress->idle);
    if (c) conn_close(c, false);
    return c != NULL;
}

static void on_listener(uv_poll_t *poll, int status, int events) {
    struct ingress *ingress = poll->data;
    (void)status, (void)events;
    for (int i = 0; i < INGRESS_ACCEPTS_MAX; i++) {
        bool full = ingress->connections >= ingress->config.connections_max;
        if (full && TAILQ_EMPTY(&ingress->idle)) break;
        int fd = accept4(ingress->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            if (full) evict_idle(ingress);
            (void)ingress_adopt(ingress, fd);
            continue;
        }
        if (errno == EAGAIN) break;
        if (errno == EINTR || errno == ECONNABORTED) continue;
        if (!evict_idle(ingress)) ingress->accepting = false; /* no descriptors, no memory: the next tick tries again */
        break;
    }
    listener_update(ingress);
}

/* Listens while there is room, and ticks while something has a deadline. */
static void listener_update(struct ingress *ingress) {
    if (ingress->stopping) return;
    bool room = ingress->connections < ingress->config.connections_max || !TAILQ_EMPTY(&ingress->idle);
    bool active = uv_is_active((uv_handle_t *)&ingress->listener);
    if (ingress->accepting && room && !active) uv_poll_start(&ingress->listener, UV_READABLE, on_listener);
    if (!(ingress->accepting && room) && active) uv_poll_stop(&ingress->listener);
    bool ticking = uv_is_active((uv_handle_t *)&ingress->tick);
    bool needed = ingress->connections > 0 || !ingress->accepting;
    if (needed && !ticking) uv_timer_start(&ingress->tick, on_tick, ingress->tick_ms, ingress->tick_ms);
    if (!needed && ticking) uv_timer_stop(&ingress->tick);
}

/* --- Start and stop --- */

static unsigned or_default(unsigned value, unsigned fallback) {
    return value ? value : fallback;
}

static int config_complete(struct ingress_config *config) {
    if (!config->address) config->address = "127.0.0.1";
    if (!config->body_bytes_max) config->body_bytes_max = 100u << 20;
    config->header_bytes_max = or_default(config->header_bytes_max, 32 * 1024);
    config->connections_max = or_default(config->connections_max, 4096);
    config->idle_timeout_ms = or_default(config->idle_timeout_ms, 60000);
    config->header_timeout_ms = or_default(config->header_timeout_ms, 10000);
    config->body_timeout_ms = or_default(config->body_timeout_ms, 30000);
    if (config->header_bytes_max > 1u << 20 || config->body_bytes_max > 1ull << 50) return -EINVAL;
    return 0;
}

static uint64_t tick_of(const struct ingress_config *config) {
    unsigned least = config->idle_timeout_ms;
    if (config->header_timeout_ms < least) least = config->header_timeout_ms;
    if (config->body_timeout_ms < least) least = config->body_timeout_ms;
    least /= 4;
    return least < 10 ? 10 : least > 250 ? 250 : least;
}

/* Options that accepted sockets inherit: no delay, and probes that find out peers which died without a word. */
static void listener_options(int fd) {
    const int options[][3] = {{SOL_SOCKET, SO_REUSEADDR, 1},    {IPPROTO_TCP, TCP_NODELAY, 1},
                              {SOL_SOCKET, SO_KEEPALIVE, 1},    {IPPROTO_TCP, TCP_KEEPIDLE, 60},
                              {IPPROTO_TCP, TCP_KEEPINTVL, 10}, {IPPROTO_TCP, TCP_KEEPCNT, 3}};
    for (size_t i = 0; i < COUNT_OF(options); i++) {
        setsockopt(fd, options[i][0], options[i][1], &options[i][2], sizeof(int));
    }
}

/* Returns a listening socket, or a negative errno. */
static int listener_open(const struct ingress_config *config, int *ret_port) {
    struct sockaddr_storage address = {0};
    socklen_t len = sizeof(struct sockaddr_in);
    if (uv_ip4_addr(config->address, config->port, (struct sockaddr_in *)&address) < 0) {
        len = sizeof(struct sockaddr_in6);
        if (uv_ip6_addr(config->address, config->port, (struct sockaddr_in6 *)&address) < 0) return -EINVAL;
    }
    int fd = socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return -errno;
    listener_options(fd);
    if (bind(fd, (struct sockaddr *)&address, len) < 0 || listen(fd, SOMAXCONN) < 0 ||
        getsockname(fd, (struct sockaddr *)&address, &len) < 0) {
        int error = -errno;
        close(fd);
        return error;
    }
    *ret_port = ntohs(((struct sockaddr_in *)&address)->sin_port);
    return fd;
}

int ingress_start(uv_loop_t *loop, const struct ingress_config *config, const struct ingress_handler *handler,
                  void *ctx, struct ingress **ret) {
    struct ingress *ingress = calloc(1, sizeof *ingress);
    if (!ingress) return -ENOMEM;
    ingress->config = *config;
    int error = config_complete(&ingress->config);
    if (!error) error = ingress->listen_fd = listener_open(&ingress->config, &ingress->port);
    if (error >= 0 && (error = uv_poll_init(loop, &ingress->listener, ingress->listen_fd)) < 0)
        close(ingress->listen_fd);
    if (error < 0) {
        free(ingress);
        return error;
    }
    ingress->config.address = NULL; /* the caller's, and no longer needed */
    ingress->loop = loop;
    ingress->handler = *handler;
    ingress->ctx = ctx;
    ingress->tick_ms = tick_of(&ingress->config);
    ingress->handles = 3;
    ingress->accepting = true;
    TAILQ_INIT(&ingress->idle);
    TAILQ_INIT(&ingress->busy);
    TAILQ_INIT(&ingress->ready);
    uv_timer_init(loop, &ingress->tick);
    uv_idle_init(loop, &ingress->wake);
    ingress->listener.data = ingress->tick.data = ingress->wake.data = ingress;
    listener_update(ingress);
    *ret = ingress;
    return 0;
}

int ingress_port(const struct ingress *ingress) {
    return ingress->port;
}

static void on_handle_closed(uv_handle_t *handle) {
    struct ingress *ingress = handle->data;
    ingress->handles--;
    ingress_settle(ingress);
}

/* Ends a stopped ingress: its own handles when the connections are gone, itself when the handles are. */
static void ingress_settle(struct ingress *ingress) {
    if (!ingress->stopping || ingress->connections > 0) return;
    if (!uv_is_closing((uv_handle_t *)&ingress->tick)) {
        uv_close((uv_handle_t *)&ingress->tick, on_handle_closed);
        uv_close((uv_handle_t *)&ingress->wake, on_handle_closed);
    }
    if (ingress->handles > 0) return;
    void (*stopped)(void *ctx) = ingress->stopped;
    void *ctx = ingress->stopped_ctx;
    free(ingress);
    stopped(ctx);
}

void ingress_stop(struct ingress *ingress, unsigned drain_ms, void (*stopped)(void *ctx), void *ctx) {
    CHECK(!ingress->stopping);
    ingress->stopping = true;
    ingress->stopped = stopped;
    ingress->stopped_ctx = ctx;
    ingress->stop_deadline_ms = uv_now(ingress->loop) + drain_ms;
    uv_close((uv_handle_t *)&ingress->listener, on_handle_closed);
    close(ingress->listen_fd);
    uv_timer_start(&ingress->tick, on_tick, 0, ingress->tick_ms);
}
