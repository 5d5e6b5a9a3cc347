/* The zygote: starts the engine, evaluates the runtime, puts the jail around itself, then makes a cell for each FORK
   message, by a holder where it can (rewind.h) and by a fork where not, and reports each death. It reads nothing but its supervisor's messages and runs no worker's code; in the
   forked child, cell_main takes over and never returns.

   Started by a supervisor as `mayfly-cell NAMESPACES TRAITS` (flags of clone(2), or JAIL_OFF; zygote_wire.h) with the
   control socket as descriptor 3. */
#include "base/descriptors.h"
#include "base/macros.h"
#include "base/procfs.h"
#include "base/zygote_wire.h"
#include "cell/budget.h"
#include "cell/cell.h"
#include "cell/holders.h"
#include "cell/hugepages.h"
#include "cell/jail.h"
#include "cell/pages.h"
#include "cell/runtime_blob.h"
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define CONTROL_FD 3

/* Rehearsals before the first fork: after so many the runtime's code has been compiled once for all cells. */
#define REHEARSALS 3

/* What heads of LOAD, FETCH and RESPONSE name, what is looked for in them, and what the linker looks for in each module. */
static const char head_names[] =
    "['$mf_df','Response','body','codeBytes','compatibilityDate','compatibilityFlags','connect','connections','cpuMs',"
    "'default','env','envBytes','error','exports','fetch','headers','id','isCycle','isHoisted','isTailed','js','json',"
    "'kind','limits','liveCells','loadsPerSecond','logBytes','mainModule','members','memoryMb','message','method',"
    "'modules','name','openStubs','outbound','redirect','request','requests','responseBytes','rpcMessageBytes','size',"
    "'status','statusText','subRequests','target','text','url','wallMs']";

/* Blocks of up to this size, which hold the bytes of messages, leave their memory to the next one: a page given back to the
   kernel costs 10 to 15 us when it is touched again. */
#define KEPT_BLOCK_BYTES (4 << 20)

/* While one job follows the other, ends in order are read with the next, and told several at a time: each that is told wakes the
   supervisor. */
#define BUSY_MS         5
#define REPORTS_AT_ONCE 8

struct child {
    pid_t pid;
    uint32_t cell;
    uint64_t bytes_before; /* what its memory had held, at the most, before it began */
};

/* How a process ended, and what it used. */
struct end {
    pid_t pid;
    int status;
    uint64_t cpu_us, peak_bytes;
};

/* Invariant: a report that could not be sent waits in `reports`, in order, so that the zygote never blocks on its
   supervisor, which may be blocked on the zygote. */
struct zygote {
    struct engine *engine;
    bool adopts; /* its children's children become its own when those end */
    int signal_fd, oom_fd; /* oom_fd: this process's /proc/self/oom_score_adj, or -1 */
    char oom_score[12], oom_score_of_cells[12];
    struct child *children;
    int children_len, children_capacity;
    uint64_t anonymous_bytes; /* that it had before the first fork: each forked cell begins with as much */
    struct buf reports;
    int refused;  /* why holders make no cells now, as errno; ECONNRESET: not known */
    bool is_full; /* the supervisor has more to read than it may */
    bool is_busy; /* a job came just now: what can wait does */
};

static void send_msg(const struct zygote_msg *msg) {
    if (send(CONTROL_FD, msg, sizeof *msg, MSG_NOSIGNAL) < 0) _exit(1);
}

static void send_reports(struct zygote *z) {
    while (buf_len(&z->reports) > 0) {
        ssize_t n = send(CONTROL_FD, buf_bytes(&z->reports), sizeof(struct zygote_msg), MSG_NOSIGNAL | MSG_DONTWAIT);
        z->is_full = n < 0 && (errno == EAGAIN || errno == EINTR);
        if (z->is_full) return;
        if (n < 0) _exit(1);
        buf_consume(&z->reports, sizeof(struct zygote_msg));
    }
}

static void report(struct zygote *z, const struct zygote_msg *msg) {
    CHECK(buf_append(&z->reports, msg, sizeof *msg) == 0);
    if (!z->is_busy || msg->status != 0 || buf_len(&z->reports) >= REPORTS_AT_ONCE * sizeof *msg) send_reports(z);
}

static _Noreturn void refuse(const char *text) {
    struct zygote_msg msg = {.op = ZYGOTE_HELLO};
    snprintf(msg.text, sizeof msg.text, "%s", text);
    send_msg(&msg);
    _exit(1);
}

static void rehearse(struct zygote *z, bool is_zygote) {
    engine_call(z->engine, ENGINE_ON_WARM, &(struct engine_value){.kind = ENGINE_BOOLEAN, .number = is_zygote}, 1);
}

/* --- In a cell ------------------------------------------------------------------------------------------- */

static _Noreturn void cell_main(struct zygote *z, int owner_fd, enum cell_role role) {
    bool is_host = role == CELL_HOST;
    uint32_t layers = htole32(jail_cell(owner_fd, is_host));
    engine_forked(z->engine);
    CHECK(cell_open(&the_cell, owner_fd, role) == 0);
    if (!is_host) budget_open(owner_fd);
    jail_seal(role, the_cell.is_held);
    cell_send(&the_cell, 0,
              &(struct frame){.type = FRAME_READY, .payload = (uint8_t *)&layers, .payload_len = sizeof layers}, "", 0);
    cell_run(&the_cell);
}

/* --- Children --------------------------------------------------------------------------------------------------- */

static void remember(struct zygote *z, struct child child) {
    if (z->children_len == z->children_capacity) {
        z->children_capacity = z->children_capacity ? z->children_capacity * 2 : 64;
        z->children = realloc(z->children, (size_t)z->children_capacity * sizeof *z->children);
        CHECK(z->children);
    }
    z->children[z->children_len++] = child;
}

static void report_death(struct zygote *z, const struct end *end) {
    for (int i = 0; i < z->children_len; i++) {
        const struct child child = z->children[i];
        if (child.pid != end->pid) continue;
        z->children[i] = z->children[--z->children_len];
        report(z, &(struct zygote_msg){
                      .op = ZYGOTE_DIED,
                      .cell = child.cell,
                      .status = end->status,
                      .cpu_us = end->cpu_us,
                      .peak_bytes = end->peak_bytes > child.bytes_before ? end->peak_bytes - child.bytes_before : 0,
                  });
        return;
    }
}

static void read_holders(struct zygote *z) {
    for (struct holder_msg msg; holders_read(&msg);) {
        if (msg.op == HOLDER_MADE) {
            z->refused = ECONNRESET;
            remember(z, (struct child){msg.pid, msg.cell, msg.bytes_before});
        } else {
            report_death(z, &(struct end){msg.pid, msg.status, msg.cpu_us, msg.peak_bytes});
        }
    }
}

static void fork_cell(struct zygote *z, uint32_t cell, enum cell_role role, int fd);
static int fork_holder(struct zygote *z);

/* Jobs that wait need another, or a fork each. */
static void replace_holder(struct zygote *z) {
    uint32_t cell;
    if (holders_lack(0)) fork_holder(z);
    for (int fd; (fd = holders_take_back(&cell)) >= 0;) fork_cell(z, cell, CELL_PLAIN, fd);
}

static void reap(struct zygote *z) {
    struct signalfd_siginfo info;
    while (read(z->signal_fd, &info, sizeof info) > 0) {
    }
    struct rusage used;
    pid_t its_cell;
    for (struct end end; (end.pid = wait4(-1, &end.status, WNOHANG, &used)) > 0;) {
        read_holders(z); /* what tells of it was sent before it ended */
        if (holders_ended(end.pid, &its_cell)) {
            if (its_cell) report_death(z, &(struct end){.pid = its_cell, .status = end.status});
            if (WIFEXITED(end.status) && WEXITSTATUS(end.status) > 1) z->refused = WEXITSTATUS(end.status);
            replace_holder(z);
            continue;
        }
        end.peak_bytes = (uint64_t)used.ru_maxrss * 1024u;
        end.cpu_us = (uint64_t)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1000000u +
                     (uint64_t)(used.ru_utime.tv_usec + used.ru_stime.tv_usec);
        report_death(z, &end);
    }
}

/* What a cell inherits: when memory runs out, a dynamic worker's goes, not what all others depend on. A cell could not
   say so itself, since it has no files; and who has raised its number may lower it again as far as it was. */
static void be_expendable(const struct zygote *z, bool is_expendable) {
    const char *score = is_expendable ? z->oom_score_of_cells : z->oom_score;
    if (z->oom_fd >= 0 && write(z->oom_fd, score, strlen(score)) < 0) return; /* where it is lower than may be */
}

static void fork_cell(struct zygote *z, uint32_t cell, enum cell_role role, int fd) {
    bool is_host = role == CELL_HOST;
    if (!is_host) be_expendable(z, true);
    pid_t pid = _Fork(); /* no handlers: there is one thread, and nothing is locked */
    if (pid == 0) {
        pages_take(); /* before any of them is read: a page that was read before it is written costs thrice as much */
        cell_main(z, fd, role);
    }
    int status = -errno;
    if (!is_host) be_expendable(z, false);
    close(fd);
    if (pid > 0) {
        remember(z, (struct child){pid, cell, z->anonymous_bytes});
    } else {
        report(z, &(struct zygote_msg){.op = ZYGOTE_DIED, .cell = cell, .status = status});
    }
}

static int fork_holder(struct zygote *z) {
    be_expendable(z, true);
    int r = holders_fork();
    be_expendable(z, false);
    return r;
}

static void hold_cell(struct zygote *z, uint32_t cell, int fd) {
    int r = 0;
    if (holders_lack(1)) r = fork_holder(z);
    if (r == 0) r = holders_give(cell, fd);
    close(fd);
    if (r < 0) report(z, &(struct zygote_msg){.op = ZYGOTE_DIED, .cell = cell, .status = r});
}

static void make_cell(struct zygote *z, const struct zygote_msg *msg, int fd) {
    if (msg->role == CELL_PLAIN && holders_are_there()) hold_cell(z, msg->cell, fd);
    else fork_cell(z, msg->cell, (enum cell_role)msg->role, fd);
}

static void kill_cell(struct zygote *z, uint32_t cell) {
    for (int i = 0; i < z->children_len; i++) {
        if (z->children[i].cell == cell) kill(z->children[i].pid, SIGKILL);
    }
    if (holders_forget(cell)) report(z, &(struct zygote_msg){.op = ZYGOTE_DIED, .cell = cell, .status = -z->refused});
}

static void keep_cell(struct zygote *z, uint32_t cell) {
    for (int i = 0; z->adopts && i < z->children_len; i++) {
        if (z->children[i].cell == cell) holders_give_up(z->children[i].pid);
    }
}

/* --- Control ---------------------------------------------------------------------------------------------------- */

static void take_message(struct zygote *z) {
    struct zygote_msg msg;
    int fd;
    ssize_t n = descriptors_recv(CONTROL_FD, &msg, sizeof msg, 0, &fd);
    if (n < 0 && errno == EINTR) return;
    if (n != sizeof msg) _exit(0); /* the supervisor is gone, and with the zygote all cells go */
    z->is_busy = msg.op == ZYGOTE_FORK;
    if (msg.op == ZYGOTE_FORK && fd >= 0) make_cell(z, &msg, fd);
    if (msg.op == ZYGOTE_FORK && fd < 0) { /* there was no number left for it */
        report(z, &(struct zygote_msg){.op = ZYGOTE_DIED, .cell = msg.cell, .status = -EMFILE});
    }
    if (msg.op == ZYGOTE_KILL) kill_cell(z, msg.cell);
    if (msg.op == ZYGOTE_KEEP) keep_cell(z, msg.cell);
}

static _Noreturn void serve(struct zygote *z) {
    for (;;) {
        struct pollfd fds[4] = {{.fd = CONTROL_FD, .events = (short)(z->is_full ? POLLIN | POLLOUT : POLLIN)},
                                {.fd = z->signal_fd, .events = POLLIN},
                                {.fd = holders_fd(), .events = POLLIN},
                                {.fd = holders_fd_of_order(), .events = POLLIN}};
        int ready = poll(fds, z->is_busy ? 3 : 4, z->is_busy ? BUSY_MS : -1);
        z->is_busy = ready < 0 ? errno == EINVAL : z->is_busy && ready > 0; /* EINVAL: this process may have no more than three */
        if (ready < 0) continue;
        read_holders(z); /* before a message that may be of a cell that they made */
        if (fds[1].revents) reap(z);
        if (ready == 0 || fds[0].revents & POLLOUT) send_reports(z);
        if (fds[0].revents & ~POLLOUT) take_message(z);
    }
}

/* --- Start ------------------------------------------------------------------------------------------------------ */

static void start_engine(struct zygote *z, bool is_jitless) {
    char message[180];
    mallopt(M_MMAP_THRESHOLD, KEPT_BLOCK_BYTES);
    mallopt(M_TRIM_THRESHOLD, 2 * KEPT_BLOCK_BYTES);
    z->engine = engine_new(is_jitless);
    if (!z->engine) refuse("the engine did not start: out of memory?");
    the_cell.engine = z->engine;
    engine_keep_names(z->engine, head_names);
    cell_natives_add(&the_cell);
    if (engine_boot(z->engine, runtime_source, (size_t)(runtime_source_end - runtime_source), message, sizeof message) <
        0) {
        refuse(message);
    }
}

static void rehearse_all(struct zygote *z) {
    for (int i = 0; i < REHEARSALS; i++) rehearse(z, true);
    /* What the functions of the common path write when they run comes to lie together, on fewer pages of a cell's own. A
       collection empties inline caches, which are filled again, so that no cell has to; and what a cell may allocate before it
       collects for the first time is as much as can be. */
    engine_unlink(z->engine);
    engine_collect(z->engine, true);
    for (int i = 0; i < REHEARSALS; i++) rehearse(z, false);
    rehearse(z, true); /* all others are linked, too, behind these */
    rehearse(z, false);
}

/* In the trainee: a cell's whole work, from the socket to the answer. */
static void train(void *context) {
    static const char source[] = "export default { fetch(request, env) { return Response.json({ a: env.A }); } };";
    static const char fetch_head[] =
        "{\"method\":\"GET\",\"url\":\"http://rehearsal/a?b\",\"headers\":[[\"a\",\"b\"]]}";
    struct buf frames = {0}, head = {0};
    int sockets[2];
    (void)context;
    buf_printf(&head,
               "{\"mainModule\":\"main.js\",\"compatibilityDate\":\"2026-01-01\",\"compatibilityFlags\":[],"
               "\"outbound\":null,\"env\":{\"A\":\"b\"},\"envBytes\":0,"
               "\"modules\":[{\"name\":\"main.js\",\"kind\":\"js\",\"size\":%zu}]}",
               sizeof source - 1);
    frame_put(&frames, FRAME_LOAD, 0, 0, (char *)buf_bytes(&head), buf_len(&head), source, sizeof source - 1);
    frame_put(&frames, FRAME_FETCH, FRAME_FIN | FRAME_NOBODY, 2, fetch_head, sizeof fetch_head - 1, NULL, 0);
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, sockets) < 0) return;
    if (send(sockets[1], buf_bytes(&frames), buf_len(&frames), 0) < 0) return;
    if (cell_open(&the_cell, sockets[0], CELL_PLAIN) == 0) cell_turn(&the_cell);
}

static void open_oom_score(struct zygote *z) {
    z->oom_fd = open("/proc/self/oom_score_adj", O_RDWR | O_CLOEXEC);
    ssize_t n = z->oom_fd < 0 ? 0 : read(z->oom_fd, z->oom_score, sizeof z->oom_score - 1);
    int score = n > 0 ? atoi(z->oom_score) : 0;
    snprintf(z->oom_score, sizeof z->oom_score, "%d", score);
    snprintf(z->oom_score_of_cells, sizeof z->oom_score_of_cells, "%d", score < 500 ? score + 500 : 1000);
}

int main(int argc, char **argv) {
    if (argc != 3 || fcntl(CONTROL_FD, F_GETFD) < 0) {
        fprintf(stderr, "mayfly-cell is started by mayfly, not by hand\n");
        return 2;
    }
    int namespaces = atoi(argv[1]);
    unsigned traits = (unsigned)atoi(argv[2]);
    bool is_jitless = traits & ZYGOTE_JITLESS, is_brief = traits & ZYGOTE_BRIEF;
    close_range(CONTROL_FD + 1, ~0u, 0);

    struct zygote z = {.refused = ECONNRESET};
    clearenv();
    setenv("TZ", "UTC", 1);
    if (!is_brief) hugepages_move_library("libjavascriptcoregtk");
    start_engine(&z, is_jitless);
    if (!is_brief) rehearse_all(&z);
    int threads = engine_settle(z.engine);
    if (threads != 1) refuse("the engine's threads did not end; a fork now could hang");

    if (is_jitless && procfs_has_writable_code() != 0) refuse("without its JIT the engine still has memory for code");

    budget_prepare();
    patience_measure();
    if (!is_brief && pages_learn(train, &z) < 0) fprintf(stderr, "mayfly-cell: no pages were learned; cells start slower\n");

    CHECK(procfs_anonymous_bytes(0, &z.anonymous_bytes) == 0);
    sigset_t child;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    sigprocmask(SIG_BLOCK, &child, NULL);
    z.signal_fd = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
    CHECK(z.signal_fd >= 0);
    open_oom_score(&z);
    z.adopts = namespaces != JAIL_OFF && namespaces & CLONE_NEWPID; /* elsewhere cells would die with their holders */
    signal(SIGINT, SIG_IGN); /* a terminal's interrupt is the supervisor's to handle */
    int proc_fd = -1;
    bool has_holders = !is_brief && !(traits & ZYGOTE_FORKING) && holders_prepare(&proc_fd) == 0;
    if (namespaces != JAIL_OFF) {
        jail_scrub(argc, argv);
        jail_zygote(namespaces, is_jitless, proc_fd);
    }
    int owner_fd, at = has_holders ? rewind_point(&owner_fd) : -1;
    if (at > 0) {
        the_cell.is_held = true;
        cell_main(&z, owner_fd, CELL_PLAIN);
    }
    holders_start(at == 0);
    send_msg(&(struct zygote_msg){.op = ZYGOTE_HELLO,
                                  .confinement = jail_layers(),
                                  .threads = (uint32_t)threads,
                                  .rewinds = at == 0,
                                  .peak_bytes = z.anonymous_bytes});
    serve(&z);
}
