/*
 * slots.h -- the part of the log that is in memory.
 *
 * A ring of slots [first, end): below first everything is on disk only; from end on nobody has
 * touched anything. first grows when a checkpoint is durable, end when a slot is touched.
 */
#ifndef DKV_REPLICA_SLOTS_H
#define DKV_REPLICA_SLOTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "paxos/acceptor.h"
#include "paxos/learner.h"
#include "paxos/value.h"

struct proposal;
struct batch;

/* All zero is a slot nobody has touched. */
struct slot {
    struct acceptor acceptor;
    struct value *chosen;      /* What is known to be chosen, or NULL. One reference. */
    struct proposal *proposal; /* This node's attempts to decide it, or NULL. */
    struct batch *batch;       /* This node's own batch that was proposed here, until it is applied
                                  or known to have lost the slot; or NULL. */
    struct learner learner;    /* Who voted, at the highest ballot that a vote was heard of here. In
                                  classic mode only proposers hear, and it is for a person. */
    uint64_t hole_due_ns;      /* When it has been a hole for too long; 0: it is not one yet. */
    bool echoed;               /* Coordinated mode: its Accept was said again by this node. */
#ifdef DKV_PLANTED
    struct acceptor on_disk; /* The acceptor as the last sync left it. */
#endif
};

/* Invariant: end - first <= capacity, a power of two. */
struct slots {
    struct slot *ring;
    size_t capacity;
    uint64_t first;
    uint64_t end;
};

void slots_init(struct slots *s, uint64_t first);

/* Drops the references to values; proposals and batches must be gone already. */
void slots_fini(struct slots *s);

/* The slot, or NULL when it is outside [first, end). Good until the next slots_get. */
struct slot *slots_find(const struct slots *s, uint64_t number);

/* The slot, number >= first; makes it if nobody has touched it yet. ERR_NO_MEMORY. */
int slots_get(struct slots *s, uint64_t number, struct slot **out_slot) MUST_CHECK;

/* Forget all slots up to `through`, which have neither proposal nor batch. */
void slots_forget(struct slots *s, uint64_t through);

#endif
