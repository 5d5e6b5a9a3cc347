/* HTTP requests by libcurl on the egress process's loop. A transport is one set of connections that are kept and used
   again; each policy has its own. A transfer is one request to one address that was resolved and judged before: libcurl
   never resolves, follows, decodes or adds a header here. */
#pragma once
#include "host/egress_address.h"
#include "host/egress_url.h"
#include <curl/curl.h>
#include <openssl/ssl.h>
#include <uv.h>

struct transport;
struct transfer;

/* Reads the certificates that servers are trusted by: the system's, and those of `ca_file` if it is not NULL. Before
   the process closes itself in. Returns 0 or a negative errno. */
int http_start(const char *ca_file);

/* Has all connections made through an HTTP proxy, by CONNECT to the address that was judged. `url` is as in struct
   outbound_config. Resolves its host, so before the process closes itself in. Returns 0 or a negative errno with a text. */
int http_use_proxy(const char *url, char *ret_why, size_t why_len);

struct transport *transport_new(uv_loop_t *loop);
/* No transfer may be left. */
void transport_free(struct transport *transport);

struct transfer_request {
    const struct url *url;
    const struct address *address;
    const char *method;
    struct curl_slist *headers; /* taken over */
    bool is_tunnel;             /* only a connection is wanted, with TLS for https */
    bool has_body;
    int64_t body_len; /* -1: not known */
    unsigned timeout_ms;
};

enum transfer_body { BODY_TAKEN, BODY_PAUSE, BODY_ABORT };

/* All but on_end come from inside libcurl: from there transfers are neither started nor given up. */
struct transfer_events {
    /* Writes body bytes to `out`; 0 with *ret_ended unset waits for transfer_resume. */
    size_t (*read_body)(void *context, char *out, size_t max, bool *ret_ended);
    /* A header line, "name: value" without its end; status 0 until the head is whole. */
    void (*on_header)(void *context, const char *line, size_t len);
    void (*on_head)(void *context, int status);
    enum transfer_body (*on_body)(void *context, const uint8_t *data, size_t len);
    /* A tunnel's connection is there; it lives until the transfer is given up. */
    void (*on_connected)(void *context);
    /* The transfer is over and freed; why is NULL when it went well. was_sent: the server may have seen the request. */
    void (*on_end)(void *context, const char *why, bool was_sent);
    /* libcurl has done its work for now: what it said can be passed on. */
    void (*on_turn)(void *context);
};

/* NULL without memory. */
struct transfer *transfer_start(struct transport *transport, const struct transfer_request *request,
                                const struct transfer_events *events, void *context);
/* For curl_easy_send, curl_easy_recv and CURLINFO_ACTIVESOCKET on a tunnel. */
CURL *transfer_easy(struct transfer *transfer);
/* TLS over a connection that is there, to be begun; its server is trusted as any other. NULL without memory. */
SSL *http_tls(int fd, const struct url *url);
/* Ends it without on_end. */
void transfer_give_up(struct transfer *transfer);

/* There is a body to send, or room for a body to come. */
void transfer_resume_sending(struct transfer *transfer);
void transfer_resume_receiving(struct transfer *transfer);
