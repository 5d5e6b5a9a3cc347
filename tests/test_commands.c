/* The command line as a shell sees it: standard output, standard error and exit status of mayfly run, doctor and the
   rest. The binary is $MAYFLY, else build/mayfly. */
#include "tests/check.h"
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char out[65536], err[65536];

static void read_into(char *to, size_t len, const char *path) {
    FILE *f = fopen(path, "r");
    size_t n = f ? fread(to, 1, len - 1, f) : 0;
    to[n] = 0;
    if (f) fclose(f);
}

/* Runs "mayfly ARGS" in a shell, with `snippet` as file $S. Returns the exit status; fills out and err. */
static int mayfly(const char *snippet, const char *ending, const char *args) {
    const char *binary = getenv("MAYFLY");
    char dir[] = "/tmp/mayfly-commands-XXXXXX", path[64], command[4096];
    if (!mkdtemp(dir)) abort();
    snprintf(path, sizeof path, "%s/s%s", dir, ending);
    FILE *f = fopen(path, "w");
    if (!f || fputs(snippet, f) < 0 || fclose(f) != 0) abort();
    snprintf(command, sizeof command, "S=%s; { %s %s\n} >%s/out 2>%s/err", path, binary ? binary : "build/mayfly", args,
             dir, dir);
    int status = system(command);
    snprintf(path, sizeof path, "%s/out", dir);
    read_into(out, sizeof out, path);
    snprintf(path, sizeof path, "%s/err", dir);
    read_into(err, sizeof err, path);
    snprintf(command, sizeof command, "rm -r %s", dir);
    if (system(command) != 0) abort();
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void expect(int status, int wanted, const char *wanted_out, const char *wanted_err) {
    if (status != wanted) fprintf(stderr, "%s", err);
    EXPECT_INT(status, wanted);
    EXPECT_STR(out, wanted_out);
    CHECK_OR_RETURN(strstr(err, wanted_err), "standard error is \"%.400s\", without \"%s\"", err, wanted_err);
}

TEST(run_calls_a_default_export_with_the_input) {
    expect(mayfly("export default ({ a }) => ({ b: a + 1 })", ".js", "run $S --json '{\"a\": 1}'"), 0, "{\"b\":2}\n",
           "");
}

TEST(run_gives_a_scripts_last_value) {
    expect(mayfly("const a = [1]; a.concat(2)", ".js", "run $S"), 0, "[1,2]\n", "");
}

TEST(run_gives_the_last_value_of_a_script_that_awaits) {
    static const struct {
        const char *snippet, *result;
    } cases[] = {
        {"await (async () => 5)()", "5\n"},
        {"const f = (n) => n;\nawait (f(10));", "10\n"},
        {"const x = await Promise.resolve(3);\nx", "3\n"},
        {"async function main() { return 7 }\nawait main()", "7\n"},
        {"const x = await 1\nif (x) { x + 1; } else 9", "2\n"},
        {"let n = 0; for await (const x of [1, 2]) n += x", "3\n"},
        {"try { await 4 } finally { 5 }", "4\n"},
        {"const input = await 6; (input)", "6\n"},
        {"const x = await 7; () => x", "7\n"},
        {"{ a: await (8) }", "{\"a\":8}\n"},
        {"const x = await 9; return x; 1", "9\n"},
        {"var await = (x) => x + 1; await (9)", "10\n"},
        {"class A { static { 1 } }; await 2; function f() { 3 }", "2\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        expect(mayfly(cases[i].snippet, ".js", "run $S"), 0, cases[i].result, "");
    }
    expect(mayfly("const x: number = await (Promise.resolve(3));\nx as number", ".ts", "run $S"), 0, "3\n", "");
    expect(mayfly("await 1; null.x", ".js", "run $S"), 1, "", "TypeError");
}

TEST(run_takes_typescript) {
    expect(mayfly("export default (n: number): string => 'n' + n", ".ts", "run $S --json 3"), 0, "\"n3\"\n", "");
}

TEST(run_refuses_what_taking_types_away_would_lose) {
    expect(mayfly("let a = 1;\nexport namespace N.M { export const a = 5 }\nexport default N.M.a", ".ts", "run $S"), 1, "",
           "The namespace N.M has values, which is not supported: put them into a module of their own, or into an object\n"
           "    at s.ts:2:8");
    expect(mayfly("namespace N { interface A {}\n  export namespace M { export abstract class B {} } }\n1", ".ts", "run $S"), 1,
           "", "at s.ts:2:10");
    expect(mayfly("namespace N { export type A = { class: `const` }; interface B { function(a: number): void }\n"
                  "  export declare const c: number; namespace M { type X = typeof import('x') } }\n"
                  "declare global { namespace G { const g: number } }\ndeclare module M { let a: 1 }\n"
                  "const namespace = { a: 1 } as { a: N.A | 1 }, module = namespace\nexport default module.a",
                  ".ts", "run $S"), 0, "1\n", "");
}

TEST(run_reads_standard_input) {
    expect(mayfly("export default () => 7", ".js", "run - <$S"), 0, "7\n", "");
}

TEST(run_sends_logs_to_standard_error) {
    expect(mayfly("console.log('hello'); console.warn('\\x1b[31m'); 1", ".js", "run $S"), 0, "1\n",
           "hello\nwarn: \\x1b[31m\n");
}

TEST(run_tells_where_the_syntax_is_wrong) {
    expect(mayfly("export default 1;\nlet x = ;", ".js", "run $S"), 1, "", "s.js:2:9");
}

TEST(run_tells_what_was_thrown) {
    expect(mayfly("export default () => { throw new RangeError('too far') }", ".js", "run $S"), 1, "",
           "RangeError: too far\n");
}

TEST(run_runs_a_script_once_that_throws_a_syntax_error) {
    static const char *const throwing[] = {"JSON.parse('{')", "new RegExp('(')", "return JSON.parse('{')"};
    for (size_t i = 0; i < sizeof throwing / sizeof *throwing; i++) {
        char snippet[100];
        snprintf(snippet, sizeof snippet, "console.log('it runs');\n%s", throwing[i]);
        expect(mayfly(snippet, ".js", "run $S"), 1, "", "it runs\nmayfly run: SyntaxError: ");
        EXPECT_INT(strncmp(err, "it runs\nmayfly", 14), 0);
    }
}

TEST(run_says_that_there_are_no_modules_of_node) {
    expect(mayfly("import fs from 'node:fs'; export default fs", ".js", "run $S"), 1, "",
           "No such module \"node:fs\".\n  imported from \"s.js\"\n  A snippet has no modules of Node.js: a worker of");
}

TEST(run_has_a_time_limit) {
    expect(mayfly("for (;;);", ".js", "run $S --timeout 60"), 1, "", "was killed: wall-time limit of 60 ms\n");
}

TEST(run_names_a_file_that_is_not_there) {
    expect(mayfly("", ".js", "run $S.absent"), 1, "", "s.js.absent: No such file or directory\n");
}

TEST(run_limits_standard_input) {
    expect(mayfly("", ".js", "run - </dev/zero"), 1, "", "larger than 64 MiB");
}

TEST(run_notices_a_full_disk) {
    expect(mayfly("1", ".js", "run $S >/dev/full"), 1, "", "No space left on device");
}

TEST(run_refuses_wrong_options) {
    expect(mayfly("1", ".js", "run $S --json '{'"), 2, "", "--json: line 1");
    expect(mayfly("1", ".js", "run $S --json '1],[2'"), 2, "", "--json: line 1");
    expect(mayfly("1", ".js", "run $S --timeout soon"), 2, "", "'soon'\nsee mayfly run --help\n");
    expect(mayfly("1", ".js", "run $S --colour"), 2, "",
           "mayfly run: unrecognized option '--colour'\nsee mayfly run --help\n");
    expect(mayfly("1", ".js", "run"), 2, "", "name one file");
    expect(mayfly("1", ".js", "run $S $S"), 2, "", "name one file");
}

TEST(serve_refuses_a_compatibility_date_in_the_future) {
    expect(mayfly("{ \"main\": \"a.js\", \"compatibility_date\": \"2999-12-31\" }", ".jsonc", "serve $S"), 1, "",
           ":1:41: compatibility_date: Can't set compatibility date in the future: \"2999-12-31\". Today's date (UTC) is \"2");
}

TEST(a_missing_cell_is_named) {
    EXPECT_INT(setenv("MAYFLY_CELL", "/nonexistent/cell", 1), 0);
    int status = mayfly("1", ".js", "run $S");
    unsetenv("MAYFLY_CELL");
    expect(status, 1, "", "cannot start /nonexistent/cell: No such file or directory\n");
}

TEST(doctor_finds_that_cells_run) {
    EXPECT_INT(mayfly("", "", "doctor"), 0);
    EXPECT(strstr(out, "\nCells run here; "));
    EXPECT(strstr(out, "JavaScriptCore "));
    EXPECT(strstr(out, "user namespace "));
    EXPECT_INT(mayfly("", "", "doctor --json | grep -c '\"cellsRun\": true'"), 0);
    EXPECT_STR(out, "1\n");
}

TEST(doctor_finds_that_cells_do_not_run) {
    EXPECT_INT(setenv("MAYFLY_CELL", "/bin/true", 1), 0);
    int status = mayfly("", "", "doctor");
    unsetenv("MAYFLY_CELL");
    EXPECT_INT(status, 1);
    EXPECT(strstr(out, "FATAL"));
    EXPECT(strstr(out, "\nCells cannot run here.\n"));
}

TEST(every_command_has_help) {
    static const char *const commands[] = {"--help", "serve --help", "run --help", "doctor --help"};
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        EXPECT_INT(mayfly("", "", commands[i]), 0);
        EXPECT(strncmp(out, "usage: mayfly ", 14) == 0);
        EXPECT_STR(err, "");
    }
}

TEST(an_unknown_command_is_named) {
    expect(mayfly("", "", "frobnicate"), 2, "", "there is no command 'frobnicate'");
    expect(mayfly("", "", "--frob"), 2, "", "there is no option '--frob'");
    expect(mayfly("", "", ""), 2, "", "usage: mayfly COMMAND");
}

TEST(version_is_told) {
    expect(mayfly("", "", "--version"), 0, "mayfly 0.1.0\n", "");
}

TEST_MAIN()
