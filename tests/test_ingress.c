/* Ingress with clients that behave: keep-alive, pipelining, bodies both ways, back-pressure, limits of connections,
   stop. Those that do not are in test_ingress_hostile.c. */
#include "ingress_fixture.h"

#define GET(path)       "GET " path " HTTP/1.1\r\nHost: a\r\n\r\n"
#define POST(path, len) "POST " path " HTTP/1.1\r\nHost: a\r\nContent-Length: " #len "\r\n\r\n"
#define CHUNKED(path)   "POST " path " HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"

TEST(get_is_answered) {
    SERVER(server);
    struct response response;
    EXPECT_INT(exchange(server, GET("/hello"), &response), 200);
    EXPECT_STR(response.body, "hello");
    EXPECT(response.whole && !strncmp(response.head, "HTTP/1.1 200 OK\r\n", 17));
    EXPECT(header_of(&response, "Date") && !header_of(&response, "Connection"));
    server_stop(server);
}

TEST(head_is_handed_on) {
    SERVER(server);
    struct response response;
    EXPECT_INT(exchange(server,
                        "PUT /a%20b?c=d#e HTTP/1.1\r\nHost: a:80\r\nX-Empty:\r\nx-padded: \t one two \t \r\n"
                        "X-Empty-Too:  \r\nX-Padded: again\r\nX-High: \xc3\xa9\r\n\r\n",
                        &response),
               200);
    EXPECT_STR(response.body, "PUT /a%20b?c=d#e host=a:80 body=0\nHost=a:80\nX-Empty=\nx-padded=one two\nX-Empty-Too=\n"
                              "X-Padded=again\nX-High=\xc3\xa9\n");
    server_stop(server);
}

TEST(other_forms_of_target) {
    SERVER(server);
    struct response response;
    EXPECT_INT(exchange(server, "GET http://b.example:8080/x?y HTTP/1.1\r\nHost: a\r\n\r\n", &response), 200);
    EXPECT_STR(response.body, "GET http://b.example:8080/x?y host=a body=0\nHost=a\n");
    EXPECT_INT(exchange(server, "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", &response), 200);
    EXPECT_STR(response.body, "OPTIONS * host=a body=0\nHost=a\n");
    server_stop(server);
}

TEST(peer_is_known) {
    SERVER(server);
    struct response response;
    EXPECT_INT(exchange(server, GET("/peer"), &response), 200);
    EXPECT_STR(response.body, "loopback");
    server_stop(server);
}

TEST(upgrade_is_an_ordinary_request_so_far) {
    SERVER(server);
    struct client client = client_open(server);
    struct response response;
    EXPECT(client_say(&client, "GET /hello HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
                               "POST /sink HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: h2c\r\n"
                               "Content-Length: 3\r\n\r\nabc" GET("/status?404")));
    EXPECT_INT(client_read(&client, &response, false), 200);
    EXPECT_STR(response.body, "hello");
    EXPECT_INT(client_read(&client, &response, false), 200);
    EXPECT_STR(response.body, "3");
    EXPECT_INT(client_read(&client, &response, false), 404);
    client_close(&client);
    server_stop(server);
}

TEST(keep_alive_serves_again) {
    SERVER(server);
    struct client client = client_open(server);
    struct response response;
    for (int i = 0; i < 3; i++) {
        EXPECT(client_say(&client, GET("/hello")));
        EXPECT_INT(client_read(&client, &response, false), 200);
        EXPECT_STR(response.body, "hello");
    }
    client_close(&client);
    server_stop(server);
}

TEST(connection_close_is_honoured) {
    SERVER(server);
    struct client client = client_open(server);
    struct response response;
    EXPECT(client_say(&client, "GET /hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"));
    EXPECT_INT(client_read(&client, &response, false), 200);
    EXPECT_STR(header_of(&response, "Connection"), "close");
    EXPECT(client_sees_end(&client));
    client_close(&client);
    server_stop(server);
}

TEST(http_1_0_closes) {
    SERVER(server);
    struct client client = client_open(server);
    struct response response;
    EXPECT(client_say(&client, "GET /hello HTTP/1.0\r\n\r\n"));
    EXPECT_INT(client_read(&client, &response, false), 200);
    EXPECT_STR(response.body, "hello");
    EXPECT(client_sees_end(&client));
    client_close(&client);
    server_stop(server);
}

TEST(http_1_0_keeps_alive_when_asked) {
    SERVER(server);
    struct client client = client_open(server);
    struct response response;
    for (int i = 0; i < 2; i++) {
        EXPECT(client_say(&client, "GET /hello HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"));
        EXPECT_INT(client_read(&client, &response, false), 200);
        EXPECT_STR(header_of(&response, "Connection"), "keep-alive");
        EXPECT_STR(response.body, "hello");
    }
    client_close(&client);
    server_stop(server);
}

TEST(http_1_0_gets_unknown_length_until_close) {
    SERVER(server);
    struct response response;
    EXPECT_INT(exchange(server, "GET /chunks HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", &response), 200);
    EXPECT(!header_of(&response, "Transfer-Encoding") && !header_of(&response, "Content-Length"));
    EXPECT_STR(header_of(&response, "Connection"), "close");
    EXPECT_STR(response.body, "onetwotwo");
    EXPECT(response.whole);
    server_stop(server);
}

TEST(unknown_length_is_chunked) {
    SERVER(server);
    struct response response;
    EXPECT_INT(exchange(server, GET("/chunks"), &response), 200);
    EXPECT_STR(header_of(&response, "Transfer-Encoding"), "chunked");
    EXPECT_STR(response.body, "onetwotwo");
    EXPECT(response.whole);
    server_stop(server);
}

TEST(pipelined_requests_are_answered_in_order) {
    SERVER(server);
    struct client client = client_open(server);
    struct response response;
    EXPECT(client_say(&client, GET("/later") GET("/hello") POST("/sink", 3) "abc" GET("/status?404")));
    EXPECT(wait_for(server, REQUEST, 1));
    server_run(server, answer_held);
    EXPECT_INT(client_read(&client, &response, false), 200);
    EXPECT_STR(response.body, "at last");
    EXPECT_INT(client_read(&client, &response, false), 200);
    EXPECT_STR(response.body, "hello");
    EXPECT_INT(client_read(&client, &response, false), 200);
    EXPECT_STR(response.body, "3");
    EXPECT_INT(client_read(&client, &response, false), 404);
    client_close(&client);
    server_stop(server);
}

TEST(a_later_request_waits_for_the_response_before) {
    SERVER(server);
    struct client client = client_open(server);
    struct client other = client_open(server);
    struct response response;
    EXPECT(client_say(&client, GET("/later") GET("/hello")));
    EXPECT(wait_for(server, REQUEST, 1));
    EXPECT(client_say(&other, GET("/hello")));
    EXPECT_INT(client_read(&other, &response, false), 200);
    EXPECT_INT(count_of(server, REQUEST), 2); /* /later and that of the other client */
    server_run(server, answer_held);
    EXPECT_INT(client_read(&client, &response, false), 200);
    EXPECT_INT(client_read(&client, &response, false), 200);
    EXPECT_INT(count_of(server, REQUEST), 3);
    client_close(&client);
    client_close(&other);
    server_stop(server);
}

TEST(many_pipelined_requests) {
    SERVER(server);
    struct client client = client_open(server);
    struct response response;
    struct buf requests = {0};
    for (int i = 0; i < 1000; i++) buf_append_text(&requests, GET("/hello"));
    EXPECT(client_send(&client, buf_bytes(&requests), buf_len(&requests)));
    for (int i = 0; i < 1000; i++) {
        EXPECT_INT(client_read(&client, &response, false), 200);
        EXPECT_STR(response.body, "hello");
    }
    buf_done(&requests);
    client_close(&client);
    server_stop(server);
}

TEST(requests_byte_by_byte) {
    SERVER(server);
    struct client client = client_open(server);
    struct response response;
    const char *text = "\r\n" GET("/hello") CHUNKED("/sink") "3;x=y\r\nabc\r\n0\r\n\r\n" POST("/sink", 2) "xy";
    for (const char *p = text; *p; p++) EXPECT(client_send(&client, p, 1));
    EXPECT_INT(client_read(&client, &response, false), 200);
    EXPECT_INT(client_read(&client, &response, false), 200);
    EXPECT_STR(response.body, "3");
    EXPECT_INT(client_read(&client, &response, false), 200);
    EXPECT_STR(response.body, "2");
    client_close(&client);
    server_stop(server);
}

TEST(empty_lines_before_a_request_are_skipped) {
    SERVER(server);
    struct response response;
    EXPECT_INT(exchange(server, "\r\n\r\n" GET("/hello"), &response), 200);
    server_stop(server);
}

TEST(chunked_body_is_echoed) {
    SERVER(server);
    struct response response;
    EXPECT_INT(exchange(server, CHUNKED("/echo") "5\r\nhello\r\n00A;a=\"b\"\r\n, wor\r\nld!\r\n0\r\n\r\n", &response),
               200);
    EXPECT_STR(response.body, "hello, wor\r\nld!");
    EXPECT_INT(count_of(server, BODY_END), 1);
    server_stop(server);
}

TEST(trailers_are_dropped_and_end_the_connection) {
    SERVER(server);
    struct client client = client_open(server);
    struct response response;
    EXPECT(client_say(&client, CHUNKED("/sink") "1\r\na\r\n0\r\nX-Sum: 1\r\n\r\n" GET("/hello")));
    EXPECT_INT(client_read(&client, &response, false), 200);
    EXPECT_STR(response.body, "1");
    EXPECT(client_sees_end(&client));
    client_close(&client);
    server_stop(server);
}

TEST(empty_bodies) {
    SERVER(server);
    struct response response;
    EXPECT_INT(exchange(server, POST("/describe", 0), &response), 200);
    EXPECT_STR(response.body, "POST /describe host=a body=0\nHost=a\nContent-Length=0\n");
    EXPECT_INT(exchange(server, CHUNKED("/sink") "0\r\n\r\n", &response), 200);
    EXPECT_STR(response.body, "0");
    EXPECT_INT(count_of(server, BODY_END), 1);
    server_stop(server);
}

/* Sends n pseudo-random bytes from a thread of its own, so that the case can read what comes back meanwhile. */
struct sender {
    struct client *client;
    size_t n;
    bool sent;
};

static uint8_t byte_at(size_t i) {
    return (uint8_t)((i * 2654435761u) >> 13);
}

static void *send_pattern(void *arg) {
    struct sender *sender = arg;
    uint8_t piece[8192];
    sender->sent = true;
    for (size_t i = 0; i < sender->n && sender->sent;) {
        size_t n = 0;
        while (n < sizeof piece && i < sender->n) piece[n++] = byte_at(i++);
        sender->sent = client_send(sender->client, piece, n);
    }
    return NULL;
}

static bool take_pattern(struct client *client, size_t from, size_t n) {
    for (size_t i = from; i < from + n;) {
        if (buf_len(&client->in) == 0 && client_fill(client) <= 0) return false;
        size_t len = buf_len(&client->in) < from + n - i ? buf_len(&client->in) : from + n - i;
        for (size_t k = 0; k < len; k++, i++) {
            if (buf_bytes(&client->in)[k] != byte_at(i)) return false;
        }
        buf_consume(&client->in, len);
    }
    return true;
}

TEST(large_body_is_echoed_with_back_pressure) {
    enum { SIZE = 24 << 20 };
    SERVER(server);
    struct client client = client_open(server);
    struct response response;
    struct sender sender = {&client, SIZE, false};
    pthread_t thread;
    EXPECT(client_say(&client, POST("/echo", 25165824)));
    EXPECT(take_head(&client, &response));
    EXPECT(pthread_create(&thread, NULL, send_pattern, &sender) == 0);
    char line[32];
    size_t got = 0, n;
    while (take_line(&client, line, sizeof line) && (n = strtoul(line, NULL, 16)) > 0) {
        EXPECT(take_pattern(&client, got, n) && take_line(&client, line, sizeof line) && !*line);
        got += n;
    }
    EXPECT_INT(got, SIZE);
    pthread_join(thread, NULL);
    EXPECT(sender.sent);
    EXPECT(server->queued_max <= QUEUE_MARK + 80 * 1024);
    client_close(&client);
    server_stop(server);
}

TEST(held_body_stops_the_client) {
    enum { SIZE = 40 << 20 };
    SERVER(server);
    struct client client = client_open(server);
    struct response response;
    static const uint8_t piece[65536];
    size_t sent = 0;
    EXPECT(client_say(&client, POST("/hold", 41943040)));
    EXPECT(wait_for(server, REQUEST, 1));
    struct timeval soon = {.tv_usec = 200000};
    setsockopt(client.fd, SOL_SOCKET, SO_SNDTIMEO, &soon, sizeof soon);
    for (ssize_t n; sent < SIZE && (n = send(client.fd, piece, sizeof piece, MSG_NOSIGNAL)) > 0;) sent += (size_t)n;
    EXPECT(sent < SIZE);
    EXPECT_INT(server->body_bytes, 0);
    server_run(server, release_bodies);
    struct timeval patience = {.tv_sec = PATIENCE_S};
    setsockopt(client.fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    while (sent < SIZE) {
        size_t n = SIZE - sent < sizeof piece ? SIZE - sent : sizeof piece;
        EXPECT(client_send(&client, piece, n));
        sent += n;
    }
    EXPECT_INT(client_read(&client, &response, false), 200);
    EXPECT_STR(response.body, "41943040");
    client_close(&client);
    server_stop(server);
}

TEST(held_body_that_has_come_whole) {
    SERVER(server);
    struct client client = client_open(server);
    struct response response;
    EXPECT(client_say(&client, CHUNKED("/hold") "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n" GET("/hello")));
    EXPECT(wait_for(server, REQUEST, 1));
    server_run(server, release_bodies);
    EXPECT_INT(client_read(&client, &response, false), 200);
    EXPECT_STR(response.body, "5");
    EXPECT_INT(client_read(&client, &response, false), 200);
    EXPECT_STR(response.body, "hello");
    client_close(&client);
    server_stop(server);
}

TEST(large_response_waits_for_the_client) {
    SERVER(server);
    struct client client = client_open(server);
    struct response response;
    EXPECT(client_say(&client, GET("/big?50000000")));
    EXPECT(wait_for(server, REQUEST, 1));
    server_run(server, nothing); /* by now the kernel's buffers are full */
    EXPECT_INT(client_read(&client, &response, false), 200);
    EXPECT_INT(response.body_len, 50000000);
    EXPECT(wait_for(server, DONE, 1));
    EXPECT(count_of(server, WRITABLE) > 0);
    EXPECT(server->queued_max <= QUEUE_MARK + 16384);
    client_close(&client);
    server_stop(server);
}

TEST(continue_is_sent_once_the_body_is_wanted) {
    SERVER(server);
    struct client client = client_open(server);
    struct response response;
    EXPECT(client_say(&client, "POST /sink HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-Continue\r\n\r\n"));
    EXPECT_INT(client_read(&client, &response, false), 100);
    EXPECT(client_say(&client, "abc"));
    EXPECT_INT(client_read(&client, &response, false), 200);
    EXPECT_STR(response.body, "3");
    EXPECT(
        client_say(&client, "POST /sink HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\nabc"));
    EXPECT_INT(client_read(&client, &response, false), 200); /* the body came unasked: no 100 */
    EXPECT(client_say(&client, "GET /hello HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n"));
    EXPECT_INT(client_read(&client, &response, false), 200); /* there is no body: no 100 */
    client_close(&client);
    server_stop(server);
}

TEST(early_answer_instead_of_continue) {
    SERVER(server);
    struct client client = client_open(server);
    struct response response;
    EXPECT(client_say(&client, "POST /hello HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n"));
    EXPECT_INT(client_read(&client, &response, false), 200);
    EXPECT_STR(header_of(&response, "Connection"), "close"); /* whether the body will come is not known */
    EXPECT(client_sees_end(&client));
    client_close(&client);
    server_stop(server);
}

TEST(unknown_expectation_is_refused) {
    SERVER(server);
    struct response response;
    EXPECT_INT(exchange(server, "GET /hello HTTP/1.1\r\nHost: a\r\nExpect: tea\r\n\r\n", &response), 417);
    EXPECT_INT(count_of(server, REQUEST), 0);
    server_stop(server);
}

TEST(early_answer_leaves_the_connection_usable) {
    SERVER(server);
    struct client client = client_open(server);
    struct response response;
    EXPECT(client_say(&client, POST("/hello", 100000)));
    EXPECT_INT(client_read(&client, &response, false), 200);
    struct sender sender = {&client, 100000, false};
    send_pattern(&sender);
    EXPECT(sender.sent && client_say(&client, GET("/status?404")));
    EXPECT_INT(client_read(&client, &response, false), 404);
    EXPECT_INT(count_of(server, BODY_END), 0);
    client_close(&client);
    server_stop(server);
}

TEST(early_answer_to_a_huge_body_ends_the_connection) {
    SERVER(server);
    struct client client = client_open(server);
    struct response response;
    EXPECT(client_say(&client, POST("/hello", 90000000)));
    EXPECT_INT(client_read(&client, &response, false), 200);
    struct sender sender = {&client, 90000000, false};
    send_pattern(&sender);
    EXPECT(!sender.sent);
    client_close(&client);
    server_stop(server);
}

TEST(head_request_has_no_body) {
    SERVER(server);
    struct client client = client_open(server);
    struct response response;
    static const char *const paths[] = {"/hello", "/framing-unknown", "/chunks", "/fail"};
    static const char *const lengths[] = {"5", "999", NULL, "21"};
    for (size_t i = 0; i < COUNT_OF(paths); i++) {
        char request[100];
        snprintf(request, sizeof request, "HEAD %s HTTP/1.1\r\nHost: a\r\n\r\n", paths[i]);
        EXPECT(client_say(&client, request));
        EXPECT(client_read(&client, &response, true) >= 200);
        const char *length = header_of(&response, "Content-Length");
        if (lengths[i])
            EXPECT_STR(length, lengths[i]);
        else
            EXPECT(!length);
    }
    EXPECT(client_say(&client, GET("/hello"))); /* nothing of a body was left between */
    EXPECT_INT(client_read(&client, &response, false), 200);
    client_close(&client);
    server_stop(server);
}

TEST(statuses_without_a_body) {
    SERVER(server);
    struct client client = client_open(server);
    struct response response;
    EXPECT(client_say(&client, GET("/status?204") GET("/status?304") GET("/hello")));
    EXPECT_INT(client_read(&client, &response, false), 204);
    EXPECT(!header_of(&response, "Content-Length") && !header_of(&response, "Transfer-Encoding"));
    EXPECT_INT(client_read(&client, &response, false), 304);
    EXPECT_INT(client_read(&client, &response, false), 200);
    EXPECT_STR(response.body, "hello");
    client_close(&client);
    server_stop(server);
}

TEST(framing_headers_of_the_handler_are_left_out) {
    SERVER(server);
    struct response response;
    EXPECT_INT(exchange(server, GET("/framing"), &response), 200);
    char *date = strstr(response.head, "Date: today");
    EXPECT(date && !strstr(date + 1, "Date:"));
    EXPECT(!strncmp(response.head, "HTTP/1.1 200 Fine\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n", 53));
    EXPECT_STR(header_of(&response, "Content-Length"), "3");
    EXPECT(!header_of(&response, "Transfer-Encoding") && !header_of(&response, "Connection"));
    EXPECT_INT(exchange(server, GET("/framing-unknown"), &response), 200);
    EXPECT_STR(header_of(&response, "Transfer-Encoding"), "chunked");
    EXPECT(!header_of(&response, "Content-Length"));
    EXPECT_STR(response.body, "abc");
    server_stop(server);
}

TEST(wrong_calls_are_refused_without_a_trace) {
    SERVER(server);
    struct response response;
    EXPECT_INT(exchange(server, GET("/misuse"), &response), 200);
    EXPECT(!strstr(response.head, "X-A") && !strstr(response.head, "X-B"));
    EXPECT_STR(response.body, "-22 -22 -22 -22 -22 -22 -22 -22 -22 -22 -22 -114 -90."); /* EINVAL, EALREADY, EMSGSIZE */
    server_stop(server);
}

TEST(short_body_cuts_the_connection) {
    SERVER(server);
    struct response response;
    EXPECT_INT(exchange(server, GET("/short"), &response), 200);
    EXPECT(!response.whole);
    EXPECT(wait_for(server, DONE, 1));
    server_stop(server);
}

TEST(failure_before_the_head_is_told) {
    SERVER(server);
    struct client client = client_open(server);
    struct response response;
    EXPECT(client_say(&client, GET("/fail") GET("/hello")));
    EXPECT_INT(client_read(&client, &response, false), 503);
    EXPECT_STR(response.body, "no cell could be had\n");
    EXPECT_STR(header_of(&response, "Content-Type"), "text/plain; charset=utf-8");
    EXPECT_INT(client_read(&client, &response, false), 200);
    client_close(&client);
    server_stop(server);
}

TEST(failure_after_the_head_cuts_the_response) {
    SERVER(server);
    struct response response;
    (void)exchange(server, GET("/fail-late"), &response);
    EXPECT(!response.whole);
    (void)exchange(server, "GET /fail-late HTTP/1.0\r\n\r\n", &response);
    EXPECT(!response.whole);
    EXPECT(wait_for(server, DONE, 2));
    server_stop(server);
}

TEST(half_close_while_a_whole_response_leaves) {
    SERVER(server);
    struct client client = client_open(server);
    struct response response;
    EXPECT(client_say(&client, GET("/whole?30000000")));
    EXPECT(wait_for(server, REQUEST, 1));
    shutdown(client.fd, SHUT_WR);
    EXPECT_INT(client_read(&client, &response, false), 200);
    EXPECT_INT(response.body_len, 30000000);
    EXPECT(client_sees_end(&client));
    client_close(&client);
    server_stop(server);
}

TEST(a_thousand_connections) {
    enum { N = 1000 };
    SERVER(server);
    static struct client clients[N];
    struct response response;
    for (int i = 0; i < N; i++) clients[i] = client_open(server);
    for (int i = 0; i < N; i++) EXPECT(client_say(&clients[i], GET("/later")));
    EXPECT(wait_for(server, REQUEST, N));
    server_run(server, answer_held);
    for (int i = 0; i < N; i++) {
        EXPECT_INT(client_read(&clients[i], &response, false), 200);
        client_close(&clients[i]);
    }
    server_stop(server);
}

TEST(connections_over_the_limit_wait) {
    SERVER(server, .connections_max = 2);
    struct client first = client_open(server), second = client_open(server), third = client_open(server);
    struct response response;
    EXPECT(client_say(&first, GET("/later")) && client_say(&second, GET("/later")));
    EXPECT(wait_for(server, REQUEST, 2));
    EXPECT(client_say(&third, GET("/hello")));
    client_close(&first);
    EXPECT(wait_for(server, ABORT, 1));
    EXPECT_INT(client_read(&third, &response, false), 200);
    client_close(&second);
    client_close(&third);
    server_stop(server);
}

TEST(the_longest_idle_connection_makes_room) {
    SERVER(server, .connections_max = 2);
    struct client first = client_open(server), second = client_open(server);
    struct response response;
    EXPECT(client_say(&first, GET("/hello")));
    EXPECT_INT(client_read(&first, &response, false), 200);
    EXPECT(client_say(&second, GET("/hello")));
    EXPECT_INT(client_read(&second, &response, false), 200);
    struct client third = client_open(server);
    EXPECT(client_say(&third, GET("/hello")));
    EXPECT_INT(client_read(&third, &response, false), 200);
    EXPECT(client_sees_end(&first));
    EXPECT(client_say(&second, GET("/hello")));
    EXPECT_INT(client_read(&second, &response, false), 200);
    client_close(&first);
    client_close(&second);
    client_close(&third);
    server_stop(server);
}

TEST(stop_lets_requests_finish) {
    SERVER(server);
    struct client idle = client_open(server), running = client_open(server);
    struct response response;
    EXPECT(client_say(&idle, GET("/hello")));
    EXPECT_INT(client_read(&idle, &response, false), 200);
    EXPECT(client_say(&running, GET("/later")));
    EXPECT(wait_for(server, REQUEST, 2));
    server_run(server, stop_gently);
    EXPECT(client_sees_end(&idle));
    server_run(server, answer_held);
    EXPECT_INT(client_read(&running, &response, false), 200);
    EXPECT_STR(header_of(&response, "Connection"), "close");
    EXPECT_STR(response.body, "at last");
    EXPECT(client_sees_end(&running));
    client_close(&idle);
    client_close(&running);
    EXPECT(wait_for(server, DONE, 2));
    server_join(server);
}

TEST(stop_aborts_what_does_not_finish) {
    SERVER(server);
    struct client client = client_open(server);
    EXPECT(client_say(&client, GET("/later")));
    EXPECT(wait_for(server, REQUEST, 1));
    server_run(server, stop_now);
    EXPECT(wait_for(server, ABORT, 1));
    server_join(server);
    EXPECT(client_sees_end(&client));
    client_close(&client);
}

static void adopt_half(struct server *server) {
    int ends[2];
    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
    CHECK(ingress_adopt(server->ingress, ends[0]) == 0);
    server->port = ends[1];
}

TEST(an_adopted_socket_is_served) {
    SERVER(server);
    server_run(server, adopt_half);
    struct client client = {.fd = server->port};
    struct response response;
    EXPECT(client_say(&client, GET("/hello")));
    EXPECT_INT(client_read(&client, &response, false), 200);
    client_close(&client);
    server_stop(server);
}

TEST(bad_configurations_are_refused) {
    SERVER(server);
    struct ingress *ingress = NULL;
    uv_loop_t loop;
    uv_loop_init(&loop);
    struct ingress_config named = {.address = "localhost"}, taken = {.port = (uint16_t)server->port},
                          large = {.header_bytes_max = 1u << 30};
    EXPECT_INT(ingress_start(&loop, &named, &handler, NULL, &ingress), -EINVAL);
    EXPECT_INT(ingress_start(&loop, &large, &handler, NULL, &ingress), -EINVAL);
    EXPECT_INT(ingress_start(&loop, &taken, &handler, NULL, &ingress), -EADDRINUSE);
    EXPECT(!ingress);
    EXPECT_INT(uv_loop_close(&loop), 0);
    server_stop(server);
}

TEST(ipv6_is_served) {
    SERVER(server, .address = "::1");
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)server->port)};
    address.sin6_addr = in6addr_loopback;
    struct client client = {.fd = fd};
    struct response response;
    EXPECT(connect(fd, (struct sockaddr *)&address, sizeof address) == 0);
    EXPECT(client_say(&client, GET("/hello")));
    EXPECT_INT(client_read(&client, &response, false), 200);
    client_close(&client);
    server_stop(server);
}

TEST_MAIN()
