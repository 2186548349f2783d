/*
 * admitting.c -- clients' operations come in.
 *
 * All queues are bounded: what would pass a bound is turned away at once, and has not been applied.
 */
#include <assert.h>

#include "base/planted.h"
#include "kv/command.h"
#include "replica/effects.h"
#include "replica/internal.h"

static int admitting_turn_away(struct replica *r, const struct replica_op *op,
                               enum answer_status status)
{
    struct answer answer = {
        .handle = op->handle,
        .status = status,
        .slot = machine_applied(r->machine),
        .revision = machine_revision(r->machine),
    };
    return effects_add_answer(r->effects, &answer);
}

static bool admitting_is_delete(struct bytes encoded)
{
    struct command command;
    int err = command_decode(&encoded, &command);
    assert(err == 0);
    return err == 0 && command.kind == COMMAND_DELETE;
}

static enum answer_status admitting_check(const struct replica *r, const struct replica_op *op)
{
    const struct replica_tuning *t = &r->options.tuning;
    if (r->stats.queued_ops >= t->queue_ops_max || r->stats.queued_bytes >= t->queue_bytes_max ||
        replica_log_waits_above(r, t->log_bytes_max - 1))
        return ANSWER_QUEUE_FULL;
    /* What makes room is let in. */
    if (op->kind == OP_WRITE && machine_bytes(r->machine) >= t->state_bytes_max &&
        !admitting_is_delete(op->command))
        return ANSWER_STATE_FULL;
    return ANSWER_OK;
}

/* The list in which an operation waits. */
static struct list *admitting_queue(struct replica *r, const struct replica_op *op)
{
    if (op->kind == OP_WRITE)
        return &r->queue;
    if (op->consistency == CONSISTENCY_SEQUENTIAL)
        return &r->sequentials;
    if (op->consistency == CONSISTENCY_QUORUM)
        return &r->quorum_queue;
    if (PLANTED(PLANTED_READ_JOINS_OLD_BATCH)) {
        for (uint64_t n = r->slots.first; n < r->slots.end; n++) {
            struct slot *slot = slots_find(&r->slots, n);
            if (slot->batch != NULL)
                return &slot->batch->reads;
        }
    }
    return &r->reads;
}

#ifdef DKV_PLANTED
static bool admitting_knows_op(const struct replica *r, const struct replica_op *op)
{
    if (!PLANTED(PLANTED_DEDUP_AT_PROPOSE) || op->kind != OP_WRITE)
        return false;
    struct bytes encoded = op->command;
    struct command command;
    int err = command_decode(&encoded, &command);
    return err == 0 && command.client_id.size > 0 && machine_knows_op(r->machine, &command);
}
#endif

int admitting_on_op(struct replica *r, const struct replica_op *from)
{
#ifdef DKV_PLANTED
    if (admitting_knows_op(r, from)) {
        struct answer answer = {.handle = from->handle, .result = {.duplicate = true}};
        return effects_add_answer(r->effects, &answer);
    }
#endif
    enum answer_status status = admitting_check(r, from);
    if (status != ANSWER_OK)
        return admitting_turn_away(r, from, status);
    struct op *op = NULL;
    TRY(op_new(from, &op));
    int err = heap_push(&r->deadlines, &op->deadline, from->deadline_ns);
    if (err != 0) {
        op_free(op);
        return err;
    }
    list_push_back(admitting_queue(r, from), &op->link);
    if (from->kind == OP_READ && from->consistency == CONSISTENCY_SEQUENTIAL) {
        r->sequentials_from = min_u64(r->sequentials_from, from->min_slot);
        /* After a restart of all, nobody may know any more why what is decided up to there was
           applied before; and nobody may ever write again. */
        replica_raise_frontier(r, min_u64(from->min_slot, r->chosen_to));
    }
    r->stats.queued_ops++;
    r->stats.queued_bytes += op->size;
    if (op->kind == OP_WRITE)
        r->queue_bytes += op->size;
    return 0;
}
