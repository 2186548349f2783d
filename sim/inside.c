/* inside.c -- see inside.h. */
#include "inside.h"

#include "replica/internal.h"

struct inside inside_look(const struct replica *r)
{
    return (struct inside){
        .log_bytes = r->stats.log_bytes,
        .log_memory = replica_log_memory(r),
        .slots_end = r->slots.end,
        .log_waits = replica_log_waits_above(r, 2 * r->options.tuning.log_bytes_max),
        .queued_ops = r->stats.queued_ops,
        .queued_bytes = r->stats.queued_bytes,
        .batches = r->batches,
        .batches_bytes = r->batches_bytes,
        .writes_waiting = replica_writes_waiting(r),
        .letters_waiting = r->outbox.count,
        .letters_own = r->inbox.count,
    };
}
