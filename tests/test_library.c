/* libmayfly with real cells, through its public header. */
#include "tests/library_fixture.h"

/* --- Results and errors ----------------------------------------------------------------------------------------- */

TEST(a_result_comes_back) {
    EXPECT_STR(run("export default (a, b) => ({ sum: a + b })", "[1, 2]"), "{\"sum\":3}");
}

TEST(an_async_result_comes_back) {
    EXPECT_STR(
        run("export default async (ms) => { await new Promise((f) => setTimeout(f, ms)); return 'late' }", "[5]"),
        "\"late\"");
}

TEST(undefined_is_null) {
    EXPECT_STR(run("export default () => {}", NULL), "null");
}

TEST(a_default_export_that_is_a_value_is_the_result) {
    EXPECT_STR(run("export default [1, { a: null }]", NULL), "[1,{\"a\":null}]");
}

TEST(text_keeps_its_characters) {
    EXPECT_STR(run("export default (s) => s + s.length", "[\"\\u0000\\\"\xf0\x9f\x98\x80\\ud800\"]"),
               "\"\\u0000\\\"\xf0\x9f\x98\x80\\ud8005\"");
}

TEST(large_integers_come_back) {
    EXPECT_STR(run("export default (n) => n * 10", "[12345678901234567000]"), "123456789012345670000");
}

TEST(a_method_of_a_class_is_called) {
    struct mf_worker *worker = load("import { WorkerEntrypoint } from 'cloudflare:workers';"
                                    "export default class extends WorkerEntrypoint { twice(a) { return a * 2 } }");
    EXPECT_STR(call(worker, "twice", "[21]"), "42");
    EXPECT_STR(call(worker, "twice", "[4]"), "8");
    mf_worker_free(worker);
}

TEST(a_named_entrypoint_gets_its_props) {
    struct mf_worker *worker = load("import { WorkerEntrypoint } from 'cloudflare:workers';"
                                    "export class Shop extends WorkerEntrypoint { who() { return this.ctx.props.who } }"
                                    "export default {};");
    struct mf_target target = {"Shop", "{\"who\":\"me\"}"};
    char *json = NULL;
    EXPECT(worker);
    EXPECT_INT(mf_worker_call(worker, &target, "who", NULL, &json, &error), 0);
    EXPECT_STR(json, "\"me\"");
    mf_free(json);
    mf_worker_free(worker);
}

TEST(an_exception_has_name_and_message) {
    struct mf_worker *worker = load("export default () => { throw new RangeError('too far') }");
    EXPECT_INT(mf_worker_call(worker, NULL, "", NULL, NULL, &error), -EREMOTEIO);
    EXPECT_STR(error.name, "RangeError");
    EXPECT_STR(error.message, "too far");
    EXPECT_STR(error.death, "");
    mf_worker_free(worker);
}

TEST(a_worker_goes_on_after_an_exception) {
    struct mf_worker *worker = load("let n = 0; export default () => { if (n++ === 0) throw 1; return n }");
    EXPECT_STR(call(worker, "", NULL), "!Error: 1");
    EXPECT_STR(call(worker, "", NULL), "2");
    mf_worker_free(worker);
}

TEST(a_missing_method_is_named) {
    struct mf_worker *worker = load("export default { here() {} }");
    EXPECT(strstr(call(worker, "absent", "[1]"), "\"absent\""));
    mf_worker_free(worker);
}

TEST(a_missing_entrypoint_is_named) {
    struct mf_worker *worker = load("export default {}");
    struct mf_target target = {"Absent", NULL};
    char *json;
    EXPECT_INT(mf_worker_call(worker, &target, "f", NULL, &json, &error), -EREMOTEIO);
    EXPECT(strstr(error.message, "Absent"));
    mf_worker_free(worker);
}

TEST(a_syntax_error_ends_the_load) {
    EXPECT(!load("export default 1;\nlet x = ;"));
    EXPECT(strstr(error.message, "SyntaxError"));
    EXPECT(strstr(error.message, "main.js:2:9"));
}

TEST(a_module_that_is_not_there_ends_the_load) {
    EXPECT(!load("import './absent.js'"));
    EXPECT(strstr(error.message, "absent.js"));
}

TEST(an_exception_at_start_ends_the_load) {
    EXPECT(!load("throw new TypeError('no start')"));
    EXPECT(strstr(error.message, "TypeError: no start"));
}

TEST(a_long_message_is_cut) {
    struct mf_worker *worker = load("export default () => { throw new Error('\\u00e4'.repeat(100000)) }");
    call(worker, "", NULL);
    EXPECT(strlen(error.message) >= sizeof error.message - 3);
    EXPECT_INT((unsigned char)error.message[strlen(error.message) - 1], 0xa4);
    mf_worker_free(worker);
}

TEST(megabytes_go_there_and_back) {
    size_t len = 8 << 20;
    char *args = malloc(len + 5), *json = NULL;
    memset(args, 'x', len + 4);
    memcpy(args, "[\"", 2);
    memcpy(args + len + 2, "\"]", 3);
    struct mf_worker *worker = load("export default (s) => s");
    EXPECT(worker);
    EXPECT_INT(mf_worker_call(worker, NULL, "", args, &json, &error), 0);
    EXPECT_INT(strlen(json), len + 2);
    mf_free(json);
    free(args);
    mf_worker_free(worker);
}

/* --- Modules and env -------------------------------------------------------------------------------------------- */

TEST(modules_of_every_kind) {
    static const unsigned char wasm[] = {0, 'a', 's', 'm', 1, 0, 0, 0};
    static const char source[] =
        "import t from './note.txt'; import d from './blob.bin'; import j from './data.json';"
        "import c from './old.cjs'; import w from './empty.wasm'; import { n } from './typed.ts';"
        "export default () => [t, d.byteLength, j.a, c.b, w instanceof WebAssembly.Module, n]";
    struct mf_module modules[] = {{"main.js", MF_KIND_BY_NAME, source, strlen(source)},
                                  {"note.txt", MF_KIND_BY_NAME, "hello", 5},
                                  {"blob.bin", MF_KIND_BY_NAME, "\0\1\2", 3},
                                  {"data.json", MF_KIND_BY_NAME, "{\"a\":1}", 7},
                                  {"old.cjs", MF_KIND_BY_NAME, "exports.b = 2", 13},
                                  {"empty.wasm", MF_KIND_BY_NAME, wasm, sizeof wasm},
                                  {"typed.ts", MF_KIND_BY_NAME, "export const n: number = 3", 26}};
    begin("");
    code.modules = modules;
    code.modules_len = sizeof modules / sizeof modules[0];
    struct mf_worker *worker = load_code();
    EXPECT_STR(call(worker, "", NULL), "[\"hello\",3,1,2,true,3]");
    mf_worker_free(worker);
}

TEST(variables_are_in_env) {
    struct mf_variable variables[] = {{"TEXT", "\"t\""}, {"LIST", " [1,{\"a\":null}] "}};
    begin("import { env } from 'cloudflare:workers'; export default () => [env.TEXT, env.LIST]");
    code.variables = variables;
    code.variables_len = 2;
    struct mf_worker *worker = load_code();
    EXPECT_STR(call(worker, "", NULL), "[\"t\",[1,{\"a\":null}]]");
    mf_worker_free(worker);
}

TEST(logs_come_with_their_level) {
    struct mf_worker *worker = load("console.warn('at', 'start'); export default () => { console.log({ a: 1 }) }");
    call(worker, "", NULL);
    EXPECT(strstr(logged.text, "warn: at start\n") == logged.text);
    EXPECT(strstr(logged.text, "\nlog: "));
    mf_worker_free(worker);
}

TEST(there_is_no_network) {
    EXPECT(strstr(run("export default () => fetch('http://127.0.0.1/')", NULL), "!"));
}

/* --- Limits and deaths ------------------------------------------------------------------------------------------ */

TEST(a_call_that_takes_too_long_is_killed) {
    begin("export default () => { for (;;); }");
    code.limits.wall_ms = 1000; /* of the load as well */
    struct mf_worker *worker = load_code();
    EXPECT_INT(mf_worker_call(worker, NULL, "", NULL, NULL, &error), -ETIMEDOUT);
    EXPECT_STR(error.death, "was killed: wall-time limit of 1000 ms");
    EXPECT(strstr(error.message, error.death));
    EXPECT_INT(mf_worker_call(worker, NULL, "", NULL, NULL, &error), -ETIMEDOUT);
    EXPECT_STR(error.death, "was killed: wall-time limit of 1000 ms");
    mf_worker_free(worker);
}

TEST(a_call_that_waits_for_ever_is_killed) {
    begin("export default () => new Promise(() => setInterval(() => {}, 1000))");
    code.limits.wall_ms = 1000; /* of the load as well */
    struct mf_worker *worker = load_code();
    EXPECT_INT(mf_worker_call(worker, NULL, "", NULL, NULL, &error), -ETIMEDOUT);
    mf_worker_free(worker);
}

TEST(a_start_that_takes_too_long_is_killed) {
    begin("for (;;);");
    code.limits.wall_ms = 60;
    struct mf_worker *worker = NULL;
    EXPECT_INT(mf_worker_load(loader(), &code, &worker, &error), -ETIMEDOUT);
    EXPECT_STR(error.death, "was killed: wall-time limit of 60 ms");
    EXPECT(!worker);
}

TEST(a_limit_is_of_each_call) {
    begin("export default () => new Promise((f) => setTimeout(() => f(1), 200))");
    code.limits.wall_ms = 2000;
    struct mf_worker *worker = load_code();
    for (int i = 0; i < 11; i++) EXPECT_STR(call(worker, "", NULL), "1");
    mf_worker_free(worker);
}

TEST(a_limit_of_one_worker_leaves_others_alone) {
    struct mf_worker *other = load("export default () => new Promise((f) => setTimeout(() => f('fine'), 100))");
    struct outcome outcome = {0};
    EXPECT_INT(mf_worker_call_start(other, NULL, "", NULL, on_done, &outcome, &error), 0);
    begin("export default () => { for (;;); }");
    code.limits.wall_ms = 1000; /* of the load as well */
    struct mf_worker *worker = load_code();
    EXPECT_INT(mf_worker_call(worker, NULL, "", NULL, NULL, &error), -ETIMEDOUT);
    EXPECT(dispatch_until(loader(), &outcome.times, 1));
    EXPECT_STR(outcome.json, "\"fine\"");
    mf_worker_free(worker);
    mf_worker_free(other);
}

/* Sends a signal to all cells of all loaders. */
static void signal_cells(int signal) {
    int zygotes[4], cells[64];
    for (int i = 0, n = children_of(getpid(), zygotes, 4); i < n; i++) {
        for (int j = 0, m = cells_of(zygotes[i], cells, 64); j < m; j++) kill(cells[j], signal);
    }
}

/* In a loader of its own, since idle cells die too. */
static void expect_death(int signal, const char *death) {
    mf_loader_free(the_loader);
    the_loader = NULL;
    struct mf_worker *worker = load("export default () => new Promise((f) => setTimeout(f, 10000))");
    struct outcome outcome[2] = {0};
    EXPECT(worker);
    for (int i = 0; i < 2; i++) {
        EXPECT_INT(mf_worker_call_start(worker, NULL, "", NULL, on_done, &outcome[i], &error), 0);
    }
    mf_loader_dispatch(loader());
    signal_cells(signal);
    for (int i = 0; i < 2; i++) {
        EXPECT(dispatch_until(loader(), &outcome[i].times, 1));
        EXPECT_INT(outcome[i].result, -EOWNERDEAD);
        EXPECT_STR(outcome[i].death, death);
    }
    EXPECT(strstr(call(worker, "", NULL), death));
    mf_worker_free(worker);
    mf_loader_free(the_loader);
    the_loader = NULL;
}

TEST(a_cell_that_is_killed_mid_call_tells) {
    expect_death(SIGKILL, "was killed with signal 9 (Killed)");
}

TEST(a_cell_that_crashes_mid_call_tells) {
    expect_death(SIGABRT, "crashed with signal 6 (Aborted)");
}

TEST(a_loader_survives_its_zygote) {
    struct mf_worker *worker = load("export default () => new Promise(() => setInterval(() => {}, 1000))");
    struct outcome outcome = {0};
    int zygotes[4];
    EXPECT_INT(mf_worker_call_start(worker, NULL, "", NULL, on_done, &outcome, &error), 0);
    EXPECT_INT(children_of(getpid(), zygotes, 4), 1);
    kill(zygotes[0], SIGKILL);
    EXPECT(dispatch_until(loader(), &outcome.times, 1));
    EXPECT_INT(outcome.result, -EOWNERDEAD);
    mf_worker_free(worker);
    EXPECT_STR(run("export default 'again'", NULL), "\"again\"");
}

/* --- Without blocking ------------------------------------------------------------------------------------------- */

TEST(a_foreign_event_loop_drives_it) {
    struct mf_worker *worker;
    struct outcome loaded = {0}, called[3] = {0};
    begin("export default (n) => new Promise((f) => setTimeout(() => f(n), 10 * n))");
    EXPECT_INT(mf_worker_load_start(loader(), &code, on_loaded, &loaded, &worker, &error), 0);
    static const char *const args[] = {"[3]", "[2]", "[1]"};
    for (int i = 0; i < 3; i++) {
        EXPECT_INT(mf_worker_call_start(worker, NULL, "", args[i], on_done, &called[i], &error), 0);
    }
    EXPECT_INT(loaded.times, 0);
    for (int i = 0; i < 3; i++) EXPECT(dispatch_until(loader(), &called[i].times, 1));
    EXPECT_INT(loaded.times, 1);
    EXPECT_INT(loaded.result, 0);
    EXPECT_STR(called[0].json, "3");
    EXPECT_STR(called[2].json, "1");
    mf_worker_free(worker);
}

TEST(the_descriptor_tells_of_deadlines) {
    struct outcome outcome = {0};
    begin("export default () => { for (;;); }");
    code.limits.wall_ms = 1000; /* of the load as well */
    struct mf_worker *worker = load_code();
    EXPECT(worker);
    EXPECT_INT(mf_worker_call_start(worker, NULL, "", NULL, on_done, &outcome, &error), 0);
    while (outcome.times == 0) {
        struct pollfd fd = {.fd = mf_loader_fd(loader()), .events = POLLIN};
        EXPECT_INT(poll(&fd, 1, 10000), 1);
        mf_loader_dispatch(loader());
    }
    EXPECT_INT(outcome.result, -ETIMEDOUT);
    mf_worker_free(worker);
}

TEST(a_failed_load_fails_its_early_calls) {
    struct mf_worker *worker;
    struct outcome loaded = {0}, called = {0};
    begin("throw new Error('no start')");
    EXPECT_INT(mf_worker_load_start(loader(), &code, on_loaded, &loaded, &worker, &error), 0);
    EXPECT_INT(mf_worker_call_start(worker, NULL, "", NULL, on_done, &called, &error), 0);
    EXPECT(dispatch_until(loader(), &called.times, 1));
    EXPECT_INT(loaded.result, -EREMOTEIO);
    EXPECT_INT(called.result, -EREMOTEIO);
    EXPECT(strstr(called.message, "no start"));
    mf_worker_free(worker);
}

TEST(more_loads_than_idle_cells_wait_their_turn) {
    struct mf_worker *workers[24];
    struct outcome outcomes[24] = {0};
    begin("export default 1");
    for (int i = 0; i < 24; i++) {
        EXPECT_INT(mf_worker_load_start(loader(), &code, on_loaded, &outcomes[i], &workers[i], &error), 0);
    }
    mf_worker_free(workers[20]);
    EXPECT_INT(outcomes[20].result, -ECANCELED);
    for (int i = 0; i < 24; i++) {
        EXPECT(dispatch_until(loader(), &outcomes[i].times, 1));
        if (i != 20) EXPECT_INT(outcomes[i].result, 0);
    }
    for (int i = 0; i < 24; i++) {
        if (i != 20) mf_worker_free(workers[i]);
    }
}

TEST(freeing_a_worker_cancels_its_calls) {
    struct mf_worker *worker = load("export default () => new Promise(() => {})");
    struct outcome outcomes[3] = {0};
    for (int i = 0; i < 3; i++) {
        EXPECT_INT(mf_worker_call_start(worker, NULL, "", NULL, on_done, &outcomes[i], &error), 0);
    }
    mf_worker_free(worker);
    for (int i = 0; i < 3; i++) {
        EXPECT_INT(outcomes[i].times, 1);
        EXPECT_INT(outcomes[i].result, -ECANCELED);
    }
}

/* --- Arguments -------------------------------------------------------------------------------------------------- */

static void nothing(void *ctx, struct mf_call *called, const char *method, const char *args) {
    (void)ctx;
    (void)method;
    (void)args;
    mf_call_return(called, NULL);
}

static void expect_refused(const char *text) {
    struct mf_worker *worker = NULL;
    EXPECT_INT(mf_worker_load(loader(), &code, &worker, &error), -EINVAL);
    if (!strstr(error.message, text)) EXPECT_STR(error.message, text);
}

TEST(wrong_code_is_refused_by_name) {
    struct mf_module two[] = {{"a.js", 0, "", 0}, {"a.js", 0, "", 0}};
    struct mf_variable bad = {"V", "{"}, good = {"V", "1"};
    struct mf_capability same = {"V", nothing, NULL}, none = {"N", NULL, NULL};
    begin("");
    code.modules_len = 0;
    expect_refused("modules: one is needed");
    begin("");
    module.name = "README";
    expect_refused("\"README\"");
    begin("");
    module.name = "";
    expect_refused("modules[0].name");
    begin("");
    module.kind = (enum mf_kind)77;
    expect_refused("77 is no kind");
    begin("");
    module.data = NULL;
    module.len = 1;
    expect_refused("no data");
    begin("");
    module.len = (64u << 20) + 1;
    expect_refused("larger than");
    begin("");
    code.modules = two;
    code.modules_len = 2;
    expect_refused("is there twice");
    begin("");
    code.variables = &bad;
    code.variables_len = 1;
    expect_refused("\"V\" is not JSON");
    code.variables = &good;
    code.capabilities = &same;
    code.capabilities_len = 1;
    expect_refused("twice in env");
    code.capabilities = &none;
    expect_refused("no handler");
}

TEST(wrong_arguments_are_refused) {
    struct mf_worker *worker = load("export default 1");
    struct mf_target target = {NULL, "{"};
    char *json;
    static const char *const wrong[] = {"", "{}", "[", "[1],[2]", "[1,]", "[\"\x80\"]", "[01]", "[\"\n\"]", "[nul]"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        EXPECT_INT(mf_worker_call(worker, NULL, "", wrong[i], &json, &error), -EINVAL);
    }
    EXPECT_INT(mf_worker_call(worker, &target, "", NULL, &json, &error), -EINVAL);
    EXPECT_INT(mf_worker_call(worker, NULL, NULL, NULL, &json, &error), -EINVAL);
    EXPECT_STR(call(worker, "", NULL), "1");
    mf_worker_free(worker);
}

TEST(a_cell_binary_that_is_not_there_is_named) {
    struct mf_config config;
    struct mf_loader *other;
    mf_config_init(&config);
    config.cell_path = "/nonexistent/cell";
    EXPECT_INT(mf_loader_new(&config, &other, &error), -ENOENT);
    EXPECT(strstr(error.message, "/nonexistent/cell"));
}

TEST(a_cell_binary_that_is_something_else_is_named) {
    struct mf_config config;
    struct mf_loader *other;
    mf_config_init(&config);
    config.cell_path = "/bin/true";
    EXPECT_INT(mf_loader_new(&config, &other, &error), -ECHILD);
    EXPECT(strstr(error.message, "/bin/true"));
}

TEST(authorities_that_are_not_there_end_the_load_until_they_are) {
    static const char system_file[] = "/etc/ssl/certs/ca-certificates.crt";
    char path[64];
    struct mf_config config;
    struct mf_loader *other;
    struct mf_worker *worker = NULL;
    snprintf(path, sizeof path, "/tmp/mayfly-authorities-%d", getpid());
    mf_config_init(&config);
    config.ca_file = path;
    EXPECT_INT(mf_loader_new(&config, &other, &error), 0);
    begin("export default () => 1;");
    code.outbound_json = "\"public\"";
    EXPECT_INT(mf_worker_load(other, &code, &worker, &error), -EINVAL);
    EXPECT(strstr(error.message, path));
    EXPECT_INT(symlink(system_file, path), 0);
    /* The process that found none may not have ended yet. */
    int r = -EINVAL;
    for (int i = 0; i < 1000 && r == -EINVAL; i++) {
        if (i > 0) usleep(10000);
        r = mf_worker_load(other, &code, &worker, &error);
    }
    EXPECT_INT(r, 0);
    EXPECT_STR(call(worker, "", NULL), "1");
    mf_worker_free(worker);
    mf_loader_free(other);
    unlink(path);
}

TEST(null_is_freed) {
    mf_worker_free(NULL);
    mf_loader_free(NULL);
    mf_free(NULL);
    EXPECT_STR(mf_version(), MF_VERSION);
}

/* --- Nothing stays ---------------------------------------------------------------------------------------------- */

TEST(two_hundred_loads_leave_nothing) {
    static const char *const sources[] = {"export default 1", "syntax error", "throw 1",
                                          "export default () => { throw 1 }"};
    struct mf_loader *before = the_loader, *own;
    int fds = count_fds(), zygotes[8], others = children_of(getpid(), zygotes, 8);
    EXPECT_INT(mf_loader_new(NULL, &own, &error), 0);
    the_loader = own;
    for (int i = 0; i < 200; i++) run(sources[i % 4], NULL);
    the_loader = before;
    mf_loader_free(own);
    EXPECT_INT(count_fds(), fds);
    EXPECT_INT(children_of(getpid(), zygotes, 8), others);
}

TEST(cells_of_freed_workers_end) {
    int zygotes[8], cells[64], n = 0;
    struct mf_loader *before = the_loader;
    struct mf_config config;
    the_loader = NULL;
    mf_config_init(&config);
    config.idle_cells = 1;
    int others = children_of(getpid(), zygotes, 8);
    EXPECT_INT(mf_loader_new(&config, &the_loader, &error), 0);
    for (int i = 0; i < 10; i++) mf_worker_free(load("setInterval(() => {}, 1)"));
    for (int i = 0; i < 500; i++) {
        EXPECT_INT(children_of(getpid(), zygotes, 8), others + 1);
        n = cells_of(zygotes[others], cells, 64);
        if (n == 1) break;
        mf_loader_dispatch(the_loader);
        usleep(10000);
    }
    EXPECT_INT(n, 1); /* the idle one */
    mf_loader_free(the_loader);
    the_loader = before;
}

TEST_MAIN()
