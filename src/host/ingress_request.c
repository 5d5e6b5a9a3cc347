/* Ingress, what comes in: cuts heads out of the stream, has llhttp parse them, refuses what two parsers could read
   differently, and hands bodies to the handler. Runs in the supervisor; every byte here is hostile.

   The head is checked for line ends and folded lines before the parser sees it, so that the leniencies of one parser
   version or another do not matter; the parser then gets it whole, and its spans point into one copy. */
#include "base/macros.h"
#include "host/ingress_private.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* --- What llhttp reports; parser->data is the connection. --- */

/* The parser may report one span in pieces. Pieces that are not contiguous are not one span: refused. */
static int span_extend(const char **data, size_t *len, const char *at, size_t n) {
    if (*len == 0)
        *data = at;
    else if (*data + *len != at)
        return HPE_USER;
    *len += n;
    return 0;
}

static int on_url(llhttp_t *parser, const char *at, size_t n) {
    struct ingress_req *req = &((struct conn *)parser->data)->req;
    return span_extend(&req->target, &req->target_len, at, n);
}

/* Returns the next free header, or NULL when there are too many or no memory. */
static struct ingress_header *header_new(struct ingress_req *req) {
    if (req->headers_len == INGRESS_HEADERS_MAX) return NULL;
    if (req->headers_len == req->headers_capacity) {
        size_t capacity = req->headers_capacity ? 2 * req->headers_capacity : 16;
        struct ingress_header *headers = reallocarray(req->headers, capacity, sizeof *headers);
        if (!headers) return NULL;
        req->headers = headers;
        req->headers_capacity = capacity;
    }
    struct ingress_header *header = &req->headers[req->headers_len++];
    *header = (struct ingress_header){.value = ""};
    return header;
}

/* A piece that does not continue the last name begins a new header. Trailers are dropped; they are the one place where
   line ends were not checked, so a request that has some is the last of its connection. */
static int on_header_field(llhttp_t *parser, const char *at, size_t n) {
    struct conn *c = parser->data;
    struct ingress_req *req = &c->req;
    if (req->head_parsed) {
        c->close_after = true;
        return 0;
    }
    struct ingress_header *header = req->headers_len ? &req->headers[req->headers_len - 1] : NULL;
    if (!header || header->name + header->name_len != at) header = header_new(req);
    if (!header) {
        req->headers_overflow = true;
        return HPE_USER;
    }
    return span_extend(&header->name, &header->name_len, at, n);
}

static int on_header_value(llhttp_t *parser, const char *at, size_t n) {
    struct ingress_req *req = &((struct conn *)parser->data)->req;
    if (req->head_parsed) return 0;
    if (req->headers_len == 0) return HPE_USER;
    struct ingress_header *header = &req->headers[req->headers_len - 1];
    return span_extend(&header->value, &header->value_len, at, n);
}

static int on_headers_complete(llhttp_t *parser) {
    struct ingress_req *req = &((struct conn *)parser->data)->req;
    req->head_parsed = true;
    req->keep_alive = llhttp_should_keep_alive(parser);
    req->body_len = 0;
    if (parser->flags & F_CHUNKED)
        req->body_len = -1;
    else if (parser->flags & F_CONTENT_LENGTH) {
        req->body_len = parser->content_length > INT64_MAX ? INT64_MAX : (int64_t)parser->content_length;
    }
    return 0;
}

/* Offers body bytes to the handler, or keeps them while it is paused. */
static int on_body(llhttp_t *parser, const char *at, size_t n) {
    struct conn *c = parser->data;
    struct ingress_req *req = &c->req;
    req->body_bytes += n;
    if (req->body_bytes > c->ingress->config.body_bytes_max) return HPE_USER;
    if (!req->active || req->ended || req->cut) return 0;
    size_t taken = 0;
    if (!req->paused) {
        taken = c->ingress->handler.on_body(c->ingress->ctx, req, (const uint8_t *)at, n);
        CHECK(taken <= n);
        req->paused = taken < n;
    }
    return buf_append(&c->held, at + taken, n - taken) < 0 ? HPE_USER : 0;
}

/* Stops the parser: what follows belongs to the next request, whose turn comes after the response. */
static int on_message_complete(llhttp_t *parser) {
    ((struct conn *)parser->data)->req.parsed = true;
    return HPE_PAUSED;
}

static const llhttp_settings_t settings = {
    .on_url = on_url,
    .on_header_field = on_header_field,
    .on_header_value = on_header_value,
    .on_headers_complete = on_headers_complete,
    .on_body = on_body,
    .on_message_complete = on_message_complete,
};

/* Returns how many of the bytes the parser took, up to the end of the message, or -EBADMSG. */
static ssize_t parser_feed(struct conn *c, const uint8_t *data, size_t len) {
    llhttp_errno_t error = llhttp_execute(&c->parser, (const char *)data, len);
    if (error == HPE_OK) return (ssize_t)len;
    if (error != HPE_PAUSED && error != HPE_PAUSED_UPGRADE) return -EBADMSG;
    return (const uint8_t *)llhttp_get_error_pos(&c->parser) - data;
}

static const char *parser_reason(const struct conn *c) {
    const char *reason = llhttp_get_error_reason(&c->parser);
    return reason && *reason ? reason : "malformed request";
}

/* --- Heads --- */

/* Looks for the empty line that ends a head. Every line must end in CR LF and nowhere else, none may begin with a blank
   (a folded line) or a colon (a header without name), and none may hold control characters. Remembers in c->scan and
   c->line how far it came. Returns the head's length, 0 when more is needed, or -EBADMSG. */
static ssize_t head_scan(struct conn *c, const uint8_t *data, size_t len) {
    size_t i = c->scan, line = c->line;
    for (; i < len; i++) {
        uint8_t b = data[i];
        if (i == line && (b == ' ' || b == '\t' || b == ':')) return -EBADMSG;
        if ((b >= 0x20 && b != 0x7f) || b == '\t') continue;
        if (b != '\r') return -EBADMSG;
        if (i + 1 == len) break;
        if (data[i + 1] != '\n') return -EBADMSG;
        if (i == line) return (ssize_t)i + 2;
        line = i + 2;
        i++;
    }
    c->scan = i;
    c->line = line;
    return 0;
}

/* Ends every string of the parsed head with NUL, over the delimiter behind it. */
static void head_terminate(struct conn *c) {
    struct ingress_req *req = &c->req;
    char *head = (char *)buf_bytes(&c->head), *end = head + buf_len(&c->head);
#define TERMINATE(data, len)                                                                                           \
    do {                                                                                                               \
        CHECK((data) >= head && (data) + (len) < end);                                                                 \
        head[(data)-head + (len)] = 0;                                                                                 \
    } while (0)
    if (req->target_len) TERMINATE(req->target, req->target_len);
    for (size_t i = 0; i < req->headers_len; i++) {
        struct ingress_header *header = &req->headers[i];
        while (header->value_len > 0 && strchr(" \t", header->value[header->value_len - 1])) header->value_len--;
        TERMINATE(header->name, header->name_len);
        if (header->value_len)
            TERMINATE(header->value, header->value_len);
        else
            header->value = "";
    }
#undef TERMINATE
}

struct refusal {
    int status;
    const char *why;
};

/* A name or an address in brackets, and a port or none, or nothing at all: anything else, in front of a path, would
   make another URL than it seems. */
static bool is_host(const char *text) {
    static const char name[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-._~!$&'()*+,;=%";
    if (*text == '[') {
        text += 1 + strspn(text + 1, "0123456789ABCDEFabcdef:.");
        if (*text++ != ']') return false;
    } else {
        text += strspn(text, name);
    }
    if (*text == 0) return true;
    size_t digits = *text == ':' ? strspn(text + 1, "0123456789") : 0;
    return *text == ':' && text[1 + digits] == 0 && (digits == 0 || strtoul(text + 1, NULL, 10) <= UINT16_MAX);
}

/* What the headers say about framing, host and expectations, beyond what llhttp checks. */
static struct refusal headers_check(struct conn *c) {
    struct ingress_req *req = &c->req;
    bool old = c->parser.http_minor == 0;
    int hosts = 0, lengths = 0, codings = 0;
    for (size_t i = 0; i < req->headers_len; i++) {
        const struct ingress_header *header = &req->headers[i];
        if (!strcasecmp(header->name, "host")) {
            req->host = header->value;
            hosts++;
        } else if (!strcasecmp(header->name, "content-length")) {
            lengths++;
        } else if (!strcasecmp(header->name, "transfer-encoding")) {
            if (strcasecmp(header->value, "chunked")) return (struct refusal){400, "transfer coding is not chunked"};
            codings++;
        } else if (!strcasecmp(header->name, "expect") && !old) {
            if (strcasecmp(header->value, "100-continue"))
                return (struct refusal){417, "expectation is not 100-continue"};
            req->expects_continue = true;
        }
    }
    if (hosts > 1) return (struct refusal){400, "more than one Host header"};
    if (hosts == 0 && !old) return (struct refusal){400, "no Host header"};
    if (!is_host(req->host)) return (struct refusal){400, "bad Host header"};
    if (codings && old) return (struct refusal){400, "Transfer-Encoding in HTTP/1.0"};
    if (lengths + codings > 1) return (struct refusal){400, "more than one of Content-Length and Transfer-Encoding"};
    if (codings && req->body_len != -1) return (struct refusal){400, "bad Transfer-Encoding header"};
    return (struct refusal){0};
}

/* Judges a head of which the parser took `taken` bytes. */
static struct refusal head_check(struct conn *c, ssize_t taken) {
    struct ingress_req *req = &c->req;
    if (req->headers_overflow) return (struct refusal){431, "too many headers"};
    if (taken != (ssize_t)buf_len(&c->head) || !req->head_parsed) return (struct refusal){400, parser_reason(c)};
    head_terminate(c);
    if (c->parser.http_major != 1 || c->parser.http_minor > 1) return (struct refusal){505, "only HTTP/1.0 and 1.1"};
    if (c->parser.method == HTTP_CONNECT) return (struct refusal){501, "CONNECT is not served here"};
    struct refusal refusal = headers_check(c);
    if (refusal.status) return refusal;
    if (req->body_len > 0 && (uint64_t)req->body_len > c->ingress->config.body_bytes_max) {
        return (struct refusal){413, "request body over the limit"};
    }
    if (req->body_len == 0) req->expects_continue = false;
    return (struct refusal){0};
}

/* Forgets the last request but for its memory, and copies the head of the next. Returns 0 or -ENOMEM. */
static int req_reset(struct conn *c, const uint8_t *head, size_t len) {
    struct ingress_header *headers = c->req.headers;
    size_t capacity = c->req.headers_capacity;
    c->req = (struct ingress_req){.headers = headers, .headers_capacity = capacity, .target = "", .host = ""};
    c->scan = c->line = 0;
    buf_consume(&c->head, buf_len(&c->head));
    buf_consume(&c->held, buf_len(&c->held));
    return buf_append(&c->head, head, len);
}

/* A whole head has come: parses it and tells the handler, or refuses it. */
static void request_begin(struct conn *c, size_t len) {
    struct ingress *ingress = c->ingress;
    if (req_reset(c, c->input, len) < 0) {
        c->broken = true;
        return;
    }
    c->input += len;
    c->input_len -= len;
    llhttp_init(&c->parser, HTTP_REQUEST, &settings);
    c->parser.data = c;
    ssize_t taken = parser_feed(c, buf_bytes(&c->head), len);
    struct refusal refusal = head_check(c, taken);
    if (refusal.status) {
        request_refuse(c, refusal.status, refusal.why);
        return;
    }
    c->state = c->req.parsed ? CONN_WAIT : CONN_BODY;
    c->in_deadline_ms = c->req.parsed ? 0 : conn_deadline(c, ingress->config.body_timeout_ms);
    c->req.active = true;
    ingress->handler.on_request(ingress->ctx, &c->req);
}

/* Empty lines before a request line are skipped: some clients send one after a body. */
static bool skip_empty_line(struct conn *c) {
    if (c->scan > 0 || c->input_len < 2 || memcmp(c->input, "\r\n", 2)) return false;
    c->input += 2;
    c->input_len -= 2;
    return true;
}

bool request_read_head(struct conn *c) {
    unsigned max = c->ingress->config.header_bytes_max;
    if (skip_empty_line(c)) return true;
    if (c->input_len > 0) conn_set_idle(c, false);
    ssize_t len = head_scan(c, c->input, c->input_len < max ? c->input_len : max);
    if (len > 0)
        request_begin(c, (size_t)len);
    else if (len < 0)
        request_refuse(c, 400, "malformed request head");
    else if (c->input_len >= max)
        request_refuse(c, 431, "request head over the limit");
    else
        return false;
    return true;
}

/* --- Bodies --- */

/* Asks for the body that the client holds back, once the handler wants it and unless it has begun to come. */
static void send_continue(struct conn *c) {
    static const char line[] = "HTTP/1.1 100 Continue\r\n\r\n";
    struct ingress_req *req = &c->req;
    req->expects_continue = false;
    if (req->body_raw_bytes > 0 || c->input_len > 0) return;
    if (buf_append(&c->out, line, sizeof line - 1) < 0) c->broken = true;
}

/* Chunks may carry extensions and trailers, which nobody reads: they are bounded by what the body brings. */
static bool overhead_is_fair(const struct conn *c) {
    const struct ingress_req *req = &c->req;
    uint64_t overhead = req->body_raw_bytes - req->body_bytes;
    return overhead <= c->ingress->config.header_bytes_max + INGRESS_CHUNK_OVERHEAD * req->body_bytes;
}

/* Reads on until the message ends, or as long as it takes to end the connection well. */
static void discard_progress(struct conn *c, size_t n) {
    c->discarded += n;
    if (c->req.parsed && !c->close_after)
        conn_set_idle(c, true);
    else if (c->req.parsed || c->discarded > INGRESS_DISCARD_BYTES)
        conn_linger(c);
}

/* What an upgraded connection brings is held until the handler takes it; reading stops meanwhile. */
static bool hold_raw(struct conn *c) {
    if (buf_len(&c->held) > INGRESS_READ_BYTES) return false;
    if (buf_append(&c->held, c->input, c->input_len) < 0) c->broken = true;
    c->input_len = 0;
    return true;
}

bool request_read_body(struct conn *c) {
    struct ingress *ingress = c->ingress;
    struct ingress_req *req = &c->req;
    if (req->parsed || req->paused || req->cut) return false;
    if (req->expects_continue && !req->responded) {
        send_continue(c);
        return true;
    }
    if (c->input_len == 0) return false;
    if (req->raw) return hold_raw(c);

    ssize_t taken = parser_feed(c, c->input, c->input_len);
    if (taken < 0) {
        if (req->body_bytes > ingress->config.body_bytes_max)
            request_refuse(c, 413, "request body over the limit");
        else
            request_refuse(c, 400, parser_reason(c));
        return true;
    }
    c->input += taken;
    c->input_len -= (size_t)taken;
    req->body_raw_bytes += (uint64_t)taken;
    c->in_deadline_ms = req->parsed || req->paused ? 0 : conn_deadline(c, ingress->config.body_timeout_ms);
    if (!overhead_is_fair(c))
        request_refuse(c, 400, "more chunk framing than body");
    else if (c->state == CONN_DISCARD)
        discard_progress(c, (size_t)taken);
    return true;
}

/* Offers held bytes once, then says that the body has ended. */
bool request_deliver(struct conn *c) {
    struct ingress_req *req = &c->req;
    struct ingress_handler *handler = &c->ingress->handler;
    if (c->state != CONN_BODY || req->paused || req->ended || req->cut) return false;
    size_t len = buf_len(&c->held);
    if (len > 0) {
        size_t taken = handler->on_body(c->ingress->ctx, req, buf_bytes(&c->held), len);
        CHECK(taken <= len);
        buf_consume(&c->held, taken);
        req->paused = taken < len;
        return true;
    }
    if (!req->parsed || req->body_end_said) return false;
    req->body_end_said = true;
    c->state = CONN_WAIT;
    handler->on_body_end(c->ingress->ctx, req);
    return true;
}

/* --- Ends --- */

void request_abort(struct conn *c) {
    if (!c->req.active) return;
    c->req.active = false;
    c->ingress->handler.on_abort(c->ingress->ctx, &c->req);
}

void request_refuse(struct conn *c, int status, const char *why) {
    struct ingress_req *req = &c->req;
    if (req->active && req->ended) { /* its response is whole: let it leave, but read no more */
        req->parsed = true;
        c->close_after = true;
        c->in_deadline_ms = 0;
        return;
    }
    bool responded = req->active && req->responded;
    request_abort(c);
    if (responded) {
        c->broken = true;
        return;
    }
    if (c->state != CONN_DISCARD) response_error(c, status, why);
    conn_linger(c);
}

/* --- Accessors --- */

const char *ingress_method(const struct ingress_req *req) {
    return llhttp_method_name(req_conn(req)->parser.method);
}

const char *ingress_target(const struct ingress_req *req) {
    return req->target;
}

const char *ingress_host(const struct ingress_req *req) {
    return req->host;
}

const struct ingress_header *ingress_headers(const struct ingress_req *req, size_t *ret_len) {
    *ret_len = req->headers_len;
    return req->headers;
}

const char *ingress_header(const struct ingress_req *req, const char *name) {
    for (size_t i = 0; i < req->headers_len; i++) {
        if (!strcasecmp(req->headers[i].name, name)) return req->headers[i].value;
    }
    return NULL;
}

int64_t ingress_body_len(const struct ingress_req *req) {
    return req->body_len;
}

int ingress_peer(const struct ingress_req *req, struct sockaddr_storage *ret) {
    socklen_t len = sizeof *ret;
    return getpeername(req_conn(req)->fd, (struct sockaddr *)ret, &len) < 0 ? -errno : 0;
}

void ingress_set_user(struct ingress_req *req, void *user) {
    req->user = user;
}

void *ingress_user(const struct ingress_req *req) {
    return req->user;
}

void ingress_resume(struct ingress_req *req) {
    struct conn *c = req_conn(req);
    if (!req->paused) return;
    req->paused = false;
    if (!req->parsed && !req->raw) c->in_deadline_ms = conn_deadline(c, c->ingress->config.body_timeout_ms);
    conn_wake(c);
}
