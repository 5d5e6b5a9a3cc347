/* libmayfly against a cell that lies: tests/hostile_cell.c sends what each case puts into a module. */
#include "base/frame.h"
#include "tests/library_fixture.h"

#define CALL_ID 2 /* of a worker's first call */

static struct buf said;

static void say(uint8_t type, uint32_t id, const char *head) {
    if (frame_put(&said, type, 0, id, head, strlen(head), NULL, 0) < 0) abort();
}

static void answer(void *ctx, struct mf_call *called, const char *method, const char *args) {
    (void)ctx;
    snprintf(asked.text, sizeof asked.text, "%s%s", method, args);
    mf_call_return(called, "1");
}

static void keep_waiting(void *ctx, struct mf_call *called, const char *method, const char *args) {
    (void)method;
    (void)args;
    *(struct mf_call **)ctx = called;
}

/* Makes a loader whose cells are hostile ones. */
static void use_hostile_cells(void) {
    static char path[PATH_MAX];
    struct mf_config config;
    if (the_loader) return;
    ssize_t n = readlink("/proc/self/exe", path, sizeof path - 16);
    path[n > 0 ? n : 0] = 0;
    strcpy(strrchr(path, '/') + 1, "hostile_cell");
    mf_config_init(&config);
    config.cell_path = path;
    if (mf_loader_new(&config, &the_loader, &error) == 0) return;
    printf("# no loader: %s\n", error.message);
    exit(1);
}

/* Starts a worker that says what was put together, and a call; ends with the call's outcome. */
static struct outcome outcome_of(const char *afterwards, mf_call_handler *handler, void *ctx) {
    struct mf_worker *worker;
    struct outcome loaded = {0}, called = {0};
    struct mf_capability capability = {"CAP", handler, ctx};
    use_hostile_cells();
    begin("");
    module = (struct mf_module){afterwards, MF_KIND_DATA, buf_bytes(&said), buf_len(&said)};
    code.capabilities = &capability;
    code.capabilities_len = 1;
    code.limits.wall_ms = 3000;
    if (mf_worker_load_start(the_loader, &code, on_loaded, &loaded, &worker, &error) < 0) abort();
    if (mf_worker_call_start(worker, NULL, "f", NULL, on_done, &called, &error) < 0) abort();
    dispatch_until(the_loader, &called.times, 1);
    mf_worker_free(worker);
    buf_done(&said);
    return called;
}

static void expect_breach(const char *text) {
    struct outcome outcome = outcome_of("stay", answer, NULL);
    EXPECT_INT(outcome.result, -EOWNERDEAD);
    if (!strstr(outcome.death, text)) EXPECT_STR(outcome.death, text);
}

TEST(an_honest_answer_of_the_stand_in_counts) {
    say(FRAME_STARTED, 0, "{}");
    say(FRAME_RETURN, CALL_ID, " {\"a\": [1]} ");
    struct outcome outcome = outcome_of("stay", answer, NULL);
    EXPECT_INT(outcome.result, 0);
    EXPECT_STR(outcome.json, "{\"a\": [1]}");
}

TEST(garbage_bytes_end_the_cell) {
    for (int i = 0; i < 64; i++) buf_append(&said, "\xff\x00\x7f\x80", 4);
    expect_breach("a frame that is not allowed");
}

TEST(a_frame_that_is_too_large_ends_the_cell) {
    buf_append(&said, "\xff\xff\xff\x7f\x05\x00\x00\x00\x02\x00\x00\x00", 12);
    expect_breach("a frame that is not allowed");
}

TEST(a_frame_that_is_not_a_workers_ends_the_cell) {
    say(FRAME_GRANT, 0, "");
    expect_breach("a frame that is not allowed");
}

TEST(a_head_beyond_its_frame_ends_the_cell) {
    buf_append(&said, "\x04\x00\x00\x00\x05\x00\x00\x00\x02\x00\x00\x00\xff\xff\x00\x00", 16);
    expect_breach("a frame that is not allowed");
}

TEST(a_second_start_ends_the_cell) {
    say(FRAME_STARTED, 0, "{}");
    say(FRAME_STARTED, 0, "{}");
    expect_breach("an unexpected STARTED");
}

TEST(a_start_that_is_not_json_ends_the_cell) {
    say(FRAME_STARTED, 0, "{");
    expect_breach("an unexpected STARTED");
}

TEST(an_answer_to_nothing_ends_the_cell) {
    say(FRAME_STARTED, 0, "{}");
    say(FRAME_RETURN, 4711, "1");
    expect_breach("an answer to a call that was not made");
}

TEST(a_result_that_is_not_json_fails_the_call) {
    say(FRAME_STARTED, 0, "{}");
    say(FRAME_RETURN, CALL_ID, "{\"a\":\"\xff\"}");
    struct outcome outcome = outcome_of("stay", answer, NULL);
    EXPECT_INT(outcome.result, -EBADMSG);
    EXPECT_STR(outcome.message, "the worker's result is not JSON");
}

TEST(an_empty_result_fails_the_call) {
    say(FRAME_STARTED, 0, "{}");
    say(FRAME_RETURN, CALL_ID, "");
    EXPECT_INT(outcome_of("stay", answer, NULL).result, -EBADMSG);
}

TEST(a_result_as_deep_as_the_sea_fails_the_call) {
    static char deep[200001];
    memset(deep, '[', 100000);
    memset(deep + 100000, ']', 100000);
    say(FRAME_STARTED, 0, "{}");
    say(FRAME_RETURN, CALL_ID, deep);
    EXPECT_INT(outcome_of("stay", answer, NULL).result, -EBADMSG);
}

TEST(an_exception_that_is_not_json_is_an_error) {
    say(FRAME_STARTED, 0, "{}");
    say(FRAME_THROW, CALL_ID, "nonsense");
    struct outcome outcome = outcome_of("stay", answer, NULL);
    EXPECT_INT(outcome.result, -EREMOTEIO);
    EXPECT_STR(outcome.message, "the worker threw something that is not JSON");
}

TEST(an_exception_of_the_wrong_shape_is_an_error) {
    say(FRAME_STARTED, 0, "{}");
    say(FRAME_THROW, CALL_ID, "{\"name\":[],\"message\":7}");
    struct outcome outcome = outcome_of("stay", answer, NULL);
    EXPECT_INT(outcome.result, -EREMOTEIO);
    EXPECT_STR(outcome.message, "");
}

TEST(a_log_of_the_wrong_shape_ends_the_cell) {
    say(FRAME_LOG, 0, "{\"level\":\"log\"}");
    expect_breach("a LOG without level and message");
}

TEST(a_call_with_the_owners_id_ends_the_cell) {
    say(FRAME_CALL, 2, "{\"binding\":\"CAP\",\"method\":\"f\",\"args\":[]}");
    expect_breach("a CALL whose id is not its own");
}

TEST(a_call_whose_id_is_taken_ends_the_cell) {
    struct mf_call *waiting = NULL;
    say(FRAME_CALL, 1, "{\"binding\":\"CAP\",\"method\":\"f\",\"args\":[]}");
    say(FRAME_CALL, 1, "{\"binding\":\"CAP\",\"method\":\"f\",\"args\":[]}");
    struct outcome outcome = outcome_of("stay", keep_waiting, &waiting);
    EXPECT(strstr(outcome.death, "a CALL whose id is not its own"));
    EXPECT_INT(mf_call_throw(waiting, NULL, NULL), 0);
}

TEST(a_call_of_a_foreign_binding_ends_the_cell) {
    say(FRAME_CALL, 1, "{\"binding\":\"OTHER\",\"method\":\"f\",\"args\":[]}");
    expect_breach("a binding that it does not have");
}

TEST(a_call_without_arguments_ends_the_cell) {
    say(FRAME_CALL, 1, "{\"binding\":\"CAP\",\"method\":\"f\",\"args\":{}}");
    expect_breach("a CALL without binding, method and arguments");
}

TEST(names_with_nul_do_not_pass_as_shorter_ones) {
    say(FRAME_CALL, 1, "{\"binding\":\"CAP\\u0000X\",\"method\":\"f\",\"args\":[]}");
    expect_breach("a binding that it does not have");
}

/* Gives the worker's n calls up, which nobody answers. */
static struct mf_call *hoard[2048];
static int hoard_len, given_up;

static void note_cancel(void *ctx, struct mf_call *called, int result) {
    (void)ctx;
    (void)called;
    given_up += result == -ECANCELED;
}

static void keep_all(void *ctx, struct mf_call *called, const char *method, const char *args) {
    (void)ctx;
    (void)method;
    (void)args;
    hoard[hoard_len++] = called;
    mf_call_on_cancel(called, note_cancel, NULL);
}

static void answer_all(void) {
    for (int i = 0; i < hoard_len; i++) EXPECT_INT(mf_call_return(hoard[i], "1"), 0);
    hoard_len = given_up = 0;
}

TEST(calls_that_are_given_up_count_until_they_are_answered) {
    for (uint32_t id = 1; id < 2 * 1500; id += 2) {
        say(FRAME_CALL, id, "{\"binding\":\"CAP\",\"method\":\"f\",\"args\":[]}");
        say(FRAME_RESET, id, "{}");
    }
    say(FRAME_STARTED, 0, "{}");
    say(FRAME_RETURN, CALL_ID, "1");
    EXPECT_INT(outcome_of("stay", keep_all, NULL).result, 0);
    EXPECT_INT(hoard_len, 1024);
    EXPECT_INT(given_up, 1024);
    answer_all();
}

TEST(a_call_is_given_up_once) {
    say(FRAME_CALL, 1, "{\"binding\":\"CAP\",\"method\":\"f\",\"args\":[]}");
    say(FRAME_RESET, 1, "nonsense");
    say(FRAME_RESET, 1, "");
    say(FRAME_STARTED, 0, "{}");
    say(FRAME_RETURN, CALL_ID, "1");
    EXPECT_INT(outcome_of("stay", keep_all, NULL).result, 0);
    EXPECT_INT(hoard_len, 1);
    EXPECT_INT(given_up, 1);
    answer_all();
}

TEST(giving_up_what_was_not_called_is_nothing) {
    say(FRAME_RESET, 1, "{}");
    say(FRAME_RESET, CALL_ID, "{}");
    say(FRAME_RESET, 0xffffffff, "{}");
    say(FRAME_STARTED, 0, "{}");
    say(FRAME_RETURN, CALL_ID, "1");
    EXPECT_INT(outcome_of("stay", answer, NULL).result, 0);
}

TEST(the_id_of_a_call_that_was_given_up_is_taken) {
    say(FRAME_CALL, 1, "{\"binding\":\"CAP\",\"method\":\"f\",\"args\":[]}");
    say(FRAME_RESET, 1, "{}");
    say(FRAME_CALL, 1, "{\"binding\":\"CAP\",\"method\":\"f\",\"args\":[]}");
    struct outcome outcome = outcome_of("stay", keep_all, NULL);
    EXPECT(strstr(outcome.death, "a CALL whose id is not its own"));
    answer_all();
}

TEST(a_cell_that_answers_and_exits_has_answered) {
    say(FRAME_STARTED, 0, "{}");
    say(FRAME_RETURN, CALL_ID, "\"last words\"");
    EXPECT_STR(outcome_of("exit", answer, NULL).json, "\"last words\"");
}

TEST(a_cell_that_exits_tells_its_status) {
    say(FRAME_STARTED, 0, "{}");
    struct outcome outcome = outcome_of("exit", answer, NULL);
    EXPECT_INT(outcome.result, -EOWNERDEAD);
    EXPECT_STR(outcome.death, "exited with status 7");
}

TEST(a_cell_that_exits_at_start_tells_its_status) {
    EXPECT_STR(outcome_of("exit", answer, NULL).death, "exited with status 7");
}

TEST(a_cell_that_crashes_tells_its_signal) {
    say(FRAME_STARTED, 0, "{}");
    EXPECT_STR(outcome_of("crash", answer, NULL).death, "crashed with signal 11 (Segmentation fault)");
}

TEST(a_cell_that_closes_its_channel_is_killed) {
    say(FRAME_STARTED, 0, "{}");
    struct outcome outcome = outcome_of("close", answer, NULL);
    EXPECT_INT(outcome.result, -EOWNERDEAD);
    EXPECT_STR(outcome.death, "closed its channel, and was killed");
}

TEST(a_cell_that_says_nothing_is_killed) {
    struct outcome outcome = outcome_of("stay", answer, NULL);
    EXPECT_INT(outcome.result, -ETIMEDOUT);
    EXPECT_STR(outcome.death, "was killed: wall-time limit of 3000 ms");
}

TEST_MAIN()
