/* `mayfly doctor`: what this machine offers, by name, and what to do about what it does not. doctor.c is the command,
   doctor_probe.c asks the kernel, doctor_engine.c asks the engine's library. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

enum finding_state {
    FINDING_YES,    /* there, and used */
    FINDING_UNUSED, /* there; a later version will use it */
    FINDING_NO,     /* missing; cells run without it */
    FINDING_FATAL,  /* missing; no cell can run */
    FINDING_NOTE,   /* neither good nor bad */
};

struct finding {
    const char *section, *name;
    enum finding_state state;
    char detail[160];
    const char *hint; /* what to do, or NULL */
};

#define FINDINGS_MAX 64

struct report {
    struct finding findings[FINDINGS_MAX];
    size_t len;
};

/* Adds a finding; the detail is printf's. Texts but the detail are borrowed for ever. */
void report_add(struct report *report, const char *section, const char *name, enum finding_state state,
                const char *hint, const char *detail, ...) __attribute__((format(printf, 6, 7)));

void doctor_probe_engine(struct report *report);
void doctor_probe_defences(struct report *report);
void doctor_probe_cgroups(struct report *report);
void doctor_probe_limits(struct report *report);

/* What to do where the namespaces cannot be had. */
const char *doctor_namespace_hint(void);

/* `mayfly doctor`; argv[0] is "mayfly doctor". Returns the exit status. */
int doctor_main(int argc, char **argv);
