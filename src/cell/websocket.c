/* native.socket: the WebSocket protocol (RFC 6455) over bytes, on wslay. Runs in cells, on what clients and other cells
   send; nothing in the supervisor reads it. What a message means is runtime/websocket's business. */
#include "base/buf.h"
#include "base/macros.h"
#include "cell/parts.h"
#include <errno.h>
#include <string.h>
#include <sys/random.h>
#include <wslay/wslay.h>

#define SOCKETS_MAX       16384
#define MESSAGE_BYTES_MAX (32u * 1024 * 1024) /* Workers' limit */

struct socket {
    wslay_event_context_ptr protocol;
    struct buf input, output;
    struct buf messages; /* each: 32-bit length, kind, payload */
    struct buf message;  /* the last one that was handed out */
    uint8_t close[125]; /* the close frame that is coming, as far as it has come */
    size_t close_len;
    bool is_close;
    bool has_failed;
};

static struct socket *sockets[SOCKETS_MAX];

/* --- What wslay asks for ---------------------------------------------------------------------------------------- */

static ssize_t on_receive(wslay_event_context_ptr protocol, uint8_t *data, size_t len, int flags, void *user) {
    struct socket *s = user;
    size_t n = buf_len(&s->input) < len ? buf_len(&s->input) : len;
    (void)flags;
    if (n == 0) {
        wslay_event_set_error(protocol, WSLAY_ERR_WOULDBLOCK);
        return -1;
    }
    memcpy(data, buf_bytes(&s->input), n);
    buf_consume(&s->input, n);
    return (ssize_t)n;
}

static ssize_t on_send(wslay_event_context_ptr protocol, const uint8_t *data, size_t len, int flags, void *user) {
    struct socket *s = user;
    (void)protocol, (void)flags;
    CHECK(buf_append(&s->output, data, len) == 0);
    return (ssize_t)len;
}

static int on_mask(wslay_event_context_ptr protocol, uint8_t *mask, size_t len, void *user) {
    (void)protocol, (void)user;
    return getrandom(mask, len, 0) == (ssize_t)len ? 0 : -1;
}

static void add_message(struct socket *s, uint8_t kind, const void *payload, size_t n) {
    uint32_t len = (uint32_t)n + 1;
    CHECK(buf_append(&s->messages, &len, sizeof len) == 0 && buf_append(&s->messages, &kind, 1) == 0 &&
          buf_append(&s->messages, payload, n) == 0);
}

static void on_message(wslay_event_context_ptr protocol, const struct wslay_event_on_msg_recv_arg *arg, void *user) {
    struct socket *s = user;
    (void)protocol;
    if (arg->opcode == WSLAY_PING || arg->opcode == WSLAY_PONG) return;
    add_message(s, arg->opcode, arg->msg, arg->msg_length);
}

/* wslay calls it a breach of the protocol to close with the codes that were added after the RFC ("service restart") or
   have no meaning yet; Workers send them. Such a close is taken and answered here: wslay's own answer then comes too
   late to be sent, and it reads no further. */

static bool is_later_code(uint16_t code) { return code > 1011 && code < 3000 && code != WSLAY_CODE_TLS_HANDSHAKE; }

static void on_frame(wslay_event_context_ptr protocol, const struct wslay_event_on_frame_recv_start_arg *arg,
                     void *user) {
    struct socket *s = user;
    (void)protocol;
    s->is_close = arg->opcode == WSLAY_CONNECTION_CLOSE;
    s->close_len = 0;
}

static void on_frame_bytes(wslay_event_context_ptr protocol, const struct wslay_event_on_frame_recv_chunk_arg *arg,
                           void *user) {
    struct socket *s = user;
    (void)protocol;
    if (!s->is_close || arg->data_length > sizeof s->close - s->close_len) return;
    memcpy(s->close + s->close_len, arg->data, arg->data_length);
    s->close_len += arg->data_length;
}

static void on_frame_end(wslay_event_context_ptr protocol, void *user) {
    struct socket *s = user;
    if (!s->is_close || s->close_len < 2) return;
    uint16_t code = (uint16_t)(s->close[0] << 8 | s->close[1]);
    if (!is_later_code(code)) return;
    (void)wslay_event_queue_close(protocol, code, s->close + 2, s->close_len - 2);
    add_message(s, WSLAY_CONNECTION_CLOSE, s->close, s->close_len);
}

static const struct wslay_event_callbacks callbacks = {
    .recv_callback = on_receive,
    .send_callback = on_send,
    .genmask_callback = on_mask,
    .on_frame_recv_start_callback = on_frame,
    .on_frame_recv_chunk_callback = on_frame_bytes,
    .on_frame_recv_end_callback = on_frame_end,
    .on_msg_recv_callback = on_message,
};

/* --- Operations ------------------------------------------------------------------------------------------------- */

static struct socket *socket_of(const struct engine_value *number) {
    bool fits = number->kind == ENGINE_NUMBER && number->number >= 0 && number->number < SOCKETS_MAX;
    return fits ? sockets[(size_t)number->number] : NULL;
}

/* open(isServer): its number; undefined if there are too many. */
static int socket_open(const struct engine_value *args, struct engine_value *ret) {
    size_t i = 0;
    while (i < SOCKETS_MAX && sockets[i]) i++;
    if (i == SOCKETS_MAX) return 0;
    struct socket *s = calloc(1, sizeof *s);
    CHECK(s);
    int r = args[0].number != 0 ? wslay_event_context_server_init(&s->protocol, &callbacks, s)
                                : wslay_event_context_client_init(&s->protocol, &callbacks, s);
    CHECK(r == 0);
    wslay_event_config_set_max_recv_msg_length(s->protocol, MESSAGE_BYTES_MAX);
    sockets[i] = s;
    *ret = (struct engine_value){.kind = ENGINE_NUMBER, .number = (double)i};
    return 0;
}

static void run(struct socket *s) {
    if (wslay_event_want_write(s->protocol) && wslay_event_send(s->protocol) != 0) s->has_failed = true;
}

/* give(number, bytes that came) */
static int socket_give(const struct engine_value *args, struct engine_value *ret) {
    struct socket *s = socket_of(&args[0]);
    (void)ret;
    if (!s || args[1].kind != ENGINE_BYTES) return -EINVAL;
    if (args[1].len) CHECK(buf_append(&s->input, args[1].data, args[1].len) == 0);
    if (wslay_event_want_read(s->protocol) && wslay_event_recv(s->protocol) != 0) s->has_failed = true;
    run(s);
    return 0;
}

/* next(number): a message, its kind (1 text, 2 binary, 8 close) before its payload; undefined when there is none. */
static int socket_next(const struct engine_value *args, struct engine_value *ret) {
    struct socket *s = socket_of(&args[0]);
    uint32_t len;
    if (!s) return -EINVAL;
    if (buf_len(&s->messages) == 0) return 0;
    memcpy(&len, buf_bytes(&s->messages), sizeof len);
    buf_consume(&s->message, buf_len(&s->message));
    CHECK(buf_append(&s->message, buf_bytes(&s->messages) + sizeof len, len) == 0);
    buf_consume(&s->messages, sizeof len + len);
    *ret = (struct engine_value){.kind = ENGINE_BYTES, .data = buf_bytes(&s->message), .len = len};
    return 0;
}

/* put(number, kind, payload): false when no more can be sent. */
static int socket_put(const struct engine_value *args, struct engine_value *ret) {
    struct socket *s = socket_of(&args[0]);
    if (!s || args[1].kind != ENGINE_NUMBER || args[2].kind != ENGINE_BYTES) return -EINVAL;
    struct wslay_event_msg msg = {(uint8_t)args[1].number, args[2].data, args[2].len};
    int r = wslay_event_queue_msg(s->protocol, &msg);
    run(s);
    *ret = (struct engine_value){.kind = ENGINE_BOOLEAN, .number = r == 0};
    return 0;
}

/* take(number): bytes to send; undefined when there are none. */
static int socket_take(const struct engine_value *args, struct engine_value *ret) {
    struct socket *s = socket_of(&args[0]);
    if (!s) return -EINVAL;
    size_t n = buf_len(&s->output);
    if (n == 0) return 0;
    *ret = (struct engine_value){.kind = ENGINE_BYTES, .data = buf_bytes(&s->output), .len = n};
    buf_consume(&s->message, buf_len(&s->message));
    CHECK(buf_append(&s->message, buf_bytes(&s->output), n) == 0);
    buf_consume(&s->output, n);
    ret->data = buf_bytes(&s->message);
    return 0;
}

/* ended(number): nothing more will come or go. */
static int socket_ended(const struct engine_value *args, struct engine_value *ret) {
    struct socket *s = socket_of(&args[0]);
    if (!s) return -EINVAL;
    bool ended = s->has_failed || (!wslay_event_want_read(s->protocol) && !wslay_event_want_write(s->protocol));
    *ret = (struct engine_value){.kind = ENGINE_BOOLEAN, .number = ended};
    return 0;
}

static int socket_close(const struct engine_value *args, struct engine_value *ret) {
    struct socket *s = socket_of(&args[0]);
    (void)ret;
    if (!s) return 0;
    sockets[(size_t)args[0].number] = NULL;
    wslay_event_context_free(s->protocol);
    buf_done(&s->input);
    buf_done(&s->output);
    buf_done(&s->messages);
    buf_done(&s->message);
    free(s);
    return 0;
}

static int websocket(void *context, const struct engine_value *args, struct engine_value *ret,
                     struct engine_error *error) {
    static const struct {
        const char *name;
        int (*run)(const struct engine_value *args, struct engine_value *ret);
    } rows[] = {{"open", socket_open}, {"give", socket_give},   {"next", socket_next},  {"put", socket_put},
                {"take", socket_take}, {"ended", socket_ended}, {"close", socket_close}};
    (void)context;
    for (size_t i = 0; args[0].kind == ENGINE_TEXT && i < COUNT_OF(rows); i++) {
        if (strcmp(args[0].data, rows[i].name) == 0 && rows[i].run(args + 1, ret) == 0) return 0;
    }
    error->type = "TypeError";
    snprintf(error->message, sizeof error->message, "socket: no such operation, or not on these arguments");
    return -EINVAL;
}

void cell_websocket_add(struct cell *cell) {
    CHECK(engine_native_add(cell->engine, "socket", websocket, NULL) == 0);
}
