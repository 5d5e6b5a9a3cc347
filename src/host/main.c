/* The mayfly command line: finds the command and hands over. */
#include "host/doctor.h"
#include "host/mcp.h"
#include "host/run.h"
#include "host/serve.h"
#include "host/types.h"
#include <mayfly.h>
#include <stdio.h>
#include <string.h>

static const struct command {
    const char *name, *full_name; /* the latter for getopt's messages */
    int (*main)(int argc, char **argv);
    const char *summary;
} commands[] = {
    {"serve", "mayfly serve", serve_main, "serve HTTP with a host worker that may load dynamic workers"},
    {"run", "mayfly run", run_main, "run one snippet in a sandbox and print its result"},
    {"mcp", "mayfly mcp", mcp_main, "serve APIs to a model as three tools: search, types, execute"},
    {"types", "mayfly types", types_main, "print what a dynamic worker sees in env, as TypeScript declarations"},
    {"doctor", "mayfly doctor", doctor_main, "tell what this machine offers, and what is missing"},
};

#define COMMANDS_LEN (sizeof commands / sizeof commands[0])

static void print_help(FILE *to) {
    fputs("usage: mayfly COMMAND [options]\n\n", to);
    for (size_t i = 0; i < COMMANDS_LEN; i++) fprintf(to, "  %-10s %s\n", commands[i].name, commands[i].summary);
    fputs("\nmayfly COMMAND --help tells more; mayfly --version prints the version.\n", to);
}

/* Processes of one mayfly, and the programs it starts, share standard error: each line there is one write, however many
   calls it is made of, so that no other's comes between. Inherited by every process that main forks. */
static void write_whole_lines(void) {
    static char room[64 * 1024];
    setvbuf(stderr, room, _IOLBF, sizeof room);
}

int main(int argc, char **argv) {
    write_whole_lines();
    const char *name = argc > 1 ? argv[1] : "";
    for (size_t i = 0; i < COMMANDS_LEN; i++) {
        if (strcmp(name, commands[i].name) != 0) continue;
        argv[1] = (char *)commands[i].full_name;
        return commands[i].main(argc - 1, argv + 1);
    }
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0) {
        print_help(stdout);
        return 0;
    }
    if (strcmp(name, "--version") == 0) {
        printf("mayfly %s\n", mf_version());
        return 0;
    }
    if (argc > 1) fprintf(stderr, "mayfly: there is no %s '%s'\n\n", name[0] == '-' ? "option" : "command", name);
    print_help(stderr);
    return 2;
}
