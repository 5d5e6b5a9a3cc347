/* Ingress with clients that vanish, stall, send garbage, claim too much, or try to smuggle a request past a front. */
#include "ingress_fixture.h"

#define GET(path)       "GET " path " HTTP/1.1\r\nHost: a\r\n\r\n"
#define POST(path, len) "POST " path " HTTP/1.1\r\nHost: a\r\nContent-Length: " #len "\r\n\r\n"
#define CHUNKED(path)   "POST " path " HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"

/* Closes so that the server sees a reset rather than an end. */
static void client_reset(struct client *client) {
    struct linger linger = {.l_onoff = 1};
    setsockopt(client->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    client_close(client);
}

/* Another client is served: the server has survived what came before. */
static bool serves(const struct server *server) {
    struct response response;
    return exchange(server, GET("/hello"), &response) == 200;
}

/* --- Vanishing --- */

TEST(gone_before_and_within_a_head) {
    SERVER(server);
    struct client client = client_open(server);
    client_close(&client);
    client = client_open(server);
    EXPECT(client_say(&client, "GET /hel"));
    client_close(&client);
    client = client_open(server);
    EXPECT(client_say(&client, "GET /hel"));
    client_reset(&client);
    EXPECT(serves(server));
    EXPECT_INT(count_of(server, REQUEST), 1);
    server_stop(server);
}

TEST(gone_while_the_request_waits) {
    SERVER(server);
    for (unsigned i = 0; i < 2; i++) {
        struct client client = client_open(server);
        EXPECT(client_say(&client, GET("/later")));
        EXPECT(wait_for(server, REQUEST, i + 1));
        if (i == 0)
            client_close(&client);
        else
            client_reset(&client);
        EXPECT(wait_for(server, ABORT, i + 1));
    }
    server_stop(server);
}

TEST(gone_with_more_requests_in_the_pipe) {
    SERVER(server);
    struct client client = client_open(server);
    EXPECT(client_say(&client, GET("/later") GET("/hello")));
    EXPECT(wait_for(server, REQUEST, 1));
    EXPECT(client_say(&client, GET("/hello")));
    client_close(&client);
    EXPECT(wait_for(server, ABORT, 1));
    EXPECT_INT(count_of(server, REQUEST), 1);
    server_stop(server);
}

TEST(gone_within_a_body) {
    SERVER(server);
    struct client client = client_open(server);
    EXPECT(client_say(&client, POST("/sink", 10) "abc"));
    EXPECT(wait_for(server, REQUEST, 1));
    client_close(&client);
    EXPECT(wait_for(server, ABORT, 1));
    client = client_open(server);
    EXPECT(client_say(&client, CHUNKED("/echo") "5\r\nabc"));
    EXPECT(wait_for(server, REQUEST, 2));
    client_reset(&client);
    EXPECT(wait_for(server, ABORT, 2));
    server_stop(server);
}

TEST(gone_while_its_body_is_held) {
    SERVER(server);
    for (unsigned i = 0; i < 2; i++) {
        struct client client = client_open(server);
        static const uint8_t piece[80000]; /* more than one read, less than a socket's buffer: see ingress.h */
        EXPECT(client_say(&client, POST("/hold", 50000000)));
        EXPECT(wait_for(server, REQUEST, i + 1));
        EXPECT(client_send(&client, piece, sizeof piece));
        if (i == 0)
            client_close(&client);
        else
            client_reset(&client);
        EXPECT(wait_for(server, ABORT, i + 1));
    }
    server_stop(server);
}

TEST(gone_while_the_response_waits_for_it) {
    SERVER(server);
    for (unsigned i = 0; i < 2; i++) {
        struct client client = client_open(server);
        EXPECT(client_say(&client, i == 0 ? GET("/big?900000000") : GET("/whole?30000000")));
        EXPECT(wait_for(server, REQUEST, i + 1));
        EXPECT(client_fill(&client) > 0);
        client_close(&client);
        EXPECT(wait_for(server, ABORT, i + 1));
    }
    server_stop(server);
}

TEST(many_clients_vanish_at_once) {
    enum { N = 300 };
    SERVER(server);
    static struct client clients[N];
    for (int i = 0; i < N; i++) {
        clients[i] = client_open(server);
        EXPECT(client_say(&clients[i], i % 3 ? GET("/later") : POST("/hold", 100) "abc"));
    }
    EXPECT(wait_for(server, REQUEST, N));
    for (int i = 0; i < N; i++) {
        if (i % 2)
            client_close(&clients[i]);
        else
            client_reset(&clients[i]);
    }
    EXPECT(wait_for(server, ABORT, N));
    EXPECT(serves(server));
    server_stop(server);
}

static unsigned long turns_of(struct server *server) {
    pthread_mutex_lock(&server->lock);
    unsigned long turns = server->turns;
    pthread_mutex_unlock(&server->lock);
    return turns;
}

/* Bytes that are not wanted yet must not keep waking the loop: what others do then costs some turns each, not all that
   fit into the time. */
TEST(unwanted_input_does_not_spin) {
    SERVER(server);
    struct client piped = client_open(server), held = client_open(server);
    EXPECT(client_say(&piped, GET("/later")) && client_say(&held, POST("/hold", 100) "abc"));
    EXPECT(wait_for(server, REQUEST, 2));
    EXPECT(client_say(&piped, GET("/hello")) && client_say(&held, "def"));
    unsigned long before = turns_of(server);
    for (int i = 0; i < 300; i++) EXPECT(serves(server));
    EXPECT(turns_of(server) - before < 300 * 8);
    client_close(&piped);
    client_close(&held);
    server_stop(server);
}

/* --- Garbage and smuggling: each is refused with its status, ends the connection, and reaches no handler --- */

struct refused {
    int status;
    const char *bytes;
    size_t len;
};

#define R(status, bytes)                                                                                               \
    { status, TEXT(bytes) }
#define P "POST / HTTP/1.1\r\nHost: a\r\n"

static void expect_refused(const struct refused *cases, size_t n) {
    SERVER(server);
    for (size_t i = 0; i < n; i++) {
        struct client client = client_open(server);
        struct response response;
        EXPECT(client_send(&client, cases[i].bytes, cases[i].len) && client_say(&client, "\r\n\r\n" GET("/smuggled")));
        (void)client_read(&client, &response, false);
        if (response.status != cases[i].status) {
            check_fail(__FILE__, __LINE__, "case %zu, %.60s: status %d, not %d", i, cases[i].bytes, response.status,
                       cases[i].status);
            return;
        }
        EXPECT_STR(header_of(&response, "Connection"), "close");
        EXPECT(client_sees_end(&client));
        client_close(&client);
    }
    EXPECT_INT(count_of(server, REQUEST), 0);
    EXPECT(serves(server));
    server_stop(server);
}

TEST(garbage_is_refused) {
    static const struct refused cases[] = {
        R(400, "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),
        R(400, "hello\r\n\r\n"),
        R(400, "GET\r\n\r\n"),
        R(400, "GET / HTTP/1.1 \r\nHost: a\r\n\r\n"),
        R(400, "GET / HTP/1.1\r\nHost: a\r\n\r\n"),
        R(400, " GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
        R(400, "get / HTTP/1.1\r\nHost: a\r\n\r\n"),
        R(400, "GET /\x01 HTTP/1.1\r\nHost: a\r\n\r\n"),
        R(400, "GET / HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n"),
        R(400, "GET / HTTP/1.1\r\nHost: a\r\n: no name\r\n\r\n"),
        R(400, "GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n"),
        R(400, "GET / HTTP/1.1\r\nHost: a\r\nX: a\x7f\r\n\r\n"),
        R(400, "GET / HTTP/1.1\r\nHost: a\r\nX\xc3\xa9: a\r\n\r\n"),
        R(400, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
        R(505, "GET / HTTP/2.0\r\nHost: a\r\n\r\n"),
        R(400, "GET / HTTP/1.2\r\nHost: a\r\n\r\n"),
        R(505, "GET /\r\n\r\n"),
        R(501, "CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n"),
    };
    expect_refused(cases, COUNT_OF(cases));
}

TEST(bad_hosts_are_refused) {
    static const struct refused cases[] = {
        R(400, "GET / HTTP/1.1\r\n\r\n"),
        R(400, "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"),
        R(400, "GET / HTTP/1.1\r\nHost: a\r\nhost: a\r\n\r\n"),
        R(400, "GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n"),
    };
    expect_refused(cases, COUNT_OF(cases));
}

TEST(loose_line_ends_are_refused) {
    static const struct refused cases[] = {
        R(400, "GET / HTTP/1.1\nHost: a\n\n"),         R(400, "GET / HTTP/1.1\r\nHost: a\n\r\n"),
        R(400, "\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"), R(400, "GET / HTTP/1.1\r\nHost: a\r\nX: a\rY: b\r\n\r\n"),
        R(400, P "X:\rContent-Length: 5\r\n\r\n"),     R(400, P "X: \rTransfer-Encoding: chunked\r\n\r\n"),
        R(400, "GET / HTTP/1.1\r\nHost: a\r\n\r\r\n"),
    };
    expect_refused(cases, COUNT_OF(cases));
}

TEST(folded_lines_are_refused) {
    static const struct refused cases[] = {
        R(400, "GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n"), R(400, "GET / HTTP/1.1\r\n Host: a\r\n\r\n"),
        R(400, P "Transfer-Encoding:\r\n chunked\r\n\r\n0"),       R(400, P "Content-Length: 1\r\n\t0\r\n\r\n"),
        R(400, "GET / HTTP/1.1\r\nHost: a\r\n \r\n\r\n"),
    };
    expect_refused(cases, COUNT_OF(cases));
}

TEST(ambiguous_lengths_are_refused) {
    static const struct refused cases[] = {
        R(400, P "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc"),
        R(400, P "Content-Length: 3\r\nContent-Length: 5\r\n\r\nabcde"),
        R(400, P "Content-Length: 3, 3\r\n\r\nabc"),
        R(400, P "Content-Length: +3\r\n\r\nabc"),
        R(400, P "Content-Length: -1\r\n\r\n"),
        R(400, P "Content-Length: 0x3\r\n\r\nabc"),
        R(400, P "Content-Length: 3 4\r\n\r\nabc"),
        R(400, P "Content-Length:\r\n\r\nabc"),
        R(400, P "Content-Length : 3\r\n\r\nabc"),
        R(400, P "Content-Length: 18446744073709551619\r\n\r\nabc"),
        R(400, P "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0"),
        R(400, P "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0"),
        R(400, P "Transfer-Encoding: xchunked\r\n\r\n0"),
        R(400, P "Transfer-Encoding: chunked, gzip\r\n\r\n0"),
        R(400, P "Transfer-Encoding: gzip, chunked\r\n\r\n0"),
        R(400, P "Transfer-Encoding: identity\r\n\r\n0"),
        R(400, P "Transfer-Encoding: chunked, chunked\r\n\r\n0"),
        R(400, P "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0"),
        R(400, P "Transfer-Encoding : chunked\r\n\r\n0"),
        R(400, "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0"),
    };
    expect_refused(cases, COUNT_OF(cases));
}

/* Chunks go wrong after the handler was told: it hears of the abort, the client of the reason. */
TEST(bad_chunks_are_refused) {
    static const char *const bodies[] = {
        "-1\r\n\r\n",
        "g\r\n",
        "fffffffffffffffff\r\n",
        "0x3\r\nabc\r\n0\r\n\r\n",
        "3\nabc\n0\n\n",
        "3\r\nabcXX0\r\n",
        "3\r\nabcd\r\n",
        "3;a\nabc\r\n0\r\n\r\n",
        "\r\n0\r\n\r\n",
        "3 \r\nabc\r\n0\r\n\r\n",
        "3\r\nabc\n0\r\n",
        "3\r\r\nabc\r\n",
        " 3\r\nabc\r\n",
        "+3\r\nabc\r\n",
    };
    SERVER(server);
    for (unsigned i = 0; i < COUNT_OF(bodies); i++) {
        struct client client = client_open(server);
        struct response response;
        EXPECT(client_say(&client, CHUNKED("/sink")) && client_say(&client, bodies[i]));
        EXPECT(client_say(&client, GET("/smuggled")));
        if (client_read(&client, &response, false) != 400) {
            check_fail(__FILE__, __LINE__, "body %s: status %d, not 400", bodies[i], response.status);
            return;
        }
        EXPECT(client_sees_end(&client));
        EXPECT(wait_for(server, ABORT, i + 1));
        client_close(&client);
    }
    EXPECT_INT(count_of(server, REQUEST), COUNT_OF(bodies));
    server_stop(server);
}

TEST(bad_chunks_cut_a_response_under_way) {
    SERVER(server);
    struct client client = client_open(server);
    struct response response;
    EXPECT(client_say(&client, CHUNKED("/echo") "3\r\nabc\r\n"));
    EXPECT(take_head(&client, &response) && response.status == 200);
    EXPECT(client_say(&client, "nonsense\r\n"));
    EXPECT(!take_chunks(&client, &response));
    EXPECT(wait_for(server, ABORT, 1));
    client_close(&client);
    server_stop(server);
}

/* --- Too much --- */

static void add_header(struct buf *text, size_t value_len) {
    buf_append_text(text, "X: ");
    uint8_t *room = buf_room(text, value_len);
    CHECK(room);
    memset(room, 'x', value_len);
    buf_add(text, value_len);
    buf_append_text(text, "\r\n");
}

/* A head of exactly `size` bytes. */
static struct buf head_of(size_t size) {
    struct buf text = {0};
    static const char start[] = "GET /hello HTTP/1.1\r\nHost: a\r\n";
    buf_append_text(&text, start);
    add_header(&text, size - (sizeof start - 1) - 7);
    buf_append_text(&text, "\r\n");
    CHECK(buf_len(&text) == size);
    return text;
}

TEST(head_up_to_the_limit) {
    SERVER(server, .header_bytes_max = 20000);
    for (size_t size = 19999; size <= 20001; size++) {
        struct buf text = head_of(size);
        struct client client = client_open(server);
        struct response response;
        EXPECT(client_send(&client, buf_bytes(&text), buf_len(&text)));
        EXPECT_INT(client_read(&client, &response, false), size <= 20000 ? 200 : 431);
        EXPECT(size <= 20000 || client_sees_end(&client));
        client_close(&client);
        buf_done(&text);
    }
    server_stop(server);
}

TEST(endless_head_is_refused) {
    SERVER(server);
    struct client client = client_open(server);
    struct response response;
    struct buf text = {0};
    EXPECT(client_say(&client, "GET /hello HTTP/1.1\r\n"));
    for (int i = 0; i < 100; i++) add_header(&text, 1000);
    EXPECT(client_send(&client, buf_bytes(&text), buf_len(&text)));
    EXPECT_INT(client_read(&client, &response, false), 431);
    EXPECT(client_sees_end(&client));
    client_close(&client);
    buf_done(&text);
    server_stop(server);
}

TEST(too_many_headers_are_refused) {
    SERVER(server);
    struct response response;
    for (int n = 255; n <= 256; n++) { /* and Host */
        struct buf text = {0};
        buf_append_text(&text, "GET /hello HTTP/1.1\r\nHost: a\r\n");
        for (int i = 0; i < n; i++) buf_append_text(&text, "A: b\r\n");
        buf_append(&text, "\r\n", 3);
        EXPECT_INT(exchange(server, (const char *)buf_bytes(&text), &response), n == 255 ? 200 : 431);
        buf_done(&text);
    }
    server_stop(server);
}

TEST(claimed_body_over_the_limit_is_refused_unseen) {
    SERVER(server, .body_bytes_max = 1000);
    struct response response;
    EXPECT_INT(exchange(server, POST("/sink", 1001), &response), 413);
    EXPECT_INT(exchange(server, POST("/sink", 9223372036854775808), &response), 413);
    EXPECT_INT(exchange(server, POST("/sink", 18446744073709551615), &response), 413);
    EXPECT_INT(exchange(server,
                        "POST /sink HTTP/1.1\r\nHost: a\r\nContent-Length: 1001\r\nExpect: 100-continue\r\n\r\n",
                        &response),
               413);
    EXPECT_INT(count_of(server, REQUEST), 0);
    EXPECT(serves(server));
    server_stop(server);
}

TEST(refused_upload_can_read_why) {
    SERVER(server, .body_bytes_max = 1000);
    struct client client = client_open(server);
    struct response response;
    static const uint8_t piece[1000];
    EXPECT(client_say(&client, POST("/sink", 150000)));
    EXPECT_INT(client_read(&client, &response, false), 413);
    EXPECT_STR(response.body, "request body over the limit\n");
    for (int i = 0; i < 150; i++)
        EXPECT(client_send(&client, piece, sizeof piece)); /* no reset that could overtake it */
    client_close(&client);
    server_stop(server);
}

TEST(chunked_body_over_the_limit_is_refused) {
    SERVER(server, .body_bytes_max = 10);
    struct client client = client_open(server);
    struct response response;
    EXPECT_INT(exchange(server, CHUNKED("/sink") "a\r\n0123456789\r\n0\r\n\r\n", &response), 200);
    EXPECT_STR(response.body, "10");
    EXPECT(client_say(&client, CHUNKED("/sink") "a\r\n0123456789\r\n1\r\nx\r\n"));
    EXPECT_INT(client_read(&client, &response, false), 413);
    EXPECT(client_sees_end(&client));
    EXPECT_INT(count_of(server, ABORT), 1);
    EXPECT_INT(server->body_bytes, 20);
    client_close(&client);
    server_stop(server);
}

TEST(chunk_framing_is_bounded) {
    SERVER(server, .header_bytes_max = 4096);
    struct client client = client_open(server);
    struct response response;
    char extension[1001];
    memset(extension, 'e', 1000);
    extension[1000] = 0;
    EXPECT(client_say(&client, CHUNKED("/sink") "1;"));
    for (int i = 0; i < 6; i++) EXPECT(client_say(&client, extension));
    EXPECT_INT(client_read(&client, &response, false), 400);
    EXPECT_STR(response.body, "more chunk framing than body\n");
    client_close(&client);
    client = client_open(server);
    EXPECT(client_say(&client, CHUNKED("/sink")));
    for (int i = 0; i < 5000; i++) EXPECT(client_say(&client, "1\r\nx\r\n")); /* small chunks alone are fine */
    EXPECT(client_say(&client, "0\r\n\r\n"));
    EXPECT_INT(client_read(&client, &response, false), 200);
    EXPECT_STR(response.body, "5000");
    client_close(&client);
    server_stop(server);
}

/* --- Too slow: short limits, and no case asks how long it took --- */

TEST(slow_head_is_timed_out) {
    SERVER(server, .header_timeout_ms = 100);
    struct client client = client_open(server);
    struct response response;
    EXPECT(client_say(&client, "GET /hello HTTP/1.1\r\nHo"));
    EXPECT_INT(client_read(&client, &response, false), 408);
    EXPECT(client_sees_end(&client));
    client_close(&client);
    server_stop(server);
}

TEST(dripping_head_is_timed_out) {
    SERVER(server, .header_timeout_ms = 200);
    struct client client = client_open(server);
    struct response response;
    EXPECT(client_say(&client, "GET /hello HTTP/1.1\r\nX: "));
    struct timeval pause = {.tv_usec = 20000};
    setsockopt(client.fd, SOL_SOCKET, SO_RCVTIMEO, &pause, sizeof pause);
    int drops = 0;
    while (client_fill(&client) < 0 && errno == EAGAIN && drops++ < PATIENCE_S * 50) (void)client_say(&client, "x");
    EXPECT_INT(client_read(&client, &response, false), 408);
    client_close(&client);
    server_stop(server);
}

TEST(silent_connection_is_closed_without_a_word) {
    SERVER(server, .header_timeout_ms = 100);
    struct client client = client_open(server);
    EXPECT(client_sees_end(&client));
    client_close(&client);
    server_stop(server);
}

TEST(idle_connection_is_closed_without_a_word) {
    SERVER(server, .idle_timeout_ms = 100);
    struct client client = client_open(server);
    struct response response;
    EXPECT(client_say(&client, GET("/hello")));
    EXPECT_INT(client_read(&client, &response, false), 200);
    EXPECT(client_sees_end(&client));
    client_close(&client);
    server_stop(server);
}

TEST(stalled_body_is_timed_out) {
    SERVER(server, .body_timeout_ms = 100);
    struct client client = client_open(server);
    struct response response;
    EXPECT(client_say(&client, POST("/sink", 10) "abc"));
    EXPECT_INT(client_read(&client, &response, false), 408);
    EXPECT(client_sees_end(&client));
    EXPECT_INT(count_of(server, ABORT), 1);
    client_close(&client);
    server_stop(server);
}

TEST(held_body_is_not_timed_out) {
    SERVER(server, .body_timeout_ms = 50);
    struct client client = client_open(server), other = client_open(server);
    struct response response;
    EXPECT(client_say(&client, POST("/hold", 6) "abc"));
    EXPECT(wait_for(server, REQUEST, 1));
    EXPECT(client_say(&other, POST("/sink", 10) "abc"));
    EXPECT_INT(client_read(&other, &response, false), 408); /* so the limit is over for the held one too */
    server_run(server, release_bodies);
    EXPECT(client_say(&client, "def"));
    EXPECT_INT(client_read(&client, &response, false), 200);
    client_close(&client);
    client_close(&other);
    server_stop(server);
}

TEST(client_that_does_not_read_is_timed_out) {
    SERVER(server, .body_timeout_ms = 100);
    struct client client = client_open(server);
    EXPECT(client_say(&client, GET("/big?900000000")));
    EXPECT(wait_for(server, ABORT, 1));
    client_close(&client);
    server_stop(server);
}

TEST(client_that_does_not_leave_is_left) {
    SERVER(server);
    struct client client = client_open(server);
    struct response response;
    EXPECT(client_say(&client, "nonsense\r\n\r\n"));
    EXPECT_INT(client_read(&client, &response, false), 400);
    EXPECT(client_sees_end(&client));
    server_run(server, stop_gently); /* comes to its end though this side stays open */
    server_join(server);
    client_close(&client);
}

TEST_MAIN()
