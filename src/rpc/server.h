/*
 * server.h -- listen on one address and answer calls.
 *
 * Every accepted call is answered exactly once: by its handler's owner, from any thread, or by the
 * server itself, which refuses what is beyond calls_max (RESOURCE_EXHAUSTED), methods that it does
 * not have (UNIMPLEMENTED) and everything once it closes (UNAVAILABLE). Compressed messages are
 * refused: a small one could hold a very large one.
 */
#ifndef DKV_RPC_SERVER_H
#define DKV_RPC_SERVER_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"
#include "rpc/poller.h"
#include "rpc/rpc.h"
#include "rpc/stream.h"

#define RPC_SERVER_METHODS_MAX 64
#define RPC_SERVER_CALLS_MAX_DEFAULT 32768

struct rpc_server;

/* A call that waits for its answer. Belongs to whoever got it, until answered. */
struct rpc_call;

/* One method; exactly one of unary and stream is set. */
struct rpc_method {
    const char *name; /* "/dkv.v1.KV/Put" */
    /*
     * A call came. Runs on the poller; the request is borrowed for the call. It must be answered by
     * deadline_ns (CLOCK_MONOTONIC, RPC_FOREVER_NS if the client gave none; up to a hundredth of
     * the time left early): then the client is told DEADLINE_EXCEEDED, and an answer that comes
     * later is dropped.
     */
    void (*unary)(void *context, struct rpc_call *call, struct bytes request, uint64_t deadline_ns);
    const struct rpc_stream_events *stream; /* Outlives the server's streams. */
    void *context;
};

/* All zero is the default. */
struct rpc_server_options {
    /* It has no thread yet, and outlives the server. NULL: one of its own, with a thread. */
    struct rpc_poller *poller;
    uint32_t calls_max; /* Calls and streams in flight; 0: RPC_SERVER_CALLS_MAX_DEFAULT. */
    /*
     * Of one connection, streams included; 0: calls_max. What is above it waits at the client.
     */
    uint32_t connection_calls_max;
    /*
     * Bytes of answers, and of messages on streams, that have not left are added here, and taken
     * off again. NULL: not counted. Outlives the server.
     */
    _Atomic size_t *unsent;
    /* Ping a client that is silent for so long, and drop it after the timeout; 0: never. */
    uint32_t keepalive_time_ms;
    uint32_t keepalive_timeout_ms;
};

/*
 * Listen on "host:port" (port 0: any free one) and serve. Methods are copied, names and all.
 * ERR_BUSY: the port is taken; ERR_INVALID: the address does not parse or resolve; ERR_IO: the
 * system refuses it (errno says why: EACCES, EADDRNOTAVAIL); ERR_NO_MEMORY. A host name that means
 * several addresses is refused unless the port is free on all of them.
 */
int rpc_server_open(const char *address, const struct rpc_method *methods, size_t method_count,
                    const struct rpc_server_options *options,
                    struct rpc_server **out_server) MUST_CHECK;

/* The port that it listens on. */
uint16_t rpc_server_port(const struct rpc_server *server);

/*
 * Refuse what is new, end every stream, answer every waiting call UNAVAILABLE, and free the server.
 * Takes milliseconds, waits for no handler's answer; after it returned no callback runs. A call
 * still held is answered by its owner as ever, which frees it and does nothing else. Not from a
 * callback. NULL is fine.
 */
void rpc_server_close(struct rpc_server *server);

/*
 * Memory that a call brings with it, so that a call costs none: its holder's until it answers, and
 * then used for another call. The room is RPC_CALL_ROOM_SIZE bytes of anything, aligned for
 * anything; the two bufs are empty at first, and need no buf_fini.
 */
#define RPC_CALL_ROOM_SIZE 384
void *rpc_call_room(struct rpc_call *call);
struct buf *rpc_call_bytes(struct rpc_call *call); /* To keep something of the request. */
struct buf *rpc_call_reply(struct rpc_call *call); /* For rpc_call_answer. */

/*
 * Answer RPC_OK with a reply. Its memory moves into the transport and `reply` is empty afterwards.
 * From any thread, also when the client or the server are gone; `call` is invalid afterwards.
 */
void rpc_call_answer(struct rpc_call *call, struct buf *reply);

/*
 * Answer with an error. text: for a person (NULL: none). reason: for a program, printable ASCII,
 * sent as the trailer "dkv-reason" (NULL: none). retry_after_ms: a hint sent as
 * "grpc-retry-pushback-ms" (0: none). All are copied. Otherwise as rpc_call_answer.
 */
void rpc_call_fail(struct rpc_call *call, enum rpc_status status, const char *text,
                   const char *reason, uint32_t retry_after_ms);

/* Address of the client, for people. Only within the handler. size > 0. */
void rpc_call_peer(struct rpc_call *call, char *out_text, size_t size);

#endif
