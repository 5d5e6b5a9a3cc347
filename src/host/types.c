/* `mayfly types`: TypeScript declarations of what a host worker hands to dynamic workers, for whoever writes their code:
   a language model, or an editor. The host worker is read and never run: a worker in a cell (sdk/entrypoints) parses its
   files, which it asks for by name through a capability that reads within the project's directory. */
#include "host/types.h"
#include "base/buf.h"
#include "base/macros.h"
#include "host/config.h"
#include "host/source.h"
#include "host/types_blob.h"
#include <errno.h>
#include <getopt.h>
#include <jansson.h>
#include <mayfly.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_BYTES_MAX (4u << 20)

static const char help[] =
    "usage: mayfly types CONFIG|WORKER\n"
    "\n"
    "  CONFIG  wrangler.jsonc, wrangler.json or wrangler.toml, or a directory that has one\n"
    "  WORKER  a bare .js, .mjs or .ts file\n"
    "\n"
    "Prints TypeScript declarations of what a dynamic worker sees in env, short enough for a prompt: the env of the code\n"
    "objects that are written out in the host worker's source, or else its exported entrypoints; with the signatures and\n"
    "doc comments of their classes, those of JavaScript from JSDoc.\n";

/* FILES.read(name): the text of a file of the project, or null. */
static void on_read(void *ctx, struct mf_call *call, const char *method, const char *args_json) {
    const struct config *config = ctx;
    json_t *args = json_loads(args_json, JSON_ALLOW_NUL, NULL);
    const char *name = json_string_value(json_array_get(args, 0));
    struct source source;
    if (strcmp(method, "read") != 0 || !name || source_read(config->root_dir, name, &source) < 0) {
        mf_call_return(call, NULL);
    } else {
        json_t *text = source.len <= FILE_BYTES_MAX ? json_stringn(source.data, source.len) : NULL;
        char *json = text ? json_dumps(text, JSON_ENCODE_ANY) : NULL;
        char message[512];
        snprintf(message, sizeof message, "%s: %s", name, text ? "out of memory" : "not UTF-8, or larger than 4 MiB");
        if (json)
            mf_call_return(call, json);
        else
            mf_call_throw(call, NULL, message);
        free(json);
        json_decref(text);
        source_done(&source);
    }
    json_decref(args);
}

/* [main module, {vars, services: {BINDING: its own entrypoint or null}}] */
static char *make_args(const struct config *config) {
    json_t *services = json_object();
    for (size_t i = 0; i < config->services_len; i++) {
        const struct config_service *service = &config->services[i];
        const char *entrypoint = service->entrypoint ? service->entrypoint : "default";
        bool is_self = strcmp(service->service, config->name) == 0;
        json_object_set_new(services, service->binding, is_self ? json_string(entrypoint) : json_null());
    }
    json_t *args = json_pack("[s, {s:o, s:o}]", config->main_name, "vars", json_loads(config->vars_json, 0, NULL),
                             "services", services);
    char *text = json_dumps(args, JSON_COMPACT);
    json_decref(args);
    return text;
}

/* *ret is the worker's answer. */
static int ask(struct config *config, char **ret, struct mf_error *error) {
    struct mf_module module = {"types.js", MF_KIND_JS, types_source, (size_t)(types_source_end - types_source)};
    struct mf_capability files = {"FILES", on_read, config};
    struct mf_config loader_config;
    struct mf_code code;
    struct mf_loader *loader = NULL;
    struct mf_worker *worker = NULL;
    mf_config_init(&loader_config);
    mf_code_init(&code);
    loader_config.idle_cells = 1;
    loader_config.brief = 1;
    code.modules = &module;
    code.modules_len = 1;
    code.capabilities = &files;
    code.capabilities_len = 1;
    char *args = make_args(config);
    CHECK(args);
    int r = mf_loader_new(&loader_config, &loader, error);
    if (r == 0) r = mf_worker_load(loader, &code, &worker, error);
    if (r == 0) r = mf_worker_call(worker, NULL, "", args, ret, error);
    mf_worker_free(worker);
    mf_loader_free(loader);
    free(args);
    return r;
}

/* Prints the answer. Returns the exit status. */
static int print(const char *path, const char *json) {
    json_t *answer = json_loads(json, 0, NULL), *errors = json_object_get(answer, "errors"), *error;
    const char *text = json_string_value(json_object_get(answer, "text"));
    size_t i;
    json_array_foreach(errors, i, error) fprintf(stderr, "mayfly types: %s\n", json_string_value(error));
    if (text)
        fputs(text, stdout);
    else if (!errors)
        fprintf(stderr, "mayfly types: %s: the worker that reads it gave an answer without sense\n", path);
    json_decref(answer);
    return text ? 0 : 1;
}

int types_main(int argc, char **argv) {
    static const struct option options[] = {{"help", no_argument, NULL, 'h'}, {0}};
    int option = getopt_long(argc, argv, "h", options, NULL);
    if (option == 'h') {
        fputs(help, stdout);
        return 0;
    }
    if (option != -1 || optind != argc - 1) {
        fprintf(stderr, "mayfly types: name one configuration or worker file; see mayfly types --help\n");
        return 2;
    }
    struct config config;
    struct mf_error error;
    char *problems = NULL, *json = NULL;
    if (config_read(argv[optind], &config, &problems) < 0) {
        fprintf(stderr, "mayfly: %s\n", problems);
        free(problems);
        return 1;
    }
    int status = 1;
    if (ask(&config, &json, &error) < 0)
        fprintf(stderr, "mayfly types: %s: %s: %s\n", argv[optind], error.name, error.message);
    else
        status = print(argv[optind], json);
    mf_free(json);
    config_done(&config);
    return status;
}
