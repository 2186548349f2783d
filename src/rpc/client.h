/*
 * client.h -- dial servers, call them, open streams to them.
 *
 * A client is one poller thread and any number of channels; a channel is one address and one
 * connection, made when first needed. A connection that fails is tried again after 100 ms, later
 * after up to 1 s; until then calls fail at once with UNAVAILABLE rather than wait.
 */
#ifndef DKV_RPC_CLIENT_H
#define DKV_RPC_CLIENT_H

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"
#include "rpc/poller.h"
#include "rpc/rpc.h"
#include "rpc/stream.h"

struct rpc_client;
struct rpc_channel;

/* How a call ended. Everything it points to is borrowed for the callback. */
struct rpc_reply {
    enum rpc_status status;
    const char *text;        /* Never NULL. */
    const char *reason;      /* The trailer "dkv-reason"; "" if there was none. */
    uint32_t retry_after_ms; /* The trailer "grpc-retry-pushback-ms"; 0 if there was none. */
    struct bytes body;       /* Empty unless status is RPC_OK. */
};

/* The same, owned; all zero is empty. */
struct rpc_result {
    enum rpc_status status;
    char text[RPC_TEXT_SIZE_MAX + 1];
    char reason[RPC_REASON_SIZE_MAX + 1];
    uint32_t retry_after_ms;
    struct buf body;
};

/* All zero is the default. */
struct rpc_channel_options {
    /* With a call or stream open, ping a silent server and give up after the timeout; 0: never. */
    uint32_t keepalive_time_ms;
    uint32_t keepalive_timeout_ms;
};

/* poller outlives the client; NULL: one of its own, with a thread. ERR_NO_MEMORY. */
int rpc_client_open(struct rpc_poller *poller, struct rpc_client **out_client) MUST_CHECK;

/* Close all its channels and free it. Not from a callback. NULL is fine. */
void rpc_client_close(struct rpc_client *client);

/*
 * A channel to "host:port"; options may be NULL. Nothing is dialled or resolved yet. Belongs to the
 * client. Any thread. ERR_NO_MEMORY.
 */
int rpc_channel_open(struct rpc_client *client, const char *address,
                     const struct rpc_channel_options *options,
                     struct rpc_channel **out_channel) MUST_CHECK;

/*
 * Cancel its calls and streams, wait for their callbacks, and free it. After it returned none of
 * its callbacks runs. Not from a callback. NULL is fine.
 */
void rpc_channel_close(struct rpc_channel *channel);

/*
 * Call a method. `method` ("/dkv.v1.KV/Put") is static. The request's memory moves in and `request`
 * is empty afterwards; after an error it is as it was. timeout_ns counts from now, or is
 * RPC_FOREVER_NS. on_reply comes exactly once if 0 was returned, on the client's poller, and
 * perhaps before this returns. Any thread. ERR_CLOSED: the channel is closing; ERR_NO_MEMORY.
 */
int rpc_channel_call(struct rpc_channel *channel, const char *method, struct buf *request,
                     uint64_t timeout_ns,
                     void (*on_reply)(void *context, const struct rpc_reply *reply),
                     void *context) MUST_CHECK;

/*
 * The same, waiting for the answer; not from a callback. On 0 the result is filled and its body is
 * the caller's to free, whatever its status. ERR_CLOSED, ERR_NO_MEMORY.
 */
int rpc_channel_call_wait(struct rpc_channel *channel, const char *method, struct buf *request,
                          uint64_t timeout_ns, struct rpc_result *out_result) MUST_CHECK;

/* Somebody knows that the server is back: connect again without waiting. Any thread. */
void rpc_channel_retry_now(struct rpc_channel *channel);

/*
 * Open a stream; see stream.h. The handle is set before the first callback can run; it is the
 * caller's to release. events outlive the stream. Any thread. ERR_CLOSED, ERR_NO_MEMORY.
 */
int rpc_channel_stream(struct rpc_channel *channel, const char *method,
                       const struct rpc_stream_events *events, void *context,
                       struct rpc_stream **out_stream) MUST_CHECK;

#endif
