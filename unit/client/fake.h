/*
 * fake.h -- a node that says what a test tells it to, for the tests of libdkv.
 *
 * It serves KV: Hello and every operation. It keeps what the writes said of their session, and one
 * value, that of the last put. What it does with the next operations is set by fake_plan; after
 * that it answers them well.
 */
#ifndef DKV_UNIT_CLIENT_FAKE_H
#define DKV_UNIT_CLIENT_FAKE_H

#include <pthread.h>

#include "../rpc/world.h"

#include "base/list.h"
#include "dkv/dkv.h"
#include "kv/command.h"
#include "wire/kv_wire.h"

#define FAKE_SEEN_MAX 4096
#define FAKE_HELD_MAX 65536 /* As many as a Batch stream of libdkv has under way. */

enum fake_does {
    FAKE_ANSWERS,
    FAKE_HOLDS,   /* Until fake_release, or for ever. */
    FAKE_FAILS,   /* With status, reason, retry_after_ms. */
    FAKE_BABBLES, /* Answers what is no message. */
};

struct fake_plan {
    enum fake_does does;
    uint32_t times; /* Of the next operations (Hello is none). */
    enum rpc_status status;
    const char *reason;
    uint32_t retry_after_ms;
};

/* What one operation said. */
struct fake_seen {
    enum command_kind kind; /* 0: a get. */
    uint8_t client_id[CLIENT_ID_SIZE_MAX];
    size_t client_id_size;
    uint64_t op_id;
    uint64_t floor;
    uint64_t born;
    uint64_t min_slot; /* Of a get, as consistency. */
    enum wire_consistency consistency;
    bool want_previous;
    enum command_expect expect;
    uint64_t expected_revision;
    uint64_t deadline_ns;
};

/* How an operation came: by a call, or with others on a stream. */
struct fake_stream;
struct fake_call {
    struct rpc_call *call;
    struct fake_stream *stream;
    uint64_t number;
    bool is_get;
};

struct fake {
    uint32_t id;
    struct rpc_server *server;
    struct counter arrived; /* Operations. */
    struct counter hellos;
    struct counter opened;   /* Batch streams. */
    struct counter messages; /* On them. */
    struct list streams;     /* Of struct fake_stream. */
    pthread_mutex_t lock;
    struct fake_plan plan;
    uint64_t slot; /* Of the last answer; each write's is one higher. */
    struct fake_seen seen[FAKE_SEEN_MAX];
    struct fake_call held[FAKE_HELD_MAX];
    uint32_t held_count;
    struct buf value;
};

/* With FAKE_BATCH in the environment fakes serve Batch; else they are nodes that do not know it. */
bool fake_has_batch(void);

void fake_start(struct fake *f, uint32_t id);

/* Cut every Batch stream that there was. */
void fake_break_streams(struct fake *f);

/* Fails what it holds, then ends. */
void fake_stop(struct fake *f);

void fake_plan(struct fake *f, const struct fake_plan *plan);

/* Its applied slot. */
void fake_set_slot(struct fake *f, uint64_t slot);

/* What the operation that arrived as number `index` said. It is waited for. */
struct fake_seen fake_seen(struct fake *f, uint64_t index);

/* Answer the operation that is held as number `index`, well. */
void fake_release(struct fake *f, uint32_t index);

uint16_t fake_port(const struct fake *f);

#endif
