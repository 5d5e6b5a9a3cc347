/* connect() of cloudflare:sockets and WebSockets: bytes both ways over a connection that libcurl made, with TLS if that was
   asked for, and whose address was judged like any other. A connect()ed one may go over to TLS later (startTls). Runs in
   the egress process.

     connect():  open --> plain or TLS bytes --FRAME_TLS--> plain bytes that came before it --> handshake --> TLS bytes
     WebSocket:  handshake of HTTP (egress_upgrade.c) --101--> bytes, or another answer and the end */
#include "base/macros.h"
#include "host/egress_frames.h"
#include "host/egress_private.h"
#include <errno.h>
#include <openssl/err.h>
#include <string.h>
#include <sys/socket.h>

#define CHUNK_BYTES (64u * 1024u)

/* How long a handshake may take, of TLS or of WebSocket. */
#define HANDSHAKE_MS 30000

struct tunnel {
    uv_poll_t poll;
    uv_timer_t timer; /* of a handshake */
    struct exchange *exchange;
    int fd, handles;
    struct buf lead; /* of a WebSocket: the head of the request, which may hold secrets */
    struct upgrade *upgrade;
    struct frames *frames; /* of a WebSocket to which secrets went */
    SSL *tls; /* of startTls(); libcurl's own is not seen here */
    bool wants_out, has_shut, is_secure, is_over;
};

static void turn(struct tunnel *t);

static void on_poll(uv_poll_t *poll, int status, int events) {
    struct tunnel *t = poll->data;
    (void)status, (void)events; /* an error shows when it is read */
    turn(t);
}

static void fail(struct tunnel *t, const char *why) {
    const char *what = t->exchange->is_websocket ? "fetch() of" : "connect() to";
    exchange_fail(t->exchange, "%s %s:%u failed: %s", what, t->exchange->url.host, t->exchange->url.port, why);
}

static void lose(struct tunnel *t) {
    fail(t, "the connection is lost");
}

/* What OpenSSL needs: -EAGAIN, or -EIO for the end of it all. */
static ssize_t tls_result(struct tunnel *t, int r) {
    if (r > 0) return r;
    int error = SSL_get_error(t->tls, r);
    if (error == SSL_ERROR_WANT_WRITE) t->wants_out = true;
    if (error == SSL_ERROR_WANT_WRITE || error == SSL_ERROR_WANT_READ) return -EAGAIN;
    return error == SSL_ERROR_ZERO_RETURN ? 0 : -EIO;
}

static ssize_t put(struct tunnel *t, const uint8_t *bytes, size_t len) {
    ERR_clear_error();
    if (t->tls) return tls_result(t, SSL_write(t->tls, bytes, (int)len));
    size_t n = 0;
    CURLcode r = curl_easy_send(transfer_easy(t->exchange->transfer), bytes, len, &n);
    if (r == CURLE_AGAIN) t->wants_out = true;
    return r == CURLE_OK ? (ssize_t)n : r == CURLE_AGAIN ? -EAGAIN : -EIO;
}

static ssize_t get(struct tunnel *t, uint8_t *bytes, size_t len) {
    ERR_clear_error();
    if (t->tls) return tls_result(t, SSL_read(t->tls, bytes, (int)len));
    size_t n = 0;
    CURLcode r = curl_easy_recv(transfer_easy(t->exchange->transfer), bytes, len, &n);
    return r == CURLE_OK ? (ssize_t)n : r == CURLE_AGAIN ? -EAGAIN : -EIO;
}

/* --- What came ---------------------------------------------------------------------------------------------------- */

/* Hands bytes on to the cell, those of a WebSocket without secrets. Returns false when the exchange is over. */
static bool pass_on(struct tunnel *t, const uint8_t *bytes, size_t len) {
    struct exchange *e = t->exchange;
    struct buf clean = {0};
    int r = 0;
    e->received += len;
    if (t->frames) {
        r = frames_take(t->frames, bytes, len, &clean);
        bytes = buf_bytes(&clean);
        len = buf_len(&clean);
    }
    if (len > 0) tenant_send(e->tenant, FRAME_DATA, 0, e->id, NULL, bytes, len);
    e->credit -= (uint32_t)len;
    buf_done(&clean);
    if (r < 0) fail(t, "it sent what is no frame of a WebSocket");
    return r == 0;
}

/* Bytes that may be read: what frames_take() makes of them must find room in the cell. */
static size_t room(const struct tunnel *t) {
    size_t credit = t->exchange->credit, waiting = t->frames ? frames_waiting(t->frames) : 0;
    if (t->exchange->tenant->is_congested || credit <= waiting) return 0;
    size_t most = t->frames ? (credit - waiting) / 2 : credit;
    return most < CHUNK_BYTES ? most : CHUNK_BYTES;
}

/* --- Handshakes ------------------------------------------------------------------------------------------------- */

static void on_late(uv_timer_t *timer) {
    struct tunnel *t = timer->data;
    const struct url *url = &t->exchange->url;
    exchange_fail(t->exchange, "the handshake with %s:%u took too long", url->host, url->port);
}

/* Goes over to TLS when what came before has been sent. Returns false while that is under way, or the exchange is over. */
static bool shake_hands(struct tunnel *t) {
    struct exchange *e = t->exchange;
    if (!e->wants_tls || t->is_secure) return true;
    if (e->plain_left > 0) return false;
    if (!t->tls) {
        t->tls = http_tls(t->fd, &e->url);
        CHECK(t->tls);
        uv_timer_start(&t->timer, on_late, HANDSHAKE_MS, 0);
    }
    ERR_clear_error();
    ssize_t r = tls_result(t, SSL_do_handshake(t->tls));
    if (r == -EAGAIN) return false;
    uv_timer_stop(&t->timer);
    if (r <= 0) {
        long verdict = SSL_get_verify_result(t->tls);
        exchange_fail(e, "startTls() with %s:%u failed: %s", e->url.host, e->url.port,
                      verdict == X509_V_OK ? "there was no TLS handshake" : X509_verify_cert_error_string(verdict));
        return false;
    }
    t->is_secure = true;
    tenant_send(e->tenant, FRAME_DATA, FRAME_TLS, e->id, NULL, NULL, 0);
    return true;
}

/* Sends the request of a WebSocket, and reads its answer. Returns whether the connection is open for bytes both ways; if
   not, the exchange may be over. */
static bool upgrade(struct tunnel *t) {
    static uint8_t bytes[CHUNK_BYTES];
    struct exchange *e = t->exchange;
    t->wants_out = false;
    while (buf_len(&t->lead) > 0) {
        ssize_t n = put(t, buf_bytes(&t->lead), buf_len(&t->lead));
        if (n == -EAGAIN) return false;
        if (n <= 0) return lose(t), false;
        explicit_bzero((uint8_t *)buf_bytes(&t->lead), (size_t)n);
        buf_consume(&t->lead, (size_t)n);
    }
    for (;;) {
        size_t used = 0;
        ssize_t n = get(t, bytes, sizeof bytes);
        if (n == -EAGAIN) return false;
        if (n < 0) return lose(t), false;
        int r = n == 0 ? (upgrade_ends(t->upgrade) ? 2 : -EBADMSG) : upgrade_take(t->upgrade, bytes, (size_t)n, &used);
        if (r == 0) continue;
        uv_timer_stop(&t->timer);
        if (r < 0) {
            exchange_fail(e, "fetch() of %.200s failed: %s", e->url.text,
                          e->failure[0] ? e->failure : "its answer to the upgrade makes no sense");
            return false;
        }
        if (r == 2) {
            tunnel_close(e);
            exchange_answer(e, false);
            return false;
        }
        exchange_answer(e, true);
        upgrade_free(t->upgrade);
        t->upgrade = NULL;
        if (e->scrub) t->frames = frames_new(e->scrub);
        return pass_on(t, bytes + used, (size_t)n - used); /* less than half the window, which is whole still */
    }
}

/* --- Bytes both ways -------------------------------------------------------------------------------------------- */

/* Sends what the cell gave. Returns false when the exchange is over. */
static bool send_some(struct tunnel *t) {
    struct exchange *e = t->exchange;
    while (buf_len(&e->body) > 0 && (!e->wants_tls || t->is_secure || e->plain_left > 0)) {
        size_t len = e->plain_left > 0 ? e->plain_left : buf_len(&e->body);
        ssize_t n = put(t, buf_bytes(&e->body), len);
        if (n == -EAGAIN) return true;
        if (n <= 0) return lose(t), false;
        buf_consume(&e->body, (size_t)n);
        if (e->plain_left > 0) e->plain_left -= (size_t)n;
        e->sent += (size_t)n;
        e->owed += (uint32_t)n;
    }
    exchange_pay_window(e);
    if (e->body_ended && !t->has_shut && buf_len(&e->body) == 0) {
        if (t->tls)
            SSL_shutdown(t->tls);
        else if (!e->url.is_https)
            shutdown(t->fd, SHUT_WR);
        t->has_shut = true;
    }
    return true;
}

/* Passes on what came, as far as the cell has room. Returns false when the exchange is over. */
static bool receive_some(struct tunnel *t) {
    struct exchange *e = t->exchange;
    static uint8_t bytes[CHUNK_BYTES];
    for (size_t most; (most = room(t)) > 0;) {
        ssize_t n = get(t, bytes, most);
        if (n == -EAGAIN) return true;
        if (n < 0) return lose(t), false;
        if (n == 0) {
            tenant_send(e->tenant, FRAME_DATA, FRAME_FIN, e->id, NULL, NULL, 0);
            exchange_finish(e);
            return false;
        }
        if (!pass_on(t, bytes, (size_t)n)) return false;
        if (exchange_is_over_bytes(e)) return fail(t, "it went over the bytes that its rule allows"), false;
    }
    return true;
}

static void watch(struct tunnel *t, bool wants_in) {
    int events = (wants_in ? UV_READABLE : 0) | (t->wants_out ? UV_WRITABLE : 0);
    if (events)
        uv_poll_start(&t->poll, events, on_poll);
    else
        uv_poll_stop(&t->poll);
}

/* Each step may end the exchange, and then frees the tunnel's part of it at once. */
static void turn(struct tunnel *t) {
    struct exchange *e = t->exchange;
    t->wants_out = false;
    bool is_open = !t->upgrade || upgrade(t);
    if (is_open && !t->is_over && send_some(t) && shake_hands(t) && t->is_secure) is_open = send_some(t);
    if (t->is_over) return;
    bool is_shaking = t->upgrade || (e->wants_tls && !t->is_secure);
    if (!is_shaking && !receive_some(t)) return;
    watch(t, is_shaking || room(t) > 0);
}

void tunnel_turn(struct exchange *e) {
    if (e->tunnel) turn(e->tunnel);
}

static void on_closed(uv_handle_t *handle) {
    struct tunnel *t = handle->data;
    if (--t->handles == 0) free(t);
}

void tunnel_open(struct exchange *e) {
    static const char text[] = "{\"status\":200,\"statusText\":\"\",\"headers\":[]}";
    struct tunnel *t = calloc(1, sizeof *t);
    struct buf head = {0};
    char why[200];
    curl_socket_t fd = CURL_SOCKET_BAD;
    CHECK(t);
    curl_easy_getinfo(transfer_easy(e->transfer), CURLINFO_ACTIVESOCKET, &fd);
    *t = (struct tunnel){.exchange = e, .fd = fd, .handles = 2};
    if (fd == CURL_SOCKET_BAD || uv_poll_init(e->tenant->loop, &t->poll, fd) < 0) {
        lose(t);
        free(t);
        return;
    }
    CHECK(uv_timer_init(e->tenant->loop, &t->timer) == 0);
    t->poll.data = t->timer.data = t;
    e->tunnel = t;
    if (e->is_websocket) {
        t->upgrade = upgrade_new(e, &t->lead, why, sizeof why);
        if (!t->upgrade) {
            exchange_fail(e, "fetch() of %.200s failed: %s", e->url.text, why);
            return;
        }
        uv_timer_start(&t->timer, on_late, e->rule->timeout_ms ? e->rule->timeout_ms : HANDSHAKE_MS, 0);
    } else {
        e->has_responded = true;
        CHECK(buf_append_text(&head, text) == 0);
        tenant_send(e->tenant, FRAME_RESPONSE, 0, e->id, &head, NULL, 0);
        buf_done(&head);
    }
    turn(t);
}

void tunnel_close(struct exchange *e) {
    struct tunnel *t = e->tunnel;
    e->tunnel = NULL;
    if (!t) return;
    t->is_over = true;
    SSL_free(t->tls);
    upgrade_free(t->upgrade);
    if (buf_len(&t->lead)) explicit_bzero((uint8_t *)buf_bytes(&t->lead), buf_len(&t->lead));
    buf_done(&t->lead);
    frames_free(t->frames);
    t->frames = NULL;
    t->tls = NULL;
    t->upgrade = NULL;
    uv_close((uv_handle_t *)&t->poll, on_closed);
    uv_close((uv_handle_t *)&t->timer, on_closed);
}
