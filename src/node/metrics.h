/*
 * metrics.h -- what the node counts itself; the replica counts the rest.
 *
 * Counters that other threads touch are atomic, and so are histograms; all else is the loop's.
 */
#ifndef DKV_NODE_METRICS_H
#define DKV_NODE_METRICS_H

#include <stdatomic.h>
#include <stdint.h>

#include "base/histogram.h"
#include "node/node.h"

/* How an operation ended, for its counter. */
enum metrics_end {
    METRICS_OK = 0,
    METRICS_UNAVAILABLE, /* Not applied, or the read could not be confirmed. */
    METRICS_UNKNOWN,     /* The outcome is in doubt. */
    METRICS_OVERLOAD,    /* Turned away. */
    METRICS_ENDS,
};

struct metrics {
    struct histogram latency[NODE_OP_KINDS]; /* From arrival to answer, of answered ops. */
    struct histogram commit;                 /* Of one transaction with its sync. */
    struct histogram checkpoint;
    _Atomic uint64_t ended[METRICS_ENDS];
    uint64_t turns; /* Of the loop. */
};

/* An operation of that kind ended now. Any thread. */
void metrics_count_op(struct metrics *m, const struct node_op *op, enum node_op_end end,
                      const struct answer *answer, uint64_t now_ns);

#endif
