/*
 * kv_answer.h -- from a request of KV to an operation of the node, and from its end to an answer:
 * what a call of its own and a Batch stream have in common. Of service/ only.
 */
#ifndef DKV_SERVICE_KV_ANSWER_H
#define DKV_SERVICE_KV_ANSWER_H

#include "node/node.h"
#include "rpc/rpc.h"
#include "wire/kv_wire.h"

/*
 * Fill what the replica is to see of an operation, whose deadline for its client is
 * client_deadline_ns (RPC_FOREVER_NS: none). It points into `bytes`, to which its command or its
 * key is appended; bytes is empty before. ERR_NO_MEMORY.
 */
int kv_fill_write(struct node_op *op, const struct command *c, uint64_t client_deadline_ns,
                  struct buf *bytes) MUST_CHECK;
int kv_fill_read(struct node_op *op, const struct wire_get *get, uint64_t client_deadline_ns,
                 struct buf *bytes) MUST_CHECK;

/* How an operation failed. Texts are static. */
struct kv_failure {
    enum rpc_status status;
    const char *text;
    const char *reason;      /* NULL: none. */
    uint32_t retry_after_ms; /* 0: no hint. */
};

/* Did it fail? Then *out says how. has_session: of a write. */
bool kv_find_failure(const struct node_op *op, bool has_session, enum node_op_end end,
                     const struct answer *answer, struct kv_failure *out);

/* The answer to a read that did not fail. Borrows from it. */
struct wire_get_answer kv_get_answer_of(const struct node *n, const struct answer *answer);

/* ... and to a write. */
struct wire_write_answer kv_write_answer_of(const struct node *n, const struct answer *answer);

/* The same without its values, where there is no room for them next to `own` bytes (unread.h). */
struct wire_write_answer kv_write_answer_kept(struct node *n, const struct wire_write_answer *write,
                                              size_t own);

/* This node had no memory for a request; unread.h has no room for the answer to a read. */
extern const struct kv_failure kv_failure_memory;
extern const struct kv_failure kv_failure_unread;

/* What happens on a stream of KV.Batch; context is the node. */
extern const struct rpc_stream_events kv_batch_events;

#endif
