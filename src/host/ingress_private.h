/* What the three files of ingress share: ingress.c (connections), ingress_request.c (what comes in) and
   ingress_response.c (what goes out). Included by nothing else. */
#pragma once
#include "base/buf.h"
#include "host/ingress.h"
#include <llhttp.h>
#include <sys/queue.h>

/* Limits that no configuration changes. */
#define INGRESS_READ_BYTES     (64 * 1024)  /* one read, and so the body bytes held for a slow handler */
#define INGRESS_FLUSH_BYTES    (64 * 1024)  /* output beyond this is sent at once, less is gathered */
#define INGRESS_IDLE_BYTES     4096         /* a buffer that an idle connection may keep */
#define INGRESS_HEADERS_MAX    256          /* of one request */
#define INGRESS_DISCARD_BYTES  (256 * 1024) /* read and dropped to keep, or to end well, a connection */
#define INGRESS_LINGER_MS      1000         /* for the client to read an error before the socket goes */
#define INGRESS_ACCEPTS_MAX    64           /* at one wake-up */
#define INGRESS_CHUNK_OVERHEAD 8            /* framing bytes allowed for each byte of a chunked body */

enum conn_state {
    CONN_HEAD,    /* no request; bytes of a head may have come */
    CONN_BODY,    /* request; its body is coming, or held */
    CONN_WAIT,    /* request, whole; response not finished */
    CONN_DISCARD, /* no request; the rest of an answered request's body is dropped */
    CONN_LINGER,  /* no request; output drains, input is dropped, then the socket is closed */
};

/* Lives inside its connection; valid while `active`. */
struct ingress_req {
    void *user;
    const char *target, *host;
    struct ingress_header *headers; /* spans of conn.head */
    size_t target_len, headers_len, headers_capacity;
    int64_t body_len;
    uint64_t body_bytes, body_raw_bytes; /* payload so far; that and its framing */
    uint64_t out_left;                   /* promised by Content-Length and not yet written */

    bool active;
    bool head_parsed, parsed; /* by llhttp: the head; the whole message */
    bool headers_overflow;
    bool keep_alive, expects_continue;
    bool paused, body_end_said;
    bool raw; /* upgraded: what comes and goes is no HTTP any more */
    bool responded, ended, cut;
    bool out_counted, out_chunked, bodiless; /* bodiless: HEAD, 204, 304 */
};

struct conn {
    struct ingress *ingress;
    TAILQ_ENTRY(conn) link, ready_link;
    uv_poll_t poll;
    int fd, armed; /* armed: the events that `poll` waits for */
    enum conn_state state;
    bool idle;   /* on ingress.idle rather than ingress.busy: served before, and no byte since */
    bool busy;   /* inside conn_run */
    bool ready;  /* on ingress.ready */
    bool closed; /* uv_close was called */
    bool eof;    /* the client's side has ended */
    bool broken; /* a write failed */
    bool blocked, shut, close_after;

    llhttp_t parser;
    size_t scan, line;                   /* how far the head was checked, and where its last line begins */
    size_t discarded;                    /* in CONN_DISCARD and CONN_LINGER */
    struct buf head, pending, held, out; /* pending: read, not parsed; held: body, parsed, not taken */
    const uint8_t *input;                /* inside conn_run: what is to be parsed, in `pending` or ingress.scratch */
    size_t input_len;
    uint64_t in_deadline_ms, out_deadline_ms; /* on the loop's clock; 0: none */
    struct ingress_req req;
};

TAILQ_HEAD(conn_list, conn);

struct ingress {
    uv_loop_t *loop;
    struct ingress_config config;
    struct ingress_handler handler;
    void *ctx;
    uv_poll_t listener;
    uv_timer_t tick;
    uv_idle_t wake; /* runs while `ready` is not empty */
    int listen_fd, port, handles;
    bool accepting, stopping;
    uint64_t tick_ms, stop_deadline_ms, date_at_ms;
    struct conn_list idle, busy, ready; /* idle: the longest idle first */
    size_t connections;
    void (*stopped)(void *ctx);
    void *stopped_ctx;
    char date[40];
    uint8_t scratch[INGRESS_READ_BYTES];
};

static inline struct conn *req_conn(const struct ingress_req *req) {
    return (struct conn *)((char *)req - offsetof(struct conn, req));
}

/* ingress.c. conn_wake has the loop run the connection soon; conn_linger ends it after its output; conn_deadline is the
   loop's clock and that many milliseconds. */
void conn_wake(struct conn *c);
void conn_linger(struct conn *c);
void conn_set_idle(struct conn *c, bool idle);
uint64_t conn_deadline(const struct conn *c, unsigned timeout_ms);

/* ingress_request.c. Each consumes from c->input, may call the handler, and says whether it got anything done. */
bool request_read_head(struct conn *c);
bool request_read_body(struct conn *c);
bool request_deliver(struct conn *c);

/* Tells the handler that its request is gone, if there is one that has not ended. */
void request_abort(struct conn *c);

/* Ends the request, if there is one, and the connection; the client is told why where that is still possible. */
void request_refuse(struct conn *c, int status, const char *why);

/* ingress_response.c. Sends what it can; on failure the connection is marked broken. Never calls back. */
void response_flush(struct conn *c);

/* Queues a whole error response that closes the connection. */
void response_error(struct conn *c, int status, const char *message);
