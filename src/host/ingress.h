/* HTTP/1.1 for clients of the supervisor: listens, parses, keeps limits and timeouts, frames responses.
   Runs in the supervisor, on its loop and its one thread. Must not know cells, frames or workers: it offers callbacks.

   A request goes   on_request, on_body*, on_body_end (both only with a body), then on_done,
   with on_abort instead of on_done at any point. Exactly one of on_done and on_abort comes for each on_request, and it
   is the last; the request is invalid when it returns. No callback comes from inside an ingress_* call, so a caller's
   state cannot change under its feet; callbacks may call everything here.
   The requests of one connection come one after the other: the next begins when the last response has left.

   A client counts as gone when its side of the connection ends before the response does: a half-close cannot be told
   from a close, and gone clients are to be noticed while nothing is read or written. One cannot be: a client that
   closes while its held upload fills the socket's buffers; the end of its side is behind bytes that were not read.

   WebSocket: an upgrade comes as an ordinary GET with Upgrade and Connection headers; ingress_upgrade turns it raw. What
   is sent then is not looked at here: cells speak the protocol. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <uv.h>

struct ingress;
struct ingress_req;

/* Zero stands for the default. */
struct ingress_config {
    const char *address;        /* IPv4 or IPv6 literal; 127.0.0.1 */
    uint16_t port;              /* 0: a free one, see ingress_port */
    unsigned header_bytes_max;  /* request line and headers; 32 KiB */
    uint64_t body_bytes_max;    /* request body; 100 MiB */
    unsigned connections_max;   /* 4096; beyond it idle ones are closed, then new ones wait in the backlog */
    unsigned idle_timeout_ms;   /* after a response; 60,000 */
    unsigned header_timeout_ms; /* from accept, or a later head's first byte, to the head's end; 10,000 */
    unsigned body_timeout_ms;   /* without progress of a request body that is wanted or a response that waits; 30,000 */
};

/* Both strings end with NUL as well; neither contains one. */
struct ingress_header {
    const char *name;
    size_t name_len;
    const char *value;
    size_t value_len;
};

/* All but on_writable must be set. `ctx` is what ingress_start got. */
struct ingress_handler {
    /* The head is complete and valid. Answer now or later. */
    void (*on_request)(void *ctx, struct ingress_req *req);

    /* Bytes of the body, borrowed. Returns how many were taken; fewer than len holds the rest, and the client with it,
       until ingress_resume. Does not come after ingress_end. */
    size_t (*on_body)(void *ctx, struct ingress_req *req, const uint8_t *data, size_t len);
    void (*on_body_end)(void *ctx, struct ingress_req *req);

    /* All that ingress_write queued has been handed to the kernel. */
    void (*on_writable)(void *ctx, struct ingress_req *req);

    /* The client is gone, timed out or broke the protocol, or the drain time of ingress_stop is over. */
    void (*on_abort)(void *ctx, struct ingress_req *req);

    /* The response has been handed to the kernel, or was cut short by ingress_fail or a too short body. */
    void (*on_done)(void *ctx, struct ingress_req *req);
};

/* Listens on the loop. `config` and `handler` are copied. Returns 0, -EINVAL for an address that is no literal or a
   limit that is out of range, or what socket, bind and listen say. */
int ingress_start(uv_loop_t *loop, const struct ingress_config *config, const struct ingress_handler *handler,
                  void *ctx, struct ingress **ret);

/* The port that is listened on. */
int ingress_port(const struct ingress *ingress);

/* Serves a connected stream socket as if it had been accepted; owns fd from now on. Returns 0 or a negative errno. */
int ingress_adopt(struct ingress *ingress, int fd);

/* Stops accepting, closes idle connections, lets running requests finish for drain_ms, aborts the rest, frees the
   ingress and calls back from the loop. Call it once; nothing of this ingress but requests may be used after it. */
void ingress_stop(struct ingress *ingress, unsigned drain_ms, void (*stopped)(void *ctx), void *ctx);

/* The request. All strings are borrowed until on_done or on_abort and end with NUL. */
const char *ingress_method(const struct ingress_req *req);
const char *ingress_target(const struct ingress_req *req); /* as sent: /path?query, http://..., or * */
const char *ingress_host(const struct ingress_req *req);   /* "" only in HTTP/1.0 */
const struct ingress_header *ingress_headers(const struct ingress_req *req, size_t *ret_len);
const char *ingress_header(const struct ingress_req *req, const char *name); /* first of that name, or NULL */
int64_t ingress_body_len(const struct ingress_req *req);                     /* 0: no body; -1: known only at its end */
int ingress_peer(const struct ingress_req *req, struct sockaddr_storage *ret);

/* A pointer of the handler's own, NULL at on_request. */
void ingress_set_user(struct ingress_req *req, void *user);
void *ingress_user(const struct ingress_req *req);

/* Offers the held body bytes again, and reads on. */
void ingress_resume(struct ingress_req *req);

/* Sends the head, and `first` as the first bytes of the body. reason NULL: the usual words. body_len -1: unknown, sent
   chunked (HTTP/1.0: until the connection closes). Framing belongs to ingress: Connection, Keep-Alive,
   Transfer-Encoding and Content-Length among the headers are left out (but Content-Length stays in an answer to HEAD
   and in 304 where body_len is -1). A body that the method or status forbids is dropped. Date is added. Returns 0,
   -EALREADY, -ENOMEM, or -EINVAL for a status outside 200..599, a name that is no token, a value or reason with control
   characters, or more first bytes than body_len; then nothing was sent and another answer may be. */
int ingress_respond(struct ingress_req *req, int status, const char *reason, const struct ingress_header *headers,
                    size_t headers_len, int64_t body_len, const void *first, size_t first_len);

/* True for a GET of HTTP/1.1 that asks to go on as WebSocket, and so may be answered by ingress_upgrade. */
bool ingress_wants_websocket(const struct ingress_req *req);

/* Answers 101 and turns the exchange raw: from then on on_body brings what the client sends and ingress_write gives what
   it gets, both with back-pressure and without timeouts of their own; ingress_end closes the connection. Returns 0,
   -EALREADY, -ENOMEM, or -EINVAL for a request that did not ask, or wrong headers. */
int ingress_upgrade(struct ingress_req *req, const struct ingress_header *headers, size_t headers_len);

/* Sends more of the body, which is copied. Returns the bytes that now wait for the client: above the caller's mark, it
   should stop until on_writable. -EMSGSIZE for more than body_len, -EINVAL before the head or after the end, -ENOMEM.
 */
ssize_t ingress_write(struct ingress_req *req, const void *data, size_t len);

/* Ends the response. Returns 0, -EINVAL before the head or after the end, or -EPROTO when fewer than body_len bytes
   came: the connection is then cut so that the client cannot take the body for whole. */
int ingress_end(struct ingress_req *req);

/* Ends the response with an error: before the head, `status` with `message` as plain text; after it, by cutting the
   connection. Does nothing after ingress_end. */
void ingress_fail(struct ingress_req *req, int status, const char *message);
