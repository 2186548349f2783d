/* world.c -- see world.h. */
#define _GNU_SOURCE
#include <pthread.h>

#include "world.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/mem.h"

void counter_add(struct counter *c, uint64_t n)
{
    pthread_mutex_lock(&c->lock);
    c->value += n;
    pthread_cond_broadcast(&c->changed);
    pthread_mutex_unlock(&c->lock);
}

uint64_t counter_get(struct counter *c)
{
    pthread_mutex_lock(&c->lock);
    uint64_t value = c->value;
    pthread_mutex_unlock(&c->lock);
    return value;
}

bool counter_wait(struct counter *c, uint64_t n)
{
    struct timespec end;
    clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec += 10;
    pthread_mutex_lock(&c->lock);
    int err = 0;
    while (c->value < n && err == 0)
        err = pthread_cond_timedwait(&c->changed, &c->lock, &end);
    bool reached = c->value >= n;
    pthread_mutex_unlock(&c->lock);
    return reached;
}

uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * SECOND_NS + (uint64_t)t.tv_nsec;
}

void sleep_ms(unsigned ms)
{
    struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
    nanosleep(&t, NULL);
}

static uint8_t pattern_at(size_t i, uint8_t seed)
{
    return (uint8_t)(i * 7 + (i >> 8) + seed);
}

struct buf pattern(size_t n, uint8_t seed)
{
    struct buf b = {0};
    assert_int_equal(buf_reserve(&b, n), 0);
    for (size_t i = 0; i < n; i++)
        b.data[i] = pattern_at(i, seed);
    b.size = n;
    return b;
}

bool is_pattern(struct bytes b, size_t n, uint8_t seed)
{
    if (b.size != n)
        return false;
    for (size_t i = 0; i < n; i++)
        if (b.data[i] != pattern_at(i, seed))
            return false;
    return true;
}

const char *loopback(uint16_t port)
{
    static _Thread_local char text[32];
    snprintf(text, sizeof(text), "127.0.0.1:%u", (unsigned)port);
    return text;
}

struct rpc_server *server_start(const struct rpc_method *methods, size_t count)
{
    struct rpc_server *server = NULL;
    assert_int_equal(rpc_server_open(loopback(0), methods, count, NULL, &server), 0);
    assert_true(rpc_server_port(server) > 0);
    return server;
}

struct rpc_client *client_start(void)
{
    struct rpc_client *client = NULL;
    assert_int_equal(rpc_client_open(NULL, &client), 0);
    return client;
}

struct rpc_channel *channel_to(struct rpc_client *client, uint16_t port)
{
    struct rpc_channel *channel = NULL;
    assert_int_equal(rpc_channel_open(client, loopback(port), NULL, &channel), 0);
    return channel;
}

void world_echo(void *context, struct rpc_call *call, struct bytes request, uint64_t deadline_ns)
{
    (void)context;
    (void)deadline_ns;
    struct buf reply = {0};
    if (buf_append(&reply, request) != 0)
        rpc_call_fail(call, RPC_RESOURCE_EXHAUSTED, "out of memory", NULL, 0);
    else
        rpc_call_answer(call, &reply);
}

void world_hold(void *context, struct rpc_call *call, struct bytes request, uint64_t deadline_ns)
{
    struct held *held = context;
    (void)request;
    held->calls[counter_get(&held->count)] = call;
    held->deadline_ns = deadline_ns;
    counter_add(&held->count, 1);
}

void replies_init(struct replies *r)
{
    for (size_t i = 0; i < sizeof(r->by) / sizeof(r->by[0]); i++)
        r->by[i] = COUNTER_INIT;
}

void replies_count(void *context, const struct rpc_reply *reply)
{
    struct replies *r = context;
    counter_add(&r->by[reply->status], 1);
}

void call_held(struct rpc_channel *channel, size_t size, uint64_t timeout_ns, struct replies *r)
{
    struct buf request = size > 0 ? pattern(size, 1) : (struct buf){0};
    assert_int_equal(rpc_channel_call(channel, "/t.T/Hold", &request, timeout_ns, replies_count, r),
                     0);
}

uint16_t dead_port(void)
{
    struct rpc_server *server = server_start(NULL, 0);
    uint16_t port = rpc_server_port(server);
    rpc_server_close(server);
    return port;
}

int world_setup(void **state)
{
    (void)state;
    rpc_init();
    return 0;
}

int world_teardown(void **state)
{
    (void)state;
    rpc_fini();
    /* A thread of the library may still hold the last message of a call that was cut off. */
    for (int i = 0; i < 200 && mem_outstanding() != 0; i++)
        sleep_ms(10);
    return mem_outstanding() == 0 ? 0 : -1;
}
