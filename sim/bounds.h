/*
 * bounds.h -- what a node holds in memory stays within its bounds, after every step.
 *
 *   Clients' operations, and own batches: what the tuning says, and the last one may pass it in
 *   bytes.
 *   Values of the log: twice log_bytes_max. While a checkpoint will make room nothing more is
 *   taken, but for what was asked for before and what this node had begun. (When none will, the
 *   slot that brings more may be the one that all wait for; then it is alpha that bounds them.)
 *   Slots of the log: alpha above what anybody has applied.
 *   Messages and writes that wait for the disk: nothing in the tuning bounds those, but a run of
 *   this size has no reason for more than so many; and no message waits for no write.
 */
#ifndef DKV_SIM_BOUNDS_H
#define DKV_SIM_BOUNDS_H

#include <stdbool.h>
#include <stdint.h>

#include "paxos/members.h"

struct event;
struct world;

/* Of one node, in one life. */
struct node_bounds {
    bool log_waits;        /* After the last step nothing more was to be taken; */
    uint64_t log_bytes;    /* when that began so much was there, or under way in the node, */
    uint64_t fetched;      /* and on its way to it, or has come since: what was fetched, and
                              what promises tell. */
    uint64_t fetched_last; /* Bytes of the last answer to its FETCH. */
    uint64_t applied_max;  /* In any life: it has kept votes from then. */
};

struct bounds {
    struct node_bounds nodes[MEMBERS_MAX];
};

/* The node has started; it has made a step; it is about to say all that its turn has to say. */
void bounds_on_start(struct world *w, uint32_t node);
void bounds_on_step(struct world *w, uint32_t node, const struct event *event);
void bounds_on_turn(struct world *w, uint32_t node);

/* An answer to the node's FETCH has values of so many bytes. */
void bounds_on_fetched(struct world *w, uint32_t node, uint64_t bytes);

#endif
