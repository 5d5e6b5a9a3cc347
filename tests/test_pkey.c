/* Memory under a protection key, on machines that have any; on others the report says so, and nothing is tried. `make vm`
   tries it, in an emulated processor that has them. */
#include "cell/pkey.h"
#include "tests/check.h"
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static struct state {
    int number;
} __attribute__((aligned(PKEY_PAGE_BYTES))) state;

static struct neighbour {
    int number;
} __attribute__((aligned(PKEY_PAGE_BYTES))) neighbour;

/* Once; the key stays for all cases. */
static bool has_keys(void) {
    static int known = -1;
    if (known < 0) {
        known = pkey_protect(&state, sizeof state);
        if (!known) printf("# protection keys: absent: not tested\n");
    }
    return known;
}

static void on_signal(int number) {
    pkey_open();
    state.number += number;
}

/* What of it is left to a forked child: the signal that it died of, or 0 when it got through. */
static int try(void (*act)(void)) {
    int status = 0;
    pid_t pid = fork();
    if (pid == 0) {
        act();
        _exit(0);
    }
    waitpid(pid, &status, 0);
    return WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);
}

static void write_state(void) {
    *(volatile int *)&state.number = 1;
}

static void read_state(void) {
    (void)*(volatile int *)&state.number;
}

static void write_neighbour(void) {
    *(volatile int *)&neighbour.number = 1;
}

TEST(open_and_closed) {
    if (!has_keys()) return;
    EXPECT_INT(try(write_state), 0);
    pkey_close();
    EXPECT_INT(try(write_state), SIGSEGV);
    EXPECT_INT(try(read_state), SIGSEGV);
    EXPECT_INT(try(write_neighbour), 0);
    pkey_open();
    EXPECT_INT(try(write_state), 0);
}

TEST(a_handler_opens_it_for_itself) {
    if (!has_keys()) return;
    state.number = 0;
    signal(SIGUSR1, on_signal);
    pkey_close();
    raise(SIGUSR1);
    EXPECT_INT(try(read_state), SIGSEGV); /* closed again where it was */
    pkey_open();
    EXPECT_INT(state.number, SIGUSR1);
}

TEST(without_keys_nothing_is_done) {
    if (has_keys()) return;
    pkey_close();
    EXPECT_INT(try(write_state), 0);
    pkey_open();
    EXPECT_INT(try(write_state), 0);
}

TEST_MAIN()
