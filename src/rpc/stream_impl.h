/*
 * stream_impl.h -- what the server and the client need to make a stream (private to this room).
 */
#ifndef DKV_RPC_STREAM_IMPL_H
#define DKV_RPC_STREAM_IMPL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include <grpc/grpc.h>

#include "base/list.h"
#include "rpc/stream.h"

/* What makes a stream; all of it stays the same for the stream's life, context aside. */
struct rpc_stream_setup {
    grpc_call *call; /* The stream takes it over. */
    bool is_server;
    const struct rpc_stream_events *events;
    void *context;
    _Atomic size_t *unsent; /* Bytes of messages that have not left are added here; or NULL. */
    /* The last the stream does on the poller: its maker forgets it. */
    void (*on_gone)(void *maker, struct rpc_stream *stream);
    void *maker;
};

/* NULL when there is no memory; the call then remains the caller's. */
struct rpc_stream *rpc_stream_new(const struct rpc_stream_setup *setup);

/* Start its first batches, and on a server call on_open. The caller is on the poller of a server.
 */
void rpc_stream_start(struct rpc_stream *stream);

/* Free a stream that was never started, and its call. */
void rpc_stream_discard(struct rpc_stream *stream);

/* Its place in a list of its maker. */
struct list *rpc_stream_link(struct rpc_stream *stream);
struct rpc_stream *rpc_stream_of_link(struct list *link);

#endif
