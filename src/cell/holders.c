#include "cell/holders.h"
#include "base/descriptors.h"
#include "base/macros.h"
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Further ones that wait while there is no job are ended: each has some 3 MiB. */
#define WAITING_MAX 16

struct holder {
    pid_t pid, cell; /* cell: 0 for none */
    bool waits, has_waited, is_ending;
    bool has_given_up; /* its cell is the zygote's child now */
};

static bool are_there; /* none is made any more otherwise; those that are there go on */
static struct holder_sockets ours = {-1, -1, -1}, theirs = {-1, -1, -1};
static struct holder *holders;
static int holders_len, holders_capacity;
static int waiting, leaving; /* leaving: told to, and not gone */

/* Jobs of whose cells nothing was heard yet. */
static uint32_t *queue;
static int queued, queue_capacity;

static int make_pair(int *ret_ours, int *ret_theirs) {
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) return -errno;
    *ret_ours = pair[0];
    *ret_theirs = pair[1];
    return 0;
}

int holders_prepare(int *ret_proc_fd) {
    int r = rewind_prepare(ret_proc_fd);
    if (r < 0) return r;
    if ((r = make_pair(&ours.jobs, &theirs.jobs)) < 0 || (r = make_pair(&ours.made, &theirs.made)) < 0) return r;
    return make_pair(&ours.reports, &theirs.reports);
}

void holders_start(bool can) {
    are_there = can;
}

int holders_fd(void) {
    return ours.reports;
}

int holders_fd_of_order(void) {
    return ours.made;
}

bool holders_are_there(void) {
    return are_there;
}

static struct holder *find(pid_t pid) {
    for (int i = 0; i < holders_len; i++) {
        if (holders[i].pid == pid) return &holders[i];
    }
    return NULL;
}

/* Just forked, or rewinding. */
static int coming(void) {
    int len = 0;
    for (int i = 0; i < holders_len; i++) len += !holders[i].waits && holders[i].cell == 0 && !holders[i].is_ending;
    return len;
}

bool holders_lack(int further) {
    return are_there && queued + further > waiting - leaving + coming();
}

int holders_fork(void) {
    if (holders_len == holders_capacity) {
        holders_capacity = holders_capacity ? holders_capacity * 2 : 64;
        holders = realloc(holders, (size_t)holders_capacity * sizeof *holders);
        CHECK(holders);
    }
    pid_t pid = rewind_fork_holder(&theirs);
    if (pid < 0) return pid;
    holders[holders_len++] = (struct holder){.pid = pid};
    return 0;
}

int holders_give(uint32_t cell, int fd) {
    struct holder_msg job = {.cell = cell};
    if (queued == queue_capacity) {
        queue_capacity = queue_capacity ? queue_capacity * 2 : 64;
        queue = realloc(queue, (size_t)queue_capacity * sizeof *queue);
        CHECK(queue);
    }
    if (descriptors_send(ours.jobs, &job, sizeof job, fd, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) return -errno;
    queue[queued++] = cell;
    return 0;
}

bool holders_forget(uint32_t cell) {
    for (int i = 0; i < queued; i++) {
        if (queue[i] != cell) continue;
        queue[i] = queue[--queued];
        return true;
    }
    return false;
}

/* By a message that the next of them takes: one that is killed may have a job in its hand. */
static void end_some(void) {
    const struct holder_msg leave = {.op = HOLDER_LEAVE};
    for (; queued == 0 && waiting - leaving > WAITING_MAX; leaving++) {
        if (send(ours.jobs, &leave, sizeof leave, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) return;
    }
}

static void note_made(const struct holder_msg *msg) {
    struct holder *holder = find(msg->holder);
    holders_forget(msg->cell);
    if (!holder) return;
    waiting -= holder->waits;
    holder->waits = false;
    holder->has_waited = true;
    holder->cell = msg->pid;
}

/* Of its next cell may have been heard before. */
static void note_end(const struct holder_msg *msg) {
    struct holder *holder = find(msg->holder);
    if (!holder || (holder->cell != 0 && holder->cell != msg->pid)) return;
    holder->cell = 0;
    if (msg->op == HOLDER_WAITS) {
        holder->waits = holder->has_waited = true;
        waiting++;
    } else {
        holder->is_ending = true;
    }
}

static bool receive(int fd, struct holder_msg *ret) {
    return recv(fd, ret, sizeof *ret, MSG_DONTWAIT) == sizeof *ret;
}

bool holders_read(struct holder_msg *ret) {
    if (ours.reports < 0) return false;
    if (!receive(ours.made, ret) && !receive(ours.reports, ret)) return false;
    if (ret->op == HOLDER_MADE) note_made(ret);
    else note_end(ret);
    end_some();
    return true;
}

void holders_give_up(pid_t pid) {
    for (int i = 0; i < holders_len; i++) {
        if (holders[i].cell != pid) continue;
        holders[i].has_given_up = true;
        kill(holders[i].pid, SIGKILL);
        return;
    }
}

bool holders_ended(pid_t pid, pid_t *ret_cell) {
    struct holder *holder = find(pid);
    if (!holder) return false;
    *ret_cell = holder->has_given_up ? 0 : holder->cell;
    waiting -= holder->waits;
    if (leaving > 0 && holder->waits) leaving--;
    if (!holder->has_waited && holder->cell == 0) are_there = false;
    *holder = holders[--holders_len];
    return true;
}

int holders_take_back(uint32_t *ret_cell) {
    struct holder_msg job;
    int fd;
    do {
        if (are_there || descriptors_recv(theirs.jobs, &job, sizeof job, MSG_DONTWAIT, &fd) != sizeof job) return -1;
    } while (job.op == HOLDER_LEAVE);
    holders_forget(job.cell);
    *ret_cell = job.cell;
    return fd;
}
