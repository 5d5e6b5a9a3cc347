/* What the files of the egress process that know frames share: egress_tenant.c has the channels, egress_exchange.c the
   requests, egress_request.c what one says when it comes, egress_log.c what is written about it. */
#pragma once
#include "base/buf.h"
#include "host/channel.h"
#include "host/egress_decode.h"
#include "host/egress_http.h"
#include "host/egress_policy.h"
#include "host/egress_resolve.h"
#include "host/egress_scrub.h"

/* Limits of what one cell may ask. */
#define TENANT_EXCHANGES_MAX      16384
#define REQUEST_HEADERS_MAX       1024
#define RESPONSE_HEADER_BYTES_MAX (512u * 1024u)
#define REDIRECTS_MAX             20
/* Bytes that may wait for a cell before its exchanges are held back. */
#define TENANT_WAITING_BYTES_MAX (8u << 20)
/* Policies that a host worker made itself and that are kept with their connections. */
#define WAYS_MADE_MAX 256

/* A policy in use, with its own connections. */
struct way {
    struct way *next;
    char *name;         /* for the log: "worker", "LOADER", ... */
    char *made_of;      /* the JSON of rules that the host worker gave; NULL for one of the configuration */
    struct way *bounds; /* what these may not go beyond; NULL likewise */
    struct policy policy;
    struct transport *transport; /* made at first use */
    unsigned uses;
};

#define EXCHANGE_BUCKETS 1024

/* One cell's way out: a host worker's, or that of a worker that a C program loaded. */
struct tenant {
    uv_loop_t *loop;
    struct host_channel *channel;
    struct tenant *next, **place;
    char *worker;
    struct way *ways; /* of the configuration, in its order */
    size_t ways_len;
    char mistake[300]; /* in its policies; "" for none */
    struct way *made;
    size_t made_len;
    struct exchange *exchanges[EXCHANGE_BUCKETS];
    size_t exchanges_len;
    bool is_gone, is_congested;
};

struct header {
    char *name, *value;
};

/*  FETCH --> resolving --> transfer --> head --> body --> ended        A redirect goes back to resolving, a failed
                 ^              |          |                            connection to the next address.
                 '--------------+----------'

    Invariant: the exchange lives until both of its directions have ended towards the cell; it is out of its bucket
    then, and given up in the resolver and in libcurl. */
struct exchange {
    struct tenant *tenant;
    struct exchange *next;
    uint32_t id;
    bool tells;   /* its owner wants what the log says of it */
    char *caller; /* the dynamic worker's name or NULL, as the host worker's cell gave it */
    struct way *way;
    struct rule *rule;
    const struct rule *outer; /* of the bounds */

    char *method;
    struct url url;
    struct header *headers;
    size_t headers_len;
    bool is_tunnel;    /* connect(): no HTTP */
    bool is_websocket; /* an upgrade is asked for: HTTP until the answer's head */
    bool wants_tls;    /* of a tunnel: startTls() was called; what is to be sent before it are plain_left bytes of body */
    size_t plain_left;
    struct tunnel *tunnel;
    bool follows, is_foreign; /* is_foreign: it was sent on to another origin, which gets no secret */
    unsigned redirects;

    bool has_body, body_ended;
    bool body_is_kept, body_is_dropped; /* a redirect may have it sent again, as a buffer; one had no use for it */
    struct buf body;                    /* what has come, without what was sent and is not kept */
    size_t body_at, body_kept;          /* of it, what this transfer has sent, and what any has */
    int64_t body_len;
    uint32_t owed; /* body bytes that libcurl took and no WINDOW has told of */

    struct resolution *resolution;
    struct address addresses[RESOLVE_ADDRESSES_MAX];
    size_t addresses_len, address_at;
    struct transfer *transfer;
    const struct injection *injected;
    size_t injected_len;

    int status;
    struct buf head; /* header pairs as JSON */
    char *location, *coding, *reason;
    struct decoder *decoder;
    struct scrub *scrub;
    struct buf coded, plain;
    uint32_t credit;
    bool has_head, has_responded, input_ended, has_ended, is_redirecting;
    bool is_wide; /* its text is in a charset where ASCII looks otherwise */
    char failure[300]; /* why the transfer is to be given up, once libcurl is done */

    uint64_t began_ms, sent, received;
};

/* egress_tenant.c */

/* These policies are each tenant's from now on, whatever an ATTACH says. */
void tenant_fix(const json_t *policies);
/* Takes over `fd` for a cell whose ATTACH said `text`. A policy
   with a mistake makes all its requests fail. Returns 0 or -EINVAL. */
int tenant_attach(uv_loop_t *loop, int fd, const char *text, size_t text_len);
/* Checks the policies of a configuration: {NAME: policy}. */
int tenant_check(const json_t *policies, char *ret_why, size_t why_len);
/* The way that a FETCH names. Returns 0 or -EINVAL with a text. */
int tenant_way(struct tenant *tenant, const json_t *head, struct way **ret, char *ret_why, size_t why_len);
void way_release(struct tenant *tenant, struct way *way);
/* Sends a frame; a channel that does not take it ends. */
void tenant_send(struct tenant *tenant, uint8_t type, uint8_t flags, uint32_t id, const struct buf *head,
                 const void *tail, size_t tail_len);

/* egress_exchange.c */

int exchange_on_frame(struct tenant *tenant, const struct frame *frame);
/* The cell is gone. */
void exchange_drop_all(struct tenant *tenant);
/* The channel takes bytes again. */
void exchange_resume_all(struct tenant *tenant);
/* The next request has no body; the cell need not send the rest. */
void exchange_drop_body(struct exchange *exchange);
/* Fails it towards the cell and ends it. */
void exchange_fail(struct exchange *exchange, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* It ended well towards the cell. */
void exchange_finish(struct exchange *exchange);
/* Tells the cell how much of its body has gone, if that is worth a frame. */
void exchange_pay_window(struct exchange *exchange);
bool exchange_is_over_bytes(const struct exchange *exchange);

/* egress_upgrade.c */

struct upgrade;

/* Appends the head of the request to `out`; NULL and a text if it cannot be sent. */
struct upgrade *upgrade_new(struct exchange *exchange, struct buf *out, char *ret_why, size_t why_len);
void upgrade_free(struct upgrade *upgrade);
/* Reads the answer. Returns 0 when it needs more, 1 when the connection is a WebSocket's now, from *ret_used on; 2 when the
   whole answer has come and is no upgrade, -EBADMSG when it makes no sense. */
int upgrade_take(struct upgrade *upgrade, const uint8_t *bytes, size_t len, size_t *ret_used);
/* The connection has ended: whether that ends the answer. */
bool upgrade_ends(struct upgrade *upgrade);

/* egress_exchange.c, for an answer that libcurl does not read */
void exchange_take_line(struct exchange *exchange, const char *line, size_t len);
void exchange_take_head(struct exchange *exchange, int status);
/* Sends the answer to an upgrade: its head, and unless `is_open` the body too, which is in exchange->coded; then it is
   over. */
void exchange_answer(struct exchange *exchange, bool is_open);
/* Whether a request's method, headers and open end ask for a WebSocket. */
bool request_wants_websocket(const json_t *head, const struct frame *frame);

/* egress_tunnel.c */

/* The connection of a tunnel is there. */
void tunnel_open(struct exchange *exchange);
/* There is more to send, or room for more. */
void tunnel_turn(struct exchange *exchange);
void tunnel_close(struct exchange *exchange);

/* egress_request.c */

/* Fills in what a FETCH says. Returns 0 or -EINVAL with a text. */
int request_parse(struct exchange *exchange, const json_t *head, char *ret_why, size_t why_len);
/* The header lines of the exchange's next transfer; sets what was injected. NULL with a text where that cannot be. */
struct curl_slist *request_headers(struct exchange *exchange, char *ret_why, size_t why_len);
/* Turns the request into what a redirect with `status` to `location` asks for. Returns 0 or -EINVAL with a text. */
int request_redirect(struct exchange *exchange, int status, const char *location, char *ret_why, size_t why_len);

/* egress_log.c */

void log_open(int fd);
/* One line about an exchange that has ended; `why` NULL if it went well. */
void log_exchange(const struct exchange *exchange, const char *why);

/* egress_main.c */

/* Whether a connection would end at the supervisor itself. */
bool egress_is_own(const struct address *address, uint16_t port);
