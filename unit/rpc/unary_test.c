/* unary_test.c -- calls with one request and one answer, over a real loopback port. */
#include <pthread.h>

#include "world.h"

#include <stdatomic.h>
#include <string.h>

#include "base/list.h"
#include "base/mem.h"

static void on_fail(void *context, struct rpc_call *call, struct bytes request,
                    uint64_t deadline_ns)
{
    (void)context;
    (void)request;
    (void)deadline_ns;
    char peer[64];
    rpc_call_peer(call, peer, sizeof(peer));
    bool is_local = strstr(peer, "127.0.0.1") != NULL;
    rpc_call_fail(call, RPC_FAILED_PRECONDITION, is_local ? "the op is stale" : peer, "STALE", 250);
}

static void on_long(void *context, struct rpc_call *call, struct bytes request,
                    uint64_t deadline_ns)
{
    (void)context;
    (void)request;
    (void)deadline_ns;
    struct buf reply = pattern(RPC_MESSAGE_SIZE_MAX + 1, 1);
    rpc_call_answer(call, &reply);
}

/* Keeps the request and answers with it, in memory of the call's own. */
static void on_keep(void *context, struct rpc_call *call, struct bytes request,
                    uint64_t deadline_ns)
{
    atomic_ulong *allocations = context;
    (void)deadline_ns;
    struct buf *kept = rpc_call_bytes(call);
    struct buf *reply = rpc_call_reply(call);
    uint8_t *room = rpc_call_room(call);
    assert_true(kept->size == 0 && reply->size == 0);
    memset(room, 0xff, RPC_CALL_ROOM_SIZE);
    int err = buf_append(kept, request);
    if (err == 0)
        err = buf_append(reply, buf_bytes(kept));
    atomic_store(allocations, mem_allocations());
    if (err == 0)
        rpc_call_answer(call, reply);
    else
        rpc_call_fail(call, RPC_RESOURCE_EXHAUSTED, "out of memory", NULL, 0);
}

/* One server with all methods, and one channel to it. */
struct world {
    struct held held;
    atomic_ulong allocations; /* Of the server's poller, ever. */
    struct rpc_server *server;
    struct rpc_client *client;
    struct rpc_channel *channel;
};

static void world_open(struct world *w)
{
    *w = (struct world){.held.count = COUNTER_INIT};
    const struct rpc_method methods[] = {
        {.name = "/t.T/Echo", .unary = world_echo},
        {.name = "/t.T/Hold", .unary = world_hold, .context = &w->held},
        {.name = "/t.T/Fail", .unary = on_fail},
        {.name = "/t.T/Long", .unary = on_long},
        {.name = "/t.T/Keep", .unary = on_keep, .context = &w->allocations},
    };
    w->server = server_start(methods, sizeof(methods) / sizeof(methods[0]));
    w->client = client_start();
    w->channel = channel_to(w->client, rpc_server_port(w->server));
}

static void world_close(struct world *w)
{
    rpc_client_close(w->client);
    rpc_server_close(w->server);
}

/* Call and wait; the caller frees the body. */
static struct rpc_result ask(struct world *w, const char *method, struct buf request,
                             uint64_t timeout_ns)
{
    struct rpc_result result = {0};
    assert_int_equal(rpc_channel_call_wait(w->channel, method, &request, timeout_ns, &result), 0);
    assert_null(request.data);
    return result;
}

static void test_echo_of_every_size(void **state)
{
    (void)state;
    /* 23 bytes are the most that a slice holds in itself. */
    const size_t sizes[] = {0, 1, 21, 22, 23, 24, 25, 4096, 16384, 65536, 1 << 20, (4 << 20) - 64};
    struct world w;
    world_open(&w);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct rpc_result r = ask(&w, "/t.T/Echo", pattern(sizes[i], (uint8_t)i), 10 * SECOND_NS);
        assert_int_equal(r.status, RPC_OK);
        assert_string_equal(r.reason, "");
        assert_true(is_pattern(buf_bytes(&r.body), sizes[i], (uint8_t)i));
        buf_fini(&r.body);
    }
    world_close(&w);
}

/* After some calls none needs new memory; long ones do, and leave none behind. */
static void test_calls_cost_no_memory(void **state)
{
    (void)state;
    struct world w;
    world_open(&w);
    unsigned long before = 0;
    for (int i = 0; i < 500; i++) {
        if (i == 200)
            before = atomic_load(&w.allocations);
        struct rpc_result r = ask(&w, "/t.T/Keep", pattern(1000, (uint8_t)i), 10 * SECOND_NS);
        assert_int_equal(r.status, RPC_OK);
        assert_true(is_pattern(buf_bytes(&r.body), 1000, (uint8_t)i));
        buf_fini(&r.body);
    }
    assert_int_equal(atomic_load(&w.allocations), before);
    for (int i = 0; i < 10; i++) {
        struct rpc_result r = ask(&w, "/t.T/Keep", pattern(1 << 20, (uint8_t)i), 10 * SECOND_NS);
        assert_true(is_pattern(buf_bytes(&r.body), 1 << 20, (uint8_t)i));
        buf_fini(&r.body);
    }
    assert_true(atomic_load(&w.allocations) > before);
    world_close(&w);
}

static void test_unknown_method(void **state)
{
    (void)state;
    struct world w;
    world_open(&w);
    uint64_t start = now_ns();
    for (int i = 0; i < 20; i++) {
        struct rpc_result r = ask(&w, "/t.T/Nothing", pattern(10, 0), 10 * SECOND_NS);
        assert_int_equal(r.status, RPC_UNIMPLEMENTED);
        assert_int_equal(r.body.size, 0);
    }
    assert_true(now_ns() - start < 5 * SECOND_NS);
    world_close(&w);
}

static void test_too_long(void **state)
{
    (void)state;
    struct world w;
    world_open(&w);
    struct rpc_result r =
        ask(&w, "/t.T/Echo", pattern(RPC_MESSAGE_SIZE_MAX + 1, 0), 10 * SECOND_NS);
    assert_int_equal(r.status, RPC_RESOURCE_EXHAUSTED);
    r = ask(&w, "/t.T/Long", pattern(1, 0), 10 * SECOND_NS);
    assert_int_equal(r.status, RPC_RESOURCE_EXHAUSTED);
    /* The connection has survived both. */
    r = ask(&w, "/t.T/Echo", pattern(RPC_MESSAGE_SIZE_MAX, 3), 10 * SECOND_NS);
    assert_int_equal(r.status, RPC_OK);
    assert_true(is_pattern(buf_bytes(&r.body), RPC_MESSAGE_SIZE_MAX, 3));
    buf_fini(&r.body);
    world_close(&w);
}

static void test_failure_carries_reason(void **state)
{
    (void)state;
    struct world w;
    world_open(&w);
    struct rpc_result r = ask(&w, "/t.T/Fail", pattern(1, 0), RPC_FOREVER_NS);
    assert_int_equal(r.status, RPC_FAILED_PRECONDITION);
    assert_string_equal(r.text, "the op is stale");
    assert_string_equal(r.reason, "STALE");
    assert_int_equal(r.retry_after_ms, 250);
    assert_string_equal(rpc_status_name(r.status), "FAILED_PRECONDITION");
    world_close(&w);
}

static void test_deadline(void **state)
{
    (void)state;
    struct world w;
    world_open(&w);
    uint64_t start = now_ns();
    struct rpc_result r = ask(&w, "/t.T/Hold", pattern(1, 0), 200 * MS_NS);
    uint64_t took = now_ns() - start;
    assert_int_equal(r.status, RPC_DEADLINE_EXCEEDED);
    assert_true(took >= 190 * MS_NS && took < 5 * SECOND_NS);
    assert_true(counter_wait(&w.held.count, 1));
    assert_true(w.held.deadline_ns >= start + 150 * MS_NS);
    assert_true(w.held.deadline_ns <= start + took + 200 * MS_NS);
    /* Too late for the client, and harmless. */
    struct buf reply = pattern(100, 0);
    rpc_call_answer(w.held.calls[0], &reply);
    world_close(&w);
}

static void test_no_deadline_is_forever(void **state)
{
    (void)state;
    struct world w;
    world_open(&w);
    struct replies replies;
    replies_init(&replies);
    call_held(w.channel, 0, RPC_FOREVER_NS, &replies);
    assert_true(counter_wait(&w.held.count, 1));
    assert_true(w.held.deadline_ns == RPC_FOREVER_NS);
    struct buf reply = {0};
    rpc_call_answer(w.held.calls[0], &reply);
    assert_true(counter_wait(&replies.by[RPC_OK], 1));
    world_close(&w);
}

/* Over 10 s gRPC tells the server up to 100 ms more than there is. */
static void test_deadline_is_not_rounded_up(void **state)
{
    (void)state;
    struct world w;
    world_open(&w);
    struct replies replies;
    replies_init(&replies);
    const uint64_t timeout_ns = 10510 * MS_NS; /* Travels as 10.6 s. */
    uint64_t start = now_ns();
    call_held(w.channel, 0, timeout_ns, &replies);
    assert_true(counter_wait(&w.held.count, 1));
    uint64_t took = now_ns() - start;
    assert_true(w.held.deadline_ns >= start + 10 * SECOND_NS);
    assert_true(w.held.deadline_ns <= start + took + timeout_ns);
    struct buf reply = {0};
    rpc_call_answer(w.held.calls[0], &reply);
    assert_true(counter_wait(&replies.by[RPC_OK], 1));
    world_close(&w);
}

static void test_client_goes_away(void **state)
{
    (void)state;
    struct world w;
    world_open(&w);
    struct replies replies;
    replies_init(&replies);
    for (int i = 0; i < 10; i++)
        call_held(w.channel, 100, 60 * SECOND_NS, &replies);
    assert_true(counter_wait(&w.held.count, 10));
    uint64_t start = now_ns();
    rpc_client_close(w.client);
    assert_true(now_ns() - start < 2 * SECOND_NS);
    assert_int_equal(counter_get(&replies.by[RPC_CANCELLED]),
                     10); /* All of them, before it closed. */
    for (int i = 0; i < 10; i++) {
        struct buf reply = pattern(1000, 1);
        if (i % 2 == 0)
            rpc_call_answer(w.held.calls[i], &reply);
        else
            rpc_call_fail(w.held.calls[i], RPC_ABORTED, "late", NULL, 0);
        buf_fini(&reply);
    }
    /* The server is none the worse for it. */
    w.client = client_start();
    w.channel = channel_to(w.client, rpc_server_port(w.server));
    struct rpc_result r = ask(&w, "/t.T/Echo", pattern(5, 5), 10 * SECOND_NS);
    assert_int_equal(r.status, RPC_OK);
    buf_fini(&r.body);
    world_close(&w);
}

/* A handler that hands its calls to another thread, which echoes them. */
struct work {
    struct list link;
    struct rpc_call *call;
    struct buf request;
};

struct worker {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct list queue;
    bool stop;
};

static void on_later(void *context, struct rpc_call *call, struct bytes request,
                     uint64_t deadline_ns)
{
    struct worker *worker = context;
    (void)deadline_ns;
    struct work *work = mem_alloc_zero(sizeof(*work));
    assert_non_null(work);
    work->call = call;
    assert_int_equal(buf_append(&work->request, request), 0);
    pthread_mutex_lock(&worker->lock);
    list_push_back(&worker->queue, &work->link);
    pthread_cond_signal(&worker->changed);
    pthread_mutex_unlock(&worker->lock);
}

static void *worker_main(void *arg)
{
    struct worker *worker = arg;
    pthread_mutex_lock(&worker->lock);
    for (;;) {
        while (list_is_empty(&worker->queue) && !worker->stop)
            pthread_cond_wait(&worker->changed, &worker->lock);
        if (list_is_empty(&worker->queue))
            break;
        struct work *work = LIST_ENTRY(worker->queue.next, struct work, link);
        list_remove(&work->link);
        pthread_mutex_unlock(&worker->lock);
        rpc_call_answer(work->call, &work->request);
        mem_free(work);
        pthread_mutex_lock(&worker->lock);
    }
    pthread_mutex_unlock(&worker->lock);
    return NULL;
}

/* A caller that has one call under way at a time. */
struct caller {
    struct rpc_channel *channel;
    struct counter *done;
    uint8_t seed;
    unsigned left;
    unsigned wrong;
};

static void caller_next(struct caller *c);

static void on_caller_reply(void *context, const struct rpc_reply *reply)
{
    struct caller *c = context;
    c->left--;
    if (reply->status != RPC_OK || !is_pattern(reply->body, 100 + c->left % 50, c->seed))
        c->wrong++;
    counter_add(c->done, 1);
    caller_next(c);
}

static void caller_next(struct caller *c)
{
    if (c->left == 0)
        return;
    struct buf request = pattern(100 + (c->left - 1) % 50, c->seed);
    assert_int_equal(
        rpc_channel_call(c->channel, "/t.T/Later", &request, 60 * SECOND_NS, on_caller_reply, c),
        0);
}

static void test_many_calls_answered_by_another_thread(void **state)
{
    (void)state;
    enum { CALLERS = 64, CALLS = 100 };
    struct worker worker = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
    list_init(&worker.queue);
    pthread_t threads[2];
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, worker_main, &worker), 0);
    const struct rpc_method method = {.name = "/t.T/Later", .unary = on_later, .context = &worker};
    struct rpc_server *server = server_start(&method, 1);
    struct rpc_client *client = client_start();
    struct rpc_channel *channel = channel_to(client, rpc_server_port(server));

    struct counter done = COUNTER_INIT;
    struct caller callers[CALLERS];
    for (int i = 0; i < CALLERS; i++) {
        callers[i] =
            (struct caller){.channel = channel, .done = &done, .seed = (uint8_t)i, .left = CALLS};
        caller_next(&callers[i]);
    }
    for (uint64_t n = 640; n <= CALLERS * CALLS; n += 640)
        assert_true(counter_wait(&done, n));
    rpc_client_close(client);
    for (int i = 0; i < CALLERS; i++) {
        assert_int_equal(callers[i].wrong, 0);
        assert_int_equal(callers[i].left, 0);
    }
    assert_int_equal(counter_get(&done), CALLERS * CALLS);
    rpc_server_close(server);
    pthread_mutex_lock(&worker.lock);
    worker.stop = true;
    pthread_cond_broadcast(&worker.changed);
    pthread_mutex_unlock(&worker.lock);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
}

static void test_calls_max(void **state)
{
    (void)state;
    struct held held = {.count = COUNTER_INIT};
    const struct rpc_method method = {.name = "/t.T/Hold", .unary = world_hold, .context = &held};
    struct rpc_server *server = NULL;
    struct rpc_client *client = client_start();
    assert_int_equal(rpc_server_open(loopback(0), &method, 1,
                                     &(struct rpc_server_options){.calls_max = 3}, &server),
                     0);
    struct replies replies;
    replies_init(&replies);
    /* Each on a channel of its own: what one connection may have open is bounded as well. */
    struct rpc_channel *channels[5];
    for (int i = 0; i < 5; i++) {
        channels[i] = channel_to(client, rpc_server_port(server));
        call_held(channels[i], 0, 60 * SECOND_NS, &replies);
    }
    assert_true(counter_wait(&replies.by[RPC_RESOURCE_EXHAUSTED], 2));
    assert_true(counter_wait(&held.count, 3));
    struct buf reply = {0};
    for (int i = 0; i < 3; i++)
        rpc_call_answer(held.calls[i], &reply);
    assert_true(counter_wait(&replies.by[RPC_OK], 3));
    /* There is room again. */
    call_held(channels[0], 0, 60 * SECOND_NS, &replies);
    assert_true(counter_wait(&held.count, 4));
    rpc_call_answer(held.calls[3], &reply);
    assert_true(counter_wait(&replies.by[RPC_OK], 4));
    rpc_client_close(client);
    rpc_server_close(server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(test_echo_of_every_size),
        WORLD_TEST(test_calls_cost_no_memory),
        WORLD_TEST(test_unknown_method),
        WORLD_TEST(test_too_long),
        WORLD_TEST(test_failure_carries_reason),
        WORLD_TEST(test_deadline),
        WORLD_TEST(test_no_deadline_is_forever),
        WORLD_TEST(test_deadline_is_not_rounded_up),
        WORLD_TEST(test_client_goes_away),
        WORLD_TEST(test_many_calls_answered_by_another_thread),
        WORLD_TEST(test_calls_max),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
