/* Ingress, what goes out: checks and writes response heads, frames bodies, gathers output and sends it.
   Runs in the supervisor. Nothing here calls the handler: output is gathered in conn.out and sent when the loop comes
   round, or at once when much has gathered. A failed write marks the connection broken, and the loop ends it. */
#include "base/macros.h"
#include "host/ingress_private.h"
#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <strings.h>
#include <time.h>

void response_flush(struct conn *c) {
    uint64_t sent = 0;
    while (buf_len(&c->out) > 0 && !c->broken) {
        ssize_t n = send(c->fd, buf_bytes(&c->out), buf_len(&c->out), MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0 && errno != EAGAIN) c->broken = true;
        if (n < 0) break;
        buf_consume(&c->out, (size_t)n);
        sent += (uint64_t)n;
    }
    if (buf_len(&c->out) == 0) {
        c->out_deadline_ms = 0;
        return;
    }
    if (sent > 0 || !c->blocked) c->out_deadline_ms = conn_deadline(c, c->ingress->config.body_timeout_ms);
    c->blocked = true;
}

/* --- Heads --- */

static const char *reason_of(int status) {
    switch (status) {
    case 200: return "OK";
    case 201: return "Created";
    case 202: return "Accepted";
    case 204: return "No Content";
    case 206: return "Partial Content";
    case 301: return "Moved Permanently";
    case 302: return "Found";
    case 303: return "See Other";
    case 304: return "Not Modified";
    case 307: return "Temporary Redirect";
    case 308: return "Permanent Redirect";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 408: return "Request Timeout";
    case 409: return "Conflict";
    case 410: return "Gone";
    case 413: return "Content Too Large";
    case 417: return "Expectation Failed";
    case 422: return "Unprocessable Content";
    case 429: return "Too Many Requests";
    case 431: return "Request Header Fields Too Large";
    case 500: return "Internal Server Error";
    case 501: return "Not Implemented";
    case 502: return "Bad Gateway";
    case 503: return "Service Unavailable";
    case 504: return "Gateway Timeout";
    case 505: return "HTTP Version Not Supported";
    default: return "";
    }
}

/* Appends text pieces up to the NULL. Heads are made of these and not of printf, which cost a tenth of a request. */
__attribute__((sentinel)) static int put_text(struct buf *out, ...) {
    va_list pieces;
    const char *piece;
    int error = 0;
    va_start(pieces, out);
    while (!error && (piece = va_arg(pieces, const char *))) error = buf_append_text(out, piece);
    va_end(pieces);
    return error;
}

struct decimal {
    char text[24];
};

static struct decimal decimal_of(uint64_t number) {
    struct decimal decimal;
    char *p = decimal.text + sizeof decimal.text - 1;
    *p = 0;
    do *--p = (char)('0' + number % 10);
    while (number /= 10);
    memmove(decimal.text, p, (size_t)(decimal.text + sizeof decimal.text - p));
    return decimal;
}

/* The Date header's value, made anew at most twice a second. */
static const char *date_now(struct ingress *ingress) {
    uint64_t now = uv_now(ingress->loop);
    if (ingress->date[0] && now - ingress->date_at_ms < 500) return ingress->date;
    time_t seconds = time(NULL);
    struct tm tm;
    gmtime_r(&seconds, &tm);
    strftime(ingress->date, sizeof ingress->date, "%a, %d %b %Y %H:%M:%S GMT", &tm);
    ingress->date_at_ms = now;
    return ingress->date;
}

static bool is_token(const char *text, size_t len) {
    for (size_t i = 0; i < len; i++) {
        unsigned char b = (unsigned char)text[i];
        bool alphanumeric = (b >= '0' && b <= '9') || ((b | 32) >= 'a' && (b | 32) <= 'z');
        if (!alphanumeric && (b == 0 || !strchr("!#$%&'*+-.^_`|~", b))) return false;
    }
    return len > 0;
}

static bool is_line_text(const char *text, size_t len) {
    for (size_t i = 0; i < len; i++) {
        unsigned char b = (unsigned char)text[i];
        if ((b < 0x20 && b != '\t') || b == 0x7f) return false;
    }
    return true;
}

static bool name_is(const struct ingress_header *header, const char *name) {
    return header->name_len == strlen(name) && !strncasecmp(header->name, name, header->name_len);
}

static bool is_framing(const struct ingress_header *header) {
    static const char *const names[] = {"connection",        "keep-alive",     "proxy-connection",
                                        "transfer-encoding", "content-length", "upgrade"};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        if (name_is(header, names[i])) return true;
    }
    return false;
}

static bool is_digits(const struct ingress_header *header) {
    for (size_t i = 0; i < header->value_len; i++) {
        if (header->value[i] < '0' || header->value[i] > '9') return false;
    }
    return header->value_len > 0;
}

static bool headers_are_valid(const struct ingress_header *headers, size_t len) {
    for (size_t i = 0; i < len; i++) {
        if (!is_token(headers[i].name, headers[i].name_len)) return false;
        if (!is_line_text(headers[i].value, headers[i].value_len)) return false;
    }
    return true;
}

static int put_header(struct buf *out, const struct ingress_header *header) {
    uint8_t *room = buf_room(out, header->name_len + header->value_len + 4);
    if (!room) return -ENOMEM;
    memcpy(room, header->name, header->name_len);
    memcpy(room + header->name_len, ": ", 2);
    memcpy(room + header->name_len + 2, header->value, header->value_len);
    memcpy(room + header->name_len + 2 + header->value_len, "\r\n", 2);
    buf_add(out, header->name_len + header->value_len + 4);
    return 0;
}

/* The handler's headers but for framing, and Date if it gave none. */
static int put_headers(struct conn *c, const struct ingress_header *headers, size_t len, bool keep_length) {
    bool dated = false;
    for (size_t i = 0; i < len; i++) {
        bool kept = keep_length && name_is(&headers[i], "content-length") && is_digits(&headers[i]);
        if (!kept && is_framing(&headers[i])) continue;
        if (kept) keep_length = false;
        if (name_is(&headers[i], "date")) dated = true;
        if (put_header(&c->out, &headers[i]) < 0) return -ENOMEM;
    }
    if (dated) return 0;
    return put_text(&c->out, "Date: ", date_now(c->ingress), "\r\n", NULL);
}

static int put_framing(struct conn *c, int status, int64_t body_len) {
    struct ingress_req *req = &c->req;
    const char *connection = "";
    if (c->close_after)
        connection = "Connection: close\r\n";
    else if (c->parser.http_minor == 0)
        connection = "Connection: keep-alive\r\n";
    if (body_len >= 0 && status != 204 && !(status == 304 && body_len == 0)) {
        return put_text(&c->out, "Content-Length: ", decimal_of((uint64_t)body_len).text, "\r\n", connection, "\r\n",
                        NULL);
    }
    return put_text(&c->out, req->out_chunked ? "Transfer-Encoding: chunked\r\n" : "", connection, "\r\n", NULL);
}

/* How the body is delimited, and whether the connection lasts. */
static void choose_framing(struct conn *c, int status, int64_t body_len) {
    struct ingress_req *req = &c->req;
    req->bodiless = status == 204 || status == 304 || c->parser.method == HTTP_HEAD;
    req->out_counted = body_len >= 0 && !req->bodiless;
    req->out_left = req->out_counted ? (uint64_t)body_len : 0;
    req->out_chunked = body_len < 0 && !req->bodiless && c->parser.http_minor > 0;
    bool until_close = body_len < 0 && !req->bodiless && !req->out_chunked;
    if (!req->keep_alive || req->expects_continue || until_close || c->ingress->stopping) c->close_after = true;
}

int ingress_respond(struct ingress_req *req, int status, const char *reason, const struct ingress_header *headers,
                    size_t headers_len, int64_t body_len, const void *first, size_t first_len) {
    struct conn *c = req_conn(req);
    CHECK(req->active);
    if (req->responded) return -EALREADY;
    if (!reason) reason = reason_of(status);
    if (status < 200 || status > 599 || !is_line_text(reason, strlen(reason))) return -EINVAL;
    if (body_len < -1 || (body_len >= 0 && first_len > (uint64_t)body_len)) return -EINVAL;
    if (!headers_are_valid(headers, headers_len)) return -EINVAL;

    size_t before = buf_len(&c->out);
    bool close_before = c->close_after;
    choose_framing(c, status, body_len);
    bool keep_length = body_len < 0 && (status == 304 || c->parser.method == HTTP_HEAD);
    if (put_text(&c->out, "HTTP/1.1 ", decimal_of((uint64_t)status).text, " ", reason, "\r\n", NULL) < 0 ||
        put_headers(c, headers, headers_len, keep_length) < 0 || put_framing(c, status, body_len) < 0) {
        c->out.end = c->out.start + before;
        c->close_after = close_before;
        return -ENOMEM;
    }
    req->responded = true;
    conn_wake(c);
    ssize_t queued = ingress_write(req, first, first_len);
    return queued < 0 ? (int)queued : 0;
}

/* --- Upgrades --- */

static bool lists_token(const char *list, const char *token) {
    size_t n = strlen(token);
    for (const char *p = list; p && *p; p = strchr(p, ','), p = p ? p + 1 : NULL) {
        p += strspn(p, " \t");
        if (!strncasecmp(p, token, n) && (p[n] == 0 || strchr(" \t,", p[n]))) return true;
    }
    return false;
}

bool ingress_wants_websocket(const struct ingress_req *req) {
    const struct conn *c = req_conn(req);
    return c->parser.method == HTTP_GET && c->parser.http_minor == 1 && req->body_len == 0 &&
           lists_token(ingress_header(req, "upgrade"), "websocket") &&
           lists_token(ingress_header(req, "connection"), "upgrade");
}

int ingress_upgrade(struct ingress_req *req, const struct ingress_header *headers, size_t headers_len) {
    struct conn *c = req_conn(req);
    CHECK(req->active);
    if (req->responded) return -EALREADY;
    if (!ingress_wants_websocket(req) || !headers_are_valid(headers, headers_len)) return -EINVAL;
    size_t before = buf_len(&c->out);
    if (put_text(&c->out, "HTTP/1.1 101 Switching Protocols\r\n", NULL) < 0 ||
        put_headers(c, headers, headers_len, false) < 0 ||
        put_text(&c->out, "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n", NULL) < 0) {
        c->out.end = c->out.start + before;
        return -ENOMEM;
    }
    req->responded = req->raw = true;
    req->parsed = false;
    c->close_after = true;
    c->state = CONN_BODY;
    c->in_deadline_ms = 0;
    conn_wake(c);
    return 0;
}

/* --- Bodies --- */

static int put_chunk(struct buf *out, const void *data, size_t len) {
    char size[20];
    size_t size_len = (size_t)snprintf(size, sizeof size, "%zx\r\n", len);
    uint8_t *room = buf_room(out, size_len + len + 2);
    if (!room) return -ENOMEM;
    memcpy(room, size, size_len);
    memcpy(room + size_len, data, len);
    memcpy(room + size_len + len, "\r\n", 2);
    buf_add(out, size_len + len + 2);
    return 0;
}

ssize_t ingress_write(struct ingress_req *req, const void *data, size_t len) {
    struct conn *c = req_conn(req);
    CHECK(req->active);
    if (!req->responded || req->ended || req->cut) return -EINVAL;
    if (req->bodiless || len == 0 || c->broken) return (ssize_t)buf_len(&c->out);
    if (req->out_counted && len > req->out_left) return -EMSGSIZE;
    int error = req->out_chunked ? put_chunk(&c->out, data, len) : buf_append(&c->out, data, len);
    if (error < 0) {
        c->broken = true;
        conn_wake(c);
        return error;
    }
    if (req->out_counted) req->out_left -= len;
    if (buf_len(&c->out) >= INGRESS_FLUSH_BYTES && !c->blocked) response_flush(c);
    conn_wake(c);
    return (ssize_t)buf_len(&c->out);
}

int ingress_end(struct ingress_req *req) {
    struct conn *c = req_conn(req);
    CHECK(req->active);
    if (!req->responded || req->ended || req->cut) return -EINVAL;
    if (req->out_left > 0) {
        req->cut = true;
        conn_wake(c);
        return -EPROTO;
    }
    req->ended = true;
    if (req->out_chunked && buf_append(&c->out, "0\r\n\r\n", 5) < 0) c->broken = true;
    conn_wake(c);
    return 0;
}

/* --- Errors --- */

void ingress_fail(struct ingress_req *req, int status, const char *message) {
    static const struct ingress_header type = {"Content-Type", 12, "text/plain; charset=utf-8", 25};
    struct conn *c = req_conn(req);
    CHECK(req->active);
    if (req->ended || req->cut) return;
    size_t len = strlen(message);
    if (req->responded || ingress_respond(req, status, NULL, &type, 1, (int64_t)len + 1, message, len) < 0 ||
        ingress_write(req, "\n", 1) < 0) {
        req->cut = true;
        conn_wake(c);
        return;
    }
    (void)ingress_end(req);
}

void response_error(struct conn *c, int status, const char *message) {
    if (buf_printf(&c->out,
                   "HTTP/1.1 %d %s\r\nContent-Type: text/plain; charset=utf-8\r\nDate: %s\r\n"
                   "Content-Length: %zu\r\nConnection: close\r\n\r\n%s\n",
                   status, reason_of(status), date_now(c->ingress), strlen(message) + 1, message) < 0) {
        c->broken = true;
    }
}
