/* bounds.c -- see bounds.h. */
#include "bounds.h"

#include "inside.h"
#include "world.h"

/* Of writes that wait for the disk, and of what one turn says. */
#define WAITING_MAX 16384
/* What may wait beyond replies_max: what the node asks itself, and what one message begets. */
#define REPLIES_OWN (1024 + 64)
/* An operation, or a value of one operation only; more than any of a simulated client. */
#define OPERATION_BYTES 1024

static void bounds_check_queues(struct world *w, uint32_t node, const struct inside *in)
{
    const struct replica_tuning *t = &w->mix.tuning;
    uint32_t id = w->nodes[node].id;
    if (in->queued_ops > t->queue_ops_max ||
        in->queued_bytes > t->queue_bytes_max + OPERATION_BYTES)
        world_fail(w, "node %u has %lu operations of %lu bytes waiting or under way", id,
                   in->queued_ops, in->queued_bytes);
    uint64_t batch_bytes = OPERATION_BYTES + t->batch_bytes_max;
    if (in->batches > t->pipeline_max || in->batches_bytes > t->pipeline_bytes_max + batch_bytes)
        world_fail(w, "node %u has %lu batches of %lu bytes under way", id, in->batches,
                   in->batches_bytes);
    if (in->letters_waiting > t->replies_max + REPLIES_OWN || in->writes_waiting > WAITING_MAX)
        world_fail(w, "node %u has %lu messages and %lu writes waiting for its disk", id,
                   in->letters_waiting, in->writes_waiting);
    if (in->writes_waiting == 0 && in->letters_waiting > 0)
        world_fail(w, "node %u has %lu messages waiting for no write", id, in->letters_waiting);
    if (in->letters_own > 0)
        world_fail(w, "node %u has %lu messages to itself, unread", id, in->letters_own);
}

/* What is under way to the log while nothing more is to be taken: own operations, and fetched. */
static void bounds_check_log(struct world *w, uint32_t node, const struct inside *in)
{
    struct bounds *b = &w->bounds;
    struct node_bounds *n = &b->nodes[node];
    if (!n->log_waits) {
        n->fetched = n->fetched_last;
        n->log_bytes = in->log_bytes + 2 * in->queued_bytes + OPERATION_BYTES;
    }
    n->log_waits = in->log_waits;
    if (in->log_bytes > n->log_bytes + n->fetched)
        world_fail(w, "node %u has %lu bytes of values in memory, and is to take no more than %lu",
                   w->nodes[node].id, in->log_bytes, n->log_bytes + n->fetched);
    if (w->nodes[node].applied > n->applied_max)
        n->applied_max = w->nodes[node].applied;
    if (in->slots_end > n->applied_max + w->mix.tuning.alpha + 1)
        world_fail(w, "node %u has slots up to %lu in memory, and never applied more than %lu",
                   w->nodes[node].id, in->slots_end - 1, n->applied_max);
}

void bounds_on_start(struct world *w, uint32_t node)
{
    struct node_bounds *n = &w->bounds.nodes[node];
    *n = (struct node_bounds){.applied_max = n->applied_max};
}

void bounds_on_step(struct world *w, uint32_t node, const struct event *event)
{
    const struct node *n = &w->nodes[node];
    struct inside in = inside_look(n->replica);
    if (event->kind == EVENT_MESSAGE && event->message->kind == MESSAGE_PROMISE_RANGE)
        w->bounds.nodes[node].fetched += net_value_bytes(event->message);
    bounds_check_queues(w, node, &in);
    bounds_check_log(w, node, &in);
}

void bounds_on_turn(struct world *w, uint32_t node)
{
    const struct node *n = &w->nodes[node];
    /* With what waited for the disk, at worst. */
    if (n->effects.sends_count > WAITING_MAX + w->mix.tuning.replies_max + REPLIES_OWN)
        world_fail(w, "node %u says %zu messages at once", n->id, n->effects.sends_count);
}

void bounds_on_fetched(struct world *w, uint32_t node, uint64_t bytes)
{
    w->bounds.nodes[node].fetched_last = bytes;
    w->bounds.nodes[node].fetched += bytes;
}
