#include "host/mcp_project.h"
#include "host/mcp_blob.h"
#include "host/source.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/file.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* A directory without a lock that is younger than that may belong to somebody who is about to take it. */
#define ORPHAN_SECONDS 60

static const char *const kind_names[] = {"openapi", "mcp", "typescript"};

struct mcp_source *mcp_project_find(struct mcp_project *project, const char *name) {
    for (size_t i = 0; i < project->sources_len; i++) {
        if (strcmp(project->sources[i].name, name) == 0) return &project->sources[i];
    }
    return NULL;
}

const char *mcp_project_add_secret(struct mcp_source *source, struct mcp_secret secret) {
    for (size_t i = 0; i < source->secrets_len; i++) {
        if (strcasecmp(source->secrets[i].header, secret.header) == 0) return "has a secret for this header already";
    }
    if (source->secrets_len == MCP_SECRETS_MAX) return "has 8 secrets already, and more are not taken";
    source->secrets[source->secrets_len++] = secret;
    return NULL;
}

static bool is_url(const char *place) {
    if (!place) return false;
    return strncmp(place, "http://", 7) == 0 || strncmp(place, "https://", 8) == 0;
}

/* Where a source's requests go, as far as it is known here. */
static const char *server_of(const struct mcp_source *source) {
    if (source->server) return source->server;
    return is_url(source->place) ? source->place : NULL;
}

/* A source's file has to be there, and not larger than a module of the worker may be. */
static int check_file(const struct mcp_source *source) {
    struct stat st;
    int r = access(source->place, R_OK) < 0 || stat(source->place, &st) < 0 ? -errno : 0;
    if (r < 0) {
        fprintf(stderr, "mayfly mcp: %s: %s: %s\n", source->name, source->place, strerror(-r));
    } else if (st.st_size > SOURCE_BYTES_MAX) {
        fprintf(stderr, "mayfly mcp: %s: %s: %lld bytes, and %u are the most\n", source->name, source->place,
                (long long)st.st_size, SOURCE_BYTES_MAX);
        r = -EFBIG;
    }
    return r;
}

int mcp_project_check(const struct mcp_project *project) {
    int r = 0;
    for (size_t i = 0; i < project->sources_len; i++) {
        const struct mcp_source *source = &project->sources[i];
        if (source->argv) {
            if (source->secrets_len == 0 && !source->server) continue;
            fprintf(stderr, "mayfly mcp: %s: a server that is started gets its credentials by its environment\n",
                    source->name);
            r = -EINVAL;
            continue;
        }
        if (source->kind == MCP_SERVER && !is_url(source->place)) {
            fprintf(stderr, "mayfly mcp: --mcp %s: '%s' is no http or https address\n", source->name, source->place);
            r = -EINVAL;
        } else if (!is_url(source->place) && check_file(source) < 0) {
            r = -EINVAL;
        }
        if (source->secrets_len > 0 && !server_of(source)) {
            fprintf(stderr, "mayfly mcp: --secret %s: say with --server %s=URL which server may have it\n",
                    source->name, source->name);
            r = -EINVAL;
        }
    }
    return r;
}

/* --- The way out ------------------------------------------------------------------------------------------------ */

#define SECRET_NAME_BYTES 64

/* The name of a source's secret within the configuration. */
static void name_secret(char out[SECRET_NAME_BYTES], size_t source, size_t secret) {
    snprintf(out, SECRET_NAME_BYTES, "SECRET_%zu_%zu", source, secret);
}

/* A rule for one server: its scheme, host and port, and the credentials that go there. */
static json_t *make_rule(const char *url, const struct mcp_source *source, size_t number) {
    bool is_secure = strncmp(url, "https://", 8) == 0;
    const char *host = url + (is_secure ? 8 : 7);
    size_t authority_len = strcspn(host, "/?#"), host_len = authority_len;
    long port = is_secure ? 443 : 80;
    const char *close = host[0] == '[' ? memchr(host, ']', authority_len) : NULL;
    const char *colon = memchr(close ? close : host, ':', authority_len - (size_t)((close ? close : host) - host));
    if (colon) {
        port = strtol(colon + 1, NULL, 10);
        host_len = (size_t)(colon - host);
    }
    if (close) {
        host++;
        host_len = (size_t)(close - host);
    }
    json_t *rule = json_pack("{s:[s%], s:[s], s:[I]}", "hosts", host, host_len, "schemes", is_secure ? "https" : "http",
                             "ports", (json_int_t)port);
    if (strncmp(host, "localhost", host_len) == 0 && host_len == 9) {
        json_object_set_new(rule, "addresses", json_pack("[s, s]", "127.0.0.1", "::1"));
    }
    if (!source || source->secrets_len == 0) return rule;
    json_t *list = json_array(), *plain = json_object();
    for (size_t i = 0; i < source->secrets_len; i++) {
        const struct mcp_secret *secret = &source->secrets[i];
        char name[SECRET_NAME_BYTES];
        name_secret(name, number, i);
        if (secret->variable)
            json_array_append_new(
                list, json_pack("{s:s, s:s, s:s}", "header", secret->header, "prefix", secret->prefix, "secret", name));
        else
            json_object_set_new(plain, secret->header, json_string(secret->prefix));
    }
    json_object_set_new(rule, "headers", plain);
    json_object_set_new(rule, "inject", list);
    if (!is_secure) json_object_set_new(rule, "injectPlain", json_true());
    return rule;
}

/* What one source may reach, and nobody else with its credential: its server, or where its messages are passed on to
   it; and any public address over https for a document that names its servers itself. */
static json_t *make_policy(const struct mcp_project *project, const struct mcp_source *source, size_t number) {
    json_t *rules = json_array();
    const char *server = server_of(source);
    if (server) json_array_append_new(rules, make_rule(server, source, number));
    /* Where the document comes from is asked without the credential. */
    if (source->server && is_url(source->place)) json_array_append_new(rules, make_rule(source->place, NULL, number));
    if (source->argv) {
        json_t *rule = make_rule(project->children, NULL, number);
        json_object_set_new(rule, "addresses", json_pack("[s]", "127.0.0.1"));
        json_object_set_new(rule, "paths", json_pack("[s++]", strrchr(project->children, '/'), "/", source->name));
        json_array_append_new(rules, rule);
    }
    if (source->kind == MCP_OPENAPI && !source->server) {
        json_array_append_new(rules, json_pack("{s:[s], s:[s]}", "hosts", "*", "schemes", "https"));
    }
    return json_pack("{s:o}", "allow", rules);
}

/* The policies, each under the name of the binding that asks by it. The worker's own is none: whatever it sends, it
   sends for a source. */
static json_t *make_policies(const struct mcp_project *project, json_t *outbounds) {
    json_t *policies = json_pack("{s:n}", "mayfly.outbound");
    for (size_t i = 0; i < project->sources_len; i++) {
        char binding[80];
        snprintf(binding, sizeof binding, "OUTBOUND_%s", project->sources[i].name);
        json_array_append_new(
            outbounds, json_pack("{s:s, s:I}", "binding", binding, "way", (json_int_t)json_object_size(policies)));
        json_object_set_new(policies, binding, make_policy(project, &project->sources[i], i));
    }
    return policies;
}

static json_t *make_secrets(const struct mcp_project *project) {
    json_t *secrets = json_object();
    for (size_t i = 0; i < project->sources_len; i++) {
        const struct mcp_source *source = &project->sources[i];
        for (size_t j = 0; j < source->secrets_len; j++) {
            char name[SECRET_NAME_BYTES];
            name_secret(name, i, j);
            if (source->secrets[j].variable)
                json_object_set_new(secrets, name, json_pack("{s:s}", "env", source->secrets[j].variable));
        }
    }
    return secrets;
}

/* --- The configuration ------------------------------------------------------------------------------------------ */

static json_t *make_source(const struct mcp_source *source) {
    char file[300];
    snprintf(file, sizeof file, "./%s.txt", source->name);
    bool has_url = is_url(source->place);
    return json_pack("{s:s, s:s, s:s*, s:s*, s:s*}", "name", source->name, "kind", kind_names[source->kind], "file",
                     has_url || source->argv ? NULL : file, "url", has_url ? source->place : NULL, "server",
                     source->server);
}

/* A JSON text as a string in another, or null for what is empty. */
static json_t *as_text(json_t *value) {
    char *text = json_object_size(value) ? json_dumps(value, JSON_COMPACT) : NULL;
    json_t *string = text ? json_string(text) : json_null();
    free(text);
    json_decref(value);
    return string;
}

/* What the worker that reads wrangler's files (runtime/config) would say of one with this in it. */
static char *make_config(const struct mcp_project *project) {
    json_t *sources = json_array();
    for (size_t i = 0; i < project->sources_len; i++) {
        json_array_append_new(sources, make_source(&project->sources[i]));
    }
    json_t *vars =
        json_pack("{s:o, s:I, s:s, s:b, s:s}", "SOURCES", sources, "TIMEOUT_MS", (json_int_t)project->timeout_ms,
                  "TOKEN", project->token, "IS_STDIO", project->is_stdio, "CHILDREN", project->children);
    json_t *outbounds = json_array();
    json_t *policies = make_policies(project, outbounds);
    json_t *config =
        json_pack("{s:s, s:s, s:s, s:s, s:[{s:s, s:b}], s:o, s:o, s:o, s:o, s:b, s:b}", "name", "mcp", "main", "mcp.js",
                  "mainAt", "mcp.js", "compatibilityDate", "2026-01-01", "loaders", "binding", "LOADER", "jit",
                  !project->no_jit, "vars", as_text(vars), "outbounds", outbounds, "secrets",
                  as_text(make_secrets(project)), "policies", as_text(policies), "hasPolicies", true, "isClosed", true);
    char *text = config ? json_dumps(config, JSON_COMPACT) : NULL;
    json_decref(config);
    return text;
}

/* --- Files ------------------------------------------------------------------------------------------------------ */

static int write_file(const struct mcp_project *project, const char *name, const char *data, size_t len) {
    char path[PATH_MAX + 300];
    snprintf(path, sizeof path, "%s/%s", project->dir, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) return -errno;
    int r = 0;
    for (size_t done = 0; done < len && r == 0;) {
        ssize_t n = write(fd, data + done, len - done);
        if (n < 0 && errno != EINTR) r = -errno;
        if (n > 0) done += (size_t)n;
    }
    close(fd);
    return r;
}

static int copy_file(const struct mcp_project *project, const struct mcp_source *source) {
    char path[PATH_MAX + 300];
    snprintf(path, sizeof path, "%s/%s.txt", project->dir, source->name);
    int from = open(source->place, O_RDONLY | O_CLOEXEC | O_NONBLOCK), to = -1, r = from < 0 ? -errno : 0;
    struct stat st;
    if (r == 0 && (fstat(from, &st) < 0 || !S_ISREG(st.st_mode))) r = -EINVAL;
    if (r == 0) to = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (r == 0 && to < 0) r = -errno;
    for (off_t done = 0; r == 0 && done < st.st_size;) {
        ssize_t n = sendfile(to, from, &done, (size_t)(st.st_size - done));
        if (n <= 0) r = n < 0 ? -errno : -EIO;
    }
    if (from >= 0) close(from);
    if (to >= 0) close(to);
    if (r < 0) fprintf(stderr, "mayfly mcp: %s: %s\n", source->place, strerror(-r));
    return r;
}

/* Where projects are written. */
static const char *parent_dir(void) {
    const char *parent = getenv("TMPDIR");
    return parent && *parent ? parent : "/tmp";
}

#define DIR_PREFIX "mayfly-mcp-"

static void remove_dir(const char *path) {
    DIR *dir = opendir(path);
    if (!dir) return;
    for (struct dirent *entry; (entry = readdir(dir));) {
        if (entry->d_name[0] != '.') unlinkat(dirfd(dir), entry->d_name, 0);
    }
    closedir(dir);
    rmdir(path);
}

/* True if a directory is of ours and has no owner that runs: one holds a lock as long as it lives. One that was just
   made may not have it yet. */
static bool is_orphan(const char *path) {
    struct stat st;
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) return false;
    bool is_ours = fstat(fd, &st) == 0 && st.st_uid == geteuid() && time(NULL) - st.st_mtime > ORPHAN_SECONDS;
    bool is_free = is_ours && flock(fd, LOCK_EX | LOCK_NB) == 0;
    close(fd);
    return is_free;
}

static void remove_orphans(void) {
    char path[PATH_MAX + 300];
    DIR *dir = opendir(parent_dir());
    if (!dir) return;
    for (struct dirent *entry; (entry = readdir(dir));) {
        if (strncmp(entry->d_name, DIR_PREFIX, strlen(DIR_PREFIX)) != 0) continue;
        snprintf(path, sizeof path, "%s/%s", parent_dir(), entry->d_name);
        if (is_orphan(path)) remove_dir(path);
    }
    closedir(dir);
}

int mcp_project_write(struct mcp_project *project) {
    remove_orphans();
    snprintf(project->dir, sizeof project->dir, "%s/" DIR_PREFIX "XXXXXX", parent_dir());
    if (!mkdtemp(project->dir)) {
        int r = -errno;
        fprintf(stderr, "mayfly mcp: %s: %s\n", project->dir, strerror(errno));
        project->dir[0] = 0;
        return r;
    }
    project->lock_fd = open(project->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (project->lock_fd >= 0) flock(project->lock_fd, LOCK_EX | LOCK_NB);
    int r = write_file(project, "mcp.js", mcp_source, (size_t)(mcp_source_end - mcp_source));
    project->config = make_config(project);
    if (r == 0 && !project->config) r = -ENOMEM;
    if (r < 0) fprintf(stderr, "mayfly mcp: %s: %s\n", project->dir, strerror(-r));
    for (size_t i = 0; r == 0 && i < project->sources_len; i++) {
        const struct mcp_source *source = &project->sources[i];
        if (!source->argv && !is_url(source->place)) r = copy_file(project, source);
    }
    return r;
}

void mcp_project_remove(const struct mcp_project *project) {
    if (project->dir[0]) remove_dir(project->dir);
}
