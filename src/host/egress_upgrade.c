/* A request that asks for a WebSocket: libcurl makes the connection, the handshake is ours, llhttp reads the answer. What
   comes after 101 is the cell's to understand. Runs in the egress process; what it reads comes from servers. */
#include "base/macros.h"
#include "host/egress_private.h"
#include <errno.h>
#include <llhttp.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <string.h>
#include <strings.h>

#define GUID "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

/* 16 bytes in base64, and a SHA-1 digest. */
#define KEY_CHARS    24
#define ACCEPT_CHARS 28

/* The body of an answer that is no upgrade: what fits into the cell's window. */
#define BODY_BYTES_MAX FRAME_WINDOW_BYTES

/* All that is read before the answer is there, interim ones without end among it: nobody else gets a turn meanwhile. */
#define ANSWER_BYTES_MAX (4u << 20)

struct upgrade {
    struct exchange *exchange;
    llhttp_t parser;
    llhttp_settings_t settings;
    struct buf reason, line; /* a header as "name: value" while it comes */
    char accept[ACCEPT_CHARS + 1];
    size_t taken;
    bool has_status, is_accepted, is_extended, is_complete;
};

/* --- The request ------------------------------------------------------------------------------------------------ */

static bool is_handshake(const char *line) {
    static const char prefix[] = "sec-websocket-";
    static const char *const ours[] = {"key:", "version:", "extensions:", "accept:"};
    if (strncasecmp(line, prefix, sizeof prefix - 1) != 0) return false;
    for (size_t i = 0; i < COUNT_OF(ours); i++) {
        if (strncasecmp(line + sizeof prefix - 1, ours[i], strlen(ours[i])) == 0) return true;
    }
    return false;
}

/* A header as libcurl's lists have it: "name: value", "name;" without a value, "name:" for one that is not sent. */
static int put_header(struct buf *out, const char *line) {
    size_t len = strlen(line);
    if (is_handshake(line) || line[len - 1] == ':') return 0;
    bool is_empty = line[len - 1] == ';' && !strchr(line, ':');
    return buf_printf(out, "%.*s%s\r\n", (int)(is_empty ? len - 1 : len), line, is_empty ? ":" : "");
}

static void make_key(char key[KEY_CHARS + 1], char accept[ACCEPT_CHARS + 1]) {
    unsigned char bytes[16], digest[EVP_MAX_MD_SIZE];
    char text[KEY_CHARS + sizeof GUID];
    unsigned len = 0;
    CHECK(RAND_bytes(bytes, sizeof bytes) == 1);
    CHECK(EVP_EncodeBlock((unsigned char *)key, bytes, sizeof bytes) == KEY_CHARS);
    snprintf(text, sizeof text, "%s%s", key, GUID);
    CHECK(EVP_Digest(text, strlen(text), digest, &len, EVP_sha1(), NULL) == 1);
    CHECK(EVP_EncodeBlock((unsigned char *)accept, digest, (int)len) == ACCEPT_CHARS);
}

static int put_request(struct upgrade *u, const struct curl_slist *headers, struct buf *out) {
    const char *host = strstr(u->exchange->url.text, "://") + 3, *target = strchr(host, '/');
    char key[KEY_CHARS + 1];
    make_key(key, u->accept);
    int r = buf_printf(out, "GET %s HTTP/1.1\r\nHost: %.*s\r\n", target, (int)(target - host), host);
    if (r == 0)
        r = buf_printf(out,
                       "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                       "Sec-WebSocket-Key: %s\r\n",
                       key);
    for (; headers && r == 0; headers = headers->next) r = put_header(out, headers->data);
    return r == 0 ? buf_append_text(out, "\r\n") : r;
}

/* --- What llhttp reports; parser->data is the upgrade ------------------------------------------------------------ */

static int on_begin(llhttp_t *parser) {
    struct upgrade *u = parser->data;
    buf_consume(&u->reason, buf_len(&u->reason));
    u->has_status = u->is_accepted = u->is_extended = u->is_complete = false;
    return 0;
}

static int on_reason(llhttp_t *parser, const char *at, size_t n) {
    struct upgrade *u = parser->data;
    return buf_len(&u->reason) + n > RESPONSE_HEADER_BYTES_MAX ? -1 : buf_append(&u->reason, at, n);
}

/* The first line, before the first header. */
static void put_status(struct upgrade *u) {
    struct buf line = {0};
    if (u->has_status) return;
    u->has_status = true;
    CHECK(buf_printf(&line, "HTTP/1.1 %d ", u->parser.status_code) == 0);
    CHECK(buf_len(&u->reason) == 0 || buf_append(&line, buf_bytes(&u->reason), buf_len(&u->reason)) == 0);
    exchange_take_line(u->exchange, (char *)buf_bytes(&line), buf_len(&line));
    buf_done(&line);
}

static int on_line(llhttp_t *parser, const char *at, size_t n) {
    struct upgrade *u = parser->data;
    put_status(u);
    return buf_len(&u->line) + n > RESPONSE_HEADER_BYTES_MAX ? -1 : buf_append(&u->line, at, n);
}

static int on_name_complete(llhttp_t *parser) {
    struct upgrade *u = parser->data;
    return buf_append_text(&u->line, ": ");
}

static int on_value_complete(llhttp_t *parser) {
    static const char name[] = "sec-websocket-accept: ", extensions[] = "sec-websocket-extensions:";
    struct upgrade *u = parser->data;
    const char *line = (char *)buf_bytes(&u->line);
    size_t len = buf_len(&u->line), name_len = sizeof name - 1;
    /* None was asked for; one that compresses would hide an echo of a secret. */
    if (len >= sizeof extensions - 1 && strncasecmp(line, extensions, sizeof extensions - 1) == 0) u->is_extended = true;
    if (len > name_len && strncasecmp(line, name, name_len) == 0)
        u->is_accepted = len - name_len == ACCEPT_CHARS && memcmp(line + name_len, u->accept, ACCEPT_CHARS) == 0;
    exchange_take_line(u->exchange, line, len);
    buf_consume(&u->line, len);
    return 0;
}

static int on_headers_complete(llhttp_t *parser) {
    struct upgrade *u = parser->data;
    put_status(u);
    return u->exchange->failure[0] ? -1 : 0;
}

static int on_body(llhttp_t *parser, const char *at, size_t n) {
    struct upgrade *u = parser->data;
    struct exchange *e = u->exchange;
    if (buf_len(&e->coded) + n > BODY_BYTES_MAX) {
        snprintf(e->failure, sizeof e->failure, "it opened no WebSocket, and its answer is too large");
        return -1;
    }
    e->received += n;
    return buf_append(&e->coded, at, n);
}

static int on_complete(llhttp_t *parser) {
    struct upgrade *u = parser->data;
    u->is_complete = u->parser.status_code >= 200 || u->parser.status_code == 101;
    return u->is_complete && !parser->upgrade ? HPE_PAUSED : 0; /* after an upgrade it pauses by itself */
}

/* --- Reading ---------------------------------------------------------------------------------------------------- */

struct upgrade *upgrade_new(struct exchange *e, struct buf *out, char *ret_why, size_t why_len) {
    struct curl_slist *headers = request_headers(e, ret_why, why_len);
    if (!headers) return NULL;
    struct upgrade *u = calloc(1, sizeof *u);
    CHECK(u);
    u->exchange = e;
    llhttp_settings_init(&u->settings);
    u->settings.on_message_begin = on_begin;
    u->settings.on_status = on_reason;
    u->settings.on_header_field = on_line;
    u->settings.on_header_field_complete = on_name_complete;
    u->settings.on_header_value = on_line;
    u->settings.on_header_value_complete = on_value_complete;
    u->settings.on_headers_complete = on_headers_complete;
    u->settings.on_body = on_body;
    u->settings.on_message_complete = on_complete;
    llhttp_init(&u->parser, HTTP_RESPONSE, &u->settings);
    u->parser.data = u;
    CHECK(put_request(u, headers, out) == 0);
    curl_slist_free_all(headers);
    return u;
}

void upgrade_free(struct upgrade *u) {
    if (!u) return;
    buf_done(&u->reason);
    buf_done(&u->line);
    free(u);
}

int upgrade_take(struct upgrade *u, const uint8_t *bytes, size_t len, size_t *ret_used) {
    u->taken += len;
    if (u->taken > ANSWER_BYTES_MAX) return -EBADMSG;
    llhttp_errno_t error = llhttp_execute(&u->parser, (const char *)bytes, len);
    if (error != HPE_OK && error != HPE_PAUSED && error != HPE_PAUSED_UPGRADE) return -EBADMSG;
    if (!u->is_complete) return 0;
    int status = u->parser.status_code;
    if (status == 101 && (!u->is_accepted || u->is_extended || error != HPE_PAUSED_UPGRADE)) return -EBADMSG;
    const char *end = llhttp_get_error_pos(&u->parser);
    *ret_used = end ? (size_t)((const uint8_t *)end - bytes) : len;
    exchange_take_head(u->exchange, status);
    return status == 101 ? 1 : 2;
}

bool upgrade_ends(struct upgrade *u) {
    if (llhttp_finish(&u->parser) != HPE_OK || !u->is_complete || u->parser.status_code == 101) return false;
    exchange_take_head(u->exchange, u->parser.status_code);
    return true;
}
