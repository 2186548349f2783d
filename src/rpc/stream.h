/*
 * stream.h -- one long-lived call with messages in both directions, at either end of it.
 *
 * Flow. A message is read only after rpc_stream_read_next asked for it, so a consumer that does not
 * ask makes the sender wait: the transport holds about one message and RPC_STREAM_WINDOW_SIZE bytes
 * between them. One write is under way at a time; on_written says when the next may follow.
 *
 * Life. on_close comes exactly once, as the last callback. The handle stays valid until
 * rpc_stream_release, which its owner calls exactly once, in on_close or later, from any thread;
 * until then every function here is harmless on a stream that is over. A server or client that
 * closes first closes its streams.
 *
 * Threads. Functions may be called from any thread. Callbacks run on the poller of the server or
 * client, one at a time.
 */
#ifndef DKV_RPC_STREAM_H
#define DKV_RPC_STREAM_H

#include <stddef.h>

#include "base/bytes.h"
#include "base/err.h"
#include "rpc/rpc.h"

/* Bytes of a stream that may be in transit before the reader asks for the first. */
#define RPC_STREAM_WINDOW_SIZE (256 * 1024)

struct rpc_stream;

/* What happens on a stream. Only on_close must be set. */
struct rpc_stream_events {
    /*
     * Server: a stream began; context is the method's, rpc_stream_set_context gives the stream one
     * of its own. Client: the server accepted the stream, so the peer is there. It does not come
     * for a stream that fails before.
     */
    void (*on_open)(void *context, struct rpc_stream *stream);
    /* The message asked for; borrowed for the call. */
    void (*on_message)(void *context, struct rpc_stream *stream, struct bytes message);
    /*
     * The other side will send no more, seen by a read. Where a server has no on_end, the stream
     * ends with RPC_OK. A client needs none: on_close follows.
     */
    void (*on_end)(void *context, struct rpc_stream *stream);
    /* The write left; the next one may follow. A write that failed is followed by on_close only. */
    void (*on_written)(void *context, struct rpc_stream *stream);
    /*
     * It is over. Client: how the server ended it, or UNAVAILABLE with the network's reason. What
     * the server sent before is delivered before: a client that does not ask for it is told when it
     * asks or cancels.
     * Server: RPC_OK if our own rpc_stream_end reached its end, else RPC_CANCELLED. The text is
     * borrowed for the call, never NULL.
     */
    void (*on_close)(void *context, struct rpc_stream *stream, enum rpc_status status,
                     const char *text);
};

/* Within on_open of a server's stream only: the context of all later callbacks. */
void rpc_stream_set_context(struct rpc_stream *stream, void *context);

/*
 * Ask for one more message. ERR_BUSY: one was asked for already and has not come; ERR_CLOSED: the
 * stream is over.
 */
int rpc_stream_read_next(struct rpc_stream *stream) MUST_CHECK;

/*
 * Send a message of at most RPC_MESSAGE_SIZE_MAX bytes. `message` is empty afterwards and, if it
 * was short, has kept its memory; after an error it is as it was. ERR_BUSY: a write is under way;
 * ERR_CLOSED: the stream is over, or was ended by us; ERR_INVALID: the message is too long.
 */
int rpc_stream_write(struct rpc_stream *stream, struct buf *message) MUST_CHECK;

/*
 * Send no more. A server ends the stream with status and text (NULL: none), after a write that is
 * under way. A client tells the server that it is done (status RPC_OK, text ignored) and may read
 * on. Only the first call counts.
 */
void rpc_stream_end(struct rpc_stream *stream, enum rpc_status status, const char *text);

/* End it now, in both directions; on_close follows with RPC_CANCELLED, or what came before it. */
void rpc_stream_cancel(struct rpc_stream *stream);

/* Address of the other side, for people: at most size - 1 bytes and a NUL. size > 0. */
void rpc_stream_peer(struct rpc_stream *stream, char *out_text, size_t size);

/* Give the handle back, once, in on_close or later. */
void rpc_stream_release(struct rpc_stream *stream);

#endif
