#include "host/mcp_command.h"
#include "base/macros.h"
#include <stdbool.h>
#include <string.h>

#define ARGS_MAX 1000

/* What the protocol's own clients pass on. */
static const char *const passed_on[] = {"HOME", "LOGNAME", "PATH", "SHELL", "TERM", "USER"};

static char *copy(const char *text) {
    char *made = strdup(text);
    CHECK(made);
    return made;
}

static char *make_pair(const char *name, const char *value) {
    char *pair = NULL;
    CHECK(asprintf(&pair, "%s=%s", name, value) >= 0);
    return pair;
}

static char **new_list(size_t len) {
    char **list = calloc(len + 1, sizeof *list);
    CHECK(list);
    return list;
}

char **mcp_command_shell(const char *text) {
    char **argv = new_list(3);
    argv[0] = copy("/bin/sh");
    argv[1] = copy("-c");
    argv[2] = copy(text);
    return argv;
}

char **mcp_command_argv(const char *command, const json_t *args) {
    size_t len = json_array_size(args);
    if ((args && !json_is_array(args)) || len > ARGS_MAX || !*command) return NULL;
    for (size_t i = 0; i < len; i++) {
        if (!json_is_string(json_array_get(args, i))) return NULL;
    }
    char **argv = new_list(len + 1);
    argv[0] = copy(command);
    for (size_t i = 0; i < len; i++) argv[i + 1] = copy(json_string_value(json_array_get(args, i)));
    return argv;
}

static bool is_variable(const char *name, const json_t *value) {
    return *name && !strchr(name, '=') && json_is_string(value);
}

char **mcp_command_env(const json_t *more) {
    const char *name;
    json_t *value;
    if ((more && !json_is_object(more)) || json_object_size(more) > ARGS_MAX) return NULL;
    json_object_foreach((json_t *)more, name, value) {
        if (!is_variable(name, value)) return NULL;
    }
    char **env = new_list(COUNT_OF(passed_on) + json_object_size(more));
    size_t len = 0;
    for (size_t i = 0; i < COUNT_OF(passed_on); i++) {
        const char *ours = getenv(passed_on[i]);
        if (ours && !json_object_get(more, passed_on[i])) env[len++] = make_pair(passed_on[i], ours);
    }
    json_object_foreach((json_t *)more, name, value) env[len++] = make_pair(name, json_string_value(value));
    return env;
}
