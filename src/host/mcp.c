/* `mayfly mcp`: an MCP server in front of any number of sources, so that a model writes code against them instead of
   calling them one by one. The server is a host worker (sdk/mcp) under `mayfly serve`, started as a child; this process
   writes its project, and in the stdio form passes messages on. It reads no document and no answer. */
#include "host/mcp.h"
#include "base/macros.h"
#include "host/mcp_children.h"
#include "host/mcp_command.h"
#include "host/mcp_config.h"
#include "host/mcp_listen.h"
#include "host/mcp_project.h"
#include "host/mcp_stdio.h"
#include "host/serve.h"
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <unistd.h>

static const char help[] =
    "usage: mayfly mcp SOURCE... [options]\n"
    "\n"
    "Sources, each with a name that the code calls it by:\n"
    "  --openapi NAME=FILE|URL     an OpenAPI 3.0 or 3.1 document, JSON or YAML: its operations\n"
    "  --mcp NAME=URL              another MCP server over streamable HTTP: its tools\n"
    "  --stdio NAME=COMMAND        another MCP server over standard input and output, started as a shell starts it, "
    "ended\n"
    "                              with mayfly; of the environment it gets HOME, PATH, SHELL, TERM and USER\n"
    "  --tools NAME=FILE           a TypeScript file: its exported functions, which reach their --server and nothing "
    "else\n"
    "\n"
    "  --server NAME=URL           the server to ask instead of the one that the document names\n"
    "  --secret NAME:HEADER=[PREFIX ]ENV\n"
    "                              a header for all requests of that source, to its server alone, such as\n"
    "                              'api:Authorization=Bearer TOKEN'; the value is taken from the environment variable by "
    "the\n"
    "                              egress process, and no code ever sees it. Once for each header\n"
    "  --config FILE               sources as JSON: {\"sources\": {NAME: {\"openapi\" | \"mcp\" | \"tools\": PLACE,\n"
    "                              \"server\": URL, \"secret\": {\"header\": HEADER, \"env\": ENV, \"prefix\"?: TEXT} or "
    "an\n"
    "                              array of these}}, \"timeoutMs\": MS}\n"
    "                              and servers to start as other clients have them, there or in \"mcpServers\":\n"
    "                              {NAME: {\"command\": PROGRAM, \"args\": [...], \"env\": {...}, \"cwd\": DIRECTORY,\n"
    "                              \"disabled\": true}}, or to reach: {\"url\": URL, \"headers\": {HEADER: TEXT}}, whose\n"
    "                              text is a credential and may end with ${env:VARIABLE}\n"
    "  --listen ADDRESS:PORT       speak streamable HTTP there instead of standard input and output\n"
    "  --listen-token ENV          answer those alone who send 'Authorization: Bearer TOKEN', the token taken from the\n"
    "                              environment variable; needed where others than this machine can reach the address\n"
    "  --listen-without-token      answer everybody who can reach it\n"
    "  --timeout MS                how long one execution may take (30000)\n"
    "  --no-jit                    interpret what models write and never compile it: slower where it computes much, and\n"
    "                              no memory of its sandbox can be both written and run\n"
    "\n"
    "It shows a model three tools: search, types, execute.\n";

/* The child, for the signal handler. */
static volatile pid_t server_pid;

static void on_signal(int signal) {
    if (server_pid > 0) kill(server_pid, signal);
}

/* --- Options ---------------------------------------------------------------------------------------------------- */

static int refuse(const char *option, const char *text, const char *wanted) {
    fprintf(stderr, "mayfly mcp: --%s takes %s, not '%s'\n", option, wanted, text);
    return -EINVAL;
}

/* Cuts text at the separator. Returns what is behind, or NULL. */
static char *cut(char *text, char separator) {
    char *at = strchr(text, separator);
    if (!at || at == text || !at[1]) return NULL;
    *at = 0;
    return at + 1;
}

static int add_source(struct mcp_project *project, const char *option, enum mcp_kind kind, char *text,
                      bool is_command) {
    char *place = cut(text, '='), wanted[128];
    const char *name = mcp_config_check_name(text);
    snprintf(wanted, sizeof wanted, "NAME=PLACE, the name %s", name ? name : "an identifier");
    if (!place || name) return refuse(option, text, wanted);
    if (mcp_project_find(project, text)) return refuse(option, text, "a name that no other source has");
    if (project->sources_len == MCP_SOURCES_MAX) return refuse(option, text, "64 sources at most");
    struct mcp_source *source = &project->sources[project->sources_len++];
    *source = (struct mcp_source){.kind = kind, .name = text};
    if (is_command) {
        source->argv = mcp_command_shell(place);
        source->env = mcp_command_env(NULL);
    } else {
        source->place = place;
    }
    return 0;
}

/* Options about a source may come before it, so they are looked at when all sources are known. */
struct later {
    char *servers[MCP_SOURCES_MAX], *secrets[MCP_SOURCES_MAX * MCP_SECRETS_MAX];
    size_t servers_len, secrets_len;
};

static int add_server(struct mcp_project *project, char *text) {
    char *url = cut(text, '=');
    struct mcp_source *source = url ? mcp_project_find(project, text) : NULL;
    if (!source || strncmp(url, "http", 4) != 0) return refuse("server", text, "NAME=URL, the name a source's");
    source->server = url;
    return 0;
}

static int add_secret(struct mcp_project *project, char *text) {
    char *variable = cut(text, '='), *header = variable ? cut(text, ':') : NULL;
    char *space = variable ? strrchr(variable, ' ') : NULL;
    struct mcp_source *source = header ? mcp_project_find(project, text) : NULL;
    if (!source) return refuse("secret", text, "NAME:HEADER=[PREFIX ]ENV, the name a source's");
    struct mcp_secret secret = {header, "", variable};
    if (space) {
        secret.variable = space + 1;
        secret.prefix = strndup(variable, (size_t)(secret.variable - variable));
        CHECK(secret.prefix);
    }
    if (!getenv(secret.variable)) {
        fprintf(stderr, "mayfly mcp: --secret %s: there is no environment variable %s\n", text, secret.variable);
        return -EINVAL;
    }
    const char *why = mcp_project_add_secret(source, secret);
    if (why) fprintf(stderr, "mayfly mcp: --secret %s:%s: %s %s\n", text, header, text, why);
    return why ? -EINVAL : 0;
}

static int keep(const char *option, char **list, size_t *len, size_t max, char *text) {
    if (*len == max) return refuse(option, text, "fewer values than these");
    list[(*len)++] = text;
    return 0;
}

static int parse_timeout(const char *text, unsigned *ret_ms) {
    char *end;
    unsigned long ms = strtoul(text, &end, 10);
    if (*end || end == text || text[0] == '-' || ms == 0 || ms > 86400000) {
        return refuse("timeout", text, "milliseconds, a whole number");
    }
    *ret_ms = (unsigned)ms;
    return 0;
}

static int parse_option(int option, struct mcp_project *project, struct later *later, struct mcp_listen *listen) {
    switch (option) {
    case 'o': return add_source(project, "openapi", MCP_OPENAPI, optarg, false);
    case 'm': return add_source(project, "mcp", MCP_SERVER, optarg, false);
    case 'x': return add_source(project, "stdio", MCP_SERVER, optarg, true);
    case 't': return add_source(project, "tools", MCP_TYPESCRIPT, optarg, false);
    case 's': return keep("server", later->servers, &later->servers_len, COUNT_OF(later->servers), optarg);
    case 'k': return keep("secret", later->secrets, &later->secrets_len, COUNT_OF(later->secrets), optarg);
    case 'c': return mcp_config_read(optarg, project);
    case 'l': listen->address = optarg; return 0;
    case 'T': listen->token_variable = optarg; return 0;
    case 'N': listen->has_no_token = true; return 0;
    case 'n': project->no_jit = true; return 0;
    case 'w': return parse_timeout(optarg, &project->timeout_ms);
    default: return -EINVAL;
    }
}

/* Returns 0 to go on, 1 when help was printed, or -EINVAL after an error. */
static int parse_options(struct mcp_project *project, struct mcp_listen *listen, int argc, char **argv) {
    static const struct option known[] = {{"openapi", required_argument, NULL, 'o'},
                                          {"mcp", required_argument, NULL, 'm'},
                                          {"stdio", required_argument, NULL, 'x'},
                                          {"tools", required_argument, NULL, 't'},
                                          {"server", required_argument, NULL, 's'},
                                          {"secret", required_argument, NULL, 'k'},
                                          {"config", required_argument, NULL, 'c'},
                                          {"listen", required_argument, NULL, 'l'},
                                          {"listen-token", required_argument, NULL, 'T'},
                                          {"listen-without-token", no_argument, NULL, 'N'},
                                          {"timeout", required_argument, NULL, 'w'},
                                          {"no-jit", no_argument, NULL, 'n'},
                                          {"help", no_argument, NULL, 'h'},
                                          {0}};
    struct later later = {0};
    int r = 0;
    for (int option; r == 0 && (option = getopt_long(argc, argv, "h", known, NULL)) != -1;) {
        if (option == 'h') {
            fputs(help, stdout);
            return 1;
        }
        r = parse_option(option, project, &later, listen);
    }
    for (size_t i = 0; r == 0 && i < later.servers_len; i++) r = add_server(project, later.servers[i]);
    for (size_t i = 0; r == 0 && i < later.secrets_len; i++) r = add_secret(project, later.secrets[i]);
    if (r == 0 && (optind != argc || project->sources_len == 0)) {
        fprintf(stderr, "mayfly mcp: name at least one source, with --openapi, --mcp, --stdio or --tools\n");
        r = -EINVAL;
    }
    if (r == 0) r = mcp_project_check(project);
    if (r == 0) r = mcp_listen_check(listen, &project->token);
    if (r < 0) fprintf(stderr, "see mayfly mcp --help\n");
    return r;
}

/* --- The server ------------------------------------------------------------------------------------------------- */

static _Noreturn void run_server(const struct mcp_project *project, const char *listen, int out) {
    char dir[PATH_MAX], address[128];
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    dup2(out, STDOUT_FILENO);
    snprintf(dir, sizeof dir, "%s", project->dir);
    snprintf(address, sizeof address, "%s", listen);
    char *argv[] = {"mayfly mcp", dir, "--listen", address, "--pool", "2", "--grants", "4", NULL};
    optind = 1;
    exit(serve_project(project->config, 8, argv));
}

/* Starts the server; its standard output comes through *ret_out. Returns its pid. */
static pid_t start_server(const struct mcp_project *project, const char *listen, int *ret_out) {
    int out[2];
    CHECK(pipe(out) == 0);
    fflush(NULL);
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        close(out[0]);
        run_server(project, listen, out[1]);
    }
    close(out[1]);
    *ret_out = out[0];
    return pid;
}

/* Reads a first line like "... listens on http://ADDRESS:PORT". Returns whether there is one. *ret has no port if that
   is no address of IPv4. */
static bool read_address(int out, char line[static LINE_MAX], struct sockaddr_in *ret) {
    char text[INET_ADDRSTRLEN];
    unsigned port;
    size_t len = 0;
    *ret = (struct sockaddr_in){.sin_family = AF_INET};
    while (len < LINE_MAX - 1 && !memchr(line, '\n', len)) {
        ssize_t n = read(out, line + len, LINE_MAX - 1 - len);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) break;
        len += (size_t)n;
    }
    line[len] = 0;
    const char *url = strstr(line, "http://");
    if (!url) return false;
    if (sscanf(url + 7, "%15[0-9.]:%u", text, &port) == 2 && inet_pton(AF_INET, text, &ret->sin_addr) == 1) {
        ret->sin_port = htons((uint16_t)port);
    }
    return true;
}

static int wait_for_server(void) {
    int status = 0;
    while (waitpid(server_pid, &status, 0) < 0 && errno == EINTR) {
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

static void make_token(char token[33]) {
    uint8_t bytes[16];
    CHECK(getrandom(bytes, sizeof bytes, 0) == sizeof bytes);
    for (size_t i = 0; i < sizeof bytes; i++) snprintf(token + 2 * i, 3, "%02x", bytes[i]);
}

/* Ends the server after whoever spoke to it returned r. Returns the status to end with. */
static int end_server(int r, int out) {
    if (r == -ENODATA) fprintf(stderr, "mayfly mcp: none of the sources can be used, for the reasons above\n");
    close(out);
    kill(server_pid, SIGTERM);
    int status = wait_for_server();
    return r < 0 ? 1 : status;
}

static int run_stdio(const struct mcp_project *project) {
    char line[LINE_MAX];
    struct sockaddr_in address;
    int out;
    server_pid = start_server(project, "127.0.0.1:0", &out);
    bool is_there = read_address(out, line, &address);
    return end_server(is_there ? mcp_stdio_run(&address, project->token, out) : -EPIPE, out);
}

static int run_http(const struct mcp_project *project, const char *listen) {
    char line[LINE_MAX];
    struct sockaddr_in address;
    int out;
    server_pid = start_server(project, listen, &out);
    bool is_there = read_address(out, line, &address);
    fputs(line, stdout);
    fflush(stdout);
    int r = is_there ? mcp_stdio_watch(&address, out) : 0;
    return end_server(r == -EPIPE ? 0 : r, out); /* its own status counts where it ends by itself */
}

/* Starts the keeper, if a source is a server to be started. Returns its pid, 0 or a negative errno. */
static pid_t start_children(struct mcp_project *project) {
    char token[33];
    uint16_t port;
    bool is_needed = false;
    for (size_t i = 0; i < project->sources_len; i++) is_needed |= project->sources[i].argv != NULL;
    if (!is_needed) return 0;
    make_token(token);
    snprintf(project->children, sizeof project->children, "%s", token);
    pid_t pid = mcp_children_start(project, &port);
    if (pid < 0)
        fprintf(stderr, "mayfly mcp: no server can be started: %s\n", strerror(-pid));
    else
        snprintf(project->children, sizeof project->children, "http://127.0.0.1:%u/%s", port, token);
    return pid;
}

static int run(struct mcp_project *project, const char *listen) {
    pid_t keeper = start_children(project);
    int status = 1;
    if (keeper >= 0 && mcp_project_write(project) == 0) {
        status = listen ? run_http(project, listen) : run_stdio(project);
    }
    mcp_project_remove(project);
    if (keeper > 0) {
        kill(keeper, SIGTERM);
        while (waitpid(keeper, NULL, 0) < 0 && errno == EINTR) {
        }
    }
    return status;
}

int mcp_main(int argc, char **argv) {
    static struct mcp_project the_project; /* what it holds lives as long as the process */
    struct mcp_project *project = &the_project;
    project->texts = json_object();
    CHECK(project->texts);
    struct mcp_listen listen = {0};
    char token[33];
    int r = parse_options(project, &listen, argc, argv);
    if (r != 0) return r < 0 ? 2 : 0;
    struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
    if (!listen.address) {
        make_token(token);
        project->token = token;
        project->is_stdio = true;
    }
    return run(project, listen.address);
}
