#include "host/doctor.h"
#include "base/confinement.h"
#include "base/macros.h"
#include "host/paths.h"
#include "host/pool.h"
#include "host/supervisor_jail.h"
#include <getopt.h>
#include <jansson.h>
#include <limits.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#define CELLS  "cells"
#define LAYERS "layers"

#define SUPERVISOR "supervisor"

#define START_MS 30000

void report_add(struct report *report, const char *section, const char *name, enum finding_state state,
                const char *hint, const char *detail, ...) {
    CHECK(report->len < FINDINGS_MAX);
    struct finding *finding = &report->findings[report->len++];
    bool is_missing = state == FINDING_NO || state == FINDING_FATAL;
    *finding = (struct finding){.section = section, .name = name, .state = state, .hint = is_missing ? hint : NULL};
    va_list args;
    va_start(args, detail);
    vsnprintf(finding->detail, sizeof finding->detail, detail, args);
    va_end(args);
}

/* --- A zygote and a cell, really started ------------------------------------------------------------------------ */

struct trial {
    uint32_t confinement;
    bool is_up, has_cell, is_over, rewinds;
    char lost[200];
};

static void on_ready(void *context, uint32_t confinement) {
    struct trial *trial = context;
    trial->is_up = true;
    trial->confinement = confinement;
}

static void on_idle(void *context) {
    struct trial *trial = context;
    trial->has_cell = trial->is_over = true;
}

static void on_death(void *context, const struct zygote_death *death) {
    (void)context;
    (void)death;
}

static void on_failed(void *context, const char *reason) {
    struct trial *trial = context;
    trial->is_over = true;
    snprintf(trial->lost, sizeof trial->lost, "%s", reason);
}

static void on_late(uv_timer_t *timer) {
    struct trial *trial = timer->data;
    trial->is_over = true;
    snprintf(trial->lost, sizeof trial->lost, "nothing happened for %d s", START_MS / 1000);
}

static void run_trial(const char *cell_path, bool is_jitless, struct trial *trial) {
    static const struct pool_handler events = {
        .on_ready = on_ready, .on_idle = on_idle, .on_death = on_death, .on_failed = on_failed};
    struct pool_config config = {.cell_path = cell_path, .idle_target = 1, .is_jitless = is_jitless};
    struct pool *pool = NULL;
    uv_loop_t loop;
    uv_timer_t late;
    CHECK(uv_loop_init(&loop) == 0);
    CHECK(uv_timer_init(&loop, &late) == 0);
    late.data = trial;
    uv_timer_start(&late, on_late, START_MS, 0);
    int r = pool_new(&loop, &config, &events, trial, &pool);
    if (r < 0) snprintf(trial->lost, sizeof trial->lost, "%s", strerror(-r));
    while (r == 0 && !trial->is_over) uv_run(&loop, UV_RUN_ONCE);
    struct zygote_stats stats = {0};
    if (r == 0) pool_zygotes(pool, &stats);
    trial->rewinds = stats.rewinds;
    pool_free(pool);
    uv_close((uv_handle_t *)&late, NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
    uv_loop_close(&loop);
}

static void add_layers(struct report *report, uint32_t confinement) {
    static const struct {
        const char *name, *meaning, *hint;
    } layers[] = {
#define X(name, text, meaning, hint) {text, meaning, hint},
        CONFINEMENT_LAYERS(X)
#undef X
    };
    const char *hint = doctor_namespace_hint();
    for (size_t i = 0; i < CONFINEMENT_COUNT; i++) {
        bool holds = confinement & (1u << i);
        report_add(report, LAYERS, layers[i].name, holds ? FINDING_YES : FINDING_NO,
                   layers[i].hint ? layers[i].hint : hint, "%s", layers[i].meaning);
    }
}

static void try_cells(struct report *report) {
    char path[PATH_MAX];
    struct trial trial = {0};
    static const char hint[] = "build it with make, or name it by MAYFLY_CELL";
    if (paths_cell_binary(path, sizeof path) < 0 || access(path, X_OK) < 0) {
        report_add(report, CELLS, "cell binary", FINDING_FATAL, hint, "%s cannot be run", path);
        return;
    }
    report_add(report, CELLS, "cell binary", FINDING_YES, NULL, "%s", path);
    run_trial(path, false, &trial);
    report_add(report, CELLS, "zygote", trial.is_up ? FINDING_YES : FINDING_FATAL, "see the engine's section", "%s",
               trial.is_up ? "started, and single-threaded before it forks" : trial.lost);
    if (!trial.is_up) return;
    report_add(report, CELLS, "cell", trial.has_cell ? FINDING_YES : FINDING_FATAL, "see the limits' section", "%s",
               trial.has_cell ? "made, jailed and ready" : trial.lost);
    report_add(report, CELLS, "rewound cells", trial.rewinds ? FINDING_YES : FINDING_NO,
               "needs Linux 6.11 on x86-64, and a build without sanitizers; each cell is forked until then, at several times the price", "%s",
               "made one after the other in address spaces that are rewound; see SECURITY.md");
    struct trial jitless = {0};
    run_trial(path, true, &jitless);
    report_add(report, CELLS, "cell without JIT", jitless.has_cell ? FINDING_YES : FINDING_NO, "see the engine's section",
               "%s", jitless.has_cell ? "no memory of it can be both written and run; \"jit\": false, --no-jit" : jitless.lost);
    add_layers(report, trial.confinement);
}

static void try_supervisor(struct report *report) {
    static const struct {
        uint32_t layer;
        const char *name, *meaning, *hint;
    } layers[] = {
        {CONFINEMENT_NO_CAPABILITIES, "no capabilities", "given up after the start, those of root too", NULL},
        {CONFINEMENT_NO_NEW_PRIVILEGES, "no new privileges", "no way to gain any", "needs Linux 3.5"},
        {CONFINEMENT_NOT_DUMPABLE, "not dumpable", "nobody can look into its memory", NULL},
        {CONFINEMENT_LANDLOCK, "Landlock", "reads the project and /proc, and no other file; connects nowhere",
         "add landlock to the kernel's lsm= list; needs Linux 5.13"},
        {CONFINEMENT_SYSCALL_FILTER, "syscall filter", "makes no process, opens nothing for writing",
         "needs CONFIG_SECCOMP_FILTER"},
    };
    uint32_t holding = supervisor_jail_try();
    for (size_t i = 0; i < COUNT_OF(layers); i++) {
        bool holds = holding & layers[i].layer;
        report_add(report, SUPERVISOR, layers[i].name, holds ? FINDING_YES : FINDING_NO, layers[i].hint, "%s",
                   layers[i].meaning);
    }
}

/* --- Printing --------------------------------------------------------------------------------------------------- */

static const char *const state_names[] = {
    [FINDING_YES] = "yes",     [FINDING_UNUSED] = "unused", [FINDING_NO] = "missing",
    [FINDING_FATAL] = "FATAL", [FINDING_NOTE] = "",
};

static size_t count(const struct report *report, enum finding_state state) {
    size_t n = 0;
    for (size_t i = 0; i < report->len; i++) n += report->findings[i].state == state;
    return n;
}

static void print_table(const struct report *report) {
    const char *section = "", *hint = "";
    for (size_t i = 0; i < report->len; i++) {
        const struct finding *f = &report->findings[i];
        if (strcmp(section, f->section) != 0) printf("%s%s\n", i ? "\n" : "", f->section);
        section = f->section;
        printf("  %-24s %-8s %s\n", f->name, state_names[f->state], f->detail);
        if (f->hint && f->hint != hint) printf("  %-24s %-8s -> %s\n", "", "", f->hint);
        if (f->hint) hint = f->hint;
    }
    printf("\nyes: holds, or is used    unused: this machine has it, and a later version of mayfly will use it\n");
    if (count(report, FINDING_FATAL))
        printf("Cells cannot run here.\n");
    else
        printf("Cells run here; %zu missing.\n", count(report, FINDING_NO));
}

static int print_json(const struct report *report) {
    json_t *findings = json_array();
    for (size_t i = 0; i < report->len; i++) {
        const struct finding *f = &report->findings[i];
        const char *state = f->state == FINDING_NOTE    ? "note"
                            : f->state == FINDING_FATAL ? "fatal"
                                                        : state_names[f->state];
        json_array_append_new(findings, json_pack("{s:s, s:s, s:s, s:s, s:s?}", "section", f->section, "name", f->name,
                                                  "state", state, "detail", f->detail, "hint", f->hint));
    }
    json_t *all = json_pack("{s:b, s:o}", "cellsRun", count(report, FINDING_FATAL) == 0, "findings", findings);
    int r = json_dumpf(all, stdout, JSON_INDENT(2));
    putchar('\n');
    json_decref(all);
    return r;
}

static const char help[] = "usage: mayfly doctor [--json]\n"
                           "\n"
                           "Starts a cell, asks the kernel, and lists what holds, what this machine offers to later\n"
                           "versions, and what is missing, with what to do about it. Changes nothing. The exit status\n"
                           "is 0 unless cells cannot run at all.\n";

int doctor_main(int argc, char **argv) {
    static const struct option known[] = {{"json", no_argument, NULL, 'j'}, {"help", no_argument, NULL, 'h'}, {0}};
    struct report report = {0};
    bool is_json = false, is_wrong = false;
    for (int option; (option = getopt_long(argc, argv, "h", known, NULL)) != -1;) {
        if (option == 'h') {
            fputs(help, stdout);
            return 0;
        }
        is_json = is_json || option == 'j';
        is_wrong = is_wrong || option == '?';
    }
    if (is_wrong || optind != argc) {
        if (!is_wrong) fprintf(stderr, "mayfly doctor: takes no '%s'\n", argv[optind]);
        fprintf(stderr, "see mayfly doctor --help\n");
        return 2;
    }
    doctor_probe_engine(&report);
    try_cells(&report);
    try_supervisor(&report);
    doctor_probe_defences(&report);
    doctor_probe_cgroups(&report);
    doctor_probe_limits(&report);
    if (is_json)
        print_json(&report);
    else
        print_table(&report);
    return count(&report, FINDING_FATAL) > 0;
}
