#include "host/host_cell.h"
#include "base/affinity.h"
#include "base/macros.h"
#include "host/gather.h"
#include "host/source.h"
#include <endian.h>
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

/* Requests that one host worker may have under way; more are refused with 503. */
#define EXCHANGES_MAX 16384

/* Response bytes that may wait for a client before the worker is held back. */
#define RESPONSE_MARK_BYTES (256 * 1024)

#define RESPONSE_HEADERS_MAX 256

/* How long a closed channel waits for the zygote to say how the cell ended, which may get no processor for a while. */
#define DEATH_NOTICE_MS 2000

/* A request under way. Its id names the slot and, so that late frames miss, its use of it. */
struct exchange {
    struct host_cell *cell;
    struct ingress_req *req; /* NULL once ingress has done with it */
    uint32_t id;
    uint32_t credit;    /* body bytes that the cell still takes */
    uint32_t owed;      /* response bytes that went out, not yet said by WINDOW */
    bool body_ended;    /* the request's body was sent whole, or the cell wants no more */
    bool has_responded; /* the head went out */
    bool has_ended;     /* the cell's side is over */
};

struct host_cell {
    struct host_channel *channel;
    struct loader *loader;
    struct pool *pool;
    struct host_cell_config config;
    const struct host_cell_handler *handler;
    void *context;
    uint32_t number;
    char death[120];
    struct gather gather;
    int stays_on;      /* a processor, or -1 */
    uv_timer_t notice; /* runs from the channel's end until the zygote tells why, or too long */
    bool has_loaded, is_closed, has_failed;
    struct exchange *exchanges[EXCHANGES_MAX];
    uint32_t uses[EXCHANGES_MAX];
    uint32_t free_slots[EXCHANGES_MAX];
    uint32_t free_len;
};

static int send_frame(struct host_cell *c, uint8_t type, uint8_t flags, uint32_t id, const struct buf *head,
                      const void *tail, size_t tail_len) {
    return host_channel_send(c->channel, type, flags, id, head ? (const char *)buf_bytes(head) : "",
                             head ? buf_len(head) : 0, tail, tail_len);
}

/* --- Exchanges -------------------------------------------------------------------------------------------------- */

static struct exchange *exchange_new(struct host_cell *c, struct ingress_req *req) {
    if (c->free_len == 0) return NULL;
    struct exchange *e = calloc(1, sizeof *e);
    if (!e) return NULL;
    uint32_t slot = c->free_slots[--c->free_len];
    *e = (struct exchange){.cell = c, .req = req, .credit = FRAME_WINDOW_BYTES};
    e->id = (c->uses[slot]++ & 0xffff) << 16 | slot << 1;
    c->exchanges[slot] = e;
    ingress_set_user(req, e);
    gather_begin(&c->gather);
    return e;
}

static uint32_t slot_of(uint32_t id) {
    return (id & 0xffff) >> 1;
}

static struct exchange *exchange_find(struct host_cell *c, uint32_t id) {
    struct exchange *e = id & 1 || slot_of(id) >= EXCHANGES_MAX ? NULL : c->exchanges[slot_of(id)];
    return e && e->id == id ? e : NULL;
}

/* Frees the exchange when neither ingress nor the cell will speak of it again. */
static void exchange_settle(struct exchange *e) {
    if (e->req || !e->has_ended) return;
    struct host_cell *c = e->cell;
    if (c) {
        c->exchanges[slot_of(e->id)] = NULL;
        c->free_slots[c->free_len++] = slot_of(e->id);
        gather_end(&c->gather);
    }
    free(e);
}

static void exchange_end(struct exchange *e) {
    e->has_ended = true;
    exchange_settle(e);
}

/* Fails the client's request. */
static void exchange_fail(struct exchange *e, int status, const char *message) {
    if (e->req) ingress_fail(e->req, status, message);
    exchange_end(e);
}

/* --- From ingress to the cell ----------------------------------------------------------------------------------- */

static int put_request(const struct ingress_req *req, struct buf *out) {
    const char *target = ingress_target(req), *host = ingress_host(req);
    size_t headers_len;
    const struct ingress_header *headers = ingress_headers(req, &headers_len);
    struct buf url = {0};
    bool is_relative = target[0] == '/' || strcmp(target, "*") == 0;
    int r = is_relative ? buf_printf(&url, "http://%s%s", host[0] ? host : "localhost", target)
                        : buf_append_text(&url, target);
    const char *method = ingress_method(req);
    if (r == 0) r = buf_append_text(out, "{\"method\":");
    if (r == 0) r = buf_append_json(out, method, strlen(method));
    if (r == 0) r = buf_append_text(out, ",\"url\":");
    if (r == 0) r = buf_append_json(out, (const char *)buf_bytes(&url), buf_len(&url));
    if (r == 0) r = buf_append_text(out, ",\"headers\":[");
    for (size_t i = 0; i < headers_len && r == 0; i++) {
        r = buf_append_text(out, i ? ",[" : "[");
        if (r == 0) r = buf_append_json(out, headers[i].name, headers[i].name_len);
        if (r == 0) r = buf_append_text(out, ",");
        if (r == 0) r = buf_append_json(out, headers[i].value, headers[i].value_len);
        if (r == 0) r = buf_append_text(out, "]");
    }
    if (r == 0) r = buf_append_text(out, "]}");
    buf_done(&url);
    return r;
}

void host_cell_request(struct host_cell *c, struct ingress_req *req) {
    if (c->is_closed) {
        ingress_fail(req, 503, "the host worker is being restarted");
        return;
    }
    struct exchange *e = exchange_new(c, req);
    if (!e) {
        ingress_fail(req, 503, "too many requests are under way");
        return;
    }
    struct buf head = {0};
    /* What follows an upgrade comes as the request's body, and waits until the worker has answered 101. */
    bool has_body = ingress_body_len(req) != 0 || ingress_wants_websocket(req);
    e->body_ended = !has_body;
    int r = put_request(req, &head);
    if (r == 0) r = send_frame(c, FRAME_FETCH, has_body ? 0 : FRAME_FIN | FRAME_NOBODY, e->id, &head, NULL, 0);
    buf_done(&head);
    if (r < 0) exchange_fail(e, 503, "the worker cannot take the request");
}

size_t host_cell_body(struct ingress_req *req, const uint8_t *data, size_t len) {
    struct exchange *e = ingress_user(req);
    if (!e || !e->cell || e->body_ended || e->has_ended) return len; /* nobody wants it */
    size_t taken = 0;
    while (taken < len && e->credit > 0) {
        size_t n = len - taken < e->credit ? len - taken : e->credit;
        if (n > 64 * 1024) n = 64 * 1024;
        if (send_frame(e->cell, FRAME_DATA, 0, e->id, NULL, data + taken, n) < 0) return len;
        e->credit -= (uint32_t)n;
        taken += n;
    }
    return taken;
}

void host_cell_body_end(struct ingress_req *req) {
    struct exchange *e = ingress_user(req);
    if (!e || !e->cell || e->body_ended || e->has_ended) return;
    e->body_ended = true;
    send_frame(e->cell, FRAME_DATA, FRAME_FIN, e->id, NULL, NULL, 0);
}

static void pay_window(struct exchange *e) {
    if (e->owed == 0 || !e->cell || e->has_ended) return;
    uint32_t bytes = htole32(e->owed);
    send_frame(e->cell, FRAME_WINDOW, 0, e->id, NULL, &bytes, sizeof bytes);
    e->owed = 0;
}

void host_cell_writable(struct ingress_req *req) {
    struct exchange *e = ingress_user(req);
    if (e) pay_window(e);
}

void host_cell_request_gone(struct ingress_req *req, bool was_aborted) {
    struct exchange *e = ingress_user(req);
    if (!e) return;
    e->req = NULL;
    if (e->cell && !e->has_ended && was_aborted) {
        static const char head[] = "{\"name\":\"AbortError\",\"message\":\"The client disconnected.\"}";
        host_channel_send(e->cell->channel, FRAME_RESET, 0, e->id, head, sizeof head - 1, NULL, 0);
        e->has_ended = true;
    }
    exchange_settle(e);
}

/* --- From the cell to ingress ----------------------------------------------------------------------------------- */

/* Passes response bytes on, and opens the window again as fast as the client takes them. */
static void pass_body(struct exchange *e, const uint8_t *data, size_t len, bool is_last) {
    if (!e->req) {
        e->owed += (uint32_t)len;
        pay_window(e);
    } else {
        ssize_t waiting = len ? ingress_write(e->req, data, len) : 0;
        e->owed += (uint32_t)len;
        if (waiting < RESPONSE_MARK_BYTES && e->owed >= FRAME_WINDOW_BYTES / 4 && !is_last) pay_window(e);
        if (is_last) ingress_end(e->req);
    }
    if (is_last) exchange_end(e);
}

/* Reads the headers into `out`; also finds a Content-Length, which says how long a streamed body will be. */
static int read_headers(const json_t *list, struct ingress_header *out, size_t *ret_len, int64_t *ret_body_len) {
    size_t n = 0, i;
    json_t *pair;
    *ret_body_len = -1;
    json_array_foreach(list, i, pair) {
        const json_t *name = json_array_get(pair, 0), *value = json_array_get(pair, 1);
        if (n == RESPONSE_HEADERS_MAX || !json_is_string(name) || !json_is_string(value)) return -EPROTO;
        out[n++] = (struct ingress_header){json_string_value(name), json_string_length(name), json_string_value(value),
                                           json_string_length(value)};
        if (strcasecmp(json_string_value(name), "content-length") == 0) {
            char *end;
            long long len = strtoll(json_string_value(value), &end, 10);
            if (*end == 0 && end != json_string_value(value) && len >= 0) *ret_body_len = len;
        }
    }
    *ret_len = n;
    return 0;
}

static int respond(struct exchange *e, const struct frame *frame, const char *text, uint32_t text_len,
                   const uint8_t *tail, uint32_t tail_len) {
    json_t *head = json_loadb(text, text_len, JSON_ALLOW_NUL, NULL);
    struct ingress_header headers[RESPONSE_HEADERS_MAX];
    size_t headers_len = 0;
    int64_t body_len;
    int r = json_is_integer(json_object_get(head, "status")) ? 0 : -EPROTO;
    if (r == 0) r = read_headers(json_object_get(head, "headers"), headers, &headers_len, &body_len);
    if (r == 0 && e->req) {
        bool is_whole = frame->flags & FRAME_FIN;
        bool is_head = strcmp(ingress_method(e->req), "HEAD") == 0;
        if (is_whole && !is_head) body_len = tail_len;
        const char *reason = json_string_value(json_object_get(head, "statusText"));
        int status = (int)json_integer_value(json_object_get(head, "status"));
        e->has_responded = true;
        bool is_upgrade = status == 101;
        int sent = is_upgrade ? ingress_upgrade(e->req, headers, headers_len)
                              : ingress_respond(e->req, status, reason && *reason ? reason : NULL, headers, headers_len,
                                                body_len, tail, tail_len);
        if (sent < 0) {
            ingress_fail(e->req, 500,
                         is_upgrade ? "the worker answered with a WebSocket to a request that did not ask for one"
                                    : "the worker's response cannot be sent: its status or a header is not valid");
        } else if (is_whole) {
            ingress_end(e->req);
        }
    }
    json_decref(head);
    if (r == 0 && frame->flags & FRAME_FIN) exchange_end(e);
    return r;
}

static void reset(struct exchange *e, const char *text, uint32_t text_len) {
    struct host_cell *c = e->cell;
    json_t *head = json_loadb(text, text_len, JSON_ALLOW_NUL, NULL);
    const char *name = json_string_value(json_object_get(head, "name"));
    const char *message = json_string_value(json_object_get(head, "message"));
    const char *stack = json_string_value(json_object_get(head, "stack"));
    struct buf line = {0}, entry = {0};
    buf_printf(&line, "%s: %s%c", name ? name : "Error", message ? message : "unknown error", 0);
    const char *shown = (const char *)buf_bytes(&line);
    buf_printf(&entry, "%s%s%s%c", shown, stack && *stack ? "\n" : "", stack ? stack : "", 0);
    if (e->req) c->handler->on_log(c->context, "error", (const char *)buf_bytes(&entry));
    exchange_fail(e, 500, c->config.shows_errors ? shown : "Internal Server Error");
    buf_done(&entry);
    buf_done(&line);
    json_decref(head);
}

static int on_exchange_frame(struct host_cell *c, const struct frame *frame, const char *head, uint32_t head_len,
                             const uint8_t *tail, uint32_t tail_len) {
    struct exchange *e = exchange_find(c, frame->id);
    if (!e || e->has_ended) return 0; /* it ended while the frame was under way */
    switch (frame->type) {
    case FRAME_RESPONSE: return e->has_responded ? -EPROTO : respond(e, frame, head, head_len, tail, tail_len);
    case FRAME_DATA:
        if (!e->has_responded && e->req) return -EPROTO;
        pass_body(e, tail, tail_len, frame->flags & FRAME_FIN);
        return 0;
    case FRAME_RESET: reset(e, head, head_len); return 0;
    case FRAME_STOP: e->body_ended = true; break;
    case FRAME_WINDOW: {
        uint32_t bytes;
        if (tail_len != sizeof bytes) return -EPROTO;
        memcpy(&bytes, tail, sizeof bytes);
        if (__builtin_add_overflow(e->credit, le32toh(bytes), &e->credit)) return -EPROTO;
        break;
    }
    default: return -EPROTO;
    }
    if (e->req) ingress_resume(e->req);
    return 0;
}

static void on_log_frame(struct host_cell *c, const char *text, uint32_t text_len) {
    json_t *head = json_loadb(text, text_len, JSON_ALLOW_NUL, NULL);
    const char *level = json_string_value(json_object_get(head, "level"));
    const char *message = json_string_value(json_object_get(head, "message"));
    if (level && message) c->handler->on_log(c->context, level, message);
    json_decref(head);
}

static void on_started_frame(struct host_cell *c, const char *text, uint32_t text_len) {
    json_t *head = json_loadb(text, text_len, JSON_ALLOW_NUL, NULL);
    json_t *error = json_object_get(head, "error");
    const char *message = json_string_value(json_object_get(error, "message"));
    c->handler->on_started(c->context, error ? (message ? message : "unknown error") : NULL);
    json_decref(head);
}

/* The worker imports a module that LOAD did not bring: it is a file of its project. */
static int on_source_frame(struct host_cell *c, uint32_t id, const char *text, uint32_t text_len) {
    json_t *head = json_loadb(text, text_len, JSON_ALLOW_NUL, NULL);
    const char *name = json_string_value(json_object_get(head, "name"));
    struct source source;
    struct buf out = {0};
    int r = name ? source_read(c->config.worker->root_dir, name, &source) : -EPROTO;
    if (r == 0) {
        r = buf_printf(&out, "{\"kind\":\"%s\"}", source.kind);
        if (r == 0) r = send_frame(c, FRAME_SOURCE, 0, id, &out, source.data, source.len);
        source_done(&source);
    } else if (name) {
        r = send_frame(c, FRAME_SOURCE, 0, id, NULL, NULL, 0); /* there is no such module: the linker says so */
    }
    buf_done(&out);
    json_decref(head);
    return r;
}

/* The worker's first fetch(), or the first since the egress process ended. */
static int on_outbound_frame(struct host_cell *c) {
    static const char refusal[] = "{\"error\":\"The egress process cannot be started.\"}";
    int fd = c->handler->on_outbound(c->context);
    if (fd >= 0 && c->stays_on >= 0) c->handler->on_stay(c->context, c->stays_on); /* it may be new */
    if (fd >= 0) return host_channel_grant(c->channel, FRAME_WAY_OUT, 0, fd);
    return host_channel_send(c->channel, FRAME_OUTBOUND, 0, 0, refusal, sizeof refusal - 1, NULL, 0);
}

/* The worker's first call over a service binding, or the first since one of the two cells ended. */
static int on_service_frame(struct host_cell *c, uint32_t number) {
    static const char refusal[] = "{\"error\":\"The service cannot be reached now.\"}";
    int fd = c->handler->on_service(c->context, number);
    if (fd >= 0) return host_channel_grant(c->channel, FRAME_SERVICE_END, number, fd);
    if (fd == -EPROTO) return fd;
    return host_channel_send(c->channel, FRAME_SERVICE, 0, number, refusal, sizeof refusal - 1, NULL, 0);
}

int host_cell_connect(struct host_cell *c, int fd) {
    if (!c->is_closed) return host_channel_grant(c->channel, FRAME_CALLER_END, 0, fd);
    close(fd);
    return -EAGAIN;
}

static int send_load(struct host_cell *c) {
    struct source source;
    const struct config *worker = c->config.worker;
    int r = source_read(worker->root_dir, worker->main_name, &source);
    if (r < 0) return r;
    struct buf head = {0};
    r = config_put_load(worker, source.kind, source.len, &head);
    if (r == 0) r = send_frame(c, FRAME_LOAD, 0, 0, &head, source.data, source.len);
    buf_done(&head);
    source_done(&source);
    return r;
}

static int on_frame(void *context, const struct frame *frame) {
    struct host_cell *c = context;
    const char *head;
    const uint8_t *tail;
    uint32_t head_len, tail_len;
    if (frame_split(frame, &head, &head_len, &tail, &tail_len) < 0) return -EPROTO;
    switch (frame->type) {
    case FRAME_READY:
        if (c->has_loaded || !pool_is_confined(c->pool, frame, true)) return -EPROTO;
        c->has_loaded = true;
        host_channel_accept(c->channel, host_channel_from_host);
        loader_grant(c->loader);
        return send_load(c);
    case FRAME_STARTED: on_started_frame(c, head, head_len); return 0;
    case FRAME_LOG: on_log_frame(c, head, head_len); return 0;
    case FRAME_CLAIM: return loader_claim(c->loader, frame->id, head, head_len);
    case FRAME_WANT: return loader_want(c->loader, frame->flags);
    case FRAME_TOUCH: loader_touch(c->loader, frame->id, head, head_len); return 0;
    case FRAME_RELEASE: loader_release(c->loader, frame->id, head, head_len); return 0;
    case FRAME_OUTBOUND: return on_outbound_frame(c);
    case FRAME_SERVICE: return on_service_frame(c, frame->id);
    case FRAME_SOURCE: return on_source_frame(c, frame->id, head, head_len);
    default: return on_exchange_frame(c, frame, head, head_len, tail, tail_len);
    }
}

/* --- Life ------------------------------------------------------------------------------------------------------- */

/* What a request passes: this process, the worker's cell, the way out, and the dynamic worker that was used last. */
static void on_stay(void *context, int cpu) {
    struct host_cell *c = context;
    if (cpu != c->stays_on) {
        affinity_keep(0, cpu);
        if (host_channel_peer(c->channel) > 0) affinity_keep(host_channel_peer(c->channel), cpu);
        c->handler->on_stay(c->context, cpu);
        c->stays_on = cpu;
    }
    loader_stay(c->loader, cpu);
}

static void fail_all(struct host_cell *c) {
    char message[200];
    if (c->has_failed) return;
    c->has_failed = true;
    snprintf(message, sizeof message, "the host worker's cell %s", c->death[0] ? c->death : "closed its channel");
    for (uint32_t i = 0; i < EXCHANGES_MAX; i++) {
        if (c->exchanges[i]) exchange_fail(c->exchanges[i], 502, message);
    }
    c->handler->on_log(c->context, "error", message);
}

static void give_up(struct host_cell *c) {
    uv_timer_stop(&c->notice);
    fail_all(c);
    c->handler->on_closed(c->context);
}

static void on_notice_late(uv_timer_t *timer) {
    give_up(timer->data);
}

static void on_closed(void *context, int error) {
    struct host_cell *c = context;
    c->is_closed = true;
    if (error == -EPROTO && !c->death[0]) host_cell_died(c, "broke the protocol");
    if (c->death[0])
        give_up(c);
    else
        uv_timer_start(&c->notice, on_notice_late, DEATH_NOTICE_MS, 0);
}

static const struct host_channel_handler channel_handler = {.on_frame = on_frame, .on_closed = on_closed};

int host_cell_new(uv_loop_t *loop, struct pool *const pools[static PROFILES], const struct host_cell_config *config,
                  const struct host_cell_handler *handler, void *context, struct host_cell **ret) {
    struct host_cell *c = calloc(1, sizeof *c);
    if (!c) return -ENOMEM;
    struct pool *loads[PROFILES];
    for (enum profile i = 0; i < PROFILES; i++) loads[i] = config->loads[i] ? pools[i] : NULL;
    c->pool = pools[PROFILE_JIT];
    c->config = *config;
    c->handler = handler;
    c->context = context;
    for (uint32_t i = 0; i < EXCHANGES_MAX; i++) c->free_slots[c->free_len++] = EXCHANGES_MAX - 1 - i;
    int fd = pool_fork_host(c->pool, &c->number);
    if (fd >= 0) c->channel = host_channel_new(loop, fd, host_channel_from_idle, &channel_handler, c);
    if (c->channel) c->loader = loader_new(loop, loads, c->channel, &config->loader);
    if (!c->loader) {
        if (fd >= 0 && !c->channel) close(fd);
        host_channel_free(c->channel);
        free(c);
        return fd < 0 ? fd : -ENOMEM;
    }
    CHECK(uv_timer_init(loop, &c->notice) == 0);
    c->notice.data = c;
    gather_init(&c->gather, loop, on_stay, c);
    c->stays_on = -1;
    *ret = c;
    return 0;
}

static void on_notice_closed(uv_handle_t *handle) {
    free(handle->data);
}

static void on_gather_closed(uv_handle_t *handle) {
    struct gather *gather = handle->data;
    struct host_cell *c = gather->context;
    uv_close((uv_handle_t *)&c->notice, on_notice_closed);
}

void host_cell_free(struct host_cell *c) {
    if (!c) return;
    gather_scatter(&c->gather);
    if (c->free_len < EXCHANGES_MAX) fail_all(c);
    for (uint32_t i = 0; i < EXCHANGES_MAX; i++) {
        struct exchange *e = c->exchanges[i];
        if (!e) continue;
        e->has_ended = true;
        e->cell = NULL; /* ingress still holds it, and frees it by host_cell_request_gone */
    }
    loader_free(c->loader);
    host_channel_free(c->channel);
    uv_close((uv_handle_t *)&c->gather.timer, on_gather_closed);
}

uint32_t host_cell_number(const struct host_cell *c) {
    return c->number;
}

struct loader *host_cell_loader(const struct host_cell *c) {
    return c->loader;
}

void host_cell_died(struct host_cell *c, const char *reason) {
    if (c->death[0]) return;
    snprintf(c->death, sizeof c->death, "%s", reason);
    if (uv_is_active((uv_handle_t *)&c->notice)) give_up(c);
}

void host_cell_pool_grew(struct host_cell *c) {
    if (c->has_loaded) loader_grant(c->loader);
}
