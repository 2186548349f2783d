/*
 * ops.h -- clients' operations on their way through the replica, and the batches they travel in.
 *
 * An operation waits in a queue, then sits in a batch that was proposed in a slot, then is
 * answered; or it goes back to the queue when the slot turns out to be somebody else's. Its answer
 * may be given before it leaves the batch, when its deadline comes: `answered` then.
 */
#ifndef DKV_REPLICA_OPS_H
#define DKV_REPLICA_OPS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/heap.h"
#include "base/list.h"
#include "paxos/interval.h"
#include "paxos/value.h"
#include "replica/replica.h"

struct op {
    struct list link; /* In one queue or one batch. */
    struct heap_node deadline;
    uint64_t handle;
    uint64_t min_slot; /* Of a sequential read, or what a quorum read has found out. */
    enum op_kind kind;
    bool proposed; /* It was in an Accept whose slot is not known to be resolved otherwise. */
    bool answered;
    uint32_t size;  /* Of data. */
    uint8_t data[]; /* The command of a write, the key of a read. */
};

/* Copies what it keeps. ERR_NO_MEMORY. */
int op_new(const struct replica_op *from, struct op **out_op) MUST_CHECK;
/* In no list and in no heap any more. */
void op_free(struct op *op);
struct bytes op_data(const struct op *op);

struct batch {
    struct list writes; /* In the order of the commands in the value. */
    struct list reads;  /* Answered from the state just behind the batch. */
    struct value *value;
    uint32_t writes_count;
    uint64_t proposed_ns;
    /* Coordinated mode: while the slot is not resolved. */
    struct list link;        /* In coordination.inflight. */
    uint64_t slot;           /* Where it was proposed, */
    struct interval skipped; /* and what the same message declares as skipped. */
    uint64_t due_ns;         /* When to say it again. */
    uint64_t wait_ns;
};

/*
 * Gather writes from the head of `queue`, one at least and no more than bytes_max together unless
 * the first alone is longer, and all of `reads`, into a batch with a new tag. Not both are empty.
 * ERR_NO_MEMORY: nothing was moved.
 */
int batch_gather(struct list *queue, struct list *reads, uint32_t bytes_max, struct tag tag,
                 struct batch **out_batch) MUST_CHECK;

/* Both lists must be empty by now. */
void batch_free(struct batch *b);

#endif
