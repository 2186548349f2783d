/* life_test.c -- addresses, connections that fail, closing with work under way, no memory. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include "world.h"

#include <errno.h>
#include <stdio.h>

#include "base/mem.h"

static const struct rpc_method echo = {.name = "/t.T/Echo", .unary = world_echo};

/* The status of one echo. */
static enum rpc_status ping(struct rpc_channel *channel)
{
    struct buf request = pattern(10, 1);
    struct rpc_result r = {0};
    assert_int_equal(rpc_channel_call_wait(channel, "/t.T/Echo", &request, 10 * SECOND_NS, &r), 0);
    if (r.status == RPC_OK)
        assert_true(is_pattern(buf_bytes(&r.body), 10, 1));
    buf_fini(&r.body);
    return r.status;
}

static void test_port_in_use(void **state)
{
    (void)state;
    struct rpc_server *first = server_start(&echo, 1);
    uint16_t port = rpc_server_port(first);
    struct rpc_server *second = NULL;
    assert_int_equal(rpc_server_open(loopback(port), &echo, 1, NULL, &second), ERR_BUSY);
    char any[32];
    snprintf(any, sizeof(any), "0.0.0.0:%u", (unsigned)port);
    assert_int_equal(rpc_server_open(any, &echo, 1, NULL, &second), ERR_BUSY);
    assert_null(second);
    /* Nothing happened to the first, and its port is free once it is closed. */
    struct rpc_client *client = client_start();
    assert_int_equal(ping(channel_to(client, port)), RPC_OK);
    rpc_server_close(first);
    assert_int_equal(rpc_server_open(loopback(port), &echo, 1, NULL, &second), 0);
    assert_int_equal(rpc_server_port(second), port);
    rpc_client_close(client);
    rpc_server_close(second);
}

/* Also one of another program, which allows its port to be shared. */
static void test_port_in_use_by_a_sharing_socket(void **state)
{
    (void)state;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    int on = 1;
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)), 0);
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(a);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
    assert_int_equal(listen(fd, 1), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &size), 0);
    struct rpc_server *server = NULL;
    assert_int_equal(rpc_server_open(loopback(ntohs(a.sin_port)), &echo, 1, NULL, &server),
                     ERR_BUSY);
    close(fd);
}

static void test_bad_address(void **state)
{
    (void)state;
    const char *bad[] = {"127.0.0.1",      "",         ":5001",           "127.0.0.1:",
                         "127.0.0.1:http", "::1:5001", "not a host:5001", "127.0.0.1:99999"};
    struct rpc_server *server = NULL;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(rpc_server_open(bad[i], &echo, 1, NULL, &server), ERR_INVALID);
    /* An address of nobody (RFC 5737). */
    assert_int_equal(rpc_server_open("192.0.2.1:0", &echo, 1, NULL, &server), ERR_IO);
    assert_int_equal(errno, EADDRNOTAVAIL);
    assert_null(server);
}

static void test_dead_port_then_server(void **state)
{
    (void)state;
    uint16_t port = dead_port();
    struct rpc_client *client = client_start();
    struct rpc_channel *channel = channel_to(client, port);
    uint64_t start = now_ns();
    for (int i = 0; i < 5; i++)
        assert_int_equal(ping(channel), RPC_UNAVAILABLE);
    assert_true(now_ns() - start < 2 * SECOND_NS);

    struct rpc_server *server = NULL;
    assert_int_equal(rpc_server_open(loopback(port), &echo, 1, NULL, &server), 0);
    start = now_ns();
    while (ping(channel) != RPC_OK && now_ns() - start < 5 * SECOND_NS)
        sleep_ms(10);
    assert_int_equal(ping(channel), RPC_OK);
    assert_true(now_ns() - start < 3 * SECOND_NS);

    /* And once more, when the server was away. */
    rpc_server_close(server);
    assert_int_equal(ping(channel), RPC_UNAVAILABLE);
    assert_int_equal(rpc_server_open(loopback(port), &echo, 1, NULL, &server), 0);
    start = now_ns();
    while (ping(channel) != RPC_OK && now_ns() - start < 5 * SECOND_NS)
        sleep_ms(10);
    assert_int_equal(ping(channel), RPC_OK);
    rpc_client_close(client);
    rpc_server_close(server);
}

static void test_host_name(void **state)
{
    (void)state;
    struct rpc_server *server = server_start(&echo, 1);
    struct rpc_client *client = client_start();
    char address[32];
    snprintf(address, sizeof(address), "localhost:%u", (unsigned)rpc_server_port(server));
    struct rpc_channel *channel = NULL;
    assert_int_equal(rpc_channel_open(client, address, NULL, &channel), 0);
    assert_int_equal(ping(channel), RPC_OK);
    rpc_client_close(client);
    rpc_server_close(server);
}

static void test_server_closes_with_calls_held(void **state)
{
    (void)state;
    enum { CALLS = 20 };
    struct held held = {.count = COUNTER_INIT};
    const struct rpc_method method = {.name = "/t.T/Hold", .unary = world_hold, .context = &held};
    struct rpc_server *server = server_start(&method, 1);
    struct rpc_client *client = client_start();
    struct rpc_channel *channel = channel_to(client, rpc_server_port(server));
    struct replies replies;
    replies_init(&replies);
    for (int i = 0; i < CALLS; i++)
        call_held(channel, 100, 60 * SECOND_NS, &replies);
    assert_true(counter_wait(&held.count, CALLS));
    struct buf early = pattern(10, 1);
    rpc_call_answer(held.calls[0], &early);
    uint64_t start = now_ns();
    rpc_server_close(server);
    assert_true(now_ns() - start < 2 * SECOND_NS);
    /* Their holders come too late, and free them. */
    for (int i = 1; i < CALLS; i++) {
        struct buf reply = pattern(100, 1);
        if (i % 2 == 0)
            rpc_call_answer(held.calls[i], &reply);
        else
            rpc_call_fail(held.calls[i], RPC_ABORTED, NULL, NULL, 0);
        buf_fini(&reply);
    }
    assert_true(counter_wait(&replies.by[RPC_UNAVAILABLE], CALLS - 1));
    rpc_client_close(client);
    assert_int_equal(counter_get(&replies.by[RPC_UNAVAILABLE]) + counter_get(&replies.by[RPC_OK]),
                     CALLS);
}

/* Holders that answer at the very moment that the server closes. */
static void *answer_all(void *arg)
{
    struct held *held = arg;
    for (int i = 0; i < 64; i++) {
        struct buf reply = pattern(50, 1);
        rpc_call_answer(held->calls[i], &reply);
    }
    return NULL;
}

static void test_server_closes_while_calls_are_answered(void **state)
{
    (void)state;
    for (int round = 0; round < 10; round++) {
        struct held held = {.count = COUNTER_INIT};
        const struct rpc_method method = {
            .name = "/t.T/Hold", .unary = world_hold, .context = &held};
        struct rpc_server *server = server_start(&method, 1);
        struct rpc_client *client = client_start();
        struct rpc_channel *channel = channel_to(client, rpc_server_port(server));
        struct replies replies;
        replies_init(&replies);
        for (int i = 0; i < 64; i++)
            call_held(channel, 100, 60 * SECOND_NS, &replies);
        assert_true(counter_wait(&held.count, 64));
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, answer_all, &held), 0);
        rpc_server_close(server);
        pthread_join(thread, NULL);
        rpc_client_close(client);
        uint64_t total = 0;
        for (int i = 0; i < 17; i++)
            total += counter_get(&replies.by[i]);
        assert_int_equal(total, 64);
    }
}

/* A callback that calls again, as long as the channel lets it. */
struct again {
    struct rpc_channel *channel;
    struct counter replies;
    struct counter refused;
};

static void on_again(void *context, const struct rpc_reply *reply)
{
    struct again *a = context;
    (void)reply;
    struct buf request = pattern(30, 1);
    int err = rpc_channel_call(a->channel, "/t.T/Echo", &request, SECOND_NS, on_again, a);
    if (err != 0) {
        assert_int_equal(err, ERR_CLOSED);
        assert_int_equal(request.size, 30); /* Still the caller's. */
        buf_fini(&request);
        counter_add(&a->refused, 1);
    }
    counter_add(&a->replies, 1);
}

static void test_channel_closes_in_mid_traffic(void **state)
{
    (void)state;
    struct rpc_server *server = server_start(&echo, 1);
    struct rpc_client *client = client_start();
    struct rpc_channel *other = channel_to(client, rpc_server_port(server));
    struct again a = {.replies = COUNTER_INIT, .refused = COUNTER_INIT};
    a.channel = channel_to(client, rpc_server_port(server));
    for (int i = 0; i < 16; i++) {
        struct buf request = pattern(30, 1);
        assert_int_equal(
            rpc_channel_call(a.channel, "/t.T/Echo", &request, SECOND_NS, on_again, &a), 0);
    }
    assert_true(counter_wait(&a.replies, 200));
    rpc_channel_close(a.channel);
    assert_int_equal(counter_get(&a.refused), 16);
    assert_int_equal(ping(other), RPC_OK); /* The client's other channel goes on. */
    rpc_client_close(client);
    rpc_server_close(server);
}

static void test_server_without_memory(void **state)
{
    (void)state;
    struct rpc_server *server = NULL;
    long fails = 0;
    for (;; fails++) {
        mem_fail_after(fails);
        int err = rpc_server_open(loopback(0), &echo, 1, NULL, &server);
        mem_fail_after(-1);
        if (err == 0)
            break;
        assert_int_equal(err, ERR_NO_MEMORY);
        assert_int_equal(mem_outstanding(), 0);
    }
    assert_true(fails > 2);
    rpc_server_close(server);
}

static void test_client_without_memory(void **state)
{
    (void)state;
    struct rpc_client *client = NULL;
    mem_fail_after(0);
    assert_int_equal(rpc_client_open(NULL, &client), ERR_NO_MEMORY);
    mem_fail_after(-1);
    client = client_start();
    struct rpc_channel *channel = NULL;
    for (long fails = 0;; fails++) {
        long before = mem_outstanding();
        mem_fail_after(fails);
        int err = rpc_channel_open(client, "127.0.0.1:1", NULL, &channel);
        mem_fail_after(-1);
        if (err == 0)
            break;
        assert_int_equal(err, ERR_NO_MEMORY);
        assert_int_equal(mem_outstanding(), before);
    }
    struct buf request = pattern(10, 1);
    mem_fail_after(0);
    int err = rpc_channel_call(channel, "/t.T/Echo", &request, SECOND_NS, replies_count, NULL);
    mem_fail_after(-1);
    assert_int_equal(err, ERR_NO_MEMORY);
    assert_int_equal(request.size, 10);
    buf_fini(&request);
    rpc_client_close(client);
}

/* Whichever allocation of a whole call fails, on whichever thread, the call ends and leaks not. */
static void test_call_without_memory(void **state)
{
    (void)state;
    struct rpc_server *server = server_start(&echo, 1);
    struct rpc_client *client = client_start();
    struct rpc_channel *channel = channel_to(client, rpc_server_port(server));
    assert_int_equal(ping(channel), RPC_OK);
    for (long fails = 0; fails < 8; fails++) {
        for (int round = 0; round < 5; round++) {
            struct buf request = pattern(40, 1);
            struct rpc_result r = {0};
            mem_fail_after(fails);
            int err = rpc_channel_call_wait(channel, "/t.T/Echo", &request, 10 * SECOND_NS, &r);
            mem_fail_after(-1);
            assert_true(err == 0 || err == ERR_NO_MEMORY);
            if (err == 0)
                assert_true(r.status == RPC_OK || r.status == RPC_RESOURCE_EXHAUSTED);
            buf_fini(&r.body);
            buf_fini(&request);
        }
        assert_int_equal(ping(channel), RPC_OK);
    }
    rpc_client_close(client);
    rpc_server_close(server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(test_port_in_use),
        WORLD_TEST(test_port_in_use_by_a_sharing_socket),
        WORLD_TEST(test_bad_address),
        WORLD_TEST(test_dead_port_then_server),
        WORLD_TEST(test_host_name),
        WORLD_TEST(test_server_closes_with_calls_held),
        WORLD_TEST(test_server_closes_while_calls_are_answered),
        WORLD_TEST(test_channel_closes_in_mid_traffic),
        WORLD_TEST(test_server_without_memory),
        WORLD_TEST(test_client_without_memory),
        WORLD_TEST(test_call_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
