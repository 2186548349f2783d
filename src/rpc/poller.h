/*
 * poller.h -- one completion queue and the one thread that drains it (private to this room).
 *
 * Measured: a second queue or thread per side makes two cores slower, not faster.
 *
 * A tag is a struct rpc_op inside the object that it belongs to. The object lives until each op
 * that it started has come out of the queue: a batch that was cancelled comes out too.
 */
#ifndef DKV_RPC_POLLER_H
#define DKV_RPC_POLLER_H

#include <pthread.h>
#include <stdbool.h>

#include <grpc/grpc.h>

#include "base/err.h"

struct rpc_op {
    void (*on_done)(struct rpc_op *op, bool success); /* On the poller. */
};

struct rpc_poller {
    grpc_completion_queue *queue;
    pthread_t thread;
    bool started;
};

/* Create the queue; the thread comes with rpc_poller_start. */
void rpc_poller_init(struct rpc_poller *p);

/* Start the thread, all signals blocked. ERR_NO_MEMORY if the system has no thread left. */
int rpc_poller_start(struct rpc_poller *p) MUST_CHECK;

/* The caller runs on the poller's thread. */
bool rpc_poller_is_current(const struct rpc_poller *p);

/*
 * Wait until the queue, which somebody shuts down, is empty. What a poller that never started has
 * left to do is done on the caller's thread.
 */
void rpc_poller_join(struct rpc_poller *p);

/* Free the queue, after rpc_poller_join. */
void rpc_poller_fini(struct rpc_poller *p);

/* Start a batch whose failure to start is a bug of ours. */
void rpc_batch_start(grpc_call *call, const grpc_op *ops, size_t count, struct rpc_op *op);

/*
 * The library hands our objects from thread to thread in ways that ThreadSanitizer cannot see, as
 * it is not instrumented. These tell it; in other builds they are nothing.
 */
void rpc_handover_send(void *object);
void rpc_handover_receive(void *object);

#endif
