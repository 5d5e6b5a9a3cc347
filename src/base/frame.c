#include "base/frame.h"
#include "base/limits.h"
#include "base/macros.h"
#include <endian.h>
#include <errno.h>
#include <string.h>

/* The table of types: name, limit of the payload, and whether the payload has a head. */
static const struct frame_rule {
    const char *name;
    uint32_t payload_bytes_max;
    bool raw;
} rules[FRAME_TYPES] = {
    [FRAME_READY] = {"READY", FRAME_SMALL_BYTES_MAX, false},
    [FRAME_LOAD] = {"LOAD", FRAME_LOAD_BYTES_MAX, false},
    [FRAME_STARTED] = {"STARTED", FRAME_HEAD_BYTES_MAX, false},
    [FRAME_CALL] = {"CALL", FRAME_VALUE_BYTES_MAX, false},
    [FRAME_RETURN] = {"RETURN", FRAME_VALUE_BYTES_MAX, false},
    [FRAME_THROW] = {"THROW", FRAME_HEAD_BYTES_MAX, false},
    [FRAME_RPC] = {"RPC", FRAME_VALUE_BYTES_MAX, false},
    [FRAME_FETCH] = {"FETCH", FRAME_HEAD_BYTES_MAX + FRAME_DATA_BYTES_MAX, false},
    [FRAME_RESPONSE] = {"RESPONSE", FRAME_HEAD_BYTES_MAX + FRAME_DATA_BYTES_MAX, false},
    [FRAME_DATA] = {"DATA", FRAME_DATA_BYTES_MAX, true},
    [FRAME_RESET] = {"RESET", FRAME_HEAD_BYTES_MAX, false},
    [FRAME_STOP] = {"STOP", FRAME_SMALL_BYTES_MAX, false},
    [FRAME_WINDOW] = {"WINDOW", 4, true},
    [FRAME_LOG] = {"LOG", FRAME_HEAD_BYTES_MAX, false},
    [FRAME_GRANT] = {"GRANT", FRAME_SMALL_BYTES_MAX, false},
    [FRAME_CLAIM] = {"CLAIM", FRAME_HEAD_BYTES_MAX, false},
    [FRAME_TOUCH] = {"TOUCH", FRAME_SMALL_BYTES_MAX, false},
    [FRAME_EVICT] = {"EVICT", FRAME_SMALL_BYTES_MAX, false},
    [FRAME_DIED] = {"DIED", FRAME_SMALL_BYTES_MAX, false},
    [FRAME_SOURCE] = {"SOURCE", FRAME_LOAD_BYTES_MAX, false},
    [FRAME_RELEASE] = {"RELEASE", FRAME_SMALL_BYTES_MAX, false},
    [FRAME_BUSY] = {"BUSY", FRAME_SMALL_BYTES_MAX, false},
    [FRAME_EXCEEDED] = {"EXCEEDED", LIMIT_EXCEEDED_BYTES, true},
    [FRAME_ABORTED] = {"ABORTED", FRAME_SMALL_BYTES_MAX, false},
    [FRAME_OUTBOUND] = {"OUTBOUND", FRAME_SMALL_BYTES_MAX, false},
    [FRAME_SERVICE] = {"SERVICE", FRAME_SMALL_BYTES_MAX, false},
    [FRAME_WANT] = {"WANT", FRAME_SMALL_BYTES_MAX, false},
    [FRAME_RESTED] = {"RESTED", FRAME_SMALL_BYTES_MAX, false},
};

static uint32_t get_u32(const uint8_t *p) {
    uint32_t v;
    memcpy(&v, p, sizeof v);
    return le32toh(v);
}

static void put_u32(uint8_t *p, uint32_t v) {
    v = htole32(v);
    memcpy(p, &v, sizeof v);
}

long frame_peek(const struct buf *in, uint32_t accepted, struct frame *ret) {
    if (buf_len(in) < FRAME_HEADER_BYTES) return 0;
    const uint8_t *p = buf_bytes(in);
    uint32_t len = get_u32(p);
    uint8_t type = p[4];
    if (type == 0 || type >= FRAME_TYPES || !(accepted >> type & 1)) return -EPROTO;
    if (len > rules[type].payload_bytes_max || p[6] || p[7]) return -EPROTO;
    if (buf_len(in) - FRAME_HEADER_BYTES < len) return 0;
    *ret = (struct frame){.type = type,
                          .flags = p[5],
                          .id = get_u32(p + 8),
                          .payload = p + FRAME_HEADER_BYTES,
                          .payload_len = len};
    return (long)FRAME_HEADER_BYTES + len;
}

size_t frame_lacks(const struct buf *in, size_t *ret_tail_at) {
    size_t have = buf_len(in);
    if (have < FRAME_HEADER_BYTES + 4) return 0;
    const uint8_t *p = buf_bytes(in);
    if (p[4] >= FRAME_TYPES || get_u32(p) > rules[p[4]].payload_bytes_max) return 0;
    size_t size = FRAME_HEADER_BYTES + (size_t)get_u32(p);
    *ret_tail_at = FRAME_HEADER_BYTES + (rules[p[4]].raw ? 0 : 4 + (size_t)get_u32(p + FRAME_HEADER_BYTES));
    return size > have ? size - have : 0;
}

int frame_split(const struct frame *frame, const char **ret_head, uint32_t *ret_head_len, const uint8_t **ret_tail,
                uint32_t *ret_tail_len) {
    uint32_t head_len = 0;
    const uint8_t *head = frame->payload;
    uint32_t rest = frame->payload_len;
    if (!rules[frame->type].raw) {
        if (rest < 4) return -EPROTO;
        head_len = get_u32(head);
        head += 4;
        rest -= 4;
        if (head_len > rest) return -EPROTO;
    }
    *ret_head = (const char *)head;
    *ret_head_len = head_len;
    *ret_tail = head + head_len;
    *ret_tail_len = rest - head_len;
    return 0;
}

int frame_begin(struct buf *out, uint8_t type, uint8_t flags, uint32_t id, const char *head, size_t head_len,
                size_t tail_len) {
    CHECK(type > 0 && type < FRAME_TYPES && rules[type].name);
    const struct frame_rule *rule = &rules[type];
    CHECK(!rule->raw || head_len == 0);
    size_t prefix = rule->raw ? 0 : 4;
    if (head_len > rule->payload_bytes_max || tail_len > rule->payload_bytes_max ||
        prefix + head_len + tail_len > rule->payload_bytes_max) {
        return -EMSGSIZE;
    }
    size_t payload_len = prefix + head_len + tail_len;
    uint8_t *p = buf_room(out, FRAME_HEADER_BYTES + payload_len);
    if (!p) return -ENOMEM;
    put_u32(p, (uint32_t)payload_len);
    p[4] = type;
    p[5] = flags;
    p[6] = p[7] = 0;
    put_u32(p + 8, id);
    p += FRAME_HEADER_BYTES;
    if (prefix) put_u32(p, (uint32_t)head_len);
    if (head_len) memcpy(p + prefix, head, head_len);
    buf_add(out, FRAME_HEADER_BYTES + prefix + head_len);
    return 0;
}

int frame_put(struct buf *out, uint8_t type, uint8_t flags, uint32_t id, const char *head, size_t head_len,
              const void *tail, size_t tail_len) {
    int r = frame_begin(out, type, flags, id, head, head_len, tail_len);
    return r < 0 ? r : buf_append(out, tail, tail_len);
}

const char *frame_name(uint8_t type) {
    return type < FRAME_TYPES && rules[type].name ? rules[type].name : "?";
}
