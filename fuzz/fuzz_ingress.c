/* Feeds bytes to ingress over a socket pair, as a client would, in pieces whose sizes the input chooses too.
   Build: clang -fsanitize=fuzzer,address,undefined, with ingress, buf, llhttp and libuv. */
#include "base/macros.h"
#include "host/ingress.h"
#include <errno.h>
#include <string.h>
#include <unistd.h>

#define BODY_BYTES_MAX 5000

static uv_loop_t loop;
static struct ingress *ingress;
static unsigned begun, ended;
static uint64_t body_bytes;
static struct ingress_req *held; /* its body is not taken until the input says so */

/* What is handed on must be what the header promises: strings as long as they say, and no line ends inside. */
static void inspect(struct ingress_req *req) {
    size_t len;
    const struct ingress_header *headers = ingress_headers(req, &len);
    for (size_t i = 0; i < len; i++) {
        CHECK(headers[i].name_len > 0 && strlen(headers[i].name) == headers[i].name_len);
        CHECK(strlen(headers[i].value) == headers[i].value_len);
        CHECK(!strpbrk(headers[i].name, "\r\n: ") && !strpbrk(headers[i].value, "\r\n"));
    }
    CHECK(ingress_target(req)[0] && !strpbrk(ingress_target(req), "\r\n "));
    CHECK(ingress_body_len(req) >= -1 && ingress_body_len(req) <= BODY_BYTES_MAX);
    CHECK(!ingress_header(req, "transfer-encoding") || !ingress_header(req, "content-length"));
}

static void on_request(void *ctx, struct ingress_req *req) {
    (void)ctx;
    begun++;
    CHECK(begun == ended + 1);
    body_bytes = 0;
    inspect(req);
    const char *target = ingress_target(req);
    char kind = target[strlen(target) - 1];
    if (kind == 'h')
        held = req;
    else if (kind == 'f')
        ingress_fail(req, 500, "failed");
    else if (kind == 'c') {
        (void)ingress_respond(req, 200, NULL, NULL, 0, -1, "chunk", 5);
        ingress_set_user(req, req);
        if (ingress_body_len(req) == 0) (void)ingress_end(req);
    } else if (ingress_body_len(req) == 0 || kind == 'e') {
        (void)ingress_respond(req, 200, NULL, NULL, 0, 2, "ok", 2);
        (void)ingress_end(req);
    }
}

static size_t on_body(void *ctx, struct ingress_req *req, const uint8_t *data, size_t len) {
    (void)ctx;
    if (req == held) return 0;
    body_bytes += len;
    CHECK(body_bytes <= BODY_BYTES_MAX);
    if (ingress_user(req)) (void)ingress_write(req, data, len);
    return len;
}

static void on_body_end(void *ctx, struct ingress_req *req) {
    (void)ctx;
    CHECK(ingress_body_len(req) < 0 || (uint64_t)ingress_body_len(req) == body_bytes);
    if (!ingress_user(req)) (void)ingress_respond(req, 200, NULL, NULL, 0, -1, NULL, 0);
    (void)ingress_end(req);
}

static void on_gone(void *ctx, struct ingress_req *req) {
    (void)ctx;
    if (req == held) held = NULL;
    ended++;
}

static void release(void) {
    struct ingress_req *req = held;
    held = NULL;
    if (!req) return;
    if (ingress_body_len(req) != 0)
        ingress_resume(req);
    else
        ingress_fail(req, 404, "held for nothing");
}

static void start(void) {
    static const struct ingress_handler handler = {on_request, on_body, on_body_end, NULL, on_gone, on_gone};
    static const struct ingress_config config = {.header_bytes_max = 4096, .body_bytes_max = BODY_BYTES_MAX};
    CHECK(uv_loop_init(&loop) == 0);
    CHECK(ingress_start(&loop, &config, &handler, NULL, &ingress) == 0);
}

/* Lets ingress do all it can, and throws away what it says. */
static void turn(int fd) {
    char drain[4096];
    for (int i = 0; i < 3; i++) {
        uv_run(&loop, UV_RUN_NOWAIT);
        while (recv(fd, drain, sizeof drain, MSG_DONTWAIT) > 0) continue;
    }
}

/* Input: a byte of pace (0: all at once), then what the client sends. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
    if (len < 1 || len > 20000) return 0;
    if (!ingress) start();
    int ends[2];
    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) == 0);
    CHECK(ingress_adopt(ingress, ends[0]) == 0);
    size_t pace = *data++;
    len--;
    while (len > 0) {
        size_t n = pace && pace < len ? pace : len;
        ssize_t sent = send(ends[1], data, n, MSG_NOSIGNAL);
        if (sent < 0 && errno != EAGAIN) break;
        if (sent > 0) {
            data += sent;
            len -= (size_t)sent;
        }
        turn(ends[1]);
        release();
    }
    turn(ends[1]);
    close(ends[1]);
    for (int i = 0; i < 100 && begun > ended; i++) uv_run(&loop, UV_RUN_NOWAIT);
    CHECK(begun == ended && !held);
    return 0;
}
