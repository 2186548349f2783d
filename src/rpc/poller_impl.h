/*
 * poller_impl.h -- a poller from within: its queue, its thread, and what comes out (private to this
 * room).
 *
 * Measured: a second queue or thread per side makes two cores slower, not faster.
 *
 * A tag is a struct rpc_op inside the object that it belongs to. The object lives until each op
 * that it started has come out of the queue: a batch that was cancelled comes out too.
 */
#ifndef DKV_RPC_POLLER_IMPL_H
#define DKV_RPC_POLLER_IMPL_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include <grpc/grpc.h>

#include "rpc/poller.h"

struct rpc_op {
    void (*on_done)(struct rpc_op *op, bool success); /* On the poller. */
};

struct rpc_poller {
    grpc_completion_queue *queue;
    grpc_event event;    /* The one that rpc_poller_wait found. */
    bool has_event;      /* It waits to be run. */
    bool running;        /* A callback, on the thread that adopted it. */
    bool started;        /* It has a thread. */
    pthread_t owner;     /* Its thread, or who adopted it. */
    atomic_bool leaving; /* Its thread shall end. */

    /*
     * The library has no call that wakes who waits for a queue. But a batch of no operations is
     * over at once: this call, to nowhere, is there to have such batches.
     */
    grpc_call *wake_call;
    struct rpc_op wake_op;
    atomic_bool waking;        /* wake_op is in the queue, or about to be. */
    pthread_mutex_t wake_lock; /* One thread at a time uses a call. */
};

/* The caller runs in a callback of it. */
bool rpc_poller_is_current(const struct rpc_poller *p);

/* The caller drives it itself. */
bool rpc_poller_is_adopted(const struct rpc_poller *p);

/* Wait for one thing at least, and run what there is. On the thread that adopted it. */
void rpc_poller_turn(struct rpc_poller *p);

/* Start a batch whose failure to start is a bug of ours. */
void rpc_batch_start(grpc_call *call, const grpc_op *ops, size_t count, struct rpc_op *op);

/*
 * The library hands our objects from thread to thread in ways that ThreadSanitizer cannot see, as
 * it is not instrumented. These tell it; in other builds they are nothing.
 */
void rpc_handover_send(void *object);
void rpc_handover_receive(void *object);

#endif
