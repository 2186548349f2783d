/* poller_test.c -- a server and a client on the test's own thread, and how others wake it. */
#include "world.h"

#include <stdatomic.h>

#include "base/mem.h"
#include "rpc/poller.h"

struct loop {
    struct rpc_poller *poller;
    struct rpc_server *server;
    struct rpc_client *client;
    struct rpc_channel *channel;
    pthread_t thread;
    unsigned served;
    unsigned answered;
    unsigned failed;
};

static void on_echo(void *context, struct rpc_call *call, struct bytes request,
                    uint64_t deadline_ns)
{
    struct loop *l = context;
    (void)deadline_ns;
    assert_true(pthread_equal(pthread_self(), l->thread));
    l->served++;
    struct buf reply = {0};
    assert_int_equal(buf_append(&reply, request), 0);
    rpc_call_answer(call, &reply);
}

static void on_reply(void *context, const struct rpc_reply *reply)
{
    struct loop *l = context;
    assert_true(pthread_equal(pthread_self(), l->thread));
    if (reply->status == RPC_OK)
        l->answered++;
    else
        l->failed++;
}

/* adopt: from a thread of its own that it had before, or it never had one. */
static void loop_open(struct loop *l, bool had_thread)
{
    *l = (struct loop){.thread = pthread_self()};
    const struct rpc_method method = {.name = "/t.T/Echo", .unary = on_echo, .context = l};
    assert_int_equal(rpc_poller_open(&l->poller), 0);
    const struct rpc_server_options options = {.poller = l->poller};
    assert_int_equal(rpc_server_open(loopback(0), &method, 1, &options, &l->server), 0);
    if (had_thread)
        assert_int_equal(rpc_poller_start(l->poller), 0);
    assert_int_equal(rpc_client_open(l->poller, &l->client), 0);
    rpc_poller_adopt(l->poller);
    l->channel = channel_to(l->client, rpc_server_port(l->server));
}

static void loop_close(struct loop *l)
{
    rpc_client_close(l->client);
    rpc_server_close(l->server);
    rpc_poller_close(l->poller);
}

static void loop_call(struct loop *l)
{
    struct buf request = pattern(100, 3);
    assert_int_equal(
        rpc_channel_call(l->channel, "/t.T/Echo", &request, 10 * SECOND_NS, on_reply, l), 0);
}

static void test_all_on_one_thread(void **state)
{
    (void)state;
    for (int had_thread = 0; had_thread < 2; had_thread++) {
        struct loop l;
        loop_open(&l, had_thread);
        for (unsigned i = 0; i < 500; i++)
            loop_call(&l);
        sleep_ms(50);
        /* Nothing happens but where its thread asks for it. */
        assert_int_equal(l.served + l.answered, 0);
        uint64_t until_ns = now_ns() + 10 * SECOND_NS;
        while (l.answered < 500 && now_ns() < until_ns) {
            rpc_poller_wait(l.poller, until_ns);
            rpc_poller_run(l.poller, 64);
        }
        assert_int_equal(l.served, 500);
        assert_int_equal(l.answered, 500);
        loop_close(&l);
    }
}

/* What is under way when a client and a server close is told how it ended, on this thread. */
static void test_close_under_way(void **state)
{
    (void)state;
    struct loop l;
    loop_open(&l, true);
    for (unsigned i = 0; i < 100; i++)
        loop_call(&l);
    rpc_poller_wait(l.poller, now_ns() + SECOND_NS);
    rpc_poller_run(l.poller, 10);
    rpc_client_close(l.client);
    assert_int_equal(l.answered + l.failed, 100);
    rpc_server_close(l.server);
    rpc_poller_close(l.poller);
}

static void test_waits_no_longer(void **state)
{
    (void)state;
    struct rpc_poller *p;
    assert_int_equal(rpc_poller_open(&p), 0);
    rpc_poller_adopt(p);
    uint64_t start_ns = now_ns();
    rpc_poller_wait(p, start_ns + 20 * MS_NS);
    assert_true(now_ns() >= start_ns + 20 * MS_NS);
    /* The past is now. */
    rpc_poller_wait(p, 1);
    rpc_poller_run(p, 10);
    rpc_poller_close(p);
}

#define WAKERS 4
#define WAKES 5000

struct waker {
    pthread_t thread;
    struct rpc_poller *poller;
    atomic_uint *sum;
};

static void *wake_often(void *arg)
{
    struct waker *w = arg;
    for (unsigned i = 0; i < WAKES; i++) {
        atomic_fetch_add(w->sum, 1);
        rpc_poller_wake(w->poller);
    }
    return NULL;
}

/* Who sleeps after it saw less than there is is woken: a lost wake-up would sleep for ever. */
static void test_wake(void **state)
{
    (void)state;
    struct rpc_poller *p;
    assert_int_equal(rpc_poller_open(&p), 0);
    rpc_poller_adopt(p);
    atomic_uint sum = 0;
    struct waker wakers[WAKERS];
    for (unsigned i = 0; i < WAKERS; i++) {
        wakers[i] = (struct waker){.poller = p, .sum = &sum};
        assert_int_equal(pthread_create(&wakers[i].thread, NULL, wake_often, &wakers[i]), 0);
    }
    while (atomic_load(&sum) < WAKERS * WAKES) {
        rpc_poller_wait(p, RPC_FOREVER_NS);
        rpc_poller_run(p, 10);
    }
    for (unsigned i = 0; i < WAKERS; i++)
        assert_int_equal(pthread_join(wakers[i].thread, NULL), 0);
    /* One that came before the wait counts too. */
    rpc_poller_wake(p);
    rpc_poller_wait(p, RPC_FOREVER_NS);
    rpc_poller_wake(p); /* And one that nobody waits for is no leak. */
    rpc_poller_close(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(test_all_on_one_thread),
        WORLD_TEST(test_close_under_way),
        WORLD_TEST(test_waits_no_longer),
        WORLD_TEST(test_wake),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
