/*
 * call.h -- one unary call at the server, from its request to its answer (private to this room).
 *
 * Two may want to answer a call: its holder, who got it from the handler, and a server that closes.
 * An atomic state decides, so that the common path takes no lock:
 *
 *     ARMED     waits for a request              (the server has it)
 *     HELD      the holder owes an answer
 *     ANSWERED  the holder answered              the server recycles it when the answer is out
 *     TAKEN     the server answered instead      the holder has not come yet
 *     LATE      ... and then the holder came     the server frees it when the answer is out
 *     GONE      ... and the answer is out        the holder frees it when it comes
 */
#ifndef DKV_RPC_CALL_H
#define DKV_RPC_CALL_H

#include <stdalign.h>
#include <stdatomic.h>
#include <stddef.h>

#include <grpc/grpc.h>

#include "base/list.h"
#include "rpc/poller_impl.h"
#include "rpc/server.h"

enum rpc_call_state {
    RPC_CALL_ARMED,
    RPC_CALL_HELD,
    RPC_CALL_ANSWERED,
    RPC_CALL_TAKEN,
    RPC_CALL_LATE,
    RPC_CALL_GONE,
};

struct rpc_server;
struct rpc_slot;

struct rpc_call {
    struct rpc_op request_op;  /* A request came. */
    struct rpc_op answer_op;   /* The answer is out and the call is over. */
    struct list link;          /* Among the server's calls in flight, or its spare ones. */
    struct rpc_server *server; /* Not to be touched by a holder. */
    _Atomic size_t *unsent;    /* The server's, or NULL. */
    struct rpc_slot *slot;
    atomic_int state;

    /* Filled by the library. */
    grpc_call *call;
    grpc_metadata_array metadata;
    grpc_call_details details; /* Calls of unknown methods only. */
    gpr_timespec deadline;
    grpc_byte_buffer *request;

    grpc_byte_buffer *reply; /* NULL for an error. */
    size_t reply_size;
    int cancelled;

    /* The holder's; it stays here for the next one. */
    struct buf bytes;
    struct buf reply_bytes;
    alignas(max_align_t) uint8_t room[RPC_CALL_ROOM_SIZE];
};

/* What an answer says besides its reply. */
struct rpc_answer {
    enum rpc_status status;
    const char *text;
    const char *reason;
    uint32_t retry_after_ms;
};

struct rpc_call *rpc_call_new(void);
void rpc_call_free(struct rpc_call *call);

/* Its holder is through: empty what it used, and keep what is small. */
void rpc_call_reset(struct rpc_call *call);

/* Its answer is out, or nobody wants it. */
void rpc_call_sent(struct rpc_call *call);

/* Start the one batch that answers; reply may be NULL and is taken over. */
void rpc_call_send(struct rpc_call *call, grpc_byte_buffer *reply, const struct rpc_answer *answer);

#endif
