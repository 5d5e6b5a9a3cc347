#include "host/egress_http.h"
#include "base/macros.h"
#include <ctype.h>
#include <errno.h>
#include <netdb.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <strings.h>

#define CONNECT_TIMEOUT_MS 30000
#define SILENCE_SECONDS    300 /* without a byte in either direction */
#define IDLE_MAX           128 /* connections that a transport keeps */

struct transport {
    uv_loop_t *loop;
    CURLM *multi;
    uv_timer_t timer, kick;  /* what libcurl asked for; what resuming made due */
    struct transfer *turned; /* those that on_turn is due for */
    int handles;
};

/* A socket of libcurl's that the loop watches. */
struct watch {
    uv_poll_t poll;
    struct transport *transport;
    curl_socket_t fd;
};

struct transfer {
    struct transport *transport;
    struct transfer *turned_next;
    bool is_tunnel, is_turned, has_head, is_sending_paused, is_receiving_paused, was_sent;
    CURL *easy;
    struct curl_slist *headers, *connect_to;
    struct address address;
    const struct transfer_events *events;
    void *context;
    char error[CURL_ERROR_SIZE];
};

static X509_STORE *trusted;

int http_start(const char *ca_file) {
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) return -ENOMEM;
    trusted = X509_STORE_new();
    if (!trusted) return -ENOMEM;
    const char *system_file = getenv("SSL_CERT_FILE");
    if (!system_file) system_file = "/etc/ssl/certs/ca-certificates.crt";
    if (X509_STORE_load_file(trusted, system_file) != 1 && X509_STORE_set_default_paths(trusted) != 1) return -ENOENT;
    return !ca_file || X509_STORE_load_file(trusted, ca_file) == 1 ? 0 : -ENOENT;
}

/* --- The operator's proxy --------------------------------------------------------------------------------------- */

/* Where all connections go, if it is set. */
static struct {
    bool is_set;
    struct address address;
    char url[ADDRESS_TEXT_MAX + 32]; /* by address, so that nobody resolves it again */
    char *user, *password;           /* or NULL */
} proxy;

static int resolve_proxy(const char *host, unsigned port) {
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found;
    char bare[URL_HOST_MAX] = "", text[ADDRESS_TEXT_MAX];
    size_t len = strlen(host);
    bool is_bracketed = len > 1 && host[0] == '[';
    snprintf(bare, sizeof bare, "%.*s", (int)(is_bracketed ? len - 2 : len), host + is_bracketed);
    if (getaddrinfo(bare, NULL, &hints, &found) != 0) return -ENOENT;
    address_from_sockaddr(found->ai_addr, &proxy.address);
    freeaddrinfo(found);
    bool is_v6 = proxy.address.family == 6;
    address_print(&proxy.address, text);
    snprintf(proxy.url, sizeof proxy.url, "http://%s%s%s:%u", is_v6 ? "[" : "", text, is_v6 ? "]" : "", port);
    proxy.is_set = true;
    return 0;
}

int http_use_proxy(const char *url, char *ret_why, size_t why_len) {
    bool is_named = strncmp(url, "env:", 4) == 0;
    const char *text = is_named ? getenv(url + 4) : url;
    char *scheme = NULL, *host = NULL, *port = NULL, *path = NULL;
    if (!text) {
        snprintf(ret_why, why_len, "the proxy is to be had from the variable %s, which is not set", url + 4);
        return -EINVAL;
    }
    CURLU *u = curl_url();
    snprintf(ret_why, why_len, "the proxy must be http://[user:password@]host[:port]");
    int r = u && curl_url_set(u, CURLUPART_URL, text, 0) == CURLUE_OK &&
                    curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK && strcmp(scheme, "http") == 0 &&
                    curl_url_get(u, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
                    curl_url_get(u, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) == CURLUE_OK &&
                    curl_url_get(u, CURLUPART_PATH, &path, 0) == CURLUE_OK && strcmp(path, "/") == 0
                ? 0
                : -EINVAL;
    if (r == 0 && (r = resolve_proxy(host, (unsigned)strtoul(port, NULL, 10))) < 0)
        snprintf(ret_why, why_len, "the proxy's name %.200s cannot be resolved", host);
    if (r == 0) curl_url_get(u, CURLUPART_USER, &proxy.user, CURLU_URLDECODE);
    if (r == 0) curl_url_get(u, CURLUPART_PASSWORD, &proxy.password, CURLU_URLDECODE);
    curl_free(scheme);
    curl_free(host);
    curl_free(port);
    curl_free(path);
    curl_url_cleanup(u);
    return r;
}

/* CONNECT names the address (CURLOPT_CONNECT_TO), never the host: what was judged is where the proxy goes. */
static void set_proxy(CURL *easy) {
    curl_easy_setopt(easy, CURLOPT_PROXY, proxy.is_set ? proxy.url : "");
    if (!proxy.is_set) return;
    curl_easy_setopt(easy, CURLOPT_NOPROXY, "");
    curl_easy_setopt(easy, CURLOPT_HTTPPROXYTUNNEL, 1L);
    curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    if (proxy.user) curl_easy_setopt(easy, CURLOPT_PROXYUSERNAME, proxy.user);
    if (proxy.password) curl_easy_setopt(easy, CURLOPT_PROXYPASSWORD, proxy.password);
}

/* --- libcurl on the loop ---------------------------------------------------------------------------------------- */

static void mark_turned(struct transfer *t) {
    if (t->is_turned) return;
    t->is_turned = true;
    t->turned_next = t->transport->turned;
    t->transport->turned = t;
}

static void unmark(struct transfer *t) {
    struct transfer **place = &t->transport->turned;
    while (*place && *place != t) place = &(*place)->turned_next;
    if (*place) *place = t->turned_next;
}

static void transfer_free(struct transfer *t) {
    unmark(t);
    curl_multi_remove_handle(t->transport->multi, t->easy);
    curl_easy_cleanup(t->easy);
    curl_slist_free_all(t->headers);
    curl_slist_free_all(t->connect_to);
    free(t);
}

static const char *describe(const struct transfer *t, CURLcode result) {
    switch (result) {
    case CURLE_COULDNT_CONNECT: return "it refused the connection, or cannot be reached";
    case CURLE_OPERATION_TIMEDOUT: return "it took too long";
    case CURLE_PEER_FAILED_VERIFICATION: return t->error[0] ? t->error : "its certificate is not valid";
    case CURLE_GOT_NOTHING: return "it closed the connection without an answer";
    default: return t->error[0] ? t->error : curl_easy_strerror(result);
    }
}

static void end_transfers(struct transport *transport) {
    CURLMsg *msg;
    int left;
    while ((msg = curl_multi_info_read(transport->multi, &left))) {
        if (msg->msg != CURLMSG_DONE) continue;
        struct transfer *t;
        curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, &t);
        CURLcode result = msg->data.result;
        if (t->is_tunnel && result == CURLE_OK) {
            t->events->on_connected(t->context);
            continue;
        }
        char why[CURL_ERROR_SIZE + 1] = "";
        if (result != CURLE_OK) snprintf(why, sizeof why, "%s", describe(t, result));
        const struct transfer_events *events = t->events;
        void *context = t->context;
        bool was_sent = t->was_sent;
        transfer_free(t);
        events->on_end(context, result == CURLE_OK ? NULL : why, was_sent);
    }
}

/* What has to be done after each call that lets libcurl work. */
static void settle(struct transport *transport) {
    end_transfers(transport);
    while (transport->turned) {
        struct transfer *t = transport->turned;
        transport->turned = t->turned_next;
        t->is_turned = false;
        t->events->on_turn(t->context);
    }
}

static void act(struct transport *transport, curl_socket_t fd, int events) {
    int running;
    curl_multi_socket_action(transport->multi, fd, events, &running);
    settle(transport);
}

static void on_timer(uv_timer_t *timer) {
    act(timer->data, CURL_SOCKET_TIMEOUT, 0);
}

static int on_timer_wanted(CURLM *multi, long ms, void *data) {
    struct transport *transport = data;
    (void)multi;
    if (ms < 0)
        uv_timer_stop(&transport->timer);
    else
        uv_timer_start(&transport->timer, on_timer, (uint64_t)ms, 0);
    return 0;
}

static void on_poll(uv_poll_t *poll, int status, int events) {
    struct watch *w = poll->data;
    int flags = (events & UV_READABLE ? CURL_CSELECT_IN : 0) | (events & UV_WRITABLE ? CURL_CSELECT_OUT : 0);
    act(w->transport, w->fd, status < 0 ? CURL_CSELECT_ERR : flags);
}

static void on_watch_closed(uv_handle_t *handle) {
    free(handle->data);
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *data, void *socket_data) {
    struct transport *transport = data;
    struct watch *w = socket_data;
    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        if (!w) return 0;
        curl_multi_assign(transport->multi, fd, NULL);
        uv_close((uv_handle_t *)&w->poll, on_watch_closed);
        return 0;
    }
    if (!w) {
        w = calloc(1, sizeof *w);
        CHECK(w);
        *w = (struct watch){.transport = transport, .fd = fd};
        CHECK(uv_poll_init(transport->loop, &w->poll, fd) == 0);
        w->poll.data = w;
        curl_multi_assign(transport->multi, fd, w);
    }
    uv_poll_start(&w->poll, (what & CURL_POLL_IN ? UV_READABLE : 0) | (what & CURL_POLL_OUT ? UV_WRITABLE : 0),
                  on_poll);
    return 0;
}

struct transport *transport_new(uv_loop_t *loop) {
    struct transport *transport = calloc(1, sizeof *transport);
    if (!transport) return NULL;
    transport->loop = loop;
    transport->multi = curl_multi_init();
    CHECK(transport->multi);
    curl_multi_setopt(transport->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    curl_multi_setopt(transport->multi, CURLMOPT_SOCKETDATA, transport);
    curl_multi_setopt(transport->multi, CURLMOPT_TIMERFUNCTION, on_timer_wanted);
    curl_multi_setopt(transport->multi, CURLMOPT_TIMERDATA, transport);
    curl_multi_setopt(transport->multi, CURLMOPT_MAXCONNECTS, (long)IDLE_MAX);
    CHECK(uv_timer_init(loop, &transport->timer) == 0);
    CHECK(uv_timer_init(loop, &transport->kick) == 0);
    transport->timer.data = transport->kick.data = transport;
    transport->handles = 2;
    return transport;
}

static void on_timer_closed(uv_handle_t *handle) {
    struct transport *transport = handle->data;
    if (--transport->handles == 0) free(transport);
}

void transport_free(struct transport *transport) {
    if (!transport) return;
    curl_multi_cleanup(transport->multi);
    uv_close((uv_handle_t *)&transport->timer, on_timer_closed);
    uv_close((uv_handle_t *)&transport->kick, on_timer_closed);
}

/* --- What libcurl asks ------------------------------------------------------------------------------------------ */

static size_t on_read(char *out, size_t size, size_t n, void *data) {
    struct transfer *t = data;
    bool ended = false;
    size_t len = t->events->read_body(t->context, out, size * n, &ended);
    mark_turned(t);
    if (len > 0 || ended) return len;
    t->is_sending_paused = true;
    return CURL_READFUNC_PAUSE;
}

static size_t on_header(char *line, size_t size, size_t n, void *data) {
    struct transfer *t = data;
    size_t len = size * n, rest = len;
    long status = 0;
    while (rest > 0 && (line[rest - 1] == '\r' || line[rest - 1] == '\n')) rest--;
    if (t->has_head) return len; /* a trailer */
    if (rest > 0) {
        t->events->on_header(t->context, line, rest);
        return len;
    }
    curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
    if (status < 200 && status != 101) return len; /* another head follows */
    t->has_head = true;
    t->events->on_head(t->context, (int)status);
    mark_turned(t);
    return len;
}

static size_t on_write(char *bytes, size_t size, size_t n, void *data) {
    struct transfer *t = data;
    mark_turned(t);
    switch (t->events->on_body(t->context, (const uint8_t *)bytes, size * n)) {
    case BODY_TAKEN: return size * n;
    case BODY_PAUSE: t->is_receiving_paused = true; return CURL_WRITEFUNC_PAUSE;
    default: return 0;
    }
}

/* Whom a connection is made to: the proxy, or the server itself. */
static const struct address *peer_of(const struct transfer *t) {
    return proxy.is_set ? &proxy.address : &t->address;
}

/* The last look at where the connection goes: whatever libcurl thought, it is the address that was judged or none. */
static curl_socket_t on_open(void *data, curlsocktype purpose, struct curl_sockaddr *to) {
    struct transfer *t = data;
    struct address address;
    if (purpose != CURLSOCKTYPE_IPCXN || (to->family != AF_INET && to->family != AF_INET6)) return CURL_SOCKET_BAD;
    address_from_sockaddr(&to->addr, &address);
    if (memcmp(&address, peer_of(t), sizeof address) != 0) return CURL_SOCKET_BAD;
    t->was_sent = false;
    return socket(to->family, to->socktype | SOCK_CLOEXEC, to->protocol);
}

static int on_prereq(void *data, char *to, char *from, int to_port, int from_port) {
    struct transfer *t = data;
    struct address address;
    (void)from, (void)to_port, (void)from_port;
    if (!address_parse(to, &address) || memcmp(&address, peer_of(t), sizeof address) != 0)
        return CURL_PREREQFUNC_ABORT;
    t->was_sent = true;
    return CURL_PREREQFUNC_OK;
}

static CURLcode on_ssl_context(CURL *easy, void *context, void *data) {
    (void)easy, (void)data;
    SSL_CTX_set1_cert_store(context, trusted);
    return CURLE_OK;
}

SSL *http_tls(int fd, const struct url *url) {
    static SSL_CTX *context;
    if (!context && (context = SSL_CTX_new(TLS_client_method()))) {
        SSL_CTX_set1_cert_store(context, trusted);
        SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
        SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
        SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    }
    SSL *tls = context ? SSL_new(context) : NULL;
    bool is_ready = tls && SSL_set_fd(tls, fd) == 1;
    if (is_ready && url->is_literal) is_ready = X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(tls), url->host) == 1;
    if (is_ready && !url->is_literal)
        is_ready = SSL_set_tlsext_host_name(tls, url->host) == 1 && SSL_set1_host(tls, url->host) == 1;
    if (is_ready) {
        SSL_set_connect_state(tls);
        return tls;
    }
    SSL_free(tls);
    return NULL;
}

/* --- Transfers -------------------------------------------------------------------------------------------------- */

static void set_options(struct transfer *t, const struct transfer_request *request) {
    CURL *easy = t->easy;
    bool is_head = strcmp(request->method, "HEAD") == 0;
    curl_easy_setopt(easy, CURLOPT_PRIVATE, t);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, t->error);
    curl_easy_setopt(easy, CURLOPT_URL, request->url->text);
    curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    set_proxy(easy);
    curl_easy_setopt(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
    curl_easy_setopt(easy, CURLOPT_CONNECT_TO, t->connect_to);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, t->headers);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_TIMEOUT_MS);
    curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, (long)SILENCE_SECONDS);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)request->timeout_ms);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_CAINFO, NULL);
    curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
    curl_easy_setopt(easy, CURLOPT_SSL_CTX_FUNCTION, on_ssl_context);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, t);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_write);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, t);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_open);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, t);
    curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_prereq);
    curl_easy_setopt(easy, CURLOPT_PREREQDATA, t);
    if (request->has_body) {
        curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L);
        curl_easy_setopt(easy, CURLOPT_READFUNCTION, on_read);
        curl_easy_setopt(easy, CURLOPT_READDATA, t);
        curl_easy_setopt(easy, CURLOPT_INFILESIZE_LARGE, (curl_off_t)request->body_len);
    }
    if (request->is_tunnel) {
        curl_easy_setopt(easy, CURLOPT_CONNECT_ONLY, 1L);
        curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
        curl_easy_setopt(easy, CURLOPT_SSL_ENABLE_ALPN, 0L);
        curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
    }
    if (is_head)
        curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
    else
        curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method);
}

struct transfer *transfer_start(struct transport *transport, const struct transfer_request *request,
                                const struct transfer_events *events, void *context) {
    struct transfer *t = calloc(1, sizeof *t);
    char to[ADDRESS_TEXT_MAX + 16], address[ADDRESS_TEXT_MAX];
    bool is_v6 = request->address->family == 6;
    address_print(request->address, address);
    snprintf(to, sizeof to, "::%s%s%s:%u", is_v6 ? "[" : "", address, is_v6 ? "]" : "", request->url->port);
    CURL *easy = t ? curl_easy_init() : NULL;
    struct curl_slist *connect_to = curl_slist_append(NULL, to);
    if (!t || !easy || !connect_to) {
        free(t);
        if (easy) curl_easy_cleanup(easy);
        curl_slist_free_all(connect_to);
        curl_slist_free_all(request->headers);
        return NULL;
    }
    *t = (struct transfer){.is_tunnel = request->is_tunnel,
                           .transport = transport,
                           .easy = easy,
                           .headers = request->headers,
                           .connect_to = connect_to,
                           .address = *request->address,
                           .events = events,
                           .context = context};
    set_options(t, request);
    CHECK(curl_multi_add_handle(transport->multi, easy) == CURLM_OK);
    return t;
}

CURL *transfer_easy(struct transfer *t) {
    return t->easy;
}

void transfer_give_up(struct transfer *t) {
    if (t) transfer_free(t);
}

static void on_kick(uv_timer_t *kick) {
    settle(kick->data);
}

/* libcurl hands over what it held back from inside of this, and asks for its timer to go on. */
static void resume(struct transfer *t) {
    struct transport *transport = t->transport;
    curl_easy_pause(t->easy,
                    (t->is_sending_paused ? CURLPAUSE_SEND : 0) | (t->is_receiving_paused ? CURLPAUSE_RECV : 0));
    if (transport->turned) uv_timer_start(&transport->kick, on_kick, 0, 0);
}

void transfer_resume_sending(struct transfer *t) {
    if (!t->is_sending_paused) return;
    t->is_sending_paused = false;
    resume(t);
}

void transfer_resume_receiving(struct transfer *t) {
    if (!t->is_receiving_paused) return;
    t->is_receiving_paused = false;
    resume(t);
}
