#include "cell/unicode.h"
#include <string.h>

bool unicode_is_ascii(const uint8_t *p, size_t n) {
    uint64_t any = 0, word = 0;
    size_t i = 0;
    for (; i + sizeof word <= n; i += sizeof word) {
        memcpy(&word, p + i, sizeof word);
        any |= word;
    }
    for (; i < n; i++) any |= p[i];
    return (any & 0x8080808080808080u) == 0;
}

size_t unicode_utf16_len(const uint8_t *p, size_t n) {
    size_t len = 0;
    for (size_t i = 0; i < n; i++) len += ((p[i] & 0xc0) != 0x80) + (p[i] >= 0xf0);
    return len;
}

size_t unicode_to_utf16(const uint8_t *p, size_t n, uint16_t *out) {
    size_t o = 0;
    for (size_t i = 0; i < n;) {
        uint32_t c = p[i++];
        if (c < 0x80) {
            out[o++] = (uint16_t)c;
            continue;
        }
        uint8_t low = 0x80, high = 0xbf;
        int more = c >= 0xc2 && c <= 0xdf ? 1 : (c & 0xf0) == 0xe0 ? 2 : c >= 0xf0 && c <= 0xf4 ? 3 : 0;
        if (c == 0xe0) low = 0xa0;
        if (c == 0xed) high = 0x9f;
        if (c == 0xf0) low = 0x90;
        if (c == 0xf4) high = 0x8f;
        c &= more == 1 ? 0x1f : more == 2 ? 0x0f : 0x07;
        int left = more;
        for (; left > 0 && i < n && p[i] >= low && p[i] <= high; left--, low = 0x80, high = 0xbf) {
            c = c << 6 | (p[i++] & 0x3f);
        }
        if (more == 0 || left > 0) {
            out[o++] = 0xfffd;
        } else if (c > 0xffff) {
            out[o++] = (uint16_t)(0xd7c0 + (c >> 10));
            out[o++] = (uint16_t)(0xdc00 | (c & 0x3ff));
        } else {
            out[o++] = (uint16_t)c;
        }
    }
    return o;
}

size_t unicode_to_utf8(const uint16_t *p, size_t n, uint8_t *out) {
    size_t o = 0;
    for (size_t i = 0; i < n; i++) {
        uint32_t c = p[i];
        if (c < 0x80) {
            out[o++] = (uint8_t)c;
            continue;
        }
        if ((c & 0xfc00) == 0xd800 && i + 1 < n && (p[i + 1] & 0xfc00) == 0xdc00) {
            c = 0x10000 + ((c & 0x3ff) << 10) + (p[++i] & 0x3ff);
        } else if ((c & 0xf800) == 0xd800) {
            c = 0xfffd;
        }
        if (c >= 0x10000) {
            out[o++] = (uint8_t)(0xf0 | c >> 18);
            out[o++] = (uint8_t)(0x80 | (c >> 12 & 0x3f));
        } else if (c >= 0x800) {
            out[o++] = (uint8_t)(0xe0 | c >> 12);
        } else {
            out[o++] = (uint8_t)(0xc0 | c >> 6);
            out[o++] = (uint8_t)(0x80 | (c & 0x3f));
            continue;
        }
        if (c >= 0x800) out[o++] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
        out[o++] = (uint8_t)(0x80 | (c & 0x3f));
    }
    return o;
}

bool unicode_is_utf8(const uint8_t *p, size_t n) {
    for (size_t i = 0; i < n;) {
        uint8_t c = p[i++], low = 0x80, high = 0xbf;
        int more = c < 0x80 ? 0 : c >= 0xc2 && c <= 0xdf ? 1 : (c & 0xf0) == 0xe0 ? 2 : c >= 0xf0 && c <= 0xf4 ? 3 : -1;
        if (more < 0) return false;
        if (c == 0xe0) low = 0xa0;
        if (c == 0xed) high = 0x9f;
        if (c == 0xf0) low = 0x90;
        if (c == 0xf4) high = 0x8f;
        for (; more > 0; more--, low = 0x80, high = 0xbf) {
            if (i == n || p[i] < low || p[i] > high) return false;
            i++;
        }
    }
    return true;
}
