/* keepalive_test.c -- a peer that falls silent without closing its connection is noticed. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

#include "world.h"

#include "base/mem.h"

/* Passes bytes between one client and a server, until it is frozen: then it holds the connections
 * open and passes nothing, as a machine does that lost its power. */
struct proxy {
    int listener;
    uint16_t port;
    uint16_t server_port;
    atomic_bool frozen;
    atomic_bool stop;
    pthread_t thread;
};

static struct sockaddr_in loopback_address(uint16_t port)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static void proxy_pass(int from, int to)
{
    char bytes[4096];
    ssize_t n = recv(from, bytes, sizeof(bytes), MSG_DONTWAIT);
    if (n > 0)
        (void)!send(to, bytes, (size_t)n, MSG_NOSIGNAL);
}

static void *proxy_main(void *arg)
{
    struct proxy *p = arg;
    int near = -1;
    int far = -1;
    while (!atomic_load(&p->stop)) {
        if (near < 0) {
            struct pollfd l = {.fd = p->listener, .events = POLLIN};
            if (poll(&l, 1, 20) <= 0)
                continue;
            near = accept(p->listener, NULL, NULL);
            far = socket(AF_INET, SOCK_STREAM, 0);
            struct sockaddr_in a = loopback_address(p->server_port);
            if (connect(far, (struct sockaddr *)&a, sizeof(a)) != 0)
                break;
        }
        struct pollfd fds[] = {{.fd = near, .events = POLLIN}, {.fd = far, .events = POLLIN}};
        if (atomic_load(&p->frozen))
            sleep_ms(20);
        else if (poll(fds, 2, 20) > 0) {
            proxy_pass(near, far);
            proxy_pass(far, near);
        }
    }
    if (near >= 0)
        close(near);
    if (far >= 0)
        close(far);
    return NULL;
}

static void proxy_start(struct proxy *p, uint16_t server_port)
{
    *p = (struct proxy){.server_port = server_port};
    p->listener = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in a = loopback_address(0);
    socklen_t size = sizeof(a);
    assert_int_equal(bind(p->listener, (struct sockaddr *)&a, sizeof(a)), 0);
    assert_int_equal(listen(p->listener, 4), 0);
    assert_int_equal(getsockname(p->listener, (struct sockaddr *)&a, &size), 0);
    p->port = ntohs(a.sin_port);
    assert_int_equal(pthread_create(&p->thread, NULL, proxy_main, p), 0);
}

static void proxy_stop(struct proxy *p)
{
    atomic_store(&p->stop, true);
    pthread_join(p->thread, NULL);
    close(p->listener);
}

struct end {
    struct rpc_stream *stream;
    struct counter opened;
    struct counter closed;
    enum rpc_status status;
};

static void on_open(void *context, struct rpc_stream *stream)
{
    struct end *e = context;
    e->stream = stream;
    counter_add(&e->opened, 1);
}

static void on_close(void *context, struct rpc_stream *stream, enum rpc_status status,
                     const char *text)
{
    struct end *e = context;
    (void)stream;
    (void)text;
    e->status = status;
    counter_add(&e->closed, 1);
}

static const struct rpc_stream_events events = {.on_open = on_open, .on_close = on_close};

/* Open a stream through a proxy, be idle for a while, freeze, and see who notices. */
static void freeze(uint32_t client_keepalive_ms, uint32_t server_keepalive_ms, bool client_notices)
{
    struct end near = {.opened = COUNTER_INIT, .closed = COUNTER_INIT};
    struct end far = {.opened = COUNTER_INIT, .closed = COUNTER_INIT};
    const struct rpc_method method = {.name = "/t.T/Stream", .stream = &events, .context = &far};
    const struct rpc_server_options server_options = {
        .keepalive_time_ms = server_keepalive_ms,
        .keepalive_timeout_ms = server_keepalive_ms,
    };
    const struct rpc_channel_options channel_options = {
        .keepalive_time_ms = client_keepalive_ms,
        .keepalive_timeout_ms = client_keepalive_ms,
    };
    struct rpc_server *server = NULL;
    assert_int_equal(rpc_server_open(loopback(0), &method, 1, &server_options, &server), 0);
    struct proxy proxy;
    proxy_start(&proxy, rpc_server_port(server));
    struct rpc_client *client = client_start();
    struct rpc_channel *channel = NULL;
    assert_int_equal(rpc_channel_open(client, loopback(proxy.port), &channel_options, &channel), 0);
    assert_int_equal(rpc_channel_stream(channel, "/t.T/Stream", &events, &near, &near.stream), 0);
    assert_true(counter_wait(&near.opened, 1));
    assert_true(counter_wait(&far.opened, 1));

    /* Pings far oftener than the five minutes of the library's default bother nobody. */
    sleep_ms(1500);
    assert_int_equal(counter_get(&near.closed), 0);
    assert_int_equal(counter_get(&far.closed), 0);
    atomic_store(&proxy.frozen, true);
    uint64_t start = now_ns();
    struct end *notices = client_notices ? &near : &far;
    assert_true(counter_wait(&notices->closed, 1));
    assert_true(now_ns() - start < 3 * SECOND_NS);
    assert_int_equal(notices->status, client_notices ? RPC_UNAVAILABLE : RPC_CANCELLED);

    rpc_client_close(client);
    rpc_server_close(server);
    proxy_stop(&proxy);
    rpc_stream_release(near.stream);
    rpc_stream_release(far.stream);
}

static void test_client_notices(void **state)
{
    (void)state;
    freeze(200, 0, true);
}

static void test_server_notices(void **state)
{
    (void)state;
    freeze(0, 200, false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(test_client_notices),
        WORLD_TEST(test_server_notices),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
