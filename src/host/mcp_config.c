#include "host/mcp_config.h"
#include "base/macros.h"
#include "host/mcp_command.h"
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define NAME_CHARACTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"

/* A shorter value of a header is no credential. */
#define CREDENTIAL_CHARS_MIN 16

static bool is_among(const char *name, const char *const *names, size_t len) {
    for (size_t i = 0; i < len; i++) {
        if (strcmp(name, names[i]) == 0) return true;
    }
    return false;
}

/* What no variable of a module may be called, and undefined, which could be. */
static bool is_reserved(const char *name) {
    static const char *const words[] = {
        "arguments", "await",  "break",    "case",    "catch",   "class",      "const",  "continue",   "debugger",
        "default",   "delete", "do",       "else",    "enum",    "eval",       "export", "extends",    "false",
        "finally",   "for",    "function", "if",      "import",  "implements", "in",     "instanceof", "interface",
        "let",       "new",    "null",     "package", "private", "protected",  "public", "return",     "static",
        "super",     "switch", "this",     "throw",   "true",    "try",        "typeof", "undefined",  "var",
        "void",      "while",  "with",     "yield"};
    return is_among(name, words, COUNT_OF(words));
}

/* What code would miss if a source had its name: it would be there instead. fetch is not among them, for it reaches
   nothing there. */
static bool is_global(const char *name) {
    static const char *const globals[] = {
        "AbortController", "AbortSignal", "AggregateError", "Array", "ArrayBuffer", "Atomics", "BigInt",
        "BigInt64Array", "BigUint64Array", "Blob", "Boolean", "Buffer", "DataView", "Date", "Error", "EvalError",
        "Event", "EventTarget", "File", "Float32Array", "Float64Array", "FormData", "Function", "Headers", "Infinity",
        "Int16Array", "Int32Array", "Int8Array", "Intl", "Iterator", "JSON", "Map", "Math", "NaN", "Number", "Object",
        "Promise", "Proxy", "RangeError", "ReadableStream", "ReferenceError", "Reflect", "RegExp", "Request",
        "Response", "Set", "SharedArrayBuffer", "String", "Symbol", "SyntaxError", "TextDecoder", "TextEncoder",
        "TransformStream", "TypeError", "URIError", "URL", "URLSearchParams", "Uint16Array", "Uint32Array",
        "Uint8Array", "Uint8ClampedArray", "WeakMap", "WeakRef", "WeakSet", "WebAssembly", "WritableStream", "atob",
        "btoa", "clearInterval", "clearTimeout", "console", "crypto", "decodeURI", "decodeURIComponent", "encodeURI",
        "encodeURIComponent", "globalThis", "isFinite", "isNaN", "parseFloat", "parseInt", "process",
        "queueMicrotask", "self", "setInterval", "setTimeout", "structuredClone"};
    return is_among(name, globals, COUNT_OF(globals));
}

const char *mcp_config_check_name(const char *name) {
    size_t len = strspn(name, NAME_CHARACTERS);
    if (len == 0 || len > 64 || name[len] || (name[0] >= '0' && name[0] <= '9')) return "an identifier of letters, digits and _";
    if (is_reserved(name)) return "no word of the language";
    return is_global(name) ? "no global of JavaScript's, which code would miss" : NULL;
}

static int refuse(const char *path, const char *name, const char *why) {
    fprintf(stderr, "mayfly mcp: %s: %s: %s\n", path, name, why);
    return -EINVAL;
}

static int read_secret(const char *path, const json_t *value, struct mcp_source *source) {
    const json_t *prefix = json_object_get(value, "prefix");
    struct mcp_secret secret = {.header = json_string_value(json_object_get(value, "header")),
                                .prefix = prefix ? json_string_value(prefix) : "",
                                .variable = json_string_value(json_object_get(value, "env"))};
    if (!secret.header || !secret.prefix || !secret.variable) {
        return refuse(path, source->name, "a secret is {\"header\": NAME, \"env\": VARIABLE, \"prefix\"?: TEXT}");
    }
    if (!getenv(secret.variable)) return refuse(path, source->name, "its secret's environment variable is not set");
    const char *why = mcp_project_add_secret(source, secret);
    return why ? refuse(path, source->name, why) : 0;
}

/* One, or an array of them. */
static int read_secrets(const char *path, const json_t *value, struct mcp_source *source) {
    const json_t *one;
    size_t i;
    int r = 0;
    if (!value) return 0;
    if (!json_is_array(value)) return read_secret(path, value, source);
    json_array_foreach(value, i, one) {
        if (r == 0) r = read_secret(path, one, source);
    }
    return r;
}

/* A value from the file goes to egress as the others do: by a variable, of which egress wipes its copy. */
static const char *keep_value(const char *value) {
    static unsigned number;
    char *variable = NULL;
    CHECK(asprintf(&variable, "MAYFLY_MCP_HEADER_%u", number++) >= 0 && setenv(variable, value, 1) == 0);
    return variable;
}

/* Takes ${env:NAME} or ${NAME} from the end of a text, if there is one of them and nothing else of the kind. */
static bool take_variable(const char *text, const char *reference, struct mcp_secret *ret) {
    const char *name = reference + 2 + (strncmp(reference + 2, "env:", 4) == 0 ? 4 : 0);
    size_t len = strspn(name, NAME_CHARACTERS);
    if (len == 0 || strcmp(name + len, "}") != 0) return false;
    ret->variable = strndup(name, len);
    ret->prefix = strndup(text, (size_t)(reference - text));
    CHECK(ret->variable && ret->prefix);
    return true;
}

/* What a request can have: a name, and one line that is not empty. */
static bool is_header(const char *name, const char *value) {
    if (!*name || name[strspn(name, NAME_CHARACTERS "!#$%&'*+-.^`|~")] || !value || !*value) return false;
    for (const char *at = value; *at; at++) {
        if (((unsigned char)*at < ' ' && *at != '\t') || *at == 0x7f) return false;
    }
    return true;
}

/* A header as other clients have it. What is too short for a credential is sent as none: else each `true` of an answer
   would be a secret that was echoed. */
static int read_header(const char *path, const char *header, const char *value, struct mcp_source *source) {
    struct mcp_secret secret = {.header = header, .prefix = value};
    const char *reference = value ? strstr(value, "${") : NULL, *wrong;
    char why[512];
    if (!is_header(header, value) || (reference && !take_variable(value, reference, &secret))) {
        snprintf(why, sizeof why,
                 "the header \"%.100s\" is to be a name with a text of one line; of variables it may have one, at its end: "
                 "${env:VARIABLE}, set in the environment of mayfly mcp",
                 header);
        return refuse(path, source->name, why);
    }
    if (!reference && (strlen(value) >= CREDENTIAL_CHARS_MIN || strcasecmp(header, "authorization") == 0)) {
        secret = (struct mcp_secret){.header = header, .prefix = "", .variable = keep_value(value)};
    }
    if (reference && !getenv(secret.variable)) {
        snprintf(why, sizeof why, "the header \"%.100s\" wants the environment variable %.100s, which is not set", header,
                 secret.variable);
        return refuse(path, source->name, why);
    }
    wrong = mcp_project_add_secret(source, secret);
    return wrong ? refuse(path, source->name, wrong) : 0;
}

static int read_headers(const char *path, json_t *headers, struct mcp_source *source) {
    const char *header;
    json_t *value;
    int r = headers && !json_is_object(headers) ? refuse(path, source->name, "its headers are to be an object") : 0;
    json_object_foreach(headers, header, value) {
        if (r == 0) r = read_header(path, header, json_string_value(value), source);
    }
    return r;
}

/* Names in a message. */
static void join(char *text, size_t size, const char *const *names, size_t len) {
    *text = 0;
    for (size_t i = 0, at = 0; i < len && at < size; i++) {
        at += (size_t)snprintf(text + at, size - at, "%s%s", i > 0 ? ", " : "", names[i]);
    }
}

/* Whether all keys of a table are among those that exist. */
static int check_keys(const char *path, const char *name, const json_t *table, const char *const *keys, size_t len) {
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)table, key, value) {
        if (is_among(key, keys, len)) continue;
        char why[512], known[256];
        join(known, sizeof known, keys, len);
        snprintf(why, sizeof why, "there is no key \"%.100s\"; there are %s", key, known);
        return refuse(path, name, why);
    }
    return 0;
}

/* How other clients say what they speak: what is said by "command" and "url" here. */
static int check_type(const char *path, const char *name, const json_t *value) {
    static const char *const http[] = {"http", "streamable-http", "streamableHttp"};
    const json_t *type = json_object_get(value, "type");
    const char *text = json_string_value(type);
    if (!type || (text && strcmp(text, "stdio") == 0 && json_object_get(value, "command"))) return 0;
    for (size_t i = 0; i < COUNT_OF(http); i++) {
        if (text && strcmp(text, http[i]) == 0 && json_object_get(value, "url")) return 0;
    }
    return refuse(path, name, "its type is \"stdio\" with a command, or \"http\" with a url");
}

/* What a table says besides its source. */
static int check_table(const char *path, const char *name, const json_t *value) {
    static const char *const keys[] = {"openapi", "mcp",  "url",      "tools",  "command", "args",   "env",
                                       "cwd",     "type", "disabled", "server", "secret",  "headers"};
    static const char *const of_commands[] = {"args", "env", "cwd"};
    if (!json_is_object(value)) return refuse(path, name, "is to be an object");
    int r = check_keys(path, name, value, keys, COUNT_OF(keys));
    if (r == 0) r = check_type(path, name, value);
    for (size_t i = 0; r == 0 && i < COUNT_OF(of_commands); i++) {
        if (json_object_get(value, of_commands[i]) && !json_object_get(value, "command"))
            r = refuse(path, name, "args, env and cwd are for a command, and there is none");
    }
    const json_t *server = json_object_get(value, "server");
    if (r == 0 && server && !json_is_string(server)) r = refuse(path, name, "its server is to be a string");
    return r;
}

/* Whether a source is not to be used now. Returns 1 if so, 0 or -EINVAL. */
static int read_disabled(const char *path, const char *name, const json_t *value) {
    const json_t *disabled = json_object_get(value, "disabled");
    if (disabled && !json_is_boolean(disabled)) return refuse(path, name, "disabled is to be true or false");
    if (!json_is_true(disabled)) return 0;
    fprintf(stderr, "mayfly mcp: %s: %s: left out: it is disabled\n", path, name);
    return 1;
}

/* {"command": ..., "args": [...], "env": {...}, "cwd": ...}, as other clients have it; none if there is no command. */
static int read_command(const char *path, const json_t *value, struct mcp_source *source) {
    const json_t *command = json_object_get(value, "command"), *cwd = json_object_get(value, "cwd");
    if (!command) return 0;
    if (!json_is_string(command)) return refuse(path, source->name, "its command is to be a string");
    source->kind = MCP_SERVER;
    source->argv = mcp_command_argv(json_string_value(command), json_object_get(value, "args"));
    source->env = mcp_command_env(json_object_get(value, "env"));
    if (!source->argv) return refuse(path, source->name, "its args are to be an array of strings");
    if (!source->env) return refuse(path, source->name, "its env is to be an object of strings");
    if (cwd && !json_is_string(cwd)) return refuse(path, source->name, "its cwd is to be a string");
    source->cwd = json_string_value(cwd);
    return 0;
}

static int read_source(const char *path, const char *name, const json_t *value, struct mcp_project *project) {
    static const struct {
        const char *key;
        enum mcp_kind kind;
    } kinds[] = {{"openapi", MCP_OPENAPI}, {"mcp", MCP_SERVER}, {"url", MCP_SERVER}, {"tools", MCP_TYPESCRIPT}};
    const char *wanted = mcp_config_check_name(name);
    if (wanted) {
        char why[128];
        snprintf(why, sizeof why, "the name of a source is %s", wanted);
        return refuse(path, name, why);
    }
    int r = read_disabled(path, name, value);
    if (r == 0) r = check_table(path, name, value);
    if (r != 0) return r < 0 ? r : 0;
    if (mcp_project_find(project, name)) return refuse(path, name, "another source has this name");
    if (project->sources_len == MCP_SOURCES_MAX) return refuse(path, name, "64 sources at most");
    struct mcp_source *source = &project->sources[project->sources_len]; /* one of them only if all is well */
    *source = (struct mcp_source){.name = name};
    r = read_command(path, value, source);
    if (r < 0) return r;
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        const char *place = json_string_value(json_object_get(value, kinds[i].key));
        if (!place) continue;
        if (source->place || source->argv) return refuse(path, name, "one of openapi, mcp, command and tools, not two");
        source->kind = kinds[i].kind;
        source->place = place;
    }
    if (!source->place && !source->argv)
        return refuse(path, name, "needs openapi, mcp, command or tools, each a string");
    source->server = json_string_value(json_object_get(value, "server"));
    if (source->server && strncmp(source->server, "http", 4) != 0)
        return refuse(path, name, "its server is no address");
    r = read_secrets(path, json_object_get(value, "secret"), source);
    if (r == 0) r = read_headers(path, json_object_get(value, "headers"), source);
    if (r == 0) project->sources_len++;
    return r;
}

/* An identifier made of a name that other clients allow. */
static const char *make_name(const char *name) {
    char *made = NULL;
    bool is_taken = is_reserved(name) || is_global(name);
    CHECK(asprintf(&made, "%s%s%s", *name >= '0' && *name <= '9' ? "_" : "", name, is_taken ? "_" : "") >= 0);
    for (char *at = made; *at; at++) {
        if (!strchr(NAME_CHARACTERS, *at)) *at = '_';
    }
    return made;
}

int mcp_config_read(const char *path, struct mcp_project *project) {
    static const char *const tables[] = {"sources", "mcpServers", "timeoutMs"};
    json_error_t error;
    json_t *root = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
    if (!root && error.line < 1) return refuse(path, "--config", error.text);
    if (!root) {
        fprintf(stderr, "mayfly mcp: %s:%d:%d: %s\n", path, error.line, error.column, error.text);
        return -EINVAL;
    }
    json_object_set_new(project->texts, path, root);
    json_t *sources = json_object_get(root, "sources"), *servers = json_object_get(root, "mcpServers"), *value;
    if (!sources && !servers) servers = json_object_get(root, "servers"); /* VS Code's */
    const char *name;
    int r = 0;
    if (sources ? !json_is_object(sources) : !servers) r = refuse(path, "sources", "is to be an object");
    if (servers && !json_is_object(servers)) r = refuse(path, "mcpServers", "is to be an object");
    json_object_foreach(sources, name, value) {
        if (r == 0) r = read_source(path, name, value, project);
    }
    json_object_foreach(servers, name, value) {
        if (r == 0) r = read_source(path, make_name(name), value, project);
    }
    const json_t *timeout = json_object_get(root, "timeoutMs");
    json_int_t timeout_ms = json_integer_value(timeout);
    /* Other clients' files have more in them, which is none of ours. */
    if (r == 0 && sources) r = check_keys(path, "the file", root, tables, COUNT_OF(tables));
    if (timeout && (!json_is_integer(timeout) || timeout_ms < 1 || timeout_ms > 86400000))
        r = refuse(path, "timeoutMs", "is to be from 1 to 86400000");
    else if (timeout_ms > 0)
        project->timeout_ms = (unsigned)timeout_ms;
    return r;
}
