/* A cell that does what no honest runtime would: stands in for mayfly-cell, and says to its owner whatever the loaded
   module consists of, as raw bytes. The module's name says what it does afterwards: "exit", "crash", "close",
   or "stay". */
#include "base/frame.h"
#include "base/macros.h"
#include "base/zygote_wire.h"
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define CONTROL_FD 3

static void send_all(int fd, const void *data, size_t len) {
    const char *p = data;
    while (len > 0) {
        ssize_t n = send(fd, p, len, MSG_NOSIGNAL);
        if (n < 0) _exit(0);
        p += n;
        len -= (size_t)n;
    }
}

/* It has no layer at all, and claims them. */
static void send_ready(int fd) {
    struct buf out = {0};
    uint32_t layers = ~0u;
    CHECK(frame_put(&out, FRAME_READY, 0, 0, "", 0, &layers, sizeof layers) == 0);
    send_all(fd, buf_bytes(&out), buf_len(&out));
    buf_done(&out);
}

static _Noreturn void cell_main(int fd) {
    struct buf in = {0};
    struct frame frame;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    fcntl(fd, F_SETFL, 0); /* the owner made it non-blocking */
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    send_ready(fd);
    while (frame_peek(&in, 1u << FRAME_LOAD, &frame) == 0) {
        uint8_t *room = buf_room(&in, 65536);
        CHECK(room);
        ssize_t n = recv(fd, room, 65536, 0);
        if (n <= 0) _exit(0);
        buf_add(&in, (size_t)n);
    }
    const char *head;
    const uint8_t *tail;
    uint32_t head_len, tail_len;
    CHECK(frame_split(&frame, &head, &head_len, &tail, &tail_len) == 0);
    send_all(fd, tail, tail_len);
    if (memmem(head, head_len, "\"exit\"", 6)) _exit(7);
    if (memmem(head, head_len, "\"crash\"", 7)) raise(SIGSEGV);
    if (memmem(head, head_len, "\"close\"", 7)) close(fd);
    for (;;) pause();
}

static void fork_cell(uint32_t *cells, int fd, uint32_t cell) {
    pid_t pid = fork();
    if (pid == 0) {
        close(CONTROL_FD);
        signal(SIGSEGV, SIG_DFL);
        cell_main(fd);
    }
    close(fd);
    if (pid > 0 && pid < 65536) cells[pid] = cell;
}

static void take_message(uint32_t *cells) {
    struct zygote_msg msg;
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control;
    struct iovec part = {&msg, sizeof msg};
    struct msghdr m = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    if (recvmsg(CONTROL_FD, &m, 0) != sizeof msg) _exit(0);
    int fd = -1;
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    if (c) memcpy(&fd, CMSG_DATA(c), sizeof fd);
    if (msg.op == ZYGOTE_FORK) fork_cell(cells, fd, msg.cell);
    for (pid_t pid = 1; msg.op == ZYGOTE_KILL && pid < 65536; pid++) {
        if (cells[pid] == msg.cell) kill(pid, SIGKILL);
    }
}

int main(void) {
    static uint32_t cells[65536]; /* by pid */
    struct zygote_msg hello = {.op = ZYGOTE_HELLO};
    if (send(CONTROL_FD, &hello, sizeof hello, MSG_NOSIGNAL) < 0) return 1;
    for (;;) {
        struct pollfd fd = {.fd = CONTROL_FD, .events = POLLIN};
        if (poll(&fd, 1, 2) > 0) take_message(cells);
        int status;
        for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
            struct zygote_msg died = {.op = ZYGOTE_DIED, .cell = cells[pid], .status = status};
            cells[pid] = 0;
            send(CONTROL_FD, &died, sizeof died, MSG_NOSIGNAL);
        }
    }
}
