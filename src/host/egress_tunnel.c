/* connect() of cloudflare:sockets: bytes both ways over a connection that libcurl made, with TLS if that was asked for,
   and whose address was judged like any other. Runs in the egress process. */
#include "base/macros.h"
#include "host/egress_private.h"
#include <sys/socket.h>

#define CHUNK_BYTES (64u * 1024u)

struct tunnel {
    uv_poll_t poll;
    struct exchange *exchange;
    int fd;
    bool wants_out, has_shut;
};

static void turn(struct tunnel *t);

static void on_poll(uv_poll_t *poll, int status, int events) {
    struct tunnel *t = poll->data;
    (void)status, (void)events; /* an error shows when it is read */
    turn(t);
}

/* Sends what the cell gave. Returns false when the exchange is over. */
static bool send_some(struct tunnel *t) {
    struct exchange *e = t->exchange;
    t->wants_out = false;
    while (buf_len(&e->body) > 0) {
        size_t n = 0;
        CURLcode r = curl_easy_send(transfer_easy(e->transfer), buf_bytes(&e->body), buf_len(&e->body), &n);
        if (r == CURLE_AGAIN) {
            t->wants_out = true;
            return true;
        }
        if (r != CURLE_OK) {
            exchange_fail(e, "connect() to %s:%u failed: the connection is lost", e->url.host, e->url.port);
            return false;
        }
        buf_consume(&e->body, n);
        e->sent += n;
        e->owed += (uint32_t)n;
    }
    exchange_pay_window(e);
    if (e->body_ended && !t->has_shut && !e->url.is_https) shutdown(t->fd, SHUT_WR);
    t->has_shut = e->body_ended;
    return true;
}

/* Passes on what came, as far as the cell has room. Returns false when the exchange is over. */
static bool receive_some(struct tunnel *t) {
    struct exchange *e = t->exchange;
    static uint8_t bytes[CHUNK_BYTES];
    while (e->credit > 0 && !e->tenant->is_congested) {
        size_t n = 0;
        CURLcode r =
            curl_easy_recv(transfer_easy(e->transfer), bytes, e->credit < CHUNK_BYTES ? e->credit : CHUNK_BYTES, &n);
        if (r == CURLE_AGAIN) return true;
        if (r != CURLE_OK) {
            exchange_fail(e, "connect() to %s:%u failed: the connection is lost", e->url.host, e->url.port);
            return false;
        }
        tenant_send(e->tenant, FRAME_DATA, n == 0 ? FRAME_FIN : 0, e->id, NULL, bytes, n);
        if (n == 0) {
            exchange_finish(e);
            return false;
        }
        e->credit -= (uint32_t)n;
        e->received += n;
        if (exchange_is_over_bytes(e)) {
            exchange_fail(e, "connect() to %s:%u failed: it went over the bytes that its rule allows", e->url.host,
                          e->url.port);
            return false;
        }
    }
    return true;
}

static void turn(struct tunnel *t) {
    if (!send_some(t) || !receive_some(t)) return;
    bool wants_in = t->exchange->credit > 0 && !t->exchange->tenant->is_congested;
    int events = (wants_in ? UV_READABLE : 0) | (t->wants_out ? UV_WRITABLE : 0);
    if (events)
        uv_poll_start(&t->poll, events, on_poll);
    else
        uv_poll_stop(&t->poll);
}

void tunnel_turn(struct exchange *e) {
    if (e->tunnel) turn(e->tunnel);
}

void tunnel_open(struct exchange *e) {
    static const char text[] = "{\"status\":200,\"statusText\":\"\",\"headers\":[]}";
    struct tunnel *t = calloc(1, sizeof *t);
    struct buf head = {0};
    curl_socket_t fd = CURL_SOCKET_BAD;
    CHECK(t);
    curl_easy_getinfo(transfer_easy(e->transfer), CURLINFO_ACTIVESOCKET, &fd);
    if (fd == CURL_SOCKET_BAD || uv_poll_init(e->tenant->loop, &t->poll, fd) < 0) {
        free(t);
        exchange_fail(e, "connect() to %s:%u failed: the connection is lost", e->url.host, e->url.port);
        return;
    }
    t->poll.data = t;
    t->exchange = e;
    t->fd = fd;
    e->tunnel = t;
    e->has_responded = true;
    CHECK(buf_append_text(&head, text) == 0);
    tenant_send(e->tenant, FRAME_RESPONSE, 0, e->id, &head, NULL, 0);
    buf_done(&head);
    turn(t);
}

static void on_closed(uv_handle_t *handle) {
    free(handle->data);
}

void tunnel_close(struct exchange *e) {
    if (e->tunnel) uv_close((uv_handle_t *)&e->tunnel->poll, on_closed);
    e->tunnel = NULL;
}
