/*
 * lane.h -- the Batch stream to one endpoint, which the operations of a client share (private to
 * this room).
 *
 * It is opened when first needed, and again after it broke. What is submitted while a message is on
 * its way to the node leaves together in the next one, and so does what callbacks submit while the
 * answers of one message are handed out. So a client that does one thing at a time waits for
 * nothing, and one that does many shares the cost of a message among them.
 *
 * What is known of an operation whose stream breaks: one that was not sent yet, as the node had not
 * said that it takes operations or as another message was on its way, was certainly not applied.
 *
 * Any thread. Callbacks run on the poller, or on the timers' thread, with no lock held.
 */
#ifndef DKV_CLIENT_LANE_H
#define DKV_CLIENT_LANE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "client/io.h"
#include "rpc/client.h"
#include "wire/kv_wire.h"

/* One attempt of an operation, inside of it. Exactly one of get and write is set. */
struct lane_op {
    const struct wire_get *get;
    const struct command *write; /* Both stay as they are until a callback comes. */
    uint64_t deadline_ns;        /* io_now_ns */
    /* One of these comes, exactly once. */
    void (*on_reply)(struct lane_op *op, const struct rpc_reply *reply); /* As of a call. */
    void (*on_unknown)(struct lane_op *op); /* Nothing was sent: the node has no Batch. */
    /* The lane's own. */
    struct list link;
    uint64_t number; /* 0: not sent. */
};

enum lane_state {
    LANE_CLOSED = 0, /* No stream. */
    LANE_OPENING,    /* The node has not said yet that it takes operations. */
    LANE_OPEN,
    LANE_UNKNOWN, /* The node has no Batch; it is asked again now and then, as it may be renewed. */
};

/* Where an operation in flight is found by its number. */
struct lane_place {
    struct lane_op *op; /* NULL: free, */
    uint32_t next_free; /* and which one is the next that is. */
};

struct lane {
    struct dkv_io *io;
    struct rpc_channel *channel;
    pthread_mutex_t lock; /* Guards what follows. */
    enum lane_state state;
    struct rpc_stream *stream;
    uint64_t ask_again_ns; /* LANE_UNKNOWN */
    bool is_writing;
    bool is_held; /* The answers of a message are being handed out: nothing is sent meanwhile. */
    struct list waiting;       /* Of struct lane_op: to be sent. */
    struct lane_place *places; /* Of what was sent and has no answer. */
    size_t places_count;
    size_t places_capacity;
    uint32_t free_place; /* The first; places_count: none. */
    uint32_t in_flight;  /* Places that are taken. */
    uint64_t alone;      /* Messages in a row whose only operation was alone in flight. */
    uint64_t sent;       /* How many, ever: what makes numbers different. */
    struct wire_list message;
    struct io_timer timer;
    uint64_t timer_at_ns; /* UINT64_MAX: it was not started. */
};

void lane_init(struct lane *lane, struct dkv_io *io, struct rpc_channel *channel);

/* The channel is closed, and nobody submits. */
void lane_fini(struct lane *lane);

/*
 * ERR_NOT_FOUND: the node has no Batch, as far as is known: its operations are calls of their own;
 * ERR_CLOSED: the channel is closing; ERR_NO_MEMORY. Otherwise a callback comes.
 */
int lane_submit(struct lane *lane, struct lane_op *op) MUST_CHECK;

#endif
