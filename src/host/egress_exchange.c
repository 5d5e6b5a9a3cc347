/* One request of a cell on its way: its policy is asked, its host resolved, its addresses judged, then libcurl carries
   it and frames carry what comes back. Runs in the egress process; what it reads comes from cells and from servers. */
#include "base/macros.h"
#include "host/egress_private.h"
#include <endian.h>
#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <strings.h>

#define CHUNK_BYTES (64u * 1024u)

/* What is kept of all bodies together that were sent, since a redirect may have them sent again. */
#define KEPT_BYTES_MAX (64u << 20)

#define TOO_MANY_BYTES "it went over the bytes that its rule allows"

/* Of an error's text: a URL, cut, and what was wrong. */
#define FAILURE_BYTES 600

/* What of a redirect's body is read for the sake of its connection. */
#define REDIRECT_BODY_BYTES_MAX (256u * 1024u)

static size_t kept_bytes;

static void route(struct exchange *e);
static void try_address(struct exchange *e);

/* --- The table -------------------------------------------------------------------------------------------------- */

static struct exchange **place_of(struct tenant *t, uint32_t id) {
    struct exchange **place = &t->exchanges[id / 2 % EXCHANGE_BUCKETS];
    while (*place && (*place)->id != id) place = &(*place)->next;
    return place;
}

static void free_body(struct exchange *e) {
    kept_bytes -= e->body_kept;
    e->body_at = e->body_kept = 0;
    buf_done(&e->body);
}

void exchange_drop_body(struct exchange *e) {
    if (e->has_body && !e->body_ended) tenant_send(e->tenant, FRAME_STOP, 0, e->id, NULL, NULL, 0);
    free_body(e);
    e->has_body = false;
    e->body_is_dropped = true;
    e->body_len = -1;
}

static void free_headers(struct exchange *e) {
    for (size_t i = 0; i < e->headers_len; i++) {
        free(e->headers[i].name);
        free(e->headers[i].value);
    }
    free(e->headers);
}

static void reset_response(struct exchange *e) {
    decoder_free(e->decoder);
    scrub_free(e->scrub);
    e->decoder = NULL;
    e->scrub = NULL;
    free(e->location);
    free(e->coding);
    free(e->reason);
    e->location = e->coding = e->reason = NULL;
    buf_done(&e->head);
    buf_done(&e->coded);
    buf_done(&e->plain);
    e->status = 0;
    e->has_head = e->input_ended = e->is_redirecting = e->is_wide = false;
}

/* Takes it out of the table, the resolver and libcurl, writes its line and frees it. */
static void finish(struct exchange *e, const char *why) {
    struct tenant *t = e->tenant;
    *place_of(t, e->id) = e->next;
    t->exchanges_len--;
    e->has_ended = true;
    resolve_give_up(e->resolution);
    tunnel_close(e);
    transfer_give_up(e->transfer);
    log_exchange(e, why);
    if (e->way) way_release(t, e->way);
    reset_response(e);
    free_headers(e);
    url_done(&e->url);
    free_body(e);
    free(e->method);
    free(e->caller);
    free(e);
}

/* Ends it with an error of this class. */
static void fail_as(struct exchange *e, const char *class, const char *message) {
    struct buf head = {0};
    CHECK(buf_printf(&head, "{\"name\":\"%s\",\"message\":", class) == 0);
    CHECK(buf_append_json(&head, message, strlen(message)) == 0);
    CHECK(buf_append_text(&head, "}") == 0);
    if (!e->tenant->is_gone) tenant_send(e->tenant, FRAME_RESET, 0, e->id, &head, NULL, 0);
    buf_done(&head);
    finish(e, message);
}

void exchange_fail(struct exchange *e, const char *format, ...) {
    char why[FAILURE_BYTES];
    va_list args;
    va_start(args, format);
    vsnprintf(why, sizeof why, format, args);
    va_end(args);
    fail_as(e, "Error", why);
}

/* Of redirects that go nowhere the Fetch Standard makes a TypeError. */
static void fail_redirect(struct exchange *e, const char *why) {
    char message[FAILURE_BYTES];
    snprintf(message, sizeof message, "fetch() of %.200s failed: %s", e->url.text, why);
    fail_as(e, "TypeError", message);
}

/* Words for the worker: which request, and what was wrong with it. */
static void fail_request(struct exchange *e, const char *why) {
    if (e->is_tunnel)
        exchange_fail(e, "connect() to %s:%u failed: %s", e->url.host, e->url.port, why);
    else
        exchange_fail(e, "fetch() of %.200s failed: %s", e->url.text ? e->url.text : "its URL", why);
}

/* The request was answered: the cell need not send the rest of a body that nobody reads. */
void exchange_finish(struct exchange *e) {
    if (e->has_body && !e->body_ended) tenant_send(e->tenant, FRAME_STOP, 0, e->id, NULL, NULL, 0);
    finish(e, NULL);
}

bool exchange_is_over_bytes(const struct exchange *e) {
    uint64_t all = e->sent + e->received;
    return (e->rule->bytes_max && all > e->rule->bytes_max) ||
           (e->outer && e->outer->bytes_max && all > e->outer->bytes_max);
}

/* --- The request's body ----------------------------------------------------------------------------------------- */

/* What has been sent is sent no more. */
static void forget_sent(struct exchange *e) {
    e->body_is_kept = false;
    buf_consume(&e->body, e->body_at);
    e->body_kept -= e->body_at;
    kept_bytes -= e->body_at;
    e->body_at = 0;
}

static size_t read_body(void *context, char *out, size_t max, bool *ret_ended) {
    struct exchange *e = context;
    size_t left = buf_len(&e->body) - e->body_at, n = left < max ? left : max;
    if (n) memcpy(out, buf_bytes(&e->body) + e->body_at, n);
    e->sent += n;
    e->body_at += n;
    if (e->body_at > e->body_kept) {
        size_t first = e->body_at - e->body_kept;
        e->owed += (uint32_t)first;
        e->body_kept += first;
        kept_bytes += first;
    }
    if (!e->body_is_kept || kept_bytes > KEPT_BYTES_MAX) forget_sent(e);
    *ret_ended = e->body_ended && n == left;
    if (exchange_is_over_bytes(e)) snprintf(e->failure, sizeof e->failure, "%s", TOO_MANY_BYTES);
    return n;
}

void exchange_pay_window(struct exchange *e) {
    if (e->owed < FRAME_WINDOW_BYTES / 4 || e->body_ended) return;
    uint32_t bytes = htole32(e->owed);
    e->owed = 0;
    tenant_send(e->tenant, FRAME_WINDOW, 0, e->id, NULL, &bytes, sizeof bytes);
}

static int take_data(struct exchange *e, const struct frame *frame) {
    if (e->body_is_dropped) return 0;
    if (!e->has_body || e->body_ended) return -EPROTO;
    if (frame->flags & FRAME_TLS) {
        if (!e->is_tunnel || e->url.is_https || e->wants_tls) {
            fail_request(e, "its connection cannot go over to TLS");
            return 0;
        }
        e->wants_tls = true;
        e->plain_left = buf_len(&e->body);
        tunnel_turn(e);
        return 0;
    }
    if (buf_len(&e->body) - e->body_kept + frame->payload_len > FRAME_WINDOW_BYTES) return -EPROTO;
    CHECK(buf_append(&e->body, frame->payload, frame->payload_len) == 0);
    if (frame->flags & FRAME_FIN) e->body_ended = true;
    if (e->tunnel)
        tunnel_turn(e);
    else if (e->transfer && !e->is_tunnel && !e->is_websocket)
        transfer_resume_sending(e->transfer);
    return 0;
}

/* --- The response ----------------------------------------------------------------------------------------------- */

static bool is_hidden(const struct exchange *e, const char *name, size_t len) {
    static const char *const hop[] = {"connection", "keep-alive",         "transfer-encoding", "trailer",
                                      "upgrade",    "proxy-authenticate", "proxy-connection",  "te"};
    for (size_t i = 0; i < COUNT_OF(hop); i++) {
        if (len == strlen(hop[i]) && strncasecmp(name, hop[i], len) == 0) return true;
    }
    /* What was decoded has no coding any more, and another length. */
    return e->decoder && ((len == 16 && strncasecmp(name, "content-encoding", len) == 0) ||
                          (len == 14 && strncasecmp(name, "content-length", len) == 0));
}

/* Bytes of a header stand for the characters of the same number. */
static void put_bytes(struct buf *out, const char *text, size_t len) {
    struct buf wide = {0};
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        uint8_t two[2] = {(uint8_t)(0xc0 | c >> 6), (uint8_t)(0x80 | (c & 0x3f))};
        CHECK(buf_append(&wide, c < 0x80 ? &c : two, c < 0x80 ? 1 : 2) == 0);
    }
    CHECK(buf_append_json(out, buf_len(&wide) ? (char *)buf_bytes(&wide) : "", buf_len(&wide)) == 0);
    buf_done(&wide);
}

static char *copy_value(const char *name, const char *line, size_t len) {
    size_t n = strlen(name);
    if (len <= n || line[n] != ':' || strncasecmp(line, name, n) != 0) return NULL;
    line += n + 1;
    len -= n + 1;
    while (len > 0 && (*line == ' ' || *line == '\t')) line++, len--;
    while (len > 0 && (line[len - 1] == ' ' || line[len - 1] == '\t')) len--;
    return strndup(line, len);
}

/* Whether a Content-Type names a charset in which secrets do not look as they were sent. */
static bool is_wide(const char *type) {
    static const char *const wide[] = {"utf-16", "utf16", "utf-32",  "utf32",     "utf-7",
                                       "utf7",   "ucs-",  "unicode", "iso-10646", "csunicode"};
    const char *charset = strcasestr(type, "charset");
    if (!charset) return false;
    charset += strlen("charset");
    charset += strspn(charset, " \t=\"'");
    for (size_t i = 0; i < COUNT_OF(wide); i++) {
        if (strncasecmp(charset, wide[i], strlen(wide[i])) == 0) return true;
    }
    return false;
}

/* Lines are kept as they are, one behind the other with NULs between, until the head is whole. */
void exchange_take_line(struct exchange *e, const char *line, size_t len) {
    if (len > 5 && strncmp(line, "HTTP/", 5) == 0) {
        reset_response(e); /* of an interim response */
        const char *space = memchr(line, ' ', len);
        space = space ? memchr(space + 1, ' ', len - (size_t)(space + 1 - line)) : NULL;
        e->reason = space ? strndup(space + 1, len - (size_t)(space + 1 - line)) : NULL;
        return;
    }
    if (buf_len(&e->head) + len > RESPONSE_HEADER_BYTES_MAX) {
        snprintf(e->failure, sizeof e->failure, "its response has too many headers");
        return;
    }
    char *value = copy_value("location", line, len);
    if (value) {
        free(e->location);
        e->location = value;
    }
    value = copy_value("content-encoding", line, len);
    if (value) {
        free(e->coding);
        e->coding = value;
    }
    value = copy_value("content-type", line, len);
    if (value) e->is_wide |= is_wide(value);
    free(value);
    CHECK(buf_append(&e->head, line, len) == 0 && buf_append(&e->head, "", 1) == 0);
}

static bool is_redirect(int status) {
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

static bool has_no_body(const struct exchange *e) {
    return e->status == 204 || e->status == 205 || e->status == 304 || strcmp(e->method, "HEAD") == 0;
}

void exchange_take_head(struct exchange *e, int status) {
    e->status = status;
    e->has_head = true;
    e->is_redirecting = e->follows && is_redirect(status) && e->location;
    if (!e->is_redirecting) forget_sent(e);
    if (e->is_redirecting || has_no_body(e)) return;
    if (e->is_wide && e->injected_len > 0)
        snprintf(e->failure, sizeof e->failure, "its response has a charset that cannot be searched for secrets");
    if (!e->coding) return;
    int r = decoder_new(e->coding, &e->decoder);
    if (r == -ENOMEM) snprintf(e->failure, sizeof e->failure, "out of memory");
    if (r == -ENOTSUP && e->injected_len > 0) {
        snprintf(e->failure, sizeof e->failure, "its response has a coding that cannot be searched for secrets");
    }
}

static enum transfer_body on_body(void *context, const uint8_t *data, size_t len) {
    struct exchange *e = context;
    if (e->failure[0]) return BODY_ABORT;
    if (e->is_redirecting) {
        e->received += len;
        return e->received > REDIRECT_BODY_BYTES_MAX ? BODY_ABORT : BODY_TAKEN;
    }
    if (buf_len(&e->coded) > 0 || e->credit == 0 || e->tenant->is_congested) return BODY_PAUSE;
    CHECK(buf_append(&e->coded, data, len) == 0);
    e->received += len;
    if (exchange_is_over_bytes(e)) {
        snprintf(e->failure, sizeof e->failure, "%s", TOO_MANY_BYTES);
        return BODY_ABORT;
    }
    return BODY_TAKEN;
}

/* Decodes and scrubs until there are bytes that can go. Returns how many, `most` at most, 0 when more input is needed
   or all is out, or -EBADMSG. */
static ssize_t prepare(struct exchange *e, size_t most) {
    for (bool is_end = false;;) {
        size_t held = is_end ? 0 : scrub_text(e->scrub, buf_bytes(&e->plain), buf_len(&e->plain));
        size_t ready = buf_len(&e->plain) - held;
        if (ready > 0) return (ssize_t)(ready < most ? ready : most);
        if (is_end) return 0;
        ssize_t n = decoder_take(e->decoder, &e->coded, &e->plain, most);
        if (n < 0) return -EBADMSG;
        if (n == 0 && !e->input_ended) return 0;
        if (n == 0 && buf_len(&e->coded) > 0) return -EBADMSG;
        is_end = n == 0;
    }
}

/* Whether the body's end is behind its first n prepared bytes. */
static bool ends_after(const struct exchange *e, size_t n) {
    return e->input_ended && buf_len(&e->coded) == 0 && buf_len(&e->plain) == n && decoder_is_complete(e->decoder);
}

/* The head as JSON, scrubbed line by line. */
static void put_head(struct exchange *e, struct buf *out) {
    bool is_first = true;
    const char *reason = e->reason ? e->reason : "";
    if (e->reason) scrub_text(e->scrub, (uint8_t *)e->reason, strlen(e->reason));
    CHECK(buf_printf(out, "{\"status\":%d,\"statusText\":", e->status) == 0);
    put_bytes(out, reason, strlen(reason));
    CHECK(buf_append_text(out, ",\"url\":") == 0 && buf_append_json(out, e->url.text, strlen(e->url.text)) == 0);
    CHECK(buf_printf(out, ",\"redirected\":%s,\"headers\":[", e->redirects ? "true" : "false") == 0);
    for (size_t at = 0; at < buf_len(&e->head);) {
        char *line = (char *)buf_bytes(&e->head) + at;
        size_t len = strlen(line);
        at += len + 1;
        char *colon = memchr(line, ':', len);
        if (!colon || is_hidden(e, line, (size_t)(colon - line))) continue;
        scrub_text(e->scrub, (uint8_t *)line, len);
        char *value = colon + 1;
        value += strspn(value, " \t");
        size_t value_len = strlen(value);
        while (value_len > 0 && strchr(" \t", value[value_len - 1])) value_len--;
        CHECK(buf_append_text(out, is_first ? "[" : ",[") == 0);
        put_bytes(out, line, (size_t)(colon - line));
        CHECK(buf_append_text(out, ",") == 0);
        put_bytes(out, value, value_len);
        CHECK(buf_append_text(out, "]") == 0);
        is_first = false;
    }
    CHECK(buf_append_text(out, "]}") == 0);
}

/* Sends the head with what there is of the body. Returns false when the exchange is over. */
static bool respond(struct exchange *e) {
    struct buf head = {0};
    e->scrub = scrub_new(e->injected, e->injected_len);
    ssize_t n = has_no_body(e) ? 0 : prepare(e, CHUNK_BYTES);
    if (n < 0) {
        fail_request(e, "its response is not what its Content-Encoding says");
        return false;
    }
    put_head(e, &head);
    e->has_responded = true;
    bool no_body = has_no_body(e), is_whole = no_body || ends_after(e, (size_t)n);
    uint8_t flags = (uint8_t)((is_whole ? FRAME_FIN : 0) | (no_body ? FRAME_NOBODY : 0));
    tenant_send(e->tenant, FRAME_RESPONSE, flags, e->id, &head, buf_bytes(&e->plain), (size_t)n);
    buf_done(&head);
    buf_consume(&e->plain, (size_t)n);
    e->credit -= (uint32_t)n;
    if (is_whole) exchange_finish(e);
    return !is_whole;
}

/* Passes on what the cell has room for, and ends the exchange behind the last byte. */
static void pump(struct exchange *e) {
    if (!e->has_responded && !respond(e)) return;
    ssize_t n = 1;
    while (e->credit > 0 && !e->tenant->is_congested) {
        n = prepare(e, e->credit < CHUNK_BYTES ? e->credit : CHUNK_BYTES);
        if (n <= 0) break;
        tenant_send(e->tenant, FRAME_DATA, 0, e->id, NULL, buf_bytes(&e->plain), (size_t)n);
        buf_consume(&e->plain, (size_t)n);
        e->credit -= (uint32_t)n;
    }
    if (n < 0) {
        fail_request(e, "its response is not what its Content-Encoding says");
    } else if (ends_after(e, 0)) {
        tenant_send(e->tenant, FRAME_DATA, FRAME_FIN, e->id, NULL, NULL, 0);
        exchange_finish(e);
    } else if (n == 0 && e->input_ended) {
        fail_request(e, "its response ended too early");
    } else if (e->transfer && buf_len(&e->coded) == 0 && e->credit > 0 && !e->tenant->is_congested) {
        transfer_resume_receiving(e->transfer);
    }
}

void exchange_answer(struct exchange *e, bool is_open) {
    struct buf head = {0};
    if (!is_open) {
        e->input_ended = true;
        pump(e);
        return;
    }
    e->scrub = scrub_new(e->injected, e->injected_len);
    put_head(e, &head);
    e->has_responded = true;
    tenant_send(e->tenant, FRAME_RESPONSE, 0, e->id, &head, NULL, 0);
    buf_done(&head);
}

/* --- What the transfer tells ------------------------------------------------------------------------------------ */

static void on_turn(void *context) {
    struct exchange *e = context;
    if (e->is_tunnel || e->is_websocket) return;
    exchange_pay_window(e);
    if (e->failure[0]) {
        fail_request(e, e->failure);
        return;
    }
    if (e->has_head && !e->is_redirecting) pump(e);
}

static void go_on_elsewhere(struct exchange *e) {
    char why[200], *location = e->location;
    int status = e->status;
    struct scrub *scrub = scrub_new(e->injected, e->injected_len);
    scrub_text(scrub, (uint8_t *)location, strlen(location));
    scrub_free(scrub);
    e->location = NULL;
    reset_response(e);
    e->received = 0;
    int r = request_redirect(e, status, location, why, sizeof why);
    free(location);
    if (r < 0)
        fail_redirect(e, why);
    else
        route(e);
}

static void on_end(void *context, const char *why, bool was_sent) {
    struct exchange *e = context;
    e->transfer = NULL;
    if (e->failure[0]) {
        fail_request(e, e->failure);
    } else if (e->has_head && e->is_redirecting) {
        go_on_elsewhere(e);
    } else if (why && !e->has_head && !was_sent && e->address_at < e->addresses_len) {
        try_address(e);
    } else if (why) {
        fail_request(e, why);
    } else {
        e->input_ended = true;
        pump(e);
    }
}

static void on_connected(void *context) {
    tunnel_open(context);
}

static void on_header(void *context, const char *line, size_t len) {
    exchange_take_line(context, line, len);
}

static void on_head(void *context, int status) {
    exchange_take_head(context, status);
}

static const struct transfer_events events = {.on_connected = on_connected,
                                              .read_body = read_body,
                                              .on_header = on_header,
                                              .on_head = on_head,
                                              .on_body = on_body,
                                              .on_end = on_end,
                                              .on_turn = on_turn};

/* --- The way out ------------------------------------------------------------------------------------------------ */

static void try_address(struct exchange *e) {
    char why[200];
    bool is_raw = e->is_tunnel || e->is_websocket;
    struct curl_slist *headers = is_raw ? NULL : request_headers(e, why, sizeof why);
    if (!headers && !is_raw) {
        fail_request(e, why);
        return;
    }
    if (!e->way->transport) e->way->transport = transport_new(e->tenant->loop);
    CHECK(e->way->transport);
    struct transfer_request request = {.url = &e->url,
                                       .address = &e->addresses[e->address_at++],
                                       .method = is_raw ? "GET" : e->method,
                                       .is_tunnel = is_raw,
                                       .headers = headers,
                                       .has_body = e->has_body && !is_raw,
                                       .body_len = e->body_ended ? (int64_t)buf_len(&e->body) : e->body_len,
                                       .timeout_ms = e->rule->timeout_ms};
    e->transfer = transfer_start(e->way->transport, &request, &events, e);
    if (!e->transfer) fail_request(e, "out of memory");
}

/* Keeps the addresses that the rules let through; the first that was refused is told of when none is. */
static void on_resolved(void *context, const struct address *addresses, size_t len, const char *why) {
    struct exchange *e = context;
    char text[ADDRESS_TEXT_MAX], refusal[160] = "";
    e->resolution = NULL;
    e->addresses_len = e->address_at = 0;
    for (size_t i = 0; i < len; i++) {
        const struct address *a = &addresses[i];
        const char *kind = rule_refuses(e->rule, e->url.host, e->url.is_literal, a);
        if (!kind && e->outer) kind = rule_refuses(e->outer, e->url.host, e->url.is_literal, a);
        if (!kind && egress_is_own(a, e->url.port)) kind = "mayfly's own";
        if (!kind) {
            e->addresses[e->addresses_len++] = *a;
        } else if (!refusal[0]) {
            address_print(a, text);
            snprintf(refusal, sizeof refusal, "%s is a %s address, which no rule of its policy names", text, kind);
        }
    }
    if (e->addresses_len > 0)
        try_address(e);
    else
        fail_request(e, len ? refusal : why);
}

/* Asks the policy, and for a made one also what it may not go beyond. */
static struct rule *match(struct exchange *e, struct way *way, const struct policy_request *request,
                          const char **ret_why) {
    struct rule *rule = policy_match(&way->policy, request, ret_why);
    if (rule && !rule_take(rule, uv_now(e->tenant->loop))) {
        *ret_why = "its rule allows no more requests in this minute";
        return NULL;
    }
    return rule;
}

static void route(struct exchange *e) {
    const char *why;
    struct policy_request request = {.scheme = e->url.is_https ? POLICY_HTTPS : POLICY_HTTP,
                                     .host = e->url.host,
                                     .is_literal = e->url.is_literal,
                                     .port = e->url.port,
                                     .method = e->method,
                                     .path = e->url.path};
    if (e->is_tunnel) {
        request.scheme = POLICY_TCP;
        request.method = request.path = NULL;
    }
    e->outer = NULL;
    e->rule = match(e, e->way, &request, &why);
    if (e->rule && e->way->bounds && !(e->outer = match(e, e->way->bounds, &request, &why))) e->rule = NULL;
    if (!e->rule && e->is_tunnel) {
        exchange_fail(e, "connect() to %s:%u is not allowed: %s.", e->url.host, e->url.port, why);
        return;
    }
    if (!e->rule) {
        exchange_fail(e, "fetch() of %.200s is not allowed: %s.", e->url.text, why);
        return;
    }
    if (e->url.is_literal) {
        struct address address;
        CHECK(address_parse(e->url.host, &address));
        on_resolved(e, &address, 1, NULL);
        return;
    }
    /* The callback may come before this returns, and free the exchange; then there is no resolution. */
    struct resolution *resolution = resolve_begin(e->url.host, on_resolved, e);
    if (resolution) e->resolution = resolution;
}

/* --- Frames ----------------------------------------------------------------------------------------------------- */

static int begin(struct tenant *t, const struct frame *frame, const char *text, uint32_t text_len, const uint8_t *tail,
                 uint32_t tail_len) {
    if (*place_of(t, frame->id) || t->exchanges_len == TENANT_EXCHANGES_MAX) return -EPROTO;
    struct exchange *e = calloc(1, sizeof *e);
    CHECK(e);
    e->tenant = t;
    e->id = frame->id;
    e->credit = FRAME_WINDOW_BYTES;
    e->body_len = -1;
    e->began_ms = uv_now(t->loop);
    e->has_body = !(frame->flags & FRAME_NOBODY);
    e->body_ended = frame->flags & FRAME_FIN;
    e->body_is_kept = frame->flags & FRAME_BUFFER;
    CHECK(tail_len == 0 || buf_append(&e->body, tail, tail_len) == 0);
    *place_of(t, e->id) = e;
    t->exchanges_len++;
    char why[200] = "the request makes no sense";
    json_t *head = json_loadb(text, text_len, JSON_ALLOW_NUL, NULL);
    /* Not a cell whose frames a C program passes on: what the log says is not for the worker itself. */
    e->tells = t->worker[0] && json_is_true(json_object_get(head, "tells"));
    int r = head ? request_parse(e, head, why, sizeof why) : -EINVAL;
    if (r == 0) r = tenant_way(t, head, &e->way, why, sizeof why);
    if (r == 0 && request_wants_websocket(head, frame)) {
        e->is_websocket = true;
        e->follows = false;
    }
    json_decref(head);
    if (r < 0)
        fail_request(e, why);
    else
        route(e);
    return 0;
}

static int add_credit(struct exchange *e, const uint8_t *tail, uint32_t tail_len) {
    uint32_t bytes;
    if (tail_len != sizeof bytes) return -EPROTO;
    memcpy(&bytes, tail, sizeof bytes);
    if (__builtin_add_overflow(e->credit, le32toh(bytes), &e->credit) || e->credit > (1u << 30)) return -EPROTO;
    if (e->tunnel)
        tunnel_turn(e);
    else if (e->has_responded)
        pump(e);
    return 0;
}

int exchange_on_frame(struct tenant *t, const struct frame *frame) {
    const char *head;
    const uint8_t *tail;
    uint32_t head_len, tail_len;
    if (frame_split(frame, &head, &head_len, &tail, &tail_len) < 0) return -EPROTO;
    if (frame->type == FRAME_FETCH) return begin(t, frame, head, head_len, tail, tail_len);
    struct exchange *e = *place_of(t, frame->id);
    if (!e) return 0; /* it ended while the frame was under way */
    switch (frame->type) {
    case FRAME_DATA: return take_data(e, frame);
    case FRAME_WINDOW: return add_credit(e, tail, tail_len);
    case FRAME_STOP:
    case FRAME_RESET: finish(e, "it was given up"); return 0;
    default: return -EPROTO;
    }
}

void exchange_drop_all(struct tenant *t) {
    for (size_t i = 0; i < EXCHANGE_BUCKETS; i++) {
        while (t->exchanges[i]) finish(t->exchanges[i], "its cell ended");
    }
}

void exchange_resume_all(struct tenant *t) {
    for (size_t i = 0; i < EXCHANGE_BUCKETS && !t->is_congested; i++) {
        for (struct exchange *e = t->exchanges[i], *next; e; e = next) {
            next = e->next;
            if (e->tunnel)
                tunnel_turn(e);
            else if (e->has_responded)
                pump(e);
        }
    }
}
