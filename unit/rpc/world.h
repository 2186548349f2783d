/*
 * world.h -- what the tests of the transport share: a server on a free port of the loopback, a
 * client, and ways to wait for what happens on their threads.
 */
#ifndef DKV_UNIT_RPC_WORLD_H
#define DKV_UNIT_RPC_WORLD_H

#include "../unit.h"

#include <pthread.h>

#include "base/bytes.h"
#include "rpc/client.h"
#include "rpc/server.h"

#define SECOND_NS UINT64_C(1000000000)
#define MS_NS UINT64_C(1000000)

/* A counter that one thread raises and another waits for. */
struct counter {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    uint64_t value;
};

#define COUNTER_INIT                                                            \
    (struct counter)                                                            \
    {                                                                           \
        .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER, \
    }

void counter_add(struct counter *c, uint64_t n);
uint64_t counter_get(struct counter *c);

/* Wait until it is at least n; false after ten seconds. */
bool counter_wait(struct counter *c, uint64_t n);

/* CLOCK_MONOTONIC. */
uint64_t now_ns(void);
void sleep_ms(unsigned ms);

/* A buffer of n bytes, each other than its neighbour, different for each seed. */
struct buf pattern(size_t n, uint8_t seed);
bool is_pattern(struct bytes b, size_t n, uint8_t seed);

/* "127.0.0.1:port", in a static buffer of the calling thread. */
const char *loopback(uint16_t port);

struct rpc_server *server_start(const struct rpc_method *methods, size_t count);
struct rpc_client *client_start(void);
struct rpc_channel *channel_to(struct rpc_client *client, uint16_t port);

/* A method that gives the request back. */
void world_echo(void *context, struct rpc_call *call, struct bytes request, uint64_t deadline_ns);

/* Method /t.T/Hold, whose calls the test answers when it likes; its context is a struct held. */
struct held {
    struct counter count;
    struct rpc_call *calls[64];
    uint64_t deadline_ns; /* Of the last one. */
};
void world_hold(void *context, struct rpc_call *call, struct bytes request, uint64_t deadline_ns);

/* Replies, counted by their status; the context of replies_count. */
struct replies {
    struct counter by[RPC_UNAUTHENTICATED + 1];
};
void replies_init(struct replies *r);
void replies_count(void *context, const struct rpc_reply *reply);

/* Call /t.T/Hold with so many bytes; the reply is counted. */
void call_held(struct rpc_channel *channel, size_t size, uint64_t timeout_ns, struct replies *r);

/* A port that nobody listens on. */
uint16_t dead_port(void);

/* cmocka fixtures: the library up, and at the end no memory of ours left. */
int world_setup(void **state);
int world_teardown(void **state);
#define WORLD_TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)

#endif
